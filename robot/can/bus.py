"""The CAN bus as the driver sees it: frames out, whatever came in, and nothing that waits.

Any python-can interface: socketcan, pcan, kvaser, slcan, … for a real hand; udp_multicast between processes
without hardware; virtual within one process.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from typing import Any, Protocol

import can

from robot.can.frames import MAX_BYTES, MAX_ID, Frame
from robot.errors import RobotError

log = logging.getLogger(__name__)
# Of a bus that could not be opened python-can warns that it was not closed, too.
logging.getLogger("can.bus").setLevel(logging.ERROR)

DEFAULT_CHANNELS = {
    "socketcan": "can0",
    "pcan": "PCAN_USBBUS1",
    "udp_multicast": "239.74.163.2",
    "virtual": "allegro",
}
# One process at a time opens these: a guardian has no connection of its own there.
EXCLUSIVE_INTERFACES = ("pcan", "virtual", "slcan", "kvaser", "ixxat", "vector", "serial", "robotell")
_OPEN_ERRORS = (can.CanError, can.CanInterfaceNotImplementedError, OSError, ValueError, ImportError)
_MAX_DRAIN = 256  # frames taken at once: a babbling bus may not keep the control loop from its work


@dataclass(frozen=True)
class BusSettings:
    """Which bus.

    Attributes:
        interface: name of a python-can interface.
        channel: what the interface calls its bus; empty takes the usual one of the interface. udp_multicast:
            GROUP or GROUP:PORT.
        bitrate: bit/s.
    """

    interface: str = "socketcan"
    channel: str = ""
    bitrate: int = 1_000_000

    @property
    def exclusive(self) -> bool:
        """Whether only one process can be on this bus through this interface."""
        return self.interface in EXCLUSIVE_INTERFACES

    def __str__(self) -> str:
        return f"{self.interface}:{self.resolved_channel}"

    @property
    def resolved_channel(self) -> str:
        """The channel, or the usual one of the interface."""
        return self.channel or DEFAULT_CHANNELS.get(self.interface, "")


class Port(Protocol):
    """Where frames go to and come from; times are explicit for ports that emulate a hand.

    Attributes:
        foreign: things on the bus that are no classic 11-bit frame, counted by kind.
    """

    foreign: Counter[str]

    def send(self, frame: Frame, t_ns: int) -> None:
        """Put a frame on the bus.

        Raises:
            RobotError: it was not taken.
        """
        ...

    def receive(self, t_ns: int) -> list[Frame]:
        """What came since the last call, at most a few hundred frames, without waiting.

        Raises:
            RobotError: the bus is gone.
        """
        ...

    def fileno(self) -> int | None:
        """Descriptor that becomes readable when frames came, if the interface has one."""
        ...

    def close(self) -> None: ...


class CanPort:
    """A connection to a CAN bus.

    Args:
        settings: which bus.
        listen: False for who only sends: what comes in is passed over.

    Raises:
        RobotError: the interface or channel cannot be opened.
    """

    def __init__(self, settings: BusSettings, listen: bool = True) -> None:
        self.settings = settings
        self.foreign: Counter[str] = Counter()
        self._echoes = settings.interface == "udp_multicast"  # whether it hands back what was sent through it
        self._sent: Counter[Frame] = Counter()
        options: dict[str, Any] = {}
        channel = settings.resolved_channel
        if settings.interface == "udp_multicast":
            options["hop_limit"] = 0  # an emulated hand listens on this machine, and nobody else shall
            # A socket hears all groups that any process of the machine joined on its port: the port tells
            # two emulated buses apart, the group alone does not.
            channel, _, port = channel.partition(":")
            if port:
                options["port"] = _port(port)
        if not listen:  # identifiers end at 0x7FF, which no hand uses
            options["can_filters"] = [{"can_id": MAX_ID, "can_mask": MAX_ID, "extended": False}]
        try:
            self._bus: can.BusABC = can.Bus(
                interface=settings.interface,
                channel=channel,
                bitrate=settings.bitrate,
                **options,
            )
        except _OPEN_ERRORS as error:
            raise RobotError(
                f"The CAN bus {settings} cannot be opened ({_reason(error)}); check --interface and "
                "--channel and that the adapter is up (Linux: ip link set can0 up type can bitrate 1000000)."
            ) from error

    def send(self, frame: Frame, t_ns: int = 0) -> None:
        """See `Port.send`."""
        message = can.Message(
            arbitration_id=frame.id,
            data=frame.data,
            is_extended_id=False,
            is_remote_frame=frame.remote,
        )
        try:
            self._bus.send(message, timeout=0)
        except (can.CanError, OSError) as error:
            raise RobotError(
                f"The CAN bus {self.settings} did not take the frame {frame} ({_reason(error)}); "
                "check the cable, the power of the hand and the bit rate."
            ) from error
        if self._echoes:
            if len(self._sent) > _MAX_DRAIN:
                self._sent.clear()  # echoes that never came
            self._sent[frame] += 1

    def receive(self, t_ns: int = 0) -> list[Frame]:
        """See `Port.receive`."""
        frames: list[Frame] = []
        for _ in range(_MAX_DRAIN):
            message = self._next(0.0)
            if message is None:
                break
            frame = self._frame(message)
            if frame is not None:
                frames.append(frame)
        return frames

    def wait(self, timeout_s: float) -> Frame | None:
        """The next frame, or None after `timeout_s`; for processes that do nothing else meanwhile."""
        message = self._next(max(0.0, timeout_s))
        return None if message is None else self._frame(message)

    def _next(self, timeout_s: float) -> can.Message | None:
        try:
            return self._bus.recv(timeout=timeout_s)
        except (can.CanError, OSError, ValueError, KeyError, TypeError) as error:
            # On udp_multicast: a datagram that is no CAN frame at all. python-can says of it what it says of
            # a socket that failed.
            if not isinstance(error, OSError) and self._echoes and not isinstance(error.__cause__, OSError):
                self.foreign["garbage"] += 1
                return None
            raise RobotError(
                f"The CAN bus {self.settings} is gone ({_reason(error)}); check the adapter and its cable."
            ) from error

    def _frame(self, message: can.Message) -> Frame | None:
        try:
            return self._checked(message)
        except (ValueError, TypeError):  # what is no number, as a stranger's datagram may hold
            self.foreign["garbage"] += 1
            return None

    def _checked(self, message: can.Message) -> Frame | None:
        if message.is_error_frame:
            self.foreign["error"] += 1
        elif message.is_extended_id or message.is_fd or message.arbitration_id > MAX_ID:
            self.foreign["extended"] += 1
        elif len(message.data) > MAX_BYTES:
            self.foreign["long"] += 1
        else:
            data = b"" if message.is_remote_frame else bytes(message.data)
            return self._not_an_echo(Frame(message.arbitration_id, data, message.is_remote_frame))
        return None

    def _not_an_echo(self, frame: Frame) -> Frame | None:
        """None for a frame that this port sent itself."""
        if frame not in self._sent:
            return frame
        self._sent[frame] -= 1
        if not self._sent[frame]:
            del self._sent[frame]
        return None

    def fileno(self) -> int | None:
        """See `Port.fileno`."""
        try:
            number = self._bus.fileno()
        except (NotImplementedError, can.CanError, OSError):
            return None
        return number if number >= 0 else None

    def close(self) -> None:
        """Leave the bus; calling it twice does no harm."""
        self._bus.shutdown()


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise RobotError(f'The channel ends with the port "{text[:20]}"; it must be GROUP or GROUP:1–65535.')
    return int(text)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
