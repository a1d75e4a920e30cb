"""When things move: keyframes joined by minimum-jerk moves, and smooth noise, for many clips at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_MOVE_SPREAD = 0.35  # log-normal, from move to move of one person
_MIN_MOVE_S = 0.13  # fingers are not faster


@dataclass(frozen=True)
class Schedule:
    """Keyframe k is moved to from `start_s[k]` on for `move_s[k]`, then held; keyframe 0 is there at first.

    Attributes:
        start_s, move_s: (B,K) seconds from the beginning of the clip.
    """

    start_s: np.ndarray
    move_s: np.ndarray

    @staticmethod
    def random(rng: np.random.Generator, move_s: np.ndarray, hold_s: np.ndarray, length_s: float) -> Schedule:
        """Moves and holds around clip-wise means until every clip is filled.

        Args:
            rng: the dice.
            move_s: (B,) typical duration of a move, above zero.
            hold_s: (B,) mean hold; two holds in five are none at all.
            length_s: of the clips.
        """
        moves: list[np.ndarray] = []
        holds: list[np.ndarray] = []
        filled = np.zeros(len(move_s))
        while len(moves) < 3 or filled.min() < length_s:
            move = move_s * np.exp(_MOVE_SPREAD * rng.standard_normal(len(move_s)))
            moves.append(np.maximum(move, _MIN_MOVE_S))
            held = rng.exponential(1.0, len(move_s)) * hold_s / 0.6
            holds.append(np.where(rng.random(len(move_s)) < 0.4, 0.0, held))
            if len(moves) > 1:  # clips begin anywhere in their first move
                filled += moves[-1] + holds[-1]
        all_moves, lasts = np.stack(moves, axis=1), np.stack(moves, axis=1) + np.stack(holds, axis=1)
        first = rng.random(len(move_s)) * lasts[:, 0]
        return Schedule(np.cumsum(lasts, axis=1) - lasts - first[:, None], all_moves)

    @property
    def count(self) -> int:
        """Keyframes K."""
        return self.start_s.shape[1]

    def place(self, t_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which move each time falls into, and how far it has come.

        Args:
            t_s: (B,N) times.

        Returns:
            k (B,N) index of the keyframe moved to, at least 1; share (B,N) of the way to it from keyframe
            k − 1, 0–1.
        """
        clips, K = self.start_s.shape
        span = 10.0 + float(np.abs(t_s).max()) + float(np.abs(self.start_s).max())
        offset = 2.0 * span * np.arange(clips)[:, None]
        at = np.searchsorted((self.start_s + offset).ravel(), (t_s + offset).ravel(), side="right")
        k = np.clip(at.reshape(t_s.shape) - 1 - K * np.arange(clips)[:, None], 1, K - 1)
        start = np.take_along_axis(self.start_s, k, axis=1)
        move = np.take_along_axis(self.move_s, k, axis=1)
        return k, minimum_jerk((t_s - start) / move)


def minimum_jerk(share: np.ndarray) -> np.ndarray:
    """The smoothest way from 0 to 1 (Flash and Hogan 1985): zero speed and acceleration at both ends."""
    s = np.clip(share, 0.0, 1.0)
    return np.asarray(s**3 * (10.0 - 15.0 * s + 6.0 * s**2))


def travel(keyframes: np.ndarray, k: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Values (B,N,C) between keyframes (B,K,C) at places (B,N) of a schedule."""
    rows = np.arange(len(keyframes))[:, None]
    before, after = keyframes[rows, k - 1], keyframes[rows, k]
    return before + share[..., None] * (after - before)


def smooth_noise(
    rng: np.random.Generator,
    frames: int,
    channels: int,
    amplitude: np.ndarray,
    cutoff_hz: np.ndarray,
    fps: float,
) -> np.ndarray:
    """Gaussian processes (B,frames,channels) of a standard deviation and bandwidth of each clip's own.

    Args:
        rng: the dice.
        frames, channels: size.
        amplitude: (B,) standard deviation.
        cutoff_hz: (B,) −3 dB frequency of a fourth-order low-pass.
        fps: frame rate, Hz.
    """
    return _filtered(
        rng, frames, channels, fps, amplitude, lambda f: 1.0 / (1.0 + (f / cutoff_hz[:, None]) ** 4)
    )


def tremor(
    rng: np.random.Generator, frames: int, channels: int, amplitude: np.ndarray, fps: float
) -> np.ndarray:
    """Physiological tremor (B,frames,channels): Gaussian noise about 9 Hz, standard deviation (B,)."""
    return _filtered(
        rng, frames, channels, fps, amplitude, lambda f: np.exp(-0.5 * ((f - 9.0) / 1.5) ** 2)[None]
    )


def smoothed(values: np.ndarray, sigma_frames: np.ndarray) -> np.ndarray:
    """Values (B,N,C) after a Gaussian blur over time, of each clip's own width (B,); 0 leaves them."""
    if not sigma_frames.any():
        return values
    count = values.shape[1]
    both = np.concatenate([values, values[:, ::-1]], axis=1)  # mirrored, so that the ends stay where they are
    f = np.fft.rfftfreq(2 * count)
    gain = np.exp(-2.0 * (np.pi * f * sigma_frames[:, None]) ** 2)
    return np.asarray(np.fft.irfft(np.fft.rfft(both, axis=1) * gain[..., None], 2 * count, axis=1)[:, :count])


def _filtered(
    rng: np.random.Generator,
    frames: int,
    channels: int,
    fps: float,
    amplitude: np.ndarray,
    shape: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    spare = frames + max(8, frames // 8)  # noise made in frequency space is periodic: the rest is cut off
    f = np.fft.rfftfreq(spare, 1.0 / fps)
    power = np.broadcast_to(shape(f), (len(amplitude), len(f))).copy()
    power[:, 0] *= 0.5
    gain = power / np.sqrt((2.0 * power**2).sum(axis=1, keepdims=True)) * amplitude[:, None] * spare
    size = (len(amplitude), len(f), channels)
    spectrum = rng.standard_normal(size, dtype=np.float32) + 1j * rng.standard_normal(size, dtype=np.float32)
    return np.fft.irfft(spectrum * (gain / np.sqrt(2.0))[..., None], spare, axis=1)[:, :frames]
