# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m training regression``: train the VOCA-style regression until validation gets no better."""

from __future__ import annotations

import argparse
import copy
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from training.data.augment import Augmentation
from training.data.batches import Batch, BatchSettings, draw_batch
from training.data.corpus import CorpusClips
from training.errors import TrainingError
from training.report.regression import Regression, space_of, voca_loss

Tell = Callable[[int, float], None]


@dataclass(frozen=True)
class RegressionOptions:
    """Training ends when ``patience`` looks at the validation split, every ``every`` steps, brought nothing,
    or after ``minutes``. The rate halves after half the patience."""

    minutes: float = 10.0
    learning_rate: float = 1e-3
    batch: int = 16
    frames: int = 32
    every: int = 250
    patience: int = 8
    validation_batches: int = 16
    seed: int = 0


@dataclass(frozen=True)
class RegressionReport:
    """How it ended: steps, the best validation loss in mm² and whether it had converged by then."""

    steps: int
    loss: float
    converged: bool


def train_regression(
    folder: Path, out: Path, options: RegressionOptions, tell: Tell | None = None
) -> RegressionReport:
    """Train on the corpus in ``folder`` and write the best weights to ``out``.

    Raises ``TrainingError`` when the corpus can't be read. Clips, identities and augmentation are drawn as
    for the model itself.
    """
    if options.minutes <= 0:
        raise TrainingError("--minutes must be more than 0.")
    torch.manual_seed(options.seed)
    source = CorpusClips(folder, "train", (0, 0))
    regression = Regression(source.mel_settings.bands, space_of(source.faces.template))
    source.context = regression.context
    valid = _validation(folder, regression, options)
    first = [_batch(source, options, step).motion.flatten(0, 1) for step in range(options.validation_batches)]
    regression.begin_with(torch.cat(first))
    report = _descend(regression, source, valid, options, tell or (lambda step, loss: None))
    regression.save(out, {"corpus": folder.name, "steps": str(report.steps), "loss": f"{report.loss:.4f}"})
    return report


def _descend(
    regression: Regression, source: CorpusClips, valid: list[Batch], options: RegressionOptions, tell: Tell
) -> RegressionReport:
    optimiser = torch.optim.Adam(regression.parameters(), lr=options.learning_rate)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser, patience=options.patience // 2, factor=0.5
    )
    best, kept, waited, step = float("inf"), copy.deepcopy(regression.state_dict()), 0, 0
    until = time.monotonic() + 60 * options.minutes
    while waited < options.patience and time.monotonic() < until:
        for _ in range(options.every):
            loss = _loss(regression, _batch(source, options, step))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            step += 1
            if time.monotonic() > until:
                break
        found = _validate(regression, valid)
        schedule.step(found)
        tell(step, found)
        waited = 0 if found < best else waited + 1
        if found < best:
            best, kept = found, copy.deepcopy(regression.state_dict())
    regression.load_state_dict(kept)
    return RegressionReport(step, best, waited >= options.patience)


def _batch(source: CorpusClips, options: RegressionOptions, step: int) -> Batch:
    settings = BatchSettings(options.batch, options.frames, margin=0)
    seed = (options.seed, 3, step)
    return draw_batch(source, settings, seed, source.mel_settings, Augmentation())


def _validation(folder: Path, regression: Regression, options: RegressionOptions) -> list[Batch]:
    source = CorpusClips(folder, "validation", regression.context)
    settings = BatchSettings(options.batch, 2 * options.frames, margin=0)
    steps = range(options.validation_batches)
    return [draw_batch(source, settings, (options.seed, 4, step), source.mel_settings) for step in steps]


def _loss(regression: Regression, batch: Batch) -> Tensor:
    return voca_loss(regression(batch.mel, regression.identity(batch.rest)), batch.motion)


@torch.no_grad()
def _validate(regression: Regression, batches: list[Batch]) -> float:
    return sum(float(_loss(regression, batch)) for batch in batches) / len(batches)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--corpus", type=Path, default=Path("build/corpus"), help="corpus folder (%(default)s)"
    )
    parser.add_argument("--out", type=Path, required=True, help="file to write (.safetensors)")
    minutes = RegressionOptions.minutes
    parser.add_argument("--minutes", type=float, default=minutes, help="at most so long (%(default)g)")


def run(options: argparse.Namespace) -> int:
    """Train, and tell how it ended."""

    def tell(step: int, loss: float) -> None:
        sys.stdout.write(f"step {step}: validation {loss:.3f} mm²\n")
        sys.stdout.flush()

    report = train_regression(options.corpus, options.out, RegressionOptions(options.minutes), tell)
    end = "converged" if report.converged else "out of time"
    sys.stdout.write(f"{options.out}: {report.steps} steps, {report.loss:.3f} mm², {end}\n")
    return 0
