"""What a robot hand's shape says about it: axes, side, order of the fingers, sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.check_hand.bending import (
    base_link,
    bending_joints,
    bent_end,
    is_limited,
    is_stuck,
    lateral_axis,
    range_of,
    straighten,
    thumb_bending_joints,
)
from app.check_hand.description import Description
from app.check_hand.digits import Digit, digit_of, find_digits, name_in, pick_thumb
from app.errors import AppError
from models.observation import Hand

HUMAN_LENGTH_M = 0.189
"""Wrist to middle fingertip of a straight average hand, as detectors see it."""

_BEND_RAD = 0.6  # how far a finger is bent to see which way its tip goes
_SAMPLES = 200


@dataclass(frozen=True)
class DigitShape:
    """A digit, measured.

    Attributes:
        digit: which.
        bending: independent joints that bend it, root to tip, as far as it is known to which side.
        rigid: whether no joint that would bend it has any room between its limits.
        straight_q, bent_q: per bending joint, where it is straightest and the end it bends to.
        base_m: (3,) where its first bending joint is, root frame, straight pose.
        tip_m: (3,) its tip's link, likewise.
        reach_m: longest distance of the tip from the wrist link.
    """

    digit: Digit
    bending: tuple[str, ...]
    rigid: bool
    straight_q: tuple[float, ...]
    bent_q: tuple[float, ...]
    base_m: np.ndarray
    tip_m: np.ndarray
    reach_m: float


@dataclass(frozen=True)
class HandShape:
    """A robot hand, measured in its straightest pose.

    Attributes:
        description: the robot.
        thumb: None where the shape does not tell (grippers).
        fingers: from the thumb's side outward: index first.
        straight_q: (n,) straightest fingers.
        wrist_link: the link that stands best for the human wrist.
        axes: (3,3) measured hand frame in the root's axes, columns x out of the palm, y = z × x, z along the
            fingers; None where the shape does not tell.
        hand: which hand it is; None where the shape does not tell.
        whole_hand: independent joints that move palm and fingers together.
    """

    description: Description
    thumb: DigitShape | None
    fingers: tuple[DigitShape, ...]
    straight_q: np.ndarray
    wrist_link: str
    axes: np.ndarray | None
    hand: Hand | None
    whole_hand: tuple[str, ...]

    @property
    def digits(self) -> tuple[DigitShape, ...]:
        """Thumb (if known) and fingers."""
        return (*((self.thumb,) if self.thumb else ()), *self.fingers)

    @property
    def middle(self) -> DigitShape:
        """The finger that stands for a hand's middle one."""
        return self.fingers[1] if len(self.fingers) > 1 else self.fingers[0]

    @property
    def length_m(self) -> float:
        """Wrist to the tip of the middle finger, straight."""
        return self.middle.reach_m

    @property
    def scaling_factor(self) -> float:
        """Robot length per length of an average human hand."""
        return self.length_m / HUMAN_LENGTH_M

    def shape_of(self, link: str) -> DigitShape | None:
        """The digit that carries `link`; None for palm and base."""
        digit = digit_of([shape.digit for shape in self.digits], self.description, link)
        return next((shape for shape in self.digits if shape.digit is digit), None)


def measure(description: Description, wrist_link: str | None = None) -> HandShape:
    """Measure a robot hand.

    Args:
        description: the robot.
        wrist_link: link that stands for the wrist; None to guess.

    Raises:
        AppError: it has fewer than two chains that move.
    """
    digits = find_digits(description)
    if len(digits) < 2:
        raise AppError(
            f"{description.name} has {len(digits)} moving chains, a hand has two or more; "
            "give the URDF of a hand with its joints not fixed"
        )
    thumb = pick_thumb(digits, description)
    fingers = [digit for i, digit in enumerate(digits) if i != thumb]
    lateral = lateral_axis(description, fingers)
    thumb_digit = None if thumb is None else digits[thumb]
    straight = straighten(description, digits, thumb_digit, lateral)
    poses = description.poses(straight)
    z = _along_fingers(description, fingers, poses, lateral)
    x = _out_of_palm(description, fingers, thumb_digit, straight, lateral, z)
    axes = None if x is None else np.stack([x, np.cross(z, x), z], axis=1)
    across = lateral if axes is None else axes[:, 1]
    side = 0.0 if thumb_digit is None else _thumb_side(description, thumb_digit, fingers, poses, across)
    wrist = wrist_link or _guess_wrist(description, digits, fingers, poses, z)
    fingers.sort(key=lambda digit: -(side or 1.0) * float(_middle_of(description, digit, poses) @ across))
    shapes = [
        _digit_shape(description, digit, bending_joints(description, digit, lateral, poses), straight, wrist)
        for digit in fingers
    ]
    thumb_shape = None
    if thumb_digit is not None:
        bending = thumb_bending_joints(description, thumb_digit)
        thumb_shape = _digit_shape(description, thumb_digit, bending, straight, wrist)
    hand: Hand | None = None
    if axes is not None and side:
        hand = "right" if side > 0.0 else "left"
    return HandShape(
        description=description,
        thumb=thumb_shape,
        fingers=tuple(shapes),
        straight_q=straight,
        wrist_link=wrist,
        axes=axes,
        hand=hand,
        whole_hand=_whole_hand(description, digits),
    )


def _whole_hand(description: Description, digits: Sequence[Digit]) -> tuple[str, ...]:
    own = {joint for digit in digits for joint in digit.joints}
    return tuple(name for name in description.tree.joint_names if name not in own)


def _along_fingers(
    description: Description, fingers: Sequence[Digit], poses: np.ndarray, lateral: np.ndarray
) -> np.ndarray:
    reach = np.zeros(3)
    for digit in fingers:
        way = poses[description.tree.link_index(digit.tip), :3, 3] - poses[digit.moving[0], :3, 3]
        reach += way / max(float(np.linalg.norm(way)), 1e-9)
    if np.linalg.norm(reach) < 1e-6:  # the tips slide with their links, as a gripper's do: away from the root
        reach = np.sum([poses[description.tree.link_index(d.tip), :3, 3] for d in fingers], axis=0)
    reach -= (reach @ lateral) * lateral
    return reach / max(float(np.linalg.norm(reach)), 1e-9)


def _out_of_palm(
    description: Description,
    fingers: Sequence[Digit],
    thumb: Digit | None,
    straight: np.ndarray,
    lateral: np.ndarray,
    z: np.ndarray,
) -> np.ndarray | None:
    """(3,) unit, square to fingers and their joints, to where the tips go when the fingers bend."""
    tree = description.tree
    x = np.cross(lateral, z)
    if np.linalg.norm(x) < 0.5:
        return None
    x /= np.linalg.norm(x)
    poses = description.poses(straight)
    moved = 0.0
    for digit in fingers:
        tip = tree.link_index(digit.tip)
        for joint in bending_joints(description, digit, lateral, poses):
            end = bent_end(description, joint, float(straight[joint]))
            if end is None:
                continue
            q = straight.copy()
            q[joint] += np.clip(end - q[joint], -_BEND_RAD, _BEND_RAD)
            moved += float((description.poses(q)[tip, :3, 3] - poses[tip, :3, 3]) @ x)
    if abs(moved) > 1e-3:
        return x if moved > 0.0 else -x
    if thumb is None or not _works_within_limits(description, thumb):
        return None
    # Joints that bend as far either way leave the thumb: it works in front of the palm.
    fingers_at = np.mean([poses[digit.moving[0], :3, 3] for digit in fingers], axis=0) @ x
    tip = tree.link_index(thumb.tip)
    poses_of_thumb = _sampled(description, thumb, straight)
    thumb_at = float(np.mean([description.poses(q)[tip, :3, 3] @ x for q in poses_of_thumb]))
    if abs(thumb_at - fingers_at) < 5e-3:
        return None
    return x if thumb_at > fingers_at else -x


def _works_within_limits(description: Description, thumb: Digit) -> bool:
    """Whether the thumb's limits say where it works: all joints have them, and one at least has room."""
    joints = [description.tree.joint_index(name) for name in thumb.joints]
    limited = all(is_limited(description, joint) for joint in joints)
    return limited and not all(is_stuck(description, joint) for joint in joints)


def _sampled(description: Description, digit: Digit, straight: np.ndarray) -> np.ndarray:
    """(s,n) poses with the digit's joints anywhere, the others straight."""
    rng = np.random.default_rng(0)
    poses = np.tile(straight, (_SAMPLES, 1))
    for name in digit.joints:
        joint = description.tree.joint_index(name)
        poses[:, joint] = rng.uniform(*range_of(description, joint), _SAMPLES)
    return poses


def _middle_of(description: Description, digit: Digit, poses: np.ndarray) -> np.ndarray:
    """(3,) between where a digit begins and where it ends."""
    first, last = poses[digit.moving[0], :3, 3], poses[description.tree.link_index(digit.tip), :3, 3]
    return np.asarray(0.5 * (first + last))


def _thumb_side(
    description: Description, thumb: Digit, fingers: Sequence[Digit], poses: np.ndarray, across: np.ndarray
) -> float:
    """+1 if the thumb is on the side `across` points to, −1 on the other, 0 where its shape does not tell.

    Where the fingers are named, from the index to the pinky counts; else where the thumb begins and ends.
    """
    middles = {digit.name: float(_middle_of(description, digit, poses) @ across) for digit in fingers}
    named = [middles[name] for name in ("index", "middle", "ring", "pinky") if name in middles]
    if len(named) >= 2:
        return float(np.sign(named[0] - named[-1]))
    center = np.mean([_middle_of(description, digit, poses) @ across for digit in fingers])
    places = [poses[link, :3, 3] @ across for link in thumb.moving]
    places.append(poses[description.tree.link_index(thumb.tip), :3, 3] @ across)
    return float(np.sign(np.mean(places) - center))


def _guess_wrist(
    description: Description,
    digits: Sequence[Digit],
    fingers: Sequence[Digit],
    poses: np.ndarray,
    z: np.ndarray,
) -> str:
    """The link of base or palm that is best placed for a wrist, one called so before all others."""
    tree = description.tree
    own = {link for digit in digits for link in digit.moving}
    links = range(len(tree.link_names))
    palm = [i for i in links if not own & set(description.path_to(i)) and not name_in([tree.link_names[i]])]
    knuckles = float(np.mean([poses[digit.moving[0], :3, 3] @ z for digit in fingers]))
    tips = float(np.mean([poses[tree.link_index(digit.tip), :3, 3] @ z for digit in fingers]))

    if not palm or tips - knuckles < 1e-3:  # the tips slide with their links, as a gripper's do
        return tree.link_names[0]

    def rank(link: int) -> tuple[bool, float, int]:
        behind = (knuckles - float(poses[link, :3, 3] @ z)) / (tips - knuckles)
        called = "wrist" in tree.link_names[link].lower() and behind > 0.3
        # A human wrist is as far behind the knuckles as the tips are before them.
        return not called, round(abs(behind - 1.0), 2), link

    return tree.link_names[min(palm, key=rank)]


def _digit_shape(
    description: Description, digit: Digit, bending: Sequence[int], straight: np.ndarray, wrist: str
) -> DigitShape:
    tree = description.tree
    poses = description.poses(straight)
    ends = [bent_end(description, joint, float(straight[joint])) for joint in bending]
    known = [(joint, end) for joint, end in zip(bending, ends, strict=True) if end is not None]
    tip = poses[tree.link_index(digit.tip), :3, 3]
    at_wrist = poses[tree.link_index(wrist), :3, 3]
    base = poses[base_link(description, digit, bending), :3, 3]
    return DigitShape(
        digit=digit,
        bending=tuple(tree.joint_names[joint] for joint, _ in known),
        rigid=bool(bending) and all(is_stuck(description, joint) for joint in bending),
        straight_q=tuple(float(straight[joint]) for joint, _ in known),
        bent_q=tuple(end for _, end in known),
        base_m=base,
        tip_m=tip,
        reach_m=float(np.linalg.norm(tip - at_wrist)),
    )
