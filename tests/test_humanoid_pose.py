"""The humanoid takes a person's pose: limbs point where the person's do, and nothing flips."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from humanoid_examples import CAMERA_FROM_UPRIGHT, angle_deg, before_a_camera, facing
from hypothesis import given, settings
from hypothesis import strategies as st

from app.humanoid.figure import HumanoidFigure
from app.humanoid.hinge import MAX_TWIST_RAD_S, Hinge
from app.humanoid.pose import HINGE_JOINTS, SPHERICAL_JOINTS, HumanoidPoser
from models.body_clips import humanoid_directory
from models.body_model import BodyModel
from models.body_retarget import OURS_FROM_HUMANOID, BodyMotion, motion_of_bvh, motion_of_humanoid, resampled
from models.bvh import read_bvh
from models.rotations import matrix_from_axis_angle, minimal_rotation, unit

HUMANOID_FROM_CAMERA = OURS_FROM_HUMANOID.T @ CAMERA_FROM_UPRIGHT
LIMBS = {  # links at both ends; SMPL's joints there
    "right thigh": ("right_hip", "right_knee", 2, 5),
    "right shin": ("right_knee", "right_ankle", 5, 8),
    "left thigh": ("left_hip", "left_knee", 1, 4),
    "left shin": ("left_knee", "left_ankle", 4, 7),
    "right upper arm": ("right_shoulder", "right_elbow", 17, 19),
    "right forearm": ("right_elbow", "right_wrist", 19, 21),
    "left upper arm": ("left_shoulder", "left_elbow", 16, 18),
    "left forearm": ("left_elbow", "left_wrist", 18, 20),
}
# Where each joint is in a frame of pybullet's clips.
QUATERNION_COLUMNS = {
    "chest": 8, "neck": 12, "right_hip": 16, "right_ankle": 21, "right_shoulder": 25, "left_hip": 30,
    "left_ankle": 35, "left_shoulder": 39,
}  # fmt: skip
ANGLE_COLUMNS = {"right_knee": 20, "right_elbow": 29, "left_knee": 34, "left_elbow": 43}
KNEES, ELBOWS = [0, 2], [1, 3]


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return BodyModel.load()


@pytest.fixture(scope="module")
def figure() -> Iterator[HumanoidFigure]:
    made = HumanoidFigure()
    yield made
    made.close()


def mirrored(figure: HumanoidFigure, motion: BodyMotion, body: BodyModel) -> tuple[np.ndarray, np.ndarray]:
    """Where the links went (N,links,4,4), and how far each limb was from the person's (N,8), degrees."""
    poser = HumanoidPoser(body)
    rotations, hip_m = before_a_camera(motion, body)
    joints = body.forward(rotations) @ HUMANOID_FROM_CAMERA.T
    links = []
    for frame in range(len(motion)):
        figure.take(poser.pose(rotations[frame], hip_m[frame], float(motion.t_s[frame])))
        links.append(figure.link_poses())
    poses = np.stack(links)
    at = {name: number for number, name in enumerate(figure.links)}
    errors = [
        angle_deg(poses[:, at[b], :3, 3] - poses[:, at[a], :3, 3], joints[:, d] - joints[:, c])
        for a, b, c, d in LIMBS.values()
    ]
    return poses, np.stack(errors, axis=1)


def turned_deg(poses: np.ndarray) -> np.ndarray:
    """How far each link turned from frame to frame (N-1,links), degrees."""
    R = poses[..., :3, :3]
    step = np.swapaxes(R[:-1], -1, -2) @ R[1:]
    return np.degrees(np.arccos(np.clip((np.trace(step, axis1=-2, axis2=-1) - 1.0) / 2.0, -1.0, 1.0)))


@pytest.mark.parametrize("name", ["walk", "run", "crawl", "jump", "getup_faceup", "cartwheel", "punch"])
def test_pybullets_own_clips_come_back(name, body):
    path = humanoid_directory() / f"humanoid3d_{name}.txt"
    frames = np.array(json.loads(path.read_text())["Frames"])
    motion = motion_of_humanoid(path, body)
    rotations, hip_m = before_a_camera(motion, body)
    poser = HumanoidPoser(body)
    poses = [poser.pose(rotations[i], hip_m[i], float(motion.t_s[i])) for i in range(len(motion))]
    np.testing.assert_allclose([pose.position_m for pose in poses], frames[:, 1:4], atol=1e-3)
    for joint, column in QUATERNION_COLUMNS.items():
        wanted = np.roll(frames[:, column : column + 4], -1, axis=1)  # w first there
        wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
        got = np.array([pose.spherical[SPHERICAL_JOINTS.index(joint)] for pose in poses])
        off = np.degrees(2.0 * np.arccos(np.clip(np.abs(np.sum(wanted * got, axis=1)), 0.0, 1.0)))
        # What bends is the twist of nearly straight limbs; trunk and head are exact.
        assert off.max() < (0.1 if joint in ("chest", "neck") else 12.0), joint
        assert np.median(off) < 2.0, joint
    for joint, column in ANGLE_COLUMNS.items():
        got = np.array([pose.hinges_rad[HINGE_JOINTS.index(joint)] for pose in poses])
        assert np.degrees(np.abs(got - frames[:, column])).max() < 1.0, joint


@pytest.mark.parametrize("name", ["walk", "run", "crawl", "jump", "cartwheel", "dance_a", "kick"])
def test_limbs_of_pybullets_clips_point_where_they_did(name, body, figure):
    motion = motion_of_humanoid(humanoid_directory() / f"humanoid3d_{name}.txt", body)
    _, errors = mirrored(figure, motion, body)
    assert errors.max() < 3.0
    assert errors.mean() < 0.25


@pytest.mark.parametrize("name", ["02_01", "02_05", "05_02", "06_13", "07_01"])
def test_limbs_of_captured_people_point_where_theirs_do_and_never_flip(name, body, figure, shared_data):
    bvh = read_bvh(shared_data / "body" / "cmu_bvh" / f"{name}.bvh")
    motion = resampled(motion_of_bvh(bvh, body), 30.0)
    motion = BodyMotion(motion.rotations[:300], motion.pelvis_m[:300], motion.t_s[:300])
    poses, errors = mirrored(figure, motion, body)
    assert errors.mean() < 0.3
    assert np.percentile(errors, 99) < 3.0
    assert turned_deg(poses).max() < 50.0, "a link flipped within a thirtieth of a second"


def test_a_hanging_arm_and_a_straight_leg_are_the_humanoids_rest(body):
    hanging = facing(left_shoulder=(0.0, 0.0, -0.5 * np.pi), right_shoulder=(0.0, 0.0, 0.5 * np.pi))
    pose = HumanoidPoser(body).pose(hanging, np.zeros(3), 0.0)
    np.testing.assert_allclose(pose.rotation, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(pose.spherical, np.tile([0.0, 0.0, 0.0, 1.0], (8, 1)), atol=1e-9)
    np.testing.assert_allclose(pose.hinges_rad, 0.0, atol=1e-9)


def test_elbows_bend_forwards_and_knees_backwards(body):
    bent = facing(
        left_shoulder=(0.0, 0.0, -0.5 * np.pi), left_elbow=(0.0, -1.0, 0.0), right_knee=(0.7, 0.0, 0.0)
    )
    pose = HumanoidPoser(body).pose(bent, np.zeros(3), 0.0)
    np.testing.assert_allclose(pose.hinges_rad, [-0.7, 0.0, 0.0, 1.0], atol=1e-6)


def test_sides_are_not_swapped(body, figure):
    """The person's left is the humanoid's left, and left of a person who faces the camera is +x of it."""
    figure.take(HumanoidPoser(body).pose(facing(), np.array([0.5, 0.2, 3.0]), 0.0))
    at = {name: number for number, name in enumerate(figure.links)}
    places = figure.link_poses()[:, :3, 3]
    assert places[at["left_wrist"], 2] < places[at["left_hip"], 2] < places[at["right_hip"], 2]
    seen = (HUMANOID_FROM_CAMERA.T @ places.T).T
    assert seen[at["left_wrist"], 0] > seen[at["right_wrist"], 0]
    assert seen[at["left_ankle"], 1] > seen[at["neck"], 1], "y is down in a camera"
    np.testing.assert_allclose(seen[at["root"]], [0.5, 0.2, 3.0], rtol=0.02)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(*(st.floats(-1.0, 1.0) for _ in range(6))).filter(
            lambda v: np.linalg.norm(v[:3]) > 0.1 and np.linalg.norm(v[3:]) > 0.1
        ),
        min_size=2,
        max_size=12,
    ),
    st.sampled_from([1.0, -1.0]),
)
def test_hinges_stay_within_their_limits_and_turn_no_faster_than_they_may(directions, flexion):
    hinge, before = Hinge(flexion), None
    for frame, six in enumerate(directions):
        upper, lower = unit(np.array(six[:3])), unit(np.array(six[3:]))
        R, angle = hinge.solve(upper, lower, np.array([0.0, 0.0, 1.0]), frame / 30.0)
        np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(R) > 0.0
        np.testing.assert_allclose(-R[:, 1], upper, atol=1e-9)
        assert -1e-12 <= flexion * angle <= np.pi + 1e-12
        # Which turn without twist leads to the opposite direction nobody can say.
        if before is not None and before[0] @ upper > -1.0 + 1e-3:
            carried = minimal_rotation(before[0], upper) @ before[1]
            assert np.radians(angle_deg(carried, R[:, 2])) <= MAX_TWIST_RAD_S / 30.0 + 1e-6
        before = upper, R[:, 2]


def test_a_bent_limb_is_matched_exactly():
    upper, lower = unit(np.array([0.2, -1.0, 0.3])), unit(np.array([0.9, -0.3, 0.1]))
    for flexion in (1.0, -1.0):
        hinge = Hinge(flexion)
        axis = flexion * np.cross(upper, lower)
        for frame in range(10):
            R, angle = hinge.solve(upper, lower, axis, frame / 30.0)
        bone = R @ matrix_from_axis_angle(np.array([0.0, 0.0, angle])) @ np.array([0.0, -1.0, 0.0])
        assert angle_deg(bone, lower) < 1e-4


def test_a_straight_limb_that_trembles_keeps_its_twist():
    """The plane of a straight limb's bones is noise: it must not turn the limb."""
    rng = np.random.default_rng(0)
    hinge, hint = Hinge(1.0), np.array([0.0, 0.0, 1.0])
    upper = np.array([0.0, -1.0, 0.0])
    axes = []
    for frame in range(300):
        lower = unit(upper + rng.normal(0.0, 0.02, 3))
        axes.append(hinge.solve(upper, lower, hint, frame / 30.0)[0][:, 2])
    assert angle_deg(np.array(axes), hint).max() < 12.0
    assert angle_deg(np.array(axes[1:]), np.array(axes[:-1])).max() < 8.0


def test_an_elbow_that_seems_to_bend_backwards_turns_in_steps():
    hinge, hint = Hinge(1.0), np.array([0.0, 0.0, 1.0])
    upper, axes = np.array([0.0, -1.0, 0.0]), []
    for frame in range(30):
        bend = 0.6 if frame < 10 else -0.6  # from one frame to the next
        lower = np.array([np.sin(bend), -np.cos(bend), 0.0])
        R, angle = hinge.solve(upper, lower, hint, frame / 30.0)
        axes.append(R[:, 2])
    steps = np.radians(angle_deg(np.array(axes[1:]), np.array(axes[:-1])))
    assert steps.max() <= MAX_TWIST_RAD_S / 30.0 + 1e-9
    bone = R @ matrix_from_axis_angle(np.array([0.0, 0.0, angle])) @ np.array([0.0, -1.0, 0.0])
    assert angle_deg(bone, lower) < 3.0, "in the end it points where it should"


def test_after_a_pause_a_limb_begins_anew():
    hinge = Hinge(1.0)
    upper, lower = np.array([0.0, -1.0, 0.0]), np.array([1.0, 0.0, 0.0])
    hinge.solve(upper, lower, np.array([0.0, 0.0, 1.0]), 0.0)
    turned, angle = hinge.solve(upper, -lower, np.array([0.0, 0.0, -1.0]), 2.0)
    np.testing.assert_allclose(turned[:, 2], [0.0, 0.0, -1.0], atol=1e-9)
    assert angle == pytest.approx(0.5 * np.pi)


def test_rotations_of_another_shape_are_refused(body):
    with pytest.raises(ValueError, match=r"\(24,3,3\)"):
        HumanoidPoser(body).pose(np.eye(3), np.zeros(3), 0.0)


def test_loading_the_humanoid_says_nothing(capfd):
    HumanoidFigure().close()
    assert capfd.readouterr() == ("", "")


def test_the_lowest_point_of_the_humanoid_at_rest_is_its_soles(figure, body):
    hanging = facing(left_shoulder=(0.0, 0.0, -0.5 * np.pi), right_shoulder=(0.0, 0.0, 0.5 * np.pi))
    figure.take(HumanoidPoser(body).pose(hanging, np.zeros(3), 0.0))
    # Of the description: hip to ankle, the foot's middle below it, half the foot's height; a quarter of all.
    expected = -0.25 * (1.686184 + 1.639480 + 0.09 + 0.11)
    assert figure.lowest_m(figure.link_poses()) == pytest.approx(expected, abs=1e-4)


def test_every_joint_of_the_description_is_driven():
    import pybullet_data

    text = (Path(pybullet_data.getDataPath()) / "humanoid" / "humanoid.urdf").read_text()
    assert text.count('type="spherical"') == len(SPHERICAL_JOINTS)
    assert text.count('type="revolute"') == len(HINGE_JOINTS)
