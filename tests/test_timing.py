"""Stage times."""

import pickle

import numpy as np
import pytest

from app.timing import Durations, StageTimer, summarise


def test_sections_of_one_stage_add_up_within_a_frame():
    timer = StageTimer()
    timer.add("detect", 2.0)
    timer.add("detect", 3.0)
    timer.add("publish", 1.0)
    assert timer.end_frame() == {"detect": 5.0, "publish": 1.0}
    assert timer.end_frame() == {}


def test_summary_gives_percentiles_over_frames():
    timer = StageTimer()
    for i in range(101):
        timer.add("detect", float(i))
        timer.end_frame()
    expected = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}
    assert timer.summary()["detect"] == pytest.approx(expected, rel=0.006)


def test_a_dropped_frame_leaves_no_trace():
    timer = StageTimer()
    timer.add("detect", 5.0)
    timer.drop_frame()
    timer.end_frame()
    assert timer.summary() == {}


def test_a_section_is_timed_even_if_its_body_fails():
    timer = StageTimer()
    with pytest.raises(RuntimeError), timer.section("detect"):
        raise RuntimeError
    assert timer.end_frame()["detect"] >= 0.0


def test_binned_percentiles_are_those_of_the_durations():
    durations_ms = np.random.default_rng(0).lognormal(2.5, 0.8, 5000)
    durations = Durations()
    for duration_ms in durations_ms:
        durations.add(float(duration_ms))
    assert durations.summary() == pytest.approx(summarise(durations_ms), rel=0.01)


def test_a_day_of_durations_takes_no_more_room_than_one():
    durations = Durations()
    durations.add(1.0)
    before = len(pickle.dumps(durations))
    for i in range(10_000):
        durations.add(1e-5 * 3.0**i if i < 40 else 20.0)  # from nothing to hours
    assert len(pickle.dumps(durations)) == pytest.approx(before, abs=64)
    assert durations.summary()["max"] == pytest.approx(1e-5 * 3.0**39)


def test_nothing_timed_has_no_summary():
    assert Durations().summary() is None
