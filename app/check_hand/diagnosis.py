"""What the shape of a robot hand says about how it can be used."""

from __future__ import annotations

import re

from app.check_hand.bending import is_limited, is_stuck
from app.check_hand.findings import Finding, good, hint, wrong
from app.check_hand.proposal import MAX_TIPS
from app.check_hand.shape import HandShape
from app.check_hand.wrist_frame import WristFrame, describe_axes, describe_turn, rpy_text
from models.observation import Hand
from retarget.urdf import FIXED

_SIDES = {"right": "right", "left": "left", "r": "right", "rh": "right", "l": "left", "lh": "left"}


def diagnose_shape(
    shape: HandShape, frame: WristFrame | None, asked: Hand | None, configured: bool
) -> list[Finding]:
    """Findings of a URDF alone.

    Args:
        shape, frame: of the robot.
        asked: the hand that --hand names.
        configured: whether a config says how the hand frame lies; then it is judged, not the root.
    """
    findings = [_hand(shape, asked)]
    if not configured:
        findings += [*_digits(shape), *_whole_hand(shape)]
    if frame is None:
        findings.append(_no_frame(shape))
    elif not configured:
        findings.append(_frame(frame, shape.hand))
    return [*findings, _tips(shape), *_limits(shape), *_zero(shape), *_mimics(shape)]


def side_in_name(text: str) -> Hand | None:
    """The hand a file's name speaks of, None if it does not."""
    words = re.split(r"[^a-z]+", text.lower())
    found = {_SIDES[word] for word in words if word in _SIDES}
    if found == {"right"}:
        return "right"
    return "left" if found == {"left"} else None


def _hand(shape: HandShape, asked: Hand | None) -> Finding:
    if shape.hand is None:
        text = "the shape does not tell a right from a left hand"
        if shape.thumb is None:
            text = f"{len(shape.digits)} digits do not tell which is the thumb, nor a right from a left hand"
        return hint("hand", f"{text}; check finger_tip_link_names, thumb first, yourself")
    other = "left" if shape.hand == "right" else "right"
    if asked is not None and asked != shape.hand:
        text = f"by its shape this is a {shape.hand} hand, not a {asked} one"
        return wrong("hand", f"{text}: give --hand {shape.hand}, or take the other file")
    named = side_in_name(shape.description.tree.path.stem)
    if asked is None and named == other:
        text = f"the file's name says {named}, but by its shape this is a {shape.hand} hand"
        return wrong(
            "hand", f"{text}: mirrored, or the wrong file; if it is meant so, give --hand {shape.hand}"
        )
    return good("hand", f"a {shape.hand} hand with {len(shape.fingers)} fingers and a thumb, by its shape")


def _digits(shape: HandShape) -> list[Finding]:
    if len(shape.digits) <= MAX_TIPS:
        return []
    used = ", ".join(digit.digit.tip for digit in shape.digits[:MAX_TIPS])
    text = f"{len(shape.digits)} chains move, as if these were two hands; only {used} are used"
    return [hint("digits", f"{text}; give the URDF of one hand, or name its fingertips in a config")]


def _no_frame(shape: HandShape) -> Finding:
    description = shape.description
    joints = [description.tree.joint_index(name) for digit in shape.digits for name in digit.digit.joints]
    if any(not is_limited(description, joint) for joint in joints):
        text = "joints without limits do not tell to which side the fingers bend"
    elif all(is_stuck(description, joint) for joint in joints):
        text = "joints that cannot move do not tell to which side the fingers bend"
    else:
        text = "no finger bends to one side more than to the other"
    text += ", so the palm's side is not known"
    return hint("frame", f"{text}; look at the picture and set hand_frame_rpy yourself")


def _frame(frame: WristFrame, hand: Hand | None) -> Finding:
    axes = ", ".join(describe_axes(frame.R, hand))
    if frame.follows_convention:
        return good("frame", f"the root follows the convention: {axes}")
    remedy = f"hand_frame_rpy: {rpy_text(frame.rpy)}"
    if frame.snapped:
        turned = describe_turn(frame.R)
        return wrong("frame", f"your palm frame is rotated {turned} ({axes}); add this line", remedy)
    text = f"your palm frame is rotated {describe_turn(frame.R)}, {frame.off_deg:.0f}° off any right angle"
    return wrong("frame", f"{text} ({axes}); check the picture and add this line", remedy)


def _tips(shape: HandShape) -> Finding:
    description = shape.description
    tree = description.tree
    named = [name for name in tree.link_names if "tip" in name.lower()]
    still = [name for name in named if description.rigid_body(tree.link_index(name)) < 0]
    if still:
        text = f"{', '.join(still)} cannot move: fixed to the root"
        return hint(
            "fingertips", f"{text}; if these are fingertips, their joints are of type fixed by mistake"
        )
    short = [
        digit.digit.tip
        for digit in shape.digits
        if tree.joint_type[tree.link_index(digit.digit.tip)] != FIXED
    ]
    if short:
        text = f"{', '.join(short)} sit at their own joints, not at the ends of the fingers"
        return hint(
            "fingertips", f"{text}; add a fixed link at each end, or give tip_centers_m in the config"
        )
    return good("fingertips", ", ".join(digit.digit.tip for digit in shape.digits))


def _limits(shape: HandShape) -> list[Finding]:
    description, names = shape.description, shape.description.tree.joint_names
    free = [name for i, name in enumerate(names) if not is_limited(description, i)]
    stuck = [name for i, name in enumerate(names) if is_stuck(description, i)]
    findings = []
    if free:
        text = f"{', '.join(free)} have no limits"
        text += " and may turn anywhere; give them <limit lower upper> in the URDF"
        findings.append(hint("limits", text))
    if stuck:
        text = f"{', '.join(stuck)} cannot move: lower and upper limit are the same"
        findings.append(hint("limits", f"{text}; correct them in the URDF, or make the joints fixed"))
    return findings or [good("limits", f"all {len(names)} joints have them")]


def _zero(shape: HandShape) -> list[Finding]:
    tree = shape.description.tree
    outside = [
        f"{name} ({lower:.2f} to {upper:.2f} rad)"
        for name, lower, upper in zip(tree.joint_names, tree.lower_rad, tree.upper_rad, strict=True)
        if lower > 1e-6 or upper < -1e-6
    ]
    if not outside:
        return []
    text = f"zero is outside the limits of {', '.join(outside)}"
    return [hint("zero pose", f"{text}: never command all zeros; the open hand uses the nearest limit")]


def _mimics(shape: HandShape) -> list[Finding]:
    mimics = [joint.name for joint in shape.description.joints if joint.mimics]
    if not mimics:
        return []
    text = f"{', '.join(mimics)} follow other joints by themselves"
    return [good("mimic joints", f"{text}; they do not belong into target_joint_names")]


def _whole_hand(shape: HandShape) -> list[Finding]:
    if not shape.whole_hand:
        return []
    text = f"{', '.join(shape.whole_hand)} move the whole hand"
    return [hint("wrist joints", f"{text}; the config below leaves them out, so that they stand still")]
