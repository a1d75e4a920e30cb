"""A camera for machines without one: a rendered hand through a routine, with the exact truth beside it."""

from __future__ import annotations

from collections.abc import Callable

from app.frame import Frame
from app.pacing import NS_PER_S, Playback
from app.sources.base import EndOfSource
from app.sources.video import VideoSource
from app.synthetic.clip import SyntheticTruth, clip_of_seed


class SyntheticSource:
    """The rendered routine of a seed; see app.sources.base.Source.

    The first use of a seed renders it (with a progress bar) and caches it; after that it plays like a video:
    in real time late frames are skipped, otherwise every frame comes with `t_capture_ns` = index/fps from 0.

    Attributes:
        truth: what really is in every frame; of the frame with index i it is row i modulo the clip's length.
    """

    live = False

    def __init__(
        self,
        seed: int = 0,
        realtime: bool = True,
        loop: bool = False,
        frames: int | None = None,
        make_playback: Callable[[bool], Playback] = Playback,
        script: str = "demo",
        shape: str | None = None,
    ) -> None:
        """Open the clip, rendering it first if need be.

        Args:
            seed: hand, skin, light, room and timing; 0 or more.
            realtime: pace as a camera would.
            loop: start again at the end instead of ending; the hand is then where it began.
            frames: play only the first so many frames; None is the whole routine.
            make_playback: keeps the pace, given `realtime`; tests inject their own clock.
            script: what the hand does, a key of `app.synthetic.scripts.SCRIPTS`.
            shape: the hand, a name of `models.hand_model.shape_names`; None is the seed's own.

        Raises:
            AppError: the seed is negative, or the clip cannot be rendered or read.
        """
        clip = clip_of_seed(seed, frames, script=script, shape=shape)
        self.truth: SyntheticTruth = clip.truth
        self._path = clip.video
        self._realtime = realtime
        self._loop = loop
        self._make_playback = make_playback
        self._length = len(clip.truth.visible)
        self._rounds = 0
        self._closed = False
        self._playback = make_playback(realtime)
        self._video = VideoSource(clip.video, realtime, self._playback)
        self.name = f"synthetic:{seed}"
        self.fps = clip.truth.fps
        self.size_px = self._video.size_px
        self.frame_count: int | None = None if loop else self._length

    @property
    def status(self) -> str:
        """Empty, or a warning once the cached file has turned out damaged."""
        return self._video.status

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame, when it is due; None if it is not due within `timeout_s`.

        Raises:
            EndOfSource: after the last frame unless it loops, and after `close`.
        """
        if self._closed:
            raise EndOfSource
        try:
            frame = self._video.read(timeout_s)
        except EndOfSource:
            if not self._loop or self._closed:
                raise
            if not self._playback.wait(round(self._length * NS_PER_S / self.fps), timeout_s):
                return None  # the last frame is still on
            self._start_again()
            frame = self._video.read(timeout_s)
        if frame is None:
            return None
        index = self._rounds * self._length + frame.index
        t_capture_ns = frame.t_capture_ns if self._realtime else round(index * NS_PER_S / self.fps)
        return Frame(index, t_capture_ns, frame.image)

    def close(self) -> None:
        self._closed = True
        self._video.close()

    def _start_again(self) -> None:
        self._video.close()
        self._playback = self._make_playback(self._realtime)
        self._video = VideoSource(self._path, self._realtime, self._playback)
        self._rounds += 1
