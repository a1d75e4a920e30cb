"""How a robot hand follows an open hand, a fist and pinches, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.check_hand.digits import DIGIT_NAMES
from app.check_hand.findings import Level
from app.check_hand.poses import Pose
from app.check_hand.shape import DigitShape, HandShape
from models.keypoints import FINGERTIPS
from retarget import Retargeter
from retarget.urdf import PRISMATIC

_AT_LIMIT_RAD = 2e-3

# Shares of a digit's bending range.
_OPEN_HINT, _OPEN_WRONG = 0.3, 0.55
_CURLED_HINT, _CURLED_WRONG = 0.6, 0.85
# What the joints of a finger turn together, rad; a human fist turns by 4.
_FIST_HINT_RAD, _FIST_WRONG_RAD = 1.8, 1.0
_TOUCHING_M = 3e-3
_OVERLAP_M = 1e-3


@dataclass(frozen=True)
class TrialResult:
    """One pose.

    Attributes:
        pose: what was asked.
        q_rad: (n,) what the robot does, ordered as the retargeter's joints.
        converged, cost: of the solver.
        tip_error_m: (tips,) from where the scaled human tips are.
        gap_m: between the surfaces of thumb and finger in a pinch; None in other poses.
        penetration_m: deepest overlap of the robot with itself.
        at_limits: joints at an end of their range.
        level: how bad it is.
        verdict: in words.
    """

    pose: Pose
    q_rad: np.ndarray
    converged: bool
    cost: float
    tip_error_m: np.ndarray
    gap_m: float | None
    penetration_m: float
    at_limits: tuple[str, ...]
    level: Level
    verdict: str


def try_pose(retargeter: Retargeter, shape: HandShape, pose: Pose, roles: dict[int, str]) -> TrialResult:
    """Retarget one pose from a fresh start and judge it.

    Args:
        retargeter: warmed up.
        shape: of the same robot.
        pose: of the human hand.
        roles: fingertip link by human digit, 0 thumb … 4 pinky.
    """
    retargeter.reset()
    q = retargeter.solve(pose.keypoints, 0)
    status = retargeter.status
    tips = _tips(retargeter, q, roles)
    wrist = retargeter.links(q)[shape.wrist_link][:3, 3]
    config = retargeter.config
    offsets = np.array(config.finger_tip_offsets_m or np.zeros((len(roles), 3))).reshape(-1, 3)
    human = config.scaling_factor * pose.keypoints[[FINGERTIPS[finger] for finger in roles]]
    if config.type == "dexpilot" and len(offsets) == len(human):
        human = human + offsets
    error = np.linalg.norm(tips - wrist - human, axis=1)
    gap = _gap(retargeter, q, pose, roles, tips)
    with np.errstate(invalid="ignore"):
        at_limit = np.minimum(q - retargeter.lower_rad, retargeter.upper_rad - q) < _AT_LIMIT_RAD
    depth = retargeter.penetration_m(q)
    level, verdict = _judge(retargeter, shape, pose, q, gap, depth, roles)
    if status.rejected:
        level, verdict = Level.WRONG, f"not solved: {status.rejected}"
    return TrialResult(
        pose=pose,
        q_rad=q,
        converged=status.converged,
        cost=status.cost,
        tip_error_m=error,
        gap_m=gap,
        penetration_m=depth,
        at_limits=tuple(name for name, at in zip(retargeter.joint_names, at_limit, strict=True) if at),
        level=level,
        verdict=verdict,
    )


def bend_of(digit: DigitShape, joint_names: tuple[str, ...], q_rad: np.ndarray) -> float | None:
    """How far a digit is bent at q_rad (n,): 0 straight, 1 at the ends of its joints; None if unknown."""
    shares = [
        (float(q_rad[joint_names.index(name)]) - straight) / (bent - straight)
        for name, straight, bent in zip(digit.bending, digit.straight_q, digit.bent_q, strict=True)
        if name in joint_names
    ]
    return float(np.mean(shares)) if shares else None


def turn_of(
    digit: DigitShape, shape: HandShape, joint_names: tuple[str, ...], q_rad: np.ndarray
) -> float | None:
    """What a digit's bending joints turn together, followers included, rad; None if unknown."""
    if not digit.bending:
        return 0.0 if digit.rigid else None
    tree = shape.description.tree
    straight = dict(zip(digit.bending, digit.straight_q, strict=True))
    turn = 0.0
    for link in digit.digit.moving:
        name = tree.joint_names[tree.source[link]]
        if tree.joint_type[link] != PRISMATIC and name in straight and name in joint_names:
            turn += abs(float(tree.multiplier[link]) * (q_rad[joint_names.index(name)] - straight[name]))
    return turn


def _tips(retargeter: Retargeter, q: np.ndarray, roles: dict[int, str]) -> np.ndarray:
    """(tips,3) fingertip surfaces' centres, ordered as `roles`, root position and hand-frame axes."""
    if retargeter.config.type == "dexpilot":
        return retargeter.tip_positions(q)
    links = retargeter.links(q)
    return np.array([links[link][:3, 3] for link in roles.values()])


def _gap(
    retargeter: Retargeter, q: np.ndarray, pose: Pose, roles: dict[int, str], tips: np.ndarray
) -> float | None:
    if pose.kind != "pinch" or pose.finger not in roles or 0 not in roles:
        return None
    order = list(roles)
    radii = retargeter.tip_radii_m if len(retargeter.tip_radii_m) == len(tips) else np.zeros(len(tips))
    thumb, finger = order.index(0), order.index(pose.finger)
    return float(np.linalg.norm(tips[thumb] - tips[finger]) - radii[thumb] - radii[finger])


def _judge(
    retargeter: Retargeter,
    shape: HandShape,
    pose: Pose,
    q: np.ndarray,
    gap: float | None,
    depth: float,
    roles: dict[int, str],
) -> tuple[Level, str]:
    if gap is not None:
        return _judge_pinch(pose, gap, depth, retargeter.config.type)
    said: list[tuple[Level, str]] = []
    known = False
    for finger, link in roles.items():
        digit = shape.shape_of(link)
        if digit is None:
            continue
        if pose.kind == "fist":
            measured = turn_of(digit, shape, retargeter.joint_names, q)
            verdict = _judge_closed(finger, measured)
        else:
            measured = bend_of(digit, retargeter.joint_names, q)
            verdict = _judge_straight(finger, measured)
        known |= finger != 0 and measured is not None
        if verdict is not None:
            said.append(verdict)
    if not known:
        said.append((Level.HINT, "not judged: it is not known which way the fingers bend"))
    if depth > _OVERLAP_M:
        said.append((Level.HINT, f"the hand reaches {1e3 * depth:.0f} mm into itself"))
    if not said:
        return Level.GOOD, {"open": "flat and open", "fist": "closed"}.get(pose.kind, "as it should be")
    level = Level.WRONG if any(level is Level.WRONG for level, _ in said) else Level.HINT
    return level, "; ".join(text for _, text in said)


def _judge_straight(finger: int, bend: float | None) -> tuple[Level, str] | None:
    """What is wrong with a digit of an open hand; None for nothing."""
    hint, wrong = (_CURLED_HINT, _CURLED_WRONG) if finger == 0 else (_OPEN_HINT, _OPEN_WRONG)
    if bend is None or bend <= hint:
        return None
    level = Level.WRONG if bend > wrong else Level.HINT
    name = "thumb stays curled" if finger == 0 else f"{DIGIT_NAMES[finger]} finger stays bent"
    return level, f"the {name} ({bend:.0%} of its range)"


def _judge_closed(finger: int, turn_rad: float | None) -> tuple[Level, str] | None:
    """What is wrong with a digit of a fist; None for nothing."""
    if finger == 0 or turn_rad is None or turn_rad >= _FIST_HINT_RAD:
        return None
    level = Level.WRONG if turn_rad < _FIST_WRONG_RAD else Level.HINT
    return level, f"the {DIGIT_NAMES[finger]} finger stays open (bent by {np.degrees(turn_rad):.0f} degrees)"


def _judge_pinch(pose: Pose, gap: float, depth: float, kind: str) -> tuple[Level, str]:
    name = DIGIT_NAMES[pose.finger]
    if gap > _TOUCHING_M:
        why = "" if kind == "dexpilot" else f"; type {kind} does not pull them together, dexpilot does"
        return Level.HINT, f"thumb and {name} stay {1e3 * gap:.0f} mm apart{why}"
    if gap < -_TOUCHING_M:
        return Level.HINT, f"thumb and {name} overlap by {-1e3 * gap:.0f} mm"
    if depth > _OVERLAP_M:
        return Level.HINT, f"thumb and {name} touch, but the hand reaches {1e3 * depth:.0f} mm into itself"
    return Level.GOOD, f"thumb and {name} touch"
