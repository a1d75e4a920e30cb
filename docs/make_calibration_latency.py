"""Makes the picture of the latency calibration: its window, and what a camera makes of it.

python docs/make_calibration_latency.py
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # no window is opened

from PySide6 import QtGui

from app.calibrate.latency_window import PatternPainting
from app.opencv import cv2
from calibration.screen_code import CodeReader

SIZE_PX = (1280, 720)
CAMERA_PX = (960, 720)
CORNERS_PX = [(110, 130), (850, 95), (868, 560), (92, 530)]
NUMBERS, SHARES = (418, 419, 420), (0.35, 0.45, 0.2)  # of an exposure of two refreshes
WIDTH_PX = 1200
QUALITY = 80


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(__file__).parent / "images" / "calibration_latency.webp"
    parser.add_argument("--output", type=Path, default=default)
    arguments = parser.parse_args()
    application = QtGui.QGuiApplication([])
    pictures = [window(number) for number in NUMBERS]
    seen = camera(pictures)
    reading = CodeReader().read(cv2.cvtColor(seen, cv2.COLOR_GRAY2BGR))
    assert reading is not None
    assert reading.counter in NUMBERS
    gap = np.full((SIZE_PX[1], 24), 255, np.uint8)
    picture = Image.fromarray(np.concatenate([pictures[0], gap, seen], axis=1))
    picture.thumbnail((WIDTH_PX, WIDTH_PX))
    picture.save(arguments.output, quality=QUALITY)
    print(f"{arguments.output}: {picture.size[0]}×{picture.size[1]}")
    application.quit()


def window(number: int) -> np.ndarray:
    """(720,1280) what the window shows with a number."""
    image = QtGui.QImage(*SIZE_PX, QtGui.QImage.Format.Format_RGB32)
    painter = QtGui.QPainter(image)
    PatternPainting().paint(painter, SIZE_PX, number, "Pattern found, hold still: 42%")
    painter.end()
    grey = image.convertToFormat(QtGui.QImage.Format.Format_Grayscale8)
    rows = np.frombuffer(grey.constBits(), np.uint8).reshape(SIZE_PX[1], grey.bytesPerLine())
    return rows[:, : SIZE_PX[0]].copy()


def camera(pictures: list[np.ndarray]) -> np.ndarray:
    """(720,960) one exposure of the screen, while it showed one picture after the other."""
    light = sum(
        share * (picture / 255.0) ** 2.2 for share, picture in zip(SHARES, pictures, strict=True)
    ).astype(np.float32)  # fmt: skip
    width, height = SIZE_PX
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float32)
    to_image = cv2.getPerspectiveTransform(corners, np.array(CORNERS_PX, dtype=np.float32))
    seen = cv2.warpPerspective(light, to_image, CAMERA_PX, borderValue=0.02)
    seen = cv2.GaussianBlur(seen, (0, 0), 1.5)
    noise = np.random.default_rng(0).normal(0.0, 2.0, seen.shape)
    return np.clip(255.0 * (0.85 * seen) ** (1 / 2.2) + noise, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
