"""Keeps every state a robot server sends, with its time, at next to no cost while it comes."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from types import TracebackType

import numpy as np
import zmq

from app.errors import AppError
from robot import decode_state
from robot.endpoint import parse_endpoint

_DRAIN_S = 0.05  # states queue up meanwhile: this process wakes up twenty times a second, not a hundred
_QUEUE = 10_000


@dataclass(frozen=True)
class RobotMotion:
    """What a robot did.

    Attributes:
        t_s: (M,) increasing, the server's monotonic clock; on one machine that of the captures.
        joint_names: n names.
        q_rad: (M,n) measured.
        target_rad: (M,n) what its joints were driven to.
        tracking: (M,) bool, it followed targets at full speed.
    """

    t_s: np.ndarray
    joint_names: tuple[str, ...]
    q_rad: np.ndarray
    target_rad: np.ndarray
    tracking: np.ndarray

    def ordered(self, joint_names: tuple[str, ...]) -> RobotMotion:
        """The same with its joints in another order."""
        order = [self.joint_names.index(name) for name in joint_names]
        return RobotMotion(
            self.t_s, joint_names, self.q_rad[:, order], self.target_rad[:, order], self.tracking
        )


class StateRecorder:
    """Records while it is open.

    The states are taken up by a thread as they are and read only afterwards: a benchmark should not take
    the processor from what it measures.
    """

    def __init__(self, address: str) -> None:
        """
        Args:
            address: of the robot server, tcp://HOST:PORT.
        """
        self._frames: list[bytes] = []
        self._stop = threading.Event()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, _QUEUE)
        self._socket.setsockopt(zmq.SUBSCRIBE, b"state/")
        self._socket.connect(parse_endpoint(address).state)
        self._thread = threading.Thread(target=self._run, name="state-recorder", daemon=True)
        self._thread.start()

    def motion(self) -> RobotMotion:
        """What came, once it is closed.

        Raises:
            AppError: nothing did.
        """
        states = [decode_state(frame) for frame in self._frames]
        if not states:
            raise AppError("the simulated robot sent no state; is the machine busy?")
        return RobotMotion(
            t_s=np.array([state.t_ns for state in states]) * 1e-9,
            joint_names=tuple(states[0].joint_names),
            q_rad=np.array([state.q_rad for state in states]),
            target_rad=np.array([state.target_rad for state in states]),
            tracking=np.array([state.mode == "TRACKING" for state in states]),
        )

    def close(self) -> None:
        """Stop recording; calling it twice does no harm."""
        self._stop.set()
        self._thread.join()
        self._socket.close(linger=0)
        self._context.term()

    def __enter__(self) -> StateRecorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        while not self._stop.wait(_DRAIN_S):
            while self._socket.poll(0):
                self._frames.append(self._socket.recv())
