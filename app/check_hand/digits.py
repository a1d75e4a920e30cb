"""Which chains of a robot are its thumb and fingers, and where each ends."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from app.check_hand.description import Description
from retarget.urdf import FIXED, PRISMATIC

# Links at the end of a chain that are no fingertip.
_NO_TIP = ("sensor", "camera", "imu", "inertia", "com", "marker", "screw", "cable", "ft", "tactile")
# What descriptions call the digits, in the order of the keypoints.
DIGIT_NAMES = ("thumb", "index", "middle", "ring", "pinky")
_SPELLINGS: tuple[tuple[str, ...], ...] = (
    ("thumb", "th", "daumen"),
    ("index", "ff", "fore", "forefinger", "zeige"),
    ("middle", "mf", "mid"),
    ("ring", "rf"),
    ("pinky", "little", "lf", "pinkie", "small"),
)


@dataclass(frozen=True)
class Digit:
    """A finger or thumb of a robot.

    Attributes:
        tip: its fingertip's link.
        joints: independent joints that move it and not the palm, root to tip.
        moving: links (indices) whose joints move it and not the palm, root to tip.
        name: what the file calls it, one of DIGIT_NAMES; "" if it does not say.
    """

    tip: str
    joints: tuple[str, ...]
    moving: tuple[int, ...]
    name: str


def find_digits(description: Description) -> tuple[Digit, ...]:
    """The chains that end in a moving body with nothing moving below it, in the order of the file."""
    tree = description.tree
    ends = _terminal_bodies(description)
    chains = [description.moving_above(body) for body in ends]
    # What lies above every chain moves the whole hand, not a finger.
    shared = len(_common_prefix(chains)) if len(chains) > 1 else 0
    digits = []
    for body, chain in zip(ends, chains, strict=True):
        own = chain[shared:]
        tip = _tip_of(description, body)
        joints = tuple(dict.fromkeys(tree.joint_names[tree.source[link]] for link in own))
        names = [tree.link_names[tip], *(tree.link_names[link] for link in own[::-1]), *joints]
        digits.append(Digit(tree.link_names[tip], joints, tuple(own), name_in(names)))
    return tuple(digits)


def digit_of(digits: Sequence[Digit], description: Description, link: str) -> Digit | None:
    """The digit whose moving links carry `link`; None for the palm's and the base's."""
    body = description.rigid_body(description.tree.link_index(link))
    return next((digit for digit in digits if body in digit.moving), None)


def pick_thumb(digits: Sequence[Digit], description: Description) -> int | None:
    """Index of the thumb: the one called so, else the one without which the others are most alike.

    None for fewer than three digits, of which the shape does not tell.
    """
    called = [i for i, digit in enumerate(digits) if digit.name == "thumb"]
    if len(called) == 1:
        return called[0]
    if len(digits) < 3:
        return None
    axes, directions, bases = (np.array(rows) for rows in zip(*_features(digits, description), strict=True))
    size = max(float(np.ptp(bases, axis=0).max()), 1e-3)
    spread = []
    for out in range(len(digits)):
        rest = [i for i in range(len(digits)) if i != out]
        pairs = list(itertools.combinations(rest, 2))
        turned = max(1.0 - abs(float(axes[i] @ axes[j])) for i, j in pairs)
        pointing = max(1.0 - float(directions[i] @ directions[j]) for i, j in pairs)
        spread.append(turned + pointing + _off_line(bases[rest]) / size)
    return int(np.argmin(spread))


def name_in(names: Iterable[str]) -> str:
    """The digit that the first telling one of these names means; "" if none does."""
    for text in names:
        words = [word for word in re.split(r"[^a-z]+", _split_case(text)) if word]
        for digit, spellings in zip(DIGIT_NAMES, _SPELLINGS, strict=True):
            for word in words:
                if any(
                    word == spelling
                    or (word.startswith(spelling) and word[len(spelling) :] in _SUFFIXES)
                    or (len(spelling) > 4 and spelling in word)
                    for spelling in spellings
                ):
                    return digit
    return ""


_SUFFIXES = ("tip", "distal", "proximal", "middle", "knuckle", "base", "hub", "j", "metacarpal", "finger")


def _split_case(text: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text).lower()


def _terminal_bodies(description: Description) -> list[int]:
    """Moving links with no moving link below them, if they reach out at all."""
    tree = description.tree
    moving = [i for i in range(len(tree.link_names)) if tree.joint_type[i] != FIXED]
    carrying = {description.rigid_body(int(tree.parent[i])) for i in moving}
    return [i for i in moving if i not in carrying]


def _common_prefix(chains: Sequence[Sequence[int]]) -> list[int]:
    return [
        links[0]
        for links in itertools.takewhile(lambda level: len(set(level)) == 1, zip(*chains, strict=False))
    ]


def _tip_of(description: Description, body: int) -> int:
    """The link fixed to `body` that is most likely its fingertip: named so, else the farthest out."""
    tree = description.tree
    poses = description.poses(description.open_q)
    fixed = [i for i in range(len(tree.link_names)) if description.rigid_body(i) == body]

    def rank(link: int) -> tuple[int, float]:
        words = re.split(r"[^a-z]+", _split_case(tree.link_names[link]))
        if any(word in _NO_TIP for word in words):
            kind = 0
        else:
            kind = 2 if "tip" in tree.link_names[link].lower() else 1
        return kind, float(np.linalg.norm(poses[link, :3, 3] - poses[body, :3, 3]))

    return max(fixed, key=rank)


def _features(
    digits: Sequence[Digit], description: Description
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Per digit: axis of its last joint, direction from its first joint to its tip, where it begins."""
    tree = description.tree
    poses = description.poses(description.open_q)
    features = []
    for digit in digits:
        turning = [link for link in digit.moving if tree.joint_type[link] != PRISMATIC] or digit.moving[-1:]
        axis = poses[turning[-1], :3, :3] @ tree.axis[turning[-1]]
        base = poses[digit.moving[0], :3, 3]
        reach = poses[tree.link_index(digit.tip), :3, 3] - base
        features.append((axis, reach / max(float(np.linalg.norm(reach)), 1e-9), base))
    return features


def _off_line(points: np.ndarray) -> float:
    """How far points (k,3) are from one line, root mean square, metres."""
    centred = points - points.mean(axis=0)
    return float(np.sqrt(np.maximum(np.square(np.linalg.svd(centred)[1][1:]).sum() / len(points), 0.0)))
