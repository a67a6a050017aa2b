# SPDX-License-Identifier: GPL-3.0-or-later
"""The training loop that both stages share: schedule, steps, curves, checkpoints and resumption."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from training.errors import TrainingError
from training.fit.checkpoint import Progress, load_checkpoint, save_checkpoint
from training.fit.preset import StageSettings

REPORT_SECONDS = 5.0
SMOOTHING = 0.98


class Reporter(Protocol):
    """Hears how training goes; ``training.fit.report`` shows it on the terminal and in TensorBoard."""

    def scalars(self, stage: str, step: int, values: dict[str, float]) -> None:
        """Values of one moment."""
        ...

    def progress(self, stage: str, fraction: float, step: int, rate: float, left: float, loss: float) -> None:
        """Where a stage stands: share done, steps done, steps a second, seconds left, the smoothed loss."""
        ...


@dataclass(frozen=True)
class Stage:
    """One stage to train: ``loss(step, fraction)`` gives the loss and its parts, ``validate()`` figures to
    plot. ``trained`` are parameters that were trained before, and learn at ``trained_rate`` times the rate.
    """

    name: str
    model: nn.Module
    parameters: tuple[nn.Parameter, ...]
    loss: Callable[[int, float], tuple[Tensor, dict[str, Tensor]]]
    validate: Callable[[], dict[str, float]]
    settings: StageSettings
    seed: int
    trained: tuple[nn.Parameter, ...] = ()
    trained_rate: float = 1.0

    def optimiser(self) -> torch.optim.Adam:
        """Adam with a group of each kind of parameters; ``share`` is the group's part of the rate."""
        before = {id(parameter) for parameter in self.trained}
        fresh = [parameter for parameter in self.parameters if id(parameter) not in before]
        groups = [{"params": fresh, "share": 1.0}]
        if self.trained:
            groups.append({"params": list(self.trained), "share": self.trained_rate})
        return torch.optim.Adam(groups, lr=self.settings.learning_rate)


def learning_rate(settings: StageSettings, fraction: float) -> float:
    """The rate when ``fraction`` of the schedule is done: a linear rise, then a half cosine."""
    rise = min(1.0, (fraction + 1e-3) / max(settings.warm_up, 1e-3))
    fall = settings.final_rate + (1 - settings.final_rate) * 0.5 * (
        1 + math.cos(math.pi * min(fraction, 1.0))
    )
    return settings.learning_rate * rise * fall


def fraction_done(settings: StageSettings, progress: Progress) -> float:
    """Share of the schedule behind us, by steps where they are set, else by time."""
    if settings.steps > 0:
        return min(1.0, progress.step / settings.steps)
    return min(1.0, progress.seconds / (60.0 * max(settings.minutes, 1e-3)))


def run_stage(stage: Stage, checkpoint: Path, reporter: Reporter, resume: bool) -> Progress:
    """Train a stage to the end of its schedule, from its checkpoint if ``resume`` and there is one.

    Everything random is drawn from the seed and the step's number, so with ``steps`` set a resumed run ends
    with the very weights of an uninterrupted one.
    """
    optimiser = stage.optimiser()
    progress = Progress()
    if resume and checkpoint.is_file():
        progress = load_checkpoint(checkpoint, stage.model, optimiser)
    if not progress.done:
        _steps(stage, optimiser, progress, checkpoint, reporter)
        progress.done = True
        save_checkpoint(checkpoint, stage.model, None, progress)
    return progress


def _steps(
    stage: Stage, optimiser: torch.optim.Optimizer, progress: Progress, checkpoint: Path, reporter: Reporter
) -> None:
    settings = stage.settings
    clock = _Clock(progress.seconds)
    saved = reported = validated = progress.seconds
    smooth, first = 0.0, progress.step
    while (fraction := fraction_done(settings, progress)) < 1.0:
        loss, parts = _step(stage, optimiser, progress.step, fraction)
        progress.step += 1
        progress.seconds = clock.now()
        value = float(loss)
        if not math.isfinite(value):
            raise TrainingError(
                f"The loss of {stage.name} is no longer finite; lower its learning_rate and resume."
            )
        weight = max(1 - SMOOTHING, 1 / (progress.step - first))
        smooth += weight * (value - smooth)
        if progress.seconds - reported >= REPORT_SECONDS or fraction_done(settings, progress) >= 1.0:
            reported = progress.seconds
            reporter.scalars(stage.name, progress.step, {"loss": value, **_floats(parts)})
            _report(stage, progress, reporter, smooth)
        if progress.seconds - validated >= settings.validation_seconds:
            validated = progress.seconds
            reporter.scalars(stage.name, progress.step, stage.validate())
        if progress.seconds - saved >= settings.checkpoint_seconds:
            saved = progress.seconds
            save_checkpoint(checkpoint, stage.model, optimiser, progress)
    reporter.scalars(stage.name, progress.step, stage.validate())


def _step(
    stage: Stage, optimiser: torch.optim.Optimizer, step: int, fraction: float
) -> tuple[Tensor, dict[str, Tensor]]:
    torch.manual_seed(stage.seed * 1_000_003 + step)
    stage.model.train()
    for group in optimiser.param_groups:
        group["lr"] = group["share"] * learning_rate(stage.settings, fraction)
    optimiser.zero_grad(set_to_none=True)
    loss, parts = stage.loss(step, fraction)
    loss.backward()
    nn.utils.clip_grad_norm_(stage.parameters, stage.settings.clip_gradient)
    optimiser.step()
    return loss.detach(), parts


def _report(stage: Stage, progress: Progress, reporter: Reporter, loss: float) -> None:
    rate = progress.step / max(progress.seconds, 1e-6)
    settings = stage.settings
    if settings.steps > 0:
        left = (settings.steps - progress.step) / max(rate, 1e-9)
    else:
        left = 60.0 * settings.minutes - progress.seconds
    reporter.progress(
        stage.name, fraction_done(settings, progress), progress.step, rate, max(left, 0.0), loss
    )


def _floats(parts: dict[str, Tensor]) -> dict[str, float]:
    return {name: float(value) for name, value in parts.items()}


class _Clock:
    """Seconds spent, counted on from those of earlier sessions."""

    def __init__(self, before: float) -> None:
        self._start = time.monotonic() - before

    def now(self) -> float:
        return time.monotonic() - self._start


def parameters(modules: Iterable[nn.Module]) -> tuple[nn.Parameter, ...]:
    """All trainable parameters of some modules."""
    return tuple(
        parameter for module in modules for parameter in module.parameters() if parameter.requires_grad
    )
