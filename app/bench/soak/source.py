"""A camera that misbehaves as planned, in front of one that does not."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from app.bench.soak.faults import Fault, Track
from app.frame import Frame
from app.opencv import cv2
from app.sources.base import EndOfSource, Source

CLEAN = "none"
NOT_READ = "not read in time"
WITHHOLDING = ("stall", "unplugged", "dropped", "half rate")
UNUSABLE = ("wrong type", "wrong shape", "empty")
# What is before the camera now cannot be told from these.
SIGHTLESS = ("frozen", "black", "noise", *UNUSABLE)
_SILENCE_S = 1.0  # a camera without an image for so long says so, as app.sources.reader does
_DROPPED = 0.7  # share of the frames of a burst
_OFFSET_S = {"time backwards": (-1.0, -0.05), "time ahead": (0.05, 5.0)}


@dataclass(frozen=True)
class Given:
    """What the source has given last; times on the monotonic clock.

    Whoever reads and detects on one thread asks for the next frame when he is done with this one.

    Attributes:
        index: of the newest frame.
        t_frame_ns: when it was given.
        t_after_frame_ns: when the next one was asked for; None until then.
        t_after_picture_ns: the same of the newest frame that showed what was before the camera.
    """

    index: int
    t_frame_ns: int
    t_after_frame_ns: int | None = None
    t_after_picture_ns: int | None = None


class FaultySource:
    """The frames of a camera, or what the faults leave of them; see app.sources.base.Source.

    Every frame of the camera is either given or counted under what withheld it.

    Attributes:
        given: the newest given; None before the first. May be read from any thread.
        passed: how many frames were given, by the fault that was on, CLEAN where there was none.
        lost: how many were not, by cause.
        t_start_ns: capture time of the first frame, monotonic clock; None before it.
    """

    live = True  # the camera it stands for does not wait
    frame_count: int | None = None

    def __init__(
        self,
        camera: Source,
        faults: Track,
        seconds: float,
        now_ns: Callable[[], int] = time.monotonic_ns,
        on_start: Callable[[int], None] | None = None,
    ) -> None:
        """
        Args:
            camera: without faults, its times on the clock `now_ns`.
            faults: what happens to it when.
            seconds: the source ends so long after its first frame.
            now_ns: the clock, ns; tests inject their own.
            on_start: told `t_start_ns` when the first frame is there.
        """
        self.name = f"{camera.name} with faults"
        self.fps = camera.fps
        self.size_px = camera.size_px
        self.given: Given | None = None
        self.passed: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.t_start_ns: int | None = None
        self._camera = camera
        self._faults = faults
        self._seconds = seconds
        self._now_ns = now_ns
        self._on_start = on_start
        self._next_index = 0
        self._fault: Fault | None = None
        self._t_fault_ns = 0  # true capture time of the fault's first frame
        self._picture: np.ndarray | None = None  # the newest that was given unspoilt

    @property
    def elapsed_s(self) -> float:
        """Seconds since the first frame."""
        return 0.0 if self.t_start_ns is None else (self._now_ns() - self.t_start_ns) * 1e-9

    @property
    def status(self) -> str:
        """One sentence while no frames come, else what the camera says."""
        fault = self._faults.at(self.elapsed_s)
        if fault is not None and fault.kind == "unplugged":
            return f"{self.name} sends no images any more, retrying"
        if fault is not None and fault.kind == "stall" and self.elapsed_s - fault.start_s > _SILENCE_S:
            return f"{self.name} has sent no image for {self.elapsed_s - fault.start_s:.0f} s, waiting"
        return self._camera.status

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame that gets through; None if none does within `timeout_s`.

        Raises:
            EndOfSource: after so many seconds, or when the camera ends.
        """
        self._note_asked()
        deadline_ns = self._now_ns() + round(timeout_s * 1e9)
        while True:
            # Frames are taken from the camera while it is "silent", too: it runs on, they are lost.
            frame = self._camera.read(max(0.0, (deadline_ns - self._now_ns()) * 1e-9))
            if frame is None:
                return None
            if self.t_start_ns is None:
                self._start(frame.t_capture_ns)
            t_s = (frame.t_capture_ns - (self.t_start_ns or 0)) * 1e-9
            if t_s >= self._seconds:
                raise EndOfSource
            self.lost[NOT_READ] += frame.index - self._next_index
            self._next_index = frame.index + 1
            spoilt = self._through(frame, self._faults.at(t_s))
            if spoilt is not None:
                return spoilt
            if self._now_ns() >= deadline_ns:
                return None

    def close(self) -> None:
        self._camera.close()

    def counts(self) -> dict[str, dict[str, int]]:
        """Frames given and lost so far, by fault and by cause."""
        return {"passed": dict(self.passed), "lost": {cause: n for cause, n in self.lost.items() if n}}

    def _start(self, t_ns: int) -> None:
        self.t_start_ns = t_ns
        if self._on_start is not None:
            self._on_start(t_ns)

    def _through(self, frame: Frame, fault: Fault | None) -> Frame | None:
        """What gets through of a frame while `fault` is on, counted."""
        if fault is not self._fault:
            self._fault, self._t_fault_ns = fault, frame.t_capture_ns
        kind = CLEAN if fault is None else fault.kind
        if fault is not None:
            if _is_withheld(fault, frame.index):
                self.lost[kind] += 1
                return None
            image = spoil(frame.image, fault, frame.index, self._picture)
            frame = Frame(frame.index, self._stamp(frame.t_capture_ns, fault), image)
        self.passed[kind] += 1
        shows = kind not in SIGHTLESS
        if shows:
            self._picture = frame.image
        t_after_picture_ns = None if shows or self.given is None else self.given.t_after_picture_ns
        self.given = Given(frame.index, self._now_ns(), None, t_after_picture_ns)
        return frame

    def _note_asked(self) -> None:
        if self.given is not None and self.given.t_after_frame_ns is None:
            now_ns, t_after_picture_ns = self._now_ns(), self.given.t_after_picture_ns
            t_after_picture_ns = now_ns if t_after_picture_ns is None else t_after_picture_ns
            self.given = replace(self.given, t_after_frame_ns=now_ns, t_after_picture_ns=t_after_picture_ns)

    def _stamp(self, t_capture_ns: int, fault: Fault) -> int:
        """The capture time that is told while `fault` is on."""
        if fault.kind == "time repeated":
            return self._t_fault_ns
        if fault.kind in _OFFSET_S:
            offset_s = np.random.default_rng(fault.seed).uniform(*_OFFSET_S[fault.kind])
            return t_capture_ns + round(offset_s * 1e9)
        return t_capture_ns


def _is_withheld(fault: Fault, index: int) -> bool:
    if fault.kind == "dropped":
        return bool(np.random.default_rng([fault.seed, index]).random() < _DROPPED)
    if fault.kind == "half rate":
        return index % 2 == 1
    return fault.kind in WITHHOLDING


def spoil(image: np.ndarray, fault: Fault, index: int, before: np.ndarray | None) -> np.ndarray:
    """The image as it comes while `fault` is on.

    Args:
        image: (height, width, 3) uint8; it is left as it is.
        fault: what is on.
        index: of the frame.
        before: the newest image that was given unspoilt.
    """
    if fault.kind == "frozen":
        return (image if before is None else before).copy()
    if fault.kind == "black":
        return np.zeros_like(image)
    if fault.kind == "noise":
        return np.random.default_rng([fault.seed, index]).integers(0, 256, image.shape, np.uint8)
    if fault.kind == "wrong type":
        return image.astype(np.float32)
    if fault.kind == "wrong shape":
        return image[..., 0] if index % 2 else np.dstack([image, image[..., :1]])
    if fault.kind == "empty":
        return image[:0]
    if fault.kind == "half size":
        return cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return image
