"""The open hand: its asset, kinematics and skinning against Anny, real MANO data and torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import bake_hand
from models.errors import ModelError
from models.hand_model import ASSET, REST_FROM_OPERATOR, HandModel, shape_names
from models.joint_frames import angles_of_rotation, rotation_of_angles
from models.keypoints import (
    FINGER_JOINTS,
    FINGER_SLICES,
    FINGERS,
    FINGERTIPS,
    JOINT_NAMES,
    JOINT_PARENTS,
    KEYPOINT_NAMES,
    KEYPOINT_OF_JOINT,
    KEYPOINT_PARENTS,
    KEYPOINTS_FROM_MANO,
)
from models.pinch import touch_tips
from models.rotations import matrix_from_axis_angle

IDENTITY = np.broadcast_to(np.eye(3), (16, 3, 3))


def random_poses(model: HandModel, count: int, seed: int = 0) -> np.ndarray:
    """Rotations (count,16,3,3) within the joint limits, any wrist."""
    rng = np.random.default_rng(seed)
    low, high = model.joint_limits[..., 0], model.joint_limits[..., 1]
    wrist = matrix_from_axis_angle(rng.normal(size=(count, 3)))
    return model.rotations_of_angles(rng.uniform(low, high, size=(count, 15, 3)), wrist)


def test_keypoint_and_joint_names_agree_through_the_permutation() -> None:
    names = [*JOINT_NAMES, *(f"{finger}_tip" for finger in FINGERS)]
    assert tuple(names[i] for i in KEYPOINTS_FROM_MANO) == KEYPOINT_NAMES
    assert tuple(KEYPOINT_NAMES[k] for k in KEYPOINT_OF_JOINT) == JOINT_NAMES
    for finger, part in FINGER_SLICES.items():
        assert all(name.startswith(finger) for name in KEYPOINT_NAMES[part])
        assert all(JOINT_NAMES[joint].startswith(finger) for joint in FINGER_JOINTS[finger])


def test_joint_and_keypoint_trees_agree() -> None:
    for joint, parent in enumerate(JOINT_PARENTS[1:], start=1):
        assert KEYPOINT_PARENTS[KEYPOINT_OF_JOINT[joint]] == KEYPOINT_OF_JOINT[parent]


def test_asset_is_small_and_has_a_notice() -> None:
    assert ASSET.stat().st_size < 1_000_000
    notice = (ASSET.parent / "NOTICE").read_text(encoding="utf-8")
    assert "NAVER" in notice
    assert "CC0" in notice


def test_shapes_differ_in_size_and_are_human() -> None:
    sizes = []
    for name in shape_names():
        model = HandModel.load(name)
        keypoints = model.keypoints(IDENTITY)
        bones = np.linalg.norm(keypoints[1:] - keypoints[list(KEYPOINT_PARENTS[1:])], axis=1)
        sizes.append(np.linalg.norm(keypoints[9] - keypoints[0]))
        assert bones.min() > 0.012
        assert 0.08 < sizes[-1] < 0.125
        np.testing.assert_allclose(model.skin_weights.sum(axis=1), 1.0, atol=1e-6)
    assert len(shape_names()) >= 5
    assert max(sizes) > 1.3 * min(sizes)


def test_load_by_index_and_name_and_unknown_shape_names_the_legal_ones() -> None:
    assert HandModel.load(0).name == shape_names()[0]
    for wrong in ("giant", 99, -1):
        with pytest.raises(ModelError, match="adult_medium"):
            HandModel.load(wrong)


def test_rest_pose_axes_are_manos() -> None:
    model = HandModel.load()
    keypoints = model.keypoints(IDENTITY)
    np.testing.assert_array_equal(keypoints[0], 0.0)
    assert keypoints[12, 0] < -0.15  # fingers along −x
    assert keypoints[4, 2] > 0.04 > -0.04 > keypoints[20, 2]  # thumb side +z
    backs = model.vertices_m[:, 1]
    assert backs.max() < 0.05
    assert keypoints[4, 1] < -0.02  # the thumb hangs to the palm's side, −y
    np.testing.assert_allclose(REST_FROM_OPERATOR @ [0, 0, 1], [-1, 0, 0])
    np.testing.assert_allclose(REST_FROM_OPERATOR @ [0, 1, 0], [0, 0, 1])
    np.testing.assert_allclose(np.linalg.det(REST_FROM_OPERATOR), 1.0)


def test_bone_lengths_do_not_depend_on_the_pose() -> None:
    model = HandModel.load()
    keypoints = model.keypoints(random_poses(model, 30), np.ones((30, 3)))
    parents = list(KEYPOINT_PARENTS[1:])
    lengths = np.linalg.norm(keypoints[:, 1:] - keypoints[:, parents], axis=-1)
    np.testing.assert_allclose(lengths, np.broadcast_to(lengths[0], lengths.shape), atol=1e-12)
    np.testing.assert_allclose(keypoints[:, 0], 1.0)


def test_forward_keypoints_and_vertices_agree() -> None:
    model = HandModel.load()
    R = random_poses(model, 6).reshape(2, 3, 16, 3, 3)
    wrist = np.random.default_rng(0).normal(size=(2, 3, 3))
    joints, keypoints, vertices = (f(R, wrist) for f in (model.forward, model.keypoints, model.vertices))
    np.testing.assert_allclose(keypoints[..., KEYPOINT_OF_JOINT, :], joints, atol=1e-12)
    np.testing.assert_allclose(vertices[..., model.tip_vertices, :], keypoints[..., FINGERTIPS, :], atol=2e-3)
    np.testing.assert_allclose(model.vertices(IDENTITY), model.vertices_m, atol=1e-9)


def test_wrong_shape_of_rotations_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(…,16,3,3\)"):
        HandModel.load().forward(np.eye(3))


def test_flexion_curls_toward_the_palm_and_abduction_swings_to_the_pinky() -> None:
    model = HandModel.load()
    straight = model.rest_angles_rad.copy()
    for finger in FINGERS[1:]:
        joints = np.array(FINGER_JOINTS[finger]) - 1
        tip = FINGER_SLICES[finger].stop - 1
        curled, swung = straight.copy(), straight.copy()
        curled[joints, 0] += 0.8
        swung[joints[0], 1] += 0.2
        rest, flexed, abducted = (
            model.keypoints(model.rotations_of_angles(a))[tip] for a in (straight, curled, swung)
        )
        assert flexed[1] < rest[1] - 0.012
        assert abducted[2] < rest[2] - 0.005


def test_zero_angles_are_a_flat_hand() -> None:
    model = HandModel.load()
    angles = np.zeros((15, 3))
    angles[:, 1:] = model.rest_angles_rad[:, 1:]
    angles[[j - 1 for f in FINGERS[1:] for j in FINGER_JOINTS[f][:1]], 1] = 0.0
    keypoints = model.keypoints(model.rotations_of_angles(angles))
    palm = keypoints[9] - keypoints[0]
    for finger in FINGERS[1:]:
        bones = np.diff(keypoints[FINGER_SLICES[finger]], axis=0)
        cosines = bones @ palm / np.linalg.norm(bones, axis=1) / np.linalg.norm(palm)
        assert np.degrees(np.arccos(np.clip(cosines, -1, 1))).max() < 16.0


def test_angles_round_trip_within_the_limits() -> None:
    model = HandModel.load()
    rng = np.random.default_rng(4)
    angles = rng.uniform(model.joint_limits[..., 0], model.joint_limits[..., 1], size=(40, 15, 3))
    found = model.angles_of_rotations(model.rotations_of_angles(angles))
    np.testing.assert_allclose(rotation_of_angles(found), rotation_of_angles(angles), atol=1e-9)
    np.testing.assert_allclose(found, angles, atol=1e-7)
    np.testing.assert_allclose(model.angles_of_rotations(IDENTITY), model.rest_angles_rad, atol=1e-9)
    np.testing.assert_allclose(angles_of_rotation(np.eye(3)), 0.0, atol=1e-12)


def test_limits_are_ordered_and_contain_the_rest_pose() -> None:
    for name in shape_names():
        model = HandModel.load(name)
        assert (model.joint_limits[..., 0] <= model.rest_angles_rad).all()
        assert (model.rest_angles_rad <= model.joint_limits[..., 1]).all()


@pytest.mark.parametrize("shape", ["child", "adult_medium", "adult_large_thick"])
@pytest.mark.parametrize("finger", FINGERS[1:])
def test_pinch_brings_the_tips_into_contact_within_the_limits(shape: str, finger: str) -> None:
    model = HandModel.load(shape)
    start = model.rest_angles_rad.copy()
    start[[j - 1 for j in FINGER_JOINTS[finger]], 0] += np.radians(40.0)
    angles = touch_tips(model, finger, start)
    keypoints = model.keypoints(model.rotations_of_angles(angles))
    tip = FINGER_SLICES[finger].stop - 1
    assert np.linalg.norm(keypoints[4] - keypoints[tip]) < 2e-3
    assert (angles >= model.joint_limits[..., 0] - 1e-9).all()
    assert (angles <= model.joint_limits[..., 1] + 1e-9).all()


def test_scaled_hand_scales_everything() -> None:
    model = HandModel.load()
    R = random_poses(model, 1)[0]
    np.testing.assert_allclose(model.scaled(1.1).keypoints(R), 1.1 * model.keypoints(R), atol=1e-12)
    np.testing.assert_allclose(model.scaled(1.1).vertices(R), 1.1 * model.vertices(R), atol=1e-12)


def test_torch_kinematics_equal_numpy() -> None:
    torch = pytest.importorskip("torch")
    from models.hand_torch import HandKinematics

    model = HandModel.load()
    R = random_poses(model, 12).reshape(3, 4, 16, 3, 3)
    wrist = np.random.default_rng(1).normal(size=(3, 4, 3))
    R_t, wrist_t = torch.as_tensor(R), torch.as_tensor(wrist)
    kinematics = HandKinematics(model, torch.float64)
    np.testing.assert_allclose(kinematics(R_t, wrist_t), model.keypoints(R, wrist), atol=1e-9)
    np.testing.assert_allclose(kinematics.vertices(R_t, wrist_t), model.vertices(R, wrist), atol=1e-9)
    single = HandKinematics(model)(R_t.float(), wrist_t.float())
    np.testing.assert_allclose(single, model.keypoints(R, wrist), atol=1e-6)


def test_torch_kinematics_pass_gradients() -> None:
    torch = pytest.importorskip("torch")
    from models.hand_torch import HandKinematics

    R = torch.as_tensor(random_poses(HandModel.load(), 2)).float().requires_grad_()
    HandKinematics(HandModel.load())(R).square().sum().backward()
    assert torch.isfinite(R.grad).all()
    assert (R.grad.abs().sum(dim=(-2, -1)) > 0).all()


def test_mano_tree_chains_as_in_real_mano_data(shared_data: Path) -> None:
    """Every rotation and joint of 122 real frames follows from its pose parameters by our tree."""
    with np.load(shared_data / "motion" / "dexmv_mano.npz") as file:
        pose, joints, transforms = file["mano"][:, :48], file["joints"], file["global_transforms"]
    R = matrix_from_axis_angle(pose.reshape(-1, 16, 3))
    digit_order = [0, *(joint for finger in FINGERS for joint in FINGER_JOINTS[finger])]
    G = np.empty_like(transforms)
    G[:, digit_order] = transforms  # the file goes digit by digit, thumb first
    rest = np.zeros((len(R), 16, 3))
    for j, p in enumerate(JOINT_PARENTS):
        if p >= 0:
            rest[:, j] = rest[:, p] + np.einsum(
                "nji,nj->ni", G[:, p, :3, :3], G[:, j, :3, 3] - G[:, p, :3, 3]
            )
    model = HandModel.load()
    for n in range(0, len(R), 10):
        fitted = HandModel(
            name="frame",
            joints_m=rest[n],
            tip_offsets_m=model.tip_offsets_m,
            tip_vertices=model.tip_vertices,
            vertices_m=model.vertices_m,
            faces=model.faces,
            skin_weights=model.skin_weights,
            flexion_axes=model.flexion_axes,
        )
        rotations, positions = fitted._global(R[n], G[n, 0, :3, 3])
        np.testing.assert_allclose(rotations, G[n, :, :3, :3], atol=2e-6)
        np.testing.assert_allclose(positions, G[n, :, :3, 3], atol=1e-6)
        np.testing.assert_allclose(positions, joints[n, KEYPOINT_OF_JOINT], atol=1e-6)
    # One person: the rest offsets, computed frame by frame, are the same hand's up to its fitted shape.
    assert np.ptp(rest, axis=0).max() < 6e-3


@pytest.fixture(scope="module")
def anny_model() -> Any:
    pytest.importorskip("anny")
    try:
        return bake_hand.load_anny()
    except (OSError, RuntimeError) as error:
        pytest.skip(f"anny cannot build its data here: {error}")


def test_kinematics_and_skinning_equal_annys(anny_model: Any) -> None:
    """Random poses of every shape of unchanged thickness: Anny's bones give our rotations, these our hand."""
    labels = list(anny_model.bone_labels)
    bones = bake_hand.anny_bone_of_joint(labels)
    A = bake_hand.REST_FROM_ANNY
    rng = np.random.default_rng(5)
    fixed = [labels.index(name) for name in labels if name == "wrist.R" or name.startswith("metacarpal")]
    for shape in [s for s in bake_hand.SHAPES if s.thickness == 1.0]:
        pose = np.tile(np.eye(4), (8, len(labels), 1, 1))
        pose[..., :3, :3] = matrix_from_axis_angle(rng.uniform(-0.7, 0.7, size=(8, len(labels), 3)))
        # The root turns the hand and what is left of the forearm; our hand has no joint for the metacarpals.
        out = bake_hand.pose_anny(anny_model, shape, np.tile(np.eye(4), (1, len(labels), 1, 1)))
        frames = out["bone_poses"][0, :, :3, :3]
        rest = out["rest_bone_poses"][0]
        for bone in fixed:
            parent = anny_model.bone_parents[bone]
            kept = np.linalg.inv(rest[parent]) @ rest[bone]
            moved = np.linalg.inv(frames[parent]) @ frames[bone]
            pose[:, bone, :3, :3] = moved.T @ kept[:3, :3]
        out = bake_hand.pose_anny(anny_model, shape, pose)
        to_wrist = np.linalg.inv(rest[bones[0]])
        change = out["bone_poses"][:, bones] @ np.linalg.inv(to_wrist @ rest[bones])
        G = A @ change[..., :3, :3] @ A.T
        R = G.copy()
        R[:, 1:] = np.swapaxes(G[:, list(JOINT_PARENTS[1:])], -1, -2) @ G[:, 1:]
        posed = out["bone_poses"][..., :3, 3][:, bones] @ A.T
        model = HandModel.load(shape.name)
        np.testing.assert_allclose(model.forward(R, posed[:, 0]), posed, atol=1e-6)
        np.testing.assert_allclose(model.vertices(R, posed[:, 0]), out["vertices"] @ A.T, atol=1e-6)
