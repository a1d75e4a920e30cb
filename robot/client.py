"""The pipeline's end of the wire: publish targets, read the robot's state, send commands."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import zmq

from robot import fields as check
from robot.allegro_model import Hand
from robot.clock import OFFSET_KEY, ClockEstimate
from robot.clock_watch import TIMEOUT_MS, ClockWatch
from robot.endpoint import Endpoint, parse_endpoint
from robot.errors import RobotError
from robot.intake import PUBLISHER_KEY
from robot.keys import ClientKeys, read_client_keys
from robot.messages import (
    JointTrajectory,
    MessageError,
    RobotState,
    decode_state,
    encode_trajectory,
)
from robot.owed import Owed
from robot.requester import Requester, open_socket
from robot.supervisor_config import Counters

log = logging.getLogger(__name__)

_TIMEOUT_S = 2.0
_STEP_SLICE_NS = 1_000_000_000  # takes a server 0.1 to 0.5 s, well within the time-out
_LONGEST_STEP_NS = 3600 * 10**9  # a longer one is a clock gone wrong, and would take minutes


@dataclass(frozen=True)
class RobotStatus:
    """A robot server's answer to `status`.

    Attributes:
        robot: name of the robot, for example "allegro_right".
        hand: which hand it is.
        lockstep: whether its time is virtual.
        state: its state now.
        counters: how often each guard spoke.
        last_refusal: why the last refused target was refused; empty when none was.
    """

    robot: str
    hand: Hand
    lockstep: bool
    state: RobotState
    counters: Counters
    last_refusal: str


class RobotLink:
    """A connection to one robot server; use `connect`. Its methods may be called from several threads.

    Attributes:
        endpoint: where the server is.
        hand: the hand it drives.
        robot: the server's name for its robot.
        joint_names: the robot's joints in its own order.
        lockstep: whether the server's time is virtual.
    """

    def __init__(
        self, endpoint: Endpoint, hand: Hand | None, timeout_s: float, keys: ClientKeys | None = None
    ) -> None:
        self.endpoint = endpoint
        self._publisher = secrets.token_hex(4)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        owed = Owed()
        self._requester = Requester(self._context, endpoint, keys, int(1000 * timeout_s), owed)
        self._clock: ClockWatch | None = None
        self._publish_lock = threading.Lock()
        self._state_lock = threading.Lock()
        self._last_state: RobotState | None = None
        self._stepped_ns = 0  # virtual time that the newest step reached
        self._closed = False

        self._targets = open_socket(self._context, zmq.PUB, keys)
        self._targets.setsockopt(zmq.CONFLATE, 1)  # only the newest target matters
        self._targets.connect(endpoint.targets)
        self._states = open_socket(self._context, zmq.SUB, keys)
        self._states.setsockopt(zmq.CONFLATE, 1)
        self._states.setsockopt(zmq.SUBSCRIBE, b"state/")
        self._states.connect(endpoint.state)
        try:
            status = self.status()
            if hand is not None and status.hand != hand:
                raise RobotError(
                    f"The robot at {endpoint} is a {status.hand} hand, not a {hand} one; "
                    f"ask for --hand {status.hand}, or give the address of a {hand} hand."
                )
            self.hand = status.hand
            self.robot = status.robot
            self.joint_names = status.state.joint_names
            self.lockstep = status.lockstep
            if not self.lockstep:
                background = Requester(self._context, endpoint, keys, TIMEOUT_MS, owed)
                self._clock = ClockWatch(self._requester, background)
        except RobotError:
            self.close()
            raise

    @property
    def clock(self) -> ClockEstimate:
        """What is known about the server's clock now; kept up in the background, all zero in lock-step."""
        return ClockEstimate() if self._clock is None else self._clock.estimate

    @property
    def clock_offset_ns(self) -> int:
        """Server clock minus this machine's monotonic clock now, ns."""
        return self.clock.offset_ns(time.monotonic_ns())

    # -- targets and state
    # ---------------------------------------------------------------------------------------

    def publish(self, trajectory: JointTrajectory) -> None:
        """Send a target; never blocks, and a newer one replaces one that has not left yet.

        Times in it are on this machine's monotonic clock; the clock offset at its publication, and a name of
        this link where it has none, travel along in `meta`.

        Raises:
            RobotError: the link is closed, or the message is too large.
        """
        frame = self._encode(trajectory)
        with self._publish_lock:
            self._refuse_closed()
            self._targets.send(frame)

    def state(self) -> RobotState | None:
        """The newest state that has arrived, without waiting; None before the first; `t_ns` is its age."""
        with self._state_lock:
            self._refuse_closed()
            try:
                self._last_state = decode_state(self._states.recv(zmq.DONTWAIT))
            except zmq.Again:
                pass
            except MessageError as error:
                log.warning("state of %s ignored: %s", self.endpoint, error)
            return self._last_state

    def _encode(self, trajectory: JointTrajectory) -> bytes:
        meta: dict[str, Any] = {PUBLISHER_KEY: self._publisher, **trajectory.meta}
        offset_ns = self.clock.offset_ns(trajectory.t_publish_ns)
        return encode_trajectory(replace(trajectory, meta={**meta, OFFSET_KEY: offset_ns}))

    def step(self, trajectory: JointTrajectory | None, until_ns: int) -> RobotState:
        """Lock-step only: offer `trajectory` at its time of publication, run to `until_ns`, return the state
        there.

        A long step is asked for in slices, so that no time-out hits a pause of minutes; physics advances in
        whole steps of its own, so the motion is the same to the last bit.

        Raises:
            RobotError: the server does not run in lock-step, the times go backwards, or by more than an hour.
        """
        offered = trajectory
        publish_ns = until_ns if trajectory is None else trajectory.t_publish_ns
        for slice_ns in self._slices(publish_ns, until_ns):
            due = offered if publish_ns <= slice_ns or slice_ns == until_ns else None
            state = self._step(None if due is None else self._encode(due), slice_ns)
            if due is not None:
                offered = None
        return state

    def _slices(self, publish_ns: int, until_ns: int) -> Iterator[int]:
        """Instants up to `until_ns`, not much more than a second apart, from where the server stands."""
        now_ns = self._stepped_ns
        if self.lockstep and until_ns - now_ns > _STEP_SLICE_NS:  # another client may have been faster
            now_ns = check.integer("t_ns", self._request({"command": "clock"}).get("t_ns"))
        if now_ns == 0:  # it has not started: its time begins with the publication
            now_ns = publish_ns
        if until_ns - now_ns > _LONGEST_STEP_NS:
            raise RobotError(
                f"A step from {now_ns} to {until_ns} is longer than {_LONGEST_STEP_NS // 10**9} s; "
                "until_ns must be nearer, so check where the times come from."
            )
        yield from range(now_ns + _STEP_SLICE_NS, until_ns, _STEP_SLICE_NS)
        yield until_ns

    def _step(self, frame: bytes | None, until_ns: int) -> RobotState:
        reply = self._request({"command": "step", "trajectory": frame, "until_ns": until_ns})
        state = decode_state(reply.get("state", b""))
        with self._state_lock:
            self._last_state = state
            self._stepped_ns = state.t_ns
        return state

    # -- commands
    # ------------------------------------------------------------------------------------------------

    def arm(self) -> None:
        """Let the robot follow targets from now on.

        Without any fresh target it waits, holding its pose, and is disarmed 10 s later: arm again then.

        Raises:
            RobotError: the robot refuses (it says why), or does not answer. The same holds for every command.
                An `arm`, `home` or `reset` that was not answered is not carried out later.
        """
        self._request_in_time("arm")

    def disarm(self) -> None:
        """Let the robot rest; it does not move whatever is sent.

        Without an answer the link goes on asking for it, before anything else, until it is closed.
        """
        self._request({"command": "disarm"})

    def stop(self) -> None:
        """Stop at once and stay stopped until `reset`; unanswered, it is asked for on and on, as `disarm`."""
        self._request({"command": "stop"})

    def reset(self) -> None:
        """Leave the stop; the robot is disarmed then."""
        self._request_in_time("reset")

    def home(self) -> None:
        """Move an armed robot slowly to its home pose; it follows targets again once there.

        With none there it holds, and is disarmed 2 s later.
        """
        self._request_in_time("home")

    def reset_scene(self) -> None:
        """Put what the simulated hand is to grasp, and its wrist, back to where they started.

        Raises:
            RobotError: the robot has no scene, or does not answer.
        """
        self._request({"command": "reset_scene"})

    def status(self) -> RobotStatus:
        """Mode, counters and the newest state, asked for and answered."""
        reply = self._request({"command": "status"})
        try:
            known = {f.name for f in fields(Counters)}
            counters = Counters(**{k: int(v) for k, v in reply["counters"].items() if k in known})
            return RobotStatus(
                robot=str(reply["robot"]),
                hand=reply["hand"],
                lockstep=bool(reply["lockstep"]),
                state=decode_state(reply["state"]),
                counters=counters,
                last_refusal=str(reply["last_refusal"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RobotError(
                f"What answers at {self.endpoint} is no robot server of this version ({error!r}); "
                "update one side."
            ) from error

    def _request_in_time(self, command: str) -> None:
        """Ask for what may move the robot: a server that hears of it later than we wait does nothing."""
        request: dict[str, Any] = {"command": command}
        if self._clock is not None:  # in lock-step no time passes
            given_up_ns = time.monotonic_ns() + self._requester.timeout_ms * 1_000_000
            request["not_after_ns"] = given_up_ns + self.clock.offset_ns(given_up_ns)
        self._request(request)

    def _request(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._requester.ask(request)

    def _refuse_closed(self) -> None:
        if self._closed:
            raise RobotError(f"The link to the robot at {self.endpoint} is closed; connect again.")

    def close(self) -> None:
        """Close the sockets; the robot itself notices by its watchdog. Calling it twice does no harm."""
        with self._publish_lock, self._state_lock:
            if self._closed:
                return
            self._closed = True
            for socket in (self._targets, self._states):
                socket.close(linger=0)
        if self._clock is not None:
            self._clock.close()
        self._requester.close()
        self._context.term()

    def __enter__(self) -> RobotLink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def connect(
    address: str, hand: Hand | None = None, timeout_s: float = _TIMEOUT_S, keys: Path | None = None
) -> RobotLink:
    """Connect to a robot server; `hand` of the link tells which hand it drives.

    Args:
        address: tcp://HOST:PORT, the first of its three ports.
        hand: the hand it must drive; either if None.
        timeout_s: how long to wait for each answer, s.
        keys: folder with this client's keys, for a server that has keys.

    Raises:
        RobotError: the address is malformed, nothing answers there, it drives another hand than `hand`,
            or the keys are unusable or not those of this server.
    """
    client_keys = None if keys is None else read_client_keys(keys)
    return RobotLink(parse_endpoint(address), hand, timeout_s, client_keys)
