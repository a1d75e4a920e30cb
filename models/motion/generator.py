"""Endless hand motion: poses, how fingers and wrist travel between them, steadiness, all drawn from a seed.

A batch of clips is made at once in arrays. Each clip has a character: its pace, how long it holds, how
restless its fingers are, how much it blends one move into the next, and whether it plays recorded motion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.camera import Camera
from models.hand_model import HandModel
from models.keypoints import FINGER_JOINTS, FINGERS
from models.motion.bank import RATE_HZ, PoseBank
from models.motion.fitting import wide_limits
from models.motion.poses import KINDS, Mix, PoseSampler
from models.motion.timing import Schedule, smooth_noise, smoothed, travel, tremor
from models.motion.wrist import wrist_paths

FPS = 30.0
_PACE_S = (0.16, 1.1)  # typical duration of a move, from very fast to slow
_STILL_SHARE = 0.08  # clips that hold one pose and little else
_PLAYED_SHARE = 0.22  # clips that play recorded motion, when there is some
_PLAY_SPEED = (0.4, 1.8)
_RESTLESS_SHARE = 0.5
_SIZES_PX = ((640, 480), (640, 360), (640, 480), (640, 480), (640, 360), (480, 360), (320, 240), (960, 540))
_FOV_RAD = np.radians((48.0, 82.0))


@dataclass(frozen=True)
class MotionBatch:
    """B clips of N frames of one hand; camera axes x right, y down, z forward, metres.

    Attributes:
        fps: frame rate, Hz.
        shape: name of the hand model, before scaling.
        rotations: (B,N,16,3,3) MANO order, the first from the rest pose to camera axes.
        keypoints_m: (B,N,21,3) relative to the wrist.
        wrist_m: (B,N,3) camera frame.
        forearm: (B,N,3,3) rotation of the forearm: the wrist's if it were straight.
        cameras: B cameras that see it.
    """

    fps: float
    shape: str
    rotations: np.ndarray
    keypoints_m: np.ndarray
    wrist_m: np.ndarray
    forearm: np.ndarray
    cameras: tuple[Camera, ...]


class MotionGenerator:
    """Human-looking motion of one hand.

    Args:
        model: the hand.
        bank: real poses and motion to mix in, if any.
        mix: how often each kind of pose is drawn.
    """

    def __init__(self, model: HandModel, bank: PoseBank | None = None, mix: Mix | None = None) -> None:
        self.model = model
        self._poses = PoseSampler(model, bank, mix)
        self._bank = bank
        self._clips = [] if bank is None else bank.motion_clips()
        limits = wide_limits(model)
        self._low, self._high = limits[..., 0], limits[..., 1]
        keypoints = model.keypoints(model.rotations_of_angles(np.zeros((15, 3))))
        self._hand_m = float(np.linalg.norm(keypoints[12]))

    def batch(
        self,
        rng: np.random.Generator,
        clips: int,
        frames: int,
        cameras: tuple[Camera, ...] | None = None,
        scale: float = 1.0,
    ) -> MotionBatch:
        """New clips; the same state of `rng` gives the same ones.

        Args:
            rng: the dice.
            clips: how many, B.
            frames: of each, N.
            cameras: B cameras to stay in view of; None draws plain webcams.
            scale: size of the hand, relative to the model's.
        """
        if cameras is None:
            cameras = tuple(random_camera(rng) for _ in range(clips))
        if len(cameras) != clips:
            raise ValueError(f"{clips} clips take {clips} cameras, not {len(cameras)}.")
        pace_s = np.exp(rng.uniform(np.log(_PACE_S[0]), np.log(_PACE_S[1]), clips))
        still = rng.random(clips) < _STILL_SHARE
        angles = self._travelling(rng, frames, np.where(still, 30.0, pace_s), still)
        turning = np.full((clips, frames, 3, 3), np.nan)
        self._play(rng, angles, turning)
        angles = self._unsteady(rng, angles, still)
        arm_pace_s = np.where(still, 8.0, pace_s * np.exp(rng.uniform(-0.2, 1.2, clips)))
        path = wrist_paths(rng, cameras, frames, FPS, scale * self._hand_m, arm_pace_s, turning)
        rotations = self.model.rotations_of_angles(angles, path.wrist)
        keypoints_m = scale * self.model.keypoints(rotations)
        # Between moving the wrist and moving the middle of the hand: people turn about either.
        share = rng.random((clips, 1, 1))
        middle = keypoints_m.mean(axis=2)
        wrist_m = path.middle_m - share * middle - (1.0 - share) * middle.mean(axis=1, keepdims=True)
        return MotionBatch(
            FPS,
            self.model.name,
            rotations.astype(np.float32),
            keypoints_m.astype(np.float32),
            wrist_m.astype(np.float32),
            path.forearm.astype(np.float32),
            cameras,
        )

    def _travelling(
        self, rng: np.random.Generator, frames: int, pace_s: np.ndarray, still: np.ndarray
    ) -> np.ndarray:
        """From pose to pose, (B,N,15,3): fingers start one after the other and take their own time."""
        clips = len(pace_s)
        t = np.arange(frames) / FPS
        schedule = Schedule.random(rng, pace_s, pace_s * rng.uniform(0.0, 2.0, clips), frames / FPS + 0.3)
        poses, kinds = self._poses.sample(rng, clips * schedule.count)
        keyframes = poses.reshape(clips, schedule.count, 15, 3)
        keyframes += self._habit(rng, clips) * (kinds != KINDS.index("pinch")).reshape(clips, -1, 1, 1)
        # Some hands only ever go a part of the way from one favourite pose.
        reach = np.where(rng.random(clips) < 0.35, rng.uniform(0.05, 0.6, clips), 1.0)
        keyframes = keyframes[:, :1] + reach[:, None, None, None] * (keyframes - keyframes[:, :1])
        angles = np.empty((clips, frames, 15, 3))
        lateness = rng.uniform(0.0, 0.35, (clips, 1)) * pace_s[:, None] * ~still[:, None]
        for finger in FINGERS:
            rows = [joint - 1 for joint in FINGER_JOINTS[finger]]
            delay_s = lateness * rng.random((clips, 1))
            place = schedule.place(t[None] - delay_s)
            own = keyframes[:, :, rows].reshape(clips, schedule.count, 9)
            angles[:, :, rows] = travel(own, *place).reshape(clips, frames, 3, 3)
        blending = np.where(rng.random(clips) < 0.4, rng.uniform(0.1, 0.4, clips) * pace_s * FPS, 0.0)
        flat = smoothed(angles.reshape(clips, frames, 45), np.where(still, 0.0, blending))
        return flat.reshape(clips, frames, 15, 3)

    def _habit(self, rng: np.random.Generator, clips: int) -> np.ndarray:
        """(B,1,15,3): one person's joints differ from another's, all the time by the same."""
        return np.radians((5.0, 3.0, 3.0)) * rng.standard_normal((clips, 1, 15, 3))

    def _play(self, rng: np.random.Generator, angles: np.ndarray, turning: np.ndarray) -> None:
        """Overwrite some clips with recorded motion, faster or slower, forth and back, in part or whole."""
        if self._bank is None or not self._clips:
            return
        clips, frames = angles.shape[:2]
        for b in np.flatnonzero(rng.random(clips) < _PLAYED_SHARE):
            rows = self._clips[int(rng.integers(len(self._clips)))]
            length = rows.stop - rows.start
            speed = np.exp(rng.uniform(*np.log(_PLAY_SPEED))) * RATE_HZ / FPS
            at = rng.uniform(0.0, length) + speed * np.arange(frames)
            at = length - 1.0 - np.abs((at % (2.0 * length - 2.0)) - (length - 1.0))
            before = np.minimum(at.astype(int), length - 2)
            share = (at - before)[:, None, None]
            real = self._bank.angles_rad[rows]
            played = (1.0 - share) * real[before] + share * real[before + 1]
            blend = 1.0 if rng.random() < 0.6 else rng.uniform(0.3, 1.0)
            angles[b] = blend * played + (1.0 - blend) * angles[b] + blend * self._habit(rng, 1)[0]
            if rng.random() < 0.5:
                wrist = self._bank.wrist[rows]
                chord = (1.0 - share) * wrist[before] + share * wrist[before + 1]
                U, _, Vt = np.linalg.svd(chord)
                turning[b] = U @ Vt

    def _unsteady(self, rng: np.random.Generator, angles: np.ndarray, still: np.ndarray) -> np.ndarray:
        """Drift, tremor and restless fingers on top; then softly within the joints' ranges."""
        clips, frames = angles.shape[:2]
        restless = (rng.random(clips) < _RESTLESS_SHARE) & ~still
        amplitude = np.where(restless, np.exp(rng.uniform(np.log(0.01), np.log(0.25), clips)), 0.006)
        cutoff_hz = np.where(restless, np.exp(rng.uniform(np.log(0.3), np.log(4.0), clips)), 0.5)
        # Fast and wide together is faster than muscles are.
        amplitude = np.minimum(amplitude, 0.25 / cutoff_hz)
        noise = smooth_noise(rng, frames, 45, amplitude, cutoff_hz, FPS)
        common = rng.random((clips, 1, 1))
        shared = noise[..., :6] @ _SYNERGIES
        noise = (1.0 - common) * noise + common * shared
        noise += tremor(rng, frames, 45, np.radians(rng.uniform(0.0, 0.12, clips)), FPS)
        angles = angles + noise.reshape(clips, frames, 15, 3) * _MOBILITY
        return _softly_within(angles, self._low, self._high)


def random_camera(rng: np.random.Generator) -> Camera:
    """A webcam: its picture's size and field of view."""
    size = _SIZES_PX[int(rng.integers(len(_SIZES_PX)))]
    focal_px = 0.5 * size[0] / np.tan(0.5 * rng.uniform(*_FOV_RAD))
    return Camera(float(focal_px), (0.5 * size[0], 0.5 * size[1]), size)


def _softly_within(angles: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Angles bent back smoothly, over a tenth of the range, where they would leave it."""
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    x = (angles - middle) / half
    knee = 0.9
    over = np.abs(x) - knee
    soft = knee + (1.0 - knee) * np.tanh(np.maximum(over, 0.0) / (1.0 - knee))
    return middle + half * np.where(over > 0.0, np.sign(x) * soft, x)


def _synergies() -> np.ndarray:
    """Six ways (6,45) in which fingers move as one: curl, outer curl, spread, thumb, inner and outer side."""
    moves = np.zeros((6, 15, 3))
    for i, finger in enumerate(FINGERS[1:]):
        rows = [joint - 1 for joint in FINGER_JOINTS[finger]]
        moves[0, rows, 0] = (0.8, 1.0, 0.6)
        moves[1, rows, 0] = (-0.5, 1.0, 0.8)
        moves[2, rows[0], 1] = 0.5 * (i - 1.2)
        moves[4 if i < 2 else 5, rows, 0] = (1.0, 0.6, 0.4)
    rows = [joint - 1 for joint in FINGER_JOINTS["thumb"]]
    moves[3, rows[0]] = (0.8, -0.6, 0.4)
    moves[3, rows[1:], 0] = (0.6, 0.6)
    return moves.reshape(6, 45)


_SYNERGIES = _synergies()
_MOBILITY = np.array([1.0, 0.35, 0.12])  # flexion, abduction, twist
