# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads come in from .obj and .npz files; broken ones are refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.errors import HeadError
from engine.heads import Head, pad_polygons, read_head

VERTICES = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0.5], [0, 1, 0], [0.5, 2, -1.25]])


def obj_text(head: Head, corner: str = "{v}", base: int = 0) -> str:
    lines = ["# a head", "mtllib x.mtl", "o head"]
    lines += ["v " + " ".join(repr(float(x)) for x in vertex) for vertex in head.vertices]
    lines += ["vt 0 0", "vn 0 0 1", "usemtl skin", "s 1"]
    for polygon in head.polygons:
        lines.append("f " + " ".join(corner.format(v=int(v) + 1 - base) for v in polygon if v >= 0))
    return "\n".join(lines) + "\n"


HEAD = Head(VERTICES, pad_polygons([[0, 1, 2, 3], [3, 2, 4], [0, 1, 2, 4, 3]]))
KEYED = {
    "vertices": VERTICES,
    "faces": HEAD.polygons,
    "key_names": np.array(["jawOpen", "mouthClose"]),
    "key_deltas": np.zeros((2, *VERTICES.shape)),
}


@pytest.mark.parametrize("corner", ["{v}", "{v}/1", "{v}//1", "{v}/1/1"])
def test_obj_round_trip(tmp_path: Path, corner: str) -> None:
    path = tmp_path / "head.obj"
    path.write_text(obj_text(HEAD, corner), encoding="utf-8")
    read = read_head(path)
    np.testing.assert_array_equal(read.vertices, HEAD.vertices)
    np.testing.assert_array_equal(read.polygons, HEAD.polygons)


def test_obj_negative_indices_colours_and_crlf(tmp_path: Path) -> None:
    path = tmp_path / "head.OBJ"
    path.write_bytes(b"v 0 0 0 0.5 0.5 0.5\r\nv 1 0 0 1 1 1\r\nv 1 1 0 0 0 0\r\nf -3 -2 -1 # back\r\n")
    read = read_head(path)
    assert read.vertices.shape == (3, 3)
    assert read.polygons.tolist() == [[0, 1, 2, -1]]


def test_npz_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "head.npz"
    np.savez(path, vertices=HEAD.vertices.astype(np.float32), faces=HEAD.polygons)
    read = read_head(path)
    np.testing.assert_array_equal(read.vertices, HEAD.vertices.astype(np.float32))
    np.testing.assert_array_equal(read.polygons, HEAD.polygons)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.obj", None, "doesn't exist"),
        ("empty.obj", b"", "empty file"),
        ("head.fbx", b"x", "give an .obj, .ply, .glb, .gltf or .npz"),
        ("noise.obj", bytes(range(256)) * 8, "no vertices"),
        ("cut.obj", b"v 0 0 0\nv 1 0", "Line 2"),
        ("words.obj", b"v a b c\n", "Line 1"),
        ("points.obj", b"v 0 0 0\n", "no faces"),
        ("range.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "uses vertex 9"),
        ("zero.obj", b"v 0 0 0\nf 0 0 0\n", "start at 1"),
        ("before.obj", b"v 0 0 0\nf -1 -2 -3\n", "before the first"),
        ("line.obj", b"v 0 0 0\nv 1 0 0\nf 1 2\n", "at least 3"),
        ("noise.npz", b"not a zip at all", "no readable .npz"),
        ("cut.npz", b"PK\x03\x04" + b"\0" * 40, "no readable .npz"),
    ],
)
def test_broken_files_are_refused(tmp_path: Path, name: str, content: bytes | None, says: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(HeadError, match=says):
        read_head(path)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"vertices": VERTICES}, "lacks the array 'faces'"),
        ({"vertices": VERTICES[:, :2], "faces": HEAD.polygons}, r"shape \(V, 3\)"),
        ({"vertices": VERTICES, "faces": HEAD.polygons.astype(float)}, "whole numbers"),
        ({"vertices": VERTICES[:0], "faces": HEAD.polygons}, "no vertices"),
        ({"vertices": np.array([object()]), "faces": HEAD.polygons}, "no readable .npz"),
        (KEYED | {"key_names": np.array(["a", "a"])}, "different names"),
        (KEYED | {"key_deltas": np.zeros((1, 2, 3))}, r"key_deltas .* must be numbers of shape \(2, "),
        (KEYED | {"key_deltas": np.full((2, *VERTICES.shape), np.nan)}, "NaN"),
        (
            {"vertices": np.eye(3), "faces": np.array([[-1, 0, 1, 2]])},
            "negative vertex number",
        ),
    ],
)
def test_wrong_arrays_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], says: str) -> None:
    path = tmp_path / "head.npz"
    np.savez(path, **arrays)
    with pytest.raises(HeadError, match=says):
        read_head(path)
