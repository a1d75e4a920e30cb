"""How one robot hand is driven: names, sizes and weights, read from YAML."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from retarget.errors import RetargetError

_HANDS_FOLDER = Path(__file__).parent / "hands"
_TYPES = ("dexpilot",)


@dataclass(frozen=True)
class Coupling:
    """A joint that should follow another: q[follower] ≈ ratio · q[leader]."""

    follower: str
    leader: str
    ratio: float = 1.0


@dataclass(frozen=True)
class HandConfig:
    """One robot hand. Keys without a unit are dex-retargeting's and mean the same; the others are ours.

    Attributes:
        urdf_path: the robot description; a relative path counts from the YAML's folder.
        wrist_link_name: link that stands for the human wrist and whose axes are the hand frame's: x out of
            the palm, z toward the fingers, y toward the thumb of a right hand. No joint may move it.
        finger_tip_link_names: 2–5 links, the thumb first.
        target_joint_names: the joints to solve for; their order is the order of q.
        type: the objective; "dexpilot" (arXiv 1910.03135).
        finger_tip_human_indices: keypoint of each fingertip; default 4, 8, 12, … (thumb, index, middle, …).
        scaling_factor: β, robot length per human length.
        straight_scaling_factor: β of wrist → fingertip for a straight finger, approached as it straightens
            (the thumb keeps scaling_factor); default the same as scaling_factor.
        finger_tip_offsets_m: (x, y, z) per fingertip, hand frame, added to the scaled human one; default 0.
        project_dist: thumb–finger distance of the human, m, at or under which the pair is fully projected.
        escape_dist: distance, m, at or over which it is fully released.
        huber_delta: vector errors beyond it, m, count linearly.
        projection_band_m: width of the smooth ramps just outside project_dist and just inside escape_dist;
            0 gives the published hard switch.
        contact_dist_m: distance of the tip links of a projected thumb–finger pair: the sum of the tips'
            radii, so that a pinch closes on the surfaces (η1; published 1e-4, which makes them overlap).
        separation_dist_m: distance of two fingertips that pinch against the thumb together (η2).
        wrist_weight: weight of the wrist → fingertip vectors.
        primary_weight, secondary_weight: weights of projected thumb–finger and finger–finger pairs.
        open_weight: γ, pull toward the open hand (q = 0), per rad².
        previous_weight: pull toward the previous pose, per rad².
        coupled_joints, coupling_weight: joints that bend together (DIP = PIP), and how strongly, per rad².
        home_rad: pose before the first hand is seen, ordered as target_joint_names; default the open hand.
        restart_after_s: a pause between two solves after which the search starts from several poses again.
        retry_cost: a pose that costs more than this may be a wrong local minimum (fingers bent backwards
            reach for a fist from behind); the search then starts from several poses, too.
        max_iterations: bound on the solver's steps per instant and start.
    """

    urdf_path: Path
    wrist_link_name: str
    finger_tip_link_names: tuple[str, ...]
    target_joint_names: tuple[str, ...]
    type: str = "dexpilot"
    finger_tip_human_indices: tuple[int, ...] = ()
    scaling_factor: float = 1.3
    straight_scaling_factor: float = 0.0
    finger_tip_offsets_m: tuple[tuple[float, ...], ...] = ()
    project_dist: float = 0.03
    escape_dist: float = 0.05
    huber_delta: float = 0.03
    projection_band_m: float = 0.01
    contact_dist_m: float = 0.024
    separation_dist_m: float = 0.03
    wrist_weight: float = 10.0
    primary_weight: float = 200.0
    secondary_weight: float = 400.0
    open_weight: float = 2.5e-3
    previous_weight: float = 4e-3
    coupled_joints: tuple[Coupling, ...] = ()
    coupling_weight: float = 1e-2
    home_rad: tuple[float, ...] = ()
    restart_after_s: float = 0.5
    retry_cost: float = 0.1
    max_iterations: int = 60

    def __post_init__(self) -> None:
        count = len(self.finger_tip_link_names)
        if self.type not in _TYPES:
            raise RetargetError(f"type is {self.type!r}; use one of: {', '.join(_TYPES)}.")
        if not 2 <= count <= 5:
            raise RetargetError(
                f"finger_tip_link_names has {count} entries; give the thumb and 1 to 4 fingers."
            )
        if not self.target_joint_names:
            raise RetargetError("target_joint_names is empty; list the joints in the order q should have.")
        if not self.finger_tip_human_indices:
            object.__setattr__(self, "finger_tip_human_indices", tuple(4 * (i + 1) for i in range(count)))
        if not self.straight_scaling_factor:
            object.__setattr__(self, "straight_scaling_factor", self.scaling_factor)
        if self.straight_scaling_factor != self.scaling_factor and any(
            index % 4 for index in self.finger_tip_human_indices
        ):
            raise RetargetError(
                f"straight_scaling_factor needs whole fingers, finger_tip_human_indices is "
                f"{list(self.finger_tip_human_indices)}; give fingertips (4, 8, 12, 16, 20), or leave it out."
            )
        if len(self.finger_tip_human_indices) != count or not all(
            1 <= index <= 20 for index in self.finger_tip_human_indices
        ):
            raise RetargetError(
                f"finger_tip_human_indices is {list(self.finger_tip_human_indices)}; "
                f"give one keypoint from 1 to 20 for each of the {count} fingertips."
            )
        if len(self.finger_tip_offsets_m) not in (0, count) or any(
            len(offset) != 3 for offset in self.finger_tip_offsets_m
        ):
            raise RetargetError(
                f"finger_tip_offsets_m is {self.finger_tip_offsets_m}; "
                f"give three numbers for each of the {count} fingertips."
            )
        for name in (
            "scaling_factor",
            "straight_scaling_factor",
            "project_dist",
            "huber_delta",
            "open_weight",
            "restart_after_s",
            "retry_cost",
        ):
            self._require(name, getattr(self, name) > 0.0, "be greater than 0")
        for name in (
            "contact_dist_m",
            "separation_dist_m",
            "wrist_weight",
            "primary_weight",
            "secondary_weight",
        ):
            self._require(name, getattr(self, name) >= 0.0, "be 0 or greater")
        for name in ("previous_weight", "coupling_weight"):
            self._require(name, getattr(self, name) >= 0.0, "be 0 or greater")
        self._require("max_iterations", self.max_iterations >= 1, "be 1 or greater")
        self._require("escape_dist", self.escape_dist >= self.project_dist, "be at least project_dist")
        self._require(
            "projection_band_m",
            0.0 <= self.projection_band_m <= self.escape_dist - self.project_dist,
            "lie between 0 and escape_dist − project_dist",
        )
        if len(self.home_rad) not in (0, len(self.target_joint_names)):
            raise RetargetError(
                f"home_rad has {len(self.home_rad)} values; give one for each of the "
                f"{len(self.target_joint_names)} target_joint_names."
            )

    def _require(self, name: str, legal: bool, rule: str) -> None:
        if not legal:
            raise RetargetError(f"{name} is {getattr(self, name)!r}; it must {rule}.")


def hand_names() -> tuple[str, ...]:
    """Names of the hands that ship with the package, for `read_config` and `load`."""
    return tuple(sorted(path.stem for path in _HANDS_FOLDER.glob("*.yaml")))


def read_config(hand: str | Path) -> HandConfig:
    """Read the config of a hand.

    Args:
        hand: the name of a hand that ships, such as "allegro_right", or the path of a YAML file.

    Raises:
        RetargetError: there is no such hand or file, or the file has unknown keys or unusable values.
    """
    path = Path(hand)
    if path.suffix not in (".yaml", ".yml"):
        if str(hand) not in hand_names():
            raise RetargetError(
                f"There is no hand {str(hand)!r}; use one of: {', '.join(hand_names())}, "
                "or the path of a .yaml file."
            )
        path = _HANDS_FOLDER / f"{hand}.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RetargetError(
            f"The hand config {path} cannot be read ({error.strerror}); check the path."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise RetargetError(f"{path} is not valid YAML ({reason}); correct the file.") from error
    if not isinstance(content, Mapping) or not isinstance(content.get("retargeting"), Mapping):
        raise RetargetError(f"{path} has no section 'retargeting'; put the hand's keys under that top key.")
    try:
        return _build(content["retargeting"], path.parent)
    except RetargetError as error:
        raise RetargetError(f"{path}: {error}") from error


def _build(section: Mapping[Any, Any], folder: Path) -> HandConfig:
    fields = {field.name: field for field in dataclasses.fields(HandConfig)}
    for key in section:
        if key not in fields:
            raise RetargetError(f"unknown key {key!r}; legal are: {', '.join(fields)}.")
    for name, field in fields.items():
        if field.default is dataclasses.MISSING and name not in section:
            raise RetargetError(f"the key {name!r} is missing; every hand needs it.")
    values = {key: _convert(key, str(fields[key].type), value) for key, value in section.items()}
    values["urdf_path"] = (folder / values["urdf_path"]).resolve()
    values["type"] = values.get("type", "dexpilot").lower()
    return HandConfig(**values)


def _convert(key: str, wanted: str, value: Any) -> Any:
    if wanted == "Path" and isinstance(value, str):
        return Path(value).expanduser()
    if wanted == "str" and isinstance(value, str):
        return value
    if wanted == "int" and _is_number(value) and float(value).is_integer():
        return int(value)
    if wanted == "float" and _is_number(value):
        return float(value)
    if wanted == "tuple[str, ...]" and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    if wanted == "tuple[int, ...]" and isinstance(value, list) and all(type(v) is int for v in value):
        return tuple(value)
    if wanted == "tuple[float, ...]" and isinstance(value, list) and all(_is_number(v) for v in value):
        return tuple(float(v) for v in value)
    if wanted == "tuple[tuple[float, ...], ...]" and isinstance(value, list):
        return tuple(_convert(key, "tuple[float, ...]", row) for row in value)
    if wanted == "tuple[Coupling, ...]" and isinstance(value, list):
        return tuple(_coupling(key, entry) for entry in value)
    raise RetargetError(f"{key} is {value!r}; give a {_SPOKEN[wanted]}.")


_SPOKEN = {
    "Path": "path",
    "str": "text",
    "int": "whole number",
    "float": "finite number",
    "tuple[str, ...]": "list of names",
    "tuple[int, ...]": "list of whole numbers",
    "tuple[float, ...]": "list of finite numbers",
    "tuple[tuple[float, ...], ...]": "list of lists of finite numbers",
    "tuple[Coupling, ...]": "list of {follower, leader, ratio}",
}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _coupling(key: str, entry: Any) -> Coupling:
    if (
        not isinstance(entry, Mapping)
        or not {"follower", "leader"} <= set(entry) <= {"follower", "leader", "ratio"}
        or not _is_number(entry.get("ratio", 1.0))
        or entry["follower"] == entry["leader"]
    ):
        raise RetargetError(
            f"{key} has the entry {entry!r}; give follower and leader (two joints) and, if not 1, ratio."
        )
    return Coupling(str(entry["follower"]), str(entry["leader"]), float(entry.get("ratio", 1.0)))
