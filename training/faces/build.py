# SPDX-License-Identifier: GPL-3.0-or-later
"""Make `faces.npz`: the template and the identities that the corpus and the training use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.geometry.units import carry_units
from engine.template import Template, template_arrays

from . import bases, closures, identities, regions, topologies
from .attached import attach, mouth_walls
from .redrawn import redraw_units
from .source import HeadSource, load_head, parts_of

IDENTITY_SIZE = 48
MOTION_SIZE = 160
REGION_WEIGHT = 8.0  # errors at the mouth and the lids weigh more in the motion basis
LIP_WEIGHT = 100.0  # and those of the lips most
CLOSING_ROUNDS = 3  # the correction is regularised, so each round closes most of what is left


@dataclass(frozen=True)
class FacesReport:
    """Facts of a build: counts, and errors in mm of units at weight 1 in the motion basis."""

    vertices: int
    faces: int
    identities: int
    identity_size: int
    motion_size: int
    identity_rms: float
    identity_max: float
    motion_rms: float
    motion_max: float
    motion_max_lips: float

    def __str__(self) -> str:
        return (
            f"V={self.vertices} F={self.faces} I={self.identities} Ki={self.identity_size} "
            f"Km={self.motion_size}; identity basis error rms {self.identity_rms:.3f} mm, "
            f"max {self.identity_max:.2f} mm; unit error in the motion basis rms {self.motion_rms:.4f} mm, "
            f"max {self.motion_max:.3f} mm, lips {self.motion_max_lips:.3f} mm"
        )


def build_faces(
    out: Path,
    count: int = 440,
    seed: int = 0,
    motion_size: int = MOTION_SIZE,
    identity_size: int = IDENTITY_SIZE,
) -> FacesReport:
    """Write `faces.npz` (uncompressed, float32) with `count` identities to the folder `out`; same seed,
    same file.
    """
    source = load_head()
    weights = regions.align_weights(source)
    template = base_template(source, weights)
    template = redraw_units(replace(template, inside=mouth_walls(template, source)))
    rests = identities.sample_rests(source, weights, template.landmarks, count, seed)
    split = identities.split_identities(count, seed)
    units = np.stack([carry_units(template, rest) for rest in rests])
    template = with_bases(template, rests[split == 0], units[split == 0], motion_size, identity_size)
    template = attach(template, source)
    unit_codes = bases.codes(units, template.motion_basis)
    rest_codes = bases.codes(rests - template.rest, template.identity_basis)
    arrays = template_arrays(template)
    arrays.update(rests=rests, identity_split=split, rest_codes=rest_codes, unit_codes=unit_codes)
    out.mkdir(parents=True, exist_ok=True)
    np.savez(out / "faces.npz", **arrays)
    return _report(template, rests, rest_codes, units, unit_codes)


def base_template(source: HeadSource, weights: NDArray[np.float32]) -> Template:
    """The template without its bases."""
    masks = regions.region_masks(source)
    template = Template(
        rest=source.neutral.astype(np.float32),
        faces=source.faces,
        unit_names=source.unit_names,
        unit_deltas=source.unit_deltas.astype(np.float32),
        mask_mouth=masks["mouth"],
        mask_upper=masks["upper"],
        mask_eyelids=masks["eyelids"],
        part=parts_of(source),
        align=weights,
        identity_basis=np.zeros((0, *source.neutral.shape), np.float32),
        identity_std=np.zeros(0, np.float32),
        motion_basis=np.zeros((0, *source.neutral.shape), np.float32),
        landmarks=regions.landmarks(source),
        topologies=topologies.known_topologies(source),
    )
    template = replace(template, **closures.closure_arrays(source))
    # The pack's units were made on another head: on the template itself blinks overshoot until its margins
    # are closed.
    for _ in range(CLOSING_ROUNDS):
        template = replace(template, unit_deltas=carry_units(template, template.rest))
    return template


def with_bases(
    template: Template,
    rests: NDArray[np.float32],
    units: NDArray[np.float32],
    motion_size: int,
    identity_size: int,
) -> Template:
    """The template with identity and motion bases, made from rests (I, V, 3) and units (I, U, V, 3) for
    training.
    """
    weights = 1 + REGION_WEIGHT * np.maximum(template.mask_mouth, template.mask_eyelids)
    weights[lip_vertices(template)] += LIP_WEIGHT
    rows, std = bases.identity_basis(rests, template.rest, identity_size)
    motion = bases.motion_basis([template.unit_deltas, *units], motion_size, weights)
    return replace(template, identity_basis=rows, identity_std=std, motion_basis=motion)


def lip_vertices(template: Template, radius: float = 0.012) -> NDArray[np.int64]:
    """Vertices of the lips: skin within `radius` (metres) of the line between the mouth's corners."""
    ends = [
        template.rest[template.landmarks[name]] for name in ("mouth_left", "lip_upper_inner", "mouth_right")
    ]
    line = np.concatenate([np.linspace(ends[i], ends[i + 1], 20) for i in range(2)])
    distance = np.linalg.norm(template.rest[:, None] - line[None], axis=2).min(axis=1)
    return np.flatnonzero((distance < radius) & (template.part == 0))


def _report(
    template: Template,
    rests: NDArray[np.float32],
    rest_codes: NDArray[np.float32],
    units: NDArray[np.float32],
    unit_codes: NDArray[np.float32],
) -> FacesReport:
    known = (rest_codes @ template.identity_basis.reshape(len(template.identity_basis), -1)).reshape(
        rests.shape
    )
    identity = np.linalg.norm(rests - template.rest - known, axis=2) * 1e3
    basis = template.motion_basis.reshape(len(template.motion_basis), -1)
    worst, square = np.zeros(len(template)), 0.0
    for own, code in zip(units, unit_codes, strict=True):
        error = np.linalg.norm(own - (code @ basis).reshape(own.shape), axis=2) * 1e3
        worst, square = np.maximum(worst, error.max(axis=0)), square + float((error**2).mean())
    return FacesReport(
        vertices=len(template),
        faces=len(template.faces),
        identities=len(rests),
        identity_size=len(template.identity_basis),
        motion_size=len(template.motion_basis),
        identity_rms=float(np.sqrt((identity**2).mean())),
        identity_max=float(identity.max()),
        motion_rms=float(np.sqrt(square / len(units))),
        motion_max=float(worst.max()),
        motion_max_lips=float(worst[lip_vertices(template)].max()),
    )
