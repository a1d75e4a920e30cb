"""The stop, or disarm, that a robot server has not answered yet.

Failure prevented: what was asked for before it reaches a server that comes back, and the stop asked for after
it does not, because its own connection never came about.
"""

from __future__ import annotations

import threading

LETTING_GO = ("stop", "disarm")  # commands that are asked for until they are answered


class Owed:
    """One for all requesters of a link: whoever asks next asks for this first.

    Attributes:
        turn: held while it is asked for, so that it is not asked for twice at once.
        command: the command; empty when everything was answered.
    """

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.command = ""

    def remember(self, command: str) -> None:
        """Nobody answered this command; a stop outweighs a disarm."""
        if command in LETTING_GO and self.command != "stop":
            self.command = command
