"""Recordings to export, made without a camera: every number in them is known."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from app.frame import Frame
from app.recording import RecordingWriter
from app.recording_hands import NO_FRAME, HandRecord
from models.observation import Hand, Observation
from models.trajectory import HandTrajectory
from robot import JointTrajectory, RobotState

SIZE_PX = (64, 48)
JOINTS = tuple(f"joint_{i}" for i in range(4))
START_NS = 7_000_000_000_000
PERIOD_NS = 33_333_333
FUTURE_NS = (0, 50_000_000, 100_000_000)


def t_capture_ns(index: float) -> int:
    """When frame `index` was captured: 30 Hz, up to 4 ms early or late."""
    return START_NS + round(index * PERIOD_NS) + round(4e6 * np.sin(2.0 * index))


def make_frame(index: int) -> Frame:
    """A reddish frame whose brightness tells its index: it grows by 4 with each, forty times over."""
    image = np.empty((SIZE_PX[1], SIZE_PX[0], 3), np.uint8)
    image[:] = np.array([20, 40, 90]) + 4 * (index % 40)
    return Frame(index, t_capture_ns(index), image)


def assert_shows(colour_bgr: np.ndarray, index: int) -> None:
    """The colour (3,), blue, green, red from 0 to 255, is that of frame `index`, as videos keep it."""
    wanted_bgr = make_frame(index).image[0, 0].astype(float)
    assert abs(colour_bgr.mean() - wanted_bgr.mean()) < 3.0, index
    assert np.abs(colour_bgr - wanted_bgr).max() < 8.0, index


def make_record(
    index: float, hand: Hand = "right", lost: bool = False, robot: bool = True, framed: bool = True
) -> HandRecord:
    """The record of frame `index`, or of a gap at that time; joint j is sent to index/100 + j."""
    t_ns = t_capture_ns(index)
    times_ns = np.array([t_ns + ahead for ahead in FUTURE_NS])
    hand_m = np.linspace(0.0, 0.1, 63).reshape(21, 3) + 0.001 * index
    observation = Observation(t_ns, hand, True, hand_m, hand_m[:, :2] * 100.0, SIZE_PX, 0.9, np.zeros(21))
    trajectory = HandTrajectory(
        hand=hand,
        source_state="tracking" if framed else "predicting",
        t_capture_ns=t_ns,
        t_ns=times_ns,
        keypoints_m=np.stack([hand_m] * 3),
        wrist_m=np.full((3, 3), 0.5),
        rotations=np.tile(np.eye(3), (3, 16, 1, 1)),
    )
    q_rad = index / 100.0 + np.arange(4.0) + np.array([0.0, 0.01, 0.02])[:, None]
    if lost or not framed:
        observation = Observation.missing(t_ns, hand, SIZE_PX)
    if lost:
        trajectory = HandTrajectory.lost(hand, times_ns)
    message = JointTrajectory(
        seq=round(index) + 1,
        hand=hand,
        valid=not lost,
        source_state=trajectory.source_state,
        t_capture_ns=t_ns,
        t_publish_ns=t_ns + 40_000_000,
        joint_names=JOINTS,
        t_ns=times_ns[:1] if lost else times_ns + 40_000_000,
        q_rad=np.zeros((1, 4)) if lost else q_rad,
    )
    state = RobotState(
        seq=round(index),
        t_ns=t_ns,
        mode="TRACKING",
        joint_names=JOINTS[::-1],  # a robot has an order of its own
        q_rad=(index / 100.0 + np.arange(4.0) - 0.05)[::-1].copy(),
        dq_rad_s=np.zeros(4),
        target_rad=np.zeros(4),
    )
    return HandRecord(
        index=int(index) if framed else NO_FRAME,
        t_capture_ns=t_ns,
        hand=hand,
        observation=observation,
        earlier=(),
        trajectory=trajectory,
        q_rad=q_rad,
        message=message,
        state=state if robot else None,
        stage_ms={"capture": 1.0, "detect": 20.0 + index},
        age_ms=40.0,
        ahead_ms=55.0,
        actuator_ms=15.0,
    )


def write_recording(
    directory: Path,
    frames: Iterable[Frame],
    records: Iterable[HandRecord],
    run: dict[str, Any] | None = None,
    size_px: tuple[int, int] = SIZE_PX,
) -> Path:
    """Record frames and hands; the directory."""
    facts = run if run is not None else {"versions": {"numpy": "x"}, "settings": {"mirror": False}}
    with RecordingWriter(directory, size_px, 30.0, blocking=True, source="camera 0", run=facts) as writer:
        for frame in frames:
            writer.write(frame)
        writer.write_records(list(records))
    return directory


def record_usual(directory: Path, count: int = 60, hands: tuple[Hand, ...] = ("right",)) -> Path:
    """A recording of `count` frames; the hand is lost in frames 10 to 14."""
    records = [make_record(i, hand, lost=10 <= i < 15) for i in range(count) for hand in hands]
    return write_recording(directory, map(make_frame, range(count)), records)


def export_with_little_room(call: str, room_bytes: int) -> str:
    """What an AppError says of an export in a process of its own, where no file may be larger than that.

    Args:
        call: of a function in app.export, for example "rerun.export_rerun(Path('a'), Path('b'))".
        room_bytes: the largest file that can be written.
    """
    module = call.partition(".")[0]
    lines = [
        "import resource",
        "from pathlib import Path",
        f"from app.export import {module}",
        "from app.errors import AppError",
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room_bytes}, {room_bytes}))",
        f"try: {call}",
        "except AppError as error: print(error)",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=Path(__file__).resolve().parent.parent,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
