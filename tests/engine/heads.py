# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads for tests: people of the template's kind, stylised, and the same surfaces meshed in other ways."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.geometry.fit.mesh import edges_of, triangulate
from engine.geometry.units import carry_units
from engine.template import Template

Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class KnownHead:
    """A mesh (V', 3), (F', 3), its own units (U, V', 3) as the truth, and the template on it (V, 3)."""

    vertices: Doubles
    polygons: Indices
    units: Doubles
    template: Doubles

    def turned(self, rotation: Doubles, scale: float, place: Doubles) -> KnownHead:
        """Turned, scaled and moved."""
        return KnownHead(
            scale * self.vertices @ rotation.T + place,
            self.polygons,
            scale * self.units @ rotation.T,
            scale * self.template @ rotation.T + place,
        )


def person(template: Template, seed: int, strength: float = 1.0) -> Doubles:
    """A random person (V, 3)."""
    codes = np.random.default_rng(seed).normal(0, strength, len(template.identity_basis))
    return template.rest + np.einsum("k,kvc->vc", codes * template.identity_std, template.identity_basis)


def stylised(
    template: Template, shape: Doubles, eyes: float = 2.0, jaw: float = 0.5, nose: float = 0.02
) -> Doubles:
    """Proportions of a cartoon: eyes `eyes` times as large, the jaw below the mouth `jaw` times as high,
    the nose `nose` metres longer."""
    marks, moved = template.landmarks, shape.copy()
    for side in ("left", "right"):
        centre = 0.5 * (shape[marks[f"lid_upper_{side}"]] + shape[marks[f"lid_lower_{side}"]])
        apart = shape - centre
        near = np.exp(-0.5 * (apart[:, [0, 2]] ** 2).sum(axis=1) / 0.017**2) * (apart[:, 1] < 0.05)
        moved += (eyes - 1) * near[:, None] * apart * [1, 0.5, 1]
    tip = shape[marks["nose_tip"]]
    near = np.exp(-0.5 * ((shape - tip) ** 2).sum(axis=1) / 0.012**2)
    moved[:, 1] -= nose * near
    mouth = moved[marks["lip_lower_inner"], 2] - 0.006
    below = np.minimum(moved[:, 2] - mouth, 0)
    moved[:, 2] -= (1 - jaw) * below * np.exp(-0.5 * (below / 0.06) ** 2)
    return moved


def own_mesh(template: Template, shape: Doubles) -> KnownHead:
    """The template's own mesh, triangulated and with its vertices in another order, so that nobody knows
    it."""
    order = np.random.default_rng(0).permutation(len(shape))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    units = carry_units(template, shape).astype(np.float64)
    return KnownHead(shape[order], place[triangulate(template.faces)], units[:, order], shape)


def subdivided(head: KnownHead) -> KnownHead:
    """Each triangle cut into four."""
    edges, _ = edges_of(head.polygons)
    base = int(edges.max()) + 1
    keys, count = edges[:, 0] * base + edges[:, 1], len(head.vertices)

    def middle(start: Indices, end: Indices) -> Indices:
        return count + np.searchsorted(keys, np.minimum(start, end) * base + np.maximum(start, end))

    a, b, c = head.polygons.T
    ab, bc, ca = middle(a, b), middle(b, c), middle(c, a)
    corners = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    halves = [
        0.5 * (values[..., edges[:, 0], :] + values[..., edges[:, 1], :])
        for values in (head.vertices, head.units)
    ]
    return KnownHead(
        np.concatenate([head.vertices, halves[0]]),
        np.concatenate([np.stack(triangle, axis=1) for triangle in corners]),
        np.concatenate([head.units, halves[1]], axis=1),
        head.template,
    )


def decimated(head: KnownHead, count: int) -> KnownHead:
    """Vertices that share a cube become one, the cubes as large as leaves about `count`."""
    low, high = 1e-3, 0.2
    size = np.ptp(head.vertices, axis=0).max()
    group = np.zeros(len(head.vertices), np.int64)
    for _ in range(16):
        cell = 0.5 * (low + high)
        keys = np.floor(head.vertices / (size * cell)).astype(np.int64)
        unique, group = np.unique(keys, axis=0, return_inverse=True)
        low, high = (cell, high) if len(unique) > count else (low, cell)
    group = group.ravel()
    amount = np.bincount(group)[:, None]

    def mean(values: Doubles) -> Doubles:
        return np.stack([np.bincount(group, values[:, axis]) for axis in range(3)], axis=1) / amount

    triangles = group[head.polygons]
    a, b, c = triangles.T
    triangles = np.unique(triangles[(a != b) & (b != c) & (c != a)], axis=0)
    return KnownHead(
        mean(head.vertices), triangles, np.stack([mean(unit) for unit in head.units]), head.template
    )


def face_of(template: Template, head: KnownHead) -> KnownHead:
    """Only the face's mask."""
    return cut(head, (head.vertices[:, 1] < 0.03) & (head.vertices[:, 2] > 0.02))


def cut(head: KnownHead, keep: NDArray[np.bool_]) -> KnownHead:
    """The part of a mesh with the vertices `keep` (V',)."""
    number = np.where(keep, np.cumsum(keep) - 1, -1)
    triangles = number[head.polygons]
    return KnownHead(
        head.vertices[keep], triangles[(triangles >= 0).all(axis=1)], head.units[:, keep], head.template
    )


def with_hair(
    head: KnownHead, over: NDArray[np.bool_] | None = None, down: tuple[float, ...] = (0.0, 0.0, -0.03)
) -> KnownHead:
    """With a cap 12 mm over the skull (V',), as an island of its own, which grows from a point below."""
    if over is None:
        over = (head.vertices[:, 2] > 0.19) & (head.vertices[:, 1] > -0.02)
    cap = cut(head, over)
    middle = cap.vertices.mean(axis=0) + down
    out = cap.vertices - middle
    grown = cap.vertices + 0.012 * out / np.linalg.norm(out, axis=1, keepdims=True)
    return KnownHead(
        np.concatenate([head.vertices, grown]),
        np.concatenate([head.polygons, cap.polygons + len(head.vertices)]),
        np.concatenate([head.units, 0 * cap.units], axis=1),
        head.template,
    )


def closed_at(head: KnownHead, end: NDArray[np.bool_]) -> KnownHead:
    """With open borders among the vertices `end` (V',) filled by a fan around a vertex in their middle, the
    last one."""
    directed = np.concatenate([head.polygons[:, [0, 1]], head.polygons[:, [1, 2]], head.polygons[:, [2, 0]]])
    base = len(head.vertices)
    back = directed[:, 1] * base + directed[:, 0]
    border = directed[~np.isin(directed[:, 0] * base + directed[:, 1], back) & end[directed].all(axis=1)]
    ring = np.unique(border)
    fan = np.column_stack([border[:, ::-1], np.full(len(border), base)])
    return KnownHead(
        np.concatenate([head.vertices, head.vertices[ring].mean(axis=0, keepdims=True)]),
        np.concatenate([head.polygons, fan]),
        np.concatenate([head.units, head.units[:, ring].mean(axis=1, keepdims=True)], axis=1),
        head.template,
    )


def rotation(seed: int) -> Doubles:
    """Any rotation (3, 3)."""
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    turn[:, 0] *= np.sign(np.linalg.det(turn))
    return turn


def agreement(
    found: NDArray[np.floating], truth: NDArray[np.floating], moving: float = 0.1
) -> tuple[float, float]:
    """Mean cosine and amplitude (1 is the same) of one unit (V', 3) over the vertices that move more than
    a part `moving` of what the unit's most moved vertex does."""
    length = np.linalg.norm(truth, axis=1)
    rows = length > moving * length.max()
    one, other = found[rows].astype(np.float64), truth[rows].astype(np.float64)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosine = (one * other).sum(axis=1) / np.maximum(lengths, 1e-12 * length.max() ** 2)
    return float(cosine.mean()), float(np.sqrt((one**2).sum() / (other**2).sum()))


def turned_over(vertices: Doubles, units: NDArray[np.floating], polygons: NDArray[np.integer]) -> Indices:
    """How many triangles each unit (U, V', 3) turns over at weight 1."""
    triangles = triangulate(polygons)

    def normals(points: Doubles) -> Doubles:
        a, b, c = (points[triangles[:, corner]] for corner in range(3))
        return np.cross(b - a, c - a)

    rest = normals(vertices)
    return np.array([int(((rest * normals(vertices + unit)).sum(axis=1) < 0).sum()) for unit in units])
