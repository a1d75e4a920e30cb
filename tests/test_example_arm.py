"""The arm of example 07: kinematics, inverse kinematics inside limits, the follower's half of the clutch."""

import dataclasses
import math
import os
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.arm_follower import ArmFollower
from robot.arm_kinematics import REST_RAD, ArmPose, arm_kinematics
from robot.arm_simulation import STEP_S, ArmSimulation
from robot.arm_solver import ArmSolver, bounded_minimum
from robot.errors import RobotError
from robot.publisher import Publisher
from robot.wrist_messages import WristPose, encode_wrist

pytest.importorskip("pybullet_data")

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "07_drive_an_arm.py"


def start():
    return arm_kinematics().pose(REST_RAD)


def moved(*offset_m):
    return ArmPose(start().position_m + np.array(offset_m), start().rotation)


def solved(solver, goal, seconds=3.0):
    """The solver's angles on the way, a row for each step."""
    return np.array([solver.step(goal, STEP_S) for _ in range(round(seconds / STEP_S))])


def off_m(q_rad, goal):
    return np.linalg.norm(arm_kinematics().pose(q_rad).position_m - goal.position_m)


def test_kinematics_are_those_of_the_simulation():
    with ArmSimulation("right") as simulation:
        client, body = simulation._client, simulation._body
        q_rad = REST_RAD + np.array([0.3, -0.2, 0.4, 0.5, -0.6, 0.3, 0.8])
        for index, angle in zip(simulation._indices, q_rad, strict=False):
            simulation._bullet.resetJointState(body, index, angle, physicsClientId=client)
        links = {
            simulation._bullet.getJointInfo(body, i, physicsClientId=client)[12].decode(): i
            for i in range(simulation._bullet.getNumJoints(body, physicsClientId=client))
        }
        state = simulation._bullet.getLinkState(
            body, links["wrist"], computeForwardKinematics=1, physicsClientId=client
        )
        R = np.reshape(simulation._bullet.getMatrixFromQuaternion(state[5]), (3, 3))
    pose = arm_kinematics().pose(q_rad)
    assert pose.position_m == pytest.approx(state[4], abs=1e-5)
    assert pose.rotation == pytest.approx(R, abs=1e-5)


def test_jacobian_is_the_derivative():
    arm, h = arm_kinematics(), 1e-6
    pose, J = arm.pose_and_jacobian(REST_RAD)
    for i in range(7):
        after = arm.pose(REST_RAD + h * np.eye(7)[i])
        assert (after.position_m - pose.position_m) / h == pytest.approx(J[:3, i], abs=1e-5)
        spin = (after.rotation - pose.rotation) @ pose.rotation.T / h
        assert [spin[2, 1], spin[0, 2], spin[1, 0]] == pytest.approx(J[3:, i], abs=1e-5)


def test_reaches_what_is_in_reach():
    solver = ArmSolver(arm_kinematics())
    goal = moved(-0.1, 0.2, 0.1)
    assert off_m(solved(solver, goal)[-1], goal) < 1e-3


def test_out_of_reach_it_comes_to_rest_and_returns_as_it_went():
    arm, solver = arm_kinematics(), ArmSolver(arm_kinematics())
    way = solved(solver, moved(2.0, 0.5, 0.0))
    assert np.abs(np.diff(way[-60:], axis=0)).max() < 1e-3 * STEP_S * arm.max_velocity_rad_s.max() * 20
    assert off_m(way[-1], moved(2.0, 0.5, 0.0)) > 1.0
    back = solved(solver, start(), 6.0)
    assert off_m(back[-1], start()) < 1e-3
    assert back[-1] == pytest.approx(REST_RAD, abs=0.1)
    assert (np.concatenate([way, back])[:, 3] < 0).all()  # the elbow never bends the other way


offset = st.tuples(*[st.floats(-3.0, 3.0)] * 3)
numbers = st.tuples(*[st.floats(-4.0, 4.0)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1)


@settings(max_examples=25, deadline=None)
@given(goals=st.lists(st.tuples(offset, numbers), min_size=1, max_size=3))
def test_joint_and_speed_limits_hold_wherever_it_is_sent(goals):
    arm, solver = arm_kinematics(), ArmSolver(arm_kinematics())
    before = solver.q_rad
    for offset_m, quaternion in goals:
        w, x, y, z = np.array(quaternion) / np.linalg.norm(quaternion)
        turn = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
        )
        way = solved(solver, ArmPose(moved(*offset_m).position_m, turn @ start().rotation), 0.5)
        steps = np.diff(np.vstack([before, way]), axis=0)
        before = way[-1]
        assert (np.abs(steps) <= arm.max_velocity_rad_s * STEP_S + 1e-12).all()
        assert (way >= arm.lower_rad).all()
        assert (way <= arm.upper_rad).all()


def test_a_goal_that_is_no_number_holds():
    solver = ArmSolver(arm_kinematics())
    q_rad = solver.step(ArmPose(np.full(3, np.nan), np.eye(3)), STEP_S)
    assert q_rad == pytest.approx(REST_RAD)


@given(seed=st.integers(0, 10_000))
def test_the_bounded_minimum_is_one(seed):
    """No step inside the bounds lowers the cost: the gradient points out of every active bound."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(6, 7))
    H, g = A.T @ A + 1e-3 * np.eye(7), rng.normal(size=7)
    lower, upper = -rng.uniform(0, 0.5, 7), rng.uniform(0, 0.5, 7)
    x = bounded_minimum(H, g, lower, upper)
    downhill = g - H @ x
    assert ((x >= lower) & (x <= upper)).all()
    assert (downhill[x < upper - 1e-9] < 1e-6).all()
    assert (downhill[x > lower + 1e-9] > -1e-6).all()


def example(address, folder, *more):
    """Example 07 as it follows what is published on an address."""
    return subprocess.Popen(
        [sys.executable, str(EXAMPLE), address, *more],
        cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def test_the_example_says_what_it_waits_for_and_then_what_it_hears(tmp_path):
    publisher = Publisher("tcp://127.0.0.1:0")
    running = example(publisher.endpoint, tmp_path)
    patience = threading.Timer(120.0, running.kill)
    patience.start()
    try:
        first, second = running.stdout.readline(), running.stdout.readline()
        assert publisher.endpoint in first
        assert "arm.png" in first
        assert second == f"nothing heard from {publisher.endpoint}\n"
        wrist = encode_wrist(message((0.05, 0.0, 0.0)))
        publishing = threading.Event()

        def publish():
            while not publishing.wait(0.05):
                publisher.send(wrist)

        sender = threading.Thread(target=publish)
        sender.start()
        heard = next((line for line in running.stdout if "nothing heard" not in line), "")
        publishing.set()
        sender.join()
        assert heard == "tracking   hand  clutch closed\n"
        assert any("nothing heard" in line for line in running.stdout)  # it has ended, and that is told
        assert (tmp_path / "arm.png").is_file()
    finally:
        patience.cancel()
        running.kill()
        running.communicate()
        publisher.close()


def test_the_example_refuses_a_wrong_address_in_one_sentence(tmp_path):
    running = example("localhost:5580", tmp_path)
    said, complaint = running.communicate(timeout=120.0)
    assert running.returncode == 1
    assert said == ""
    assert complaint.startswith('error: "localhost:5580" is no address to listen to')
    assert len(complaint.splitlines()) == 1


def test_the_example_refuses_a_box_that_is_none_in_one_sentence(tmp_path):
    running = example("tcp://127.0.0.1:5580", tmp_path, "--box-m=-1")
    said, complaint = running.communicate(timeout=120.0)
    assert running.returncode == 1
    assert said == ""
    assert complaint == "error: box_m is -1.0; it must be a finite number of metres, at least 0.\n"


S = 1_000_000_000
TICK_NS = 4_000_000
UNTURNED = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


def message(target_m, engagement=1, t_ns=(0, S // 5), seq=1, turned=UNTURNED):
    """The target goes from the start to a place and a turn, evenly."""
    k = len(t_ns)
    places = np.linspace(0.0, 1.0, k)[:, None] * np.array(target_m)
    return WristPose(
        seq=seq,
        hand="right",
        valid=True,
        source="hand",
        source_state="tracking",
        engaged=True,
        engagement=engagement,
        t_capture_ns=0,
        t_publish_ns=t_ns[0],
        t_ns=np.array(t_ns),
        position_m=places,
        rotation_6d=np.tile(UNTURNED, (k, 1)),
        target_position_m=places,
        target_rotation_6d=np.array([*[UNTURNED] * (k - 1), turned]),
    )


def rests(target_m, t_ns, **changes):
    return dataclasses.replace(
        message(target_m, t_ns=(t_ns, t_ns + 1), **changes), target_position_m=np.tile(target_m, (2, 1))
    )


def played(follower, wrist, t_ns, arm=None, age_ns=None):
    """The goals of an arm that is where it was told to be, up to an instant; `t_ns` is (from, to).

    With `age_ns` the publisher says the same again and again, and is heard so much later.
    """
    goals = [arm or start()]
    for t in range(*t_ns, TICK_NS):
        if age_ns is not None:
            wrist = dataclasses.replace(wrist, t_publish_ns=t - age_ns, seq=wrist.seq + 1)
        goals.append(follower.goal(wrist, goals[-1], t))
    return goals


def steps_m(goals):
    return np.linalg.norm(np.diff([goal.position_m for goal in goals], axis=0), axis=1)


def test_the_follower_starts_where_the_arm_is_and_plays_in_between():
    follower = ArmFollower()
    led = message((0.08, 0.0, 0.0))
    assert follower.goal(led, start(), 0).position_m == pytest.approx(start().position_m)
    half_way = played(follower, led, (TICK_NS, S // 10 + 1))[-1]
    assert half_way.position_m == pytest.approx(moved(0.04, 0, 0).position_m)
    assert played(follower, led, (S // 10, S))[-1].position_m == pytest.approx(moved(0.08, 0, 0).position_m)


def test_an_arm_that_lagged_is_had_at_once_when_the_wrist_leads_anew():
    follower = ArmFollower()
    follower.goal(message((0.6, 0.0, 0.0), engagement=1), start(), 0)
    stuck = moved(0.3, 0.0, 0.0)
    anew = follower.goal(message((0.6, 0.0, 0.0), engagement=2), stuck, 100)
    assert anew.position_m == pytest.approx(stuck.position_m)


@pytest.mark.parametrize("late_ns", [0, S // 50, S // 5])
def test_a_message_that_comes_late_or_after_lost_ones_makes_no_jump(late_ns):
    """The one before went on, the publisher's target did not."""
    follower = ArmFollower()
    goals = played(follower, message((0.1, 0.0, 0.0)), (0, S // 10 + late_ns))
    after = rests((0.02, 0.0, 0.0), S // 10)
    goals += played(follower, after, (S // 10 + late_ns, S), goals[-1], age_ns=late_ns)
    assert steps_m(goals).max() <= 0.5 * TICK_NS / S + 1e-9
    assert goals[-1].position_m == pytest.approx(moved(0.02, 0, 0).position_m)


@pytest.mark.parametrize(
    "anew",
    [
        pytest.param(rests((0.3, 0, 0), S, seq=40), id="nothing heard for a second"),
        pytest.param(rests((0.3, 0, 0), S // 5, seq=0), id="the publisher was started again"),
        pytest.param(rests((0.3, 0, 0), 0, seq=9), id="another publisher's clock"),
    ],
)
def test_what_does_not_go_on_from_the_last_message_leads_from_where_the_arm_is(anew):
    """The engagement is the same as before: it does not tell."""
    follower = ArmFollower()
    goals = played(follower, dataclasses.replace(message((0.05, 0.0, 0.0)), t_publish_ns=1), (0, S))
    after = played(follower, anew, (S, 2 * S), goals[-1])
    assert steps_m(goals + after).max() <= 0.5 * TICK_NS / S + 1e-9
    assert after[-1].position_m == pytest.approx(moved(0.05, 0, 0).position_m)


def test_an_arm_whose_messages_ended_holds_within_a_quarter_of_a_second():
    goals = played(ArmFollower(), message((0.4, 0.0, 0.0), t_ns=(0, 2 * S)), (0, S))
    assert steps_m(goals[: round(S / TICK_NS / 5)])[1:].min() > 0.0
    assert steps_m(goals[-round(S / TICK_NS / 2) :]).max() == 0.0
    assert goals[-1].position_m == pytest.approx(moved(0.05, 0, 0).position_m)


def test_an_arm_slower_than_its_messages_holds_as_soon_once_they_ended():
    """Nobody can open the clutch of an arm that no longer hears."""
    goals = played(ArmFollower(max_speed_m_s=0.1), message((0.2, 0.0, 0.0)), (0, 3 * S))
    assert steps_m(goals[-round(2.7 * S / TICK_NS) :]).max() == 0.0
    assert goals[-1].position_m == pytest.approx(moved(0.025, 0, 0).position_m, abs=1e-3)


@pytest.mark.parametrize("age_ns", [-5 * S, -S // 4 - 1, S // 4 + 1, 5 * S])
def test_what_was_held_back_on_its_way_or_comes_from_the_future_moves_no_arm(age_ns):
    """Operators open the clutch of an arm that does not move: what they did before is not made up for."""
    t_ns = (10 * S, 11 * S)
    never_led = played(ArmFollower(), message((0.3, 0.0, 0.0), t_ns=t_ns), t_ns, age_ns=age_ns)
    assert steps_m(never_led).max() == 0.0
    follower = ArmFollower()
    led = played(follower, message((0.1, 0.0, 0.0), t_ns=t_ns), (10 * S, 10 * S + S // 5), age_ns=0)
    held = played(
        follower, message((0.3, 0.0, 0.0), t_ns=t_ns, seq=90), (10 * S + S // 5, 12 * S), led[-1], age_ns
    )
    assert steps_m(led)[1:].max() > 0.0
    assert steps_m(held).max() == 0.0


@pytest.mark.parametrize("age_ns", [-S // 4, 0, S // 4])
def test_what_comes_as_late_as_a_message_is_played_still_leads(age_ns):
    t_ns = (10 * S, 11 * S)
    led = played(ArmFollower(), message((0.1, 0.0, 0.0), t_ns=t_ns), t_ns, age_ns=age_ns)
    assert steps_m(led)[1:].max() > 0.0


def test_a_backlog_that_clears_moves_the_arm_only_by_what_is_new():
    """A link holds a whole motion back for 5 s, and lets it go ten times as fast as it came."""
    follower, goals, heard, way_m = ArmFollower(), [start()], None, 0.0
    told = [
        rests((min(0.01 * i, 0.3), 0.0, 0.0), i * S // 30, seq=i, engagement=1 if i < 60 else 2)
        for i in range(240)
    ]
    arrivals = [max(i * S // 30, 5 * S + i * S // 300) for i in range(240)]
    for t in range(0, 8 * S, TICK_NS):
        heard = max((i for i, arrival in enumerate(arrivals) if arrival <= t), default=None)
        if heard is None:
            continue
        goals.append(follower.goal(told[heard], goals[-1], t))
        way_m += steps_m(goals[-2:])[0]
    assert way_m < 1e-12  # the motion was over when the link let it go


def test_after_what_was_too_old_the_wrist_leads_from_where_the_arm_is():
    follower = ArmFollower()
    goals = played(follower, message((0.05, 0.0, 0.0)), (0, S // 5))
    goals += played(follower, rests((0.1, 0.0, 0.0), S // 5, seq=2), (S, S + S // 5), goals[-1])
    elsewhere = moved(0.0, 0.2, 0.0)  # where somebody has put it since
    anew = follower.goal(rests((0.3, 0.0, 0.0), S // 4, seq=3), elsewhere, S // 2)
    assert anew.position_m == pytest.approx(elsewhere.position_m)


def test_a_controller_that_was_held_up_makes_no_leap():
    follower, wrist = ArmFollower(), message((0.1, 0.0, 0.0))
    follower.goal(wrist, start(), 0)
    late = follower.goal(wrist, start(), 10 * S)
    assert np.linalg.norm(late.position_m - start().position_m) <= 0.5 * 0.05 + 1e-9


def test_the_arm_stays_in_its_box_however_often_it_lagged():
    """Leading anew from an arm short of its target moves the publisher's box with it."""
    follower = ArmFollower(box_m=0.1)
    follower.goal(rests((0.1, 0, 0), 0), start(), 0)
    goals = played(follower, rests((-0.1, 0, 0), 1), (1, S), start())
    assert goals[-1].position_m == pytest.approx(moved(-0.1, 0, 0).position_m)


@pytest.mark.parametrize("box_m", [-1e-9, -1.0, math.nan, math.inf, -math.inf])
def test_a_box_that_is_none_is_refused_before_an_arm_moves(box_m):
    """A negative one lies beside the arm: goals would be brought into it, open clutch or not."""
    with pytest.raises(RobotError, match="box_m is"):
        ArmFollower(box_m=box_m)


@pytest.mark.parametrize("speed", [0.0, -0.5, math.nan, math.inf])
@pytest.mark.parametrize("name", ["max_speed_m_s", "max_turn_rad_s"])
def test_speeds_that_are_none_are_refused(name, speed):
    with pytest.raises(RobotError, match=f"{name} is {speed}"):
        ArmFollower(**{name: speed})


def test_a_box_without_room_holds_the_arm_where_it_is():
    goals = played(ArmFollower(box_m=0.0), message((0.4, 0.0, 0.0)), (0, S))
    assert steps_m(goals).max() == 0.0


@pytest.mark.parametrize("turned", [(-1.0, 0.0, 0.0, -1.0, 0.0, 0.0), (0.0, -1.0, 1.0, 0.0, 0.0, 0.0)])
def test_turns_keep_to_their_speed_and_half_a_turn_is_one(turned):
    goals = played(ArmFollower(), message((0.0, 0.0, 0.0), turned=turned), (0, 3 * S), age_ns=0)
    cosines = [0.5 * (np.trace(b.rotation @ a.rotation.T) - 1.0) for a, b in pairwise(goals)]
    assert np.isfinite(cosines).all()
    assert np.arccos(np.clip(cosines, -1.0, 1.0)).max() <= 2.0 * TICK_NS / S + 1e-6
    end = goals[-1].rotation @ start().rotation.T
    assert end[:, :2].reshape(6) == pytest.approx(turned, abs=1e-6)
