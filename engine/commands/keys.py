# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape keys that a head's file brings: their values in a take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..generate import Take
from ..geometry.topology import Binding
from ..heads import Head
from ..rigs.lips import LipMotion, lip_motion
from ..rigs.match import matched_values
from ..rigs.own_shapes import OwnShapes, measure_own_shapes
from ..rigs.recognise import recognise
from ..template import Template


@dataclass(frozen=True, eq=False)
class HeadKeys:
    """Keys of a head whose names and shapes are known."""

    own: OwnShapes
    lips: LipMotion

    def arrays(self, take: Take) -> dict[str, NDArray[Any]]:
        """`key_names` (N,) and `key_weights` (T, N) of a take."""
        extra = take.corrective_names or (), take.corrective_weights
        values = matched_values(self.own, take.unit_names, take.weights, self.lips, None, *extra)
        return {
            "key_names": np.array(self.own.keys, np.str_),
            "key_weights": np.stack([values[key] for key in self.own.keys], axis=1),
        }


def keys_of(template: Template, binding: Binding, head: Head) -> HeadKeys | None:
    """The keys of a head that speech drives by their names; None where it brings none."""
    mapping = recognise(head.key_names, template.unit_names, ())
    if mapping is None or head.key_deltas is None:
        return None
    rows = [head.key_names.index(entry.key) for entry in mapping.used]
    own = measure_own_shapes(template, binding, mapping.used, head.key_deltas[rows])
    return None if own is None else HeadKeys(own, lip_motion(template))
