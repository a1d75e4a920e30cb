"""Makes the pictures of the operator's console from a run of the program itself.

The rendered hand is taken out of the camera's image for a while, so that every state comes up by itself; only
what needs an operator (calibration, the booth's visitors) is put into a snapshot of that run.

python docs/make_screenshots.py                      # docs/images/console_<state>.webp, 1280 x 720
python docs/make_screenshots.py --check build/looks  # and others, to be looked at
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from PIL import Image
from PySide6 import QtCore, QtGui, QtWidgets

from app.booth.status import PHASES, BoothStatus
from app.console.command import Command
from app.console.theme import LIGHT
from app.console.window import ConsoleWindow
from app.frame import Frame
from app.settings import TeleopSettings
from app.snapshot import CalibrationView, Snapshot
from app.sources.synthetic import SyntheticSource
from app.synthetic.clip import Scene
from app.synthetic.look import background
from app.teleop import run_teleop

SIZE = (1280, 720)
OTHER_SIZES = ((960, 540), (1024, 768), (1920, 1080), (2560, 1080), (3840, 2160))
MOST_BYTES = 150_000
EMPTY_FRAMES = ((0, 60), (330, 338), (420, 520))  # nothing is in view: at first, for an instant, for long
LAST_FRAME = 600
STOP_FRAME = 575
STEPS = ("open", "fist", "index", "middle", "ring", "pinky", "spread")


class LeavingHand:
    """The rendered hand, which is out of view now and then; see app.sources.base.Source."""

    live = False

    def __init__(self) -> None:
        self._source = SyntheticSource(0, realtime=True, loop=True)
        self._room = background(Scene(0).build()[0])
        self.name, self.fps, self.size_px = "synthetic", self._source.fps, self._source.size_px
        self.frame_count: int | None = None

    @property
    def status(self) -> str:
        return self._source.status

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame, with or without the hand."""
        frame = self._source.read(timeout_s)
        if frame is not None and any(first <= frame.index < last for first, last in EMPTY_FRAMES):
            return dataclasses.replace(frame, image=self._room)
        return frame

    def close(self) -> None:
        self._source.close()


class Watcher:
    """Stands where the window would; keeps what it is shown; see app.console.link.Console."""

    def __init__(self) -> None:
        self.kept: dict[str, int] = {}
        self.snapshots: list[tuple[float, Snapshot]] = []
        self._most_ahead_px = 0.0
        self._commands = {STOP_FRAME: Command("stop"), LAST_FRAME: Command("quit")}

    def due(self, t_now_ns: int) -> bool:
        return True

    def show(self, snapshot: Snapshot) -> None:
        self.snapshots.append((time.monotonic(), snapshot))
        hand, index = snapshot.hands[0], len(self.snapshots) - 1
        if hand.source_state == "searching" and hand.mode == "DISARMED":
            self.kept.setdefault("searching", index)
        elif hand.mode == "STOPPED":
            if hand.source_state == "tracking" or "stopped" not in self.kept:
                self.kept["stopped"] = index
        elif hand.source_state == "predicting":
            self.kept.setdefault("predicting", index)
        elif hand.source_state == "lost" and hand.mode == "HOLD" and not snapshot.notice:
            self.kept["lost"] = index
        elif hand.source_state == "tracking":
            if hand.mode == "ENGAGING":
                self.kept.setdefault("tracking", index)
            elif hand.mode == "TRACKING" and index > 150:  # the picture in which the hand moves fastest
                ahead_px = float(np.linalg.norm(hand.ghost_px - hand.estimate_px, axis=1).mean())
                whole = hand.estimate_px[:, 1].max() * snapshot.scale < 0.88 * snapshot.image.shape[0]
                if whole and ahead_px > self._most_ahead_px:
                    self.kept["armed"], self._most_ahead_px = index, ahead_px

    def poll_command(self) -> Command | None:
        due = [frame for frame in self._commands if len(self.snapshots) >= frame]
        return self._commands.pop(due[0]) if due else None

    def close(self) -> None:
        """Nothing to give back."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "images")
    parser.add_argument("--check", type=Path, help="folder for pictures in other sizes and the light theme")
    arguments = parser.parse_args()

    watcher = Watcher()
    settings = TeleopSettings(robot="sim", source="synthetic")
    run_teleop(settings, LeavingHand(), open_console=lambda *_: watcher)
    missing = {"searching", "tracking", "predicting", "lost", "armed", "stopped"} - set(watcher.kept)
    if missing:
        sys.exit(f"error: the run never came to {', '.join(sorted(missing))}; the machine is too busy: again")

    application = QtWidgets.QApplication([])
    pictures = {state: (index, {}) for state, index in watcher.kept.items()}
    armed = watcher.kept["armed"]
    # The robot rests while its operator is calibrated.
    at_rest = watcher.snapshots[watcher.kept["searching"]][1].hands[0].q_rad
    resting = dataclasses.replace(watcher.snapshots[armed][1].hands[0], mode="DISARMED", q_rad=at_rest)
    pictures["calibrating"] = (armed, {"calibration": CALIBRATION, "hands": (resting,)})
    for phase in PHASES:
        progress, seconds = {"hold": (0.65, None), "engaged": (1.0, None)}.get(phase, (0.0, None))
        at = watcher.kept["searching"] if phase == "attract" else armed
        pictures[f"booth_{phase}"] = (at, {"booth": BoothStatus(phase, progress, seconds)})
    arguments.output.mkdir(parents=True, exist_ok=True)
    for state, (index, extra) in pictures.items():
        window = make_window(application, watcher.snapshots[: index + 1], extra, SIZE)
        save(window.grab(), arguments.output / f"console_{state}.webp")
        window.close()
    if arguments.check is not None:
        arguments.check.mkdir(parents=True, exist_ok=True)
        make_checks(application, watcher, pictures, arguments.check)


CALIBRATION = CalibrationView(
    title="Hand calibration",
    instruction="Touch the tip of your thumb with the tip of your middle finger, and hold it.",
    picture="pinch_middle",
    progress=0.45,
    steps=STEPS,
    steps_done=3,
    seconds_left=2.0,
)


def make_window(
    application: QtWidgets.QApplication,
    snapshots: list[tuple[float, Snapshot]],
    extra: dict[str, object],
    size: tuple[int, int],
) -> ConsoleWindow:
    """A window that has seen the run so far, with `extra` in the newest snapshot."""
    window = ConsoleWindow(lambda command: None, [], booth="booth" in extra)
    window.resize(*size)
    window.show()
    application.processEvents()
    t_last_s = snapshots[-1][0]
    for t_s, snapshot in snapshots[-330:]:
        window.remember(snapshot, t_s)
    # The hand that dances for a booth's visitors is made meanwhile.
    for wait_s in (0.0, 3.0) if "booth" in extra else (0.0,):
        time.sleep(wait_s)
        window.show_snapshot(dataclasses.replace(snapshots[-1][1], **extra), t_last_s + wait_s)
    application.processEvents()
    return window


def make_checks(
    application: QtWidgets.QApplication,
    watcher: Watcher,
    pictures: dict[str, tuple[int, dict[str, object]]],
    folder: Path,
) -> None:
    """Every state in the light theme, some in other sizes, and what comes over everything."""
    snapshots = watcher.snapshots
    for state, (index, extra) in pictures.items():
        window = make_window(application, snapshots[: index + 1], extra, SIZE)
        window.act("theme")
        assert window.view.theme is LIGHT
        window.grab().save(str(folder / f"light_{state}.png"))
        window.close()
    index = watcher.kept["armed"]
    newest = snapshots[index][1]
    other = dataclasses.replace(newest.hands[0], hand="left", mode="HOLD", source_state="predicting")
    both = {"hands": (newest.hands[0], other)}
    notice = {"notice": "only a left hand is in view: show the other one, or start with --hand left"}
    recording = {"recording": True, "recording_note": "recording to runs/2026-05-04_10-11-12/recording"}
    full = {"recording_note": "recording ended: No space left on device: make room, then record again"}
    unknown = {"horizon_ms": 230.0, "horizon_automatic": False}
    none = {"hands": (dataclasses.replace(newest.hands[0], mode="", q_rad=np.full(16, np.nan)),)}
    cases = {"both": both, "notice": notice | recording, "disk": full | unknown, "no_robot": none}
    for size in (SIZE, *OTHER_SIZES):
        for name, extra in {"armed": {}, **cases}.items():
            window = make_window(application, snapshots[: index + 1], extra, size)
            window.grab().save(str(folder / f"{name}_{size[0]}x{size[1]}.png"))
            if name == "armed":
                window.act("help")
                window.grab().save(str(folder / f"help_{size[0]}x{size[1]}.png"))
                window.act("help")
                window.act("quit")
                window.grab().save(str(folder / f"quit_{size[0]}x{size[1]}.png"))
            window.close()


def save(picture: QtGui.QPixmap, path: Path) -> None:
    """As WebP, as good as fits."""
    picture = picture.toImage().convertToFormat(QtGui.QImage.Format.Format_RGB888)
    buffer = QtCore.QBuffer()
    buffer.open(QtCore.QIODevice.OpenModeFlag.WriteOnly)
    picture.save(buffer, "PNG")
    image = Image.open(io.BytesIO(bytes(buffer.data())))
    for quality in (90, 80, 70, 60):
        image.save(path, quality=quality, method=6)
        if path.stat().st_size < MOST_BYTES:
            return
    sys.exit(f"error: {path} is larger than {MOST_BYTES} bytes even at the lowest quality")


if __name__ == "__main__":
    main()
