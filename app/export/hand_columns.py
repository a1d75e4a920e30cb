"""What a recording knows of one hand, as columns over time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from app.errors import AppError
from app.recording_hands import NO_FRAME, HandRecord
from models.observation import Hand
from robot import RobotState


@dataclass(frozen=True)
class HandColumns:
    """One hand over N records, in the order of time; NaN where nothing is known.

    Attributes:
        hand: the operator's.
        joint_names: n names of the robot's joints.
        t_capture_ns: (N,) int64.
        framed: (N,) bool, False for gaps between frames.
        source_state: (N,) str, "tracking", "predicting" or "lost".
        detected: (N,) bool.
        keypoints_m: (N,21,3) the estimate for the instant of capture, relative to the wrist, camera axes.
        keypoints_px: (N,21,2) as detected, pixels.
        wrist_m: (N,3) estimate, camera frame.
        measured_rad: (N,n) joint angles the robot had told when the message was sent.
        mode: (N,) str, the robot's mode; empty while it had not told any.
        commanded_rad: (N,n) what the robot was told to do at the moment of sending, see `_commanded_rad`.
        age_ms: (N,) from capture to sending.
    """

    hand: Hand
    joint_names: tuple[str, ...]
    t_capture_ns: np.ndarray
    framed: np.ndarray
    source_state: np.ndarray
    detected: np.ndarray
    keypoints_m: np.ndarray
    keypoints_px: np.ndarray
    wrist_m: np.ndarray
    measured_rad: np.ndarray
    mode: np.ndarray
    commanded_rad: np.ndarray
    age_ms: np.ndarray

    def at(self, t_ns: np.ndarray) -> HandColumns:
        """The records nearest to the moments t_ns (K,), of two equally near the earlier; K rows."""
        after = np.clip(np.searchsorted(self.t_capture_ns, t_ns), 0, len(self.t_capture_ns) - 1)
        before = np.maximum(after - 1, 0)
        earlier = np.abs(t_ns - self.t_capture_ns[before]) <= np.abs(self.t_capture_ns[after] - t_ns)
        return self._rows(np.where(earlier, before, after))

    def _rows(self, rows: np.ndarray) -> HandColumns:
        values = (getattr(self, f.name) for f in fields(self))
        return HandColumns(*(v[rows] if isinstance(v, np.ndarray) else v for v in values))


def read_hands(records: Iterable[HandRecord], name: str) -> dict[Hand, HandColumns]:
    """Columns of every hand in the records, right first.

    Args:
        records: of one recording.
        name: of the recording, for the error.

    Raises:
        AppError: there is no record, or the robot hand changed on the way.
    """
    by_hand: dict[Hand, list[_Row]] = {}
    joint_names: dict[Hand, tuple[str, ...]] = {}
    for record in records:
        names = joint_names.setdefault(record.hand, record.message.joint_names)
        if record.message.joint_names != names:
            raise AppError(f"{name} drives another robot hand from record {record.index} on: it is damaged")
        by_hand.setdefault(record.hand, []).append(_Row.of(record))
    if not by_hand:
        raise AppError(
            f"{name} tells nothing about hands, only images: record it anew with "
            f"python launch.py replay {name} --detect --hand right --record DIR"
        )
    hands: tuple[Hand, ...] = ("right", "left")
    return {hand: _columns(hand, joint_names[hand], by_hand[hand]) for hand in hands if hand in by_hand}


@dataclass(frozen=True)
class _Row:
    """What is kept of a record: a tenth of it, as an hour of them is held in memory."""

    t_capture_ns: int
    framed: bool
    source_state: str
    detected: bool
    keypoints_m: np.ndarray
    keypoints_px: np.ndarray
    wrist_m: np.ndarray
    measured_rad: np.ndarray
    mode: str
    valid: bool
    sent_rad: np.ndarray
    age_ms: float

    @staticmethod
    def of(record: HandRecord) -> _Row:
        message, state = record.message, record.state
        unknown = np.full(len(message.joint_names), np.nan)
        return _Row(
            t_capture_ns=record.t_capture_ns,
            framed=record.index != NO_FRAME,
            source_state=record.trajectory.source_state,
            detected=record.observation.detected,
            keypoints_m=record.trajectory.keypoints_m[0].copy(),
            keypoints_px=record.observation.keypoints_px,
            wrist_m=record.trajectory.wrist_m[0].copy(),
            measured_rad=unknown if state is None else _ordered(state, message.joint_names),
            mode="" if state is None else state.mode,
            valid=message.valid,
            sent_rad=message.q_rad[0].copy(),
            age_ms=record.age_ms,
        )


def _ordered(state: RobotState, joint_names: tuple[str, ...]) -> np.ndarray:
    """The measured angles in the order of the message, (n,); NaN for joints the robot does not tell."""
    measured_rad = dict(zip(state.joint_names, state.q_rad, strict=True))
    return np.array([measured_rad.get(name, np.nan) for name in joint_names])


def _columns(hand: Hand, joint_names: tuple[str, ...], rows: Sequence[_Row]) -> HandColumns:
    rows = sorted(rows, key=lambda row: row.t_capture_ns)
    measured_rad = filled(np.array([row.measured_rad for row in rows]))
    return HandColumns(
        hand=hand,
        joint_names=joint_names,
        t_capture_ns=np.array([row.t_capture_ns for row in rows], dtype=np.int64),
        framed=np.array([row.framed for row in rows]),
        source_state=np.array([row.source_state for row in rows]),
        detected=np.array([row.detected for row in rows]),
        keypoints_m=np.array([row.keypoints_m for row in rows]),
        keypoints_px=np.array([row.keypoints_px for row in rows]),
        wrist_m=np.array([row.wrist_m for row in rows]),
        measured_rad=measured_rad,
        mode=np.array([row.mode for row in rows]),
        commanded_rad=_commanded_rad(rows, measured_rad),
        age_ms=np.array([row.age_ms for row in rows]),
    )


def _commanded_rad(rows: Sequence[_Row], measured_rad: np.ndarray) -> np.ndarray:
    """(N,n) what each message told the robot to do when it was sent.

    While the hand is lost a message says that there is nothing to follow, and the robot holds: that is the
    target before it again. Before the first target nothing drives the robot: that is where its joints are,
    or, where no robot tells, what the message holds.
    """
    commanded_rad = np.empty_like(measured_rad)
    last_rad: np.ndarray | None = None
    for i, row in enumerate(rows):
        if row.valid:
            last_rad = row.sent_rad
        if last_rad is not None:
            commanded_rad[i] = last_rad
        else:
            commanded_rad[i] = np.where(np.isnan(measured_rad[i]), row.sent_rad, measured_rad[i])
    return commanded_rad


def filled(values: np.ndarray) -> np.ndarray:
    """Values (N,n) with each NaN replaced by the number before it, at the start by the first number after."""
    values = np.array(values, dtype=np.float64)
    for column in values.T:
        known = np.flatnonzero(~np.isnan(column))
        if len(known):
            latest = np.searchsorted(known, np.arange(len(column)), side="right") - 1
            column[:] = column[known[np.maximum(latest, 0)]]
    return values
