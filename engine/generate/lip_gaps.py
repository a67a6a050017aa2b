# SPDX-License-Identifier: GPL-3.0-or-later
"""How far apart the lips are, from weights alone: what is kept with a take so that it can be changed without
the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..rigs.lips import LipMotion
    from ..template import Template
    from .weights import Contacts


Floats = NDArray[np.floating[Any]]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

CLOSES = "mouthClose"
OPENS = "jawOpen"
CENTRE = 0.6
"""Pairs up to this part of the mouth's half width from its middle say whether lips touch; corners always
nearly do."""


@dataclass(frozen=True, eq=False)
class LipGaps:
    """P pairs of points that meet where lips touch.

    `rest` (P,) is each pair's distance at rest in mm, `slopes` (U, P) what each of `unit_names` adds at
    weight 1, `corrective_slopes` (K, P) what each of `corrective_names` adds; `centre` (P,) are the pairs
    that count. `jaw_share` (K,) says how much of each corrective belongs to the jaw; lips and cheeks have the
    rest.
    `motion` is how the mouth moves with the units.
    """

    unit_names: tuple[str, ...]
    rest: Float64
    slopes: Float64
    centre: NDArray[np.bool_]
    corrective_names: tuple[str, ...]
    corrective_slopes: Float64
    jaw_share: Float64
    motion: LipMotion

    def gaps(
        self,
        unit_names: Sequence[str],
        weights: Floats,
        corrective_names: Sequence[str] = (),
        corrective_weights: Floats | None = None,
    ) -> Float64:
        """The pairs' distances (T, P) in mm at weights (T, U') and (T, K'); names that the template hadn't
        got count nothing."""
        slopes = self.slopes_of(unit_names).astype(weights.dtype)  # products of two types take twice as long
        gaps = self.rest + weights @ slopes
        if corrective_weights is None:
            return gaps
        known = _rows(self.corrective_names, self.corrective_slopes, corrective_names)
        return gaps + corrective_weights @ known.astype(corrective_weights.dtype)

    def slopes_of(self, unit_names: Sequence[str]) -> Float64:
        """What each of these units (U', P) adds to the distances."""
        return _rows(self.unit_names, self.slopes, unit_names)

    def jaw_shares_of(self, corrective_names: Sequence[str]) -> Float64:
        """How much of each of these correctives (K',) belongs to the jaw."""
        return _rows(self.corrective_names, self.jaw_share, corrective_names)

    def metric_of(self, unit_names: Sequence[str]) -> Float64:
        """Products (U', U') in mm² of these units' motion at the mouth."""
        across = _rows(self.unit_names, self.motion.metric, unit_names)
        return _rows(self.unit_names, across.T, unit_names)


def lip_gaps(template: Template) -> LipGaps:
    """The lips of a template; other heads' units are scaled with their mouths, so that lips touch alike."""

    from ..rigs.lips import MILLIMETRES, lip_motion

    pairs = _lip_pairs(template)
    slopes = pairs.gaps(template.unit_deltas) * MILLIMETRES
    rest = pairs.gaps(template.rest) * MILLIMETRES
    sign = _sign(template.unit_names, slopes)  # larger is more open, whichever lip is the moving one
    across = np.abs(template.rest[pairs.moving, 0])
    return LipGaps(
        unit_names=template.unit_names,
        rest=sign * rest,
        slopes=sign * slopes,
        centre=across <= CENTRE * max(float(across.max(initial=0.0)), 1e-6),
        corrective_names=template.corrective_names,
        corrective_slopes=sign * pairs.gaps(template.corrective_deltas) * MILLIMETRES
        if template.corrective_names
        else np.zeros((0, len(rest))),
        jaw_share=_jaw_share(template),
        motion=lip_motion(template),
    )


def gap_arrays(gaps: LipGaps) -> dict[str, NDArray[Any]]:
    """All that `gaps_from_arrays` needs, for a file of arrays."""
    return {
        "lip_units": np.array(gaps.unit_names, np.str_),
        "lip_rest": gaps.rest,
        "lip_slopes": gaps.slopes,
        "lip_centre": gaps.centre,
        "lip_correctives": np.array(gaps.corrective_names, np.str_),
        "lip_corrective_slopes": gaps.corrective_slopes,
        "lip_jaw_share": gaps.jaw_share,
        "lip_metric": gaps.motion.metric,
        "lip_gap": gaps.motion.gap,
        "lip_rest_gap": np.array(gaps.motion.rest_gap),
    }


def gaps_from_arrays(arrays: Mapping[str, NDArray[Any]]) -> LipGaps | None:
    """The inverse, bit for bit; None where the arrays hold no lips."""

    from ..rigs.lips import LipMotion

    if "lip_units" not in arrays:
        return None
    return LipGaps(
        unit_names=tuple(arrays["lip_units"].tolist()),
        rest=arrays["lip_rest"],
        slopes=arrays["lip_slopes"],
        centre=arrays["lip_centre"],
        corrective_names=tuple(arrays["lip_correctives"].tolist()),
        corrective_slopes=arrays["lip_corrective_slopes"],
        jaw_share=arrays["lip_jaw_share"],
        motion=LipMotion(arrays["lip_metric"], arrays["lip_gap"], float(arrays["lip_rest_gap"])),
    )


def _lip_pairs(template: Template) -> Contacts:
    """The pairs of the lips' closure; where a template has none, the middles of the lips."""

    from ..rigs.lips import MIDDLE
    from .weights import Contacts

    names = template.unit_names
    ours = template.closure_unit == (names.index(CLOSES) if CLOSES in names else -2)
    if ours.any():
        mix = template.closure_mix[ours].astype(np.float64)
        return Contacts(template.closure_moving[ours], template.closure_fixed[ours], mix, np.ones(len(mix)))
    marks = [template.landmarks[name] for name in MIDDLE if name in template.landmarks]
    count = int(len(marks) == len(MIDDLE))
    fixed, moving = np.array(marks[:1] * count, np.int64), np.array(marks[1:] * count, np.int64)
    return Contacts(moving, np.stack([fixed, fixed], axis=1), np.zeros(count), np.ones(count))


def _sign(unit_names: Sequence[str], slopes: Float64) -> float:
    if OPENS not in unit_names or not slopes.shape[1]:
        return 1.0
    return -1.0 if slopes[list(unit_names).index(OPENS)].mean() < 0 else 1.0


def _jaw_share(template: Template) -> Float64:
    """How much of each corrective (K,) lies where the jaw moves the skin, and not lips and cheeks.

    *Measured*: in takes of the default model, weights of lips and cheeks explain 90 % of nearly all of them.
    """
    if not template.corrective_names:
        return np.zeros(0)
    reach = np.linalg.norm(template.unit_deltas, axis=2).astype(np.float64)
    jaw = np.array([name.startswith("jaw") for name in template.unit_names])
    lips = np.array([name.startswith(("mouth", "cheek")) and name != CLOSES for name in template.unit_names])
    by_jaw, by_lips = reach[jaw].max(axis=0, initial=0.0), reach[lips].sum(axis=0)
    share = by_jaw / np.maximum(by_jaw + by_lips, 1e-9)
    moved = np.square(template.corrective_deltas.astype(np.float64)).sum(axis=2)
    return (moved * share).sum(axis=1) / np.maximum(moved.sum(axis=1), 1e-18)


def _rows(names: Sequence[str], rows: Float64, wanted: Sequence[str]) -> Float64:
    """The rows of some names, 0 for those that aren't there."""
    places = {name: row for row, name in enumerate(names)}
    found = np.zeros((len(wanted), *rows.shape[1:]))
    for at, name in enumerate(wanted):
        if name in places:
            found[at] = rows[places[name]]
    return found
