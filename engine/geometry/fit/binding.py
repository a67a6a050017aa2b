# SPDX-License-Identifier: GPL-3.0-or-later
"""The binding of a mesh whose vertex order is unknown: the template was fitted to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...template import Template
from ..topology import Binding
from .carry import Carrier, carrier
from .head import fit_head
from .nearest import search_of

Floats = NDArray[np.float32]

FITTED = "fitted"
SAME_PLACE = 0.004  # metres; a mesh vertex further away doesn't stand for a template vertex


@dataclass(frozen=True, eq=False)
class FittedBinding(Binding):
    """A mesh that the template was fitted to.

    `rest` (V, 3) is the template shaped like this head; `index` (V,) gives only the nearest mesh vertex.
    `fit_mm` (V,) tells how far each vertex of the template is from the mesh, in millimetres of a head of
    human size.
    """

    carrier: Carrier
    fit_mm: NDArray[np.float64]

    def carry(self, displacement: ArrayLike) -> Floats:
        """Displacements (T, V, 3) of the template as displacements (T, V', 3) of the mesh, in its units
        and axes."""
        return self._turned(self.carrier.carry(np.asarray(displacement, np.float32)))

    def unit_deltas(self) -> Floats:
        """The units (U, V', 3) of this head at weight 1, in its own units, axes and vertex order."""
        return self._turned(self.carrier.unit_deltas)

    def template_on_head(self) -> NDArray[np.float64]:
        """The template shaped like this head (V, 3), where the head is, in the head's own units and axes."""
        return self.to_head.points(self.rest)

    def _turned(self, motion: Floats) -> Floats:
        return motion @ (self.to_head.scale * self.to_head.rotation.T).astype(np.float32)


def bind_fitted(
    template: Template,
    vertices: NDArray[np.float64],
    polygons: NDArray[np.integer],
    landmarks: Mapping[str, ArrayLike] | None = None,
) -> FittedBinding:
    """Fit the template to any head; see `fit_head` for the landmarks and errors."""
    fit = fit_head(template, vertices, polygons, landmarks)
    tied = carrier(template, fit.rest, fit.surface, fit.roles)
    grid = search_of(fit.surface.vertices, np.zeros_like(fit.surface.vertices), SAME_PLACE)
    nearest = grid.nearest(fit.rest.astype(np.float64), np.zeros((len(fit.rest), 3)), 0.0)[0]
    return FittedBinding(
        template, FITTED, vertices, fit.rest, nearest.astype(np.int32), fit.to_head, tied, fit.fit_mm
    )
