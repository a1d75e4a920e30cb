"""What was measured for this user's cameras, hand and delays."""

from __future__ import annotations

import json
from pathlib import Path

from app.doctor.finding import Finding, Verdict
from app.doctor.places import config_folder

# Kind of calibration, its files in the user's folder, the command that makes it, what holds without it, and
# whether a file that cannot be read ends runs that did not name it.
_KINDS = (
    (
        "delays",
        "delays.json",
        "python launch.py calibrate latency",
        "the camera counts as without delay, the joints as usual",
        True,
    ),
    (
        "camera calibration",
        "cameras/*.json",
        "python launch.py calibrate camera",
        "a usual lens is assumed",
        True,
    ),
    (
        "operators",
        "operators/*.json",
        "python launch.py calibrate hand --operator NAME",
        "a usual hand is assumed",
        False,
    ),
)


def look_at_calibrations(folder: Path | None = None) -> list[Finding]:
    """The files of each kind, and whether they can be read.

    Args:
        folder: where they are kept; the user's if None.
    """
    folder = folder or config_folder()
    if folder is None:
        return [Finding("calibration", "note", "not looked at: platformdirs is missing")]
    findings = []
    for subject, pattern, command, instead, needed in _KINDS:
        files = sorted(folder.glob(pattern))
        broken = {file: why for file in files if (why := _broken(file))}
        for file, why in broken.items():
            verdict: Verdict = "MISS" if needed else "note"
            findings.append(Finding(subject, verdict, f"{file} cannot be used: {why}", f'rm "{file}"'))
        if files and not broken:
            named = ", ".join(str(file.relative_to(folder)) for file in files)
            findings.append(Finding(subject, "ok", f"{named} in {folder}"))
        if not files:
            findings.append(Finding(subject, "note", f"none; {instead}", command))
    return findings


def _broken(file: Path) -> str:
    """Why a file cannot be used; empty if it can."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return " ".join(str(error).split())
    if not isinstance(content, dict):
        return "it is no JSON object"
    if file.name != "delays.json":
        return ""
    from calibration.delays import load_delays
    from calibration.errors import CalibrationError

    try:
        load_delays("webcam", "sim", file)
    except CalibrationError as error:
        return str(error)
    return ""
