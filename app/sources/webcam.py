"""A camera attached to this machine."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from app.errors import AppError
from app.frame import Frame
from app.opencv import cv2
from app.sources.driver_clock import DriverClock
from app.sources.reader import Capture, LatestFrameReader, RetryPolicy

DEFAULT_SIZE_PX = (640, 480)  # the detector shrinks images to 192 and 224 pixels: more would only cost time
DEFAULT_FPS = 30.0
_FIRST_FRAME_TIMEOUT_S = 5.0
_PROBED_INDICES = range(4)  # where the system cannot list its cameras

OpenCapture = Callable[[int], Capture]


class WebcamSource:
    """Frames of a camera, the newest only; see app.sources.base.Source."""

    live = True
    frame_count: int | None = None

    def __init__(
        self, index: int = 0, open_capture: OpenCapture | None = None, policy: RetryPolicy | None = None
    ) -> None:
        """Open the camera and wait for its first image.

        Args:
            index: which camera, from 0.
            open_capture: gives the capture of an index; the system's camera if None.
            policy: when to retry after the camera is lost.

        Raises:
            AppError: there is no such camera, or it gives no images.
        """
        open_capture = open_capture or open_camera
        what = f"camera {index}"
        capture = open_capture(index)
        if not capture.isOpened():
            capture.release()
            found = list_cameras(open_capture)
            names = ", ".join(f"webcam:{i}" for i in found)
            legal = f"use one of those found, {names}" if found else "no camera was found"
            raise AppError(f"cannot open {what}: {legal}; check that it is plugged in and may be used")
        image = _first_image(capture)
        if image is None:
            capture.release()
            raise AppError(f"{what} opened but gives no images: close other programs that use it")
        height, width = image.shape[:2]
        fps = capture.get(cv2.CAP_PROP_FPS)
        self.name = what
        self.size_px = (width, height)
        self.fps = fps if 1.0 <= fps <= 240.0 else DEFAULT_FPS
        clock = DriverClock()
        self._reader = LatestFrameReader(
            what, capture, lambda: open_capture(index), clock.capture_time_ns, policy
        )

    @property
    def status(self) -> str:
        return self._reader.status

    def read(self, timeout_s: float) -> Frame | None:
        """The newest unread frame; None if none came within `timeout_s`. A camera never ends."""
        return self._reader.read(timeout_s)

    def close(self) -> None:
        self._reader.close()


def open_camera(index: int) -> cv2.VideoCapture:
    """The system's camera `index`, set to a small image, a high rate and one buffered frame where it can."""
    backend = {
        "linux": cv2.CAP_V4L2,
        "win32": cv2.CAP_MSMF,
        "darwin": cv2.CAP_AVFOUNDATION,
    }.get(sys.platform, cv2.CAP_ANY)
    capture = cv2.VideoCapture(index, backend)
    if not capture.isOpened() and sys.platform == "win32":
        capture = cv2.VideoCapture(index, cv2.CAP_DSHOW)  # drivers without Media Foundation
    if capture.isOpened():
        if sys.platform != "darwin":
            # Uncompressed images fill USB 2 and halve the rate of many cameras; AVFoundation chooses by
            # itself.
            capture.set(cv2.CAP_PROP_FOURCC, float(cv2.VideoWriter.fourcc(*"MJPG")))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, DEFAULT_SIZE_PX[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, DEFAULT_SIZE_PX[1])
        capture.set(cv2.CAP_PROP_FPS, DEFAULT_FPS)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return capture


def list_cameras(open_capture: OpenCapture | None = None) -> list[int]:
    """Indices of the cameras of this machine.

    Linux lists them without opening any; elsewhere the first few are tried.

    Args:
        open_capture: gives the capture of an index; when given, the first few are tried with it.
    """
    if sys.platform == "linux" and open_capture in (None, open_camera):
        return sorted(
            int(device.name.removeprefix("video"))
            for device in Path("/sys/class/video4linux").glob("video*")
            if _gives_images(device)
        )
    found = []
    for index in _PROBED_INDICES:
        capture = (open_capture or open_camera)(index)
        if capture.isOpened():
            found.append(index)
        capture.release()
    return found


def _gives_images(device: Path) -> bool:
    """False for the second node that UVC cameras have for metadata only."""
    try:
        return int((device / "index").read_text()) == 0
    except (OSError, ValueError):
        return True


def _first_image(capture: Capture) -> cv2.typing.MatLike | None:
    """An image, or None if none comes in time: many cameras fail a few reads while they start."""
    deadline_s = time.monotonic() + _FIRST_FRAME_TIMEOUT_S
    attempts = 0
    while attempts < 3 or time.monotonic() < deadline_s:
        attempts += 1
        if capture.grab():
            good, image = capture.retrieve()
            if good and image is not None and image.size:
                return image
        time.sleep(0.02)
    return None
