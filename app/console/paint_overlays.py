"""What comes over everything: help, the question before quitting, a notice, a guided calibration."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6 import QtGui

from app.console.brush import Brush, faded, rect
from app.console.keys import HELP
from app.console.layout import Box
from app.console.pictograms import draw_pictogram
from app.snapshot import CalibrationView

ALARM = "#d3202f"
NOTICE = "#e3a32b"


def paint_strips(brush: Brush, box: Box, alarms: Sequence[str], notice: str = "") -> Box:
    """Sentences over the top of a box, one below the other and each as high as it needs; alarms in red.

    Returns:
        The room below them.
    """
    u = brush.u
    sentences = [(text, ALARM, "#ffffff") for text in alarms]
    if notice:
        sentences.append((notice, NOTICE, "#17130a"))
    y, width = box.y + 8 * u, box.width - 16 * u
    most = (box.height - 8 * u) / max(1, len(sentences)) - 8 * u
    for text, ground, ink in sentences:
        needed = brush.paragraph_height(width - 24 * u, text, 20) + 12 * u
        strip = Box(box.x + 8 * u, y, width, min(max(58 * u, needed), most))
        brush.box(strip, ground, radius=6)
        inner = Box(strip.x + 12 * u, strip.y + 6 * u, strip.width - 24 * u, strip.height - 12 * u)
        brush.paragraph(inner, text, 20, ink, "centre")
        y = strip.bottom + 8 * u
    top = y - 8 * u if sentences else box.y
    return Box(box.x, top, box.width, box.bottom - top)


def paint_shade(brush: Brush, window: Box) -> None:
    """Dim all that must not distract from an overlay."""
    brush.painter.fillRect(rect(window), QtGui.QColor(brush.theme.shade))


def paint_help(brush: Brush, box: Box) -> None:
    """All keys, large, in the middle of a box."""
    brush, card = _card(brush, box, 640, 24 + 46 + 34 * len(HELP) + 50)
    u, theme = brush.u, brush.theme
    brush.text(Box(card.x, card.y, card.width, 40 * u), "Keys", 30, theme.text, bold=True)
    y = card.y + 50 * u
    for key, meaning in HELP:
        cap = Box(card.x, y + 2 * u, 92 * u, 29 * u)
        brush.box(cap, theme.track, radius=5)
        brush.text(cap, key, 19, theme.text, "centre", bold=True)
        brush.text(Box(card.x + 112 * u, y, card.width - 112 * u, 33 * u), meaning, 20, theme.text)
        y += 34 * u
    brush.text(Box(card.x, y + 4 * u, card.width, 28 * u), "any key closes this", 16, theme.dim)


def paint_quit(brush: Brush, box: Box, stopping: bool) -> None:
    """The question before quitting with an armed robot, or with a stop that is not confirmed, in the middle
    of a box."""
    title, answer = "The robot is armed", "Q again disarms it and quits"
    if stopping:
        title, answer = "The stop is not confirmed", "Q again quits: nobody asks for it any more"
    brush, card = _card(brush, box, 720, 190)
    u, theme = brush.u, brush.theme
    brush.text(Box(card.x, card.y + 4 * u, card.width, 44 * u), title, 36, theme.text, bold=True)
    brush.text(Box(card.x, card.y + 62 * u, card.width, 30 * u), answer, 24, theme.text)
    brush.text(Box(card.x, card.y + 100 * u, card.width, 30 * u), "any other key goes on", 24, theme.dim)


def paint_calibration(brush: Brush, box: Box, view: CalibrationView) -> None:
    """What to do now, in a picture and in words, and how far it is."""
    u, theme = brush.u, brush.theme
    brush.box(box, theme.panel, edge=theme.edge)
    inner = box.inset(18 * u)
    brush.text(Box(inner.x, inner.y, inner.width, 32 * u), view.title, 26, theme.dim, bold=True)
    if view.seconds_left is not None:
        left = Box(inner.right - 160 * u, inner.y - 6 * u, 160 * u, 56 * u)
        brush.text(left, f"{view.seconds_left:.0f} s", 50, theme.text, "right", bold=True)
    steps = Box(inner.x, inner.bottom - 62 * u, inner.width, 62 * u)
    words_height = 132 * u
    words = Box(inner.x, steps.y - words_height - 10 * u, inner.width, words_height)
    if view.picture:
        frame = Box(inner.x, inner.y + 52 * u, inner.width, words.y - inner.y - 62 * u)
        brush.box(frame, theme.background, radius=8)
        draw_pictogram(brush, frame.inset(14 * u), view.picture)
    else:
        words = Box(words.x, inner.y + 52 * u, words.width, words.bottom - inner.y - 52 * u)
    brush.paragraph(words, view.instruction, 36, theme.text, "centre")
    _paint_steps(brush, steps, view)


def _paint_steps(brush: Brush, box: Box, view: CalibrationView) -> None:
    u, theme = brush.u, brush.theme
    bar = Box(box.x, box.y, box.width, 14 * u)
    brush.box(bar, theme.track, radius=7)
    done = Box(bar.x, bar.y, max(bar.height, bar.width * min(max(view.progress, 0.0), 1.0)), bar.height)
    brush.box(done, theme.tones["good"][0], radius=7)
    if not view.steps:
        return
    y = bar.bottom + 8 * u
    for number, cell in enumerate(Box(box.x, y, box.width, 32 * u).columns(len(view.steps), 6 * u)):
        if number < view.steps_done:
            ground, ink = theme.tones["good"]
        elif number == view.steps_done:
            ground, ink = theme.tones["busy"]
        else:
            ground, ink = theme.track, theme.dim
        brush.box(cell, ground, radius=5)
        mark = "✓ " if number < view.steps_done else ""
        brush.text(cell.inset(4 * u), f"{mark}{view.steps[number]}", 16, ink, "centre")


def paint_stopped_frame(brush: Brush, window: Box) -> None:
    """A red frame around everything: nobody overlooks that the robot is locked."""
    pen = QtGui.QPen(QtGui.QColor(ALARM), 7.0 * brush.u)
    brush.painter.setPen(pen)
    brush.painter.setBrush(faded("#000000", 0.0))
    brush.painter.drawRect(rect(window.inset(3.5 * brush.u)))


def _card(brush: Brush, box: Box, width: float, height: float) -> tuple[Brush, Box]:
    """A card of so many units in the middle of a box; a brush whose units fit the box, and the room in it."""
    fitting = Brush(brush.painter, brush.theme, min(brush.u, box.height / (height + 16)))
    u = fitting.u
    card = Box(
        box.x + (box.width - width * u) / 2,
        box.y + (box.height - height * u) / 2,
        width * u,
        height * u,
    )
    fitting.box(card, fitting.theme.panel, radius=12, edge=fitting.theme.edge)
    return fitting, card.inset(26 * u)
