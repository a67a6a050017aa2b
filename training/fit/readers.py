# SPDX-License-Identifier: GPL-3.0-or-later
"""The two readers of the audio code fitted to an encoder that hears already, as one from a bundle does.

Fresh ones would send it a gradient of noise for the first minute and spoil what it knows.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.data.batches import IGNORED, Batch
from training.model.meshtalk import MeshTalk

RIDGE = 1e-4
"""Part of the codes' variance that is added to it."""
STEPS, SAMPLES, RATE = 400, 2048, 2e-2


@torch.no_grad()
def fit_readers(model: MeshTalk, batches: Sequence[Batch]) -> None:
    """Fit ``readout`` by least squares and ``phoneme_head`` by gradient descent on what ``batches`` sound
    like; either may be missing."""
    model.eval()
    codes = torch.cat([model.audio_encoder(batch.mel).flatten(0, 1) for batch in batches])
    if model.readout is not None:
        motion = [model.space.motion_vector(batch.motion).flatten(0, 1) for batch in batches]
        _least_squares(model.readout, codes, torch.cat(motion) / model.space.motion_scale)
    if model.phoneme_head is not None:
        phonemes = torch.cat([batch.phonemes.flatten() for batch in batches])
        known = phonemes != IGNORED
        if bool(known.any()):
            with torch.enable_grad():
                _classify(model.phoneme_head, codes[known], phonemes[known])


def _least_squares(layer: nn.Linear, codes: Tensor, wanted: Tensor) -> None:
    mean, target = codes.mean(0), wanted.mean(0)
    centred = (codes - mean).double()
    square = centred.T @ centred
    square += (
        RIDGE * square.diagonal().mean() * torch.eye(len(square), dtype=square.dtype, device=square.device)
    )
    weight = torch.linalg.solve(square, centred.T @ (wanted - target).double()).T.float()
    layer.weight.copy_(weight)
    layer.bias.copy_(target - weight @ mean)


def _classify(layer: nn.Linear, codes: Tensor, phonemes: Tensor) -> None:
    """Learns on codes of unit size, whose scale is then moved into the layer."""
    mean, size = codes.mean(0), codes.std(0) + 1e-6
    codes = (codes - mean) / size
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    optimiser = torch.optim.Adam(layer.parameters(), lr=RATE)
    generator = torch.Generator().manual_seed(0)
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 - step / STEPS)
        rows = torch.randint(len(codes), (SAMPLES,), generator=generator).to(codes.device)
        optimiser.zero_grad()
        F.cross_entropy(layer(codes[rows]), phonemes[rows]).backward()
        optimiser.step()
    with torch.no_grad():
        layer.weight.div_(size)
        layer.bias.sub_(layer.weight @ mean)
