"""Checks for the fields of wire messages: each returns the clean value or raises `MessageError`.

Types are compared exactly, never converted: `True` is not an integer here, "1" is not a number.
"""

from __future__ import annotations

import math
import reprlib
from itertools import pairwise
from typing import Any

import msgpack
import numpy as np

from robot.errors import RobotError

MAX_INSTANTS = 64
MAX_JOINTS = 64
MAX_NAME_LENGTH = 64
MAX_META_ENTRIES = 32
MAX_COUNTERS = 128
MAX_META_TEXT_LENGTH = 256
MAX_ELEMENTS = 256  # of any list or map: more than any field may have, so that its own check can name it
MAX_CONTAINERS = 512  # lists and maps of a message; to make many thousands would take the loop 10 ms
MAX_TIME_NS = 2**62  # 146 years; leaves room to add a clock offset without overflow
_UNIT_TOLERANCE = 1e-3  # of a quaternion that a client may have held in single precision
MAX_NUMBER = 1e6  # larger angles or positions are nonsense, and their differences could overflow


class MessageError(RobotError):
    """A wire message is malformed; the message says which field and what is legal."""


_few = reprlib.Repr()  # looks at a few elements only: the rest of a large value would take milliseconds
_few.maxstring = _few.maxother = _few.maxlong = 60


def shorten(value: object) -> str:
    """`repr` of a value from outside, short enough for a log line."""
    try:
        shown = _few.repr(value)
    except (ValueError, RecursionError):  # integers too long to print, nesting too deep
        shown = f"<{type(value).__name__}>"
    return shown if len(shown) <= 60 else shown[:57] + "..."


def unpack(payload: bytes, max_containers: int = MAX_CONTAINERS) -> Any:
    """The msgpack value in `payload`, as plain Python, of at most so many lists and maps."""
    left = max_containers

    def count(container: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise MessageError(f"A message holds over {max_containers} lists and maps; no legal one does.")
        return container

    try:
        return msgpack.unpackb(
            payload,
            raw=False,
            strict_map_key=True,
            max_array_len=MAX_ELEMENTS,
            max_map_len=MAX_ELEMENTS,
            list_hook=count,
            object_hook=count,
        )
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
        raise MessageError(f"A message is not valid msgpack ({shorten(str(error))}).") from error


def mapping(name: str, value: object) -> dict[str, Any]:
    """A dictionary with string keys."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise MessageError(f"{name} is a {type(value).__name__}; it must be a map with text keys.")
    return value


def integer(name: str, value: object) -> int:
    """A count or a monotonic time in nanoseconds: a whole number from 0 to 2^62."""
    if type(value) is not int or not 0 <= value <= MAX_TIME_NS:
        raise MessageError(f"{name} is {shorten(value)}; it must be a whole number from 0 to 2^62.")
    return value


def boolean(name: str, value: object) -> bool:
    """True or False."""
    if type(value) is not bool:
        raise MessageError(f"{name} is {shorten(value)}; it must be true or false.")
    return value


def text(name: str, value: object, max_length: int) -> str:
    """Text of at most `max_length` characters."""
    if type(value) is not str or len(value) > max_length:
        raise MessageError(f"{name} is {shorten(value)}; it must be text of at most {max_length} characters.")
    return value


def choice(name: str, value: object, legal: tuple[str, ...]) -> str:
    """One of the legal words."""
    if type(value) is not str or value not in legal:
        raise MessageError(f"{name} is {shorten(value)}; it must be one of {', '.join(legal)}.")
    return value


def names(name: str, value: object) -> tuple[str, ...]:
    """1 to 64 different joint names."""
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_JOINTS:
        raise MessageError(f"{name} is {shorten(value)}; it must be a list of 1 to {MAX_JOINTS} joint names.")
    for entry in value:
        if type(entry) is not str or not 1 <= len(entry) <= MAX_NAME_LENGTH:
            raise MessageError(
                f"{name} holds {shorten(entry)}; names are text of 1 to {MAX_NAME_LENGTH} characters."
            )
    if len(set(value)) != len(value):
        raise MessageError(f"{name} names a joint twice: {shorten(list(value))}; each may appear once.")
    return tuple(value)


def instants(name: str, value: object) -> np.ndarray:
    """(k,) int64 increasing times, 1 ≤ k ≤ 64."""
    if isinstance(value, np.ndarray):
        if value.ndim != 1 or value.dtype.kind != "i":
            raise MessageError(
                f"{name} has shape {value.shape} and type {value.dtype}; it must be (k,) integers."
            )
        value = value.tolist()
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_INSTANTS:
        raise MessageError(f"{name} is {shorten(value)}; it must be a list of 1 to {MAX_INSTANTS} times.")
    for entry in value:
        integer(name, entry)
    if any(after <= before for before, after in pairwise(value)):
        raise MessageError(
            f"{name} does not increase from one instant to the next; each must be later than the last."
        )
    return _frozen(np.array(value, dtype=np.int64))


def vector(name: str, value: object, n: int) -> np.ndarray:
    """(n,) float64, finite."""
    return matrix(name, [value], (1, n))[0]


def numbers(name: str, value: object, most: int) -> np.ndarray:
    """(m,) float64, finite, with m at most `most`."""
    if not isinstance(value, np.ndarray | list | tuple) or np.ndim(value) > 1 or len(value) > most:
        raise MessageError(f"{name} is {shorten(value)}; it must be a list of at most {most} numbers.")
    return vector(name, value, len(value))


def pose(name: str, value: object) -> np.ndarray:
    """(7,) float64: position in metres, then a unit quaternion x, y, z, w."""
    cleaned = vector(name, value, 7)
    if abs(float(np.linalg.norm(cleaned[3:])) - 1.0) > _UNIT_TOLERANCE:
        raise MessageError(
            f"{name} holds the quaternion {shorten(cleaned[3:].tolist())}; its length must be 1."
        )
    return cleaned


def counts(name: str, value: object) -> dict[str, int]:
    """A small flat map of text to counts."""
    entries = mapping(name, value)
    if len(entries) > MAX_COUNTERS:
        raise MessageError(f"{name} has {len(entries)} entries; at most {MAX_COUNTERS} are accepted.")
    return {
        text(f"a key of {name}", k, MAX_NAME_LENGTH): integer(f"{name}.{k}", v) for k, v in entries.items()
    }


def matrix(name: str, value: object, shape: tuple[int, int], finite: bool = True) -> np.ndarray:
    """(rows, columns) float64 of numbers up to ±10^6; NaN and infinities only where `finite` is False."""
    if isinstance(value, np.ndarray):
        if value.ndim != 2 or value.dtype.kind not in "fi":
            raise MessageError(
                f"{name} has shape {value.shape} and type {value.dtype}; it must be {shape} numbers."
            )
        array = value.astype(np.float64)
    else:
        array = _array_from_lists(name, value, shape)
    if array.shape != shape:
        raise MessageError(f"{name} has shape {array.shape}; with the other fields it must be {shape}.")
    if finite and not np.isfinite(array).all():
        raise MessageError(f"{name} holds NaN or infinity; every value must be finite.")
    if (np.abs(array[np.isfinite(array)]) > MAX_NUMBER).any():
        raise MessageError(f"{name} holds a value beyond ±{MAX_NUMBER:g}; use radians and metres.")
    return _frozen(array)


def matrices(name: str, value: object, shape: tuple[int, int, int], finite: bool = True) -> np.ndarray:
    """(k,rows,columns) float64, each of the k as `matrix` says."""
    k, rows, columns = shape
    if isinstance(value, np.ndarray) and value.ndim != 3:
        raise MessageError(f"{name} has shape {value.shape}; with the other fields it must be {shape}.")
    if not isinstance(value, np.ndarray | list | tuple) or len(value) != k:
        raise MessageError(
            f"{name} is {shorten(value)}; it must be a list of {k} lists of {rows} rows of {columns} numbers."
        )
    return _frozen(
        np.stack([matrix(f"{name}[{i}]", part, (rows, columns), finite) for i, part in enumerate(value)])
    )


def _array_from_lists(name: str, value: object, shape: tuple[int, int]) -> np.ndarray:
    rows, columns = shape
    if not isinstance(value, list | tuple) or len(value) != rows:
        raise MessageError(
            f"{name} is {shorten(value)}; it must be a list of {rows} rows of {columns} numbers."
        )
    plain = [row.tolist() if isinstance(row, np.ndarray) else row for row in value]
    for row in plain:
        if not isinstance(row, list | tuple) or len(row) != columns:
            raise MessageError(f"{name} holds the row {shorten(row)}; each row must be {columns} numbers.")
        if any(type(entry) is not float and type(entry) is not int for entry in row):
            raise MessageError(f"{name} holds something other than numbers: {shorten(list(row))}.")
    try:
        return np.array(plain, dtype=np.float64)
    except OverflowError as error:
        raise MessageError(
            f"{name} holds an integer too large for a number; use radians and metres."
        ) from error


def meta(name: str, value: object) -> dict[str, Any]:
    """A small flat map of text to text, numbers or truth values."""
    entries = mapping(name, value)
    if len(entries) > MAX_META_ENTRIES:
        raise MessageError(f"{name} has {len(entries)} entries; at most {MAX_META_ENTRIES} are accepted.")
    for key, entry in entries.items():
        text(f"a key of {name}", key, MAX_NAME_LENGTH)
        if entry is None or type(entry) is bool:
            continue
        if type(entry) is str:
            text(f"{name}.{key}", entry, MAX_META_TEXT_LENGTH)
        elif type(entry) is int:
            if abs(entry) > MAX_TIME_NS:
                raise MessageError(f"{name}.{key} is {shorten(entry)}; integers go to ±2^62.")
        elif type(entry) is not float or not math.isfinite(entry):
            raise MessageError(
                f"{name}.{key} is {shorten(entry)}; it must be text, a finite number, true, false or nil."
            )
    return dict(entries)


def assign(message: object, name: str, value: object) -> None:
    """Put a cleaned value into a frozen dataclass while it is being built."""
    object.__setattr__(message, name, value)


def _frozen(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array
