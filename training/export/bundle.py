# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a bundle folder: graphs, template, card with checksums (format 1)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from engine.audio.features import MelSettings
from engine.template import Template, save_template
from training.errors import TrainingError
from training.export.graphs import OPSET, GraphSettings, graphs, write_graph
from training.model.autoregressive import Autoregressive
from training.model.meshtalk import MeshTalk

FORMAT = 1
CARD = "model.json"
TEMPLATE = "template.npz"


@dataclass(frozen=True)
class CardFacts:
    """What a card says beyond sizes: names, licences, sources, figures."""

    name: str
    preset: str
    licence: str
    created: str
    training_data: tuple[dict[str, str], ...] = ()
    metrics: dict[str, Any] = field(default_factory=dict)
    default_temperature: float = 1.0
    mel: MelSettings = field(default_factory=MelSettings)


def write_bundle(
    folder: Path,
    model: MeshTalk,
    autoregressive: Autoregressive,
    template: Template,
    facts: CardFacts,
    settings: GraphSettings,
) -> dict[str, Any]:
    """Write everything into ``folder`` (made if missing) and return the card."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {}
    for name, graph in graphs(model.eval(), autoregressive.eval(), settings).items():
        names[name] = f"{name}.onnx"
        write_graph(graph, folder / names[name])
    save_template(folder / TEMPLATE, template)
    card = _card(model, template, facts, settings, names)
    write_card(folder, card)
    return card


def _card(
    model: MeshTalk, template: Template, facts: CardFacts, graph: GraphSettings, names: dict[str, str]
) -> dict[str, Any]:
    sizes = model.settings
    return {
        "format": FORMAT,
        "name": facts.name,
        "preset": facts.preset,
        "licence": facts.licence,
        "created": facts.created,
        "training_data": list(facts.training_data),
        "frame_rate": facts.mel.frame_rate,
        "mel": asdict(facts.mel),
        "audio_context": [sizes.mel_before, sizes.mel_after],
        "audio_code": sizes.code,
        "expression_code": sizes.code,
        "heads": sizes.heads,
        "categories": sizes.categories,
        "block_frames": graph.block_frames,
        "lanes": graph.lanes,
        "autoregressive_state": sizes.autoregressive_state,
        "decoder_state": sizes.decoder_state,
        "expression_state": sizes.expression_state,
        "opset": OPSET,
        "vertices": model.space.vertices,
        "units": list(template.unit_names),
        "landmarks": dict(template.landmarks),
        "default_temperature": facts.default_temperature,
        "metrics": facts.metrics,
        "graphs": names,
        "template": TEMPLATE,
    }


def write_card(folder: Path, card: dict[str, Any]) -> None:
    """Write ``model.json`` with the checksums of every other file that the card names."""
    files = sorted([*card["graphs"].values(), card["template"]])
    sums = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files}
    text = json.dumps({**card, "checksums": sums}, indent=2, ensure_ascii=False)
    (folder / CARD).write_text(text + "\n", encoding="utf-8")


def read_card(folder: Path) -> dict[str, Any]:
    """The card of a bundle folder; raises ``TrainingError`` when there is none."""
    try:
        return json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{folder} holds no readable {CARD}; give the folder of a bundle.") from error
