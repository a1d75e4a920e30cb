"""The shipped URDFs: written by the script, kinematics and inertias as the tables of the facts say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import yourdfpy

from robot.allegro_model import HANDS, Hand, bodies, joints
from robot.allegro_urdf import allegro_urdf
from robot.bullet import load_pybullet
from robot.errors import RobotError
from robot.hands import JOINT_NAMES, hand_spec, mirror_q, urdf_path

TIPS = ("link_3.0_tip", "link_7.0_tip", "link_11.0_tip", "link_15.0_tip")

# Fingertips in the palm frame, mm: index, middle, ring, thumb.
GOLDEN_MM = {
    ("right", "zero"): [(0, 55.31, 133.442), (0, 0, 136.2), (0, -55.31, 133.442), (-13.2, 167.704, -86.071)],
    ("right", "home"): [
        (38.943, 52.71, 103.727),
        (38.943, 0, 106.371),
        (48.959, -47.717, 95.808),
        (106.048, 62.359, -31.424),
    ],
    ("right", "mid"): [
        (95.347, 47.517, 44.373),
        (95.347, 0, 46.791),
        (95.347, -47.517, 44.373),
        (84.029, 57.136, -10.195),
    ],
    ("left", "zero"): [(0, -55.31, 133.442), (0, 0, 136.2), (0, 55.31, 133.442), (-13.2, -167.704, -86.071)],
}

# Principal moments for uniform boxes about their centres, kg·m²; four significant figures as tabulated.
INERTIAS = {
    "palm_link": (7.544e-4, 3.700e-4, 4.996e-4),
    "link_0.0": (1.017e-6, 6.48e-7, 1.131e-6),
    "link_1.0": (1.989e-5, 1.788e-5, 6.18e-6),
    "link_2.0": (6.600e-6, 5.499e-6, 3.374e-6),
    "link_3.0": (1.175e-6, 8.78e-7, 9.12e-7),
    "link_12.0": (4.732e-6, 4.916e-6, 3.575e-6),
    "link_13.0": (1.061e-6, 6.92e-7, 1.131e-6),
    "link_14.0": (1.076e-5, 9.583e-6, 3.611e-6),
    "link_15.0": (8.231e-6, 7.028e-6, 3.687e-6),
    "link_3.0_tip": (9.68e-7, 9.68e-7, 9.68e-7),
}


def load(hand: Hand) -> yourdfpy.URDF:
    return yourdfpy.URDF.load(str(urdf_path(hand)), load_meshes=False, build_collision_scene_graph=False)


@pytest.fixture(scope="module")
def models() -> dict[Hand, yourdfpy.URDF]:
    return {hand: load(hand) for hand in HANDS}


def tips_mm(model: yourdfpy.URDF, q_rad: np.ndarray) -> np.ndarray:
    model.update_cfg(dict(zip(JOINT_NAMES, q_rad, strict=True)))
    return np.array([1000.0 * model.get_transform(tip, "palm_link")[:3, 3] for tip in TIPS])


def pose(hand: Hand, name: str) -> np.ndarray:
    spec = hand_spec(hand)
    return {"zero": np.zeros(16), "home": spec.home_rad, "mid": (spec.lower_rad + spec.upper_rad) / 2}[name]


@pytest.mark.parametrize("hand", HANDS)
def test_shipped_file_is_what_the_script_writes(hand: Hand) -> None:
    assert urdf_path(hand).read_text(encoding="utf-8") == allegro_urdf(hand)


@pytest.mark.parametrize(("hand", "name"), list(GOLDEN_MM))
def test_fingertips_match_the_golden_values(models: dict[Hand, yourdfpy.URDF], hand: Hand, name: str) -> None:
    np.testing.assert_allclose(tips_mm(models[hand], pose(hand, name)), GOLDEN_MM[hand, name], atol=0.01)


@pytest.mark.parametrize(("hand", "name"), list(GOLDEN_MM))
def test_physics_engine_places_the_fingertips_alike(bullet_client: int, hand: Hand, name: str) -> None:
    bullet = load_pybullet()
    body = bullet.loadURDF(str(urdf_path(hand)), useFixedBase=True, physicsClientId=bullet_client)
    info = [
        bullet.getJointInfo(body, i, physicsClientId=bullet_client)
        for i in range(bullet.getNumJoints(body, physicsClientId=bullet_client))
    ]
    number = {entry[1].decode(): entry[0] for entry in info}
    link = {entry[12].decode(): entry[0] for entry in info}
    for joint, angle in zip(JOINT_NAMES, pose(hand, name), strict=True):
        bullet.resetJointState(body, number[joint], angle, physicsClientId=bullet_client)

    def origin(which: str) -> np.ndarray:
        return np.array(
            bullet.getLinkState(body, link[which], computeForwardKinematics=1, physicsClientId=bullet_client)[
                4
            ]
        )

    wrist_mm = np.array([0.0, 0.0, -95.0])
    found = np.array([1000.0 * (origin(tip) - origin("wrist")) + wrist_mm for tip in TIPS])
    np.testing.assert_allclose(found, GOLDEN_MM[hand, name], atol=0.01)


@pytest.fixture
def bullet_client() -> Iterator[int]:
    bullet = load_pybullet()
    client = bullet.connect(bullet.DIRECT)
    yield client
    bullet.disconnect(physicsClientId=client)


def test_left_hand_mirrors_the_right_when_abduction_changes_sign(models: dict[Hand, yourdfpy.URDF]) -> None:
    spec = hand_spec("right")
    rng = np.random.default_rng(0)
    for q_rad in rng.uniform(spec.lower_rad, spec.upper_rad, (20, 16)):
        mirrored = tips_mm(models["right"], q_rad) * (1.0, -1.0, 1.0)
        np.testing.assert_allclose(tips_mm(models["left"], mirror_q(q_rad)), mirrored, atol=1e-6)


def test_wrist_is_fixed_at_the_lower_face_of_the_palm(models: dict[Hand, yourdfpy.URDF]) -> None:
    for model in models.values():
        expected = np.eye(4)
        expected[2, 3] = -0.095
        np.testing.assert_allclose(model.get_transform("wrist", "palm_link"), expected, atol=1e-12)


@pytest.mark.parametrize("hand", HANDS)
def test_joints_have_the_vendors_names_order_and_limits(
    models: dict[Hand, yourdfpy.URDF], hand: Hand
) -> None:
    actuated = [joint.name for joint in joints(hand)]
    assert actuated == [f"joint_{i}.0" for i in range(16)]
    assert set(models[hand].actuated_joint_names) == set(actuated)
    limits = {name: models[hand].joint_map[name].limit for name in actuated}
    assert (limits["joint_12.0"].lower, limits["joint_12.0"].upper) == (0.263, 1.396)
    assert (limits["joint_15.0"].lower, limits["joint_15.0"].upper) == (-0.162, 1.719)
    assert all(
        (limits[f"joint_{i}.0"].lower, limits[f"joint_{i}.0"].upper) == (-0.47, 0.47) for i in (0, 4, 8)
    )
    assert all(
        (limits[f"joint_{i + 1}.0"].upper, limits[f"joint_{i + 2}.0"].upper, limits[f"joint_{i + 3}.0"].upper)
        == (1.61, 1.709, 1.618)
        for i in (0, 4, 8)
    )


@pytest.mark.parametrize("hand", HANDS)
def test_every_link_has_a_physically_possible_inertia(models: dict[Hand, yourdfpy.URDF], hand: Hand) -> None:
    for name, link in models[hand].link_map.items():
        moments = np.linalg.eigvalsh(link.inertial.inertia)
        assert moments[0] > 0.0, name
        assert moments[2] <= moments[0] + moments[1] + 1e-15, name


@pytest.mark.parametrize("hand", HANDS)
def test_inertias_are_those_of_uniform_boxes_about_their_centres(hand: Hand) -> None:
    for name, expected in INERTIAS.items():
        np.testing.assert_allclose(bodies(hand)[name].inertia_kg_m2, expected, rtol=1e-3, err_msg=name)


def test_total_mass_is_the_vendors(models: dict[Hand, yourdfpy.URDF]) -> None:
    for model in models.values():
        total = sum(link.inertial.mass for link in model.link_map.values())
        assert total == pytest.approx(0.955, abs=0.001)


@pytest.mark.parametrize("hand", HANDS)
def test_home_lies_within_the_limits(hand: Hand) -> None:
    spec = hand_spec(hand)
    assert ((spec.home_rad >= spec.lower_rad) & (spec.home_rad <= spec.upper_rad)).all()


def test_unknown_hand_is_refused_with_the_legal_ones() -> None:
    with pytest.raises(RobotError, match="right or left"):
        hand_spec("middle")  # type: ignore[arg-type]
