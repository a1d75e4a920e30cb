"""What the operator is told of a hand: a hand that was lost a while ago is being searched."""

from __future__ import annotations

from typing import Literal, get_args

from models.trajectory import SourceState

SourcePhase = Literal["searching", "tracking", "predicting", "lost"]
SOURCE_PHASES: tuple[SourcePhase, ...] = get_args(SourcePhase)

SEARCHING_AFTER_NS = 3_000_000_000  # long enough to see that the hand was lost, and short for a hand gone


class PhaseOfSource:
    """Tells a hand that was just lost from one that never came, or left for good."""

    def __init__(self) -> None:
        self._t_last_there_ns: int | None = None

    def update(self, source_state: SourceState, t_now_ns: int) -> SourcePhase:
        """The phase at `t_now_ns`, when the trajectory's state is `source_state`."""
        if source_state != "lost":
            self._t_last_there_ns = t_now_ns
            return source_state
        if self._t_last_there_ns is None or t_now_ns - self._t_last_there_ns > SEARCHING_AFTER_NS:
            return "searching"
        return "lost"
