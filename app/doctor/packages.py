"""The Python packages: those a run needs, those that overwrite each other, those for exports."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata

from app.doctor.finding import Finding
from app.doctor.libraries import install_command, missing_libraries
from app.doctor.probe import AskProbe, ask_probe
from app.doctor.probes.imports import ABSENT
from app.machine import package_versions

INSTALL = "pip install -r requirements.txt"
INSTALL_EXPORT = "pip install -r requirements-export.txt"
_IMPORT_LIMIT_S = 140.0  # the first import after an installation compiles and reads hundreds of megabytes
MODULES = (
    "numpy",
    "cv2",
    "mediapipe",
    "ai_edge_litert.interpreter",
    "onnxruntime",
    "numba",
    "pybullet",
    "PySide6",
    "pyqtgraph",
    "yourdfpy",
    "zmq",
    "msgpack",
    "can",
    "yaml",
    "tyro",
    "platformdirs",
    "tqdm",
    "psutil",
)
_OPENCV_PACKAGES = (
    "opencv-contrib-python",
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python-headless",
)
_EXTRAS = (("pyarrow", "export lerobot"), ("rerun-sdk", "export rerun"))

Version = Callable[[str], str | None]


def installed_version(package: str) -> str | None:
    """The version of an installed package, None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def look_at_packages(modules: tuple[str, ...] = MODULES, ask: AskProbe = ask_probe) -> list[Finding]:
    """Whether everything a run imports can be imported, and if not, whether a system library is to blame."""
    answer = ask("imports", _IMPORT_LIMIT_S, *modules)
    outcome: dict[str, str] = {}
    for fact in answer.facts:
        started = "the import crashes" if answer.status is not None else answer.why()
        outcome[fact["module"]] = fact["error"] if fact["done"] else started
    if not outcome:
        return [Finding("packages", "note", f"cannot be looked at: {answer.why()}")]
    broken = {name: error for name, error in outcome.items() if error}
    if not broken:
        unseen = [name for name in modules if name not in outcome]
        if unseen:
            return [Finding("packages", "note", f"not looked at: {', '.join(unseen)} ({answer.why()})")]
        versions = ", ".join(f"{name} {version}" for name, version in package_versions().items())
        return [Finding("packages", "ok", versions)]
    absent = [name for name, error in broken.items() if error == ABSENT]
    parts = [f"not installed: {', '.join(absent)}"] if absent else []
    failing = [f"{name} ({error})" for name, error in broken.items() if error != ABSENT]
    parts += [f"cannot be imported: {'; '.join(failing)}"] if failing else []
    text = "; ".join(parts)
    libraries = missing_libraries(text)
    return [Finding("packages", "MISS", text, install_command(libraries) if libraries else INSTALL)]


def look_at_opencv(version: Version = installed_version) -> list[Finding]:
    """Whether exactly one of OpenCV's packages is installed: they overwrite each other's files."""
    found = [package for package in _OPENCV_PACKAGES if version(package)]
    if not found:
        return [Finding("OpenCV", "MISS", "not installed", INSTALL)]
    listed = ", ".join(f"{package} {version(package)}" for package in found)
    fix = f"pip uninstall -y {' '.join(found)} && {INSTALL}"
    if len(found) > 1:
        text = f"{listed} overwrite each other's files"
        return [Finding("OpenCV", "note", text, fix)]
    if found[0] != _OPENCV_PACKAGES[0]:
        text = f"{listed}; mediapipe asks for {_OPENCV_PACKAGES[0]}"
        return [Finding("OpenCV", "note", text, fix)]
    return [Finding("OpenCV", "ok", f"{listed}, alone")]


def look_at_extras(version: Version = installed_version) -> list[Finding]:
    """What only exports need."""
    findings = []
    for package, purpose in _EXTRAS:
        found = version(package)
        if found:
            findings.append(Finding(purpose, "ok", f"{package} {found}"))
        else:
            text = f"{package} is not installed; only this export needs it"
            findings.append(Finding(purpose, "note", text, INSTALL_EXPORT))
    return findings
