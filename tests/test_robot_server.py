"""The server process and its client, over real sockets on this machine."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st
from pipe_examples import unread_pipe

import robot.inbox as inbox_module
from robot import JointTrajectory, RobotError, SimulationProcess, connect, hand_spec, server, spawn_simulation
from robot.client import RobotLink
from robot.control import answer
from robot.endpoint import Endpoint, bind, parse_endpoint, require_loopback
from robot.inbox import Inbox
from robot.messages import encode_trajectory
from robot.runtime import RobotRuntime
from robot.server import RobotServerConfig, main, serve
from robot.signals import end_signals
from robot.supervisor_config import SupervisorConfig

SPEC = hand_spec("right")
MS = 1_000_000
ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 20.0


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that must happen; how long it takes decides nothing."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


def standing(seq: int, t_ns: int, q_rad: np.ndarray, **changes: Any) -> JointTrajectory:
    content: dict[str, Any] = {
        "seq": seq,
        "hand": "right",
        "valid": True,
        "source_state": "tracking",
        "t_capture_ns": t_ns,
        "t_publish_ns": t_ns,
        "joint_names": SPEC.joint_names,
        "t_ns": np.array([t_ns, t_ns + 100 * MS]),
        "q_rad": np.stack([q_rad, q_rad]),
    }
    return JointTrajectory(**{**content, **changes})


@pytest.fixture(scope="module")
def simulation() -> Iterator[SimulationProcess]:
    with spawn_simulation("right") as process:
        yield process


@pytest.fixture
def link(simulation: SimulationProcess) -> Iterator[RobotLink]:
    with simulation.connect() as opened:
        if opened.status().state.mode == "STOPPED":
            opened.reset()
        opened.disarm()
        yield opened
        opened.stop()
        opened.reset()


@pytest.fixture
def lockstep() -> Iterator[RobotLink]:
    with spawn_simulation("right", lockstep=True) as process, process.connect() as opened:
        yield opened


class Publisher:
    """Sends one pose again and again from a thread of its own."""

    def __init__(self, link: RobotLink, q_rad: np.ndarray) -> None:
        self._link, self._q_rad = link, q_rad
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        seq = time.monotonic_ns() // MS  # later publishers count on from higher numbers
        while not self._end.wait(0.02):
            seq += 1
            self._link.publish(standing(seq, time.monotonic_ns(), self._q_rad))

    def __enter__(self) -> Publisher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


def mode(link: RobotLink) -> str:
    return link.status().state.mode


def test_armed_simulation_goes_where_the_targets_say_and_tells(link: RobotLink) -> None:
    goal = np.array(SPEC.home_rad) + 0.2 * np.eye(16)[1]
    link.arm()
    with Publisher(link, goal):
        until(lambda: mode(link) == "TRACKING", "tracking")
        until(lambda: bool(np.abs(link.status().state.q_rad - goal).max() < 0.01), "arrival")
        until(lambda: link.state() is not None, "a published state")
        before = link.state()
        assert before is not None
        until(lambda: getattr(link.state(), "seq", 0) > before.seq, "the state keeps coming")
    assert before.joint_names == SPEC.joint_names


def test_disarmed_simulation_does_not_move(link: RobotLink) -> None:
    before = link.status()
    with Publisher(link, SPEC.upper_rad):
        until(lambda: link.status().counters.accepted > before.counters.accepted + 3, "targets arriving")
    np.testing.assert_allclose(link.status().state.q_rad, before.state.q_rad, atol=2e-3)
    assert mode(link) == "DISARMED"


def test_silence_leads_to_hold_then_to_disarmed(link: RobotLink) -> None:
    link.arm()
    with Publisher(link, SPEC.home_rad):
        until(lambda: mode(link) == "TRACKING", "tracking")
    until(lambda: mode(link) == "HOLD", "hold")
    until(lambda: mode(link) == "DISARMED", "disarmed")


def test_stop_stays_until_reset(link: RobotLink) -> None:
    link.arm()
    link.stop()
    assert mode(link) == "STOPPED"
    with pytest.raises(RobotError, match="reset"):
        link.arm()
    link.reset()
    assert mode(link) == "DISARMED"


def test_clock_offset_on_one_machine_is_none(link: RobotLink) -> None:
    assert link.clock_offset_ns == 0


def test_server_survives_garbage_on_every_socket(simulation: SimulationProcess, link: RobotLink) -> None:
    endpoint = parse_endpoint(simulation.endpoint)
    before = link.status()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    targets = context.socket(zmq.PUB)
    targets.connect(endpoint.targets)
    rng = np.random.default_rng(0)

    def flood() -> bool:
        targets.send(b"target/right " + rng.bytes(200))
        targets.send(b"target/right ")
        targets.send_multipart([b"target/right ", b"two", b"frames"])
        targets.send(b"target/right " + bytes(300_000))
        return link.status().counters.malformed > before.counters.malformed + 10

    until(flood, "malformed messages counted")
    for payload in (b"", b"\xc1", b"\x80", msgpack.packb([1]), msgpack.packb({"command": 7}), rng.bytes(100)):
        with context.socket(zmq.REQ) as request:
            request.connect(endpoint.control)
            request.send(payload)
            assert request.poll(2000), "an error reply"
            reply = msgpack.unpackb(request.recv())
            assert reply["ok"] is False
            assert reply["error"].endswith(".")
    with context.socket(zmq.DEALER) as request:  # several frames where one is expected
        request.connect(endpoint.control)
        request.send_multipart([b"", msgpack.packb({"command": "arm"}), b"more"])
        assert request.poll(2000)
        assert msgpack.unpackb(request.recv_multipart()[-1])["ok"] is False
    for _ in range(30):  # some of these pass for the oldest version of the socket protocol
        for port in (endpoint.port, endpoint.port + 1, endpoint.port + 2):
            with socket.create_connection((endpoint.host, port), timeout=2) as raw:
                raw.sendall(rng.bytes(4096))
    targets.close(linger=0)
    context.term()
    assert simulation.running
    after = link.status()
    assert after.state.mode == "DISARMED"
    np.testing.assert_allclose(after.state.q_rad, before.state.q_rad, atol=2e-3)


def test_unknown_commands_and_extra_fields_are_refused(
    simulation: SimulationProcess, link: RobotLink
) -> None:
    for request in ({"command": "dance"}, {"command": "arm", "force": True}, {"command": "step"}, {}):
        with zmq.Context() as context, context.socket(zmq.REQ) as asker:
            asker.connect(parse_endpoint(simulation.endpoint).control)
            asker.send(msgpack.packb(request))
            assert asker.poll(2000)
            assert msgpack.unpackb(asker.recv())["ok"] is False
    assert mode(link) == "DISARMED"


def test_real_time_server_takes_no_steps(link: RobotLink) -> None:
    with pytest.raises(RobotError, match="--lockstep"):
        link.step(None, 1)


def test_asking_for_the_other_hand_is_refused(simulation: SimulationProcess) -> None:
    with pytest.raises(RobotError, match="right hand, not a left one"):
        connect(simulation.endpoint, hand="left")


def moving_run(link: RobotLink) -> np.ndarray:
    """A made-up second of tracking with a dropped and a lost frame, in lock-step."""
    link.arm()
    rng = np.random.default_rng(5)
    rows = []
    t_ns = 77_000 * MS
    for i in range(30):
        t_ns += 33_333_333
        q_rad = rng.uniform(SPEC.lower_rad, SPEC.upper_rad)
        message = standing(i, t_ns - 8 * MS, q_rad, source_state="lost" if i % 7 == 3 else "tracking")
        rows.append(link.step(None if i % 11 == 5 else message, t_ns).q_rad)
    return np.array(rows)


def test_lockstep_gives_the_same_motion_to_the_last_bit(lockstep: RobotLink) -> None:
    first = moving_run(lockstep)
    with spawn_simulation("right", lockstep=True) as process, process.connect() as other:
        second = moving_run(other)
    np.testing.assert_array_equal(first, second)
    assert np.abs(first[-1] - SPEC.home_rad).max() > 0.05


def test_lockstep_time_is_the_clients(lockstep: RobotLink) -> None:
    lockstep.arm()
    start = lockstep.step(standing(0, 5000 * MS, SPEC.home_rad), 5000 * MS)
    assert start.mode == "ENGAGING"
    assert abs(start.t_ns - 5000 * MS) <= 2 * MS
    assert lockstep.step(None, 5100 * MS).mode == "TRACKING"
    assert lockstep.step(None, 5200 * MS).mode == "HOLD"
    assert lockstep.step(None, 7200 * MS).mode == "DISARMED"
    with pytest.raises(RobotError, match="until_ns"):
        lockstep.step(None, 1000 * MS)
    with pytest.raises(RobotError, match="until_ns"):
        lockstep.step(None, 10**15)
    with pytest.raises(RobotError, match="until_ns"):
        lockstep.step(standing(1, 9000 * MS, SPEC.home_rad), 8000 * MS)
    assert lockstep.status().lockstep


def test_long_pause_is_stepped_in_slices_with_the_same_result(lockstep: RobotLink) -> None:
    final = []
    with spawn_simulation("right", lockstep=True) as process, process.connect() as other:
        for link, slices in ((lockstep, False), (other, True)):
            link.arm()
            link.step(standing(0, 5000 * MS, SPEC.home_rad), 5000 * MS)
            message = standing(1, 6700 * MS + 1, SPEC.home_rad + 0.3 * np.eye(16)[1])
            if slices:
                final.append(link.step(message, 9_500 * MS))
            else:
                frame = encode_trajectory(message)
                asked = {"command": "step", "trajectory": frame, "until_ns": 9_500 * MS}
                link._requester.timeout_ms = 30_000  # which is what slices are for
                link._request(asked)
                final.append(link.status().state)
    np.testing.assert_array_equal(final[0].q_rad, final[1].q_rad)
    assert np.abs(final[0].q_rad - SPEC.home_rad).max() > 0.01
    assert (final[0].t_ns, final[0].mode) == (final[1].t_ns, "DISARMED")


def test_no_request_of_a_long_step_runs_longer_than_a_second(lockstep: RobotLink) -> None:
    lockstep.step(standing(0, 5000 * MS, SPEC.home_rad), 5000 * MS)
    asked = []
    request, lockstep._request = lockstep._request, lambda r: asked.append(r) or request(r)  # type: ignore[method-assign]
    state = lockstep.step(standing(1, 13_000 * MS, SPEC.home_rad), 13_000 * MS)
    assert abs(state.t_ns - 13_000 * MS) <= 2 * MS
    steps = [r["until_ns"] for r in asked if r["command"] == "step"]
    assert max(np.diff([5000 * MS, *steps])) <= 1000 * MS
    assert [r["trajectory"] is not None for r in asked if r["command"] == "step"].count(True) == 1
    assert lockstep.status().counters.accepted == 2


def test_scene_is_in_the_state_and_is_reset_by_request() -> None:
    with spawn_simulation("right", lockstep=True, scene="ball") as process, process.connect() as link:
        start = link.status().state.scene
        assert start is not None
        assert start.object == "ball"
        link.step(None, 1500 * MS)
        moved = link.step(None, 2500 * MS).scene  # by then the wrist went over the object by itself
        assert moved is not None
        assert np.abs(moved.palm - start.palm).max() > 0.005
        link.reset_scene()
        back = link.status().state.scene
        assert back is not None
        np.testing.assert_allclose(back.palm, start.palm, atol=1e-9)
        np.testing.assert_allclose(back.thing, start.thing, atol=1e-9)


def test_without_a_scene_there_is_none_to_reset(link: RobotLink) -> None:
    assert link.status().state.scene is None
    with pytest.raises(RobotError, match="no scene to reset; only a simulation has one"):
        link.reset_scene()


def test_an_unknown_scene_is_refused() -> None:
    with pytest.raises(RobotError, match=r"did not start: .*anvil"):
        spawn_simulation("right", scene="anvil")  # type: ignore[arg-type]


def test_link_without_a_wanted_hand_takes_either() -> None:
    with spawn_simulation("left") as process, connect(process.endpoint) as link:
        assert link.hand == "left"


def test_two_links_do_not_mix(link: RobotLink, simulation: SimulationProcess) -> None:
    link.arm()
    before = link.status().counters.takeovers
    with Publisher(link, SPEC.home_rad), simulation.connect() as second:
        until(lambda: mode(link) == "TRACKING", "tracking")
        with Publisher(second, SPEC.upper_rad):
            until(lambda: link.status().counters.takeovers > before + 10, "refused messages")
        assert np.abs(link.status().state.q_rad - SPEC.home_rad).max() < 0.05


def test_flood_of_large_targets_does_not_keep_stop_waiting(
    simulation: SimulationProcess, link: RobotLink
) -> None:
    content: dict[str, Any] = {"v": 1, **{f"k{i}": "x" * 400 for i in range(150)}}
    nonsense = b"target/right " + msgpack.packb(content)
    end = threading.Event()

    def flood() -> None:
        with zmq.Context() as context, context.socket(zmq.PUB) as targets:
            targets.setsockopt(zmq.LINGER, 0)
            targets.connect(parse_endpoint(simulation.endpoint).targets)
            while not end.wait(0.0002):
                targets.send(nonsense)

    before = link.status().counters
    thread = threading.Thread(target=flood)
    thread.start()
    try:
        link.arm()
        until(lambda: link.status().counters.malformed > before.malformed + 200, "the flood arrives")
        link.stop()
        assert mode(link) == "STOPPED"
    finally:
        end.set()
        thread.join()


class Waiting:
    """A socket on which messages wait already; it counts what was taken."""

    def __init__(self, frames: list[bytes], count: int) -> None:
        self.frames, self.left, self.sent = frames, count, 0
        self.at = 0  # which frame of the message comes next

    def recv(self, flags: int) -> bytes:
        if self.left == 0:
            raise zmq.Again
        frame = self.frames[self.at]
        self.at = (self.at + 1) % len(self.frames)
        self.left -= self.at == 0
        return frame

    def getsockopt(self, option: int) -> int:
        assert option == zmq.RCVMORE
        return int(self.at > 0)

    def send_multipart(self, frames: list[bytes]) -> None:
        self.sent += 1


def test_one_tick_takes_no_more_targets_than_it_has_time_for(
    runtime: RobotRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(0, 10**12, 400_000))  # every look at the clock, 0.4 ms have gone
    monkeypatch.setattr(server.time, "monotonic_ns", lambda: next(ticks))
    socket: Any = Waiting([b"target/right nonsense"], 100)
    server._take_targets(runtime, Inbox(socket, 1))
    assert 1 <= 100 - socket.left <= 3


def test_one_tick_answers_all_requests_that_wait(runtime: RobotRuntime) -> None:
    socket: Any = Waiting([b"sender", b"", msgpack.packb({"command": "clock"})], 20)
    server._answer_requests(runtime, Inbox(socket, 3), server._REQUESTS_NS)
    assert (socket.left, socket.sent) == (0, 20)


def test_a_message_of_many_frames_is_passed_over_within_the_time_there_is(
    runtime: RobotRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ns = [0]
    monkeypatch.setattr(inbox_module.time, "monotonic_ns", lambda: now_ns[0])
    socket: Any = Waiting([b"target/right x"] + [b""] * 9_999, 2)
    taken = socket.recv

    def slow(flags: int) -> bytes:
        now_ns[0] += 10_000
        return taken(flags)

    monkeypatch.setattr(socket, "recv", slow)
    inbox = Inbox(socket, 1)
    assert inbox.take(MS) == [b"target/right x", b""]
    for _ in range(40):
        before_ns = now_ns[0]
        assert inbox.take(before_ns + MS) is None
        assert now_ns[0] - before_ns <= 2 * MS  # a look at the clock comes late by a hundred frames at most
    message = None
    while message is None:
        message = inbox.take(now_ns[0] + MS)
    assert message == [b"target/right x", b""]


def test_after_a_message_of_many_frames_the_next_request_is_answered(
    simulation: SimulationProcess, link: RobotLink
) -> None:
    endpoint = parse_endpoint(simulation.endpoint)
    before = link.status().counters
    with zmq.Context() as context, context.socket(zmq.DEALER) as asker, context.socket(zmq.PUB) as targets:
        for opened in (asker, targets):
            opened.setsockopt(zmq.LINGER, 0)
            opened.setsockopt(zmq.SNDHWM, 0)
        asker.connect(endpoint.control)
        targets.connect(endpoint.targets)
        asker.send_multipart([b""] * 20_000)
        asker.send_multipart([b"", msgpack.packb({"command": "clock"})])
        assert asker.poll(5000)
        refused = msgpack.unpackb(asker.recv_multipart()[-1])
        assert refused["ok"] is False
        assert "one frame" in refused["error"]
        assert asker.poll(5000)
        assert msgpack.unpackb(asker.recv_multipart()[-1])["ok"] is True

        def flood() -> bool:
            targets.send_multipart([b"target/right x"] + [b""] * 5_000)
            return link.status().counters.malformed > before.malformed + 1

        until(flood, "messages of many frames are counted")
    link.arm()
    link.stop()
    assert mode(link) == "STOPPED"


def test_a_subscription_longer_than_any_topic_ends_its_connection(
    simulation: SimulationProcess, link: RobotLink
) -> None:
    with zmq.Context() as context, context.socket(zmq.SUB) as long, context.socket(zmq.SUB) as usual:
        for opened, topic in ((long, b"state/" + bytes(2000)), (usual, b"state/")):
            opened.setsockopt(zmq.LINGER, 0)
            opened.setsockopt(zmq.SUBSCRIBE, topic)
            if opened is long:
                opened.setsockopt(zmq.SUBSCRIBE, b"state/")
            opened.connect(parse_endpoint(simulation.endpoint).state)
        assert usual.poll(5000)
        assert not long.poll(500)


def test_trouble_that_goes_on_is_logged_once_and_changing_trouble_once_a_second(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runtime = RobotRuntime("right")
    runtime.start(0)
    runtime.advance_to(1000 * MS)
    for i in range(200):
        now_ns = (1000 + 33 * i) * MS
        runtime.offer(standing(i, now_ns - (200 + i) * MS, SPEC.home_rad), now_ns)  # later every time
    assert len(caplog.records) == 1
    for i in range(60):  # two seconds in which every message is wrong in another way
        runtime.offer_frame(
            b"target/right " + msgpack.packb({"v": 1, "x" * (i + 1): 1}), (9000 + 33 * i) * MS
        )
    assert 2 <= len(caplog.records) <= 4
    assert runtime.supervisor.counters.malformed == 60
    runtime.close()


def test_the_fault_is_told_when_the_joint_angles_are_not_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = RobotRuntime("right")
    runtime.start(0)
    runtime.supervisor.command("arm", 0)
    runtime.advance_to(100 * MS)
    before = runtime.state()
    monkeypatch.setattr(runtime.simulation, "q_rad", np.full(16, np.nan))
    runtime.advance_to(102 * MS)
    monkeypatch.setattr(runtime.simulation, "q_rad", np.full(16, np.nan))
    state = runtime.state()
    assert state.mode == "STOPPED"
    assert "not finite" in state.fault
    np.testing.assert_array_equal(state.q_rad, before.q_rad)
    np.testing.assert_array_equal(state.target_rad, before.q_rad)
    monkeypatch.undo()
    runtime.close()


@pytest.mark.skipif(os.name != "posix", reason="fills a pipe of this size")
def test_a_server_whose_log_nobody_reads_still_answers_and_stops() -> None:
    with unread_pipe() as full:
        process = subprocess.Popen(
            [sys.executable, "-m", "robot.server", "--port", "0", "--parent-pipe"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=full, cwd=ROOT,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            assert process.stdin is not None
            with connect(json.loads(process.stdout.readline())["endpoint"]) as robot:
                robot.arm()
                before = robot.status().counters.malformed
                with zmq.Context() as context, context.socket(zmq.PUB) as targets:
                    targets.connect(robot.endpoint.targets)

                    def nonsense() -> bool:
                        targets.send(b"target/right nonsense")
                        return robot.status().counters.malformed > before + 5

                    until(nonsense, "what is refused is counted")
                robot.stop()
                assert mode(robot) == "STOPPED"
            process.stdin.close()
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
            process.wait()


def test_runtime_far_behind_skips_time_and_counts_it() -> None:
    runtime = RobotRuntime("right")
    runtime.start(0)
    runtime.skip_lag(99 * MS)
    assert runtime.supervisor.counters.overruns == 0
    runtime.skip_lag(5000 * MS)
    assert runtime.supervisor.counters.overruns == 1
    assert runtime.t_ns == 4998 * MS
    runtime.close()


def test_disarmed_simulation_brakes_where_it_is() -> None:
    runtime = RobotRuntime("right")
    runtime.start(0)
    runtime.supervisor.command("arm", 0)
    for i in range(20):
        runtime.offer(standing(i, runtime.t_ns, SPEC.upper_rad), runtime.t_ns)
        runtime.advance_to(runtime.t_ns + 30 * MS)
    runtime.supervisor.command("disarm", runtime.t_ns)
    assert np.abs(runtime.simulation.dq_rad_s).max() > 1.0
    at = runtime.simulation.q_rad
    runtime.advance_to(runtime.t_ns + 300 * MS)
    assert np.abs(runtime.simulation.q_rad - at).max() < 0.05
    assert np.abs(runtime.simulation.dq_rad_s).max() < 0.01
    runtime.close()


def test_fingers_that_meet_stay_within_speed_and_position_limits() -> None:
    runtime = RobotRuntime("right")
    runtime.start(0)
    runtime.supervisor.command("arm", 0)
    lead, touched = 0.0, 0.0
    for i in range(120):
        goal, other = SPEC.upper_rad, SPEC.lower_rad
        if (i // 15) % 2:
            goal, other = other, goal
        share = min(1.0, (i % 15 + 1) / 3)  # in steps that no guard takes for a jump
        runtime.offer(standing(i, runtime.t_ns, other + share * (goal - other)), runtime.t_ns)
        for _ in range(16):
            runtime.advance_to(runtime.t_ns + 2 * MS)
            state = runtime.state()
            assert (np.abs(state.dq_rad_s) <= SPEC.max_velocity_rad_s + 1e-6).all()
            assert (state.q_rad >= SPEC.lower_rad - 0.01).all()  # another finger may press it so far
            assert (state.q_rad <= SPEC.upper_rad + 0.01).all()
            lead = max(lead, float(np.abs(state.target_rad - state.q_rad).max()))
            if runtime.supervisor.mode == "TRACKING" and i % 15 == 14:
                touched = max(touched, float(np.abs(goal - state.q_rad).max()))
    assert touched > 0.1  # some joints were kept from their goal, by other fingers
    assert lead < 0.25
    runtime.close()


@pytest.mark.parametrize("joint", [1, 4, 15])
def test_lead_limit_does_not_slow_a_free_joint(joint: int) -> None:
    arrivals = []
    for lead_rad in (SupervisorConfig().max_lead_rad, 100.0):
        runtime = RobotRuntime("right", SupervisorConfig(max_lead_rad=lead_rad))
        runtime.start(0)
        runtime.supervisor.command("arm", 0)
        start = np.array(SPEC.home_rad)
        goal = start + 0.4 * np.eye(16)[joint]
        for i in range(10):
            runtime.offer(standing(i, runtime.t_ns, start), runtime.t_ns)
            runtime.advance_to(runtime.t_ns + 30 * MS)
        assert runtime.supervisor.mode == "TRACKING"
        begin = runtime.t_ns
        while runtime.simulation.q_rad[joint] < start[joint] + 0.9 * 0.4:
            runtime.offer(standing(10 + (runtime.t_ns - begin) // (2 * MS), runtime.t_ns, goal), runtime.t_ns)
            runtime.advance_to(runtime.t_ns + 2 * MS)
        arrivals.append(runtime.t_ns - begin)
        runtime.close()
    assert abs(arrivals[0] - arrivals[1]) <= 2 * MS


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot halt a process by a signal")
def test_server_that_was_halted_holds_first() -> None:
    with spawn_simulation("right") as process, process.connect() as link:
        link.arm()
        with Publisher(link, SPEC.home_rad):
            until(lambda: mode(link) == "TRACKING", "tracking")
            before = link.status().counters
            os.kill(process.pid, signal.SIGSTOP)
            time.sleep(0.4)
            os.kill(process.pid, signal.SIGCONT)
            until(lambda: link.status().counters.overruns > before.overruns, "the stall is counted")
            assert link.status().counters.holds > before.holds
            until(lambda: mode(link) == "TRACKING", "tracking again")


@pytest.fixture(scope="module")
def runtime() -> Iterator[RobotRuntime]:
    opened = RobotRuntime("right")
    opened.start(0)
    yield opened
    opened.close()


@given(st.lists(st.binary(max_size=200), max_size=3))
@settings(max_examples=200, deadline=None)
def test_any_request_gets_a_reply_and_moves_nothing(runtime: RobotRuntime, frames: list[bytes]) -> None:
    reply = msgpack.unpackb(answer(frames, runtime, 0, lockstep=True))
    assert reply["ok"] is False
    assert runtime.supervisor.mode == "DISARMED"


values = (
    st.none() | st.integers(-(2**63), 2**64 - 1) | st.binary(max_size=20) | st.text(max_size=9) | st.floats()
)


@given(values, values, values)
@settings(max_examples=200, deadline=None)
def test_any_field_of_a_request_gets_a_reply(
    runtime: RobotRuntime, command: Any, frame: Any, until_ns: Any
) -> None:
    for request in ({"command": command}, {"command": "step", "trajectory": frame, "until_ns": until_ns}):
        reply = msgpack.unpackb(answer([msgpack.packb(request)], runtime, 0, lockstep=True))
        assert isinstance(reply["ok"], bool)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_mutated_targets_are_counted_and_move_nothing(runtime: RobotRuntime, data: st.DataObject) -> None:
    frame = bytearray(encode_trajectory(standing(1, 5 * MS, SPEC.home_rad)))
    frame[data.draw(st.integers(0, len(frame) - 1))] ^= data.draw(st.integers(1, 255))
    runtime.offer_frame(bytes(frame), 5 * MS)
    assert runtime.supervisor.mode == "DISARMED"


def test_nobody_there_is_one_sentence_and_the_link_recovers() -> None:
    address = f"tcp://127.0.0.1:{free_ports()}"
    with pytest.raises(
        RobotError, match=r"no robot server answers at .*; start one with: python launch\.py robot"
    ):
        connect(address, timeout_s=0.2)


def test_request_socket_recovers_after_a_time_out(link: RobotLink) -> None:
    patience, link._requester.timeout_ms = link._requester.timeout_ms, 0

    def ask() -> None:
        for _ in range(1000):  # now and then the answer is there before anybody can look away
            link.status()

    with pytest.raises(RobotError, match="does not answer any more; look whether it runs"):
        ask()
    link._requester.timeout_ms = patience
    assert mode(link) == "DISARMED"


def test_closed_link_says_so(simulation: SimulationProcess) -> None:
    link = simulation.connect()
    link.close()
    link.close()
    with pytest.raises(RobotError, match="closed"):
        link.arm()
    with pytest.raises(RobotError, match="closed"):
        link.state()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:5570",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:99999",
        "tcp://_robot:5570",
        "tcp://-a:1",
        "tcp://.a:1",
        "udp://a:1",
        "",
    ],
)
def test_malformed_address_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(RobotError, match="tcp://HOST:PORT"):
        connect(address)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "*", "::", "robot.local", ""])
def test_other_addresses_than_this_machine_are_refused(host: str) -> None:
    with pytest.raises(RobotError, match="ssh -L 5570"):
        serve(RobotServerConfig(host=host))


def test_loopback_names_are_accepted() -> None:
    assert require_loopback("localhost", 0) == "127.0.0.1"
    assert require_loopback("127.0.0.2", 0) == "127.0.0.2"


def free_ports() -> int:
    """The first of three ports in a row that nobody uses."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    sockets = bind(context, "127.0.0.1", 0)
    sockets.close()
    context.term()  # only now are the ports really free
    return sockets.endpoint.port


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_port_in_use_is_named_in_one_sentence(taken: int) -> None:
    first = free_ports()
    with socket.create_server(("127.0.0.1", first + taken)):
        sentence = rf"Port {first + taken} on 127\.0\.0\.1 is in use; .*--port"
        with pytest.raises(RobotError, match=sentence):
            serve(RobotServerConfig(port=first))
        with pytest.raises(RobotError, match=f"did not start: {sentence}"):
            spawn_simulation("right", port=first)


@pytest.mark.parametrize("port", [-1, 70000])
def test_impossible_port_is_refused(port: int) -> None:
    with pytest.raises(RobotError, match="1 to 65533"):
        serve(RobotServerConfig(port=port))


def test_command_line_reports_errors_with_status_one(capsys: pytest.CaptureFixture[str]) -> None:
    handlers = {number: signal.getsignal(number) for number in end_signals()}
    try:
        assert main(["--host", "0.0.0.0"]) == 1
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert capsys.readouterr().err.count("\n") == 1


def start_server(*flags: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "robot.server", "--port", "0", *flags],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "endpoint" in process.stdout.readline()
    return process


def test_server_ends_when_its_parents_pipe_closes() -> None:
    process = start_server("--parent-pipe")
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(PATIENCE_S) == 0


def test_server_ends_when_its_parent_is_killed() -> None:
    script = (
        "import sys, time; from robot import spawn_simulation; p = spawn_simulation('right');"
        "print(p.endpoint, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    address = parent.stdout.readline().strip()
    connect(address).close()
    parent.kill()
    parent.wait(PATIENCE_S)
    parent.stdout.close()

    def gone() -> bool:
        endpoint = parse_endpoint(address)
        with socket.socket() as probe:
            return probe.connect_ex((endpoint.host, endpoint.port + 2)) != 0

    until(gone, "the orphaned server ends")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals between processes")
@pytest.mark.usefixtures("heeded_hangups")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"])
def test_signals_end_the_server_cleanly(name: str) -> None:
    process = start_server()
    process.send_signal(getattr(signal, name))
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_serve_runs_in_a_thread_and_stops_when_told() -> None:
    stop, ready = threading.Event(), threading.Event()
    endpoints: list[Endpoint] = []

    def on_ready(endpoint: Endpoint) -> None:
        endpoints.append(endpoint)
        ready.set()

    thread = threading.Thread(target=serve, args=(RobotServerConfig(port=0), stop, on_ready))
    thread.start()
    assert ready.wait(PATIENCE_S)
    with connect(str(endpoints[0])) as link:
        assert link.robot == "allegro_right"
    stop.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
