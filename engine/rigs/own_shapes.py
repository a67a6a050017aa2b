# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rig's own shape keys do, beside the units of the model: measured once, so that their values can be
matched to any curves of that head without the model."""

from __future__ import annotations

import base64
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .mapping import MOUTH, KeyDrive, sides_of, units_of
from .visemes import CLOSED, SILENCE, VISEMES, pattern_rows

if TYPE_CHECKING:
    from ..geometry.topology import Binding
    from ..template import Template

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Span = tuple[int, int, int]

AS_MEANT = ("eyeBlink", "eyeLook", "tongue")
"""Units of which a key keeps its values whatever it moves: 1 is a shut eye on every rig, eyeballs may hang on
bones beside the keys, and a tongue is hidden when it is measured."""

ALIKE = 0.2
"""Cosine between a key's motion and that of its drive below which the key was drawn as something else."""

LEAST_SCALE, MOST_SCALE = 0.5, 2.0
"""Bounds of what a key's values are multiplied by."""

LIPS = 3.0
"""How many times as much the gap between lips counts as in the units' own fit. *Measured* on ICT's keys: less
leaves lips further from where they should be than names do, more costs fit elsewhere."""

SEEN = 1e-4
"""Metres; a key that moves no skin further can't be matched."""


@dataclass(frozen=True, eq=False)
class OwnShapes:
    """N keys of a rig and what drives them, measured on one head.

    `scale` (N,) makes a key at its drive's value move as far as its units do. The M keys `free` (M,) (rows of
    the N) are solved for: `gram` (M, N) are products in m² of their motion with that of all keys, `cross`
    (U, M) with that of `unit_names` and `corrective_cross` (K, M) with that of `corrective_names`, in the
    metric of the units' own fit, in which lips that meet count for more than other skin, here LIPS times so.

    With a `span` only those samples of a take are matched, from the first to the one before the last number;
    the third tells over how many samples, inside, that begins and ends.
    """

    drives: tuple[KeyDrive, ...]
    scale: Float64
    free: NDArray[np.intp]
    gram: Float64
    unit_names: tuple[str, ...]
    cross: Float64
    corrective_names: tuple[str, ...]
    corrective_cross: Float64
    span: Span | None = None

    def only_mouth(self, span: Span) -> OwnShapes:
        """The same for a take that is new in the mouth alone, and only in these samples: everywhere else its
        weights are the values that the keys had before, and stay so."""
        return replace(self, scale=np.where(self._is_free, self.scale, 1.0), span=span)

    @property
    def _is_free(self) -> NDArray[np.bool_]:
        return np.isin(np.arange(len(self.drives)), self.free)

    def without_units(self, names: Collection[str]) -> OwnShapes:
        """The same where these units have keys of their own shape, which show them: nothing is left of them
        for others to show."""
        gone = np.isin(self.unit_names, list(names))
        return replace(self, cross=np.where(gone[:, None], 0.0, self.cross))

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of the keys."""
        return tuple(entry.key for entry in self.drives)


def measure_own_shapes(
    template: Template, binding: Binding, drives: Sequence[KeyDrive], deltas: Float32
) -> OwnShapes | None:
    """Measure keys by their displacements (N, V', 3) at value 1, in the head's own units and axes.

    None where none of them moves skin that the units of its drive move too. Keys with numbers that aren't
    finite count as keys that move nothing.
    """
    from ..generate.dub_layer import correctives_on
    from ..generate.read_back import read_skin
    from ..generate.weights import find_contacts, weighted
    from ..geometry.units import carry_units
    from ..template import SKIN

    skin = (template.part == SKIN)[:, None]
    sound = np.isfinite(deltas).all(axis=(1, 2), keepdims=True)
    own = read_skin(binding, np.where(sound, deltas, np.float32(0.0)))
    units = carry_units(template, binding.rest) * skin
    patterns = np.stack([_pattern(entry.drive, template.unit_names) for entry in drives])
    wanted = np.tensordot(patterns.astype(np.float32), units, 1).astype(np.float32)
    scale, matched = _scales(drives, own, wanted)
    if not matched.any():
        return None
    free = np.flatnonzero(matched & [_is_solved(entry) for entry in drives])
    contacts = find_contacts(template)
    rows = weighted(own[free], replace(contacts, emphasis=LIPS * contacts.emphasis))
    correctives = correctives_on(template, binding.rest) * skin
    return OwnShapes(
        drives=tuple(drives),
        scale=scale,
        free=free,
        gram=_products(rows, own),
        unit_names=template.unit_names,
        cross=_products(units, rows),
        corrective_names=template.corrective_names,
        corrective_cross=_products(correctives, rows),
    )


def own_shapes_text(own: OwnShapes) -> str:
    """What was measured, as text for a file."""
    from ..takes.curves import pack_arrays

    arrays: dict[str, NDArray[Any]] = {
        "keys": np.array([[entry.key, entry.drive] for entry in own.drives], np.str_),
        "gains": np.array([entry.gain for entry in own.drives]),
        "scale": own.scale.astype(np.float32),
        "free": own.free.astype(np.int32),
        "gram": own.gram.astype(np.float32),
        "units": np.array(own.unit_names, np.str_),
        "cross": own.cross.astype(np.float32),
        "correctives": np.array(own.corrective_names, np.str_),
        "corrective_cross": own.corrective_cross.astype(np.float32),
        "span": np.array(own.span or (), np.int64),
    }
    return base64.b64encode(pack_arrays(arrays)).decode("ascii")


@lru_cache(maxsize=16)
def read_own_shapes(text: str) -> OwnShapes:
    """The inverse. Raises TakeError where the text was damaged."""
    from ..takes.curves import unpack_arrays

    arrays = unpack_arrays(base64.b64decode(text))
    span = arrays["span"].tolist() if "span" in arrays else []
    entries = zip(arrays["keys"].tolist(), arrays["gains"].tolist(), strict=True)
    return OwnShapes(
        drives=tuple(KeyDrive(key, drive, gain) for (key, drive), gain in entries),
        scale=arrays["scale"].astype(np.float64),
        free=arrays["free"].astype(np.intp),
        gram=arrays["gram"].astype(np.float64),
        unit_names=tuple(arrays["units"].tolist()),
        cross=arrays["cross"].astype(np.float64),
        corrective_names=tuple(arrays["correctives"].tolist()),
        corrective_cross=arrays["corrective_cross"].astype(np.float64),
        span=(span[0], span[1], span[2]) if span else None,
    )


def _is_solved(entry: KeyDrive) -> bool:
    """Whether a key is solved for frame by frame: those of the mouth."""
    if entry.is_viseme:
        return entry.drive not in (CLOSED, SILENCE)
    return entry.drive.startswith(MOUTH) and not entry.drive.startswith(AS_MEANT)


def _scales(drives: Sequence[KeyDrive], own: Float32, wanted: Float32) -> tuple[Float64, NDArray[np.bool_]]:
    """What to multiply each key's values by (N,), and which keys (N,) are matched at all.

    A key whose gain its user has set, and one that was drawn as something else, keeps its values.
    """
    have, want = np.linalg.norm(own, axis=2), np.linalg.norm(wanted, axis=2)
    along = np.einsum("nvc,nvc->n", own, wanted, dtype=np.float64)
    sizes = np.sqrt(np.square(have).sum(axis=1) * np.square(want).sum(axis=1)).astype(np.float64)
    meant = [entry.drive.startswith(AS_MEANT) or entry.gain != 1.0 for entry in drives]
    matched = (have.max(axis=1) > SEEN) & (along > ALIKE * sizes) & ~np.array(meant)
    ratio = (have * want).sum(axis=1) / np.maximum(np.square(have).sum(axis=1), 1e-12)
    held = np.array([entry.drive in (CLOSED, SILENCE) for entry in drives])
    return np.where(matched & ~held, np.clip(ratio, LEAST_SCALE, MOST_SCALE), 1.0), matched & ~held


def _pattern(drive: str, unit_names: Sequence[str]) -> Float64:
    """The units (U,) that a key shows at value 1; of opposites the mean of both ways."""
    if drive in VISEMES:
        return pattern_rows([drive], unit_names)[0]
    sides = [units_of(" + ".join(names), unit_names) for names in sides_of(drive)]
    up, down = (np.isin(unit_names, names).astype(np.float64) for names in sides)
    return (up - down) / max(sum(bool(names) for names in sides), 1)


def _products(one: Float32, other: Float32) -> Float64:
    """Products (A, B) of motions (A, V, 3) and (B, V, 3)."""
    return np.tensordot(one.astype(np.float64), other.astype(np.float64), axes=([1, 2], [1, 2]))
