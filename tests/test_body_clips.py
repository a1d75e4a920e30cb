"""Motion capture read, moved to our skeleton, mended, split and mirrored."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.body_clips import (
    SUBJECT_SPLIT,
    humanoid_directory,
    read_body_clips,
    split_of,
    write_body_clips,
)
from models.body_keypoints import BODY_JOINT_PARENTS, MIRRORED_KEYPOINTS
from models.body_mending import mended
from models.body_model import BodyModel
from models.body_retarget import (
    CMU_UNIT_M,
    BodyMotion,
    cmu_skeleton,
    motion_of_bvh,
    motion_of_humanoid,
    resampled,
)
from models.bvh import Bvh, parse_bvh, read_bvh
from models.clips import load_clips
from models.errors import ModelError
from models.rotations import axis_angle_from_matrix, matrix_from_axis_angle

ARM = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
  JOINT Arm
  {
    OFFSET 0 2 0
    CHANNELS 3 Zrotation Yrotation Xrotation
    End Site
    {
      OFFSET 3 0 0
    }
  }
}
MOTION
Frames: 2
Frame Time: .0083333
1 2 3 0 0 0 0 0 0
0 0 0 90 0 0 0 90 0
"""


# --- .bvh ---------------------------------------------------------------------------------------------------


def test_a_file_is_read_as_it_says() -> None:
    bvh = parse_bvh(ARM)
    assert bvh.names == ("Hips", "Arm", "Arm_end")
    assert bvh.parents == (-1, 0, 1)
    assert bvh.frame_time_s == pytest.approx(1.0 / 120.0, rel=1e-4)
    assert len(bvh) == 2
    assert bvh.index("Arm") == 1


def test_joints_are_where_the_angles_put_them() -> None:
    _, joints = parse_bvh(ARM).forward()
    np.testing.assert_allclose(joints[0], [[1, 2, 3], [1, 4, 3], [4, 4, 3]])
    # A quarter turn about z takes the spine to −x; about y, in the turned frame, the arm to −z.
    np.testing.assert_allclose(joints[1], [[0, 0, 0], [-2, 0, 0], [-2, 0, -3]], atol=1e-12)


def test_angles_turn_in_the_order_of_the_channels() -> None:
    text = ARM.replace("0 0 0 90 0 0 0 90 0", "0 0 0 30 40 50 0 0 0")
    G, _ = parse_bvh(text).forward()
    z, y, x = (matrix_from_axis_angle(np.radians(a) * np.eye(3)[i]) for i, a in ((2, 30), (1, 40), (0, 50)))
    np.testing.assert_allclose(G[1, 0], z @ y @ x)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("HIERARCHY", "", "HIERARCHY"),
        ("MOTION", "", "MOTION"),
        ("Frames: 2", "Frames: 3", "9 channels"),
        ("Frames: 2", "", "Frames"),
        ("0 0 0 90 0 0 0 90 0", "0 0 0 nan 0 0 0 90 0", "finite"),
        ("Xrotation\n  JOINT", "Wrotation\n  JOINT", "Wrotation"),
        ("OFFSET 0 2 0", "OFFSET 0 two 0", "two"),
        ("JOINT Arm\n  {", "JOINT Arm\n", "brace"),
        ("    }\n  }\n}", "    }\n  }\n", "brace"),
        ("ROOT Hips", "JOINT Hips", "outside"),
    ],
)
def test_damaged_files_are_named_with_the_fault(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in ARM
    path = tmp_path / "damaged.bvh"
    path.write_text(ARM.replace(old, new))
    with pytest.raises(ModelError, match=message) as caught:
        read_bvh(path)
    assert "damaged.bvh" in str(caught.value)


def test_absent_files_and_joints_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.bvh"):
        read_bvh(tmp_path / "absent.bvh")
    with pytest.raises(ModelError, match="Knee"):
        parse_bvh(ARM).index("Knee")


# --- moved to our skeleton ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return BodyModel.load()


@pytest.fixture(scope="module", params=["07_01", "02_04", "05_03"])
def cmu(request: pytest.FixtureRequest, shared_data: Path) -> Bvh:
    return read_bvh(shared_data / "body" / "cmu_bvh" / f"{request.param}.bvh")


def places(bvh: Bvh, names: list[str]) -> np.ndarray:
    """Where joints are, metres, without the first frame."""
    _, joints = bvh.forward()
    return joints[1:, [bvh.index(name) for name in names]] * CMU_UNIT_M


def test_on_the_performers_own_bones_the_motion_is_theirs(cmu: Bvh, body: BodyModel) -> None:
    own = replace(body, joints_m=cmu_skeleton(cmu), keypoint_offsets_m=np.zeros((17, 3)))
    motion = motion_of_bvh(cmu, own)
    joints = own.forward(motion.rotations, motion.pelvis_m)
    names = ["Hips", "LeftUpLeg", "RightUpLeg", "LeftLeg", "RightLeg", "LeftFoot", "RightFoot", "LeftArm"]
    names += ["RightArm", "LeftForeArm", "RightForeArm", "LeftHand", "RightHand"]
    ours = joints[:, [0, 1, 2, 4, 5, 7, 8, 16, 17, 18, 19, 20, 21]]
    np.testing.assert_allclose(ours, places(cmu, names), atol=1e-4)
    head = np.linalg.norm(joints[:, 15] - places(cmu, ["Head"])[:, 0], axis=-1)
    assert head.mean() < 0.01, "two joints of the neck have become one"


def test_on_our_bones_every_limb_points_the_same_way(cmu: Bvh, body: BodyModel) -> None:
    motion = motion_of_bvh(cmu, body)
    joints = body.forward(motion.rotations, motion.pelvis_m)
    for parent, child, names in (
        (1, 4, ["LeftUpLeg", "LeftLeg"]),
        (5, 8, ["RightLeg", "RightFoot"]),
        (16, 18, ["LeftArm", "LeftForeArm"]),
        (19, 21, ["RightForeArm", "RightHand"]),
    ):
        ours = joints[:, child] - joints[:, parent]
        theirs = np.diff(places(cmu, names), axis=1)[:, 0]
        cos = np.sum(ours * theirs, -1) / np.linalg.norm(ours, axis=-1) / np.linalg.norm(theirs, axis=-1)
        assert cos.min() > 1.0 - 1e-6


def test_left_stays_left_knees_bend_back_and_feet_stay_on_the_ground(cmu: Bvh, body: BodyModel) -> None:
    motion = resampled(motion_of_bvh(cmu, body), 30.0)
    joints = body.forward(motion.rotations, motion.pelvis_m)
    pelvis = motion.rotations[:, 0]
    across = joints[:, 1] - joints[:, 2]
    assert (np.sum(across * pelvis[..., 0], -1) > 0.1).all()
    knees = axis_angle_from_matrix(motion.rotations[:, [4, 5]])
    assert knees[..., 0].min() > np.radians(-5.0)
    assert np.abs(knees[..., 1:]).max() < np.radians(5.0)
    lowest = joints[..., 1].min(axis=1)
    assert -0.1 < np.percentile(lowest, 10) < 0.1


def test_thirty_frames_a_second_are_every_fourth_frame(shared_data: Path, body: BodyModel) -> None:
    motion = motion_of_bvh(read_bvh(shared_data / "body" / "cmu_bvh" / "07_01.bvh"), body)
    steady = resampled(motion, 30.0)
    np.testing.assert_allclose(np.diff(steady.t_s), 1.0 / 30.0)
    assert len(steady) == pytest.approx(len(motion) / 4, abs=1)
    np.testing.assert_allclose(steady.rotations[:50], motion.rotations[:200:4], atol=1e-3)


def test_the_humanoids_walk_is_a_walk(body: BodyModel) -> None:
    directory = humanoid_directory()
    if directory is None:
        pytest.skip("pybullet_data is not installed")
    motion = resampled(motion_of_humanoid(directory / "humanoid3d_walk.txt", body), 30.0)
    joints = body.forward(motion.rotations, motion.pelvis_m)
    ahead, left = motion.rotations[:, 0, :, 2], motion.rotations[:, 0, :, 0]
    walked = motion.pelvis_m[-1] - motion.pelvis_m[0]
    assert walked @ ahead.mean(axis=0) > 0.5, "it goes the way it faces"
    for a, b in ((1, 2), (16, 17)):
        assert (np.sum((joints[:, a] - joints[:, b]) * left, -1) > 0.05).all()
    assert (joints[:, 20, 1] < joints[:, 16, 1] - 0.2).all(), "arms hang"
    assert np.sum((joints[:, 10] - joints[:, 7]) * ahead, -1).mean() > 0.05, "toes point ahead"
    lowest = joints[..., 1].min(axis=1)
    assert -0.06 < lowest.mean() < 0.06
    # Elbows and knees bend the way they can.
    assert np.sum((joints[:, 20] - joints[:, 18]) * ahead, -1).mean() > 0.0
    knees = axis_angle_from_matrix(motion.rotations[:, [4, 5]])
    assert knees[..., 0].min() > -0.05


def test_other_files_are_no_humanoid_motion(tmp_path: Path, body: BodyModel) -> None:
    path = tmp_path / "humanoid3d_odd.txt"
    for text in ("no json", json.dumps({"Frames": [[1.0, 2.0]]}), json.dumps([1])):
        path.write_text(text)
        with pytest.raises(ModelError, match="humanoid3d"):
            motion_of_humanoid(path, body)
    with pytest.raises(ModelError, match="absent"):
        motion_of_humanoid(tmp_path / "absent.txt", body)


# --- mended -------------------------------------------------------------------------------------------------


def swing(frames: int = 240, rate_hz: float = 120.0) -> BodyMotion:
    """A body whose every joint swings by half a radian, once a second."""
    t_s = np.arange(frames) / rate_hz
    angles = 0.5 * np.sin(2.0 * np.pi * t_s)[:, None, None] * np.ones((1, 24, 1))
    rotations = matrix_from_axis_angle(angles * np.array([1.0, 0.0, 0.0]))
    return BodyMotion(rotations, np.zeros((frames, 3)), t_s)


def fastest_deg(motion: BodyMotion) -> float:
    steps = np.swapaxes(motion.rotations[:-1], -1, -2) @ motion.rotations[1:]
    return float(np.degrees(np.linalg.norm(axis_angle_from_matrix(steps), axis=-1).max()))


def test_a_steady_motion_is_left_alone() -> None:
    motion = swing()
    (whole,) = mended(motion)
    np.testing.assert_array_equal(whole.rotations, motion.rotations)


def test_a_flicker_is_bridged_and_other_limbs_are_left_alone() -> None:
    motion = swing()
    half_turn = matrix_from_axis_angle(np.array([0.0, np.pi, 0.0]))
    motion.rotations[100:106, 1] = motion.rotations[100:106, 1] @ half_turn
    (whole,) = mended(motion)
    assert len(whole) == len(motion)
    assert fastest_deg(whole) < 10.0
    truth = swing().rotations
    np.testing.assert_array_equal(whole.rotations[:, 2], truth[:, 2])
    off = np.swapaxes(whole.rotations[:, 1], -1, -2) @ truth[:, 1]
    assert np.degrees(np.linalg.norm(axis_angle_from_matrix(off), axis=-1)).max() < 10.0


def test_a_flip_that_lasts_cuts_the_motion() -> None:
    motion = swing()
    half_turn = matrix_from_axis_angle(np.array([0.0, np.pi, 0.0]))
    motion.rotations[120:, 17] = motion.rotations[120:, 17] @ half_turn
    pieces = mended(motion)
    assert [len(p) for p in pieces] == pytest.approx([118, 118], abs=3)
    assert all(fastest_deg(piece) < 10.0 for piece in pieces)


# --- clips --------------------------------------------------------------------------------------------------


def test_no_person_is_in_two_splits(shared_data: Path) -> None:
    assert {"train", "validation", "test"} == set(SUBJECT_SPLIT.values())
    assert (split_of("02_05"), split_of("07_01"), split_of("143_09")) == ("test", "train", "train")
    with pytest.raises(ModelError, match="walk"):
        split_of("walk")


@pytest.fixture
def some_bvh(shared_data: Path, tmp_path: Path) -> Path:
    for name in ("07_01", "02_03"):
        text = (shared_data / "body" / "cmu_bvh" / f"{name}.bvh").read_text()
        (tmp_path / f"{name}.bvh").write_text(text)
    return tmp_path


def test_every_clip_has_its_mirror_image(some_bvh: Path, body: BodyModel) -> None:
    clips = {clip.name: clip for clip in read_body_clips(some_bvh, body)}
    assert set(clips) == {"07_01", "07_01_mirrored", "02_03", "02_03_mirrored"}
    ours, mirror = clips["07_01"], clips["07_01_mirrored"]
    assert (ours.split, clips["02_03"].split) == ("train", "test")
    expected = ours.keypoints_m[:, MIRRORED_KEYPOINTS] * [-1.0, 1.0, 1.0]
    np.testing.assert_allclose(mirror.keypoints_m, expected, atol=1e-6)
    again = body.keypoints(mirror.rotations)
    np.testing.assert_allclose(again - again[:, :1], mirror.keypoints_m, atol=5e-3)
    np.testing.assert_allclose(mirror.hip_m, ours.hip_m * [-1.0, 1.0, 1.0])


def test_clips_are_written_for_the_window_sampler(some_bvh: Path, body: BodyModel, tmp_path: Path) -> None:
    clips = read_body_clips(some_bvh, body)
    out = tmp_path / "clips"
    write_body_clips(out, clips)
    assert sorted(p.name for p in (out / "test").iterdir()) == ["02_03.npz", "02_03_mirrored.npz"]
    bank = load_clips((out / "train",), filmed=False, figure="body")
    assert bank is not None
    truth, seen = bank.sample(3, 16, (1, 2), np.random.default_rng(0))
    assert seen is None
    assert truth.rotations.shape == (3, 18, 24, 3, 3)
    assert truth.keypoints_m.shape == (3, 18, 17, 3)
    turned = body.keypoints(truth.rotations.numpy())
    turned = turned - turned[..., :1, :]
    np.testing.assert_allclose(turned, truth.keypoints_m.numpy(), atol=5e-3)


def test_empty_directories_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"\.bvh"):
        read_body_clips(tmp_path)


def test_parents_come_before_their_joints() -> None:
    assert all(p < j for j, p in enumerate(BODY_JOINT_PARENTS))
