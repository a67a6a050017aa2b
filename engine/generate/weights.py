# SPDX-License-Identifier: GPL-3.0-or-later
"""Unit weights from motion: bounded least squares on a head's own unit displacements.

Lips and lids count more than other skin, by the gap between their margins: an eye sees 0.3 mm between lips
that should touch, and never 0.3 mm on a cheek.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..arrays import equal_parts
from ..blas import one_thread_a_product
from .steps import RELAXATION, STEPS, Rows, product

if TYPE_CHECKING:
    from ..template import Template


Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

RIDGE = 1e-4
"""Pull of every weight towards 0, as a part of its unit's own size; settles units that can replace each
other."""

MARGIN, MIDDLE = 0.002, 0.04
"""How much the gap of one pair of vertices counts, along a margin and in its middle, as a part of all
vertices together. *Measured*: more closes the lips no better and costs fit elsewhere."""

FACING = (
    ("lip_lower_inner", "lip_upper_inner"),
    ("lid_lower_left", "lid_upper_left"),
    ("lid_lower_right", "lid_upper_right"),
)
"""Landmarks that face each other in the middle of a margin."""

MOST_STEPS = 304
TOLERANCE = 1e-6
"""Largest step of any scaled weight (metres) at which a row is left as it is, and of its distance to the
box."""

COLD, WARM = 0.5, 2.0
"""The penalties without and with a start that is nearly right, in units of the geometric mean of the extreme
eigenvalues. *Measured* on speech: 56 steps in the mean, and 25; the mean itself needs half as many more in
both cases."""

ROWS = 1024
"""Rows that are solved at once at most: enough that a step is more than its calls, few enough for the cache.
Parts are equal, so that none is a row alone, whose products are worked out in another way."""

TINY = 1e-9


@dataclass(frozen=True, eq=False)
class Contacts:
    """P pairs of a margin: vertex ``moving`` (P,) faces the blend ``mix`` (P,) of the two vertices ``fixed``
    (P, 2), and their gap counts as much as ``emphasis`` (P,) vertices."""

    moving: NDArray[np.integer]
    fixed: NDArray[np.integer]
    mix: Float64
    emphasis: Float64

    def gaps(self, displacement: NDArray[np.floating]) -> Float64:
        """What displacements (…, V, 3) add to the vertical distance of each pair (…, P); the sign is the
        pair's own."""
        height = displacement[..., 2].astype(np.float64)
        facing = height[..., self.fixed]
        return facing[..., 0] * (1.0 - self.mix) + facing[..., 1] * self.mix - height[..., self.moving]


def find_contacts(template: Template) -> Contacts:
    """The pairs of the template's closures, and the middles of the lips and of the lids."""
    marks = template.landmarks
    known = [(marks[one], marks[other]) for one, other in FACING if one in marks and other in marks]
    middle = np.array(known, np.int64).reshape(-1, 2)
    count = len(template.closure_moving)
    shares = np.r_[np.full(count, MARGIN), np.full(len(middle), MIDDLE)]
    return Contacts(
        moving=np.r_[template.closure_moving, middle[:, 0]],
        fixed=np.concatenate([template.closure_fixed, middle[:, [1, 1]]]),
        mix=np.r_[template.closure_mix.astype(np.float64), np.zeros(len(middle))],
        emphasis=shares * len(template),
    )


class UnitFit:
    """Finds weights (T, U) in 0…1 whose units come nearest to a displacement (T, V, 3), over all vertices
    and contacts.

    Each weight is scaled so that its unit has length 1, which makes small units (lids) as easy to find as
    large ones (the jaw). Units that move nothing get weight 0. Public: ``problem``, the same least squares
    without the vertices; ``sizes`` (U,), each unit's largest displacement in metres; ``lengths`` (U,), its
    length over vertices and contacts, 0 where it moves nothing.
    """

    def __init__(self, unit_deltas: Float32, contacts: Contacts | None = None) -> None:
        deltas = np.ascontiguousarray(unit_deltas, np.float32)
        flat = deltas.reshape(len(deltas), -1)
        self._rows = flat if contacts is None else weighted(deltas, contacts).reshape(flat.shape)
        gram = self._rows.astype(np.float64) @ flat.T.astype(np.float64)
        lengths = np.sqrt(np.maximum(np.diag(gram), 0.0))
        moves = lengths > TINY
        self.lengths = np.where(moves, lengths, 0.0)
        self.sizes = np.sqrt(np.einsum("uvc,uvc->uv", deltas, deltas).max(axis=1)).astype(np.float64)
        self._scale = np.where(moves, 1.0 / np.maximum(lengths, TINY), 0.0)
        self.problem = BoxProblem(
            0.5 * (gram + gram.T) * np.outer(self._scale, self._scale) + RIDGE * np.eye(len(deltas))
        )

    def weights(self, displacement: Float32) -> Float32:
        """Weights ``(T, U)`` float32 of a displacement ``(T, V, 3)``, in the space of the unit
        displacements."""
        return self.solve(self.products(displacement))

    def products(self, displacement: Float32) -> Float32:
        """Products ``(T, U)`` of displacements ``(T, V, 3)`` with the units, in the metric of the fit."""
        return displacement.reshape(len(displacement), -1) @ self._rows.T

    def solve(self, products: Float32) -> Float32:
        """Weights ``(T, U)`` from products ``(T, U)``."""
        target = products.astype(np.float64) * self._scale
        return self.unscaled(self.problem.solve(target, self.lengths))

    def scaled(self, weights: Float32) -> Float64:
        """Weights as the solver sees them: metres along units of length 1."""
        return weights.astype(np.float64) * self.lengths

    def unscaled(self, scaled: Float64) -> Float32:
        """Weights in 0…1 of the solver's numbers."""
        return np.clip(scaled * self._scale, 0.0, 1.0).astype(np.float32)


def weighted(deltas: Float32, contacts: Contacts) -> Float32:
    """Unit displacements (U, V, 3) with the metric on them: the vertices', plus that of each pair's gap."""
    pairs = np.arange(len(contacts.moving))
    slopes = np.zeros((len(pairs), deltas.shape[1]))  # of each gap by each vertex' height
    slopes[pairs, contacts.moving] -= 1.0
    slopes[pairs, contacts.fixed[:, 0]] += 1.0 - contacts.mix
    slopes[pairs, contacts.fixed[:, 1]] += contacts.mix
    weighted = deltas.astype(np.float64)
    weighted[..., 2] += (contacts.gaps(deltas) * contacts.emphasis) @ slopes
    return weighted.astype(np.float32)


class BoxProblem:
    """Minimise ½ xᵀ G x − bᵀ x over 0 ≤ x ≤ upper for many b at once; ``gram`` (U, U) is G, positive
    definite.

    Alternating directions (Boyd et al. 2011, section 5.2) with over-relaxation: G is inverted once, a step
    is one product of matrices, in float32. Rows that have arrived leave, so none depends on the others.
    """

    def __init__(self, gram: Float64) -> None:
        self.gram = gram
        spread = np.linalg.eigvalsh(gram)
        mean = float(np.sqrt(max(spread[0], TINY) * spread[-1]))
        self._cold, self._warm = (_Way.of(gram, penalty * mean) for penalty in (COLD, WARM))

    def solve(
        self,
        target: Float64,
        upper: Float64,
        start: Float64 | None = None,
        steps: int = MOST_STEPS,
        tolerance: float = TOLERANCE,
    ) -> Float64:
        """Solutions (T, U), inside the box, for each row b of ``target`` (T, U); ``upper`` (U,) or (T, U).

        With ``tolerance`` 0 all ``steps`` are made, a multiple of `steps.STEPS`.
        """
        found = np.empty(target.shape)
        with one_thread_a_product():  # a step is too small to be shared out
            for rows in equal_parts(len(target), -(-len(target) // ROWS)):
                most = upper if upper.ndim == 1 else upper[rows]
                begin = None if start is None else start[rows]
                found[rows] = self._solve(target[rows], most, begin, steps, tolerance)
        return np.clip(found, 0.0, upper, out=found)

    def _solve(
        self, target: Float64, upper: Float64, start: Float64 | None, steps: int, tolerance: float
    ) -> Float32:
        way = self._cold if start is None else self._warm
        middle = product(target, way.inverse)
        begin = np.clip(middle if start is None else start, 0.0, upper)
        push = (target - product(begin, self.gram)) / way.penalty  # against the walls, where it stands at one
        dual = np.where(begin >= upper, np.maximum(push, 0.0), 0.0)
        dual += np.where(begin <= 0.0, np.minimum(push, 0.0), 0.0)
        rows = Rows(way.step, begin, dual, RELAXATION * middle, upper)
        for _ in range(0, steps, STEPS):
            rows.go(tolerance)
            if rows.all_arrived:
                break
        return rows.result()


@dataclass(frozen=True, eq=False)
class _Way:
    """How a step is made with one ``penalty`` p: ``inverse`` (U, U) is M = (G + p)⁻¹.

    x = (b + p (z − u)) M, relaxed to r x + (1 − r) z, comes to u; v, the sum, is cut to the box: z, and what
    is cut off is u. So v ← r b M + (z − u) (r p M − r/2) + (1 − r/2) v, and z − u = 2 z − v; ``step`` (U, U)
    is the second factor.
    """

    penalty: float
    inverse: NDArray[np.floating]
    step: Float32

    @staticmethod
    def of(gram: Float64, penalty: float) -> _Way:
        one = np.eye(len(gram))
        inverse = np.linalg.inv(gram + penalty * one)
        step = RELAXATION * (penalty * inverse - 0.5 * one)
        return _Way(penalty, inverse, step.astype(np.float32))
