# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m training report``: every measurement beside its target, as tables, JSON, plots and pictures.

A part is a function of a ``Request`` that gives ``Measurement``s, and is imported only when it is asked for.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.bundle import Card, load_bundle
from training.errors import TrainingError
from training.report.request import Measurement, Request
from training.report.table import targets_table

OUT = Path("docs/report")
FIGURES = "figures.json"


@dataclass(frozen=True)
class Part:
    """``function`` of ``module`` takes a Request and returns one Measurement, or nothing but files in
    ``out``; ``needs`` names the request's paths without which it is skipped."""

    group: str
    module: str
    function: str
    needs: tuple[str, ...]

    @property
    def name(self) -> str:
        """The module's own name."""
        return self.module.rpartition(".")[2]


PARTS = (
    Part("speech", "training.report.speech", "measure_methods", ("check",)),
    Part("corpus", "training.report.lip_error", "measure_lip_error", ("corpus", "regression")),
    Part("corpus", "training.report.life", "measure_life", ("corpus",)),
    Part("corpus", "training.report.identities", "measure_identities", ()),
    Part("dub", "training.report.dub", "measure_dub", ("corpus",)),
    Part("pictures", "training.report.plots", "draw_plots", ("check",)),
    Part("pictures", "training.report.faces", "draw_faces", ("check",)),
)
GROUPS = tuple(dict.fromkeys(part.group for part in PARTS))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--bundle", type=Path, required=True, help="bundle folder to measure")
    parser.add_argument("--corpus", type=Path, help="corpus whose test split is measured (6 and 7)")
    parser.add_argument("--check", type=Path, help="folder with ljspeech, mfa and facegood (1 to 5)")
    parser.add_argument("--regression", type=Path, help="VOCA-style regression to compare with")
    parser.add_argument("--without-cross-modality", type=Path, help="bundle trained without that loss")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for figures and pictures (%(default)s)")
    parser.add_argument("--json", type=Path, help="file for the figures, if not figures.json in --out")
    parser.add_argument("--methods", default="", help="methods to compare, with commas (all)")
    parser.add_argument("--only", default=",".join(GROUPS), help="parts, with commas (%(default)s)")


def run(options: argparse.Namespace) -> int:
    """Measure, print, write."""
    groups = chosen_groups(options.only)
    for name in ("corpus", "check", "regression", "without_cross_modality"):
        path = getattr(options, name)
        if path is not None and not path.exists():
            raise TrainingError(f"{path} (--{name.replace('_', '-')}) does not exist.")
    options.out.mkdir(parents=True, exist_ok=True)
    request = Request(
        folder=options.bundle,
        bundle=load_bundle(options.bundle),
        corpus=options.corpus,
        check=options.check,
        regression=options.regression,
        without_cross_modality=options.without_cross_modality,
        out=options.out,
        methods=_names(options.methods),
    )
    figures = measure(request, groups)
    if figures:
        keep(
            options.json if options.json is not None else options.out / FIGURES, request.bundle.card, figures
        )
    return 0


def keep(file: Path, card: Card, figures: dict[str, Any]) -> None:
    """Write the figures as JSON, beside those of other parts of the same bundle that the file holds already;
    another bundle's are dropped."""
    own = {"name": card.name, "created": card.created, "checksums": dict(card.checksums)}
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        before = {}
    except ValueError as error:
        raise TrainingError(f"{file} is no file of figures ({error}); remove it.") from error
    if not isinstance(before, dict) or before.get("bundle") != own:
        before = {}
    text = json.dumps(before | {"bundle": own} | figures, indent=2)
    file.write_text(text + "\n", encoding="utf-8")


def chosen_groups(text: str) -> tuple[str, ...]:
    """The groups that ``--only`` names; raises TrainingError for another name."""
    names = _names(text)
    unknown = [name for name in names if name not in GROUPS]
    if unknown or not names:
        raise TrainingError(f"--only takes {', '.join(GROUPS)}, not {', '.join(unknown) or 'nothing'}.")
    return names


def measure(request: Request, groups: Sequence[str], parts: Sequence[Part] = PARTS) -> dict[str, Any]:
    """Run the parts of ``groups``, write their tables to the terminal and return their figures by title."""
    figures: dict[str, Any] = {}
    for part in parts:
        if part.group not in groups:
            continue
        problem = _obstacle(part, request)
        if problem:
            sys.stdout.write(f"\n{part.name}: skipped, because it needs {problem}.\n")
            continue
        sys.stderr.write(f"measuring: {part.name}\n")
        for measurement in _results(_function(part)(request)):
            sys.stdout.write(f"\n{as_text(measurement)}\n")
            sys.stdout.flush()
            figures[measurement.title] = as_figures(measurement)
    return figures


def as_text(measurement: Measurement) -> str:
    """A measurement as the terminal shows it."""
    parts = [targets_table(measurement.title, measurement.targets)] if measurement.targets else []
    if measurement.text:
        parts.append(measurement.text if parts else f"{measurement.title}\n{measurement.text}")
    return "\n".join(parts or [measurement.title])


def as_figures(measurement: Measurement) -> dict[str, Any]:
    """A measurement as the JSON file keeps it."""
    return {
        "figures": _rounded(measurement.figures),
        "targets": [_rounded(target.as_dict()) for target in measurement.targets],
    }


def _results(found: Measurement | Sequence[Measurement] | None) -> Sequence[Measurement]:
    if found is None:
        return ()
    return (found,) if isinstance(found, Measurement) else found


def _obstacle(part: Part, request: Request) -> str:
    """What keeps a part from running: options that were not given, or a package that isn't installed."""
    missing = [name for name in part.needs if getattr(request, name) is None]
    if missing:
        return " and ".join(f"--{name.replace('_', '-')}" for name in missing)
    try:
        _function(part)
    except ModuleNotFoundError as error:
        return f"the package {error.name}"
    return ""


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _function(part: Part) -> Callable[[Request], Measurement | Sequence[Measurement] | None]:
    return getattr(importlib.import_module(part.module), part.function)


def _rounded(value: Any) -> Any:
    """Five decimals and Python's own types; NaN, which JSON lacks, becomes null."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return round(value, 5) if value == value else None
    return value
