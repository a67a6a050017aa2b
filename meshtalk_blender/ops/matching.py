# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a head's own shape keys beside the model's units. No bpy in here: it runs in the job's thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ...engine.geometry.topology import Binding
    from ...engine.rigs.own_shapes import OwnShapes
    from ..scene.performance import Performance
    from .played import Roles
    from .writing import Target

LIKE_UNITS = 0.1
"""Part of a unit's own size by which a key may differ from it and still be the same shape."""


def own_shapes_of(binding: Binding, target: Target) -> OwnShapes | None:
    """What the face's own keys do; None where it has none, or its values go by the keys' names."""
    from ...engine.rigs.own_shapes import measure_own_shapes

    own = target.own_keys
    if own is None:
        return None
    deltas = np.zeros((len(own.drives), *binding.vertices.shape), np.float32)
    deltas[:, : target.rest.face_count] = target.rest.stretched(own.shapes)
    return measure_own_shapes(binding.template, binding, own.drives, deltas)


def is_drawn_otherwise(binding: Binding, performance: Performance, roles: Mapping[int, Roles]) -> bool:
    """Whether a key that plays as a unit has another shape than the model's: then its values tell nothing of
    how far the head moves."""
    names, units = binding.template.unit_names, binding.unit_deltas()
    for track in performance.keys:
        stands_for = roles[track.part.object_uid].units if track.part.object_uid in roles else {}
        for column, key in enumerate(track.names):
            unit, factor = stands_for.get(key, ("", 1.0))
            if unit not in names or not track.values[:, column].any():
                continue
            wanted = units[names.index(unit), track.part.start : track.part.stop]
            apart = np.linalg.norm(track.shapes[column] * np.float32(factor) - wanted)
            if apart > LIKE_UNITS * np.linalg.norm(wanted):
                return True
    return False
