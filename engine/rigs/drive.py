# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of a rig's shape keys from unit weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .lips import LipMotion
from .mapping import KeyDrive, RigMapping, expand, sides_of
from .solve import viseme_weights

Float32 = NDArray[np.float32]
Range = tuple[float, float]

UNIT_RANGE: Range = (0.0, 1.0)

PERCENT = 10.0
"""A range that reaches beyond this counts in percent: no slider of Blender's goes so far."""

CLOSING = "eyeBlink"
"""Units of which one key for both sides takes the larger: lids that close a frame apart must close, and the
mean would never be shut. Of all others it takes the mean: half a smile is not a whole one."""


def drive(
    mapping: RigMapping,
    unit_names: Sequence[str],
    weights: NDArray[np.floating],
    lips: LipMotion,
    ranges: Mapping[str, Range] | None = None,
) -> dict[str, Float32]:
    """Values (T,) of each key that is on, within its range, from unit weights (T, U).

    `lips` are those of the model that the weights come from (`lip_motion`); a key without a range has 0…1.
    """
    ranges = ranges or {}
    bounds = {entry.key: ranges.get(entry.key, UNIT_RANGE) for entry in mapping.used}
    seen = [entry for entry in mapping.used if entry.is_viseme]
    limits: dict[str, float] = {}
    for entry in seen:
        limits[entry.drive] = min(limits.get(entry.drive, 1.0), _most(entry, bounds[entry.key]))
    visemes = viseme_weights(limits, unit_names, weights, lips) if limits else {}
    values = {}
    for entry in mapping.used:
        value = visemes[entry.drive] if entry.is_viseme else _unit_value(entry.drive, unit_names, weights)
        if value is not None:
            values[entry.key] = _in_range(entry.gain * value, bounds[entry.key])
    return values


def _most(entry: KeyDrive, bounds: Range) -> float:
    """How much of its viseme a key can show at all."""
    high = 1.0 if bounds[1] > PERCENT else bounds[1]
    return float(np.clip(high / entry.gain, 0.0, 1.0)) if entry.gain > 0 else 1.0


def _in_range(value: NDArray[np.floating], bounds: Range) -> Float32:
    scale = 100.0 if bounds[1] > PERCENT else 1.0
    return np.clip(scale * value, bounds[0], bounds[1]).astype(np.float32)


def _unit_value(
    drive: str, unit_names: Sequence[str], weights: NDArray[np.floating]
) -> NDArray[np.floating] | None:
    """Value (T,) of a drive of units; None where the model has none of them."""
    up, down = (_blend(names, unit_names, weights) for names in sides_of(drive))
    if up is None and down is None:
        return None
    zero = np.zeros(len(weights), weights.dtype)
    return (zero if up is None else up) - (zero if down is None else down)


def _blend(
    names: Sequence[str], unit_names: Sequence[str], weights: NDArray[np.floating]
) -> NDArray[np.floating] | None:
    units = [unit for name in names for unit in expand(name, unit_names)]
    if not units:
        return None
    columns = weights[:, [list(unit_names).index(unit) for unit in units]]
    closes = all(unit.startswith(CLOSING) for unit in units)
    return columns.max(axis=1) if closes else columns.mean(axis=1)
