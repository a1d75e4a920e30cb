"""A recording made with --record, played again with its own times."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from app.errors import AppError
from app.frame import Frame
from app.pacing import NS_PER_S, Playback
from app.recording import RecordingReader
from app.recording_meta import RecordingMeta
from app.sources.base import EndOfSource
from app.sources.times import FileTimes

logger = logging.getLogger(__name__)

_DEFAULT_FPS = 30.0
_LEGAL_FPS = (1.0, 240.0)
_LONGEST_PAUSE_NS = 10 * NS_PER_S  # nobody waits out the hour for which a camera was unplugged


def rate_of(meta: RecordingMeta) -> float:
    """The frame rate, Hz, that a recording tells; a usual one where that has no sense."""
    return meta.fps if _LEGAL_FPS[0] <= meta.fps <= _LEGAL_FPS[1] else _DEFAULT_FPS


class RecordingSource:
    """Frames of a recording; see app.sources.base.Source.

    In real time, frames come as far apart as they were recorded, late ones are skipped, and `t_capture_ns` is
    monotonic time of now. Otherwise every frame comes, with the time it was recorded. `Frame.index` is the
    recorded one. Times that repeat or go back are mended, and a pause of more than 10 s lasts 10 s.

    Attributes:
        first_index: of its first frame; a recording may have begun in the middle of a run.
        truncated: True once the recording turned out to be cut off.
    """

    live = False

    def __init__(self, directory: Path, realtime: bool, playback: Playback | None = None) -> None:
        """Open the recording and decode its first frame.

        Args:
            directory: what --record made.
            realtime: pace by the recorded times.
            playback: keeps the pace; a Playback on the system's clock if None.

        Raises:
            AppError: it is no recording, of a newer version, or has no frame.
        """
        directory = Path(directory)
        reader = RecordingReader(directory)
        self._reader = reader
        self._frames = reader.frames()
        self._playback = playback or Playback(realtime)
        self.fps = rate_of(reader.meta)
        self._times = FileTimes(round(NS_PER_S / self.fps), _LONGEST_PAUSE_NS, _LONGEST_PAUSE_NS)
        self._last_index: int | None = None
        self._pending = self._next_frame()
        if self._pending is None:
            raise AppError(f"the recording {directory} has no frames; record again")
        self._lock = threading.Lock()  # a generator must not be closed while it runs
        self._t_first_ns = self._pending.t_capture_ns
        self.first_index = self._pending.index
        self._closed = False
        self._status = ""
        self.name = directory.name
        height, width = self._pending.image.shape[:2]
        self.size_px = (width, height)
        self.frame_count = reader.meta.frame_count

    @property
    def truncated(self) -> bool:
        return self._reader.truncated

    @property
    def status(self) -> str:
        """Empty, or a warning once the recording has turned out to be cut off."""
        return self._status

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame, when it is due; None if it is not due within `timeout_s`.

        Raises:
            EndOfSource: after the last frame, and after `close`.
        """
        with self._lock:
            if not self._closed and self._pending is None:
                self._pending = self._next_frame()  # before it is due, so that decoding adds no delay
            if self._closed or self._pending is None:
                self._note_end()
                raise EndOfSource
            t_media_ns = self._t_media_ns(self._pending)
        if not self._playback.wait(t_media_ns, timeout_s):
            return None
        with self._lock:
            if self._closed or self._pending is None:
                raise EndOfSource
            frame, self._pending = self._pending, None
            if not self._playback.realtime:
                return frame
            frame = self._newest_due(frame)
            return Frame(frame.index, self._playback.t_capture_ns(self._t_media_ns(frame)), frame.image)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._frames.close()

    def _newest_due(self, frame: Frame) -> Frame:
        """`frame`, or the newest one after it that is due already."""
        period_ns = round(NS_PER_S / self.fps)
        while self._playback.is_due(self._t_media_ns(frame) + period_ns):
            newer = self._next_frame()
            if newer is None:
                break
            if not self._playback.is_due(self._t_media_ns(newer)):
                self._pending = newer
                break
            frame = newer
        return frame

    def _next_frame(self) -> Frame | None:
        """The next frame with its time mended; None at the end."""
        frame = next(self._frames, None)
        if frame is None:
            return None
        frames = 1 if self._last_index is None else frame.index - self._last_index
        self._last_index = frame.index
        return Frame(frame.index, self._times.mend(frame.t_capture_ns, frames).t_ns, frame.image)

    def _t_media_ns(self, frame: Frame) -> int:
        return frame.t_capture_ns - self._t_first_ns

    def _note_end(self) -> None:
        if self._reader.truncated and not self._status:
            self._status = f"the recording {self.name} is cut off; all frames before that were played"
            logger.warning("%s", self._status)
