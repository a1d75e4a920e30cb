"""Makes what a network is taught with: windows of clips, what a detector said of them, and its input."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from models.canonical import encode_6d
from models.clips import Clips
from models.errors import ModelError
from models.figure import Figure
from models.fusion import fuse
from models.hand_model import HandModel
from models.hand_torch import HandKinematics
from models.inverse_kinematics_torch import HandFit
from models.noise import GapConfig, ObservationNoise, Seen, Truth, eased, refocus, reshape, roll
from models.posebert import distance, slot_times
from models.posebert_input import Layout, describe, mean_bone_lengths, set_offset, start_pose
from models.window import WINDOW_SLOTS


class Lessons(Protocol):
    """What of a run's configuration a teacher follows; see `models.train.TrainConfig`."""

    @property
    def future(self) -> tuple[int, ...]: ...
    @property
    def pairs_share(self) -> float: ...
    @property
    def stills_share(self) -> float: ...
    @property
    def paces(self) -> tuple[float, float]: ...
    @property
    def least_noise(self) -> float: ...
    @property
    def causal_share(self) -> float: ...
    @property
    def roll_rate(self) -> float: ...
    @property
    def proportions_m(self) -> float: ...
    @property
    def focal_spread(self) -> float: ...
    @property
    def gaps(self) -> GapConfig: ...


@dataclass(frozen=True)
class Batch:
    """Windows to learn from.

    Attributes:
        truth: of every slot, the future's too.
        seen: what was detected, or is made up.
        foreseen: (B,) bool, whether the truth knows what comes after the window.
        filmed: (B,) bool, whether a real detector said what was seen.
    """

    truth: Truth
    seen: Seen
    foreseen: Tensor
    filmed: Tensor


class Teacher(ABC):
    """Batches of windows with their noise, and what the network is given of them.

    Attributes:
        figure: the mean hand or body.
        device: where batches lie.
    """

    figure: Figure

    def __init__(
        self,
        config: Lessons,
        motion: Clips | None,
        pairs: Clips | None,
        stills: Clips | None,
        noise: ObservationNoise,
        device: torch.device,
        seed: tuple[int, ...],
    ) -> None:
        """
        Args:
            config: what windows are drawn and what is done to them.
            motion: clips to make up detections for.
            pairs: clips with detections.
            stills: detections that do not follow each other.
            noise: makes them up.
            device: where to compute.
            seed: of everything random.

        Raises:
            ModelError: there are neither motions nor pairs.
        """
        if motion is None and pairs is None:
            raise ModelError("nothing to train on; give --motion, --pairs or both")
        self.config, self.device = config, device
        self.motion, self.pairs, self.stills, self.noise = motion, pairs, stills, noise
        self.numpy_rng = np.random.default_rng(seed)
        self.rng = torch.Generator(device).manual_seed(int(np.random.default_rng(seed).integers(2**62)))

    def batch(self, count: int) -> Batch:
        """`count` windows with noise: of stills, of filmed clips, of motion, one kind after the other."""
        still = 0 if self.stills is None else round(self.config.stills_share * count)
        share = 0.0 if self.pairs is None else 1.0 if self.motion is None else self.config.pairs_share
        filmed = round(share * (count - still))
        parts = [self._frozen(still)] if still else []
        for clips, n in ((self.pairs, filmed), (self.motion, count - still - filmed)):
            if clips is None or n == 0:
                continue
            truth, seen = clips.sample(n, WINDOW_SLOTS, self.config.future, self.numpy_rng, self.config.paces)
            truth = moved(truth, self.device)
            if seen is None:
                truth = self.staged(truth)
                seen = eased(
                    truth, self.noise(truth, WINDOW_SLOTS, self.rng), self.config.least_noise, self.rng
                )
            else:
                seen = moved(seen, self.device)
            parts.append((truth, seen))
        truth, seen = self.varied(
            _stacked([truth for truth, _ in parts]), _stacked([seen for _, seen in parts])
        )
        truth, seen = refocus(truth, seen, self.config.focal_spread, self.rng)
        place = torch.arange(count, device=self.device)
        return Batch(truth, self.config.gaps(seen, self.rng), place >= still, place < still + filmed)

    def _frozen(self, count: int) -> tuple[Truth, Seen]:
        """Windows that show one detection all along: a hand that rests, without the detector's tremble."""
        slots = WINDOW_SLOTS + len(self.config.future)
        truth, seen = self._singles(count)
        whole = {name: values.repeat_interleave(slots, 1) for name, values in vars(truth).items()}
        shown = {name: values.repeat_interleave(WINDOW_SLOTS, 1) for name, values in vars(seen).items()}
        return type(truth)(**whole), type(seen)(**shown)

    def _singles(self, count: int) -> tuple[Truth, Seen]:
        assert self.stills is not None
        truth, seen = self.stills.singles(count, self.numpy_rng)
        return moved(truth, self.device), moved(seen, self.device)

    def singles(self, count: int) -> tuple[Truth, Seen]:
        """`count` detections, each a window of one slot; there must be stills."""
        truth, seen = self.varied(*self._singles(count))
        return refocus(truth, seen, self.config.focal_spread, self.rng)

    def encode(self, seen: Seen, causal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features (B,T,in_dim), observed (B,T) and start (B,T+F,P) of windows, some causal (B,)."""
        features, poses = self.described(seen)
        row = torch.arange(len(poses), device=poses.device)[:, None]
        times = slot_times(WINDOW_SLOTS, self.config.future, poses.device)
        return features, seen.observed, poses[row, nearest_observed(seen.observed, times, causal)]

    def causal(self, count: int) -> Tensor:
        """(B,) which of `count` windows are to be causal."""
        dice = torch.rand(count, generator=self.rng, device=self.rng.device)
        return dice < self.config.causal_share

    def mean_pose(self) -> Tensor:
        """(P,) what the poses to train on are on average, for networks that start there."""
        clips = self.motion or self.pairs
        assert clips is not None
        truth, _ = clips.sample(512, WINDOW_SLOTS, (), np.random.default_rng(0))
        truth = moved(truth, self.device)
        if clips is self.motion:
            truth = self.staged(truth)
        R = truth.rotations.flatten(0, 1).mean(0)
        return torch.cat([encode_6d(R).flatten(), self.usual_location(truth)])

    def usual_location(self, truth: Truth) -> Tensor:
        """(3,) the median of where such windows show the figure."""
        return self.figure.location(truth.wrist_m).flatten(0, 1).median(0).values

    def staged(self, truth: Truth) -> Truth:
        """Motion that nobody filmed, in the frame of a camera."""
        return truth

    def varied(self, truth: Truth, seen: Seen) -> tuple[Truth, Seen]:
        """The same windows as other figures and other cameras would show them."""
        return truth, seen

    @abstractmethod
    def described(self, seen: Seen) -> tuple[Tensor, Tensor]:
        """Features (B,T,in_dim) and poses (B,T,P) to begin with, of what was seen."""


class HandTeacher(Teacher):
    """Teaches right hands."""

    def __init__(self, *arguments: Any, layout: Layout) -> None:
        super().__init__(*arguments)
        self.layout: Layout = layout
        hand = HandModel.load()
        self.figure: HandKinematics = HandKinematics(hand).to(self.device)
        self.fit = HandFit(hand).to(self.device)
        self.lengths_m = torch.as_tensor(mean_bone_lengths(hand), dtype=torch.float32, device=self.device)

    def usual_location(self, truth: Truth) -> Tensor:
        """Half a metre ahead, whatever the clips: where the baselines measured so far began."""
        return torch.tensor([0.0, 0.0, 0.7], device=self.device)

    def varied(self, truth: Truth, seen: Seen) -> tuple[Truth, Seen]:
        """Rolled cameras, other proportions."""
        if self.numpy_rng.random() < self.config.roll_rate:
            truth, seen = roll(truth, seen, self.rng)
        return truth, reshape(truth, seen, self.config.proportions_m, self.rng)

    def described(self, seen: Seen) -> tuple[Tensor, Tensor]:
        """See `models.posebert_input`."""
        features, location = describe(
            seen.keypoints_m, seen.image_m, seen.rays, seen.score, self.lengths_m, self.layout
        )
        features = set_offset(features, seen.offset, self.layout)
        return features, start_pose(self.fit(fuse(seen.keypoints_m, seen.image_m)), location)


def nearest_observed(observed: Tensor, times: Tensor, causal: Tensor) -> Tensor:
    """(B,slots) index of the observed slot nearest to each time, as `models.posebert_input` has it."""
    T = observed.shape[1]
    away = distance(times, T)
    cost = torch.where(away < 0, -away + T * causal[:, None, None], away)
    return torch.where(observed[:, None], cost, 8 * T).argmin(-1)


def moved(batch: Any, device: torch.device) -> Any:
    """A batch's tensors on another device."""
    return type(batch)(**{name: value.to(device) for name, value in vars(batch).items()})


def _stacked(batches: list[Any]) -> Any:
    names = vars(batches[0])
    return type(batches[0])(
        **{name: torch.cat([getattr(batch, name) for batch in batches]) for name in names}
    )
