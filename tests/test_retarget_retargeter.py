"""What an operator relies on: open is open, a fist a fist, pinches touch, and nothing bad ever comes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from retarget_examples import fist, flat_hand, pinch

from retarget import Retargeter, RetargetError, load

FRAME_NS = 33_333_333
CONTACT_M = 0.024
FINGER_FLEXION = [1, 2, 3, 5, 6, 7, 9, 10, 11]
MIRROR = np.array([1.0, -1.0, 1.0])


@pytest.fixture
def right() -> Retargeter:
    return load("allegro_right")


@pytest.fixture(scope="module")
def recording(shared_data: Path) -> np.ndarray:
    """(621,21,3) metres, hand frame: a real right hand, counting."""
    with np.load(shared_data / "motion" / "human_joint_right.npz") as data:
        return data["keypoints"].astype(np.float64)


def solve_all(retargeter: Retargeter, keypoints: np.ndarray) -> np.ndarray:
    return np.array([retargeter.solve(hand, i * FRAME_NS) for i, hand in enumerate(keypoints)])


def solve_afresh(retargeter: Retargeter, keypoints: np.ndarray) -> np.ndarray:
    retargeter.reset()
    return retargeter.solve(keypoints, 0)


def assert_legal(retargeter: Retargeter, q_rad: np.ndarray) -> None:
    assert np.isfinite(q_rad).all()
    assert (q_rad > retargeter.lower_rad).all()
    assert (q_rad < retargeter.upper_rad).all()


def mirror_joints(q_rad: np.ndarray) -> np.ndarray:
    mirrored = np.array(q_rad)
    mirrored[..., [0, 4, 8]] *= -1
    return mirrored


def gaps(retargeter: Retargeter, q_rad: np.ndarray) -> np.ndarray:
    """(3,) metres between the surfaces of the thumb's tip and each finger's."""
    tips = retargeter.tip_positions(q_rad)
    return np.linalg.norm(tips[1:] - tips[0], axis=1) - CONTACT_M


# Shape of the hand


def test_joints_come_in_the_drivers_order(right: Retargeter) -> None:
    assert right.joint_names == tuple(f"joint_{i}.0" for i in range(16))
    assert right.lower_rad[12] == pytest.approx(0.263)
    assert right.upper_rad[3] == pytest.approx(1.618)


def test_flat_hand_is_flat_and_its_thumb_is_not_curled(right: Retargeter) -> None:
    q = solve_afresh(right, flat_hand())
    assert np.abs(q[FINGER_FLEXION]).max() < 0.15
    assert q[15] < 0.35  # thumb's last joint straight
    thumb = right.tip_positions(q)[0]
    assert thumb[1] > 0.07  # beside the palm (half width 0.057 m) …
    assert abs(thumb[0]) < 0.04  # … and in its plane


def test_recorded_flat_hand_is_flat_and_its_thumb_is_not_curled(
    right: Retargeter, recording: np.ndarray
) -> None:
    chains = np.stack([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16], [17, 18, 19, 20]])
    points = recording[:, chains]  # (frames, digits, 4, 3)
    length = np.linalg.norm(np.diff(points, axis=2), axis=-1).sum(axis=-1)
    straightness = np.linalg.norm(points[:, :, 3] - points[:, :, 0], axis=-1) / length
    flat = np.flatnonzero(straightness.min(axis=1) > 0.975)
    assert len(flat) > 3
    q = solve_all(right, recording)[flat]
    assert np.median(q[:, [2, 3, 6, 7, 10, 11]], axis=0).max() < 0.2
    assert np.median(q[:, 15]) < 0.35


def test_fist_is_closed(right: Retargeter) -> None:
    q = solve_afresh(right, fist())
    for finger in (0, 4, 8):
        assert q[finger + 1 : finger + 4].sum() > 3.5
    palm_to_tips = right.tip_positions(q)[1:, 2] - 0.095
    assert (palm_to_tips < 0.01).all()  # tips are back at the height of the palm's upper edge


@pytest.mark.parametrize("finger", [0, 1, 2])
@pytest.mark.parametrize("gap_m", [0.0, 0.002, 0.01, 0.02, 0.03])
def test_pinch_brings_the_right_fingertip_surfaces_together(
    right: Retargeter, finger: int, gap_m: float
) -> None:
    gap = gaps(right, solve_afresh(right, pinch(finger, gap_m)))
    assert abs(gap[finger]) < 0.003
    assert (np.delete(gap, finger) > 0.03).all()


def test_recorded_pinches_touch(right: Retargeter, recording: np.ndarray) -> None:
    q = solve_all(right, recording)
    distance = np.linalg.norm(recording[:, [8, 12, 16]] - recording[:, 4:5], axis=-1)
    gap = np.array([gaps(right, pose) for pose in q])[distance < 0.03]
    assert len(gap) > 20
    assert np.abs(gap).max() < 0.004


def test_recording_moves_within_limits_and_without_jumps(right: Retargeter, recording: np.ndarray) -> None:
    q = solve_all(right, recording)
    assert_legal(right, q)
    # A fingertip of the robot never moves much further than one of the human did; letting go of a pinch, it
    # has the whole way from contact to where the hand is to make up.
    tips = np.array([right.tip_positions(pose) for pose in q])
    robot = np.linalg.norm(np.diff(tips, axis=0), axis=-1).max(axis=1)
    human = np.linalg.norm(np.diff(recording[:, [4, 8, 12, 16]], axis=0), axis=-1).max(axis=1)
    assert (robot < 3.5 * human + 0.011).all()


def test_fingertips_follow_the_recording(right: Retargeter, recording: np.ndarray) -> None:
    q = solve_all(right, recording)
    tips = np.array([right.tip_positions(pose) for pose in q])
    for tip, keypoint in enumerate((4, 8, 12, 16)):
        for axis in (0, 1, 2) if tip else (0, 1):
            correlation = np.corrcoef(tips[:, tip, axis], recording[:, keypoint, axis])[0, 1]
            assert correlation > (0.9 if axis != 1 or tip == 0 else 0.6)


# Left and right


def test_left_hand_is_the_mirror_image_of_the_right(right: Retargeter) -> None:
    left = load("allegro_left")
    for keypoints in (flat_hand(), fist(), pinch(0, 0.01), pinch(2, 0.036)):
        np.testing.assert_allclose(
            mirror_joints(solve_afresh(left, keypoints * MIRROR)), solve_afresh(right, keypoints), atol=1e-3
        )
    np.testing.assert_allclose(mirror_joints(left.home_rad), right.home_rad, atol=1e-9)


def test_left_hand_mirrors_the_right_through_the_recording(right: Retargeter, recording: np.ndarray) -> None:
    left = load("allegro_left")
    few = recording[::4]
    np.testing.assert_allclose(mirror_joints(solve_all(left, few * MIRROR)), solve_all(right, few), atol=5e-3)


# Continuity of a pinch


def test_closing_and_opening_a_pinch_never_snaps(right: Retargeter) -> None:
    closing = np.arange(0.08, 0.0, -0.0005)
    distances = np.concatenate([closing, closing[::-1]])
    gap = []
    steps = []
    q = None
    for i, distance in enumerate(distances):
        new = right.solve(pinch(0, distance), i * FRAME_NS)
        gap.append(gaps(right, new)[0])
        if q is not None:
            steps.append(np.abs(new - q).max())
        q = new
    assert max(steps) < 0.1  # rad, for half a millimetre of the human's
    closing_gap, opening_gap = gap[: len(closing)], gap[len(closing) :][::-1]
    at_40_mm = int(np.argmin(np.abs(closing - 0.0405)))
    assert closing_gap[at_40_mm] > opening_gap[at_40_mm] + 0.01  # held until released: hysteresis
    assert closing_gap[0] == pytest.approx(opening_gap[0], abs=2e-3)


def test_trembling_at_the_threshold_does_not_chatter(right: Retargeter) -> None:
    rng = np.random.default_rng(0)
    distances = 0.03 + rng.normal(0, 0.001, 100)
    q = np.array([right.solve(pinch(0, d), i * FRAME_NS) for i, d in enumerate(distances)])
    assert np.abs(np.diff(q[5:], axis=0)).max() < 0.1


# State


def test_same_input_gives_the_same_output(recording: np.ndarray) -> None:
    first, second = load("allegro_right"), load("allegro_right")
    np.testing.assert_array_equal(solve_all(first, recording[:100]), solve_all(second, recording[:100]))


def test_reset_forgets_everything(right: Retargeter) -> None:
    fresh = solve_afresh(right, flat_hand())
    right.solve(pinch(0, 0.0), FRAME_NS)
    right.solve(pinch(0, 0.045), 2 * FRAME_NS)
    right.reset()
    assert np.isnan(right.status.cost)
    np.testing.assert_array_equal(right.solve(flat_hand(), 0), fresh)


@pytest.mark.parametrize("t_ns", [10_000_000_000, -1])
def test_a_long_pause_or_a_step_back_in_time_starts_afresh(right: Retargeter, t_ns: int) -> None:
    expected = solve_afresh(right, pinch(0, 0.045))
    right.reset()
    right.solve(pinch(0, 0.0), 0)
    held = right.solve(pinch(0, 0.045), FRAME_NS)
    right.reset()
    right.solve(pinch(0, 0.0), 0)
    released = right.solve(pinch(0, 0.045), t_ns)
    assert gaps(right, held)[0] < gaps(right, released)[0] - 0.005
    np.testing.assert_allclose(released, expected, atol=1e-3)


def test_trajectory_continues_from_its_first_instant_only(right: Retargeter) -> None:
    other = load("allegro_right")
    horizon = np.stack([flat_hand(), pinch(0, 0.02), pinch(0, 0.0), fist()])
    t_ns = np.arange(4) * FRAME_NS
    trajectory = right.solve_trajectory(horizon, t_ns)
    single = other.solve(horizon[0], 0)
    np.testing.assert_array_equal(trajectory[0], single)
    following = pinch(0, 0.045)
    np.testing.assert_array_equal(right.solve(following, FRAME_NS), other.solve(following, FRAME_NS))


def test_trajectory_equals_solving_its_instants_in_a_row(right: Retargeter, recording: np.ndarray) -> None:
    horizon = recording[280:296]
    together = right.solve_trajectory(horizon, np.arange(16) * FRAME_NS)
    right.reset()
    np.testing.assert_array_equal(together, solve_all(right, horizon))
    assert_legal(right, together)


def test_status_reports_the_solve(right: Retargeter) -> None:
    q = solve_afresh(right, fist())
    assert right.status.converged
    assert right.status.iterations > 0
    assert right.status.rejected == ""
    assert right.status.cost == pytest.approx(right.cost(q, fist()), rel=1e-9)


def test_cost_is_least_at_the_solution(right: Retargeter) -> None:
    rng = np.random.default_rng(5)
    for keypoints in (flat_hand(), fist(), pinch(1, 0.01)):
        q = solve_afresh(right, keypoints)
        cost = right.cost(q, keypoints)
        for _ in range(50):
            nearby = np.clip(q + rng.normal(0, 0.1, 16), right.lower_rad, right.upper_rad)
            assert right.cost(nearby, keypoints) > cost - 1e-6
        inside = (q > right.lower_rad + 2e-4) & (q < right.upper_rad - 2e-4)
        assert np.abs(right.cost_gradient(q, keypoints)[inside]).max() < 1e-4


# Input that is no hand


def bad_hands() -> dict[str, np.ndarray]:
    one_nan, one_inf = flat_hand(), flat_hand()
    one_nan[8, 1], one_inf[20, 2] = np.nan, -np.inf
    return {
        "not finite": np.full((21, 3), np.nan),
        "are not finite": one_nan,
        "the keypoints are not finite": one_inf,
        "wrist and middle knuckle are 0 m apart": np.zeros((21, 3)),
        "apart": 1e-3 * flat_hand(),
        "spans": 1e3 * flat_hand(),
        "more than": 1e200 * flat_hand(),
    }


@pytest.mark.parametrize("reason", list(bad_hands()))
@pytest.mark.filterwarnings("error")
def test_no_hand_gives_the_last_good_pose_and_says_why(right: Retargeter, reason: str) -> None:
    bad = bad_hands()[reason]
    np.testing.assert_array_equal(right.solve(bad, 0), right.home_rad)
    assert reason in right.status.rejected
    assert not right.status.converged
    good = right.solve(fist(), FRAME_NS)
    assert right.status.rejected == ""
    np.testing.assert_array_equal(right.solve(bad, 2 * FRAME_NS), good)
    assert reason in right.status.rejected
    horizon = right.solve_trajectory(np.stack([bad, flat_hand()]), np.array([3, 4]) * FRAME_NS)
    np.testing.assert_array_equal(horizon, [good, good])


def test_a_bad_instant_of_a_horizon_repeats_the_one_before(right: Retargeter) -> None:
    horizon = np.stack([flat_hand(), np.full((21, 3), np.nan), fist()])
    q = right.solve_trajectory(horizon, np.arange(3) * FRAME_NS)
    np.testing.assert_allclose(q[1], q[0], atol=0.02)
    assert_legal(right, q)
    assert right.status.rejected == "instant 1: the keypoints are not finite"
    assert not right.status.converged


def test_returned_poses_belong_to_the_caller(right: Retargeter) -> None:
    right.solve(np.full((21, 3), np.nan), 0)[:] = 99.0
    assert right.home_rad.max() < 2.0
    right.solve(fist(), FRAME_NS)[:] = 99.0
    assert_legal(right, right.solve(np.full((21, 3), np.nan), 2 * FRAME_NS))


def test_keypoints_need_not_start_at_the_origin(right: Retargeter) -> None:
    np.testing.assert_allclose(
        solve_afresh(right, fist() + np.array([0.3, -0.1, 0.8])), solve_afresh(right, fist()), atol=1e-6
    )


def test_wrong_shapes_are_explained(right: Retargeter) -> None:
    with pytest.raises(RetargetError, match=r"shape \(20, 3\)"):
        right.solve(flat_hand()[:20], 0)
    with pytest.raises(RetargetError, match=r"shape \(21, 3\)"):
        right.solve_trajectory(flat_hand(), np.array([0]))
    with pytest.raises(RetargetError, match="k ≥ 1"):
        right.solve_trajectory(np.zeros((0, 21, 3)), np.array([]))
    with pytest.raises(RetargetError, match="2 increasing times"):
        right.solve_trajectory(np.stack([fist(), fist()]), np.array([5, 5]))
    with pytest.raises(RetargetError, match=r"\(16,\), \(21,3\) and \(16,\)"):
        right.cost(np.zeros(3), fist())


KEYPOINTS = arrays(
    np.float64,
    (21, 3),
    elements=st.one_of(
        st.floats(-0.2, 0.2),
        st.floats(allow_nan=True, allow_infinity=True),
        st.sampled_from([0.0, 1e-300, 1e300, np.nan, np.inf]),
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keypoints=KEYPOINTS, t_ns=st.integers(-(10**18), 10**18))
def test_any_numbers_at_all_give_a_legal_pose(right: Retargeter, keypoints: np.ndarray, t_ns: int) -> None:
    assert_legal(right, right.solve(keypoints, t_ns))


def test_a_hundred_thousand_random_hands_give_legal_poses(right: Retargeter) -> None:
    rng = np.random.default_rng(6)
    solved = 0
    for i in range(100_000):
        kind = i % 5 if i % 40 < 5 else 2 + i % 2  # most are no hands at all, and cost little
        keypoints = rng.normal(0, 0.05, (21, 3))  # limbs in no order
        if kind == 1:
            keypoints = fist() * rng.uniform(-2, 2, 3)  # stretched, squashed, mirrored, inside out
        elif kind == 2:
            keypoints = rng.normal(0, 10.0 ** rng.uniform(-12, 12), (21, 3))  # any size
        elif kind == 3:
            keypoints[rng.random((21, 3)) < 0.02] = rng.choice([np.nan, np.inf, -np.inf])
        elif kind == 4:
            keypoints[rng.integers(1, 21, 10)] = 0.0  # collapsed in part
        assert_legal(right, right.solve(keypoints, i * FRAME_NS))
        solved += right.status.rejected == ""
    assert solved > 4_000


def test_fingers_bent_backwards_find_their_way_into_a_fist(right: Retargeter) -> None:
    """From the limit behind the palm no way downhill leads to a fist: the search has to start elsewhere."""
    backwards = flat_hand()
    backwards[5:, 0] -= np.clip(backwards[5:, 2] - 0.09, 0.0, None)
    for i in range(5):
        bent = right.solve(backwards, i * FRAME_NS)
    assert (bent[[1, 5, 9]] < -0.1).all(), "the example is to bend the fingers backwards"
    for i in (5, 6):  # the pull toward the previous pose holds it back a little
        closed = right.solve(fist(), i * FRAME_NS)
    assert (closed[FINGER_FLEXION] > 0.75 * solve_afresh(right, fist())[FINGER_FLEXION]).all()
