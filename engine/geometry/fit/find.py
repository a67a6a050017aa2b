# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding a face on a mesh of any size, turn and topology.

The mesh is looked at from many sides. What a side shows is a picture of surface normals, in which the
template's own picture is searched at many sizes (a correlation, by Fourier transform); both have their broad
curvature taken away, so that eyes, nose and lips are what counts and a ball is no face. Sides are the 24
along the axes, and those along the mesh's principal axes: the left-right axis of a symmetric head is one of
them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from ...progress import QUIET, Stage
from ...template import SKIN, Template
from ..procrustes import Similarity
from .mesh import Surface, spread, surface_of

Doubles = NDArray[np.float64]

PICTURE, TRANSFORM = 64, 128  # pixels of a picture's side, and of its Fourier transform
WIDTHS = tuple(float(width) for width in 10 * 1.25 ** np.arange(9))  # pixels that the face is wide: 10 to 60
SURE = (
    0.68  # this likeness needs no further search; *measured*: heads 0.65 to 0.9, other sides of them to 0.56
)
FACE_WIDTH = 0.14  # metres of the template's face that its picture shows
BLUR = 0.016  # metres; broader curvature than this doesn't count
POINTS = 9_000  # on the mesh, for its pictures
TURNS = 24  # sides around a principal axis
HEAD_PART = 0.22  # of a figure's height: how far its head reaches down, with some room


@dataclass(frozen=True, eq=False)
class Sighting:
    """Where a face may be: its likeness (1 is the template itself) and the map from template space."""

    likeness: float
    to_head: Similarity


def sightings(template: Template, surface: Surface, count: int = 6, stage: Stage = QUIET) -> list[Sighting]:
    """The places (at most `count`) that look most like the template's face, best first."""
    points, normals = _cloud(surface)
    if len(points) < 50:
        return []
    found: list[Sighting] = []
    for part, looks in enumerate((_along_axes(), _along_principal(points))):
        sides = list(looks)
        for index, rotation in enumerate(sides):
            stage.part(part, 2).at(index, len(sides))
            seen = _seen_from(template, points @ rotation.T, normals @ rotation.T, rotation)
            found = sorted(found + seen, key=lambda sighting: -sighting.likeness)[: 4 * count]
            if found and found[0].likeness > SURE:
                return _distinct(found)[:count]
    return _distinct(found)[:count]


def _cloud(surface: Surface) -> tuple[Doubles, Doubles]:
    """Points and normals spread evenly over the surface."""
    spacing = float(np.sqrt(surface.areas.sum() / POINTS))
    if not spacing > 0:
        return np.zeros((0, 3)), np.zeros((0, 3))
    points, triangles = spread(surface, spacing, 4 * POINTS)
    return points, surface.face_normals[triangles]


def _along_axes() -> Iterator[Doubles]:
    """The 24 rotations that bring axes onto axes: first Z up facing −Y (Blender), then Y up facing Z (most
    files), then the others."""
    yield np.eye(3)
    yield np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            rotation = np.zeros((3, 3))
            rotation[np.arange(3), order] = signs
            if np.linalg.det(rotation) > 0:
                yield rotation


def _along_principal(points: Doubles) -> Iterator[Doubles]:
    """Sides around each principal axis, which is taken for the head's left-right axis."""
    axes = np.linalg.eigh(np.cov(points.T))[1].T
    for row in range(3):
        across, one, other = axes[row], axes[(row + 1) % 3], axes[(row + 2) % 3]
        for angle in 2 * np.pi * np.arange(TURNS) / TURNS:
            back = np.cos(angle) * one + np.sin(angle) * other
            for sign in (1.0, -1.0):
                yield np.stack([sign * across, back, np.cross(sign * across, back)])


def _seen_from(template: Template, points: Doubles, normals: Doubles, rotation: Doubles) -> list[Sighting]:
    """The best sightings on one side; points are turned already so that the viewer is at −y."""
    low, high = points.min(axis=0), points.max(axis=0)
    frames = [(0.5 * (low + high), float(max(high[0] - low[0], high[2] - low[2])))]
    tall = high[2] - low[2]
    if tall > 1.6 * (high[1] - low[1]):  # perhaps a whole figure: look at its head
        top = points[points[:, 2] > high[2] - 0.5 * HEAD_PART * tall]
        middle = np.array([np.median(top[:, 0]), 0, high[2] - 0.5 * HEAD_PART * tall])
        frames.append((middle, HEAD_PART * tall))
    found = []
    for middle, extent in frames:
        found += _in_frame(template, points, normals, rotation, middle, extent / (0.95 * PICTURE))
    return found


def _in_frame(
    template: Template, points: Doubles, normals: Doubles, rotation: Doubles, middle: Doubles, pitch: float
) -> list[Sighting]:
    corner = np.array([middle[0] - 0.5 * PICTURE * pitch, middle[2] - 0.5 * PICTURE * pitch])
    picture, depth = _picture(points, normals, corner, pitch, PICTURE)
    spectrum = np.fft.rfft2(picture, (TRANSFORM, TRANSFORM))
    found = []
    for kernel in _kernels(template):
        likeness = np.fft.irfft2((spectrum * kernel.spectrum).sum(axis=0), (TRANSFORM, TRANSFORM))
        at = np.unravel_index(int(likeness.argmax()), likeness.shape)
        offset = np.array([value if value < PICTURE else value - TRANSFORM for value in at])
        place = _place(kernel, depth, offset, corner, pitch)
        if place is not None:
            scale = pitch / kernel.pitch
            translation = rotation.T @ (place - scale * kernel.origin)
            found.append(Sighting(float(likeness.max()), Similarity(scale, rotation.T.copy(), translation)))
    return sorted(found, key=lambda sighting: -sighting.likeness)[:3]


@dataclass(frozen=True, eq=False)
class _Kernel:
    """The template's face at one size: conjugate spectrum (3, …), scaled so that the face itself gives 1."""

    pitch: float  # metres a pixel
    spectrum: NDArray[np.complex128]
    depth: Doubles  # (n, n), NaN where there is no face
    origin: Doubles  # template point of the corner pixel's corner, at depth 0


@lru_cache(maxsize=2)
def _kernels(template: Template) -> tuple[_Kernel, ...]:
    points, normals = _template_cloud(template)
    return tuple(_kernel(points, normals, FACE_WIDTH / width) for width in WIDTHS)


def _kernel(points: Doubles, normals: Doubles, pitch: float) -> _Kernel:
    low = points.min(axis=0)
    corner = np.array([low[0], low[2]]) - 0.5 * pitch
    side = int(np.ceil(np.ptp(points[:, [0, 2]], axis=0).max() / pitch)) + 2
    picture, depth = _picture(points, normals, corner, pitch, side)
    flat = np.fft.rfft2(_high_pass(picture, np.isfinite(depth), BLUR / pitch), (TRANSFORM, TRANSFORM))
    itself = np.fft.irfft2(
        (np.fft.rfft2(picture, (TRANSFORM, TRANSFORM)) * flat.conj()).sum(axis=0), (TRANSFORM, TRANSFORM)
    )[0, 0]
    return _Kernel(pitch, flat.conj() / itself, depth, np.array([corner[0], 0, corner[1]]))


def _high_pass(picture: Doubles, mask: NDArray[np.bool_], sigma: float) -> Doubles:
    """The picture (3, n, n) less its blurred self, within the mask, with mean 0."""
    share = _blur(mask.astype(np.float64), sigma)
    detail = np.where(mask, picture - _blur(picture * mask, sigma) / np.maximum(share, 1e-6), 0)
    return np.where(mask, detail - detail.sum(axis=(1, 2), keepdims=True) / mask.sum(), 0)


def _blur(picture: Doubles, sigma: float) -> Doubles:
    reach = np.arange(-int(np.ceil(3 * sigma)), int(np.ceil(3 * sigma)) + 1)
    weights = np.exp(-0.5 * (reach / sigma) ** 2)
    size = picture.shape[-1]
    matrix = np.zeros((size, size))
    for shift, weight in zip(reach, weights / weights.sum(), strict=True):
        matrix += weight * np.eye(size, k=int(shift))
    return matrix @ picture @ matrix.T


def _template_cloud(template: Template) -> tuple[Doubles, Doubles]:
    """Points over the template's face, from the chin to the brows, as seen from the front."""
    rest = template.rest.astype(np.float64)
    top = rest[template.landmarks["brow_inner_left"], 2] + 0.025
    bottom = rest[template.landmarks["chin"], 2] - 0.012
    face = (np.abs(rest[:, 0]) < FACE_WIDTH / 2) & (rest[:, 2] > bottom) & (rest[:, 2] < top)
    face &= (template.part == SKIN) & (rest[:, 1] < rest[template.landmarks["mouth_left"], 1] + 0.05)
    surface = surface_of(rest, template.faces).part(face)
    points, triangles = spread(surface, 0.0012)
    normals = surface.face_normals[triangles]
    front = normals[:, 1] < 0  # the inside of the mouth looks the other way
    return points[front], normals[front]


def _picture(
    points: Doubles, normals: Doubles, corner: Doubles, pitch: float, size: int
) -> tuple[Doubles, Doubles]:
    """Normals (3, size, size) and depths (size, size) of the nearest points, indexed [x, z]; holes are 0 and
    NaN."""
    pixel = np.floor((points[:, [0, 2]] - corner) / pitch).astype(np.int64)
    inside = np.flatnonzero(((pixel >= 0) & (pixel < size)).all(axis=1))
    inside = inside[np.argsort(-points[inside, 1], kind="stable")]  # the nearest is written last
    flat = pixel[inside, 0] * size + pixel[inside, 1]
    picture, depth = np.zeros((size * size, 3)), np.full(size * size, np.nan)
    seen = normals[inside]
    picture[flat] = np.where(seen[:, 1:2] > 0, -seen, seen)  # files often have their normals inside out
    depth[flat] = points[inside, 1]
    return picture.T.reshape(3, size, size), depth.reshape(size, size)


def _place(
    kernel: _Kernel, depth: Doubles, offset: NDArray[np.int64], corner: Doubles, pitch: float
) -> Doubles | None:
    """Where the kernel's origin lies in the turned mesh, by the depths that both have; None where hardly any
    are."""
    side = len(kernel.depth)
    window = np.full((side, side), np.nan)
    low, high = np.maximum(offset, 0), np.minimum(offset + side, PICTURE)
    if (high <= low).any():
        return None
    window[low[0] - offset[0] : high[0] - offset[0], low[1] - offset[1] : high[1] - offset[1]] = depth[
        low[0] : high[0], low[1] : high[1]
    ]
    apart = window - kernel.depth * (pitch / kernel.pitch)
    both = np.isfinite(apart)
    if both.sum() < 0.5 * np.isfinite(kernel.depth).sum():
        return None
    return np.array([corner[0] + offset[0] * pitch, np.median(apart[both]), corner[1] + offset[1] * pitch])


def _distinct(found: list[Sighting]) -> list[Sighting]:
    """Without sightings that are nearly the same as a better one."""
    kept: list[Sighting] = []
    for sighting in found:
        place = sighting.to_head
        if not any(
            np.trace(place.rotation.T @ other.to_head.rotation) > 2.6
            and abs(np.log(place.scale / other.to_head.scale)) < 0.12
            and np.linalg.norm(place.points([0, -0.04, 0.1]) - other.to_head.points([0, -0.04, 0.1]))
            < 0.02 * place.scale
            for other in kept
        ):
            kept.append(sighting)
    return kept
