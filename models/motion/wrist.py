"""Where the hand goes and how it is turned, before a camera, for many clips at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.camera import Camera
from models.motion.timing import Schedule, smooth_noise, travel
from models.rotations import axis_angle_from_matrix, matrix_from_axis_angle

FACING = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Rest pose → camera: fingers up, palm to the camera."""

_ANY_WAY_SHARE = 0.18  # clips whose hand is turned any way at all; the others turn about facing the camera
_ROOM_SHARE = 0.72  # of the picture's half width and height, where the hand's middle usually is
_LEAVING_SHARE = 0.04  # of the places gone to are at the picture's edge or outside it
_DISTANCE_HANDS = (1.35, 3.2)  # hand lengths from the camera


@dataclass(frozen=True)
class WristPath:
    """How the arms of B clips move for N frames.

    Attributes:
        wrist: (B,N,3,3) rotation to camera axes.
        forearm: (B,N,3,3) the wrist's rotation if the wrist were straight.
        middle_m: (B,N,3) where the middle of the hand is in the camera frame.
    """

    wrist: np.ndarray
    forearm: np.ndarray
    middle_m: np.ndarray


def wrist_paths(
    rng: np.random.Generator,
    cameras: tuple[Camera, ...],
    frames: int,
    fps: float,
    hand_m: float,
    pace_s: np.ndarray,
    turning: np.ndarray | None,
) -> WristPath:
    """Smooth turning and travelling in view of cameras.

    Args:
        rng: the dice.
        cameras: one for each of B clips.
        frames, fps: length and rate.
        hand_m: length of the hand.
        pace_s: (B,) typical duration of a move.
        turning: (B,N,3,3) real turning of a wrist to play instead, where finite.
    """
    count = len(cameras)
    t = np.broadcast_to(np.arange(frames) / fps, (count, frames))
    liveliness = np.exp(rng.uniform(np.log(0.03), np.log(0.9), count))  # of the arm, clip by clip
    wrist = _orientations(rng, t, pace_s, liveliness, fps)
    if turning is not None:
        start = wrist[:, :1]
        played = start @ np.swapaxes(turning[:, :1], -1, -2) @ turning
        real = np.isfinite(turning).all(axis=(1, 2, 3))
        wrist = np.where(real[:, None, None, None], played, wrist)
    return WristPath(
        wrist, wrist @ _bends(rng, t, pace_s, fps), _places(rng, cameras, t, pace_s, liveliness, hand_m, fps)
    )


def _orientations(
    rng: np.random.Generator, t: np.ndarray, pace_s: np.ndarray, liveliness: np.ndarray, fps: float
) -> np.ndarray:
    count, frames = t.shape
    schedule = Schedule.random(rng, 1.6 * pace_s, 1.2 * pace_s, float(t.max()))
    any_way = np.asarray(rng.random(count)) < _ANY_WAY_SHARE
    home = np.where(any_way[:, None, None], _uniform_rotations(rng, count), _facing(rng, count))
    turn = rng.standard_normal((count, schedule.count, 3)) * (0.08 + 0.6 * liveliness[:, None, None])
    keyframes = home[:, None] @ matrix_from_axis_angle(turn)
    k, share = schedule.place(t)
    rows = np.arange(count)[:, None]
    step = axis_angle_from_matrix(np.swapaxes(keyframes[:, :-1], -1, -2) @ keyframes[:, 1:])
    cutoff_hz = np.asarray(rng.uniform(0.2, 2.0, count))
    noise = smooth_noise(rng, frames, 3, 0.02 + 0.12 * liveliness, cutoff_hz, fps)
    R: np.ndarray = (
        keyframes[rows, k - 1]
        @ matrix_from_axis_angle(share[..., None] * step[rows, k - 1])
        @ matrix_from_axis_angle(noise)
    )
    return R


def _facing(rng: np.random.Generator, count: int) -> np.ndarray:
    """Palm or back to the camera, fingers more or less up, from any side an operator's arm comes from."""
    spin = rng.normal(0.0, np.radians(35.0), count)
    lean = rng.normal(0.0, np.radians(25.0), count)
    turn = rng.normal(0.0, np.radians(35.0), count) + np.where(rng.random(count) < 0.25, np.pi, 0.0)
    about = np.zeros((3, count, 3))
    about[0, :, 2], about[1, :, 0], about[2, :, 0] = spin, lean, turn
    R: np.ndarray = (
        matrix_from_axis_angle(about[0])
        @ matrix_from_axis_angle(about[1])
        @ FACING
        @ matrix_from_axis_angle(about[2])
    )
    return R


def _uniform_rotations(rng: np.random.Generator, count: int) -> np.ndarray:
    q = rng.standard_normal((count, 4))
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    angle = 2.0 * np.arccos(np.clip(q[:, :1], -1.0, 1.0))
    axis = q[:, 1:] / np.maximum(np.linalg.norm(q[:, 1:], axis=1, keepdims=True), 1e-9)
    return matrix_from_axis_angle(angle * axis)


def _bends(rng: np.random.Generator, t: np.ndarray, pace_s: np.ndarray, fps: float) -> np.ndarray:
    """Hand to forearm, (B,N,3,3): the wrist's bend and deviation, slowly changing."""
    count, frames = t.shape
    schedule = Schedule.random(rng, 2.0 * pace_s, 2.0 * pace_s, float(t.max()))
    k, share = schedule.place(t)
    angles = travel(rng.normal(0.0, np.radians((22.0, 9.0)), (count, schedule.count, 2)), k, share)
    angles += smooth_noise(rng, frames, 2, np.full(count, np.radians(2.0)), np.full(count, 0.7), fps)
    about = np.zeros((2, count, frames, 3))
    about[0, ..., 2] = -np.clip(angles[..., 0], -1.0, 1.0)
    about[1, ..., 1] = np.clip(angles[..., 1], -0.4, 0.4)
    R: np.ndarray = matrix_from_axis_angle(about[1]) @ matrix_from_axis_angle(about[0])
    return R


def _places(
    rng: np.random.Generator,
    cameras: tuple[Camera, ...],
    t: np.ndarray,
    pace_s: np.ndarray,
    liveliness: np.ndarray,
    hand_m: float,
    fps: float,
) -> np.ndarray:
    count, frames = t.shape
    half = np.array(
        [np.array(camera.size_px) / camera.focal_px / 2.0 for camera in cameras]
    )  # (B,2) tangents
    schedule = Schedule.random(rng, 1.8 * pace_s, 1.5 * pace_s, float(t.max()))
    K = schedule.count
    home = rng.uniform(-0.6, 0.6, (count, 1, 2))
    reach = (0.06 + 0.7 * liveliness)[:, None, None]
    spots = np.clip(home + reach * rng.standard_normal((count, K, 2)), -_ROOM_SHARE, _ROOM_SHARE)
    leaving = rng.random((count, K)) < _LEAVING_SHARE * np.clip(4.0 * liveliness[:, None], 0.25, 2.0)
    spots = np.where(leaving[..., None], rng.uniform(0.8, 1.7, (count, K, 1)) * _edge(rng, (count, K)), spots)
    low, high = np.log(_DISTANCE_HANDS)
    log_z = rng.uniform(low, high, (count, 1)) + 0.4 * liveliness[:, None] * rng.standard_normal((count, K))
    keyframes = np.concatenate([spots, np.clip(log_z, low, high)[..., None]], axis=-1)
    k, share = schedule.place(t)
    path = travel(keyframes, k, share)
    cutoff_hz = np.asarray(rng.uniform(0.2, 1.5, count))
    noise = smooth_noise(rng, frames, 3, np.full(count, 1.0), cutoff_hz, fps)
    path += noise * (0.004 + 0.05 * liveliness[:, None, None]) * (1.0, 1.0, 0.6)
    z_m = hand_m * np.exp(path[..., 2])
    return np.concatenate([path[..., :2] * half[:, None] * z_m[..., None], z_m[..., None]], axis=-1)


def _edge(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Points (…,2) on the border of the picture's square."""
    along = rng.uniform(-1.0, 1.0, shape)
    side = rng.choice([-1.0, 1.0], shape)
    upright = rng.random(shape) < 0.5
    return np.stack([np.where(upright, along, side), np.where(upright, side, along)], axis=-1)
