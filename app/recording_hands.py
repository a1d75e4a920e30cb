"""What a recording keeps of one hand in one frame, to the last bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np

from models.observation import Hand, Observation
from models.trajectory import HandTrajectory
from robot import JointTrajectory, MessageError, RobotState
from robot.messages import decode_state, decode_trajectory, encode_state, encode_trajectory

NO_FRAME = -1
"""Index of records that no frame stands behind: a gap in which time went on."""

_ARRAY = 1  # code of the msgpack extension that holds an array
_NAME = "recorded"  # states are packed as their robot sends them, and need a name for their topic


@dataclass(frozen=True)
class HandRecord:
    """One hand in one frame: as it was seen, estimated, retargeted and sent, and what the robot measured.

    Attributes:
        index: of the source's frame; NO_FRAME for a gap.
        t_capture_ns: of that frame, or the time the gap had reached, on the run's clock.
        hand: the operator's.
        observation: what the window was given.
        earlier: observations of frames before it that the window was given with it, oldest first.
        trajectory: what the temporal stage made of it.
        q_rad: (K,n) the trajectory retargeted; NaN while the hand is lost.
        message: as it was sent.
        state: the robot's newest when the message had been sent; None without one.
        stage_ms: how long each stage took; empty for a gap.
        age_ms: capture to publish.
        ahead_ms: how far past capture the message is aimed.
        actuator_ms: how late the robot's joints were believed to be.
    """

    index: int
    t_capture_ns: int
    hand: Hand
    observation: Observation
    earlier: tuple[Observation, ...]
    trajectory: HandTrajectory
    q_rad: np.ndarray
    message: JointTrajectory
    state: RobotState | None
    stage_ms: dict[str, float]
    age_ms: float
    ahead_ms: float
    actuator_ms: float

    def pack(self) -> bytes:
        """One msgpack map."""
        trajectory = self.trajectory
        packed: bytes = msgpack.packb(
            {
                "index": self.index,
                "t_capture_ns": self.t_capture_ns,
                "hand": self.hand,
                "observation": _plain(self.observation),
                "earlier": [_plain(observation) for observation in self.earlier],
                "trajectory": {
                    "source_state": trajectory.source_state,
                    "t_ns": trajectory.t_ns,
                    "keypoints_m": trajectory.keypoints_m,
                    "wrist_m": trajectory.wrist_m,
                    "rotations": trajectory.rotations,
                },
                "q_rad": self.q_rad,
                "message": encode_trajectory(self.message),
                "state": None if self.state is None else encode_state(self.state, _NAME),
                "stage_ms": self.stage_ms,
                "age_ms": self.age_ms,
                "ahead_ms": self.ahead_ms,
                "actuator_ms": self.actuator_ms,
            },
            default=pack_array,
        )
        return packed


def unpack_hand_record(record: Any) -> HandRecord | None:
    """The record in a map of `HandRecord.pack`, unpacked with `unpack_array`; None if it is not one."""
    try:
        hand, t_capture_ns = record["hand"], record["t_capture_ns"]
        trajectory = record["trajectory"]
        state = record["state"]
        return HandRecord(
            index=int(record["index"]),
            t_capture_ns=t_capture_ns,
            hand=hand,
            observation=_observation(record["observation"], hand),
            earlier=tuple(_observation(earlier, hand) for earlier in record["earlier"]),
            trajectory=HandTrajectory(hand=hand, t_capture_ns=int(trajectory["t_ns"][0]), **trajectory),
            q_rad=record["q_rad"],
            message=decode_trajectory(record["message"]),
            state=None if state is None else decode_state(state),
            stage_ms=dict(record["stage_ms"]),
            age_ms=float(record["age_ms"]),
            ahead_ms=float(record["ahead_ms"]),
            actuator_ms=float(record["actuator_ms"]),
        )
    except (KeyError, IndexError, TypeError, ValueError, MessageError):
        return None


def unpack_array(code: int, data: bytes) -> Any:
    """msgpack's `ext_hook` for records.

    Raises:
        ValueError: it is no array.
    """
    if code != _ARRAY:
        raise ValueError(f"a record holds something of kind {code}")
    unpacker = msgpack.Unpacker()
    unpacker.feed(data)
    dtype, *shape = unpacker.unpack()
    return np.frombuffer(data, np.dtype(dtype), offset=unpacker.tell()).reshape(shape).copy()


def pack_array(value: Any) -> msgpack.ExtType:
    """msgpack's `default` for records.

    Raises:
        TypeError: it is no array.
    """
    if not isinstance(value, np.ndarray):
        raise TypeError(f"a record cannot hold a {type(value).__name__}")
    head = msgpack.packb([value.dtype.str, *value.shape])
    return msgpack.ExtType(_ARRAY, head + np.ascontiguousarray(value).tobytes())


def _plain(observation: Observation) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "t_capture_ns": observation.t_capture_ns,
        "detected": observation.detected,
        "image_size_px": list(observation.image_size_px),
        "score": observation.score,
    }
    if observation.detected:
        plain["keypoints_m"] = observation.keypoints_m
        plain["keypoints_px"] = observation.keypoints_px
        plain["depth_px"] = observation.depth_px
    return plain


def _observation(plain: dict[str, Any], hand: Hand) -> Observation:
    width, height = plain["image_size_px"]
    if not plain["detected"]:
        return Observation.missing(plain["t_capture_ns"], hand, (width, height))
    return Observation(
        t_capture_ns=plain["t_capture_ns"],
        hand=hand,
        detected=True,
        keypoints_m=plain["keypoints_m"],
        keypoints_px=plain["keypoints_px"],
        image_size_px=(width, height),
        score=plain["score"],
        depth_px=plain["depth_px"],
    )
