# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a mesh's motion back onto the template: the inverse of ``Binding.carry``.

On known topologies every template vertex is a vertex of the mesh, so this is exact. On fitted heads, motion
that the model itself could make comes from least squares over the template's motion basis; what that leaves
is read at the nearest place of the mesh's surface that faces the same way.
"""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import smoothstep
from ..errors import HeadError
from ..geometry.fit.binding import FittedBinding
from ..geometry.fit.mesh import closest_on_triangles, spread, surface_of
from ..geometry.fit.nearest import search_of
from ..geometry.fit.parts import EYE_LEFT, EYE_RIGHT, FACE, FOLLOWS, MOUTH
from ..geometry.topology import Binding
from ..geometry.units import carry_units
from ..template import EYE, JAW, SKIN, Template

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Indices = NDArray[np.int64]

REACH = 0.008
"""Metres; a template vertex further from the mesh reads nothing from it directly."""
SURE = 0.003
"""Metres up to which a direct reading counts in full."""
SPACING = 0.0015
TURN = 0.008
"""Metres that normals which differ by 1 cost, so that an upper lip isn't read from the lower one."""
RIDGE = 1e-5
"""Pull of the basis coefficients towards 0, as a part of the mean diagonal."""
BESIDE = 5e-3
"""Metres over all vertices together; what the basis lacks less of the units isn't added to it."""
TURNING = 1e-3
"""Metres; a unit that moves an eyeball further turns it."""
UNMASKED = 0.01
"""Where the sum of both masks is as small as this the face hardly moves, and the original counts."""
SHARE_FROM, SHARE_TO = 0.1, 0.9
"""The upper face's share of the masks below which a vertex is all mouth, and above which all upper face."""


class Reader:
    """Reads motion of one bound mesh, made once; see ``uncarry``."""

    def __init__(self, binding: Binding) -> None:
        self._binding = binding
        self._turn = (binding.rotation / binding.scale).astype(np.float32)
        self._fitted = _FittedReader(binding) if isinstance(binding, FittedBinding) else None

    def check(self, motion: Float32) -> None:
        """Raise HeadError unless a motion is (T, V', 3) of this mesh."""
        expected = len(self._binding.vertices)
        if motion.ndim != 3 or motion.shape[1:] != (expected, 3):
            raise HeadError(
                f"The motion must have shape (T, {expected}, 3) like the head that it moves, not "
                f"{motion.shape}; choose the head's own performance."
            )

    def displacement(self, motion: ArrayLike) -> Float32:
        """Displacements ``(T, V, 3)`` in normalised template space of displacements ``(T, V', 3)`` of the
        mesh, in its own units and axes; HeadError for another vertex count."""
        moved = np.asarray(motion, np.float32)
        self.check(moved)
        own = moved @ self._turn
        if self._fitted is not None:
            return self._fitted.displacement(own)
        index = self._binding.index
        known = np.flatnonzero(index >= 0)
        if len(known) == len(index):
            return np.ascontiguousarray(own[:, index])
        read = np.zeros((len(own), len(index), 3), np.float32)
        read[:, known] = own[:, index[known]]
        return read


@lru_cache(maxsize=2)
def reader_of(binding: Binding) -> Reader:
    """The reader of a binding, kept: that of a fitted head takes seconds."""
    return Reader(binding)


def uncarry(binding: Binding, motion: ArrayLike) -> Float32:
    """Displacements ``(T, V, 3)`` of the template, in normalised template space, of displacements ``(T, V',
    3)`` of the bound mesh in its own units and axes.

    Template vertices that the mesh lacks (eyes of a bare body) keep still. Raises HeadError for motion of
    another mesh.
    """
    return reader_of(binding).displacement(motion)


def _places(binding: FittedBinding) -> tuple[Indices, Indices, Float32, Float32]:
    """Skin vertices (N,) of the template with a place on the mesh: its three vertices (N, 3), their weights
    (N, 3), and how sure it is (N, 1)."""
    template, carrier, rest = binding.template, binding.carrier, binding.rest.astype(np.float64)
    surface = carrier.surface
    skin = surface.part(carrier.roles.role == FACE)
    samples, owners = spread(skin, SPACING)
    vertices = np.flatnonzero(template.part == SKIN)
    points, normals = rest[vertices], surface_of(rest, template.faces).normals[vertices]
    found = search_of(samples, skin.face_normals[owners], REACH).nearest(points, normals, TURN)[0]
    some = found >= 0
    corners = skin.triangles[owners[found[some]]]
    mix = closest_on_triangles(points[some], surface.vertices[corners])
    place = np.einsum("nk,nkc->nc", mix, surface.vertices[corners])
    facing = np.einsum("nk,nkc->nc", mix, surface.normals[corners])
    near = (REACH - np.linalg.norm(place - points[some], axis=1)) / (REACH - SURE)
    sure = np.clip(near, 0, 1) * ((facing * normals[some]).sum(axis=1) > 0)
    return vertices[some], corners, mix.astype(np.float32), sure.astype(np.float32)[:, None]


def read_skin(binding: Binding, motion: Float32) -> Float32:
    """The same of the template's skin alone, where a mesh has it (all else keeps still), read straight from
    the mesh: it takes a twentieth of the time, and shows shapes that the model couldn't make as they are.
    *Measured* on ICT FaceKit's keys: 0.05 mm apart in the mean."""
    if not isinstance(binding, FittedBinding):
        return uncarry(binding, motion) * (binding.template.part == SKIN)[:, None]
    vertices, corners, mix, sure = _places(binding)
    own = motion @ (binding.rotation / binding.scale).astype(np.float32)
    read = np.zeros((len(motion), len(binding.template), 3), np.float32)
    read[:, vertices] = np.einsum("tnkc,nk->tnc", own[:, corners], mix * sure)
    return read


class _FittedReader:
    """The inverse of a fitted head's carrier, in normalised template space."""

    def __init__(self, binding: FittedBinding) -> None:
        self._template, self._carrier, self._rest = binding.template, binding.carrier, binding.rest
        basis = _with_units(self._template)
        self._basis = basis.reshape(len(basis), -1)
        self._skin = self._carrier.skin
        seen = self._carrier.carry(basis)[:, self._skin] if len(basis) else np.zeros((0, len(self._skin), 3))
        self._seen = seen.reshape(len(basis), -1).astype(np.float32)
        self._inverse = _ridge_inverse(self._seen)
        self._inner, self._units, self._from_skin = self._hidden()
        self._vertices, self._corners, self._mix, self._sure = _places(binding)
        slot = np.full(len(binding.vertices), -1)
        slot[self._skin] = np.arange(len(self._skin))
        self._local = slot[self._carrier.surface.weld[self._corners]]

    def displacement(self, own: Float32) -> Float32:
        """Displacements ``(T, V, 3)`` of displacements ``(T, V', 3)`` of the mesh."""
        flat = own[:, self._skin].reshape(len(own), -1)
        codes = ((flat @ self._seen.T) @ self._inverse).astype(np.float32)
        read = (codes @ self._basis).reshape(len(own), -1, 3)
        weights = (flat @ self._from_skin).astype(np.float32)
        read[:, self._inner] = (weights @ self._units).reshape(len(own), -1, 3)
        left = (flat - codes @ self._seen).reshape(len(own), -1, 3)
        read[:, self._vertices] += np.einsum("tnkc,nk->tnc", left[:, self._local], self._mix * self._sure)
        self._eyes(own, read)
        return read

    def _hidden(self) -> tuple[Indices, Float32, Float32]:
        """Vertices (N,) that are no skin, their motion (U, N · 3) by this head's units, and what gives the
        units' weights (M · 3, U) from the skin's motion: the basis has motion that only the tongue makes, so
        it can't tell from the skin where the tongue is, but a jaw that is open takes the tongue along."""
        units = carry_units(self._template, self._rest)
        inner = np.flatnonzero(self._template.part != SKIN)
        seen = self._carrier.carry(units)[:, self._skin].reshape(len(units), -1)
        moved = np.where(np.abs(seen).max(axis=1, initial=0.0)[:, None] > 0, 1.0, 0.0)
        hidden = units[:, inner].reshape(len(units), -1) * moved
        return inner, hidden.astype(np.float32), (seen.T @ _ridge_inverse(seen)).astype(np.float32)

    def _eyes(self, own: Float32, read: Float32) -> None:
        """Turn the template's eyeballs as the mesh's own turn, in place, where it has them; each about the
        point that its own units turn it about."""
        for eye, ball, pivot in self._balls:
            rest = self._carrier.surface.vertices[eye]
            turns, _ = poses(rest, rest + own[:, eye])
            points = self._rest[ball].astype(np.float64)
            read[:, ball] = (points - pivot) @ (turns - np.eye(3)).swapaxes(1, 2)

    @cached_property
    def _balls(self) -> list[tuple[Indices, Indices, Float64]]:
        """For each eyeball that mesh and template have: vertices of the one and the other, and the pivot."""
        units, found = carry_units(self._template, self._rest), []
        for sign, role in ((1, EYE_LEFT), (-1, EYE_RIGHT)):
            eye = np.flatnonzero(self._carrier.roles.role == role)
            ball = np.flatnonzero((self._template.part == EYE) & (sign * self._template.rest[:, 0] > 0))
            if len(eye) and len(ball):
                found.append((eye, ball, _pivot(self._rest[ball].astype(np.float64), units[:, ball])))
        return found


def _pivot(points: Float64, units: Float32) -> Float64:
    """The point (3,) that displacements (U, N, 3) turn points (N, 3) about, by least squares over those that
    move them; their middle where none does."""
    middle = points.mean(axis=0)
    turning = units[np.abs(units).max(axis=(1, 2)) > TURNING]
    turns = poses(points, points + turning)[0] - np.eye(3)
    system, shifts = turns.reshape(-1, 3), turning.mean(axis=1, dtype=np.float64).ravel()
    return middle - np.linalg.lstsq(system, shifts, rcond=1e-3)[0] if len(turning) else middle


def poses(rest: NDArray[np.floating], moved: NDArray[np.floating]) -> tuple[Float64, Float64]:
    """Rotations R (n, 3, 3) and shifts s (n, 3) that bring ``rest`` (S, 3) nearest to ``moved`` (n, S, 3):
    R x + s (Kabsch 1976)."""
    centre, middles = rest.mean(axis=0, dtype=np.float64), moved.mean(axis=1, dtype=np.float64)
    left, _, right = np.linalg.svd(np.einsum("nsi,sj->nij", moved - middles[:, None], rest - centre))
    left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]
    rotations = left @ right
    return rotations, middles - rotations @ centre


def _with_units(template: Template) -> Float32:
    """The template's motion basis (K, V, 3), and what of its units that lacks: lips may be redrawn
    otherwise than the model moves them."""
    basis = template.motion_basis.astype(np.float64).reshape(len(template.motion_basis), -1)
    units = template.unit_deltas.astype(np.float64).reshape(len(template.unit_deltas), -1)
    lacking = units - (units @ basis.T) @ basis
    turn, size, _ = np.linalg.svd(lacking @ lacking.T)
    more = turn[:, size > BESIDE**2].T @ lacking
    more /= np.maximum(np.linalg.norm(more, axis=1, keepdims=True), 1e-12)
    return np.concatenate([basis, more]).reshape(-1, *template.rest.shape).astype(np.float32)


def _ridge_inverse(rows: NDArray[np.floating]) -> Float32:
    """(R Rᵀ + ridge)⁻¹ of rows R (N, M)."""
    gram = rows.astype(np.float64) @ rows.T.astype(np.float64)
    ridge = RIDGE * max(float(np.trace(gram)), 1e-12) / max(len(gram), 1)
    return np.linalg.inv(gram + ridge * np.eye(len(gram))).astype(np.float32)


@lru_cache(maxsize=8)
def upper_share(template: Template) -> Float32:
    """The upper face's share ``(V,)`` of each vertex, the mouth has the rest: exactly 1 and 0 in their
    middles, smooth between them; 1 where neither mask is."""
    upper, mouth = template.mask_upper.astype(np.float64), template.mask_mouth.astype(np.float64)
    share = (upper + UNMASKED) / (upper + mouth + UNMASKED)
    part = np.clip((share - SHARE_FROM) / (SHARE_TO - SHARE_FROM), 0, 1)
    return smoothstep(part).astype(np.float32)


def upper_share_on(binding: Binding) -> Float32:
    """The same for the vertices ``(V',)`` of a bound mesh; 1 for all that the face doesn't move."""
    share, own = upper_share(binding.template), np.ones(len(binding.vertices), np.float32)
    if isinstance(binding, FittedBinding):
        carrier, roles = binding.carrier, binding.carrier.roles
        tied = (share[carrier.ties.corners] * carrier.ties.mix).sum(axis=1)
        own[carrier.skin] = 1 - (1 - tied) * carrier.share
        own = own[carrier.surface.weld]
        following = np.flatnonzero(roles.role == FOLLOWS)
        own[following] = own[roles.donor[following]]
        own[roles.role == MOUTH] = (1 - roles.jaw[roles.role == MOUTH]).astype(np.float32)
        return own
    known = np.flatnonzero(binding.index >= 0)
    own[binding.index[known]] = share[known]
    if binding.attached is not None:
        own[len(binding.template) :] = binding.template.attached_bone != JAW
    return own
