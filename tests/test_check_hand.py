"""check-hand: what it finds out about hands it has never seen, and what it says when something is wrong."""

from __future__ import annotations

import errno
import itertools
import re
import subprocess
import sys
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest
import yaml

from app.check_hand.check import Check, check_hand
from app.check_hand.description import Description
from app.check_hand.digits import Digit, find_digits, name_in, pick_thumb
from app.check_hand.findings import Level
from app.check_hand.picture import draw
from app.check_hand.poses import canned_poses
from app.check_hand.proposal import read_text
from app.check_hand.report import closing_line, report_lines
from app.check_hand.run import run_check_hand
from app.check_hand.settings import CheckHandSettings
from app.check_hand.shape import HandShape, measure
from app.check_hand.trial import turn_of
from app.check_hand.wrist_frame import describe_turn, rpy_of, wrist_frame
from app.drawing import FINGER_COLOURS
from app.errors import AppError, UsageError
from app.opencv import cv2
from models.keypoints import FINGERTIPS
from retarget import Retargeter, RetargetError, read_config
from retarget.objective import rotation_of
from robot import urdf_path

ROOT = Path(__file__).resolve().parent.parent
RIGHT, LEFT = urdf_path("right"), urdf_path("left")
HALF_PI = np.pi / 2.0
QUARTER_TURNS = [(sign * HALF_PI * np.eye(3)[axis]).tolist() for axis in range(3) for sign in (1, -1)]


def levels(check: Check, subject: str) -> list[Level]:
    return [finding.level for finding in check.findings if finding.subject == subject]


def sentence(check: Check, subject: str) -> str:
    return " | ".join(
        f"{finding.text} {finding.remedy}" for finding in check.findings if finding.subject == subject
    )


def mounted(urdf: Path, rpy, path: Path) -> Path:
    """The same robot on a root that is turned."""
    angles = " ".join(f"{angle:.9f}" for angle in rpy)
    mount = (
        '<link name="mount"/><joint name="mount_joint" type="fixed"><parent link="mount"/>'
        f'<child link="palm_link"/><origin xyz="0 0 0" rpy="{angles}"/></joint></robot>'
    )
    path.write_text(urdf.read_text(encoding="utf-8").replace("</robot>", mount), encoding="utf-8")
    return path


def shape_of(path: Path) -> HandShape:
    return measure(Description(path))


def config_with(path: Path, urdf: Path = RIGHT, **changes: str) -> Path:
    """The shipped config of the right hand with some lines changed or added."""
    lines = (ROOT / "retarget" / "hands" / "allegro_right.yaml").read_text(encoding="utf-8").splitlines()
    changes["urdf_path"] = urdf.resolve().as_posix()
    for key, value in changes.items():
        lines = [line for line in lines if not line.startswith(f"  {key}:")]
        lines.insert(1 + lines.index("retargeting:"), f"  {key}: {value}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def newcomer(path: Path, side: float = 1.0, thumb_at: int = 4, lower: float = -0.1, extra: str = "") -> Path:
    """A URDF of a made-up hand without telling names: four fingers and a thumb, bending joints that mimic.

    Args:
        side: +1 for a right hand, −1 for a left one.
        thumb_at: after how many fingers the thumb stands in the file.
        lower: the lower limit of all bending joints, the upper being 1.6 rad.
        extra: more links and joints.
    """
    links, joints = ['<link name="body"/>'], []

    def joint(name, kind, parent, child, xyz, rpy="0 0 0", axis="0 1 0", inside="") -> None:
        links.append(f'<link name="{child}"/>')
        limit = f'<limit lower="{lower}" upper="1.6" effort="1" velocity="1"/>' if kind == "revolute" else ""
        joints.append(
            f'<joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/>'
            f'<origin xyz="{xyz}" rpy="{rpy}"/><axis xyz="{axis}"/>{limit}{inside}</joint>'
        )

    def finger(number: int) -> None:
        y = side * (0.03 - 0.02 * number)
        joint(f"{number}", "revolute", "body", f"p{number}", f"0 {y} 0.09")
        mimic = f'<mimic joint="{number}" multiplier="1.1"/>'
        joint(f"m{number}", "revolute", f"p{number}", f"d{number}", "0 0 0.045", inside=mimic)
        joint(f"t{number}", "fixed", f"d{number}", f"end{number}", "0 0 0.04")
        joint(f"s{number}", "fixed", f"d{number}", f"touch_sensor{number}", "0 0 0.06")

    def thumb() -> None:
        swing = f"{-side * 1.1} 0 0"
        joint("10", "revolute", "body", "p10", f"0.01 {side * 0.03} 0.03", swing, axis=f"0 0 {side}")
        joint("11", "revolute", "p10", "q10", "0 0 0.035")
        joint("12", "revolute", "q10", "d10", "0 0 0.03")
        joint("t10", "fixed", "d10", "end10", "0 0 0.03")

    for number in range(4):
        if number == thumb_at:
            thumb()
        finger(number)
    if thumb_at == 4:
        thumb()
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'<robot name="n">{"".join(links + joints)}{extra}</robot>', encoding="utf-8")
    return path


@pytest.mark.parametrize("side", ["right", "left"])
def test_the_hands_that_ship_are_all_well(side):
    check = check_hand(urdf_path(side), CheckHandSettings())
    assert check.hand == check.shape.hand == side
    assert not check.wrong
    assert closing_line(check).startswith("all well")
    assert [trial.level for trial in check.trials] == [Level.GOOD] * 5
    tips = [digit.digit.tip for digit in check.shape.digits]
    assert tips == ["link_15.0_tip", "link_3.0_tip", "link_7.0_tip", "link_11.0_tip"]
    assert check.shape.wrist_link == "wrist"
    assert check.shape.length_m == pytest.approx(0.2312, abs=1e-4)  # FACTS: wrist to the vendor's middle tip
    with_config = check_hand(Path(f"allegro_{side}"), CheckHandSettings())
    assert with_config.configured
    assert not with_config.wrong


@pytest.mark.parametrize("rpy", QUARTER_TURNS)
def test_a_turned_root_is_told_with_the_line_that_mends_it(rpy, tmp_path):
    check = check_hand(mounted(RIGHT, rpy, tmp_path / "hand.urdf"), CheckHandSettings())
    assert levels(check, "frame") == [Level.WRONG]
    axis = int(np.abs(rpy).argmax())
    assert f"rotated {np.degrees(rpy[axis]):.0f}° about {'xyz'[axis]}" in sentence(check, "frame")
    remedy = next(finding.remedy for finding in check.findings if finding.subject == "frame")
    assert rotation_of(yaml.safe_load(remedy)["hand_frame_rpy"]) == pytest.approx(rotation_of(rpy), abs=1e-4)
    # With that line, which the ready config has, the hand moves well.
    assert [trial.level for trial in check.trials] == [Level.GOOD] * 5
    assert check.wrong
    assert closing_line(check) == "wrong: frame"


@pytest.mark.parametrize(("tilt_rad", "snapped"), [(0.15, True), (0.5, False)])
def test_a_frame_is_snapped_to_right_angles_only_when_it_is_near_them(tilt_rad, snapped, tmp_path):
    shape = shape_of(mounted(RIGHT, [tilt_rad, 0.0, HALF_PI], tmp_path / "hand.urdf"))
    frame = wrist_frame(shape.axes)
    assert frame.snapped is snapped
    expected = [0.0 if snapped else tilt_rad, 0.0, HALF_PI]
    assert rotation_of(frame.rpy) == pytest.approx(rotation_of(expected), abs=1e-6)


def test_rotations_survive_roll_pitch_and_yaw():
    for roll in np.arange(-2, 3) * HALF_PI:
        for pitch in (-HALF_PI, -0.4, 0.0, 0.9, HALF_PI):
            R = rotation_of([roll, pitch, 0.7])
            assert rotation_of(rpy_of(R)) == pytest.approx(R, abs=1e-9)
    assert describe_turn(np.eye(3)) == "not at all"
    assert describe_turn(rotation_of([np.pi, 0.0, HALF_PI])) == "180° about x, then 90° about z"


@pytest.mark.parametrize("thumb_at", [0, 2, 4])
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_hand_without_names_is_understood_by_its_shape(side, thumb_at, tmp_path):
    shape = shape_of(newcomer(tmp_path / "new.urdf", side, thumb_at))
    assert shape.hand == ("right" if side > 0.0 else "left")
    assert [digit.digit.tip for digit in shape.digits] == ["end10", "end0", "end1", "end2", "end3"]
    assert shape.axes == pytest.approx(np.eye(3), abs=0.1)
    assert shape.thumb.bending == ("11", "12")
    assert shape.fingers[0].bending == ("0",)  # the other one mimics it


def test_a_newcomer_gets_a_config_that_works_where_it_is_written(tmp_path):
    (tmp_path / "robots").mkdir()
    urdf = newcomer(tmp_path / "robots" / "new.urdf")
    written = tmp_path / "configs" / "mine.yaml"
    settings = CheckHandSettings(output=tmp_path / "p.png", write=written)
    lines, status = run_check_hand(urdf, settings)
    assert status == 0
    assert f"config: {written}" in lines
    text = written.read_text(encoding="utf-8")
    assert "urdf_path: ../robots/new.urdf" in text
    assert '"0"' in text  # a joint name that YAML would read as a number
    config = read_config(written)
    assert config.variant == "contact"
    assert config.finger_tip_link_names == ("end10", "end0", "end1", "end2", "end3")
    assert set(config.target_joint_names) == {"0", "1", "2", "3", "10", "11", "12"}
    again = check_hand(urdf, CheckHandSettings(config=written))
    assert not again.wrong
    retargeter = Retargeter(config)
    assert retargeter.home_rad == pytest.approx(config.home_rad)
    with pytest.raises(UsageError, match="stays as it is"):
        run_check_hand(urdf, settings)
    assert written.read_text(encoding="utf-8") == text


def test_a_config_written_through_a_link_to_a_folder_is_found_its_urdf(tmp_path):
    (tmp_path / "real" / "deep").mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real" / "deep", target_is_directory=True)
    urdf = newcomer(tmp_path / "robots" / "new.urdf")
    run_check_hand(urdf, CheckHandSettings(output=tmp_path / "p.png", write=link / "mine.yaml"))
    assert "urdf_path: ../../robots/new.urdf" in (link / "mine.yaml").read_text(encoding="utf-8")
    assert read_config(link / "mine.yaml").urdf_path == urdf


@pytest.mark.parametrize(
    "name", ["hand: 👋", "# tip", "é: ü", 'a "b": c', "\u2028: \x7f", "0", "yes", "[👋]"]
)
def test_names_that_yaml_would_not_take_for_text_are_read_back(name, tmp_path):
    urdf = newcomer(tmp_path / "new.urdf")
    text = urdf.read_text(encoding="utf-8").replace('"end0"', quoteattr(name))
    urdf.write_text(text, encoding="utf-8")
    assert name in read_text(check_hand(urdf, CheckHandSettings()).proposal).finger_tip_link_names


def test_a_config_that_does_not_find_its_urdf_by_itself_is_told(tmp_path):
    urdf = newcomer(tmp_path / "robots" / "new.urdf")
    config = tmp_path / "configs" / "mine.yaml"
    run_check_hand(urdf, CheckHandSettings(output=tmp_path / "p.png", write=config))
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("../robots/new.urdf", "robots/new.urdf"), encoding="utf-8")
    check = check_hand(urdf, CheckHandSettings(config=config))
    assert levels(check, "URDF") == [Level.HINT]
    assert f"urdf_path: {urdf.as_posix()}" in sentence(check, "URDF")
    found = check_hand(urdf, CheckHandSettings(config=config, urdf_dir=tmp_path))
    assert not levels(found, "URDF")


@pytest.mark.parametrize("joints", [2, 3])
def test_of_more_chains_than_a_hand_has_only_five_are_used(joints, tmp_path):
    links, chains = ['<link name="body"/>'], []
    for finger, joint in itertools.product(range(6), range(joints + 1)):
        above = f"l{finger}{joint - 1}" if joint else "body"
        links.append(f'<link name="l{finger}{joint}"/>')
        chains.append(
            f'<joint name="j{finger}{joint}" type="{"revolute" if joint < joints else "fixed"}">'
            f'<parent link="{above}"/><child link="l{finger}{joint}"/><axis xyz="0 1 0"/>'
            f'<origin xyz="0 {0.0 if joint else 0.02 * finger} {0.04 if joint else 0.09}"/>'
            '<limit lower="0" upper="1.5" effort="1" velocity="1"/></joint>'
        )
    urdf = tmp_path / "six.urdf"
    urdf.write_text(f'<robot name="n">{"".join(links + chains)}</robot>', encoding="utf-8")
    check = check_hand(urdf, CheckHandSettings())
    assert levels(check, "digits") == [Level.HINT]
    assert "6 chains move" in sentence(check, "digits")
    used = read_text(check.proposal).finger_tip_link_names
    assert used == tuple(digit.digit.tip for digit in check.shape.digits[:5])
    assert [link in sentence(check, "digits") for link in used] == [True] * 5
    config = tmp_path / "c.yaml"
    config.write_text(check.proposal, encoding="utf-8")
    assert not levels(check_hand(urdf, CheckHandSettings(config=config)), "digits")


def test_joints_that_bend_either_way_leave_the_palm_to_the_thumb(tmp_path):
    shape = shape_of(newcomer(tmp_path / "new.urdf", lower=-1.6))
    assert shape.axes[:, 2] == pytest.approx([0.0, 0.0, 1.0], abs=0.1)
    assert shape.axes[0, 0] == pytest.approx(1.0, abs=0.1)  # the thumb is rooted in front of the palm


def altered(urdf: Path, path: Path, *changes: tuple[str, str]) -> Path:
    """The same robot with parts of its file (regular expressions) replaced."""
    text = urdf.read_text(encoding="utf-8")
    for old, new in changes:
        text, count = re.subn(old, new, text, flags=re.DOTALL)
        assert count, old
    path.write_text(text, encoding="utf-8")
    return path


def frozen(joint: int, at_rad: float = 0.1) -> tuple[str, str]:
    """A change that makes both limits of an Allegro's joint the same."""
    return rf'(<joint name="joint_{joint}\.0".*?) lower="[^"]*" upper="[^"]*"', (
        rf'\1 lower="{at_rad}" upper="{at_rad}"'
    )


CONTINUOUS = ('type="revolute"', 'type="continuous"')
SYMMETRIC = ('lower="[^"]*" upper="[^"]*"', 'lower="-1.6" upper="1.6"')


@pytest.mark.parametrize("mount", [None, *QUARTER_TURNS[::3]])
def test_without_limits_the_palms_side_is_not_known_and_nothing_is_accused(mount, tmp_path):
    urdf = altered(RIGHT, tmp_path / "hand.urdf", CONTINUOUS)
    shape = shape_of(urdf if mount is None else mounted(urdf, mount, tmp_path / "turned.urdf"))
    assert shape.axes is None
    assert shape.hand is None
    if mount is None:
        check = check_hand(urdf, CheckHandSettings())
        assert levels(check, "frame") == levels(check, "hand") == levels(check, "limits") == [Level.HINT]
        assert "joints without limits do not tell" in sentence(check, "frame")
        assert "hand_frame_rpy" not in check.proposal
        assert not check.wrong


def test_a_thumb_without_limits_does_not_tell_the_palms_side(tmp_path):
    thumb = [(rf'(name="joint_{joint}\.0" type=)"revolute"', r'\1"continuous"') for joint in range(12, 16)]
    # Fingers that bend as far either way leave it to the thumb, which works nowhere in particular.
    assert shape_of(altered(RIGHT, tmp_path / "a.urdf", SYMMETRIC, *thumb)).axes is None
    # Fingers with the limits of the real hand tell by themselves.
    assert shape_of(altered(RIGHT, tmp_path / "b.urdf", *thumb)).axes == pytest.approx(np.eye(3), abs=0.1)


@pytest.mark.parametrize("joint", [1, 15])
def test_a_joint_with_one_limit_twice_is_told_and_does_no_harm(joint, tmp_path):
    urdf = altered(RIGHT, tmp_path / "hand.urdf", frozen(joint))
    check = check_hand(urdf, CheckHandSettings())
    assert levels(check, "limits") == [Level.HINT]
    assert f"joint_{joint}.0 cannot move: lower and upper limit are the same" in sentence(check, "limits")
    assert all(f"joint_{joint}.0" not in digit.bending for digit in check.shape.digits)
    assert not check.wrong  # the other joints make up for it


def test_joints_without_limits_do_not_hide_those_that_are_stuck(tmp_path):
    free = r'(name="joint_5\.0" type=)"revolute"', r'\1"continuous"'
    check = check_hand(altered(RIGHT, tmp_path / "hand.urdf", frozen(1), free), CheckHandSettings())
    assert levels(check, "limits") == [Level.HINT, Level.HINT]
    assert "joint_5.0 have no limits" in sentence(check, "limits")
    assert "joint_1.0 cannot move" in sentence(check, "limits")


def test_a_finger_that_cannot_move_is_not_called_closed(tmp_path):
    urdf = altered(RIGHT, tmp_path / "hand.urdf", *(frozen(joint) for joint in range(4)))
    check = check_hand(urdf, CheckHandSettings())
    fist = next(trial for trial in check.trials if trial.pose.kind == "fist")
    assert fist.level is Level.WRONG
    assert fist.verdict == "the index finger stays open (bent by 0 degrees)"


def test_a_hand_whose_joints_are_all_stuck_is_told_so(tmp_path):
    urdf = altered(RIGHT, tmp_path / "hand.urdf", ('lower="[^"]*" upper="[^"]*"', 'lower="0" upper="0"'))
    check = check_hand(urdf, CheckHandSettings())
    assert check.frame is None
    assert "joints that cannot move do not tell" in sentence(check, "frame")
    assert "joint_15.0 cannot move" in sentence(check, "limits")


@pytest.mark.parametrize("kind", ["continuous", "prismatic"])
def test_fingers_that_bend_to_no_known_side_are_not_judged(kind, tmp_path):
    urdf = altered(RIGHT, tmp_path / "hand.urdf", ('type="revolute"', f'type="{kind}"'))
    check = check_hand(urdf, CheckHandSettings())
    assert check.shape.thumb.bending == ()
    for trial in check.trials[:2]:
        assert trial.level is Level.HINT
        assert trial.verdict == "not judged: it is not known which way the fingers bend"


def test_what_slides_does_not_turn_a_finger(tmp_path):
    slide = '<joint name="m0" type="revolute">', '<joint name="m0" type="prismatic">'
    shape = shape_of(altered(newcomer(tmp_path / "new.urdf"), tmp_path / "slide.urdf", slide))
    for finger in shape.fingers:
        turn = turn_of(finger, shape, finger.bending, np.array(finger.bent_q))
        factor = 1.0 if finger.digit.tip == "end0" else 1.0 + 1.1
        assert turn == pytest.approx(factor * abs(finger.bent_q[0] - finger.straight_q[0]))


def in_other_units(urdf: Path, path: Path, attributes: str, factor: float) -> Path:
    """The same robot with the numbers of some attributes multiplied."""

    def multiplied(match: re.Match[str]) -> str:
        numbers = " ".join(f"{factor * float(number):.6g}" for number in match[2].split())
        return f'{match[1]}="{numbers}"'

    text = re.sub(rf'\b({attributes})="([^"]*)"', multiplied, urdf.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("attributes", "factor", "subject", "words"),
    [
        ("lower|upper", 57.29578, "limits", "joint_0.0, joint_1.0, .* to 98.5 rad; .* give radians"),
        ("xyz|radius|length|size", 1e3, "size", "231 m from the wrist .* give metres"),
    ],
)
@pytest.mark.parametrize("configured", [True, False])
def test_a_urdf_in_degrees_or_millimetres_is_told(attributes, factor, subject, words, configured, tmp_path):
    urdf = in_other_units(RIGHT, tmp_path / "hand.urdf", attributes, factor)
    config = config_with(tmp_path / "c.yaml", urdf) if configured else None
    settings = CheckHandSettings(config=config, output=tmp_path / "p.png", write=tmp_path / "w.yaml")
    check = check_hand(urdf, settings)
    assert levels(check, subject) == [Level.WRONG]
    assert re.search(words, sentence(check, subject))
    assert closing_line(check) == f"wrong: {subject}"
    lines, status = run_check_hand(urdf, settings)
    assert status == 1
    # Nothing that is measured in a wrong unit is offered as sound.
    assert not any("[ok" in line or "home_rad" in line for line in lines)
    assert (tmp_path / "p.png").exists()
    assert not (tmp_path / "w.yaml").exists()


def test_joints_above_the_palm_may_turn_more_than_once(tmp_path):
    arm = (
        '<link name="arm"/><joint name="WRJ" type="revolute"><parent link="arm"/><child link="body"/>'
        '<axis xyz="0 0 1"/><limit lower="-20" upper="20" effort="1" velocity="1"/></joint>'
    )
    assert not check_hand(newcomer(tmp_path / "new.urdf", extra=arm), CheckHandSettings()).wrong


def test_a_hand_of_a_few_centimetres_is_told_and_tried(tmp_path):
    urdf = in_other_units(RIGHT, tmp_path / "hand.urdf", "xyz|radius|length|size", 0.1)
    check = check_hand(urdf, CheckHandSettings())
    assert levels(check, "size") == [Level.HINT]
    assert "0.0231 m from the wrist" in sentence(check, "size")
    assert check.trials


def test_names_tell_digits():
    assert name_in(["R_thumb_tip_link"]) == "thumb"
    assert name_in(["thtip"]) == name_in(["THJ1"]) == "thumb"
    assert [name_in([f"{short}tip"]) for short in ("ff", "mf", "rf", "lf")] == [
        "index",
        "middle",
        "ring",
        "pinky",
    ]
    assert name_in(["left_hand_Little"]) == "pinky"
    assert name_in(["link_3.0_tip", "spring_base", "sphere", "left_hand_q"]) == ""


def test_the_thumb_is_found_without_its_name():
    description = Description(RIGHT)
    digits = find_digits(description)
    assert digits[pick_thumb(digits, description)].tip == "link_15.0_tip"
    named = [Digit(d.tip, d.joints, d.moving, "thumb" if i == 1 else "") for i, d in enumerate(digits)]
    assert pick_thumb(named, description) == 1
    assert pick_thumb(digits[:2], description) is None


def test_the_wrong_side_is_said(tmp_path):
    asked = check_hand(LEFT, CheckHandSettings(hand="right"))
    assert levels(asked, "hand") == [Level.WRONG]
    assert "left hand, not a right one" in sentence(asked, "hand")
    misnamed = tmp_path / "my_right_hand.urdf"
    misnamed.write_text(LEFT.read_text(encoding="utf-8"), encoding="utf-8")
    assert "name says right" in sentence(check_hand(misnamed, CheckHandSettings()), "hand")


def test_a_config_on_a_turned_root_is_told_the_right_line(tmp_path):
    urdf = mounted(RIGHT, [0.0, 0.0, HALF_PI], tmp_path / "hand.urdf")
    check = check_hand(urdf, CheckHandSettings(config=config_with(tmp_path / "c.yaml", urdf)))
    assert levels(check, "frame") == [Level.WRONG]
    assert "rotated 90° about z" in sentence(check, "frame")
    assert "hand_frame_rpy: [0, 0, 1.5708]" in sentence(check, "frame")
    mended = config_with(tmp_path / "d.yaml", urdf, hand_frame_rpy="[0, 0, 1.5708]")
    assert not check_hand(urdf, CheckHandSettings(config=mended)).wrong


@pytest.mark.parametrize(
    ("tips", "words"),
    [
        ("[link_3.0_tip, link_7.0_tip, link_11.0_tip, link_15.0_tip]", "thumb is link_15.0_tip"),
        ("[link_15.0_tip, link_11.0_tip, link_7.0_tip, link_3.0_tip]", "fingers are swapped"),
        ("[link_15.0_tip, link_3.0_tip, link_11.0_tip, link_7.0_tip]", "fingers are swapped"),
        ("[link_15.0_tip, link_3.0_tip, link_2.0, link_7.0_tip]", "on the same finger"),
        ("[link_15.0_tip, link_3.0_tip, wrist, link_11.0_tip]", "wrist cannot move"),
    ],
)
def test_fingertips_in_the_wrong_order_are_told(tips, words, tmp_path):
    config = config_with(tmp_path / "c.yaml", finger_tip_link_names=tips)
    check = check_hand(RIGHT, CheckHandSettings(config=config))
    assert levels(check, "fingertip order") == [Level.WRONG]
    assert words in sentence(check, "fingertip order")
    if "swapped" in words or "thumb is" in words:
        assert "[link_15.0_tip, link_3.0_tip, link_7.0_tip, link_11.0_tip]" in sentence(
            check, "fingertip order"
        )


def test_a_left_hand_numbered_the_other_way_needs_the_other_order(tmp_path):
    # dex-urdf's left Allegro has its index at 8–11; the vendor's at 0–3, as the shipped one.
    tips = "[link_15.0_tip, link_11.0_tip, link_7.0_tip, link_3.0_tip]"
    config = config_with(tmp_path / "c.yaml", LEFT, finger_tip_link_names=tips)
    assert levels(check_hand(LEFT, CheckHandSettings(config=config)), "fingertip order") == [Level.WRONG]


@pytest.mark.parametrize(("scale", "level"), [("1.3", Level.GOOD), ("2.0", Level.HINT), ("0.4", Level.WRONG)])
def test_a_scale_far_off_is_told_with_the_right_one(scale, level, tmp_path):
    config = config_with(tmp_path / "c.yaml", scaling_factor=scale, straight_scaling_factor="0.0")
    check = check_hand(RIGHT, CheckHandSettings(config=config))
    assert levels(check, "scale") == [level]
    assert "ask for 1.22" in sentence(check, "scale")


def test_a_wrist_on_a_finger_or_at_the_knuckles_is_told(tmp_path):
    finger = config_with(tmp_path / "a.yaml", wrist_link_name="link_4.0")
    assert levels(check_hand(RIGHT, CheckHandSettings(config=finger)), "wrist") == [Level.WRONG]
    tip = config_with(tmp_path / "c.yaml", wrist_link_name="link_7.0_tip")
    assert levels(check_hand(RIGHT, CheckHandSettings(config=tip)), "wrist") == [Level.WRONG]
    knuckles = config_with(tmp_path / "b.yaml", wrist_link_name="palm_link")
    assert levels(check_hand(RIGHT, CheckHandSettings(config=knuckles)), "wrist") == [Level.HINT]


def test_target_joints_that_mimic_are_told_before_anything_else(tmp_path):
    urdf = newcomer(tmp_path / "new.urdf")
    text = (
        check_hand(urdf, CheckHandSettings()).proposal.replace('"1",', '"1", m1,', 1).replace("home_rad", "#")
    )
    config = tmp_path / "c.yaml"
    config.write_text(text, encoding="utf-8")
    check = check_hand(urdf, CheckHandSettings(config=config))
    assert "m1 (mimics 1)" in sentence(check, "target joints")
    assert check.wrong
    assert not check.trials
    assert "none: first correct" in "\n".join(report_lines(check))
    assert draw(check).ndim == 3


def test_hints_of_what_a_urdf_lacks(tmp_path):
    extra = (
        '<link name="spare_tip"/><joint name="spare" type="fixed">'
        '<parent link="body"/><child link="spare_tip"/></joint>'
    )
    urdf = newcomer(tmp_path / "new.urdf", lower=0.2, extra=extra)
    text = urdf.read_text(encoding="utf-8").replace(
        '<joint name="10" type="revolute">', '<joint name="10" type="continuous">'
    )
    urdf.write_text(text, encoding="utf-8")
    check = check_hand(urdf, CheckHandSettings())
    hints = {finding.subject for finding in check.findings if finding.level is Level.HINT}
    assert {"limits", "zero pose", "fingertips", "self-collision"} <= hints
    assert "10 have no limits" in sentence(check, "limits")
    assert "spare_tip cannot move" in sentence(check, "fingertips")
    assert "tip_radii_m: [0.01, 0.01, 0.01, 0.01, 0.01]" in sentence(check, "fingertips")


def test_joints_above_the_palm_are_left_out(tmp_path):
    arm = (
        '<link name="arm"/><joint name="WRJ" type="revolute"><parent link="arm"/><child link="body"/>'
        '<axis xyz="0 1 0"/><limit lower="-0.5" upper="0.7" effort="1" velocity="1"/></joint>'
    )
    check = check_hand(newcomer(tmp_path / "new.urdf", extra=arm), CheckHandSettings())
    assert check.shape.whole_hand == ("WRJ",)
    assert "WRJ" not in read_text(check.proposal).target_joint_names
    assert [digit.digit.tip for digit in check.shape.digits] == ["end10", "end0", "end1", "end2", "end3"]


def test_a_finger_that_cannot_close_is_named(tmp_path):
    urdf = newcomer(tmp_path / "new.urdf")
    head, joint, rest = urdf.read_text(encoding="utf-8").partition('<joint name="2" ')
    urdf.write_text(head + joint + rest.replace('upper="1.6"', 'upper="0.2"', 1), encoding="utf-8")
    check = check_hand(urdf, CheckHandSettings())
    fist = next(trial for trial in check.trials if trial.pose.kind == "fist")
    assert fist.level is Level.WRONG
    assert "the ring finger stays open (bent by" in fist.verdict
    assert "middle" not in fist.verdict
    assert check.wrong


def test_a_target_joint_left_out_is_told(tmp_path):
    every = ", ".join(f"joint_{joint}.0" for joint in range(16) if joint != 8)
    text = check_hand(RIGHT, CheckHandSettings()).proposal.split("  home_rad")[0]
    listed = text.split("target_joint_names: [")[1].split("]")[0]
    config = tmp_path / "c.yaml"
    config.write_text(text.replace(listed, every), encoding="utf-8")
    check = check_hand(RIGHT, CheckHandSettings(config=config))
    assert "joint_8.0 are not in target_joint_names" in sentence(check, "target joints")
    assert not check.wrong


@pytest.mark.parametrize("side", ["right", "left"])
def test_canned_hands_pinch_and_mirror(side):
    poses = canned_poses(side, (1, 2, 3, 4))
    assert [pose.name for pose in poses] == [
        "open", "fist", "index pinch", "middle pinch", "ring pinch", "pinky pinch",
    ]  # fmt: skip
    for pose in poses[2:]:
        thumb, finger = pose.keypoints[4], pose.keypoints[FINGERTIPS[pose.finger]]
        assert np.linalg.norm(thumb - finger) < 1e-9
    mirrored = canned_poses("left" if side == "right" else "right", (1,))
    assert mirrored[0].keypoints == pytest.approx(poses[0].keypoints * (1.0, -1.0, 1.0))
    middle = poses[0].keypoints[12]
    assert np.linalg.norm(middle) == pytest.approx(0.189, abs=1e-3)


def pixels_of(image: np.ndarray, colour) -> np.ndarray:
    return np.argwhere(np.abs(image.astype(int) - colour).max(axis=2) <= 6)


def test_the_picture_shows_fingers_axes_and_the_thumbs_side():
    for side, urdf in (("right", RIGHT), ("left", LEFT)):
        image = draw(check_hand(urdf, CheckHandSettings()))
        open_hand = image[: image.shape[0] // 2, : image.shape[1] // 3]
        for colour in FINGER_COLOURS[:4]:
            assert len(pixels_of(open_hand, colour)) > 20
        both_views = image[:, : image.shape[1] // 3]
        for red_green_blue in ((60, 60, 222), (70, 160, 40), (214, 110, 40)):
            assert len(pixels_of(both_views, red_green_blue)) > 100
        thumb = pixels_of(open_hand, FINGER_COLOURS[0])[:, 1].mean()
        index = pixels_of(open_hand, FINGER_COLOURS[1])[:, 1].mean()
        # The palm faces the viewer, unmirrored: a right hand's thumb is on the right.
        assert (thumb > index) == (side == "right")


def test_the_report_has_joints_tips_and_verdicts():
    text = "\n".join(report_lines(check_hand(RIGHT, CheckHandSettings())))
    for words in (
        "16 independent joints, 22 links",
        "joint_12.0  revolute  0.263 … 1.396 rad",
        "guessed by shape",
        "235 mm from the wrist",
        "radius 12 mm",
        "root +y points to the thumb",
        "[ok  ] fist: closed",
        "thumb and ring touch",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("no_such.urdf",), 1, "no URDF at no_such.urdf"),
        (("retarget/hands/allegro_right.yaml",), 2, "is a config"),
        (("README.md",), 1, "not a readable URDF"),
        (("allegro_right", "--config", "no_such.yaml"), 1, "cannot be read"),
        (("allegro_right", "--output", "x.jpg"), 2, ".png"),
        (("allegro_right", "--write", "x.txt"), 2, ".yaml"),
        (("allegro_right", "--hand", "both"), 2, "right"),
    ],
)
def test_mistakes_on_the_command_line_take_one_sentence(arguments, status, words, launched):
    done = launched("check-hand", *arguments)
    assert done.returncode == status
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('joint name="joint_1\\.0"', 'joint name="joint_0.0"'), "joint 'joint_0.0' is there twice"),
        (('xyz="0 0 0\\.0164"', 'xyz="nan 0 0.0164"'), "is not finite"),
        (('sphere radius="', 'sphere radius="-'), "has a sphere of the size [-0.012]"),
        (('<origin xyz="[^"]*"', '<origin xyz="0 0 0"'), "link_7.0_tip is 0 m from the wrist"),
    ],
)
def test_a_urdf_that_cannot_be_used_takes_one_sentence(change, words, tmp_path, launched):
    hand = altered(RIGHT, tmp_path / "hand.urdf", change)
    done = launched("check-hand", str(hand), "--output", str(tmp_path / "p.png"))
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "ready config" not in done.stdout
    assert not (tmp_path / "p.png").exists()


@pytest.mark.parametrize(("key", "value"), [("type", "[1]"), ("type", "{}"), ("variant", "[1]")])
def test_a_config_with_values_of_the_wrong_type_takes_one_sentence(key, value, tmp_path, launched):
    config = config_with(tmp_path / "c.yaml", **{key: value})
    done = launched("check-hand", str(RIGHT), "--config", str(config), "--output", str(tmp_path / "p.png"))
    assert done.returncode == 1
    assert f"{key} is {value}; give a text" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def launch(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "launch.py", "check-hand", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )


def test_the_command_says_all_and_writes_a_picture(tmp_path):
    done = launch(str(LEFT), "--hand", "left", "--output", str(tmp_path / "deep" / "hand.png"))
    assert done.returncode == 0, done.stderr
    assert "retargeting:" in done.stdout
    assert done.stdout.strip().splitlines()[-1].startswith("all well")
    assert cv2.imread(str(tmp_path / "deep" / "hand.png")).shape[2] == 3
    assert launch(str(LEFT), "--hand", "right", "--output", str(tmp_path / "p.png")).returncode == 1


@pytest.mark.parametrize("flag", ["output", "write"])
def test_a_full_disk_leaves_no_half_of_a_file(flag, tmp_path, monkeypatch):
    paths = {"output": tmp_path / "hand.png", "write": tmp_path / "hand.yaml"}
    replace_file = Path.replace

    def full(partial, path):
        if path == paths[flag]:
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace_file(partial, path)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(AppError, match=rf"cannot write .*{paths[flag].name}: No space left on device"):
        run_check_hand(RIGHT, CheckHandSettings(**paths))
    assert {path.name for path in tmp_path.iterdir()} <= {"hand.png", "hand.yaml"} - {paths[flag].name}


def test_what_is_no_hand_is_refused(tmp_path):
    rod = tmp_path / "rod.urdf"
    rod.write_text('<robot name="r"><link name="a"/></robot>', encoding="utf-8")
    with pytest.raises(AppError, match="0 moving chains"):
        check_hand(rod, CheckHandSettings())
    endless = altered(RIGHT, tmp_path / "a.urdf", ('<origin xyz="[^"]*"', '<origin xyz="1e200 0 1e200"'))
    with np.errstate(over="ignore"), pytest.raises(AppError, match="inf m from the wrist"):
        check_hand(endless, CheckHandSettings())
    with pytest.raises(RetargetError, match="link_99"):
        check_hand(
            RIGHT, CheckHandSettings(config=config_with(tmp_path / "c.yaml", wrist_link_name="link_99"))
        )


OTHERS = (
    "ability_hand/ability_hand",
    "allegro_hand/allegro_hand",
    "leap_hand/leap_hand",
    "schunk_hand/schunk_svh_hand",
    "shadow_hand/shadow_hand",
    "inspire_hand/inspire_hand",
)


@pytest.fixture(scope="module")
def other_hands() -> Path:
    package = pytest.importorskip("dexi_rs", reason="other makers' URDFs come with the package dexi-rs")
    return Path(package.__file__).parent / "resources" / "assets" / "robots" / "hands"


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("name", OTHERS)
def test_other_makers_hands_are_understood(name, side, other_hands):
    shape = shape_of(other_hands / f"{name}_{side}.urdf")
    assert shape.hand == side
    assert wrist_frame(shape.axes).follows_convention
    called = [digit.digit.name for digit in shape.digits]
    assert called in (["thumb", "index", "middle", "ring", "pinky"][: len(called)], [""] * 4)
    # The shape alone finds the same thumb as the names.
    nameless = [Digit(d.digit.tip, d.digit.joints, d.digit.moving, "") for d in shape.digits]
    assert pick_thumb(nameless, shape.description) == 0


@pytest.mark.parametrize(("side", "yaw"), [("right", HALF_PI), ("left", -HALF_PI)])
def test_a_hand_that_ignores_the_convention_is_understood(side, yaw, other_hands):
    urdf = other_hands / "fourier_hand" / "base_urdf" / f"fourier_{side}_hand_12dof.urdf"
    check = check_hand(urdf, CheckHandSettings())
    assert check.shape.hand == side
    assert rotation_of(check.frame.rpy) == pytest.approx(rotation_of([np.pi, 0.0, yaw]), abs=1e-6)
    assert {trial.pose.kind: trial.level for trial in check.trials if trial.pose.kind != "pinch"} == {
        "open": Level.GOOD,
        "fist": Level.GOOD,
    }
