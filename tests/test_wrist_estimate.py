"""The wrist from hand and body, and what is published of it."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest

from app.wrist_estimate import WristErrors, estimate_wrist, fuse, wrist_of_body, wrist_of_hand
from app.wrist_publisher import WristPublisher
from models.body_model import BodyModel
from models.body_trajectory import BodyTrajectory
from models.hand_model import HandModel
from models.rotations import axis_angle_from_matrix, matrix_from_axis_angle, mirror_points, mirror_rotations
from models.trajectory import HandTrajectory
from retarget import hand_frame
from retarget.arm_workspace import ArmWorkspace
from retarget.pose_path import Pose, PosePath
from robot.wrist_messages import rotation_matrix

T0 = 5_000_000_000
STRIDE_NS = 33_333_333
T_NS = T0 + STRIDE_NS * np.arange(6)


def hand_at(position_m, R=None, hand="right", state="tracking", t_ns=T_NS):
    """A hand of the open model in its rest pose, turned by R; a left one is the mirror image."""
    model, K = HandModel.load(), len(t_ns)
    rotations = np.tile(np.eye(3), (K, 16, 1, 1))
    rotations[:, 0] = np.eye(3) if R is None else R
    keypoints_m = model.keypoints(rotations)
    if hand == "left":
        rotations, keypoints_m = mirror_rotations(rotations), mirror_points(keypoints_m)
    wrist_m = np.broadcast_to(np.asarray(position_m, float), (K, 3)).copy()
    keypoints_m = keypoints_m - keypoints_m[:, :1]
    return HandTrajectory(hand, state, int(t_ns[0]), t_ns, keypoints_m, wrist_m, rotations)


def body_at(hip_m, rotations=None, state="tracking"):
    """The open body; in its rest pose if no rotations are given."""
    model, K = BodyModel.load(), len(T_NS)
    rotations = np.tile(np.eye(3), (24, 1, 1)) if rotations is None else rotations
    keypoints_m = model.keypoints(rotations)
    keypoints_m = np.tile(keypoints_m - keypoints_m[0], (K, 1, 1))
    hips_m = np.tile(np.asarray(hip_m, float), (K, 1))
    return BodyTrajectory(state, T0, T_NS, keypoints_m, hips_m, np.tile(rotations, (K, 1, 1, 1)))


@pytest.mark.parametrize("hand", ["right", "left"])
def test_a_hands_axes_are_those_of_its_keypoints(hand):
    trajectory = hand_at((0, 0, 1), matrix_from_axis_angle(np.array([0.4, -0.9, 1.3])), hand)
    path = wrist_of_hand(trajectory)
    seen = hand_frame(trajectory.keypoints_m[0], hand)
    apart_rad = np.linalg.norm(axis_angle_from_matrix(path.rotations[0] @ seen.T))
    assert np.degrees(apart_rad) < 20.0  # the rest pose has its knuckles 16° from its own axes


@pytest.mark.parametrize(("hand", "fingers"), [("left", (1, 0, 0)), ("right", (-1, 0, 0))])
def test_a_bodys_arms_at_rest_point_sideways_palms_down(hand, fingers):
    path = wrist_of_body(body_at((0.1, 0.2, 3.0)), hand)
    out_of_palm, _, to_fingers = path.rotations[0].T
    assert to_fingers == pytest.approx(fingers)
    assert out_of_palm == pytest.approx([0, -1, 0])
    assert np.sign(path.position_m[0, 0] - 0.1) == fingers[0]


def test_a_bodys_wrist_turns_with_every_joint_before_it():
    rotations = np.tile(np.eye(3), (24, 1, 1))
    turns = {0: (0.1, 0.5, 0), 17: (0, 0.3, 0.8), 19: (0, 1.0, 0), 21: (0.7, 0, 0)}
    for joint, turn in turns.items():
        rotations[joint] = matrix_from_axis_angle(np.array(turn))
    path = wrist_of_body(body_at((0, 0, 3), rotations), "right")
    whole = rotations[0] @ rotations[17] @ rotations[19] @ rotations[21]
    assert path.rotations[0, :, 2] == pytest.approx(-whole[:, 0])


def test_together_they_are_nearer_the_truth_than_either():
    """Random errors of the stated sizes: the fused depth and place are better than both."""
    rng, errors, n = np.random.default_rng(3), WristErrors(), 4000
    truth_m = np.array([0.4, -0.3, 1.6])
    distance = np.linalg.norm(truth_m)
    ray = truth_m / distance

    def measured(across, along):
        noise = rng.normal(size=(n, 3)) * across * distance
        noise -= (noise @ ray)[:, None] * ray
        noise += rng.normal(size=(n, 1)) * along * distance * ray
        return PosePath(np.arange(n), truth_m + noise, np.tile(np.eye(3), (n, 1, 1)))

    hand = measured(errors.hand_across, errors.hand_along)
    body = measured(errors.body_across, errors.body_along)
    rms = {
        name: np.sqrt(np.mean(np.sum((path.position_m - truth_m) ** 2, axis=1)))
        for name, path in (("hand", hand), ("body", body), ("both", fuse(hand, body, errors)))
    }
    assert rms["both"] < 0.8 * min(rms["hand"], rms["body"])
    deep = np.std((fuse(hand, body, errors).position_m - truth_m) @ ray)
    expected = distance / np.sqrt(errors.hand_along**-2 + errors.body_along**-2)
    assert deep == pytest.approx(expected, rel=0.05)


def test_each_source_is_named_and_the_hand_says_how_it_is_turned():
    R = matrix_from_axis_angle(np.array([0.3, 0.2, 0.1]))
    hand, body = hand_at((0.4, 0, 1.5), R), body_at((0, 0.5, 2.0))
    both = estimate_wrist("right", hand, body, T0)
    assert both.source == "both"
    assert both.path.rotations == pytest.approx(estimate_wrist("right", hand, None, T0).path.rotations)
    assert estimate_wrist("right", hand, None, T0).source == "hand"
    assert estimate_wrist("right", None, body, T0).source == "body"
    lost = HandTrajectory.lost("right", T_NS)
    assert estimate_wrist("right", lost, body, T0).source == "body"
    assert estimate_wrist("right", hand, BodyTrajectory.lost(T_NS), T0).source == "hand"
    nothing = estimate_wrist("right", lost, BodyTrajectory.lost(T_NS), T0)
    assert (nothing.source, nothing.source_state, nothing.path) == (None, "lost", None)


def test_a_hand_whose_place_is_not_known_leaves_it_to_the_body():
    unknown = hand_at((np.nan, np.nan, np.nan))
    assert estimate_wrist("right", unknown, None, T0).source_state == "lost"
    assert estimate_wrist("right", unknown, body_at((0, 0, 2)), T0).source == "body"


def test_begins_now_and_keeps_the_instants_to_come():
    moving = hand_at([(0.1 * i, 0.0, 1.0) for i in range(6)])
    now_ns = T0 + STRIDE_NS // 2
    path = estimate_wrist("right", moving, None, now_ns).path
    assert path.t_ns.tolist() == [now_ns, *T_NS[1:].tolist()]
    assert path.position_m[:, 0] == pytest.approx([0.05, 0.1, 0.2, 0.3, 0.4, 0.5])


class TestPublisher:
    SPACE = ArmWorkspace.of(max_speed_m_s=100.0, max_turn_rad_s=100.0, box_m=(5, 5, 5))

    def test_one_message_for_each_hand_and_only_what_is_known_is_valid(self):
        publisher = WristPublisher(("right", "left"), self.SPACE, engaged=True)
        right, left = publisher.update({"right": hand_at((0, 0, 1))}, None, T0)
        assert (right.hand, right.valid, right.source) == ("right", True, "hand")
        assert (left.hand, left.valid, left.source_state) == ("left", False, "lost")
        assert (left.seq, left.engagement, right.engagement) == (right.seq + 1, 0, 1)
        assert right.t_ns[0] == right.t_publish_ns == T0

    def test_clutch_open_rests_closed_leads(self):
        publisher = WristPublisher(("right",), self.SPACE)
        (first,) = publisher.update({"right": hand_at((0, 0, 1))}, None, T0)
        later = hand_at((0, 0, 0.9), t_ns=T_NS + STRIDE_NS)
        (second,) = publisher.update({"right": later}, None, T0 + STRIDE_NS)
        assert not second.engaged
        assert second.target_position_m == pytest.approx(first.target_position_m[:1].repeat(6, axis=0))
        publisher.toggle()
        assert publisher.engaged
        publisher.update({"right": later}, None, T0 + 2 * STRIDE_NS)
        nearer = hand_at((0, 0, 0.8), t_ns=T_NS + 3 * STRIDE_NS)
        (third,) = publisher.update({"right": nearer}, None, T0 + 3 * STRIDE_NS)
        assert third.target_position_m[-1] == pytest.approx([0.1, 0, 0])

    def test_an_arm_that_plays_the_messages_never_jumps(self):
        """Noise, a lost hand, a body that comes and goes, the clutch: sampled each millisecond."""
        space = ArmWorkspace.of()
        rng, publisher = np.random.default_rng(1), WristPublisher(("right",), space, engaged=True)
        messages = []
        for frame in range(120):
            t_ns = T_NS + frame * STRIDE_NS
            place_m = np.array([0.3 * np.sin(0.2 * frame), 0.1, 1.2]) + rng.normal(0, 0.05, 3)
            hand = hand_at(place_m, matrix_from_axis_angle(rng.normal(0, 0.3, 3)), t_ns=t_ns)
            hands = {} if frame % 40 > 30 else {"right": hand}
            body = dataclasses.replace(body_at((0, 0.4, 1.5)), t_ns=t_ns) if frame % 25 > 12 else None
            if frame in (50, 60):
                publisher.toggle()
            messages += publisher.update(hands, body, int(t_ns[0]) + 20_000_000)
        played, turned = [], []
        for message, after in pairwise(messages):
            path = PosePath(
                message.t_ns, message.target_position_m, rotation_matrix(message.target_rotation_6d)
            )
            for t in range(message.t_publish_ns, after.t_publish_ns, 1_000_000):
                pose = path.at(t)
                played.append((t, pose.position_m))
                turned.append(pose.rotation)
        dt_s = 1e-9 * np.diff([t for t, _ in played])
        way_m = np.linalg.norm(np.diff([p for _, p in played], axis=0), axis=1)
        assert (way_m <= space.max_speed_m_s * dt_s + 1e-9).all()
        turned = np.array(turned)
        turn_rad = np.linalg.norm(axis_angle_from_matrix(turned[1:] @ turned[:-1].transpose(0, 2, 1)), axis=1)
        assert (turn_rad <= space.max_turn_rad_s * dt_s + 1e-6).all()
        assert way_m.sum() > 0.5

    def test_starts_where_the_arm_is_told_to_be(self):
        publisher = WristPublisher(("right",), self.SPACE)
        publisher.engage({"right": Pose(np.array([0.1, 0.2, 0.3]), np.eye(3))})
        (message,) = publisher.update({"right": hand_at((0, 0, 1))}, None, T0)
        assert message.target_position_m[0] == pytest.approx([0.1, 0.2, 0.3])
