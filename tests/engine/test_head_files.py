# SPDX-License-Identifier: GPL-3.0-or-later
"""PLY and glTF heads, as other programs write them."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import HeadError
from engine.heads import read_head

POINTS = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0.25], [0, 1, 0], [0.5, 2, -1]], np.float32)
POLYGONS = [[0, 1, 2, 3], [3, 2, 4]]
TRIANGLES = np.array([[0, 1, 2], [0, 2, 3], [3, 2, 4]])


def ply(order: str, polygons: list[list[int]] = POLYGONS) -> bytes:
    """A .ply with a colour before and an extra element after, as scanners write them."""
    text = [
        "ply", f"format {order} 1.0", "comment of a test", f"element vertex {len(POINTS)}",
        "property uchar red",
        "property float x", "property float y", "property float z", f"element face {len(polygons)}",
        "property list uchar int vertex_indices", "element camera 1", "property double zoom",
        "end_header", "",
    ]  # fmt: skip
    head = "\n".join(text).encode()
    if order == "ascii":
        rows = [f"200 {x} {y} {z}" for x, y, z in POINTS]
        rows += [" ".join(map(str, [len(polygon), *polygon])) for polygon in polygons]
        return head + "\n".join([*rows, "1.5", ""]).encode()
    sign = "<" if "little" in order else ">"
    body = b"".join(struct.pack(f"{sign}Bfff", 200, *point) for point in POINTS)
    body += b"".join(struct.pack(f"{sign}B{len(one)}i", len(one), *one) for one in polygons)
    return head + body + struct.pack(f"{sign}d", 1.5)


def gltf(node: dict[str, Any] | None = None, **accessor: Any) -> tuple[dict[str, Any], bytes]:
    """A scene of one mesh whose two primitives share their positions, as exporters write materials."""
    first, second = TRIANGLES[:2].astype("<u2").tobytes(), TRIANGLES[2:].astype("<u2").tobytes()
    data = POINTS.astype("<f4").tobytes() + first + second
    starts = np.cumsum([0, POINTS.nbytes, len(first)])
    views = [
        {"buffer": 0, "byteOffset": int(start), "byteLength": length}
        for start, length in zip(starts, (POINTS.nbytes, len(first), len(second)), strict=True)
    ]
    scene = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, **(node or {})}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": index} for index in (1, 2)]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": len(POINTS), "type": "VEC3", **accessor},
            {"bufferView": 1, "componentType": 5123, "count": 6, "type": "SCALAR"},
            {"bufferView": 2, "componentType": 5123, "count": 3, "type": "SCALAR"},
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": len(data)}],
    }
    return scene, data


def glb(scene: dict[str, Any], data: bytes) -> bytes:
    text = json.dumps(scene).encode()
    text += b" " * (-len(text) % 4)
    data += b"\0" * (-len(data) % 4)
    chunks = (
        struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(data), 0x004E4942) + data
    )
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


@pytest.mark.parametrize("order", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize(
    "polygons", [POLYGONS, POLYGONS[:1], POLYGONS[1:]], ids=["mixed", "quads", "triangles"]
)
def test_ply_is_read(tmp_path: Path, order: str, polygons: list[list[int]]) -> None:
    path = tmp_path / "head.ply"
    path.write_bytes(ply(order, polygons))
    head = read_head(path)
    np.testing.assert_array_equal(head.vertices, POINTS)
    assert [[c for c in row if c >= 0] for row in head.polygons.tolist()] == polygons


def test_glb_is_read(tmp_path: Path) -> None:
    path = tmp_path / "head.glb"
    path.write_bytes(glb(*gltf()))
    head = read_head(path)
    np.testing.assert_array_equal(head.vertices, POINTS)
    np.testing.assert_array_equal(head.polygons, TRIANGLES)


def test_gltf_nodes_are_placed(tmp_path: Path) -> None:
    turn = {"rotation": [0, 0, 0.5**0.5, 0.5**0.5], "scale": [2, 2, 2], "translation": [0, 0, 3]}
    scene, data = gltf(turn)
    scene["buffers"][0]["uri"] = "data:application/octet-stream;base64," + base64.b64encode(data).decode()
    path = tmp_path / "head.gltf"
    path.write_text(json.dumps(scene))
    expected = 2 * POINTS[:, [1, 0, 2]] * [-1, 1, 1] + [0, 0, 3]
    np.testing.assert_allclose(read_head(path).vertices, expected, atol=1e-6)


def test_avatars_of_several_meshes_with_morph_targets_are_read_at_rest(tmp_path: Path) -> None:
    """As VRM and Ready Player Me write them: teeth and eyes as meshes of their own, targets beside."""
    scene, data = gltf()
    targets = {"primitives": [{"attributes": {"POSITION": 0}, "indices": 1, "targets": [{"POSITION": 0}]}]}
    scene["meshes"].append(targets | {"weights": [0.0], "extras": {"targetNames": ["jawOpen"]}})
    scene["nodes"].append({"mesh": 1, "name": "Wolf3D_Teeth", "translation": [0, 0, 1]})
    scene["scenes"][0]["nodes"].append(1)
    scene["extensionsUsed"] = ["VRM", "KHR_materials_unlit"]
    path = tmp_path / "avatar.glb"
    path.write_bytes(glb(scene, data))
    head = read_head(path)
    np.testing.assert_allclose(head.vertices, np.concatenate([POINTS, POINTS + [0, 0, 1]]), atol=1e-6)
    np.testing.assert_array_equal(head.polygons, np.concatenate([TRIANGLES, TRIANGLES[:2] + len(POINTS)]))


def test_a_skinned_mesh_stays_where_it_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "head.glb"
    path.write_bytes(glb(*gltf({"translation": [1, 2, 3], "skin": 0})))
    np.testing.assert_array_equal(read_head(path).vertices, POINTS)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("noise.ply", bytes(range(256)) * 4, "no header"),
        ("cut.ply", ply("binary_little_endian")[:-40], "no readable .ply"),
        ("cut2.ply", ply("ascii")[:-30], "no readable .ply"),
        ("range.ply", ply("ascii", [[0, 1, 9]]), "uses vertex 10"),
        ("line.ply", ply("ascii", [[0, 1]]), "at least 3"),
        ("noise.glb", b"glTF" + b"\x02\0\0\0" + b"\xff" * 9, "no readable glTF"),
        ("old.glb", struct.pack("<4sII", b"glTF", 1, 12), "version is 1"),
        ("cut.glb", glb(*gltf(count=5000)), "cut short"),
        ("noise.gltf", b"{", "no readable glTF"),
        ("list.gltf", b"[1]", "no readable glTF"),
        ("empty.gltf", b"{}", "no triangles"),
        ("packed.gltf", b'{"extensionsRequired": ["KHR_draco_mesh_compression"]}', "without compression"),
        ("range.glb", glb(*gltf(count=2)), "isn't there"),
    ],
)
def test_broken_files_are_refused(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(HeadError, match=says):
        read_head(path)


def test_a_missing_buffer_is_named(tmp_path: Path) -> None:
    scene, _ = gltf()
    scene["buffers"][0]["uri"] = "head%20data.bin"
    path = tmp_path / "head.gltf"
    path.write_text(json.dumps(scene))
    with pytest.raises(HeadError, match=r"head data\.bin"):
        read_head(path)
