"""Reads a user's own MANO_RIGHT.pkl or MANO_LEFT.pkl without chumpy or scipy, and without running its code.

The licensed files are Python pickles; see `models.array_pickle`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.array_pickle import dense, read_array_pickle
from models.errors import ModelError
from models.keypoints import FINGER_JOINTS, JOINT_PARENTS, NUM_JOINTS
from models.rotations import MIRROR

NUM_VERTICES = 778
_ADVICE = "give the path of MANO_RIGHT.pkl from mano.is.tue.mpg.de"
NUM_BETAS = 10
TIP_VERTICES_RIGHT = (745, 317, 444, 556, 673)
TIP_VERTICES_LEFT = (745, 317, 445, 556, 673)
_SHAPES: dict[str, tuple[int, ...]] = {
    "v_template": (NUM_VERTICES, 3),
    "shapedirs": (NUM_VERTICES, 3, NUM_BETAS),
    "posedirs": (NUM_VERTICES, 3, 135),
    "J_regressor": (NUM_JOINTS, NUM_VERTICES),
    "weights": (NUM_VERTICES, NUM_JOINTS),
}


@dataclass(frozen=True)
class ManoHand:
    """What `HandModel` needs of a MANO file, as a right hand with its wrist at the origin.

    Attributes:
        joints_m: (16,3) rest joints.
        vertices_m: (778,3) shaped template.
        faces: (F,3) int32.
        skin_weights: (778,16).
        pose_blend: (778,3,135) per entry of the 15 (R − I), row-major.
        tip_vertices: (5,) thumb to pinky.
    """

    joints_m: np.ndarray
    vertices_m: np.ndarray
    faces: np.ndarray
    skin_weights: np.ndarray
    pose_blend: np.ndarray
    tip_vertices: np.ndarray


def read_mano(path: str | Path, betas: np.ndarray | None = None) -> ManoHand:
    """Read a MANO pickle; a left hand is mirrored to right.

    The mean pose of the file is not added: rotation matrices are those of the flat hand here, as in MANO's
    own matrix interface.

    Args:
        path: the pickle.
        betas: (n,) shape coefficients, n ≤ 10; None is the mean shape.

    Raises:
        ModelError: missing file, other content than a MANO model, or objects other than arrays in it.
    """
    path = Path(path)
    content = read_array_pickle(path, "MANO", _ADVICE)
    arrays = {key: _array(path, content, key, shape) for key, shape in _SHAPES.items()}
    faces = _array(path, content, "f", None).astype(np.int32)
    parents = tuple(int(p) for p in _array(path, content, "kintree_table", None).astype(np.int64)[0][1:])
    if parents != JOINT_PARENTS[1:]:
        raise ModelError(f"{path} has joint parents {parents}, not MANO's {JOINT_PARENTS[1:]}; {_ADVICE}.")

    beta = np.zeros(NUM_BETAS)
    if betas is not None:
        given = np.asarray(betas, dtype=np.float64).ravel()
        if given.size > NUM_BETAS or not np.isfinite(given).all():
            raise ModelError(f"{given.size} betas were given; MANO takes up to {NUM_BETAS} finite numbers.")
        beta[: given.size] = given
    vertices = arrays["v_template"] + arrays["shapedirs"] @ beta
    joints = arrays["J_regressor"] @ vertices
    vertices, joints = vertices - joints[0], joints - joints[0]
    pose_blend = arrays["posedirs"]
    tips = TIP_VERTICES_RIGHT
    if joints[FINGER_JOINTS["middle"][0], 0] > 0.0:  # fingers along +x: the left template
        sign = np.diag(MIRROR)
        vertices, joints = vertices * sign, joints * sign
        faces = faces[:, ::-1]
        entries = np.tile(np.outer(sign, sign).ravel(), NUM_JOINTS - 1)  # M (R − I) M, entry by entry
        pose_blend = pose_blend * sign[:, None] * entries
        tips = TIP_VERTICES_LEFT
    return ManoHand(joints, vertices, faces, arrays["weights"], pose_blend, np.array(tips, dtype=np.int32))


def _array(path: Path, content: dict[str, Any], key: str, shape: tuple[int, ...] | None) -> np.ndarray:
    """One entry as a float array of the shape a MANO file has it in."""
    if key not in content:
        raise ModelError(f"{path} has no entry {key!r}, so it is no MANO model; {_ADVICE}.")
    try:
        array = dense(content[key]).astype(np.float64)
    except (TypeError, ValueError, KeyError, IndexError) as error:
        raise ModelError(f"Entry {key!r} of {path} is not an array ({error}); {_ADVICE}.") from error
    if shape is None:
        if array.ndim != 2:
            raise ModelError(f"Entry {key!r} of {path} has {array.ndim} dimensions instead of 2; {_ADVICE}.")
    elif key == "shapedirs" and array.shape[:2] == shape[:2] and array.shape[-1] >= NUM_BETAS:
        array = array[..., :NUM_BETAS]
    elif array.shape != shape:
        raise ModelError(f"Entry {key!r} of {path} has shape {array.shape} instead of {shape}; {_ADVICE}.")
    return array
