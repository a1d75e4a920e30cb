"""`doctor`: what this machine has and lacks, and the command that mends it."""

from __future__ import annotations

import importlib
import socket
from collections.abc import Callable
from dataclasses import dataclass

from app.assets import resolve_hand_landmarker
from app.display import has_display
from app.errors import AppError
from app.machine import describe_machine, package_versions
from app.sources.webcam import list_cameras
from models.errors import ModelError
from models.temporal import load_temporal

MODULES = (
    "cv2",
    "mediapipe",
    "numba",
    "numpy",
    "onnxruntime",
    "pybullet",
    "PySide6",
    "pyqtgraph",
    "yourdfpy",
    "zmq",
)


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report.

    Attributes:
        subject: what was looked at.
        good: whether the product runs with it as it is.
        text: what was found, and for a bad one what to do.
        needed: False where the product has another way.
    """

    subject: str
    good: bool
    text: str
    needed: bool = True


def examine(port: int) -> list[Finding]:
    """Look at everything a run needs; nothing is changed but the model cache."""
    looks: tuple[Callable[[], Finding], ...] = (
        _machine,
        _modules,
        _onnxruntime,
        _hand_landmarker,
        _network,
        _cameras,
        _display,
        lambda: _ports(port),
    )
    return [look() for look in looks]


def report(findings: list[Finding]) -> int:
    """Print the findings; 0 if nothing needed is missing, else 1."""
    for finding in findings:
        mark = "ok  " if finding.good else ("MISS" if finding.needed else "note")
        print(f"[{mark}] {finding.subject}: {finding.text}")
    missing = [finding for finding in findings if finding.needed and not finding.good]
    return 1 if missing else 0


def _machine() -> Finding:
    machine = describe_machine()
    text = "{processor}, {cores} cores, {memory_gib} GiB, {system}, Python {python}".format(**machine)
    return Finding("machine", True, text)


def _modules() -> Finding:
    missing = []
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            missing.append(f"{name} ({error})")
    if missing:
        return Finding("packages", False, f"missing {', '.join(missing)}: pip install -r requirements.txt")
    versions = ", ".join(f"{name} {version}" for name, version in package_versions().items())
    return Finding("packages", True, versions)


def _onnxruntime() -> Finding:
    try:
        import onnxruntime
    except ImportError:
        return Finding("onnxruntime", False, "not installed: pip install -r requirements.txt")
    providers = onnxruntime.get_available_providers()
    if "CPUExecutionProvider" not in providers:
        fix = "pip uninstall onnxruntime onnxruntime-gpu, then pip install -r requirements.txt"
        return Finding("onnxruntime", False, f"two of its packages overwrote each other: {fix}")
    return Finding("onnxruntime", True, f"providers built in: {', '.join(providers)}")


def _hand_landmarker() -> Finding:
    try:
        return Finding("hand detector model", True, str(resolve_hand_landmarker(None)))
    except AppError as error:
        return Finding("hand detector model", False, str(error))


def _network() -> Finding:
    try:
        load_temporal("posebert")
    except ModelError as error:
        return Finding("PoseBERT", False, f"{error}, or run with --temporal one-euro")
    return Finding("PoseBERT", True, "the network that ships runs")


def _cameras() -> Finding:
    cameras = list_cameras()
    if not cameras:
        text = "none found; plug one in, or use --source synthetic, a video or a stream"
        return Finding("cameras", False, text, needed=False)
    return Finding("cameras", True, ", ".join(f"webcam:{index}" for index in cameras))


def _display() -> Finding:
    if has_display():
        return Finding("display", True, "there is one")
    return Finding("display", False, "none; runs are headless and leave a video instead", needed=False)


def _ports(port: int) -> Finding:
    ports = range(port, port + 3)
    busy = [number for number in ports if not _is_free(number)]
    if busy:
        text = f"port {', '.join(map(str, busy))} in use; start the robot server with another --port"
        return Finding("robot server ports", False, text, needed=False)
    return Finding("robot server ports", True, f"{ports[0]}–{ports[-1]} on 127.0.0.1 are free")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
