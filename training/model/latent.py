# SPDX-License-Identifier: GPL-3.0-or-later
"""The categorical latent: straight-through Gumbel-softmax (section 3.1)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SMALLEST = 1e-9


def gumbel_like(logits: Tensor) -> Tensor:
    """Standard Gumbel noise of the logits' shape."""
    uniform = torch.rand_like(logits).clamp(SMALLEST, 1.0 - 1e-7)
    return -torch.log(-torch.log(uniform))


def straight_through(logits: Tensor, temperature: float, noise: float = 1.0) -> Tensor:
    """One-hot samples ``(..., C)`` whose gradient is that of the softmax at ``temperature``.

    ``noise`` scales the Gumbel noise: 1 samples the categories, 0 takes the likeliest.
    """
    noisy = logits + noise * gumbel_like(logits) if noise > 0 else logits
    soft = torch.softmax(noisy / temperature, -1)
    hard = one_hot(soft.argmax(-1), soft.shape[-1])
    return hard + (soft - soft.detach())


def one_hot(labels: Tensor, categories: int) -> Tensor:
    """Labels ``(..., H)`` -> float one-hot codes ``(..., H, C)``."""
    return F.one_hot(labels, categories).float()
