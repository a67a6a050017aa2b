# SPDX-License-Identifier: GPL-3.0-or-later
"""A toy face of some 130 vertices and a tiny bundle with seeded random weights, for golden tests.

The face is a bent grid cut along the lips: an upper sheet and a jaw sheet that touch at rest, two eye patches
and a patch of teeth. Units do roughly what their names say, so lips part, lids fall and brows rise visibly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.template import Template, Topology
from training.data.faces import face_arrays
from training.export.bundle import CardFacts, write_bundle
from training.export.graphs import GraphSettings
from training.model.autoregressive import Autoregressive
from training.model.latent import one_hot
from training.model.meshtalk import MeshTalk
from training.model.settings import ModelSettings
from training.model.space import FaceArrays, VertexSpace

COLUMNS = 11
UPPER_ROWS = 7
LOWER_ROWS = 4
LIPS_Z = -0.04
UNITS = (
    "browInnerUp",
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "jawOpen",
    "mouthClose",
    "mouthPucker",
    "mouthSmileLeft",
)
Array = NDArray[np.float32]


def toy_template() -> Template:
    """The toy face (metres, Z up, facing −Y)."""
    rest, faces, part = _mesh()
    deltas = _units(rest, part)
    identity = _orthonormal(_identities(rest, part))
    spread = np.concatenate([deltas, deltas * (1 + 2 * (rest[None, :, :1] + 0.02))]).reshape(
        2 * len(UNITS), -1
    )
    motion = _orthonormal(spread.astype(np.float32))
    moves = np.linalg.norm(deltas, axis=-1)
    mouth = moves[[3, 4, 5, 6]].max(0) > 1e-4
    lids = moves[[1, 2]].max(0) > 1e-4
    upper = (rest[:, 2] > -0.01) & (part == 0)
    return Template(
        rest=rest,
        faces=faces,
        unit_names=UNITS,
        unit_deltas=deltas,
        mask_mouth=mouth.astype(np.float32),
        mask_upper=(upper | lids).astype(np.float32),
        mask_eyelids=lids.astype(np.float32),
        part=part,
        align=((part == 0) / np.sum(part == 0)).astype(np.float32),
        identity_basis=identity.reshape(len(identity), -1, 3),
        identity_std=np.full(len(identity), 0.03, np.float32),
        motion_basis=motion.reshape(len(motion), -1, 3),
        landmarks=toy_landmarks(part),
        topologies=(Topology("meshtalk", len(rest), np.arange(len(rest), dtype=np.int32)),),
    )


def toy_landmarks(part: NDArray[np.uint8]) -> dict[str, int]:
    """The named vertices of the toy face."""

    def upper(row: int, column: int) -> int:
        return row * COLUMNS + column

    def lower(row: int, column: int) -> int:
        return (UPPER_ROWS + row) * COLUMNS + column

    middle, last = COLUMNS // 2, UPPER_ROWS - 1
    return {
        "lip_upper_inner": upper(last, middle),
        "lip_lower_inner": lower(0, middle),
        "mouth_left": upper(last, middle + 2),
        "mouth_right": upper(last, middle - 2),
        "lid_upper_left": upper(2, middle + 2),
        "lid_lower_left": upper(3, middle + 2),
        "lid_upper_right": upper(2, middle - 2),
        "lid_lower_right": upper(3, middle - 2),
        "brow_inner_left": upper(1, middle + 1),
        "brow_inner_right": upper(1, middle - 1),
        "nose_tip": upper(4, middle),
        "chin": lower(LOWER_ROWS - 1, middle),
        "upper_teeth": int(np.flatnonzero(part == 2)[0]),
    }


def _mesh() -> tuple[Array, NDArray[np.int32], NDArray[np.uint8]]:
    x = np.linspace(-0.07, 0.07, COLUMNS)
    sheets = [
        _sheet(x, np.linspace(0.1, LIPS_Z, UPPER_ROWS)),
        _sheet(x, np.linspace(LIPS_Z, -0.1, LOWER_ROWS)),
        _sheet(np.array([0.02, 0.04]), np.array([0.055, 0.035])) + (0, 0.01, 0),
        _sheet(np.array([-0.04, -0.02]), np.array([0.055, 0.035])) + (0, 0.01, 0),
        _sheet(np.array([-0.015, 0.015]), np.array([-0.03, -0.038])) + (0, 0.012, 0),
    ]
    shapes = [(UPPER_ROWS, COLUMNS), (LOWER_ROWS, COLUMNS), (2, 2), (2, 2), (2, 2)]
    kinds = [0, 0, 1, 1, 2]
    faces, start = [], 0
    for sheet, (rows, columns) in zip(sheets, shapes, strict=True):
        grid = np.arange(rows * columns).reshape(rows, columns) + start
        quads = [grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]]
        faces.append(np.stack([quad.ravel() for quad in quads], 1))
        start += len(sheet)
    part = np.concatenate([np.full(len(sheet), kind) for sheet, kind in zip(sheets, kinds, strict=True)])
    return (
        np.concatenate(sheets).astype(np.float32),
        np.concatenate(faces).astype(np.int32),
        part.astype(np.uint8),
    )


def _sheet(x: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    """A grid, row by row from above, bent round the head."""
    zz, xx = np.meshgrid(z, x, indexing="ij")
    yy = -0.1 + 6.0 * xx**2 + 1.5 * zz**2
    return np.stack([xx, yy, zz], -1).reshape(-1, 3)


def _units(rest: Array, part: NDArray[np.uint8]) -> Array:
    """Unit displacements ``(U, V, 3)``: bumps around the places that the names mean."""
    skin = part == 0
    jaw = np.zeros(len(rest), bool)
    jaw[UPPER_ROWS * COLUMNS : (UPPER_ROWS + LOWER_ROWS) * COLUMNS] = True
    across = np.clip(1 - (np.abs(rest[:, 0]) / 0.05) ** 2, 0, 1)
    lips = _bump(rest, (0, LIPS_Z), 0.03) * skin
    moves = {
        "browInnerUp": np.outer(_bump(rest, (0, 0.075), 0.035) * skin, (0, 0, 0.012)),
        "eyeBlinkLeft": np.outer(_bump(rest, (0.03, 0.053), 0.015) * skin, (0, 0, -0.011)),
        "eyeBlinkRight": np.outer(_bump(rest, (-0.03, 0.053), 0.015) * skin, (0, 0, -0.011)),
        "jawOpen": np.outer(across * jaw, (0, 0.004, -0.025)),
        "mouthClose": np.outer(lips * jaw, (0, 0, 0.02)),
        "mouthPucker": np.outer(lips, (0, -0.01, 0)) - lips[:, None] * rest * (0.5, 0, 0),
        "mouthSmileLeft": np.outer(_bump(rest, (0.035, LIPS_Z), 0.025) * skin, (0.008, 0.004, 0.01)),
    }
    return np.stack([moves[name] for name in UNITS]).astype(np.float32)


def _identities(rest: Array, part: NDArray[np.uint8]) -> Array:
    """A few smooth ways in which toy heads differ, as rows ``(Ki, V·3)``."""
    x, z = rest[:, :1], rest[:, 2:]
    ways = [x * (1, 0, 0), (z**2) * (0, 1, 0), (z + 0.1) * (0, 0, 1), np.sin(30 * x) * (0, 0.2, 0)]
    return np.stack([np.broadcast_to(way, rest.shape).reshape(-1) for way in ways]).astype(np.float32)


def _bump(rest: Array, centre: tuple[float, float], radius: float) -> NDArray[np.float64]:
    away = np.hypot(rest[:, 0] - centre[0], rest[:, 2] - centre[1]) / radius
    return np.where(away < 1, (1 - away**2) ** 2, 0.0)


def _orthonormal(rows: Array) -> Array:
    """Orthonormal rows that span ``rows``, with a sign that no machine's linear algebra changes."""
    _, values, basis = np.linalg.svd(rows.astype(np.float64), full_matrices=False)
    basis = basis[values > 1e-6 * values[0]]
    signs = np.sign(basis[np.arange(len(basis)), np.abs(basis).argmax(1)])
    return (basis * signs[:, None]).astype(np.float32)


def toy_faces(template: Template) -> FaceArrays:
    """What the model needs of the toy template."""
    deltas = template.unit_deltas.reshape(len(UNITS), -1)
    codes = deltas @ template.motion_basis.reshape(len(template.motion_basis), -1).T
    return face_arrays(template, np.sqrt(np.mean(codes**2, 0)).astype(np.float32))


TINY = ModelSettings(
    heads=4,
    audio_heads=0,
    categories=8,
    channels=8,
    code=16,
    audio_channels=12,
    expression_hidden=(16, 16),
    fusion_hidden=16,
    unet=(24, 16, 16),
)

TINY_GRAPHS = GraphSettings(block_frames=16, lanes=4)


def tiny_models(seed: int, settings: ModelSettings = TINY) -> tuple[MeshTalk, Autoregressive, Template]:
    """Random but seeded networks on the toy face, scaled so that their motion is visible and seeds differ."""
    template = toy_template()
    torch.manual_seed(seed)
    model = MeshTalk(settings, VertexSpace(toy_faces(template), settings.rank)).eval()
    autoregressive = Autoregressive(settings).eval()
    for module in (model.audio_encoder, model.fusion, model.decoder):
        for layer in module.modules():
            if isinstance(layer, torch.nn.Linear | torch.nn.Conv1d):
                layer.weight.data.mul_(2.0)
    _calibrate(model, template)
    return model, autoregressive, template


@torch.no_grad()
def _calibrate(model: MeshTalk, template: Template) -> None:
    """Centre random motion on a jaw that is a third open and bring it to a third of the units' size."""
    settings, leave = model.settings, model.decoder.leave
    rest = torch.zeros(1, model.space.rest_size)
    codes = one_hot(torch.randint(settings.categories, (1, 256, settings.heads)), settings.categories)
    leave.weight.mul_(0.35 / model.decoder(rest, codes)[0].std(1).mean())
    jaw = torch.from_numpy(0.35 * template.unit_deltas[template.unit("jawOpen")])
    centre = model.space.motion_vector(jaw[None, None])[0, 0] / model.space.motion_scale
    leave.bias.add_(centre - model.decoder(rest, codes)[0].mean((0, 1)))


def write_tiny_bundle(folder: Path, seed: int = 0) -> dict[str, Any]:
    """A bundle of less than 300 KB; the same seed gives the same weights."""
    model, autoregressive, template = tiny_models(seed)
    facts = CardFacts(name="tiny", preset="tiny", licence="CC0-1.0", created="2026-11-21")
    return write_bundle(
        folder, model, autoregressive, template, facts, GraphSettings(block_frames=16, lanes=4)
    )
