"""The v5 URDFs: written by the script, with the vendor's kinematics, the left a mirror image of the right."""

from __future__ import annotations

import math

import numpy as np
import pytest
import yourdfpy

from robot import HandView, RobotError
from robot.allegro_model import HANDS, Hand
from robot.allegro_v5 import KINDS, Kind, v5_joints, v5_path, v5_tips_m
from robot.allegro_v5_urdf import allegro_v5_urdf
from robot.allegro_versions import known_spec, version_spec
from robot.link_poses import LinkPoses

TIPS = ("link_15_0_tip", "link_3_0_tip", "link_7_0_tip", "link_11_0_tip")
NAMES = tuple(f"joint_{i}_0" for i in range(16))
BOTH = [(kind, hand) for kind in KINDS for hand in HANDS]


@pytest.fixture(scope="module")
def models() -> dict[tuple[Kind, Hand], yourdfpy.URDF]:
    return {
        key: yourdfpy.URDF.load(str(v5_path(*key)), load_meshes=False, build_collision_scene_graph=False)
        for key in BOTH
    }


def tips_m(model: yourdfpy.URDF, q_rad: np.ndarray) -> np.ndarray:
    """(4,3) metres in the palm frame, thumb first."""
    model.update_cfg(dict(zip(NAMES, q_rad, strict=True)))
    return np.array([model.get_transform(tip, "palm_link")[:3, 3] for tip in TIPS])


def mirror_q(q_rad: np.ndarray) -> np.ndarray:
    """Joint angles (16,) of the left hand in the mirrored pose of a right one."""
    mirrored = np.array(q_rad)
    mirrored[[0, 4, 8]] *= -1.0
    a, b, c, d = mirrored[12:]
    mirrored[12:] = -a, math.pi - b, -c, -d
    return mirrored


@pytest.mark.parametrize(("kind", "hand"), BOTH)
def test_shipped_file_is_what_the_script_writes(kind: Kind, hand: Hand) -> None:
    assert v5_path(kind, hand).read_text(encoding="utf-8") == allegro_v5_urdf(kind, hand)


@pytest.mark.parametrize(("kind", "hand"), BOTH)
def test_joints_are_the_vendors_in_its_order(
    models: dict[tuple[Kind, Hand], yourdfpy.URDF], kind: Kind, hand: Hand
) -> None:
    assert tuple(joint.name for joint in v5_joints(kind, hand)) == NAMES
    assert set(models[kind, hand].actuated_joint_names) == set(NAMES)


@pytest.mark.parametrize(
    ("kind", "hand", "limits"),
    [
        (
            "a",
            "right",
            {0: (-0.47, 0.47), 1: (-0.196, 1.8), 12: (0.0, 1.78), 13: (-0.26, 1.78), 15: (-0.09, 1.80)},
        ),
        (
            "b",
            "right",
            {0: (-0.3, 0.3), 1: (-0.01, 1.6), 8: (-0.26, 0.29), 11: (-0.21, 1.85), 13: (-0.26, 1.65)},
        ),
        ("a", "left", {12: (-1.78, 0.5), 13: (1.0, 3.22), 14: (-1.85, 0.2)}),
        ("b", "left", {8: (-0.29, 0.26), 12: (-1.78, 0.0), 13: (1.57, 3.22), 15: (-1.80, 0.09)}),
    ],
)
def test_limits_are_the_vendors(kind: Kind, hand: Hand, limits: dict[int, tuple[float, float]]) -> None:
    joints = v5_joints(kind, hand)
    for index, expected in limits.items():
        assert (joints[index].lower_rad, joints[index].upper_rad) == expected


@pytest.mark.parametrize(
    ("kind", "reach_m"), [("a", 0.021 + 0.051 + 0.0384 + 0.0267), ("b", 0.017 + 0.0431 + 0.038 + 0.04)]
)
def test_straight_right_fingers_end_where_their_lengths_say(
    models: dict[tuple[Kind, Hand], yourdfpy.URDF], kind: Kind, reach_m: float
) -> None:
    thumb, index, middle, ring = tips_m(models[kind, "right"], np.zeros(16))
    tilt = 0.08726646255
    knuckle = {"a": (0.0405, -0.00945, -0.0079, 0.0), "b": (0.0425, -0.005, -0.002, 0.0005)}[kind]
    outward, up = reach_m * math.sin(tilt), reach_m * math.cos(tilt)
    np.testing.assert_allclose(index, [knuckle[3], knuckle[0] + outward, knuckle[1] + up], atol=1e-9)
    np.testing.assert_allclose(middle, [0.0, 0.0, knuckle[2] + reach_m], atol=1e-9)
    np.testing.assert_allclose(ring[1:], [-index[1], index[2]], atol=1e-9)
    # A straight thumb sticks out sideways, 5° below the horizontal.
    length = 0.06874 + 0.038 + 0.05
    expected = [0.002, 0.027 + length * math.cos(tilt), -0.06342 - length * math.sin(tilt)]
    np.testing.assert_allclose(thumb, expected, atol=1.2e-3)  # link 13 stands 1 mm below that line


@pytest.mark.parametrize("kind", KINDS)
def test_fingers_close_and_the_thumb_opposes(
    models: dict[tuple[Kind, Hand], yourdfpy.URDF], kind: Kind
) -> None:
    for hand in HANDS:
        model = models[kind, hand]
        closed, opposed = np.zeros(16), np.zeros(16)
        closed[[1, 2, 3, 5, 6, 7, 9, 10, 11]] = 1.5
        opposed[12] = 1.4
        if hand == "left":
            closed, opposed = mirror_q(closed), mirror_q(opposed)
        assert (tips_m(model, closed)[1:, 0] > 0.0).all()  # out of the palm
        assert (tips_m(model, closed)[1:, 2] < 0.06).all()  # and back
        assert tips_m(model, opposed)[0, 0] > 0.1


@pytest.mark.parametrize(("kind", "tolerance_m"), [("a", 2.6e-3), ("b", 4e-4)])
def test_left_hand_is_the_mirror_image_of_the_right(
    models: dict[tuple[Kind, Hand], yourdfpy.URDF], kind: Kind, tolerance_m: float
) -> None:
    """On both type A hands the finger on −y stands 2.5 mm forward."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        q = rng.uniform(0.0, 1.2, 16)
        right = tips_m(models[kind, "right"], q)
        left = tips_m(models[kind, "left"], mirror_q(q)) * [1.0, -1.0, 1.0]
        assert np.linalg.norm(left - right, axis=1).max() < tolerance_m
        assert np.linalg.norm(left[0] - right[0]) < 4e-4


@pytest.mark.parametrize(("kind", "hand"), BOTH)
def test_drawing_puts_the_fingertips_where_the_urdf_does(
    models: dict[tuple[Kind, Hand], yourdfpy.URDF], kind: Kind, hand: Hand
) -> None:
    spec = version_spec(f"v5{kind}", hand)
    rng = np.random.default_rng(7)
    q_rad = rng.uniform(spec.lower_rad, spec.upper_rad)
    kinematics = LinkPoses(hand, f"v5{kind}")
    poses = dict(zip(kinematics.links, kinematics.of(q_rad), strict=True))
    model = models[kind, hand]
    model.update_cfg(dict(zip(NAMES, q_rad, strict=True)))
    for tip in TIPS:
        link = tip.removesuffix("_tip")
        center_m = model.get_transform(link, "palm_link") @ np.append(v5_tips_m(kind)[tip], 1.0)
        np.testing.assert_allclose(poses[tip][:3, 3], center_m[:3], atol=1e-6)


def test_every_hand_has_a_picture_of_its_own() -> None:
    pictures = []
    for version in ("v4", "v5a", "v5b"):
        for hand in HANDS:
            view = HandView(hand, (64, 64), version)
            pictures.append(view.render(view.spec.home_rad, view.spec.joint_names).tobytes())
    assert len(set(pictures)) == 6
    v2 = HandView("right", (64, 64), "v2")  # is built like v4
    assert v2.render(v2.spec.home_rad, v2.spec.joint_names).tobytes() == pictures[HANDS.index("right")]


def test_a_robot_is_known_by_its_name() -> None:
    assert known_spec("allegro_left", "left").version == "v4"
    assert known_spec("allegro_v5b_right", "right").version == "v5b"
    with pytest.raises(RobotError, match=r"called shadow_right; known right hands are allegro_right, .*v5b"):
        known_spec("shadow_right", "right")
