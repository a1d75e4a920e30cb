"""Opens each camera that OpenCV finds, as a run does, and tells the image size and rate it gives."""

from __future__ import annotations

from app.doctor.probes.answer import tell


def main() -> None:
    from app.opencv import cv2
    from app.sources.webcam import list_cameras, open_camera

    for index in list_cameras(open_camera):
        capture = open_camera(index)
        given, _ = capture.read()
        size = [int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))]
        backend = capture.getBackendName() if capture.isOpened() else ""
        tell(
            index=index,
            size_px=size,
            rate_hz=float(capture.get(cv2.CAP_PROP_FPS)),
            given=given,
            backend=backend,
        )
        capture.release()


if __name__ == "__main__":
    main()
