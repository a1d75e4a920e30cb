"""The temporal stage: a window of observations in, the hand now and in the next instants out.

`posebert` is the learned one. `none` passes detections through, `one-euro` fuses the detector's two opinions
and smooths them; both look ahead at constant velocity. They are what the learned one has to beat.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from models.errors import ModelError
from models.filtered_motion import FilteredMotion, MotionFilter, Passthrough
from models.fusion import fuse_depth
from models.hand_model import HandModel
from models.inverse_kinematics import fit_rotations
from models.observation import NUM_KEYPOINTS, Hand
from models.one_euro import OneEuroFilter
from models.rotations import kernels, mirror_points, mirror_rotations
from models.trajectory import HandTrajectory
from models.window import Window

if TYPE_CHECKING:
    from models.backends import BackendChoice

NETWORK_FILE = Path(__file__).parent / "weights" / "posebert.onnx"

# Tuned on rendered clips so that a resting hand is steady and a fast one lags about a frame.
ONE_EURO_MIN_CUTOFF_HZ = 1.5
ONE_EURO_BETA = 20.0  # Hz per m/s


class TemporalStage(Protocol):
    """Turns the window that ends at the newest frame into a trajectory that starts there.

    Attributes:
        name: as on the command line.
        horizon_s: (H,) the instants of the trajectory after the first, seconds past the newest frame.
    """

    name: str
    horizon_s: np.ndarray

    def prepare(self, window: Window) -> None:
        """Compute ahead what the newest slot of the next update makes no difference to."""
        ...

    def update(self, window: Window) -> HandTrajectory:
        """The trajectory at 1 + H instants; called once per frame, in order of time."""
        ...

    def reset(self) -> None:
        """Forget the past: the next window starts a new hand."""
        ...

    def facts(self) -> dict[str, str | int]:
        """What a report says of how it is computed."""
        ...

    def close(self) -> None:
        """Free what it holds; safe to call twice."""
        ...


class FilteredStage:
    """A filter on the keypoints and the wrist, then constant velocity into the future."""

    def __init__(self, name: str, motion: MotionFilter, fuse: bool) -> None:
        self.name = name
        self._fuse = fuse
        self._motion = FilteredMotion(motion)
        self.horizon_s = self._motion.horizon_s
        self._model = HandModel.load()
        self._wrist_known = False

    def prepare(self, window: Window) -> None:
        """A filter has nothing to prepare."""

    def update(self, window: Window) -> HandTrajectory:
        t_ns = self._motion.instants(window)
        state, poses = self._motion.follow(
            window,
            lambda slot: np.concatenate([self._keypoints(window, slot).ravel(), self._wrist(window, slot)]),
        )
        if poses is None:
            return HandTrajectory.lost(window.hand, t_ns)
        keypoints_m = poses[:, :-3].reshape(-1, NUM_KEYPOINTS, 3)
        return HandTrajectory(
            hand=window.hand,
            source_state=state,
            t_capture_ns=window.t_now_ns,
            t_ns=t_ns,
            keypoints_m=keypoints_m,
            wrist_m=poses[:, -3:] if self._wrist_known else np.full((len(t_ns), 3), np.nan),
            rotations=fit_hand(keypoints_m, window.hand, self._model),
        )

    def reset(self) -> None:
        self._motion.reset()

    def facts(self) -> dict[str, str | int]:
        return {"name": "cpu", "why": "a filter", "failed": 0}

    def close(self) -> None:
        """Nothing to free."""

    def _keypoints(self, window: Window, slot: int) -> np.ndarray:
        keypoints_m = window.keypoints_m[slot]
        if not self._fuse:
            return keypoints_m
        return fuse_depth(keypoints_m, window.keypoints_px[slot], window.depth_px[slot])

    def _wrist(self, window: Window, slot: int) -> np.ndarray:
        """The observed wrist, or the last one where it could not be told."""
        wrist_m, last = window.wrist_m[slot], self._motion.value
        known = bool(np.isfinite(wrist_m).all())
        if known and not self._wrist_known:
            self._motion.reset()  # or it would come from the camera's centre
        self._wrist_known = known or (self._wrist_known and last is not None)
        if known:
            return wrist_m
        return np.zeros(3) if last is None else last[-3:]


def fit_hand(keypoints_m: np.ndarray, hand: Hand, model: HandModel) -> np.ndarray:
    """MANO rotations (…,16,3,3) of a hand's keypoints (…,21,3); a left hand is fitted as its mirror image."""
    if hand == "right":
        return fit_rotations(keypoints_m, model)
    return mirror_rotations(fit_rotations(mirror_points(keypoints_m), model))


def _posebert(network: Path, backend: BackendChoice) -> TemporalStage:
    from models import posebert_stage  # onnxruntime is not for those who only filter

    return posebert_stage.load(network, backend=backend)


TEMPORAL_STAGES: dict[str, Callable[[Path, BackendChoice], TemporalStage]] = {
    "posebert": _posebert,
    "one-euro": lambda *_: FilteredStage(
        "one-euro", OneEuroFilter(ONE_EURO_MIN_CUTOFF_HZ, ONE_EURO_BETA), fuse=True
    ),
    "none": lambda *_: FilteredStage("none", Passthrough(), fuse=False),
}


def load_temporal(name: str, network: Path | None = None, backend: BackendChoice = "cpu") -> TemporalStage:
    """The temporal stage called `name`; one per hand, it keeps that hand's past.

    Args:
        name: a key of TEMPORAL_STAGES.
        network: ONNX file for posebert; None takes the one that ships.
        backend: where posebert's network is computed: cpu, cuda, tensorrt, or auto for the fastest there is.

    Raises:
        ModelError: no such stage (the message lists those there are), the network cannot be read, or the
            backend cannot be used.
    """
    if name not in TEMPORAL_STAGES:
        raise ModelError(f"unknown temporal stage {name!r}; choose one of {', '.join(TEMPORAL_STAGES)}")
    kernels()  # no frame is to wait for them
    return TEMPORAL_STAGES[name](network or NETWORK_FILE, backend)
