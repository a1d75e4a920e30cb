"""Adds to a TensorFlow Lite network what MediaPipe's Tasks want to know of its input: the normalisation.

Networks from inside MediaPipe's older wheels lack it, and Tasks refuses them. A .tflite file is a flatbuffer,
a
tree of tables that point forward only, so what is new goes in front of the old file: a new root table, whose
list of buffers has one more and whose metadata names it. The old bytes stay as they are, and the same network
always gives the same file.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

METADATA_NAME = "TFLITE_METADATA"
_TFLITE_ID, _METADATA_ID = b"TFL3", b"M001"
_ALIGNMENT_BYTES = 16  # TensorFlow Lite wants the data of buffers so

# Fields of the tables, by their places in TensorFlow Lite's two schemas.
_MODEL_VERSION, _MODEL_BUFFERS, _MODEL_METADATA = 0, 4, 6
_BUFFER_DATA = 0
_METADATA_FIELD_NAME, _METADATA_FIELD_BUFFER = 0, 1
_MODEL_SUBGRAPHS, _SUBGRAPH_INPUTS = 3, 2
_TENSOR_NAME, _TENSOR_CONTENT, _TENSOR_PROCESS = 0, 3, 4
_UNION_TYPE, _UNION_VALUE = 0, 1
_IMAGE_PROPERTIES, _NORMALIZATION = 2, 1  # the members of the two unions
_COLOUR_SPACE, _RGB = 0, 1
_MEAN, _STD = 0, 1


@dataclass(frozen=True)
class _Old:
    """Something in the old file that is pointed to where it is."""

    position: int


@dataclass(frozen=True)
class _Bytes:
    """A vector of `count` numbers, or a string with its closing zero."""

    count: int
    data: bytes


@dataclass(frozen=True)
class _List:
    """A vector of tables."""

    items: tuple[_Node, ...]


@dataclass(frozen=True)
class _Table:
    """A table: its fields by their places, plain numbers or what they point to."""

    fields: dict[int, int | _Node]


_Node = _Old | _Bytes | _List | _Table


def with_normalization(network: bytes, mean: float, std: float) -> bytes:
    """The network with metadata that its input is an RGB image, (values 0–255 − mean) / std.

    Metadata it may have had are replaced.

    Args:
        network: a .tflite file with one input.
        mean, std: what the network was trained with.

    Raises:
        ValueError: it is no TensorFlow Lite file.
    """
    if network[4:8] != _TFLITE_ID:
        raise ValueError("the network is no TensorFlow Lite file: it does not say TFL3; give a .tflite file")
    try:
        model = _read_root(network)
        buffers = _read_list(network, model[_MODEL_BUFFERS])
        known = _read_list(network, model[_MODEL_METADATA]) if _MODEL_METADATA in model else []
        others = [entry for entry in known if _name_of(network, entry) != METADATA_NAME]
    except (struct.error, KeyError, IndexError) as error:
        raise ValueError("the TensorFlow Lite file is damaged; fetch it again") from error

    added = _Table({_BUFFER_DATA: _bytes_of(_describe(mean, std))})
    entry = _Table({_METADATA_FIELD_NAME: _text(METADATA_NAME), _METADATA_FIELD_BUFFER: len(buffers)})
    root: dict[int, int | _Node] = {
        field: _Old(_follow(network, position))
        for field, position in model.items()
        if field != _MODEL_VERSION
    }
    root[_MODEL_VERSION] = struct.unpack_from("<I", network, model[_MODEL_VERSION])[0]
    root[_MODEL_BUFFERS] = _List((*(_Old(position) for position in buffers), added))
    root[_MODEL_METADATA] = _List((*(_Old(position) for position in others), entry))
    return _write(_Table(root), _TFLITE_ID) + network


def _describe(mean: float, std: float) -> bytes:
    """The metadata flatbuffer itself."""
    image = _Table({_COLOUR_SPACE: _RGB})
    content = _Table({_UNION_TYPE: _IMAGE_PROPERTIES, _UNION_VALUE: image})
    options = _Table({_MEAN: _floats([mean]), _STD: _floats([std])})
    unit = _Table({_UNION_TYPE: _NORMALIZATION, _UNION_VALUE: options})
    tensor = _Table({_TENSOR_NAME: _text("image"), _TENSOR_CONTENT: content, _TENSOR_PROCESS: _List((unit,))})
    subgraph = _Table({_SUBGRAPH_INPUTS: _List((tensor,))})
    return _write(_Table({_MODEL_SUBGRAPHS: _List((subgraph,))}), _METADATA_ID)


def _text(text: str) -> _Bytes:
    return _Bytes(len(text.encode()), text.encode() + b"\0")


def _floats(values: Sequence[float]) -> _Bytes:
    return _Bytes(len(values), struct.pack(f"<{len(values)}f", *values))


def _bytes_of(data: bytes) -> _Bytes:
    return _Bytes(len(data), data)


def _write(root: _Table, identifier: bytes) -> bytes:
    """A flatbuffer of these tables, a multiple of 16 bytes long; `_Old` positions count from its end."""
    nodes: list[_Bytes | _List | _Table] = [root]
    places: dict[int, int] = {}  # of each node, by its identity
    length = 8
    for node in nodes:  # grows as it goes: every node comes before those it points to
        if isinstance(node, _Table):
            length += _vtable_bytes(node)
            children: Sequence[int | _Node] = tuple(node.fields.values())
        else:
            children = node.items if isinstance(node, _List) else ()
            if isinstance(node, _Bytes):
                length += -(length + 4) % _ALIGNMENT_BYTES
        places[id(node)] = length
        length += _body_bytes(node)
        nodes += [child for child in children if isinstance(child, (_Bytes, _List, _Table))]
    length += -length % _ALIGNMENT_BYTES

    out = bytearray(length)
    struct.pack_into("<I4s", out, 0, places[id(root)], identifier)

    def place_of(node: _Node) -> int:
        return length + node.position if isinstance(node, _Old) else places[id(node)]

    for node in nodes:
        at = places[id(node)]
        if isinstance(node, _Bytes):
            struct.pack_into("<I", out, at, node.count)
            out[at + 4 : at + 4 + len(node.data)] = node.data
        elif isinstance(node, _List):
            struct.pack_into("<I", out, at, len(node.items))
            for i, item in enumerate(node.items):
                here = at + 4 + 4 * i
                struct.pack_into("<I", out, here, place_of(item) - here)
        else:
            vtable = at - _vtable_bytes(node)
            fields = sorted(node.fields)
            struct.pack_into("<HH", out, vtable, 4 + 2 * (fields[-1] + 1), 4 + 4 * len(fields))
            struct.pack_into("<i", out, at, at - vtable)
            for i, field in enumerate(fields):
                value, here = node.fields[field], at + 4 + 4 * i
                struct.pack_into("<H", out, vtable + 4 + 2 * field, here - at)
                number = value if isinstance(value, int) else place_of(value) - here
                struct.pack_into("<I", out, here, number)
    return bytes(out)


def _vtable_bytes(table: _Table) -> int:
    size = 4 + 2 * (max(table.fields) + 1)
    return size + -size % 4


def _body_bytes(node: _Bytes | _List | _Table) -> int:
    if isinstance(node, _Bytes):
        return 4 + len(node.data) + -len(node.data) % 4
    return 4 + 4 * len(node.items if isinstance(node, _List) else node.fields)


def _follow(data: bytes, position: int) -> int:
    return position + int(struct.unpack_from("<I", data, position)[0])


def _read_root(data: bytes) -> dict[int, int]:
    return _read_table(data, _follow(data, 0))


def _read_table(data: bytes, position: int) -> dict[int, int]:
    """Where in the file each field of a table is, for the fields it has."""
    vtable = position - struct.unpack_from("<i", data, position)[0]
    (size,) = struct.unpack_from("<H", data, vtable)
    offsets = struct.unpack_from(f"<{(size - 4) // 2}H", data, vtable + 4)
    return {field: position + offset for field, offset in enumerate(offsets) if offset}


def _read_list(data: bytes, field_position: int) -> list[int]:
    """Where the tables of a list are."""
    at = _follow(data, field_position)
    (count,) = struct.unpack_from("<I", data, at)
    return [_follow(data, at + 4 + 4 * i) for i in range(count)]


def _name_of(data: bytes, position: int) -> str:
    at = _follow(data, _read_table(data, position)[_METADATA_FIELD_NAME])
    (length,) = struct.unpack_from("<I", data, at)
    return data[at + 4 : at + 4 + length].decode()
