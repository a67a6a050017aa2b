# SPDX-License-Identifier: GPL-3.0-or-later
"""``bind``: a head in, its fit and its units out."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from ..geometry.fit.binding import FittedBinding
from ..geometry.fit.marks import landmark_vertices
from ..geometry.topology import Binding
from ..takes.atomic import replacing
from ..template import Template
from .files import check_place
from .heads import bound_head
from .options import add_model, bundle_of


def add_parser(commands: Any) -> None:
    """Add ``bind`` to the commands of the parser."""
    parser = commands.add_parser(
        "bind",
        help="fit the template to a head",
        description="Fit the template to a head; B.npz gets its units, the fitted template, the fit.",
    )
    add = parser.add_argument
    add("head", type=Path, metavar="HEAD", help=".obj, .ply, .glb, .gltf or .npz")
    add("--out", type=Path, required=True, metavar="B.npz", help="where to write")
    add("--landmarks", type=Path, metavar="L.json", help="places of landmarks, by the names that info lists")
    add_model(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Bind, write, and say how well the head fits."""
    out = (
        arguments.out
        if arguments.out.suffix == ".npz"
        else arguments.out.with_name(arguments.out.name + ".npz")
    )
    check_place(out, arguments)
    template = bundle_of(arguments).template
    started = time.perf_counter()
    binding = bound_head(template, arguments.head, arguments.landmarks)[1]
    arrays = describe(binding)
    seconds = time.perf_counter() - started
    with replacing(out) as path, path.open("wb") as file:
        np.savez_compressed(file, **arrays)
    sys.stdout.write("\n".join([f"{out}:", *_lines(binding, arrays, seconds)]) + "\n")


def describe(binding: Binding) -> dict[str, Any]:
    """The arrays of B.npz: see docs/engine.md."""
    template = binding.template
    fitted = binding.to_head.points(binding.rest)
    marks = landmark_vertices(template)
    return {
        "unit_names": np.array(template.unit_names),
        "unit_deltas": binding.unit_deltas(),
        "template": fitted.astype(np.float32),
        "template_faces": template.faces,
        "landmark_names": np.array(list(marks)),
        "landmarks": fitted[list(marks.values())].astype(np.float32),
        "fit_mm": _fit_mm(binding).astype(np.float32),
    }


def _fit_mm(binding: Binding) -> Any:
    """Distances (V,) from the template to the mesh; a known topology fits exactly."""
    if isinstance(binding, FittedBinding):
        return binding.fit_mm
    return np.zeros(len(binding.template))


def _lines(binding: Binding, arrays: dict[str, Any], seconds: float) -> list[str]:
    template: Template = binding.template
    moving = int((np.abs(arrays["unit_deltas"]).max(axis=(0, 2)) > 0).sum())
    lines = [
        f"mesh       {len(binding.vertices):,} vertices, {binding.topology}",
        f"fit        {_fit(binding)}",
        f"size       {binding.to_head.scale:.4g} of the head's units to a metre",
        f"units      {len(template.unit_names)}, on {moving:,} vertices",
        f"time       {seconds:.1f} s",
    ]
    if isinstance(binding, FittedBinding):
        parts = binding.carrier.roles.count()
        lines.insert(
            1, "parts      " + ", ".join(f"{name} {count:,}" for name, count in parts.items() if count)
        )
    return lines


def _fit(binding: Binding) -> str:
    if not isinstance(binding, FittedBinding):
        return "exact"
    figures = binding.figures
    return (
        f"median {figures.median_mm:.2f} mm, 95 % within {figures.percentile_95_mm:.2f} mm, "
        f"{figures.share_within_4mm:.0%} within 4 mm: {' '.join((figures.verdict, *figures.remarks))}"
    )
