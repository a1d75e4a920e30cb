"""Stage times."""

import pytest

from app.timing import StageTimer


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
    assert timer.summary()["detect"] == {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}


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
