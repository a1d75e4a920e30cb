"""Decides who may connect to a server that has keys, and counts those who did not get in.

Runs in a thread of its own: a crowd at the door must not hold up the robot's loop. Who is let in is asked for
by ZeroMQ over its authentication protocol ZAP (rfc.zeromq.org/spec/27); as the sockets insist on an answer,
nobody gets in once this thread is gone.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Iterable

import zmq
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

from robot.keys import ServerKeys

log = logging.getLogger(__name__)

_ZAP_ADDRESS = "inproc://zeromq.zap.01"  # fixed by the protocol
_ZAP_DOMAIN = b"posehand"
_ZAP_VERSION = b"1.0"
_FAILED = (
    zmq.Event.HANDSHAKE_FAILED_NO_DETAIL
    | zmq.Event.HANDSHAKE_FAILED_PROTOCOL
    | zmq.Event.HANDSHAKE_FAILED_AUTH
)
_WAIT_MS = 100  # how long it may take to notice that it shall end
_PAUSE_S = 0.001  # between two decisions: a flood of requests may not take the interpreter from the loop
_SILENCE_S = 10.0  # between two lines about strangers
_serial = itertools.count()


class Doorkeeper:
    """Watches the door of some sockets of one context, which must not be bound yet.

    Args:
        context: of the sockets.
        sockets: to watch.
        keys: whom to let in, by CurveZMQ; None lets in everybody and only counts broken greetings.

    Attributes:
        refused: connections so far that ended before they were a client's: wrong key, no key, half a
            greeting. ZeroMQ drops without a word what passes for the greeting of its oldest version, which is
            most of what is no ZeroMQ at all.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        sockets: Iterable[zmq.Socket[bytes]],
        keys: ServerKeys | None,
    ) -> None:
        self.refused = 0
        self._names = {} if keys is None else {public: name for name, public in keys.clients.items()}
        self._poller = zmq.Poller()
        self._zap: zmq.Socket[bytes] | None = None
        self._watched = list(sockets)
        self._monitors = [watch_handshakes(socket, _FAILED) for socket in self._watched]
        for monitor in self._monitors:
            self._poller.register(monitor, zmq.POLLIN)
        if keys is not None:
            self._zap = context.socket(zmq.REP)
            self._zap.setsockopt(zmq.LINGER, 0)
            self._zap.bind(_ZAP_ADDRESS)
            self._poller.register(self._zap, zmq.POLLIN)
            for socket in self._watched:
                socket.setsockopt(zmq.CURVE_SERVER, 1)
                socket.setsockopt(zmq.CURVE_SECRETKEY, keys.own.secret)
                socket.setsockopt(zmq.ZAP_DOMAIN, _ZAP_DOMAIN)
                socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)  # without: no doorkeeper, no check
        self._said_s = -_SILENCE_S
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="doorkeeper", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and give its sockets back; call it before the watched sockets are closed."""
        self._end.set()
        self._thread.join()
        for socket, monitor in zip(self._watched, self._monitors, strict=True):
            socket.disable_monitor()
            monitor.close(linger=0)
        if self._zap is not None:
            self._zap.close(linger=0)

    def _run(self) -> None:
        while not self._end.is_set():
            for ready, _ in self._poller.poll(_WAIT_MS):
                if ready is self._zap:
                    self._decide(self._zap)
                else:
                    self.refused += len(handshake_events(ready))
            time.sleep(_PAUSE_S)

    def _decide(self, zap: zmq.Socket[bytes]) -> None:
        """Answer one request: version, number, domain, address, identity, mechanism, credentials."""
        request = zap.recv_multipart()
        public = z85.encode(request[6]) if len(request) == 7 and request[5] == b"CURVE" else b""
        name = self._names.get(public)
        if name is None:
            if time.monotonic() - self._said_s > _SILENCE_S:
                self._said_s = time.monotonic()
                log.warning("refused a client whose public key is not in the list: %s", public.decode())
            status, text = b"400", b"this public key is not in the list of clients"
        else:
            log.info("client %s connected", name)
            status, text = b"200", b"OK"
        number = request[1] if len(request) > 1 else b""
        zap.send_multipart([_ZAP_VERSION, number, status, text, (name or "").encode(), b""])


def watch_handshakes(socket: zmq.Socket[bytes], events: int) -> zmq.Socket[bytes]:
    """A socket on which these events of `socket`, which has neither bound nor connected yet, will arrive.

    Its queue has no limit, as ZeroMQ's own thread would stand still while it was full.
    """
    address = f"inproc://handshakes-{next(_serial)}"
    socket.monitor(address, events)
    monitor = socket.context.socket(zmq.PAIR)
    monitor.setsockopt(zmq.RCVHWM, 0)
    monitor.setsockopt(zmq.LINGER, 0)
    monitor.connect(address)
    return monitor


def handshake_events(monitor: zmq.Socket[bytes], most: int = 1000) -> list[tuple[int, int]]:
    """The events that wait at a monitor, with their values, without waiting for any."""
    events: list[tuple[int, int]] = []
    while len(events) < most and monitor.poll(0):
        event = parse_monitor_message(monitor.recv_multipart())
        events.append((int(event["event"]), int(event["value"])))
    return events
