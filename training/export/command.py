# SPDX-License-Identifier: GPL-3.0-or-later
"""Exports a run to a bundle, and ends by proving that it computes what torch computes."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np

from training.data.corpus import CorpusClips
from training.errors import TrainingError
from training.export.bundle import CardFacts, read_card, write_bundle, write_card
from training.export.correctives import add_correctives
from training.export.graphs import GraphSettings
from training.export.parity import Probe, compare, random_probe
from training.fit.run import Run
from training.model.meshtalk import MeshTalk

LICENCE = "CC-BY-4.0"
LIMIT_BYTES = 40_000_000


def export_run(
    run: Run, folder: Path, corpus: Path | None, settings: GraphSettings | None = None
) -> dict[str, Any]:
    """Write the run's bundle, corrective shapes included, to ``folder`` and return its card.

    torch and onnxruntime are compared on random input and, with ``corpus``, on clips of its validation split;
    a difference of more than 0.01 mm raises ``TrainingError``.
    """
    settings = settings or GraphSettings()
    model, autoregressive = run.load()
    card = write_bundle(folder, model, autoregressive, run.template, _facts(run), settings)
    probes = [random_probe(model, settings)]
    if corpus is not None:
        probes += _real_probes(run, model, corpus, settings)
    worst = compare(folder, model, autoregressive, settings, probes)
    size = sum(path.stat().st_size for path in folder.iterdir())
    if size > LIMIT_BYTES:
        raise TrainingError(
            f"The bundle has {size / 1e6:.0f} MB, more than 40; choose fewer heads or channels."
        )
    tried = [probe.name for probe in probes]
    card["metrics"] = card["metrics"] | {"export_difference_mm": worst, "export_compared_on": tried}
    write_card(folder, card)
    add_correctives(folder)
    return read_card(folder)


def _facts(run: Run) -> CardFacts:
    return CardFacts(
        name=run.preset.name,
        preset=run.preset.name,
        licence=LICENCE,
        created=datetime.datetime.now(datetime.UTC).date().isoformat(),
        training_data=tuple(run.corpus.get("training_data", ())),
        default_temperature=run.preset.default_temperature,
        mel=run.features,
    )


def _real_probes(run: Run, model: MeshTalk, corpus: Path, settings: GraphSettings) -> list[Probe]:
    """The beginnings of the first and the last validation clip."""
    context = (run.preset.model.mel_before, run.preset.model.mel_after)
    clips = CorpusClips(corpus, "validation", context)
    basis = run.template.motion_basis.reshape(len(run.template.motion_basis), -1)
    probes = []
    for index in sorted({0, len(clips) - 1}):
        clip = clips.clip(index, 0, settings.block_frames)
        moved = (clip.motion @ basis).reshape(settings.block_frames, -1, 3).astype(np.float32)
        probes.append(Probe(f"validation clip {index}", clip.mel, clip.rest, moved))
    return probes
