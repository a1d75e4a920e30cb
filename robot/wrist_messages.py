"""What arm controllers are told: the operator's wrist, and where it leads the arm. msgpack on one frame.

The framing is that of `robot.messages`: topic, one space, a map. An instance of `WristPose` is always valid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from robot import fields as check
from robot import framing
from robot.allegro_model import HANDS, Hand
from robot.fields import MessageError
from robot.messages import SOURCE_STATES, SourceState

WristSource = Literal["hand", "body", "both"]
WRIST_SOURCES: tuple[WristSource, ...] = ("hand", "body", "both")
_SHORTEST = 0.1  # of the columns of a 6D rotation and of what Gram–Schmidt leaves of the second
_LONGEST = 10.0


@dataclass(frozen=True)
class WristPose:
    """One wrist at k instants, and the target it leads an arm to.

    Rotations are the first two columns of the matrix, row by row, as everywhere on the wire.

    Attributes:
        seq: number of the message, growing by one with each published.
        hand: the operator's hand.
        valid: whether the wrist is known; `position_m` and `rotation_6d` may hold NaN otherwise. The target
            always holds numbers: it rests where it was.
        source: what the wrist is measured by; None while it is not known.
        source_state: "tracking" (seen now), "predicting" (bridging a gap) or "lost".
        engaged: whether the clutch is: the wrist leads the target.
        engagement: grows by one whenever the wrist begins to lead anew. An arm that lags behind or that was
            stopped counts from where it then is, see docs/arms.md.
        t_capture_ns: when the newest frame behind it was captured, publisher's monotonic clock; 0 before the
            first.
        t_publish_ns: when it was handed to the socket, same clock.
        t_ns: (k,) int64 increasing instants, the first that of publication.
        position_m: (k,3) the wrist, camera frame (x right, y down, z forward).
        rotation_6d: (k,6) the hand's own axes in the camera frame: x out of the palm, z to the fingers.
        target_position_m: (k,3) how far the arm's flange is to go from its start, axes of the arm's base.
        target_rotation_6d: (k,6) how far it is to turn from its start, about the axes of the arm's base.

    Raises:
        MessageError: any field is of the wrong type, shape or range.
    """

    seq: int
    hand: Hand
    valid: bool
    source: WristSource | None
    source_state: SourceState
    engaged: bool
    engagement: int
    t_capture_ns: int
    t_publish_ns: int
    t_ns: np.ndarray
    position_m: np.ndarray
    rotation_6d: np.ndarray
    target_position_m: np.ndarray
    target_rotation_6d: np.ndarray

    def __post_init__(self) -> None:
        check.integer("seq", self.seq)
        check.choice("hand", self.hand, HANDS)
        check.boolean("valid", self.valid)
        if self.source is not None or self.valid:
            check.choice("source", self.source, WRIST_SOURCES)
        check.choice("source_state", self.source_state, SOURCE_STATES)
        if self.valid == (self.source_state == "lost"):
            raise MessageError(
                f"valid is {self.valid} and source_state {self.source_state}; a wrist is valid unless lost."
            )
        check.boolean("engaged", self.engaged)
        check.integer("engagement", self.engagement)
        check.integer("t_capture_ns", self.t_capture_ns)
        check.integer("t_publish_ns", self.t_publish_ns)
        t_ns = check.instants("t_ns", self.t_ns)
        check.assign(self, "t_ns", t_ns)
        k = len(t_ns)
        check.assign(
            self, "position_m", check.matrix("position_m", self.position_m, (k, 3), finite=self.valid)
        )
        turn = _rotation("rotation_6d", self.rotation_6d, k, finite=self.valid)
        check.assign(self, "rotation_6d", turn)
        target_m = check.matrix("target_position_m", self.target_position_m, (k, 3))
        check.assign(self, "target_position_m", target_m)
        turn = _rotation("target_rotation_6d", self.target_rotation_6d, k, finite=True)
        check.assign(self, "target_rotation_6d", turn)


def _rotation(name: str, value: object, k: int, finite: bool) -> np.ndarray:
    """(k,6), each of which stands for one rotation and no other."""
    array = check.matrix(name, value, (k, 6), finite=finite)
    if not finite and not np.isfinite(array).all():
        return array
    columns = array.reshape(k, 3, 2)
    lengths = np.linalg.norm(columns, axis=1)
    area = np.linalg.norm(np.cross(columns[:, :, 0], columns[:, :, 1]), axis=1)
    if (lengths < _SHORTEST).any() or (lengths > _LONGEST).any() or (area < _SHORTEST * lengths[:, 0]).any():
        raise MessageError(f"{name} holds columns that span no rotation; give the first two of its matrix.")
    return array


def rotation_6d(R: np.ndarray) -> np.ndarray:
    """(…,6) as on the wire, of rotation matrices (…,3,3)."""
    R = np.asarray(R)
    return R[..., :2].reshape(*R.shape[:-2], 6)


def rotation_matrix(sixd: np.ndarray) -> np.ndarray:
    """(…,3,3) of rotations (…,6) as on the wire, made orthogonal (Gram–Schmidt)."""
    columns = np.asarray(sixd).reshape(*np.shape(sixd)[:-1], 3, 2)
    x = columns[..., 0] / np.linalg.norm(columns[..., 0], axis=-1, keepdims=True)
    y = columns[..., 1] - np.sum(x * columns[..., 1], axis=-1, keepdims=True) * x
    y = y / np.linalg.norm(y, axis=-1, keepdims=True)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def wrist_topic(hand: Hand) -> bytes:
    """Topic of the wrist of one of the operator's hands."""
    return f"wrist/{hand}".encode()


def encode_wrist(wrist: WristPose) -> bytes:
    """The whole frame of `wrist`, topic included."""
    return framing.frame(wrist_topic(wrist.hand), framing.plain(wrist))


def decode_wrist(frame: bytes) -> WristPose:
    """The wrist in `frame`.

    Raises:
        MessageError: anything is wrong with it; no other exception, whatever the bytes.
    """
    topic, content = framing.unframe(frame)
    wrist = framing.build(WristPose, content)
    if topic != wrist_topic(wrist.hand):
        raise MessageError(
            f"A {wrist.hand} wrist came under the topic {topic[:40]!r}; "
            f"it belongs under {wrist_topic(wrist.hand)!r}."
        )
    return wrist
