"""Forward kinematics of the body in torch, for training; the same numbers as `models.body_model`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.body_canonical import location_of_hip
from models.body_keypoints import BODY_JOINT_PARENTS, NUM_BODY_JOINTS
from models.body_model import KEYPOINT_JOINTS, BodyModel


class BodyKinematics(nn.Module):
    """Differentiable 17 keypoints of one body model; a `models.figure.Figure`.

    Args:
        body: whose keypoints.
    """

    units_per_m = 4.0
    bones: Tensor
    offsets: Tensor

    def __init__(self, body: BodyModel) -> None:
        super().__init__()
        joints = torch.as_tensor(body.joints_m, dtype=torch.float32)
        self.register_buffer("bones", joints - joints[[0, *BODY_JOINT_PARENTS[1:]]])
        self.register_buffer("offsets", torch.as_tensor(body.keypoint_offsets_m, dtype=torch.float32))

    def forward(self, rotations: Tensor) -> Tensor:
        """H36M's keypoints (…,17,3) relative to the hip, metres, of rotations (…,24,3,3) in SMPL order."""
        G = [rotations[..., 0, :, :]]
        joints = [torch.zeros_like(rotations[..., 0, :, 0])]
        for j in range(1, NUM_BODY_JOINTS):
            p = BODY_JOINT_PARENTS[j]
            G.append(G[p] @ rotations[..., j, :, :])
            joints.append(joints[p] + G[p] @ self.bones[j])
        keypoints = torch.stack(
            [joints[j] + G[j] @ self.offsets[k] for k, j in enumerate(KEYPOINT_JOINTS.tolist())], -2
        )
        return keypoints - keypoints[..., :1, :]

    def location(self, root_m: Tensor) -> Tensor:
        """See `models.figure.Figure`."""
        return location_of_hip(root_m)
