"""PoseBERT live: a window of detections in, the hand now and in the next half second out; on onnxruntime."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, InvalidGraph, InvalidProtobuf

from models.canonical import decode_6d, wrist_of_location
from models.errors import ModelError
from models.hand_model import HandModel
from models.posebert_input import WindowEncoder
from models.rotations import mirror_points, mirror_rotations
from models.trajectory import HandTrajectory, SourceState
from models.window import SLOT_PERIOD_NS, Window

THREADS = 2
UNREADABLE = (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf)  # what a file that is no ONNX raises
# A hand unseen for longer is lost: by then it can be anywhere.
GAP_BRIDGED_S = 0.5
# Beyond this, robots had better be told anew than play on.
AHEAD_S = 0.5
# After a gap the estimate may differ from what was predicted; the difference fades with this time constant.
REJOIN_S = 0.08
_FADED = 0.01  # share of the difference below which it is dropped


class PoseBertStage:
    """The temporal stage that runs a trained network; see `models.temporal.TemporalStage`.

    Gaps: while nothing is detected the network predicts on, up to GAP_BRIDGED_S, then the hand is lost. When
    it is seen again before that, the difference between prediction and new estimate is faded out instead of
    jumped over. Works from the first detection on: slots before it are masked as any gap is.
    """

    name = "posebert"

    def __init__(self, file: Path, model: HandModel | None = None, ahead_s: float = AHEAD_S) -> None:
        """
        Args:
            file: written by `models.export`.
            model: the operator's hand, for the keypoints given out; None is the mean hand.
            ahead_s: how far past the newest frame trajectories are to reach; networks may know more.

        Raises:
            ModelError: the file cannot be read or is no such network.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.inter_op_num_threads = 1
        # Spinning between calls would take the cores from the detector.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            data = Path(file).read_bytes()
            self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
            about = json.loads(self._session.get_modelmeta().custom_metadata_map["posehand"])
        except OSError as error:
            reason = error.strerror or error
            raise ModelError(f"cannot read the network {file}: {reason}; check the path") from error
        except (KeyError, ValueError, *UNREADABLE) as error:
            raise ModelError(
                f"{file} is no network of this program; export one with launch.py train"
            ) from error
        mean_hand = HandModel.load()
        self._model = mean_hand if model is None else model
        instants = np.array([0, *about["future"]], dtype=np.int64)
        self._encoder = WindowEncoder(mean_hand, about["layout"], len(instants) - 1)
        self._instants = len(instants)
        self._ahead_ns = instants[instants * SLOT_PERIOD_NS <= ahead_s * 1e9] * SLOT_PERIOD_NS
        self.horizon_s = self._ahead_ns[1:] * 1e-9
        self._t_seen_ns: int | None = None
        self._last: tuple[np.ndarray, np.ndarray] | None = None  # t_ns (K,) and poses (K,99) given out last
        self._difference = np.zeros(0)  # (99,) predicted − estimated at the last re-detection
        self._t_rejoined_ns: int | None = None
        self._in_gap = False

    def update(self, window: Window) -> HandTrajectory:
        """The trajectory at now and the next instants, one slot apart."""
        t_now_ns = window.t_now_ns
        t_ns = t_now_ns + self._ahead_ns
        (seen,) = np.nonzero(window.observed)
        t_seen_ns = int(window.t_capture_ns[seen[-1]]) if len(seen) else None
        if t_seen_ns is None or (t_now_ns - t_seen_ns) * 1e-9 > GAP_BRIDGED_S:
            self.reset()
            return HandTrajectory.lost(window.hand, t_ns)
        tracking = bool(window.observed[-1])
        poses = self._estimate(window)
        poses = self._rejoined(poses, t_ns, tracking)
        self._last, self._in_gap = (t_ns, poses), not tracking
        rotations = decode_6d(poses[:, :96].reshape(-1, 16, 6))
        keypoints_m = self._model.keypoints(rotations)
        wrist_m = wrist_of_location(poses[:, 96:])
        if window.hand == "left":
            rotations, keypoints_m, wrist_m = (
                mirror_rotations(rotations),
                mirror_points(keypoints_m),
                mirror_points(wrist_m),
            )
        state: SourceState = "tracking" if tracking else "predicting"
        return HandTrajectory(window.hand, state, t_now_ns, t_ns, keypoints_m, wrist_m, rotations)

    def reset(self) -> None:
        """Forget the past: the next window starts a new hand."""
        self._encoder.reset()
        self._last = None
        self._t_rejoined_ns = None
        self._in_gap = False

    def _estimate(self, window: Window) -> np.ndarray:
        """(K,99) the network's poses."""
        given = self._encoder.encode(window)
        inputs = {"features": given.features, "observed": given.observed, "start": given.start}
        (pose,) = self._session.run(None, inputs)
        return pose[0, -self._instants :][: len(self._ahead_ns)].astype(np.float64)

    def _rejoined(self, poses: np.ndarray, t_ns: np.ndarray, tracking: bool) -> np.ndarray:
        """The poses, led over from what was predicted in the gap that has just ended."""
        if tracking and self._in_gap and self._last is not None:
            t_last_ns, last = self._last
            predicted = np.array([np.interp(t_ns[0], t_last_ns, column) for column in last.T])
            self._difference, self._t_rejoined_ns = predicted - poses[0], int(t_ns[0])
        if self._t_rejoined_ns is None:
            return poses
        fading = np.exp(-(t_ns - self._t_rejoined_ns) * 1e-9 / REJOIN_S)
        if fading[0] < _FADED:
            self._t_rejoined_ns = None
            return poses
        return poses + fading[:, None] * self._difference


def load(path: str | Path, model: HandModel | None = None, ahead_s: float = AHEAD_S) -> PoseBertStage:
    """The stage of a network file; one per hand, it keeps that hand's past.

    Args:
        path: an ONNX file written by training.
        model: the operator's hand; None is the mean hand.
        ahead_s: how far past the newest frame trajectories are to reach, if the network does.

    Raises:
        ModelError: the file cannot be read or is no such network.
    """
    return PoseBertStage(Path(path), model, ahead_s)
