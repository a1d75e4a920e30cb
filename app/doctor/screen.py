"""The display: whether there is one, and whether Qt can open a window on it."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from app.display import has_display
from app.doctor.finding import Finding, Verdict
from app.doctor.libraries import install_command, missing_libraries
from app.doctor.packages import INSTALL
from app.doctor.probe import Answer, AskProbe, RunCommand, ask_probe, run_command

_QT_LIMIT_S, _LDD_LIMIT_S = 40.0, 10.0
_UNREACHABLE = re.compile("could not connect to display|Failed to create wl_display")
_XCB_PLUGIN = Path("Qt", "plugins", "platforms", "libqxcb.so")


def look_at_screen(
    environ: Mapping[str, str] = os.environ,
    platform: str = sys.platform,
    ask: AskProbe = ask_probe,
    run: RunCommand = run_command,
) -> list[Finding]:
    """Start Qt where the window would stand, or off the screen where there is none.

    Args:
        environ: environment variables.
        platform: as sys.platform.
        ask: runs a probe.
        run: runs a command.
    """
    if not has_display(environ, platform):
        text = "none (DISPLAY and WAYLAND_DISPLAY are not set); runs are headless and leave a video instead"
        finding = Finding("display", "note", text)
        answer = ask("window", _QT_LIMIT_S, changes={"QT_QPA_PLATFORM": "offscreen"})
        if "platform" in answer.fact:
            return [finding]
        return [finding, _failure("Qt", "note", answer, run)]
    answer = ask("window", _QT_LIMIT_S)
    if "platform" not in answer.fact:
        return [_failure("display", "MISS", answer, run)]
    sizes = ", ".join(f"{width}×{height}" for width, height in answer.fact["screens_px"])
    named = next((environ[name] for name in ("WAYLAND_DISPLAY", "DISPLAY") if environ.get(name)), platform)
    return [Finding("display", "ok", f"{sizes} at {named}, Qt opens it ({answer.fact['platform']})")]


def _failure(subject: str, verdict: Verdict, answer: Answer, run: RunCommand) -> Finding:
    """What keeps Qt from starting, from what it said and from what its plugin misses."""
    told = answer.complaints
    plugins = next((fact["plugins"] for fact in answer.facts if "plugins" in fact), None)
    if plugins is None and "No module named" in told:
        return Finding(subject, verdict, "PySide6 is not installed", INSTALL)
    libraries = missing_libraries(told)
    # Qt names xcb-cursor whatever keeps its plugin from starting; ldd knows.
    ldd = shutil.which("ldd")
    if ldd and plugins is not None and subject == "display":
        libraries += missing_libraries(run((ldd, str(Path(plugins, _XCB_PLUGIN))), _LDD_LIMIT_S).output)
    elif "xcb-cursor" in told and _UNREACHABLE.search(told) is None:
        libraries += ["libxcb-cursor.so.0"]
    libraries = list(dict.fromkeys(libraries))
    if libraries:
        text = f"Qt cannot start, missing {', '.join(libraries)}"
        return Finding(subject, verdict, text, install_command(libraries))
    if _UNREACHABLE.search(told):
        text = "DISPLAY or WAYLAND_DISPLAY is set, but nothing answers there"
        return Finding(subject, verdict, text, "log in to a desktop session, or give --headless")
    return Finding(
        subject, verdict, f"Qt cannot start: {answer.why()}", "give --headless to run without a window"
    )
