"""Reads arrays out of the pickles that body and hand models are licensed in, without running what they name.

Those files hold numpy, scipy.sparse and chumpy objects. Unpickling a file can run anything the file names, so
only arrays are let through: sparse and chumpy objects become plain records of their arrays, and any other
name is refused.
"""

from __future__ import annotations

import copyreg
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import ModelError

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
            return dense(self.state["x"])
        flat = dense(self.state["a"]).ravel()[np.asarray(self.state["idxs"])]
        shape = self.state.get("preferred_shape")
        return flat if shape is None else flat.reshape(shape)


def dense(value: object) -> np.ndarray:
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


def read_array_pickle(path: Path, kind: str, advice: str) -> dict[str, Any]:
    """What a pickled model file holds; `dense` turns its entries into arrays.

    Args:
        path: the file.
        kind: what it should be, "MANO" for example.
        advice: what to do if it is not.

    Raises:
        ModelError: the file is missing, damaged, or holds anything but arrays.
    """
    if not path.is_file():
        raise ModelError(f"There is no {kind} file {path}; {advice}.")
    try:
        with path.open("rb") as file:
            content = _ArraysOnly(file, encoding="latin1").load()
    # A damaged pickle fails in whatever opcode comes first; all of these mean the same to the user.
    except _DAMAGE as error:
        raise ModelError(f"{path} is no {kind} model ({error}); {advice}.") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} holds a {type(content).__name__}, not a {kind} model; {advice}.")
    return content
