"""Video over the network: MJPEG over HTTP, RTSP, RTMP."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from app.errors import AppError
from app.frame import Frame
from app.opencv import cv2, open_stream
from app.sources.reader import Capture, LatestFrameReader, RetryPolicy

SCHEMES = ("http", "https", "rtsp", "rtsps", "rtmp")
OPEN_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 3.0
_DEFAULT_FPS = 30.0


class StreamSource:
    """Frames of a network stream, the newest only; see app.sources.base.Source."""

    live = True
    frame_count: int | None = None

    def __init__(
        self,
        url: str,
        open_timeout_s: float = OPEN_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
        policy: RetryPolicy | None = None,
    ) -> None:
        """Connect and wait for the first image.

        Args:
            url: address of the stream.
            open_timeout_s: give up connecting after this long, s.
            read_timeout_s: a stream silent for so long is dropped and connected again, s.
            policy: when to retry; a read that fails means the connection is gone, so one failure is enough.

        Raises:
            AppError: nothing there can be played.
        """
        self.name = without_password(url)

        def connect() -> Capture:
            return open_stream(url, open_timeout_s, read_timeout_s)

        capture = connect()
        image = None
        if capture.isOpened() and capture.grab():
            image = capture.retrieve()[1]
        if image is None:
            capture.release()
            raise AppError(
                f"cannot play the stream {self.name}: check its address and that it is running and reachable"
            )
        if capture.get(cv2.CAP_PROP_FRAME_COUNT) >= 1:
            capture.release()
            raise AppError(f"{self.name} is a video file, not a live stream: download it and give its path")
        height, width = image.shape[:2]
        fps = capture.get(cv2.CAP_PROP_FPS)
        self.size_px = (width, height)
        self.fps = fps if 1.0 <= fps <= 240.0 else _DEFAULT_FPS
        policy = policy or RetryPolicy(failures_to_lose=1)
        self._reader = LatestFrameReader(f"stream {self.name}", capture, connect, _now_ns, policy)

    @property
    def status(self) -> str:
        return self._reader.status

    def read(self, timeout_s: float) -> Frame | None:
        """The newest unread frame; None if none came within `timeout_s`. A stream never ends."""
        return self._reader.read(timeout_s)

    def close(self) -> None:
        self._reader.close()


def without_password(url: str) -> str:
    """`url` as it may be shown: cameras' addresses often hold a password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.rpartition("@")[2]  # no address at all; what follows would say so
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _now_ns(_capture: Capture) -> int:
    return time.monotonic_ns()
