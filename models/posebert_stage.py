"""PoseBERT live: a window of detections in, the hand now and in the next half second out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.backends import BackendChoice, Network
from models.canonical import wrist_of_location
from models.foresight import Foresight
from models.hand_model import HandModel
from models.network_stage import AHEAD_S, NetworkStage
from models.posebert_input import NetworkInput, WindowEncoder
from models.poses import Poses
from models.rotations import mirror_points, mirror_rotations
from models.trajectory import HandTrajectory, SourceState
from models.window import Window


class PoseBertStage(NetworkStage[Window, HandTrajectory]):
    """The network says what the hand is doing, `Foresight` where that leads; see `NetworkStage`."""

    def __init__(
        self,
        file: Path,
        model: HandModel | None = None,
        ahead_s: float = AHEAD_S,
        foresight: Foresight | None = None,
        backend: BackendChoice = "cpu",
    ) -> None:
        """
        Args:
            file: written by `models.export`.
            model: the operator's hand, for the keypoints given out; None is the mean hand.
            ahead_s: how far past the newest frame trajectories are to reach; networks may know more.
            foresight: what comes after the network; None is the usual one.
            backend: where the network is computed.

        Raises:
            ModelError: the file cannot be read or is no such network, or the backend cannot be used.
        """
        network = Network.load(Path(file))
        mean_hand = HandModel.load()
        self._model = mean_hand if model is None else model
        self._encoder = WindowEncoder(mean_hand, network.layout, len(network.future))
        self._foresight = Foresight() if foresight is None else foresight
        super().__init__(network, ahead_s, backend)

    def _encode(self, window: Window) -> NetworkInput:
        return self._encoder.encode(window)

    def _root_m(self, location: np.ndarray) -> np.ndarray:
        return np.asarray(wrist_of_location(location))

    def _foresee(self, poses: Poses, regular_ns: int) -> tuple[Poses, Poses]:
        return self._foresight.look(poses, regular_ns)

    def _forget(self) -> None:
        self._encoder.reset()
        self._foresight.reset()

    def _nothing(self, window: Window, t_ns: np.ndarray) -> HandTrajectory:
        return HandTrajectory.lost(window.hand, t_ns)

    def _told(self, window: Window, state: SourceState, poses: Poses) -> HandTrajectory:
        rotations, wrist_m = poses.rotations, poses.wrist_m
        keypoints_m = self._model.keypoints(rotations)
        if window.hand == "left":
            rotations, keypoints_m, wrist_m = (
                mirror_rotations(rotations),
                mirror_points(keypoints_m),
                mirror_points(wrist_m),
            )
        return HandTrajectory(
            window.hand, state, window.t_now_ns, poses.t_ns, keypoints_m, wrist_m, rotations
        )


def load(
    path: str | Path,
    model: HandModel | None = None,
    ahead_s: float = AHEAD_S,
    backend: BackendChoice = "cpu",
) -> PoseBertStage:
    """The stage of a network file; one per hand, it keeps that hand's past.

    Args:
        path: an ONNX file written by training.
        model: the operator's hand; None is the mean hand.
        ahead_s: how far past the newest frame trajectories are to reach, if the network does.
        backend: where the network is computed.

    Raises:
        ModelError: the file cannot be read or is no such network, or the backend cannot be used.
    """
    return PoseBertStage(Path(path), model, ahead_s, backend=backend)
