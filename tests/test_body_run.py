"""Runs with --body: what is published, kept and counted, and that no robot hears of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zmq
from body_run_examples import (
    ALONE,
    FRAME_NS,
    HIP_M,
    SIZE_PX,
    FakeBodyDetector,
    FakeHandDetector,
    Pictures,
    body_detector,
    body_seen,
    trace_of,
    waving,
)
from test_body_model import smpl_content

from app.body_lane import BodyLane
from app.body_sight import BodyEyes
from app.body_trace import BODY_STAGES
from app.clock import FileClock, MonotonicClock
from app.errors import AppError, UsageError
from app.frame import Frame
from app.recording import RecordingReader
from app.recording_settings import recorded_settings
from app.robot_port import NoRobot
from app.run_camera import RunCamera
from app.seeing import Eyes
from app.settings import check_settings
from app.target_stream import stream_targets
from app.teleop import RunResult, run_teleop
from app.timing import StageTimer
from models.body_input import BODY_IN_DIM
from models.body_observation import BodyObservation
from models.body_temporal import load_body_temporal
from models.errors import ModelError
from models.export import export_onnx
from models.posebert import BODY_GROUPS, FUTURE_SLOTS, PoseBert, PoseBertConfig
from robot.body_pose import decode_body_pose, encode_body_pose

__all__ = ["body_detector"]  # a fixture


def run(tmp_path: Path, frames: int = 20, name: str = "run", **changes: Any) -> RunResult:
    settings = replace(ALONE, run_dir=tmp_path / name, **changes)
    return run_teleop(settings, source=Pictures(frames))


def test_a_body_alone_is_traced_and_counted(tmp_path, body_detector):
    body_detector.gap = range(8, 11)
    report = run(tmp_path).report
    trace = trace_of(tmp_path)
    shapes = {name: values.shape for name, values in trace.items()}
    assert shapes == {
        "t_capture_s": (20,),
        "body_detected": (20,),
        "body_horizon_s": (5,),
        "body_keypoints_image_px": (20, 17, 2),
        "body_keypoints_raw_m": (20, 17, 3),
        "body_score": (20, 17),
        "body_keypoints_m": (20, 17, 3),
        "body_keypoints_future_m": (20, 5, 17, 3),
        "body_rotations": (20, 24, 3, 3),
        "body_hip_m": (20, 3),
        "body_age_ms": (20,),
        "stage_ms_capture": (20,),
        "stage_ms_body_detect": (20,),
        "stage_ms_body_temporal": (20,),
        "stage_ms_body_publish": (20,),
    }
    assert np.flatnonzero(~trace["body_detected"]).tolist() == [8, 9, 10]
    assert np.isnan(trace["body_keypoints_raw_m"][8:11]).all()
    assert np.isfinite(trace["body_keypoints_m"]).all(), "a gap of 0.1 s is bridged"
    assert np.isfinite(trace["stage_ms_body_detect"]).all()
    np.testing.assert_allclose(trace["body_keypoints_raw_m"][5], waving(5))
    np.testing.assert_allclose(trace["body_hip_m"], np.tile(HIP_M, (20, 1)), atol=0.02)
    np.testing.assert_allclose(trace["t_capture_s"], np.arange(20) * FRAME_NS * 1e-9)
    body = report["body"]
    assert (body["frames"], body["detected"], body["detection_rate"]) == (20, 17, 0.85)
    assert body["source_state_frames"] == {"predicting": 3, "tracking": 17}
    assert (report["frames"], report["hands"], report["rate_hz"] > 0) == (20, {}, True)
    assert json.loads((tmp_path / "run" / "report.json").read_text())["body"] == body


def test_beside_a_hand_its_rows_stand_in_the_hands_trace(tmp_path, body_detector):
    report = run(tmp_path, hand="right", robot="none").report
    trace = trace_of(tmp_path)
    assert trace["detected"].sum() == 0
    assert trace["body_detected"].all()
    assert {"keypoints_m", "q_rad", "stage_ms_detect", "stage_ms_body_detect"} <= trace.keys()
    assert (report["detected"], report["body"]["detected"]) == (0, 20)
    assert report["backend"].keys() == {"right", "body"}


def test_the_learned_stage_runs_alone_and_again_from_its_recording(tmp_path, body_detector):
    torch.manual_seed(0)
    network = PoseBert(PoseBertConfig.ours(BODY_IN_DIM["full"], 64, FUTURE_SLOTS, BODY_GROUPS))
    export_onnx(network, tmp_path / "body.onnx", "full")
    recording = tmp_path / "recording"
    report = run(tmp_path, temporal="posebert", body_network=tmp_path / "body.onnx", record=recording).report
    assert report["backend"]["body"]["name"] == "cpu"
    trace = trace_of(tmp_path)
    assert np.isfinite(trace["body_keypoints_future_m"]).all()
    assert trace["body_keypoints_future_m"].shape[1] == len(trace["body_horizon_s"])
    settings = replace(recorded_settings(recording), headless=True, realtime=False, video=False)
    assert settings.body_network == tmp_path / "body.onnx"
    run_teleop(replace(settings, run_dir=tmp_path / "again"), recording=recording)
    again = trace_of(tmp_path, "again")
    for name in ("body_keypoints_m", "body_keypoints_future_m", "body_rotations", "body_hip_m"):
        assert again[name].tobytes() == trace[name].tobytes(), name


def test_a_users_own_smpl_file_is_read_and_recorded(tmp_path, body_detector):
    with pytest.raises(ModelError, match=r"missing\.pkl"):
        run(tmp_path, smpl=tmp_path / "missing.pkl")
    np.savez(tmp_path / "SMPL.npz", **smpl_content())
    run(tmp_path, smpl=tmp_path / "SMPL.npz", record=tmp_path / "kept", temporal="one-euro")
    assert recorded_settings(tmp_path / "kept").smpl == tmp_path / "SMPL.npz"


def test_without_it_nothing_of_a_body_is_left(tmp_path, body_detector):
    body_detector.fails_at = 0
    report = run(tmp_path, hand="right", robot="none", body=False).report
    assert "body" not in report
    assert not any("body" in name for name in trace_of(tmp_path))


def test_the_same_run_twice_gives_the_same(tmp_path, body_detector):
    for name in ("first", "second"):
        run(tmp_path, name=name)
    first, second = trace_of(tmp_path, "first"), trace_of(tmp_path, "second")
    for name in first:
        if not name.startswith(("stage_ms_", "body_age_ms")):
            assert first[name].tobytes() == second[name].tobytes(), name


def test_a_robot_is_sent_the_same_whether_or_not_there_is_a_body(tmp_path, body_detector):
    class Port(NoRobot):
        def __init__(self) -> None:
            self.sent: list = []

        def send(self, message) -> None:
            self.sent.append(message)

    sent = []
    for body in (False, True):
        port = Port()
        settings = replace(ALONE, hand="right", body=body, run_dir=tmp_path / str(body))
        run_teleop(settings, source=Pictures(10), open_robot=lambda *_, port=port: port)
        sent.append([(one.seq, one.valid, one.t_ns.tolist(), one.q_rad.tolist()) for one in port.sent])
    assert sent[0] == sent[1]
    assert len(sent[0]) == 10


def test_a_broken_body_detector_ends_the_run_with_its_sentence(tmp_path, body_detector):
    body_detector.fails_at = 12
    with pytest.raises(AppError, match="the pose landmarker broke; start the run again"):
        run(tmp_path, hand="right", robot="none")
    assert len(trace_of(tmp_path)["body_detected"]) == 12, "what was seen before it is kept"


def test_bodies_are_published_as_they_come(tmp_path, body_detector):
    body_detector.gap = range(150, 200)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    listener = zmq.Context.instance().socket(zmq.SUB)
    listener.setsockopt(zmq.LINGER, 0)
    listener.setsockopt(zmq.RECONNECT_IVL, 5)
    listener.setsockopt(zmq.RCVHWM, 0)
    listener.setsockopt(zmq.SUBSCRIBE, b"body ")
    listener.connect(endpoint)
    slow = body_detector.detect

    def detect(frame: Frame) -> BodyObservation:
        time.sleep(0.005)
        return slow(frame)

    body_detector.detect = detect
    try:
        report = run(tmp_path, frames=200, publish=endpoint).report
        frames = []
        while listener.poll(200):
            frames.append(listener.recv())
    finally:
        listener.close()
    assert report["published"] == {"endpoint": endpoint, "messages": 600}, "body and two wrists a frame"
    poses = [decode_body_pose(frame) for frame in frames]
    assert len(poses) > 20
    assert [pose.seq for pose in poses] == list(range(poses[0].seq, 201))
    last = poses[-1]
    assert (last.valid, last.source_state) == (False, "lost")
    trace = trace_of(tmp_path)
    for pose in poses:
        if pose.valid:
            np.testing.assert_array_equal(pose.keypoints_m[0], trace["body_keypoints_m"][pose.seq - 1])
            assert pose.t_ns[0] == pose.t_capture_ns == (pose.seq - 1) * FRAME_NS
    assert [pose.valid for pose in poses if pose.seq <= 150] == [True] * (150 - poses[0].seq + 1)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -1e12])
def test_estimates_that_are_no_numbers_are_never_published_as_valid(broken):
    class Broken:
        name, horizon_s = "broken", np.arange(1, 6) / 30

        def __init__(self) -> None:
            self.whole = load_body_temporal("none")

        def update(self, window):
            trajectory = self.whole.update(window)
            trajectory.hip_m[3] = broken
            return trajectory

    lane = BodyLane(Broken(), FileClock(), RunCamera(SIZE_PX))
    message = lane.process(body_seen(0), StageTimer()).message
    assert (message.valid, message.source_state) == (False, "lost")
    assert not decode_body_pose(encode_body_pose(message)).valid


def test_hands_do_not_wait_for_the_body():
    class SlowDetector(FakeBodyDetector):
        may_go_on = threading.Event()

        def detect(self, frame: Frame) -> BodyObservation:
            self.may_go_on.wait(20.0)
            return super().detect(frame)

    detector = SlowDetector()
    eyes = Eyes(Pictures(3), FakeHandDetector(), MonotonicClock(), False, BodyEyes(detector))
    sight = eyes.next(1.0)
    assert sight.observations["right"].t_capture_ns == 0
    assert not sight.body.done()
    detector.may_go_on.set()
    assert sight.body.result().observation.detected
    eyes.close()
    eyes.close()


@pytest.mark.parametrize("fps", [30.0, 60.0])  # all of a frame in turn, and on two threads
def test_a_slow_body_detector_holds_up_no_hand(tmp_path, body_detector, monkeypatch, fps):
    hand_went_on = threading.Event()
    came_in_time = []
    seen_at = body_detector.detect

    def detect(frame: Frame) -> BodyObservation:
        if not came_in_time:
            came_in_time.append(hand_went_on.wait(10.0))
        return seen_at(frame)

    class Port(NoRobot):
        sent = 0

        def send(self, message) -> None:
            self.sent += 1
            if self.sent == 10:
                hand_went_on.set()

    class Paced(Pictures):
        def read(self, timeout_s: float) -> Frame:
            time.sleep(0.005)
            return super().read(timeout_s)

    body_detector.detect = detect
    source = Paced(60)
    source.fps = fps
    recording = tmp_path / "recording"
    settings = replace(ALONE, hand="right", realtime=True, run_dir=tmp_path / "run", record=recording)
    report = run_teleop(settings, source=source, open_robot=lambda *_: Port()).report
    assert came_in_time == [True]
    assert report["dropped_frames"]["body_not_looked_for"] >= 8
    assert not report["late_frames"].keys() & set(BODY_STAGES[1:]), "no hand is late because of it"
    records = list(RecordingReader(recording).bodies())
    assert not records[0].observation.detected
    told = [one for record in records for one in (*record.earlier, record.observation) if one.detected]
    times_ns = [one.t_capture_ns for one in told]
    assert times_ns == sorted(set(times_ns)), "each body once, in order"
    assert times_ns[0] == 0, "what was seen too late is remembered"
    assert records[-1].trajectory.source_state == "tracking"
    again = tmp_path / "again"
    run_teleop(replace(settings, realtime=False, record=again, run_dir=again), recording=recording)
    for one, other in zip(records, RecordingReader(again).bodies(), strict=True):
        assert one.trajectory.keypoints_m.tobytes() == other.trajectory.keypoints_m.tobytes()


def test_a_body_detector_that_hangs_does_not_keep_the_program_from_ending():
    program = (
        "import threading\n"
        "from app.body_sight import BodyEyes\n"
        "class Hangs:\n"
        "    bad_frames = 0\n"
        "    def detect(self, frame):\n"
        "        threading.Event().wait()\n"
        "eyes = BodyEyes(Hangs())\n"
        "eyes.look(None)\n"
        "eyes.close(0.01)\n"
    )
    here = Path(__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", program], cwd=here, timeout=60.0).returncode == 0


@pytest.mark.parametrize("realtime", [True, False])
def test_one_ctrl_c_ends_a_run_whose_body_detector_hangs(tmp_path, body_detector, monkeypatch, realtime):
    goes_on, detect = threading.Event(), body_detector.detect
    ctrl_c = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))

    def detect_or_hang(frame: Frame) -> BodyObservation:
        if frame.index == 5:
            ctrl_c.start()
            goes_on.wait()
        return detect(frame)

    monkeypatch.setattr(body_detector, "detect", detect_or_hang)
    try:
        result = run(tmp_path, realtime=realtime)
    finally:
        ctrl_c.cancel()
        goes_on.set()
    assert result.report["frames"] == 5
    assert len(trace_of(tmp_path)["body_detected"]) == 5, "nothing is lost"


def test_bodies_that_were_overtaken_are_remembered():
    eyes = Eyes(Pictures(4), FakeHandDetector(), FileClock(), False, BodyEyes(FakeBodyDetector()))
    eyes.start()
    deadline = time.monotonic() + 20.0
    while eyes.replaced < 3 and time.monotonic() < deadline:
        time.sleep(0.001)
    sight = eyes.next(20.0)
    assert sight.frame.index == 3
    assert [body.t_capture_ns for body in sight.earlier_bodies] == [0, FRAME_NS, 2 * FRAME_NS]
    eyes.close()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"body": False}, "--hand none is for --body alone"),
        ({"robot": "tcp://127.0.0.1:5570"}, "is driven by a hand"),
        ({"booth": True}, "--booth is for hands"),
        ({"operator": "ann"}, "--operator is for hands"),
        ({"scene": "table"}, "--scene is for hands"),
        ({"body_network": Path("x.onnx")}, "--body-network is for --body"),
        ({"publish": "127.0.0.1:5580"}, "--publish is tcp://HOST:PORT"),
        ({"publish": "tcp://127.0.0.1:0"}, "a port that others can be told of"),
        ({"publish_keys": Path("keys")}, "--publish-keys is for --publish"),
        ({"hand": "right", "body": False, "smpl": Path("SMPL.pkl")}, "--smpl is for --body"),
    ],
)
def test_flags_that_make_no_sense_are_refused(changes, says):
    with pytest.raises(UsageError, match=says):
        check_settings(replace(ALONE, **changes))


def test_targets_cannot_be_streamed_without_a_hand():
    with pytest.raises(UsageError, match="give --hand"):
        stream_targets(replace(ALONE, realtime=True), None)
