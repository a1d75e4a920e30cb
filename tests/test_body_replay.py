"""Recordings hold bodies and give them back to the last bit."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import msgpack
import numpy as np
import pytest
from body_run_examples import ALONE, FakeBodyDetector, Pictures, body_detector, trace_of
from hypothesis import given
from hypothesis import strategies as st
from test_replay import all_sights, same

import launch
from app.errors import AppError, UsageError
from app.inputs import open_live
from app.moments import Moments
from app.recording import BODIES_FILE, HANDS_FILE, RecordingReader
from app.recording_bodies import unpack_body_record
from app.recording_hands import NO_FRAME, unpack_array
from app.recording_meta import read_meta, write_meta
from app.recording_settings import recorded_settings
from app.replay import Replay
from app.run_calibration import RunCalibration
from app.teleop import run_teleop
from calibration.delays import Delays

__all__ = ["body_detector"]  # a fixture

TIMINGS = ("stage_ms_", "age_ms", "body_age_ms")


def record(directory: Path, hand: str = "right", frames: int = 30) -> Path:
    settings = replace(
        ALONE, hand=hand, robot="none", run_dir=directory / "live", record=directory / "recording"
    )
    run_teleop(settings, source=Pictures(frames))
    return directory / "recording"


def replayed(recording: Path, directory: Path, **changes: object) -> dict[str, np.ndarray]:
    settings = replace(
        recorded_settings(recording),
        robot="none",
        headless=True,
        realtime=False,
        video=False,
        run_dir=directory / "again",
        **changes,
    )
    run_teleop(settings, recording=recording)
    return trace_of(directory, "again")


@pytest.mark.usefixtures("body_detector")
def test_a_recording_named_from_home_is_seen_with_what_was_calibrated_then(tmp_path, monkeypatch):
    recording = record(tmp_path, "none", frames=3)
    meta = read_meta(recording)
    then = RunCalibration(Delays(camera_ms=77.0)).plain()
    write_meta(recording, replace(meta, run=meta.run | {"calibration": then}))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for source in (str(recording), "~/recording"):
        with contextlib.ExitStack() as stack:
            inputs = open_live(replace(ALONE, source=source), None, True, stack)
        assert inputs.calibration.delays.camera_ms == 77.0


@pytest.mark.parametrize("hand", ["right", "none"])
def test_a_replay_repeats_bodies_to_the_last_bit(tmp_path, body_detector: FakeBodyDetector, hand):
    body_detector.gap = range(10, 14)
    recording = record(tmp_path, hand)
    body_detector.fails_at = 0  # nobody looks again
    live, again = trace_of(tmp_path, "live"), replayed(recording, tmp_path)
    assert live.keys() == again.keys()
    for name in live:
        if not name.startswith(TIMINGS):
            assert live[name].tobytes() == again[name].tobytes(), name
    assert live["body_detected"].sum() == 26


def test_what_was_published_is_recorded_with_what_it_came_from(tmp_path, body_detector):
    reader = RecordingReader(record(tmp_path))
    records = list(reader.bodies())
    assert [one.index for one in records] == list(range(30))
    assert not reader.truncated
    for one in records:
        np.testing.assert_array_equal(one.message.keypoints_m, one.trajectory.keypoints_m)
        assert one.message.t_capture_ns == one.trajectory.t_capture_ns == one.observation.t_capture_ns
    plain = msgpack.unpackb(records[3].pack(), ext_hook=unpack_array)
    assert same(unpack_body_record(plain), records[3])


def test_settings_of_the_body_are_taken_over(tmp_path, body_detector):
    recording = record(tmp_path, hand="none")
    assert (recorded_settings(recording).hand, recorded_settings(recording).body) == ("none", True)


def test_the_hands_alone_can_be_replayed(tmp_path, body_detector):
    recording = record(tmp_path)
    trace = replayed(recording, tmp_path, body=False)
    assert len(trace["detected"]) == 30
    assert not any(name.startswith("body") for name in trace)


def test_the_body_alone_can_be_replayed(tmp_path, body_detector):
    recording = record(tmp_path)
    trace = replayed(recording, tmp_path, hand="none")
    assert trace["body_keypoints_m"].tobytes() == trace_of(tmp_path, "live")["body_keypoints_m"].tobytes()


def test_what_was_not_recorded_is_said(tmp_path, body_detector):
    both = record(tmp_path / "both")
    body = record(tmp_path / "body", hand="none", frames=5)
    with pytest.raises(AppError, match="of the body alone; give --hand none"):
        Replay(body, False, ["right"])
    with pytest.raises(UsageError, match="is of the body alone: leave out --no-body"):
        launch.parse(["replay", str(body), "--no-body"])
    (both / BODIES_FILE).unlink()
    with pytest.raises(AppError, match="has no body in it; leave out --body"):
        Replay(both, False, ["right"], body=True)


def test_a_recording_that_was_cut_between_hand_and_body_ends_there(tmp_path, body_detector):
    recording = record(tmp_path, frames=10)
    bodies = recording / BODIES_FILE
    bodies.write_bytes(bodies.read_bytes()[:-100])
    replay = Replay(recording, False, ["right"], body=True)
    assert [sight.frame.index for sight in all_sights(replay)] == list(range(9))
    assert "cut off" in replay.status
    assert "hands with --no-body" in replay.status


def test_a_damaged_body_does_not_take_the_hands_with_it(tmp_path, body_detector):
    recording = record(tmp_path, frames=10)
    (recording / BODIES_FILE).write_bytes(b"\xc1 no records")
    with pytest.raises(AppError, match=r"cut off or damaged before its first frame; .* with --no-body"):
        Replay(recording, False, ["right"], body=True)
    assert len(list(all_sights(Replay(recording, False, ["right"])))) == 10


def test_recordings_without_bodies_read_as_before(tmp_path, body_detector):
    recording = record(tmp_path, frames=5)
    (recording / BODIES_FILE).unlink()
    reader = RecordingReader(recording)
    assert not reader.has_bodies
    assert len(list(reader.hands())) == 5
    assert (recording / HANDS_FILE).is_file()
    moments = list(Moments(reader, hands=True, body=False))
    assert [moment.body for moment in moments] == [None] * 5
    assert all(moment.index != NO_FRAME for moment in moments)


@given(st.recursive(st.none() | st.integers() | st.text() | st.binary(), lambda x: st.lists(x, max_size=3)))
def test_what_is_no_record_is_none(value):
    assert unpack_body_record(value) is None
    assert unpack_body_record({"index": value, "trajectory": value, "message": value}) is None
