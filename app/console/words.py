"""States as the operator reads them: one word, and one sentence that says what it means or what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.snapshot import HandSnapshot

Tone = Literal["calm", "good", "warn", "lost", "busy", "off", "stop"]

ARMED_MODES = ("ENGAGING", "TRACKING", "HOLD")


@dataclass(frozen=True)
class Words:
    """A state in words and its colour.

    Attributes:
        word: read from afar.
        sentence: what it means, or what to do.
        tone: names its colour in the theme.
    """

    word: str
    sentence: str
    tone: Tone


SOURCE_WORDS: dict[str, Words] = {
    "searching": Words("SEARCHING", "show your hand to the camera", "calm"),
    "tracking": Words("TRACKING", "the camera sees the hand", "good"),
    "predicting": Words("PREDICTING", "not seen just now: carried on by prediction", "warn"),
    "lost": Words("LOST", "bring the hand back into view", "lost"),
}
BODY_WORDS: dict[str, Words] = {
    "searching": Words("SEARCHING", "step into the camera's view", "calm"),
    "tracking": Words("TRACKING", "the camera sees the body", "good"),
    "predicting": Words("PREDICTING", "not seen just now: carried on by prediction", "warn"),
    "lost": Words("LOST", "come back into view", "lost"),
}
ROBOT_WORDS: dict[str, Words] = {
    "": Words("NO ROBOT", "nothing is driven", "off"),
    "DISARMED": Words("DISARMED", "rests; A arms it", "off"),
    "ENGAGING": Words("ENGAGING", "armed: moves softly to your pose", "busy"),
    "TRACKING": Words("TRACKING", "armed: follows your hand", "good"),
    "HOLD": Words("HOLD", "armed: holds still, waits for the hand", "warn"),
    "STOPPED": Words("STOPPED", "locked: U unlocks, then A arms", "stop"),
}
UNKNOWN_SOURCE = Words("NO PICTURE", "waiting for the first frame", "off")


def source_words(hand: HandSnapshot) -> Words:
    """What to say of the operator's hand."""
    return SOURCE_WORDS[hand.source_state]


def robot_words(hand: HandSnapshot) -> Words:
    """What to say of the robot; a stop with a cause names it, a hold does not blame a hand that is seen."""
    words = ROBOT_WORDS.get(hand.mode, Words(hand.mode, "", "off"))
    if hand.mode == "HOLD" and hand.source_state == "tracking":
        return Words(words.word, "armed: holds still, targets come too late", words.tone)
    if hand.mode == "STOPPED" and hand.fault:
        return Words(words.word, f"U unlocks. {hand.fault}", words.tone)
    return words


@dataclass(frozen=True)
class ArmButton:
    """What the arm button says and does now.

    Attributes:
        word, sentence: its two lines.
        command: what a click asks for; None where there is nothing to arm.
        tone: names its colour.
    """

    word: str
    sentence: str
    command: Literal["arm", "disarm", "reset"] | None
    tone: Tone


def arm_button(hands: Sequence[HandSnapshot]) -> ArmButton:
    """From the modes of all robots; one stopped robot is what matters most, then one that moves."""
    modes = {hand.mode for hand in hands} - {""}
    if "STOPPED" in modes:
        return ArmButton("UNLOCK", "key U, then A to arm", "reset", "off")
    if modes & set(ARMED_MODES):
        return ArmButton("DISARM", "key D", "disarm", "off")
    if modes:
        return ArmButton("ARM", "key A", "arm", "good")
    return ArmButton("ARM", "no robot", None, "off")


def is_armed(hands: Sequence[HandSnapshot]) -> bool:
    """Whether any robot may move."""
    return any(hand.mode in ARMED_MODES for hand in hands)
