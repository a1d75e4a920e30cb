"""The mode machine, its guards and the motion limits, driven by explicit times."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.errors import RobotError
from robot.hands import hand_spec
from robot.limits import JointLimits, MotionLimiter
from robot.messages import JointTrajectory
from robot.playback import Playback
from robot.supervisor import Supervisor
from robot.supervisor_config import SupervisorConfig

SPEC = hand_spec("right")
MS = 1_000_000
STEP = 2 * MS
MID = (SPEC.lower_rad + SPEC.upper_rad) / 2
MARGIN = SupervisorConfig().limit_margin_rad
# As far from home as one target may go: farther ones are taken for a jump.
FAR = np.clip(SPEC.home_rad + 1.0, SPEC.lower_rad, SPEC.upper_rad)
BETWEEN = SPEC.home_rad + np.clip(MID - SPEC.home_rad, -1.0, 1.0)


def trajectory(seq: int, t_ns: int, q_rad: np.ndarray, **changes: Any) -> JointTrajectory:
    """Published at `t_ns`, standing at `q_rad` (n,) or moving through q_rad (k,n) every 33 ms."""
    rows = np.atleast_2d(q_rad)
    content: dict[str, Any] = {
        "seq": seq,
        "hand": "right",
        "valid": True,
        "source_state": "tracking",
        "t_capture_ns": max(t_ns - 20 * MS, 0),
        "t_publish_ns": t_ns,
        "joint_names": SPEC.joint_names,
        "t_ns": t_ns + 33 * MS * np.arange(len(rows)),
        "q_rad": rows,
    }
    return JointTrajectory(**{**content, **changes})


class Rig:
    """A supervisor with ideal motors: what is commanded is measured at the next step."""

    def __init__(self, q_rad: np.ndarray | None = None, config: SupervisorConfig | None = None) -> None:
        self.supervisor = Supervisor(SPEC, config)
        self.t_ns = 1_000_000 * MS
        self.seq = 0
        self.q_rad = np.array(SPEC.home_rad if q_rad is None else q_rad)
        self.outputs: list[np.ndarray | None] = []

    def offer(self, q_rad: np.ndarray, **changes: Any) -> str:
        self.seq += 1
        return self.supervisor.offer(trajectory(self.seq, self.t_ns, q_rad, **changes), self.t_ns)

    def run(self, duration_ms: float, goal_rad: np.ndarray | None = None) -> None:
        """Step for a while; with a goal, targets for it arrive every 33 ms."""
        end_ns = self.t_ns + int(duration_ms * MS)
        next_offer_ns = self.t_ns
        while self.t_ns < end_ns:
            if goal_rad is not None and self.t_ns >= next_offer_ns:
                self.offer(goal_rad)
                next_offer_ns += 33 * MS
            target = self.supervisor.step(self.t_ns, self.q_rad)
            self.outputs.append(target)
            if target is not None:
                self.q_rad = target
            self.t_ns += STEP

    def command(self, name: str) -> str:
        return self.supervisor.command(name, self.t_ns)

    @property
    def mode(self) -> str:
        return self.supervisor.mode


def tracking_rig() -> Rig:
    rig = Rig()
    assert rig.command("arm") == ""
    rig.run(200, SPEC.home_rad)
    assert rig.mode == "TRACKING"
    return rig


def test_disarmed_robot_does_not_move_whatever_is_sent() -> None:
    rig = Rig()
    rig.run(500, MID)
    assert rig.mode == "DISARMED"
    assert all(output is None for output in rig.outputs)


def test_armed_robot_holds_its_pose_until_the_first_target() -> None:
    rig = Rig()
    rig.command("arm")
    rig.run(5000)
    assert rig.mode == "ENGAGING"
    np.testing.assert_allclose(rig.q_rad, SPEC.home_rad, atol=1e-9)


def test_engages_without_a_jump_and_then_tracks() -> None:
    rig = Rig(q_rad=SPEC.lower_rad)
    rig.command("arm")
    rig.run(100, SPEC.upper_rad)
    assert rig.mode == "ENGAGING"
    speed = np.abs(np.diff(np.array(rig.outputs[1:]), axis=0)) / (STEP / 1e9)
    share = SupervisorConfig().engage_velocity_share
    assert (speed[:5] <= 0.3 * SPEC.max_velocity_rad_s).all()
    assert share * SPEC.max_velocity_rad_s.min() * 0.05 < np.abs(rig.q_rad - SPEC.lower_rad).max() < 0.3
    rig.run(3000, SPEC.upper_rad)
    assert rig.mode == "TRACKING"
    np.testing.assert_allclose(rig.q_rad, SPEC.upper_rad - MARGIN, atol=1e-3)


def test_moving_operator_is_caught_up_with() -> None:
    rig = Rig()
    rig.command("arm")
    start_ns = rig.t_ns
    while rig.mode != "TRACKING" and rig.t_ns < start_ns + 4000 * MS:
        swing = 0.5 * np.sin(2 * np.pi * 1.0 * (rig.t_ns - start_ns) / 1e9)
        rig.run(33, np.clip(MID + swing, SPEC.lower_rad, SPEC.upper_rad))
    assert rig.mode == "TRACKING"


def test_plays_between_instants_at_the_true_time_and_never_past_the_last() -> None:
    rig = tracking_rig()
    rows = SPEC.home_rad + np.linspace(0.0, 0.06, 4)[:, None] * np.eye(16)[1]
    start_ns = rig.t_ns
    rig.offer(rows)
    rig.run(50)
    middle = rig.outputs[-1]
    assert middle is not None
    elapsed_s = (rig.t_ns - STEP - start_ns) / 1e9
    assert middle[1] - SPEC.home_rad[1] == pytest.approx(0.06 * elapsed_s / 0.099, abs=0.004)
    rig.run(90)  # past the last instant, before the watchdog
    assert rig.mode == "TRACKING"
    assert rig.q_rad[1] == pytest.approx(SPEC.home_rad[1] + 0.06, abs=1e-4)


def test_hold_after_stale_targets_then_disarmed() -> None:
    rig = tracking_rig()
    rig.offer(SPEC.home_rad)
    rig.run(150)
    assert rig.mode == "TRACKING"
    rig.run(10)
    assert rig.mode == "HOLD"
    rig.run(1830)
    assert rig.mode == "HOLD"
    rig.run(20)
    assert rig.mode == "DISARMED"
    np.testing.assert_allclose(rig.outputs[-1], SPEC.home_rad, atol=1e-9)  # relaxing
    rig.run(1000)
    assert rig.outputs[-1] is None
    assert (rig.supervisor.counters.holds, rig.supervisor.counters.watchdog_disarms) == (1, 1)


def test_moving_robot_brakes_to_rest_when_targets_stop() -> None:
    rig = tracking_rig()
    rows = np.linspace(SPEC.home_rad, SPEC.upper_rad, 20)  # a fast move, predicted far ahead
    rig.offer(rows)
    rig.run(160)
    assert rig.mode == "HOLD"
    rig.run(100)
    held = rig.q_rad.copy()
    rig.run(500)
    np.testing.assert_array_equal(rig.q_rad, held)
    assert (held < SPEC.upper_rad - 0.05).any()


@pytest.mark.parametrize("changes", [{"source_state": "lost"}, {"valid": False}])
def test_lost_or_invalid_targets_do_not_feed_the_watchdog(changes: dict[str, Any]) -> None:
    rig = tracking_rig()
    for _ in range(10):
        assert rig.offer(MID, **changes) != ""
        rig.run(33)
    assert rig.mode == "HOLD"
    np.testing.assert_allclose(rig.q_rad, SPEC.home_rad, atol=1e-6)
    assert rig.supervisor.counters.not_fresh == 10


def test_targets_after_hold_engage_again_softly() -> None:
    rig = tracking_rig()
    rig.run(200)
    assert rig.mode == "HOLD"
    rig.outputs.clear()
    rig.run(40, MID)
    assert rig.mode == "ENGAGING"
    speed = np.abs(np.diff(np.array(rig.outputs), axis=0)) / (STEP / 1e9)
    assert (speed <= 0.3 * SPEC.max_velocity_rad_s).all()


def test_stop_is_latched_until_reset_and_arm() -> None:
    rig = tracking_rig()
    assert rig.command("stop") == ""
    rig.run(300, MID)
    assert rig.mode == "STOPPED"
    assert all(output is None for output in rig.outputs[-100:])
    for name in ("arm", "disarm", "home"):
        assert "reset" in rig.command(name)
        assert rig.mode == "STOPPED"
    assert rig.command("reset") == ""
    assert rig.mode == "DISARMED"
    rig.run(300, MID)
    assert rig.mode == "DISARMED"
    assert rig.command("arm") == ""
    rig.run(100, MID)
    assert rig.mode == "ENGAGING"


def test_illegal_commands_say_why_and_change_nothing() -> None:
    rig = Rig()
    assert "nothing to reset" in rig.command("reset")
    assert "arm first" in rig.command("home")
    assert "there is no command" in rig.command("dance").lower()
    assert rig.mode == "DISARMED"


def test_home_moves_slowly_and_ignores_targets_until_there() -> None:
    rig = Rig(q_rad=MID)
    rig.command("arm")
    rig.run(300, MID)
    assert rig.mode == "TRACKING"
    assert rig.command("home") == ""
    rig.outputs.clear()
    rig.run(300, MID)
    moved = np.array(rig.outputs)
    speed = np.abs(np.diff(moved, axis=0)) / (STEP / 1e9)
    assert (speed <= 0.21 * SPEC.max_velocity_rad_s).all()
    assert (np.abs(moved[-1] - SPEC.home_rad) < np.abs(moved[0] - SPEC.home_rad) + 1e-9).all()
    rig.run(3000)
    np.testing.assert_allclose(rig.q_rad, SPEC.home_rad, atol=2e-3)


def test_measured_nan_stops_the_robot_with_a_reason() -> None:
    rig = tracking_rig()
    assert rig.supervisor.step(rig.t_ns, np.full(16, np.nan)) is None
    assert rig.mode == "STOPPED"
    assert "not finite" in rig.supervisor.fault


def test_joints_are_matched_by_name_in_any_order() -> None:
    rig = tracking_rig()
    order = np.random.default_rng(1).permutation(16)
    names = tuple(SPEC.joint_names[i] for i in order)
    goal = SPEC.home_rad + 0.05 * np.arange(16) / 16
    for _ in range(10):
        assert rig.offer(goal[order], joint_names=names) == ""
        rig.run(33)
    np.testing.assert_allclose(rig.q_rad, goal, atol=1e-3)


@pytest.mark.parametrize(
    "names", [("joint_0.0",), (*SPEC.joint_names[:-1], "wheel"), (*SPEC.joint_names, "extra")]
)
def test_unknown_or_missing_joints_reject_the_message(names: tuple[str, ...]) -> None:
    rig = tracking_rig()
    assert "joint_15.0" in rig.offer(np.zeros(len(names)), joint_names=names)
    assert rig.supervisor.counters.unknown_joints == 1


def test_other_hands_targets_are_rejected() -> None:
    rig = tracking_rig()
    assert "left" in rig.offer(MID, hand="left")
    assert rig.supervisor.counters.wrong_hand == 1


def test_duplicates_and_old_messages_are_rejected() -> None:
    rig = tracking_rig()
    now = rig.t_ns
    assert rig.supervisor.offer(trajectory(100, now, MID), now) == ""
    assert rig.supervisor.offer(trajectory(100, now, MID), now) != ""
    assert rig.supervisor.offer(trajectory(99, now - 10 * MS, MID), now) != ""
    assert rig.supervisor.offer(trajectory(101, now - 10 * MS, MID), now) != ""
    assert rig.supervisor.counters.out_of_order == 3


def test_restarted_publisher_is_accepted_once_the_old_one_is_silent() -> None:
    rig = tracking_rig()
    now = rig.t_ns
    assert rig.supervisor.offer(trajectory(50, now, MID), now) == ""
    assert rig.supervisor.offer(trajectory(0, now + 50 * MS, MID), now + 50 * MS) != ""
    assert rig.supervisor.offer(trajectory(1, now + 200 * MS, MID), now + 200 * MS) == ""


def test_second_publisher_does_not_mix_in() -> None:
    rig = tracking_rig()
    rig.seq = 60
    refused = 0
    for i in range(20):
        assert rig.offer(SPEC.home_rad) == ""
        late_ns = rig.t_ns + 10 * MS
        refused += rig.supervisor.offer(trajectory(i, late_ns, MID), late_ns) != ""
        rig.run(33)
    assert refused == 20
    np.testing.assert_allclose(rig.q_rad, SPEC.home_rad, atol=1e-6)


def test_late_and_future_messages_are_rejected() -> None:
    rig = tracking_rig()
    now = rig.t_ns
    assert "old" in rig.supervisor.offer(trajectory(500, now - 200 * MS, MID), now)
    assert "clock offset" in rig.supervisor.offer(trajectory(500, now + 500 * MS, MID), now)
    assert (rig.supervisor.counters.too_old, rig.supervisor.counters.from_future) == (1, 1)


def test_targets_beyond_the_limits_are_clipped_and_counted() -> None:
    rig = tracking_rig()
    rig.offer(SPEC.home_rad + 5.0 * (np.eye(16)[3] + np.eye(16)[7]))
    assert rig.supervisor.counters.joint_limits == 2
    rig.run(3000, SPEC.upper_rad + 1.0)
    assert (rig.q_rad <= SPEC.upper_rad - MARGIN).all()
    np.testing.assert_allclose(rig.q_rad, SPEC.upper_rad - MARGIN, atol=1e-3)


@pytest.mark.parametrize("pause_ms", [20, 140])
def test_late_step_of_a_moving_robot_is_no_large_one(pause_ms: int) -> None:
    rig = tracking_rig()
    rig.run(66, FAR)
    assert rig.mode == "TRACKING"
    before = rig.q_rad.copy()
    rig.t_ns += pause_ms * MS
    after = rig.supervisor.step(rig.t_ns, before)
    assert after is not None
    assert 0.0 < np.abs(after - before).max() <= 2.5 * SPEC.max_velocity_rad_s.max() * STEP / 1e9 + 1e-9


@pytest.mark.parametrize("pause_ms", [200, 5000])
def test_stalled_loop_holds_and_then_engages_softly(pause_ms: int) -> None:
    rig = tracking_rig()
    rig.run(66, FAR)
    rig.t_ns += pause_ms * MS
    rig.offer(FAR)  # lay in the queue while the loop stood still
    before = rig.q_rad.copy()
    rig.run(20)
    assert rig.mode == "HOLD"
    np.testing.assert_allclose(rig.q_rad, before, atol=1e-9)
    rig.outputs.clear()
    rig.run(40, MID)
    assert rig.mode == "ENGAGING"
    speed = np.abs(np.diff(np.array([before, *rig.outputs]), axis=0)) / (STEP / 1e9)
    assert 0.1 < speed.max() <= 0.3 * SPEC.max_velocity_rad_s.max()


def test_stall_of_a_waiting_robot_keeps_it_waiting() -> None:
    rig = Rig()
    rig.command("arm")
    rig.run(50)
    rig.t_ns += 1000 * MS
    rig.run(3000)
    assert rig.mode == "ENGAGING"


def test_stalled_robot_without_targets_holds_visibly_before_it_is_disarmed() -> None:
    rig = tracking_rig()
    rig.t_ns += 60_000 * MS
    rig.run(1990)
    assert rig.mode == "HOLD"
    rig.run(20)
    assert rig.mode == "DISARMED"


def test_clock_that_goes_back_moves_nothing_and_does_not_count_twice() -> None:
    rig = tracking_rig()
    rig.run(66, FAR)
    before = rig.q_rad.copy()
    back = rig.supervisor.step(rig.t_ns - 100 * MS, before)
    np.testing.assert_array_equal(back, before)
    after = rig.supervisor.step(rig.t_ns, before)
    assert after is not None
    assert 0.0 < np.abs(after - before).max() <= SPEC.max_velocity_rad_s.max() * STEP / 1e9 + 1e-9


@pytest.mark.parametrize("armed", [True, False])
def test_two_publishers_at_once_are_a_fault_of_an_armed_robot(armed: bool) -> None:
    rig = tracking_rig()
    if not armed:
        rig.command("disarm")
    assert rig.offer(SPEC.home_rad) == ""
    later = rig.t_ns + 140 * MS
    assert "second publisher" in rig.supervisor.offer(trajectory(10**6, later, FAR), later)
    assert rig.supervisor.counters.takeovers == 1
    assert rig.mode == ("STOPPED" if armed else "DISARMED")
    assert ("Two publishers" in rig.supervisor.fault) is armed
    assert rig.supervisor.counters.faults == armed
    assert rig.supervisor.step(later, rig.q_rad) is None


def test_reset_lets_another_publisher_take_over_at_once() -> None:
    rig = tracking_rig()
    rig.offer(SPEC.home_rad, meta={"publisher": "one"})
    for command in ("stop", "reset", "arm"):
        assert rig.command(command) == ""
    rig.t_ns += 10 * MS
    assert rig.offer(SPEC.home_rad, meta={"publisher": "two"}) == ""
    assert rig.mode == "ENGAGING"


def test_another_publisher_is_followed_softly_once_the_first_is_silent() -> None:
    rig = tracking_rig()
    rig.offer(SPEC.home_rad)
    now = rig.t_ns
    rig.run(140)
    rig.t_ns = now + 151 * MS  # silent now, and no step has put the robot on hold yet
    assert rig.mode == "TRACKING"
    assert rig.supervisor.offer(trajectory(10**6, rig.t_ns, FAR), rig.t_ns) == ""
    rig.outputs.clear()
    rig.run(40)
    assert rig.mode == "ENGAGING"
    speed = np.abs(np.diff(np.array(rig.outputs), axis=0)) / (STEP / 1e9)
    assert 0.1 < speed.max() <= 0.3 * SPEC.max_velocity_rad_s.max()


def test_clock_ahead_does_not_shorten_the_silence_a_new_publisher_waits_for() -> None:
    rig = tracking_rig()
    rig.offer(SPEC.home_rad)
    rig.run(70)
    ahead = trajectory(10**6, rig.t_ns + 95 * MS, SPEC.upper_rad)
    assert "second publisher" in rig.supervisor.offer(ahead, rig.t_ns)


def test_second_publisher_is_told_by_its_name_though_its_numbers_fit() -> None:
    rig = tracking_rig()
    rig.run(200)
    assert rig.offer(SPEC.home_rad, meta={"publisher": "one"}) == ""
    rig.t_ns += 10 * MS
    assert "second publisher" in rig.offer(SPEC.home_rad, meta={"publisher": "two"})
    assert rig.mode == "STOPPED"


@pytest.mark.parametrize("name", [{}, {"publisher": "same"}])
def test_second_publisher_without_a_name_of_its_own_is_a_fault_too(name: dict[str, Any]) -> None:
    rig = tracking_rig()
    rig.run(200)
    rig.seq = 60
    assert rig.offer(SPEC.home_rad, meta=name) == ""
    late_ns = rig.t_ns + 10 * MS
    assert "second publisher" in rig.supervisor.offer(trajectory(3, late_ns, FAR, meta=name), late_ns)
    assert rig.mode == "STOPPED"


def test_random_poses_are_never_followed_however_long_they_come() -> None:
    rig = tracking_rig()
    rng = np.random.default_rng(3)
    rig.offer(SPEC.home_rad)
    for _ in range(150):
        rig.run(33)
        wild = rng.uniform(SPEC.lower_rad, SPEC.upper_rad)
        if np.abs(wild - SPEC.home_rad).max() < 1.25:  # near enough to be meant
            wild[14] = SPEC.upper_rad[14]
        rig.offer(wild)
    assert np.abs(rig.q_rad - SPEC.home_rad).max() < 0.05
    assert rig.supervisor.counters.discontinuities > 140
    rig.run(300)  # silence: whoever comes now may begin anywhere, and is followed softly
    assert rig.offer(FAR) == ""


def test_a_jump_that_lasts_is_followed_at_the_cameras_rate_too() -> None:
    rig = tracking_rig()
    far = SPEC.home_rad.copy()
    far[14] = SPEC.upper_rad[14] - MARGIN
    rig.run(2000, far)
    assert rig.supervisor.counters.reaccepted == 1
    np.testing.assert_allclose(rig.q_rad, far, atol=1e-3)


def test_a_jump_within_a_trajectory_is_refused() -> None:
    rig = tracking_rig()
    rows = np.array([SPEC.home_rad, SPEC.home_rad])
    rows[1, 14] = SPEC.upper_rad[14]
    assert "within itself" in rig.offer(rows)
    rig.run(100)
    np.testing.assert_allclose(rig.q_rad, SPEC.home_rad, atol=1e-6)


def test_times_that_contradict_each_other_are_refused() -> None:
    rig = tracking_rig()
    assert "contradict" in rig.offer(SPEC.home_rad, t_capture_ns=rig.t_ns + 1)
    long_ago = replace(trajectory(9, rig.t_ns, SPEC.home_rad), t_ns=np.array([rig.t_ns - 900 * 10**9]))
    assert "contradict" in rig.supervisor.offer(long_ago, rig.t_ns)
    assert rig.supervisor.counters.from_future == 2


def test_larger_differences_are_followed_at_the_joints_own_pace_and_no_slower() -> None:
    rig = tracking_rig()
    rig.run(66, SPEC.home_rad)
    begun = len(rig.outputs)
    rig.run(400, SPEC.home_rad + 0.9 * (np.arange(16) == 1))
    assert rig.supervisor.counters.clamped == 1
    path = np.array([output[1] for output in rig.outputs[begun:] if output is not None])
    speed = np.abs(np.diff(path)) / (STEP * 1e-9)
    top, braking = SPEC.max_velocity_rad_s[1], SPEC.max_acceleration_rad_s2[1]
    assert speed.max() <= top * (1.0 + 1e-9)
    fastest_s = 0.9 / top + top / braking  # a trapezoid: up to full speed, and down again
    arrived_s = STEP * 1e-9 * int(np.argmax(np.abs(path - path[-1]) < 0.01))
    assert path[-1] == pytest.approx(SPEC.home_rad[1] + 0.9)
    assert arrived_s <= fastest_s + 1e-3 * SupervisorConfig().blend_ms


def test_late_message_is_blended_from_where_the_goal_stood_still() -> None:
    rig = tracking_rig()
    rig.offer(np.linspace(SPEC.home_rad, SPEC.home_rad + 0.9, 12))
    rig.run(146)
    before = rig.supervisor._intake.playback
    assert before is not None
    stood = before.at(rig.supervisor._played_ns(rig.t_ns))
    rig.offer(SPEC.home_rad + 0.5)
    after = rig.supervisor._intake.playback
    assert after is not None
    np.testing.assert_allclose(after.at(rig.supervisor._played_ns(rig.t_ns)), stood, atol=1e-9)


def test_no_blending_at_all_is_legal() -> None:
    rig = Rig(config=replace(SupervisorConfig(), blend_ms=0.0))
    rig.command("arm")
    rig.run(200, SPEC.home_rad)
    rig.offer(SPEC.home_rad + 0.05)
    assert rig.supervisor.step(rig.t_ns - STEP, rig.q_rad) is not None  # a step of the time before the offer


def test_waiting_ends_when_time_begins_at_zero_too() -> None:
    rig = Rig()
    rig.t_ns = 0
    rig.command("arm")
    rig.run(13_000)
    assert rig.mode == "DISARMED"


def test_one_joint_that_jumps_is_not_followed() -> None:
    rig = tracking_rig()
    far = SPEC.home_rad.copy()
    far[14] = SPEC.upper_rad[14]
    assert "jumps by 1.38 rad at joint_14.0" in rig.offer(far)
    rig.run(33)
    rig.run(500, SPEC.home_rad)
    assert rig.mode == "TRACKING"
    assert rig.supervisor.counters.discontinuities == 1
    np.testing.assert_allclose(rig.q_rad, SPEC.home_rad, atol=1e-6)


def test_a_jump_that_lasts_is_followed_softly() -> None:
    rig = tracking_rig()
    far = SPEC.home_rad.copy()
    far[14] = SPEC.upper_rad[14] - MARGIN
    rig.outputs.clear()
    answers = []
    for _ in range(12):
        answers.append(rig.offer(far))
        rig.run(16)
    assert [bool(answer) for answer in answers] == [True] * 4 + [False] * 8
    counters = rig.supervisor.counters
    assert (counters.discontinuities, counters.reaccepted) == (4, 1)
    speed = np.abs(np.diff(np.array(rig.outputs), axis=0)) / (STEP / 1e9)
    assert 0.1 < speed.max() <= 0.45 * SPEC.max_velocity_rad_s.max(), "slowly at first"
    rig.run(2000, far)
    np.testing.assert_allclose(rig.q_rad, far, atol=1e-3)


def test_jumps_to_ever_other_places_are_never_followed() -> None:
    rig = tracking_rig()
    rng = np.random.default_rng(0)
    refused = 0
    for i in range(40):
        wild = SPEC.home_rad.copy()
        joint = (1, 2, 3, 14)[i % 4]
        wild[joint] = SPEC.upper_rad[joint] if SPEC.home_rad[joint] < 0.3 else SPEC.lower_rad[joint]
        wild = wild + rng.normal(0, 0.5, 16) * (i % 2)
        refused += "jumps" in rig.offer(wild)
        rig.run(2)
        rig.offer(SPEC.home_rad)
        rig.run(14)
    assert refused >= 10
    assert rig.supervisor.counters.reaccepted == 0
    assert np.abs(rig.q_rad - SPEC.home_rad).max() < 1.0


def test_differences_between_the_bands_are_followed_and_counted() -> None:
    rig = tracking_rig()
    counters = rig.supervisor.counters
    assert rig.offer(SPEC.home_rad + 0.1 * (np.arange(16) == 1)) == ""
    assert counters.clamped == 0
    rig.run(33)
    assert rig.offer(SPEC.home_rad + 0.9 * (np.arange(16) == 1)) == ""
    assert (counters.clamped, counters.discontinuities) == (1, 0)
    rig.outputs.clear()
    rig.run(100)
    speed = np.abs(np.diff(np.array(rig.outputs), axis=0)) / (STEP / 1e9)
    assert speed.max() <= SPEC.max_velocity_rad_s.max() + 1e-6


def test_successive_trajectories_blend_without_a_step() -> None:
    """The goal itself has no step where two predictions disagree, whatever the limits would make of it."""
    first = Playback(np.array([0, 100 * MS]), np.array([[0.0], [1.0]]), 0)
    second = Playback(np.array([30 * MS, 130 * MS]), np.array([[0.5], [0.9]]), 0)
    t_ns = np.arange(0, 60 * MS, MS // 10)
    joined = second.after(first.at(30 * MS), 30 * MS, 20 * MS)
    goal = np.array([(first if t < 30 * MS else joined).at(int(t))[0] for t in t_ns])
    assert np.abs(np.diff(goal)).max() < 0.005
    assert goal[-1] == pytest.approx(second.at(int(t_ns[-1]))[0])
    assert joined.at(30 * MS)[0] == pytest.approx(0.3)


def test_actuation_lead_plays_targets_early() -> None:
    rows = np.linspace(SPEC.home_rad, SPEC.home_rad + 0.5, 10)
    late = Rig(config=replace(SupervisorConfig(), blend_ms=0.0))
    early = Rig(config=replace(SupervisorConfig(), blend_ms=0.0, actuation_lead_ms=33.0))
    for rig in (late, early):
        rig.command("arm")
        rig.run(200, SPEC.home_rad)
        rig.offer(rows)
    late.run(113)
    early.run(80)
    np.testing.assert_allclose(late.q_rad, early.q_rad, atol=0.005)
    assert np.abs(early.q_rad - SPEC.home_rad).max() > 0.12


def test_robot_whose_publisher_died_stands_still_within_150_ms() -> None:
    rig = tracking_rig()
    rig.offer(np.linspace(SPEC.home_rad, SPEC.home_rad + 0.8, 30))  # goes on for a second
    rig.run(100)
    assert np.abs(rig.outputs[-1] - rig.outputs[-10]).max() > 0.01, "it moves"
    rig.outputs.clear()
    rig.run(250)
    targets = np.array(rig.outputs)
    moving = np.abs(np.diff(targets, axis=0)).max(axis=1) > 1e-6
    assert 2 * (1 + np.flatnonzero(moving).max()) <= 50, "ms after 100 ms"
    assert rig.mode == "HOLD"


def test_watchdog_lets_the_effort_fade_and_stop_does_not() -> None:
    rig = tracking_rig()
    assert rig.supervisor.effort == 1.0
    rig.run(2100)
    assert rig.mode == "DISARMED"
    efforts = []
    for _ in range(120):
        rig.run(10)
        efforts.append(rig.supervisor.effort)
    assert efforts[0] > 0.8
    assert (np.diff(efforts) <= 0.0).all()
    assert np.abs(np.diff(efforts)).max() < 0.03
    assert efforts[-1] == 0.0
    for command in ("stop", "disarm"):
        rig = tracking_rig()
        rig.command(command)
        assert rig.supervisor.step(rig.t_ns, rig.q_rad) is None
        assert rig.supervisor.effort == 0.0


def test_relaxing_robot_can_be_armed_and_stopped() -> None:
    for command, mode in (("arm", "ENGAGING"), ("stop", "STOPPED")):
        rig = tracking_rig()
        rig.run(2300)
        assert 0.0 < rig.supervisor.effort < 1.0
        rig.command(command)
        rig.run(10)
        assert rig.mode == mode
        assert rig.supervisor.effort == (1.0 if command == "arm" else 0.0)


def test_capture_times_that_run_back_are_refused() -> None:
    rig = tracking_rig()
    rig.t_ns += 10 * MS
    assert "older" in rig.offer(MID, t_capture_ns=rig.t_ns - 60_000 * MS)


@pytest.mark.parametrize("lost", [1, 30, 98])
def test_lost_packets_are_no_second_publisher(lost: int) -> None:
    rig = tracking_rig()
    rig.seq += lost
    assert rig.offer(MID) == ""


def test_watchdog_counts_from_publication() -> None:
    rig = tracking_rig()
    rig.run(33)
    rig.offer(SPEC.home_rad, t_publish_ns=rig.t_ns - 10 * MS, t_capture_ns=rig.t_ns - 20 * MS)
    rig.run(140)
    assert rig.mode == "TRACKING"
    rig.run(10)
    assert rig.mode == "HOLD"


def test_watchdog_is_not_put_off_by_a_publication_in_the_future() -> None:
    rig = tracking_rig()
    rig.offer(SPEC.home_rad, t_publish_ns=rig.t_ns + 90 * MS)
    rig.run(160)
    assert rig.mode == "HOLD"


def test_hold_stops_where_braking_ends_and_never_turns_back() -> None:
    rig = tracking_rig()
    rig.offer(np.linspace(SPEC.home_rad, SPEC.upper_rad, 20))
    rig.run(148)
    moving = (rig.q_rad < SPEC.upper_rad - 0.1) & (rig.q_rad > SPEC.home_rad + 0.05)
    assert moving.any()
    rig.outputs.clear()
    rig.run(300)
    assert rig.mode == "HOLD"
    assert (np.diff(np.array(rig.outputs)[:, moving], axis=0) >= -1e-9).all()


def test_armed_robot_without_any_target_is_disarmed_in_the_end() -> None:
    rig = Rig()
    rig.command("arm")
    rig.run(7990)
    assert rig.mode == "ENGAGING"
    rig.run(20)
    assert rig.mode == "HOLD"
    rig.run(1980)
    assert rig.mode == "HOLD"
    rig.run(30)
    assert rig.mode == "DISARMED"
    assert rig.supervisor.counters.watchdog_disarms == 1
    assert rig.command("arm") == ""
    rig.run(5000)
    assert rig.mode == "ENGAGING"
    rig.run(3000, SPEC.home_rad)
    assert rig.mode == "TRACKING"


def test_target_during_the_last_seconds_of_waiting_still_counts() -> None:
    rig = Rig()
    rig.command("arm")
    rig.run(9000)
    assert rig.mode == "HOLD"
    rig.run(500, SPEC.home_rad)
    assert rig.mode == "TRACKING"


@pytest.mark.parametrize("silence_ms", [0, 300])
def test_home_without_targets_holds_and_is_disarmed(silence_ms: int) -> None:
    rig = Rig(q_rad=MID)
    rig.command("arm")
    rig.run(300, MID)
    rig.run(silence_ms)
    rig.command("home")
    while rig.mode == "ENGAGING":
        rig.run(2)
        assert rig.t_ns < 1_010_000 * MS
    assert rig.mode == "HOLD"
    np.testing.assert_allclose(rig.q_rad, SPEC.home_rad, atol=2e-3)
    rig.run(1990)
    assert rig.mode == "HOLD"
    rig.run(20)
    assert rig.mode == "DISARMED"


def test_home_with_targets_follows_again_softly() -> None:
    rig = tracking_rig()
    rig.command("home")
    rig.run(200)  # nothing is sent on the way, so that what comes is no jump
    rig.outputs.clear()
    rig.run(60, BETWEEN)
    assert rig.mode == "ENGAGING"
    speed = np.abs(np.diff(np.array(rig.outputs), axis=0)) / (STEP / 1e9)
    assert 0.1 < speed.max() <= 0.3 * SPEC.max_velocity_rad_s.max()


def test_blocked_way_home_ends_too() -> None:
    rig = Rig(q_rad=MID)
    rig.command("arm")
    rig.command("home")
    for _ in range(13_000 * MS // STEP):
        rig.supervisor.step(rig.t_ns, MID)
        rig.t_ns += STEP
    assert rig.mode == "DISARMED"


def test_stop_and_reset_forget_the_way_home_and_the_fault() -> None:
    rig = Rig(q_rad=MID)
    rig.command("arm")
    rig.command("home")
    rig.run(100)
    rig.supervisor.step(rig.t_ns, np.full(16, np.inf))
    assert rig.supervisor.fault
    assert rig.command("reset") == ""
    assert rig.supervisor.fault == ""
    rig.command("arm")
    rig.command("home")
    rig.run(20)
    for name in ("stop", "reset", "arm"):
        assert rig.command(name) == ""
    before = rig.q_rad.copy()
    rig.run(1000)
    np.testing.assert_allclose(rig.q_rad, before, atol=1e-9)


def test_joint_armed_outside_its_limit_moves_in_slowly_without_a_jump() -> None:
    outside = np.array(SPEC.home_rad)
    outside[12] = 0.232  # limit 0.263
    outside[1] = SPEC.upper_rad[1] + 0.02
    rig = Rig(q_rad=outside)
    rig.command("arm")
    rig.run(500)
    moved = np.diff(np.array([outside, *rig.outputs]), axis=0)
    change = np.diff(moved, axis=0, prepend=0.0) / (STEP / 1e9)
    assert (np.abs(change) <= SPEC.max_acceleration_rad_s2 * STEP / 1e9 + 1e-6).all()
    assert (np.abs(moved) <= 0.21 * SPEC.max_velocity_rad_s * STEP / 1e9).all()
    assert (moved[:, 12] >= 0.0).all()
    assert (moved[:, 1] <= 0.0).all()
    assert ((rig.q_rad >= SPEC.lower_rad - 1e-6) & (rig.q_rad <= SPEC.upper_rad + 1e-6)).all()


def test_blocked_joint_does_not_wind_up_and_comes_free_without_a_snap() -> None:
    rig = tracking_rig()
    blocked = rig.q_rad.copy()
    lead = SupervisorConfig().max_lead_rad
    for i in range(1000 * MS // STEP):
        if i % 15 == 0:
            rig.offer(SPEC.upper_rad)
        target = rig.supervisor.step(rig.t_ns, blocked)
        assert target is not None
        assert np.abs(target - blocked).max() <= lead + 1e-6
        rig.t_ns += STEP
    np.testing.assert_allclose(
        np.asarray(target), np.minimum(blocked + lead, SPEC.upper_rad), atol=1e-3
    )  # it still pushes


def test_seldom_stepped_robot_moves_slower_not_farther() -> None:
    rig = tracking_rig()
    last = rig.q_rad
    for _ in range(12):
        rig.offer(FAR)
        rig.t_ns += 10 * MS
        target = rig.supervisor.step(rig.t_ns, last)
        assert target is not None
        assert (np.abs(target - last) <= SPEC.max_velocity_rad_s * 0.01).all()
        last = target
    assert np.abs(last - SPEC.home_rad).max() > 0.1


@pytest.mark.parametrize(
    "changes",
    [
        {"hold_after_ms": 0.0},
        {"engage_velocity_share": 2.0},
        {"disarm_after_ms": 10.0},
        {"arm_timeout_ms": 100.0},
        {"max_lead_rad": 0.0},
        {"max_step_s": np.nan},
        {"reject_rad": 0.2},
        {"play_for_ms": 151.0},
        {"relax_s": -1.0},
    ],
)
def test_impossible_settings_are_refused_by_name(changes: dict[str, float]) -> None:
    with pytest.raises(RobotError, match=next(iter(changes))):
        replace(SupervisorConfig(), **changes)


finite_pose = st.lists(st.floats(-1e6, 1e6), min_size=16, max_size=16)
event = st.one_of(
    st.tuples(st.just("offer"), finite_pose, st.integers(-300, 300), st.integers(0, 50)),
    st.tuples(st.just("wait"), st.integers(0, 400)),
    st.tuples(st.just("command"), st.sampled_from(["arm", "arm", "arm", "disarm", "stop", "reset", "home"])),
)


@given(st.lists(event, max_size=25), st.sampled_from([MS, 2 * MS, 3 * MS, 17 * MS]), st.floats(-0.3, 0.3))
@settings(max_examples=60, deadline=None)
def test_output_stays_within_every_limit_whatever_is_offered(
    events: list[Any], step_ns: int, beyond_rad: float
) -> None:
    supervisor = Supervisor(SPEC)
    t_ns, q_rad = 10_000 * MS, np.array(SPEC.home_rad)
    q_rad[[3, 12]] = SPEC.upper_rad[3] + beyond_rad, SPEC.lower_rad[12] - beyond_rad
    last: np.ndarray | None = None
    last_speed = np.zeros(16)
    supervisor.command("arm", t_ns)
    for kind, *content in events:
        steps = 1
        if kind == "offer":
            pose, shift_ms, seq = content
            supervisor.offer(trajectory(seq, t_ns + shift_ms * MS, np.array(pose)), t_ns)
        elif kind == "wait":
            steps = content[0] * MS // step_ns // 4
        else:
            supervisor.command(content[0], t_ns)
        for _ in range(steps):
            output = supervisor.step(t_ns, q_rad)
            t_ns += step_ns
            if output is None:
                last, last_speed = None, np.zeros(16)
                continue
            assert np.isfinite(output).all()
            # Where the joint was beyond a limit, no farther beyond it than it was.
            assert (output >= np.minimum(SPEC.lower_rad, q_rad)).all()
            assert (output <= np.maximum(SPEC.upper_rad, q_rad)).all()
            if last is not None:
                speed = (output - last) / (step_ns / 1e9)
                assert (np.abs(speed) <= SPEC.max_velocity_rad_s + 1e-6).all()
                change = np.abs(speed - last_speed)
                assert (change <= SPEC.max_acceleration_rad_s2 * step_ns / 1e9 + 1e-6).all()
                last_speed = speed
            last = q_rad = output


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(1e-4, 0.02)), min_size=5, max_size=80))
@settings(max_examples=100, deadline=None)
def test_limiter_brakes_in_time_for_targets_and_limits_at_any_rate(moves: list[tuple[float, float]]) -> None:
    limits = JointLimits(np.array([-1.0]), np.array([1.0]), np.array([5.0]), np.array([100.0]))
    limiter = MotionLimiter(limits, np.zeros(1))
    speed = 0.0
    for target, dt_s in moves:
        before = limiter.q_rad[0]
        q_rad, *_ = limiter.step(np.array([target]), dt_s)
        now = (q_rad[0] - before) / dt_s
        assert abs(now) <= 5.0 + 1e-9
        assert abs(now - speed) <= 100.0 * dt_s + 1e-6
        speed = now
    for _ in range(2000):
        q_rad, *_ = limiter.step(np.array([0.3]), 0.002)
    assert q_rad[0] == pytest.approx(0.3, abs=1e-6)


def test_limiter_names_impossible_limits() -> None:
    ones = np.ones(2)
    with pytest.raises(RobotError, match="lower_rad"):
        JointLimits(ones, ones, ones, ones)
    with pytest.raises(RobotError, match="max_velocity_rad_s"):
        JointLimits(-ones, ones, 0 * ones, ones)
