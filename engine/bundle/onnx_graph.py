# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the nodes and weights of an ONNX file, and cutting it short, without any ONNX package.

Whatever is read here was checked by `contract` before. A graph that isn't understood is no error: the fast
paths then leave it to onnxruntime as it is (`Unknown`).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .onnx_header import FLOAT, INT64, fields
from .onnx_write import Shape, port_bytes, tagged

DTYPES = {FLOAT: "<f4", INT64: "<i8", 10: "<f2"}
"""Element types of weights, by TensorProto.DataType."""

Ports = Mapping[str, tuple[int, Shape]]
"""Element type and shape by the name of a value."""

_GRAPH_IN_MODEL, _INPUT_IN_GRAPH, _OUTPUT_IN_GRAPH = 7, 11, 12


class Unknown(Exception):
    """A graph isn't built as the fast path expects; it is never shown to anybody."""


@dataclass(frozen=True, eq=False)
class Node:
    """One operation: its kind, the names of what it takes and gives, whole and decimal numbers by name."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    numbers: dict[str, Any] = field(default_factory=dict)


class OnnxGraph:
    """The nodes and weights of an ONNX file's bytes."""

    def __init__(self, data: bytes) -> None:
        self.nodes: list[Node] = []
        self._weights: dict[str, NDArray[Any]] = {}
        for number, value in fields(_part(memoryview(data), _GRAPH_IN_MODEL)):
            if number == 1:
                self.nodes.append(_node(_message(value)))
            elif number == 5:
                self._weights |= _tensor(_message(value))
        self._makers = {name: node for node in self.nodes for name in node.outputs}

    def weight(self, name: str) -> NDArray[Any]:
        """A weight by its name; Unknown when there is none."""
        if name not in self._weights:
            raise Unknown(name)
        return self._weights[name]

    def has_weight(self, name: str) -> bool:
        """Whether a weight of this name lies in the file."""
        return name in self._weights

    def maker(self, name: str, *kinds: str) -> Node:
        """The node that makes a value, of one of these kinds; Unknown when it is none of them."""
        node = self._makers.get(name)
        if node is None or kinds and node.kind not in kinds:
            raise Unknown(f"{name} isn't made by {kinds}")
        return node

    def is_made_by(self, name: str, *kinds: str) -> bool:
        """Whether a value comes from a node of one of these kinds."""
        node = self._makers.get(name)
        return node is not None and node.kind in kinds

    def constant(self, name: str) -> NDArray[Any]:
        """A weight, or what simple nodes make of weights alone; Unknown for anything else."""
        if name in self._weights:
            return self._weights[name]
        node = self.maker(name, "Slice", "Gather", "Cast", "Transpose", "Unsqueeze", "Reshape", "Identity")
        given = [self.constant(each) for each in node.inputs]
        return _evaluate(node, given)

    def seen_of(self, name: str, outputs: Ports) -> tuple[str, ...]:
        """Values that come from one input alone and from which, with other inputs, some outputs are made;
        Unknown where that is the input itself."""
        needed = _needed(self.nodes, set(outputs), set())
        fixed, known, found = set(self._weights), {name}, dict[str, None]()
        for node in self.nodes:
            given = [each for each in node.inputs if each and each not in fixed]
            if not given:
                fixed.update(node.outputs)
            elif known.issuperset(given):
                known.update(node.outputs)
            elif not needed.isdisjoint(node.outputs):
                found |= dict.fromkeys(each for each in given if each in known)
        if name in found or not found:
            raise Unknown(name)
        return tuple(found)

    def is_constant(self, name: str) -> bool:
        """Whether `constant` can tell a value."""
        try:
            self.constant(name)
        except Unknown:
            return False
        return True


def cut_out(data: bytes, outputs: Ports, inputs: Ports | None = None) -> bytes:
    """An ONNX file's bytes with other outputs, and with further inputs: values in it that are given from
    outside. Nodes, weights and inputs that no output needs are left out (onnxruntime would run them all the
    same)."""
    inside, given = list(fields(_part(memoryview(data), _GRAPH_IN_MODEL))), inputs or {}
    nodes = [_node(_message(value)) for number, value in inside if number == 1]
    needed = _needed(nodes, set(outputs), set(given))
    kept = [tagged(number, value) for number, value in inside if _is_kept(number, value, needed)]
    kept += [tagged(_INPUT_IN_GRAPH, port_bytes(name, *port)) for name, port in given.items()]
    kept += [tagged(_OUTPUT_IN_GRAPH, port_bytes(name, *port)) for name, port in outputs.items()]
    others = [
        tagged(number, value) for number, value in fields(memoryview(data)) if number != _GRAPH_IN_MODEL
    ]
    return b"".join([*others, tagged(_GRAPH_IN_MODEL, b"".join(kept))])


def _needed(nodes: list[Node], wanted: set[str], given: set[str]) -> set[str]:
    """Names of all values that some values come from, but for those that are given; nodes stand in the order
    in which they run."""
    needed = wanted - given
    for node in reversed(nodes):
        if needed.intersection(node.outputs):
            needed.update(each for each in node.inputs if each not in given)
    return needed


def _is_kept(number: int, value: int | memoryview, needed: set[str]) -> bool:
    """Whether a field of a graph stays: nodes (1), weights (5) and inputs (11) that are needed, no output
    (12)."""
    if number == 1:
        return not needed.isdisjoint(_node(_message(value)).outputs)
    if number == 5:
        return not needed.isdisjoint(_tensor(_message(value)))
    if number == _INPUT_IN_GRAPH:
        return _port_name(_message(value)) in needed
    return number != _OUTPUT_IN_GRAPH


def _port_name(data: memoryview) -> str:
    """ValueInfoProto: name (1)."""
    return next(bytes(_message(value)).decode() for number, value in fields(data) if number == 1)


def _evaluate(node: Node, given: list[NDArray[Any]]) -> NDArray[Any]:
    if node.kind == "Slice":
        starts, stops, axes, steps = given[1:]
        found = given[0]
        for start, stop, axis, step in zip(starts, stops, axes, steps, strict=True):
            found = found[(slice(None),) * int(axis) + (slice(int(start), int(stop), int(step)),)]
        return found
    if node.kind == "Gather":
        return np.take(given[0], given[1], axis=int(node.numbers.get("axis", 0)))
    if node.kind == "Cast":
        return given[0].astype(DTYPES[int(node.numbers["to"])])
    if node.kind == "Transpose":
        return given[0].transpose(node.numbers["perm"])
    if node.kind == "Unsqueeze":
        return np.expand_dims(given[0], tuple(int(axis) for axis in given[1]))
    return given[0] if node.kind == "Identity" else given[0].reshape(given[1])


def _node(data: memoryview) -> Node:
    """NodeProto: input (1), output (2), op_type (4), attribute (5)."""
    inputs, outputs, kind, numbers = [], [], "", {}
    for number, value in fields(data):
        if number == 1:
            inputs.append(bytes(_message(value)).decode())
        elif number == 2:
            outputs.append(bytes(_message(value)).decode())
        elif number == 4:
            kind = bytes(_message(value)).decode()
        elif number == 5:
            name, content = _attribute(_message(value))
            numbers[name] = content
    return Node(kind, tuple(inputs), tuple(outputs), numbers)


def _attribute(data: memoryview) -> tuple[str, Any]:
    """AttributeProto: name (1), f (2), i (3), ints (8); texts and graphs aren't read."""
    name, content, several = "", None, []
    for number, value in fields(data):
        if number == 1:
            name = bytes(_message(value)).decode()
        elif number == 2:
            content = struct.unpack("<f", _message(value))[0]
        elif number == 3:
            content = value
        elif number == 8:
            several += [value] if isinstance(value, int) else _varints(value)
    return name, several or content


def _varints(data: memoryview) -> list[int]:
    """Packed whole numbers."""
    found, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 127) << shift
        shift = shift + 7 if byte & 128 else 0
        if not byte & 128:
            found.append(value)
            value = 0
    return found


def _tensor(data: memoryview) -> dict[str, NDArray[Any]]:
    """TensorProto: dims (1), data_type (2), float_data (4), int64_data (7), name (8), raw_data (9); nothing
    for element types that no fast path knows."""
    sizes: list[int] = []
    kind, name, raw = 0, "", memoryview(b"")
    for number, value in fields(data):
        if number == 1:
            sizes += [value] if isinstance(value, int) else _varints(value)
        elif number == 2 and isinstance(value, int):
            kind = value
        elif number == 8:
            name = bytes(_message(value)).decode()
        elif number in (4, 9):
            raw = _message(value)
        elif number == 7:
            raw = memoryview(np.array(_varints(_message(value)), "<u8").tobytes())
    if kind not in DTYPES:
        return {}
    array = np.frombuffer(raw, DTYPES[kind]).reshape(sizes)
    return {name: array if array.flags.aligned else array.copy()}  # NumPy is slow on odd addresses


def _part(data: memoryview, wanted: int) -> memoryview:
    return next(_message(value) for number, value in fields(data) if number == wanted)


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise Unknown("a number where a message belongs")
    return value
