"""One classic CAN frame as plain data, and the text form in which candump records it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from robot.errors import RobotError

MAX_ID = 0x7FF  # standard, 11 bit; the hands use no other
MAX_BYTES = 8

_LINE = re.compile(
    r"^(?P<id>[0-9A-Fa-f]{3})\s+(?:(?P<remote>R)|\[(?P<count>[0-8])\](?P<data>(?:\s+[0-9A-Fa-f]{2})*))$"
)


@dataclass(frozen=True)
class Frame:
    """A frame with an 11-bit identifier.

    Attributes:
        id: 0–0x7FF.
        data: up to 8 bytes; empty for a remote frame.
        remote: a request (RTR) for the data frame of the same identifier.

    Raises:
        RobotError: the identifier or the length is not one of classic CAN.
    """

    id: int
    data: bytes = b""
    remote: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.id <= MAX_ID or len(self.data) > MAX_BYTES or (self.remote and self.data):
            raise RobotError(
                f"A CAN frame has identifier {self.id:#x}, {len(self.data)} bytes and remote={self.remote}; "
                f"identifiers end at {MAX_ID:#x}, data at {MAX_BYTES} bytes, and remote frames carry none."
            )

    def __str__(self) -> str:
        """The frame as candump prints it."""
        if self.remote:
            return f"{self.id:03X} R"
        return " ".join([f"{self.id:03X} [{len(self.data)}]", *(f"{byte:02X}" for byte in self.data)])


def parse_candump(text: str) -> list[Frame]:
    """Frames of a recording, a line each: `ID R` or `ID [n] xx xx …`; empty lines and comments are passed.

    Raises:
        RobotError: a line is neither; the message carries its number.
    """
    frames = []
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.match(line)
        data = bytes.fromhex(match["data"] or "") if match else b""
        if match is None or (match["count"] is not None and int(match["count"]) != len(data)):
            raise RobotError(
                f"Line {number} of the CAN recording is {line[:60]!r}; "
                "a line is an identifier and R, or an identifier, [count] and that many bytes, in hex."
            )
        frames.append(Frame(int(match["id"], 16), data, remote=match["remote"] is not None))
    return frames
