# SPDX-License-Identifier: GPL-3.0-or-later
"""``info``: what a model says of itself."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from typing import Any

from ..bundle import Bundle
from ..geometry.fit.marks import landmark_vertices
from .options import add_model, bundle_of


def add_parser(commands: Any) -> None:
    """Add ``info`` to the commands of the parser."""
    parser = commands.add_parser("info", help="show a model's card", description="Show a model's card.")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    add_model(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print the card of a checked model."""
    facts = describe(bundle_of(arguments))
    text = json.dumps(facts, indent=2) if arguments.json else "\n".join(_lines(facts))
    sys.stdout.write(text + "\n")


def describe(bundle: Bundle) -> dict[str, Any]:
    """The card, and what only the template knows: its polygons and the meshes that it recognises."""
    facts = dataclasses.asdict(bundle.card)
    facts["landmarks"] = dict(landmark_vertices(bundle.template))
    facts["faces"] = len(bundle.template.faces)
    facts["topologies"] = {topology.name: topology.vertices for topology in bundle.template.topologies}
    return facts


def _lines(facts: dict[str, Any]) -> list[str]:
    data = ", ".join(str(source.get("name", "?")) for source in facts["training_data"]) or "none named"
    landmarks = ", ".join(f"{name} {vertex}" for name, vertex in facts["landmarks"].items())
    return [
        f"model          {facts['name']} (format {facts['format']}, preset {facts['preset']})",
        f"licence        {facts['licence']}",
        f"created        {facts['created']}",
        f"training data  {data}",
        f"rates          {facts['frame_rate']} frames/s, {facts['mel']['sample_rate']} samples/s",
        f"latent         {facts['heads']} heads x {facts['categories']} categories",
        f"template       {facts['vertices']} vertices, {facts['faces']} faces",
        f"known meshes   {', '.join(facts['topologies']) or 'the template'}",
        f"units          {len(facts['units'])}: {', '.join(facts['units'])}",
        f"landmarks      {landmarks}",
    ]
