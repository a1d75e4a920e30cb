"""What a recording keeps of the body in one frame, to the last bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgpack

from app.recording_hands import pack_array
from models.body_observation import BodyObservation
from models.body_trajectory import BodyTrajectory
from robot import MessageError
from robot.body_pose import BodyPose, decode_body_pose, encode_body_pose


@dataclass(frozen=True)
class BodyRecord:
    """The body in one frame: as it was seen, estimated and published.

    Attributes:
        index: of the source's frame; NO_FRAME for a gap.
        t_capture_ns: of that frame, or the time the gap had reached, on the run's clock.
        observation: what the window was given.
        earlier: observations of frames before it that the window was given with it, oldest first.
        trajectory: what the temporal stage made of it.
        message: as it was published, or would have been.
        stage_ms: how long each stage took; empty for a gap.
    """

    index: int
    t_capture_ns: int
    observation: BodyObservation
    earlier: tuple[BodyObservation, ...]
    trajectory: BodyTrajectory
    message: BodyPose
    stage_ms: dict[str, float]

    def pack(self) -> bytes:
        """One msgpack map."""
        trajectory = self.trajectory
        packed: bytes = msgpack.packb(
            {
                "index": self.index,
                "t_capture_ns": self.t_capture_ns,
                "observation": _plain(self.observation),
                "earlier": [_plain(observation) for observation in self.earlier],
                "trajectory": {
                    "source_state": trajectory.source_state,
                    "t_ns": trajectory.t_ns,
                    "keypoints_m": trajectory.keypoints_m,
                    "hip_m": trajectory.hip_m,
                    "rotations": trajectory.rotations,
                },
                "message": encode_body_pose(self.message),
                "stage_ms": self.stage_ms,
            },
            default=pack_array,
        )
        return packed


def unpack_body_record(record: Any) -> BodyRecord | None:
    """The record in a map of `BodyRecord.pack`, unpacked with `unpack_array`; None if it is not one."""
    try:
        trajectory = record["trajectory"]
        return BodyRecord(
            index=int(record["index"]),
            t_capture_ns=int(record["t_capture_ns"]),
            observation=_observation(record["observation"]),
            earlier=tuple(_observation(earlier) for earlier in record["earlier"]),
            trajectory=BodyTrajectory(t_capture_ns=int(trajectory["t_ns"][0]), **trajectory),
            message=decode_body_pose(record["message"]),
            stage_ms=dict(record["stage_ms"]),
        )
    except (KeyError, IndexError, TypeError, ValueError, MessageError):
        return None


def _plain(observation: BodyObservation) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "t_capture_ns": observation.t_capture_ns,
        "detected": observation.detected,
        "image_size_px": list(observation.image_size_px),
    }
    if observation.detected:
        plain["keypoints_m"] = observation.keypoints_m
        plain["keypoints_px"] = observation.keypoints_px
        plain["score"] = observation.score
    return plain


def _observation(plain: dict[str, Any]) -> BodyObservation:
    width, height = plain["image_size_px"]
    if not plain["detected"]:
        return BodyObservation.missing(plain["t_capture_ns"], (width, height))
    return BodyObservation(
        t_capture_ns=plain["t_capture_ns"],
        detected=True,
        keypoints_m=plain["keypoints_m"],
        keypoints_px=plain["keypoints_px"],
        score=plain["score"],
        image_size_px=(width, height),
    )
