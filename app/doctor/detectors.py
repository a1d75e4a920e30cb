"""The detectors' model files: there and intact, or how to fetch them."""

from __future__ import annotations

import hashlib
import importlib
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.doctor.finding import Finding
from app.doctor.packages import INSTALL

if TYPE_CHECKING:
    from app.assets import TaskAsset

FETCH = "python launch.py teleop --source synthetic --robot none --headless --max-frames 1"
_REACH_TIMEOUT_S = 5.0


def look_at_detectors(reachable: Callable[[str], bool] | None = None) -> list[Finding]:
    """The hand detector's file, and that of bodies where this program has a detector for them.

    Args:
        reachable: whether a URL answers; asked of the network if None.
    """
    try:
        assets = importlib.import_module("app.assets")
    except ImportError:
        return [Finding("hand detector model", "note", "not looked at: packages are missing", INSTALL)]
    findings = [_task_file("hand detector model", assets.HAND_LANDMARKER, reachable or answers)]
    body: TaskAsset | None = getattr(assets, "POSE_LANDMARKER", None)
    if body is not None:
        findings.append(_task_file("body detector model", body, reachable or answers, needed=False))
    return findings


def answers(url: str) -> bool:
    """Whether the server of `url` has it, asked without fetching it."""
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=_REACH_TIMEOUT_S):
            return True
    except (OSError, urllib.error.URLError, ValueError):
        return False


def _task_file(
    subject: str, asset: TaskAsset, reachable: Callable[[str], bool], needed: bool = True
) -> Finding:
    from app.assets import cache_dir

    own = os.environ.get(asset.path_variable)
    if own:
        if os.path.isfile(own):
            return Finding(subject, "ok", f"{own}, your own by {asset.path_variable}")
        text = f"{asset.path_variable} says {own}, which is not there"
        return Finding(subject, "MISS" if needed else "note", text, f"unset {asset.path_variable}")

    cached = cache_dir() / asset.file_name
    try:
        digest = hashlib.sha256(cached.read_bytes()).hexdigest()
    except FileNotFoundError:
        state = f"not fetched yet to {cached}"
    except OSError as error:
        state = f"{cached} cannot be read ({error.strerror})"
    else:
        kinds = {asset.sha256: "the official file", asset.rebuilt_sha256: "rebuilt from the wheel"}
        if digest in kinds:
            return Finding(subject, "ok", f"{cached}, {kinds[digest]}, checksum {digest[:12]}… right")
        state = f"{cached} is corrupt, its checksum {digest[:12]}… is wrong"
    host = urlsplit(asset.url).hostname
    fetch = FETCH if needed else "it is fetched by the first run that looks for bodies"
    if reachable(asset.url):
        text = f"{state}; the first run fetches it from {host} ({asset.size_bytes / 1e6:.1f} MB)"
        return Finding(subject, "note", text, fetch)
    text = f"{state}, and {host} does not answer; with pip the first run rebuilds it from {asset.wheel}"
    manual = f"or download {asset.url}\nto {cached}"
    return Finding(subject, "MISS" if needed else "note", text, f"{fetch}\n{manual}")
