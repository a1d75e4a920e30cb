"""Late frames are put down to the stage that took longer than usual."""

from __future__ import annotations

from app.overrun import Overruns

USUAL = {"detect": 14.0, "temporal": 5.0, "retarget": 0.1}


def test_a_late_frame_is_put_down_to_the_stage_that_was_slower_than_usual():
    overruns = Overruns(33.0)
    for _ in range(100):
        overruns.add(USUAL, 20.0)
    overruns.add({**USUAL, "temporal": 30.0}, 45.0)
    assert overruns.by_stage == {"temporal": 1}
    assert overruns.count == 1
    assert not overruns.sentence(101)


def test_a_machine_that_is_too_slow_is_told_which_stage_it_is():
    overruns = Overruns(33.0)
    for _ in range(100):
        overruns.add({**USUAL, "detect": 41.0}, 47.0)
    sentence = overruns.sentence(100)
    assert "100 of 100 frames" in sentence
    assert "detect usually takes 41 ms" in sentence
