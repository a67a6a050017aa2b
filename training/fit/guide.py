# SPDX-License-Identifier: GPL-3.0-or-later
"""What the heads are asked for at first: the principal components of the face's motion, a head each.

A categorical latent that starts at random finds large, sudden motion (blinks, jaws) and may never find brows
and eyes: their gradient is small and passes sampled categories (measured: after 25 minutes not one head told
brows apart). So training begins with labels to copy. Heads that only hear take the components of the mouth,
the others those of the upper face; every component is cut into as many equal steps as a head has categories.
The guidance fades, and the losses of section 3.2 have the heads for themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training.model.settings import ModelSettings
from training.model.space import VertexSpace

HEARD_REGIONS = {"mouth": 1.0, "lips": 1.0}
SEEN_REGIONS = {"upper": 1.0, "eyelids": 1.0, "brows": 1.0, "gaze": 0.5}
"""Regions whose motion the components explain, and how much each counts, as shares of its own variance."""

ROWS = 4096
"""Frames at most from which components are computed; steps are laid over all frames."""

OUTSIDE = 0.001
"""Share of frames at each end that falls into the outermost steps."""

BLUR = 1.0
"""Standard deviation, in steps, of the target that a neighbouring step may share."""


@dataclass(frozen=True, eq=False)
class Guide:
    """``axes (motion_size, H)`` and ``centre (motion_size,)`` make scores of motion vectors in metres,
    ``edges (H, C - 1)`` cut them into labels, ``blurred (C, C)`` are the target's chances for every label.
    """

    axes: Tensor
    centre: Tensor
    edges: Tensor
    blurred: Tensor

    def labels(self, vector: Tensor) -> Tensor:
        """Motion vectors ``(B, T, motion_size)`` -> labels ``(B, T, H)`` int64."""
        scores = ((vector - self.centre) @ self.axes).permute(2, 0, 1).flatten(1).contiguous()
        found = torch.searchsorted(self.edges, scores)
        return found.T.unflatten(0, vector.shape[:2]).contiguous()

    def loss(self, logits: Tensor, vector: Tensor) -> Tensor:
        """Mean cross entropy (nats a label) of logits ``(B, T, H, C)`` against the blurred labels."""
        chances = torch.log_softmax(logits, -1)
        return -(self.blurred[self.labels(vector)] * chances).sum(-1).mean()


def learn_guide(space: VertexSpace, settings: ModelSettings, vectors: Tensor) -> Guide:
    """The guide for motion like ``vectors (N, motion_size)``; the space's statistics must be set."""
    centre = vectors.mean(0)
    offsets = vectors - centre
    heard = principal_axes(space, HEARD_REGIONS, offsets, settings.audio_heads)
    seen = principal_axes(space, SEEN_REGIONS, offsets, settings.heads - settings.audio_heads)
    axes = torch.cat([heard, seen], 1)
    scores = (offsets @ axes).double().sort(0).values
    low, high = (scores[round(share * (len(scores) - 1))] for share in (OUTSIDE, 1 - OUTSIDE))
    parts = torch.linspace(0, 1, settings.categories + 1, dtype=torch.float64, device=scores.device)[1:-1]
    edges = low[:, None] + (high - low)[:, None] * parts
    steps = torch.arange(settings.categories, device=vectors.device)
    blurred = torch.softmax(-0.5 * ((steps[:, None] - steps) / BLUR).square(), -1)
    return Guide(axes, centre, edges.float().contiguous(), blurred)


def principal_axes(space: VertexSpace, regions: dict[str, float], offsets: Tensor, count: int) -> Tensor:
    """Directions ``(motion_size, count)`` whose scores are the principal components of ``offsets (N,
    motion_size)`` in the regions' vertex metric.

    Heads beyond the last component that moves share the components once more.
    """
    root = _root(space, regions)
    some = torch.linspace(0, len(offsets) - 1, min(ROWS, len(offsets)), device=offsets.device).long()
    seen = offsets[some].double()
    weighed = seen @ root if root.dim() == 2 else seen * root
    _, strength, directions = torch.linalg.svd(weighed, full_matrices=False)
    moving = max(1, int((strength > 1e-6 * strength[0]).sum()))
    directions = directions[torch.arange(count, device=offsets.device) % moving].T
    return (root @ directions if root.dim() == 2 else root[:, None] * directions).float()


def _root(space: VertexSpace, regions: dict[str, float]) -> Tensor:
    """A square root of the regions' summed quadratic form: ``(motion_size, motion_size)`` at low rank, its
    diagonal at full rank.
    """
    forms = [
        weight * getattr(space, f"form_{name}").double() / space.variance(name).double()
        for name, weight in regions.items()
    ]
    form = torch.stack(forms).sum(0)
    if form.dim() == 1:
        return form.sqrt()
    values, vectors = torch.linalg.eigh(form)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T
