"""The graphics card, its driver, and TensorRT."""

from __future__ import annotations

import sys
from pathlib import Path

from app.doctor.finding import Finding
from app.doctor.packages import Version, installed_version
from app.doctor.probe import AskProbe, RunCommand, ask_probe, run_command
from app.doctor.sysfs import read_line

_SMI_LIMIT_S = 20.0
_IMPORT_LIMIT_S = 60.0
_QUERY = (
    "nvidia-smi",
    "--query-gpu=name,driver_version,memory.total,memory.free,compute_cap",
    "--format=csv,noheader,nounits",
)
_NVIDIA, _DISPLAY_CLASS = "0x10de", "0x03"
PCI = Path("/sys/bus/pci/devices")


def gpu_lines(run: RunCommand = run_command) -> tuple[list[str], str]:
    """What nvidia-smi says of each GPU, and why it says nothing."""
    answer = run(_QUERY, _SMI_LIMIT_S)
    lines = [line.strip() for line in answer.output.splitlines() if line.count(",") >= 4]
    if answer.status == 0 and lines:
        return lines, ""
    return [], _first_line(answer.output) or answer.why()


def look_at_gpu(run: RunCommand = run_command, pci: Path = PCI) -> list[Finding]:
    """NVIDIA's GPUs; without one everything runs on the CPU.

    Args:
        run: runs a command.
        pci: the system's folder of PCI devices.
    """
    lines, why = gpu_lines(run)
    findings = []
    for line in lines:
        name, driver, total, free, capability = (part.strip() for part in line.rsplit(",", 4))
        text = f"{name}, driver {driver}, compute capability {capability}, {_mib(total)}, {_mib(free)} free"
        findings.append(Finding("GPU", "ok", text))
    if findings:
        return findings
    if _card_is_there(pci):
        fix = "sudo ubuntu-drivers install && sudo reboot"
        if sys.platform == "win32":
            fix = "install NVIDIA's driver from nvidia.com/drivers"
        return [
            Finding("GPU", "note", f"there is an NVIDIA card, but its driver does not answer: {why}", fix)
        ]
    return [Finding("GPU", "note", "no NVIDIA GPU was found; everything runs on the CPU")]


def look_at_tensorrt(
    run: RunCommand = run_command, ask: AskProbe = ask_probe, version: Version = installed_version
) -> list[Finding]:
    """TensorRT's Python package, which only a machine with a GPU has a use for."""
    packages = ("tensorrt", "tensorrt-cu12", "tensorrt-cu13")
    found = next((f"{name} {version(name)}" for name in packages if version(name)), None)
    if found is None:
        if not gpu_lines(run)[0]:
            return [Finding("TensorRT", "note", "not installed, and of no use without a GPU")]
        return [Finding("TensorRT", "note", "not installed; CUDA does without", "pip install tensorrt")]
    answer = ask("imports", _IMPORT_LIMIT_S, "tensorrt")
    fact = answer.fact
    if fact.get("done") and not fact["error"]:
        return [Finding("TensorRT", "ok", found)]
    text = f"{found} cannot be imported: {fact.get('error') or answer.why()}"
    return [Finding("TensorRT", "note", text, "pip install --force-reinstall tensorrt")]


def _card_is_there(pci: Path) -> bool:
    """Whether a graphics card by NVIDIA is plugged in, driver or not; known on Linux only."""
    return any(
        read_line(device / "vendor") == _NVIDIA and read_line(device / "class").startswith(_DISPLAY_CLASS)
        for device in pci.glob("*")
    )


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0].strip()


def _mib(text: str) -> str:
    return f"{int(text) / 1024:.1f} GiB" if text.isdigit() else text
