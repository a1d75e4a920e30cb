"""A robot port that looks at what passes: whether messages claim more than the source has given."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.bench.soak.faults import Fault, Plan
from app.bench.soak.source import CLEAN, FaultySource, Given
from app.robot_port import RobotPort
from robot import JointTrajectory, RobotState

STALE_NS = 250_000_000  # without a frame for longer, no message may say "tracking"
BLIND_NS = 500_000_000  # the same without a picture that shows what is before the camera
SETTLE_S = 1.0  # after a fault, before the hand must be followed again
# Of the operator at the keyboard: when it begins, and when it is over.
_REQUESTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "home": (("home",), ()),
    "disarm": (("disarm",), ("arm",)),
    "stop": (("stop",), ("reset", "arm")),
}


@dataclass
class MessageWatch:
    """Counts messages, and those that are not true.

    "tracking" is a lie when the detector has been done with the newest frame for STALE_NS, or with the newest
    that shows anything for BLIND_NS: an old pose is sent as new. A frame that is still being looked at may
    take its time.

    Attributes:
        states: messages by source_state.
        stale: lies while no frame came.
        blind: lies while frames came that show nothing of now: black, frozen, noise, unusable.
        late: "tracking" said of a frame given longer than STALE_NS ago, and no lie.
        ahead: messages of a capture time after their publication.
        backwards: messages of a capture time before the previous one's.
        calm: by the fault before: messages while the hand was in view and no fault was on or just over,
            and how many of them said "tracking".
    """

    states: Counter[str] = field(default_factory=Counter)
    stale: int = 0
    blind: int = 0
    late: int = 0
    ahead: int = 0
    backwards: int = 0
    calm: dict[str, list[int]] = field(default_factory=dict)
    _t_capture_ns: int | None = None

    def look(
        self, message: JointTrajectory, given: Given | None, t_now_ns: int, calm_after: str | None
    ) -> None:
        """Look at one message.

        Args:
            message: about to be sent.
            given: what the source has given; None before its first frame.
            t_now_ns: now, on the clock of `given`.
            calm_after: the fault before, when the hand is in view and no fault has been on for a while; None
                otherwise.
        """
        tracking = message.source_state == "tracking"
        self.states[message.source_state] += 1
        if calm_after is not None:
            seen = self.calm.setdefault(calm_after, [0, 0])
            seen[0] += 1
            seen[1] += tracking
        self.ahead += message.t_capture_ns > message.t_publish_ns
        if self._t_capture_ns is not None:
            self.backwards += message.t_capture_ns < self._t_capture_ns
        self._t_capture_ns = message.t_capture_ns
        if tracking:
            self._doubt(given, t_now_ns)

    def counts(self) -> dict[str, Any]:
        """All counts as plain data."""
        names = ("stale", "blind", "late", "ahead", "backwards")
        return {
            "sent": sum(self.states.values()),
            "states": dict(sorted(self.states.items())),
            **{name: getattr(self, name) for name in names},
            "calm": dict(sorted(self.calm.items())),
        }

    def _doubt(self, given: Given | None, t_now_ns: int) -> None:
        if given is None or _past(given.t_after_frame_ns, STALE_NS, t_now_ns):
            self.stale += 1
        elif _past(given.t_after_picture_ns, BLIND_NS, t_now_ns):
            self.blind += 1
        elif t_now_ns - given.t_frame_ns > STALE_NS:
            self.late += 1


def _past(t_ns: int | None, limit_ns: int, t_now_ns: int) -> bool:
    return t_ns is not None and t_now_ns - t_ns > limit_ns


def requests_of(faults: Sequence[Fault]) -> list[tuple[float, str]]:
    """When to ask what of the robot: seconds after the first frame, in order."""
    due = []
    for fault in faults:
        if fault.kind in _REQUESTS:
            first, last = _REQUESTS[fault.kind]
            due += [(fault.start_s, name) for name in first] + [(fault.end_s, name) for name in last]
    return sorted(due, key=lambda request: request[0])


class WatchedPort:
    """Passes everything on to another port; see app.robot_port.RobotPort. Makes the planned requests."""

    def __init__(self, port: RobotPort, source: FaultySource, plan: Plan, in_view: Sequence[bool]) -> None:
        """
        Args:
            port: the real one.
            source: of the frames behind the messages.
            plan: of the faults.
            in_view: for each frame of the looping clip whether the hand must have been found by then.
        """
        self.watch = MessageWatch()
        self.requests: Counter[str] = Counter()
        self.endpoint = port.endpoint
        self.version = port.version
        self._port = port
        self._source = source
        self._plan = plan
        self._in_view = in_view
        self._due = requests_of(plan.other.faults)

    def send(self, message: JointTrajectory) -> RobotState | None:
        elapsed_s = self._source.elapsed_s
        while self._due and self._due[0][0] <= elapsed_s:
            _, name = self._due.pop(0)
            self.requests[name] += 1
            self._port.command(name)
        given = self._source.given
        self.watch.look(message, given, time.monotonic_ns(), self._calm_after(given, elapsed_s))
        return self._port.send(message)

    def command(self, name: str) -> str:
        return self._port.command(name)

    def counters(self) -> dict[str, int]:
        return self._port.counters()

    def close(self) -> None:
        self._port.close()

    def _calm_after(self, given: Given | None, elapsed_s: float) -> str | None:
        camera, busy = self._plan.camera, self._plan.other.at(elapsed_s)
        if given is None or elapsed_s < SETTLE_S or not camera.calm(elapsed_s, SETTLE_S):
            return None
        if not self._in_view[given.index % len(self._in_view)] or busy is not None:
            return None
        before = camera.last_begun(elapsed_s)
        return CLEAN if before is None else before.kind
