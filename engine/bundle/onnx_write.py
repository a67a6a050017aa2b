# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing ONNX graphs without any ONNX package: the few messages of its protocol buffers that are needed.

MeshTalk's fast paths run the weights of a bundle's graphs in graphs of their own, built in memory when a
model is opened; what lies on disk stays as it was exported. Field numbers are those of onnx.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .onnx_header import FLOAT, INT64

OPSET = 18
IR_VERSION = 9

Shape = Sequence[int | str] | None
"""Sizes of a port; text names a size that is open, None leaves everything open."""

_FLOAT_ATTRIBUTE, _INT_ATTRIBUTE, _GRAPH_ATTRIBUTE, _INTS_ATTRIBUTE = 1, 2, 5, 7


Parts = list[bytes]
"""A message in pieces that belong one after the other; large weights are joined once, at the very end."""


class GraphWriter:
    """Collects nodes, weights and ports of one graph. Values are known by names, which `node` makes up.

    A weight must lie in the graph (the innermost loop's body) whose nodes use it: only there does onnxruntime
    bring it into its fast layout once, when the session opens.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix, self._count = prefix, 0
        self._nodes: Parts = []
        self._weights: Parts = []
        self._inputs: Parts = []
        self._outputs: Parts = []

    def input(self, name: str, element: int, shape: Shape) -> str:
        """Declare an input; returns its name."""
        self._inputs.append(tagged(11, port_bytes(name, element, shape)))
        return name

    def output(self, value: str, name: str, element: int, shape: Shape) -> None:
        """Give a value out under a name."""
        self._nodes += _within(1, _node("Identity", [value], [name], {}))
        self._outputs.append(tagged(12, port_bytes(name, element, shape)))

    def result(self, value: str, element: int) -> None:
        """Give a value out under its own name, with whatever shape it has."""
        self._outputs.append(tagged(12, port_bytes(value, element, None)))

    def weight(self, array: NDArray[Any]) -> str:
        """Add a constant, float32 or int64; returns its name."""
        name = self._name("w")
        self._weights += _within(5, _tensor(name, array))
        return name

    def ints(self, *values: int) -> str:
        """A constant vector of whole numbers, for shapes and axes."""
        return self.weight(np.array(values, np.int64))

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output; returns the output's name."""
        return self.nodes(kind, 1, *inputs, **attributes)[0]

    def nodes(self, kind: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add a node with several outputs; returns their names."""
        names = [self._name(kind) for _ in range(outputs)]
        self._nodes += _within(1, _node(kind, inputs, names, attributes))
        return names

    def graph(self) -> Parts:
        """The GraphProto."""
        name = _text(2, self._prefix or "graph")
        return [*self._nodes, name, *self._weights, *self._inputs, *self._outputs]

    def model(self) -> bytes:
        """The ModelProto: what an onnxruntime session opens."""
        opset = tagged(8, _number(2, OPSET))
        return b"".join([_number(1, IR_VERSION), _text(2, "meshtalk"), *_within(7, self.graph()), opset])

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{self._prefix}{kind}_{self._count}"


def _node(kind: str, inputs: Sequence[str], outputs: Sequence[str], attributes: Mapping[str, Any]) -> Parts:
    parts = [_text(1, name) for name in inputs] + [_text(2, name) for name in outputs] + [_text(4, kind)]
    for name, value in attributes.items():
        parts += _within(5, [_text(1, name), *_attribute(value)])
    return parts


def _attribute(value: Any) -> Parts:
    """The content of an AttributeProto: a float, whole number, list of whole numbers or GraphWriter."""
    if isinstance(value, float):
        return [varint(2 << 3 | 5), struct.pack("<f", value), _number(20, _FLOAT_ATTRIBUTE)]
    if isinstance(value, int):
        return [_number(3, value), _number(20, _INT_ATTRIBUTE)]
    if isinstance(value, GraphWriter):
        return [*_within(6, value.graph()), _number(20, _GRAPH_ATTRIBUTE)]
    return [*(_number(8, each) for each in value), _number(20, _INTS_ATTRIBUTE)]


def _tensor(name: str, array: NDArray[Any]) -> Parts:
    """TensorProto with raw data."""
    kind = FLOAT if array.dtype.kind == "f" else INT64
    data = np.ascontiguousarray(array, "<f4" if kind == FLOAT else "<i8").tobytes()
    sizes = [_number(1, size) for size in array.shape]
    return [*sizes, _number(2, kind), _text(8, name), *_within(9, [data])]


def _within(number: int, parts: Parts) -> Parts:
    """A message, or bytes, as one field of another message."""
    return [varint(number << 3 | 2), varint(sum(map(len, parts))), *parts]


def port_bytes(name: str, element: int, shape: Shape) -> bytes:
    """ValueInfoProto of a tensor."""
    tensor = _number(1, element)
    if shape is not None:
        sizes = (_text(2, size) if isinstance(size, str) else _number(1, size) for size in shape)
        tensor += tagged(2, b"".join(tagged(1, size) for size in sizes))
    return _text(1, name) + tagged(2, tagged(1, tensor))


def tagged(number: int, value: int | bytes | memoryview) -> bytes:
    """One field of a message: a number, or bytes with their length."""
    if isinstance(value, int):
        return _number(number, value)
    return varint(number << 3 | 2) + varint(len(value)) + bytes(value)


def _text(number: int, text: str) -> bytes:
    return tagged(number, text.encode())


def _number(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value & (1 << 64) - 1)


def varint(value: int) -> bytes:
    """A whole number from 0 up in as many bytes as it needs."""
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    parts.append(value)
    return bytes(parts)
