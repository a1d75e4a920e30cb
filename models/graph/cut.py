"""Part of an ONNX file's graph: what leads from some values to others.

Works on the file's bytes, as the runtime has no `onnx`: a file is fields in fields (protocol buffers), and
cutting is leaving some of them out. Fields are numbered as in onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_GRAPH = 7  # of a model
_NODE, _WEIGHT, _INPUT, _OUTPUT, _ABOUT_VALUE = 1, 5, 11, 12, 13  # of a graph
_NODE_INPUT, _NODE_OUTPUT = 1, 2
_WEIGHT_NAME, _VALUE_NAME = 8, 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # how a field is written


@dataclass(frozen=True)
class _Field:
    """A field of a message.

    Attributes:
        number: which.
        content: its bytes, where it has a length; else none.
        whole: number, length and content, as they stand in the file.
    """

    number: int
    content: bytes
    whole: bytes


def outputs_of(file: bytes) -> list[str]:
    """Names of what the graph of a file gives.

    Raises:
        ValueError: the file is no ONNX.
    """
    return [_texts(value.content, _VALUE_NAME)[0] for value in _graph(file) if value.number == _OUTPUT]


def cut(file: bytes, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """The file of a network that gives `outputs` when it is given those of `inputs` that it needs.

    Args:
        file: whose graph gives both, but for its own inputs.
        inputs: names; what these are made of is left out.
        outputs: names.

    Raises:
        ValueError: the file is no ONNX, or has no such input or output.
    """
    graph = _graph(file)
    known = {
        _texts(value.content, _VALUE_NAME)[0]: value.content
        for value in graph
        if value.number in (_INPUT, _OUTPUT)
    }
    missing = [name for name in (*inputs, *outputs) if name not in known]
    if missing:
        raise ValueError(f"the graph has no {', '.join(missing)}; it has {', '.join(known)}")
    needed, kept = set(outputs), []
    for node in reversed(
        [field for field in graph if field.number == _NODE]
    ):  # each after what it is made of
        if (set(_texts(node.content, _NODE_OUTPUT)) - set(inputs)) & needed:
            kept.append(node.whole)
            needed.update(_texts(node.content, _NODE_INPUT))
    parts = kept[::-1]
    for field in graph:
        if field.number == _WEIGHT:
            if _texts(field.content, _WEIGHT_NAME)[0] in needed:
                parts.append(field.whole)
        elif field.number not in (_NODE, _INPUT, _OUTPUT, _ABOUT_VALUE):
            parts.append(field.whole)
    parts += [_written(_INPUT, known[name]) for name in inputs if name in needed]
    parts += [_written(_OUTPUT, known[name]) for name in outputs]
    rest = [field.whole for field in _fields(file) if field.number != _GRAPH]
    return b"".join([*rest, _written(_GRAPH, b"".join(parts))])


def _graph(file: bytes) -> list[_Field]:
    graphs = [field.content for field in _fields(file) if field.number == _GRAPH]
    if len(graphs) != 1:
        raise ValueError("no ONNX file: it has no graph")
    return list(_fields(graphs[0]))


def _fields(message: bytes) -> Iterator[_Field]:
    """The fields of a message, in order."""
    at = 0
    while at < len(message):
        start = at
        key, at = _number(message, at)
        kind, length = key & 7, 0
        if key >> 3 == 0:
            raise ValueError("no ONNX file: a field has no number")
        if kind == _VARINT:
            _, at = _number(message, at)
        elif kind == _BYTES:
            length, at = _number(message, at)
        elif kind in (_FIXED32, _FIXED64):
            at += 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"no ONNX file: a field is written in way {kind}")
        content, at = message[at : at + length], at + length
        if at > len(message):
            raise ValueError("no ONNX file: it ends within a field")
        yield _Field(key >> 3, content, message[start:at])


def _number(message: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        if at >= len(message) or shift > 63:
            raise ValueError("no ONNX file: it ends within a number")
        value |= (message[at] & 0x7F) << shift
        shift += 7
        at += 1
        if message[at - 1] < 0x80:
            return value, at


def _texts(message: bytes, number: int) -> list[str]:
    """All texts of that number in a message."""
    texts = [field.content.decode() for field in _fields(message) if field.number == number]
    return texts or [""]


def _written(number: int, content: bytes) -> bytes:
    """A field with a length."""
    return _digits(number << 3 | _BYTES) + _digits(len(content)) + content


def _digits(value: int) -> bytes:
    """A number, seven bits a byte."""
    digits = []
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])
