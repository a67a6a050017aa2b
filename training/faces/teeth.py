# SPDX-License-Identifier: GPL-3.0-or-later
"""Teeth and gums along the dental arch of MakeHuman's helper, crowns of the usual adult sizes.

MakeHuman has only a smooth band where teeth belong. Its biting edge gives the arch; each tooth is a stack of
rounded sections on it, wide and thin at the edge, narrow and deep at the neck. Sizes are means of adult
permanent teeth as textbooks of dental anatomy give them (the third molars are left out).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.template import GUMS, TEETH

Doubles = NDArray[np.float64]

# Left half of the upper helper's biting edge, from the midline to the last molar, in MakeHuman's base mesh.
UPPER_EDGE = (15069, 15086, 15071, 15070, 15085, 15078, 15077, 15076, 15080)
OVERJET, OVERBITE = 2.4e-3, 0.8e-3  # metres; the lower edge lies behind and above the upper one
FREEWAY = 1.8e-3  # metres between the molars at rest
NARROW = 0.95  # of the helper's breadth, so that the premolars stay inside the corners of a smile
SPARE = 0.06  # of the arch; it goes on beyond the last molars, because the lower molars are wider
POINTS = 10  # around a crown
LEVELS = (
    0.0,
    0.06,
    0.25,
    0.55,
    0.85,
    1.15,
)  # heights of the sections, parts of the crown; the last in the gum
CORNER = 0.72  # exponent of the sections' superellipse: below 1 squarer than an ellipse


@dataclass(frozen=True)
class Kind:
    """Shape of a crown at LEVELS: its width and depth as parts of the tooth's, and how far its outer face
    stands out before the arch, millimetres.
    """

    width: tuple[float, ...]
    depth: tuple[float, ...]
    out: tuple[float, ...]


INCISOR = Kind(
    (0.88, 0.97, 1.0, 0.96, 0.84, 0.7), (0.12, 0.2, 0.36, 0.66, 0.95, 0.9), (-0.3, 0, 0.3, 0.5, 0.4, 0.1)
)
CANINE = Kind(
    (0.2, 0.5, 0.96, 0.95, 0.82, 0.7), (0.15, 0.3, 0.6, 0.9, 1.0, 0.9), (-0.4, 0, 0.5, 0.8, 0.6, 0.2)
)
MOLAR = Kind(
    (0.78, 0.92, 1.0, 0.97, 0.88, 0.8), (0.6, 0.8, 1.0, 1.0, 0.95, 0.85), (-0.9, -0.3, 0.3, 0.5, 0.4, 0.1)
)


@dataclass(frozen=True)
class Tooth:
    """Width along the arch, depth across it, height of the crown and how far its edge stays short of the
    biting plane, millimetres.
    """

    kind: Kind
    width: float
    depth: float
    height: float
    short: float = 0.0


UPPER = (
    Tooth(INCISOR, 8.5, 7.0, 10.5),
    Tooth(INCISOR, 6.6, 6.2, 9.0, 0.7),
    Tooth(CANINE, 7.6, 8.0, 10.0, 0.1),
    Tooth(MOLAR, 7.1, 9.2, 8.6, 0.6),
    Tooth(MOLAR, 6.8, 9.0, 7.8, 0.6),
    Tooth(MOLAR, 10.2, 11.0, 7.5, 0.4),
    Tooth(MOLAR, 9.4, 11.0, 7.0, 0.2),
)
LOWER = (
    Tooth(INCISOR, 5.3, 5.8, 8.8),
    Tooth(INCISOR, 5.9, 6.2, 9.2),
    Tooth(CANINE, 6.9, 7.6, 10.5, 0.4),
    Tooth(MOLAR, 7.0, 7.8, 8.6, 0.3),
    Tooth(MOLAR, 7.1, 8.2, 8.0, 0.4),
    Tooth(MOLAR, 11.0, 10.2, 7.6, 0.4),
    Tooth(MOLAR, 10.4, 10.0, 7.2, 0.3),
)
# The gum's section: out from the arch (millimetres, plus a part of the depth) and up from the neck.
GUM = ((-0.6, 0.0, 5.5), (0.4, 0.0, 3.5), (0.8, 0.0, 1.5), (0.55, 0.0, 0.0), (-0.7, 0.0, -0.3),
       (0.5, -1.0, -0.3), (-0.7, -1.0, 0.3), (-1.4, -1.0, 4.5))  # fmt: skip
PAPILLA = 2.6  # millimetres that the gum stands nearer to the edge between two teeth
PALATE = ((0.4, 4.0), (0.75, 7.0), (1.0, 8.0))  # part of the way to the midline, millimetres up


@dataclass(frozen=True, eq=False)
class Piece:
    """A mesh of one part: vertices (n, 3) in template space, polygons (m, 4) of 0…n−1 padded with −1."""

    vertices: Doubles
    faces: NDArray[np.int32]
    part: int


@dataclass(frozen=True, eq=False)
class Arch:
    """A biting edge: points (K, 3) in template space at their lengths (K,) from the midline, left positive;
    `up` is +1 where the roots point up.
    """

    length: Doubles
    points: Doubles
    up: float

    def at(self, length: float) -> Doubles:
        """The point (3,) at this length."""
        return np.array([np.interp(length, self.length, self.points[:, axis]) for axis in range(3)])

    def along(self, length: float) -> Doubles:
        """Horizontal unit vector (3,) along the arch."""
        step = (self.at(length + 1e-3) - self.at(length - 1e-3)) * [1, 1, 0]
        return step / np.linalg.norm(step)

    def out(self, length: float) -> Doubles:
        """Horizontal unit vector (3,) away from the mouth's inside."""
        along = self.along(length)
        return np.array([along[1], -along[0], 0.0])


def upper_arch(base: Doubles, front: Doubles) -> Arch:
    """The upper arch from the base mesh's vertices (19158, 3), scaled to the teeth's widths, its middle at
    `front`.
    """
    from scipy.interpolate import CubicSpline

    half = base[list(UPPER_EDGE)]
    points = np.concatenate([half[:0:-1] * [-1, 1, 1], half])
    points[:, 0] *= NARROW
    at = np.append(0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1)))
    scale = 1e-3 * sum(tooth.width for tooth in UPPER) / (at[-1] / 2)
    fine = CubicSpline(at, points)(at[-1] * np.linspace(-SPARE, 1 + SPARE, 801))
    return _measured(front + scale * (fine - fine[400]), 1.0)


def lower_arch(upper: Arch) -> Arch:
    """The lower arch inside the upper one: behind and above it in front, below it at the molars."""
    back = np.clip((np.abs(upper.length) - 0.015) / 0.015, 0, 1)
    lift = OVERBITE - (OVERBITE + FREEWAY) * back * back * (3 - 2 * back)
    inward = np.stack([upper.out(length) for length in upper.length])
    points = upper.points - OVERJET * inward
    points[:, 2] += lift
    return _measured(points, -1.0)


def crowns(arch: Arch, teeth: Sequence[Tooth]) -> Piece:
    """All crowns of a jaw, `teeth` being its left half from the midline."""
    found = []
    for side in (1, -1):
        start = 0.0
        for tooth in teeth:
            found.append(_crown(arch, tooth, side * (start + tooth.width / 2) * 1e-3))
            start += tooth.width
    ring = np.arange(len(LEVELS) * POINTS).reshape(-1, POINTS)
    after = np.roll(ring, -1, axis=1)
    sides = np.stack([ring, ring + POINTS, after + POINTS, after], axis=-1)[:-1].reshape(-1, 4)
    tip = len(LEVELS) * POINTS
    cap = np.stack([np.full(POINTS, tip), ring[0], after[0], np.full(POINTS, -1)], axis=-1)
    faces = _outward(np.concatenate([sides, cap]), arch.up)
    joined = np.concatenate([np.where(faces < 0, -1, faces + n * (tip + 1)) for n in range(len(found))])
    return Piece(np.concatenate(found), joined.astype(np.int32), TEETH)


def gums(arch: Arch, teeth: Sequence[Tooth], palate: bool) -> Piece:
    """The gum of a jaw as a strip along the arch, with the palate where wanted."""
    rows = np.stack([_gum_section(arch, *station, palate) for station in _stations(teeth)])
    count, width = rows.shape[:2]
    grid = np.arange(count * width).reshape(count, width)
    quads = np.stack([grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]], axis=-1).reshape(-1, 4)
    return Piece(rows.reshape(-1, 3), _outward(quads, arch.up), GUMS)


def _measured(points: Doubles, up: float) -> Arch:
    """An arch through points (K, 3), its middle one on the midline."""
    at = np.append(0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1)))
    return Arch(at - at[len(at) // 2], points, up)


def _crown(arch: Arch, tooth: Tooth, length: float) -> Doubles:
    """Sections (LEVELS · POINTS, 3) of one tooth and the middle of its edge."""
    angle = 2 * np.pi * (np.arange(POINTS) + 0.5) / POINTS
    across, outward = (np.sign(f) * np.abs(f) ** CORNER for f in (np.cos(angle), np.sin(angle)))
    place, along, out = arch.at(length), arch.along(length), arch.out(length)
    sections = []
    kind = tooth.kind
    for level, width, depth, front in zip(LEVELS, kind.width, kind.depth, kind.out, strict=True):
        width, depth = 0.5 * width * tooth.width, 0.5 * depth * tooth.depth
        middle = (front - depth) * out + arch.up * (tooth.short + level * tooth.height) * np.array(
            [0, 0, 1.0]
        )
        sections.append(middle + width * across[:, None] * along + depth * outward[:, None] * out)
    tip = sections[0].mean(axis=0, keepdims=True)
    return place + 1e-3 * np.concatenate([*sections, tip])


def _stations(teeth: Sequence[Tooth]) -> list[tuple[float, float, float, float]]:
    """Places along the gum from right to left: length (metres), neck, depth and papilla (millimetres)."""
    half = []
    start = 0.0
    for tooth, following in zip(teeth, [*teeth[1:], teeth[-1]], strict=True):
        neck, other = (each.short + each.height for each in (tooth, following))
        half.append((start + tooth.width / 2, neck, tooth.depth, 0.0))
        start += tooth.width
        half.append((start, (neck + other) / 2, (tooth.depth + following.depth) / 2, PAPILLA))
    middle = (0.0, teeth[0].short + teeth[0].height, teeth[0].depth, PAPILLA)
    mirrored = [(-at, *rest) for at, *rest in reversed(half)]
    return [(1e-3 * at, neck, depth, papilla) for at, neck, depth, papilla in [*mirrored, middle, *half]]


def _gum_section(
    arch: Arch, length: float, neck: float, depth: float, papilla: float, palate: bool
) -> Doubles:
    """Points (n, 3) across the gum at one place, from the lip's side over the neck to the tongue's side."""
    place, out = arch.at(length), arch.out(length)
    section = []
    for aside, part, above in GUM:
        near = papilla if -1 < above < 1 else 0.4 * papilla * (above < 2)
        height = arch.up * (neck + above - near)
        section.append(place + 1e-3 * ((aside + part * depth) * out + [0, 0, height]))
    if palate:
        last = section[-1]
        section += [last * [1 - part, 1, 1] + [0, 0, 1e-3 * above] for part, above in PALATE]
    return np.stack(section)


def _outward(faces: NDArray[np.integer], up: float) -> NDArray[np.int32]:
    """Polygons that are built for roots above, turned around for roots below."""
    faces = np.asarray(faces, np.int32)
    if up > 0:
        return faces
    turned = faces[:, [0, 2, 1, 3]].copy()
    quads = faces[:, 3] >= 0
    turned[quads] = faces[quads][:, ::-1]
    return turned
