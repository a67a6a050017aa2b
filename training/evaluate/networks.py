# SPDX-License-Identifier: GPL-3.0-or-later
"""One view of a model for all measurements, whether it is a bundle on onnxruntime or a run in torch."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from engine.bundle import Bundle
from engine.generate.expression import encode_expression, fuse
from engine.template import Template
from training.data.clip import Clip
from training.model.meshtalk import MeshTalk
from training.model.settings import MEL_PER_FRAME

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


class Networks(Protocol):
    """The encoders, the fusion and the decoder on whole clips."""

    def audio_code(self, clip: Clip) -> Floats:
        """``(T, code)``."""
        ...

    def expression_code(self, clip: Clip) -> Floats:
        """``(T, code)``."""
        ...

    def labels(self, audio_code: Floats, expression_code: Floats) -> Labels:
        """The likeliest labels ``(T, H)``."""
        ...

    def decode(self, rest: Floats, labels: Labels) -> Floats:
        """Displacements ``(T, V, 3)`` from ``rest (V, 3)``, metres."""
        ...


class BundleNetworks:
    """A bundle, computed as users get it. ``template`` is that of the clips, if not the bundle's: a renewed
    bundle has another basis of motion than the corpus that it learnt from."""

    def __init__(self, bundle: Bundle, template: Template | None = None) -> None:
        self.bundle = bundle
        self._basis = motion_rows(template or bundle.template)

    def audio_code(self, clip: Clip) -> Floats:
        """As ``Networks`` says, block by block, silence behind the clip's end."""
        card = self.bundle.card
        before, after = card.audio_context
        frames = (len(clip.mel) - before - after) // MEL_PER_FRAME
        blocks = -(-frames // card.block_frames)
        size = before + MEL_PER_FRAME * blocks * card.block_frames + after
        mel = np.concatenate([clip.mel, np.repeat(clip.mel[-1:], size - len(clip.mel), 0)])
        step = MEL_PER_FRAME * card.block_frames
        codes = [
            self.bundle.run("audio_encoder", {"mel": mel[None, first : first + before + step + after]})[
                "audio_code"
            ][0]
            for first in range(0, blocks * step, step)
        ]
        return np.concatenate(codes)[:frames]

    def expression_code(self, clip: Clip) -> Floats:
        """As ``Networks`` says."""
        return encode_expression(self.bundle, true_displacement(clip, self._basis))

    def labels(self, audio_code: Floats, expression_code: Floats) -> Labels:
        """As ``Networks`` says."""
        return fuse(self.bundle, audio_code, expression_code).argmax(-1)

    def decode(self, rest: Floats, labels: Labels) -> Floats:
        """As ``Networks`` says."""
        card = self.bundle.card
        state = np.zeros((1, card.decoder_state), np.float32)
        parts = []
        for first in range(0, len(labels), card.block_frames):
            block = labels[first : first + card.block_frames]
            padded = np.zeros((1, card.block_frames, card.heads), np.int64)
            padded[0, : len(block)] = block
            out = self.bundle.run("decoder", {"rest": rest[None], "labels": padded, "state": state})
            state = out["state_out"]
            parts.append(out["vertices"][0, : len(block)] - rest)
        return np.concatenate(parts)


class TorchNetworks:
    """The first stage of a run."""

    def __init__(self, model: MeshTalk) -> None:
        self.model = model.cpu().eval()

    @torch.no_grad()
    def audio_code(self, clip: Clip) -> Floats:
        """As ``Networks`` says."""
        return self.model.audio_encoder(torch.from_numpy(clip.mel)[None])[0].numpy()

    @torch.no_grad()
    def expression_code(self, clip: Clip) -> Floats:
        """As ``Networks`` says."""
        return self.model.encode_motion(self.model.space.motion_vector(torch.from_numpy(clip.motion)[None]))[
            0
        ].numpy()

    @torch.no_grad()
    def labels(self, audio_code: Floats, expression_code: Floats) -> Labels:
        """As ``Networks`` says."""
        return (
            self.model.fusion(torch.from_numpy(audio_code), torch.from_numpy(expression_code))
            .argmax(-1)
            .numpy()
        )

    @torch.no_grad()
    def decode(self, rest: Floats, labels: Labels) -> Floats:
        """As ``Networks`` says."""
        space = self.model.space
        vector = self.model.decode_labels(
            space.rest_vector(torch.from_numpy(rest)[None]), torch.from_numpy(labels.astype(np.int64))[None]
        )
        return space.displacement(vector)[0].numpy()


def motion_rows(template: Template) -> Floats:
    """The template's basis of motion ``(Km, V·3)``."""
    return template.motion_basis.reshape(len(template.motion_basis), -1)


def true_displacement(clip: Clip, basis: Floats) -> Floats:
    """The clip's motion as displacements ``(T, V, 3)``; ``basis (Km, V·3)``."""
    if clip.motion.ndim == 3:
        return clip.motion
    return (clip.motion @ basis).reshape(len(clip.motion), -1, 3)
