"""What MediaPipe says of bodies whose pose is known: `python -m app.body_pairs BVH_DIRECTORY OUT`.

Recorded motions are played on bodies of several shapes and colours before cameras all around, drawn and
detected. `models.body_noise` is measured from the pairs, and they are clips to train with besides.
"""

from __future__ import annotations

import logging
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from tqdm import tqdm

from app import assets
from app.body_detector import BodyDetector
from app.body_picture import BodyPainter, random_look
from app.errors import AppError, UsageError
from app.frame import Frame
from app.tool import run_tool
from models.body_clips import BodyClip, Split, read_body_clips
from models.body_model import BodyModel, body_shape_names
from models.body_observation import BodyObservation
from models.camera import Camera
from models.rotations import matrix_from_axis_angle
from models.window import SLOT_PERIOD_NS, SLOT_RATE_HZ

logger = logging.getLogger(__name__)

_SIZE_PX = (640, 480)
_FOV_RAD = (math.radians(45.0), math.radians(75.0))  # across
_DISTANCE_M = (2.0, 5.0)
_PITCH_RAD = math.radians(15.0)
_ASIDE = 0.5  # how far from the picture's middle the body stands at most, of what there is


@dataclass
class Arguments:
    """Draw and detect bodies.

    Attributes:
        bvh_directory: with CMU's .bvh files.
        out: where the pairs go, one .npz each.
        count: how many.
        frames: of each, 30 a second.
        split: of which people's motions.
        seed: of all that is drawn by chance.
    """

    bvh_directory: tyro.conf.Positional[Path]
    out: tyro.conf.Positional[Path]
    count: int = 60
    frames: int = 90
    split: Split = "train"
    seed: int = 0


def write_pairs(arguments: Arguments) -> None:
    """Write `count` files; those that are there already stay.

    Raises:
        UsageError: a setting has no sense.
        AppError, ModelError: there is no such motion, or no detector.
    """
    if arguments.count < 1 or arguments.frames < 1 or arguments.seed < 0:
        raise UsageError("pairs take a count and frames of at least 1 and a seed from 0 up")
    clips = read_body_clips(arguments.bvh_directory, mirror=False)
    clips = [c for c in clips if c.split == arguments.split and len(c) >= min(arguments.frames, 60)]
    if not clips:
        raise AppError(
            f"{arguments.bvh_directory} holds no motion for {arguments.split} of {min(arguments.frames, 60)} "
            "frames; give another --split, fewer --frames or more motion"
        )
    bodies = [BodyModel.load(name) for name in body_shape_names()]
    asset = assets.resolve_pose_landmarker()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for number in tqdm(range(arguments.count), desc="drawing and detecting", unit="clip"):
        file = arguments.out / f"pair_{arguments.seed}_{number:04d}.npz"
        if not file.exists():
            rng = np.random.default_rng([arguments.seed, number])
            clip, body = clips[rng.integers(len(clips))], bodies[rng.integers(len(bodies))]
            first = int(rng.integers(max(len(clip) - arguments.frames, 0) + 1))
            arrays = one_pair(rng, clip, slice(first, first + arguments.frames), body, asset)
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def one_pair(
    rng: np.random.Generator, clip: BodyClip, part: slice, body: BodyModel, asset: Path
) -> dict[str, np.ndarray]:
    """Truth and detections of a part of a clip before a camera drawn by chance.

    Returns:
        rotations (N,24,3,3), keypoints_m (N,17,3) and wrist_m (N,3), here the hip, camera axes;
        observed (N,), observed_m (N,17,3), observed_px (N,17,2) and score (N,17), NaN or zero where nobody
        was detected; fps, focal_px, centre_px.
    """
    width, height = _SIZE_PX
    focal_px = 0.5 * width / math.tan(0.5 * rng.uniform(*_FOV_RAD))
    camera = Camera(focal_px, (0.5 * width, 0.5 * height), _SIZE_PX)
    view = camera_rotation(rng.uniform(-math.pi, math.pi), rng.uniform(-_PITCH_RAD, _PITCH_RAD))
    rotations = clip.rotations[part].astype(np.float64)
    rotations[:, 0] = view @ rotations[:, 0]
    path = clip.hip_m[part] - clip.hip_m[part].mean(axis=0)
    distance_m = rng.uniform(*_DISTANCE_M)
    reach = distance_m / focal_px * np.array([0.5 * width, 0.5 * height])
    aside = rng.uniform(-_ASIDE, _ASIDE, 2) * reach * (1.0, 0.4)
    hip_m = path @ view.T + np.array([*aside, distance_m])
    pelvis_m = hip_m - body.keypoints(rotations)[:, 0]
    keypoints = body.keypoints(rotations, pelvis_m)

    painter = BodyPainter(body, random_look(rng, _SIZE_PX), camera)
    with BodyDetector(asset) as detector:
        seen = [
            detector.detect(Frame(i, i * SLOT_PERIOD_NS, painter.paint(i, rotations[i], pelvis_m[i])))
            for i in range(len(rotations))
        ]
    return {
        "rotations": rotations.astype(np.float32),
        "keypoints_m": (keypoints - keypoints[:, :1]).astype(np.float32),
        "wrist_m": keypoints[:, 0].astype(np.float32),
        **_arrays_of(seen),
        "fps": np.array(SLOT_RATE_HZ),
        "focal_px": np.array(focal_px),
        "centre_px": np.array(camera.centre_px),
        "name": np.array(clip.name),
        "shape": np.array(body.name),
    }


def camera_rotation(yaw_rad: float, pitch_rad: float) -> np.ndarray:
    """Takes a frame with y up to the axes of a camera that stands around it so far and looks so far down."""
    flip = np.diag([1.0, -1.0, -1.0])  # y up and z to the camera become y down and z ahead
    pitch = matrix_from_axis_angle(np.array([pitch_rad, 0.0, 0.0]))
    return pitch @ flip @ matrix_from_axis_angle(np.array([0.0, yaw_rad, 0.0]))


def _arrays_of(seen: list[BodyObservation]) -> dict[str, np.ndarray]:
    return {
        "observed": np.array([o.detected for o in seen]),
        "observed_m": np.array([o.keypoints_m for o in seen], dtype=np.float32),
        "observed_px": np.array([o.keypoints_px for o in seen], dtype=np.float32),
        "score": np.array([o.score for o in seen], dtype=np.float32),
    }


def main(arguments: list[str]) -> int:
    """The command line."""
    return run_tool(lambda: write_pairs(tyro.cli(Arguments, args=arguments, prog="app.body_pairs")))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
