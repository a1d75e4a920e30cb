"""A video file, played at its own pace as a camera would, or frame by frame as fast as possible."""

from __future__ import annotations

import logging
import math
import threading
from pathlib import Path

import numpy as np

from app.errors import AppError
from app.file_names import as_text
from app.frame import Frame
from app.opencv import cv2
from app.pacing import NS_PER_S, Playback
from app.sources.base import EndOfSource
from app.sources.times import FileTimes

logger = logging.getLogger(__name__)

_DEFAULT_FPS = 30.0
_LEGAL_FPS = (1.0, 240.0)
_LONGEST_STEP_NS = 10 * NS_PER_S  # a larger one between two frames is a broken timestamp
_READS_PAST_DAMAGE = (
    20  # FFmpeg reports the end and unreadable data alike: try again before believing the end
)
_CAP_PROP_PTS = 71  # cv2.CAP_PROP_PTS; OpenCV 4.10 does not have it yet and answers 0
_ESTIMATE_S = 0.5  # of a length that is not its frames': a sound track may go on after the picture
_MAX_SKIPPED_AT_ONCE = 60  # a file that decodes slower than real time still shows a picture now and then


class VideoSource:
    """Frames of a video file; see app.sources.base.Source.

    In real time, frames that are late are skipped and leave a gap in `Frame.index`, and `t_capture_ns` is
    monotonic. Otherwise every frame comes, and `t_capture_ns` is the file's own clock, from 0.

    Attributes:
        corrupt_frames: frames that could not be decoded, complete at the end of the file; they are left out.
            Those that FFmpeg passes over in silence are known only where the file counts its frames.
        truncated: True once the file has ended well before the length it states.
    """

    live = False

    def __init__(self, path: Path, realtime: bool, playback: Playback | None = None) -> None:
        """Open the file and decode its first frame.

        Args:
            path: any format that FFmpeg decodes.
            realtime: pace by the file's clock.
            playback: keeps the pace; a Playback on the system's clock if None.

        Raises:
            AppError: there is no such file, or it cannot be decoded.
        """
        path = Path(path)
        _check_file(path)
        self._capture = cv2.VideoCapture(as_text(path), cv2.CAP_FFMPEG)
        self._playback = playback or Playback(realtime)
        self._lock = threading.Lock()  # a capture must not be released while it decodes
        self._ended = False
        self._index = -1
        self.name = path.name
        self.corrupt_frames = 0
        self.truncated = False
        self._status = ""
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        legal = _LEGAL_FPS[0] <= fps <= _LEGAL_FPS[1]
        self.fps = fps if legal else _DEFAULT_FPS
        self._stated_period_s = 1.0 / fps if math.isfinite(fps) and fps > 0.0 else 1.0 / _DEFAULT_FPS
        self._counts_frames = legal and _counts_frames(path)  # at a made-up rate AVI counts empty moments
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self._times = FileTimes(round(NS_PER_S / self.fps), _LONGEST_STEP_NS)
        self._t_first_ns = 0
        self._starts_at_s = 0.0
        self._t_media_ns = -1
        self.frame_count = int(count) if math.isfinite(count) and 1 <= count < 1e9 else None
        self._pending = self._decode_next() if self._capture.isOpened() else None
        if self._pending is None:
            self._capture.release()
            raise AppError(_why_undecodable(path))
        height, width = self._pending.shape[:2]
        self.size_px = (width, height)

    @property
    def status(self) -> str:
        """Empty, or a warning once the file has turned out damaged."""
        return self._status

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame, when it is due; None if it is not due within `timeout_s`.

        Raises:
            EndOfSource: after the last frame, and after `close`.
        """
        with self._lock:
            if self._pending is None and not self._ended:
                self._pending = self._decode_next()  # before it is due, so that decoding adds no delay
                if self._pending is None:
                    self._ended = True
                    self._note_damage()
            if self._ended or self._pending is None:
                raise EndOfSource
        if not self._playback.wait(self._t_media_ns, timeout_s):
            return None
        with self._lock:
            if self._ended:
                raise EndOfSource
            if self._playback.realtime:
                self._skip_late()
            image, self._pending = self._pending, None
            return Frame(self._index, self._playback.t_capture_ns(self._t_media_ns), image)

    def close(self) -> None:
        with self._lock:
            self._ended = True
            self._capture.release()

    def _skip_late(self) -> None:
        """Decode on while the frame after the pending one is due too; the last one stays if the file ends."""
        period_ns = round(NS_PER_S / self.fps)
        for _ in range(_MAX_SKIPPED_AT_ONCE):
            if not self._playback.is_due(self._t_media_ns + period_ns):
                return
            newer = self._decode_next()
            if newer is None:
                return  # the pending one was the last; the next read finds the end again
            self._pending = newer

    def _decode_next(self) -> np.ndarray | None:
        """The next frame that can be decoded, with `_index` and `_t_media_ns` set to it; None at the end."""
        for _ in range(_READS_PAST_DAMAGE):
            try:
                if not self._capture.grab():
                    continue
                self._index += 1
                self._advance_clock()
                good, image = self._capture.retrieve()
            except cv2.error as error:
                logger.debug("%s, frame %d: %s", self.name, self._index, error)
                continue
            if good and image is not None and image.size:
                return image
            self.corrupt_frames += 1
        return None

    def _advance_clock(self) -> None:
        """Set the clock to the frame just grabbed."""
        t_msec = self._capture.get(cv2.CAP_PROP_POS_MSEC)
        t_ns = self._times.mend(round(t_msec * 1e6) if math.isfinite(t_msec) else None).t_ns
        if self._index == 0:
            self._t_first_ns = t_ns
            pts = self._capture.get(_CAP_PROP_PTS)  # in periods; POS_MSEC has this offset taken off
            self._starts_at_s = pts * self._stated_period_s if 0 < pts < 1e9 else 0.0
        self._t_media_ns = t_ns - self._t_first_ns

    def _note_damage(self) -> None:
        """At the end: compare with what the file said of itself."""
        if self.frame_count is not None:
            if self._counts_frames:
                self._compare_count(self.frame_count)
            else:
                self._compare_length(self.frame_count)
        if not self.truncated and self.corrupt_frames:
            self._status = f"{self.name} is damaged: {self.corrupt_frames} frames could not be decoded"
        if self._status:
            logger.warning("%s", self._status)

    def _compare_count(self, stated: int) -> None:
        """With a true count of frames: those that are missing are past the end, or could not be decoded."""
        got = self._index + 1
        missing = stated - got
        tolerance = max(2.0, 0.01 * stated)
        missing_s = stated * self._stated_period_s - self._played_s
        self.truncated = missing > tolerance and missing_s > tolerance * self._stated_period_s
        if self.truncated:
            self._status = f"{self.name} is damaged: it ends after {got} of {stated} frames"
        elif missing > tolerance:
            self.corrupt_frames += missing

    def _compare_length(self, stated: int) -> None:
        """With a count that OpenCV made up: length times rate, with the time before the first frame in it.

        Matroska, WebM and others state no count, and their frames may come at any rate: only times compare.
        """
        stated_s = stated * self._stated_period_s - self._starts_at_s
        played_s = self._played_s
        self.truncated = stated_s - played_s > max(_ESTIMATE_S, 0.01 * stated_s)
        if self.truncated:
            self._status = f"{self.name} is damaged: it ends after {played_s:.1f} of {stated_s:.1f} s"

    @property
    def _played_s(self) -> float:
        return self._t_media_ns / NS_PER_S + self._stated_period_s


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise AppError(
                f"{path} is a directory, and neither a video file nor a recording made with --record"
            )
        if not path.exists():
            raise AppError(f"there is no video file {path}")
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise AppError(f"cannot read the video {path}: {error.strerror}") from error
    if empty:
        raise AppError(f"the video {path} is empty (0 bytes)")


def _why_undecodable(path: Path) -> str:
    if _is_mp4_without_index(path):
        return f"cannot decode {path}: it is cut off (the index at an MP4's end is missing); copy it again"
    return f"cannot decode {path}: it is no video, is damaged, or has an unknown codec; try another file"


def _counts_frames(path: Path) -> bool:
    """Whether the kind of file states how many frames it has: MP4 and its kin (ISO/IEC 14496-12), and AVI."""
    with path.open("rb") as file:
        start = file.read(12)
    return start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide") or start[:4] + start[8:] == b"RIFFAVI "


def _is_mp4_without_index(path: Path) -> bool:
    """True if the file starts like an MP4 and has no `moov` box: ISO/IEC 14496-12, boxes of (size, type)."""
    kinds = []
    with path.open("rb") as file:
        end = file.seek(0, 2)
        at = 0
        while at + 8 <= end:
            file.seek(at)
            header = file.read(16)
            size = int.from_bytes(header[:4], "big")
            kinds.append(header[4:8])
            if size == 1:
                size = int.from_bytes(header[8:16], "big")
            if size < 8:  # 0: up to the end of the file
                break
            at += size
    return bool(kinds) and kinds[0] == b"ftyp" and b"moov" not in kinds
