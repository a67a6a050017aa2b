# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m training.faces.renew BUNDLE …``: give bundles the units as now drawn, at full strength.

The last step after an export. A corpus and what is trained on it know the units as they were when it was
made, at the face model's strength; what was learnt stays: labels, coefficients, timing. The decoder's basis
is redrawn with the units: each row becomes what the same mix of redrawn units does, at the strength it was
learnt with. Correctives are what units can't do, and are made anew.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.arrays import ramp
from engine.geometry.units import carry_units
from engine.template import Template, load_template, save_template
from training.errors import TrainingError
from training.export.bundle import TEMPLATE, read_card, write_card
from training.export.correctives import add_correctives
from training.folders import run_on_folders

from .attached import mouth_walls
from .build import base_template
from .redrawn import LIPS, lip_distance, redraw_units
from .regions import align_weights
from .source import load_head
from .strength import at_full_strength, strengths

Floats = NDArray[np.float32]

PEOPLE, SEED, LIKELY = 48, 7, 2.0
"""Heads, made of the identity basis, that tell how units and basis belong together; none is further than
LIKELY standard deviations from the mean in any code."""

RIDGE = 1e-4
"""Pull towards no change, as a part of the coefficients' mean square: what no unit does stays as it is."""

SAME = 1e-4
"""Metres; templates whose rest shapes differ by more aren't of the same face model."""


def renewed_template(template: Template) -> tuple[Template, Floats]:
    """The template with its units redrawn and a basis (orthonormal) of their motion; and the decoder's basis
    (K, V, 3), which is the former one redrawn row by row. TrainingError where that has been done already, or
    where the template isn't the face model's."""
    drawn = replace(template, unit_deltas=drawn_units(template))
    if _strongest(template) > 0.5 * (1 + strengths(template).max()) * _strongest(drawn):
        raise TrainingError("These units are renewed already; renew a bundle as it was exported.")
    change = basis_change(template, drawn) * _beside_lips(template)
    rows = template.motion_basis.reshape(len(template.motion_basis), -1) + change
    upright, _ = np.linalg.qr(rows.T.astype(np.float64))
    basis = upright.T.astype(np.float32).reshape(template.motion_basis.shape)
    full = replace(at_full_strength(drawn), motion_basis=basis)
    return full, rows.reshape(template.motion_basis.shape).astype(np.float32)


def drawn_units(template: Template) -> Floats:
    """The face model's units (U, V, 3), redrawn, at the strength that corpora know."""
    source = load_head()
    fresh = base_template(source, align_weights(source))
    alike = fresh.rest.shape == template.rest.shape and fresh.unit_names == template.unit_names
    if not alike or np.abs(fresh.rest - template.rest).max() > SAME:
        raise TrainingError("This template isn't that of the face model, so its units can't be redrawn.")
    return redraw_units(replace(fresh, inside=mouth_walls(fresh, source))).unit_deltas


def _strongest(template: Template) -> float:
    """The size, at the lips, of the unit whose strength differs most from the face model's."""
    unit = template.unit_deltas[int(strengths(template).argmax())]
    return float(np.linalg.norm(unit[lip_distance(template) < LIPS]))


def _beside_lips(template: Template) -> Floats:
    """0 at the lips and 1 from twice as far on, (3 V,): skin goes along, but the lips' own motion, which was
    learnt to the tenth of a millimetre, stays as it is."""
    far = ramp(lip_distance(template), LIPS, 2 * LIPS)
    return np.repeat(far, 3).astype(np.float32)


def basis_change(template: Template, drawn: Template) -> Floats:
    """What redrawing adds to each row of the basis (K, 3 V): least squares over the units of many heads."""
    rng = np.random.default_rng(SEED)
    basis = template.motion_basis.reshape(len(template.motion_basis), -1)
    gram = np.zeros((len(basis), len(basis)))
    cross = np.zeros(basis.shape)
    for person in range(PEOPLE):
        codes = np.clip(rng.standard_normal(len(template.identity_std)), -LIKELY, LIKELY)
        offset = np.tensordot((person > 0) * codes * template.identity_std, template.identity_basis, 1)
        rest = template.rest + offset.astype(np.float32)
        before, after = (carry_units(each, rest) for each in (template, drawn))
        before, after = (units.reshape(len(units), -1) for units in (before, after))
        size = 1 / np.linalg.norm(before, axis=1, keepdims=True).clip(1e-6)
        known = (before @ basis.T * size).astype(np.float64)
        gram += known.T @ known
        cross += known.T @ ((after - before) * size)
    pull = RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    return np.linalg.solve(gram + pull, cross).astype(np.float32)


def renew_bundle(folder: Path) -> int:
    """Rewrite a bundle's template, decoder and expression encoder; gives the number of its correctives."""
    import onnx
    from onnx import numpy_helper

    template, rows = renewed_template(load_template(folder / TEMPLATE))
    flat = rows.reshape(len(rows), -1).astype(np.float16)
    card = read_card(folder)
    read = np.linalg.pinv(flat.astype(np.float64)).T.astype(np.float16)
    for graph, name, value in (("decoder", "motion_basis", flat), ("expression_encoder", "basis", read)):
        path = folder / card["graphs"][graph]
        model = onnx.load(path)
        held = next(each for each in model.graph.initializer if each.name == name)
        held.CopyFrom(numpy_helper.from_array(value, name))
        onnx.save(model, path)
    save_template(folder / TEMPLATE, template)
    write_card(folder, card)
    return add_correctives(folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""

    def renew(folder: Path) -> str:
        return f"{folder}: units redrawn, {renew_bundle(folder)} correctives"

    return run_on_folders("training.faces.renew", __doc__, "bundle folders", renew, arguments)


if __name__ == "__main__":
    sys.exit(main())
