"""Named grasps and gestures as ranges of anatomical angles, and grasps wrapped round things of any size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.keypoints import FINGER_JOINTS

FOUR = ("index", "middle", "ring", "pinky")
Angles4 = tuple[float, float, float, float]

# Degrees of a finger: flexion of MCP, PIP, DIP, abduction of MCP (+ toward the pinky). The pinky's and ring's
# usual abduction is added where a pose is drawn.
STRAIGHT: Angles4 = (3, 4, 2, 0)
CURLED: Angles4 = (76, 99, 58, 0)
RELAXED: Angles4 = (25, 26, 12, 0)
HOOKED: Angles4 = (2, 85, 55, 0)  # knuckles straight
TABLE: Angles4 = (78, 6, 3, 0)  # knuckles bent, the rest straight: holding a book or a lid
CLAWED: Angles4 = (-18, 62, 42, 0)
HALF: Angles4 = (42, 48, 26, 0)
RAISED: Angles4 = (-20, 2, 0, 0)

# Degrees of the thumb: CMC flexion, abduction, twist; MCP flexion; IP flexion.
OUT = (-14, 6, 0, -6, -8)
BESIDE = (2, -6, 4, 8, 10)
OPPOSED = (14, -22, 12, 22, 24)
FOLDED = (24, -22, 16, 38, 34)
KEY = (16, -2, 10, 24, 34)
UP = (-22, 14, -6, -12, -18)
ACROSS = (38, -30, 22, 44, 20)
FRONT = (8, -38, 18, 6, 2)

_USUAL_ABDUCTION = {"index": -2.0, "middle": 1.0, "ring": 8.0, "pinky": 17.0}
_SPREAD = {"index": -10.0, "middle": -1.0, "ring": 8.0, "pinky": 16.0}


@dataclass(frozen=True)
class Gesture:
    """A pose of the whole hand.

    Attributes:
        name: of the gesture.
        fingers: index to pinky, degrees.
        thumb: degrees.
        spread: 0 fingers side by side, 1 fanned out, below 0 closer.
    """

    name: str
    fingers: tuple[Angles4, Angles4, Angles4, Angles4]
    thumb: tuple[float, float, float, float, float]
    spread: float = 0.0


GESTURES = (
    Gesture("open", (STRAIGHT,) * 4, OUT, 1.0),
    Gesture("flat", (STRAIGHT,) * 4, BESIDE, -0.1),
    Gesture("relaxed", (RELAXED,) * 4, BESIDE),
    Gesture("fist", (CURLED,) * 4, FOLDED, -0.1),
    Gesture("thumb up", (CURLED,) * 4, UP, -0.1),
    Gesture("one", (STRAIGHT, CURLED, CURLED, CURLED), FOLDED),
    Gesture("two", (STRAIGHT, STRAIGHT, CURLED, CURLED), FOLDED, 0.6),
    Gesture("three", (STRAIGHT, STRAIGHT, STRAIGHT, CURLED), FOLDED, 0.6),
    Gesture("four", (STRAIGHT,) * 4, ACROSS, 0.7),
    Gesture("gun", (STRAIGHT, CURLED, CURLED, CURLED), UP),
    Gesture("horns", (STRAIGHT, CURLED, CURLED, STRAIGHT), FOLDED, 0.3),
    Gesture("shaka", (CURLED, CURLED, CURLED, STRAIGHT), UP, 0.5),
    Gesture("pinky", (CURLED, CURLED, CURLED, STRAIGHT), FOLDED, 0.3),
    Gesture("middle", (CURLED, STRAIGHT, CURLED, CURLED), FOLDED),
    Gesture("ring", (CURLED, CURLED, STRAIGHT, CURLED), FOLDED),
    Gesture("hook", (HOOKED,) * 4, BESIDE),
    Gesture("table", (TABLE,) * 4, FRONT, -0.1),
    Gesture("duck bill", (TABLE,) * 4, OPPOSED, -0.1),
    Gesture("claw", (CLAWED,) * 4, OUT, 0.8),
    Gesture("key grip", (HALF, CURLED, CURLED, CURLED), KEY),
    Gesture("tripod", (HALF, HALF, CURLED, CURLED), OPPOSED),
    Gesture("trigger", (HOOKED, CURLED, CURLED, CURLED), OUT),
    Gesture("press", (STRAIGHT, RELAXED, HALF, HALF), BESIDE),
    Gesture("lift index", (RAISED, RELAXED, RELAXED, RELAXED), BESIDE),
    Gesture("bent back", (RAISED,) * 4, OUT, 0.6),
    Gesture("cup", (HALF, HALF, HALF, HALF), FRONT, 0.2),
    Gesture("beak", ((55, 30, 12, 0),) * 4, OPPOSED, -0.3),
    Gesture("letter E", ((20, 108, 62, 0),) * 4, ACROSS, -0.1),
    Gesture("letter K", (STRAIGHT, (40, 5, 3, 0), CURLED, CURLED), BESIDE, 0.4),
    Gesture("letter O", ((58, 52, 28, 0),) * 4, OPPOSED, -0.3),
)

# Lengths of the two outer phalanges that bend round a thing, m; near enough for every hand.
_PROXIMAL_M, _MIDDLE_M, _DISTAL_M = 0.045, 0.026, 0.022
_PAD_M = 0.008  # from a bone to the skin that touches


def gesture_angles(gesture: Gesture) -> np.ndarray:
    """The pose (15,3), rad, hinges straight to the side; not yet within anyone's limits."""
    degrees = np.zeros((15, 3))
    for finger, angles in zip(FOUR, gesture.fingers, strict=True):
        rows = [joint - 1 for joint in FINGER_JOINTS[finger]]
        degrees[rows, 0] = angles[:3]
        degrees[rows[0], 1] = _USUAL_ABDUCTION[finger] + gesture.spread * _SPREAD[finger] + angles[3]
    set_thumb(degrees, gesture.thumb)
    return np.radians(degrees)


def set_thumb(degrees: np.ndarray, thumb: tuple[float, float, float, float, float] | np.ndarray) -> None:
    """Write the five thumb angles into poses (…,15,3)."""
    base, middle, last = (joint - 1 for joint in FINGER_JOINTS["thumb"])
    thumb = np.asarray(thumb, dtype=np.float64)
    degrees[..., base, :] = thumb[..., :3]
    degrees[..., middle, 0], degrees[..., last, 0] = thumb[..., 3], thumb[..., 4]


def wrapped_grasps(rng: np.random.Generator, count: int) -> np.ndarray:
    """Fingers closed round things from a pen to a bowl, some fingers let go.

    Each joint bends as much as the phalanges beside it need to lie on a circle of the thing's radius; how far
    the knuckles bend depends on where in the hand it is held.

    Returns:
        (count,15,3) rad.
    """
    radius_m = np.exp(rng.uniform(np.log(0.006), np.log(0.09), count))[:, None] + _PAD_M
    slack = np.exp(0.25 * rng.standard_normal((count, 4)))
    pip = np.degrees(0.5 * (_PROXIMAL_M + _MIDDLE_M) / radius_m) * slack
    dip = np.degrees(0.5 * (_MIDDLE_M + _DISTAL_M) / radius_m) * slack * rng.uniform(0.2, 1.1, (count, 1))
    held = rng.uniform(0.0, 80.0, (count, 1)) + 8.0 * rng.standard_normal((count, 4))
    slope = rng.normal(0.0, 8.0, (count, 1)) * np.arange(-1.5, 2.0)  # things are held aslant
    degrees = np.zeros((count, 15, 3))
    for i, finger in enumerate(FOUR):
        rows = [joint - 1 for joint in FINGER_JOINTS[finger]]
        loose = rng.random(count) < 0.15
        bend = np.stack([held[:, i] + slope[:, i], pip[:, i], dip[:, i]], axis=1)
        bend = np.where(loose[:, None], rng.uniform(-0.1, 0.6, (count, 1)) * bend, bend)
        degrees[:, rows, 0] = np.clip(bend, -25.0, (95.0, 112.0, 80.0))
        degrees[:, rows[0], 1] = _USUAL_ABDUCTION[finger] + rng.uniform(-0.3, 1.0, count) * _SPREAD[finger]
    ways = np.array([OPPOSED, FRONT, ACROSS, KEY, BESIDE, OUT])
    ends = ways[rng.integers(len(ways), size=(2, count))]
    share = rng.random((count, 1))
    set_thumb(degrees, share * ends[0] + (1.0 - share) * ends[1])
    return np.radians(degrees)
