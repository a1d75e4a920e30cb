"""Measures what a hand calibration changes, and writes it into docs/calibration_hand.md with a picture.

python docs/make_operator.py

The clips are rendered once and kept in the user's cache; the first time takes about ten minutes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "docs"))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from measured import NotWrittenError, write_block, write_pictures

from app.assets import resolve_hand_landmarker
from app.bench.operator import markdown, measure, write_results
from app.calibrate.board_page import ensure_application
from app.calibrate.hand_page import HandPicture
from app.detector import HandDetector
from app.sources.base import EndOfSource
from app.sources.synthetic import SyntheticSource
from app.window import ObservationWindow
from calibration.hand_guide import HandGuide
from models.camera import Camera
from models.temporal import load_temporal
from retarget import to_hand_frame

PAGE = ROOT / "docs" / "calibration_hand.md"
SCRIPT = "make_operator.py"
_STEP, _HELD = "pinch middle", 0.6  # the moment that the picture shows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, help="also write all numbers to this .json file")
    parser.add_argument("--picture-only", action="store_true", help="leave the tables as they are")
    arguments = parser.parse_args()
    try:
        write_pictures(draw_page, {}, "calibration_hand", PAGE.parent)
        if arguments.picture_only:
            return
        measured = measure()
        if arguments.output is not None:
            write_results(measured, arguments.output)
        write_block(PAGE, "measured", SCRIPT, f"\n{markdown(measured)}\n")
    except NotWrittenError as error:
        parser.error(str(error))


def draw_page(_: dict[str, Any], folder: Path) -> dict[str, Path]:
    """The window in the middle of a calibration of the rendered hand."""
    application = ensure_application()
    page = HandPicture("right", mirrored=True)
    page.resize(1280, 720)
    source = SyntheticSource(0, realtime=False, script="calibrate")
    window = ObservationWindow("right", Camera.assumed(source.size_px))
    stage, guide = load_temporal("posebert"), HandGuide()
    path = Path(tempfile.mkdtemp(dir=folder)) / "page.png"
    with HandDetector(resolve_hand_landmarker(None)) as detector:
        while True:
            try:
                frame = source.read(1.0)
            except EndOfSource:
                raise NotWrittenError(f"the rendered hand never got to the step {_STEP!r}") from None
            if frame is None:
                continue
            observation = detector.detect(frame)["right"]
            window.add(observation)
            hand_m = to_hand_frame(stage.update(window.snapshot()).keypoints_m[0], "right")
            state = guide.look(hand_m, frame.t_capture_ns)
            page.show_state(frame.image, observation.keypoints_px, state, "")
            if state.step == _STEP and state.held >= _HELD:
                break
    source.close()
    page.grab().save(str(path))
    application.processEvents()
    return {"page": path}


if __name__ == "__main__":
    main()
