"""The peers, if installed: dex-retargeting and dexi-rs, both from dex-retargeting's own Allegro config.

Neither is needed by anything else here; requirements-bench.txt installs them.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import yaml

from app.bench.retargeting.contestants import DEX_RETARGETING, DEXI, Contestant
from app.errors import AppError
from retarget import Retargeter, read_config

_URDF = Path("allegro_hand") / "allegro_hand_right.urdf"
_YAML = Path("configs") / "teleop" / "allegro_hand_right_dexpilot.yml"
_DEX_MODULE = "dex_retargeting.retargeting_config"
_THEIR_ALPHA = 0.1  # where a config does not say
_NO_FILTER = 1.0  # low_pass_alpha: all of the new pose, nothing of the old
_THEIR_SLACK_RAD = 1e-3  # they widen the joints' limits by so much
_OUR_MARGIN_RAD = 1e-4  # our solver stays so far inside them
_INSTALL = "pip install -r requirements-bench.txt"
# What that config says, for when dex-retargeting is not there to read it from.
_SCHEMA: Mapping[str, Any] = {
    "type": "DexPilot",
    "urdf_path": _URDF.as_posix(),
    "wrist_link_name": "wrist",
    "finger_tip_link_names": ["link_15.0_tip", "link_3.0_tip", "link_7.0_tip", "link_11.0_tip"],
    "scaling_factor": 1.6,
}


@dataclass(frozen=True)
class Peers:
    """What can be compared with on this machine.

    Attributes:
        builders: of the peers that are installed; each call makes a new solver.
        left_out: a sentence for each that is not.
        versions: of the installed ones, by name.
        fields: the keys of dex-retargeting's config.
        urdf_dir: where its robot description lies; None if it is nowhere.
    """

    builders: tuple[Callable[[], Contestant], ...]
    left_out: tuple[str, ...]
    versions: dict[str, str]
    fields: dict[str, Any]
    urdf_dir: Path | None


def find_peers() -> Peers:
    """Look for the peers and for the robot description that dexi-rs carries."""
    builders: list[Callable[[], Contestant]] = []
    left_out: list[str] = []
    versions: dict[str, str] = {}
    fields, urdf_dir = _fields(), _urdf_dir()
    for name, module, kind in (
        (DEX_RETARGETING, _DEX_MODULE, DexRetargeting),
        (DEXI, "dexi_rs", DexiRs),
    ):
        missing = _missing(module, urdf_dir)
        if missing is not None or urdf_dir is None:
            left_out.append(f"{name} is left out: {missing}; to compare with it: {_INSTALL}")
            continue
        builders.append(_builder(kind, fields, urdf_dir))
        versions[name] = metadata.version(name)
    return Peers(tuple(builders), tuple(left_out), versions, fields, urdf_dir)


def open_dex_retargeting(filtered: bool) -> DexRetargeting:
    """dex-retargeting's Allegro on its own.

    Args:
        filtered: with the output filter of its config, as it ships; otherwise without any.

    Raises:
        AppError: it, or the robot description it needs, is not installed.
    """
    fields, urdf_dir = _fields(), _urdf_dir()
    missing = _missing(_DEX_MODULE, urdf_dir)
    if missing is not None or urdf_dir is None:
        raise AppError(f"{DEX_RETARGETING} is left out: {missing}; to compare with it: {_INSTALL}")
    alpha = float(fields.get("low_pass_alpha", _THEIR_ALPHA)) if filtered else _NO_FILTER
    return DexRetargeting(fields, urdf_dir, alpha)


def same_objective(peers: Peers, their_box: bool = False) -> Retargeter:
    """Our solver on the peers' objective, ready for its first frame.

    It reads the peers' keys, and their robot description where there is one. Without it, ours, whose
    fingertips are the pads' centres instead of their outer ends.

    Args:
        peers: what was found.
        their_box: search as far past the joints' limits as they do, to compare costs.
    """
    fields = dict(peers.fields)
    urdf = read_config("allegro_right").urdf_path if peers.urdf_dir is None else peers.urdf_dir / _URDF
    with tempfile.TemporaryDirectory() as folder:
        if their_box:
            urdf = _widened(urdf, Path(folder))
        fields["urdf_path"] = str(urdf)
        path = Path(folder) / "allegro_right_dexpilot.yml"
        path.write_text(yaml.safe_dump({"retargeting": fields}), encoding="utf-8")
        retargeter = Retargeter(read_config(path))
    retargeter.warm_up()
    return retargeter


def _widened(urdf: Path, folder: Path) -> Path:
    """A copy of a robot description in which our solver's box is the peers'."""
    tree = ElementTree.parse(urdf)
    for limit in tree.iter("limit"):
        for key, sign in (("lower", -1.0), ("upper", 1.0)):
            limit.set(key, repr(float(limit.get(key, "0")) + sign * (_THEIR_SLACK_RAD + _OUR_MARGIN_RAD)))
    tree.write(folder / urdf.name)
    return folder / urdf.name


class DexRetargeting(Contestant):
    """dex-retargeting's DexPilot: NLopt's SLSQP over torch and pinocchio."""

    name = DEX_RETARGETING

    def __init__(self, fields: Mapping[str, Any], urdf_dir: Path, low_pass_alpha: float = _NO_FILTER) -> None:
        module = importlib.import_module(_DEX_MODULE)
        urdf_path = str(urdf_dir / fields["urdf_path"])
        override = {"urdf_path": urdf_path, "low_pass_alpha": low_pass_alpha}
        self.solver = module.RetargetingConfig.from_dict(dict(fields), override).build()
        self.joint_names = tuple(self.solver.joint_names)
        self._origin, self._task = self.solver.optimizer.target_link_human_indices

    def reset(self) -> None:
        self.solver.reset()
        self.solver.optimizer.projected[:] = False  # its own reset leaves fingers pinching

    def prepare(self, keypoints_m: np.ndarray, frame: int) -> np.ndarray:
        return np.asarray(keypoints_m[self._task] - keypoints_m[self._origin], np.float32)

    def solve(self, prepared: np.ndarray) -> Any:
        return self.solver.retarget(prepared)

    def start_from(self, q_rad: np.ndarray, joint_names: Sequence[str], frame: int) -> None:
        q = dict(zip(joint_names, q_rad, strict=True))
        self.solver.set_qpos(np.array([q[name] for name in self.joint_names], np.float32))


class DexiRs(Contestant):
    """dexi-rs: the same objective in Rust."""

    name = DEXI

    def __init__(self, fields: Mapping[str, Any], urdf_dir: Path) -> None:
        module = importlib.import_module("dexi_rs")
        override = {"low_pass_alpha": _NO_FILTER, "urdf_dir": str(urdf_dir)}
        self._config = module.load_config({**fields, **override})
        self.reset()
        self.joint_names = tuple(self.solver.joint_names)
        tips = 4 * np.arange(1, 1 + len(fields["finger_tip_link_names"]))
        pairs = [(other, tip) for tip in tips for other in tips if other > tip]
        self._origin, self._task = np.array(pairs + [(0, tip) for tip in tips]).T

    def reset(self) -> None:
        self.solver = self._config.build()

    def prepare(self, keypoints_m: np.ndarray, frame: int) -> list[float]:
        vectors: list[float] = (keypoints_m[self._task] - keypoints_m[self._origin]).ravel().tolist()
        return vectors

    def solve(self, prepared: list[float]) -> Any:
        return self.solver.retarget(prepared)

    def start_from(self, q_rad: np.ndarray, joint_names: Sequence[str], frame: int) -> None:
        q = dict(zip(joint_names, q_rad, strict=True))
        self.solver.set_qpos([float(q[name]) for name in self.joint_names])


def _builder(
    kind: type[DexRetargeting] | type[DexiRs], fields: Mapping[str, Any], urdf_dir: Path
) -> Callable[[], Contestant]:
    return lambda: kind(fields, urdf_dir)


def _missing(module: str, urdf_dir: Path | None) -> str | None:
    """Why a peer cannot be used; None if it can."""
    try:
        importlib.import_module(module)
    except ImportError as error:
        return f"{error.name or module} is not installed"
    return None if urdf_dir is not None else f"there is no {_URDF.as_posix()}, which dexi-rs carries"


def _package_folder(package: str) -> Path | None:
    """Of an installed package, without importing it."""
    spec = importlib.util.find_spec(package)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def _fields() -> dict[str, Any]:
    folder = _package_folder("dex_retargeting")
    if folder is None or not (folder / _YAML).is_file():
        return dict(_SCHEMA)
    content = yaml.safe_load((folder / _YAML).read_text(encoding="utf-8"))
    return dict(content["retargeting"])


def _urdf_dir() -> Path | None:
    folder = _package_folder("dexi_rs")
    places = [] if folder is None else [folder / "resources" / "assets" / "robots" / "hands"]
    if os.environ.get("POSEHAND_URDF_DIR"):
        places.append(Path(os.environ["POSEHAND_URDF_DIR"]))
    return next((place for place in places if (place / _URDF).is_file()), None)
