"""Keys: written for their owner only, checked when read, and the only way in from elsewhere."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import zmq
import zmq.auth

from robot import RobotError, connect
from robot.doorkeeper import Doorkeeper
from robot.endpoint import Endpoint, bind, parse_endpoint
from robot.keys import ClientKeys, create_keys, read_client_keys, read_server_keys
from robot.server import RobotServerConfig, serve

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 20.0
GREETING_WITHOUT_KEYS = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + bytes(32)
posix = pytest.mark.skipif(os.name == "nt", reason="Windows keeps who may read a file elsewhere")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    create_keys(tmp_path / "keys")
    return tmp_path / "keys"


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that must happen; how long it takes decides nothing."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


# -- files


def test_both_sides_read_what_was_written(keys: Path) -> None:
    server, client = read_server_keys(keys / "server"), read_client_keys(keys / "client")
    assert client.server == server.own.public
    assert server.clients == {"client": client.own.public}
    assert read_server_keys(keys) == server
    assert read_client_keys(keys) == client
    assert zmq.auth.load_certificate(keys / "client" / "client.key_secret") == (
        client.own.public,
        client.own.secret,
    )


def test_a_secret_lies_only_where_it_belongs_and_is_never_shown(keys: Path) -> None:
    server, client = read_server_keys(keys), read_client_keys(keys)
    for secret, home in ((server.own.secret, keys / "server"), (client.own.secret, keys / "client")):
        holding = [path for path in keys.rglob("*") if path.is_file() and secret in path.read_bytes()]
        assert [path.parent for path in holding] == [home]
        assert secret.decode() not in repr((server, client))


@posix
def test_folders_and_secrets_are_for_their_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_keys(tmp_path / "keys")
    finally:
        os.umask(before)
    for side in ("server", "client", "server/clients"):
        assert (tmp_path / "keys" / side).stat().st_mode & 0o777 == 0o700
    for secret in tmp_path.rglob("*.key_secret"):
        assert secret.stat().st_mode & 0o777 == 0o600
    read_server_keys(tmp_path / "keys")


def test_keys_are_never_overwritten(keys: Path) -> None:
    before = {path: path.read_bytes() for path in keys.rglob("*") if path.is_file()}
    with pytest.raises(RobotError, match="never overwritten"):
        create_keys(keys)
    assert {path: path.read_bytes() for path in keys.rglob("*") if path.is_file()} == before


def test_one_more_client_joins_the_same_server(keys: Path) -> None:
    first = read_server_keys(keys)
    create_keys(keys, "booth-2")
    second = read_server_keys(keys)
    assert second.own == first.own
    assert set(second.clients) == {"client", "booth-2"}
    assert read_client_keys(keys / "booth-2").server == first.own.public


@pytest.mark.parametrize("name", ["", "server", "Server", "../x", "a/b", "a b", "x" * 65, "ä"])
def test_a_client_with_an_impossible_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RobotError, match="cannot name a client"):
        create_keys(tmp_path, name)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RobotError, match=r"\(Not a directory\); choose another --directory"):
        create_keys(tmp_path / "file" / "keys")


class FullDisk:
    """Lets so many files be written; of the next one only the beginning."""

    def __init__(self, files: int) -> None:
        self._files = files
        self._open = os.fdopen

    def __call__(self, descriptor: int, *how: Any, **more: Any) -> Any:
        self._files -= 1
        opened = self._open(descriptor, *how, **more)
        if self._files < 0:
            opened.close()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return opened


@pytest.mark.parametrize("files", range(6))
def test_a_full_disk_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("robot.keys.os.fdopen", FullDisk(files))
        with pytest.raises(RobotError, match=r"No space left on device.*choose another --directory"):
            create_keys(tmp_path / "new" / "keys")
    assert not list(tmp_path.iterdir())
    create_keys(tmp_path / "new" / "keys")
    read_server_keys(tmp_path / "new" / "keys")


def test_a_full_disk_takes_nothing_from_the_keys_there_are(
    keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.read_bytes() for path in keys.rglob("*") if path.is_file()}
    monkeypatch.setattr("robot.keys.os.fdopen", FullDisk(1))
    with pytest.raises(RobotError, match="choose another --directory"):
        create_keys(keys, "second")
    assert {path: path.read_bytes() for path in keys.rglob("*") if path.is_file()} == before
    assert not (keys / "second").exists()


@pytest.mark.parametrize("content", [b"", b"no certificate", None])
def test_a_servers_broken_key_is_to_be_removed_before_another_client_joins(
    keys: Path, content: bytes | None
) -> None:
    secret = keys / "server" / "server.key_secret"
    if content is None:
        secret.unlink()
    else:
        secret.write_bytes(content)
    with pytest.raises(RobotError, match=f"remove {re.escape(str(keys / 'server'))} and run this again"):
        create_keys(keys, "second")


@posix
@pytest.mark.parametrize(
    ("place", "mode", "words"),
    [
        ("server/server.key_secret", 0o640, "can be read by other users.*chmod go= "),
        ("server/server.key_secret", 0o604, "can be read by other users"),
        ("server", 0o770, "can be changed by other users.*chmod go-w "),
        ("server/clients", 0o722, "can be changed by other users"),
        ("server/clients/client.key", 0o666, "can be changed by other users"),
        ("client/client.key_secret", 0o644, "can be read by other users"),
        ("client/server.key", 0o646, "can be changed by other users"),
    ],
)
def test_what_others_can_get_at_is_refused(keys: Path, place: str, mode: int, words: str) -> None:
    (keys / place).chmod(mode)
    read: Callable[[Path], Any] = read_server_keys if place.startswith("server") else read_client_keys
    with pytest.raises(RobotError, match=words):
        read(keys)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 100,
        b'public-key = "short"\nsecret-key = "short"\n',
        b'public-key = "' + b"#" * 40 + b'"\nsecret-key = "' + b"#" * 40 + b'"\n',  # beyond 32 bits
        b"a" * 1_000_000,
    ],
)
def test_what_is_no_key_file_is_refused_in_one_sentence(keys: Path, content: bytes) -> None:
    for place in ("server/server.key_secret", "server/clients/client.key", "client/server.key"):
        path = keys / place
        kept = path.read_bytes()
        path.write_bytes(content)
        with pytest.raises(RobotError, match="is no certificate of ZeroMQ"):
            (read_server_keys if place.startswith("server") else read_client_keys)(keys)
        path.write_bytes(kept)


def test_keys_that_do_not_belong_together_are_refused(keys: Path, tmp_path: Path) -> None:
    create_keys(tmp_path / "other")
    mine, others = (read_client_keys(where).own for where in (keys, tmp_path / "other"))
    path = keys / "client" / "client.key_secret"
    path.write_bytes(path.read_bytes().replace(mine.public, others.public))
    with pytest.raises(RobotError, match="do not belong together"):
        read_client_keys(keys)


def test_missing_files_are_named(keys: Path, tmp_path: Path) -> None:
    with pytest.raises(RobotError, match=r"no folder with keys; make keys with: python launch\.py keys"):
        read_client_keys(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir(mode=0o700)
    with pytest.raises(RobotError, match=r"server\.key_secret cannot be read"):
        read_server_keys(tmp_path / "empty")
    (keys / "server" / "clients" / "client.key").unlink()
    with pytest.raises(RobotError, match="lists no client"):
        read_server_keys(keys)


def test_folders_that_were_mixed_up_are_told(keys: Path) -> None:
    with pytest.raises(RobotError, match=r"client is a client's folder; give the server's"):
        read_server_keys(keys / "client")
    with pytest.raises(RobotError, match=r"server is a server's folder; give the client's"):
        read_client_keys(keys / "server")


# -- the server


class Running:
    """A server in a thread of this process."""

    def __init__(self, config: RobotServerConfig) -> None:
        self._stop, ready = threading.Event(), threading.Event()
        found: list[Endpoint] = []
        self._thread = threading.Thread(
            target=serve, args=(config, self._stop, lambda at: (found.append(at), ready.set()))
        )
        self._thread.start()
        assert ready.wait(PATIENCE_S)
        self.address = f"tcp://127.0.0.1:{found[0].port}"

    def close(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path]]:
    """A server with keys, reachable at every address of this machine, and the folder of its keys."""
    directory = tmp_path_factory.mktemp("guarded") / "keys"
    create_keys(directory)
    server = Running(RobotServerConfig(host="0.0.0.0", port=0, keys=directory / "server"))
    yield server, directory
    server.close()


@pytest.fixture(scope="module")
def open_server() -> Iterator[Running]:
    server = Running(RobotServerConfig(port=0))
    yield server
    server.close()


def test_a_client_with_keys_commands_and_hears(guarded: tuple[Running, Path]) -> None:
    server, keys = guarded
    with connect(server.address, keys=keys / "client") as link:
        assert link.robot == "allegro_right"
        until(lambda: link.state() is not None, "a published state")
        link.arm()
        assert link.status().state.mode == "ENGAGING"
        link.stop()
        link.reset()
        assert link.clock_offset_ns == 0


def test_without_keys_other_addresses_are_refused_and_the_way_out_is_named() -> None:
    with pytest.raises(RobotError, match=r"without keys, .* python launch\.py keys"):
        serve(RobotServerConfig(host="0.0.0.0"))


@pytest.mark.parametrize("host", ["robot.local", "::", "", "*", "1.2.3"])
def test_with_keys_the_address_must_still_be_one(keys: Path, host: str) -> None:
    with pytest.raises(RobotError, match="IPv4 address"):
        serve(RobotServerConfig(host=host, port=0, keys=keys))


@pytest.mark.parametrize("port", [0, 5570])
def test_an_address_of_another_machine_cannot_be_bound(keys: Path, port: int) -> None:
    with pytest.raises(RobotError, match="cannot be bound"):
        serve(RobotServerConfig(host="192.0.2.1", port=port, keys=keys))


def refusal(address: str, keys: Path | None, timeout_s: float = 2.0) -> str:
    with pytest.raises(RobotError) as caught:
        connect(address, timeout_s=timeout_s, keys=keys)
    return str(caught.value)


def test_a_client_without_keys_is_told_that_it_needs_some(guarded: tuple[Running, Path]) -> None:
    assert "give --keys DIR" in refusal(guarded[0].address, None)


def test_a_client_that_is_not_listed_is_told_so(guarded: tuple[Running, Path], tmp_path: Path) -> None:
    server, keys = guarded
    create_keys(tmp_path / "other")
    public = (keys / "client" / "server.key").read_bytes()
    (tmp_path / "other" / "client" / "server.key").write_bytes(public)
    assert "does not know this client's key" in refusal(server.address, tmp_path / "other")


def test_another_server_than_expected_is_told(guarded: tuple[Running, Path], tmp_path: Path) -> None:
    create_keys(tmp_path / "other")
    assert "is not the robot server whose public key" in refusal(guarded[0].address, tmp_path / "other")


def test_keys_for_a_server_without_any_are_told(open_server: Running, keys: Path) -> None:
    # Longer than elsewhere: on a busy machine the greeting that tells it took more than two seconds once.
    assert "runs without keys" in refusal(open_server.address, keys, 5.0)


def test_nobody_there_is_still_nobody_there(keys: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        port = taken.getsockname()[1]
        assert "no robot server answers" in refusal(f"tcp://127.0.0.1:{port - 2}", keys, 0.3)


def test_something_else_that_listens_is_told_from_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        end = threading.Event()

        def hang_up() -> None:
            listening.settimeout(0.05)
            while not end.is_set():
                try:
                    listening.accept()[0].close()
                except TimeoutError:
                    continue

        thread = threading.Thread(target=hang_up)
        thread.start()
        try:
            port = listening.getsockname()[1]
            assert "is no robot server, or one that wants keys" in refusal(
                f"tcp://127.0.0.1:{port - 2}", None
            )
        finally:
            end.set()
            thread.join()


def test_strangers_move_nothing_on_any_of_the_three_ports(
    guarded: tuple[Running, Path], tmp_path: Path
) -> None:
    """No keys, a key that is not listed, and a stolen address: none is heard, all are counted."""
    server, keys = guarded
    endpoint = parse_endpoint(server.address)
    create_keys(tmp_path / "other")
    mine, other = read_client_keys(keys), read_client_keys(tmp_path / "other")
    strangers = (None, other, ClientKeys(other.own, mine.server))
    with connect(server.address, keys=keys) as link, zmq.Context() as context:
        before = link.status()
        sockets = []
        for credentials in strangers:
            for kind, address in (
                (zmq.PUB, endpoint.targets),
                (zmq.SUB, endpoint.state),
                (zmq.DEALER, endpoint.control),
            ):
                opened = context.socket(kind)
                opened.linger = 0
                if credentials is not None:
                    opened.curve_serverkey = credentials.server
                    opened.curve_publickey, opened.curve_secretkey = (
                        credentials.own.public,
                        credentials.own.secret,
                    )
                if kind == zmq.SUB:
                    opened.subscribe(b"")
                opened.connect(address)
                sockets.append((kind, opened))

        def knock() -> bool:
            for kind, opened in sockets:
                with contextlib.suppress(zmq.Again):  # one that was refused for good has no peer
                    if kind == zmq.PUB:
                        opened.send(b"target/right nonsense", zmq.DONTWAIT)
                    elif kind == zmq.DEALER:
                        opened.send_multipart([b"", msgpack.packb({"command": "arm"})], zmq.DONTWAIT)
            return link.status().counters.refused_connections >= before.counters.refused_connections + 20

        until(knock, "strangers are counted")
        assert not any(opened.poll(0) for kind, opened in sockets if kind != zmq.PUB)
        after = link.status()
        for _, opened in sockets:
            opened.close()
    assert (after.state.mode, after.counters.malformed) == ("DISARMED", before.counters.malformed)
    np.testing.assert_allclose(after.state.q_rad, before.state.q_rad, atol=2e-3)


def test_without_its_doorkeeper_a_server_lets_nobody_in(keys: Path) -> None:
    server_context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    sockets = bind(server_context, "127.0.0.1", 0, read_server_keys(keys))
    sockets.doorkeeper.close()
    with zmq.Context() as context, context.socket(zmq.REQ) as asker:
        client = read_client_keys(keys)
        asker.curve_serverkey = client.server
        asker.curve_publickey, asker.curve_secretkey = client.own.public, client.own.secret
        asker.linger = 0
        asker.connect(sockets.endpoint.control)
        asker.send(b"hello")
        assert not sockets.control.poll(500)
    for opened in (sockets.targets, sockets.state, sockets.control):
        opened.close(linger=0)
    server_context.term()


@pytest.mark.parametrize("secured", [False, True])
def test_every_socket_of_a_server_is_bounded(keys: Path, secured: bool) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    sockets = bind(context, "127.0.0.1", 0, read_server_keys(keys) if secured else None)
    for opened in (sockets.targets, sockets.state, sockets.control):
        assert 0 < opened.getsockopt(zmq.MAXMSGSIZE) < 70_000
        assert 0 < opened.getsockopt(zmq.RCVHWM) <= 16
        assert 0 < opened.getsockopt(zmq.SNDHWM) <= 16
        assert 0 < opened.getsockopt(zmq.HANDSHAKE_IVL) <= 5000
        assert opened.getsockopt(zmq.MECHANISM) == (zmq.CURVE if secured else zmq.NULL)
    sockets.close()
    context.term()


def test_doorkeeper_ends_while_strangers_still_knock(keys: Path) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    router = context.socket(zmq.ROUTER)
    doorkeeper = Doorkeeper(context, [router], read_server_keys(keys))
    port = router.bind_to_random_port("tcp://127.0.0.1")

    def knock() -> bool:
        with socket.create_connection(("127.0.0.1", port)) as stranger:
            stranger.sendall(GREETING_WITHOUT_KEYS)
        return doorkeeper.refused >= 5

    until(knock, "strangers are counted")
    doorkeeper.close()
    router.close(linger=0)
    context.term()


# -- the command line


def launch(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "launch.py"), *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_command_writes_keys_and_says_where_they_go(tmp_path: Path) -> None:
    done = launch("keys", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert read_server_keys(tmp_path / "keys").clients
    for words in ("robot --host ADDRESS --keys", "teleop --robot tcp://ADDRESS:PORT --keys"):
        assert words in done.stdout
    again = launch("keys", cwd=tmp_path)
    assert again.returncode == 1
    assert again.stderr.count("\n") == 1


def test_robot_command_refuses_other_addresses_without_keys_in_one_sentence() -> None:
    done = launch("robot", "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "launch.py keys" in done.stderr


def test_keys_with_a_robot_that_takes_none_are_refused() -> None:
    done = launch("teleop", "--robot", "sim", "--keys", "x")
    assert done.returncode == 2
    assert "--keys is for --robot tcp://" in done.stderr
