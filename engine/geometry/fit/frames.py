# SPDX-License-Identifier: GPL-3.0-or-later
"""Many frames on a mesh: what the template's motion basis does there is worked out once.

A decoder's motion is a sum of the template's `motion_basis`, so the mesh moves by the same sum of what that
basis carries to it: one matrix product for all frames. Only jaw and eyeballs are rigid bodies, whose turns
are found frame by frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .carry import Carrier, blocks

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

GAP = 100  # vertices
OUTSIDE = 2e-5  # metres; what the basis lacks of a motion at most, or it is carried frame by frame
SPANNED = 1e-3  # of the largest number of a basis: may lie outside the template's, which its file rounds
FAINT = 1e-4  # of the most that a basis moves any vertex: where it moves one less, that one stays


@dataclass(frozen=True, eq=False)
class Run:
    """What `values` (N, R) say of the mesh's vertices from `start` to `stop`, N in all."""

    start: int
    stop: int
    values: Floats


@dataclass(frozen=True, eq=False)
class Frames:
    """A carrier for many frames; `turn` (3, 3) takes its displacements to the head's own units and axes."""

    carrier: Carrier
    turn: NDArray[np.float64]

    def carry(self, motion: Floats) -> Floats:
        """Displacements (T, V, 3) of the template as displacements (T, V', 3) of the mesh, turned."""
        codes = self._codes(motion)
        if codes is None:
            return self.carrier.carry(motion) @ self.turn.astype(np.float32)
        return self._of_template.carry(codes)

    def _codes(self, motion: Floats) -> Floats | None:
        """The motion's coefficients (T, K) in the template's basis, or None if it isn't in its span: looked
        up in the frame that moves most."""
        basis = self.carrier.template.motion_basis
        flat, rows = motion.reshape(len(motion), -1), basis.reshape(len(basis), -1)
        if not len(flat):
            return None
        codes = flat @ rows.T
        most = int(np.einsum("tv,tv->t", flat, flat).argmax())
        return codes if np.abs(flat[most] - codes[most] @ rows).max() < OUTSIDE else None

    def carried(self, basis: Floats) -> CarriedFrames | MixedFrames:
        """What another basis (K, V, 3) does on the mesh; one in the span of the template's costs nothing."""
        rows = basis.reshape(len(basis), -1)
        own = self.carrier.template.motion_basis.reshape(-1, rows.shape[1])
        mix = rows @ own.T
        size = np.abs(rows).max(initial=0.0)
        if np.abs(rows - mix @ own).max(initial=0.0) > SPANNED * size:
            return CarriedFrames(self.carrier, self.turn, basis)
        return MixedFrames(self._of_template, mix)

    @cached_property
    def _of_template(self) -> CarriedFrames:
        return CarriedFrames(self.carrier, self.turn, self.carrier.template.motion_basis)


@dataclass(frozen=True, eq=False)
class CarriedFrames:
    """What a `basis` (K, V, 3) of the template's motion does on a mesh, turned as `Frames` does."""

    carrier: Carrier
    turn: NDArray[np.float64]
    basis: Floats

    def carry(self, codes: Floats) -> Floats:
        """Displacements (T, V', 3) of the mesh by coefficients (T, K) of the basis."""
        carried = np.empty((len(codes), len(self.carrier.surface.vertices), 3), np.float32)
        flat = carried.reshape(len(codes), -1)
        self.place(codes, np.zeros(flat.shape[1], np.float32), flat)
        return carried

    def place(self, codes: Floats, still: Floats, out: Floats) -> None:
        """See `CarriedBasis`. Each run is finished while the cache holds it."""
        filled = 0
        for run in self._soft:
            columns = slice(3 * run.start, 3 * run.stop)
            out[:, filled : columns.start] = still[filled : columns.start]
            np.matmul(codes, run.values, out=out[:, columns])
            out[:, columns] += still[columns]
            filled = columns.stop
        out[:, filled:] = still[filled:]
        turn = self.turn.astype(np.float32)
        for bone, anchors, runs in zip(self.carrier.bones, self._anchors, self._rows, strict=True):
            maps = bone.maps((codes @ anchors).reshape(len(codes), -1, 3)) @ turn
            for run in runs:
                moved = np.matmul(run.values, maps).reshape(len(codes), -1)
                out[:, 3 * run.start : 3 * run.stop] += moved

    @cached_property
    def _soft(self) -> tuple[Run, ...]:
        """The basis where it moves the mesh softly, turned: values (K, 3 N)."""
        vertices, turn = self.carrier.soft_vertices, self.turn.astype(np.float32)
        if not len(self.basis) or not len(vertices):
            return ()
        carried = np.empty((len(self.basis), len(vertices), 3), np.float32)
        for rows in blocks(len(self.basis), len(self.carrier.surface.vertices)):
            carried[rows] = self.carrier.carry_soft(self.basis[rows])[:, vertices] @ turn
        reach = np.max([np.abs(row).max(axis=1) for row in carried], axis=0)
        kept = reach > FAINT * reach.max()
        runs = runs_of(vertices[kept])
        slot = np.searchsorted(vertices, np.arange(len(self.carrier.surface.vertices) + 1))
        every = []
        for start, stop in runs:
            values = np.zeros((len(carried), stop - start, 3), np.float32)
            inside = slice(slot[start], slot[stop])
            values[:, vertices[inside] - start] = carried[:, inside] * kept[inside, None]
            every.append(Run(start, stop, values.reshape(len(carried), -1)))
        return tuple(every)

    @cached_property
    def _rows(self) -> tuple[tuple[Run, ...], ...]:
        """Each bone's rows, (N, 4)."""
        every = np.zeros((len(self.carrier.surface.vertices), 4), np.float32)
        rows = []
        for bone in self.carrier.bones:
            every[:] = 0
            every[bone.vertices] = bone.rows
            rows.append(tuple(Run(*run, every[slice(*run)].copy()) for run in runs_of(bone.vertices)))
        return tuple(rows)

    @cached_property
    def _anchors(self) -> tuple[Floats, ...]:
        """The basis at each bone's anchors, (K, 3 A)."""
        attached = self.carrier.attached
        motions = (bone.anchor_motion(self.basis, attached) for bone in self.carrier.bones)
        return tuple(motion.reshape(len(self.basis), -1) for motion in motions)


@dataclass(frozen=True, eq=False)
class MixedFrames:
    """A basis that is a `mix` (K, K') of the one whose `frames` are known."""

    frames: CarriedFrames
    mix: Floats

    def carry(self, codes: Floats) -> Floats:
        """Displacements (T, V', 3) of the mesh by coefficients (T, K)."""
        return self.frames.carry(codes @ self.mix)

    def place(self, codes: Floats, still: Floats, out: Floats) -> None:
        """See `CarriedBasis`."""
        self.frames.place(codes @ self.mix, still, out)


def runs_of(vertices: Indices) -> list[tuple[int, int]]:
    """Where sorted vertices (N,) start and stop, gaps up to GAP passed over: whole slices are written several
    times as fast as single vertices."""
    if not len(vertices):
        return []
    ends = np.flatnonzero(np.diff(vertices) > GAP)
    starts = vertices[np.r_[0, ends + 1]].tolist()
    return list(zip(starts, (vertices[np.r_[ends, len(vertices) - 1]] + 1).tolist(), strict=True))
