"""Starts Qt as the window does and tells its platform and screens; Qt aborts the process where it cannot."""

from __future__ import annotations

from app.doctor.probes.answer import tell


def main() -> None:
    import PySide6

    tell(plugins=str(PySide6.__path__[0]))
    from PySide6.QtWidgets import QApplication

    application = QApplication(["doctor"])
    screens = []
    for screen in application.screens():
        size, ratio = screen.geometry(), screen.devicePixelRatio()
        screens.append([round(size.width() * ratio), round(size.height() * ratio)])
    tell(platform=application.platformName(), screens_px=screens)


if __name__ == "__main__":
    main()
