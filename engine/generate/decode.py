# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving: from labels to the head's vertices and unit weights, block by block in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..bundle import Bundle
from ..geometry.topology import Binding, CarriedBasis
from ..geometry.units import carry_units
from ..progress import QUIET, Stage
from .correctives import Correction, CorrectiveFit
from .curves import clean_curves
from .motion import Decoder
from .resample import Resampler
from .sample import Labels
from .weights import UnitFit, find_contacts

Float32 = NDArray[np.float32]

_CARRIED: WeakKeyDictionary[Binding, WeakKeyDictionary[Bundle, CarriedBasis]] = WeakKeyDictionary()
_CARRYING = Lock()


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive samples of a take from sample ``first`` on: ``weights`` (n, U) in 0…1, to be put together
    and cleaned (``Mover.clean``); ``vertices`` (n, V', 3) in the head's own units, axes and order, or None
    when they were not asked for."""

    first: int
    weights: Float32
    vertices: Float32 | None


class Mover:
    """Turns labels into motion on one bound head; made once for all takes of that head. ``decoder`` gives the
    coefficients that `weights_of` and `vertices_of` take."""

    def __init__(self, bundle: Bundle, binding: Binding) -> None:
        self._bundle = bundle
        self._binding = binding
        self._rest = np.ascontiguousarray(binding.rest, np.float32)
        self._still = binding.vertices.astype(np.float32)
        self.decoder = Decoder(bundle, binding.neutral, self._rest)
        self._fit = UnitFit(carry_units(bundle.template, binding.rest), find_contacts(bundle.template))

    def blocks(
        self, labels: Labels, fps: Fraction, count: int, keep_vertices: bool, stage: Stage = QUIET
    ) -> Iterator[Block]:
        """Motion of ``labels`` (T, heads) at ``fps``: ``count`` samples in all, in blocks of bounded size."""
        if keep_vertices:
            yield from self._with_vertices(labels, fps, count, stage)
            return
        resample, first = Resampler(self._bundle.card.frame_rate, fps, len(labels), count), 0
        for codes in self.decoder.coefficients(labels, stage):
            weights = np.clip(resample.push(self.weights_of(codes)), 0.0, 1.0)
            yield Block(first, weights, None)
            first += len(weights)

    def _with_vertices(self, labels: Labels, fps: Fraction, count: int, stage: Stage) -> Iterator[Block]:
        rate, frames = self._bundle.card.frame_rate, len(labels)
        if fps == rate and count == frames:
            first = 0
            for codes in self.decoder.coefficients(labels, stage):
                yield Block(first, self.weights_of(codes), self.vertices_of(codes))
                first += len(codes)
            return
        resample_weights = Resampler(rate, fps, frames, count)
        resample_motion = Resampler(rate, fps, frames, count)
        first = 0
        for codes in self.decoder.coefficients(labels, stage):
            weights = np.clip(resample_weights.push(self.weights_of(codes)), 0.0, 1.0)
            motion = resample_motion.push(self.decoder.displacement(codes))
            for at in range(0, len(weights), self._bundle.card.block_frames):
                stage.check()
                part = slice(at, at + self._bundle.card.block_frames)
                yield Block(first + at, weights[part], self._moved(self._binding.carry(motion[part])))
            first += len(weights)

    def weights(self, displacement: Float32) -> Float32:
        """Unit weights (n, U) of displacements (n, V, 3) in normalised template space, frame by frame."""
        return self._fit.weights(displacement)

    def clean(self, weights: Float32) -> Float32:
        """The weights (T, U) of all blocks of a take, as curves that an animator keeps; see ``curves``."""
        return clean_curves(self._fit, self._bundle.unit_names, weights)

    @cached_property
    def _correctives(self) -> CorrectiveFit:
        return CorrectiveFit(self._bundle.template, self._rest)

    def correct(
        self, labels: Labels, fps: Fraction, weights: Float32, tolerance_mm: float, stage: Stage = QUIET
    ) -> Correction | None:
        """Correctives for what the cleaned weights (T', U) of a take leave of its motion, None where the
        model has none; the labels (T, heads) are decoded once more, so that memory stays bounded."""
        if not self._bundle.template.corrective_names:
            return None
        fit, remains, first = self._correctives, [], 0
        for products, lips in self._seen_by_correctives(labels, fps, len(weights), stage):
            stage.check()
            remains.append(fit.look_at(products, lips, weights[first : first + len(lips)]))
            first += len(lips)
        return fit.correction(remains, tolerance_mm)

    def _seen_by_correctives(
        self, labels: Labels, fps: Fraction, count: int, stage: Stage
    ) -> Iterator[tuple[Float32, Float32]]:
        """Blocks of products with the correctives, and of the lips' displacements, of ``count`` samples."""
        fit, basis = self._correctives, self._corrective_basis
        if basis is not None and fps == self._bundle.card.frame_rate and count == len(labels):
            for codes in self.decoder.coefficients(labels, stage):
                products, lips = np.split(codes @ basis, [len(fit.shapes)], axis=1)
                yield products, lips
            return
        resample = Resampler(self._bundle.card.frame_rate, fps, len(labels), count)
        for displacement in self.displacements(labels, stage):
            motion = resample.push(displacement)
            yield fit.products(motion), fit.lips(motion)

    @cached_property
    def _corrective_basis(self) -> Float32 | None:
        fit, basis = self._correctives, self.decoder.basis
        return None if basis is None else np.concatenate([fit.products(basis), fit.lips(basis)], axis=1)

    def on_head(self, shapes: Float32) -> Float32:
        """Shapes (K, V, 3) in normalised template space as displacements (K, V', 3) in the head's own units,
        axes and vertex order."""
        return self._binding.carry(shapes)

    def displacements(self, labels: Labels, stage: Stage = QUIET) -> Iterator[Float32]:
        """Displacements ``(n, V, 3)`` from rest, in normalised template space, at the model's rate."""
        return map(self.decoder.displacement, self.decoder.coefficients(labels, stage))

    def displacements_at(self, labels: Labels, frames: ArrayLike) -> Float32:
        """The displacements ``(N, V, 3)`` of some frames ``(N,)`` of labels ``(T, heads)``."""
        codes = np.concatenate(list(self.decoder.coefficients(labels)))
        return self.decoder.displacement(codes[np.asarray(frames, np.intp)])

    def weights_of(self, codes: Float32) -> Float32:
        """Unit weights (n, U) of the decoder's coefficients (n, K)."""
        if self._unit_products is None:
            return self._fit.weights(self.decoder.displacement(codes))
        return self._fit.solve(codes @ self._unit_products)

    @cached_property
    def _unit_products(self) -> Float32 | None:
        """Products (K, U) of the decoder's basis with the units."""
        return None if self.decoder.basis is None else self._fit.products(self.decoder.basis)

    def vertices_of(self, codes: Float32) -> Float32:
        """Vertices (n, V', 3) on the head of the decoder's coefficients (n, K)."""
        if self._carried is None:
            return self._moved(self._binding.carry(self.decoder.displacement(codes)))
        return self._moved(self._carried.carry(codes))

    @cached_property
    def _carried(self) -> CarriedBasis | None:
        """The decoder's basis, carried to the head once for all movers of a bundle and a head."""
        basis = self.decoder.basis
        if basis is None:
            return None
        with _CARRYING:
            models = _CARRIED.setdefault(self._binding, WeakKeyDictionary())
            if self._bundle not in models:
                models[self._bundle] = self._binding.carried(basis)
            return models[self._bundle]

    def _moved(self, carried: Float32) -> Float32:
        carried += self._still  # a fresh array
        return carried
