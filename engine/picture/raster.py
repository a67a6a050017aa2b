# SPDX-License-Identifier: GPL-3.0-or-later
"""Which point of which triangle is seen in each pixel: a z-buffer in numpy, many triangles at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Indices = NDArray[np.int64]

AT_ONCE = 400_000
"""Samples that are worked out together, which bounds the memory."""

EDGE = 1e-5
"""Samples so far outside a triangle still count, so that no gap opens between neighbours."""

DEPTHS = 65_535
"""Steps of depth: 16 bits sort in linear time, and tell a head's depth apart to 4 µm."""


@dataclass(frozen=True, eq=False)
class Seen:
    """The nearest sample of each covered pixel: flat ``pixel`` (M,) numbers, rows of pixels from the top,
    ``triangle`` (M,) numbers and the ``weights`` (M, 3) of their corners."""

    pixel: Indices
    triangle: Indices
    weights: Array


def look(corners: Array, size: int) -> Seen:
    """What is seen of triangles with ``corners`` (N, 3, 3): x to the right and y down in pixels of a square
    picture, and a depth that is smaller in front. Triangles that turn their back are not seen."""
    facing = np.flatnonzero(_faces_us(corners, size))
    found = [_cover(corners[part], part, size) for part in _alike(corners, facing, size)]
    pixel, triangle, weights, depth = (
        (np.concatenate(column) for column in zip(*found, strict=True)) if found else _nothing()
    )
    order = np.argsort(_steps(depth), kind="stable")[::-1]  # far to near: of a pixel's samples the last stays
    nearest = np.full(size * size, -1, np.int64)
    nearest[pixel[order]] = order
    covered = np.flatnonzero(nearest >= 0)
    sample = nearest[covered]
    return Seen(covered, triangle[sample], weights[sample])


def _faces_us(corners: Array, size: int) -> NDArray[np.bool_]:
    """Which triangles (N,) face the camera, inside the picture's frame; y points down, so their area is
    negative."""
    (ax, ay), (bx, by), (cx, cy) = ((corners[:, i, 0], corners[:, i, 1]) for i in range(3))
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    low, high = _box(corners)
    return (area < -1e-6) & (high > 0).all(axis=0) & (low < size).all(axis=0)


def _alike(corners: Array, chosen: Indices, size: int) -> list[Indices]:
    """The chosen triangles' numbers, in groups of like size and bounded work."""
    side = _pixels(corners[chosen], size)[1]
    groups = []
    for each in np.unique(side).tolist():
        members = chosen[side == each]
        groups += np.array_split(members, max(1, len(members) * each**2 // AT_ONCE))
    return groups


def _box(corners: Array) -> tuple[Array, Array]:
    """Lowest and highest x and y (2, N) of triangles."""
    a, b, c = (corners[:, i, :2].T for i in range(3))
    return np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)


def _pixels(corners: Array, size: int) -> tuple[Indices, Indices]:
    """The first pixel (2, N) of each triangle's box inside the frame, and its side (N,), a power of 2."""
    low, high = _box(corners)
    first = np.clip(np.ceil(low - 0.5), 0, size - 1).astype(np.int64)
    last = np.clip(np.floor(high - 0.5), 0, size - 1).astype(np.int64)
    extent = np.maximum(np.maximum(last[0] - first[0], last[1] - first[1]) + 1, 1)
    return first, 2 ** np.ceil(np.log2(extent)).astype(np.int64)


def _cover(corners: Array, numbers: Indices, size: int) -> tuple[Indices, Indices, Array, Array]:
    """Samples of triangles of like size: flat pixels, triangle numbers, weights and depths."""
    first, sides = _pixels(corners, size)
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = (corners[:, i].T for i in range(3))
    twice = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy)
    start_x, start_y = first[0] + 0.5 - cx, first[1] + 0.5 - cy
    along = np.arange(int(sides.max(initial=1)), dtype=corners.dtype)

    def share(right: Array, down: Array) -> Array:
        right, down = right / twice, down / twice
        column = (right * start_x + down * start_y)[:, None] + right[:, None] * along
        return column[:, None, :] + (down[:, None] * along)[:, :, None]

    u, v = share(by - cy, cx - bx), share(cy - ay, ax - cx)
    hits = np.flatnonzero((np.minimum(u, v) >= -EDGE) & (u + v <= 1 + EDGE))
    row, rest = np.divmod(hits, len(along) ** 2)
    y, x = np.divmod(rest, len(along))
    x, y = first[0, row] + x, first[1, row] + y
    inside = (x < size) & (y < size)
    hits, row = hits[inside], row[inside]
    u, v = u.ravel()[hits], v.ravel()[hits]
    w = 1 - u - v
    depth = u * az[row] + v * bz[row] + w * cz[row]
    return (y * size + x)[inside], numbers[row], np.stack([u, v, w], axis=1), depth


def _steps(depth: Array) -> NDArray[np.uint16]:
    low, high = depth.min(initial=np.inf), depth.max(initial=-np.inf)
    return ((depth - low) * (DEPTHS / max(high - low, 1e-12))).astype(np.uint16)


def _nothing() -> tuple[Indices, Indices, Array, Array]:
    empty = np.zeros(0, np.int64)
    return empty, empty, np.zeros((0, 3)), np.zeros(0)
