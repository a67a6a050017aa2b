# SPDX-License-Identifier: GPL-3.0-or-later
"""How the mouth moves with the units: what visemes are compared by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..template import Template


Float64 = NDArray[np.float64]

MILLIMETRES = 1000.0
MIDDLE = ("lip_upper_inner", "lip_lower_inner")


@dataclass(frozen=True, eq=False)
class LipMotion:
    """U units at the mouth: `metric` (U, U), products of their motion in mm², in which the lips' gap counts
    most; `gap` (U,), mm by which each opens the lips in their middle; `rest_gap`, mm between them at rest."""

    metric: Float64
    gap: Float64
    rest_gap: float = 0.0


def lip_motion(template: Template) -> LipMotion:
    """The mouth of a template; proportions of other heads don't change what their visemes resemble."""

    from ..generate.weights import find_contacts, weighted

    near = template.mask_mouth.astype(np.float64)[None, :, None]
    deltas = template.unit_deltas * MILLIMETRES
    rows = weighted(deltas, find_contacts(template)) * near
    gram = np.tensordot(rows, deltas.astype(np.float64), axes=([1, 2], [1, 2]))
    upper, lower = (template.landmarks[name] for name in MIDDLE)
    gap = deltas[:, upper, 2] - deltas[:, lower, 2]
    rest = float(template.rest[upper, 2] - template.rest[lower, 2]) * MILLIMETRES
    return LipMotion((0.5 * (gram + gram.T)) / max(float(near.sum()), 1.0), gap.astype(np.float64), rest)
