# SPDX-License-Identifier: GPL-3.0-or-later
"""Corrective shapes: what is left of the decoder's motion once the units have taken their part.

The bundle brings an ordered basis of shapes (`Template.corrective_deltas`). The units' curves stay as they
are: what they leave open is fitted frame by frame by the first n shapes, with one linear map for each n. A
frame gets as many as it and the moments around it need, K at most: the least number that keeps the tolerance
over a take. So the later a shape comes in the order, the more it rests, exactly at 0, where it costs nothing
while a scene plays; and it comes in over some frames, as smooth as the motion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import around
from ..geometry.units import carry_units, fit_affine
from ..template import Template
from .curves import RATE
from .weights import Float32, Float64, find_contacts, weighted

LIPS = 30.0
"""How much a lip's vertex counts, in squared distances, against any other."""

RIDGE = 1e-4
"""Pull of every weight towards 0, as a part of its shape's own size; settles shapes that overlap."""

FRAMES = 95.0
"""The tolerance holds in this percentage of a take's frames, for the lip vertex that is furthest off."""

AROUND = 2 / 30
"""Seconds before and after a frame in which shapes that it needs are there too, and in which they then come
and go."""

HALVINGS = 8
"""Of the interval in which the distance is searched that a single frame may keep."""

MM = 1000.0


@dataclass(frozen=True, eq=False)
class Correction:
    """The correctives of one take: names (K,), shapes (K, V, 3) in normalised template space, metres, scaled
    to the head, and their weights (T', K) in −1…1. `error_mm` is what remains at the lips at most: in 95 % of
    the frames no lip vertex is further off."""

    names: tuple[str, ...]
    shapes: Float32
    weights: Float32
    error_mm: float


@dataclass(frozen=True, eq=False)
class Remains:
    """What the units leave open in some frames: its `products` (n, K) with the shapes, and the lips' largest
    error (n, K + 1), metres, with the first 0, 1, … K shapes."""

    products: Float64
    errors: Float32

    @staticmethod
    def joined(parts: Sequence[Remains]) -> Remains:
        """Those of all frames."""
        columns = ([part.products, part.errors] for part in parts)
        return Remains(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def carry_correctives(template: Template, rest: ArrayLike) -> Float32:
    """The correctives (K, V, 3), metres, on a rest shape (V, 3) aligned to the template."""
    return carry_shapes(template.corrective_deltas, template.rest, rest)


def carry_shapes(shapes: Float32, source: ArrayLike, target: ArrayLike) -> Float32:
    """Shapes (K, V, 3) of one rest shape (V, 3) on another, both aligned to the template; each is scaled by
    the affine map of the vertices that it moves, as units are."""
    reach = np.linalg.norm(shapes, axis=2).astype(np.float64)
    maps = fit_affine(reach, np.asarray(source, np.float64), np.asarray(target, np.float64))[0]
    return np.matmul(shapes, maps.astype(np.float32).swapaxes(1, 2))


class CorrectiveFit:
    """Fits the correctives of one head to what its units leave open."""

    def __init__(self, template: Template, rest: ArrayLike) -> None:
        self._names = template.corrective_names
        self._lips = template.corrective_lips
        self._units = carry_units(template, rest)
        self.shapes = carry_correctives(template, rest)
        rows = weighted(self.shapes, find_contacts(template))
        rows[:, self._lips] += (LIPS - 1.0) * self.shapes[:, self._lips]
        self._rows = rows.reshape(len(rows), -1)
        self._unit_products, self._unit_lips = self.products(self._units), self.lips(self._units)
        self._lip_shapes = self.lips(self.shapes)
        gram = self._rows.astype(np.float64) @ self.shapes.reshape(len(rows), -1).T.astype(np.float64)
        self._scale = 1.0 / np.sqrt(np.maximum(np.diag(gram), 1e-18))
        self._gram = 0.5 * (gram + gram.T) * np.outer(self._scale, self._scale)

    @cached_property
    def _solvers(self) -> list[Float64]:
        """What gives the weights (n, k) of the first k shapes from products (n, k), by k."""
        solvers = []
        for count in range(len(self.shapes) + 1):
            scale = self._scale[:count]
            inverse = np.linalg.inv(self._gram[:count, :count] + RIDGE * np.eye(count))
            solvers.append(scale[:, None] * inverse * scale)
        return solvers

    def look(self, motion: Float32, weights: Float32) -> Remains:
        """What a motion (n, V, 3) still needs beside the unit weights (n, U)."""
        return self.look_at(self.products(motion), self.lips(motion), weights)

    def look_at(self, products: Float32, lips: Float32, weights: Float32) -> Remains:
        """The same from what `products` and `lips` say of the motion."""
        open_products = (products - weights @ self._unit_products).astype(np.float64)
        left = np.asarray(lips - weights @ self._unit_lips, np.float32)
        counts = range(len(self.shapes) + 1)
        errors = [self._lip_error(left, self.weights(open_products, count)) for count in counts]
        return Remains(open_products, np.stack(errors, axis=1))

    def products(self, motion: Float32) -> Float32:
        """Products (n, K) of displacements (n, V, 3) with the shapes, in the metric of the fit."""
        return motion.reshape(len(motion), -1) @ self._rows.T

    def lips(self, motion: Float32) -> Float32:
        """The lips' displacements (n, 3 · L), axis by axis, of displacements (n, V, 3)."""
        return motion[:, self._lips].swapaxes(1, 2).reshape(len(motion), -1)

    def reach(self, left: Float32) -> tuple[Float64, Float64]:
        """The lowest and the highest weight (K,) of each shape, unbounded, that displacements (n, V, 3) take,
        however many shapes are used."""
        products, ends = self.products(left).astype(np.float64), np.zeros((2, len(self.shapes)))
        for count in range(1, len(self.shapes) + 1):
            weights = products[:, :count] @ self._solvers[count]
            ends[0, :count] = np.minimum(ends[0, :count], weights.min(axis=0))
            ends[1, :count] = np.maximum(ends[1, :count], weights.max(axis=0))
        return ends[0], ends[1]

    def weights(self, products: Float64, count: int) -> Float32:
        """Weights (n, count) of the first shapes from products (n, K)."""
        return np.clip(products[:, :count] @ self._solvers[count], -1.0, 1.0).astype(np.float32)

    def correction(
        self, remains: Sequence[Remains], tolerance_mm: float, fps: Fraction | float = RATE
    ) -> Correction:
        """The correctives of a whole take: as many as the tolerance needs, all where it can't be kept."""
        whole = Remains.joined(remains)
        kept = np.flatnonzero(np.percentile(whole.errors, FRAMES, axis=0) * MM <= tolerance_mm)
        count = int(kept[0]) if len(kept) else len(self.shapes)
        weights, error = self._sparse(whole, count, tolerance_mm / MM, fps)
        return Correction(self._names[:count], self.shapes[:count], weights, error * MM)

    def first_weights(self, remains: Sequence[Remains], count: int, fps: Fraction | float = RATE) -> Float32:
        """Weights (T', count) of the first shapes over a whole take, for the tolerance that they can keep."""
        whole = Remains.joined(remains)
        tolerance = float(np.percentile(whole.errors[:, count], FRAMES))
        return self._sparse(whole, count, tolerance, fps)[0]

    def _sparse(
        self, whole: Remains, count: int, tolerance: float, fps: Fraction | float
    ) -> tuple[Float32, float]:
        """Weights (T', count) of the first shapes, and the error that they leave; metres."""
        errors = whole.errors[:, : count + 1]
        shares = shares_of_counts(errors, tolerance, AROUND * float(fps))
        return self._mixed(whole.products, shares), left_by(errors, shares)

    def _mixed(self, products: Float64, shares: Float32) -> Float32:
        """Weights (n, k) from products (n, K): the mean of those of the first 0, 1, … k shapes, which have
        shares (n, k + 1)."""
        mixed = np.zeros((len(products), shares.shape[1] - 1), np.float32)
        for count in range(1, shares.shape[1]):
            rows = np.flatnonzero(shares[:, count])
            mixed[rows, :count] += shares[rows, count, None] * self.weights(products[rows], count)
        return mixed

    def _lip_error(self, left: Float32, weights: Float32) -> Float32:
        """The largest distance (n,) that weights (n, k) leave of displacements (n, 3 · L) of the lips."""
        off = left - weights @ self._lip_shapes[: weights.shape[1]]
        off *= off
        x, y, z = np.split(off, 3, axis=1)
        return np.sqrt((x + y + z).max(axis=1, initial=0.0))


def shares_of_counts(errors: Float32, tolerance: float, reach: float) -> Float32:
    """How much (T, K + 1) of the fit by the first 0, 1, … K shapes each frame gets; these leave errors (T, K
    + 1).

    A frame needs as many as keep a distance that is the same for all frames, the largest that leaves no more
    than the tolerance in FRAMES % of them; it gets what the frames within ``reach`` need, and passes from one
    number to the next over as many. All shapes, where they leave more.
    """
    steps, low, high = max(1, round(reach)), 0.0, 2.0 * tolerance
    shares = _shares(errors, low, steps)  # all of them everywhere
    for _ in range(HALVINGS if left_by(errors, shares) <= tolerance else 0):
        middle = 0.5 * (low + high)
        tried = _shares(errors, middle, steps)
        if left_by(errors, tried) <= tolerance:
            low, shares = middle, tried
        else:
            high = middle
    return shares


def left_by(errors: Float32, shares: Float32) -> float:
    """What is left at most in FRAMES % of the frames: a mean of two fits leaves no more than their mean."""
    return float(np.percentile((errors * shares).sum(axis=1), FRAMES))


def _shares(errors: Float32, distance: float, steps: int) -> Float32:
    """The same for one distance, and a number of frames before and after."""
    enough = errors <= distance
    needed = np.where(enough.any(axis=1), enough.argmax(axis=1), errors.shape[1] - 1)
    most = around(needed, steps).max(axis=1)
    frames, votes = np.arange(len(most)), np.zeros(errors.shape, np.float32)
    for voted in around(most, steps).T:
        votes[frames, voted] += 1.0
    return votes / np.float32(2 * steps + 1)
