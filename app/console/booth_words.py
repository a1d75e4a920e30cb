"""What the booth says to a visitor: few words, no jargon, readable from three metres."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from app.console.words import ARMED_MODES, Tone
from app.snapshot import HandSnapshot, Snapshot

TIME_IS_SHORT_S = 10.0
STEPS = ("Step up", "Open hand", "Hold still", "Move", "Lower to end")


@dataclass(frozen=True)
class BoothWords:
    """One moment of a visit.

    Attributes:
        headline: the one thing to do or to know.
        line: a little more.
        step: which of STEPS is on, from 0; None for none.
        tone: colour of what is on.
        staff: for staff only, small; empty when they have nothing to do.
    """

    headline: str
    line: str
    step: int | None
    tone: Tone
    staff: str = ""


def booth_words(snapshot: Snapshot | None, silent: bool) -> BoothWords:
    """What to say now.

    Args:
        snapshot: the newest; None before the first.
        silent: whether none came for a while.
    """
    if snapshot is None or snapshot.booth is None:
        return BoothWords("Just a moment", "We are getting ready", None, "calm")
    booth, hand = snapshot.booth, shown_hand(snapshot)
    if silent or booth.needs_staff:
        return BoothWords(
            "A short break", "We will be back in a moment", None, "off", _staff(snapshot, silent)
        )
    if booth.other_hand and booth.phase in ("attract", "invite") and hand is not None:
        return BoothWords(
            f"Show your {hand.hand} hand",
            f"The robot follows {hand.hand} hands only",
            1,
            "warn",
            snapshot.notice,
        )
    if booth.phase == "attract":
        return BoothWords("Move a robot with your hand", "Come closer and try it", 0, "calm", snapshot.notice)
    if booth.phase == "invite":
        return BoothWords(
            "Show your palm", "Open hand, fingers spread, to the camera", 1, "busy", snapshot.notice
        )
    if booth.phase == "hold":
        return BoothWords("Hold still", "The robot is about to follow you", 2, "busy")
    if booth.phase == "goodbye":
        return BoothWords("Thank you!", "The robot goes back to rest", None, "calm")
    seconds = None if booth.seconds_left is None else max(1, math.ceil(booth.seconds_left))
    if hand is None or not np.isfinite(hand.keypoints_px).all():
        if seconds is not None:
            return BoothWords(
                "Where is your hand?", f"Raise it again, or we say goodbye in {seconds}", 4, "warn"
            )
    elif seconds is not None and seconds <= TIME_IS_SHORT_S:
        return BoothWords("Almost over", f"The next visitor's turn in {seconds}", 3, "warn")
    return BoothWords("The robot follows you", "Move your fingers. Lower your hand to end.", 3, "good")


def shown_hand(snapshot: Snapshot) -> HandSnapshot | None:
    """The hand that the page shows: the one that drives a robot, else one that is seen, else the first."""
    hands = snapshot.hands
    driving = [hand for hand in hands if hand.mode in ARMED_MODES]
    seen = [hand for hand in hands if np.isfinite(hand.keypoints_px).all()]
    return next(iter((*driving, *seen, *hands)), None)


def _staff(snapshot: Snapshot, silent: bool) -> str:
    if silent:
        return "Staff: no pictures come from the camera"
    stopped = [hand for hand in snapshot.hands if hand.mode == "STOPPED"]
    if stopped:
        return f"Staff: the robot is stopped. U unlocks it, then A. {stopped[0].fault}".strip()
    return "Staff: the robot rests, A lets visitors in"
