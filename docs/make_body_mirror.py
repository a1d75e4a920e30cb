"""Makes the picture of docs/body_mirror.md: a rendered person, and the humanoid that does the same.

python docs/make_body_mirror.py
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "docs"))

import numpy as np
from measured import NotWrittenError, write_pictures

from app.body_pairs import camera_rotation
from app.body_picture import BodyLook, BodyPainter
from app.humanoid import HumanoidScene
from app.humanoid.skeleton import draw_body_skeleton
from app.opencv import cv2
from models.body_clips import humanoid_directory
from models.body_model import BodyModel
from models.body_retarget import motion_of_humanoid
from models.camera import Camera

TILE_PX = (300, 300)
# Clip of PyBullet's humanoid, how far the camera stands around it, and which moment of it, 0-1.
MOMENTS = (("walk", 30.0, 0.3), ("dance_a", 0.0, 0.5), ("kick", -55.0, 0.55), ("crawl", 60.0, 0.5))
DISTANCE_M = 2.3
LOOK = BodyLook(
    skin=(135.0, 165.0, 215.0),
    shirt=(120.0, 84.0, 62.0),
    trousers=(88.0, 78.0, 72.0),
    shoes=(60.0, 60.0, 60.0),
    hair=(40.0, 48.0, 60.0),
    room=np.tile(np.linspace(225.0, 170.0, TILE_PX[1])[:, None, None], (1, TILE_PX[0], 3)).astype(np.uint8),
)
_LEAD = 20  # frames before the moment, for limbs that remember how they lay


def draw(results: dict[str, Any], folder: Path) -> dict[str, Path]:
    """The picture: the person above, the humanoid below."""
    columns = [np.vstack(moment(*chosen)) for chosen in MOMENTS]
    path = folder / "moments.png"
    cv2.imwrite(str(path), np.hstack(columns))
    return {"moments": path}


def moment(name: str, yaw_deg: float, when: float) -> tuple[np.ndarray, np.ndarray]:
    """The camera's picture and the humanoid's, BGR."""
    directory = humanoid_directory()
    if directory is None:
        raise NotWrittenError("pybullet_data is not installed; run pip install -r requirements.txt")
    body = BodyModel.load()
    motion = motion_of_humanoid(directory / f"humanoid3d_{name}.txt", body)
    view = camera_rotation(math.radians(yaw_deg), math.radians(8.0))
    rotations = motion.rotations.copy()
    rotations[:, 0] = view @ rotations[:, 0]
    last = round(when * (len(motion) - 1))
    away = motion.pelvis_m - motion.pelvis_m[last] + np.array([0.0, motion.pelvis_m[last, 1], 0.0])
    pelvis_m = away @ view.T + np.array([0.0, 0.85, DISTANCE_M])
    camera = Camera.assumed(TILE_PX)
    painter = BodyPainter(body, LOOK, camera)
    picture = painter.paint(last, rotations[last], pelvis_m[last])
    keypoints_m = body.keypoints(rotations, pelvis_m)
    draw_body_skeleton(picture, camera.project(keypoints_m[last]), scale=0.6)
    with HumanoidScene(TILE_PX) as scene:
        for frame in range(max(0, last - _LEAD), last + 1):
            mirrored = scene.show(rotations[frame], keypoints_m[frame, 0], float(motion.t_s[frame]))
    return picture, mirrored


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    try:
        write_pictures(draw, {}, "body_mirror", ROOT / "docs")
    except NotWrittenError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
