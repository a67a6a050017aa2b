# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m training evaluate``: all figures of a bundle, on the terminal, as JSON and in its card."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from engine.bundle import load_bundle
from training.data.clip import Clip
from training.data.corpus import CorpusClips, read_faces
from training.evaluate.accuracy import measure_accuracy
from training.evaluate.networks import BundleNetworks, TorchNetworks
from training.evaluate.regions import Regions
from training.evaluate.swaps import measure_swaps
from training.export.bundle import read_card, write_card
from training.fit.run import open_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--bundle", type=Path, required=True, help="bundle folder to measure")
    parser.add_argument("--corpus", type=Path, help="corpus whose test split gives errors and swaps")
    parser.add_argument("--speech", type=Path, help="folder of recordings with phone times (*.wav, *.json)")
    parser.add_argument(
        "--without-cross-modality", type=Path, help="run trained without it, for the swap table"
    )
    parser.add_argument(
        "--split", default="test", choices=("validation", "test"), help="split to measure (test)"
    )
    parser.add_argument("--clips", type=int, default=120, help="at most so many clips (120)")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--card", action="store_true", help="keep the figures in the bundle's card")


def run(options: argparse.Namespace) -> int:
    """Measure, print, and keep what was asked for."""
    figures = evaluate(options)
    sys.stdout.write(table(figures) + "\n")
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if options.card:
        card = read_card(options.bundle)
        card["metrics"] = card["metrics"] | figures
        write_card(options.bundle, card)
    return 0


def evaluate(options: argparse.Namespace) -> dict[str, Any]:
    """All figures that the options ask for."""
    bundle = load_bundle(options.bundle)
    figures: dict[str, Any] = {}
    if options.corpus is not None:
        clips = some_clips(options.corpus, options.split, bundle.card.audio_context, options.clips)
        template = read_faces(options.corpus).template
        networks, regions = BundleNetworks(bundle, template), Regions(template)
        figures["accuracy"] = measure_accuracy(bundle, clips, template)
        figures["swaps_mm"] = {"with_cross_modality": measure_swaps(networks, regions, clips)}
        if options.without_cross_modality is not None:
            other = TorchNetworks(open_run(options.without_cross_modality).load_stage_one())
            figures["swaps_mm"]["without_cross_modality"] = measure_swaps(other, regions, clips)
    if options.speech is not None:
        from training.evaluate.speech import measure_speech

        figures["speech"] = measure_speech(bundle, options.speech)
    return _rounded(figures)


def some_clips(folder: Path, split: str, context: tuple[int, int], count: int) -> list[Clip]:
    """At most ``count`` whole clips, evenly from the split."""
    source = CorpusClips(folder, split, context)
    chosen = np.unique(np.linspace(0, len(source) - 1, min(count, len(source))).round().astype(int))
    return [source.clip(int(index), 0, source.frames(int(index))) for index in chosen]


def table(figures: dict[str, Any], indent: str = "") -> str:
    """Figures as indented lines."""
    lines = []
    for name, value in figures.items():
        label = f"{indent}{name.replace('_', ' ')}"
        if isinstance(value, dict):
            lines += [label, table(value, indent + "    ")]
        elif isinstance(value, list):
            lines.append(f"{label}: {' '.join(str(item) for item in value)}")
        else:
            lines.append(f"{label}: {value}")
    return "\n".join(lines)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    return round(value, 4) if isinstance(value, float) else value
