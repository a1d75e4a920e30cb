"""Forward kinematics of the hand in torch, for training; the same numbers as `models.hand_model`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.canonical import location_of_wrist
from models.hand_model import HandModel
from models.keypoints import JOINT_PARENTS, KEYPOINTS_FROM_MANO, NUM_JOINTS, TIP_JOINTS


class HandKinematics(nn.Module):
    """Differentiable 21 keypoints and mesh of one hand model.

    Args:
        model: the hand.
        dtype: of its buffers and results.
    """

    units_per_m = 10.0  # see models.figure
    bones: Tensor
    tip_offsets: Tensor
    order: Tensor
    rest: Tensor
    rest_vertices: Tensor
    skin_weights: Tensor

    def __init__(self, model: HandModel, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        joints = torch.as_tensor(model.joints_m, dtype=dtype)
        parents = torch.tensor([0, *JOINT_PARENTS[1:]])
        self.register_buffer("bones", joints - joints[parents])
        self.register_buffer("tip_offsets", torch.as_tensor(model.tip_offsets_m, dtype=dtype))
        self.register_buffer("order", torch.as_tensor(KEYPOINTS_FROM_MANO))
        self.register_buffer("rest", joints)
        self.register_buffer("rest_vertices", torch.as_tensor(model.vertices_m, dtype=dtype))
        self.register_buffer("skin_weights", torch.as_tensor(model.skin_weights, dtype=dtype))

    def forward(
        self, rotations: Tensor, wrist_m: Tensor | None = None, scale: Tensor | float = 1.0
    ) -> Tensor:
        """The 21 keypoints, MediaPipe order.

        Args:
            rotations: (…,16,3,3) MANO order.
            wrist_m: (…,3) metres, None for the origin.
            scale: size of the hand, broadcast against (…,1,1).

        Returns:
            (…,21,3) metres.
        """
        G, joints = self._global(rotations)
        last = list(TIP_JOINTS)
        tips = joints[..., last, :] + (G[..., last, :, :] @ self.tip_offsets[:, :, None])[..., 0]
        keypoints = torch.cat([joints, tips], dim=-2)[..., self.order, :] * scale
        return keypoints if wrist_m is None else keypoints + wrist_m[..., None, :]

    def vertices(self, rotations: Tensor, wrist_m: Tensor | None = None) -> Tensor:
        """The skinned mesh (…,V,3), metres, without MANO's pose blending; arguments as for `forward`."""
        G, joints = self._global(rotations)
        offsets = joints - (G @ self.rest[:, :, None])[..., 0]
        blended = torch.einsum("vj,...jab->...vab", self.skin_weights, G)
        vertices = (blended @ self.rest_vertices[:, :, None])[..., 0] + self.skin_weights @ offsets
        return vertices if wrist_m is None else vertices + wrist_m[..., None, :]

    def location(self, root_m: Tensor) -> Tensor:
        """See `models.figure.Figure`."""
        return location_of_wrist(root_m)

    def _global(self, rotations: Tensor) -> tuple[Tensor, Tensor]:
        """Global rotations (…,16,3,3) and joints (…,16,3) around a wrist at the origin."""
        G = [rotations[..., 0, :, :]]
        joints = [torch.zeros_like(rotations[..., 0, :, 0])]
        for j in range(1, NUM_JOINTS):
            p = JOINT_PARENTS[j]
            G.append(G[p] @ rotations[..., j, :, :])
            joints.append(joints[p] + G[p] @ self.bones[j])
        return torch.stack(G, dim=-3), torch.stack(joints, dim=-2)
