"""What is known of one operator's hand, kept by name."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from platformdirs import user_config_path

from calibration.errors import CalibrationError
from calibration.finger_range import FingerRange, stretch_fingers
from calibration.hand_shape import FINGERS

VERSION = 1
_HANDS = ("right", "left")
_LEGAL_NAME = re.compile(r"\w[\w -]{0,63}")
_LARGEST_M = 0.5
_LEGAL_SCALE = (0.25, 4.0)


@dataclass(frozen=True)
class PinchRange:
    """How near a fingertip and the thumb's are seen, metres.

    Attributes:
        touch_m: while they touch, median. Never 0: points inside the fingers are seen, and not exactly.
        open_m: the nearest in poses in which they do not touch.
        project_m: at or under it the robot's fingers are brought together.
        escape_m: at or over it they are let go.
    """

    touch_m: float
    open_m: float
    project_m: float
    escape_m: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and 0.0 <= value <= _LARGEST_M):
                raise CalibrationError(f"{field.name} is {value}; give metres from 0 to {_LARGEST_M}")
        if not 0.0 < self.project_m < self.escape_m:
            raise CalibrationError(
                f"project_m is {self.project_m} and escape_m {self.escape_m}; "
                "the second must be the larger one, and both greater than 0"
            )


@dataclass(frozen=True)
class StepQuality:
    """How well one step of the calibration was seen.

    Attributes:
        frames: that count.
        unsteady_m: how far a fingertip strayed, root mean square, metres.
    """

    frames: int
    unsteady_m: float


@dataclass(frozen=True)
class OperatorCalibration:
    """One operator's hand.

    Attributes:
        name: of the operator.
        hand: "right" or "left".
        temporal: the temporal stage it was seen through; another one sees hands otherwise.
        bones_m: (20,) bone lengths, metres, of the bones that end at keypoints 1–20. Their proportions are
            the detector's; their size is true only where palm_measured.
        palm_m: wrist to middle knuckle, metres.
        palm_measured: whether palm_m was measured with a ruler. A camera alone cannot tell a small hand from
            a large one farther away.
        scale: that the robot's scaling factors are multiplied with: the mean hand's length over this one's,
            both as the pipeline sees them.
        fingers: by name, how far index, middle, ring and pinky are seen to move.
        pinches: by name, how near to the thumb they are seen.
        quality: by step.
    """

    name: str
    hand: str
    temporal: str
    bones_m: tuple[float, ...]
    palm_m: float
    palm_measured: bool
    scale: float
    fingers: Mapping[str, FingerRange]
    pinches: Mapping[str, PinchRange]
    quality: Mapping[str, StepQuality]

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.hand not in _HANDS:
            raise CalibrationError(f"hand is {self.hand!r}; give one of: {', '.join(_HANDS)}")
        sizes = (*self.bones_m, self.palm_m)
        if len(self.bones_m) != 20 or not all(math.isfinite(m) and 0.0 < m < _LARGEST_M for m in sizes):
            raise CalibrationError(
                f"bones_m or palm_m are not 20 lengths and one from 0 to {_LARGEST_M} m; calibrate again"
            )
        if not (math.isfinite(self.scale) and _LEGAL_SCALE[0] <= self.scale <= _LEGAL_SCALE[1]):
            raise CalibrationError(
                f"scale is {self.scale}; give a number from {_LEGAL_SCALE[0]} to {_LEGAL_SCALE[1]}"
            )
        for kind, known in (("fingers", self.fingers), ("pinches", self.pinches)):
            if set(known) != set(FINGERS):
                given = ", ".join(known) or "nothing"
                raise CalibrationError(f"{kind} has {given}; give {', '.join(FINGERS)}")

    def adjust(self, keypoints_m: np.ndarray) -> np.ndarray:
        """Keypoints (…,21,3), metres, hand frame, as a retargeter for this operator is to get them."""
        return stretch_fingers(keypoints_m, [self.fingers[finger] for finger in FINGERS])

    def to_json(self) -> dict[str, Any]:
        """As plain values; undone by `from_json`."""
        return {"version": VERSION, **asdict(self)}

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> OperatorCalibration:
        """Undo `to_json`.

        Raises:
            CalibrationError: a value is missing, or not legal.
        """
        try:
            values = dict(content)
            if values.pop("version") != VERSION:
                raise CalibrationError(f"its version is not {VERSION}; calibrate again")
            values["bones_m"] = tuple(float(m) for m in values["bones_m"])
            for key, kind in (("fingers", FingerRange), ("pinches", PinchRange), ("quality", StepQuality)):
                values[key] = {str(name): kind(**entry) for name, entry in values[key].items()}
            return OperatorCalibration(**values)
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise CalibrationError(f"a value is missing or of the wrong kind ({error})") from error


def operators_path() -> Path:
    """The folder they are kept in."""
    return user_config_path("posehand", appauthor=False) / "operators"


def operator_file(name: str, hand: str, folder: Path | None = None) -> Path:
    """Where the calibration of an operator's hand is kept.

    Raises:
        CalibrationError: the name cannot be a file's.
    """
    check_name(name)
    stem = name if hand == "right" else f"{name}.{hand}"
    return (operators_path() if folder is None else folder) / f"{stem}.json"


def check_name(name: str) -> None:
    """Refuse names that could not be those of files everywhere.

    Raises:
        CalibrationError: saying which are.
    """
    if not _LEGAL_NAME.fullmatch(name) or name.endswith(" "):
        raise CalibrationError(
            f"the operator's name is {name!r}; use up to 64 letters, digits, spaces, - or _, "
            "and begin with a letter or digit"
        )


def list_operators(hand: str = "right", folder: Path | None = None) -> list[str]:
    """Names of those whose `hand` is calibrated, in alphabetical order."""
    folder = operators_path() if folder is None else folder
    stems = [path.stem for path in folder.glob("*.json")] if folder.is_dir() else []
    if hand == "right":
        return sorted(stem for stem in stems if not stem.endswith(".left"))
    return sorted(stem.removesuffix(".left") for stem in stems if stem.endswith(".left"))


def load_operator(name: str, hand: str = "right", folder: Path | None = None) -> OperatorCalibration:
    """The calibration of an operator's hand.

    Args:
        name: of the operator.
        hand: "right" or "left".
        folder: another one than `operators_path`.

    Raises:
        CalibrationError: there is none (the message lists those there are), or its file is damaged.
    """
    path = operator_file(name, hand, folder)
    if not path.is_file():
        known = list_operators(hand, folder)
        those = f"there are {', '.join(known)}" if known else "there is none yet"
        raise CalibrationError(
            f"no {hand} hand of operator {name!r} is calibrated ({those}); "
            f"run: python launch.py calibrate hand --operator {quoted(name)} --hand {hand}"
        )
    try:
        found = OperatorCalibration.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError, CalibrationError) as error:
        raise CalibrationError(
            f"{path} does not hold an operator's hand ({error}); delete it and calibrate again"
        ) from error
    if found.hand != hand:
        raise CalibrationError(f"{path} holds a {found.hand} hand; delete it and calibrate again")
    return found


def save_operator(calibration: OperatorCalibration, folder: Path | None = None) -> Path:
    """Keep it for the runs to come; returns where.

    Raises:
        CalibrationError: the place cannot be written.
    """
    path = operator_file(calibration.name, calibration.hand, folder)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        partial.write_text(json.dumps(calibration.to_json(), indent=1) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise CalibrationError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def quoted(name: str) -> str:
    """An operator's name as it is given on a command line."""
    return f'"{name}"' if " " in name else name
