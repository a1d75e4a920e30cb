"""Whether a URDF's numbers can be the radians and metres that they have to be."""

from __future__ import annotations

import math

import numpy as np

from app.check_hand.findings import Finding, hint, wrong
from app.check_hand.shape import HUMAN_LENGTH_M, HandShape
from app.errors import AppError
from retarget.urdf import PRISMATIC

# Once around, with room for rounding: no finger's joint turns as far.
_FAR_RAD = 2.0 * math.pi + 0.01
# Shares of an average human hand's length. Grippers have a third of it, the largest hands have two.
_SMALL, _LARGE = 0.2, 5.0
_NO_LENGTH_M = 1e-3


def diagnose_units(shape: HandShape) -> list[Finding]:
    """Findings of a URDF in degrees or millimetres; with a wrong one, nothing else that is measured holds.

    Raises:
        AppError: the hand has no size at all, or none that can be reckoned with.
    """
    if not _NO_LENGTH_M < shape.length_m < math.inf:
        raise AppError(
            f"{shape.description.name}: {_reach(shape)}; give the joints their origins in the URDF, in metres"
        )
    return [*_angles(shape), *_lengths(shape)]


def _angles(shape: HandShape) -> list[Finding]:
    """Looks at fingers only: what turns the whole hand, or a finger by a gear, may turn more than once."""
    description = shape.description
    tree = description.tree
    far_rad: dict[str, float] = {}
    for link in [link for digit in shape.digits for link in digit.digit.moving]:
        driver = tree.source[link]
        ends = tree.multiplier[link] * np.array([tree.lower_rad[driver], tree.upper_rad[driver]])
        ends = np.abs(ends + tree.offset[link])
        far = float(ends[np.isfinite(ends)].max(initial=0.0))
        if tree.joint_type[link] != PRISMATIC and far > _FAR_RAD:
            far_rad[description.joints[link - 1].name] = far
    if not far_rad:
        return []
    text = f"{', '.join(far_rad)} turn by up to {max(far_rad.values()):.3g} rad"
    return [wrong("limits", f"{text}; no finger turns once around, so if these are degrees, give radians")]


def _lengths(shape: HandShape) -> list[Finding]:
    share = shape.scaling_factor
    if _SMALL <= share <= _LARGE:
        return []
    text = f"{_reach(shape)}, and an average hand's middle tip {HUMAN_LENGTH_M} m"
    if share < _SMALL:
        return [hint("size", f"{text}; check that lengths are in metres, and name the wrist in a config")]
    return [wrong("size", f"{text}; no hand is as large, so if these are millimetres, give metres")]


def _reach(shape: HandShape) -> str:
    return f"{shape.middle.digit.tip} is {shape.length_m:.3g} m from the wrist ({shape.wrist_link})"
