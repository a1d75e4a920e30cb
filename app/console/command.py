"""What the operator asks for in the window, as a small message to the pipeline."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Literal, get_args

CommandName = Literal[
    "arm",
    "disarm",
    "home",
    "stop",
    "reset",
    "quit",
    "record",
    "calibrate",
    "clutch",
    "horizon",
    "horizon_auto",
]
COMMANDS: tuple[CommandName, ...] = get_args(CommandName)
ROBOT_COMMANDS: tuple[CommandName, ...] = ("arm", "disarm", "home", "stop", "reset")


@dataclass(frozen=True)
class Command:
    """One wish of the operator.

    Attributes:
        name: "arm", "disarm", "home", "stop" and "reset" are the robot's; "record" and "calibrate" begin or
            end; "clutch" lets the wrist lead an arm, or rest; "horizon" moves the horizon by `value` ms and
            "horizon_auto" gives it back to auto; "quit" ends the run.
        value: what goes with the name; 0 where nothing does.
    """

    name: CommandName
    value: float = 0.0

    def __post_init__(self) -> None:
        if self.name not in COMMANDS:
            raise ValueError(f"the command is {self.name!r}; use one of {', '.join(COMMANDS)}")
        if not math.isfinite(self.value):
            raise ValueError(f"the value of {self.name} is {self.value}; give a finite number")

    def encode(self) -> bytes:
        """As one message."""
        return json.dumps([self.name, self.value]).encode()

    @staticmethod
    def decode(message: bytes) -> Command:
        """The command in a message of `encode`.

        Raises:
            ValueError: the message is none.
        """
        content = json.loads(message)
        if not (isinstance(content, list) and len(content) == 2 and isinstance(content[1], (int, float))):
            raise ValueError(f"{content!r} is no command; a command is its name and a number")
        return Command(content[0], float(content[1]))
