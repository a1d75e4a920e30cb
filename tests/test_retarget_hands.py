"""Every hand that ships: open is open, a fist a fist, pinches touch, the left mirrors the right.

The URDFs of the hands that do not come with this project are those inside the dexi-rs wheel.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from retarget_examples import fist, flat_hand, make_hand, pinch

from retarget import Retargeter, load
from retarget.config_file import hand_names, read_config

FRAME_NS = 33_333_333
MIRROR = np.array([1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Hand:
    """What a test must know of a hand: its joints, and what it can do.

    Attributes:
        bend: per finger, index first, how much each joint (and what mimics it) bends it, rad per rad.
        thumb_tip_joint: the thumb's last joint, that is straight in an open hand.
        pinches: fingers the thumb can reach, 0 for the index.
    """

    bend: tuple[dict[str, float], ...]
    thumb_tip_joint: str
    pinches: tuple[int, ...]


def numbered(name: str, thumb_tip_joint: str) -> Hand:
    """A hand of three fingers with four joints each, the first of which spreads (the second, on a LEAP)."""
    bend = [{name.format(4 * finger + joint): 1.0 for joint in (1, 2, 3)} for finger in range(3)]
    return Hand(tuple(bend), thumb_tip_joint, (0, 1, 2))


def describe(name: str) -> Hand:
    family, side = name.rsplit("_", 1)
    if family == "allegro":
        return numbered("joint_{}.0", "joint_15.0")
    if family in ("allegro_v5a", "allegro_v5b"):
        return numbered("joint_{}_0", "joint_15_0")
    if family == "leap":
        return numbered("{}", "15")
    if family == "shadow":
        bend = [{f"{finger}J{joint}": 1.0 for joint in (3, 2, 1)} for finger in ("FF", "MF", "RF", "LF")]
        return Hand(tuple(bend), "THJ1", (0, 1, 2, 3))
    if family == "svh":
        first = [
            {f"{side}_hand_{finger}_Finger_Proximal": 1.0, f"{side}_hand_{finger}_Finger_Distal": 2.045}
            for finger in ("Index", "Middle")
        ]
        last = [{f"{side}_hand_{finger}": 3.78} for finger in ("Ring_Finger", "Pinky")]
        return Hand(
            (*first, *last), f"{side}_hand_Thumb_Flexion", (0, 1, 2, 3) if side == "right" else (0, 1)
        )
    fingers = ("index", "middle", "ring", "pinky")
    if family == "ability":
        return Hand(tuple({f"{finger}_q1": 2.0585} for finger in fingers), "thumb_q2", (0, 1, 2, 3))
    assert family == "inspire"
    bend = [{f"{finger}_proximal_joint": 2.064} for finger in fingers]
    return Hand(tuple(bend), "thumb_proximal_pitch_joint", (0, 1) if side == "right" else (0,))


OWN = [name for name in hand_names() if name.startswith("allegro")]
EVERY = list(hand_names())


def find_urdfs() -> Path:
    """The dex-urdf folder inside the dexi-rs wheel; skips where it is not installed."""
    spec = importlib.util.find_spec("dexi_rs")
    if spec is None or spec.origin is None:
        pytest.skip("the URDFs of these hands come with dexi-rs; pip install dexi-rs==0.4.1")
    folder = Path(spec.origin).parent / "resources" / "assets" / "robots" / "hands"
    if not folder.is_dir():
        pytest.skip(f"this dexi-rs has no URDFs at {folder}; install dexi-rs==0.4.1")
    return folder


@cache
def retargeter_of(name: str) -> Retargeter:
    return load(name, urdf_dir=None if name in OWN else find_urdfs())


def mirrored(keypoints: np.ndarray, name: str) -> np.ndarray:
    """A right hand's keypoints as those of the hand that `name` follows."""
    return keypoints * MIRROR if name.endswith("left") else keypoints


def solve_afresh(name: str, keypoints: np.ndarray) -> np.ndarray:
    """The pose for a right hand, mirrored if need be, without a past."""
    retargeter = retargeter_of(name)
    retargeter.reset()
    return retargeter.solve(mirrored(keypoints, name), 0)


def tips(retargeter: Retargeter, q_rad: np.ndarray) -> np.ndarray:
    """(tips,3) metres from the robot's wrist link; the thumb of either hand on +y."""
    wrist = retargeter.links(q_rad)[retargeter.config.wrist_link_name][:3, 3]
    placed = retargeter.tip_positions(q_rad) - wrist
    return placed * MIRROR if "left" in retargeter.config.urdf_path.stem else placed


def bend(name: str, q_rad: np.ndarray) -> np.ndarray:
    """(fingers,) rad, how far each finger is bent in all."""
    joints = retargeter_of(name).joint_names
    return np.array(
        [
            sum(ratio * q_rad[joints.index(joint)] for joint, ratio in finger.items())
            for finger in describe(name).bend
        ]
    )


def gaps(retargeter: Retargeter, q_rad: np.ndarray) -> np.ndarray:
    """(fingers,) metres between the surfaces of the thumb's tip and each finger's."""
    position, radius = retargeter.tip_positions(q_rad), retargeter.tip_radii_m
    return np.linalg.norm(position[1:] - position[0], axis=1) - radius[1:] - radius[0]


def test_all_hands_ship() -> None:
    families = ("ability", "allegro", "allegro_v5a", "allegro_v5b", "inspire", "leap", "shadow", "svh")
    assert set(hand_names()) == {f"{family}_{side}" for family in families for side in ("left", "right")}


@pytest.mark.parametrize("name", EVERY)
def test_hand_frame_follows_the_convention(name: str) -> None:
    retargeter = retargeter_of(name)
    opened = tips(retargeter, np.clip(0.0, retargeter.lower_rad, retargeter.upper_rad))
    assert (opened[1:, 2] > 0.15).all()  # z toward the fingers …
    assert (np.abs(opened[1:, 0]) < 0.03).all()
    assert (np.diff(opened[1:, 1]) < -0.015).all()  # … y from little finger to index …
    joints, closing = retargeter.joint_names, retargeter.home_rad.copy()
    for finger in describe(name).bend:
        for joint, ratio in finger.items():
            closing[joints.index(joint)] = 1.2 / ratio / len(finger)
    assert (tips(retargeter, closing)[1:, 0] > opened[1:, 0] + 0.03).all()  # … x out of the palm


@pytest.mark.parametrize("name", EVERY)
def test_flat_hand_is_flat_and_its_thumb_is_not_curled(name: str) -> None:
    q = solve_afresh(name, flat_hand())
    retargeter = retargeter_of(name)
    assert np.abs(bend(name, q)).max() < 0.25
    assert abs(q[retargeter.joint_names.index(describe(name).thumb_tip_joint)]) < 0.7
    thumb, index = tips(retargeter, q)[:2]
    assert thumb[1] > index[1] + 0.03  # beside the palm …
    assert abs(thumb[0] - index[0]) < 0.06  # … and in its plane


@pytest.mark.parametrize("name", EVERY)
def test_fist_is_closed(name: str) -> None:
    retargeter = retargeter_of(name)
    q = solve_afresh(name, fist())
    limit = bend(name, retargeter.upper_rad)
    assert (bend(name, q) > np.minimum(0.75 * limit, 3.7)).all()
    closed, opened = tips(retargeter, q), tips(retargeter, solve_afresh(name, flat_hand()))
    assert (closed[1:, 2] < opened[1:, 2] - 0.06).all()
    assert closed[0, 1] < opened[0, 1] - 0.04  # the thumb comes across


@pytest.mark.parametrize("gap_m", [0.0, 0.015, 0.03])
@pytest.mark.parametrize("name", EVERY)
def test_pinch_brings_the_right_fingertip_surfaces_together(name: str, gap_m: float) -> None:
    for finger in set(describe(name).pinches) & {0, 1, 2}:
        gap = gaps(retargeter_of(name), solve_afresh(name, pinch(finger, gap_m)))
        assert abs(gap[finger]) < 0.003, f"finger {finger}"
        assert (np.delete(gap, finger) > 0.005).all(), f"finger {finger}"


@pytest.mark.parametrize("name", EVERY)
def test_recording_is_followed_within_limits_without_collisions_and_with_contact(
    name: str, shared_data: Path
) -> None:
    with np.load(shared_data / "motion" / "human_joint_right.npz") as data:
        recording = data["keypoints"].astype(np.float64)[::3]
    retargeter, hand = retargeter_of(name), describe(name)
    retargeter.reset()
    q = np.empty((len(recording), len(retargeter.joint_names)))
    converged = np.empty(len(recording), bool)
    for i, keypoints in enumerate(recording):
        q[i] = retargeter.solve(mirrored(keypoints, name), 3 * i * FRAME_NS)
        converged[i] = retargeter.status.converged
    assert converged.mean() > 0.98
    assert np.isfinite(q).all()
    assert (q > retargeter.lower_rad).all()
    assert (q < retargeter.upper_rad).all()
    assert max(retargeter.penetration_m(pose) for pose in q) < 0.001
    fingers = list(hand.pinches)
    keypoints = [8 + 4 * finger for finger in fingers]
    pinching = np.linalg.norm(recording[:, keypoints] - recording[:, 4:5], axis=-1) < 0.03
    gap = np.array([gaps(retargeter, pose)[fingers] for pose in q])
    assert pinching.sum() > 8
    assert (np.abs(gap[pinching]) < 0.003).mean() > 0.8  # two fingers at once may be more than it can do
    # Fingers bend as the human's do.
    human = np.array([human_bend(hand) for hand in recording])
    robot = np.array([bend(name, pose) for pose in q])
    for finger in range(robot.shape[1]):
        assert np.corrcoef(human[:, finger], robot[:, finger])[0, 1] > 0.8


def human_bend(keypoints: np.ndarray) -> np.ndarray:
    """(4,) rad, the angles between a finger's bones, and the palm, added up; index first."""
    total = []
    for knuckle in (5, 9, 13, 17):
        bone = np.diff(keypoints[[0, *range(knuckle, knuckle + 4)]], axis=0)
        bone /= np.linalg.norm(bone, axis=1, keepdims=True)
        total.append(np.arccos(np.clip((bone[1:] * bone[:-1]).sum(axis=1), -1.0, 1.0)).sum())
    return np.array(total)


# Left and right. Where dex-urdf's two files differ by more than a mirror image, docs/hands.md says so.


@pytest.mark.parametrize(
    ("family", "first_tip", "tolerance_m"),
    [
        ("allegro", 0, 2e-4),
        ("ability", 0, 2e-4),
        ("shadow", 0, 2e-4),
        ("leap", 0, 1.5e-3),  # the left thumb is 2 mm nearer to the palm
        ("inspire", 1, 2.5e-3),  # the left thumb is set at another angle
        ("allegro_v5a", 0, 8e-3),  # the left index stands 2.5 mm forward, "open" is another pose of its thumb
        ("allegro_v5b", 0, 6e-3),
    ],
)
def test_left_hand_is_the_mirror_image_of_the_right(family: str, first_tip: int, tolerance_m: float) -> None:
    for keypoints in (flat_hand(), fist(), pinch(0, 0.01), pinch(1, 0.02), pinch(2, 0.02)):
        right, left = (
            tips(retargeter_of(f"{family}_{side}"), solve_afresh(f"{family}_{side}", keypoints))
            for side in ("right", "left")
        )
        if family == "leap":  # its two bases are placed differently
            right, left = right - right.mean(axis=0), left - left.mean(axis=0)
        assert np.linalg.norm(right - left, axis=1)[first_tip:].max() < tolerance_m


def test_left_svh_mirrors_the_right_once_its_urdf_is_corrected(tmp_path: Path) -> None:
    path = Path("schunk_hand/schunk_svh_hand_left.urdf")
    text = (find_urdfs() / path).read_text(encoding="utf-8")
    wrong = '<mimic joint="left_hand_Thumb_Opposition" multiplier="1"'
    assert text.count(wrong) == 1
    (tmp_path / path).parent.mkdir()
    (tmp_path / path).write_text(text.replace(wrong, wrong.replace('"1"', '"-1"')), encoding="utf-8")
    left, right = load("svh_left", urdf_dir=tmp_path), retargeter_of("svh_right")
    for keypoints in (flat_hand(), fist(), pinch(0, 0.01), pinch(2, 0.02)):
        left.reset()
        expected = tips(right, solve_afresh("svh_right", keypoints))
        found = tips(left, left.solve(keypoints * MIRROR, 0))
        np.testing.assert_allclose(found, expected, atol=2e-4)


def test_the_documented_config_for_another_leap_urdf_does_the_same(tmp_path: Path) -> None:
    """robot_descriptions' LEAP hand is dex-urdf's without base and tip frames, one link named otherwise."""
    page = (Path(__file__).parents[1] / "docs" / "hands.md").read_text(encoding="utf-8")
    robot = ElementTree.parse(find_urdfs() / "leap_hand" / "leap_hand_right.urdf").getroot()
    gone = {"base", "base_joint"} | {f"{finger}_tip" for finger in ("thumb", "index", "middle", "ring")}
    gone |= {f"{name}_head" for name in gone}
    for element in list(robot):
        if element.tag in ("link", "joint") and element.get("name") in gone:
            robot.remove(element)
    text = ElementTree.tostring(robot, encoding="unicode").replace("thumb_temp_base", "pip_4")
    (tmp_path / "robot.urdf").write_text(text, encoding="utf-8")
    (tmp_path / "hand.yaml").write_text(page.split("```yaml")[1].split("```")[0], encoding="utf-8")
    ours = read_config("leap_right", find_urdfs())
    theirs = read_config(tmp_path / "hand.yaml")
    assert theirs.robot_description == "leap_hand_v1_description"
    first = Retargeter(replace(ours, collision_weight=0.0, coupled_joints=()))
    second = Retargeter(replace(theirs, collision_weight=0.0, target_joint_names=ours.target_joint_names))
    for keypoints in (flat_hand(), fist(), pinch(0, 0.01), pinch(2, 0.02)):
        for retargeter in (first, second):
            retargeter.reset()
        np.testing.assert_allclose(second.solve(keypoints, 0), first.solve(keypoints, 0), atol=2e-3)


def test_names_not_numbers_tell_the_index_from_the_ring() -> None:
    """The vendor's left hand has its index at joints 0–3, dex-urdf's at joints 8–11."""
    pointing = np.tile([1.4, 1.7, 1.0], (4, 1))
    pointing[0] = 0.0
    keypoints = make_hand(pointing, fist()[1:5]) * MIRROR
    ours = retargeter_of("allegro_left")
    theirs = Retargeter(
        replace(
            ours.config,
            urdf_path=find_urdfs() / "allegro_hand" / "allegro_hand_left.urdf",
            finger_tip_link_names=tuple(f"link_{joint}.0_tip" for joint in (15, 11, 7, 3)),
        )
    )
    for retargeter, index, ring in ((ours, 0, 8), (theirs, 8, 0)):
        retargeter.reset()
        q = dict(zip(retargeter.joint_names, retargeter.solve(keypoints, 0), strict=True))
        assert sum(q[f"joint_{index + joint}.0"] for joint in (1, 2, 3)) < 0.8
        assert sum(q[f"joint_{ring + joint}.0"] for joint in (1, 2, 3)) > 3.0


# Files written for dex-retargeting, read as they are


VECTOR = """
retargeting:
  type: vector
  urdf_path: shadow_hand/shadow_hand_right.urdf
  target_joint_names: null
  target_origin_link_names: ["palm", "palm", "palm", "palm", "palm"]
  target_task_link_names: ["thtip", "fftip", "mftip", "rftip", "lftip"]
  scaling_factor: 1.2
  target_link_human_indices: [[0, 0, 0, 0, 0], [4, 8, 12, 16, 20]]
  low_pass_alpha: 0.2
"""
POSITION = """
retargeting:
  type: Position
  urdf_path: ability_hand/ability_hand_right.urdf
  target_joint_names: ['thumb_q1', 'thumb_q2', 'index_q1', 'middle_q1', 'pinky_q1', 'ring_q1']
  target_link_names: ["thumb_tip", "index_tip", "middle_tip", "ring_tip", "pinky_tip"]
  target_link_human_indices: [4, 8, 12, 16, 20]
  add_dummy_free_joint: True
  low_pass_alpha: 1
  ignore_mimic_joint: False
"""
DEXPILOT = """
retargeting:
  type: DexPilot
  urdf_path: inspire_hand/inspire_hand_right.urdf
  target_joint_names: ['pinky_proximal_joint', 'ring_proximal_joint', 'middle_proximal_joint',
                       'index_proximal_joint', 'thumb_proximal_pitch_joint', 'thumb_proximal_yaw_joint']
  wrist_link_name: "base"
  finger_tip_link_names: ["thumb_tip", "index_tip", "middle_tip", "ring_tip", "pinky_tip"]
  scaling_factor: 1.15
  low_pass_alpha: 0.2
"""
GRIPPER = """
retargeting:
  type: DexPilot
  urdf_path: panda_gripper/panda_gripper_glb.urdf
  target_joint_names: ["panda_finger_joint1"]
  wrist_link_name: "panda_hand"
  finger_tip_link_names: ["panda_leftfinger", "panda_rightfinger"]
  scaling_factor: 1.5
  low_pass_alpha: 0.2
"""


def solve_file(text: str, folder: Path, keypoints: np.ndarray) -> tuple[Retargeter, np.ndarray]:
    path = folder / "hand.yml"
    path.write_text(text, encoding="utf-8")
    retargeter = Retargeter(read_config(path, find_urdfs()))
    q = retargeter.solve(keypoints, 0)
    assert retargeter.status.converged
    assert (q > retargeter.lower_rad).all()
    assert (q < retargeter.upper_rad).all()
    return retargeter, q


def test_vector_file_drives_all_joints_where_none_are_named(tmp_path: Path) -> None:
    opened, q_open = solve_file(VECTOR, tmp_path, flat_hand())
    closed, q_closed = solve_file(VECTOR, tmp_path, fist())
    assert len(opened.joint_names) == 24
    assert "WRJ1" in opened.joint_names
    middle = [opened.joint_names.index(f"MFJ{joint}") for joint in (3, 2, 1)]
    assert q_open[middle].sum() < 0.5
    assert q_closed[middle].sum() > 3.0
    # It is the links' distance to the palm that follows the human's, scaled.
    reach = np.linalg.norm(closed.links(q_closed)["mftip"][:3, 3] - closed.links(q_closed)["palm"][:3, 3])
    assert reach == pytest.approx(1.2 * np.linalg.norm(fist()[12]), abs=0.02)


def test_position_file_with_a_free_base_brings_the_robot_to_the_hand(tmp_path: Path) -> None:
    keypoints = flat_hand() + np.array([0.3, -0.2, 0.5])
    retargeter, q = solve_file(POSITION, tmp_path, keypoints)
    assert retargeter.joint_names[0] == "dummy_x_translation_joint"
    assert len(retargeter.joint_names) == 12
    links = retargeter.links(q)
    error = [
        np.linalg.norm(links[f"{finger}_tip"][:3, 3] - keypoints[tip])
        for finger, tip in zip(("thumb", "index", "middle", "ring", "pinky"), (4, 8, 12, 16, 20), strict=True)
    ]
    assert max(error) < 0.035


def test_dexpilot_file_moves_what_mimics_the_target_joints(tmp_path: Path) -> None:
    retargeter, q = solve_file(DEXPILOT, tmp_path, fist())
    assert retargeter.joint_names[0] == "pinky_proximal_joint"
    assert retargeter.config.variant == "dex-retargeting"
    assert q[:4].min() > 1.2
    _, q_open = solve_file(DEXPILOT, tmp_path, flat_hand())
    closed, opened = (retargeter.links(pose)["index_intermediate"][:3, :3] for pose in (q, q_open))
    turned = np.arccos((np.trace(opened.T @ closed) - 1.0) / 2.0)
    assert turned == pytest.approx((1.0 + 1.06399) * (q[3] - q_open[3]), abs=1e-6)


def test_gripper_file_closes_with_a_pinch(tmp_path: Path) -> None:
    _, q_closed = solve_file(GRIPPER, tmp_path, pinch(0, 0.0))
    _, q_open = solve_file(GRIPPER, tmp_path, flat_hand())
    assert q_closed[0] < 0.002
    assert q_open[0] > 0.02


@pytest.mark.parametrize("name", EVERY)
def test_first_horizon_reaches_as_far_as_solving_its_instants_in_a_row(name: str) -> None:
    """However much the search for a first pose takes, what comes after it is solved, too."""
    shares = np.linspace(0.0, 1.0, 16)
    hands = np.array(
        [make_hand(share * np.tile([1.2, 1.5, 0.9], (4, 1)), flat_hand()[1:5]) for share in shares]
    )
    if name.endswith("left"):
        hands = hands * MIRROR
    retargeter = retargeter_of(name)
    retargeter.reset()
    times = np.arange(16) * FRAME_NS
    together = retargeter.solve_trajectory(hands, times)
    assert retargeter.status.converged
    retargeter.reset()
    single = np.array([retargeter.solve(hand, int(t)) for hand, t in zip(hands, times, strict=True)])
    tips = [np.array([retargeter.tip_positions(q) for q in poses]) for poses in (together, single)]
    assert np.linalg.norm(tips[0] - tips[1], axis=-1).max() < 0.006
    assert np.linalg.norm(np.diff(together, axis=0), axis=1).min() > 1e-3, "no instant repeats the one before"
