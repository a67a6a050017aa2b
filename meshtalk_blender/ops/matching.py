# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures a head's own shape keys beside the model's units. No bpy in here: it runs in the job's thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ...engine.geometry.topology import Binding
    from ...engine.rigs.own_shapes import OwnShapes
    from .writing import Target


def own_shapes_of(binding: Binding, target: Target) -> OwnShapes | None:
    """What the face's own keys do; None where it has none, or its values go by the keys' names."""
    from ...engine.rigs.own_shapes import measure_own_shapes

    own = target.own_keys
    if own is None:
        return None
    deltas = np.zeros((len(own.drives), *binding.vertices.shape), np.float32)
    deltas[:, : target.rest.face_count] = own.shapes
    return measure_own_shapes(binding.template, binding, own.drives, deltas)
