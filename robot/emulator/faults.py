"""The ways in which an emulated hand can be broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from robot.errors import RobotError


@dataclass(frozen=True)
class Faults:
    """What is wrong with the hand; by default nothing.

    Attributes:
        drop: share of its frames that are lost, 0–1.
        delay_ms: how late its frames come, ms.
        silent_after_s: it says nothing more from then on, s; negative: never.
        hot_joint: joint that is `hot_c` hot; negative: none.
        hot_c: °C.
        wrong_hand: it is the other hand than asked for.
        babble_hz: frames per second of an identifier that no hand has.
        jump_joint: joint whose angle reads ± 1 rad off, in turn, after half a second; negative: none.
        dead_finger: finger that does not answer, 0–3; negative: none.
        status: bits set in the status byte.
        deaf: it takes no command (but sends).
    """

    drop: float = 0.0
    delay_ms: float = 0.0
    silent_after_s: float = -1.0
    hot_joint: int = -1
    hot_c: int = 75
    wrong_hand: bool = False
    babble_hz: float = 0.0
    jump_joint: int = -1
    dead_finger: int = -1
    status: int = 0
    deaf: bool = False

    def __post_init__(self) -> None:
        legal = (
            0.0 <= self.drop <= 1.0
            and 0.0 <= self.delay_ms <= 10_000.0
            and 0.0 <= self.babble_hz <= 10_000.0
            and self.hot_joint < 16
            and self.jump_joint < 16
            and self.dead_finger < 4
            and 0 <= self.status <= 255
            and 0 <= self.hot_c <= 255
        )
        if not legal:
            raise RobotError(
                f"{self} is impossible; drop is a share, delay_ms and babble_hz end at 10000, joints at 15, "
                "fingers at 3, status and hot_c at 255."
            )


def parse_faults(texts: Sequence[str]) -> Faults:
    """Faults from `name=value` or, for those that are on or off, `name`.

    Raises:
        RobotError: no such fault, or no such value.
    """
    defaults: dict[str, bool | int | float] = asdict(Faults())
    given: dict[str, Any] = {}
    for text in texts:
        name, _, value = text.partition("=")
        name = name.replace("-", "_")
        if name not in defaults:
            raise RobotError(f'There is no fault "{name[:40]}"; the faults are {", ".join(defaults)}.')
        try:
            given[name] = type(defaults[name])(float(value or "1"))
        except (ValueError, OverflowError):
            raise RobotError(f'The fault {name} takes a number, not "{value[:40]}".') from None
    return Faults(**given)
