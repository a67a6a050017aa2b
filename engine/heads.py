# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading heads from files: Wavefront .obj, .ply, glTF, and .npz with arrays `vertices` and `faces`, and of
its own shape keys `key_names` and `key_deltas`."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import HeadError
from .head_files.gltf import read_gltf
from .head_files.ply import read_ply

ARRAYS = ("vertices", "faces", "key_names", "key_deltas")
"""What is read of an .npz."""


@dataclass(frozen=True, eq=False)
class Head:
    """A mesh at rest: `vertices` (V', 3) in the file's own units and axes, `polygons` (F', K) padded with
    −1. `key_deltas` (N, V', 3) are the displacements of its own shape keys `key_names` (N,) at value 1, None
    where the file has none.
    """

    vertices: NDArray[np.floating]
    polygons: NDArray[np.int32]
    key_names: tuple[str, ...] = ()
    key_deltas: NDArray[np.float32] | None = None


def read_head(path: str | Path) -> Head:
    """Read a head from an .obj, .ply, .glb, .gltf or .npz file; HeadError says what is wrong with it."""
    path = Path(path)
    readers = {
        ".obj": _read_obj,
        ".ply": _read_ply,
        ".glb": _read_gltf,
        ".gltf": _read_gltf,
        ".npz": _read_npz,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise HeadError(
            f"{path.name} is no head that MeshTalk can read; give an .obj, .ply, .glb, .gltf or .npz file."
        )
    if not path.is_file():
        raise HeadError(f"The head {path} doesn't exist; check the path.")
    try:
        if path.stat().st_size == 0:
            raise HeadError(f"The head {path.name} is an empty file; export it again.")
        return reader(path)
    except OSError as error:
        raise HeadError(f"The head {path.name} can't be read ({error.strerror or error}).") from error


def pad_polygons(polygons: list[list[int]]) -> NDArray[np.int32]:
    """Polygons of any size as one array (F, longest), padded with −1."""
    sizes = np.array([len(polygon) for polygon in polygons], np.int64)
    padded = np.full((len(polygons), max(4, int(sizes.max(initial=0)))), -1, np.int32)
    padded[np.arange(padded.shape[1]) < sizes[:, None]] = [
        corner for polygon in polygons for corner in polygon
    ]
    return padded


def _read_obj(path: Path) -> Head:
    """Vertices and faces of an .obj; everything else (vt, vn, groups, materials) is passed over."""
    vertices: list[list[float]] = []
    polygons: list[list[int]] = []
    text = path.read_bytes().decode("utf-8", errors="replace").replace("\\\n", " ")
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#", 1)[0].split()
        if not words or words[0] not in ("v", "f"):
            continue
        try:
            if words[0] == "v":
                vertices.append(_position(words[1:4]))
            else:
                polygons.append([_corner(word, len(vertices)) for word in words[1:]])
        except ValueError as error:
            raise HeadError(
                f"Line {number} of {path.name} is no valid .obj ({error}); export it again."
            ) from error
    if not vertices:
        raise HeadError(f"{path.name} has no vertices; it is no .obj head, or an empty one.")
    if not polygons:
        raise HeadError(f"{path.name} has vertices but no faces; export it with its faces.")
    _check_corners(path, polygons, len(vertices))
    return Head(np.array(vertices, np.float64), pad_polygons(polygons))


def _read_ply(path: Path) -> Head:
    """Vertices and faces of a .ply; colours, normals and the like are passed over."""
    vertices, polygons = read_ply(path)
    if not len(vertices) or not polygons:
        raise HeadError(
            f"{path.name} has no {'faces' if len(vertices) else 'vertices'}; export it with its faces."
        )
    if min(min(polygon, default=0) for polygon in polygons) < 0:
        raise HeadError(f"{path.name} has a face with a negative vertex number; export it again.")
    _check_corners(path, polygons, len(vertices))
    return Head(vertices, pad_polygons(polygons))


def _read_gltf(path: Path) -> Head:
    """The triangles of all meshes of a glTF scene."""
    vertices, triangles = read_gltf(path)
    return Head(vertices, triangles.astype(np.int32))


def _position(words: list[str]) -> list[float]:
    if len(words) < 3:
        raise ValueError("a vertex needs three numbers")
    return [float(word) for word in words]


def _corner(word: str, vertices: int) -> int:
    """Vertex number from 0 of `v`, `v/vt`, `v//vn` or `v/vt/vn`, where a negative v counts back from the
    last one.
    """
    number = int(word.split("/", 1)[0])
    if number == 0:
        raise ValueError("vertex numbers start at 1")
    corner = number - 1 if number > 0 else vertices + number
    if corner < 0:
        raise ValueError(f"vertex {number} comes before the first")
    return corner


def _check_corners(path: Path, polygons: list[list[int]], vertices: int) -> None:
    shortest = min(len(polygon) for polygon in polygons)
    if shortest < 3:
        raise HeadError(
            f"{path.name} has a face with {shortest} corners; a face needs at least 3: repair the mesh."
        )
    highest = max(max(polygon) for polygon in polygons)
    if highest >= vertices:
        raise HeadError(
            f"{path.name} has a face that uses vertex {highest + 1}, but only {vertices:,} vertices: "
            "the file is cut short or damaged; export it again."
        )


def _read_npz(path: Path) -> Head:
    """Arrays `vertices` (V', 3) and `faces` (F', K), padded with −1."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise HeadError(f"{path.name} is no .npz archive; save it with numpy.savez.")
            arrays = {name: file[name] for name in ARRAYS if name in file.files}
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise HeadError(
            f"{path.name} is no readable .npz ({error}); save it again with numpy.savez."
        ) from error
    missing = [name for name in ("vertices", "faces") if name not in arrays]
    if missing:
        raise HeadError(f"{path.name} lacks the array '{missing[0]}'; a head needs 'vertices' and 'faces'.")
    vertices, faces = arrays["vertices"], arrays["faces"]
    if vertices.ndim != 2 or vertices.shape[1] != 3 or vertices.dtype.kind not in "fiu":
        raise HeadError(f"The vertices of {path.name} must be numbers of shape (V, 3), not {vertices.shape}.")
    if faces.ndim != 2 or faces.shape[1] < 3 or faces.dtype.kind not in "iu":
        raise HeadError(
            f"The faces of {path.name} must be whole numbers of shape (F, 3 or 4), not {faces.shape}."
        )
    if len(vertices) == 0 or len(faces) == 0:
        raise HeadError(
            f"{path.name} holds no {'vertices' if len(vertices) == 0 else 'faces'}; export the head again."
        )
    if (faces[:, :3] < 0).any():  # only what follows a triangle is padded
        raise HeadError(f"{path.name} has a face with a negative vertex number; export it again.")
    exact = vertices.astype(np.float64 if vertices.dtype.kind != "f" else vertices.dtype)
    return Head(exact, faces.astype(np.int32), *_keys(path, arrays, len(vertices)))


def _keys(
    path: Path, arrays: Mapping[str, NDArray[Any]], count: int
) -> tuple[tuple[str, ...], NDArray[np.float32] | None]:
    """Names (N,) and displacements (N, V', 3) of the shape keys among arrays; HeadError where they don't fit
    each other or the vertices."""
    names, deltas = (arrays.get(name) for name in ("key_names", "key_deltas"))
    if names is None or deltas is None:
        return (), None
    if names.ndim != 1 or names.dtype.kind != "U" or len(set(names.tolist())) < len(names):
        raise HeadError(f"The key_names of {path.name} must be a list of different names.")
    if deltas.shape != (len(names), count, 3) or deltas.dtype.kind not in "fiu":
        raise HeadError(
            f"The key_deltas of {path.name} must be numbers of shape ({len(names)}, {count}, 3), not "
            f"{deltas.shape}."
        )
    if not np.isfinite(deltas).all():
        raise HeadError(f"The key_deltas of {path.name} hold NaN or infinity; export the shape keys again.")
    return tuple(names.tolist()), deltas.astype(np.float32)
