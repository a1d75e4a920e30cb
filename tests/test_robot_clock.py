"""Clock offset and drift: from samples made up with known truth, and between real processes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

import msgpack
import numpy as np
import pytest
import zmq

from robot import clock_watch
from robot.clock import ClockEstimate, ClockSample, ClockTracker
from robot.clock_watch import ClockWatch
from robot.endpoint import Endpoint
from robot.requester import Requester

MS = 1_000_000
S = 1_000_000_000
START_NS = 5_000 * S
OFFSET_NS = -123_456_789_012


def wireless(rng: np.random.Generator) -> tuple[float, float]:
    """Delays there and back, ms: the way there waits four times as long."""
    return 0.8 + rng.exponential(4.0), 0.8 + rng.exponential(1.0)


def bursts(rng: np.random.Generator) -> tuple[float, float]:
    """Every second question is held up by 30 ms on average, on its way there."""
    return 0.5 + rng.exponential(30.0 if rng.random() < 0.5 else 1.0), 0.5 + rng.exponential(0.5)


def cable(rng: np.random.Generator) -> tuple[float, float]:
    return 0.1 + rng.exponential(0.1), 0.1 + rng.exponential(0.05)


class Machines:
    """Two machines: the server's clock is `offset_ns` ahead at the start and faster by `ppm`."""

    def __init__(self, ppm: float, delays: Callable[[np.random.Generator], tuple[float, float]]) -> None:
        self.t_ns = START_NS
        self.offset_ns = OFFSET_NS
        self._ppm, self._delays = ppm, delays
        self._rng = np.random.default_rng(3)

    def truth_ns(self, t_ns: int) -> int:
        return self.offset_ns + round(self._ppm * 1e-6 * (t_ns - START_NS))

    def sample(self) -> ClockSample:
        there_ms, back_ms = self._delays(self._rng)
        asked_ns = self.t_ns
        read_ns = asked_ns + int(there_ms * MS)
        self.t_ns = read_ns + int(back_ms * MS)
        return ClockSample(asked_ns, read_ns + self.truth_ns(read_ns), self.t_ns)


def wrong_ns(tracker: ClockTracker, machines: Machines) -> int:
    return abs(tracker.estimate.offset_ns(machines.t_ns) - machines.truth_ns(machines.t_ns))


def follow(machines: Machines, seconds: float) -> tuple[ClockTracker, float]:
    """As `ClockWatch` asks; returns the largest error at any time, ms."""
    tracker = ClockTracker()
    for _ in range(clock_watch.FIRST_SAMPLES):
        tracker.add(machines.sample())
    worst_ns = 0
    end_ns = machines.t_ns + int(seconds * S)
    while machines.t_ns < end_ns:
        machines.t_ns += int(clock_watch.PERIOD_S * S)
        worst_ns = max(worst_ns, wrong_ns(tracker, machines))  # when the estimate is oldest
        tracker.add(machines.sample())
        worst_ns = max(worst_ns, wrong_ns(tracker, machines))
    return tracker, worst_ns / MS


@pytest.mark.parametrize("ppm", [-200.0, 200.0])
def test_an_hour_of_drift_and_lopsided_jitter_stays_within_2_ms(ppm: float) -> None:
    tracker, worst_ms = follow(Machines(ppm, wireless), 3600)
    assert worst_ms < 2.0
    assert abs(tracker.estimate.drift * 1e6 - ppm) < 5.0
    assert tracker.estimate.steps == 0


@pytest.mark.parametrize("ppm", [-200.0, -20.0, 0.0, 200.0])
@pytest.mark.parametrize(("delays", "most_ms"), [(bursts, 2.0), (cable, 0.8)])
def test_first_minutes_are_as_good_as_the_round_trips_allow(
    ppm: float, delays: Callable[[np.random.Generator], tuple[float, float]], most_ms: float
) -> None:
    tracker, worst_ms = follow(Machines(ppm, delays), 120)
    assert worst_ms < most_ms
    assert abs(tracker.estimate.drift * 1e6 - ppm) < 10.0


def test_one_clock_is_recognised_exactly_whatever_the_delays() -> None:
    machines = Machines(0.0, bursts)
    machines.offset_ns = 0
    tracker, worst_ms = follow(machines, 600)
    assert worst_ms == 0.0
    assert tracker.estimate == ClockEstimate(t_ns=tracker.estimate.t_ns)


def test_two_clocks_that_first_look_like_one_are_told_apart_by_their_drift() -> None:
    machines = Machines(50.0, cable)
    machines.offset_ns = 0
    tracker, worst_ms = follow(machines, 600)
    assert tracker.estimate.drift * 1e6 == pytest.approx(50.0, abs=2.0)
    assert worst_ms < 0.5
    assert tracker.estimate.steps == 0  # nothing jumped


@pytest.mark.parametrize("jump_ns", [3_000 * S, -70 * S, 40 * MS, -40 * MS])
def test_a_clock_that_starts_anew_is_recognised_by_the_next_answer(jump_ns: int) -> None:
    machines = Machines(100.0, wireless)
    tracker, _ = follow(machines, 300)
    machines.offset_ns += jump_ns
    machines.t_ns += S
    sample = machines.sample()
    tracker.add(sample)
    assert tracker.estimate.steps == 1
    assert wrong_ns(tracker, machines) <= sample.round_trip_ns // 2 + MS
    for _ in range(60):
        machines.t_ns += S // 2
        tracker.add(machines.sample())
    assert tracker.estimate.steps == 1
    assert wrong_ns(tracker, machines) < 2 * MS


def test_a_machine_that_becomes_the_same_one_agrees_exactly_again() -> None:
    tracker, _ = follow(Machines(0.0, cable), 60)
    t_ns = START_NS + 100 * S
    tracker.add(ClockSample(t_ns, t_ns + 1000, t_ns + 2000))
    assert (tracker.estimate.offset_ns(t_ns + S), tracker.estimate.steps) == (0, 1)


def test_slow_answers_do_not_spoil_what_fast_ones_said() -> None:
    machines = Machines(30.0, cable)
    tracker, _ = follow(machines, 60)
    before = tracker.estimate
    for _ in range(20):
        machines.t_ns += S
        asked_ns = machines.t_ns
        read_ns = asked_ns + 200 * MS  # all of the delay on the way there
        machines.t_ns = read_ns + MS // 10
        tracker.add(ClockSample(asked_ns, read_ns + machines.truth_ns(read_ns), machines.t_ns))
    assert wrong_ns(tracker, machines) < MS
    assert tracker.estimate.drift == pytest.approx(before.drift, abs=10e-6)


def test_an_answer_before_its_question_is_no_sample() -> None:
    tracker = ClockTracker()
    tracker.add(ClockSample(1000, 5000, 900))
    assert tracker.estimate == ClockEstimate()
    tracker.add(ClockSample(1000, 1001, 1002))
    tracker.add(ClockSample(500, 10**15, 502))  # older than the one before
    assert tracker.estimate.offset_ns(1002) == 0


def test_memory_of_samples_is_bounded() -> None:
    tracker, _ = follow(Machines(0.0, cable), 900)
    assert len(tracker._best) == 60


def test_estimate_is_extrapolated_by_its_drift() -> None:
    estimate = ClockEstimate(offset_at_ns=1_000, t_ns=10 * S, drift=100e-6)
    assert estimate.offset_ns(10 * S) == 1_000
    assert estimate.offset_ns(11 * S) == 101_000
    assert estimate.offset_ns(9 * S) == -99_000


class OtherMachine:
    """Answers `clock` from a thread, as a server on a machine with another clock would."""

    def __init__(self) -> None:
        self.ahead_ns = 7_000 * S
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.REP)
        self.port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._end.is_set():
            if self._socket.poll(10):
                assert msgpack.unpackb(self._socket.recv()) == {"command": "clock"}
                t_ns = time.monotonic_ns() + self.ahead_ns
                self._socket.send(msgpack.packb({"ok": True, "t_ns": t_ns}))

    def close(self) -> None:
        self._end.set()
        self._thread.join()
        self._socket.close(linger=0)
        self._context.term()


@pytest.fixture
def other() -> Iterator[OtherMachine]:
    machine = OtherMachine()
    yield machine
    machine.close()


def test_offset_is_measured_again_in_the_background(
    other: OtherMachine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(clock_watch, "PERIOD_S", 0.01)
    endpoint = Endpoint("127.0.0.1", other.port - 2)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    requester = Requester(context, endpoint, None, 20_000)
    watch = ClockWatch(requester, Requester(context, endpoint, None, 20_000))
    try:
        first = watch.estimate
        assert abs(first.offset_ns(time.monotonic_ns()) - 7_000 * S) < S
        with caplog.at_level(logging.WARNING):
            other.ahead_ns = 90 * S  # it was started again
            deadline = time.monotonic() + 20.0
            while abs(watch.estimate.offset_ns(time.monotonic_ns()) - 90 * S) > S:
                assert time.monotonic() < deadline, "the jump is noticed"
                time.sleep(0.005)
        assert watch.estimate.steps == 1
    finally:
        watch.close()
        requester.close()
        context.term()
    assert caplog.text.count("the robot's clock jumped") == 1
