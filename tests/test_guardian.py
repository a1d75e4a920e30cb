"""The guardian: its judgement in explicit time, and real processes that die, hang and are killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest
from pipe_examples import unread_pipe

from robot.can import Frame, ProtocolV4
from robot.can.bus import BusSettings, CanPort
from robot.emulator.process import EmulatorProcess
from robot.emulator.trials import bring_up, freeze_server, kill_server, multicast_bus, reports
from robot.errors import RobotError
from robot.guardian import BEAT_POWERED, BEAT_UNPOWERED, FIRED, GOODBYE, HeartbeatWatch, guard
from robot.guardian_link import GuardianLink, GuardianSettings

MS = 1_000_000
ROOT = Path(__file__).resolve().parent.parent
STOP = [str(frame) for frame in ProtocolV4().stop_frames()]
PATIENT_MS = 1000.0  # so that only what a test does makes the guardian act, however busy the machine is

# As python-can writes one into a datagram.
_A_FRAME = {
    "timestamp": 0.0, "arbitration_id": 1, "is_extended_id": False, "is_remote_frame": False,
    "is_error_frame": False, "channel": None, "dlc": 0, "data": b"", "is_fd": False, "bitrate_switch": False,
    "error_state_indicator": False,
}  # fmt: skip

# -- judgement
# ---------------------------------------------------------------------------------------------------------


def test_a_beating_server_is_left_alone() -> None:
    watch = HeartbeatWatch(30 * MS)
    for k in range(1000):
        watch.take(BEAT_POWERED, k * 3 * MS)
        assert watch.verdict(k * 3 * MS + 30 * MS) == ""


def test_silence_is_judged_after_the_timeout_and_only_with_power() -> None:
    watch = HeartbeatWatch(30 * MS)
    assert watch.verdict(10_000 * MS) == ""
    watch.take(BEAT_UNPOWERED, 0)
    assert watch.verdict(10_000 * MS) == ""
    watch.take(BEAT_POWERED, 0)
    assert watch.verdict(30 * MS) == ""
    assert watch.verdict(30 * MS + 1) == "silent"
    watch.take(BEAT_POWERED, 40 * MS)
    assert watch.verdict(41 * MS) == ""
    watch.take(BEAT_POWERED + BEAT_UNPOWERED, 42 * MS)
    assert watch.verdict(10_000 * MS) == ""


def test_a_lost_connection_is_the_end_unless_there_was_a_goodbye() -> None:
    gone, left = HeartbeatWatch(MS), HeartbeatWatch(MS)
    gone.take(BEAT_POWERED, 0)
    gone.close()
    assert gone.verdict(0) == "gone"
    left.take(BEAT_UNPOWERED + GOODBYE, 0)
    left.close()
    assert left.verdict(0) == "goodbye"


def test_a_computer_that_stood_still_for_all_is_no_silent_server() -> None:
    watch = HeartbeatWatch(30 * MS)
    watch.take(BEAT_POWERED, 0)
    watch.excuse(80 * MS)  # woken then instead of at 30 ms
    assert watch.verdict(110 * MS) == ""
    assert watch.verdict(110 * MS + 1) == "silent"


def test_a_server_that_hangs_is_not_excused_for_ever() -> None:
    watch = HeartbeatWatch(30 * MS)
    watch.take(BEAT_POWERED, 0)
    for k in range(1, 6):
        watch.excuse(k * 80 * MS)
    assert watch.verdict(3 * 80 * MS + 30 * MS) == ""
    assert watch.verdict(3 * 80 * MS + 31 * MS) == "silent"
    watch.take(BEAT_POWERED, 500 * MS)
    watch.excuse(580 * MS)
    assert watch.verdict(610 * MS) == ""


def test_it_waits_no_longer_than_the_timeout() -> None:
    watch = HeartbeatWatch(30 * MS)
    watch.take(BEAT_POWERED, 0)
    assert watch.wait_s(10 * MS) == pytest.approx(0.020, abs=1e-6)
    assert watch.wait_s(50 * MS) == 0.0


class Guarded:
    """`guard` in a thread, with a bus that this test listens to and the server's end of the connection."""

    def __init__(self, name: str, timeout_ms: float) -> None:
        bus = BusSettings("virtual", name)
        self.bus, self._own = CanPort(bus), CanPort(bus)
        self.link, theirs = socket.socketpair()
        theirs.setblocking(False)
        self.link.settimeout(10.0)
        self.end = threading.Event()
        self.verdict: list[str] = []
        self._thread = threading.Thread(
            target=lambda: self.verdict.append(
                guard(theirs, self._own, ProtocolV4(), int(timeout_ms * MS), self.end)
            )
        )
        self._thread.start()

    def heard(self, count: int) -> list[str]:
        """The next `count` frames on the bus."""
        frames: list[Frame] = []
        deadline_s = time.monotonic() + 10.0
        while len(frames) < count and time.monotonic() < deadline_s:
            frame = self.bus.wait(0.1)
            if frame is not None:
                frames.append(frame)
        return [str(frame) for frame in frames]

    def join(self) -> str:
        self._thread.join(10.0)
        self.link.close()
        self.bus.close()
        self._own.close()
        return self.verdict[0]


def test_a_lost_server_is_answered_with_the_ordered_stop_three_times(tmp_path: Path) -> None:
    guarded = Guarded(f"lost-{tmp_path}", PATIENT_MS)
    guarded.link.send(BEAT_POWERED)
    assert guarded.link.recv(1) == b"."
    guarded.link.close()
    assert guarded.heard(18) == STOP * 3
    assert guarded.join() == "gone"


class Refusing:
    """A bus that takes nothing for the first `refusals` frames, 500 ms of stops, and then everything."""

    def __init__(self, refusals: int) -> None:
        self.left, self.taken = refusals, list[str]()

    def send(self, frame: Frame, t_ns: int = 0) -> None:
        if self.left:
            self.left -= 1
            raise RobotError("The bus is off.")
        self.taken.append(str(frame))


@pytest.mark.parametrize("refusals", [50 * len(STOP), 49 * len(STOP) + 2])
def test_a_guardian_does_not_give_up_while_the_bus_refuses(
    refusals: int, caplog: pytest.LogCaptureFixture
) -> None:
    mine, theirs = socket.socketpair()
    mine.close()
    port = Refusing(refusals)
    with theirs:
        verdict = guard(theirs, port, ProtocolV4(), 30 * MS, threading.Event())  # type: ignore[arg-type]
        assert verdict == "gone"
    assert port.taken[-3 * len(STOP) :] == STOP * 3
    assert len(port.taken) == 3 * len(STOP) + (-refusals) % len(STOP)  # a part of a stop is no stop
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert "did not reach the hand, cut its power" in said[0]
    assert said[1] == "the server is gone; the hand was stopped"


_ON_A_REFUSING_BUS = """
import sys
import robot.guardian as guardian
from robot.errors import RobotError

class Port:
    def __init__(self, *_arguments, **_options):
        self.asked = 0
    def send(self, frame, t_ns=0):
        self.asked += 1
        if self.asked <= 50:
            raise RobotError("The bus is off.")
        sys.stdout.write("stopped\\n")
        sys.stdout.flush()
    def close(self):
        pass

guardian.CanPort = Port
sys.exit(guardian.main(["--interface", "none", "--port", sys.argv[1], "--timeout-ms", "1000"]))
"""


@pytest.mark.skipif(os.name != "posix", reason="fills a pipe of this size")
def test_a_guardian_whose_log_nobody_reads_goes_on_stopping() -> None:
    with unread_pipe() as full, socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20.0)
        process = subprocess.Popen(
            [sys.executable, "-c", _ON_A_REFUSING_BUS, str(listener.getsockname()[1])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=full, text=True, cwd=ROOT,
        )  # fmt: skip
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("token\n")
            process.stdin.flush()
            link, _ = listener.accept()
            link.settimeout(20.0)
            assert link.recv(100).startswith(b"token")
            link.close()  # the server is gone
            watch = threading.Timer(20.0, process.kill)
            watch.start()
            assert process.stdout.readline() == "stopped\n"
            assert process.wait() == 0
            watch.cancel()
        finally:
            process.kill()
            process.wait()


def test_a_guardian_says_that_a_silent_servers_hand_was_stopped_only_when_it_was(
    caplog: pytest.LogCaptureFixture,
) -> None:
    mine, theirs = socket.socketpair()
    theirs.setblocking(False)
    port = Refusing(3 * len(STOP))
    mine.send(BEAT_POWERED)
    thread = threading.Thread(target=guard, args=(theirs, port, ProtocolV4(), 5 * MS, threading.Event()))
    thread.start()
    deadline_s = time.monotonic() + 10.0
    while len(port.taken) < 2 * len(STOP) and time.monotonic() < deadline_s:
        time.sleep(0.005)
    mine.send(GOODBYE)
    thread.join(10.0)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert "did not reach" in said[0]
    assert said[1] == "the robot server is silent; the hand was stopped"
    mine.close()
    theirs.close()


def test_a_goodbye_leaves_the_bus_alone(tmp_path: Path) -> None:
    guarded = Guarded(f"goodbye-{tmp_path}", PATIENT_MS)
    guarded.link.send(BEAT_UNPOWERED)
    guarded.link.send(GOODBYE)
    guarded._thread.join(10.0)
    assert guarded.bus.receive() == []
    assert guarded.join() == "goodbye"


def test_a_hanging_server_is_stopped_again_and_again_until_it_yields(tmp_path: Path) -> None:
    guarded = Guarded(f"hang-{tmp_path}", 5.0)
    guarded.link.send(BEAT_POWERED)
    assert guarded.heard(12) == STOP * 2
    said = guarded.link.recv(16)
    while FIRED not in said:
        said += guarded.link.recv(16)
    guarded.link.send(BEAT_UNPOWERED)
    assert guarded.link.recv(1) == b"."
    guarded.bus.receive()
    guarded.link.send(GOODBYE)
    assert guarded.join() == "goodbye"


def test_a_guardian_that_is_told_to_end_stops_the_hand_first(tmp_path: Path) -> None:
    guarded = Guarded(f"end-{tmp_path}", PATIENT_MS)
    guarded.link.send(BEAT_POWERED)
    guarded.end.set()
    assert guarded.heard(6) == STOP
    assert guarded.join() == ""


def test_timeouts_out_of_range_are_refused() -> None:
    with pytest.raises(RobotError, match="5 to 1000 ms"):
        GuardianSettings(BusSettings("udp_multicast"), timeout_ms=2.0)


# -- processes
# ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def bus() -> BusSettings:
    """A bus between processes; skips where the system has no multicast."""
    settings = multicast_bus()
    try:
        one, other = CanPort(settings), CanPort(settings)
        try:
            one.send(Frame(0x123))
            heard = other.wait(2.0)
        finally:
            one.close()
            other.close()
    except RobotError as error:
        pytest.skip(f"no bus between processes here: {error}")
    if heard is None:
        pytest.skip("multicast does not reach another socket of this machine")
    return settings


@pytest.fixture
def emulator(bus: BusSettings) -> Iterator[EmulatorProcess]:
    with EmulatorProcess(bus) as running:
        yield running


@pytest.fixture
def patient(tmp_path: Path) -> tuple[str, ...]:
    """Arguments under which a busy machine is no reason to stop."""
    text = (Path(__file__).resolve().parents[1] / "robot/configs/allegro_v4.yaml").read_text(encoding="utf-8")
    path = tmp_path / "patient.yaml"
    path.write_text(text.replace("max_silence_ms: 10.0", "max_silence_ms: 2000.0"), encoding="utf-8")
    return ("--hand-config", str(path), "--guardian-timeout-ms", str(PATIENT_MS))


def test_a_bus_that_hands_frames_back_does_so_unnoticed(bus: BusSettings) -> None:
    one, other = CanPort(bus), CanPort(bus)
    try:
        for k in range(4):
            one.send(Frame(0x100 + k % 2))
        other.send(Frame(0x100))
        heard = [frame for _ in range(20) if (frame := one.wait(0.05)) is not None]
        assert heard == [Frame(0x100)]
    finally:
        one.close()
        other.close()


@pytest.mark.parametrize(
    "datagram",
    [
        b"hello",
        b"",
        msgpack.packb([1, 2]),
        msgpack.packb({**_A_FRAME, "arbitration_id": float("nan")}),
        msgpack.packb({**_A_FRAME, "is_remote_frame": [1]}),
        msgpack.packb({**_A_FRAME, "is_remote_frame": {"a": 1}}),
    ],
)
def test_a_datagram_that_is_no_frame_is_passed_over(bus: BusSettings, datagram: bytes) -> None:
    group, _, port = bus.resolved_channel.partition(":")
    ours, theirs = CanPort(bus), CanPort(bus)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)
        stranger.sendto(datagram, (group, int(port)))
    good = Frame(0x123, b"good", False)
    theirs.send(good)
    heard: list[Frame] = []
    deadline_s = time.monotonic() + 10.0
    while good not in heard and time.monotonic() < deadline_s:
        heard += ours.receive()
        time.sleep(0.005)
    assert heard == [good]
    assert ours.foreign["garbage"] == 1
    ours.close()
    theirs.close()


def test_the_hand_loses_its_torque_when_its_server_is_killed(
    bus: BusSettings, emulator: EmulatorProcess, patient: tuple[str, ...]
) -> None:
    assert kill_server(emulator, bus, *patient).latency_ms < 5000.0
    assert emulator.report()["periods_ms"] == [0, 0, 0]


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="processes cannot be frozen here")
def test_a_server_that_hangs_loses_the_hand_and_says_so_when_it_goes_on(
    bus: BusSettings, emulator: EmulatorProcess, patient: tuple[str, ...]
) -> None:
    _, fault = freeze_server(emulator, bus, 0.3, *patient)
    assert "The guardian stopped the hand because this server was silent" in fault
    assert not emulator.report()["driven"]


def test_without_a_guardian_a_killed_server_leaves_the_torque_on(
    bus: BusSettings, emulator: EmulatorProcess, patient: tuple[str, ...]
) -> None:
    server = bring_up(bus, "--seconds", "60", "--move", "0.4", "--no-guardian", *patient)
    try:
        emulator.wait_for("driven")
    finally:
        server.kill()
        server.communicate()
    time.sleep(0.2)
    assert emulator.report()["on"]  # which is why there is one


@pytest.mark.parametrize("number", ["SIGKILL", "SIGTERM"])
def test_a_server_whose_guardian_is_gone_stops_with_its_reason(
    bus: BusSettings, emulator: EmulatorProcess, patient: tuple[str, ...], number: str
) -> None:
    if not hasattr(signal, number):
        pytest.skip(f"there is no {number} here")
    server = bring_up(bus, "--seconds", "4", "--move", "0.4", *patient)
    assert server.stdout is not None
    try:
        emulator.wait_for("driven")
        first = reports_of_one_line(server)
        os.kill(first["guardian_pid"], getattr(signal, number))
        emulator.wait_for("idle")
        last = reports(server.stdout)[-1]
    finally:
        server.kill()
        server.communicate()
    assert last["fault"] == "The guardian process has ended, so the hand was stopped; restart the server."
    assert last["mode"] == "STOPPED"


def reports_of_one_line(server: subprocess.Popen[str]) -> dict[str, int]:
    assert server.stdout is not None
    return dict(json.loads(server.stdout.readline()))


def test_the_guardian_survives_what_ends_its_servers_group(
    bus: BusSettings, emulator: EmulatorProcess
) -> None:
    link = GuardianLink(GuardianSettings(bus, timeout_ms=PATIENT_MS))
    try:
        if hasattr(os, "getpgid"):
            assert os.getsid(link.pid) != os.getsid(0)
        for name in ("SIGINT", "SIGHUP", "SIGQUIT"):
            if hasattr(signal, name) and sys.platform != "win32":
                os.kill(link.pid, getattr(signal, name))
        for _ in range(20):
            time.sleep(0.005)
            t_ns = time.monotonic_ns()
            link.beat(t_ns, powered=False)
            assert link.check(t_ns) == ""
    finally:
        link.close()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="processes cannot be frozen here")
def test_a_guardian_that_has_not_stopped_the_hand_is_not_killed(
    bus: BusSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robot.guardian_link._EXIT_S", 0.1)
    listener = CanPort(bus)
    link = GuardianLink(GuardianSettings(bus, timeout_ms=PATIENT_MS))
    try:
        os.kill(link.pid, signal.SIGSTOP)  # it needs longer than anyone waits
        link.close(stopped=False)
        link.close()
        os.kill(link.pid, signal.SIGCONT)
        heard = [str(frame) for _ in range(18) if (frame := listener.wait(2.0)) is not None]
        assert heard == STOP * 3
        link._process.wait(10.0)
    finally:
        link._process.kill()
        listener.close()


@pytest.mark.usefixtures("heeded_hangups")
@pytest.mark.parametrize("name", ["SIGHUP", "SIGQUIT"])
def test_a_hung_up_bring_up_stops_the_hand_itself(
    bus: BusSettings, emulator: EmulatorProcess, patient: tuple[str, ...], name: str
) -> None:
    if not hasattr(signal, name):
        pytest.skip(f"there is no {name} here")
    server = bring_up(bus, "--seconds", "60", "--move", "0.4", "--no-guardian", *patient)
    try:
        emulator.wait_for("driven")
        server.send_signal(getattr(signal, name))
        emulator.wait_for("idle")
        server.communicate(timeout=30.0)
        assert server.returncode == 0
    finally:
        server.kill()
        server.communicate()


def test_a_guardian_without_a_bus_is_no_guardian() -> None:
    with pytest.raises(RobotError, match="The guardian did not start: The CAN bus"):
        GuardianLink(GuardianSettings(BusSettings("udp_multicast", "not-a-group"), timeout_ms=PATIENT_MS))


def test_the_wrong_hand_is_refused_by_the_whole_program(bus: BusSettings, patient: tuple[str, ...]) -> None:
    with EmulatorProcess(bus, "left"):
        server = bring_up(bus, "--seconds", "1.5", "--move", "0.4", *patient)
        try:
            assert server.stdout is not None
            last = reports(server.stdout)[-1]
        finally:
            server.kill()
            server.communicate()
    assert "is a left hand, not a right one" in last["fault"]


def test_the_emulator_refuses_unknown_faults() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "robot.emulator", "--interface", "virtual", "--fault", "fire"],
        cwd=Path(__file__).resolve().parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith('There is no fault "fire"; the faults are drop,')


def test_a_stop_that_did_not_get_through_is_left_to_the_guardian(bus: BusSettings) -> None:
    listener = CanPort(bus)
    link = GuardianLink(GuardianSettings(bus, timeout_ms=PATIENT_MS))
    try:
        link.close(stopped=False)
        heard = [str(frame) for _ in range(18) if (frame := listener.wait(2.0)) is not None]
        assert heard == STOP * 3
    finally:
        listener.close()
