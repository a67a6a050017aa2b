# SPDX-License-Identifier: GPL-3.0-or-later
"""Stanford .ply, ascii and binary of both byte orders: vertices and polygons of any size."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import HeadError

TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip
ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
CORNERS = ("vertex_indices", "vertex_index")


@dataclass(frozen=True)
class _Property:
    name: str
    type: str
    count: str | None = None  # type of a list's length, None for a single value


@dataclass(frozen=True)
class _Element:
    name: str
    rows: int
    properties: list[_Property] = field(default_factory=list)


def read_ply(path: Path) -> tuple[NDArray[np.float64], list[list[int]]]:
    """Vertices (V, 3) and polygons of a .ply; HeadError for what is no readable one."""
    data = path.read_bytes()
    try:
        order, elements, start = _header(data)
        tables = _ascii(data[start:], elements) if not order else _binary(data[start:], elements, order)
        vertex, face = tables["vertex"], tables["face"]
        vertices = np.stack([np.asarray(vertex[axis], np.float64) for axis in "xyz"], axis=1)
        corners = next(face[name] for name in CORNERS if name in face)
    except (ValueError, KeyError, IndexError, StopIteration, OverflowError) as error:
        what = (
            f"it has no {error}" if isinstance(error, KeyError) else str(error) or "its faces have no corners"
        )
        raise HeadError(f"{path.name} is no readable .ply ({what}); export it again.") from error
    return vertices, [list(map(int, polygon)) for polygon in corners]


def _header(data: bytes) -> tuple[str, list[_Element], int]:
    """Byte order (empty for ascii), the elements, and where their values start."""
    end = data.find(b"end_header")
    if not data.startswith(b"ply") or end < 0:
        raise ValueError("it has no header")
    order, elements = None, []
    for line in data[:end].decode("ascii", errors="replace").splitlines()[1:]:
        words = line.split()
        if words[:1] == ["format"]:
            order = ORDERS[words[1]]
        elif words[:1] == ["element"]:
            elements.append(_Element(words[1], int(words[2])))
        elif words[:1] == ["property"]:
            elements[-1].properties.append(_property(words[1:]))
    if order is None or any(element.rows < 0 for element in elements):
        raise ValueError("its header is damaged")
    return order, elements, data.index(b"\n", end) + 1


def _property(words: list[str]) -> _Property:
    if words[0] == "list":
        return _Property(words[3], TYPES[words[2]], TYPES[words[1]])
    return _Property(words[1], TYPES[words[0]])


def _ascii(data: bytes, elements: list[_Element]) -> dict[str, dict[str, Any]]:
    words, at = data.split(), 0
    tables: dict[str, dict[str, Any]] = {}
    for element in elements:
        table: dict[str, list[Any]] = {one.name: [] for one in element.properties}
        for _ in range(element.rows):
            for one in element.properties:
                if one.count is None:
                    table[one.name].append(float(words[at]))
                    at += 1
                else:
                    size = int(words[at])
                    if at + size >= len(words):
                        raise ValueError("it is cut short")
                    table[one.name].append([int(word) for word in words[at + 1 : at + 1 + size]])
                    at += 1 + size
        tables[element.name] = table
    return tables


def _binary(data: bytes, elements: list[_Element], order: str) -> dict[str, dict[str, Any]]:
    tables, at = {}, 0
    for element in elements:
        plain = all(one.count is None for one in element.properties)
        read = _plain_rows if plain else _list_rows
        tables[element.name], at = read(data, element, order, at)
    return tables


def _plain_rows(data: bytes, element: _Element, order: str, at: int) -> tuple[dict[str, Any], int]:
    rows = np.dtype([(one.name, order + one.type) for one in element.properties])
    table = np.frombuffer(data, rows, element.rows, at)
    return {one.name: table[one.name] for one in element.properties}, at + rows.itemsize * element.rows


def _list_rows(data: bytes, element: _Element, order: str, at: int) -> tuple[dict[str, Any], int]:
    """Rows with lists; all rows at once where their lists are as long as the first row's."""
    if not element.rows:
        return {one.name: [] for one in element.properties}, at
    first, _ = _row(data, element, order, at)
    fields: list[Any] = []
    for one in element.properties:
        if one.count is not None:
            fields.append((f"{one.name} count", order + one.count))
            fields.append((one.name, order + one.type, (len(first[one.name]),)))
        else:
            fields.append((one.name, order + one.type))
    rows = np.dtype(fields)
    if at + rows.itemsize * element.rows <= len(data):
        table = np.frombuffer(data, rows, element.rows, at)
        lists = [one for one in element.properties if one.count is not None]
        if all((table[f"{one.name} count"] == len(first[one.name])).all() for one in lists):
            found = {one.name: table[one.name] for one in element.properties}
            return found, at + rows.itemsize * element.rows
    found = {one.name: [] for one in element.properties}
    for _ in range(element.rows):
        row, at = _row(data, element, order, at)
        for name, value in row.items():
            found[name].append(value)
    return found, at


def _row(data: bytes, element: _Element, order: str, at: int) -> tuple[dict[str, Any], int]:
    row: dict[str, Any] = {}
    for one in element.properties:
        size = 1
        if one.count is not None:
            kind = np.dtype(order + one.count)
            size = int(np.frombuffer(data, kind, 1, at)[0])
            at += kind.itemsize
        kind = np.dtype(order + one.type)
        values = np.frombuffer(data, kind, size, at) if size else np.zeros(0, kind)
        row[one.name] = values if one.count is not None else values[0]
        at += kind.itemsize * size
    return row, at
