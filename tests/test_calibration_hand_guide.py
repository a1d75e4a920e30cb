import numpy as np
import pytest

from calibration.hand_guide import (
    FEWEST_FRAMES,
    FIST,
    HOLD_S,
    OPEN,
    PINCHES,
    SPREAD,
    STEPS,
    GuideState,
    HandGuide,
)
from tests.hand_examples import hold, seen_hand

STEP_NS = 4_000_000_000


def show(guide: HandGuide, frames: list[tuple[int, np.ndarray]]) -> GuideState:
    states = [guide.look(hand, t_ns) for t_ns, hand in frames]
    return states[-1]


def walk(guide: HandGuide, until: str = "") -> int:
    """Perform all steps up to `until`; returns the time then."""
    t_ns = 0
    for step in STEPS:
        if step == until:
            break
        show(guide, hold(step, 3.4, t_ns))
        t_ns += STEP_NS
    return t_ns


def test_goes_through_all_steps_by_itself() -> None:
    guide = HandGuide()
    walk(guide)
    assert guide.step == ""
    assert list(guide.samples) == list(STEPS)
    for step, held in guide.samples.items():
        assert np.ptp(held.t_ns) * 1e-9 == pytest.approx(HOLD_S - 0.3, abs=0.05)
        expected = seen_hand(step, 0.02 if step in PINCHES.values() else 0.0)
        assert np.allclose(held.keypoints_m.mean(axis=0), expected, atol=1e-3)


def test_progress_grows_while_a_pose_is_held_and_starts_again() -> None:
    guide = HandGuide()
    states = [guide.look(hand, t_ns) for t_ns, hand in hold(OPEN, 3.4, 0)]
    held = [state.held for state in states if state.index == 0]
    assert held == sorted(held)
    assert held[0] == 0.0
    assert held[-1] > 0.9
    assert states[-1].index == 1
    assert states[-1].held == 0.0
    assert "fist" in states[-1].instruction


@pytest.mark.parametrize("step", STEPS[1:])
def test_another_pose_never_counts(step: str) -> None:
    for other in STEPS:
        guide = HandGuide()
        t_ns = walk(guide, until=step)
        show(guide, hold(other, 4.0, t_ns))
        assert (guide.step != step) == (other == step), (step, other)


def test_says_which_finger_pinches_instead() -> None:
    guide = HandGuide()
    t_ns = walk(guide, until=PINCHES["middle"])
    state = show(guide, hold(PINCHES["ring"], 1.5, t_ns, gap_m=0.0))
    assert "middle" in state.hint or "together" in state.hint
    assert guide.step == PINCHES["middle"]


def test_short_lapses_of_a_detector_do_not_matter_and_long_ones_do() -> None:
    guide = HandGuide()
    frames = hold(OPEN, 3.4, 0)
    for i, (t_ns, hand) in enumerate(frames):
        guide.look(None if i % 6 == 0 else hand, t_ns)
    assert guide.step == FIST
    guide = HandGuide()
    for i, (t_ns, hand) in enumerate(frames):
        guide.look(None if i % 40 >= 25 else hand, t_ns)
    assert guide.step == OPEN


def test_a_pose_is_not_held_while_no_frames_come() -> None:
    guide = HandGuide()
    frames = hold(OPEN, 2.0, 0)
    show(guide, frames)
    assert guide.step == OPEN
    t_ns, hand = frames[-1]
    state = guide.look(hand, t_ns + 5_000_000_000)
    assert guide.step == OPEN
    assert state.held == 0.0


@pytest.mark.parametrize("fps", [4, 5, 10, 60])
def test_a_step_has_enough_frames_of_any_camera(fps: int) -> None:
    guide = HandGuide()
    hand = seen_hand(OPEN)
    t_ns = [i * 10**9 // fps for i in range(6 * fps)]
    states = [guide.look(hand, t) for t in t_ns]
    assert len(guide.samples[OPEN].t_ns) >= FEWEST_FRAMES
    done = next(i for i, state in enumerate(states) if state.index == 1)
    assert t_ns[done] < 4.2e9, "what is held for so long is enough"


def test_a_moving_hand_is_not_held() -> None:
    guide = HandGuide()
    flat = seen_hand(OPEN)
    states = [
        guide.look(flat + 0.02 * (i % 2) * (np.arange(21) > 0)[:, None], i * 33_333_333) for i in range(120)
    ]
    assert guide.step == OPEN
    assert max(state.held for state in states) == 0.0


def test_tells_why_a_step_was_not_done() -> None:
    guide = HandGuide()
    assert guide.look(None, 0).hint == "Show your hand to the camera"
    assert "no hand was seen" in guide.what_is_missing()
    t_ns = walk(guide, until=PINCHES["index"])
    show(guide, hold(PINCHES["index"], 3.0, t_ns, gap_m=0.09))
    sentence = guide.what_is_missing()
    assert "pinch of thumb and index finger was not seen" in sentence
    assert "no nearer than" in sentence
    assert "repeat" in sentence
    guide = HandGuide()
    walk(guide, until=SPREAD)
    assert "the spread hand was not seen" in guide.what_is_missing()


def test_what_is_no_hand_is_as_none() -> None:
    guide = HandGuide()
    assert guide.look(np.full((21, 3), np.nan), 0).hint == "Show your hand to the camera"
    assert not guide.hand_seen
