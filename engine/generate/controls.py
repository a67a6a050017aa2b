# SPDX-License-Identifier: GPL-3.0-or-later
"""What an animator changes about a take after it was generated, from its weights alone, without the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .closures import HELPERS, Mouth, close_lips, closedness, hold
from .control_values import LIMITS, Controls
from .lids import change_lids, shutness
from .lip_gaps import LipGaps
from .soften import delay, smooth

if TYPE_CHECKING:
    from ..takes.curves import RawCurves

__all__ = ["HELPERS", "LIMITS", "Controls", "Shaped", "shape_curves", "shape_weights"]

Floats = NDArray[np.floating[Any]]
Float64 = NDArray[np.float64]

JAW = ("jaw",)
MOUTH = ("mouth", "tongue", "cheek", "noseSneer")
BROW = ("brow", "eyeSquint", "eyeWide")
GAZE = ("eyeLook",)
LIDS = ("eyeBlink",)
"""How the units of each region begin. Squints and wide eyes go with the brows: they are expressions."""

FROZEN = 0.9
"""From this on a mouth counts as closed, and a lid as shut, for the keys that a reduction must keep."""


@dataclass(frozen=True, eq=False)
class Shaped:
    """Curves to be written: `weights` (T, U), `corrective_weights` (T, K) or None, and `keep` (T,), frames in
    which key reduction must leave keys: where lips come together, are nearest, and part."""

    weights: Floats
    corrective_weights: Floats | None
    keep: NDArray[np.bool_]


def shape_curves(curves: RawCurves, controls: Controls, lips: LipGaps | None = None) -> Shaped:
    """The curves of a take as the controls play them. At their defaults they are the raw ones themselves.

    Without `lips`, those of the model that the take comes from, nothing is known of closures.
    """
    mouth = Mouth(
        tuple(curves.unit_names),
        curves.weights,
        tuple(curves.corrective_names or ()),
        curves.corrective_weights,
    )
    lips = _known(lips, mouth.unit_names)
    if controls.changes_motion:
        mouth = _Desk(mouth, float(curves.fps), controls, lips).play()
    return Shaped(mouth.weights, mouth.corrective_weights, _frozen(mouth, lips))


def shape_weights(
    unit_names: Sequence[str],
    weights: Floats,
    fps: Fraction | float,
    controls: Controls,
    lips: LipGaps | None = None,
) -> Floats:
    """Weights (T, U) of a take without correctives as the controls play them (see `shape_curves`)."""
    if not controls.changes_motion:
        return weights
    mouth = Mouth(tuple(unit_names), weights, (), None)
    return _Desk(mouth, float(fps), controls, _known(lips, mouth.unit_names)).play().weights


class _Desk:
    """One take under its controls, from strengths to offset."""

    def __init__(self, spoken: Mouth, fps: float, controls: Controls, lips: LipGaps | None) -> None:
        self._spoken, self._fps, self._controls, self._lips = spoken, fps, controls, lips
        self._names = spoken.unit_names
        self._lower = _starting(self._names, (*JAW, *MOUTH))

    def play(self) -> Mouth:
        """Every stage in turn; each leaves alone, bit for bit, what its controls leave at their defaults."""
        controls, lips = self._controls, self._lips
        mouth = self._strengthened()
        if lips is not None and (controls.mouth, controls.jaw) != (1.0, 1.0):
            mouth = self._with(mouth, hold(lips, self._spoken, mouth))
        if lips is not None and controls.closure > 0:
            mouth = self._with(mouth, close_lips(lips, mouth, controls.closure, self._fps))
        return self._moved(self._smoothed(mouth))

    def _strengthened(self) -> Mouth:
        controls, names = self._controls, self._names
        weights = self._spoken.weights.copy()
        for begins, strength in (
            (MOUTH, controls.mouth),
            (JAW, controls.jaw),
            (BROW, controls.brow),
            (GAZE, controls.gaze),
        ):
            if strength != 1.0:
                units = _starting(names, begins)
                weights[:, units] = strengthened(weights[:, units], strength)
        if (controls.blink, controls.gaze) != (1.0, 1.0):
            change_lids(names, self._spoken.weights, weights, self._fps, controls.blink, controls.gaze)
        return self._with(self._spoken, weights, self._scaled_correctives())

    def _scaled_correctives(self) -> Floats | None:
        """They belong to the motion that they correct: as much less or more of it."""
        controls, before = self._controls, self._spoken.corrective_weights
        if before is None or self._lips is None or (controls.mouth, controls.jaw) == (1.0, 1.0):
            return before
        jaw = self._lips.jaw_shares_of(self._spoken.corrective_names)
        scale = jaw * controls.jaw + (1.0 - jaw) * controls.mouth
        return np.clip(before * scale, -1.0, 1.0).astype(before.dtype)

    def _smoothed(self, mouth: Mouth) -> Mouth:
        controls, weights, extra = self._controls, mouth.weights, mouth.corrective_weights
        if controls.smooth_mouth <= 0 and controls.smooth_upper <= 0:
            return mouth
        weights = weights.copy()
        if controls.smooth_mouth > 0:
            closed = self._closed(mouth)
            lower, frames = self._lower, controls.smooth_mouth
            weights[:, lower] = smooth(mouth.weights[:, lower], frames, closed[:, None], self._fps)
            extra = None if extra is None else smooth(extra, frames, closed[:, None], self._fps)
        if controls.smooth_upper > 0:
            upper = _starting(self._names, (*BROW, *GAZE, *LIDS))
            shut = shutness(self._names, mouth.weights)[:, upper]
            weights[:, upper] = smooth(mouth.weights[:, upper], controls.smooth_upper, shut, self._fps)
        return self._with(mouth, weights, extra)

    def _moved(self, mouth: Mouth) -> Mouth:
        offset = self._controls.offset
        if offset == 0.0:
            return mouth
        closed = self._closed(mouth)[:, None]
        firm = np.maximum(shutness(self._names, mouth.weights), closed * self._lower)
        extra = mouth.corrective_weights
        extra = None if extra is None else delay(extra, offset, np.broadcast_to(closed, extra.shape))
        return self._with(mouth, delay(mouth.weights, offset, firm), extra)

    def _closed(self, mouth: Mouth) -> Float64:
        """How firmly closed the lips are, or were as spoken (T,)."""
        lips = self._lips
        if lips is None:
            return np.zeros(len(mouth.weights))
        now, before = (closedness(lips, each.gaps(lips)) for each in (mouth, self._spoken))
        return np.minimum(np.maximum(now, before) / FROZEN, 1.0)

    def _with(self, mouth: Mouth, weights: Floats, extra: Floats | None = None) -> Mouth:
        kept = mouth.corrective_weights if extra is None else extra
        weights = weights.astype(self._spoken.weights.dtype, copy=False)
        return Mouth(mouth.unit_names, weights, mouth.corrective_names, kept)


def strengthened(weights: Floats, strength: float) -> Floats:
    """Weights in 0…1 times a strength; above 1 they bend towards 1 instead of hitting it, so that nothing
    freezes at the top."""
    return weights * strength if strength <= 1.0 else 1.0 - (1.0 - weights) ** strength


def _known(lips: LipGaps | None, unit_names: Sequence[str]) -> LipGaps | None:
    """The lips, where a take has units that move them; a layer on top of a performance hasn't."""
    return lips if lips is not None and set(lips.unit_names) & set(unit_names) else None


def _starting(names: Sequence[str], begins: tuple[str, ...]) -> NDArray[np.bool_]:
    return np.array([name.startswith(begins) for name in names], bool)


def _frozen(mouth: Mouth, lips: LipGaps | None) -> NDArray[np.bool_]:
    """Where closures begin, are at their narrowest, and end, and where lids are shut (T,)."""
    keep = np.zeros(len(mouth.weights), bool)
    if lips is not None and lips.centre.any():
        gaps = mouth.gaps(lips)
        closed = closedness(lips, gaps) > FROZEN
        edges = np.diff(np.concatenate([[False], closed, [False]]).astype(np.int8))
        firsts, stops = np.flatnonzero(edges > 0), np.flatnonzero(edges < 0)
        widest = gaps[:, lips.centre].max(axis=1)
        narrowest = [
            first + int(widest[first:stop].argmin()) for first, stop in zip(firsts, stops, strict=True)
        ]
        keep[[*firsts, *(stops - 1), *narrowest]] = True
    return keep
