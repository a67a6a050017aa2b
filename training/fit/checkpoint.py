# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints as safetensors files (no pickle): weights, optimiser and where the schedule stands."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from training.errors import TrainingError

MODEL, OPTIMISER = "model.", "optimiser."


@dataclass
class Progress:
    """Steps done and seconds spent in a stage, over all sessions; ``done`` once its schedule has ended."""

    step: int = 0
    seconds: float = 0.0
    done: bool = False


def save_checkpoint(
    path: Path, model: nn.Module, optimiser: torch.optim.Optimizer | None, progress: Progress
) -> None:
    """Write a checkpoint, whole or not at all."""
    tensors = {MODEL + name: value.detach().contiguous().cpu() for name, value in model.state_dict().items()}
    if optimiser is not None:
        for index, values in optimiser.state_dict()["state"].items():
            for name, value in values.items():
                tensors[f"{OPTIMISER}{index}.{name}"] = torch.as_tensor(value).detach().contiguous().cpu()
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata={"progress": json.dumps(asdict(progress))})
    partial.replace(path)


def load_checkpoint(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer | None = None) -> Progress:
    """Load what ``save_checkpoint`` wrote into model and optimiser; raises ``TrainingError`` if it doesn't
    fit.
    """
    tensors, progress = _read(path)
    weights = {name[len(MODEL) :]: value for name, value in tensors.items() if name.startswith(MODEL)}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise TrainingError(
            f"The checkpoint {path} was trained with other sizes; take its own preset or another folder."
        ) from error
    if optimiser is not None:
        _load_optimiser(tensors, optimiser)
    return progress


def adopt_weights(path: Path, model: nn.Module) -> None:
    """Take a checkpoint's weights as far as they fit; a layer that it doesn't have keeps its own.

    Raises ``TrainingError`` when there is no readable checkpoint.
    """
    tensors, _ = _read(path)
    own = model.state_dict()
    found = {name: tensors.get(MODEL + name) for name in own}
    fitting = {
        name: value for name, value in found.items() if value is not None and value.shape == own[name].shape
    }
    model.load_state_dict(own | fitting)


def _read(path: Path) -> tuple[dict[str, Tensor], Progress]:
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        return tensors, Progress(**json.loads(metadata["progress"]))
    except FileNotFoundError as error:
        raise TrainingError(f"There is no checkpoint {path}; train first.") from error
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        raise TrainingError(
            f"The checkpoint {path} is damaged ({error}); delete it and train again."
        ) from error


def _load_optimiser(tensors: dict[str, Tensor], optimiser: torch.optim.Optimizer) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith(OPTIMISER):
            index, entry = name[len(OPTIMISER) :].split(".", 1)
            state.setdefault(int(index), {})[entry] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
