# SPDX-License-Identifier: GPL-3.0-or-later
"""The curves of a dubbed take: those of the upper face stay the animator's own, the others are fitted around
them.

All of it is done on weights: what least squares found frame by frame stands for the motion, as in
``curves``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..bundle import Bundle
from ..geometry.topology import Binding
from ..geometry.units import carry_units
from ..template import Template
from .curves import clean_curves
from .decode import Mover, unit_fit_of
from .read_back import upper_share
from .spoken import equal_costs
from .weights import UnitFit, find_contacts

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curves:
    """Weights (T, U) frame by frame of the dub with a mouth that is all new (``new``), of what it would be
    with nothing of the original (``other``), and of the original (``past``); and how much (T,) of the
    original's upper face, lids and mouth is kept."""

    new: Float32
    other: Float32
    past: Float32
    kept_upper: Float64
    kept_lids: Float64
    kept_mouth: Float64

    def with_past(self, past: Float32) -> Curves:
        """The same with other weights (T, U) of the original."""
        return replace(self, past=past)


def upper_units(template: Template) -> NDArray[np.bool_]:
    """Which units (U,) move more of the upper face than of the mouth."""
    energy = (template.unit_deltas.astype(np.float64) ** 2).sum(axis=2)
    return energy @ upper_share(template) > 0.5 * energy.sum(axis=1)


def lid_units(template: Template) -> NDArray[np.bool_]:
    """Which units (U,) move more of the lids than of anything else."""
    energy = (template.unit_deltas.astype(np.float64) ** 2).sum(axis=2)
    return energy @ template.mask_eyelids > 0.5 * energy.sum(axis=1)


def dubbed_weights(bundle: Bundle, binding: Binding, mover: Mover, curves: Curves, fps: Fraction) -> Float32:
    """The dub's weights (T, U): units of the upper face are the original's own curves as far as it is kept,
    the others come as near to the rest of the motion as they can; what is kept of the old mouth is blended in
    at last."""
    upper = upper_units(bundle.template)
    if not curves.kept_upper.any():
        new = mover.clean(curves.new, fps)
    else:
        lids = lid_units(bundle.template)
        kept = np.where(lids, curves.kept_lids[:, None], curves.kept_upper[:, None]).astype(np.float32)
        other = mover.clean(curves.other, fps) if kept.min() < 1 else curves.other
        held = np.where(upper, kept * curves.past + (1 - kept) * other, np.float32(0))
        new = held + _around(bundle, binding, curves.new, held, ~upper, fps)
    mouth = np.where(upper, 0, curves.kept_mouth.astype(np.float32)[:, None])
    return (mouth * curves.past + (1 - mouth) * new).astype(np.float32)


def past_curves(bundle: Bundle, binding: Binding, past: Float32, fps: Fraction) -> Float32:
    """Clean weights (T, U) of what a head did, given by weights (T, U), whoever made it."""
    fit = unit_fit_of(binding, bundle)
    return clean_curves(fit, bundle.unit_names, past, fps, equal_costs(bundle.unit_names))


def _around(
    bundle: Bundle, binding: Binding, motion: Float32, held: Float32, free: NDArray[np.bool_], fps: Fraction
) -> Float32:
    """Clean weights (T, U) of the ``free`` units (U,) that bring ``held`` weights (T, U) of the others
    nearest to a motion, itself given by weights (T, U)."""
    whole, template = unit_fit_of(binding, bundle), bundle.template
    deltas = carry_units(template, binding.rest) * free[:, None, None]
    part = UnitFit(deltas, find_contacts(template))
    target = (whole.scaled(motion) - whole.scaled(held)) @ whole.problem.gram
    found = part.unscaled(part.problem.solve(target * free, part.lengths))
    return clean_curves(part, bundle.unit_names, found, fps)
