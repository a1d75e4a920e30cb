"""How messages lie on the wire: `topic + b" " + msgpack map` on one frame, with a version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import msgpack
import numpy as np

from robot import fields as check
from robot.fields import MAX_CONTAINERS, MessageError

VERSION = 1
# A usual trajectory takes 3 kB and the largest legal one 58 kB; more would only cost the robot's loop time.
MAX_MESSAGE_BYTES = 64 * 1024

Message = TypeVar("Message")


def plain(message: Any) -> dict[str, Any]:
    """The fields of a message as maps and nested lists, which any language's msgpack reads."""
    content = {}
    for name in (f.name for f in fields(message)):
        value = getattr(message, name)
        if isinstance(value, np.ndarray):
            value = value.tolist()
        content[name] = plain(value) if is_dataclass(value) else value
    return content


def frame(topic: bytes, content: dict[str, Any]) -> bytes:
    """A whole frame of the fields of a message."""
    packed: bytes = msgpack.packb({"v": VERSION, **content})
    return topic + b" " + packed


def unframe(frame: bytes, max_containers: int = MAX_CONTAINERS) -> tuple[bytes, dict[str, Any]]:
    """Topic and fields of a frame, its version checked and taken off.

    Args:
        frame: as it came.
        max_containers: lists and maps that a message of the expected kind may hold.

    Raises:
        MessageError: it is no such frame, whatever the bytes.
    """
    if not isinstance(frame, bytes):
        raise MessageError(f"A message came as {type(frame).__name__}; it must be bytes.")
    if len(frame) > MAX_MESSAGE_BYTES:
        raise MessageError(f"A message of {len(frame)} bytes came; at most {MAX_MESSAGE_BYTES} are accepted.")
    topic, space, payload = frame.partition(b" ")
    if not space:
        raise MessageError("A message came without a topic; it must be the topic, one space, then msgpack.")
    content = check.mapping("message", check.unpack(payload, max_containers))
    version = content.pop("v", None)
    if type(version) is not int or version != VERSION:
        shown = check.shorten(version)
        raise MessageError(
            f"A message of version {shown} came; this server speaks version {VERSION}: update one side."
        )
    return topic, content


def build_part(kind: Callable[..., Message], content: dict[str, Any], name: str) -> None:
    """Replace the map under `name`, where there is one, by the message it holds."""
    part = content.get(name)
    if part is not None:
        content[name] = build(kind, check.mapping(name, part))


def build(kind: Callable[..., Message], content: dict[str, Any]) -> Message:
    """A message from its fields, which must be exactly those of the class.

    Raises:
        MessageError: they are not, or one of them has an illegal value.
    """
    expected = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    missing = [name for name in expected if name not in content]
    unknown = [name for name in content if name not in expected]
    if missing or unknown:
        raise MessageError(
            f"A message has missing fields ({', '.join(missing) or 'none'}) or unknown ones "
            f"({', '.join(map(check.shorten, unknown[:5])) or 'none'}); "
            f"its fields must be v, {', '.join(expected)}."
        )
    return kind(**content)
