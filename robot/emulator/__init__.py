"""An emulated Allegro hand: speaks the protocols, moves its joints, and breaks in the ways real ones do."""

from robot.emulator.faults import Faults, parse_faults
from robot.emulator.hand import EmulatedHand, example_serial
from robot.emulator.port import EmulatedPort

__all__ = ["EmulatedHand", "EmulatedPort", "Faults", "example_serial", "parse_faults"]
