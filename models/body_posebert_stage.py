"""PoseBERT live for bodies: a window of detections in, the body now and in the next half second out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.backends import BackendChoice, Network
from models.body_canonical import hip_of_location
from models.body_input import BodyEncoder, mean_body_bone_lengths
from models.body_model import BodyModel
from models.body_trajectory import BodyTrajectory
from models.body_window import BodyWindow
from models.network_stage import AHEAD_S, NetworkStage
from models.posebert_input import NetworkInput
from models.poses import Poses
from models.trajectory import SourceState


class BodyPoseBertStage(NetworkStage[BodyWindow, BodyTrajectory]):
    """The network says what the body is doing and what it will; see `NetworkStage`."""

    def __init__(
        self,
        file: Path,
        body: BodyModel | None = None,
        ahead_s: float = AHEAD_S,
        backend: BackendChoice = "cpu",
    ) -> None:
        """
        Args:
            file: written by `models.export`, of a network trained for bodies.
            body: who moves, for the keypoints given out; None is the mean body.
            ahead_s: how far past the newest frame trajectories are to reach; networks may know more.
            backend: where the network is computed.

        Raises:
            ModelError: the file cannot be read or is no such network, or the backend cannot be used.
        """
        network = Network.load(Path(file), "body")
        mean_body = BodyModel.load()
        self._body = mean_body if body is None else body
        # The network says where the mean body would look as large.
        bones_m = mean_body_bone_lengths(self._body).sum()
        self._size = float(bones_m / mean_body_bone_lengths(mean_body).sum())
        self._encoder = BodyEncoder(mean_body, network.layout, len(network.future))
        super().__init__(network, ahead_s, backend)

    def _encode(self, window: BodyWindow) -> NetworkInput:
        return self._encoder.encode(window)

    def _root_m(self, location: np.ndarray) -> np.ndarray:
        return self._size * np.asarray(hip_of_location(location))

    def _foresee(self, poses: Poses, regular_ns: int) -> tuple[Poses, Poses]:
        return poses, poses

    def _forget(self) -> None:
        self._encoder.reset()

    def _nothing(self, window: BodyWindow, t_ns: np.ndarray) -> BodyTrajectory:
        return BodyTrajectory.lost(t_ns)

    def _told(self, window: BodyWindow, state: SourceState, poses: Poses) -> BodyTrajectory:
        keypoints_m = self._body.keypoints(poses.rotations)
        return BodyTrajectory(
            source_state=state,
            t_capture_ns=window.t_now_ns,
            t_ns=poses.t_ns,
            keypoints_m=keypoints_m - keypoints_m[:, :1],
            hip_m=poses.wrist_m,
            rotations=poses.rotations,
        )


def load(
    path: str | Path,
    body: BodyModel | None = None,
    ahead_s: float = AHEAD_S,
    backend: BackendChoice = "cpu",
) -> BodyPoseBertStage:
    """The stage of a network file; one per body, it keeps its past.

    Args:
        path: an ONNX file written by training with --figure body.
        body: who moves; None is the mean body.
        ahead_s: how far past the newest frame trajectories are to reach, if the network does.
        backend: where the network is computed.

    Raises:
        ModelError: the file cannot be read or is no such network, or the backend cannot be used.
    """
    return BodyPoseBertStage(Path(path), body, ahead_s, backend)
