# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving: from labels to the head's vertices and unit weights, block by block in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..bundle import Bundle
from ..geometry.topology import Binding
from ..geometry.units import carry_units
from ..progress import QUIET, Stage
from .correctives import Correction, CorrectiveFit
from .curves import clean_curves
from .resample import Resampler
from .sample import Labels
from .weights import UnitFit, find_contacts

Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive samples of a take from sample ``first`` on: ``weights`` (n, U) in 0…1, to be put together
    and cleaned (``Mover.clean``); ``vertices`` (n, V', 3) in the head's own units, axes and order, or None
    when they were not asked for."""

    first: int
    weights: Float32
    vertices: Float32 | None


class Mover:
    """Turns labels into motion on one bound head; made once for all takes of that head."""

    def __init__(self, bundle: Bundle, binding: Binding) -> None:
        self._bundle = bundle
        self._binding = binding
        self._rest = np.ascontiguousarray(binding.rest, np.float32)
        self._still = binding.vertices.astype(np.float32)
        self._fit = UnitFit(carry_units(bundle.template, binding.rest), find_contacts(bundle.template))

    def blocks(
        self, labels: Labels, fps: Fraction, count: int, keep_vertices: bool, stage: Stage = QUIET
    ) -> Iterator[Block]:
        """Motion of ``labels`` (T, heads) at ``fps``: ``count`` samples in all, in blocks of bounded size."""
        rate, frames = self._bundle.card.frame_rate, len(labels)
        resample_weights = Resampler(rate, fps, frames, count)
        resample_motion = Resampler(rate, fps, frames, count)
        first = 0
        for displacement in self.displacements(labels, stage):
            weights = np.clip(resample_weights.push(self.weights(displacement)), 0.0, 1.0)
            motion = resample_motion.push(displacement) if keep_vertices else None
            for at in range(0, len(weights), self._bundle.card.block_frames):
                stage.check()
                part = slice(at, at + self._bundle.card.block_frames)
                vertices = None if motion is None else self._carry(motion[part])
                yield Block(first + at, weights[part], vertices)
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
        resample = Resampler(self._bundle.card.frame_rate, fps, len(labels), len(weights))
        remains, first = [], 0
        for displacement in self.displacements(labels, stage):
            motion = resample.push(displacement)
            for at in range(0, len(motion), self._bundle.card.block_frames):
                stage.check()
                part = motion[at : at + self._bundle.card.block_frames]
                remains.append(self._correctives.look(part, weights[first : first + len(part)]))
                first += len(part)
        return self._correctives.correction(remains, tolerance_mm)

    def on_head(self, shapes: Float32) -> Float32:
        """Shapes (K, V, 3) in normalised template space as displacements (K, V', 3) in the head's own units,
        axes and vertex order."""
        return self._binding.carry(shapes)

    def displacements(self, labels: Labels, stage: Stage = QUIET) -> Iterator[Float32]:
        """Displacements ``(n, V, 3)`` from rest, in normalised template space, at the model's rate."""
        card = self._bundle.card
        state = np.zeros((1, card.decoder_state), np.float32)
        for first in range(0, len(labels), card.block_frames):
            stage.at(first, len(labels))
            block = labels[first : first + card.block_frames]
            padded = np.zeros((1, card.block_frames, card.heads), np.int64)
            padded[0, : len(block)] = block
            out = self._bundle.run("decoder", {"rest": self._rest[None], "labels": padded, "state": state})
            state = out["state_out"]
            yield out["vertices"][0, : len(block)] - self._rest
        stage.at(1, 1)

    def _carry(self, motion: Float32) -> Float32:
        moved = self._binding.carry(motion)  # a fresh array
        moved += self._still
        return moved
