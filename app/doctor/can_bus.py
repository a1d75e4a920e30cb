"""CAN: the system's interfaces, adapters without a driver, and what python-can can reach."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from app.doctor.finding import Finding
from app.doctor.packages import INSTALL
from app.doctor.probe import AskProbe, RunCommand, ask_probe, run_command
from app.doctor.sysfs import read_line

BITRATE = 1_000_000  # every Allegro hand's
NET, USB = Path("/sys/class/net"), Path("/sys/bus/usb/devices")
_CAN_TYPE = "280"  # ARPHRD_CAN of linux/if_arp.h
_UP_FLAG = 0x1  # IFF_UP of linux/if.h
_QUEUE = 100  # frames; a shorter queue refuses torques when the bus is busy for a moment
_IP_LIMIT_S, _PROBE_LIMIT_S = 5.0, 40.0
_BACKENDS = ("pcan", "kvaser", "ixxat", "vector")  # adapters through their makers' drivers
# Adapters by their USB numbers, and the kernel's driver that makes an interface of them.
_ADAPTERS = {
    ("0c72", ""): ("PEAK PCAN-USB", "peak_usb"),
    ("0bfd", ""): ("Kvaser", "kvaser_usb"),
    ("1d50", "606f"): ("candleLight", "gs_usb"),
}


@dataclass(frozen=True)
class Bus:
    """A CAN interface of the system.

    Attributes:
        name: such as can0.
        up: whether it is switched on.
        virtual: whether it is one of vcan, without bit rate and hardware.
        bitrate: bit/s; None where it is not set or not known.
        state: of the controller, such as ERROR-ACTIVE; empty where not known.
        queue: frames that may wait.
    """

    name: str
    up: bool
    virtual: bool
    bitrate: int | None
    state: str
    queue: int


def look_at_can(
    net: Path = NET,
    usb: Path = USB,
    run: RunCommand = run_command,
    ask: AskProbe = ask_probe,
    platform: str = sys.platform,
) -> list[Finding]:
    """The CAN interfaces and adapters; only a real hand needs one.

    Args:
        net: the system's folder of network interfaces.
        usb: the system's folder of USB devices.
        run: runs a command.
        ask: runs a probe.
        platform: as sys.platform.
    """
    findings = [_bus_finding(bus) for bus in find_buses(net, run)]
    adapters = (
        [_adapter_finding(name, driver) for name, driver in _find_adapters(usb)] if not findings else []
    )
    answer = ask("can_backends", _PROBE_LIMIT_S, *_BACKENDS)
    version = next((fact["version"] for fact in answer.facts if "version" in fact), None)
    if version is None:
        text = f"python-can cannot be used: {answer.why()}"
        return [*findings, *adapters, Finding("python-can", "MISS", text, INSTALL)]
    found = [f"{fact['interface']}:{fact['channel']}" for fact in answer.facts if "interface" in fact]
    if not findings and not adapters and not found:
        text = "no CAN bus was found; only a real hand needs one, --dry-run and the emulated hand do without"
        linux = f"plug in the adapter, then: {_bring_up('can0')}"
        other = "plug in the adapter and install its maker's driver"
        findings.append(Finding("CAN", "note", text, linux if platform == "linux" else other))
    by_maker = f"; through makers' drivers: {', '.join(found)}" if found else ""
    return [*findings, *adapters, Finding("python-can", "ok", f"{version}{by_maker}")]


def find_buses(net: Path, run: RunCommand) -> list[Bus]:
    """The CAN interfaces that the system has, up or not."""
    buses = []
    for device in sorted(net.glob("*")):
        if read_line(device / "type") != _CAN_TYPE:
            continue
        kind, data = _details(device.name, run)
        flags = read_line(device / "flags")
        queue = read_line(device / "tx_queue_len")
        buses.append(
            Bus(
                device.name,
                bool(int(flags, 16) & _UP_FLAG) if flags else read_line(device / "operstate") == "up",
                kind == "vcan" or (not kind and not (device / "device").exists()),
                data.get("bittiming", {}).get("bitrate"),
                str(data.get("state", "")),
                int(queue) if queue.isdigit() else 0,
            )
        )
    return buses


def _bus_finding(bus: Bus) -> Finding:
    subject = f"CAN {bus.name}"
    if bus.virtual:
        if bus.up:
            return Finding(subject, "ok", "virtual, up: for the emulated hand")
        return Finding(subject, "note", "virtual, down", f"sudo ip link set {bus.name} up")
    if not bus.up:
        return Finding(subject, "note", "down", _bring_up(bus.name))
    rate = "bit rate not known" if bus.bitrate is None else f"{bus.bitrate / 1e3:g} kbit/s"
    text = ", ".join(part for part in ("up", rate, bus.state) if part)
    again = f"sudo ip link set {bus.name} down && {_bring_up(bus.name)}"
    if bus.bitrate not in (None, BITRATE):
        return Finding(subject, "note", f"{text}; the hands speak {BITRATE // 1000} kbit/s", again)
    if bus.state in ("BUS-OFF", "ERROR-PASSIVE", "STOPPED"):
        text += ": check the hand's power, the cable, and 120 Ω at both ends"
        return Finding(subject, "note", text, again)
    if 0 < bus.queue < _QUEUE:
        fix = f"sudo ip link set {bus.name} txqueuelen {_QUEUE}"
        return Finding(subject, "note", f"{text}, room for only {bus.queue} waiting frames", fix)
    return Finding(subject, "ok", text)


def _bring_up(name: str) -> str:
    return f"sudo ip link set {name} up txqueuelen {_QUEUE} type can bitrate {BITRATE}"


def _details(name: str, run: RunCommand) -> tuple[str, dict]:
    """Kind of an interface, and what its driver tells, both empty where `ip` does not know."""
    answer = run(("ip", "-details", "-json", "link", "show", name), _IP_LIMIT_S)
    try:
        about = json.loads(answer.output)[0]["linkinfo"]
        return str(about.get("info_kind", "")), dict(about.get("info_data", {}))
    except (ValueError, LookupError, TypeError, AttributeError):
        return "", {}


def _find_adapters(usb: Path) -> list[tuple[str, str]]:
    """Adapters that are plugged in, with the kernel's driver for them."""
    found = []
    for device in sorted(usb.glob("*")):
        vendor, product = read_line(device / "idVendor"), read_line(device / "idProduct")
        known = _ADAPTERS.get((vendor, product)) or _ADAPTERS.get((vendor, ""))
        if known:
            found.append(known)
    return found


def _adapter_finding(name: str, driver: str) -> Finding:
    fix = f"sudo modprobe {driver} && {_bring_up('can0')}"
    return Finding("CAN adapter", "note", f"{name} is plugged in, but there is no interface for it", fix)
