# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes that move on a head while their labels come: from blocks of labels to unit weights and vertices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .sample import Labels

if TYPE_CHECKING:
    from .decode import Mover

Float32 = NDArray[np.float32]
Motion = tuple[Float32, Float32]
"""Coefficients (n, K) and unit weights (n, U) of the same frames."""

BLOCKS, BLOCKS_ALONE = 5, 2
"""Blocks whose unit weights and vertices are found together: many rows a product are cheaper than few. Fewer
for a take that has nothing beside it but its own sampling, so that it keeps up."""


@dataclass(frozen=True, eq=False)
class Piece:
    """Samples of a take from sample ``first`` on: ``weights`` (n, U) in 0…1, and ``write`` that fills an
    array (n, V', 3) with their vertices, None where they aren't wanted."""

    first: int
    weights: Float32
    write: Callable[[Float32], None] | None

    @property
    def rows(self) -> slice:
        """Where the samples stand in the take."""
        return slice(self.first, self.first + len(self.weights))


class Solver:
    """Some takes on their way to coefficients and unit weights, at the model's rate, which are found for all
    of them together."""

    def __init__(self, mover: Mover, frames: int, takes: int) -> None:
        self._mover, self._frames, self._known = mover, frames, 0
        self._streams = [mover.decoder.stream(frames) for _ in range(takes)]
        self._at_once = BLOCKS if takes > 1 else BLOCKS_ALONE
        self._waiting: list[tuple[Float32, ...]] = []
        self._products: list[list[Float32]] = []

    def add(self, labels: Labels) -> Iterator[list[Motion]]:
        """The next labels (takes, n, heads), in whole blocks but for the last; gives each take's motion of
        the frames that are certain by now."""
        blocks = (stream.add(own) for stream, own in zip(self._streams, labels, strict=True))
        for codes in zip(*blocks, strict=True):
            self._waiting.append(codes)
            self._products.append([self._mover.products_of(own) for own in codes])
            self._known += len(codes[0])
            if len(self._waiting) == self._at_once or self._known == self._frames:
                yield self._solved()

    def _solved(self) -> list[Motion]:
        codes, products = (
            [np.concatenate(own) for own in zip(*blocks, strict=True)]
            for blocks in (self._waiting, self._products)
        )
        self._waiting.clear()
        self._products.clear()
        weights = self._mover.solved(np.concatenate(products))
        return list(zip(codes, np.split(weights, len(codes)), strict=True))


class Samples:
    """A take's motion as ``count`` samples at ``fps``, with or without vertices."""

    def __init__(self, mover: Mover, frames: int, fps: Fraction, count: int, vertices: bool) -> None:
        self._mover, self._vertices, self._first = mover, vertices, 0
        same = mover.frame_rate == fps and frames == count
        self._weights = None if same else mover.resampler(fps, frames, count)
        self._motion = None if same or not vertices else mover.resampler(fps, frames, count)

    def add(self, motion: Motion, most: int) -> Iterator[Piece]:
        """The samples that are certain by now, at most so many in a piece that has vertices."""
        codes, weights = motion
        if self._weights is not None:
            weights = np.clip(self._weights.push(weights), 0.0, 1.0)
        if not self._vertices:
            yield self._piece(weights, None)
            return
        if self._motion is not None:
            for moved in self._mover.resampled(self._motion, codes):
                yield self._piece(weights[: len(moved)], partial(np.copyto, src=moved))
                weights = weights[len(moved) :]
            return
        for at in range(0, len(codes), most):
            rows = slice(at, at + most)
            yield self._piece(weights[rows], partial(self._mover.place, codes[rows]))

    def _piece(self, weights: Float32, write: Callable[[Float32], None] | None) -> Piece:
        piece = Piece(self._first, weights, write)
        self._first += len(weights)
        return piece


class MovingTakes:
    """Takes whose labels come together, of ``frames`` at the model's rate, ``count`` samples at ``fps`` each:
    ``weights`` (count, U), not yet cleaned, and ``vertices`` (count, V', 3) in the head's own units, axes and
    order (None where they aren't kept), which ``workers`` may work out. Both are there after `finish`."""

    def __init__(
        self,
        mover: Mover,
        takes: int,
        frames: int,
        fps: Fraction,
        count: int,
        vertices: bool,
        workers: Executor | None = None,
    ) -> None:
        shape = (count, *mover.still.shape)
        self.weights = [np.empty((count, mover.units), np.float32) for _ in range(takes)]
        self.vertices = [np.empty(shape, np.float32) if vertices else None for _ in range(takes)]
        self._solver, self._workers = Solver(mover, frames, takes), workers
        self._samples = [Samples(mover, frames, fps, count, vertices) for _ in range(takes)]
        self._most, self._writing = max(1, count), list[Future[None]]()

    def add(self, labels: Labels) -> None:
        """The next labels (takes, n, heads), in whole blocks but for the last."""
        for motions in self._solver.add(labels):
            for index, motion in enumerate(motions):
                for piece in self._samples[index].add(motion, self._most):
                    self.weights[index][piece.rows] = piece.weights
                    self._write(piece, self.vertices[index])

    def _write(self, piece: Piece, vertices: Float32 | None) -> None:
        if piece.write is None or vertices is None:
            return
        if self._workers is None:
            piece.write(vertices[piece.rows])
        else:
            self._writing.append(self._workers.submit(piece.write, vertices[piece.rows]))

    def finish(self) -> None:
        """Wait for the vertices, once all labels have come."""
        for writing in self._writing:
            writing.result()
