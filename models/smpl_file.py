"""Reads a user's own SMPL file, a .pkl or an .npz, without chumpy or scipy, and without running its code."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.array_pickle import dense, read_array_pickle
from models.body_keypoints import BODY_JOINT_PARENTS, NUM_BODY_JOINTS
from models.errors import ModelError

NUM_SMPL_VERTICES = 6890
NUM_SMPL_BETAS = 10
_ADVICE = "give the path of an SMPL file (.pkl or .npz) from smpl.is.tue.mpg.de"
_SHAPES: dict[str, tuple[int, ...]] = {
    "v_template": (NUM_SMPL_VERTICES, 3),
    "shapedirs": (NUM_SMPL_VERTICES, 3, NUM_SMPL_BETAS),
    "J_regressor": (NUM_BODY_JOINTS, NUM_SMPL_VERTICES),
    "weights": (NUM_SMPL_VERTICES, NUM_BODY_JOINTS),
}


@dataclass(frozen=True)
class SmplBody:
    """What `BodyModel` needs of an SMPL file, its pelvis at the origin.

    Attributes:
        joints_m: (24,3) rest joints.
        vertices_m: (6890,3) shaped template.
        faces: (F,3) int32.
        skin_weights: (6890,24).
    """

    joints_m: np.ndarray
    vertices_m: np.ndarray
    faces: np.ndarray
    skin_weights: np.ndarray


def read_smpl(path: str | Path, betas: np.ndarray | None = None) -> SmplBody:
    """Read an SMPL file; how its skin bulges with the pose is left out.

    Args:
        path: the file.
        betas: (n,) shape coefficients, n ≤ 10; None is the mean shape.

    Raises:
        ModelError: missing file, other content than an SMPL model, or objects other than arrays in it.
    """
    path = Path(path)
    content = _read_npz(path) if path.suffix.lower() == ".npz" else read_array_pickle(path, "SMPL", _ADVICE)
    arrays = {key: _array(path, content, key, shape) for key, shape in _SHAPES.items()}
    faces = _array(path, content, "f", None).astype(np.int32)
    parents = tuple(int(p) for p in _array(path, content, "kintree_table", None).astype(np.int64)[0][1:])
    if parents != BODY_JOINT_PARENTS[1:]:
        raise ModelError(
            f"{path} has joint parents {parents}, not SMPL's {BODY_JOINT_PARENTS[1:]}; {_ADVICE}."
        )

    beta = np.zeros(NUM_SMPL_BETAS)
    if betas is not None:
        given = np.asarray(betas, dtype=np.float64).ravel()
        if given.size > NUM_SMPL_BETAS or not np.isfinite(given).all():
            raise ModelError(
                f"{given.size} betas were given; SMPL takes up to {NUM_SMPL_BETAS} finite numbers here."
            )
        beta[: given.size] = given
    vertices = arrays["v_template"] + arrays["shapedirs"] @ beta
    joints = arrays["J_regressor"] @ vertices
    return SmplBody(joints - joints[0], vertices - joints[0], faces, arrays["weights"])


def _read_npz(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ModelError(f"There is no SMPL file {path}; {_ADVICE}.")
    try:
        with np.load(path, allow_pickle=False) as file:
            wanted = [name for name in file.files if name in (*_SHAPES, "f", "kintree_table")]
            return {name: file[name] for name in wanted}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path} is no SMPL model ({error}); {_ADVICE}.") from error


def _array(path: Path, content: dict[str, Any], key: str, shape: tuple[int, ...] | None) -> np.ndarray:
    """One entry as a float array of the shape an SMPL file has it in."""
    if key not in content:
        raise ModelError(f"{path} has no entry {key!r}, so it is no SMPL model; {_ADVICE}.")
    try:
        array = dense(content[key]).astype(np.float64)
    except (TypeError, ValueError, KeyError, IndexError) as error:
        raise ModelError(f"Entry {key!r} of {path} is not an array ({error}); {_ADVICE}.") from error
    if key == "shapedirs" and array.ndim == 3 and array.shape[-1] >= NUM_SMPL_BETAS:
        array = array[..., :NUM_SMPL_BETAS]  # some files have 300 of them
    if shape is None:
        if array.ndim != 2:
            raise ModelError(f"Entry {key!r} of {path} has {array.ndim} dimensions instead of 2; {_ADVICE}.")
    elif array.shape != shape:
        raise ModelError(f"Entry {key!r} of {path} has shape {array.shape} instead of {shape}; {_ADVICE}.")
    return array
