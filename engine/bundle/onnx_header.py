# SPDX-License-Identifier: GPL-3.0-or-later
"""The few facts of an ONNX file that the bundle check needs, read without any ONNX package.

An ONNX file is a protocol buffer; only ModelProto.graph (7), ModelProto.opset_import (8),
GraphProto.initializer (5), GraphProto.input (11) and GraphProto.output (12) are looked at, everything else is
skipped by its length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import BundleError

FLOAT, INT64, DOUBLE = 1, 7, 11
"""Element types of ONNX's TensorProto.DataType."""

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Port:
    """One input or output of a graph: ONNX element type and shape, None for a size that is not fixed."""

    element: int
    shape: Shape


@dataclass(frozen=True)
class OnnxHeader:
    """Operator set of the default domain, and the graph's ports by name."""

    opset: int
    inputs: dict[str, Port]
    outputs: dict[str, Port]


def read_header(data: bytes, name: str) -> OnnxHeader:
    """Read the header of an ONNX file's bytes; BundleError when it is no ONNX file. ``name`` is for the
    message."""
    try:
        return _model(memoryview(data))
    except (IndexError, ValueError, UnicodeDecodeError, TypeError):
        raise BundleError(f"The model's graph {name} is no ONNX file; install the model again.") from None


def _model(data: memoryview) -> OnnxHeader:
    graph, opset = None, 0
    for number, value in fields(data):
        if number == 7:
            graph = _bytes(value)
        elif number == 8:
            opset = max(opset, _opset(_bytes(value)))
    if graph is None:
        raise ValueError("no graph")
    return _graph(graph, opset)


def _graph(data: memoryview, opset: int) -> OnnxHeader:
    inputs: dict[str, Port] = {}
    outputs: dict[str, Port] = {}
    weights: set[str] = set()
    for number, value in fields(data):
        if number == 5:
            weights.add(_name(_bytes(value), 8))
        elif number == 11:
            inputs |= _port(_bytes(value))
        elif number == 12:
            outputs |= _port(_bytes(value))
    return OnnxHeader(opset, {name: port for name, port in inputs.items() if name not in weights}, outputs)


def _opset(data: memoryview) -> int:
    """OperatorSetIdProto: domain (1), version (2); other domains than ONNX's own count as 0."""
    own = _name(data, 1) in ("", "ai.onnx")
    return (_number(data, 2) or 0) if own else 0


def _port(data: memoryview) -> dict[str, Port]:
    """ValueInfoProto: name (1), type (2) → tensor_type (1) → elem_type (1), shape (2) → dim (1) → dim_value
    (1)."""
    tensor = _child(_child(data, 2), 1)
    sizes = [_bytes(value) for number, value in fields(_child(tensor, 2)) if number == 1]
    return {_name(data, 1): Port(_number(tensor, 1) or 0, tuple(_number(size, 1) for size in sizes))}


def _name(data: memoryview, wanted: int) -> str:
    return bytes(_child(data, wanted)).decode()


def _child(data: memoryview, wanted: int) -> memoryview:
    return next((_bytes(value) for number, value in fields(data) if number == wanted), memoryview(b""))


def _number(data: memoryview, wanted: int) -> int | None:
    numbers = (value for number, value in fields(data) if number == wanted and isinstance(value, int))
    return next(numbers, None)


def _bytes(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise TypeError("a number where a message belongs")
    return value


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message: (number, value), value an integer or the bytes of a length-delimited field."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        size, at = _varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind] if kind in (1, 5) else -1, at)
        if size < 0 or at + size > len(data):
            raise ValueError("broken field")
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("broken number")
