# SPDX-License-Identifier: GPL-3.0-or-later
"""Binding any mesh to the template: exactly where its vertex order is known (`topology`), by a fit elsewhere
(`fit`)."""

from __future__ import annotations

from collections.abc import Mapping

from numpy.typing import ArrayLike

from ..errors import HeadError
from ..progress import QUIET, Stage
from ..template import Template
from .fit.binding import bind_fitted
from .topology import Binding, bind_known, checked_polygons, checked_vertices


def bind_head(
    template: Template,
    vertices: ArrayLike,
    polygons: ArrayLike,
    landmarks: Mapping[str, ArrayLike] | None = None,
    stage: Stage = QUIET,
) -> Binding:
    """Bind a mesh at rest, vertices (V', 3) and polygons (F', K) padded with −1.

    A known topology is bound exactly; to any other mesh the template is fitted, helped by `landmarks`, places
    (3,) in the mesh's space by name; `stage` is told how far it is. HeadError for bad meshes and where no
    face fits; Cancelled.
    """
    points, corners = checked_vertices(vertices), checked_polygons(polygons)
    if len(corners) and int(corners.max()) >= len(points):
        raise HeadError(
            f"A polygon of this mesh uses vertex {int(corners.max())}, but there are only {len(points)}; "
            "export the head again."
        )
    known = bind_known(template, points, corners)
    return bind_fitted(template, points, corners, landmarks, stage) if known is None else known
