"""Clips of hand motion for training: files in, random windows out. In torch.

A clip is an .npz of float32 arrays: `rotations` (N,16,3,3), `keypoints_m` (N,21,3), `wrist_m` (N,3), and
`fps`, which is 30, or 0 if frames do not follow each other (stills). One that was rendered and detected also
has `observed` (N,), `observed_m` (N,21,3), `observed_px` (N,21,2), `observed_depth_px` (N,21), `score` (N,),
`focal_px` and `centre_px`. Right hands, camera axes. Of bodies there are 24 rotations, 17 keypoints and, as
the wrist, the hip; detected, they have a `score` (N,17) for every keypoint and no `observed_depth_px`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from tqdm import tqdm

from models.canonical import decode_6d, encode_6d, rays_of_pixels
from models.errors import ModelError
from models.fusion import image_hand
from models.noise import BodySeen, Seen, Truth
from models.npz import open_npz, require_rows
from models.window import SLOT_RATE_HZ

FigureName = Literal["hand", "body"]
_INSTEAD = "make it again or move it away"


@dataclass(frozen=True)
class Clip:
    """One clip.

    Attributes:
        name: of its file.
        truth: name → array, as in the file: rotations, keypoints_m, wrist_m.
        seen: observed (N,) bool, keypoints_m and image_m (N,21,3), rays (N,21,2), score (N,), zeros where not
            observed; of bodies visibility (N,17) too; None for motion nobody filmed.
    """

    name: str
    truth: dict[str, np.ndarray]
    seen: dict[str, np.ndarray] | None

    def __len__(self) -> int:
        return len(self.truth["wrist_m"])

    def detected(self) -> Clip:
        """The frames in which something was detected, as if they followed each other."""
        assert self.seen is not None
        rows = self.seen["observed"]
        truth = {key: values[rows] for key, values in self.truth.items()}
        return Clip(self.name, truth, {key: values[rows] for key, values in self.seen.items()})


class Clips:
    """All clips of one kind, end to end in memory."""

    def __init__(self, clips: list[Clip]) -> None:
        """
        Args:
            clips: filmed ones or motion only, not both.
        """
        self.names = [clip.name for clip in clips]
        self.lengths = np.array([len(clip) for clip in clips])
        self._first = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        self._truth = _join([clip.truth for clip in clips])
        self._seen = _join([clip.seen for clip in clips if clip.seen is not None])
        self.filmed = bool(self._seen)

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def minutes(self) -> float:
        """How long they are together."""
        return float(self.lengths.sum()) / SLOT_RATE_HZ / 60.0

    def sample(
        self,
        count: int,
        T: int,
        future: Sequence[int],
        rng: np.random.Generator,
        paces: tuple[float, float] = (1.0, 1.0),
    ) -> tuple[Truth, Seen | None]:
        """Random windows of T slots and `future`, slots after the newest; the longer a clip, the more of it.

        Clips shorter than that are held still at their end.

        Args:
            count: how many.
            T: slots observed.
            future: slots after the newest.
            rng: the dice.
            paces: least and most of how many frames a slot takes; every other window takes one. Other paces
                show faster and slower motion, and detections of cameras that keep no step with the slots.
        """
        slowest, fastest = np.log(paces)
        slots = T + max(future, default=0)
        # By frames, not by windows: a clip hardly longer than one window shows as much as its frames do. What
        # is shorter would rest for most of the window.
        share = np.where(self.lengths >= slots, self.lengths, 1)
        clip = rng.choice(len(self), size=count, p=share / share.sum())
        odd = rng.random(count) < 0.5
        pace = np.where(odd, np.exp(rng.uniform(slowest, fastest, count)), 1.0)
        # No faster than the clip is long: past its end there would be nothing to be right about.
        pace = np.minimum(pace, np.maximum((self.lengths[clip] - 1) / (slots - 1), 1.0))
        spare = np.maximum(self.lengths[clip] - 1 - pace * (slots - 1), 0.0)
        newest = np.rint(rng.random(count) * spare + pace * (T - 1)).astype(np.int64)
        return self._windows(clip, newest, pace, T, future)

    def singles(self, count: int, rng: np.random.Generator) -> tuple[Truth, Seen]:
        """Random frames of filmed hands, all equally likely, as windows of one slot."""
        row = rng.integers(len(self._truth["wrist_m"]), size=(count, 1))
        truth = Truth(**{key: torch.from_numpy(values[row]) for key, values in self._truth.items()})
        seen = {key: torch.from_numpy(values[row]) for key, values in self._seen.items()}
        return truth, Seen(**seen, offset=torch.zeros(count, 1))

    def ending(
        self, clip: int, frames: np.ndarray, T: int, future: Sequence[int]
    ) -> tuple[Truth, Seen | None]:
        """The windows of one clip whose newest slots are `frames` (B,): what is seen live.

        Slots before the clip's start are not observed; its last frame stands for the future past its end.
        """
        return self._windows(np.full(len(frames), clip), np.asarray(frames), np.ones(len(frames)), T, future)

    def _windows(
        self, clip: np.ndarray, newest: np.ndarray, pace: np.ndarray, T: int, future: Sequence[int]
    ) -> tuple[Truth, Seen | None]:
        slots = np.concatenate([np.arange(1 - T, 1), np.asarray(future, dtype=np.int64)])
        at = newest[:, None] + pace[:, None] * slots  # in frames of the clip
        first, last = self._first[clip][:, None], self.lengths[clip][:, None] - 1
        truth = Truth(**{key: _between(values, first, last, at) for key, values in self._truth.items()})
        truth = replace(
            truth, rotations=decode_6d(encode_6d(truth.rotations))
        )  # cubics of rotations are none
        if not self.filmed:
            return truth, None
        at = at[:, :T]
        frame = np.rint(at).astype(np.int64)
        row = first + np.clip(frame, 0, last)
        seen = {key: torch.from_numpy(values[row]) for key, values in self._seen.items()}
        offset = (frame - at) / pace[:, None]
        taken = (frame >= 0) & (frame <= last) & ~_nearer_elsewhere(frame, np.abs(offset))
        seen["observed"] = seen["observed"] & torch.from_numpy(taken)
        kind = BodySeen if "visibility" in seen else Seen
        return truth, kind(**seen, offset=torch.from_numpy(offset.astype(np.float32)))


def load_clips(directories: tuple[Path, ...], filmed: bool, figure: FigureName = "hand") -> Clips | None:
    """Every clip under the directories; None if none are given.

    Args:
        directories: searched through for .npz files.
        filmed: take what a detector saw too; without, only the motion of a file is read.
        figure: what they are to be of.

    Raises:
        ModelError: a directory has no clips, or a file is no such clip, or a damaged one.
    """
    clips = [read_clip(file, filmed, figure=figure) for file in _files(directories)]
    return Clips(clips) if clips else None


def load_stills(directories: tuple[Path, ...]) -> Clips | None:
    """The frames with a detection of all stills under the directories; None if none are given.

    Raises:
        ModelError: a directory has no stills, nothing was detected in any, or a file is none.
    """
    if not directories:
        return None
    stills = [read_clip(file, filmed=True, stills=True).detected() for file in _files(directories)]
    stills = [still for still in stills if len(still)]
    if not stills:
        raise ModelError(f"nothing was detected in the stills of {', '.join(map(str, directories))}")
    return Clips(stills)


def require_held_out(validated: tuple[Path, ...], trained: tuple[Path, ...]) -> None:
    """Checks that no clip is both trained on and validated with: its errors would look too small.

    Args:
        validated, trained: directories as `load_clips` takes them.

    Raises:
        ModelError: naming a clip that is.
    """
    taught = {file.resolve() for directory in trained for file in _files_in(directory)}
    for file in (file for directory in validated for file in _files_in(directory)):
        if file.resolve() in taught:
            raise ModelError(
                f"{file} is both trained on and validated with; give --validate clips that are kept apart"
            )


def _files(directories: tuple[Path, ...]) -> Iterator[Path]:
    for directory in directories:
        files = _files_in(directory)
        if not files:
            raise ModelError(f"no clips (.npz) under {directory}; make some or give their directory")
        yield from tqdm(files, desc=f"reading {directory}", unit="clip", disable=len(files) < 200)


def _files_in(directory: Path) -> list[Path]:
    return sorted(Path(directory).rglob("*.npz"))


def read_clip(file: Path, filmed: bool, stills: bool = False, figure: FigureName = "hand") -> Clip:
    """One file; see `load_clips`, `load_stills`."""
    truth_rows, seen_rows = _rows(figure)
    rows = truth_rows | seen_rows if filmed else truth_rows
    with open_npz(file, "clip for this use", _INSTEAD) as data:
        if (data["fps"] == 0) != stills:
            kind = "a clip: give it as one" if stills else "of stills: give it to --stills"
            raise ModelError(f"{file} is {kind}")
        if not stills and int(data["fps"]) != SLOT_RATE_HZ:
            raise ModelError(f"{file} has {data['fps']} frames a second; resample it to {SLOT_RATE_HZ}")
        other: FigureName = "body" if figure == "hand" else "hand"
        if data["rotations"].shape[1:] == _rows(other)[0]["rotations"]:
            raise ModelError(f"{file} is of a {other}: give --figure {other}, or clips of a {figure}")
        arrays = {name: data[name].astype(bool if name == "observed" else np.float32) for name in rows}
        camera = np.array([float(data["focal_px"]), *data["centre_px"]]) if filmed else np.ones(3)
    require_rows(file, arrays, rows, _INSTEAD)
    truth = {name: arrays[name] for name in truth_rows}
    given = [*truth.values(), camera]
    if filmed:  # where nothing was seen there are no numbers, nor where there is no second opinion
        given += [
            arrays["score"],
            *(arrays[name][arrays["observed"]] for name in ("observed_m", "observed_px")),
        ]
    if camera.shape != (3,) or camera[0] <= 0.0 or not all(np.isfinite(values).all() for values in given):
        raise ModelError(f"{file} is damaged: it has numbers that are not finite, or no camera; {_INSTEAD}")
    return Clip(file.stem, truth, _seen(arrays, camera) if filmed else None)


def _rows(figure: FigureName) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """What a frame's truth and its detection look like, by name."""
    joints, points = (16, 21) if figure == "hand" else (24, 17)
    truth = {"rotations": (joints, 3, 3), "keypoints_m": (points, 3), "wrist_m": (3,)}
    seen = {"observed_px": (points, 2), "observed_m": (points, 3), "observed": ()}
    kind = {"observed_depth_px": (points,), "score": ()} if figure == "hand" else {"score": (points,)}
    return truth, seen | kind


def _seen(arrays: dict[str, np.ndarray], camera: np.ndarray) -> dict[str, np.ndarray]:
    """What was seen, see `Clip`, by a camera (3,) of such a focal length and centre in pixels."""
    pixels, image_m, score = arrays["observed_px"], arrays["observed_m"], arrays["score"]
    body = score.ndim == 2
    if not body:
        image_m = image_hand(image_m, pixels, arrays["observed_depth_px"])
    seen = {
        "observed": arrays["observed"],
        "keypoints_m": np.nan_to_num(arrays["observed_m"]),
        "image_m": np.nan_to_num(image_m),
        "rays": np.nan_to_num(rays_of_pixels(pixels, camera[0], camera[1:])).astype(np.float32),
        "score": score.mean(-1) if body else score,
    }
    return seen | {"visibility": score} if body else seen


def _between(values: np.ndarray, first: np.ndarray, last: np.ndarray, at: np.ndarray) -> torch.Tensor:
    """Values (N,…) of clips that begin at row `first` (B,1), at the times `at` (B,S) in frames: cubics."""
    before = np.floor(at)
    t = (at - before).astype(np.float32)
    frame = before.astype(np.int64)
    if not t.any():
        return torch.from_numpy(values[first + np.clip(frame, 0, last)])
    weights = (
        -0.5 * t + t**2 - 0.5 * t**3,
        1.0 - 2.5 * t**2 + 1.5 * t**3,
        0.5 * t + 2.0 * t**2 - 1.5 * t**3,
        -0.5 * t**2 + 0.5 * t**3,
    )
    total = np.zeros((*at.shape, *values.shape[1:]), dtype=np.float32)
    for away, weight in zip((-1, 0, 1, 2), weights, strict=True):
        share = weight.reshape(*at.shape, *[1] * (values.ndim - 1))
        total += share * values[first + np.clip(frame + away, 0, last)]
    return torch.from_numpy(total)


def _nearer_elsewhere(frame: np.ndarray, away: np.ndarray) -> np.ndarray:
    """Which slots (B,T) share their frame with a neighbour that is nearer to it."""
    lost = np.zeros(frame.shape, dtype=bool)
    shared, earlier = frame[:, 1:] == frame[:, :-1], away[:, :-1] < away[:, 1:]
    lost[:, 1:] |= shared & earlier
    lost[:, :-1] |= shared & ~earlier
    return lost


def _join(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]} if parts else {}
