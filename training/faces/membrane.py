# SPDX-License-Identifier: GPL-3.0-or-later
"""The skin as an elastic sheet that glides over the skull: moved in some places, it follows around them.

Triangles of constant strain (plane stress) resist being stretched and sheared; the Laplacian's stiffness
resists folds. Soft tissue ties the sheet to the bone below: along the surface loosely, off it firmly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, csr_matrix, diags
from scipy.sparse.linalg import spsolve

from engine.geometry.fit.mesh import triangulate
from engine.picture.render import vertex_normals
from engine.template import Template

Doubles = NDArray[np.float64]

ALONG, OFF = 0.04, 0.01  # metres over which skin follows along the surface, and off it
POISSON = 0.4  # skin hardly changes its volume: pulled, it narrows
BEND = 1.0  # of the stretch's stiffness


@dataclass(frozen=True, eq=False)
class Membrane:
    """The elastic sheet over a template's polygons: eyeballs, tongue and skin are sheets of their own."""

    template: Template
    along: float = ALONG
    off: float = OFF
    bend: float = BEND

    def settle(self, wanted: Doubles, grip: Doubles) -> Doubles:
        """Where the sheet comes to rest (V, 3) when vertices are held at displacements (V, 3).

        `grip` (V,) in 1/m² is how firmly: held by 1/s², a detail smaller than s is smoothed away.
        """
        held = np.repeat(self._areas * grip, 3)
        system = self._sheet + diags(held)
        return np.asarray(spsolve(csc_matrix(system), held * wanted.ravel())).reshape(-1, 3)

    @cached_property
    def _triangles(self) -> NDArray[np.int64]:
        return triangulate(self.template.faces)

    @cached_property
    def _rest(self) -> Doubles:
        return self.template.rest.astype(np.float64)

    @cached_property
    def _corners(self) -> tuple[Doubles, Doubles]:
        """Of each triangle its area (N,), and how fast each corner's share rises across it (N, 3, 3)."""
        points = self._rest[self._triangles]
        normal = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
        doubled = np.maximum(np.linalg.norm(normal, axis=1), 1e-10)
        opposite = points[:, [2, 0, 1]] - points[:, [1, 2, 0]]
        unit = normal / doubled[:, None]
        slopes = np.cross(unit[:, None], opposite) / np.maximum(doubled, 1e-7)[:, None, None]
        return doubled / 2, slopes

    @cached_property
    def _areas(self) -> Doubles:
        """A third of the triangles around each vertex (V,), square metres."""
        thirds = np.repeat(self._corners[0] / 3, 3)
        return np.bincount(self._triangles.ravel(), thirds, len(self._rest)).astype(np.float64)

    @cached_property
    def _sheet(self) -> csr_matrix:
        """Stiffness (3 V, 3 V) of the sheet and its ties to the bone."""
        area, slopes = self._corners
        normals = np.cross(slopes[:, 0], slopes[:, 1])
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        flat = np.eye(3) - normals[:, :, None] * normals[:, None]
        # plane stress: E/(1-v²) (v tr² + (1-v) e:e), with e the strain along the triangle
        inner = np.einsum("nac,nbc->nab", slopes, slopes)
        bulk = np.einsum("nac,nbd->nabcd", slopes, slopes)
        shear = 0.5 * (np.einsum("nab,ncd->nabcd", inner, flat) + np.einsum("nad,nbc->nabcd", slopes, slopes))
        block = POISSON * bulk + (1 - POISSON) * shear
        block += self.bend * np.einsum("nab,cd->nabcd", inner, np.eye(3))
        block *= area[:, None, None, None, None]
        return _assembled(self._triangles, block, len(self._rest)) + self._ties

    @cached_property
    def _ties(self) -> csr_matrix:
        """What holds each vertex to the bone (3 V, 3 V)."""
        count = len(self._rest)
        normal = vertex_normals(self._rest, self._triangles)
        outer = normal[:, :, None] * normal[:, None]
        block = (np.eye(3) - outer) / self.along**2 + outer / self.off**2
        block *= self._areas[:, None, None]
        return _assembled(np.arange(count)[:, None], block[:, None, None], count)


def _assembled(vertices: NDArray[np.int64], block: Doubles, count: int) -> csr_matrix:
    """Stiffness (3 V, 3 V) of elements with vertices (N, K) and blocks (N, K, K, 3, 3) of their own."""
    axes = 3 * vertices[:, :, None] + np.arange(3)
    rows = np.broadcast_to(axes[:, :, None, :, None], block.shape)
    columns = np.broadcast_to(axes[:, None, :, None, :], block.shape)
    return csr_matrix((block.ravel(), (rows.ravel(), columns.ravel())), (3 * count, 3 * count))
