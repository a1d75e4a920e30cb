"""Colours of the console, dark and light."""

from __future__ import annotations

from dataclasses import dataclass

from app.console.words import Tone
from app.drawing import FINGER_COLOURS, PALM_COLOUR


def _hex(bgr: tuple[int, int, int]) -> str:
    return f"#{bgr[2]:02x}{bgr[1]:02x}{bgr[0]:02x}"


# As in the videos of a run: one colour a finger, thumb to pinky.
FINGERS = tuple(_hex(colour) for colour in FINGER_COLOURS)
PALM = _hex(PALM_COLOUR)
GHOST = "#8fd3ff"

# Okabe–Ito, in an order that keeps neighbours of the stacked bar apart.
STAGE_COLOURS = {
    "capture": "#7a8ca3",
    "wait": "#b9c3cf",
    "detect": "#0072b2",
    "temporal": "#009e73",
    "retarget": "#cc79a7",
    "publish": "#e69f00",
}


@dataclass(frozen=True)
class Theme:
    """One set of colours.

    Attributes:
        background, panel, edge: of the window, of its panels, and of their borders.
        text, dim: for what matters, and for what explains.
        track: ground of bars.
        marker: what is asked for, over what is measured.
        fingers, palm: of a hand drawn on a panel, thumb to pinky.
        shade: laid over all that must not distract from an overlay.
        tones: ground and text colour of every state.
    """

    name: str
    background: str
    panel: str
    edge: str
    text: str
    dim: str
    track: str
    marker: str
    shade: str
    fingers: tuple[str, ...]
    palm: str
    tones: dict[Tone, tuple[str, str]]


DARK = Theme(
    name="dark",
    background="#0f1216",
    panel="#191e25",
    edge="#2a313b",
    text="#eef2f6",
    dim="#97a3b2",
    track="#2b333e",
    marker="#ffffff",
    shade="#d90f1216",
    fingers=FINGERS,
    palm=PALM,
    tones={
        "calm": ("#2d4f73", "#ffffff"),
        "good": ("#1f8a4c", "#ffffff"),
        "warn": ("#e3a32b", "#17130a"),
        "lost": ("#c2512a", "#ffffff"),
        "busy": ("#2273c9", "#ffffff"),
        "off": ("#3b4552", "#ffffff"),
        "stop": ("#d3202f", "#ffffff"),
    },
)
LIGHT = Theme(
    name="light",
    background="#e9edf2",
    panel="#ffffff",
    edge="#d3dae3",
    text="#12171d",
    dim="#566273",
    track="#dfe5ec",
    marker="#12171d",
    shade="#d9e9edf2",
    fingers=("#d98a1f", "#2f9fe0", "#009e73", "#d6c21a", "#c070a0"),
    palm="#7c8896",
    tones={
        "calm": ("#4f7fb0", "#ffffff"),
        "good": ("#1f8a4c", "#ffffff"),
        "warn": ("#f0b53f", "#17130a"),
        "lost": ("#cf5a31", "#ffffff"),
        "busy": ("#2273c9", "#ffffff"),
        "off": ("#6b7684", "#ffffff"),
        "stop": ("#d3202f", "#ffffff"),
    },
)
