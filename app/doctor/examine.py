"""Looks at everything a run needs, side by side, each for a limited time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from app.doctor.calibrations import look_at_calibrations
from app.doctor.cameras import look_at_cameras
from app.doctor.can_bus import look_at_can
from app.doctor.computer import look_at_computer, look_at_python, look_at_space
from app.doctor.detectors import look_at_detectors
from app.doctor.finding import Finding
from app.doctor.gpu import look_at_gpu, look_at_tensorrt
from app.doctor.networks import look_at_networks
from app.doctor.onnx import look_at_onnxruntime
from app.doctor.packages import look_at_extras, look_at_opencv, look_at_packages
from app.doctor.ports import look_at_ports
from app.doctor.realtime import look_at_realtime
from app.doctor.screen import look_at_screen


@dataclass(frozen=True)
class Look:
    """Something to look at.

    Attributes:
        group: heading of its findings.
        subject: what stands there if it finds nothing out.
        find: gives the findings.
        limit_s: it is waited for this long, s; longer than what it waits for itself.
    """

    group: str
    subject: str
    find: Callable[[], Sequence[Finding]]
    limit_s: float = 10.0


def examine(port: int, looks: Sequence[Look] | None = None) -> list[Finding]:
    """Look at everything a run needs; nothing is changed. Never raises, and ends in a limited time.

    Args:
        port: first port of the robot server.
        looks: what to look at; everything if None.
    """
    looks = everything(port) if looks is None else looks
    found: dict[int, list[Finding]] = {}
    threads = [
        threading.Thread(target=_look, args=(look, found, i), daemon=True) for i, look in enumerate(looks)
    ]
    started_s = time.monotonic()
    for thread in threads:
        thread.start()
    findings = []
    for i, (look, thread) in enumerate(zip(looks, threads, strict=True)):
        thread.join(max(0.0, started_s + look.limit_s - time.monotonic()))
        seen = found.get(i)
        if seen is None:
            seen = [Finding(look.subject, "note", f"no answer within {look.limit_s:.0f} s")]
        findings += [replace(finding, group=look.group) for finding in seen]
    return findings


def everything(port: int) -> tuple[Look, ...]:
    """All there is to look at, in the order of the report."""
    return (
        Look("Computer", "machine", look_at_computer),
        Look("Computer", "Python", look_at_python),
        Look("Computer", "disk", look_at_space),
        Look("Packages", "packages", look_at_packages, 150.0),
        Look("Packages", "OpenCV", look_at_opencv),
        Look("Packages", "export", look_at_extras),
        Look("Models", "hand detector model", look_at_detectors, 20.0),
        Look("Models", "PoseBERT", look_at_networks, 100.0),
        Look("Acceleration", "onnxruntime", look_at_onnxruntime, 120.0),
        Look("Acceleration", "GPU", look_at_gpu, 25.0),
        Look("Acceleration", "TensorRT", look_at_tensorrt, 90.0),
        Look("Seeing and showing", "cameras", look_at_cameras, 70.0),
        Look("Seeing and showing", "display", look_at_screen, 70.0),
        Look("Seeing and showing", "calibration", look_at_calibrations),
        Look("Robot", "robot server ports", lambda: look_at_ports(port)),
        Look("Robot", "CAN", look_at_can, 70.0),
        Look("Robot", "real-time priority", look_at_realtime, 40.0),
    )


def _look(look: Look, found: dict[int, list[Finding]], i: int) -> None:
    try:
        found[i] = list(look.find())
    except Exception as error:  # noqa: BLE001 — what breaks one look is told instead of its findings
        reason = " ".join(str(error).split()) or type(error).__name__
        found[i] = [Finding(look.subject, "note", f"cannot be looked at: {reason}")]
