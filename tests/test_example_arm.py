"""The arm of example 07: kinematics, inverse kinematics inside limits, the follower's half of the clutch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.arm_follower import ArmFollower
from robot.arm_kinematics import REST_RAD, ArmPose, arm_kinematics
from robot.arm_simulation import STEP_S, ArmSimulation
from robot.arm_solver import ArmSolver, bounded_minimum
from robot.wrist_messages import WristPose

pytest.importorskip("pybullet_data")


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


def message(target_m, engagement, t_ns=(0, 100)):
    k = len(t_ns)
    unturned = np.tile([1.0, 0.0, 0.0, 1.0, 0.0, 0.0], (k, 1))
    places = np.linspace(0.0, 1.0, k)[:, None] * np.array(target_m)
    return WristPose(
        seq=1,
        hand="right",
        valid=True,
        source="hand",
        source_state="tracking",
        engaged=True,
        engagement=engagement,
        t_capture_ns=0,
        t_publish_ns=0,
        t_ns=np.array(t_ns),
        position_m=places,
        rotation_6d=unturned,
        target_position_m=places,
        target_rotation_6d=unturned,
    )


def test_the_follower_starts_where_the_arm_is_and_plays_in_between():
    follower = ArmFollower()
    led = message((0.2, 0.0, 0.0), engagement=1)
    assert follower.goal(led, start(), 0).position_m == pytest.approx(start().position_m)
    assert follower.goal(led, moved(0.5, 0, 0), 50).position_m == pytest.approx(moved(0.1, 0, 0).position_m)
    assert follower.goal(led, start(), 900).position_m == pytest.approx(moved(0.2, 0, 0).position_m)


def test_an_arm_that_lagged_is_had_at_once_when_the_wrist_leads_anew():
    follower = ArmFollower()
    follower.goal(message((0.6, 0.0, 0.0), engagement=1), start(), 0)
    stuck = moved(0.3, 0.0, 0.0)
    anew = follower.goal(message((0.6, 0.0, 0.0), engagement=2), stuck, 100)
    assert anew.position_m == pytest.approx(stuck.position_m)
