# SPDX-License-Identifier: GPL-3.0-or-later
"""The VOCA-style regression that the model is compared with (Cudeiro et al., CVPR 2019, section 4).

As published: one window of features a video frame, four convolutions over time, two fully connected layers
and a linear layer that begins as the motion's principal components. What differs, and why:

- Features are the three mel frames of each video frame, where VOCA has DeepSpeech's letters: both methods
  then hear the same.
- The window is VOCA's 16 frames, at 30 instead of 60 fps: 533 ms, twice VOCA's.
- In place of the one-hot speaker stand the rest shape's identity coefficients. VOCA's speakers are also its
  faces, with a style each; here every clip draws its own style, so a speaker would tell nothing, whereas the
  face's size scales its motion, and our decoder knows it too.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.template import Template
from training.errors import TrainingError
from training.model.settings import MEL_PER_FRAME

Floats = NDArray[np.float32]

WINDOW = 16
"""Video frames of one window, half of them before the frame that it is for."""
CHANNELS = (32, 32, 64, 64)
HIDDEN, COMPONENTS = 128, 50
SPACE = {
    "mean": "rest",
    "identity_basis": "identity_basis",
    "identity_std": "identity_std",
    "motion_basis": "motion_basis",
}
"""What the regression keeps of the template, by the template's own names."""


class Regression(nn.Module):
    """From mel features to motion; ``space`` is what it needs of the template (see ``space_of``)."""

    mean: Tensor
    identity_basis: Tensor
    identity_std: Tensor
    motion_basis: Tensor

    def __init__(self, bands: int, space: dict[str, Tensor]) -> None:
        super().__init__()
        for name, value in space.items():
            self.register_buffer(name, value)
        widths = (bands * MEL_PER_FRAME, *CHANNELS)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, 3, stride=2, padding=1)
            for before, after in zip(widths[:-1], widths[1:], strict=True)
        )
        self.hidden = nn.Linear(CHANNELS[-1] + len(space["identity_basis"]), HIDDEN)
        self.bottleneck = nn.Linear(HIDDEN, COMPONENTS)
        self.components = nn.Linear(COMPONENTS, len(space["motion_basis"]))

    @property
    def context(self) -> tuple[int, int]:
        """Mel frames that it needs before the first and after the last video frame."""
        return MEL_PER_FRAME * (WINDOW // 2), MEL_PER_FRAME * (WINDOW // 2 - 1)

    def forward(self, mel: Tensor, identity: Tensor) -> Tensor:
        """Motion coefficients ``(B, T, Km)`` in metres of features ``(B, before + 3T + after, bands)`` and
        identity coefficients ``(B, Ki)``."""
        frames = mel.unflatten(1, (-1, MEL_PER_FRAME)).flatten(2)
        windows = frames.unfold(1, WINDOW, 1)
        x = windows.flatten(0, 1)
        for convolution in self.convolutions:
            x = F.relu(convolution(x))
        x = x.flatten(1).unflatten(0, windows.shape[:2])
        known = identity[:, None].expand(-1, x.shape[1], -1)
        x = torch.tanh(self.hidden(torch.cat([x, known], -1)))
        return self.components(self.bottleneck(x))

    def identity(self, rest: Tensor) -> Tensor:
        """Identity coefficients ``(B, Ki)`` at about unit size of rests ``(B, V, 3)`` in metres."""
        return (rest - self.mean).flatten(1) @ self.identity_basis.flatten(1).T / self.identity_std

    @torch.no_grad()
    def motion(self, mel: Floats, rest: Floats | None = None) -> Floats:
        """Displacements ``(T, V, 3)`` in metres of features ``(before + 3T + after, bands)`` on a head of
        ``rest (V, 3)``, or on the mean template."""
        before, after = self.context
        if len(mel) <= before + after or (len(mel) - before - after) % MEL_PER_FRAME:
            raise TrainingError(
                f"The regression takes {before} + 3 x frames + {after} mel frames, not {len(mel)}."
            )
        shape = self.mean if rest is None else torch.from_numpy(np.asarray(rest, np.float32))
        codes = self(torch.from_numpy(np.asarray(mel, np.float32))[None], self.identity(shape[None]))[0]
        return (codes @ self.motion_basis.flatten(1)).unflatten(-1, (-1, 3)).numpy()

    def begin_with(self, motion: Tensor) -> None:
        """Set the last layer to the mean and the principal components of coefficients ``(N, Km)``, each as
        large as its spread."""
        mean = motion.mean(0)
        _, spread, directions = torch.linalg.svd(motion - mean, full_matrices=False)
        count = min(COMPONENTS, len(spread))
        with torch.no_grad():
            self.components.bias.copy_(mean)
            self.components.weight.zero_()
            scaled = spread[:count, None] / np.sqrt(len(motion)) * directions[:count]
            self.components.weight[:, :count].copy_(scaled.T)

    def save(self, path: Path, notes: dict[str, str]) -> None:
        """Write weights and bases, whole or not at all."""
        partial = path.with_suffix(".partial")
        tensors = {name: value.detach().contiguous() for name, value in self.state_dict().items()}
        save_file(tensors, partial, metadata={"regression": json.dumps(notes)})
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Regression:
        """What ``save`` wrote; raises ``TrainingError`` for anything else."""
        try:
            with safe_open(path, framework="pt") as file:
                if "regression" not in (file.metadata() or {}):
                    raise TrainingError(f"{path} holds no regression; train one with --out.")
                tensors = {name: file.get_tensor(name) for name in file.keys()}
            space = {
                name: tensors[name] for name in ("mean", "identity_basis", "identity_std", "motion_basis")
            }
            bands = tensors["convolutions.0.weight"].shape[1] // MEL_PER_FRAME
            regression = cls(bands, space)
            regression.load_state_dict(tensors)
        except (OSError, SafetensorError, KeyError, RuntimeError) as error:
            raise TrainingError(f"The regression {path} can't be read; train it again.") from error
        return regression.eval()


def space_of(template: Template) -> dict[str, Tensor]:
    """Mean rest ``(V, 3)``, identity basis and spread, motion basis: the regression's share of the
    template."""
    return {name: torch.from_numpy(np.array(getattr(template, own))) for name, own in SPACE.items()}


def voca_loss(predicted: Tensor, true: Tensor, velocity: float = 10.0) -> Tensor:
    """Position plus ``velocity`` times the step from frame to frame, as VOCA weighs them (equations 1 and 2).

    Coefficients ``(B, T, Km)`` in metres of an orthonormal basis: their squared distance is that of all
    vertices together. The unit is mm².
    """
    position = (predicted - true).square().sum(-1).mean()
    steps = (predicted.diff(dim=1) - true.diff(dim=1)).square().sum(-1).mean()
    return 1e6 * (position + velocity * steps)
