"""A ready config for a robot hand, from its shape."""

from __future__ import annotations

import contextlib
import math
import os
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import yaml

from app.check_hand.digits import DIGIT_NAMES
from app.check_hand.poses import knuckles_m, relaxed_pose
from app.check_hand.shape import HUMAN_LENGTH_M, DigitShape, HandShape
from app.check_hand.wrist_frame import WristFrame, rpy_text
from models.keypoints import FINGERTIPS
from models.observation import Hand
from retarget import HandConfig, Retargeter
from retarget.config_file import config_from

MAX_TIPS = 5
"""Digits of a human hand, and so of a robot that it can lead."""

# Fingers that detectors show slightly bent and short are to stay straight: β grows by this for straight ones.
_STRAIGHT_SHARE = 1.25
_HOME_BEND = 0.3  # of a finger's bending range, at rest


def propose(shape: HandShape, frame: WristFrame | None, hand: Hand) -> str:
    """The YAML text of a config; its urdf_path is absolute.

    Args:
        shape, frame: of the robot.
        hand: which hand it is taken for.

    Raises:
        RetargetError: the URDF cannot be retargeted to.
    """
    retargeter = Retargeter(read_text(_text(shape, frame, hand, home=())))
    q = retargeter.solve(relaxed_pose(hand).keypoints, 0)
    for finger in _led_fingers(shape):  # all alike; only the thumb is posed as the human's
        for name in finger.digit.joints:
            joint = shape.description.tree.joint_index(name)
            q[retargeter.joint_names.index(name)] = shape.straight_q[joint]
        for name, straight, bent in zip(finger.bending, finger.straight_q, finger.bent_q, strict=True):
            q[retargeter.joint_names.index(name)] = straight + _HOME_BEND * (bent - straight)
    # Kept inside by more than three decimals round away.
    room = np.minimum(1e-3, 0.4 * (retargeter.upper_rad - retargeter.lower_rad))
    home = np.clip(q, retargeter.lower_rad + room, retargeter.upper_rad - room)
    return _text(shape, frame, hand, home.tolist())


def read_text(text: str) -> HandConfig:
    """The config in a YAML text of `propose`."""
    return config_from(yaml.safe_load(text)["retargeting"], Path.cwd())


def relative_to(text: str, urdf: Path, folder: Path) -> str:
    """The same text with urdf_path as seen from `folder`, where that is near."""
    urdf = urdf.resolve()
    try:
        # ".." leaves a link's target, not the link.
        relative = Path(os.path.relpath(urdf, folder.resolve())).as_posix()
    except ValueError:  # another drive
        return text
    if relative.count("../") > 3:
        return text
    return text.replace(f"urdf_path: {yaml_name(urdf.as_posix())}", f"urdf_path: {yaml_name(relative)}")


def keypoint_fingers(shape: HandShape) -> tuple[int, ...]:
    """Which human digit (0 thumb … 4 pinky) each of the robot's digits follows, thumb first."""
    named = [digit.digit.name for digit in shape.digits]
    if "" not in named and len(set(named)) == len(named) and named[0] == "thumb":
        fingers = tuple(DIGIT_NAMES.index(name) for name in named)
        if list(fingers) == sorted(fingers):
            return fingers[:MAX_TIPS]
    return tuple(range(min(len(named), MAX_TIPS)))


def _led_fingers(shape: HandShape) -> tuple[DigitShape, ...]:
    return shape.fingers[: MAX_TIPS - 1 if shape.thumb else MAX_TIPS]


def _text(shape: HandShape, frame: WristFrame | None, hand: Hand, home: Sequence[float]) -> str:
    tree = shape.description.tree
    digits = shape.digits[:MAX_TIPS]
    fingers = keypoint_fingers(shape)
    spoken = ", ".join(DIGIT_NAMES[finger] for finger in fingers)
    moved = {name for digit in digits for name in digit.digit.joints}
    joints = [name for name in tree.joint_names if name in moved]
    scale = round(shape.scaling_factor, 2)
    lines = [
        f"# {hand.capitalize()} hand of {shape.description.name}. Keys: retarget/config.py, HandConfig.",
        "retargeting:",
        "  type: dexpilot",
        "  variant: contact",
        f"  urdf_path: {yaml_name(tree.path.resolve().as_posix())}",
        f"  wrist_link_name: {yaml_name(shape.wrist_link)}",
        f"  finger_tip_link_names: {_names(digit.digit.tip for digit in digits)} # {spoken}",
    ]
    if fingers != tuple(range(len(fingers))):
        lines.append(f"  target_link_human_indices: {[[0, *(FINGERTIPS[finger] for finger in fingers)]]}")
    lines += _wrapped("target_joint_names", [yaml_name(name) for name in joints])
    if frame is not None and not frame.follows_convention:
        lines.append(f"  hand_frame_rpy: {rpy_text(frame.rpy)} # {frame_comment(frame)}")
    lines += [
        f"  # {shape.length_m:.3f} m from wrist to middle fingertip; an average hand has {HUMAN_LENGTH_M} m.",
        f"  scaling_factor: {scale}",
        f"  straight_scaling_factor: {round(_STRAIGHT_SHARE * scale, 2)}",
    ]
    if frame is not None:
        lines += _offsets(shape, frame, hand, fingers, scale)
    lines += _coupled(shape)
    if home:
        lines += _wrapped("home_rad", [f"{value + 0.0:.3f}" for value in home])
    return "\n".join(lines) + "\n"


def frame_comment(frame: WristFrame) -> str:
    """What the hand frame's turn is, for a comment."""
    return "along the root's axes" if frame.snapped else "as the shape has it: check the picture"


def _offsets(
    shape: HandShape, frame: WristFrame, hand: Hand, fingers: Sequence[int], scale: float
) -> list[str]:
    """Robot fingers stand wider or closer than human ones: the way across the palm from one to the other."""
    tree = shape.description.tree
    poses = shape.description.poses(shape.straight_q)
    wrist = poses[tree.link_index(shape.wrist_link), :3, 3]
    human = knuckles_m(hand)
    rows = ["[0.0, 0.0, 0.0]"] if shape.thumb else []
    for digit, finger in zip(_led_fingers(shape), fingers[len(rows) :], strict=True):
        across = float((digit.base_m - wrist) @ frame.R[:, 1])
        rows.append(f"[0.0, {round(across - scale * float(human[finger - 1, 1]), 3) + 0.0}, 0.0]")
    if not shape.thumb:
        return []
    return [
        "  # The robot's knuckles stand wider apart, or closer, than a hand's.",
        *_wrapped("finger_tip_offsets_m", rows),
    ]


def _coupled(shape: HandShape) -> list[str]:
    """The last two joints of a finger bend together, as a hand's do, where the robot leaves them free."""
    rows = [row for digit in _led_fingers(shape) if (row := _coupling(digit))]
    return ["  coupled_joints: # DIP = PIP", *(f"    - {row}" for row in rows)] if rows else []


def _coupling(digit: DigitShape) -> str:
    if len(digit.bending) < 3:
        return ""
    leader, follower = digit.bending[-2:]
    same = (digit.bent_q[-1] - digit.straight_q[-1]) * (digit.bent_q[-2] - digit.straight_q[-2]) > 0.0
    ratio = "" if same else ", ratio: -1.0"
    return f"{{follower: {yaml_name(follower)}, leader: {yaml_name(leader)}{ratio}}}"


def _wrapped(key: str, entries: Sequence[str]) -> list[str]:
    """A list over as many lines as it needs."""
    flat = f"  {key}: [{', '.join(entries)}]"
    if len(flat) <= 110:
        return [flat]
    body = textwrap.wrap(", ".join(entries) + ",", 104, break_long_words=False, break_on_hyphens=False)
    return [f"  {key}: [", *(f"    {line}" for line in body), "  ]"]


def _names(names: Iterable[str]) -> str:
    return "[" + ", ".join(yaml_name(name) for name in names) + "]"


def yaml_name(text: str) -> str:
    """A name as YAML text, quoted where YAML would take it for a number or worse."""
    with contextlib.suppress(yaml.YAMLError):
        if yaml.safe_load(f"[{text}]") == [text]:
            return text
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=math.inf).strip()
