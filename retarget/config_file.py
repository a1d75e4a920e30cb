"""Hand configs in YAML: dex-retargeting's schema unchanged, with our additions."""

from __future__ import annotations

import dataclasses
import importlib
import logging
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from retarget.config import Capsule, Coupling, HandConfig, preset
from retarget.errors import RetargetError

URDF_DIR_VARIABLE = "POSEHAND_URDF_DIR"
# Keys of the schema that dex-retargeting reads and does not pass on to its DexPilot.
_NOT_FORWARDED = {"huber_delta", "normal_delta"}
_log = logging.getLogger(__name__)
_HANDS_FOLDER = Path(__file__).parent / "hands"


def hand_names() -> tuple[str, ...]:
    """Names of the hands that ship with the package, for `read_config` and `load`."""
    return tuple(sorted(path.stem for path in _HANDS_FOLDER.glob("*.yaml")))


def read_config(hand: str | Path, urdf_dir: str | Path | None = None, side: str | None = None) -> HandConfig:
    """Read the config of a hand.

    Args:
        hand: the name of a hand that ships, such as "allegro_right", or the path of a YAML file. A file
            without the key `variant` gives dex-retargeting's objective.
        urdf_dir: a folder to look for a relative urdf_path in.
        side: "right" or "left", for a file that holds both under these keys.

    Raises:
        RetargetError: there is no such hand or file, the file has unknown keys or unusable values, or the
            URDF is nowhere to be found.
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
    section = _section(path, content, side)
    try:
        return config_from(section, path.parent, urdf_dir)
    except RetargetError as error:
        raise RetargetError(f"{path}: {error}") from error


def _section(path: Path, content: Any, side: str | None) -> Mapping[Any, Any]:
    """The hand's keys: under `retargeting`, or under `right` or `left` where a file holds two hands."""
    found = content if isinstance(content, Mapping) else {}
    if isinstance(found.get("retargeting"), Mapping):
        return dict(found["retargeting"])
    sides = [name for name in ("right", "left") if isinstance(found.get(name), Mapping)]
    if not sides:
        raise RetargetError(f"{path} has no section 'retargeting'; put the hand's keys under that top key.")
    if side is None and len(sides) == 1:
        side = sides[0]
    if side not in sides:
        raise RetargetError(
            f"{path} has the hands {' and '.join(sides)}; say which with side= (check-hand: --hand)."
        )
    section = dict(found[side])
    kind = str(section.get("type", "dexpilot")).lower()
    # Such files (Unitree's) give the keypoints of several types beside each other.
    for name in ("dexpilot", "vector"):
        indices = section.pop(f"target_link_human_indices_{name}", None)
        if name == kind and indices is not None:
            section.setdefault("target_link_human_indices", indices)
    return section


def config_from(section: Mapping[Any, Any], folder: Path, urdf_dir: str | Path | None = None) -> HandConfig:
    """The config in a YAML section `retargeting`; `folder` is where its file lies.

    Raises:
        RetargetError: an unknown key, an unusable value, or no URDF.
    """
    fields = {field.name: field for field in dataclasses.fields(HandConfig)}
    for key in section:
        if key not in fields:
            raise RetargetError(f"unknown key {key!r}; legal are: {', '.join(fields)}.")
    given = {key: value for key, value in section.items() if value is not None}
    for key in ("type", "variant"):
        if not isinstance(given.get(key, ""), str):
            raise RetargetError(f"{key} is {given[key]!r}; give a text.")
    if "urdf_path" not in given:
        raise RetargetError("the key 'urdf_path' is missing; every hand needs it.")
    given["type"] = given.get("type", "dexpilot").lower()
    given.setdefault("variant", "dex-retargeting")
    if given["type"] == "dexpilot" and given["variant"] == "dex-retargeting":
        for key in _NOT_FORWARDED & set(given):
            _log.warning("%s is ignored: dex-retargeting does not use it for DexPilot either", key)
            del given[key]
    indices = given.get("target_link_human_indices")
    if isinstance(indices, list) and indices and not isinstance(indices[0], list):
        given["target_link_human_indices"] = [indices]
    values = dict(preset(given["type"], given["variant"]))
    values |= {key: _convert(key, str(fields[key].type), value) for key, value in given.items()}
    values["urdf_path"] = find_urdf(
        values["urdf_path"], folder, urdf_dir, values.get("robot_description", "")
    )
    return HandConfig(**values)


def find_urdf(
    urdf_path: Path, folder: Path, urdf_dir: str | Path | None = None, robot_description: str = ""
) -> Path:
    """Where the robot description is.

    A relative path is looked for beside the YAML file, in `urdf_dir`, and in the folder that the environment
    variable POSEHAND_URDF_DIR names; a path that is nowhere gives way to the robot_descriptions package.

    Raises:
        RetargetError: it is in none of these places.
    """
    places = [folder]
    if urdf_dir is not None:
        places.append(Path(urdf_dir))
    if os.environ.get(URDF_DIR_VARIABLE):
        places.append(Path(os.environ[URDF_DIR_VARIABLE]))
    for place in places:
        if (place / urdf_path).is_file():
            return (place / urdf_path).resolve()
    advice = (
        f"give the folder it is in with --urdf-dir or the environment variable {URDF_DIR_VARIABLE}, "
        "or correct urdf_path"
    )
    missing = f"There is no robot description at {', nor at '.join(str(p / urdf_path) for p in places)}"
    if not robot_description:
        raise RetargetError(f"{missing}; {advice}.")
    module, _, variable = robot_description.partition(":")
    try:
        found = getattr(importlib.import_module(f"robot_descriptions.{module}"), variable or "URDF_PATH")
    except ModuleNotFoundError as error:
        raise RetargetError(
            f"{missing}; {advice}, or install it with `pip install robot_descriptions`."
        ) from error
    except Exception as error:  # the package fetches from the network, and lets what goes wrong there through
        raise RetargetError(
            f"{missing}, and robot_descriptions does not give it ({error}); {advice}."
        ) from error
    return Path(found)


def _convert(key: str, wanted: str, value: Any) -> Any:
    if wanted == "Path" and isinstance(value, str):
        return Path(os.path.expanduser(value))
    if wanted == "str" and isinstance(value, str):
        return value
    if wanted == "bool" and isinstance(value, bool):
        return value
    if wanted == "int" and _is_number(value) and float(value).is_integer():
        return int(value)
    if wanted == "float" and (_is_number(value) or (key == "huber_delta" and value == math.inf)):
        return float(value)
    if wanted == "tuple[str, ...]" and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    if wanted == "tuple[int, ...]" and isinstance(value, list) and all(type(v) is int for v in value):
        return tuple(value)
    if wanted == "tuple[float, ...]" and isinstance(value, list) and all(_is_number(v) for v in value):
        return tuple(float(v) for v in value)
    if wanted == "tuple[tuple[int, ...], ...]" and isinstance(value, list):
        return tuple(_convert(key, "tuple[int, ...]", row) for row in value)
    if wanted == "tuple[tuple[float, ...], ...]" and isinstance(value, list):
        return tuple(_convert(key, "tuple[float, ...]", row) for row in value)
    if wanted == "tuple[Coupling, ...]" and isinstance(value, list):
        return tuple(_coupling(key, entry) for entry in value)
    if wanted == "tuple[Capsule, ...]" and isinstance(value, list):
        return tuple(_capsule(key, entry) for entry in value)
    raise RetargetError(f"{key} is {value!r}; give a {_SPOKEN[wanted]}.")


_SPOKEN = {
    "Path": "path",
    "str": "text",
    "bool": "true or false",
    "int": "whole number",
    "float": "finite number",
    "tuple[str, ...]": "list of names",
    "tuple[int, ...]": "list of whole numbers",
    "tuple[float, ...]": "list of finite numbers",
    "tuple[tuple[int, ...], ...]": "list of whole numbers, or a list of such lists",
    "tuple[tuple[float, ...], ...]": "list of lists of finite numbers",
    "tuple[Coupling, ...]": "list of {follower, leader, ratio}",
    "tuple[Capsule, ...]": "list of {link, from, to, radius_m}",
}


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) < 1e300 and math.isfinite(value)


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


def _capsule(key: str, entry: Any) -> Capsule:
    if (
        not isinstance(entry, Mapping)
        or set(entry) != {"link", "from", "to", "radius_m"}
        or not _is_number(entry["radius_m"])
    ):
        raise RetargetError(f"{key} has the entry {entry!r}; give link, from, to and radius_m.")
    start, end = (_convert(key, "tuple[float, ...]", entry[name]) for name in ("from", "to"))
    return Capsule(str(entry["link"]), start, end, float(entry["radius_m"]))
