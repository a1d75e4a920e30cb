"""An arm controller's end of the wire: the newest wrist and the newest joint targets of one hand."""

from __future__ import annotations

import logging
from types import TracebackType

import zmq

from robot.allegro_model import Hand
from robot.fields import MessageError
from robot.keys import ClientKeys
from robot.messages import JointTrajectory, decode_trajectory, target_topic
from robot.publisher import parse_publish_address
from robot.requester import open_socket
from robot.wrist_messages import WristPose, decode_wrist, wrist_topic

log = logging.getLogger(__name__)


class WristSubscriber:
    """Listens to what `teleop --publish` tells of one hand; what is malformed is logged and left out.

    Args:
        address: tcp://HOST:PORT that was given to `--publish`.
        hand: "right" or "left".
        keys: this client's keys, where the publisher has keys.

    Attributes:
        wrist: the newest wrist, None before the first.
        targets: the newest joint targets of the robot hand, None before the first.

    Raises:
        RobotError: the address is malformed.
    """

    def __init__(self, address: str, hand: Hand, keys: ClientKeys | None = None) -> None:
        parse_publish_address(address, listens=True)
        self.wrist: WristPose | None = None
        self.targets: JointTrajectory | None = None
        self._hand = hand
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = open_socket(self._context, zmq.SUB, keys)
        for topic in (wrist_topic(hand), target_topic(hand)):
            self._socket.setsockopt(zmq.SUBSCRIBE, topic + b" ")
        self._socket.connect(address)

    def poll(self, timeout_s: float = 0.0) -> bool:
        """Take in all that has come, waiting up to `timeout_s` for the first; False where nothing came.

        Of each kind only the newest is kept. ZeroMQ's own CONFLATE would keep one of all kinds together.
        """
        if not self._socket.poll(round(1e3 * timeout_s)):
            return False
        while True:
            try:
                frames = self._socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return True
            if len(frames) != 1:  # only the first one's topic was looked at
                log.warning("a message of %d frames ignored; one is exactly one frame", len(frames))
                continue
            frame = frames[0]
            try:
                if frame.startswith(b"wrist/"):
                    self.wrist = decode_wrist(frame)
                else:
                    self.targets = decode_trajectory(frame)
            except MessageError as error:
                log.warning("a message of the %s hand ignored: %s", self._hand, error)

    def close(self) -> None:
        """Close the socket; calling it twice does no harm."""
        self._socket.close(linger=0)
        self._context.term()

    def __enter__(self) -> WristSubscriber:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
