"""The message that tells how the operator's body moves, on topic `body`; no robot server takes it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from robot import fields as check
from robot import framing
from robot.fields import MessageError
from robot.messages import MAX_MESSAGE_BYTES, SOURCE_STATES, MetaValue, SourceState

BODY_TOPIC = b"body"
JOINTS, KEYPOINTS = 24, 17  # of SMPL, of Human3.6M
MAX_BODY_INSTANTS = 20  # with which the largest message has 36 kB
_MAX_CONTAINERS = 1024  # 44 lists an instant


@dataclass(frozen=True)
class BodyPose:
    """The operator's body at some instants.

    Attributes:
        seq: number of the message, growing by one with each published.
        valid: False when there is nothing to follow; the arrays may then hold NaN.
        source_state: "tracking" (seen now), "predicting" (bridging a gap) or "lost".
        t_capture_ns: when the newest frame behind it was captured, publisher's monotonic clock.
        t_publish_ns: when it was published, same clock.
        joint_names: the 24 joints of SMPL, the order of `rotations_6d`.
        keypoint_names: the 17 keypoints of Human3.6M, the order of `keypoints_m`.
        t_ns: (k,) int64 increasing instants, the first that of capture, same clock.
        rotations_6d: (k,24,6) first two columns of each joint's rotation matrix, row by row; the first takes
            SMPL's rest pose to camera axes (x right, y down, z forward), each other acts inside its parent's.
        keypoints_m: (k,17,3) metres, relative to the hip, camera axes.
        hip_m: (k,3) the hip keypoint in the camera frame, metres.
        meta: small extras.

    Raises:
        MessageError: any field is of the wrong type, shape or range.
    """

    seq: int
    valid: bool
    source_state: SourceState
    t_capture_ns: int
    t_publish_ns: int
    joint_names: tuple[str, ...]
    keypoint_names: tuple[str, ...]
    t_ns: np.ndarray
    rotations_6d: np.ndarray
    keypoints_m: np.ndarray
    hip_m: np.ndarray
    meta: dict[str, MetaValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check.integer("seq", self.seq)
        check.boolean("valid", self.valid)
        check.choice("source_state", self.source_state, SOURCE_STATES)
        if self.valid and self.source_state == "lost":
            raise MessageError("A body message is valid and lost at once; it must be one of them.")
        check.integer("t_capture_ns", self.t_capture_ns)
        check.integer("t_publish_ns", self.t_publish_ns)
        t_ns = check.instants("t_ns", self.t_ns)
        k = len(t_ns)
        if k > MAX_BODY_INSTANTS:
            raise MessageError(f"t_ns has {k} instants; a body has at most {MAX_BODY_INSTANTS}.")
        check.assign(self, "t_ns", t_ns)
        for name, count in (("joint_names", JOINTS), ("keypoint_names", KEYPOINTS)):
            names = check.names(name, getattr(self, name))
            if len(names) != count:
                raise MessageError(f"{name} has {len(names)} names; a body has {count}.")
            check.assign(self, name, names)
        for name, shape in (("rotations_6d", (k, JOINTS, 6)), ("keypoints_m", (k, KEYPOINTS, 3))):
            check.assign(self, name, check.matrices(name, getattr(self, name), shape, finite=self.valid))
        check.assign(self, "hip_m", check.matrix("hip_m", self.hip_m, (k, 3), finite=self.valid))
        check.assign(self, "meta", check.meta("meta", self.meta))


def encode_body_pose(pose: BodyPose) -> bytes:
    """The whole frame of `pose`, topic included.

    Raises:
        MessageError: it takes more bytes than are accepted, as long texts in `meta` can.
    """
    frame = framing.frame(BODY_TOPIC, framing.plain(pose))
    if len(frame) > MAX_MESSAGE_BYTES:
        raise MessageError(f"A body takes {len(frame)} bytes; at most {MAX_MESSAGE_BYTES} are accepted.")
    return frame


def decode_body_pose(frame: bytes) -> BodyPose:
    """The body in `frame`.

    Raises:
        MessageError: anything is wrong with it; no other exception, whatever the bytes.
    """
    topic, content = framing.unframe(frame, _MAX_CONTAINERS)
    if topic != BODY_TOPIC:
        raise MessageError(
            f"A body came under the topic {check.shorten(topic[:40])}; it belongs under {BODY_TOPIC!r}."
        )
    return framing.build(BodyPose, content)
