"""What training does to windows: a detector's errors, gaps, foreign poses, rolled cameras. In torch.

The paper's noise (PAMI 2022, §3.2 and table 8) is masking, masking in blocks, random poses and Gaussian noise
on the joints. `DetectorNoise` makes MediaPipe's errors: they last, wander and lag, and are worse in depth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from models.canonical import MIN_DEPTH_M, bone_lengths, canonical_frame, with_bone_lengths
from models.fusion import image_hand


@dataclass(frozen=True)
class Truth:
    """What the hands did, in S slots (the window's T, then the future's).

    Attributes:
        rotations: (B,S,16,3,3) MANO order, the wrist's in camera axes.
        keypoints_m: (B,S,21,3) wrist-relative, camera axes.
        wrist_m: (B,S,3) camera frame.
    """

    rotations: Tensor
    keypoints_m: Tensor
    wrist_m: Tensor


@dataclass(frozen=True)
class Seen:
    """What a detector said of them in the first T slots; entries of unobserved slots are finite and unused.

    Attributes:
        observed: (B,T) bool.
        keypoints_m: (B,T,21,3) wrist-relative, camera axes.
        image_m: (B,T,21,3) the detector's second opinion, see `models.fusion.image_hand`.
        rays: (B,T,21,2) see `models.canonical.rays_of_pixels`.
        score: (B,T).
        offset: (B,T) how long after its slot the detection was made, slot periods.
    """

    observed: Tensor
    keypoints_m: Tensor
    image_m: Tensor
    rays: Tensor
    score: Tensor
    offset: Tensor


@dataclass(frozen=True)
class BodySeen(Seen):
    """What a body detector said; see `Seen`, with 17 keypoints of H36M, relative to the hip.

    Attributes:
        visibility: (B,T,17) of each keypoint, 0–1; `score` is their mean.
    """

    visibility: Tensor


def eased(truth: Truth, seen: Seen, least: float, rng: torch.Generator) -> Seen:
    """The same windows with weaker errors: of each, a share from `least` to 1 is left of them."""
    B, T = seen.observed.shape
    left = least + (1.0 - least) * torch.rand(B, 1, 1, 1, generator=rng, device=rng.device)
    keypoints_m = truth.keypoints_m[:, :T]
    rays = project(keypoints_m + truth.wrist_m[:, :T, None])
    return replace(
        seen,
        keypoints_m=torch.lerp(keypoints_m, seen.keypoints_m, left),
        image_m=torch.lerp(keypoints_m, seen.image_m, left),
        rays=torch.lerp(rays, seen.rays, left),
    )


# How much less certain keypoints are than a fingertip: the wrist, the thumb's base, the others.
VAGUENESS = (4.0, 2.0, *[1.0] * 19)


class ObservationNoise(Protocol):
    """Makes up what a detector would have said."""

    def __call__(self, truth: Truth, T: int, rng: torch.Generator) -> Seen:
        """The first T slots as seen."""
        ...


@dataclass(frozen=True)
class GaussianNoise:
    """The paper's: independent noise on every joint of every slot.

    Attributes:
        joint_std_m: one of these, drawn per window.
        ray_std: of the 2D, as a share of the distance (0.003 is about 2 pixels at 640).
    """

    joint_std_m: tuple[float, ...] = (1e-2, 1e-3)
    ray_std: float = 0.003

    def __call__(self, truth: Truth, T: int, rng: torch.Generator) -> Seen:
        keypoints_m, wrist_m = truth.keypoints_m[:, :T], truth.wrist_m[:, :T]
        choices = torch.tensor(self.joint_std_m, device=keypoints_m.device)
        std_m = choices[torch.randint(len(choices), (len(keypoints_m),), generator=rng, device=rng.device)]
        noisy_m = keypoints_m + std_m[:, None, None, None] * _normal(keypoints_m.shape, rng)
        rays = project(keypoints_m + wrist_m[:, :, None])
        rays = rays + self.ray_std * _normal(rays.shape, rng)
        noisy_m = noisy_m - noisy_m[:, :, :1]
        return _seen(noisy_m, noisy_m, rays)


@dataclass(frozen=True)
class DetectorNoise:
    """A hand detector's errors by rough numbers; `models.fitted_noise` has those of a fit.

    Each error is a sum of three: one for the whole window (bias), one that wanders (drift), one per frame.

    Attributes:
        turn_std_rad: of the hand's orientation: bias, drift, frame.
        joint_std_m: of a fingertip across the line of sight: bias, drift, frame; less towards the palm.
        depth_factor: how many times larger errors along the line of sight are.
        flatten_mean: mean factor on the hand's depth about the wrist.
        flatten_std: of that factor, per window.
        bone_std: of the logarithm of bone lengths, per window.
        size_mean: mean factor on the hand's size.
        size_std: of that factor, per window.
        ray_std: of the 2D: bias, drift, frame; shares of the distance.
        drift_slots: after how many slots a drift has forgotten most of itself.
        lag_slots: most by which a detection trails the truth, drawn per window.
        offset_rate: share of windows whose detections are not made on the slots' times (other frame rates).
    """

    turn_std_rad: tuple[float, float, float] = (0.12, 0.10, 0.02)
    joint_std_m: tuple[float, float, float] = (0.006, 0.005, 0.0015)
    depth_factor: float = 2.0
    flatten_mean: float = 0.9
    flatten_std: float = 0.12
    bone_std: float = 0.08
    size_mean: float = 0.9
    size_std: float = 0.08
    ray_std: tuple[float, float, float] = (0.006, 0.004, 0.0015)
    drift_slots: float = 8.0
    lag_slots: float = 0.5
    offset_rate: float = 0.25

    def __call__(self, truth: Truth, T: int, rng: torch.Generator) -> Seen:
        keypoints_m, wrist_m = truth.keypoints_m[:, :T], truth.wrist_m[:, :T]
        B, device = len(keypoints_m), keypoints_m.device
        lag = self.lag_slots * torch.rand(B, 1, generator=rng, device=rng.device)
        offset = (torch.rand(B, T, generator=rng, device=rng.device) - 0.5) * (
            torch.rand(B, 1, generator=rng, device=rng.device) < self.offset_rate
        )
        offset[:, -1] = 0.0  # the grid ends at the newest detection
        keypoints_m = shifted(keypoints_m, offset - lag)
        wrist_m = shifted(wrist_m, offset - lag)
        rays = project(keypoints_m + wrist_m[:, :, None])
        rays = rays + self._error(self.ray_std, (B, T, 21, 2), rng)

        turn = self._error(self.turn_std_rad, (B, T, 3), rng)
        seen_m = keypoints_m @ torch.matrix_exp(_cross_matrix(turn)).transpose(-1, -2)
        reach = torch.tensor([0.0, *[0.4, 0.6, 0.8, 1.0] * 5], device=device)[:, None]
        axes = torch.tensor([1.0, 1.0, self.depth_factor], device=device)
        seen_m = seen_m + reach * axes * self._error(self.joint_std_m, (B, T, 21, 3), rng)
        flatten = self.flatten_mean + self.flatten_std * _normal((B, 1, 1), rng)
        seen_m = torch.cat([seen_m[..., :2], seen_m[..., 2:] * flatten[..., None]], -1)
        size = self.size_mean + self.size_std * _normal((B, 1, 1), rng)
        stretch = size * torch.exp(self.bone_std * _normal((B, 1, 20), rng))
        seen_m = with_bone_lengths(seen_m, bone_lengths(seen_m) * stretch)
        depth = keypoints_m[..., 2] * flatten / wrist_m[..., 2:].clamp_min(MIN_DEPTH_M)
        depth = depth + self.depth_factor * reach[:, 0] * self._error(self.ray_std, (B, T, 21), rng)
        image_m = image_hand(seen_m, rays, depth - depth[..., :1])
        score = 1.0 - 0.1 * torch.rand(B, T, generator=rng, device=rng.device)
        return replace(_seen(seen_m, image_m, rays), offset=offset, score=score)

    def _error(self, std: tuple[float, float, float], shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
        """Bias, drift and frame error summed, (B,T,…)."""
        B, T, *rest = shape
        keep = math.exp(-1.0 / self.drift_slots)
        fresh = math.sqrt(1.0 - keep * keep) * _normal(shape, rng)
        drift = [_normal((B, *rest), rng)]
        for i in range(1, T):
            drift.append(keep * drift[-1] + fresh[:, i])
        bias = _normal((B, 1, *rest), rng)
        return std[0] * bias + std[1] * torch.stack(drift, 1) + std[2] * _normal(shape, rng)


@dataclass(frozen=True)
class GapConfig:
    """How detections go missing or turn out to be something else.

    Attributes:
        mask_share: most of a window's slots masked one by one; the share is drawn evenly from 0 to this.
        block_rate: share of windows in which a contiguous block of slots is masked too.
        block_slots: longest block.
        newest_rate: share of windows whose newest slots are masked: the gap is now.
        newest_slots: most slots of it.
        short_past_rate: share of windows that have only just begun.
        random_pose_rate: share of observed slots that show another window's hand.
    """

    mask_share: float = 0.5
    block_rate: float = 0.5
    block_slots: int = 20
    newest_rate: float = 0.2
    newest_slots: int = 12
    short_past_rate: float = 0.1
    random_pose_rate: float = 0.05

    def __call__(self, seen: Seen, rng: torch.Generator) -> Seen:
        """The same windows with gaps and foreign poses; a window that had a detection keeps at least one."""
        return mask_slots(swap_poses(seen, self.random_pose_rate, rng), self, rng)


def mask_slots(seen: Seen, config: GapConfig, rng: torch.Generator) -> Seen:
    """Masks slots as `config` says."""
    B, T = seen.observed.shape
    device = seen.observed.device

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=rng, device=rng.device).to(device)

    # Half of the windows lose no single slots: the live case, in which most frames are detected.
    share = config.mask_share * uniform(B, 1) * (uniform(B, 1) < 0.5)
    drop = uniform(B, T) < share
    slot = torch.arange(T, device=device)
    length = uniform(B, 1) * config.block_slots * (uniform(B, 1) < config.block_rate)
    begin = uniform(B, 1) * T
    drop |= (slot >= begin) & (slot < begin + length)
    newest = torch.ceil(uniform(B, 1) * config.newest_slots) * (uniform(B, 1) < config.newest_rate)
    drop |= slot >= T - newest
    short = uniform(B, 1) < config.short_past_rate
    drop |= short & (slot < torch.floor(uniform(B, 1) * T))
    kept = seen.observed & ~drop
    return replace(seen, observed=torch.where(kept.any(1, keepdim=True), kept, seen.observed))


def swap_poses(seen: Seen, rate: float, rng: torch.Generator) -> Seen:
    """Replaces a share of the slots by the same slots of other windows of the batch."""
    B, T = seen.observed.shape
    other = torch.randint(B, (B, T), generator=rng, device=rng.device)
    swap = (torch.rand(B, T, generator=rng, device=rng.device) < rate) & seen.observed
    slot = torch.arange(T, device=other.device)
    swap &= seen.observed[other, slot]
    shown = {name: values for name, values in vars(seen).items() if name not in ("observed", "offset")}
    for name, values in shown.items():
        taken = swap.view(B, T, *[1] * (values.dim() - 2))
        shown[name] = torch.where(taken, values[other, slot], values)
    return replace(seen, **shown)


def roll(truth: Truth, seen: Seen, rng: torch.Generator) -> tuple[Truth, Seen]:
    """The same as seen by a camera turned about its optical axis, by any angle, one per window.

    MediaPipe turns every hand upright before it looks, so its errors turn along and pairs stay true.
    """
    angle = 2.0 * math.pi * torch.rand(len(seen.observed), generator=rng, device=rng.device)
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    rows = [angle.cos(), -angle.sin(), zero, angle.sin(), angle.cos(), zero, zero, zero, one]
    R = torch.stack(rows, -1).view(-1, 1, 3, 3)
    wrist = R @ truth.rotations[:, :, 0]
    Rt = R.transpose(-1, -2)
    turned = Truth(
        rotations=torch.cat([wrist[:, :, None], truth.rotations[:, :, 1:]], 2),
        keypoints_m=truth.keypoints_m @ Rt,
        wrist_m=(truth.wrist_m[:, :, None] @ Rt)[:, :, 0],
    )
    return turned, replace(
        seen,
        keypoints_m=seen.keypoints_m @ Rt,
        image_m=seen.image_m @ Rt,
        rays=seen.rays @ Rt[..., :2, :2],
    )


def reshape(truth: Truth, seen: Seen, most_m: float, rng: torch.Generator) -> Seen:
    """The same as seen of hands of other proportions: every keypoint is off by the same all along a window.

    Rendered hands are of few shapes, and the hands of people of many; where the wrist ends and the thumb
    begins is the least certain, and rendered ones mislead the detector there in ways of their own.

    Args:
        truth, seen: windows.
        most_m: largest standard deviation of the offsets, which stay with the hand's own axes; drawn evenly
            from 0 to this per window; some keypoints' are larger, see VAGUENESS.
        rng: the dice.
    """
    B = len(seen.observed)
    std_m = most_m * torch.rand((B, 1, 1, 1), generator=rng, device=rng.device)
    vague = torch.tensor(VAGUENESS, device=rng.device)[:, None]
    own_m = std_m * vague * _normal((B, 1, 21, 3), rng)
    off_m = own_m @ canonical_frame(seen.keypoints_m)
    depth_m = truth.wrist_m[:, : off_m.shape[1], None, 2:].clamp_min(MIN_DEPTH_M)
    turned_m = off_m - off_m[:, :, :1]
    return replace(
        seen,
        keypoints_m=seen.keypoints_m + turned_m,
        image_m=seen.image_m + turned_m,
        rays=seen.rays + off_m[..., :2] / depth_m,
    )


def refocus(truth: Truth, seen: Seen, spread: float, rng: torch.Generator) -> tuple[Truth, Seen]:
    """The same as understood by someone who has the camera's focal length wrong, as without calibration.

    Args:
        truth, seen: windows.
        spread: standard deviation of the logarithm of the factor on the focal length, one per window.
        rng: the dice.

    Returns:
        The windows with rays of a camera so much longer; the wrist is where those rays put it.
    """
    factor = torch.exp(spread * _normal((len(seen.observed), 1, 1), rng))
    depth_m = truth.wrist_m[..., 2:] / factor
    wrist_m = torch.cat([truth.wrist_m[..., :2], depth_m], -1)
    return replace(truth, wrist_m=wrist_m), replace(seen, rays=seen.rays * factor[..., None])


def shifted(values: Tensor, slots: Tensor) -> Tensor:
    """Values (B,T,…) at times `slots` (B,T) later, linear in between; the ends hold."""
    B, T = slots.shape
    at = (torch.arange(T, device=slots.device) + slots).clamp(0, T - 1)
    before = at.floor().long().clamp(max=T - 2)
    weight = (at - before).view(B, T, *[1] * (values.dim() - 2))
    row = torch.arange(B, device=slots.device)[:, None]
    return torch.lerp(values[row, before], values[row, before + 1], weight)


def project(points_m: Tensor) -> Tensor:
    """Rays (…,2) of camera-frame points (…,3)."""
    return points_m[..., :2] / points_m[..., 2:].clamp_min(0.05)


def _seen(keypoints_m: Tensor, image_m: Tensor, rays: Tensor) -> Seen:
    one = torch.ones_like(keypoints_m[..., 0, 0])
    return Seen(one.bool(), keypoints_m, image_m, rays, 0.95 * one, torch.zeros_like(one))


def _normal(shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=rng, device=rng.device)


def _cross_matrix(v: Tensor) -> Tensor:
    x, y, z = v.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
