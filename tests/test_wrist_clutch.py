"""The clutch between a wrist and an arm: no jump, limits, hold, whatever comes in."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retarget.arm_workspace import ArmWorkspace
from retarget.clutch import MAX_SILENCE_NS, STRIDE_NS, Clutch
from retarget.errors import RetargetError
from retarget.pose_path import Pose, PosePath
from retarget.rotation_vectors import rotation_of, unwrapped, vector_of

FAST = ArmWorkspace.of(max_speed_m_s=1e3, max_turn_rad_s=1e3, box_m=(9.0, 9.0, 9.0))
ALONG = FAST.base_from_camera
T0 = 10_000_000_000


def wrist(position_m, turn_rad=(0.0, 0.0, 0.0), t_ns=T0, k=4):
    """A wrist that rests at a pose, at k instants."""
    return PosePath.resting(
        Pose(np.array(position_m, float), rotation_of(np.array(turn_rad, float))),
        t_ns + STRIDE_NS * np.arange(k),
    )


def goal(clutch):
    return clutch.path.position_m[-1]


def turned(clutch):
    return vector_of(clutch.path.rotations[-1])


def led(clutch, *positions_m, source="hand", turn_rad=(0.0, 0.0, 0.0), t_ns=T0):
    """The clutch after the wrist was at these places, a frame apart."""
    for i, position_m in enumerate(positions_m):
        t_i_ns = t_ns + i * STRIDE_NS
        clutch = clutch.follow(wrist(position_m, turn_rad, t_i_ns), source, t_i_ns)
    return clutch


class TestLeading:
    def test_moves_as_the_wrist_does_along_the_arms_axes(self):
        clutch = led(Clutch.at_start(FAST, engaged=True), (0.3, 0.1, 1.0), (0.4, 0.3, 0.7))
        # To the operator's left, down, and toward the camera, which is ahead for the operator.
        assert goal(clutch) == pytest.approx([0.3, 0.1, -0.2])

    def test_mirror_swaps_only_the_sides(self):
        mirror = ArmWorkspace.of(view="mirror", max_speed_m_s=1e3, max_turn_rad_s=1e3, box_m=(9, 9, 9))
        clutch = led(Clutch.at_start(mirror, engaged=True), (0.3, 0.1, 1.0), (0.4, 0.3, 0.7))
        assert goal(clutch) == pytest.approx([0.3, -0.1, -0.2])

    @pytest.mark.parametrize("view", ["along", "mirror"])
    def test_what_is_turned_moves_as_it_does_before_the_camera(self, view):
        """A direction fixed to the wrist and one fixed to the flange stay images of each other."""
        space = ArmWorkspace.of(view=view, yaw_rad=0.7, max_speed_m_s=1e3, max_turn_rad_s=1e3)
        A = space.base_from_camera
        turn = rotation_of(np.array([0.3, -0.5, 0.8]))
        clutch = Clutch.at_start(space, engaged=True)
        start = rotation_of(np.array([1.0, 0.2, -0.4]))
        clutch = clutch.follow(PosePath.resting(Pose(np.ones(3), start), np.array([T0])), "hand", T0)
        after = PosePath.resting(Pose(np.ones(3), turn @ start), np.array([T0 + 1]))
        clutch = clutch.follow(after, "hand", T0 + 1)
        pointing = np.array([0.2, 0.9, -0.4])
        assert clutch.path.rotations[-1] @ (A @ pointing) == pytest.approx(A @ (turn @ pointing))

    def test_yaw_turns_the_base(self):
        yawed = ArmWorkspace.of(yaw_rad=math.pi / 2, max_speed_m_s=1e3, box_m=(9, 9, 9))
        clutch = led(Clutch.at_start(yawed, engaged=True), (0, 0, 1), (0, 0, 0.9))
        # The base looks to what was left: ahead of the operator is to its right.
        assert goal(clutch) == pytest.approx([0.0, -0.1, 0.0])

    def test_scales_each_axis(self):
        space = ArmWorkspace.of(scale=(2.0, 0.5, 0.0), max_speed_m_s=1e3, box_m=(9, 9, 9))
        clutch = led(Clutch.at_start(space, engaged=True), (0, 0, 1), (0.1, 0.1, 0.9))
        assert goal(clutch) == pytest.approx([0.2, 0.05, 0.0])

    def test_rotation_off_keeps_the_orientation(self):
        space = ArmWorkspace.of(rotation_factor=0.0, max_turn_rad_s=1e3)
        clutch = led(Clutch.at_start(space, engaged=True), (0, 0, 1))
        clutch = led(clutch, (0, 0, 1), turn_rad=(0.5, 1.0, 0.2), t_ns=T0 + STRIDE_NS)
        assert turned(clutch) == pytest.approx(np.zeros(3), abs=1e-9)

    def test_half_of_a_turn_past_half_a_turn_counts_on(self):
        space = ArmWorkspace.of(rotation_factor=0.5, max_turn_rad_s=1e3)
        clutch = Clutch.at_start(space, engaged=True)
        for i, angle in enumerate(np.linspace(0.0, 1.5 * math.pi, 20)):
            clutch = led(clutch, (0, 0, 1), turn_rad=(0, angle, 0), t_ns=T0 + i * STRIDE_NS)
        # The camera's y is down, the base's z is up.
        assert turned(clutch) == pytest.approx([0.0, 0.0, -0.75 * math.pi])

    def test_stays_in_the_box_and_leaves_the_wall_where_the_wrist_does(self):
        space = ArmWorkspace.of(box_m=(0.1, 0.2, 0.3), max_speed_m_s=1e3)
        clutch = led(Clutch.at_start(space, engaged=True), (0, 0, 1), (0, 0, 0.5))
        assert goal(clutch) == pytest.approx([0.1, 0.0, 0.0])
        assert goal(led(clutch, (0, 0, 0.85), t_ns=T0 + 2 * STRIDE_NS)) == pytest.approx([0.1, 0.0, 0.0])
        assert goal(led(clutch, (0, 0, 0.95), t_ns=T0 + 2 * STRIDE_NS)) == pytest.approx([0.05, 0.0, 0.0])

    def test_arrives_within_a_frame_without_a_prediction(self):
        clutch = Clutch.at_start(FAST, engaged=True)
        for i in range(5):
            here = wrist((0, 0, 1.0 - 0.01 * i), t_ns=T0 + i * STRIDE_NS, k=1)
            clutch = clutch.follow(here, "hand", T0 + i * STRIDE_NS)
        assert goal(clutch) == pytest.approx([0.04, 0.0, 0.0])


class TestHolding:
    def test_rests_until_engaged(self):
        clutch = led(Clutch.at_start(FAST), (0, 0, 1), (0.5, 0.2, 0.7))
        assert goal(clutch) == pytest.approx(np.zeros(3))
        assert clutch.engagement == 0

    def test_disengaged_the_wrist_goes_elsewhere_and_leads_on_from_there(self):
        clutch = led(Clutch.at_start(FAST, engaged=True), (0, 0, 1), (0, 0, 0.8))
        clutch = led(clutch.disengage(), (0, 0, 1.2), (0.3, 0.3, 1.4), t_ns=T0 + 3 * STRIDE_NS)
        assert goal(clutch) == pytest.approx([0.2, 0.0, 0.0])
        clutch = led(clutch.engage(), (0.3, 0.3, 1.4), (0.3, 0.3, 1.3), t_ns=T0 + 6 * STRIDE_NS)
        assert goal(clutch) == pytest.approx([0.3, 0.0, 0.0])
        assert clutch.engagement == 2

    def test_rests_where_the_arm_is_when_the_clutch_opens_not_where_it_was_predicted(self):
        slow = ArmWorkspace.of(max_speed_m_s=0.3)
        clutch = led(Clutch.at_start(slow, engaged=True), (0, 0, 1), (0, 0, 0.7))
        now_ns = T0 + STRIDE_NS + 10_000_000
        here_m = clutch.path.at(now_ns).position_m
        assert goal(clutch)[0] > here_m[0] + 0.01
        held = clutch.disengage().follow(wrist((0, 0, 0.5), t_ns=now_ns), "hand", now_ns)
        assert goal(held) == pytest.approx(here_m)

    def test_starts_from_where_the_arm_is_when_told(self):
        arm = Pose(np.array([0.1, -0.2, 0.05]), rotation_of(np.array([0.1, 0.2, 0.3])))
        clutch = led(Clutch.at_start(FAST).engage(arm), (0, 0, 1), (0, 0, 0.9))
        assert goal(clutch) == pytest.approx([0.2, -0.2, 0.05])
        assert turned(clutch) == pytest.approx([0.1, 0.2, 0.3])

    def test_what_is_told_of_the_arm_and_is_no_pose_counts_as_not_told(self):
        clutch = led(Clutch.at_start(FAST, engaged=True), (0, 0, 1), (0, 0, 0.9))
        clutch = led(clutch.engage(Pose(np.full(3, np.nan), np.eye(3))), (0, 0, 1), t_ns=T0 + 3 * STRIDE_NS)
        assert goal(clutch) == pytest.approx([0.1, 0.0, 0.0])

    def test_engaged_while_lost_waits_for_the_wrist(self):
        clutch = Clutch.at_start(FAST).engage().follow(None, "", T0)
        assert clutch.engagement == 0
        clutch = led(clutch, (0.5, 0.5, 2.0), t_ns=T0 + STRIDE_NS)
        assert goal(clutch) == pytest.approx(np.zeros(3))
        assert clutch.engagement == 1

    def test_a_wrist_that_comes_back_elsewhere_leads_on(self):
        clutch = led(Clutch.at_start(FAST, engaged=True), (0, 0, 1), (0, 0, 0.8))
        clutch = clutch.follow(None, "", T0 + 2 * STRIDE_NS)
        clutch = led(clutch, (0.4, 0.4, 1.5), (0.4, 0.4, 1.4), t_ns=T0 + 3 * STRIDE_NS)
        assert goal(clutch) == pytest.approx([0.3, 0.0, 0.0])
        assert clutch.engagement == 2

    def test_another_source_leads_on_without_a_step(self):
        clutch = led(Clutch.at_start(FAST, engaged=True), (0, 0, 1), (0, 0, 0.8))
        clutch = led(clutch, (0.02, 0.03, 0.9), (0.02, 0.03, 0.8), source="body", t_ns=T0 + 2 * STRIDE_NS)
        assert goal(clutch) == pytest.approx([0.3, 0.0, 0.0])
        assert clutch.engagement == 1

    def test_after_a_silence_the_wrist_leads_anew(self):
        clutch = led(Clutch.at_start(FAST, engaged=True), (0, 0, 1), (0, 0, 0.8))
        late_ns = T0 + STRIDE_NS + MAX_SILENCE_NS + 1
        assert goal(led(clutch, (0.4, 0.4, 1.5), t_ns=late_ns)) == pytest.approx([0.2, 0.0, 0.0])

    @pytest.mark.parametrize("bad", ["nan", "inf", "far", "skewed", "mirrored"])
    def test_what_is_no_pose_is_not_followed(self, bad):
        clutch = led(Clutch.at_start(FAST, engaged=True), (0, 0, 1), (0, 0, 0.8))
        broken = wrist((0, 0, 0.7), t_ns=T0 + 2 * STRIDE_NS)
        if bad == "skewed":
            broken.rotations[1, 0, 0] = 1.1
        elif bad == "mirrored":
            broken.rotations[1] = np.diag([1.0, 1.0, -1.0])
        else:
            broken.position_m[2, 1] = {"nan": np.nan, "inf": np.inf, "far": 1e5}[bad]
        clutch = clutch.follow(broken, "hand", T0 + 2 * STRIDE_NS)
        assert goal(clutch) == pytest.approx([0.2, 0.0, 0.0])
        assert clutch.path.sound


coordinate = st.floats(-2.0, 2.0) | st.sampled_from([math.nan, math.inf, -math.inf, 1e30])
position = st.tuples(coordinate, coordinate, coordinate)
turn = st.tuples(*[st.floats(-4.0, 4.0)] * 3)
event = st.one_of(
    st.tuples(st.just("see"), position, turn, position, st.sampled_from(["hand", "body", "both"])),
    st.just(("lose",)),
    st.just(("engage",)),
    st.just(("disengage",)),
)
script = st.lists(st.tuples(event, st.integers(1, 400)), min_size=1, max_size=25)
views = st.sampled_from(["along", "mirror"])


@settings(max_examples=150, deadline=None)
@given(script=script, view=views, factor=st.floats(0.0, 1.0), scale=st.floats(0.0, 10.0))
def test_one_continuous_path_within_limits_whatever_comes(script, view, factor, scale):
    space = ArmWorkspace.of(scale, factor, view, box_m=(0.3, 0.2, 0.1))
    clutch, t_ns = Clutch.at_start(space), T0
    for happening, wait_ms in script:
        before, after_ns = clutch.path, t_ns + wait_ms * 1_000_000
        t_ns = after_ns
        if happening[0] == "engage":
            clutch = clutch.engage()
        elif happening[0] == "disengage":
            clutch = clutch.disengage()
        seen = None
        if happening[0] == "see":
            instants_ns = t_ns - 50_000_000 + STRIDE_NS * np.arange(5)
            start, end = np.array(happening[1]), np.array(happening[3])
            with np.errstate(all="ignore"):
                places = start + np.linspace(0, 1, 5)[:, None] * (end - start)
            turns = np.array([rotation_of(s * np.array(happening[2])) for s in np.linspace(0, 1, 5)])
            seen = PosePath(instants_ns, places, turns)
        clutch = clutch.follow(seen, happening[4] if seen is not None else "", t_ns)
        path = clutch.path

        assert path.sound
        assert (np.diff(path.t_ns) > 0).all()
        assert path.t_ns[0] == t_ns
        held = before.at(t_ns)
        assert path.position_m[0] == pytest.approx(held.position_m, abs=1e-12)
        assert path.rotations[0] == pytest.approx(held.rotation, abs=1e-9)
        assert (path.position_m <= space.upper_m + 1e-12).all()
        assert (path.position_m >= space.lower_m - 1e-12).all()
        dt_s = 1e-9 * np.diff(path.t_ns)
        way_m = np.linalg.norm(np.diff(path.position_m, axis=0), axis=1)
        assert (way_m <= space.max_speed_m_s * dt_s + 1e-9).all()
        for k in range(len(dt_s)):
            angle = np.linalg.norm(vector_of(path.rotations[k + 1] @ path.rotations[k].T))
            assert angle <= space.max_turn_rad_s * dt_s[k] + 1e-7
        if seen is None or not clutch.engaged or not seen.sound:
            assert np.ptp(path.position_m, axis=0) == pytest.approx(np.zeros(3))


@given(vector=st.tuples(*[st.floats(-6.0, 6.0)] * 3))
def test_rotation_vectors_stand_for_the_same_rotation(vector):
    R = rotation_of(np.array(vector))
    shortest = vector_of(R)
    assert np.linalg.norm(shortest) <= math.pi + 1e-9
    assert rotation_of(shortest) == pytest.approx(R, abs=1e-7)
    counted_on = unwrapped(shortest, np.array(vector))
    assert rotation_of(counted_on) == pytest.approx(R, abs=1e-7)


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-5, 1.0, 3.0, 3.12, math.pi - 1e-6, math.pi])
@pytest.mark.parametrize("axis", [(1, 0, 0), (0, -1, 0), (0.6, 0.0, -0.8), (0.48, 0.6, 0.64)])
def test_vector_of_a_rotation_is_exact_up_to_half_a_turn(axis, angle):
    vector = vector_of(rotation_of(angle * np.array(axis, float)))
    assert np.linalg.norm(vector) == pytest.approx(angle, abs=1e-9)
    if 0.0 < angle < math.pi:
        assert vector == pytest.approx(angle * np.array(axis, float), abs=1e-8)


@pytest.mark.parametrize(
    ("given_", "named"),
    [
        ({"scale": -1.0}, "scale"),
        ({"scale": (1.0, math.nan, 1.0)}, "scale"),
        ({"rotation_factor": 1.5}, "rotation factor"),
        ({"box_m": (0.1, -0.1, 0.1)}, "box"),
        ({"max_speed_m_s": 0.0}, "max_speed_m_s"),
        ({"view": "behind"}, "view"),
        ({"yaw_rad": math.inf}, "yaw"),
    ],
)
def test_illegal_workspaces_are_refused_by_name(given_, named):
    with pytest.raises(RetargetError, match=named):
        ArmWorkspace.of(**given_)


def test_axes_that_are_not_orthogonal_are_refused():
    with pytest.raises(RetargetError, match="orthogonal"):
        ArmWorkspace(base_from_camera=np.diag([1.0, 2.0, 1.0]))
