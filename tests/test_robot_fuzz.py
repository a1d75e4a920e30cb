"""Ten thousand wrong messages, and crowds at the door: counted, nothing moves, the server lives.

The messages are valid ones with bits flipped, bytes cut off, added or moved, and fields made of whatever
msgpack can carry. What cannot be decoded must leave an armed robot exactly where its real publisher wants it.
What can be decoded is a message like any other: it must be counted, and the limits hold.
"""

from __future__ import annotations

import contextlib
import copy
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from robot import JointTrajectory, MessageError, RobotLink, RobotStatus, connect, decode_trajectory, hand_spec
from robot.clock import on_server_clock
from robot.control import answer
from robot.endpoint import parse_endpoint
from robot.keys import create_keys
from robot.messages import MAX_MESSAGE_BYTES, WristTrajectory, encode_trajectory
from robot.runtime import RobotRuntime

SPEC = hand_spec("right")
MS = 1_000_000
ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 30.0
TOPIC = b"target/right "
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + bytes(32)


def trajectory(seq: int, t_ns: int, q_rad: np.ndarray | None = None, **meta: Any) -> JointTrajectory:
    q_rad = np.asarray(SPEC.home_rad) if q_rad is None else q_rad
    t_all_ns = t_ns + 33 * MS * np.arange(3)
    return JointTrajectory(
        seq=seq,
        hand="right",
        valid=True,
        source_state="tracking",
        t_capture_ns=t_ns,
        t_publish_ns=t_ns,
        joint_names=SPEC.joint_names,
        t_ns=t_all_ns,
        q_rad=np.tile(q_rad, (3, 1)),
        wrist=WristTrajectory(t_all_ns, np.zeros((3, 3)), np.ones((3, 6))),
        meta={"publisher": "the real one", **meta},
    )


def mutated(frame: bytes, rng: np.random.Generator) -> bytes:
    """The frame, its topic left alone, with a few of its bytes changed, cut, repeated, moved or added."""
    payload = bytearray(frame[len(TOPIC) :])
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(0, len(payload) + 1))
        kind = rng.integers(0, 6)
        if kind == 0 and at < len(payload):
            payload[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1 and at < len(payload):
            payload[at] = int(rng.integers(0, 256))
        elif kind == 2:
            del payload[at:]
        elif kind == 3:
            payload[at:at] = rng.bytes(int(rng.integers(1, 40)))
        elif kind == 4:
            payload[at:at] = payload[at : at + int(rng.integers(1, 200))]
        else:
            del payload[at : at + int(rng.integers(1, 40))]
    return TOPIC + bytes(payload)


HOSTILE: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 2**62 + 1, 2**63, 2**64 - 1, -(2**63), 1e7, 1e308, 5e-324, -0.0),
    *(
        float("nan"),
        float("inf"),
        "",
        "x" * 300,
        "\0",
        b"",
        b"\xff" * 70,
        [],
        {},
        [[]],
        {"": 0},
        {"v": {"v": 1}},
    ),
    *([0.0] * 257, [[0.0] * 16] * 65, msgpack.ExtType(1, b""), msgpack.Timestamp(0, 1)),
)


def altered(frame: bytes, rng: np.random.Generator) -> bytes:
    """The frame with one to three values, anywhere in it, replaced, left out, repeated or renamed."""
    content = msgpack.unpackb(frame[len(TOPIC) :])
    for _ in range(rng.integers(1, 4)):
        place: Any = content
        while True:
            keys = list(place) if isinstance(place, dict) else range(len(place))
            if not len(keys):
                break
            key = keys[int(rng.integers(0, len(keys)))]
            if isinstance(place[key], dict | list) and place[key] and rng.random() < 0.7:
                place = place[key]
                continue
            kind = rng.integers(0, 6)
            if kind == 0:
                del place[key]
            elif kind == 1 and isinstance(place, list):
                place.insert(key, copy.deepcopy(place[key]))
            elif kind == 1:
                place[key + "x"] = place.pop(key)
            else:
                place[key] = copy.deepcopy(HOSTILE[int(rng.integers(0, len(HOSTILE)))])
            break
    return packed(content)


def decodes(frame: bytes) -> bool:
    """Whether it is a legal message; one that says it is valid must be finite then."""
    try:
        message = on_server_clock(decode_trajectory(frame))
    except MessageError:
        return False
    assert not message.valid or (np.abs(message.q_rad) <= 1e6).all()
    assert message.q_rad.shape == (len(message.t_ns), len(message.joint_names))
    return True


def packed(value: Any) -> bytes:
    return TOPIC + msgpack.packb(value, datetime=True)


def with_field(name: str, value: Any) -> bytes:
    content = msgpack.unpackb(encode_trajectory(trajectory(1, 10**9))[len(TOPIC) :])
    return packed({**content, name: value})


def bombs() -> list[bytes]:
    """What is meant to exhaust memory, stack or patience rather than to be understood."""
    deep: Any = 0
    for _ in range(400):
        deep = {"a": deep}
    return [
        TOPIC,
        TOPIC + b"\x91" * 10_000,
        TOPIC + b"\x81\xa1a" * 10_000,
        TOPIC + b"\xdd\xff\xff\xff\xff",  # an array of 2^32 - 1
        TOPIC + b"\xdf\xff\xff\xff\xff",  # a map of 2^32 - 1
        TOPIC + b"\xdb\xff\xff\xff\xff",  # a text of 4 GiB
        TOPIC + b"\xc6\xff\xff\xff\xff",
        TOPIC + b"\xc9\xff\xff\xff\xff\x01",
        TOPIC + b"\xc1" * 60_000,
        TOPIC + b"\xa5\xff\xfe\xfd\xfc\xfb",  # no UTF-8
        packed({"v": 1, "seq": [0] * 60_000}),
        packed([[]] * 60_000),
        packed({"v": 1, "meta": [[[]] * 256] * 200}),
        packed({"v": 1, **{f"k{i}": 0 for i in range(8_000)}}),
        packed({"v": 1, "x" * 60_000: 1}),
        packed({1: 1}),
        packed({b"v": 1}),
        packed({"v": msgpack.ExtType(5, b"x" * 1000)}),
        packed(msgpack.Timestamp(2**33, 5)),
        with_field("meta", deep),
        with_field("t_publish_ns", msgpack.Timestamp(1, 2)),
        with_field("seq", 2**64 - 1),
        with_field("q_rad", [[float("nan")] * 16] * 3),
        with_field("q_rad", [[2**64 - 1] * 16] * 3),
        with_field("q_rad", [[1e308] * 16] * 3),
        with_field("joint_names", ["x"] * 16),
        with_field("v", 2),
        with_field("v", 1.0),
        with_field("v", None),
        with_field("meta", {"clock_offset_ns": 2**62}),
        with_field("meta", {"clock_offset_ns": 0.5}),
        with_field("meta", {"clock_offset_ns": float("inf")}),
        with_field("wrist", {"t_ns": [], "position_m": [], "rotation_6d": []}),
    ]


class Tracking:
    """A robot that follows a publisher who wants one pose, in virtual time."""

    def __init__(self) -> None:
        self.runtime = RobotRuntime("right")
        self.runtime.start(1000 * MS)
        self.seq = 0
        self.runtime.supervisor.command("arm", self.runtime.t_ns)
        for _ in range(20):
            self.publish()
        assert self.runtime.supervisor.mode == "TRACKING"
        self.q_rad = self.runtime.simulation.q_rad

    def publish(self) -> None:
        """One message of the real publisher, and the 30 ms up to the next."""
        self.seq += 1
        self.runtime.offer(trajectory(self.seq, self.runtime.t_ns), self.runtime.t_ns)
        self.runtime.advance_to(self.runtime.t_ns + 30 * MS)

    def assert_unmoved(self) -> None:
        assert self.runtime.supervisor.mode == "TRACKING"
        np.testing.assert_allclose(self.runtime.simulation.q_rad, self.q_rad, atol=1e-3)


@pytest.fixture(scope="module")
def tracking() -> Iterator[Tracking]:
    robot = Tracking()
    yield robot
    robot.runtime.close()


def test_no_bomb_is_a_message() -> None:
    assert [frame[:40] for frame in bombs() if decodes(frame)] == []


@pytest.mark.parametrize("inner", [[], {}])
def test_making_thousands_of_lists_and_maps_is_given_up_early(inner: Any) -> None:
    with pytest.raises(MessageError, match="over 512 lists and maps"):
        decode_trajectory(with_field("meta", [[inner] * 256] * 200))


def test_six_thousand_damaged_messages_leave_a_tracking_robot_where_it_is(tracking: Tracking) -> None:
    rng = np.random.default_rng(1)
    counters = tracking.runtime.supervisor.counters
    before, offered = asdict(counters), 0
    frames = bombs()
    while offered < 6_000:
        now_ns = tracking.runtime.t_ns
        base = encode_trajectory(trajectory(tracking.seq + 1, now_ns))
        frames += [damage(base, rng) for damage in (mutated, altered) for _ in range(100)]
        for frame in frames:
            if not decodes(frame):
                tracking.runtime.offer_frame(frame, now_ns)
                offered += 1
        frames = []
        tracking.publish()
        tracking.assert_unmoved()
    after = asdict(counters)
    changed = {name for name in after if after[name] != before[name]}
    assert after["malformed"] - before["malformed"] == offered
    assert changed <= {"malformed", "accepted"}


def test_damage_that_still_decodes_is_counted_and_moves_nothing_beyond_the_limits() -> None:
    rng = np.random.default_rng(2)
    robot = Tracking()
    runtime, offered = robot.runtime, 0
    while offered < 1_500:
        if runtime.supervisor.mode == "STOPPED":  # a damaged name is a second publisher, which is a fault
            runtime.supervisor.command("reset", runtime.t_ns)
        runtime.supervisor.command("arm", runtime.t_ns)
        robot.publish()
        frame = encode_trajectory(trajectory(robot.seq + 1, runtime.t_ns, rng.uniform(-2.0, 2.0, 16)))
        for i in range(100):
            damaged = (mutated if i % 2 else altered)(frame, rng)
            if not decodes(damaged):
                continue
            before = sum(asdict(runtime.supervisor.counters).values())
            runtime.offer_frame(damaged, runtime.t_ns)
            assert sum(asdict(runtime.supervisor.counters).values()) > before
            offered += 1
        for _ in range(10):
            runtime.advance_to(runtime.t_ns + 3 * MS)
            state = runtime.state()
            assert (
                np.abs(state.dq_rad_s) <= 1.1 * SPEC.max_velocity_rad_s
            ).all()  # the physics may overshoot
            assert (np.clip(state.q_rad, SPEC.lower_rad - 0.02, SPEC.upper_rad + 0.02) == state.q_rad).all()
            if runtime.supervisor.mode in ("ENGAGING", "TRACKING"):
                inside = np.clip(state.target_rad, SPEC.lower_rad - 0.005, SPEC.upper_rad + 0.005)
                np.testing.assert_array_equal(state.target_rad, inside)
    runtime.close()


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=8))
    | st.builds(msgpack.Timestamp, st.integers(0, 2**33), st.integers(0, 10**9 - 1)),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=12,
)
FIELDS = [
    *("v", "seq", "hand", "valid", "source_state", "t_capture_ns", "t_publish_ns"),
    *("joint_names", "t_ns", "q_rad", "wrist", "meta", "another"),
]


@given(st.dictionaries(st.sampled_from(FIELDS), anything, min_size=1, max_size=3))
@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_fields_of_anything_are_refused_or_counted(tracking: Tracking, changes: dict[str, Any]) -> None:
    runtime = tracking.runtime
    base = encode_trajectory(trajectory(tracking.seq, runtime.t_ns - 30 * MS))  # it was published already
    content = msgpack.unpackb(base[len(TOPIC) :], strict_map_key=False)
    frame = packed({**content, **changes})
    counters = runtime.supervisor.counters
    before, malformed = sum(asdict(counters).values()), counters.malformed
    legal = decodes(frame)
    runtime.offer_frame(frame, runtime.t_ns)
    assert sum(asdict(counters).values()) > before
    assert (counters.malformed > malformed) == (not legal)
    assert len(runtime.last_refusal) < 1500
    if runtime.supervisor.mode == "STOPPED":  # a legal message with another `publisher` is a second one
        runtime.supervisor.command("reset", runtime.t_ns)
        runtime.supervisor.command("arm", runtime.t_ns)
        runtime.advance_to(runtime.t_ns + 200 * MS)
        for _ in range(5):
            tracking.publish()
    np.testing.assert_allclose(runtime.simulation.q_rad, tracking.q_rad, atol=5e-3)


@given(anything | st.dictionaries(st.sampled_from(["command", "trajectory", "until_ns", "x"]), anything))
@settings(max_examples=700, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_requests_of_anything_get_an_error_and_change_nothing(tracking: Tracking, request_: Any) -> None:
    before = (tracking.runtime.supervisor.mode, tracking.runtime.t_ns)
    reply = msgpack.unpackb(answer([msgpack.packb(request_)], tracking.runtime, before[1], lockstep=True))
    assert reply["ok"] is False
    assert (tracking.runtime.supervisor.mode, tracking.runtime.t_ns) == before


# -- over sockets


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that must happen; how long it takes decides nothing."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


class ServerProcess:
    """A server in a process of its own; `limit` bounds the files it may open."""

    def __init__(self, *flags: str, keys: Path | None = None, limit: int = 0) -> None:
        self.keys = keys
        code = "import sys; from robot.server import main; sys.exit(main(sys.argv[1:]))"
        if limit:
            code = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit})); {code}"
        if keys is not None:
            flags = (*flags, "--keys", str(keys))
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "--port", "0", "--parent-pipe", *flags],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = next(line for line in self.process.stdout if '"endpoint"' in line)
        self.address = line.split('"')[3]

    def connect(self) -> RobotLink:
        return connect(self.address, timeout_s=PATIENCE_S, keys=self.keys)

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.poll() is None, "the server died"
        self.process.stdin.close()
        assert self.process.wait(PATIENCE_S) == 0
        self.process.stdout.close()


@pytest.fixture(scope="module")
def open_server() -> Iterator[ServerProcess]:
    server = ServerProcess()
    yield server
    server.close()


@pytest.fixture(scope="module")
def guarded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    directory = tmp_path_factory.mktemp("fuzz") / "keys"
    create_keys(directory)
    server = ServerProcess(keys=directory)
    yield server
    server.close()


class Publisher:
    """The real publisher: one pose, again and again, from a thread of its own."""

    def __init__(self, link: RobotLink) -> None:
        self._link, self._end = link, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        seq = time.monotonic_ns() // MS  # later publishers count on from higher numbers
        while not self._end.wait(0.01):
            seq += 1
            self._link.publish(trajectory(seq, time.monotonic_ns()))

    def __enter__(self) -> Publisher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


def follow(link: RobotLink) -> RobotStatus:
    """Wait until the robot is where its publisher wants it; a busy machine may have made the watchdog act."""

    def arrived() -> bool:
        state = link.status().state
        if state.mode == "DISARMED":
            link.arm()
        return state.mode == "TRACKING" and bool(np.abs(state.q_rad - SPEC.home_rad).max() < 1e-3)

    until(arrived, "the robot follows its publisher")
    return link.status()


def assert_unmoved(link: RobotLink, before: RobotStatus) -> None:
    now = link.status()
    assert (now.state.fault, now.counters.faults) == ("", before.counters.faults)
    if now.counters.watchdog_disarms == before.counters.watchdog_disarms:
        assert now.state.mode in ("TRACKING", "HOLD", "ENGAGING")
        np.testing.assert_allclose(now.state.q_rad, before.state.q_rad, atol=2e-3)


def test_four_thousand_wrong_messages_over_a_socket_are_all_counted_while_the_robot_tracks(
    open_server: ServerProcess,
) -> None:
    rng = np.random.default_rng(4)
    base = encode_trajectory(trajectory(1, time.monotonic_ns()))
    frames = [frame for frame in bombs() if not decodes(frame) and len(frame) <= MAX_MESSAGE_BYTES]
    while len(frames) < 4_000:
        frame = (mutated if len(frames) % 2 else altered)(base, rng)
        if not decodes(frame):
            frames.append(frame)
    endpoint = parse_endpoint(open_server.address)
    with open_server.connect() as link, Publisher(link), zmq.Context() as context:
        before = follow(link)
        with context.socket(zmq.PUB) as targets:
            targets.setsockopt(zmq.SNDHWM, 0)  # nothing may be lost: every one shall be counted
            targets.setsockopt(zmq.LINGER, 0)
            targets.connect(endpoint.targets)

            def joined() -> bool:
                targets.send(TOPIC + b"\xc1")
                return link.status().counters.malformed > before.counters.malformed

            until(joined, "the stranger is heard")
            time.sleep(0.3)  # its last hello is counted before the counting starts
            start = link.status().counters.malformed
            for i, frame in enumerate(frames):
                targets.send(frame)
                if i % 50 == 0:
                    assert_unmoved(link, before)
            until(lambda: link.status().counters.malformed >= start + len(frames), "all of them are counted")
            assert link.status().counters.malformed == start + len(frames)
        assert_unmoved(link, before)
        follow(link)
        link.disarm()


def test_oversized_messages_end_their_connection_and_nothing_else(open_server: ServerProcess) -> None:
    endpoint = parse_endpoint(open_server.address)
    with open_server.connect() as link, zmq.Context() as context:
        before = link.status()
        for kind, address in ((zmq.PUB, endpoint.targets), (zmq.DEALER, endpoint.control)):
            with context.socket(kind) as opened:
                opened.setsockopt(zmq.LINGER, 0)
                opened.connect(address)
                for _ in range(30):
                    with contextlib.suppress(zmq.Again):
                        opened.send(TOPIC + bytes(2_000_000), zmq.DONTWAIT)
                    time.sleep(0.002)
        after = link.status()
        assert after.state.mode == before.state.mode
        np.testing.assert_allclose(after.state.q_rad, before.state.q_rad, atol=2e-3)


def crowd(server: ServerProcess, connections: int) -> None:
    """Connect again and again to all three ports: silent, with half a greeting, a whole one, or garbage."""
    rng = np.random.default_rng(5)
    endpoint = parse_endpoint(server.address)
    held: list[socket.socket] = []
    for i in range(connections):
        with contextlib.suppress(OSError):  # a server out of files lets connections wait or fail
            stranger = socket.create_connection(("127.0.0.1", endpoint.port + i % 3), timeout=0.5)
            held.append(stranger)
            stranger.sendall((b"", GREETING[:11], GREETING, rng.bytes(200), b"\xff" + rng.bytes(63))[i % 5])
        if len(held) > 150:
            held.pop(0).close()
    for stranger in held:
        stranger.close()


def test_ten_thousand_strangers_leave_a_server_with_keys_at_work(guarded_server: ServerProcess) -> None:
    with guarded_server.connect() as link, Publisher(link):
        before = follow(link)
        crowd(guarded_server, 10_000)
        assert_unmoved(link, before)
        after = link.status()
        assert after.counters.refused_connections - before.counters.refused_connections > 1_000
        assert after.counters.malformed == before.counters.malformed
        follow(link)
        link.disarm()
    with guarded_server.connect() as newcomer:
        assert newcomer.status().state.mode == "DISARMED"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_server_that_has_no_files_left_lives_and_lets_clients_in_again() -> None:
    server = ServerProcess(limit=120)
    endpoint = parse_endpoint(server.address)
    with server.connect() as link, contextlib.ExitStack() as held:
        for i in range(300):
            with contextlib.suppress(OSError):
                stranger = socket.create_connection(("127.0.0.1", endpoint.port + i % 3), timeout=0.5)
                held.enter_context(stranger)
        assert link.status().state.mode == "DISARMED"
        link.arm()
        link.stop()
        assert link.status().state.mode == "STOPPED"
    with server.connect() as newcomer:
        assert newcomer.status().state.mode == "STOPPED"
    server.close()
