"""Bakes models/assets/hand.npz from the `anny` package: `python -m models.bake_hand` (about a minute).

Anny's code is Apache-2.0 (NAVER Corp.); its mesh comes from MakeHuman and is CC0. See models/assets/NOTICE.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.hand_model import ASSET
from models.keypoints import FINGER_JOINTS, FINGERS, JOINT_PARENTS, NUM_JOINTS, TIP_JOINTS
from models.rotations import unit

logger = logging.getLogger(__name__)

REST_FROM_ANNY = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
"""Anny's hand at rest: fingers +y, palm −x, thumb +z. Ours: fingers −x, palm −y, thumb +z."""

PAD_LEAN = 0.45  # of a fingertip from the very end of the finger to its pad, where pinching fingers meet


@dataclass(frozen=True)
class Shape:
    """One hand shape: Anny's phenotype and a factor on thickness, which Anny's hands hardly vary."""

    name: str
    gender: float  # 0 male, 1 female
    age: float  # 0.33 child, 0.67 young adult, 0.9 old
    height: float
    thickness: float = 1.0


SHAPES = (
    Shape("child", 0.5, 0.33, 0.50),
    Shape("adult_small", 1.0, 0.67, 0.20),
    Shape("adult_small_slim", 1.0, 0.67, 0.30, 0.90),
    Shape("elder", 0.5, 0.90, 0.30),
    Shape("adult_medium", 0.5, 0.67, 0.30),
    Shape("adult_medium_slim", 0.5, 0.67, 0.35, 0.90),
    Shape("adult_medium_thick", 0.5, 0.67, 0.30, 1.12),
    Shape("adult_large", 0.0, 0.67, 0.40),
    Shape("adult_large_thick", 0.0, 0.67, 0.35, 1.12),
)


def load_anny() -> Any:
    """Anny's right hand, posed in each bone's own frame."""
    import anny

    return anny.Anny(
        rig="anny-hand.R", topology="hand.R", local_changes="none", pose_parameterization="local-bone"
    )


def anny_bone_of_joint(labels: list[str]) -> list[int]:
    """Anny's bone for each of the 16 MANO joints."""
    bones = [labels.index("wrist.R")] * NUM_JOINTS
    for number, finger in enumerate(FINGERS, start=1):
        for place, joint in enumerate(FINGER_JOINTS[finger], start=1):
            bones[joint] = labels.index(f"finger{number}-{place}.R")
    return bones


def anny_rest(model: Any, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Rest mesh (V,3) and bone poses (B,4,4) of a shape in the frame of its wrist bone, metres.

    Not what an identity pose gives: that one has the bone directions of the average body.
    """
    out = pose_anny(model, shape, np.tile(np.eye(4), (1, model.bone_count, 1, 1)))
    wrist = anny_bone_of_joint(list(model.bone_labels))[0]
    poses = out["rest_bone_poses"][0]
    to_wrist = np.linalg.inv(poses[wrist])
    return out["rest_vertices"][0] @ to_wrist[:3, :3].T + to_wrist[:3, 3], to_wrist @ poses


def pose_anny(model: Any, shape: Shape, pose: np.ndarray) -> dict[str, np.ndarray]:
    """Anny's own results for poses (N,B,4,4), each bone's change in its own frame."""
    import torch

    phenotype = {"gender": shape.gender, "age": shape.age, "height": shape.height}
    out = model(pose_parameters=torch.as_tensor(pose), phenotype_kwargs=phenotype)
    return {key: value.detach().numpy() for key, value in out.items()}


def skin_weights_of(model: Any) -> np.ndarray:
    """Anny's weights (V,16) on our joints; the metacarpals move with the wrist."""
    joint_of_bone = np.zeros(model.bone_count, dtype=int)
    for joint, bone in enumerate(anny_bone_of_joint(list(model.bone_labels))):
        if joint:
            joint_of_bone[bone] = joint
    indices = model.vertex_bone_indices.numpy()
    values = model.vertex_bone_weights.numpy()
    weights = np.zeros((len(indices), NUM_JOINTS))
    np.add.at(weights, (np.arange(len(indices))[:, None], joint_of_bone[indices]), values)
    return weights


def thickened(
    vertices: np.ndarray, joints: np.ndarray, ends: np.ndarray, weights: np.ndarray, factor: float
) -> np.ndarray:
    """The mesh with every vertex moved away from (or to) the axis of the bones it is skinned to."""
    axes = unit(ends - joints)  # (16,3)
    relative = vertices[:, None] - joints  # (V,16,3)
    on_axis = joints + np.sum(relative * axes, axis=-1, keepdims=True) * axes
    centre = np.sum(weights[..., None] * on_axis, axis=1)
    return centre + factor * (vertices - centre)


def tip_vertices_of(
    vertices: np.ndarray, joints: np.ndarray, weights: np.ndarray, axes: np.ndarray
) -> np.ndarray:
    """The vertex (5,) at the end of each digit, a little to the pad's side."""
    tips = np.empty(len(FINGERS), dtype=np.int32)
    for i, joint in enumerate(TIP_JOINTS):
        bone = unit(joints[joint] - joints[JOINT_PARENTS[joint]])
        padward = unit(np.cross(axes[joint - 1], bone))
        score = (vertices - joints[joint]) @ (bone + PAD_LEAN * padward)
        tips[i] = np.argmax(np.where(weights[:, joint] > 0.9, score, -np.inf))
    return tips


def bake() -> dict[str, np.ndarray]:
    """The arrays of the asset."""
    model = load_anny()
    bones = anny_bone_of_joint(list(model.bone_labels))
    weights = skin_weights_of(model)
    vertices, joints = [], []
    for shape in SHAPES:
        mesh, poses = anny_rest(model, shape)
        j = poses[bones, :3, 3] @ REST_FROM_ANNY.T
        v = mesh @ REST_FROM_ANNY.T
        axes = poses[bones[1:], :3, 0] @ REST_FROM_ANNY.T  # Anny's fingers flex about +x of their bones
        ends = j + poses[bones, :3, 1] @ REST_FROM_ANNY.T
        ends[0] = j[FINGER_JOINTS["middle"][0]]
        vertices.append(thickened(v, j, ends, weights, shape.thickness))
        joints.append(j)
    default = [shape.name for shape in SHAPES].index("adult_medium")
    tips = tip_vertices_of(vertices[default], joints[default], weights, axes)
    return {
        "shape_names": np.array([shape.name for shape in SHAPES]),
        "vertices_m": np.array(vertices, dtype=np.float32),
        "joints_m": np.array(joints, dtype=np.float32),
        "faces": model.get_triangular_faces().numpy().astype(np.int32),
        "skin_weights": weights.astype(np.float32),
        "tip_vertices": tips,
        "flexion_axes": axes.astype(np.float32),
    }


def main() -> None:
    """Write the asset."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    arrays = bake()
    ASSET.parent.mkdir(exist_ok=True)
    np.savez_compressed(ASSET, **arrays)  # type: ignore[arg-type]
    logger.info("%s: %d shapes, %d kB", ASSET, len(SHAPES), ASSET.stat().st_size // 1000)


if __name__ == "__main__":
    main()
