"""Two monotonic clocks and the offset between them: measured by the client, applied by the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from robot.messages import JointTrajectory, MessageError

OFFSET_KEY = "clock_offset_ns"


@dataclass(frozen=True)
class ClockSample:
    """One question of the time: asked at, answered with (server clock), answer received at; ns."""

    asked_ns: int
    server_ns: int
    received_ns: int

    @property
    def round_trip_ns(self) -> int:
        """How long the answer took, ns."""
        return self.received_ns - self.asked_ns


def clock_offset_ns(samples: Sequence[ClockSample]) -> int:
    """Server clock minus own clock, ns, from the sample with the shortest round trip (Cristian's algorithm).

    An offset smaller than half that round trip cannot be told from none and counts as none, so that two
    processes on one machine agree exactly.
    """
    best = min(samples, key=lambda sample: sample.round_trip_ns)
    offset_ns = best.server_ns - (best.asked_ns + best.received_ns) // 2
    return 0 if 2 * abs(offset_ns) <= best.round_trip_ns else offset_ns


def on_server_clock(trajectory: JointTrajectory) -> JointTrajectory:
    """`trajectory` with all its times moved from the publisher's clock to the server's, as its meta says.

    Raises:
        MessageError: the offset is not an integer, or moves a time out of range.
    """
    offset_ns = trajectory.meta.get(OFFSET_KEY, 0)
    if type(offset_ns) is not int:
        raise MessageError(f"meta.{OFFSET_KEY} is {offset_ns!r}; it must be whole nanoseconds.")
    if offset_ns == 0:
        return trajectory
    wrist = trajectory.wrist
    return replace(
        trajectory,
        t_capture_ns=trajectory.t_capture_ns + offset_ns,
        t_publish_ns=trajectory.t_publish_ns + offset_ns,
        t_ns=trajectory.t_ns + offset_ns,
        wrist=None if wrist is None else replace(wrist, t_ns=wrist.t_ns + offset_ns),
        meta={key: value for key, value in trajectory.meta.items() if key != OFFSET_KEY},
    )
