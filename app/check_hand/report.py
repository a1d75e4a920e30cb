"""The check of a hand as text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from app.check_hand.check import Check
from app.check_hand.description import Joint
from app.check_hand.findings import Level
from app.check_hand.proposal import keypoint_fingers
from app.check_hand.trial import TrialResult
from app.check_hand.wrist_frame import describe_axes
from models.keypoints import FINGERS

NOTHING = "none: first correct what is wrong above"
"""In place of what makes no sense yet."""


def report_lines(check: Check) -> list[str]:
    """Joints, links, fingertips, frame, findings and trials, one line each."""
    tree = check.description.tree
    counts = f"{len(tree.joint_names)} independent joints, {len(tree.link_names)} links"
    lines = [f"{check.description.name}: {counts}"]
    lines += ["", "joints", *_table([_joint_row(j) for j in check.description.joints if j.type != "fixed"])]
    lines += ["", "links", f"  {', '.join(tree.link_names)}"]
    lines += ["", "fingertips", *_table(_tip_rows(check)), "", f"wrist: {check.shape.wrist_link}"]
    if check.frame is not None:
        lines.append(f"wrist frame: {'; '.join(describe_axes(check.frame.measured, check.shape.hand))}")
        lines.append("convention: +x leaves the palm, +y points to a right hand's thumb, +z to fingertips")
    lines += ["", "findings"]
    for finding in check.findings:
        lines.append(f"[{finding.level.value}] {finding.subject}: {finding.text}")
        if finding.remedy:
            lines.append(f"           {finding.remedy}")
    if check.trials:
        lines += ["", f"poses, retargeted with {'the config' if check.configured else 'the config below'}"]
        lines += _table([_TRIAL_HEAD, *(_trial_row(trial) for trial in check.trials)])
        lines += _limit_lines(check.trials)
        lines += [f"[{trial.level.value}] {trial.pose.name}: {trial.verdict}" for trial in check.trials]
    else:
        lines += ["", "poses", f"  {NOTHING}"]
    return lines


def closing_line(check: Check) -> str:
    """The whole check in one sentence."""
    wrong = [finding.subject for finding in check.findings if finding.level is Level.WRONG]
    wrong += [trial.pose.name for trial in check.trials if trial.level is Level.WRONG]
    if wrong:
        return f"wrong: {', '.join(dict.fromkeys(wrong))}"
    if check.frame is None:
        return "nothing wrong was found, but the axes of the hand could not be told: see the notes"
    hints = sum(finding.level is Level.HINT for finding in check.findings)
    hints += sum(trial.level is Level.HINT for trial in check.trials)
    return f"all well, with {hints} note{'s' if hints > 1 else ''}" if hints else "all well"


_NAMED = 6  # joints at limits that are named one by one
_TRIAL_HEAD = ("pose", "converged", "cost", "tip error", "pinch gap", "penetration", "joints at limits")


def _trial_row(trial: TrialResult) -> tuple[str, ...]:
    return (
        trial.pose.name,
        "yes" if trial.converged else "no",
        f"{trial.cost:.4f}",
        f"{1e3 * trial.tip_error_m.mean():.0f} mm, worst {1e3 * trial.tip_error_m.max():.0f}",
        "" if trial.gap_m is None else f"{1e3 * trial.gap_m:.1f} mm",
        f"{1e3 * trial.penetration_m:.1f} mm",
        str(len(trial.at_limits)),
    )


def _limit_lines(trials: Sequence[TrialResult]) -> list[str]:
    return [
        f"  at limits in {trial.pose.name}: {_some(trial.at_limits)}" for trial in trials if trial.at_limits
    ]


def _some(names: Sequence[str]) -> str:
    left_out = len(names) - _NAMED
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {left_out} more" if left_out > 0 else shown


def _joint_row(joint: Joint) -> tuple[str, ...]:
    unit = "m" if joint.type == "prismatic" else "rad"
    if joint.mimics:
        offset = f" {joint.offset:+.4g}" if joint.offset else ""
        limits = f"mimics {joint.driver} × {joint.multiplier:.4g}{offset}"
    elif math.isinf(joint.lower) and math.isinf(joint.upper):
        limits = "no limits"
    else:
        limits = f"{joint.lower:.3f} … {joint.upper:.3f} {unit}"
    return joint.name, joint.type, limits, f"{joint.parent} → {joint.child}"


def _tip_rows(check: Check) -> list[tuple[str, ...]]:
    shape = check.shape
    radii: dict[str, float] = {}
    if check.retargeter is not None:
        names = check.retargeter.config.finger_tip_link_names
        radii = dict(zip(names, check.retargeter.tip_radii_m.tolist(), strict=False))
    names_of = keypoint_fingers(shape) if shape.thumb else ()
    rows: list[tuple[str, ...]] = []
    for number, digit in enumerate(shape.digits):
        name = FINGERS[names_of[number]] if number < len(names_of) else f"digit {number + 1}"
        source = "named" if digit.digit.name else "guessed by shape"
        radius = radii.get(digit.digit.tip, 0.0)
        surface = f"radius {1e3 * radius:.0f} mm" if radius else "no surface radius"
        reach = f"{1e3 * digit.reach_m:.0f} mm from the wrist"
        rows.append((name, digit.digit.tip, source, reach, surface, f"{len(digit.digit.joints)} joints"))
    return rows


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
