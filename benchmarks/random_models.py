# SPDX-License-Identifier: GPL-3.0-or-later
"""Models of a preset's sizes with random weights: as fast as trained ones, and just as large."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import torch

from engine.bundle import default_bundle_path
from engine.template import load_template
from training.data.faces import face_arrays
from training.export.bundle import CardFacts, write_bundle
from training.export.graphs import GraphSettings
from training.fit.preset import load_preset
from training.model.autoregressive import Autoregressive
from training.model.meshtalk import MeshTalk
from training.model.space import VertexSpace


def export_random(preset: str, folder: Path) -> None:
    """Export a model with seeded random weights on the default model's template; whole or not at all."""
    settings = load_preset(preset).model
    template = load_template(default_bundle_path() / "template.npz")
    faces = face_arrays(template, np.ones(len(template.motion_basis), np.float32))
    torch.manual_seed(0)
    model = MeshTalk(settings, VertexSpace(faces, settings.rank))
    facts = CardFacts(name=f"random {preset}", preset=preset, licence="CC0-1.0", created="2026-01-01")
    making = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(making, ignore_errors=True)
    write_bundle(making, model, Autoregressive(settings), template, facts, GraphSettings())
    shutil.rmtree(folder, ignore_errors=True)
    making.rename(folder)
