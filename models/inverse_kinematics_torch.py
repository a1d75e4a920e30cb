"""Rotations from keypoints in closed form, in torch: the numbers of `models.inverse_kinematics`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.hand_model import HandModel
from models.inverse_kinematics import _PALM_JOINTS, _PALM_WEIGHTS
from models.keypoints import FINGER_JOINTS, FINGER_SLICES, FINGERS, KEYPOINT_OF_JOINT, NUM_JOINTS

_TINY = 1e-9


class HandFit(nn.Module):
    """Fits one hand model to keypoints; all fingers at once, level by level.

    Args:
        model: the hand whose rest pose the rotations start from.
    """

    palm: Tensor
    weights: Tensor
    rest: Tensor

    def __init__(self, model: HandModel) -> None:
        super().__init__()
        chains = [FINGER_JOINTS[finger] for finger in FINGERS]
        joints = torch.as_tensor(model.joints_m, dtype=torch.float32)
        base, middle, end = (torch.stack([joints[chain[i]] for chain in chains]) for i in range(3))
        tips = torch.as_tensor(model.tip_offsets_m, dtype=torch.float32)
        self.register_buffer("palm", joints[list(_PALM_JOINTS)])
        self.register_buffer("weights", torch.as_tensor(_PALM_WEIGHTS, dtype=torch.float32))
        self.register_buffer("rest", torch.stack([middle - base, end - middle, tips]))  # (level, finger, 3)

    @torch.no_grad()
    def forward(self, keypoints_m: Tensor) -> Tensor:
        """The rotations that turn the model's bones to point as the keypoints' bones do.

        Args:
            keypoints_m: (…,21,3) float32 of right hands, finite, any frame and origin, MediaPipe order.

        Returns:
            (…,16,3,3) MANO order.
        """
        seen = keypoints_m[..., KEYPOINT_OF_JOINT[list(_PALM_JOINTS)], :] - keypoints_m[..., :1, :]
        R = torch.empty(*keypoints_m.shape[:-2], NUM_JOINTS, 3, 3, device=keypoints_m.device)
        R[..., 0, :, :] = wrist = _kabsch(self.palm, seen, self.weights)
        digits = [keypoints_m[..., FINGER_SLICES[finger], :] for finger in FINGERS]
        bones = torch.stack(digits, -3).diff(dim=-2)  # (…,finger,level,3)
        parent = wrist[..., None, :, :]
        for level in range(3):
            inside = (bones[..., level, None, :] @ parent)[..., 0, :]  # Rᵀ v, written v R
            turn = _minimal_rotation(self.rest[level], inside)
            R[..., [FINGER_JOINTS[finger][level] for finger in FINGERS], :, :] = turn
            parent = parent @ turn
        return R


def _kabsch(source: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    H = (target * weights[:, None]).transpose(-1, -2) @ source
    U, _, Vt = torch.linalg.svd(H)
    sign = torch.sign(torch.linalg.det(U @ Vt))
    U = torch.cat([U[..., :2], U[..., 2:] * sign[..., None, None]], -1)
    return U @ Vt


def _minimal_rotation(source: Tensor, target: Tensor) -> Tensor:
    """The rotations (…,3,3) without twist from one direction (…,3) to the other; a half turn if opposite."""
    s, t = torch.broadcast_tensors(_unit(source), _unit(target))
    cos = (s * t).sum(-1, keepdim=True)[..., None]
    v = torch.linalg.cross(s, t)
    zero = torch.zeros_like(v[..., 0])
    x, y, z = v.unbind(-1)
    K = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    eye = torch.eye(3, device=v.device)
    opposite = cos < -1.0 + 1e-6
    R = eye + K + (K @ K) / torch.where(opposite, torch.ones_like(cos), 1.0 + cos)
    axis = _unit(torch.linalg.cross(s, eye[s.abs().argmin(-1)]))
    return torch.where(opposite, 2.0 * axis[..., :, None] * axis[..., None, :] - eye, R)


def _unit(v: Tensor) -> Tensor:
    return v / v.norm(dim=-1, keepdim=True).clamp_min(_TINY)
