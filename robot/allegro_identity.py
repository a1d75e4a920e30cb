"""Whether the hand that answered is the one that was asked for."""

from __future__ import annotations

from robot.can.messages import HandInfo
from robot.can.protocol import HandProtocol
from robot.can.protocol_v5 import ProtocolV5, serial_hand, serial_type
from robot.hands import HandSpec


def refusal(spec: HandSpec, protocol: HandProtocol, info: HandInfo, serial: str) -> str:
    """Empty for the right hand, otherwise one sentence.

    Args:
        spec, protocol: the hand that shall be there.
        info: what it said about itself.
        serial: its serial number, which tells side and type of a v5 hand; empty where it has none.
    """
    found = info.hand
    if isinstance(protocol, ProtocolV5):
        found = serial_hand(serial) or found
        kind = serial_type(serial)
        if kind != protocol.hand_type:
            return (
                f'The serial number "{serial}" is that of a v5 hand of type {kind or "unknown"}, not '
                f"{protocol.hand_type}; start with --version v5a or v5b, as the hand is."
            )
    if found != spec.hand:
        return (
            f"The hand on the bus is a {found} hand, not a {spec.hand} one; "
            f"start with --hand {found} or connect the other hand."
        )
    return ""
