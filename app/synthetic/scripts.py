"""What rendered hands do: the synthetic camera's routine, a booth's visitor, and those of measurements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.synthetic.poses import RELEASED


@dataclass(frozen=True)
class Beat:
    """Move to a pose and an arm placement, then hold them.

    Attributes:
        pose: a name of `hand_poses`.
        move_s, hold_s: durations.
        arm: the arm channels that differ from home: x, y, z in m to the right, down, away; tilt (deg, forearm
            leans to the picture's right), lean (away from the camera), turn (palm away from the camera, thumb
            first going forward), bend (hand toward the palm), deviation (hand toward the thumb).
    """

    pose: str
    move_s: float
    hold_s: float
    arm: tuple[tuple[str, float], ...] = ()


def demo() -> list[Beat]:
    """What the synthetic camera shows, about 23 s: open, fist, count, pinch, wave, turn, leave and return."""
    beats = [
        Beat("open", 0.0, 0.7),
        Beat("fist", 0.50, 0.55),
        Beat("open", 0.45, 0.35),
        Beat("fist", 0.40, 0.35),
    ]
    beats += [Beat(f"count_{n}", 0.40, 0.45, (("z", -0.03), ("bend", 4.0))) for n in range(1, 6)]
    beats += [Beat("relaxed", 0.45, 0.15, (("turn", 12.0), ("z", -0.04)))]
    for finger in RELEASED:
        beats += [
            Beat(f"pinch_{finger}", 0.50, 0.50, (("turn", 16.0), ("lean", -6.0), ("z", -0.05))),
            Beat("relaxed", 0.35, 0.0, (("turn", 12.0), ("z", -0.04))),
        ]
    beats += [Beat("open", 0.40, 0.10)]
    beats += [
        Beat("open", 0.36, 0.0, (("tilt", side * 17.0), ("deviation", -side * 6.0), ("x", side * 0.01)))
        for side in (1, -1, 1, -1)
    ]
    beats += [
        Beat("flat", 0.45, 0.20),
        Beat("relaxed", 0.90, 0.45, (("turn", 168.0), ("z", -0.02))),
        Beat("fist", 0.45, 0.25, (("turn", 160.0),)),
        Beat("relaxed", 0.85, 0.15, (("turn", 10.0), ("lean", 8.0))),
        Beat("relaxed", 0.70, 0.55, (("y", 0.42), ("x", -0.06), ("bend", 14.0))),
        Beat("open", 0.80, 0.70),
    ]
    return beats


def visit() -> list[Beat]:
    """What a visitor of a booth does, about 32 s: comes, holds a palm up, plays as in `demo`, and leaves.

    Nobody is there for long enough that the robot goes home and is free again.
    """
    out_of_view = (("y", 0.42), ("x", -0.06), ("bend", 14.0))
    plays = demo()[1:-2]
    return [
        Beat("relaxed", 0.0, 1.0, out_of_view),
        Beat("open", 0.80, 2.6),
        *plays,
        Beat("relaxed", 0.70, 8.5, out_of_view),
    ]


def latency() -> list[Beat]:
    """Rests, moves that stop suddenly, and steady motion from slow to fast; about 34 s.

    Nearly all of it is within what the joints of a robot hand can follow: beyond that, what is measured is
    the motors. The first 15 s hold some of each, for those in a hurry.
    """
    beats = [Beat("open", 0.0, 2.5)]
    beats += _to_and_fro("half", "open", move_s=0.35, hold_s=0.75, times=2)
    beats += _to_and_fro("half", "open", move_s=0.50, hold_s=0.0, times=3)
    beats += [Beat("relaxed", 0.50, 2.0), Beat("pinch_index", 0.40, 0.70), Beat("relaxed", 0.40, 0.60)]
    beats += _to_and_fro("fist", "open", move_s=0.80, hold_s=0.0, times=1)
    beats += [Beat(f"count_{n}", 0.50, 0.55) for n in (1, 2, 3, 4, 5)]
    beats += _to_and_fro("half", "flat", move_s=0.80, hold_s=0.0, times=2)
    beats += _to_and_fro("half", "open", move_s=0.35, hold_s=0.0, times=3)
    beats += [Beat("open", 0.40, 0.0, (("tilt", side * 15.0),)) for side in (1, -1)]
    beats += [Beat("relaxed", 0.50, 1.5)]
    beats += [
        beat
        for finger in ("middle", "ring")
        for beat in (Beat(f"pinch_{finger}", 0.40, 0.60), Beat("relaxed", 0.35, 0.30))
    ]
    return [*beats, Beat("half", 0.30, 0.80), Beat("open", 0.30, 1.5)]


def calibrate() -> list[Beat]:
    """What an operator does in `calibrate hand`, about 23 s: flat, fist, a pinch with each finger, spread.

    Each pose is held for the two seconds that are asked for, after the time that reading takes.
    """
    hold_s = 2.3
    beats = [Beat("relaxed", 0.0, 1.0), Beat("flat", 0.50, hold_s), Beat("fist", 0.50, hold_s)]
    for finger in RELEASED:
        beats += [
            Beat("relaxed", 0.40, 0.1, (("turn", 12.0), ("z", -0.04))),
            Beat(f"pinch_{finger}", 0.40, hold_s, (("turn", 16.0), ("lean", -6.0), ("z", -0.05))),
        ]
    return [*beats, Beat("open", 0.50, hold_s)]


def _to_and_fro(there: str, back: str, move_s: float, hold_s: float, times: int) -> list[Beat]:
    return [Beat(there, move_s, hold_s), Beat(back, move_s, hold_s)] * times


SCRIPTS: Mapping[str, Callable[[], list[Beat]]] = MappingProxyType(
    {"demo": demo, "visit": visit, "latency": latency, "calibrate": calibrate}
)
