"""The messages between pipeline and robot: `JointTrajectory` in, `RobotState` out, msgpack on one frame.

A frame is `topic + b" " + payload`; one frame per message keeps it safe for ZeroMQ's CONFLATE. An instance of
these classes is always valid: the constructor checks everything, so nothing malformed gets past decoding.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from robot import fields as check
from robot import framing
from robot.allegro_model import HANDS, Hand
from robot.fields import MessageError
from robot.framing import MAX_MESSAGE_BYTES, VERSION
from robot.scene import SceneState

__all__ = [
    "MAX_MESSAGE_BYTES",
    "MAX_REQUEST_BYTES",
    "MODES",
    "SOURCE_STATES",
    "VERSION",
    "JointTrajectory",
    "MessageError",
    "Mode",
    "RobotState",
    "SourceState",
    "WristTrajectory",
    "decode_state",
    "decode_trajectory",
    "encode_state",
    "encode_trajectory",
    "state_topic",
    "target_topic",
]

MAX_CONTACTS = 16
MAX_REQUEST_BYTES = MAX_MESSAGE_BYTES + 256  # a request may carry a message

SourceState = Literal["tracking", "predicting", "lost"]
SOURCE_STATES: tuple[SourceState, ...] = ("tracking", "predicting", "lost")
Mode = Literal["DISARMED", "ENGAGING", "TRACKING", "HOLD", "STOPPED"]
MODES: tuple[Mode, ...] = ("DISARMED", "ENGAGING", "TRACKING", "HOLD", "STOPPED")

MetaValue = bool | int | float | str | None


@dataclass(frozen=True)
class WristTrajectory:
    """Where the operator's wrist is going, camera frame (x right, y down, z forward).

    Attributes:
        t_ns: (k,) int64 increasing instants, on the publisher's clock.
        position_m: (k,3) float64.
        rotation_6d: (k,6) float64, the first two columns of the rotation matrix, row by row.
    """

    t_ns: np.ndarray
    position_m: np.ndarray
    rotation_6d: np.ndarray

    def __post_init__(self) -> None:
        t_ns = check.instants("wrist.t_ns", self.t_ns)
        check.assign(self, "t_ns", t_ns)
        check.assign(self, "position_m", check.matrix("wrist.position_m", self.position_m, (len(t_ns), 3)))
        check.assign(self, "rotation_6d", check.matrix("wrist.rotation_6d", self.rotation_6d, (len(t_ns), 6)))


@dataclass(frozen=True)
class JointTrajectory:
    """Where the joints shall be at which instants; the one message that moves a robot.

    Attributes:
        seq: number of the message, growing by one with each published.
        hand: the operator's hand it was made from.
        valid: False when there is nothing to follow; `q_rad` may then hold NaN.
        source_state: "tracking" (seen now), "predicting" (bridging a gap) or "lost".
        t_capture_ns: when the newest frame behind it was captured, publisher's monotonic clock.
        t_publish_ns: when it was handed to the socket, same clock.
        joint_names: n joint names, the order of the columns of `q_rad`.
        t_ns: (k,) int64 increasing instants, the first about now, same clock.
        q_rad: (k,n) float64 joint angles, rad.
        wrist: motion of the wrist, where it is known.
        meta: small extras; `clock_offset_ns` (server clock minus publisher clock) is understood by the
            server.

    Raises:
        MessageError: any field is of the wrong type, shape or range.
    """

    seq: int
    hand: Hand
    valid: bool
    source_state: SourceState
    t_capture_ns: int
    t_publish_ns: int
    joint_names: tuple[str, ...]
    t_ns: np.ndarray
    q_rad: np.ndarray
    wrist: WristTrajectory | None = None
    meta: dict[str, MetaValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check.integer("seq", self.seq)
        check.choice("hand", self.hand, HANDS)
        check.boolean("valid", self.valid)
        check.choice("source_state", self.source_state, SOURCE_STATES)
        check.integer("t_capture_ns", self.t_capture_ns)
        check.integer("t_publish_ns", self.t_publish_ns)
        names = check.names("joint_names", self.joint_names)
        t_ns = check.instants("t_ns", self.t_ns)
        shape = (len(t_ns), len(names))
        check.assign(self, "joint_names", names)
        check.assign(self, "t_ns", t_ns)
        check.assign(self, "q_rad", check.matrix("q_rad", self.q_rad, shape, finite=self.valid))
        if self.wrist is not None and not isinstance(self.wrist, WristTrajectory):
            raise MessageError(
                f"wrist is a {type(self.wrist).__name__}; it must be a WristTrajectory or None."
            )
        check.assign(self, "meta", check.meta("meta", self.meta))


@dataclass(frozen=True)
class RobotState:
    """What the robot server says about its robot, many times a second.

    Attributes:
        seq: number of the message.
        t_ns: the server's monotonic clock.
        mode: one of `MODES`.
        joint_names: n joint names in the robot's own order.
        q_rad, dq_rad_s: (n,) measured joint angles and speeds.
        target_rad: (n,) what the joints are driven to after all limits; the measured angles while nothing
            drives them.
        limits_hit: how many joint targets had to be clipped to a joint limit since the server started.
        fault: why the robot was stopped, one sentence; empty when there is none.
        counters: how often each guard spoke since the server started, by name (`supervisor_config.Counters`).
        contact_n: force on each fingertip, newton, thumb, index, middle, ring; empty where it is not known.
        scene: where the palm and what is to be grasped are; None where nobody knows, as with a real hand.

    Raises:
        MessageError: any field is of the wrong type, shape or range.
    """

    seq: int
    t_ns: int
    mode: Mode
    joint_names: tuple[str, ...]
    q_rad: np.ndarray
    dq_rad_s: np.ndarray
    target_rad: np.ndarray
    limits_hit: int = 0
    fault: str = ""
    counters: dict[str, int] = field(default_factory=dict)
    contact_n: np.ndarray = field(default_factory=lambda: np.empty(0))
    scene: SceneState | None = None

    def __post_init__(self) -> None:
        check.integer("seq", self.seq)
        check.integer("t_ns", self.t_ns)
        check.choice("mode", self.mode, MODES)
        names = check.names("joint_names", self.joint_names)
        check.assign(self, "joint_names", names)
        for name in ("q_rad", "dq_rad_s", "target_rad"):
            check.assign(self, name, check.vector(name, getattr(self, name), len(names)))
        check.integer("limits_hit", self.limits_hit)
        check.text("fault", self.fault, 1000)
        check.assign(self, "counters", check.counts("counters", self.counters))
        check.assign(self, "contact_n", check.numbers("contact_n", self.contact_n, MAX_CONTACTS))
        if self.scene is not None and not isinstance(self.scene, SceneState):
            raise MessageError(f"scene is a {type(self.scene).__name__}; it must be a SceneState or None.")


def target_topic(hand: Hand) -> bytes:
    """Topic of the joint targets of one of the operator's hands."""
    return f"target/{hand}".encode()


def state_topic(robot: str) -> bytes:
    """Topic of the state of the robot of that name."""
    return f"state/{robot}".encode()


def encode_trajectory(trajectory: JointTrajectory) -> bytes:
    """The whole frame of `trajectory`, topic included.

    Raises:
        MessageError: it takes more bytes than a server accepts, as long texts in `meta` can.
    """
    frame = framing.frame(target_topic(trajectory.hand), framing.plain(trajectory))
    if len(frame) > MAX_MESSAGE_BYTES:
        raise MessageError(
            f"A trajectory takes {len(frame)} bytes; at most {MAX_MESSAGE_BYTES} are accepted: shorten meta."
        )
    return frame


def decode_trajectory(frame: bytes) -> JointTrajectory:
    """The trajectory in `frame`.

    Raises:
        MessageError: anything is wrong with it; no other exception, whatever the bytes.
    """
    topic, content = framing.unframe(frame)
    framing.build_part(WristTrajectory, content, "wrist")
    trajectory = framing.build(JointTrajectory, content)
    if topic != target_topic(trajectory.hand):
        raise MessageError(
            f"A trajectory of the {trajectory.hand} hand came under the topic {topic[:40]!r}; "
            f"it belongs under {target_topic(trajectory.hand)!r}."
        )
    return trajectory


def encode_state(state: RobotState, robot: str) -> bytes:
    """The whole frame of `state`, published by the robot of that name."""
    return framing.frame(state_topic(robot), framing.plain(state))


def decode_state(frame: bytes) -> RobotState:
    """The robot state in `frame`.

    Raises:
        MessageError: anything is wrong with it; no other exception, whatever the bytes.
    """
    _, content = framing.unframe(frame)
    framing.build_part(SceneState, content, "scene")
    return framing.build(RobotState, content)
