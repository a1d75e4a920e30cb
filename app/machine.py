"""What a report says about the machine and the software it came from."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "mediapipe",
    "ai-edge-litert",
    "opencv-contrib-python",
    "numpy",
    "numba",
    "pybullet",
    "pyzmq",
    "onnxruntime-gpu",
    "onnxruntime",
)


def describe_machine() -> dict[str, str | int]:
    """Processor, cores, memory, system: enough to compare figures, nothing that names the machine."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def package_versions() -> dict[str, str]:
    """Installed versions of the packages whose behaviour the figures depend on."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def where_measured(machine: Mapping[str, Any], versions: Mapping[str, str]) -> str:
    """The machine and the detectors' versions of a report, as tables of figures tell them."""
    detectors = [f"MediaPipe {versions.get('mediapipe', '?')}"]
    if "ai-edge-litert" in versions:
        detectors.append(f"LiteRT {versions['ai-edge-litert']}")
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}, Python {machine['python']}, {', '.join(detectors)}"
    )


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")  # Linux; platform.processor() is empty there
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> int:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return 0  # Windows does not tell this way
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30)
