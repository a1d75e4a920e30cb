"""The two states that matter, in colour and words to be read across a room; and the footer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from app.body_snapshot import BodySnapshot
from app.console.brush import Brush
from app.console.layout import Box
from app.console.words import BODY_WORDS, ROBOT_WORDS, UNKNOWN_SOURCE, Words, robot_words, source_words
from app.snapshot import HandSnapshot, Snapshot

WORD_SHARE = 0.875  # of its line
WORD_SHARE_OF_TWO = 0.79


def paint_source(
    brush: Brush, box: Box, hands: Sequence[HandSnapshot], body: BodySnapshot | None = None
) -> None:
    """What the system knows of the operator's hands and body."""
    states = [(f"HAND {hand.hand[0].upper()}", source_words(hand)) for hand in hands]
    if body is not None:
        states.append(("BODY", BODY_WORDS[body.source_state]))
    _paint(brush, box, "HAND" if hands or body is None else "BODY", states)


def paint_robot_mode(
    brush: Brush, box: Box, hands: Sequence[HandSnapshot], body: BodySnapshot | None = None
) -> None:
    """What the robot hands do; a body alone drives none. Why one stopped has no room here."""
    states = [(f"ROBOT {hand.hand[0].upper()}", robot_words(replace(hand, fault=""))) for hand in hands]
    if not hands and body is not None:
        states = [("ROBOT", ROBOT_WORDS[""])]
    _paint(brush, box, "ROBOT", states)


def _paint(brush: Brush, box: Box, title: str, states: list[tuple[str, Words]]) -> None:
    if len(states) <= 1:
        words = states[0][1] if states else UNKNOWN_SOURCE
        _paint_one(brush, box, title, words)
        return
    for (name, words), row in zip(states, box.rows(len(states), 4 * brush.u), strict=True):
        _paint_narrow(brush, row, name, words)


def _paint_one(brush: Brush, box: Box, title: str, words: Words) -> None:
    u = brush.u
    ground, ink = brush.theme.tones[words.tone]
    brush.box(box, ground)
    inner = Box(box.x + 14 * u, box.y + 6 * u, box.width - 28 * u, box.height - 12 * u)
    brush.text(Box(inner.x, inner.y, inner.width, 16 * u), title, 14, ink, bold=True)
    word = Box(inner.x, inner.y + 16 * u, inner.width, inner.height - 38 * u)
    brush.text(word, words.word, WORD_SHARE * word.height / u, ink, bold=True)
    brush.text(Box(inner.x, inner.bottom - 22 * u, inner.width, 20 * u), words.sentence, 16, ink)


def _paint_narrow(brush: Brush, box: Box, title: str, words: Words) -> None:
    u = brush.u
    ground, ink = brush.theme.tones[words.tone]
    brush.box(box, ground, radius=6)
    inner = Box(box.x + 12 * u, box.y, box.width - 20 * u, box.height)
    brush.text(Box(inner.x, inner.y, 70 * u, inner.height), title, 14, ink, bold=True)
    word = Box(inner.x + 74 * u, inner.y, inner.width - 74 * u, inner.height)
    brush.text(word, words.word, WORD_SHARE_OF_TWO * word.height / u, ink, bold=True)


def paint_footer(brush: Brush, box: Box, snapshot: Snapshot | None) -> None:
    """Rates on the left, arm and recording in the middle, where to find help on the right."""
    u, theme = brush.u, brush.theme
    brush.text(box, "Space stop    ? all keys", 18, theme.dim, "right")
    if snapshot is None:
        return
    rate = snapshot.detection_rate
    seen = "–" if math.isnan(rate) else f"{100 * rate:.0f} %"
    x = box.x + 4 * u
    who = "body" if snapshot.body is not None and not snapshot.hands else "hand"
    for name, value in ((f"{who} seen", seen), ("frames/s", f"{snapshot.fps:.0f}")):
        x += brush.text(Box(x, box.y, 120 * u, box.height), name, 18, theme.dim) + 8 * u
        brush.text(Box(x, box.y, 70 * u, box.height), value, 20, theme.text, bold=True)
        x += 82 * u
    if snapshot.arm_led is not None:
        words = "arm follows the wrist (W)" if snapshot.arm_led else "arm rests (W)"
        ground, ink = theme.tones["good" if snapshot.arm_led else "off"]
        badge = Box(x, box.y + 2 * u, (250 if snapshot.arm_led else 134) * u, box.height - 4 * u)
        brush.box(badge, ground, radius=6)
        brush.text(badge, words, 16, ink, "centre", bold=True)
        x = badge.right + 12 * u
    _paint_recording(brush, Box(x + 10 * u, box.y, box.right - x - 260 * u, box.height), snapshot)


def _paint_recording(brush: Brush, box: Box, snapshot: Snapshot) -> None:
    u, theme = brush.u, brush.theme
    stop, ink = theme.tones["stop"]
    if snapshot.recording:
        badge = Box(box.x, box.y + 2 * u, 82 * u, box.height - 4 * u)
        brush.box(badge, stop, radius=6)
        brush.text(badge, "● REC", 18, ink, "centre", bold=True)
        note = Box(badge.right + 10 * u, box.y, box.right - badge.right - 10 * u, box.height)
        brush.text(note, snapshot.recording_note, 16, theme.text)
    elif snapshot.recording_note:
        brush.box(Box(box.x, box.y + 2 * u, box.width, box.height - 4 * u), stop, radius=6)
        brush.text(box.inset(4 * u), snapshot.recording_note, 16, ink, "centre")
    else:
        brush.text(box, "not recording (R)", 18, theme.dim)
