"""The cameras: their names and modes, who may use them and who does."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from app.doctor.finding import Finding
from app.doctor.probe import AskProbe, ask_probe
from app.doctor.sysfs import read_line
from app.doctor.v4l2 import Device, Mode, ask_device

CLASS, DEV, PROC = Path("/sys/class/video4linux"), Path("/dev"), Path("/proc")
_PROBE_LIMIT_S = 60.0  # cameras on Windows take seconds each to start
WANTED_PX, WANTED_HZ = (640, 480), 30.0  # what a run asks for


def look_at_cameras(
    platform: str = sys.platform,
    find_linux: Callable[[], list[Finding]] | None = None,
    ask: AskProbe = ask_probe,
) -> list[Finding]:
    """The cameras that webcam[:N] can name.

    Args:
        platform: as sys.platform.
        find_linux: gives the findings on Linux; the system is asked if None.
        ask: runs a probe; elsewhere OpenCV opens each camera in it.
    """
    if platform == "linux":
        found = (find_linux or linux_cameras)()
    else:
        found = _opencv_cameras(ask, platform)
    if found:
        return found
    text = "none found; plug one in, or use --source synthetic, a video or a stream"
    return [Finding("cameras", "note", text)]


def linux_cameras(
    folder: Path = CLASS,
    dev: Path = DEV,
    proc: Path = PROC,
    ask_device: Callable[[Path], Device] = ask_device,
) -> list[Finding]:
    """Each camera that Linux lists, opened or not.

    Args:
        folder: the system's folder of video devices.
        dev: folder of device files.
        proc: folder of processes.
        ask_device: asks a device file.
    """
    listed = {device.name: read_line(device / "name") for device in folder.glob("video*")}
    for file in dev.glob("video*"):  # inside a container the class folder may be empty
        listed.setdefault(file.name, "")
    indices = sorted(
        int(name.removeprefix("video")) for name in listed if name.removeprefix("video").isdigit()
    )
    findings = []
    for index in indices:
        device_name = f"video{index}"
        if read_line(folder / device_name / "index") not in ("", "0"):
            continue  # a camera's second device gives metadata, not images
        finding = _linux_camera(index, listed[device_name], dev / device_name, proc, ask_device)
        if finding is not None:
            findings.append(finding)
    return findings


def _linux_camera(
    index: int, name: str, file: Path, proc: Path, ask_device: Callable[[Path], Device]
) -> Finding | None:
    subject = f"webcam:{index}"
    shown = f"{name or 'camera'} at {file}"
    if not file.exists():
        text = f"{shown} has no device file; in a container, pass the device on"
        return Finding(subject, "note", text, f"docker run --device {file} …")
    try:
        device = ask_device(file)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM):
            return Finding(subject, "MISS", f"{shown} may not be used by this user", _permission_fix(file))
        users = _users(file, proc)
        if error.errno == errno.EBUSY:
            return Finding(
                subject, "note", f"{shown} is in use{_by(users)}", f"close it, or: fuser -v {file}"
            )
        if error.errno == errno.ENOTTY:
            return None  # a video device, but not of this kind
        return Finding(subject, "note", f"{shown} does not answer: {error.strerror}", "plug it in again")
    if not device.captures:
        return None
    shown = f"{device.card or name} at {file} ({device.driver})"
    details = tuple(mode_lines(device.modes))
    users = _users(file, proc)
    if device.busy:
        text = f"{shown} is in use{_by(users)}"
        return Finding(subject, "note", text, f"close that program, or: fuser -v {file}", details)
    if users:
        shown += f", also opened{_by(users)}"
    rates_hz = [mode.rate_hz for mode in device.modes if (mode.width_px, mode.height_px) == WANTED_PX]
    if rates_hz and 0.0 < max(rates_hz) < WANTED_HZ - 1.0:
        text = f"{shown} gives {WANTED_PX[0]}×{WANTED_PX[1]} at only {max(rates_hz):g} Hz, which adds delay"
        return Finding(subject, "note", text, "use a camera with 30 Hz or more", details)
    return Finding(subject, "ok", shown, details=details)


def mode_lines(modes: Sequence[Mode]) -> list[str]:
    """One line per pixel format: sizes, each with its highest rate, small ones first."""
    lines = []
    for pixel_format in dict.fromkeys(mode.pixel_format for mode in modes):
        best: dict[tuple[int, int], float] = {}
        for mode in modes:
            if mode.pixel_format == pixel_format:
                size = (mode.width_px, mode.height_px)
                best[size] = max(best.get(size, 0.0), mode.rate_hz)
        sizes = ", ".join(
            f"{width}×{height}" + (f"@{best[width, height]:g}" if best[width, height] else "")
            for width, height in sorted(best)
        )
        lines.append(f"{pixel_format}: {sizes}")
    return lines


def _permission_fix(file: Path) -> str:
    """The command that lets this user at the device: its group, joined, or joined but not logged in again."""
    import grp  # exists where such devices do
    import pwd

    try:
        group = grp.getgrgid(file.stat().st_gid)
        user = pwd.getpwuid(os.getuid()).pw_name
    except (OSError, KeyError):
        return "sudo usermod -aG video $USER   (then log in again)"
    if group.gr_gid not in os.getgroups() and user in group.gr_mem:
        return f"log out and in again: {user} is in the group {group.gr_name}, but not since this login"
    return f"sudo usermod -aG {group.gr_name} $USER   (then log in again)"


def _users(file: Path, proc: Path) -> list[str]:
    """The processes that have a device open, of those this user may look at."""
    target = os.path.realpath(file)
    found = []
    for process in proc.glob("[0-9]*"):
        try:
            links = [os.readlink(link) for link in (process / "fd").iterdir()]
        except OSError:
            continue  # ended meanwhile, or somebody else's
        if target in links and process.name != str(os.getpid()):
            found.append(f"{read_line(process / 'comm') or 'a program'} (process {process.name})")
    return sorted(found)


def _by(users: Sequence[str]) -> str:
    return f" by {', '.join(users)}" if users else " by another program"


def _opencv_cameras(ask: AskProbe, platform: str) -> list[Finding]:
    """What OpenCV tells of each camera: only the mode that a run would get."""
    answer = ask("opencv_cameras", _PROBE_LIMIT_S)
    findings = []
    for fact in answer.facts:
        subject, (width, height) = f"webcam:{fact['index']}", fact["size_px"]
        if fact["given"]:
            rate_hz = fact["rate_hz"]
            rate = f" at {rate_hz:g} Hz" if rate_hz > 0.0 else ""
            findings.append(Finding(subject, "ok", f"{width}×{height}{rate} ({fact['backend']})"))
        else:
            text = "opens, but gives no image; another program may use it"
            findings.append(Finding(subject, "note", text, "close other programs that use the camera"))
    if not findings and answer.status != 0:
        findings.append(Finding("cameras", "note", f"cannot be looked at: {answer.why()}"))
    if not findings and platform == "darwin":
        text = "none found; macOS may not let this terminal use it"
        fix = "allow it in System Settings, Privacy & Security, Camera, or use --source synthetic"
        findings.append(Finding("cameras", "note", text, fix))
    return findings
