"""The guardian: a process of its own that stops the hand when the server can no longer do it.

The hand's firmware has no watchdog: when its host dies, the motors keep the last torque. So a second
process, with its own connection to the bus, listens to the server's heartbeat over a loopback connection and
sends the ordered stop (torque 0, off, period 0) when

    the connection ends without a goodbye    the server died, was killed or crashed: at once
    no beat comes for the timeout            it hangs, while the hand has power: again every 20 ms, until the
                                             server says that it has taken the power away, or is gone too
    it is itself told to end (SIGTERM)       before it ends

It does not end before the bus took a whole ordered stop: until then it tries every 10 ms, for ever if
need be.

It needs nothing from the server for that, and runs in a session of its own, so that a Ctrl-C or a hang-up
meant for the server does not end it. The server in turn stops the hand when the guardian is gone.

Runs as `python -m robot.guardian`; `robot.guardian_link` starts it.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Literal

from robot.allegro_versions import VERSION_HELP, make_protocol
from robot.can.bus import BusSettings, CanPort
from robot.can.protocol import HandProtocol
from robot.errors import RobotError
from robot.realtime import GUARDIAN_PRIORITY, request_realtime
from robot.writer import logging_aside

log = logging.getLogger("robot.guardian")  # also when it runs as __main__

# What travels on the heartbeat connection, a byte each.
BEAT_POWERED, BEAT_UNPOWERED, GOODBYE = b"P", b"U", b"Q"  # server to guardian
READY, FAILED, ECHO, FIRED = b"R", b"E", b".", b"F"  # guardian to server
TOKEN_CHARACTERS = 32

_FIRE_AGAIN_NS = 20_000_000
_MORE_STOPS, _LAST_STOP_PAUSE_S = 2, 0.01  # a dead server's hand is told so twice more once the bus took it
_IDLE_S = 0.2
_LATE_NS = 5_000_000  # a wake-up later than that says that the computer as a whole stood still
_MAX_EXCUSES = 3
_CONNECT_S = 10.0

Verdict = Literal["", "silent", "gone", "goodbye"]


class HeartbeatWatch:
    """Judges a server by its beats. Pure; explicit times.

    Args:
        timeout_ns: longest silence while the hand has power, ns.
    """

    def __init__(self, timeout_ns: int) -> None:
        self._timeout_ns = timeout_ns
        self._beat_ns: int | None = None  # newest beat while the hand has power; None while it has none
        self._excused = 0  # since the newest beat
        self._end: Verdict = ""

    def take(self, beats: bytes, t_ns: int) -> None:
        """Bytes of the server that were read at `t_ns`; the last one counts."""
        if GOODBYE in beats:
            self._end = "goodbye"
        elif beats:
            self._excused = 0
            self._beat_ns = t_ns if beats.endswith(BEAT_POWERED) else None

    def excuse(self, t_ns: int) -> None:
        """This process was woken late itself: the computer stood still for all, and the server gets its time.

        Three times without a beat between; a server that hangs on an overloaded computer is stopped too.
        """
        if self._beat_ns is not None and self._excused < _MAX_EXCUSES:
            self._excused += 1
            self._beat_ns = t_ns

    def close(self) -> None:
        """The connection ended."""
        self._end = self._end or "gone"

    def verdict(self, t_ns: int) -> Verdict:
        """Empty while all is well."""
        if self._end:
            return self._end
        if self._beat_ns is not None and t_ns - self._beat_ns > self._timeout_ns:
            return "silent"
        return ""

    def wait_s(self, t_ns: int) -> float:
        """How long nothing needs to be judged unless something comes."""
        if self._beat_ns is None:
            return _IDLE_S
        return max(0.0, (self._beat_ns + self._timeout_ns - t_ns + 1) / 1e9)


def ordered_stop(port: CanPort, protocol: HandProtocol) -> str:
    """Torque 0, off, period 0, each frame even if one before it failed.

    Returns:
        Empty when the bus took all of them, otherwise why it did not.
    """
    refused = ""
    for frame in protocol.stop_frames():
        try:
            port.send(frame)
        except RobotError as error:
            refused = refused or str(error)
    return refused


def guard(
    link: socket.socket,
    port: CanPort,
    protocol: HandProtocol,
    timeout_ns: int,
    end: threading.Event,
) -> Verdict:
    """Watch until the server is gone, said goodbye, or `end` is set; the hand is stopped unless it did.

    Does not return before the bus took a whole ordered stop, unless there was a goodbye.

    Returns:
        Why it ended; empty for `end`.
    """
    watch = HeartbeatWatch(timeout_ns)
    fired_ns = 0  # 0 while the server beats
    told: set[bool] = set()  # what was logged since it fell silent: stopped, not stopped
    while not end.is_set():
        asleep_ns = time.monotonic_ns()
        wait_s = _FIRE_AGAIN_NS / 1e9 if fired_ns else min(_IDLE_S, watch.wait_s(asleep_ns))
        readable, _, _ = select.select([link], [], [], wait_s)
        now_ns = time.monotonic_ns()
        if readable:
            # Read before judging: beats that waited while this process was late are beats.
            _read(link, watch)
        elif not fired_ns and now_ns - asleep_ns - int(wait_s * 1e9) > _LATE_NS:
            watch.excuse(now_ns)
        verdict = watch.verdict(now_ns)
        if verdict == "goodbye":
            return verdict
        if verdict == "gone":
            break
        if verdict == "silent" and now_ns - fired_ns >= _FIRE_AGAIN_NS:
            refused = ordered_stop(port, protocol)
            if not fired_ns:
                told.clear()
                with contextlib.suppress(OSError):
                    link.send(FIRED)
            fired_ns = now_ns
            _tell("the robot server is silent", refused, told)
        elif not verdict:
            fired_ns = 0
    reason = "the guardian was ended" if end.is_set() else "the server is gone"
    told.clear()
    while refused := ordered_stop(port, protocol):
        _tell(reason, refused, told)
        time.sleep(_LAST_STOP_PAUSE_S)
    for _ in range(_MORE_STOPS):
        time.sleep(_LAST_STOP_PAUSE_S)
        ordered_stop(port, protocol)
    _tell(reason, "", told)
    return "" if end.is_set() else "gone"


def _tell(reason: str, refused: str, told: set[bool]) -> None:
    """Log once that the hand was stopped, and once that it was not."""
    stopped = not refused
    if stopped in told:
        return
    told.add(stopped)
    if stopped:
        log.error("%s; the hand was stopped", reason)
    else:
        log.error("%s, but the stop did not reach the hand, cut its power; trying on: %s", reason, refused)


def _read(link: socket.socket, watch: HeartbeatWatch) -> None:
    try:
        beats = link.recv(4096)
        if beats:
            watch.take(beats, time.monotonic_ns())
            link.send(ECHO)
        else:
            watch.close()
    except BlockingIOError:
        return
    except OSError:  # a killed process resets its connections
        watch.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status. The token of the connection is read from standard input."""
    parser = argparse.ArgumentParser(prog="python -m robot.guardian")
    parser.add_argument("--interface", required=True, help="a python-can interface")
    parser.add_argument("--channel", default="", help="the bus of that interface")
    parser.add_argument("--bitrate", type=int, default=BusSettings.bitrate, help="bit/s")
    parser.add_argument("--version", default="v4", help=VERSION_HELP)
    parser.add_argument("--device", type=int, default=0, help="device number")
    parser.add_argument("--zeros", type=Path, help="v2, v3: YAML file with the zeros of each hand")
    parser.add_argument("--serial", default="", help="v2, v3: which hand of that file")
    parser.add_argument("--port", type=int, required=True, help="where the server listens on loopback")
    parser.add_argument("--timeout-ms", type=float, required=True, help="longest silence")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    end = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        end.set()

    signal.signal(signal.SIGTERM, on_signal)
    for name in ("SIGINT", "SIGHUP", "SIGQUIT"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    token = sys.stdin.readline().strip().encode("ascii", "replace")
    try:
        link = socket.create_connection(("127.0.0.1", given.port), timeout=_CONNECT_S)
    except OSError as error:
        sys.stderr.write(f"The guardian cannot reach its server on port {given.port} ({error}).\n")
        return 1
    with link:
        link.sendall(token)
        try:
            protocol = make_protocol(given.version, given.zeros, given.serial, given.device)
            port = CanPort(BusSettings(given.interface, given.channel, given.bitrate), listen=False)
        except RobotError as error:
            with contextlib.suppress(OSError):
                link.sendall(FAILED + str(error).encode("utf-8"))
            return 1
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request_realtime(GUARDIAN_PRIORITY)
        gc.disable()  # nothing here makes cycles, and a collection costs milliseconds
        link.sendall(READY)
        link.setblocking(False)
        try:
            with logging_aside():
                guard(link, port, protocol, int(given.timeout_ms * 1e6), end)
        finally:
            port.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
