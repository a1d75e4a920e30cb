"""The computer itself: processor, Python, room on its disks."""

from __future__ import annotations

import os
import shutil
import struct
import sys
from collections.abc import Callable
from pathlib import Path

from app.doctor.finding import Finding
from app.doctor.places import cache_folder
from app.machine import describe_machine

OLDEST_PYTHON = (3, 10)
# A recorded minute is about 0.2 GiB, the models take 0.05 GiB.
ROOM_FOR_RECORDINGS_GIB, ROOM_FOR_A_RUN_GIB, ROOM_FOR_MODELS_GIB = 5.0, 0.2, 0.1
_GIB = 2**30


def look_at_computer() -> list[Finding]:
    """Processor, cores, memory, system."""
    text = "{processor}, {cores} cores, {memory_gib} GiB, {system}".format(**describe_machine())
    return [Finding("machine", "ok", text)]


def look_at_python(
    version: tuple[int, ...] = sys.version_info[:3], bits: int = 8 * struct.calcsize("P")
) -> list[Finding]:
    """Whether this Python is one the packages exist for."""
    text = f"{'.'.join(map(str, version))}, {bits} bit, {sys.executable}"
    if version[:2] < OLDEST_PYTHON or bits < 64:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        fix = f"install 64-bit Python {wanted} or newer, then: python3 -m venv .venv"
        return [Finding("Python", "MISS", f"{text}; the packages need {wanted} or newer with 64 bit", fix)]
    return [Finding("Python", "ok", text)]


def look_at_space(
    recordings: Path | None = None, cache: Path | None = None, free_gib: Callable[[Path], float] | None = None
) -> list[Finding]:
    """Whether results and models can be kept.

    Args:
        recordings: folder that runs are put into; the current one if None.
        cache: folder of the models; the user's if None.
        free_gib: room in a folder; asked of the system if None.
    """
    free_gib = free_gib or _free_gib
    recordings = Path.cwd() if recordings is None else recordings
    findings = []
    for folder, purpose, least, wanted in (
        (recordings, "recordings", ROOM_FOR_A_RUN_GIB, ROOM_FOR_RECORDINGS_GIB),
        (cache or cache_folder(), "models", ROOM_FOR_MODELS_GIB, ROOM_FOR_MODELS_GIB),
    ):
        findings.append(_space(folder, purpose, least, wanted, free_gib))
    return findings


def _space(
    folder: Path, purpose: str, least_gib: float, wanted_gib: float, free_gib: Callable[[Path], float]
) -> Finding:
    subject = f"disk, {purpose}"
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not os.access(existing, os.W_OK):
        choose = "set POSEHAND_CACHE_DIR" if purpose == "models" else "start from, or give --run-dir,"
        return Finding(subject, "MISS", f"{existing} cannot be written", f"{choose} a folder of your own")
    free = free_gib(existing)
    text = f"{free:.1f} GiB free at {folder}"
    if free >= wanted_gib:
        return Finding(subject, "ok", text)
    fix = f"make room, {wanted_gib:g} GiB or more, or choose another disk"
    return Finding(subject, "MISS" if free < least_gib else "note", text, fix)


def _free_gib(folder: Path) -> float:
    return shutil.disk_usage(folder).free / _GIB
