"""Teaches bodies: little recorded motion made into much, before cameras all around."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from models.body_input import describe_bodies, mean_body_bone_lengths
from models.body_inverse_kinematics import fit_body_rotations
from models.body_keypoints import MIRRORED_JOINTS, MIRRORED_KEYPOINTS
from models.body_model import BodyModel
from models.body_noise import CameraPlace, seen_by_a_camera
from models.body_torch import BodyKinematics
from models.noise import BodySeen, Seen, Truth
from models.posebert_input import Layout, set_offset, start_pose
from models.teacher import Teacher

BatchT = TypeVar("BatchT", Truth, BodySeen)

# Parts of the body that may move as another window's do.
_LIMBS = ((1, 4, 7, 10), (2, 5, 8, 11), (3, 6, 9, 12, 15), (13, 16, 18, 20, 22), (14, 17, 19, 21, 23))
_BORROWED_RATE = 0.3  # of limbs
# By how much joints are held otherwise all along a window, standard deviation in radians.
_HELD_RAD = {1: 0.25, 2: 0.25, 4: 0.25, 5: 0.25, 3: 0.08, 6: 0.08, 9: 0.08, 12: 0.1, 15: 0.1,
             13: 0.06, 14: 0.06, 16: 0.4, 17: 0.4, 18: 0.35, 19: 0.35}  # fmt: skip


class BodyTeacher(Teacher):
    """Teaches whole bodies."""

    def __init__(self, *arguments: Any, layout: Layout) -> None:
        super().__init__(*arguments)
        self.layout: Layout = layout
        self._body = BodyModel.load()
        self.figure: BodyKinematics = BodyKinematics(self._body).to(self.device)
        lengths = mean_body_bone_lengths(self._body)
        self._lengths_m = torch.as_tensor(lengths, dtype=torch.float32, device=self.device)

    def staged(self, truth: Truth) -> Truth:
        """Motion with limbs of other motions, held otherwise, before a camera somewhere."""
        R = held_otherwise(with_borrowed_limbs(truth.rotations, self.rng), self.rng)
        truth = replace(truth, rotations=R, keypoints_m=self.figure(R))
        return seen_by_a_camera(truth, CameraPlace(), self.rng)

    def varied(self, truth: Truth, seen: Seen) -> tuple[Truth, Seen]:
        """Every other window as a mirror shows it: what a detector gets wrong has no side."""
        assert isinstance(seen, BodySeen)
        chosen = torch.rand(len(seen.observed), generator=self.rng, device=self.rng.device) < 0.5
        return mirrored(truth, seen, chosen)

    def described(self, seen: Seen) -> tuple[Tensor, Tensor]:
        """See `models.body_input`."""
        assert isinstance(seen, BodySeen)
        features, location, guess = describe_bodies(
            seen.keypoints_m, seen.rays, seen.visibility, self._lengths_m, self.layout
        )
        features = set_offset(features, seen.offset, self.layout)
        return features, start_pose(fit_body_rotations(guess, self._body), location)


def mirrored(truth: Truth, seen: BodySeen, chosen: Tensor) -> tuple[Truth, BodySeen]:
    """The chosen (B,) windows as a mirror across x shows them: left and right swapped."""
    flip = torch.tensor([-1.0, 1.0, 1.0], device=chosen.device)
    joints, keypoints = torch.as_tensor(MIRRORED_JOINTS), torch.as_tensor(MIRRORED_KEYPOINTS)
    turned = Truth(
        rotations=flip[:, None] * truth.rotations[:, :, joints] * flip,
        keypoints_m=flip * truth.keypoints_m[:, :, keypoints],
        wrist_m=flip * truth.wrist_m,
    )
    shown = replace(
        seen,
        keypoints_m=flip * seen.keypoints_m[:, :, keypoints],
        image_m=flip * seen.image_m[:, :, keypoints],
        rays=flip[:2] * seen.rays[:, :, keypoints],
        visibility=seen.visibility[:, :, keypoints],
    )
    return _taken(truth, turned, chosen), _taken(seen, shown, chosen)


def _taken(as_it_was: BatchT, changed: BatchT, chosen: Tensor) -> BatchT:
    """The changed windows where chosen, the others as they were."""
    values = {
        name: torch.where(chosen.view(-1, *[1] * (was.dim() - 1)), getattr(changed, name), was)
        for name, was in vars(as_it_was).items()
    }
    return type(as_it_was)(**values)


def with_borrowed_limbs(rotations: Tensor, rng: torch.Generator) -> Tensor:
    """Rotations (B,S,24,3,3) in which some limbs move as those of other windows do."""
    B = len(rotations)
    R = rotations.clone()
    for limb in _LIMBS:
        other = torch.randint(B, (B,), generator=rng, device=rng.device)
        own = torch.rand(B, generator=rng, device=rng.device) >= _BORROWED_RATE
        other = torch.where(own, torch.arange(B, device=rng.device), other)
        R[:, :, limb] = rotations[other][:, :, limb]
    return R


def held_otherwise(rotations: Tensor, rng: torch.Generator) -> Tensor:
    """Rotations (B,S,24,3,3) with a turn of every joint that stays the same all along a window."""
    std = torch.zeros(rotations.shape[2], device=rng.device)
    std[list(_HELD_RAD)] = torch.tensor(list(_HELD_RAD.values()), device=rng.device)
    B, J = len(rotations), rotations.shape[2]
    turn = std[:, None] * torch.randn(B, J, 3, generator=rng, device=rng.device)
    # Some people hardly differ from those recorded.
    turn = turn * torch.rand(B, 1, 1, generator=rng, device=rng.device)
    angle = turn.norm(dim=-1).clamp_min(1e-9)
    axis = turn / angle[..., None]
    quaternion = torch.cat([(0.5 * angle).cos()[..., None], axis * (0.5 * angle).sin()[..., None]], -1)
    w, x, y, z = quaternion.unbind(-1)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return rotations @ torch.stack(rows, -1).unflatten(-1, (3, 3))[:, None]
