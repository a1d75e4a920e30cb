"""Hand configs: the ones that ship load, the ones that cannot work say why."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from retarget import RetargetError, load
from retarget.config_file import URDF_DIR_VARIABLE, hand_names, read_config

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


def capsule(**changes: Any) -> dict[str, Any]:
    return {"link": "wrist", "from": [0.0, 0.0, 0.0], "to": [0.0, 0.0, 0.1], "radius_m": 0.01} | changes


def write(folder: Path, content: Any) -> Path:
    path = folder / "hand.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def test_both_allegro_hands_ship() -> None:
    assert {"allegro_left", "allegro_right"} <= set(hand_names())


@pytest.mark.parametrize("name", ["allegro_right", "allegro_left"])
def test_shipped_hands_have_the_drivers_joint_order_and_the_vendors_home(name: str) -> None:
    config = read_config(name)
    assert config.urdf_path == (ASSETS / f"{name}.urdf").resolve()
    assert config.target_joint_names == tuple(f"joint_{i}.0" for i in range(16))
    assert config.tip_keypoints == (4, 8, 12, 16)
    assert config.variant == "contact"
    sign = 1 if name.endswith("right") else -1
    degrees = [0, -10, 45, 45, 0, -10, 45, 45, sign * 5, -5, 50, 45, 60, 25, 15, 45]
    assert config.home_rad == pytest.approx([d * 0.0174532925 for d in degrees], abs=1e-6)


def test_missing_keys_take_their_defaults(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, {"retargeting": section(type="DexPilot", escape_dist=0.06)}))
    assert (config.type, config.project_dist, config.escape_dist) == ("dexpilot", 0.03, 0.06)


def test_relative_urdf_path_is_looked_for_in_three_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write(tmp_path, {"retargeting": section(urdf_path="robots/hand.urdf")})
    places = [tmp_path / name for name in ("variable", "given", ".")]
    monkeypatch.delenv(URDF_DIR_VARIABLE, raising=False)
    with pytest.raises(RetargetError, match=rf"no robot description at .*hand\.urdf.*{URDF_DIR_VARIABLE}"):
        read_config(config, urdf_dir=tmp_path / "given")
    monkeypatch.setenv(URDF_DIR_VARIABLE, str(tmp_path / "variable"))
    for place in places:
        (place / "robots").mkdir(parents=True)
        (place / "robots" / "hand.urdf").write_text((ASSETS / "allegro_right.urdf").read_text())
        found = read_config(config, urdf_dir=tmp_path / "given").urdf_path
        assert found == (place / "robots" / "hand.urdf").resolve()


def test_a_tilde_that_is_no_home_is_part_of_the_name(tmp_path: Path) -> None:
    (tmp_path / "~hand.urdf").write_text((ASSETS / "allegro_right.urdf").read_text())
    config = read_config(write(tmp_path, {"retargeting": section(urdf_path="~hand.urdf")}))
    assert config.urdf_path == (tmp_path / "~hand.urdf").resolve()


def test_missing_urdf_names_the_package_that_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = {"retargeting": section(urdf_path="none.urdf", robot_description="some_hand:URDF_PATH_RIGHT")}
    monkeypatch.setitem(sys.modules, "robot_descriptions", None)
    with pytest.raises(RetargetError, match="pip install robot_descriptions"):
        read_config(write(tmp_path, content))
    package = ModuleType("robot_descriptions.some_hand")
    package.URDF_PATH_RIGHT = str(ASSETS / "allegro_right.urdf")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "robot_descriptions", ModuleType("robot_descriptions"))
    monkeypatch.setitem(sys.modules, "robot_descriptions.some_hand", package)
    assert read_config(write(tmp_path, content)).urdf_path == ASSETS / "allegro_right.urdf"


def test_a_file_without_our_keys_gives_the_librarys_objective(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, {"retargeting": section(type="DexPilot", low_pass_alpha=0.2)}))
    assert (config.variant, config.normal_delta, config.open_weight) == ("dex-retargeting", 4e-3, 0.0)
    assert (config.projection_band_m, config.collision_weight, config.low_pass_alpha) == (0.0, 0.0, 0.2)


def test_every_key_of_the_librarys_schema_is_read(tmp_path: Path) -> None:
    content = section(
        type="position",
        add_dummy_free_joint=True,
        target_link_human_indices=[4, 8],
        target_link_names=["link_15.0_tip", "link_3.0_tip"],
        target_joint_names=None,
        target_origin_link_names=["wrist"],
        target_task_link_names=["link_3.0_tip"],
        scaling_factor=1.1,
        normal_delta=4e-3,
        huber_delta=2e-2,
        project_dist=0.03,
        escape_dist=0.05,
        has_joint_limits=False,
        ignore_mimic_joint=True,
        low_pass_alpha=1,
    )
    config = read_config(write(tmp_path, {"retargeting": content}))
    assert config.target_link_human_indices == ((4, 8),)
    assert (config.add_dummy_free_joint, config.has_joint_limits, config.ignore_mimic_joint) == (
        True,
        False,
        True,
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scalling_factor": 1.2}, "unknown key 'scalling_factor'; legal are: .*scaling_factor"),
        ({"wrist_link_name": None}, "'wrist_link_name' is missing"),
        ({"type": "magic"}, "type is 'magic'; use one of: dexpilot"),
        ({"type": 3}, "type is 3; give a text"),
        ({"type": [1]}, "type is .1.; give a text"),
        ({"variant": {}}, "variant is {}; give a text"),
        ({"scaling_factor": 10**400}, "give a finite number"),
        ({"finger_tip_link_names": ["link_3.0_tip", "link_3.0_tip"]}, "name every fingertip once"),
        ({"target_link_human_indices": [0, 4, 0, 12, 16]}, "follow keypoints from 1 to 20"),
        ({"scaling_factor": "big"}, "scaling_factor is 'big'; give a finite number"),
        ({"scaling_factor": float("nan")}, "scaling_factor is nan; give a finite number"),
        ({"scaling_factor": True}, "scaling_factor is True"),
        ({"scaling_factor": 0}, "scaling_factor is 0.0; it must be greater than 0"),
        ({"escape_dist": 0.02}, "escape_dist is 0.02; it must be at least project_dist"),
        ({"projection_band_m": 0.03}, "projection_band_m is 0.03; it must lie between"),
        ({"separation_dist_m": -0.01}, "separation_dist_m is -0.01; it must be 0 or greater"),
        ({"variant": "fast"}, "variant is 'fast'; use one of: contact, dex-retargeting, published"),
        ({"tip_radii_m": [0.01]}, "one number for each of the 4 fingertips"),
        ({"tip_radii_m": [0.01, 0.01, 0.01, -0.01]}, "a radius is 0 or greater"),
        ({"low_pass_alpha": 0}, "low_pass_alpha is 0.0; it must not be 0"),
        ({"hand_frame_rpy": [0.0]}, "give roll, pitch and yaw"),
        ({"has_joint_limits": 1}, "give a true or false"),
        ({"capsules": [{"link": "wrist"}]}, "give link, from, to and radius_m"),
        ({"capsules": [capsule(radius_m=0.0)]}, "a radius_m greater than 0"),
        ({"capsules": [capsule(to=[0.0])]}, "as three numbers"),
        ({"type": "vector"}, "name where each vector starts and ends"),
        ({"type": "position"}, "'target_link_names' is missing"),
        ({"type": "position", "target_link_names": ["wrist"]}, "one keypoint for each of the 1"),
        (
            {
                "type": "vector",
                "target_origin_link_names": ["wrist"],
                "target_task_link_names": ["link_3.0_tip"],
                "target_link_human_indices": [0, 8],
            },
            "two rows of 1 keypoints",
        ),
        ({"max_iterations": 2.5}, "max_iterations is 2.5; give a whole number"),
        ({"finger_tip_link_names": ["link_15.0_tip"]}, "has 1 entries"),
        ({"target_link_human_indices": [4, 8]}, "one for each of the 4 fingertips"),
        ({"target_link_human_indices": [0, 4, 8, 12, 21]}, "from 0 .wrist. to 20"),
        ({"finger_tip_offsets_m": [[0, 0, 0]]}, "three numbers for each of the 4 fingertips"),
        ({"target_joint_names": "joint_0.0"}, "give a list of names"),
        ({"home_rad": [0.0]}, "home_rad has 1 values"),
        ({"open_rad": [0.0]}, "open_rad has 1 values"),
        ({"steady_delta": -1}, "steady_delta is -1.0; it must be 0 or greater"),
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
        ({"finger_tip_link_names": ["link_15.0_tip", "thumb"]}, "no link 'thumb'; use one of: .*palm_link"),
        ({"target_joint_names": ["joint_0.0", "joint_99.0"]}, "no independent joint 'joint_99.0'"),
        (
            {"coupled_joints": [{"follower": "joint_3.0", "leader": "knee"}]},
            "names 'knee'; use target joints",
        ),
        ({"steady_joints": ["joint_0.0", "knee"]}, "names 'knee'; use target joints"),
        ({"home_rad": [0.0] * 16}, "puts joint_12.0 at 0.0; keep it strictly between 0.263 and 1.396"),
    ],
)
def test_values_that_do_not_fit_the_robot_are_explained(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(RetargetError, match=message):
        load(write(tmp_path, {"retargeting": section(**changes)}))


def test_a_file_with_both_hands_is_read_by_side(tmp_path: Path) -> None:
    hands = {
        side: section(target_link_human_indices_dexpilot=[0, 4, 8, 12, 16]) for side in ("left", "right")
    }
    hands["left"]["scaling_factor"] = 1.1
    path = write(tmp_path, hands)
    assert read_config(path, side="left").scaling_factor == 1.1
    assert read_config(path, side="right").tip_keypoints == (4, 8, 12, 16)
    with pytest.raises(RetargetError, match="right and left; say which"):
        read_config(path)


@pytest.mark.parametrize("content", ["", "- 1", "hand: {}", "retargeting: 3", "retargeting: [", "\x00"])
def test_files_that_are_no_config_are_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(RetargetError, match=r"no section 'retargeting'|not valid YAML"):
        read_config(write(tmp_path, content))


def test_unknown_hands_are_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(RetargetError, match=r"'octopus'; use one of: .*allegro_left, allegro_right"):
        read_config("octopus")
    with pytest.raises(RetargetError, match="cannot be read"):
        read_config(tmp_path / "none.yaml")
