"""Hand configs: the ones that ship load, the ones that cannot work say why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from retarget import RetargetError, load
from retarget.config import hand_names, read_config

ASSETS = Path(__file__).parent.parent / "robot" / "assets"


def section(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "urdf_path": str(ASSETS / "allegro_right.urdf"),
        "wrist_link_name": "wrist",
        "finger_tip_link_names": ["link_15.0_tip", "link_3.0_tip", "link_7.0_tip", "link_11.0_tip"],
        "target_joint_names": [f"joint_{i}.0" for i in range(16)],
    }
    base.update(changes)
    return {key: value for key, value in base.items() if value is not None}


def write(folder: Path, content: Any) -> Path:
    path = folder / "hand.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def test_both_allegro_hands_ship() -> None:
    assert hand_names() == ("allegro_left", "allegro_right")


@pytest.mark.parametrize("name", ["allegro_right", "allegro_left"])
def test_shipped_hands_have_the_drivers_joint_order_and_the_vendors_home(name: str) -> None:
    config = read_config(name)
    assert config.urdf_path == (ASSETS / f"{name}.urdf").resolve()
    assert config.target_joint_names == tuple(f"joint_{i}.0" for i in range(16))
    assert config.finger_tip_human_indices == (4, 8, 12, 16)
    sign = 1 if name.endswith("right") else -1
    degrees = [0, -10, 45, 45, 0, -10, 45, 45, sign * 5, -5, 50, 45, 60, 25, 15, 45]
    assert config.home_rad == pytest.approx([d * 0.0174532925 for d in degrees], abs=1e-6)


def test_missing_keys_take_their_defaults(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, {"retargeting": section(type="DexPilot", escape_dist=0.06)}))
    assert (config.type, config.project_dist, config.escape_dist) == ("dexpilot", 0.03, 0.06)


def test_relative_urdf_path_counts_from_the_yaml(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, {"retargeting": section(urdf_path="robots/hand.urdf")}))
    assert config.urdf_path == (tmp_path / "robots" / "hand.urdf").resolve()
    with pytest.raises(RetargetError, match=r"no robot description at .*hand\.urdf"):
        load(tmp_path / "hand.yaml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scalling_factor": 1.2}, "unknown key 'scalling_factor'; legal are: .*scaling_factor"),
        ({"wrist_link_name": None}, "'wrist_link_name' is missing"),
        ({"type": "magic"}, "type is 'magic'; use one of: dexpilot"),
        ({"type": 3}, "type is 3; give a text"),
        ({"scaling_factor": "big"}, "scaling_factor is 'big'; give a finite number"),
        ({"scaling_factor": float("nan")}, "scaling_factor is nan; give a finite number"),
        ({"scaling_factor": True}, "scaling_factor is True"),
        ({"scaling_factor": 0}, "scaling_factor is 0.0; it must be greater than 0"),
        ({"escape_dist": 0.02}, "escape_dist is 0.02; it must be at least project_dist"),
        ({"projection_band_m": 0.03}, "projection_band_m is 0.03; it must lie between"),
        ({"contact_dist_m": -0.01}, "contact_dist_m is -0.01; it must be 0 or greater"),
        ({"max_iterations": 2.5}, "max_iterations is 2.5; give a whole number"),
        ({"finger_tip_link_names": ["link_15.0_tip"]}, "has 1 entries"),
        ({"finger_tip_human_indices": [4, 8]}, "one keypoint from 1 to 20"),
        ({"finger_tip_human_indices": [4, 8, 12, 21]}, "one keypoint from 1 to 20"),
        ({"finger_tip_offsets_m": [[0, 0, 0]]}, "three numbers for each of the 4 fingertips"),
        ({"target_joint_names": []}, "target_joint_names is empty"),
        ({"target_joint_names": "joint_0.0"}, "give a list of names"),
        ({"home_rad": [0.0]}, "home_rad has 1 values"),
        ({"coupled_joints": [{"follower": "joint_3.0"}]}, "give follower and leader"),
        ({"coupled_joints": [{"follower": "a", "leader": "a"}]}, "give follower and leader"),
    ],
)
def test_unusable_values_are_explained(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RetargetError, match=message):
        read_config(write(tmp_path, {"retargeting": section(**changes)}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wrist_link_name": "hand"}, "no link 'hand'; use one of: .*palm_link"),
        ({"wrist_link_name": "link_3.0"}, "moves with the joints"),
        ({"target_joint_names": ["joint_0.0", "joint_99.0"]}, "no independent joint 'joint_99.0'"),
        (
            {"coupled_joints": [{"follower": "joint_3.0", "leader": "knee"}]},
            "names 'knee'; use target joints",
        ),
        ({"home_rad": [0.0] * 16}, "puts joint_12.0 at 0.0; keep it strictly between 0.263 and 1.396"),
    ],
)
def test_values_that_do_not_fit_the_robot_are_explained(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(RetargetError, match=message):
        load(write(tmp_path, {"retargeting": section(**changes)}))


@pytest.mark.parametrize("content", ["", "- 1", "hand: {}", "retargeting: 3", "retargeting: [", "\x00"])
def test_files_that_are_no_config_are_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(RetargetError, match=r"no section 'retargeting'|not valid YAML"):
        read_config(write(tmp_path, content))


def test_unknown_hands_are_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(RetargetError, match="'shadow'; use one of: allegro_left, allegro_right"):
        read_config("shadow")
    with pytest.raises(RetargetError, match="cannot be read"):
        read_config(tmp_path / "none.yaml")
