# SPDX-License-Identifier: GPL-3.0-or-later
"""glTF 2.0, .glb and .gltf: the triangles of all meshes of the scene, at rest.

Vertices keep the file's order: node by node, primitive by primitive; primitives that share their positions
share them here too. Nodes are placed by their matrices, but a skinned mesh stays as it is stored, as the
standard has it.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from ..errors import HeadError

Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]

COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
TRIANGLES, STRIP, FAN = 4, 5, 6
COMPRESSED = ("KHR_draco_mesh_compression", "EXT_meshopt_compression")
DEEPEST = 512  # nodes within nodes: more is a circle
GLB, JSON_CHUNK, BINARY_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942


def read_gltf(path: Path) -> tuple[Doubles, Indices]:
    """Vertices (V, 3) and triangles (F, 3) of a .glb or .gltf; HeadError for what is no readable one."""
    try:
        return _Reader(path).read()
    except (ValueError, KeyError, IndexError, TypeError, struct.error, binascii.Error) as error:
        what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise HeadError(f"{path.name} is no readable glTF 2.0 ({what}); export it again.") from error


class _Reader:
    def __init__(self, path: Path) -> None:
        self._folder = path.parent
        data = path.read_bytes()
        binary = data[:4] == b"glTF"
        self._json, self._chunk = _chunks(data) if binary else (json.loads(data), b"")
        if not isinstance(self._json, dict):
            raise ValueError("it is no object")
        packed = set(self._json.get("extensionsRequired", [])) & set(COMPRESSED)
        if packed:
            raise HeadError(f"{path.name} is compressed ({packed.pop()}); export it without compression.")
        self._buffers: dict[int, bytes] = {}

    def read(self) -> tuple[Doubles, Indices]:
        """All triangles of the scene."""
        vertices: list[Doubles] = []
        triangles: list[Indices] = []
        count = 0
        for mesh, matrix in self._meshes():
            first_of: dict[int, int] = {}
            for primitive in self._json["meshes"][mesh]["primitives"]:
                if primitive.get("mode", TRIANGLES) not in (TRIANGLES, STRIP, FAN):
                    continue
                positions = primitive["attributes"]["POSITION"]
                if positions not in first_of:
                    points = self._accessor(positions).astype(np.float64)
                    first_of[positions] = count
                    vertices.append(points @ matrix[:3, :3].T + matrix[:3, 3])
                    count += len(points)
                length = self._json["accessors"][positions]["count"]
                triangles.append(self._triangles(primitive, length) + first_of[positions])
        if not vertices:
            raise ValueError("it has no triangles")
        return np.concatenate(vertices), np.concatenate(triangles)

    def _triangles(self, primitive: dict[str, Any], length: int) -> Indices:
        if "indices" in primitive:
            corners = self._accessor(primitive["indices"]).reshape(-1).astype(np.int64)
        else:
            corners = np.arange(length)
        mode = primitive.get("mode", TRIANGLES)
        if len(corners) and int(corners.max()) >= length:
            raise ValueError("a face uses a vertex that isn't there")
        if mode == TRIANGLES:
            return corners[: len(corners) // 3 * 3].reshape(-1, 3)
        if mode == FAN:
            return np.stack(
                [np.full(max(0, len(corners) - 2), corners[0]), corners[1:-1], corners[2:]], axis=1
            )
        strip = np.stack([corners[:-2], corners[1:-1], corners[2:]], axis=1)
        strip[1::2] = strip[1::2, [1, 0, 2]]
        return strip

    def _meshes(self) -> Iterator[tuple[int, Doubles]]:
        """Numbers and matrices of the meshes in the scene, or of all where there is none."""
        nodes = self._json.get("nodes", [])
        scenes = self._json.get("scenes", [])
        if not nodes or not scenes:
            yield from ((number, np.eye(4)) for number in range(len(self._json.get("meshes", []))))
            return
        for root in scenes[self._json.get("scene", 0)].get("nodes", []):
            yield from self._below(root, np.eye(4), 0)

    def _below(self, number: int, above: Doubles, depth: int) -> Iterator[tuple[int, Doubles]]:
        if depth > DEEPEST:
            raise ValueError("its nodes form a circle")
        node = self._json["nodes"][number]
        matrix = above @ _matrix(node)
        if "mesh" in node:
            yield node["mesh"], np.eye(4) if "skin" in node else matrix
        for child in node.get("children", []):
            yield from self._below(child, matrix, depth + 1)

    def _accessor(self, number: int) -> NDArray[Any]:
        """Values (count, width) of an accessor."""
        accessor = self._json["accessors"][number]
        width, kind = WIDTHS[accessor["type"]], np.dtype(COMPONENTS[accessor["componentType"]])
        count = int(accessor["count"])
        if "bufferView" in accessor:
            values = self._view(accessor["bufferView"], accessor.get("byteOffset", 0), kind, count, width)
        else:
            values = np.zeros((count, width), kind)
        if "sparse" in accessor:
            values = self._sparse(values.copy(), accessor["sparse"], kind, width)
        if accessor.get("normalized") and kind.kind in "iu":
            values = np.maximum(values.astype(np.float64) / np.iinfo(kind).max, -1.0)
        return values

    def _sparse(
        self, values: NDArray[Any], sparse: dict[str, Any], kind: np.dtype[Any], width: int
    ) -> NDArray[Any]:
        where, what, count = sparse["indices"], sparse["values"], int(sparse["count"])
        place = np.dtype(COMPONENTS[where["componentType"]])
        rows = self._view(where["bufferView"], where.get("byteOffset", 0), place, count, 1)[:, 0]
        values[rows] = self._view(what["bufferView"], what.get("byteOffset", 0), kind, count, width)
        return values

    def _view(self, number: int, offset: int, kind: np.dtype[Any], count: int, width: int) -> NDArray[Any]:
        view = self._json["bufferViews"][number]
        data = self._buffer(view["buffer"])
        start, packed = view.get("byteOffset", 0) + offset, kind.itemsize * width
        stride = view.get("byteStride", packed)
        if count and start + stride * (count - 1) + packed > len(data):
            raise ValueError("it is cut short")
        return np.ndarray((count, width), kind, data, start, (stride, kind.itemsize))

    def _buffer(self, number: int) -> bytes:
        if number not in self._buffers:
            uri = self._json["buffers"][number].get("uri")
            self._buffers[number] = self._chunk if uri is None else self._load(uri)
        return self._buffers[number]

    def _load(self, uri: str) -> bytes:
        if uri.startswith("data:"):
            return base64.b64decode(uri.split(",", 1)[1])
        beside = self._folder / unquote(uri)
        if not beside.is_file():
            raise HeadError(
                f"The file {beside.name} that belongs to the head isn't beside it; copy it there."
            )
        return beside.read_bytes()


def _chunks(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The JSON and the binary chunk of a .glb."""
    magic, version, _ = struct.unpack_from("<III", data)
    if magic != GLB or version != 2:
        raise ValueError(f"its version is {version}")
    at, text, binary = 12, b"", b""
    while at + 8 <= len(data):
        length, kind = struct.unpack_from("<II", data, at)
        chunk = data[at + 8 : at + 8 + length]
        text, binary = (chunk if kind == JSON_CHUNK else text), (chunk if kind == BINARY_CHUNK else binary)
        at += 8 + length + -length % 4
    return json.loads(text), binary


def _matrix(node: dict[str, Any]) -> Doubles:
    """A node's own matrix (4, 4)."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    x, y, z, w = node.get("rotation", (0.0, 0.0, 0.0, 1.0))
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = turn * np.array(node.get("scale", (1.0, 1.0, 1.0)))
    matrix[:3, 3] = node.get("translation", (0.0, 0.0, 0.0))
    return matrix
