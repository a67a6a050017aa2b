# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of meshes: an orthographic camera, smooth normals, a key light and a fill light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .raster import Array, Seen, look

BACKGROUND = np.array([0.16, 0.17, 0.19])
SKIN = np.array([0.86, 0.70, 0.62])
KEY_LIGHT = np.array([0.35, -0.75, 0.55])
FILL_LIGHT = np.array([-0.7, -0.6, 0.0])
GAMMA = 1.6


@dataclass(frozen=True)
class View:
    """A camera: turn about the vertical axis (degrees), and the square of the bounding box that fills the
    picture.

    `centre` and `width` are fractions of the reference's bounding box (x, y, z) and of its height.
    """

    yaw: float = 0.0
    centre: tuple[float, float, float] = (0.5, 0.5, 0.5)
    width: float = 1.08


VIEWS = {
    "front": View(),
    "three_quarter": View(yaw=35.0),
    "side": View(yaw=90.0),
    "mouth": View(centre=(0.5, 0.15, 0.30), width=0.36),
    "mouth_side": View(yaw=60.0, centre=(0.5, 0.15, 0.30), width=0.36),
    "eyes": View(centre=(0.5, 0.15, 0.60), width=0.50),
    "face": View(centre=(0.5, 0.15, 0.43), width=0.74),
}


class Camera:
    """A view of whatever lies about a reference (V', 3), whose box frames the picture of `size` pixels."""

    def __init__(self, reference: Array, view: View, size: int) -> None:
        low, high = reference.min(axis=0), reference.max(axis=0)
        angle = np.radians(view.yaw)
        cosine, sine = np.cos(angle), np.sin(angle)
        self.size = size
        self.turn = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]])
        scale = size / (view.width * (high[2] - low[2]))
        centre = low + (high - low) * np.array(view.centre)
        self._matrix = self.turn.T @ np.array([[scale, 0, 0], [0, 0, scale], [0, -scale, 0]])
        self._shift = np.array([size / 2, size / 2, 0]) - centre @ self._matrix

    def project(self, vertices: Array) -> Array:
        """Pixels and depth (V, 3), smaller is nearer, of vertices (V, 3)."""
        return vertices @ self._matrix.astype(vertices.dtype) + self._shift.astype(vertices.dtype)


def render(
    vertices: Array,
    faces: NDArray[np.integer],
    size: int = 384,
    view: str | View = "front",
    reference: Array | None = None,
    colours: Array | None = None,
) -> NDArray[np.uint8]:
    """Picture (size, size, 3) of a mesh (V, 3), Z up, facing −Y; polygons (F, 3|4) padded with −1.

    `reference` (V', 3) fixes the framing (give the rest shape when drawing frames of a motion); the close-ups
    are fractions of the template head's box, so they suit heads, not bodies. `colours` (V, 3) in 0…1 replaces
    skin.
    """
    vertices = np.asarray(vertices, np.float64)
    reference = vertices if reference is None else np.asarray(reference, np.float64)
    camera = Camera(reference, VIEWS[view] if isinstance(view, str) else view, size)
    triangles = triangles_of(faces)
    seen = look(camera.project(vertices)[triangles], size)
    colour = SKIN if colours is None else blend(np.asarray(colours), triangles, seen)
    normal = blend(vertex_normals(vertices, triangles), triangles, seen) @ camera.turn.T
    return develop(seen, colour * light(normal)[:, None], size)


def triangles_of(faces: NDArray[np.integer]) -> NDArray[np.int64]:
    """Triangles (N, 3) of polygons (F, 3|4), where −1 pads a triangle."""
    faces = np.asarray(faces, dtype=np.int64)
    if faces.shape[1] == 3:
        return faces
    quads = faces[faces[:, 3] >= 0]
    return np.concatenate([faces[:, :3], quads[:, [0, 2, 3]]])


def vertex_normals(vertices: Array, triangles: NDArray[np.integer]) -> Array:
    """Area-weighted unit normals (V, 3)."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    corner = triangles.ravel()
    sums = [np.bincount(corner, np.repeat(face[:, axis], 3), len(vertices)) for axis in range(3)]
    return unit_length(np.stack(sums, axis=1).astype(vertices.dtype, copy=False))


def unit_length(rows: Array) -> Array:
    """Rows (N, 3) as unit vectors."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def blend(values: Array, triangles: NDArray[np.integer], seen: Seen) -> Array:
    """Values (V, C) of the corners, blended in each pixel that is seen (M, C)."""
    corners = triangles[seen.triangle]
    mixed = values[corners[:, 0]] * seen.weights[:, :1]
    for corner in (1, 2):
        mixed += values[corners[:, corner]] * seen.weights[:, corner, None]
    return mixed


def light(normal: Array) -> Array:
    """Brightness (M,) of normals (M, 3) in camera space."""
    normal = unit_length(normal)
    key = np.clip(normal @ (KEY_LIGHT / np.linalg.norm(KEY_LIGHT)).astype(normal.dtype), 0, None)
    fill = np.clip(normal @ (FILL_LIGHT / np.linalg.norm(FILL_LIGHT)).astype(normal.dtype), 0, None)
    return 0.06 + 0.72 * key + 0.16 * fill


def develop(seen: Seen, colour: Array, size: int, shrink: int = 1) -> NDArray[np.uint8]:
    """The picture (size / shrink, size / shrink, 3) of lit colours (M, 3); `shrink` pixels each way become
    one, which smooths the edges."""
    image = np.empty((size * size, 3), colour.dtype)
    image[:] = BACKGROUND
    image[seen.pixel] = colour
    if shrink > 1:
        small = size // shrink
        image = image.reshape(small, shrink, small, shrink, 3).mean(axis=(1, 3))
    else:
        image = image.reshape(size, size, 3)
    return (np.clip(image, 0, 1) ** (1 / GAMMA) * 255).astype(np.uint8)
