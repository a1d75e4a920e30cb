"""Programs that must not import PoseHand get its joint targets as lines of JSON."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from app.errors import UsageError
from app.settings import TeleopSettings
from app.target_stream import StreamPort, stream_targets
from retarget import load as load_retargeter
from robot import JointTrajectory

ROOT = Path(__file__).resolve().parents[1]


def test_the_first_line_is_the_pose_of_rest() -> None:
    out = io.BytesIO()
    StreamPort("left", out)
    line = json.loads(out.getvalue())
    retargeter = load_retargeter("allegro_left")
    assert (line["hand"], line["valid"], line["source_state"]) == ("left", False, "lost")
    assert line["joint_names"] == list(retargeter.joint_names)
    np.testing.assert_allclose(line["q_rad"], retargeter.home_rad[None])


def test_a_line_says_what_the_robot_would_be_sent() -> None:
    out = io.BytesIO()
    port = StreamPort("right", out)
    message = JointTrajectory(
        seq=1,
        hand="right",
        valid=True,
        source_state="predicting",
        t_capture_ns=5,
        t_publish_ns=7,
        joint_names=("a", "b"),
        t_ns=np.array([7, 9]),
        q_rad=np.array([[0.1, 0.2], [0.3, 0.4]]),
    )
    port.send(message)
    assert json.loads(out.getvalue().splitlines()[1]) == {
        "hand": "right",
        "valid": True,
        "source_state": "predicting",
        "t_capture_ns": 5,
        "t_publish_ns": 7,
        "joint_names": ["a", "b"],
        "t_ns": [7, 9],
        "q_rad": [[0.1, 0.2], [0.3, 0.4]],
    }


def test_targets_of_the_past_are_refused() -> None:
    with pytest.raises(UsageError, match="leave out --no-realtime"):
        stream_targets(TeleopSettings(realtime=False), io.BytesIO())


def test_a_run_streams_one_line_per_frame_and_leaves_nothing(
    hand_landmarker_asset: Path, small_video: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "app.target_stream", "--source", str(small_video)]
    command += ["--hand-model", str(hand_landmarker_asset), "--temporal", "none"]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "TEMP": str(tmp_path)}
    started_ns = time.monotonic_ns()
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert 2 <= len(lines) <= 60  # those of the pose of rest, of frames in time, and of gaps
    times_ns = [line["t_publish_ns"] for line in lines]
    assert started_ns < times_ns[0] < times_ns[-1] < time.monotonic_ns()
    assert not any(line["valid"] for line in lines)
    assert not list(tmp_path.glob("posehand-*"))


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["--source", "nowhere.mp4"], 1, "there is no source 'nowhere.mp4'"),
        (["--sorce", "x"], 2, "did you mean --source?; see python -m app.target_stream --help"),
        (["--no-realtime"], 2, "leave out --no-realtime"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments: list[str], status: int, says: str) -> None:
    command = [sys.executable, "-m", "app.target_stream", *arguments]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == status
    assert run.stdout == ""
    assert run.stderr.startswith("error: ")
    assert says in run.stderr
    assert run.stderr.count("\n") == 1
