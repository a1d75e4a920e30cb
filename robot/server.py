"""The robot server: a process that owns the robot, plays targets at its own rate and answers requests.

Runs as `python -m robot.server --hand right --port 0 [--lockstep] [--scene table] [--parent-pipe]`.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import zmq

from robot.allegro_model import HANDS, Hand
from robot.allegro_runtime import AllegroRuntime, AllegroSettings, open_allegro
from robot.control import answer
from robot.endpoint import DEFAULT_HOST, DEFAULT_PORT, Endpoint, ServerSockets, bind
from robot.errors import RobotError
from robot.inbox import Inbox
from robot.keys import read_server_keys
from robot.messages import encode_state, target_topic
from robot.realtime import request_realtime
from robot.runtime import RobotRuntime
from robot.scene import OBJECTS, SceneConfig
from robot.signals import end_signals
from robot.simulation import STEP_NS
from robot.supervisor_config import SupervisorConfig
from robot.writer import logging_aside

log = logging.getLogger(__name__)

# From zmq.h; PyZMQ has no name for it. Messages that are parts of ZeroMQ's receive buffers keep these whole
# while they wait, and its heap grows a little whenever more of them wait than ever before.
_ZERO_COPY_RECV = 10
_STATE_PERIOD_NS = 10_000_000  # 100 Hz
_IDLE_MS = 50  # how long a lock-step server waits before it looks whether it shall stop
_REQUEST_FRAMES = 3  # sender, an empty one, and what is asked
_REQUESTS_NS = 5_000_000  # share of a tick that requests may take: time enough for dozens,
_TARGETS_NS = 1_000_000  # and what targets may take: a flood of either may not starve the loop


@dataclass(frozen=True)
class RobotServerConfig:
    """What a robot server runs and where it listens.

    Attributes:
        hand: "right" or "left".
        host: address to bind to; only this machine's own without keys.
        port: first of three ports in a row; 0 finds free ones.
        lockstep: time is virtual and moved by the client's `step` requests.
        keys: folder with the server's keys; None encrypts nothing.
        supervisor: times and thresholds of the mode machine.
        scene: what stands under a simulated hand; None for a hand in the air.
        gui: show the simulation in a window of its own, too.
        allegro: a real hand instead of a simulated one.
    """

    hand: Hand = "right"
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    lockstep: bool = False
    keys: Path | None = None
    supervisor: SupervisorConfig = field(default_factory=SupervisorConfig)
    scene: SceneConfig | None = None
    gui: bool = False
    allegro: AllegroSettings | None = None


def serve(
    config: RobotServerConfig,
    stop: threading.Event | None = None,
    on_ready: Callable[[Endpoint], None] | None = None,
) -> None:
    """Run the server until `stop` is set; the robot is disarmed on the way out.

    Args:
        config: what to run.
        stop: set from a signal handler or another thread to end it.
        on_ready: called once with the address, when the server answers.

    Raises:
        RobotError: the address or the keys cannot be used, or the simulation cannot start.
    """
    stop = stop or threading.Event()
    keys = None if config.keys is None else read_server_keys(config.keys)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with contextlib.suppress(zmq.ZMQError):  # a ZeroMQ that does not know it
        context.set(_ZERO_COPY_RECV, 0)
    try:
        sockets = bind(context, config.host, config.port, keys)
        try:
            _run(config, sockets, stop, on_ready)
        finally:
            sockets.close()
    finally:
        context.term()


def _run(
    config: RobotServerConfig,
    sockets: ServerSockets,
    stop: threading.Event,
    on_ready: Callable[[Endpoint], None] | None,
) -> None:
    runtime = _open(config)
    try:
        sockets.targets.setsockopt(zmq.SUBSCRIBE, target_topic(config.hand) + b" ")
        log.info("%s at %s", runtime.spec.name, sockets.endpoint)
        if on_ready is not None:
            on_ready(sockets.endpoint)
        if isinstance(runtime, RobotRuntime) and config.lockstep:
            _run_lockstep(runtime, sockets, stop)
        else:
            _run_real_time(runtime, sockets, stop)
    finally:
        runtime.close()
        sockets.state.send(encode_state(runtime.state(), runtime.spec.name), zmq.DONTWAIT)


def _open(config: RobotServerConfig) -> RobotRuntime | AllegroRuntime:
    """The robot that is asked for, a simulated or a real one."""
    if config.allegro is None:
        return RobotRuntime(config.hand, config.supervisor, config.scene, config.gui)
    if config.lockstep:
        raise RobotError("A real hand has its own time and cannot run in lock-step; leave --lockstep out.")
    runtime = open_allegro(config.allegro, time.monotonic_ns(), config.supervisor)
    request_realtime()
    return runtime


def _run_real_time(
    runtime: RobotRuntime | AllegroRuntime, sockets: ServerSockets, stop: threading.Event
) -> None:
    """Requests first, then targets as they come, control steps as they are due, state at 100 Hz."""
    poller = zmq.Poller()
    targets, control = Inbox(sockets.targets, 1), Inbox(sockets.control, _REQUEST_FRAMES)
    poller.register(targets.socket, zmq.POLLIN)
    poller.register(control.socket, zmq.POLLIN)
    simulated = isinstance(runtime, RobotRuntime)
    measurement = runtime.fileno()
    if measurement is not None:
        poller.register(measurement, zmq.POLLIN)
    requests_ns = _REQUESTS_NS if simulated else _TARGETS_NS
    runtime.start(time.monotonic_ns())
    publish_ns = runtime.t_ns
    gc.collect()
    gc.freeze()  # what lives now lives on; to look at it again and again only delays the loop
    while not stop.is_set():
        # A real hand says when a step is due; what cannot wake the poller has to be asked.
        slack_ns = runtime.t_ns + STEP_NS - time.monotonic_ns()
        wait_ms = max(0, -(-slack_ns // 1_000_000)) if simulated else 1 if measurement is None else 2
        ready = dict(poller.poll(wait_ms))
        if control.socket in ready:
            _answer_requests(runtime, control, requests_ns)
        if targets.socket in ready:
            _take_targets(runtime, targets)
        runtime.supervisor.counters.refused_connections = sockets.doorkeeper.refused
        now_ns = time.monotonic_ns()
        runtime.skip_lag(now_ns)
        runtime.advance_to(now_ns)
        if now_ns >= publish_ns:
            sockets.state.send(encode_state(runtime.state(), runtime.spec.name), zmq.DONTWAIT)
            publish_ns = max(publish_ns + _STATE_PERIOD_NS, now_ns)


def _answer_requests(runtime: RobotRuntime | AllegroRuntime, inbox: Inbox, most_ns: int) -> None:
    """Answer the requests that wait, of each client in turn; after a stop the others wait for the robot."""
    end_ns = time.monotonic_ns() + most_ns
    was = runtime.supervisor.mode
    while _answer_request(runtime, inbox, end_ns, lockstep=False) and time.monotonic_ns() < end_ns:
        if runtime.supervisor.mode == "STOPPED" != was:
            return


def _take_targets(runtime: RobotRuntime | AllegroRuntime, inbox: Inbox) -> None:
    """Take the targets that wait, at least one, for as long as the loop can spare."""
    t_ns = time.monotonic_ns()
    end_ns = t_ns + _TARGETS_NS
    while t_ns < end_ns:
        frames = inbox.take(end_ns)
        if frames is None:
            return
        t_ns = time.monotonic_ns()
        if len(frames) == 1:
            runtime.offer_frame(frames[0], t_ns)
            t_ns = time.monotonic_ns()
        else:
            runtime.refuse("A target of several frames came; a message is exactly one frame.", t_ns)


def _answer_request(
    runtime: RobotRuntime | AllegroRuntime, inbox: Inbox, end_ns: int, lockstep: bool
) -> bool:
    """Answer the next request, if it is one: sender, an empty frame, then what REQ was given.

    Returns:
        Whether anything waited.
    """
    frames = inbox.take(end_ns)
    if frames is None:
        return False
    sender, *request = frames
    # Only now: a clock read before the question was asked would look like another machine's.
    t_ns = runtime.t_ns if lockstep else time.monotonic_ns()
    if request and request[0] == b"":
        inbox.socket.send_multipart([sender, b"", answer(request[1:], runtime, t_ns, lockstep)])
    return True


def _run_lockstep(runtime: RobotRuntime, sockets: ServerSockets, stop: threading.Event) -> None:
    """Nothing moves but by request, so the same requests give the same motion to the last bit."""
    control = Inbox(sockets.control, _REQUEST_FRAMES)
    while not stop.is_set():
        if not control.socket.poll(_IDLE_MS):
            continue
        runtime.supervisor.counters.refused_connections = sockets.doorkeeper.refused
        _answer_request(runtime, control, time.monotonic_ns() + _REQUESTS_NS, lockstep=True)
        sockets.state.send(encode_state(runtime.state(), runtime.spec.name), zmq.DONTWAIT)


def run(config: RobotServerConfig, parent_pipe: bool = False) -> None:
    """Run the server in the foreground: says where it listens on standard output, ends on a signal.

    Args:
        config: what to run.
        parent_pipe: end when standard input closes, which it does when the parent process dies, however it
            dies; Ctrl-C is then left to the parent, which may still want to say something to the robot.

    Raises:
        RobotError: see `serve`.
    """
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    # Signals to a group of processes reach the parent too, which still has to disarm and ask for counters.
    for number in end_signals():
        signal.signal(number, signal.SIG_IGN if parent_pipe else on_signal)
    if parent_pipe:
        threading.Thread(target=_wait_for_parent, args=(stop,), name="parent-pipe", daemon=True).start()
    with logging_aside():
        serve(config, stop, _announce)


def _wait_for_parent(stop: threading.Event) -> None:
    # Read the descriptor itself: a thread blocked inside sys.stdin would hold its lock at interpreter exit.
    while os.read(0, 4096):
        pass
    stop.set()


def _announce(endpoint: Endpoint) -> None:
    ports = {"targets": endpoint.port, "state": endpoint.port + 1, "control": endpoint.port + 2}
    sys.stdout.write(json.dumps({"endpoint": str(endpoint), "ports": ports}) + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line of the module; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m robot.server", description=__doc__.split("\n")[0])
    parser.add_argument("--hand", choices=HANDS, default="right")
    parser.add_argument(
        "--host", default=DEFAULT_HOST, help="address to bind to; not only this machine's own with --keys"
    )
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="first of three ports in a row; 0 finds them"
    )
    parser.add_argument(
        "--lockstep", action="store_true", help="virtual time, moved by the client's step requests"
    )
    parser.add_argument("--keys", type=Path, help="folder with the server's keys; see launch.py keys")
    parser.add_argument(
        "--scene", choices=("none", "table"), default="none", help="a table under the hand, with an object"
    )
    parser.add_argument("--object", choices=OBJECTS, default="cube", help="what stands on the table")
    parser.add_argument("--parent-pipe", action="store_true", help="end when standard input closes")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    scene = SceneConfig(given.object) if given.scene == "table" else None
    config = RobotServerConfig(given.hand, given.host, given.port, given.lockstep, given.keys, scene=scene)
    try:
        run(config, parent_pipe=given.parent_pipe)
    except RobotError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
