"""Bodies before cameras and as detectors see them: errors, swapped sides, misses. In torch.

The paper's noise for bodies (PAMI 2022, §3.2 and table 4) is masking, masking in blocks, Gaussian noise on
the joints, random joints and random poses. `PoseDetectorNoise` makes MediaPipe's errors as they were measured
on drawn bodies in recorded motion (`app.body_pairs`, `models.body_noise_fit`): most of them last, some
wander, few are new in every frame, as MediaPipe smooths; depth is worse than the rest; now and then left and
right are swapped. Masking is that of hands, `models.noise.GapConfig`.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.body_canonical import body_bone_lengths, with_body_bone_lengths
from models.body_keypoints import MIRRORED_KEYPOINTS, NUM_BODY_KEYPOINTS
from models.errors import ModelError
from models.noise import BodySeen, Truth, project, shifted

NOISE_ASSET = Path(__file__).parent / "assets" / "body_noise.npz"

_WARM_UP = 32  # frames after which noise made by filters is steady
_TURNED_STD_RAD = 1.5  # about the vertical, of bodies misread as facing another way
_FLIP = (1.0, -1.0, -1.0)  # y up and z to the camera become y down and z ahead


@dataclass(frozen=True)
class CameraPlace:
    """Where cameras stand around people: every window has its own, and stands still.

    Attributes:
        pitch_rad, roll_rad: standard deviations of how far it looks down and how askew it hangs.
        distance_m: least and most from the window's first hip; even in their logarithm.
        nearest_m: who would come nearer is moved back all along the window; nobody walks through a camera.
        aside: most of how far from the middle of the picture, as x/z and y/z.
    """

    pitch_rad: float = 0.17
    roll_rad: float = 0.05
    distance_m: tuple[float, float] = (1.5, 6.0)
    nearest_m: float = 1.0
    aside: tuple[float, float] = (0.35, 0.15)


def seen_by_a_camera(truth: Truth, place: CameraPlace, rng: torch.Generator) -> Truth:
    """Windows of clips with y up (`models.body_clips`), in the axes of a camera drawn for each.

    Args:
        truth: of bodies: 24 rotations, 17 keypoints and, as its wrist, the hip.
        place: where cameras may be.
        rng: the dice.
    """
    B = len(truth.wrist_m)

    def even(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(B, generator=rng, device=rng.device)

    yaw = _turn(1, even(-math.pi, math.pi))
    pitch = _turn(0, place.pitch_rad * _normal((B,), rng))
    roll = _turn(2, place.roll_rad * _normal((B,), rng))
    R = (roll @ pitch @ torch.diag(torch.tensor(_FLIP, device=rng.device)) @ yaw)[:, None]
    distance_m = torch.exp(even(*np.log(place.distance_m)))
    hip_m = (truth.wrist_m - truth.wrist_m[:, :1]) @ R.transpose(-1, -2)[:, 0]
    aside = [distance_m * even(-limit, limit) for limit in place.aside]
    hip_m = hip_m + torch.stack([*aside, distance_m], -1)[:, None]
    back_m = (place.nearest_m - hip_m[..., 2].amin(1)).clamp_min(0.0)
    hip_m = torch.cat([hip_m[..., :2], hip_m[..., 2:] + back_m[:, None, None]], -1)
    pelvis = R @ truth.rotations[:, :, 0]
    return Truth(
        rotations=torch.cat([pelvis[:, :, None], truth.rotations[:, :, 1:]], 2),
        keypoints_m=truth.keypoints_m @ R.transpose(-1, -2),
        wrist_m=hip_m,
    )


@dataclass(frozen=True)
class PaperBodyNoise:
    """Gaussian noise on every joint of every slot, and joints of other windows.

    Attributes:
        joint_std_m: of the noise.
        ray_std: of the 2D, as a share of the distance.
        random_joint_rate: share of keypoints that are another window's; the paper's best is 5 %.
    """

    joint_std_m: float = 0.03
    ray_std: float = 0.003
    random_joint_rate: float = 0.05

    def __call__(self, truth: Truth, T: int, rng: torch.Generator) -> BodySeen:
        """The first T slots as seen; see `models.noise.ObservationNoise`."""
        keypoints_m, hip_m = truth.keypoints_m[:, :T], truth.wrist_m[:, :T]
        noisy_m = keypoints_m + self.joint_std_m * _normal(keypoints_m.shape, rng)
        rays = project(keypoints_m + hip_m[:, :, None])
        rays = rays + self.ray_std * _normal(rays.shape, rng)
        B = len(noisy_m)
        other = torch.randint(B, (B,), generator=rng, device=rng.device)
        chance = torch.rand(noisy_m.shape[:3], generator=rng, device=rng.device)
        noisy_m = torch.where((chance < self.random_joint_rate)[..., None], noisy_m[other], noisy_m)
        return body_seen(noisy_m - noisy_m[:, :, :1], rays, torch.ones_like(chance))


@dataclass(frozen=True)
class MeasuredErrors:
    """What `models.body_noise_fit` found; metres, camera axes, frames at 30 a second.

    Attributes:
        turn_bias, turn_drift: (3,3) factors L of the covariance L Lᵀ of the turn of the whole body, rad.
        stretch_mean, stretch_factor: (16,), (16,16) of the logarithm of bone lengths, per clip.
        joint_bias, joint_drift: (85,85) factors of the covariance of what is left at the 17 keypoints in
            space, together with the 17 in the picture, there in metres at the body's distance.
        joint_frame_m: (85,) standard deviation of what is new in every frame.
        drift_frames: (2,) after how many frames turn and joints have forgotten most of their drift.
        lag_frames: (2,) mean and standard deviation, over clips, of how far detections trail.
        turned_rate, turned_frames: how often, per frame, the body is misread as turned, and for how long.
        swap_rate, swap_frames: how often, per frame, the sides get swapped, and for how long in the mean.
        miss_rate, miss_frames: the same of nobody being detected.
        visibility: (17,) mean.
    """

    turn_bias: np.ndarray
    turn_drift: np.ndarray
    stretch_mean: np.ndarray
    stretch_factor: np.ndarray
    joint_bias: np.ndarray
    joint_drift: np.ndarray
    joint_frame_m: np.ndarray
    drift_frames: np.ndarray
    lag_frames: np.ndarray
    turned_rate: np.ndarray
    turned_frames: np.ndarray
    swap_rate: np.ndarray
    swap_frames: np.ndarray
    miss_rate: np.ndarray
    miss_frames: np.ndarray
    visibility: np.ndarray

    @staticmethod
    def load() -> MeasuredErrors:
        """Those that ship.

        Raises:
            ModelError: the file is missing.
        """
        if not NOISE_ASSET.is_file():
            raise ModelError(f"The measured noise {NOISE_ASSET} is missing; install PoseHand again.")
        with np.load(NOISE_ASSET, allow_pickle=False) as file:
            return MeasuredErrors(**{name: file[name] for name in MeasuredErrors.__dataclass_fields__})


@functools.cache
def _shipped() -> MeasuredErrors:
    return MeasuredErrors.load()


@dataclass(frozen=True)
class PoseDetectorNoise:
    """MediaPipe's pose landmarker, by its measured errors.

    Attributes:
        scale: a factor on all errors.
        spread: standard deviation of the logarithm of a further one, drawn per window: some views mislead the
            detector more than others. The mean square of the errors stays.
        errors: the measured ones; those that ship if None.
    """

    scale: float = 1.0
    spread: float = 0.3
    errors: MeasuredErrors | None = None

    def __call__(self, truth: Truth, T: int, rng: torch.Generator) -> BodySeen:
        """The first T slots as seen; see `models.noise.ObservationNoise`."""
        said = self.errors or _shipped()
        keypoints_m, hip_m = truth.keypoints_m[:, :T], truth.wrist_m[:, :T]
        B = len(keypoints_m)
        strength = self.scale * torch.exp(self.spread * (_normal((B, 1, 1), rng) - self.spread)).clamp_max(
            3.0
        )

        lag = float(said.lag_frames[0]) + float(said.lag_frames[1]) * _normal((B, 1), rng)
        late = -lag.clamp(0.0, 3.0).expand(B, T)
        keypoints_m, hip_m = shifted(keypoints_m, late), shifted(hip_m, late)
        off_m = _correlated(said.joint_bias, (B, 1), rng) + _drift(
            said.joint_drift, float(said.drift_frames[1]), (B, T), rng
        )
        off_m = strength * (off_m + _tensor(said.joint_frame_m, rng) * _normal(off_m.shape, rng))
        off_m, across_m = off_m.split([3 * NUM_BODY_KEYPOINTS, 2 * NUM_BODY_KEYPOINTS], -1)
        across_m = across_m.unflatten(-1, (NUM_BODY_KEYPOINTS, 2))
        rays = project(keypoints_m + hip_m[:, :, None]) + across_m / hip_m[:, :, None, 2:].clamp_min(0.3)

        stretch = _tensor(said.stretch_mean, rng) + strength * _correlated(said.stretch_factor, (B, 1), rng)
        seen_m = with_body_bone_lengths(keypoints_m, body_bone_lengths(keypoints_m) * stretch.exp())
        swapped = _spells(said.swap_rate, said.swap_frames, B, T, rng)
        mirrored = torch.as_tensor(MIRRORED_KEYPOINTS, device=rng.device)
        seen_m = torch.where(swapped[..., None, None], seen_m[:, :, mirrored], seen_m)
        rays = torch.where(swapped[..., None, None], rays[:, :, mirrored], rays)
        turn = _correlated(said.turn_bias, (B, 1), rng) + _drift(
            said.turn_drift, float(said.drift_frames[0]), (B, T), rng
        )
        turned = _spells(said.turned_rate, said.turned_frames, B, T, rng)
        round_m = seen_m @ _turn(1, _TURNED_STD_RAD * _normal((B,), rng))[:, None]
        seen_m = torch.where(turned[..., None, None], round_m, seen_m)
        seen_m = seen_m @ torch.matrix_exp(_cross_matrix(strength * turn)).transpose(-1, -2)
        seen_m = seen_m + off_m.unflatten(-1, (NUM_BODY_KEYPOINTS, 3))

        missed = _spells(said.miss_rate, said.miss_frames, B, T, rng)
        missed &= ~missed.all(1, keepdim=True)
        chance = torch.rand(B, T, NUM_BODY_KEYPOINTS, generator=rng, device=rng.device)
        mean = _tensor(said.visibility, rng)
        visibility = (mean + (chance - 0.5) * 2.0 * torch.minimum(mean, 1.0 - mean)).clamp(0.0, 1.0)
        seen = body_seen(seen_m - seen_m[:, :, :1], rays, visibility)
        return replace(seen, observed=~missed)


@dataclass(frozen=True)
class MixedBodyNoise:
    """The detector's errors in most windows, the paper's in the others.

    Attributes:
        paper_share: of the windows.
    """

    paper_share: float = 0.25

    def __call__(self, truth: Truth, T: int, rng: torch.Generator) -> BodySeen:
        """The first T slots as seen; see `models.noise.ObservationNoise`."""
        first = round(self.paper_share * len(truth.wrist_m))
        parts = [
            noise(Truth(**{name: values[part] for name, values in vars(truth).items()}), T, rng)
            for noise, part in ((PaperBodyNoise(), slice(first)), (PoseDetectorNoise(), slice(first, None)))
        ]
        names = vars(parts[0])
        return BodySeen(**{name: torch.cat([getattr(part, name) for part in parts]) for name in names})


def body_seen(keypoints_m: Tensor, rays: Tensor, visibility: Tensor) -> BodySeen:
    """Detections in all slots, each made on its slot's time; bodies have no second opinion on depth."""
    score = visibility.mean(-1)
    return BodySeen(
        observed=torch.ones_like(score).bool(),
        keypoints_m=keypoints_m,
        image_m=keypoints_m,
        rays=rays,
        score=score,
        offset=torch.zeros_like(score),
        visibility=visibility,
    )


def _spells(rate: np.ndarray, frames: np.ndarray, B: int, T: int, rng: torch.Generator) -> Tensor:
    """(B,T) bool: spells that begin at a rate per frame and end after some frames in the mean."""
    begin = torch.rand(B, T, generator=rng, device=rng.device) < float(rate)
    end = torch.rand(B, T, generator=rng, device=rng.device) < 1.0 / max(float(frames), 1.0)
    steady = float(rate) * float(frames)
    now = torch.rand(B, generator=rng, device=rng.device) < steady / (1.0 + steady)
    spells = []
    for t in range(T):
        now = torch.where(now, ~end[:, t], begin[:, t])
        spells.append(now)
    return torch.stack(spells, 1)


def _drift(factor: np.ndarray, frames: float, shape: tuple[int, int], rng: torch.Generator) -> Tensor:
    """(B,T,n) that wanders smoothly, with the covariance of `factor` (n,n) in every frame."""
    B, T = shape
    fresh = _normal((B, T + _WARM_UP, len(factor)), rng)
    return smooth_noise(fresh, frames)[:, _WARM_UP:] @ _tensor(factor, rng).T


def smooth_noise(fresh: Tensor, frames: float) -> Tensor:
    """White noise (B,S,n) filtered twice in time, to unit variance once it has warmed up.

    Twice, because the errors of a detector that smooths have no corners: a single filter's second differences
    would be several times too large.
    """
    keep = math.exp(-2.0 / max(frames, 0.1))
    # The variance of two equal first-order filters in a row, for unit variance white noise.
    gain = math.sqrt((1.0 - keep * keep) ** 3 / (1.0 + keep * keep))
    first = second = torch.zeros_like(fresh[:, 0])
    out = []
    for t in range(fresh.shape[1]):
        first = keep * first + fresh[:, t]
        second = keep * second + first
        out.append(second)
    return gain * torch.stack(out, 1)


def _correlated(factor: np.ndarray, shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    return _normal((*shape, len(factor)), rng) @ _tensor(factor, rng).T


def _tensor(values: np.ndarray, rng: torch.Generator) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float32, device=rng.device)


def _normal(shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=rng, device=rng.device)


def _turn(axis: int, angle: Tensor) -> Tensor:
    """Rotations (B,3,3) about a coordinate axis by angles (B,)."""
    v = torch.zeros(len(angle), 3, device=angle.device)
    v[:, axis] = angle
    return torch.matrix_exp(_cross_matrix(v))


def _cross_matrix(v: Tensor) -> Tensor:
    x, y, z = v.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
