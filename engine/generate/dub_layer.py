# SPDX-License-Identifier: GPL-3.0-or-later
"""What a dub changes, as shapes that are added to what a head does already.

Two heads need it. One plays units and the model's correctives: its correctives take up what the units leave.
The other is moved by bones, drivers or a cache, which play on under the dub: there all of the change is a
layer of signed shapes. Shapes are seen before the bones: what is to happen after them is turned back by how
they turn each place of the skin.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from ..geometry.topology import Binding
from ..geometry.units import carry_units
from ..template import Template
from .correctives import AROUND, FRAMES, LIPS, MM, carry_correctives, left_by, shares_of_counts
from .curves import RATE
from .weights import find_contacts, weighted

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

RIDGE = 1e-3
"""Pull of every weight towards 0, as a part of its shape's own size; units that resemble each other would
cancel each other with large weights otherwise."""

ENOUGH_MM = 0.3
"""Distance at the lips up to which named shapes suffice, and by which the change gets shapes of its own."""

MOST_SHAPES, MOST_ROWS = 24, 1200
"""Of its own shapes; and of the frames in which they are looked for."""

TINY = 1e-9

UNSEEN = 5e-5
"""Metres; a shape of a layer that never moves a vertex this far gets no key, and skin that moves less isn't
turned back."""


def layer_names(template: Template, unit_names: tuple[str, ...]) -> tuple[str, ...]:
    """The shapes of a layer: the units, then the model's correctives."""
    return (*unit_names, *template.corrective_names)


def layer_deltas(
    binding: Binding, unit_names: tuple[str, ...], names: tuple[str, ...], shapes: Float32
) -> Float32:
    """Shapes (K, V, 3) of a layer on the mesh, (K, V', 3) in its units and axes; units take along whatever
    they take along on this mesh (teeth)."""
    if not len(shapes):
        return np.zeros((0, len(binding.vertices), 3), np.float32)
    carried = binding.carry(shapes)
    units = dict(zip(unit_names, binding.unit_deltas() if unit_names else (), strict=True))
    for row, name in enumerate(names):
        if name in units:
            carried[row] = units[name]
    return carried


@dataclass(frozen=True, eq=False)
class Layer:
    """Shapes (K, V, 3) by name, in normalised template space, and their weights (T, K) in −1…1; in 95 % of
    the frames no vertex of the lips is further off than ``error_mm``."""

    names: tuple[str, ...]
    shapes: Float32
    weights: Float32
    error_mm: float


@dataclass(eq=False)
class LayerFit:
    """Finds signed weights of shapes for displacements, by least squares; block by block, as they come.

    ``shapes`` (K, V, 3) are in normalised template space. ``units`` (U, V, 3) are what unit weights take of
    the displacements first; (0, V, 3) where the units are among the shapes. With ``own_shapes`` the
    displacements get shapes of their own where those don't suffice; without, as many of the first are used
    as keep ``tolerance_mm`` at the lips, in each frame of a take at ``fps`` as many as it needs.
    """

    template: Template
    names: tuple[str, ...]
    shapes: Float32
    units: Float32
    own_shapes: bool = False
    tolerance_mm: float = 0.0
    fps: Fraction | float = RATE
    _seen: list[Float32] = field(default_factory=list)

    def __post_init__(self) -> None:
        rows = weighted(self.shapes, find_contacts(self.template))
        rows[:, self._lips] += (LIPS - 1.0) * self.shapes[:, self._lips]
        self._rows = rows.reshape(len(rows), 3 * len(self.template))
        flat = self.shapes.reshape(self._rows.shape)
        gram = self._rows.astype(np.float64) @ flat.T.astype(np.float64)
        size = np.sqrt(np.maximum(np.diag(gram), 0.0))
        self._scale = np.where(size > TINY, 1.0 / np.maximum(size, TINY), 0.0)  # what moves nothing stays 0
        gram = 0.5 * (gram + gram.T) * np.outer(self._scale, self._scale)
        self._gram = gram + RIDGE * np.eye(len(rows))

    def look(self, change: Float32) -> None:
        """Take in the next displacements (n, V, 3)."""
        self._seen.append(change)

    def layer(self, before: Float32, unit_change: Float32) -> Layer:
        """What makes all that was looked at, on top of weights ``before`` (T, K), where unit weights (T, U)
        change by so much too."""
        products = np.concatenate([self._product(each) for each in self._seen])
        products -= unit_change @ self._product(self.units)
        if not self.own_shapes:
            return self._sparse(products, before, unit_change)
        layer = self._all(products, before, unit_change)
        enough = layer.error_mm <= ENOUGH_MM
        return self._busy(layer, before) if enough else self._with_own(before, unit_change)

    def unchanged(self, before: Float32) -> Layer:
        """What plays already."""
        return self._busy(Layer(self.names, self.shapes, before, 0.0), before)

    def _sparse(self, products: Float64, before: Float32, unit_change: Float32) -> Layer:
        """As many of the first shapes as keep the tolerance; a frame gets the change that the first few make,
        as many as it needs, and what plays already goes on."""
        left, tolerance = self._left_at_lips(unit_change), self.tolerance_mm / MM
        errors = np.stack(
            [self._off(left, self._first(count, products, before) - before) for count in self._counts], axis=1
        )
        kept = np.flatnonzero(np.percentile(errors, FRAMES, axis=0) <= tolerance)
        errors = errors[:, : int(kept[0]) + 1] if len(kept) else errors
        shares = shares_of_counts(errors, tolerance, AROUND * float(self.fps))
        found = np.zeros_like(before)
        for count in range(errors.shape[1]):
            rows = np.flatnonzero(shares[:, count])
            found[rows] += shares[rows, count, None] * self._first(count, products[rows], before[rows])
        playing = int(np.flatnonzero(before.any(axis=0)).max(initial=-1)) + 1
        first = slice(max(errors.shape[1] - 1, playing))
        return Layer(self.names[first], self.shapes[first], found[:, first], left_by(errors, shares) * MM)

    @property
    def _counts(self) -> range:
        return range(len(self.names) + 1)

    def _first(self, count: int, products: Float64, before: Float32) -> Float32:
        """Weights (n, K) whose first ``count`` shapes make the change, on top of those before (n, K)."""
        first, found = slice(count), before.astype(np.float32, copy=True)
        gram, scale = self._gram[first, first], self._scale[first]
        change = products[:, first] @ (scale[:, None] * np.linalg.inv(gram) * scale)
        found[:, first] = np.clip(before[:, first] + change, -1.0, 1.0)
        return found

    def _all(self, products: Float64, before: Float32, unit_change: Float32) -> Layer:
        """All shapes."""
        found = self._first(len(self.names), products, before)
        return Layer(self.names, self.shapes, found, self._error(found - before, self.shapes, unit_change))

    def _busy(self, layer: Layer, before: Float32) -> Layer:
        """Without shapes that nothing needs; a layer has one at least, or there would be no take."""
        reach = np.abs(layer.weights).max(axis=0) * np.linalg.norm(layer.shapes, axis=2).max(axis=1)
        needed = (reach > UNSEEN) | before.any(axis=0)
        needed[:1] |= self.own_shapes and not needed.any()
        kept = np.flatnonzero(needed)
        names = tuple(layer.names[row] for row in kept)
        return Layer(names, layer.shapes[kept], layer.weights[:, kept], layer.error_mm)

    def for_its_own(self, unit_change: Float32) -> LayerFit:
        """A fit of the same displacements, with the main directions of what unit weights (T, U) leave."""
        shapes, _ = self._directions(unit_change)
        own = replace(self, names=_own_names(shapes), shapes=shapes)
        own._seen = self._seen
        return own

    def _directions(self, unit_change: Float32) -> tuple[Float32, Float32]:
        """The main directions (K, V, 3) of what unit weights (T, U) leave of all that was looked at, each as
        large as its largest weight, and their weights (T, K) in −1…1."""
        metric = np.ones((len(self.template), 3), np.float32)
        metric[self._lips] = np.sqrt(LIPS)
        apart = -(-len(unit_change) // MOST_ROWS)
        some = np.concatenate(
            [rows[-first % apart :: apart] for first, rows in self._left_rows(unit_change, metric)]
        )
        strength, turns = np.linalg.eigh((some @ some.T).astype(np.float64))
        kept = np.flatnonzero(strength > 1e-9 * strength.max(initial=1e-30))[::-1][:MOST_SHAPES]
        basis = ((turns[:, kept].T @ some) / np.sqrt(strength[kept])[:, None]).astype(np.float32)
        weights = np.concatenate([rows @ basis.T for _, rows in self._left_rows(unit_change, metric)])
        peak = np.maximum(np.abs(weights).max(axis=0, initial=0.0), 1e-12)
        shapes = (basis * peak[:, None] / metric.ravel()).reshape(len(kept), -1, 3)
        return shapes.astype(np.float32), (weights / peak).astype(np.float32)

    def _left_rows(self, unit_change: Float32, metric: Float32) -> Iterator[tuple[int, Float32]]:
        """What the units leave, in a metric (V, 3), block by block, as a whole take is large: each block's
        first frame and its rows (n, 3 · V)."""
        first = 0
        for seen in self._seen:
            part = unit_change[first : first + len(seen)].astype(np.float32)
            left = seen - np.tensordot(part, self.units, 1)
            yield first, (left * metric).reshape(len(seen), -1)
            first += len(seen)

    def _with_own(self, before: Float32, unit_change: Float32) -> Layer:
        """The displacements' own main directions, as many as the lips need; what played before goes on."""
        shapes, weights = self._directions(unit_change)
        counts = range(1, len(shapes) + 1)
        errors = [self._error(weights[:, :k], shapes[:k], unit_change) for k in counts] or [0.0]
        kept = (k for k, error in zip(counts, errors, strict=False) if error <= ENOUGH_MM)
        enough = next(kept, len(shapes))
        first = shapes[:enough]
        own = Layer(_own_names(first), first, weights[:, :enough], errors[max(enough - 1, 0)])
        played = self.unchanged(before) if before.any() else Layer((), self.shapes[:0], before[:, :0], 0.0)
        return Layer(
            played.names + own.names,
            np.concatenate([played.shapes, own.shapes]),
            np.concatenate([played.weights, own.weights], axis=1),
            own.error_mm,
        )

    def _product(self, displacement: Float32) -> Float64:
        flat = displacement.reshape(len(displacement), self._rows.shape[1])
        return (flat @ self._rows.T).astype(np.float64)

    @property
    def _lips(self) -> NDArray[np.integer]:
        """The lips' vertices; those of the whole mouth where the template doesn't name them."""
        lips = self.template.corrective_lips
        return lips if len(lips) else np.flatnonzero(self.template.mask_mouth > 0.9)

    def _error(self, found: Float32, shapes: Float32, unit_change: Float32) -> float:
        """The lips' worst vertex in 95 % of the frames, mm."""
        off = self._off(self._left_at_lips(unit_change), found, shapes)
        return float(np.percentile(off, FRAMES)) * MM

    def _left_at_lips(self, unit_change: Float32) -> Float32:
        """What the units leave of all that was looked at (T, L, 3), at the lips."""
        left = np.concatenate([each[:, self._lips] for each in self._seen])
        return left - np.tensordot(unit_change.astype(np.float32), self.units[:, self._lips], 1)

    def _off(self, left: Float32, found: Float32, shapes: Float32 | None = None) -> Float32:
        """The lips' worst vertex (T,), metres, with weights (T, K) of shapes, or of this fit's own."""
        made = np.tensordot(found, (self.shapes if shapes is None else shapes)[:, self._lips], 1)
        return np.linalg.norm(left - made, axis=2).max(axis=1, initial=0.0)


def _own_names(shapes: Float32) -> tuple[str, ...]:
    """Names of shapes (K, V, 3) that a take has for itself: other shapes have other names."""
    mark = sha256(shapes.tobytes()).hexdigest()[:4]
    return tuple(f"{mark} {number}" for number in range(1, len(shapes) + 1))


def fit_of_correctives(
    template: Template, rest: Float32, tolerance_mm: float, fps: Fraction | float = RATE
) -> LayerFit:
    """For a head that plays units: the model's correctives beside them."""
    units = carry_units(template, rest)
    shapes = correctives_on(template, rest)
    return LayerFit(template, template.corrective_names, shapes, units, tolerance_mm=tolerance_mm, fps=fps)


def fit_of_layer(template: Template, rest: Float32, unit_names: tuple[str, ...]) -> LayerFit:
    """For a head whose motion plays on: units and correctives, signed, for all of the change."""
    units = carry_units(template, rest)
    shapes = np.concatenate([units, correctives_on(template, rest)])
    names = layer_names(template, unit_names)
    return LayerFit(template, names, shapes, units[:0], own_shapes=True)


def correctives_on(template: Template, rest: Float32) -> Float32:
    """The model's correctives (K, V, 3) on a rest shape; K is 0 where it has none."""
    if not template.corrective_names:
        return np.zeros((0, len(template), 3), np.float32)
    return carry_correctives(template, rest)
