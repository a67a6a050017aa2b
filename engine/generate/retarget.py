# SPDX-License-Identifier: GPL-3.0-or-later
"""Retargeting: what one head does, on another.

The source's motion is read back onto the template and said in the source's own units and correctives, which
are scaled to its face. The same weights on the target's are the same expression in the target's size: lids
and lips that meet on the one meet on the other, for a unit at weight 1 closes them on every head.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..bundle import Bundle
from ..errors import OptionError
from ..geometry.topology import Binding
from ..progress import CancelCheck, Progress, Stage
from .correctives import carry_shapes
from .curves import clean_curves
from .decode import unit_fit_of
from .dub_curves import upper_units
from .dub_layer import Layer, LayerFit, correctives_on, fit_of_correctives
from .options import GenerateOptions, Take, as_rate
from .past import Original, Past
from .spoken import costs_of, equal_costs

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

BLOCK = 64
"""Samples that are read together, which bounds the memory."""


class Part(StrEnum):
    """What of the face is taken over."""

    ALL = "all"
    MOUTH = "mouth"
    UPPER = "upper"


@dataclass(frozen=True)
class RetargetOptions:
    """How to retarget: what of the face (``part``), at which rate (None: the source's own), and with which
    correctives, as in GenerateOptions. Raises OptionError."""

    part: Part = Part.ALL
    fps: Fraction | float | None = None
    corrective_tolerance_mm: float | None = None
    keep_vertices: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.part, Part):
            known = ", ".join(one.value for one in Part)
            raise OptionError(f"The part is one of {known}, not {self.part!r}.")
        GenerateOptions(fps=self.fps, corrective_tolerance_mm=self.corrective_tolerance_mm)  # checks alike


def retarget(
    bundle: Bundle,
    source: Binding,
    original: Original,
    target: Binding,
    options: RetargetOptions,
    progress: Progress | None = None,
    cancelled: CancelCheck | None = None,
) -> Take:
    """What ``original`` does on the head ``source``, on the head ``target``, as long as it is; how the source
    turns and shifts as a whole isn't taken over. With a part alone the take has the units of that part alone.

    Raises HeadError and OptionError for what doesn't fit together, and Cancelled.
    """
    stage = Stage("Reading", 0.0, 1.0, progress, cancelled)
    job = _Job(bundle, source, original, options)
    curves = job.curves(stage.span("Reading", 0.0, 0.8))
    take = job.take(curves, target)
    stage.at(1, 1)
    return take


class _Job:
    """One retargeting."""

    def __init__(self, bundle: Bundle, source: Binding, original: Original, options: RetargetOptions) -> None:
        self._bundle, self._source, self._options = bundle, source, options
        self._template = bundle.template
        self._past = Past(source, original, bundle.unit_names)
        self._rate = original.fps if options.fps is None else as_rate(options.fps)
        count = 1 + int(Fraction(len(original) - 1) * self._rate / original.fps)
        self._frames: Float64 = np.arange(count, dtype=np.float64) * float(original.fps / self._rate)
        self._fit = unit_fit_of(source, bundle)
        self._extra = self._corrective_fit()

    def curves(self, stage: Stage) -> list[Float32]:
        """The source's unit weights (T, U), or several that may do; what correctives shall do is looked at on
        the way."""
        if self._past.has_weights:
            curves = [self._past.weights(self._frames)]
        else:
            rows = [self._fit.weights(motion) for motion in self._motion(stage.part(0, 2))]
            names, found = self._bundle.unit_names, np.concatenate(rows)
            costs = [equal_costs(names)] if self._extra is None else [costs_of(names), equal_costs(names)]
            curves = [clean_curves(self._fit, names, found, self._rate, each) for each in costs]
        if self._extra is not None:
            for motion in self._motion(stage.part(1, 2)):
                self._extra.look(motion)
        return curves

    def take(self, curves: Sequence[Float32], target: Binding) -> Take:
        """The first unit weights with which correctives keep the tolerance, or those that leave the least, on
        the target's shapes."""
        names = self._bundle.unit_names
        labels = np.zeros((0, self._bundle.card.heads), np.int16)
        take = Take(curves[-1], names, self._rate, 0, labels)
        if self._extra is not None:
            weights, layer = self._with_correctives(self._extra, curves)
            take = replace(take, weights=weights)
            shapes = self._on(target, layer)
            take = replace(
                take,
                correctives=shapes,
                corrective_names=layer.names,
                corrective_weights=layer.weights,
                corrective_error_mm=layer.error_mm,
            )
        take = self._only_part(take)
        return replace(take, vertices=_moved(take, names, target)) if self._options.keep_vertices else take

    def _with_correctives(self, extra: LayerFit, curves: Sequence[Float32]) -> tuple[Float32, Layer]:
        """The model's own speech needs few of its correctives beside the units of speech; any other motion
        fewer beside all units. What the model never does (another rig's shapes) is beyond its correctives,
        and gets shapes of its own."""
        best: tuple[Float32, Layer] | None = None
        for weights in curves:
            layer = self._layer(extra, weights)
            if best is None or layer.error_mm < best[1].error_mm:
                best = weights, layer
            if layer.error_mm <= extra.tolerance_mm:
                return best
        assert best is not None
        own = self._layer(extra.for_its_own(curves[-1]), curves[-1])
        return (curves[-1], own) if own.error_mm < best[1].error_mm else best

    @staticmethod
    def _layer(fit: LayerFit, weights: Float32) -> Layer:
        return fit.layer(np.zeros((len(weights), len(fit.names)), np.float32), weights)

    def _on(self, target: Binding, layer: Layer) -> Float32:
        """A layer's shapes (K, V, 3) on the target."""
        if set(layer.names) <= set(self._template.corrective_names):
            return correctives_on(self._template, target.rest)[: len(layer.names)]
        return carry_shapes(layer.shapes, self._source.rest, target.rest)

    def _motion(self, stage: Stage) -> Iterator[Float32]:
        """The template's displacements (n, V, 3), block by block."""
        for first in range(0, len(self._frames), BLOCK):
            stage.at(first, len(self._frames))
            yield self._past.displacement(self._frames[first : first + BLOCK])

    def _corrective_fit(self) -> LayerFit | None:
        tolerance = self._options.corrective_tolerance_mm
        if tolerance is None or not self._template.corrective_names or self._options.part is Part.UPPER:
            return None  # correctives are about the mouth
        return fit_of_correctives(self._template, self._source.rest, tolerance, self._rate)

    def _only_part(self, take: Take) -> Take:
        if self._options.part is Part.ALL:
            return take
        upper = upper_units(self._template)
        chosen = np.flatnonzero(upper if self._options.part is Part.UPPER else ~upper)
        names = tuple(take.unit_names[row] for row in chosen)
        return replace(take, weights=np.ascontiguousarray(take.weights[:, chosen]), unit_names=names)


def _moved(take: Take, unit_names: tuple[str, ...], target: Binding) -> Float32:
    """The target's vertices (T, V', 3) under a take."""
    rows = [unit_names.index(name) for name in take.unit_names]
    motion = np.tensordot(take.weights, target.unit_deltas()[rows], 1)
    if take.correctives is not None and take.corrective_weights is not None and len(take.correctives):
        motion = motion + np.tensordot(take.corrective_weights, target.carry(take.correctives), 1)
    return (target.vertices.astype(np.float32) + motion).astype(np.float32)
