"""Reads the small text files in which Linux tells of its devices and processes."""

from __future__ import annotations

from pathlib import Path


def read_line(file: Path) -> str:
    """The text of a file without the space around it; empty where there is none to read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
