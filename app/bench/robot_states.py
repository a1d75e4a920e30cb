"""Waiting for what a robot server says."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.errors import AppError
from robot import RobotLink, RobotState

_PATIENCE_S = 30.0


def until(link: RobotLink, condition: Callable[[RobotState], bool], what: str) -> None:
    """Wait for a state; AppError where it does not come."""
    deadline_s = time.monotonic() + _PATIENCE_S
    while not condition(new_state(link)):
        if time.monotonic() > deadline_s:
            raise AppError(
                f"the simulated robot did not {what} within {_PATIENCE_S:.0f} s; is the machine busy?"
            )


def new_state(link: RobotLink) -> RobotState:
    """The next state that comes."""
    before = link.state()
    deadline_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline_s:
        state = link.state()
        if state is not None and (before is None or state.seq != before.seq):
            return state
        time.sleep(0.001)
    raise AppError("the simulated robot sends no state; is the machine busy?")
