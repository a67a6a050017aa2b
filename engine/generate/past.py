# SPDX-License-Identifier: GPL-3.0-or-later
"""A performance that a head has already, at any moment of its own time, on the mesh and on the template."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError
from ..geometry.topology import Binding
from ..geometry.units import carry_units
from ..template import SKIN
from .cage import Cage
from .read_back import poses, reader_of
from .resample import hermite
from .retime import find_blinks, lid_closure, lid_vertices

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

STILL = 2e-4
"""Metres; skin that no unit moves further shows how the whole head moves."""
STEADY = 1e-4
"""Metres; a head that moves less keeps still."""
STILL_VERTICES = 400
UNMOVED = 1e-5
"""Metres; what moves less isn't turned back by its bones."""
FRAMES = 128
"""Frames that are looked at together, which bounds the memory."""


@dataclass(frozen=True, eq=False)
class Skin:
    """Bones that move a mesh by linear blend skinning: ``weights`` (V', B) whose rows sum to 1, and the
    linear parts ``bones`` (T, B, 3, 3) of their motion in the mesh's axes; a bone that never moves stands for
    whatever no bone moves."""

    weights: Float32
    bones: Float32

    def matrices(self, bones: Float32, vertices: NDArray[np.integer]) -> Float32:
        """What bones (n, B, 3, 3) do to a small step at some vertices (W,): (n, W, 3, 3)."""
        flat = self.weights[vertices] @ bones.reshape(len(bones), -1, 9)
        return flat.reshape(len(bones), len(vertices), 3, 3)


@dataclass(frozen=True, eq=False)
class Original:
    """The performance that a head has before it is dubbed, sample ``i`` at time ``i / fps``.

    ``vertices`` (T, V', 3) are places of the head's own vertices in its own units and axes, as evaluated, or
    None; ``weights`` (T, U) are strengths of the units ``unit_names`` (U,), or None. At least one is there;
    with both, the weights are the curves behind the vertices. Raises OptionError for what makes no sense.

    ``extra_weights`` (T, K) are strengths of further shapes ``extra_names`` (K,) that play already: the
    model's correctives, or those of a layer. Where shapes are bent by what comes after them, ``skin`` tells
    how bones turn them, or ``polygons`` (F, K) of the mesh that a cache takes them along.
    """

    fps: Fraction
    vertices: Float32 | None = None
    weights: Float32 | None = None
    unit_names: tuple[str, ...] = ()
    extra_weights: Float32 | None = None
    extra_names: tuple[str, ...] = ()
    polygons: NDArray[np.integer] | None = None
    skin: Skin | None = None

    def __post_init__(self) -> None:
        given = [values for values in (self.vertices, self.weights) if values is not None]
        bones = None if self.skin is None else self.skin.bones
        more = [values for values in (self.extra_weights, bones) if values is not None]
        if not given or len({len(values) for values in (*given, *more)}) > 1 or not len(given[0]):
            raise OptionError(
                "The performance needs vertices or weights, as many samples of each and one at least."
            )
        if self.vertices is not None and (self.vertices.ndim != 3 or self.vertices.shape[2] != 3):
            raise OptionError(
                f"The vertices of a performance have shape (T, V, 3), not {self.vertices.shape}."
            )
        if self.weights is not None and self.weights.shape[1:] != (len(self.unit_names),):
            raise OptionError("The performance's weights need one column for each of its unit names.")
        if not all(bool(np.isfinite(values).all()) for values in (*given, *more)):
            raise OptionError(
                "The performance holds numbers that aren't finite (NaN or infinity); bake it again."
            )

    def __len__(self) -> int:
        values = self.vertices if self.vertices is not None else self.weights
        return 0 if values is None else len(values)

    @property
    def seconds(self) -> float:
        """Time from the first to the last sample."""
        return float((len(self) - 1) / self.fps)


@dataclass(frozen=True, eq=False)
class Moments:
    """The past at n moments: ``displacement`` (n, V, 3) of the template, as if the head itself kept still;
    the mesh's ``vertices`` (n, V', 3) as they were, their displacement ``local`` (n, V', 3) as if the head
    kept still, in the head's units and axes, and the head's ``rotations`` (n, 3, 3), None where it does keep
    still; ``bones`` (n, B, 3, 3), None where there are none."""

    displacement: Float32
    vertices: Float32
    local: Float32
    rotations: Float64 | None
    bones: Float32 | None = None


class Past:
    """Reads an original on a bound head; raises HeadError where they don't belong together."""

    def __init__(self, binding: Binding, original: Original, unit_names: tuple[str, ...]) -> None:
        self._binding, self._original = binding, original
        self._rest = binding.vertices.astype(np.float32)
        self._known = _in_order(original, unit_names)
        self._units = carry_units(binding.template, binding.rest) if original.vertices is None else None
        self._reader = None if original.vertices is None else reader_of(binding)
        if self._reader is not None and original.vertices is not None:
            self._reader.check(original.vertices)
        self._still = still_vertices(binding)
        self._turns = original.vertices is not None and self._is_turned(original.vertices)

    @property
    def has_weights(self) -> bool:
        """Whether the original came with weights."""
        return self._known is not None

    def weights(self, frames: Float64) -> Float32:
        """Weights (n, U) of the model's units at ``frames`` (n,), counted with fractions."""
        if self._known is None:
            raise OptionError("This performance has no weights.")
        return at_frames(self._known, frames)

    def vertices(self, frames: Float64) -> Float32:
        """The mesh's vertices (n, V', 3) as they were."""
        if self._original.vertices is not None:
            return at_frames(self._original.vertices, frames)
        return self._rest + self._binding.carry(self.displacement(frames))

    def displacement(self, frames: Float64) -> Float32:
        """Displacements (n, V, 3) of the template, as if the head itself kept still."""
        if self._units is not None:
            flat = self.weights(frames) @ self._units.reshape(len(self._units), -1)
            return flat.reshape(len(frames), -1, 3)
        return self.moments(frames).displacement

    def moments(self, frames: Float64) -> Moments:
        """Everything at ``frames`` (n,)."""
        if self._reader is None:
            displacement = self.displacement(frames)
            local = self._binding.carry(displacement)
            return Moments(displacement, self._rest + local, local, None)
        vertices = self.vertices(frames)
        local, rotations = vertices - self._rest, None
        if self._turns:
            rotations, shifts = poses(self._binding.vertices[self._still], vertices[:, self._still])
            local = ((vertices - shifts[:, None]) @ rotations - self._binding.vertices).astype(np.float32)
        skin = self._original.skin
        bones = None if skin is None else at_frames(skin.bones, frames)
        return Moments(self._reader.displacement(local), vertices, local, rotations, bones)

    def unbent(self, change: Float32, moments: Moments) -> Float32:
        """Displacements (n, V, 3) of the template to be made before bones or a cache, which become ``change``
        (n, V, 3), given as if the head kept still, after them."""
        if self._reader is None or (moments.bones is None and self._cage is None):
            return change
        moved = self._binding.carry(change)
        if moments.rotations is not None:
            moved = (moved @ moments.rotations.swapaxes(1, 2)).astype(np.float32)
        busy = np.flatnonzero(np.abs(moved).max(axis=(0, 2)) > UNMOVED * self._binding.scale)
        moved[:, busy] = np.linalg.solve(self._bends(moments, busy), moved[:, busy, :, None])[..., 0]
        return self._reader.displacement(moved)

    def _bends(self, moments: Moments, vertices: NDArray[np.integer]) -> NDArray[np.floating]:
        """What becomes of a small step of shape keys at some of the mesh's vertices (W,): (n, W, 3, 3)."""
        skin = self._original.skin
        if self._cage is not None:
            return self._cage.matrices(moments.vertices, vertices)
        assert skin is not None and moments.bones is not None  # `unbent` has seen to that
        return skin.matrices(moments.bones, vertices)

    @cached_property
    def _cage(self) -> Cage | None:
        polygons = self._original.polygons
        return None if polygons is None else Cage(self._binding.vertices, polygons)

    def extra(self, frames: Float64, names: tuple[str, ...]) -> Float32:
        """Weights (n, K) of the further shapes of these names that play already; 0 for those that don't."""
        values = np.zeros((len(frames), len(names)), np.float32)
        if self._original.extra_weights is not None:
            known = at_frames(self._original.extra_weights, frames)
            rows = {name: column for column, name in enumerate(self._original.extra_names)}
            for column, name in enumerate(names):
                if name in rows:
                    values[:, column] = known[:, rows[name]]
        return values

    def blinks(self) -> Float64:
        """Blinks (B, 2) of the original, seconds from onset to offset."""
        lids = lid_vertices(self._binding.template)
        rows = [
            self.displacement(np.arange(first, min(first + FRAMES, len(self._original)), dtype=float))[
                :, lids
            ]
            for first in range(0, len(self._original), FRAMES)
        ]
        closure = lid_closure(self._binding.rest[lids], np.concatenate(rows))
        return find_blinks(closure, float(self._original.fps))

    def _is_turned(self, vertices: Float32) -> bool:
        """Whether the head as a whole moves."""
        if len(self._still) < 3:
            return False
        rest = self._rest[self._still]
        apart = np.linalg.norm(vertices[:, self._still] - rest, axis=2)
        return float(np.median(apart, axis=1).max()) > STEADY * self._binding.scale


def at_frames(values: Float32, frames: Float64) -> Float32:
    """Values (T, …) at ``frames`` (n,), counted with fractions: exactly theirs at whole ones, between them
    curves that don't overshoot."""
    left = np.clip(np.floor(frames).astype(np.int64), 0, len(values) - 1)
    where = np.clip(frames - left, 0.0, 1.0)
    if not where.any():
        return values[left]
    last = len(values) - 1
    before, here, after, beyond = (values[np.clip(left + step, 0, last)] for step in (-1, 0, 1, 2))
    part = where.astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
    return np.where(part > 0, hermite(before, here, after, beyond, part), here)


def still_vertices(binding: Binding) -> NDArray[np.int64]:
    """Vertices (S,) of the mesh that no expression moves, above the nose: they go with the skull."""
    template = binding.template
    travel = np.linalg.norm(template.unit_deltas, axis=2).max(axis=0)
    high = template.rest[:, 2] > template.rest[template.landmarks["nose_tip"], 2]
    members = np.flatnonzero((travel < STILL) & high & (template.part == SKIN) & (binding.index >= 0))
    chosen = np.unique(np.linspace(0, max(len(members) - 1, 0), STILL_VERTICES).round().astype(int))
    return binding.index[members[chosen]].astype(np.int64) if len(members) else np.zeros(0, np.int64)


def _in_order(original: Original, unit_names: tuple[str, ...]) -> Float32 | None:
    """The original's weights in the model's order; units that it lacks are 0."""
    if original.weights is None or original.unit_names == unit_names:
        return original.weights
    rows = {name: column for column, name in enumerate(original.unit_names)}
    ordered = np.zeros((len(original.weights), len(unit_names)), np.float32)
    for column, name in enumerate(unit_names):
        if name in rows:
            ordered[:, column] = original.weights[:, rows[name]]
    return ordered
