"""The socket on which the operator is told of: on this machine, or with keys."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import zmq

from robot import RobotError
from robot.keys import ClientKeys, create_keys, read_client_keys, read_server_keys
from robot.publisher import Publisher, parse_publish_address
from robot.wrist_subscriber import WristSubscriber

PATIENCE_S = 20.0
SILENCE_MS = 500


def subscriber(endpoint: str, keys: ClientKeys | None = None) -> zmq.Socket:
    socket = zmq.Context.instance().socket(zmq.SUB)
    socket.setsockopt(zmq.LINGER, 0)
    if keys is not None:
        socket.setsockopt(zmq.CURVE_SERVERKEY, keys.server)
        socket.setsockopt(zmq.CURVE_PUBLICKEY, keys.own.public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, keys.own.secret)
    socket.setsockopt(zmq.SUBSCRIBE, b"body ")
    socket.connect(endpoint)
    return socket


def heard(publisher: Publisher, socket: zmq.Socket, again: Callable[[], bool]) -> bytes | None:
    """What arrives while the publisher goes on sending."""
    while again():
        publisher.send(b"wrist no")
        publisher.send(b"body yes")
        if socket.poll(20):
            return socket.recv()
    return None


def test_subscribers_of_this_machine_get_the_topic_they_asked_for():
    publisher = Publisher("tcp://127.0.0.1:0")
    socket = subscriber(publisher.endpoint)
    deadline = time.monotonic() + PATIENCE_S
    try:
        assert heard(publisher, socket, lambda: time.monotonic() < deadline) == b"body yes"
    finally:
        socket.close()
        publisher.close()
        publisher.close()
    assert publisher.sent > 0


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7"])
def test_nobody_else_is_told_without_keys(host):
    with pytest.raises(RobotError, match="without keys, as anyone there could watch the operator"):
        Publisher(f"tcp://{host}:0")


def test_with_keys_only_those_who_have_them_are_told(tmp_path):
    create_keys(tmp_path / "keys")
    publisher = Publisher("tcp://0.0.0.0:0", read_server_keys(tmp_path / "keys"))
    endpoint = publisher.endpoint.replace("0.0.0.0", "127.0.0.1")
    stranger, friend = subscriber(endpoint), subscriber(endpoint, read_client_keys(tmp_path / "keys"))
    deadline = time.monotonic() + PATIENCE_S
    try:
        assert heard(publisher, friend, lambda: time.monotonic() < deadline) == b"body yes"
        assert not stranger.poll(SILENCE_MS)
    finally:
        stranger.close()
        friend.close()
        publisher.close()


def test_a_taken_port_is_one_sentence():
    first = Publisher("tcp://127.0.0.1:0")
    try:
        with pytest.raises(RobotError, match="choose an address of this machine and a free port"):
            Publisher(first.endpoint)
    finally:
        first.close()


@pytest.mark.parametrize("address", ["127.0.0.1:5580", "tcp://127.0.0.1", "tcp://127.0.0.1:70000", "ipc://x"])
def test_other_addresses_are_refused(address):
    with pytest.raises(RobotError, match="no address to publish on"):
        parse_publish_address(address)


@pytest.mark.parametrize("address", ["localhost:5580", "tcp://127.0.0.1:0"])
def test_who_listens_is_told_of_an_address_to_listen_to(address):
    with pytest.raises(RobotError, match=r"no address to listen to; .* port from 1 to 65535"):
        WristSubscriber(address, "right")


def test_a_name_that_is_no_address_is_refused():
    with pytest.raises(RobotError, match="IPv4 address of this machine"):
        Publisher("tcp://robot.example:0")
