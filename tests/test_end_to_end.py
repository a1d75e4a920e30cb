"""The whole path on real pixels: a video in, joint targets and a moving simulated hand out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import retarget
from app.opencv import cv2
from app.settings import TeleopSettings
from app.teleop import run_teleop

ROOT = Path(__file__).resolve().parent.parent
TIMINGS = ("stage_ms_", "age_ms")


def run(tmp_path: Path, source: Path, name: str = "run", **settings) -> dict[str, np.ndarray]:
    """Run headless on the file's own clock, without a video, which takes half the time; return the trace."""
    directory = tmp_path / name
    settings = {"video": False, **settings}
    run_teleop(
        TeleopSettings(source=str(source), headless=True, realtime=False, run_dir=directory, **settings)
    )
    with np.load(directory / "trace.npz") as data:
        return dict(data)


def assert_joints_are_legal(trace: dict[str, np.ndarray], hand: str) -> None:
    retargeter = retarget.load(f"allegro_{hand}")
    for name in ("q_rad", "q_sent_rad"):
        q_rad = trace[name]
        known = np.isfinite(q_rad).all(axis=1)
        assert np.isnan(q_rad[~known]).all(), "a row is either whole or empty"
        assert (q_rad[known] >= retargeter.lower_rad).all()
        assert (q_rad[known] <= retargeter.upper_rad).all()


@pytest.mark.usefixtures("hand_landmarker_asset")
def test_counting_hand_is_followed_in_every_frame(tmp_path, shared_data):
    trace = run(tmp_path, shared_data / "video" / "hand_counting.mp4", robot="none")
    assert len(trace["detected"]) == 621
    assert trace["detected"].mean() >= 0.99
    assert_joints_are_legal(trace, "right")
    assert np.isfinite(trace["q_rad"]).all()


@pytest.mark.usefixtures("hand_landmarker_asset")
def test_hand_that_enters_and_leaves_is_followed_while_it_is_there(tmp_path, shared_data):
    trace = run(tmp_path, shared_data / "video" / "hand_stereo_cam0.mp4", robot="none", hand="right")
    assert len(trace["detected"]) == 378
    assert trace["detected"].mean() >= 0.93
    assert_joints_are_legal(trace, "right")


@pytest.mark.usefixtures("hand_landmarker_asset")
def test_the_same_run_twice_gives_the_same_trace_and_a_video(tmp_path, shared_data):
    source = shared_data / "video" / "hand_counting.mp4"
    first = run(tmp_path, source, "first", robot="sim", max_frames=90, video=True)
    second = run(tmp_path, source, "second", robot="sim", max_frames=90)
    assert first.keys() == second.keys()
    for name in first:
        if not name.startswith(TIMINGS):
            np.testing.assert_array_equal(first[name], second[name], err_msg=name)
    report = json.loads((tmp_path / "first" / "report.json").read_text())
    assert report["frames"] == 90
    video = cv2.VideoCapture(str(tmp_path / "first" / "overview.mp4"))
    assert int(video.get(cv2.CAP_PROP_FRAME_COUNT)) == 90
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(30.0, rel=0.01)


@pytest.mark.usefixtures("hand_landmarker_asset")
def test_both_hands_have_a_trace_each(tmp_path, shared_data):
    source = shared_data / "video" / "hand_counting.mp4"
    trace = run(tmp_path, source, robot="none", hand="both", max_frames=30)
    assert trace["detected"].mean() >= 0.9
    with np.load(tmp_path / "run" / "trace_left.npz") as left:
        assert not left["detected"].any()
        assert np.isnan(left["q_rad"]).all()


@pytest.mark.usefixtures("hand_landmarker_asset")
def test_the_wrong_hand_in_view_is_said(tmp_path, shared_data, caplog):
    source = shared_data / "video" / "hand_counting.mp4"
    trace = run(tmp_path, source, robot="none", hand="left", max_frames=60)
    assert not trace["detected"].any()
    warnings = [record.message for record in caplog.records if "--hand right" in record.message]
    assert len(warnings) == 1


@pytest.mark.usefixtures("hand_landmarker_asset")
def test_two_hands_drive_two_robots(tmp_path, shared_data):
    trace = run(tmp_path, shared_data / "video" / "hand_two_hands.gif", robot="sim", hand="both")
    assert trace["detected"].mean() >= 0.8
    with np.load(tmp_path / "run" / "trace_left.npz") as left:
        assert left["detected"].mean() >= 0.8
        both = trace["detected"] & left["detected"]
        # The operator's right hand is on the left of an unmirrored picture.
        right_px = trace["keypoints_image_px"][both, 0, 0]
        left_px = left["keypoints_image_px"][both, 0, 0]
        assert (right_px < left_px).mean() > 0.95
        assert_joints_are_legal(dict(left), "left")
    assert_joints_are_legal(trace, "right")


@pytest.mark.usefixtures("hand_landmarker_asset")
def test_a_recording_replays_to_the_same_hand(tmp_path, shared_data):
    source = shared_data / "video" / "hand_counting.mp4"
    first = run(tmp_path, source, "first", robot="none", max_frames=40, record=tmp_path / "kept.rec")
    again = run(tmp_path, tmp_path / "kept.rec", "again", robot="none")
    np.testing.assert_array_equal(again["t_capture_s"], first["t_capture_s"])
    np.testing.assert_array_equal(again["detected"], first["detected"])
    np.testing.assert_allclose(again["keypoints_image_px"], first["keypoints_image_px"], atol=12.0)


@pytest.mark.usefixtures("hand_landmarker_asset")
def test_a_video_without_a_hand_moves_nothing(tmp_path, small_video):
    trace = run(tmp_path, small_video, robot="sim")
    assert not trace["detected"].any()
    assert np.isnan(trace["q_sent_rad"]).all()


def robot_pictures(path: Path) -> np.ndarray:
    """(frames,480,480,3) the right tile of an overview."""
    video = cv2.VideoCapture(str(path))
    pictures = []
    while (read := video.read())[0]:
        pictures.append(read[1][:, -480:].astype(int))
    return np.array(pictures)


@pytest.mark.usefixtures("hand_landmarker_asset")
def test_a_table_under_the_simulated_hand_is_in_the_video(tmp_path, small_video):
    run(tmp_path, small_video, "air", robot="sim", video=True)
    run(tmp_path, small_video, "table", robot="sim", video=True, scene="table", object="cube")
    air, table = (robot_pictures(tmp_path / name / "overview.mp4") for name in ("air", "table"))
    assert air.shape == table.shape == (20, 480, 480, 3)
    orange = (table[..., 2] > 2 * table[..., 0]) & (table[..., 2] > table[..., 1] + 40)
    assert (orange.sum(axis=(1, 2)) > 400).all(), "the cube is missing in some frames"
    assert not ((air[..., 2] > 2 * air[..., 0]) & (air[..., 2] > air[..., 1] + 40)).any()
    assert np.abs(air - table).mean() > 10


@pytest.fixture
def running(tmp_path, shared_data) -> Iterator[subprocess.Popen[str]]:
    """A live run, some seconds in, that leaves its results in tmp_path / "run"."""
    process = subprocess.Popen(
        [
            *(sys.executable, "launch.py", "teleop", "--robot", "sim", "--headless"),
            *(
                "--source",
                str(shared_data / "video" / "hand_counting.mp4"),
                "--run-dir",
                str(tmp_path / "run"),
            ),
        ],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    spool = tmp_path / "run" / ".camera"
    deadline_s = time.monotonic() + 60
    while not (spool.exists() and any(file.stat().st_size > 500_000 for file in spool.iterdir())):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline_s
        time.sleep(0.1)
    yield process
    if process.poll() is None:
        process.kill()
        process.wait()


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
@pytest.mark.usefixtures("hand_landmarker_asset")
def test_ctrl_c_ends_the_run_with_its_results(tmp_path, running):
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=60)
    assert running.returncode == 0, stderr
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert 0 < report["frames"] < 621
    assert (tmp_path / "run" / "overview.mp4").exists()


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no such signal there")
@pytest.mark.usefixtures("hand_landmarker_asset", "heeded_hangups")
def test_a_lost_terminal_ends_the_run_with_its_results(tmp_path, request):
    running = request.getfixturevalue("running")  # only now, so that it heeds the signal
    running.stderr.close()  # nobody hears what is said any more
    for _ in range(2):  # the shell and the system both tell
        running.send_signal(signal.SIGHUP)
    running.wait(timeout=60)
    assert running.returncode == 0
    assert json.loads((tmp_path / "run" / "report.json").read_text())["frames"] > 0
    assert (tmp_path / "run" / "trace.npz").exists()
    assert (tmp_path / "run" / "overview.mp4").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed differently there")
@pytest.mark.usefixtures("hand_landmarker_asset")
def test_a_robot_server_that_dies_ends_the_run_in_one_sentence_and_loses_nothing(tmp_path, running):
    os.kill(robot_server_of(running.pid), signal.SIGKILL)
    _, stderr = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "Traceback" not in stderr
    assert stderr.strip().splitlines()[-1].startswith("error: ")
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["frames"] > 0


def robot_server_of(pid: int) -> int:
    """The process id of the robot server that the process `pid` started."""
    listing = subprocess.run(
        ["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True
    ).stdout
    for line in listing.splitlines()[1:]:
        child, parent, arguments = line.split(None, 2)
        if int(parent) == pid and "robot.server" in arguments:
            return int(child)
    raise AssertionError(f"no robot server under {pid} in:\n{listing}")
