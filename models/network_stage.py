"""A trained network live: windows of detections in, what is seen now and in the next half second out.

What hands (`models.posebert_stage`) and bodies (`models.body_posebert_stage`) have in common.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np

from models.backends import Backend, BackendChoice, Network, open_backend
from models.backends.cpu import CpuBackend
from models.backends.halves import Halves, Remembered
from models.posebert_input import NetworkInput
from models.poses import Poses
from models.rotations import axis_angle_from_matrix, decode_6d, matrix_from_axis_angle
from models.trajectory import SourceState
from models.window import SLOT_PERIOD_NS, SlottedWindow

# What is unseen for longer is lost: by then it can be anywhere.
GAP_BRIDGED_S = 0.5
# Beyond this, robots had better be told anew than play on.
AHEAD_S = 0.5
# After a gap longer than FADED_GAP_S the estimate may be far from what was predicted: it is come to in
# REJOIN_S, evenly. Single lost frames are not worth the delay that costs.
FADED_GAP_S = 0.12
# Intervals that differ by no larger a factor are regular; so many times as long as a slow camera's is a gap.
ALIKE, LONGER = 1.25, 1.5
REJOIN_S = 0.25
FOLLOWED_S = 0.2  # nobody follows what was said longer ago: robots hold by then


@dataclass(frozen=True)
class Rejoining:
    """The way from what was predicted in a gap to what is estimated once something is seen again.

    It begins at the prediction of every instant instead of fading the first difference out: the network takes
    a frame or two to believe what it sees, and later differences are to be gone, too, not jumped over.

    Attributes:
        t_ns: when something was seen again.
        predicted: how what was seen before would have gone on.
        turn: (J,3) axis-angle from the newest rotations estimated to those predicted; None before the first.
            One that comes to half a turn must not change its sense on the way.
    """

    t_ns: int
    predicted: Poses
    turn: np.ndarray | None = None

    def with_estimate(self, poses: Poses) -> Rejoining:
        """When the newest estimate is known."""
        return replace(self, turn=self._turns(poses, self.predicted.from_on(poses.t_ns[:1]))[0])

    def led_over(self, poses: Poses) -> Poses:
        """The estimates, as far as they are come to."""
        left = 1.0 - np.clip((poses.t_ns - self.t_ns) * 1e-9 / REJOIN_S, 0.0, 1.0)
        predicted = self.predicted.from_on(poses.t_ns)
        turns = matrix_from_axis_angle(left[:, None, None] * self._turns(poses, predicted))
        shift_m = left[:, None] * (predicted.wrist_m - poses.wrist_m)
        return Poses(poses.t_ns, turns @ poses.rotations, poses.wrist_m + shift_m)

    def _turns(self, poses: Poses, predicted: Poses) -> np.ndarray:
        """(K,J,3) axis-angle from estimates to predictions, in the sense they had."""
        count = len(predicted.t_ns)
        turn = axis_angle_from_matrix(predicted.rotations @ np.swapaxes(poses.rotations[:count], -1, -2))
        if self.turn is None:
            return turn
        angle = np.linalg.norm(turn, axis=-1, keepdims=True)
        other_way = turn * (1.0 - 2.0 * np.pi / np.maximum(angle, 1e-9))
        nearer = np.linalg.norm(other_way - self.turn, axis=-1) < np.linalg.norm(turn - self.turn, axis=-1)
        return np.where(nearer[..., None], other_way, turn)


@dataclass(frozen=True)
class Intervals:
    """How far apart frames or detections come.

    Attributes:
        last_ns: the last six intervals at most.
    """

    last_ns: tuple[int, ...] = ()

    @property
    def regular_ns(self) -> int:
        """The longest of the last three if they are alike; 0 where they are not."""
        last_ns = self.last_ns[-3:]
        known = len(last_ns) == 3 and max(last_ns) <= ALIKE * min(last_ns)
        return max(last_ns) if known else 0

    @property
    def usual_ns(self) -> int:
        """The longest but one, which may have been a pause; 0 of fewer than three."""
        return sorted(self.last_ns)[-2] if len(self.last_ns) >= 3 else 0

    def after(self, interval_ns: int) -> Intervals:
        """With one more of them."""
        return Intervals((*self.last_ns[-5:], interval_ns))


def is_gap(interval_ns: int, detections: Intervals, frames: Intervals) -> bool:
    """Whether so long without a detection is a gap.

    It is none where a camera is slow, be it regular or not: a hand that were led over to every estimate would
    for ever be late. Where frames come and the hand is not seen in them, it is.

    Args:
        interval_ns: since the last detection.
        detections, frames: how they came until then.
    """
    return interval_ns > max(FADED_GAP_S * 1e9, LONGER * max(detections.regular_ns, frames.usual_ns))


WindowT = TypeVar("WindowT", bound=SlottedWindow)
TrajectoryT = TypeVar("TrajectoryT")


class NetworkStage(ABC, Generic[WindowT, TrajectoryT]):
    """The temporal stage that runs a trained network; see `models.temporal.TemporalStage`.

    Attributes:
        backend: computes the network; says on what, why, and how often it failed there.

    Gaps: while nothing is detected what was foreseen goes on, up to GAP_BRIDGED_S, then all is lost. When it
    is seen again while others still follow what was said before, the way from prediction to new estimate is
    gone, not jumped over. Works from the first detection on: slots before it are masked as any gap is.
    """

    name = "posebert"

    def __init__(self, network: Network, ahead_s: float, backend: BackendChoice) -> None:
        """
        Args:
            network: written by `models.export`.
            ahead_s: how far past the newest frame trajectories are to reach; networks may know more.
            backend: where the network is computed.

        Raises:
            ModelError: the backend cannot be used.
        """
        instants = np.array([0, *network.future], dtype=np.int64)
        self._instants = len(instants)
        self._ahead_ns = instants[instants * SLOT_PERIOD_NS <= ahead_s * 1e9] * SLOT_PERIOD_NS
        self.horizon_s = self._ahead_ns[1:] * 1e-9
        self._t_detected_ns: int | None = None  # capture time of the newest detection used
        self._last: Poses | None = None  # given out when something was seen last
        self._own: Poses | None = None  # how the estimate itself goes on from there
        self._t_said_ns = 0  # when anything was given out last
        self._rejoining: Rejoining | None = None
        self._intervals = Intervals()  # of detections
        self._frames = Intervals()
        self._t_frame_ns: int | None = None
        self.backend: Backend = open_backend(backend, network)
        self._halves = Halves.of(network) if isinstance(self.backend, CpuBackend) else None
        self._remembered: Remembered | None = None

    @abstractmethod
    def _encode(self, window: WindowT) -> NetworkInput:
        """What the network is given of a window."""

    @abstractmethod
    def _root_m(self, location: np.ndarray) -> np.ndarray:
        """(K,3) wrist or hip in the camera frame of the network's locations (K,3)."""

    @abstractmethod
    def _foresee(self, poses: Poses, regular_ns: int) -> tuple[Poses, Poses]:
        """From the network's poses what is to be followed, and how the estimate itself goes on.

        Args:
            poses: now and later.
            regular_ns: how far apart detections come where they come regularly; 0 where they do not.
        """

    @abstractmethod
    def _forget(self) -> None:
        """Forget what was worked out for earlier windows."""

    @abstractmethod
    def _nothing(self, window: WindowT, t_ns: np.ndarray) -> TrajectoryT:
        """The trajectory of which nothing is known."""

    @abstractmethod
    def _told(self, window: WindowT, state: SourceState, poses: Poses) -> TrajectoryT:
        """The trajectory of poses at its instants."""

    def prepare(self, window: WindowT) -> None:
        """Compute what the next frame cannot change, before it is there or while it is looked at.

        The next `update` then has a third of the network left to compute; where another window comes than was
        prepared for, all of it. Computes nothing again that was prepared already.

        Args:
            window: as it will be; what stands in its newest slot makes no difference.
        """
        if self._halves is None or not window.observed[:-1].any():
            return
        given = self._encode(window)
        if self._remembered is None or not self._remembered.fits(given):
            self._remembered = self._halves.remember(given)

    def update(self, window: WindowT) -> TrajectoryT:
        """The trajectory at now and the next instants, one slot apart."""
        t_now_ns = window.t_now_ns
        t_ns = t_now_ns + self._ahead_ns
        if not window.observed.any():
            return self._lost(window, t_ns)
        # A frame that comes late, after time went on without it, stands in an earlier slot.
        t_seen_ns = int(window.t_capture_ns[np.flatnonzero(window.observed)[-1]])
        if (t_now_ns - t_seen_ns) * 1e-9 > GAP_BRIDGED_S:
            return self._lost(window, t_ns)
        new = self._t_detected_ns is None or t_seen_ns > self._t_detected_ns
        intervals, gap = self._intervals, False
        frames = self._frames
        if self._t_frame_ns is not None and t_now_ns > self._t_frame_ns:
            self._frames = frames.after(t_now_ns - self._t_frame_ns)
        self._t_frame_ns = t_now_ns
        if new:
            if self._t_detected_ns is not None:
                gap = is_gap(t_seen_ns - self._t_detected_ns, intervals, frames)
                self._intervals = intervals.after(t_seen_ns - self._t_detected_ns)
            self._t_detected_ns = t_seen_ns
        if new or self._last is None or self._own is None:
            pose = self._estimate(window)
            if not np.isfinite(pose).all():
                return self._failed(window, t_ns)
            sixd, location = pose[:, :-3], pose[:, -3:]
            rotations = decode_6d(sixd.reshape(len(pose), -1, 6))
            if not np.isfinite(rotations).all():  # 6D of no length, or of parallel columns, is no rotation
                return self._failed(window, t_ns)
            poses = Poses(t_ns, rotations, self._root_m(location))
            poses, own = self._foresee(poses, intervals.regular_ns)
            self._rejoin(poses, gap)
            if self._rejoining is not None:
                poses, own = self._rejoining.led_over(poses), self._rejoining.led_over(own)
            self._last, self._own = poses, own
        else:  # what was foreseen comes true until something else is seen
            poses = self._last.from_on(t_ns).beginning_with(*self._own.at(t_now_ns))
        self._t_said_ns = t_now_ns
        return self._told(window, "tracking" if new or window.observed[-1] else "predicting", poses)

    def reset(self) -> None:
        """Forget the past: the next window starts anew."""
        self._forget()
        self._t_detected_ns = None
        self._last = self._own = None
        self._rejoining = None
        self._intervals = self._frames = Intervals()
        self._t_frame_ns = None

    def facts(self) -> dict[str, str | int]:
        """On what the network is computed, why, and how many windows the CPU had to step in for."""
        return {"name": self.backend.name, "why": self.backend.why, "failed": self.backend.failed}

    def close(self) -> None:
        """Free what the backend holds; safe to call twice."""
        self.backend.close()

    def _lost(self, window: WindowT, t_ns: np.ndarray) -> TrajectoryT:
        """Nothing is known; but what was said last is kept, others may still follow it."""
        self._rejoining = None
        return self._nothing(window, t_ns)

    def _failed(self, window: WindowT, t_ns: np.ndarray) -> TrajectoryT:
        """The network gave no pose: nothing is known, and what was given out before does not foretell it."""
        self._last = self._own = None
        return self._lost(window, t_ns)

    def _estimate(self, window: WindowT) -> np.ndarray:
        """(K,P) the network's poses."""
        given = self._encode(window)
        remembered = self._remembered
        if self._halves is not None and remembered is not None and remembered.fits(given):
            pose = self._halves.proceed(remembered, given)
        else:
            pose = self.backend.run(given.features, given.observed, given.start)
        return pose[0, -self._instants :][: len(self._ahead_ns)].astype(np.float64)

    def _rejoin(self, poses: Poses, gap: bool) -> None:
        """Begin to lead the poses over from what was predicted in a gap, if there was one, or end it."""
        t_now_ns = int(poses.t_ns[0])
        followed = (t_now_ns - self._t_said_ns) * 1e-9 <= FOLLOWED_S
        if gap and self._own is not None and followed:
            self._rejoining = Rejoining(t_now_ns, self._own)
        elif self._rejoining is not None and (t_now_ns - self._rejoining.t_ns) * 1e-9 >= REJOIN_S:
            self._rejoining = None
        if self._rejoining is not None:
            self._rejoining = self._rejoining.with_estimate(poses)
