# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving: from labels to the head's vertices and unit weights, block by block in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from .curves import clean_takes
from .motion import Decoder
from .moving import Piece, Samples, Solver
from .resample import Resampler
from .sample import Labels
from .weights import UnitFit, find_contacts

Float32 = NDArray[np.float32]

_CARRIED: WeakKeyDictionary[Binding, WeakKeyDictionary[Bundle, CarriedBasis]] = WeakKeyDictionary()
_FITTED: WeakKeyDictionary[Binding, WeakKeyDictionary[Bundle, UnitFit]] = WeakKeyDictionary()
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
        self._fit = unit_fit_of(binding, bundle)

    def blocks(
        self, labels: Labels, fps: Fraction, count: int, keep_vertices: bool, stage: Stage = QUIET
    ) -> Iterator[Block]:
        """Motion of ``labels`` (T, heads) at ``fps``: ``count`` samples in all, in blocks of bounded size."""
        solver = Solver(self, len(labels), 1)
        samples = Samples(self, len(labels), fps, count, keep_vertices)
        size = self._bundle.card.block_frames
        for first in range(0, len(labels), size):
            stage.at(first, len(labels))
            for motion in solver.add(labels[None, first : first + size]):
                for piece in samples.add(motion[0], size):
                    stage.check()
                    yield Block(piece.first, piece.weights, self._written(piece))
        stage.at(1, 1)

    def _written(self, piece: Piece) -> Float32 | None:
        """The vertices of a piece in an array of their own."""
        if piece.write is None:
            return None
        vertices = np.empty((len(piece.weights), *self._still.shape), np.float32)
        piece.write(vertices)
        return vertices

    @property
    def frame_rate(self) -> int:
        """Of the model, Hz."""
        return self._bundle.card.frame_rate

    @property
    def units(self) -> int:
        """How many units there are."""
        return len(self._fit.lengths)

    def resampler(self, fps: Fraction, frames: int, count: int) -> Resampler:
        """From ``frames`` at the model's rate to ``count`` samples at ``fps``."""
        return Resampler(self._bundle.card.frame_rate, fps, frames, count)

    def resampled(self, motion: Resampler, codes: Float32) -> Iterator[Float32]:
        """Blocks of vertices (m, V', 3) of the samples that are certain once coefficients (n, K) have come;
        ``motion`` remembers those before."""
        moved, size = motion.push(self.decoder.displacement(codes)), self._bundle.card.block_frames
        for at in range(0, len(moved), size):
            yield self._moved(self._binding.carry(moved[at : at + size]))

    def weights(self, displacement: Float32) -> Float32:
        """Unit weights (n, U) of displacements (n, V, 3) in normalised template space, frame by frame."""
        return self._fit.weights(displacement)

    def clean(self, weights: Float32, fps: Fraction | None = None) -> Float32:
        """The weights (T, U) of all blocks of a take, as curves that an animator keeps; see ``curves``.
        Without ``fps`` they are at the model's rate."""
        return self.clean_takes([weights], fps)[0]

    def clean_takes(self, takes: Sequence[Float32], fps: Fraction | None = None) -> list[Float32]:
        """`clean` for several takes at once."""
        rate = self.frame_rate if fps is None else fps
        return clean_takes(self._fit, self._bundle.unit_names, takes, rate)

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
        return fit.correction(remains, tolerance_mm, fps)

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
        return self.solved(self.products_of(codes))

    def products_of(self, codes: Float32) -> Float32:
        """What `solved` makes unit weights of, (n, U), of the decoder's coefficients (n, K)."""
        if self._unit_products is None:
            return self._fit.products(self.decoder.displacement(codes))
        return codes @ self._unit_products

    def solved(self, products: Float32) -> Float32:
        """Unit weights (n, U) of products (n, U)."""
        return self._fit.solve(products)

    @cached_property
    def _unit_products(self) -> Float32 | None:
        """Products (K, U) of the decoder's basis with the units."""
        return None if self.decoder.basis is None else self._fit.products(self.decoder.basis)

    def vertices_of(self, codes: Float32) -> Float32:
        """Vertices (n, V', 3) on the head of the decoder's coefficients (n, K)."""
        vertices = np.empty((len(codes), *self._still.shape), np.float32)
        self.place(codes, vertices)
        return vertices

    def place(self, codes: Float32, out: Float32) -> None:
        """`vertices_of` into ``out`` (n, V', 3)."""
        if self._carried is None:
            out[:] = self._moved(self._binding.carry(self.decoder.displacement(codes)))
        else:
            self._carried.place(codes, self._still.reshape(-1), out.reshape(len(codes), -1))

    @property
    def still(self) -> Float32:
        """The head's vertices (V', 3) at rest, in its own units, axes and order."""
        return self._still

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


def unit_fit_of(binding: Binding, bundle: Bundle) -> UnitFit:
    """The least squares behind the unit weights, made once for a bundle and a head."""
    with _CARRYING:
        fits = _FITTED.setdefault(binding, WeakKeyDictionary())
        if bundle not in fits:
            fits[bundle] = UnitFit(carry_units(bundle.template, binding.rest), find_contacts(bundle.template))
        return fits[bundle]
