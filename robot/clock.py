"""Two monotonic clocks and the offset between them: measured by the client, applied by the server.

A question of the time, answered, bounds the offset: the server read its clock after it was asked and before
the answer was there. Of many questions those with the shortest round trips say most (Cristian 1989); a line
through them gives the offset now and the drift, so that targets published between questions are timed well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from robot.messages import JointTrajectory, MessageError

OFFSET_KEY = "clock_offset_ns"

_MAX_DRIFT = 1e-3  # more is no drift: time servers correct by 5e-4, quartz is wrong by 1e-4
_DRIFT_PRIOR = 2e-4  # how large a drift is expected before there is evidence, 1 sigma
_WANDER = 5e-6  # how much the drift itself may change within minutes, by temperature
_BUCKET_NS = 5_000_000_000  # of each such span the best sample is kept,
_BUCKETS = 60  # for five minutes
_LEAST_ERROR_NS = 20_000.0  # of any sample; keeps the weights finite


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

    @property
    def t_ns(self) -> int:
        """The instant the sample is about, own clock, ns."""
        return (self.asked_ns + self.received_ns) // 2

    @property
    def offset_ns(self) -> int:
        """Server clock minus own clock, ns; wrong by half the round trip at most."""
        return self.server_ns - self.t_ns

    @property
    def allows_none(self) -> bool:
        """Whether both clocks may be one: it was read between question and answer."""
        return self.asked_ns <= self.server_ns <= self.received_ns


@dataclass(frozen=True)
class ClockEstimate:
    """What is known about the offset between two clocks.

    Attributes:
        offset_at_ns: server clock minus own clock at `t_ns`, ns.
        t_ns: own clock, ns.
        drift: by how much the server's clock is faster, s/s.
        error_ns: half the round trip of the best sample; the offset may be wrong by that, ns.
        steps: how often the offset changed at once, as when the server's machine was started anew.
    """

    offset_at_ns: int = 0
    t_ns: int = 0
    drift: float = 0.0
    error_ns: int = 0
    steps: int = 0

    def offset_ns(self, t_ns: int) -> int:
        """Server clock minus own clock at `t_ns`, own clock."""
        return self.offset_at_ns + round(self.drift * (t_ns - self.t_ns))


class ClockTracker:
    """Follows the offset of a server's clock from samples.

    Attributes:
        estimate: what all samples together say; an object of its own after each, so any thread may read it.
    """

    def __init__(self) -> None:
        self.estimate = ClockEstimate()
        self._best: dict[int, ClockSample] = {}  # of each span of time, oldest first
        self._newest: ClockSample | None = None
        self._one_clock = True  # nothing yet speaks against both clocks being one

    def add(self, sample: ClockSample) -> None:
        """Take one more sample, later than those before; one whose answer came before the question is no
        sample."""
        if sample.round_trip_ns < 0 or (self._newest is not None and sample.t_ns < self._newest.t_ns):
            return
        steps = self.estimate.steps
        if self._newest is not None and not all(_agree(sample, kept) for kept in self._kept()):
            self._best.clear()
            self._one_clock = True
            steps += 1
        self._newest = sample
        self._one_clock &= sample.allows_none
        bucket = sample.t_ns // _BUCKET_NS
        rival = self._best.get(bucket)
        if rival is None or sample.round_trip_ns <= rival.round_trip_ns:
            self._best[bucket] = sample
        while len(self._best) > _BUCKETS:
            del self._best[next(iter(self._best))]
        if self._one_clock:  # two processes on one machine agree exactly, not to some microseconds
            self.estimate = ClockEstimate(t_ns=sample.t_ns, steps=steps)
        else:
            self.estimate = replace(_fit(list(self._best.values()), sample), steps=steps)

    def _kept(self) -> list[ClockSample]:
        newest = [] if self._newest is None else [self._newest]
        return [*self._best.values(), *newest]


def _agree(one: ClockSample, other: ClockSample) -> bool:
    """Whether both samples can be true of clocks that only drift."""
    apart_ns = abs(one.offset_ns - other.offset_ns)
    return apart_ns <= (one.round_trip_ns + other.round_trip_ns) / 2 + _MAX_DRIFT * abs(one.t_ns - other.t_ns)


def _fit(samples: list[ClockSample], newest: ClockSample) -> ClockEstimate:
    """Drift from a line through the best samples, then the offset now from those that are good and recent.

    A delay that lengthens only one way bends no line this way: among samples at most twice as vague as the
    best one, all errors are small. The drift is held near zero until the samples' spread over time says more;
    while it is not known well, old samples say little about the offset now.
    """
    t_ns = newest.t_ns
    base_ns = newest.offset_ns  # differences to it are small enough for floating point
    age_ns = np.array([t_ns - sample.t_ns for sample in samples], dtype=np.float64)
    over_ns = np.array([sample.offset_ns - base_ns for sample in samples], dtype=np.float64)
    half_ns = np.array([sample.round_trip_ns for sample in samples]) / 2 + _LEAST_ERROR_NS

    weight = _weights(half_ns + _WANDER * age_ns)
    from_mean_ns = age_ns - np.average(age_ns, weights=weight)
    spread = (weight * from_mean_ns**2).sum() + _DRIFT_PRIOR**-2
    drift = -float((weight * from_mean_ns * over_ns).sum() / spread)

    vague_ns = half_ns + (_WANDER + spread**-0.5) * age_ns
    now_ns = np.average(over_ns + drift * age_ns, weights=_weights(vague_ns))
    bound_ns = newest.round_trip_ns / 2  # the newest sample's bounds hold whatever the line says
    offset_ns = base_ns + round(float(np.clip(now_ns, -bound_ns, bound_ns)))
    return ClockEstimate(offset_ns, t_ns, drift, round(vague_ns.min()))


def _weights(vague_ns: np.ndarray) -> np.ndarray:
    """(m,) for samples that are wrong by up to so much; those twice as vague as the best count nothing."""
    return np.where(vague_ns <= 2 * vague_ns.min(), vague_ns**-2.0, 0.0)


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
