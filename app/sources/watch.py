"""Looks every frame of a source over before the pipeline goes by it.

What goes wrong with cameras, and what is done:

    times repeat, go back, lie ahead   mended and counted; what goes on always moves forward
    the same image again and again     live: no observation any more, and the operator is told
    next to black                      the operator is told
    another image size                 scaled where the shape is the same, else no observation
    far fewer images than promised     the operator is told; nothing else changes
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import numpy as np

from app.frame import Frame
from app.sources.picture import PictureCheck, fitted, is_bgr_image, same_aspect
from app.sources.rate import FrameRate
from app.sources.times import NS_PER_S, FileTimes, LiveTimes, MendedTime

logger = logging.getLogger(__name__)

FROZEN_S = 0.3  # drivers repeat an image for 0.2 s in dim light; half a second is what the pipeline predicts
STILL_FILE_S = 2.0
DARK_S = 0.5
SLOW_SHARE = 0.6  # of the nominal rate
NORMAL_SHARE = 0.7
SLOW_S = 2.0
_NEWS_SHARE = 0.2  # a rate this different from the one said is said anew


@dataclass(frozen=True)
class Look:
    """One frame, looked over.

    Attributes:
        frame: with a capture time later than that of every frame before it and never in the future, and an
            image of the size the first one had.
        fresh: False if the image says nothing new or nothing that can be used, so that it must not count as
            an observation; time goes on all the same.
        notice: one sentence for the operator, what is wrong and what to do; empty while all is well. It
            stays word for word the same while the trouble does, so it can be logged when it changes.
    """

    frame: Frame
    fresh: bool
    notice: str


@dataclass
class SourceCounters:
    """What was wrong with a source's frames so far, in frames.

    Attributes:
        repeated_images: the same as the one before, bit by bit.
        dark_images: next to black.
        resized_images: of another size than the first one.
        backward_times: earlier than the frame before.
        repeated_times: that of the frame before.
        future_times: later than now.
    """

    repeated_images: int = 0
    dark_images: int = 0
    resized_images: int = 0
    backward_times: int = 0
    repeated_times: int = 0
    future_times: int = 0


class SourceWatch:
    """Looks at the frames of one source, in the order they come.

    Attributes:
        counters: what was wrong so far.
    """

    def __init__(self, name: str, fps: float, live: bool) -> None:
        """
        Args:
            name: of the source, for the notices.
            fps: its nominal rate, Hz.
            live: True for a camera or stream, False for a file, which may rightly show one image for long.

        Raises:
            ValueError: `fps` is no rate.
        """
        if not (math.isfinite(fps) and fps > 0.0):
            raise ValueError(f"the rate of {name} is {fps} Hz: give a number above 0")
        self.counters = SourceCounters()
        self._name = name
        self._fps = fps
        self._live = live
        self._live_times = LiveTimes()
        self._file_times = FileTimes(round(NS_PER_S / fps))
        self._rate = FrameRate(fps)
        self._picture = PictureCheck()
        self._size_px: tuple[int, int] | None = None
        self._index: int | None = None
        self._warned_of_times = False
        self._t_slow_ns: int | None = None
        self._said_hz = 0.0

    @property
    def rate_hz(self) -> float:
        """Images a second the source gives, over the last second; the nominal rate before two have come.

        Frames it gave that were skipped count as given.
        """
        return self._rate.hz

    def look(self, frame: Frame, t_now_ns: int | None) -> Look:
        """Look one frame over; a quarter of a millisecond at most for 640×480.

        Args:
            frame: as the source gave it; its image must not change afterwards.
            t_now_ns: now on the monotonic clock, ns; None where frames live on the file's own clock.
        """
        t_ns = self._mended_time(frame, t_now_ns)
        self._index = frame.index
        self._rate.add(frame.index, t_ns)
        if not is_bgr_image(frame.image):
            return Look(Frame(frame.index, t_ns, frame.image), True, self._slow_notice(t_ns))
        self._look_at_picture(frame.image, t_ns)
        image, size_notice = self._fitted(frame.image)
        notices = (size_notice, self._dark_notice(), self._still_notice(), self._slow_notice(t_ns))
        notice = next((notice for notice in notices if notice), "")
        fresh = not size_notice and not self._frozen
        return Look(Frame(frame.index, t_ns, image), fresh, notice)

    def _mended_time(self, frame: Frame, t_now_ns: int | None) -> int:
        mended: MendedTime
        if t_now_ns is None:
            frames = 1 if self._index is None else frame.index - self._index
            mended = self._file_times.mend(frame.t_capture_ns, frames)
        else:
            mended = self._live_times.mend(frame.t_capture_ns, t_now_ns)
        if mended.fault:
            counters = self.counters
            counters.backward_times += mended.fault == "backward"
            counters.repeated_times += mended.fault == "repeated"
            counters.future_times += mended.fault == "future"
            if not self._warned_of_times:
                self._warned_of_times = True
                logger.warning(
                    "%s gives a wrong time with frame %d (%s); such times are mended and counted",
                    self._name,
                    frame.index,
                    mended.fault,
                )
        return mended.t_ns

    def _look_at_picture(self, image: np.ndarray, t_ns: int) -> None:
        self._picture.look(image, t_ns)
        self.counters.repeated_images += self._picture.repeated
        self.counters.dark_images += self._picture.dark

    @property
    def _frozen(self) -> bool:
        # Behind a covered lens many cameras give one and the same black: they are dark, not frozen.
        return self._live and not self._picture.dark and self._picture.still_s > FROZEN_S

    def _fitted(self, image: np.ndarray) -> tuple[np.ndarray, str]:
        """The image in the size of the first one, and what to say if its shape is another."""
        size_px = (image.shape[1], image.shape[0])
        if self._size_px is None:
            self._size_px = size_px
        if size_px == self._size_px:
            return image, ""
        if self.counters.resized_images == 0:
            logger.warning("%s gives images of %d×%d now, not %d×%d", self._name, *size_px, *self._size_px)
        self.counters.resized_images += 1
        notice = ""
        if not same_aspect(size_px, self._size_px):
            now, before = (f"{size[0]}×{size[1]}" for size in (size_px, self._size_px))
            notice = f"{self._name} gives images of {now} now and gave {before}: set it back, or start again"
        return fitted(image, self._size_px), notice

    def _dark_notice(self) -> str:
        if self._picture.dark_s < DARK_S:
            return ""
        if not self._live:
            return f"{self._name} is black here"
        return f"{self._name} sees only black: take off its cap, open its shutter, or turn on a light"

    def _still_notice(self) -> str:
        if self._frozen:
            cure = "restart it" if "://" in self._name else "unplug it and plug it in again"
            return f"{self._name} shows the same image over and over: it is frozen; {cure}"
        if not self._live and self._picture.still_s > STILL_FILE_S:
            return f"{self._name} shows the same image over and over"
        return ""

    def _slow_notice(self, t_ns: int) -> str:
        if not self._live:
            return ""
        rate_hz = self._rate.hz
        threshold = SLOW_SHARE if self._said_hz == 0.0 else NORMAL_SHARE
        if rate_hz >= threshold * self._fps:
            self._t_slow_ns, self._said_hz = None, 0.0
            return ""
        if self._t_slow_ns is None:
            self._t_slow_ns = t_ns
        if t_ns - self._t_slow_ns <= SLOW_S * NS_PER_S:
            return ""
        if abs(rate_hz - self._said_hz) > _NEWS_SHARE * rate_hz:
            self._said_hz = rate_hz
        said = f"{self._said_hz:.0f}" if self._said_hz >= 3.0 else f"{self._said_hz:.1f}"
        return (
            f"{self._name} gives {said} images a second instead of {self._fps:.0f}: "
            "more light or a lower resolution helps"
        )
