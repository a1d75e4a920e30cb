"""Bakes models/assets/body.npz from the `anny` package: `python -m models.bake_body`, which takes minutes.

Anny's code is Apache-2.0 (NAVER Corp.); its mesh comes from MakeHuman and is CC0. See models/assets/NOTICE.
Its rig with CMU's bones has one for each of SMPL's 24 joints. Anny rests with arms hanging and elbows bent;
here arms and legs are straightened into SMPL's T pose, palms down.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.body_keypoints import (
    BODY_JOINT_PARENTS,
    NUM_BODY_JOINTS,
)
from models.body_model import BODY_ASSET, keypoint_offsets_of_mesh
from models.rotations import matrix_from_axis_angle, minimal_rotation

logger = logging.getLogger(__name__)

REST_FROM_ANNY = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""Anny's body at rest: x to its left, z up, −y ahead. SMPL: x to its left, y up, z ahead."""

TOPOLOGY = "notoes_collapse10pc"  # 1,200 vertices: enough to draw


@dataclass(frozen=True)
class BodyShape:
    """One body shape: Anny's phenotype, each 0–1."""

    name: str
    gender: float  # 0 male, 1 female
    age: float  # 0.33 child, 0.67 young adult, 0.9 old
    height: float
    weight: float = 0.5


BODY_SHAPES = (
    BodyShape("child", 0.5, 0.33, 0.50),
    BodyShape("woman_small", 1.0, 0.67, 0.25),
    BodyShape("woman", 1.0, 0.67, 0.45),
    BodyShape("adult", 0.5, 0.67, 0.40),
    BodyShape("man", 0.0, 0.67, 0.42),
    BodyShape("man_large", 0.0, 0.67, 0.55, 0.70),
    BodyShape("elder", 0.5, 0.90, 0.35),
)

BONE_OF_JOINT = (
    "Hips", "LeftUpLeg", "RightUpLeg", "LowerBack", "LeftLeg", "RightLeg", "Spine", "LeftFoot", "RightFoot",
    "Spine1", "LeftToeBase", "RightToeBase", "Neck", "LeftShoulder", "RightShoulder", "Head", "LeftArm",
    "RightArm", "LeftForeArm", "RightForeArm", "LeftHand", "RightHand", "LeftHandFinger1",
    "RightHandFinger1",
)  # fmt: skip
"""Anny's bone that begins at each of SMPL's joints."""

_JOINT_OF_OTHER_BONE = {
    "LHipJoint": 0, "RHipJoint": 0, "Neck1": 12, "LThumb": 20, "RThumb": 21, "LeftFingerBase": 20,
    "RightFingerBase": 21,
}  # fmt: skip

_HANDS = ((20, "LThumb", 22), (21, "RThumb", 23))  # wrist, its thumb, the knuckles beyond


def load_anny_body(topology: str = TOPOLOGY) -> Any:
    """Anny's body with CMU's bones."""
    import anny

    return anny.Anny(
        rig="cmu_mb", topology=topology, local_changes="none", pose_parameterization="local-bone"
    )


def anny_body_rest(model: Any, shape: BodyShape) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Rest mesh (V,3) and the heads (3,) of all bones, metres, in SMPL's axes."""
    import torch

    phenotype = {"gender": shape.gender, "age": shape.age, "height": shape.height, "weight": shape.weight}
    pose = torch.eye(4).expand(1, model.bone_count, 4, 4)
    out = model(pose_parameters=pose, phenotype_kwargs=phenotype)
    vertices = out["rest_vertices"][0].detach().numpy() @ REST_FROM_ANNY.T
    heads = out["rest_bone_poses"][0, :, :3, 3].detach().numpy() @ REST_FROM_ANNY.T
    return vertices, dict(zip(model.bone_labels, heads, strict=True))


def body_skin_weights(model: Any) -> np.ndarray:
    """Anny's weights (V,24) on SMPL's joints."""
    labels = list(model.bone_labels)
    joint_of_bone = np.array(
        [BONE_OF_JOINT.index(b) if b in BONE_OF_JOINT else _JOINT_OF_OTHER_BONE[b] for b in labels]
    )
    indices, values = model.vertex_bone_indices.numpy(), model.vertex_bone_weights.numpy()
    weights = np.zeros((len(indices), NUM_BODY_JOINTS))
    np.add.at(weights, (np.arange(len(indices))[:, None], joint_of_bone[indices]), values)
    return weights / weights.sum(axis=1, keepdims=True)


def t_pose(heads: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """What straightens a body: the global rotation of each joint, and the joints then.

    Args:
        heads: of all bones, SMPL's axes.

    Returns:
        (24,3,3) rotations from rest; (24,3) joints in T pose, the pelvis where it was.
    """
    rest = np.array([heads[bone] for bone in BONE_OF_JOINT])
    down, ahead = np.array([0.0, -1.0, 0.0]), np.array([0.0, 0.0, 1.0])
    G = np.tile(np.eye(3), (NUM_BODY_JOINTS, 1, 1))
    for hip, knee, ankle, foot in ((1, 4, 7, 10), (2, 5, 8, 11)):
        G[hip] = minimal_rotation(rest[knee] - rest[hip], down)
        G[knee] = minimal_rotation(rest[ankle] - rest[knee], down)
        toe = rest[foot] - rest[ankle]
        G[ankle] = G[foot] = minimal_rotation(toe * (1.0, 0.0, 1.0), ahead)
    for (wrist, thumb, knuckles), shoulder, elbow, side in zip(
        _HANDS, (16, 17), (18, 19), (1.0, -1.0), strict=True
    ):
        out = np.array([side, 0.0, 0.0])
        G[shoulder] = minimal_rotation(rest[elbow] - rest[shoulder], out)
        G[elbow] = minimal_rotation(rest[wrist] - rest[elbow], out)
        G[wrist] = minimal_rotation(rest[knuckles] - rest[wrist], out)
        # Thumbs ahead, palms down: the wrist turns the hand about the arm, the forearm half of that.
        at = G[wrist] @ (heads[thumb] - rest[wrist])
        roll = np.arctan2(at[1], at[2])
        G[wrist] = matrix_from_axis_angle(np.array([roll, 0.0, 0.0])) @ G[wrist]
        G[elbow] = matrix_from_axis_angle(np.array([0.5 * roll, 0.0, 0.0])) @ G[elbow]
        G[knuckles] = G[wrist]
    joints = rest.copy()
    for j in range(1, NUM_BODY_JOINTS):
        p = BODY_JOINT_PARENTS[j]
        joints[j] = joints[p] + G[p] @ (rest[j] - rest[p])
    return G, joints


def _symmetric(points: np.ndarray) -> np.ndarray:
    """The mid-plane of a body that stands at x = 0 to within rounding."""
    return np.where(np.abs(points) < 1e-4, 0.0, points)


def bake() -> dict[str, np.ndarray]:
    """The arrays of the asset."""
    model = load_anny_body()
    weights = body_skin_weights(model)
    vertices, joints, offsets = [], [], []
    for shape in BODY_SHAPES:
        mesh, heads = anny_body_rest(model, shape)
        rest = np.array([heads[bone] for bone in BONE_OF_JOINT])
        G, straight = t_pose(heads)
        moved = np.einsum("vj,jab,vjb->va", weights, G, mesh[:, None] - rest) + weights @ straight
        joints.append(_symmetric(straight - straight[0]))
        vertices.append(moved - straight[0])
        offsets.append(_symmetric(keypoint_offsets_of_mesh(joints[-1], vertices[-1], weights)))
        logger.info("%s: %.2f m tall", shape.name, np.ptp(vertices[-1][:, 1]))
    return {
        "shape_names": np.array([shape.name for shape in BODY_SHAPES]),
        "joints_m": np.array(joints, dtype=np.float32),
        "keypoint_offsets_m": np.array(offsets, dtype=np.float32),
        "vertices_m": np.array(vertices, dtype=np.float32),
        "faces": model.get_triangular_faces().numpy().astype(np.int32),
        "skin_weights": weights.astype(np.float32),
    }


def main() -> None:
    """Write the asset."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    arrays = bake()
    BODY_ASSET.parent.mkdir(exist_ok=True)
    np.savez_compressed(BODY_ASSET, **arrays)  # type: ignore[arg-type]
    logger.info("%s: %d shapes, %d kB", BODY_ASSET, len(BODY_SHAPES), BODY_ASSET.stat().st_size // 1000)


if __name__ == "__main__":
    main()
