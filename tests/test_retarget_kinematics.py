"""Forward kinematics and Jacobians: against pinocchio, finite differences and the vendor's golden values."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import yourdfpy
from retarget_examples import ZOO

from retarget.errors import RetargetError
from retarget.kinematics import Kinematics
from retarget.urdf import FIXED, PRISMATIC, RobotTree, read_urdf

ASSETS = Path(__file__).parent.parent / "robot" / "assets"
JOINTS = [f"joint_{i}.0" for i in range(16)]
TIPS = ["link_3.0_tip", "link_7.0_tip", "link_11.0_tip", "link_15.0_tip"]
ZOO_LINKS = ["a", "b", "c", "d", "e", "f", "g"]


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    path = tmp_path / "zoo.urdf"
    path.write_text(ZOO)
    return path


def reference_positions(tree: RobotTree, values: dict[str, float]) -> dict[str, np.ndarray]:
    """Link origins (3,) by name, in plain numpy; `values` gives every independent joint."""
    pose = {tree.link_names[0]: np.eye(4)}
    for link, name in enumerate(tree.link_names[1:], start=1):
        motion = np.eye(4)
        if tree.joint_type[link] != FIXED:
            value = tree.multiplier[link] * values[tree.joint_names[tree.source[link]]] + tree.offset[link]
            if tree.joint_type[link] == PRISMATIC:
                motion[:3, 3] = value * tree.axis[link]
            else:
                cross = np.cross(np.eye(3), tree.axis[link])
                motion[:3, :3] += np.sin(value) * cross + (1 - np.cos(value)) * cross @ cross
        pose[name] = pose[tree.link_names[tree.parent[link]]] @ tree.origin[link] @ motion
    return {name: T[:3, 3] for name, T in pose.items()}


def other_hands() -> list[Path]:
    """URDFs of the field's hands, from the package that carries them."""
    spec = importlib.util.find_spec("dexi_rs")
    if spec is None or spec.origin is None:
        return []
    return sorted(Path(spec.origin).parent.glob("resources/assets/robots/hands/**/*.urdf"))


@pytest.mark.parametrize("path", other_hands(), ids=lambda path: path.stem)
def test_other_hands_agree_with_pinocchio_and_with_numpy_on_random_poses(path: Path) -> None:
    tree = read_urdf(path)
    kinematics = Kinematics(tree, tree.link_names)
    moving = [i for i in range(1, len(tree.link_names)) if tree.joint_type[i] != FIXED]
    above = {
        joint.child: joint.name for joint in yourdfpy.URDF.load(str(path), load_meshes=False).robot.joints
    }
    rng = np.random.default_rng(4)
    for _ in range(5):
        q = rng.uniform(-1.5, 1.5, len(kinematics.joint_names))
        independent = dict(zip(kinematics.joint_names, q, strict=True))
        every = {
            above[tree.link_names[i]]: tree.multiplier[i] * q[tree.source[i]] + tree.offset[i] for i in moving
        }
        found = kinematics.positions(q)
        reference = reference_positions(tree, independent)
        np.testing.assert_allclose(found, [reference[name] for name in tree.link_names], atol=1e-9)
        np.testing.assert_allclose(found, pinocchio_positions(path, list(tree.link_names), every), atol=1e-9)


def pinocchio_positions(path: Path, links: list[str], values: dict[str, float]) -> np.ndarray:
    """Link origins (F,3) by pinocchio; `values` gives every moving joint, mimics too."""
    pin = pytest.importorskip("pinocchio")
    model = pin.buildModelFromUrdf(str(path))
    data = model.createData()
    q = pin.neutral(model)
    for name, value in values.items():
        joint = model.joints[model.getJointId(name)]
        q[joint.idx_q : joint.idx_q + joint.nq] = value if joint.nq == 1 else (np.cos(value), np.sin(value))
    pin.framesForwardKinematics(model, data, q)
    return np.array([data.oMf[model.getFrameId(link)].translation for link in links])


@pytest.mark.parametrize("side", ["right", "left"])
def test_allegro_positions_agree_with_pinocchio_on_random_poses(side: str) -> None:
    path = ASSETS / f"allegro_{side}.urdf"
    tree = read_urdf(path)
    kinematics = Kinematics(tree, tree.link_names, JOINTS)
    rng = np.random.default_rng(1)
    for _ in range(20):
        q = rng.uniform(-np.pi, np.pi, 16)
        expected = pinocchio_positions(path, list(tree.link_names), dict(zip(JOINTS, q, strict=True)))
        np.testing.assert_allclose(kinematics.positions(q), expected, atol=1e-9)


def test_every_joint_type_agrees_with_pinocchio(zoo: Path) -> None:
    kinematics = Kinematics(zoo, ZOO_LINKS)
    assert kinematics.joint_names == ("a_joint", "b_joint", "d_joint", "g_joint")
    rng = np.random.default_rng(2)
    for _ in range(20):
        a, b, d, g = q = rng.uniform(-2, 2, 4)
        e = -0.7 * a + 0.2
        values = {"a_joint": a, "b_joint": b, "d_joint": d, "g_joint": g, "e_joint": e, "f_joint": 0.1 * e}
        expected = pinocchio_positions(zoo, ZOO_LINKS, values)
        np.testing.assert_allclose(kinematics.positions(q), expected, atol=1e-9)


def test_jacobian_agrees_with_finite_differences(zoo: Path) -> None:
    points = [("f", (0.01, -0.02, 0.03)), "e", "b", "g", "base"]
    for kinematics in (Kinematics(zoo, points), Kinematics(ASSETS / "allegro_right.urdf", TIPS, JOINTS)):
        n = len(kinematics.joint_names)
        q = np.random.default_rng(3).uniform(-1, 1, n)
        step = 1e-6 * np.eye(n)
        numeric = np.stack(
            [(kinematics.positions(q + s) - kinematics.positions(q - s)) / 2e-6 for s in step], axis=-1
        )
        np.testing.assert_allclose(kinematics.jacobian(q), numeric, atol=1e-8)


def degrees(*values: float) -> np.ndarray:
    return np.radians(values)


HOME = degrees(0, -10, 45, 45, 0, -10, 45, 45, 5, -5, 50, 45, 60, 25, 15, 45)


@pytest.mark.parametrize(
    ("side", "q", "expected_mm"),
    [
        (
            "right",
            np.zeros(16),
            [[0, 55.31, 133.442], [0, 0, 136.2], [0, -55.31, 133.442], [-13.2, 167.704, -86.071]],
        ),
        (
            "right",
            HOME,
            [
                [38.943, 52.71, 103.727],
                [38.943, 0, 106.371],
                [48.959, -47.717, 95.808],
                [106.048, 62.359, -31.424],
            ],
        ),
        (
            "right",
            None,
            [
                [95.347, 47.517, 44.373],
                [95.347, 0, 46.791],
                [95.347, -47.517, 44.373],
                [84.029, 57.136, -10.195],
            ],
        ),
        (
            "left",
            np.zeros(16),
            [[0, -55.31, 133.442], [0, 0, 136.2], [0, 55.31, 133.442], [-13.2, -167.704, -86.071]],
        ),
    ],
    ids=["right zero", "right home", "right mid-limits", "left zero"],
)
def test_vendor_fingertips_have_their_golden_positions(
    side: str, q: np.ndarray | None, expected_mm: list
) -> None:
    kinematics = Kinematics(ASSETS / f"allegro_{side}.urdf", TIPS, JOINTS)
    q = 0.5 * (kinematics.lower_rad + kinematics.upper_rad) if q is None else q
    np.testing.assert_allclose(1e3 * kinematics.positions(q), expected_mm, atol=2e-3)


def test_left_hand_mirrors_right_with_negated_abduction() -> None:
    right, left = (Kinematics(ASSETS / f"allegro_{side}.urdf", TIPS, JOINTS) for side in ("right", "left"))
    q = np.random.default_rng(4).uniform(right.lower_rad, right.upper_rad)
    mirrored = q.copy()
    mirrored[[0, 4, 8]] *= -1
    np.testing.assert_allclose(left.positions(mirrored), right.positions(q) * [1, -1, 1], atol=1e-9)


def test_positions_are_given_in_the_base_links_frame(zoo: Path) -> None:
    allegro = Kinematics(ASSETS / "allegro_right.urdf", ["palm_link", *TIPS], JOINTS, base_link="wrist")
    plain = Kinematics(ASSETS / "allegro_right.urdf", ["palm_link", *TIPS], JOINTS)
    np.testing.assert_allclose(
        allegro.positions(HOME), np.add(plain.positions(HOME), [0, 0, 0.095]), atol=1e-12
    )
    with pytest.raises(RetargetError, match="moves with the joints"):
        Kinematics(zoo, ["f"], base_link="c")


def test_joints_left_out_stand_at_their_frozen_value(zoo: Path) -> None:
    whole = Kinematics(zoo, ZOO_LINKS)
    part = Kinematics(zoo, ZOO_LINKS, ["d_joint"], frozen_rad={"a_joint": 0.4, "b_joint": -0.05})
    np.testing.assert_allclose(
        part.positions(np.array([1.3])), whole.positions(np.array([0.4, -0.05, 1.3, 0.0])), atol=1e-12
    )
    # a base below frozen joints only is allowed, and it is the origin
    inside = Kinematics(zoo, ["c", "f"], ["d_joint"], base_link="c")
    np.testing.assert_allclose(inside.positions(np.array([0.3]))[0], 0.0, atol=1e-12)


def test_unknown_names_are_reported_with_the_legal_ones(zoo: Path) -> None:
    with pytest.raises(RetargetError, match=r"no link 'finger'.*base, a, b, c, d, e, f, g"):
        Kinematics(zoo, ["finger"])
    with pytest.raises(
        RetargetError, match=r"no independent joint 'e_joint'.*a_joint, b_joint, d_joint, g_joint"
    ):
        Kinematics(zoo, ["f"], ["e_joint"])
    with pytest.raises(RetargetError, match="repeat"):
        Kinematics(zoo, ["f"], ["a_joint", "a_joint"])
    with pytest.raises(RetargetError, match=r"shape \(3,\)"):
        Kinematics(zoo, ["f"]).positions(np.zeros(3))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('type="continuous"', 'type="ball"', "legal are: fixed, revolute, continuous, prismatic"),
        ('<mimic joint="a_joint"', '<mimic joint="nobody"', "mimics 'nobody'"),
        ('<mimic joint="a_joint"', '<mimic joint="f_joint"', "mimics '._joint'"),
        ('multiplier="-0.7"', 'multiplier="nan"', "'e_joint' mimics 'a_joint' by nan times .* finite"),
        ('offset="0.2"', 'offset="-inf"', "'e_joint' mimics 'a_joint' .* plus -inf; give a finite"),
        ('<parent link="b"/>', '<parent link="z"/>', "'z', which the file lacks"),
        ('<parent link="c"/>', '<parent link="f"/>', "must be a tree|one tree"),
        ('<link name="g"/>', '<link name="g"/><link name="loose"/>', "roots are base, loose"),
        ('<link name="g"/>', '<link name="g"/><link name="g"/>', "link 'g' is there twice"),
        ('axis xyz="1 2 -1"', 'axis xyz="0 0 0"', "give it a direction"),
        ('axis xyz="1 2 -1"', 'axis xyz="1 2"', "give it a direction of three numbers"),
        ('lower="0" upper="1"', 'lower="1" upper="0"', "must not exceed"),
        ('lower="0" upper="1"', 'lower="0.2"', "limits 0.2 … 0.0; .* one that is left out is 0"),
        ("</robot>", "", "not a readable URDF"),
    ],
)
def test_broken_descriptions_are_explained(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in ZOO
    path = tmp_path / "broken.urdf"
    path.write_text(ZOO.replace(old, new, 1))
    with pytest.raises(RetargetError, match=message):
        read_urdf(path)


@pytest.mark.parametrize(
    ("given", "limits"), [('upper="1.5"', (0.0, 1.5)), ('lower="-1.5"', (-1.5, 0.0)), ("", (-np.inf, np.inf))]
)
def test_of_two_limits_the_one_left_out_is_zero(
    tmp_path: Path, given: str, limits: tuple[float, float]
) -> None:
    path = tmp_path / "half.urdf"
    path.write_text(ZOO.replace('lower="0" upper="1"', given, 1))
    tree = read_urdf(path)
    joint = tree.joint_index("g_joint")
    assert (tree.lower_rad[joint], tree.upper_rad[joint]) == limits


@pytest.mark.parametrize("encoding", ["latin-1", "iso-8859-1", "utf-16", "utf-8"])
def test_names_are_read_in_whatever_encoding_the_file_says(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "umlaut.urdf"
    text = f'<?xml version="1.0" encoding="{encoding}"?>{ZOO.strip()}'.replace('"base"', '"Fuß"')
    path.write_bytes(text.encode(encoding))
    assert read_urdf(path).link_names[0] == "Fuß"


@pytest.mark.parametrize("content", [None, "", "hello", "<robot"])
def test_a_file_that_is_no_urdf_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "no.urdf"
    if content is not None:
        path.write_text(content)
    with pytest.raises(RetargetError, match=r"give the path of a URDF|not a readable URDF"):
        read_urdf(path)
