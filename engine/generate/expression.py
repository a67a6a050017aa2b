# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeing: from a performance that is there to labels, for dubbing and retargeting (paper, sections 3.1 and
5)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ..bundle import Bundle
from ..errors import OptionError
from ..progress import QUIET, Stage

Float32 = NDArray[np.float32]


def encode_expression(bundle: Bundle, displacement: Float32, stage: Stage = QUIET) -> Float32:
    """Expression codes ``(T, expression_code)`` of a performance: ``displacement`` (T, V, 3), animated minus
    rest, in normalised template space, metres, at the model's rate."""
    size = bundle.card.block_frames
    parts = (displacement[first : first + size] for first in range(0, len(displacement), size))
    return encode_blocks(bundle, parts, len(displacement), stage)


def encode_blocks(bundle: Bundle, blocks: Iterable[Float32], frames: int, stage: Stage = QUIET) -> Float32:
    """The same of a performance that comes in blocks (n, V, 3) of the card's ``block_frames`` each, the last
    one shorter; ``frames`` in all."""
    card, first = bundle.card, 0
    codes = np.empty((frames, card.expression_code), np.float32)
    state = np.zeros((1, card.expression_state), np.float32)
    for block in blocks:
        if block.ndim != 3 or block.shape[1:] != (card.vertices, 3):
            raise OptionError(f"The displacement must have shape (T, {card.vertices}, 3), not {block.shape}.")
        stage.at(first, frames)
        inputs = {"displacement": padded(block, card.block_frames), "state": state}
        out = bundle.run("expression_encoder", inputs)
        state = out["state_out"]
        codes[first : first + len(block)] = out["expression_code"][0, : len(block)]
        first += len(block)
    return codes


def fuse(bundle: Bundle, audio_code: Float32, expression_code: Float32, stage: Stage = QUIET) -> Float32:
    """Logits ``(T, heads, categories)`` of the latent for what is heard (T, audio_code) and seen (T,
    expression_code); the labels of a performance are their argmax."""
    card = bundle.card
    if len(audio_code) != len(expression_code):
        raise OptionError(
            f"There are {len(audio_code)} frames of sound and {len(expression_code)} of expression."
        )
    logits = np.empty((len(audio_code), card.heads, card.categories), np.float32)
    for first in range(0, len(audio_code), card.block_frames):
        stage.at(first, len(audio_code))
        block = slice(first, first + card.block_frames)
        inputs = {
            "audio_code": padded(audio_code[block], card.block_frames),
            "expression_code": padded(expression_code[block], card.block_frames),
        }
        logits[block] = bundle.run("fusion", inputs)["logits"][0, : len(audio_code) - first]
    return logits


def padded(block: Float32, frames: int) -> Float32:
    """A block ``(n, …)`` as ``(1, frames, …)`` float32, zeros behind it."""
    out = np.zeros((1, frames, *block.shape[1:]), np.float32)
    out[0, : len(block)] = block
    return out
