"""Makes the pictures of docs/calibration_camera.md: the board's page, and the window that guides it.

python docs/make_calibration_pictures.py
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from board_examples import BOARD, BoardCamera, good_poses
from PySide6 import QtGui

from app.calibrate.board_page import ensure_application, page_image
from app.calibrate.camera_guide import CaptureGuide
from app.calibrate.camera_window import CapturePicture
from calibration.board import BoardDetector

IMAGES = Path(__file__).parent / "images"
WINDOW_PX = (1000, 800)
POSES_SHOWN = (1, 9, 11)  # of the rendered poses: what has been done so far
FRAMES_HELD = 20
PAGE_DPI = 72
BORDER_PX = 2


def main() -> None:
    ensure_application()
    page = page_image("a4", PAGE_DPI)
    for edge in (page[:BORDER_PX], page[-BORDER_PX:], page[:, :BORDER_PX], page[:, -BORDER_PX:]):
        edge[...] = 150  # or its paper would not show on a white page
    _save(page, IMAGES / "calibration_board.webp")
    _save(_window(), IMAGES / "calibration_camera.webp")


def _window() -> np.ndarray:
    """(height, width, 3) RGB: the window half way through."""
    camera = BoardCamera()
    detector = BoardDetector(BOARD)
    guide = CaptureGuide(camera.size_px, BOARD, mirrored=True)
    window = CapturePicture(mirrored=True)
    window.resize(*WINDOW_PX)
    t_ns = 0
    for number in POSES_SHOWN:
        image = camera.render(good_poses()[number])
        view = detector.detect(image)
        for _ in range(FRAMES_HELD):
            state = guide.look(view, t_ns)
            window.show_state(image, view, state, "")
            t_ns += 33_333_333
    shot = window.grab().toImage().convertToFormat(QtGui.QImage.Format.Format_RGB32)
    pixels = np.frombuffer(shot.constBits(), np.uint8).reshape(shot.height(), shot.width(), 4)
    return pixels[..., 2::-1].copy()


def _save(rgb: np.ndarray, path: Path) -> None:
    Image.fromarray(np.ascontiguousarray(rgb)).save(path, quality=80, method=6)
    print(f"{path}: {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
