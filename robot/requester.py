"""Asks a robot server and says, when no answer comes, why that may be."""

from __future__ import annotations

import threading
from typing import Any

import msgpack
import zmq

from robot import fields as check
from robot.doorkeeper import handshake_events, watch_handshakes
from robot.endpoint import Endpoint, limit
from robot.errors import RobotError
from robot.keys import ClientKeys
from robot.owed import Owed

_EVENTS = (
    zmq.Event.HANDSHAKE_SUCCEEDED
    | zmq.Event.HANDSHAKE_FAILED_NO_DETAIL
    | zmq.Event.HANDSHAKE_FAILED_PROTOCOL
    | zmq.Event.HANDSHAKE_FAILED_AUTH
)
_OTHER_MECHANISM = 0x11000002  # ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH


def open_socket(
    context: zmq.Context[zmq.Socket[bytes]], kind: int, keys: ClientKeys | None
) -> zmq.Socket[bytes]:
    """A client's socket, bounded, and encrypted where there are keys; it is not connected yet."""
    opened = context.socket(kind)
    limit(opened)
    if keys is not None:
        opened.setsockopt(zmq.CURVE_SERVERKEY, keys.server)
        opened.setsockopt(zmq.CURVE_PUBLICKEY, keys.own.public)
        opened.setsockopt(zmq.CURVE_SECRETKEY, keys.own.secret)
    return opened


class Requester:
    """Sends requests, one at a time, whichever thread they come from.

    A stop or a disarm that is not answered is asked for again before anything else is.

    Args:
        context: to open sockets in.
        endpoint: where the server is.
        keys: this client's keys; None encrypts nothing.
        timeout_ms: how long to wait for each answer.
        owed: what was not answered, shared by the requesters of a link; None if this is the only one.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: Endpoint,
        keys: ClientKeys | None,
        timeout_ms: int,
        owed: Owed | None = None,
    ) -> None:
        self.timeout_ms = timeout_ms
        self._owed = Owed() if owed is None else owed
        self._was_answered = False
        self._context = context
        self._endpoint = endpoint
        self._keys = keys
        self._lock = threading.Lock()
        self._socket: zmq.Socket[bytes] | None = None
        self._handshakes: zmq.Socket[bytes] | None = None
        self._closed = False

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """One request and its reply.

        Raises:
            RobotError: no answer came in time, or the server refuses; it says why.
        """
        with self._lock:
            if self._closed:
                raise RobotError(f"The link to the robot at {self._endpoint} is closed; connect again.")
            with self._owed.turn:
                if owed := self._owed.command:
                    self._exchange({"command": owed})
                    self._owed.command = ""
            try:
                reply = self._exchange(request)
            except BaseException:
                self._owed.remember(request["command"])
                raise
        if reply.get("ok") is not True:
            raise RobotError(
                str(reply.get("error", f"The robot at {self._endpoint} refused without saying why."))
            )
        return reply

    def _exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request and wait for the reply; without one, be it for Ctrl-C, the socket is given up."""
        try:
            if self._socket is None:
                self._socket = open_socket(self._context, zmq.REQ, self._keys)
                self._handshakes = watch_handshakes(self._socket, _EVENTS)
                self._socket.connect(self._endpoint.control)
            # A server that refuses this client leaves the socket without a peer, where sending would wait.
            self._socket.setsockopt(zmq.SNDTIMEO, self.timeout_ms)
            try:
                self._socket.send(msgpack.packb(request))
                answered = bool(self._socket.poll(self.timeout_ms))
            except zmq.Again:
                answered = False
            if not answered:
                raise RobotError(self._why_silent())
            reply = check.mapping("reply", check.unpack(self._socket.recv()))
        except BaseException:
            self._drop()  # REQ would wait for this answer for ever
            raise
        self._was_answered = True
        return reply

    def _why_silent(self) -> str:
        """What the greetings on this socket tell about an answer that did not come."""
        assert self._handshakes is not None  # opened with the socket that stayed silent
        where = f"the robot server at {self._endpoint}"
        if self._was_answered:
            return f"{where} does not answer any more; look whether it runs and can be reached"
        seen = handshake_events(self._handshakes)
        kinds = {kind for kind, _ in seen}
        if zmq.Event.HANDSHAKE_SUCCEEDED in kinds or not kinds:
            return (
                f"no robot server answers at {self._endpoint}; "
                "start one with: python launch.py robot --robot sim"
            )
        if zmq.Event.HANDSHAKE_FAILED_AUTH in kinds:
            return (
                f"{where} does not know this client's key; put the client's public key into the folder "
                "clients of the server's keys and start the server again"
            )
        if (zmq.Event.HANDSHAKE_FAILED_PROTOCOL, _OTHER_MECHANISM) in seen:
            if self._keys is None:
                return (
                    f"{where} lets in only clients that have keys; give --keys DIR with the client's folder "
                    "that python launch.py keys wrote"
                )
            return f"{where} runs without keys; start it with --keys DIR, or leave --keys out here"
        if self._keys is None:
            return (
                f"what listens at {self._endpoint} is no robot server, or one that wants keys; "
                "check the port, or give --keys DIR"
            )
        return (
            f"what listens at {self._endpoint} is not the robot server whose public key this client has; "
            "check the address, or copy the client's folder of that server's keys here again"
        )

    def _drop(self) -> None:
        if self._socket is not None and self._handshakes is not None:
            self._socket.disable_monitor()
            self._socket.close(linger=0)
            self._handshakes.close(linger=0)
        self._socket = self._handshakes = None

    def close(self) -> None:
        """Close the socket; waits for the answer that another thread is waiting for."""
        with self._lock:
            self._closed = True
            self._drop()
