"""The body: its tree, its keypoints, its mirror image, its size and orientation, and users' SMPL files."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from models.body_canonical import (
    body_bone_lengths,
    canonical_body_frame,
    describe_body,
    locate_hip,
    with_body_bone_lengths,
)
from models.body_keypoints import (
    BODY_JOINT_NAMES,
    BODY_JOINT_PARENTS,
    MIRRORED_JOINTS,
    MIRRORED_KEYPOINTS,
    NUM_BODY_JOINTS,
)
from models.body_model import (
    BodyModel,
    body_shape_names,
    local_from_global,
    mirror_body_points,
    mirror_body_rotations,
)
from models.canonical import decode_6d
from models.errors import ModelError
from models.rotations import matrix_from_axis_angle, minimal_rotation

JOINT = {name: j for j, name in enumerate(BODY_JOINT_NAMES)}
REST = np.tile(np.eye(3), (NUM_BODY_JOINTS, 1, 1))


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return BodyModel.load()


def some_poses(count: int = 5, size_rad: float = 0.5, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return matrix_from_axis_angle(rng.normal(0.0, size_rad, (count, NUM_BODY_JOINTS, 3)))


# --- the shapes that ship -----------------------------------------------------------------------------------


def test_every_shape_stands_upright_in_t_pose() -> None:
    for name in body_shape_names():
        body = BodyModel.load(name)
        j = body.joints_m
        np.testing.assert_array_equal(j[0], np.zeros(3))
        np.testing.assert_allclose(j[MIRRORED_JOINTS] * [-1.0, 1.0, 1.0], j, atol=2e-3)
        assert j[JOINT["left_wrist"], 0] > 0.35, "the left is at +x"
        assert j[JOINT["left_wrist"], 1] == pytest.approx(j[JOINT["left_shoulder"], 1], abs=1e-3)
        assert j[JOINT["left_ankle"], 0] == pytest.approx(j[JOINT["left_hip"], 0], abs=1e-3)
        assert j[JOINT["left_foot"], 2] > j[JOINT["left_ankle"], 2] + 0.08, "toes point ahead"
        assert 1.3 < body.height_m < 2.05
        np.testing.assert_allclose(body.skin_weights.sum(axis=1), 1.0)


def test_keypoints_at_rest_are_where_they_should_be(body: BodyModel) -> None:
    k, j = body.keypoints(REST), body.joints_m
    np.testing.assert_allclose(k[0], j[[1, 2]].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(k[[1, 2, 3, 11, 12, 13]], j[[1, 4, 7, 16, 18, 20]])
    assert k[10, 1] == pytest.approx(body.vertices_m[:, 1].max(), abs=1e-3), "the crown is the highest"
    assert j[9, 1] < k[8, 1] < k[9, 1] < k[10, 1], "spine3, neck, head, head top"
    np.testing.assert_allclose(k[[7, 8, 9, 10], 0], 0.0, atol=3e-3)


def test_unknown_shapes_are_refused() -> None:
    with pytest.raises(ModelError, match="adult"):
        BodyModel.load("giant")
    with pytest.raises(ModelError):
        BodyModel.load(len(body_shape_names()))


# --- forward kinematics -------------------------------------------------------------------------------------


def test_rest_gives_the_rest_joints_and_mesh(body: BodyModel) -> None:
    np.testing.assert_allclose(body.forward(REST), body.joints_m, atol=1e-12)
    np.testing.assert_allclose(
        body.vertices(REST, np.array([1.0, 2.0, 3.0])), body.vertices_m + np.array([1, 2, 3])
    )


def test_a_bent_elbow_moves_the_forearm_only(body: BodyModel) -> None:
    R = REST.copy()
    R[JOINT["left_elbow"]] = matrix_from_axis_angle(np.array([0.0, -0.5 * np.pi, 0.0]))
    moved = body.forward(R)
    still = [j for j in range(NUM_BODY_JOINTS) if j not in (JOINT["left_wrist"], JOINT["left_hand"])]
    np.testing.assert_allclose(moved[still], body.joints_m[still])
    elbow, wrist = body.joints_m[[JOINT["left_elbow"], JOINT["left_wrist"]]]
    # A left elbow bends about −y: the forearm comes ahead.
    expected = elbow + np.array([0.0, 0.0, np.linalg.norm(wrist - elbow)])
    np.testing.assert_allclose(moved[JOINT["left_wrist"]], expected, atol=1e-6)


def test_bones_keep_their_lengths_in_any_pose(body: BodyModel) -> None:
    joints = body.forward(some_poses())
    child, parent = list(range(1, 24)), list(BODY_JOINT_PARENTS[1:])
    lengths = np.linalg.norm(joints[:, child] - joints[:, parent], axis=-1)
    rest = np.linalg.norm(body.joints_m[child] - body.joints_m[parent], axis=-1)
    np.testing.assert_allclose(lengths, np.tile(rest, (5, 1)))


def test_the_pelvis_turns_and_moves_everything(body: BodyModel) -> None:
    R = some_poses(1)[0]
    turn, shift = matrix_from_axis_angle(np.array([0.3, -1.0, 2.0])), np.array([0.5, -1.0, 3.0])
    turned = R.copy()
    turned[0] = turn @ R[0]
    np.testing.assert_allclose(body.keypoints(turned, shift), body.keypoints(R) @ turn.T + shift)
    np.testing.assert_allclose(body.vertices(turned, shift), body.vertices(R) @ turn.T + shift, atol=1e-12)


def test_a_mirrored_pose_is_the_mirror_image(body: BodyModel) -> None:
    R = some_poses()
    mirrored = body.keypoints(mirror_body_rotations(R))
    np.testing.assert_allclose(mirrored, mirror_body_points(body.keypoints(R), MIRRORED_KEYPOINTS), atol=5e-3)
    np.testing.assert_allclose(mirror_body_rotations(mirror_body_rotations(R)), R)


def test_local_rotations_come_back_from_global_ones(body: BodyModel) -> None:
    R = some_poses()
    G = R.copy()
    for j in range(1, NUM_BODY_JOINTS):
        G[:, j] = G[:, BODY_JOINT_PARENTS[j]] @ R[:, j]
    np.testing.assert_allclose(local_from_global(G), R, atol=1e-12)


def test_a_scaled_body_is_scaled_throughout(body: BodyModel) -> None:
    R = some_poses()
    large = body.scaled(1.25)
    np.testing.assert_allclose(large.keypoints(R), 1.25 * body.keypoints(R))
    np.testing.assert_allclose(large.vertices(R), 1.25 * body.vertices(R))


def test_other_shapes_of_rotations_are_refused(body: BodyModel) -> None:
    with pytest.raises(ValueError, match="24"):
        body.forward(np.zeros((16, 3, 3)))


# --- size and orientation -----------------------------------------------------------------------------------


def test_bone_lengths_change_and_directions_stay(body: BodyModel) -> None:
    pose = body.keypoints(some_poses())
    lengths = body_bone_lengths(BodyModel.load("child").keypoints(REST))
    small = with_body_bone_lengths(pose, lengths)
    np.testing.assert_allclose(body_bone_lengths(small), np.tile(lengths, (5, 1)))
    np.testing.assert_allclose(small[:, 0], pose[:, 0])
    np.testing.assert_allclose(with_body_bone_lengths(small, body_bone_lengths(pose)), pose)
    flat = pose.copy()
    flat[:, 3] = flat[:, 2]  # a bone of no length keeps it
    assert np.isfinite(with_body_bone_lengths(flat, lengths)).all()


def test_the_canonical_frame_is_where_the_papers_five_turns_lead(body: BodyModel) -> None:
    for pose in body.keypoints(some_poses(20, 0.4)):
        x = pose - pose[0]
        M = np.eye(3)
        for _ in range(60):  # their five are not quite there yet
            p = x @ M.T
            M = minimal_rotation(p[0] - p[7], np.array([0.0, 1.0, 0.0])) @ M
            p = x @ M.T
            M = minimal_rotation(p[1] - p[4], np.array([1.0, 0.0, 0.0])) @ M
        np.testing.assert_allclose(canonical_body_frame(pose), M, atol=1e-6)


def test_the_description_is_of_54_numbers_and_tells_turn_and_pose_apart(body: BodyModel) -> None:
    pose = body.keypoints(some_poses(1))[0]
    lengths = body_bone_lengths(body.keypoints(REST))
    turn = matrix_from_axis_angle(np.array([0.4, 2.0, -0.3]))
    here, there = describe_body(pose, lengths), describe_body(pose @ turn.T + 3.0, lengths)
    assert here.shape == (54,)
    np.testing.assert_allclose(here[6:], there[6:], atol=1e-9)
    np.testing.assert_allclose(decode_6d(there[:6]), decode_6d(here[:6]) @ turn.T, atol=1e-9)


def test_torch_gives_what_numpy_gives(body: BodyModel) -> None:
    torch = pytest.importorskip("torch")
    pose = body.keypoints(some_poses())
    lengths = body_bone_lengths(body.keypoints(REST))
    ours = describe_body(torch.tensor(pose), torch.tensor(lengths))
    np.testing.assert_allclose(ours.numpy(), describe_body(pose, lengths), atol=1e-9)


def test_the_hip_is_found_from_where_keypoints_are_seen(body: BodyModel) -> None:
    pose = body.keypoints(some_poses()) * [1.0, -1.0, -1.0]
    hip = np.array([0.4, -0.2, 3.0])
    pose = pose - pose[:, :1]
    rays = (pose + hip)[..., :2] / (pose + hip)[..., 2:]
    score = np.ones((5, 17))
    np.testing.assert_allclose(locate_hip(pose, rays, score), np.tile(hip, (5, 1)), atol=1e-6)
    # What is out of sight may be anywhere.
    rays[:, 6] += 0.5
    score[:, 6] = 0.0
    np.testing.assert_allclose(locate_hip(pose, rays, score), np.tile(hip, (5, 1)), atol=1e-6)


# --- users' SMPL files --------------------------------------------------------------------------------------


def smpl_content() -> dict[str, np.ndarray]:
    """Arrays shaped as SMPL's: a body whose first vertices are its joints, and 40 of a head."""
    rng = np.random.default_rng(0)
    joints = BodyModel.load().joints_m + np.array([0.0, -0.2, 0.03])
    head = joints[JOINT["head"]] + rng.uniform(-1.0, 1.0, (40, 3)) * [0.07, 0.1, 0.1]
    vertices = np.concatenate([joints, head, rng.uniform(-0.2, 0.2, (6890 - 64, 3))])
    weights = np.zeros((6890, 24))
    weights[np.arange(24), np.arange(24)] = 1.0
    weights[24:64, JOINT["head"]] = 1.0
    weights[64:, 0] = 1.0
    regressor = np.zeros((24, 6890))
    regressor[np.arange(24), np.arange(24)] = 1.0
    return {
        "v_template": vertices,
        "shapedirs": np.concatenate([vertices[..., None], np.zeros((6890, 3, 299))], axis=-1),
        "J_regressor": regressor,
        "weights": weights,
        "f": np.array([[0, 1, 2]], dtype=np.uint32),
        "kintree_table": np.array([[2**32 - 1, *BODY_JOINT_PARENTS[1:]], range(24)], dtype=np.int64),
    }


@pytest.mark.parametrize("kind", ["pkl", "npz"])
def test_a_users_smpl_file_replaces_the_body(kind: str, tmp_path: Path, body: BodyModel) -> None:
    path = tmp_path / f"SMPL_NEUTRAL.{kind}"
    if kind == "pkl":
        path.write_bytes(pickle.dumps(smpl_content(), protocol=2))
    else:
        np.savez(path, **smpl_content())  # type: ignore[arg-type]
    smpl = BodyModel.from_smpl(path)
    assert smpl.name == "SMPL_NEUTRAL"
    R = some_poses()
    np.testing.assert_allclose(smpl.forward(R), body.forward(R), atol=1e-6)
    same = [k for k in range(17) if k not in (9, 10)]
    np.testing.assert_allclose(smpl.keypoints(R)[:, same], body.keypoints(R)[:, same], atol=1e-3)
    larger = BodyModel.from_smpl(path, np.array([0.1]))
    np.testing.assert_allclose(larger.joints_m, 1.1 * smpl.joints_m, atol=1e-9)


def test_files_that_are_no_smpl_model_are_named(tmp_path: Path) -> None:
    content = smpl_content()
    wrong_tree = {**content, "kintree_table": content["kintree_table"][:, ::-1]}
    for name, damaged in (("short", {"f": content["f"]}), ("tree", wrong_tree)):
        path = tmp_path / f"{name}.npz"
        np.savez(path, **damaged)  # type: ignore[arg-type]
        with pytest.raises(ModelError, match=name):
            BodyModel.from_smpl(path)
    (tmp_path / "text.npz").write_text("no arrays")
    for absent in (tmp_path / "text.npz", tmp_path / "absent.npz", tmp_path / "absent.pkl"):
        with pytest.raises(ModelError, match=absent.name):
            BodyModel.from_smpl(absent)


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("1/0",)


def test_code_in_an_smpl_file_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "harmful.pkl"
    path.write_bytes(pickle.dumps({**smpl_content(), "f": Harmful()}))
    with pytest.raises(ModelError, match="eval"):
        BodyModel.from_smpl(path)
    objects = tmp_path / "harmful.npz"
    np.savez(objects, **{**smpl_content(), "f": np.array([Harmful()], dtype=object)})  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=r"harmful\.npz"):
        BodyModel.from_smpl(objects)
