"""Reads a user's own MANO_RIGHT.pkl or MANO_LEFT.pkl without chumpy or scipy, and without running its code.

The licensed files are Python pickles of numpy, scipy.sparse and chumpy objects. Unpickling a file can run
anything the file names, so only arrays are let through: sparse and chumpy objects become plain records of
their arrays, and any other name is refused.
"""

from __future__ import annotations

import copyreg
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

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
    content = _load(path)
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


_DAMAGE = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    IndexError,
    ImportError,
    OverflowError,
    MemoryError,
)


class _Record:
    """Stands in for a scipy.sparse or chumpy object: keeps its state, has none of its code."""

    def __init__(self, *_: object) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: object) -> None:
        self.state = dict(state) if isinstance(state, dict) else {}


class _SparseColumns(_Record):
    """scipy's csc_matrix."""

    def dense(self) -> np.ndarray:
        rows, columns = self.state.get("_shape", self.state.get("shape"))  # type: ignore[misc]
        matrix = np.zeros((rows, columns))
        of_entry = np.repeat(np.arange(columns), np.diff(self.state["indptr"]))
        np.add.at(matrix, (self.state["indices"], of_entry), self.state["data"])
        return matrix


class _Chumpy(_Record):
    """A chumpy array: either holds its numbers in x, or selects entries of another."""

    def dense(self) -> np.ndarray:
        if "x" in self.state:
            return _dense(self.state["x"])
        flat = _dense(self.state["a"]).ravel()[np.asarray(self.state["idxs"])]
        shape = self.state.get("preferred_shape")
        return flat if shape is None else flat.reshape(shape)


def _dense(value: object) -> np.ndarray:
    return value.dense() if isinstance(value, (_SparseColumns, _Chumpy)) else np.asarray(value)


def _latin1(text: str, _encoding: str = "latin1") -> bytes:
    """What protocol-2 pickles use `_codecs.encode` for."""
    return text.encode("latin1")


def _numpy_reconstruct() -> Callable[..., Any]:
    # numpy's module of this function moved; a pickle of an empty array always names the current one.
    return np.empty(0).__reduce__()[0]  # type: ignore[return-value]


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _latin1,
    **{(module, "object"): object for module in ("__builtin__", "builtins")},
    **{(module, "_reconstructor"): vars(copyreg)["_reconstructor"] for module in ("copy_reg", "copyreg")},
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _numpy_reconstruct() for core in ("core", "_core")},
    **{(f"scipy.sparse.{module}", "csc_matrix"): _SparseColumns for module in ("csc", "_csc")},
}


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        if module == "chumpy" or module.startswith("chumpy."):
            return _Chumpy
        raise pickle.UnpicklingError(f"it names {module}.{name}, which is no array")


def _load(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ModelError(f"There is no MANO file {path}; {_ADVICE}.")
    try:
        with path.open("rb") as file:
            content = _ArraysOnly(file, encoding="latin1").load()
    # A damaged pickle fails in whatever opcode comes first; all of these mean the same to the user.
    except _DAMAGE as error:
        raise ModelError(f"{path} is no MANO model ({error}); {_ADVICE}.") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} holds a {type(content).__name__}, not a MANO model; {_ADVICE}.")
    return content


def _array(path: Path, content: dict[str, Any], key: str, shape: tuple[int, ...] | None) -> np.ndarray:
    """One entry as a float array of the shape a MANO file has it in."""
    if key not in content:
        raise ModelError(f"{path} has no entry {key!r}, so it is no MANO model; {_ADVICE}.")
    try:
        array = _dense(content[key]).astype(np.float64)
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
