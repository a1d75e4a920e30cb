"""Recordings hold all of a run and give it back to the last bit, however the run ended."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.console.command import Command
from app.errors import AppError, UsageError
from app.frame import Frame
from app.inputs import open_live, open_replay
from app.recording import HANDS_FILE, RecordingReader, RecordingWriter
from app.recording_hands import NO_FRAME, HandRecord, unpack_array, unpack_hand_record
from app.recording_meta import META_FILE
from app.recording_settings import _TAKEN_OVER, recorded_settings
from app.replay import Replay
from app.run_calibration import RunCalibration
from app.seeing import Gap, Sight
from app.settings import TeleopSettings, check_settings
from app.snapshot import Snapshot
from app.sources.base import EndOfSource
from app.teleop import RunResult, run_teleop
from calibration.errors import CalibrationError
from launch import parse
from models.observation import Observation
from models.trajectory import HandTrajectory
from robot import JointTrajectory, RobotState

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("a", "b")
REPEATED = (
    "t_capture_s",
    "detected",
    "keypoints_image_px",
    "keypoints_raw_m",
    "keypoints_m",
    "keypoints_future_m",
    "rotations",
    "wrist_m",
    "q_rad",
    "q_sent_rad",
)
DONE = RunResult(report={"hands": {}}, files=[])
RUN = {"settings": {"hand": "right", "horizon_ms": "auto"}, "calibration": {"delays": {}}}


def record(index: int, hand: str = "right", t_ns: int | None = None, earlier: int = 0) -> HandRecord:
    rng = np.random.default_rng(index + 7)
    t_ns = 10**12 + index * 33_333_333 if t_ns is None else t_ns
    t_trajectory_ns = t_ns + np.arange(3) * 33_333_333

    def observation(t_ns: int) -> Observation:
        keypoints_m, keypoints_px = rng.normal(size=(21, 3)), rng.normal(size=(21, 2))
        return Observation(t_ns, hand, True, keypoints_m, keypoints_px, (64, 48), 0.9, rng.normal(size=21))

    return HandRecord(
        index=index,
        t_capture_ns=t_ns,
        hand=hand,
        observation=Observation.missing(t_ns, hand, (64, 48)) if index == NO_FRAME else observation(t_ns),
        earlier=tuple(observation(t_ns - 10**7 * (i + 1)) for i in range(earlier)),
        trajectory=HandTrajectory(
            hand,
            "tracking",
            t_ns,
            t_trajectory_ns,
            rng.normal(size=(3, 21, 3)),
            rng.normal(size=(3, 3)).astype(np.float32),
            np.full((3, 16, 3, 3), np.nan),
        ),
        q_rad=rng.normal(size=(3, 2)),
        message=JointTrajectory(
            5,
            hand,
            True,
            "tracking",
            t_ns,
            t_ns + 20_000_000,
            NAMES,
            t_trajectory_ns,
            rng.normal(size=(3, 2)),
        ),
        state=RobotState(1, 2, "TRACKING", NAMES, rng.normal(size=2), rng.normal(size=2), rng.normal(size=2)),
        stage_ms={"capture": 1.0, "detect": 10.0, "temporal": 0.1 + 0.2},
        age_ms=20.0,
        ahead_ms=35.0,
        actuator_ms=1 / 3,
    )


def same(one: object, other: object) -> bool:
    """Equal to the last bit, arrays with their types, NaN as NaN."""
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and one.dtype == other.dtype and one.tobytes() == other.tobytes()
    if dataclasses.is_dataclass(one):
        return type(one) is type(other) and all(
            same(getattr(one, field.name), getattr(other, field.name)) for field in dataclasses.fields(one)
        )
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def write(directory: Path, records: list[HandRecord], run: dict = RUN) -> Path:
    with RecordingWriter(directory, (64, 48), 30.0, blocking=True, run=run) as writer:
        writer.write_records(records)
    assert not writer.error
    return directory


def all_sights(replay: Replay) -> list[Sight | Gap]:
    sights = []
    while True:
        try:
            sights.append(replay.next(0.1))
        except EndOfSource:
            return sights


def test_records_come_back_to_the_last_bit(tmp_path):
    records = [record(0, earlier=2), record(1), record(NO_FRAME, t_ns=10**12 + 10**9)]
    reader = RecordingReader(write(tmp_path / "run", records))
    assert same(tuple(reader.hands()), tuple(records))
    assert not reader.truncated


@given(st.binary(max_size=300), st.integers(1, 3000))
def test_damaged_records_end_the_reading_and_nothing_else(tmp_path_factory, noise, cut):
    directory = tmp_path_factory.mktemp("damaged")
    write(directory / "run", [record(0), record(1)])
    path = directory / "run" / HANDS_FILE
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[: half + cut] + noise)
    reader = RecordingReader(directory / "run")
    records = list(reader.hands())
    assert 1 <= len(records) <= 2
    assert same(records[0], record(0))
    assert reader.truncated or len(records) == 2


@given(st.recursive(st.none() | st.integers() | st.text() | st.binary(), lambda x: st.lists(x, max_size=3)))
def test_what_is_no_record_is_none(value):
    assert unpack_hand_record(value) is None
    plain = msgpack.unpackb(record(0).pack(), ext_hook=unpack_array)
    for name in plain:
        if name not in ("stage_ms", "earlier", "age_ms", "ahead_ms", "actuator_ms", "t_capture_ns", "index"):
            damaged = unpack_hand_record({**plain, name: value})
            assert damaged is None or name in ("hand", "q_rad", "state")


def test_a_disk_that_fills_up_ends_the_recording_and_leaves_what_there_is(tmp_path):
    class SmallDisk:
        """A file on a disk with room for 40 kB."""

        def __init__(self, path: Path) -> None:
            self.file, self.room = path.open("wb"), 40_000

        def write(self, data: bytes) -> int:
            if len(data) > self.room:
                self.file.write(data[: self.room])
                raise OSError(28, "No space left on device")
            self.room -= len(data)
            return self.file.write(data)

        def flush(self) -> None:
            self.file.flush()

        def close(self) -> None:
            self.file.close()

    with RecordingWriter(tmp_path, (64, 48), 30.0, blocking=True, run=RUN, open_file=SmallDisk) as writer:
        for i in range(20):
            writer.write_records([record(i)])
    assert "No space left" in writer.error
    reader = RecordingReader(tmp_path)
    records = list(reader.hands())
    assert 2 < len(records) < 20
    assert reader.truncated
    assert same(records[-1], record(len(records) - 1))


def test_gaps_and_earlier_frames_are_replayed_as_they_came(tmp_path):
    gap = record(NO_FRAME, t_ns=10**12 + 10**8)
    recorded = [record(0), record(2, earlier=1), gap, record(9)]
    first, second, third, fourth = all_sights(Replay(write(tmp_path / "run", recorded), False, ["right"]))
    assert same(first.observations["right"], recorded[0].observation)
    assert same(second.earlier[0]["right"], recorded[1].earlier[0])
    assert third == Gap(gap.t_capture_ns)
    assert fourth.frame.index == 9


def test_a_replay_in_real_time_skips_what_is_overtaken_and_remembers_it(tmp_path):
    class Playback:
        """A clock that jumps to 70 ms at the first frame."""

        t_ns = 0

        def wait(self, t_media_ns: int, timeout_s: float) -> bool:
            return True

        def is_due(self, t_media_ns: int) -> bool:
            return t_media_ns <= 70_000_000

        def t_capture_ns(self, t_media_ns: int) -> int:
            return 5 + t_media_ns

    directory = write(tmp_path / "run", [record(i) for i in range(5)])
    replay = Replay(directory, True, ["right"], Playback())
    sight = replay.next(0.1)
    assert sight.frame.index == 2
    assert sight.frame.t_capture_ns == 5 + 2 * 33_333_333
    assert [one["right"].t_capture_ns for one in sight.earlier] == [5, 5 + 33_333_333]
    assert replay.replaced == 2


def test_a_recording_of_one_hand_does_not_replay_the_other(tmp_path):
    with pytest.raises(AppError, match="of the right hand, not of the left"):
        Replay(write(tmp_path / "run", [record(0)]), False, ["left"])


def test_a_frame_that_was_cut_off_between_its_hands_is_left_out(tmp_path):
    both = [record(i, hand) for i in range(3) for hand in ("right", "left")]
    replay = Replay(write(tmp_path, both[:-1]), False, ("right", "left"))
    assert [sight.frame.index for sight in all_sights(replay)] == [0, 1]


def test_a_recording_without_hands_says_how_to_replay_it(tmp_path):
    RecordingWriter(tmp_path / "images", (64, 48), 30.0, blocking=True).close()
    with pytest.raises(AppError, match="--detect"):
        Replay(tmp_path / "images", False, ["right"])


def test_what_is_left_out_is_as_it_was_recorded(tmp_path):
    run = {"settings": {"hand": "left", "temporal": "one-euro", "robot": "tcp://x:1", "arm": True}}
    directory = write(tmp_path / "run", [record(0, "left")], run)
    settings = parse(["replay", str(directory)]).settings
    assert (settings.hand, settings.temporal) == ("left", "one-euro")
    assert (settings.robot, settings.arm) == ("sim", False), "a robot moves only where it is asked for"
    assert parse(["replay", str(directory), "--temporal", "none"]).settings.temporal == "none"
    for source in (["--source", "webcam:1"], ["--source", "webcam"], ["--source=webcam"]):
        with pytest.raises(UsageError, match="leave out --source"):
            parse(["replay", str(directory), *source])


def test_what_was_recorded_for_hands_or_body_does_not_stop_a_replay_without_them(tmp_path):
    run = {"settings": {"hand": "right", "operator": "Anna", "body": True, "smpl": "someone.npz"}}
    replay = ["replay", str(write(tmp_path / "run", [record(0)], run))]
    with_body = parse([*replay, "--hand", "none"]).settings
    check_settings(with_body)
    assert (with_body.operator, with_body.smpl) == (None, Path("someone.npz"))
    with_hand = parse([*replay, "--no-body"]).settings
    check_settings(with_hand)
    assert (with_hand.operator, with_hand.smpl) == ("Anna", None)
    with pytest.raises(UsageError, match="--operator is for hands"):
        check_settings(parse([*replay, "--hand", "none", "--operator", "Ben"]).settings)


def test_the_manual_names_all_that_is_taken_over():
    manual = " ".join((ROOT / "docs" / "recording.md").read_text(encoding="utf-8").split())
    sentence = manual.partition("What you leave out of ")[2].partition(" is as it was recorded")[0]
    flags = ["--" + name.replace("_", "-") for name in _TAKEN_OVER]
    assert sentence == ", ".join(f"`{flag}`" for flag in flags[:-1]) + f" and `{flags[-1]}`"


def test_a_recording_of_no_rate_is_replayed_at_a_usual_one(tmp_path):
    recording = write(tmp_path / "run.rec", [record(0)])
    meta = recording / META_FILE
    meta.write_text(json.dumps({**json.loads(meta.read_text()), "fps": 0}))
    assert Replay(recording, False, ["right"]).fps == 30.0


CAMERA = {
    **{"source": "webcam:0", "size_px": [640, 480], "fx": 600.0, "fy": 600.0, "cx": 320.0, "cy": 240.0},
    **{"distortion": [0.0] * 5, "seen_radius": 0.5, "rms_px": 0.3, "images": 20, "coverage": 0.9},
}


def test_damaged_settings_of_a_recording_get_one_sentence(tmp_path):
    directory = write(tmp_path / "run", [record(0)], {"settings": {"hand": 3}})
    with pytest.raises(AppError, match="hand is 3"):
        recorded_settings(directory)


@pytest.mark.parametrize(
    ("kind", "content", "named"),
    [
        ("delays", {"actuator_mm": 15.0}, "actuator_mm"),
        ("delays", {"actuator_ms": 10**400}, "int too large"),
        ("camera", {**CAMERA, "size_px": [640, 480, 1]}, "longer"),
    ],
)
def test_what_was_calibrated_for_a_recording_can_be_done_without(tmp_path, caplog, kind, content, named):
    calibration = {**RunCalibration().plain(), kind: content}
    damaged = {"settings": {}, "calibration": calibration}
    directory = tmp_path / "run"
    with RecordingWriter(directory, (64, 48), 30.0, blocking=True, run=damaged) as writer:
        writer.write(Frame(0, 0, np.zeros((48, 64, 3), np.uint8)))
        writer.write_records([record(0)])
    with contextlib.ExitStack() as stack:
        with pytest.raises(CalibrationError, match=rf"damaged .*{named}.* --detect"):
            open_replay(TeleopSettings(realtime=False), directory, stack)
        images = TeleopSettings(source=str(directory), realtime=False)
        assert open_live(images, None, headless=True, stack=stack).calibration == RunCalibration()
    assert "damaged" in caplog.text


class Operator:
    """A console whose operator moves the horizon about during the run."""

    def __init__(self) -> None:
        self.polls = 0

    def due(self, t_now_ns: int) -> bool:
        return False

    def show(self, snapshot: Snapshot) -> None:
        raise AssertionError("nothing is due")

    def poll_command(self) -> Command | None:
        self.polls += 1
        return {
            30: Command("horizon", 10.0),
            38: Command("horizon", 10.0),
            46: Command("horizon", -500.0),
            54: Command("horizon_auto"),
        }.get(self.polls)

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in real time, recorded: recording/ and trace.npz."""
    directory = tmp_path_factory.mktemp("live")
    run_teleop(
        TeleopSettings(
            source="synthetic:0",
            max_frames=75,
            trace=directory / "trace.npz",
            record=directory / "recording",
        ),
        open_console=lambda *_: Operator(),
    )
    return directory


def replayed(recording: Path, tmp_path: Path, **settings: object) -> dict[str, np.ndarray]:
    asked = dataclasses.replace(
        recorded_settings(recording),
        **{
            "headless": True,
            "video": False,
            "robot": "none",
            "realtime": False,
            "trace": tmp_path / "again.npz",
            "run_dir": tmp_path / "run",
            **settings,
        },
    )
    run_teleop(asked, recording=recording)
    return dict(np.load(tmp_path / "again.npz"))


def test_a_live_run_comes_out_the_same_to_the_last_bit(live, tmp_path):
    before = np.load(live / "trace.npz")
    again = replayed(live / "recording", tmp_path)
    assert before["detected"].sum() > 20
    assert np.isfinite(before["q_sent_rad"]).any()
    ahead_ms = [one.ahead_ms for one in RecordingReader(live / "recording").hands()]
    assert len(set(ahead_ms)) > 10, "auto follows the age"
    assert 0.0 in ahead_ms
    for name in REPEATED:
        assert before[name].tobytes() == again[name].tobytes(), name


def test_a_replay_takes_another_temporal_stage(live, tmp_path):
    before = np.load(live / "trace.npz")
    again = replayed(live / "recording", tmp_path, temporal="none")
    assert np.array_equal(before["keypoints_raw_m"], again["keypoints_raw_m"], equal_nan=True)
    seen = again["detected"]
    np.testing.assert_array_equal(again["keypoints_m"][seen], again["keypoints_raw_m"][seen])


@pytest.mark.parametrize(
    ("recorded", "flags", "said"),
    [
        (False, ("--mirror",), "--mirror would turn the images alone"),
        (True, ("--no-mirror",), "--no-mirror would turn the images alone"),
        (False, ("--hand-model", "own.task"), "--hand-model is for detectors"),
        (False, ("--body-model", "own.task"), "--body-model is for detectors"),
        (False, ("--detector-device", "gpu"), "--detector-device is for detectors"),
    ],
)
def test_what_would_change_the_detections_is_refused(tmp_path, monkeypatch, recorded, flags, said):
    run = {**RUN, "settings": {**RUN["settings"], "mirror": recorded}}
    directory = write(tmp_path / "run", [record(0)], run)
    replay = ["replay", str(directory), "--headless", *flags]
    with pytest.raises(UsageError, match=f"{said}.* or add --detect$"):
        parse(replay).run()
    asked: list[TeleopSettings] = []
    monkeypatch.setattr("app.teleop.run_teleop", lambda settings, recording: asked.append(settings) or DONE)
    assert parse([*replay, "--detect"]).run() == 0
    assert asked[0].source == str(directory)


def test_a_replay_moves_the_simulated_robot(live, tmp_path):
    run_teleop(
        dataclasses.replace(
            recorded_settings(live / "recording"),
            headless=True,
            video=False,
            realtime=False,
            record=tmp_path / "second",
            run_dir=tmp_path / "run",
        ),
        recording=live / "recording",
    )
    records = list(RecordingReader(tmp_path / "second").hands())
    q_rad = np.array([one.state.q_rad for one in records if one.state is not None])
    assert np.ptp(q_rad, axis=0).max() > 0.1
    first = list(RecordingReader(live / "recording").hands())
    assert [one.message.t_publish_ns for one in records] == [one.message.t_publish_ns for one in first]


def test_a_run_that_is_killed_leaves_all_but_the_last_moment(tmp_path):
    recording = tmp_path / "recording"
    arguments = [
        *("teleop", "--source", "synthetic:0", "--headless", "--no-video", "--robot", "none"),
        *("--record", str(recording), "--run-dir", str(tmp_path / "run")),
    ]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "launch.py"), *arguments],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        path = recording / HANDS_FILE
        deadline_s = time.monotonic() + 120.0
        while not path.is_file() or path.stat().st_size < 2_000_000:
            assert time.monotonic() < deadline_s, "nothing was recorded"
            assert process.poll() is None
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        t_killed_ns = time.monotonic_ns()
        process.wait()
    records = list(RecordingReader(recording).hands())
    assert t_killed_ns - records[-1].t_capture_ns < 1e9
    assert (recording / META_FILE).is_file()
    again = replayed(recording, tmp_path)
    assert len(again["q_rad"]) == len({one.index for one in records} - {NO_FRAME})
    expected = np.array(
        [one.message.q_rad[0] for one in records if one.index != NO_FRAME and one.message.valid]
    )
    sent = again["q_sent_rad"][np.isfinite(again["q_sent_rad"]).all(axis=1)]
    assert expected.tobytes() == sent.tobytes()
