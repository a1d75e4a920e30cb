"""CAN frames of the Allegro hands: one protocol object per hardware generation, and the bus they use."""

from robot.can.frames import Frame
from robot.can.messages import Message, Rejected
from robot.can.protocol import HandProtocol, TimedFrame
from robot.can.protocol_v2 import ProtocolV2, ZeroTable, load_zero_table
from robot.can.protocol_v4 import ProtocolV4
from robot.can.protocol_v5 import ProtocolV5

__all__ = [
    "Frame",
    "HandProtocol",
    "Message",
    "ProtocolV2",
    "ProtocolV4",
    "ProtocolV5",
    "Rejected",
    "TimedFrame",
    "ZeroTable",
    "load_zero_table",
]
