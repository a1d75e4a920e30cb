"""What `check-hand` says about a hand: one sentence each, and how bad it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How bad a finding is; the value is its mark in the report."""

    GOOD = "ok  "
    HINT = "note"
    WRONG = "BAD "


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        level: WRONG where the hand would move wrongly.
        subject: what was looked at.
        text: what was found and, where it is not good, what to do.
        remedy: a line for the YAML file; "" if there is none.
    """

    level: Level
    subject: str
    text: str
    remedy: str = ""


def good(subject: str, text: str) -> Finding:
    """Something that is as it should be."""
    return Finding(Level.GOOD, subject, text)


def hint(subject: str, text: str, remedy: str = "") -> Finding:
    """Something that may be meant so."""
    return Finding(Level.HINT, subject, text, remedy)


def wrong(subject: str, text: str, remedy: str = "") -> Finding:
    """Something that makes the hand move wrongly."""
    return Finding(Level.WRONG, subject, text, remedy)
