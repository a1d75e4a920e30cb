"""Whether a config agrees with the shape of the robot it is for."""

from __future__ import annotations

import numpy as np

from app.check_hand.description import Joint
from app.check_hand.digits import DIGIT_NAMES
from app.check_hand.findings import Finding, good, hint, wrong
from app.check_hand.proposal import keypoint_fingers
from app.check_hand.shape import HandShape
from app.check_hand.wrist_frame import SNAP_DEG, WristFrame, describe_turn, rpy_text, turn_deg
from models.keypoints import FINGERTIPS
from retarget import HandConfig, Retargeter
from retarget.objective import rotation_of
from retarget.urdf import FREE_BASE_JOINTS

_FAR_OFF_DEG = 25.0
_USUAL_RADIUS_M = 0.01
# Share of the right scaling_factor.
_SCALE_HINT, _SCALE_WRONG = (0.75, 1.5), (0.5, 2.0)


def tip_roles(config: HandConfig) -> dict[int, str]:
    """Fingertip links by human digit, 0 thumb … 4 pinky, in the config's order."""
    if config.type == "dexpilot":
        pairs = zip(config.tip_keypoints, config.finger_tip_link_names, strict=True)
    elif config.type == "vector":
        pairs = zip(config.target_link_human_indices[1], config.target_task_link_names, strict=True)
    else:
        pairs = zip(config.target_link_human_indices[0], config.target_link_names, strict=True)
    return {FINGERTIPS.index(keypoint): link for keypoint, link in pairs if keypoint in FINGERTIPS}


def wrist_of(config: HandConfig) -> str | None:
    """The link that stands for the wrist; None where the config has none."""
    if config.type == "dexpilot":
        return config.wrist_link_name
    return config.target_origin_link_names[0] if config.type == "vector" else None


def diagnose_config(config: HandConfig, shape: HandShape, frame: WristFrame | None) -> list[Finding]:
    """Findings of a config that names only what the URDF has.

    Args:
        config: the hand's.
        shape, frame: of the robot, measured without the config.
    """
    roles = tip_roles(config)
    findings = [] if frame is None else [_frame(config, frame)]
    findings += [*_wrist(config, shape, frame), *_tips(config, roles, shape), *_joints(config, shape)]
    wrist = wrist_of(config)
    if wrist is not None and shape.shape_of(wrist) is None:  # from a finger no length is a hand's
        findings.append(_scale(config, shape))
    return findings


def mimics_among_targets(config: HandConfig, joints: tuple[Joint, ...]) -> list[Finding]:
    """Target joints that follow others by themselves; with one, the config cannot be used at all."""
    if config.ignore_mimic_joint:
        return []
    followers = [joint for joint in joints if joint.mimics and joint.name in config.target_joint_names]
    if not followers:
        return []
    names = ", ".join(f"{joint.name} (mimics {joint.driver})" for joint in followers)
    text = f"target_joint_names has {names}, which move by themselves"
    return [wrong("target joints", f"{text}; take them out, or set ignore_mimic_joint: true")]


def diagnose_surfaces(retargeter: Retargeter) -> list[Finding]:
    """Findings of what fingertips and self-collision need: radii and capsules."""
    config = retargeter.config
    findings = []
    if config.type == "dexpilot":
        bare = [
            link
            for link, radius in zip(config.finger_tip_link_names, retargeter.tip_radii_m, strict=True)
            if radius == 0.0
        ]
        if bare:
            text = f"{', '.join(bare)} have no sphere to touch with, so pinches close link on link"
            radii = ", ".join(f"{radius or _USUAL_RADIUS_M:g}" for radius in retargeter.tip_radii_m)
            text += "; measure each tip, thumb first; for tips of 10 mm radius the line is"
            findings.append(hint("fingertips", text, f"tip_radii_m: [{radii}]"))
        else:
            radii = ", ".join(f"{1e3 * radius:.0f}" for radius in retargeter.tip_radii_m)
            findings.append(good("fingertips", f"surfaces of {radii} mm radius"))
    tips = config.finger_tip_link_names
    bodies = [body for body in retargeter.capsules(retargeter.home_rad) if body.link not in tips]
    if not bodies:
        text = "the URDF has no boxes, cylinders or spheres, so the hand cannot keep out of itself"
        return [*findings, hint("self-collision", f"{text}; list capsules in the config")]
    return [*findings, good("self-collision", f"{len(bodies)} capsules from the URDF's or config's shapes")]


def _frame(config: HandConfig, frame: WristFrame) -> Finding:
    given = rotation_of(config.hand_frame_rpy)
    off = turn_deg(given, frame.measured)
    if off <= SNAP_DEG:
        return good("frame", f"hand_frame_rpy agrees with the hand's shape to {off:.0f}°")
    # As seen along the hand's own axes: what the user would have to undo.
    turned = describe_turn(given.T @ frame.R)
    text = f"the config's hand frame is {off:.0f}° off the hand's shape (rotated {turned})"
    remedy = f"hand_frame_rpy: {rpy_text(frame.rpy)}"
    if off <= _FAR_OFF_DEG:
        return hint("frame", f"{text}; if the picture looks tilted, use this line", remedy)
    return wrong("frame", f"{text}; use this line", remedy)


def _wrist(config: HandConfig, shape: HandShape, frame: WristFrame | None) -> list[Finding]:
    link = wrist_of(config)
    if link is None or frame is None:
        return []
    poses = shape.description.poses(shape.straight_q)
    tree = shape.description.tree
    if shape.shape_of(link) is not None:
        remedy = f"wrist_link_name: {shape.wrist_link}"
        return [wrong("wrist", f"{link} is a part of a finger, not the wrist; use this line", remedy)]
    z = frame.measured[:, 2]
    knuckles = float(np.mean([digit.base_m @ z for digit in shape.fingers]))
    tips = float(np.mean([digit.tip_m @ z for digit in shape.fingers]))
    behind = knuckles - float(poses[tree.link_index(link), :3, 3] @ z)
    if not 0.35 <= behind / max(tips - knuckles, 1e-3) <= 2.2:
        side = "behind" if behind >= 0.0 else "before"
        text = f"{link} lies {abs(1e3 * behind):.0f} mm {side} the knuckles; a wrist of this hand would be"
        return [hint("wrist", f"{text} about {1e3 * (tips - knuckles):.0f} mm behind them")]
    return [good("wrist", f"{link}, {1e3 * behind:.0f} mm behind the knuckles")]


def _tips(config: HandConfig, roles: dict[int, str], shape: HandShape) -> list[Finding]:
    carriers = {finger: shape.shape_of(link) for finger, link in roles.items()}
    still = [roles[finger] for finger, carrier in carriers.items() if carrier is None]
    if still:
        text = f"{', '.join(still)} cannot move: fixed to palm or root"
        return [wrong("fingertip order", f"{text}; name links at the ends of fingers")]
    digits = [carriers[finger] for finger in sorted(roles)]
    if len({id(digit) for digit in digits}) < len(digits):
        text = "two of the fingertips are on the same finger"
        return [wrong("fingertip order", f"{text}; name one link of each")]
    if shape.thumb is None:
        return []
    expected = [shape.thumb, *shape.fingers]
    remedy = _tips_remedy(config, roles, shape)
    if 0 in roles and carriers[0] is not shape.thumb:
        text = f"{roles[0]} stands first, as the thumb, but by its shape the thumb is {shape.thumb.digit.tip}"
        return [wrong("fingertip order", f"{text}; use this line", remedy)]
    places = [expected.index(digit) for digit in digits if digit is not None]
    if places != sorted(places):
        given = ", ".join(f"{roles[finger]} as {DIGIT_NAMES[finger]}" for finger in sorted(roles) if finger)
        text = f"the fingers are swapped ({given}): the index is the one beside the thumb"
        return [wrong("fingertip order", f"{text}; use this line", remedy)]
    return [good("fingertip order", ", ".join(f"{DIGIT_NAMES[f]} {roles[f]}" for f in sorted(roles)))]


def _tips_remedy(config: HandConfig, roles: dict[int, str], shape: HandShape) -> str:
    """The right order, with the config's own links where it names one of the digit."""
    if config.type != "dexpilot" or len(roles) != len(shape.digits):
        return ""
    own = {id(shape.shape_of(link)): link for link in roles.values()}
    by_finger = dict(zip(keypoint_fingers(shape), shape.digits, strict=False))
    names = [own.get(id(digit), digit.digit.tip) for _, digit in sorted(by_finger.items())]
    return f"finger_tip_link_names: [{', '.join(names)}]"


def _joints(config: HandConfig, shape: HandShape) -> list[Finding]:
    tree = shape.description.tree
    targets = config.target_joint_names or tree.joint_names
    findings = []
    whole = [name for name in shape.whole_hand if name in targets]
    if whole:
        text = f"{', '.join(whole)} move the whole hand and are solved for, too"
        text += "; leave them out of target_joint_names to hold the palm still"
        findings.append(hint("target joints", text))
    left_out = [name for name in tree.joint_names if name not in {*targets, *shape.whole_hand}]
    if left_out:
        text = f"{', '.join(left_out)} are not in target_joint_names and stand still"
        findings.append(hint("target joints", text))
    if not findings:
        count = len([name for name in targets if name not in FREE_BASE_JOINTS])
        findings.append(good("target joints", f"all {count} of the fingers"))
    return findings


def _scale(config: HandConfig, shape: HandShape) -> Finding:
    right = shape.scaling_factor
    share = config.scaling_factor / right
    text = (
        f"scaling_factor is {config.scaling_factor:g}; {shape.length_m:.3f} m from wrist to middle tip, "
        f"against 0.189 m of an average hand, ask for {right:.2f}"
    )
    remedy = f"scaling_factor: {right:.2f}"
    if not _SCALE_WRONG[0] <= share <= _SCALE_WRONG[1]:
        return wrong("scale", f"{text}; use this line", remedy)
    if not _SCALE_HINT[0] <= share <= _SCALE_HINT[1]:
        return hint("scale", f"{text}; if fingers stay bent or open, use this line", remedy)
    return good("scale", text)
