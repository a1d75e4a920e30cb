"""CurveZMQ keys of a robot server and its clients: written once, for their owner only, and checked when read.

    DIR/server/server.key_secret    the server's secret       stays on the robot's machine
    DIR/server/clients/NAME.key     who may come in           one public key for each client
    DIR/NAME/client.key_secret      a client's secret         goes to the operator's machine
    DIR/NAME/server.key             the server's public key   tells the client that it is the right server

Files are ZeroMQ certificates (`public-key = "…"`, `secret-key = "…"`), which other languages' libraries read.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import zmq
from zmq.utils import z85

from robot.errors import RobotError

SERVER = "server"
CLIENT = "client"
_SERVER_SECRET = "server.key_secret"
_SERVER_PUBLIC = "server.key"
_CLIENT_SECRET = "client.key_secret"
_CLIENTS = "clients"
_KEY_LENGTH = 40  # 32 bytes as Z85 text
_MAX_FILE_BYTES = 16_384
_MAKE = "make keys with: python launch.py keys"
_OTHERS_READ = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True)
class KeyPair:
    """A public key and its secret, each as 40 characters of Z85."""

    public: bytes
    secret: bytes = field(repr=False)  # a secret has no place in a log


@dataclass(frozen=True)
class ServerKeys:
    """What a server needs: its own keys, and the public keys of those who may come in, by name."""

    own: KeyPair
    clients: dict[str, bytes]


@dataclass(frozen=True)
class ClientKeys:
    """What a client needs: its own keys, and the server's public key."""

    own: KeyPair
    server: bytes


def create_keys(directory: Path, client: str = CLIENT) -> list[str]:
    """Write a server's keys, if `directory` has none yet, and those of one client: all of them, or nothing.

    Args:
        directory: where the two folders go; it is made if needed.
        client: name of the client, and of its folder.

    Returns:
        Sentences that say which folder goes where.

    Raises:
        RobotError: keys of that name exist (nothing is ever overwritten), the server's are broken, or the
            folder cannot be written.
    """
    if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", client) is None or client.lower() == SERVER:
        raise RobotError(
            f'"{client[:80]}" cannot name a client; '
            'use 1 to 64 letters, digits, - and _, other than "server".'
        )
    server_side, client_side = directory / SERVER, directory / client
    allowed = server_side / _CLIENTS / f"{client}.key"
    for taken in (client_side, allowed):
        if taken.exists():
            raise RobotError(
                f"{taken} exists and keys are never overwritten; choose another --directory, or another "
                "--client NAME for one more client of the same server."
            )
    anew = f"remove {server_side} and run this again"
    try:
        with contextlib.ExitStack() as undo:
            server = _own_keys(server_side, _SERVER_SECRET, anew) if server_side.exists() else None
            if server is None:
                for folder in reversed([directory, *directory.parents]):
                    if not folder.exists():
                        _make_folder(folder, undo, 0o777)
                server = _new_pair()
                for folder in (server_side, server_side / _CLIENTS):
                    _make_folder(folder, undo)
                _write(server_side / _SERVER_SECRET, server, undo)
                _write(server_side / ".gitignore", "*\n", undo)
            pair = _new_pair()
            _make_folder(client_side, undo)
            _write(client_side / _CLIENT_SECRET, pair, undo)
            _write(client_side / _SERVER_PUBLIC, KeyPair(server.public, b""), undo)
            _write(client_side / ".gitignore", "*\n", undo)
            _write(allowed, KeyPair(pair.public, b""), undo)
            undo.pop_all()
    except OSError as error:
        raise RobotError(
            f"Keys cannot be written to {directory} ({error.strerror or error}); choose another --directory."
        ) from error
    return [
        f"{server_side} goes to the robot's machine: "
        f"python launch.py robot --host ADDRESS --keys {server_side}",
        f"{client_side} goes to the operator's machine, by a way nobody else can read: "
        f"python launch.py teleop --robot tcp://ADDRESS:PORT --keys {client_side}",
        "whoever has a client's secret can move the robot: the server lets in the clients whose public keys "
        f"are in {server_side / _CLIENTS} when it starts",
        *_unchecked(),
    ]


def read_server_keys(directory: Path) -> ServerKeys:
    """The server's keys and its list of clients.

    Args:
        directory: the server's folder, or the one that holds it.

    Raises:
        RobotError: a file is missing or malformed, a secret can be read by others, the list is empty or can
            be changed by others.
    """
    directory = _side(directory, SERVER)
    own = _own_keys(directory, _SERVER_SECRET)
    folder = directory / _CLIENTS
    _refuse_open(folder, _OTHERS_WRITE, "go-w")
    clients = {path.stem: _read(path, _OTHERS_WRITE)[0] for path in sorted(folder.glob("*.key"))}
    if not clients:
        raise RobotError(
            f"{folder} lists no client, so nobody could move the robot; put the public key of each client "
            "there as NAME.key."
        )
    return ServerKeys(own, clients)


def read_client_keys(directory: Path) -> ClientKeys:
    """A client's keys and the public key of its server.

    Args:
        directory: the client's folder, or the one that holds it as "client".

    Raises:
        RobotError: a file is missing or malformed, or the secret can be read by others.
    """
    directory = _side(directory, CLIENT)
    own = _own_keys(directory, _CLIENT_SECRET)
    return ClientKeys(own, _read(directory / _SERVER_PUBLIC, _OTHERS_WRITE)[0])


def _side(directory: Path, name: str) -> Path:
    """The folder of one side, where both lie together."""
    return directory / name if (directory / name).is_dir() else directory


def _own_keys(directory: Path, name: str, remedy: str = _MAKE) -> KeyPair:
    """A key pair, which must belong together, from a folder that only its owner can change."""
    if not directory.is_dir():
        raise RobotError(f"{directory} is no folder with keys; {_MAKE}")
    _refuse_open(directory, _OTHERS_WRITE, "go-w")
    path = directory / name
    other = _SERVER_SECRET if name == _CLIENT_SECRET else _CLIENT_SECRET
    if not path.exists() and (directory / other).exists():
        sides = ("client", "server") if name == _CLIENT_SECRET else ("server", "client")
        raise RobotError(
            f"a {sides[0]} is asked for its keys, and {directory} is a {sides[1]}'s folder; "
            f"give the {sides[0]}'s"
        )
    public, secret = _read(path, _OTHERS_READ, remedy)
    if zmq.curve_public(secret) != public:
        raise RobotError(f"The two keys in {path} do not belong together; {remedy}")
    return KeyPair(public, secret)


def _read(path: Path, forbidden: int, remedy: str = _MAKE) -> tuple[bytes, bytes]:
    """Public and secret key of a certificate; the secret is empty in a public one."""
    _refuse_open(path, forbidden, "go=" if forbidden == _OTHERS_READ else "go-w", remedy)
    try:
        with path.open("rb") as opened:
            content = opened.read(_MAX_FILE_BYTES)
    except OSError as error:
        raise RobotError(f"{path} cannot be read ({error.strerror}); {remedy}") from error
    keys = []
    for name in (b"public-key", b"secret-key"):
        found = re.search(rb'^\s*%s\s*=\s*"([!-~]{%d})"\s*$' % (name, _KEY_LENGTH), content, re.MULTILINE)
        keys.append(found[1] if found else b"")
    public, secret = keys
    if not _is_key(public) or (forbidden == _OTHERS_READ and not _is_key(secret)):
        raise RobotError(f"{path} is no certificate of ZeroMQ; {remedy}")
    return public, secret


def _is_key(text: bytes) -> bool:
    try:
        return len(z85.decode(text)) == 32
    except (KeyError, struct.error):  # no character of Z85, or five of them beyond 32 bits
        return False


def _refuse_open(path: Path, forbidden: int, change: str, remedy: str = _MAKE) -> None:
    """Refuse a file or folder that others can read or change; Windows says nothing of it in these bits."""
    if os.name == "nt":
        return
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise RobotError(f"{path} cannot be read ({error.strerror}); {remedy}") from error
    if mode & forbidden:
        done = "read" if forbidden == _OTHERS_READ else "changed"
        raise RobotError(
            f"{path} can be {done} by other users, so it is not used; run: chmod {change} {path}"
        )


def _new_pair() -> KeyPair:
    return KeyPair(*zmq.curve_keypair())


def _make_folder(path: Path, undo: contextlib.ExitStack, mode: int = 0o700) -> None:
    path.mkdir(mode=mode)
    undo.callback(_take_back, path.rmdir)


def _write(path: Path, content: KeyPair | str, undo: contextlib.ExitStack) -> None:
    """Write a new file; one with a secret is readable by nobody else from its first moment on."""
    secret = isinstance(content, KeyPair) and content.secret
    if isinstance(content, KeyPair):
        kind = "secret key: copy it nowhere else" if secret else "public key"
        lines = [
            f"# PoseHand, CurveZMQ {kind}",
            "metadata",
            "curve",
            f'    public-key = "{content.public.decode()}"',
        ]
        if secret:
            lines.append(f'    secret-key = "{content.secret.decode()}"')
        content = "\n".join(lines) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o644)
    undo.callback(_take_back, path.unlink)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(content)


def _take_back(remove: Callable[[], None]) -> None:
    """Remove what was made, as far as that goes: half of the keys stand in the way of all later ones."""
    with contextlib.suppress(OSError):
        remove()


def _unchecked() -> list[str]:
    """What Windows leaves to the user."""
    if os.name != "nt":
        return []
    return [
        "on Windows it is not checked who can read these files: keep them in a folder that only you can open"
    ]
