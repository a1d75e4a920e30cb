"""The temporal stage of bodies: a window of observations in, the body now and in the next instants out.

As in `models.temporal`, `posebert` is the learned one; `none` passes detections through and `one-euro`
smooths them, both look ahead at constant velocity.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from models.body_canonical import locate_hip
from models.body_inverse_kinematics import fit_body_rotations
from models.body_keypoints import NUM_BODY_KEYPOINTS
from models.body_model import BodyModel
from models.body_trajectory import BodyTrajectory
from models.body_window import BodyWindow
from models.errors import ModelError
from models.filtered_motion import FilteredMotion, MotionFilter, Passthrough
from models.one_euro import OneEuroFilter
from models.rotations import kernels

if TYPE_CHECKING:
    from models.backends import BackendChoice

BODY_NETWORK_FILE = Path(__file__).parent / "weights" / "posebert_body.onnx"

ONE_EURO_MIN_CUTOFF_HZ = 1.5
ONE_EURO_BETA = 5.0  # Hz per m/s; a body moves faster than a hand's fingers do about its wrist
_LEAST_SCORE = 1e-3  # what is out of sight still counts a little: a hip of nothing but that has a place, too


class BodyTemporalStage(Protocol):
    """Turns the window that ends at the newest frame into a trajectory that starts there.

    Attributes:
        name: as on the command line.
        horizon_s: (H,) the instants of the trajectory after the first, seconds past the newest frame.
    """

    name: str
    horizon_s: np.ndarray

    def update(self, window: BodyWindow) -> BodyTrajectory:
        """The trajectory at 1 + H instants; called once per frame, in order of time."""
        ...

    def reset(self) -> None:
        """Forget the past: the next window starts a new body."""
        ...

    def facts(self) -> dict[str, str | int]:
        """What a report says of how it is computed."""
        ...

    def close(self) -> None:
        """Free what it holds; safe to call twice."""
        ...


class FilteredBodyStage:
    """A filter on the keypoints and the hip's place, then constant velocity into the future."""

    def __init__(self, name: str, motion: MotionFilter, body: BodyModel) -> None:
        self.name = name
        self._motion = FilteredMotion(motion)
        self.horizon_s = self._motion.horizon_s
        self._body = body

    def update(self, window: BodyWindow) -> BodyTrajectory:
        t_ns = self._motion.instants(window)
        state, poses = self._motion.follow(window, lambda slot: _vector(window, slot))
        if poses is None:
            return BodyTrajectory.lost(t_ns)
        keypoints_m = poses[:, :-3].reshape(-1, NUM_BODY_KEYPOINTS, 3)
        return BodyTrajectory(
            source_state=state,
            t_capture_ns=window.t_now_ns,
            t_ns=t_ns,
            keypoints_m=keypoints_m,
            hip_m=poses[:, -3:],
            rotations=np.asarray(fit_body_rotations(keypoints_m, self._body)),
        )

    def reset(self) -> None:
        self._motion.reset()

    def facts(self) -> dict[str, str | int]:
        return {"name": "cpu", "why": "a filter", "failed": 0}

    def close(self) -> None:
        """Nothing to free."""


def observed_hip_m(window: BodyWindow, slot: int) -> np.ndarray:
    """(3,) where in the camera frame the hip detected in a slot is, metres."""
    camera = window.camera
    rays = (window.keypoints_px[slot] - np.asarray(camera.centre_px)) / camera.focal_px
    score = np.clip(window.score[slot], _LEAST_SCORE, None)
    return np.asarray(locate_hip(window.keypoints_m[slot], rays, score))


def _vector(window: BodyWindow, slot: int) -> np.ndarray:
    return np.concatenate([window.keypoints_m[slot].ravel(), observed_hip_m(window, slot)])


def _posebert(network: Path, backend: BackendChoice, body: BodyModel) -> BodyTemporalStage:
    if not network.is_file():
        raise ModelError(
            f"there is no body network at {network}: give the ONNX file of one trained for bodies, or choose "
            "the temporal stage one-euro or none"
        )
    from models import body_posebert_stage  # onnxruntime is not for those who only filter

    return body_posebert_stage.load(network, body, backend=backend)


def _one_euro(_: Path, __: BackendChoice, body: BodyModel) -> BodyTemporalStage:
    return FilteredBodyStage("one-euro", OneEuroFilter(ONE_EURO_MIN_CUTOFF_HZ, ONE_EURO_BETA), body)


def _none(_: Path, __: BackendChoice, body: BodyModel) -> BodyTemporalStage:
    return FilteredBodyStage("none", Passthrough(), body)


BODY_TEMPORAL_STAGES: dict[str, Callable[[Path, BackendChoice, BodyModel], BodyTemporalStage]] = {
    "posebert": _posebert,
    "one-euro": _one_euro,
    "none": _none,
}


def load_body_temporal(
    name: str,
    network: Path | None = None,
    backend: BackendChoice = "cpu",
    body: BodyModel | None = None,
) -> BodyTemporalStage:
    """The temporal stage of bodies called `name`; one per body, it keeps that body's past.

    Args:
        name: a key of BODY_TEMPORAL_STAGES.
        network: ONNX file for posebert; None takes the one that ships.
        backend: where posebert's network is computed: cpu, cuda, tensorrt, or auto for the fastest there is.
        body: who moves; None is the mean body.

    Raises:
        ModelError: no such stage (the message lists those there are), the network is missing or cannot be
            read, or the backend cannot be used.
    """
    if name not in BODY_TEMPORAL_STAGES:
        raise ModelError(
            f"unknown temporal stage {name!r} for bodies; choose one of {', '.join(BODY_TEMPORAL_STAGES)}"
        )
    kernels()  # no frame is to wait for them
    return BODY_TEMPORAL_STAGES[name](network or BODY_NETWORK_FILE, backend, body or BodyModel.load())
