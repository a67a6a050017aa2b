# SPDX-License-Identifier: GPL-3.0-or-later
"""Hearing: from 16 kHz samples to one audio code a frame (paper, section 3.1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..audio.features import MelSettings, clip_gain, log_mel, silence
from ..bundle import Bundle
from ..bundle.runtime import CPU
from ..parallel import in_threads
from ..progress import QUIET, Stage

Float32 = NDArray[np.float32]


def encode_audio(bundle: Bundle, samples: Float32, frames: int, stage: Stage = QUIET) -> Float32:
    """Audio codes ``(frames, audio_code)`` of 16 kHz ``samples`` (N,).

    The encoder looks at blocks of fixed size, each with its real context, so the codes don't depend on the
    cut.
    """
    card = bundle.card
    before, after = card.audio_context
    per_block = card.mel.per_frame * card.block_frames
    gain = clip_gain(samples, card.mel)
    codes = np.empty((frames, card.audio_code), np.float32)
    firsts = range(0, frames, card.block_frames)

    def hear(block: int) -> None:
        first = firsts[block]
        stage.at(first, frames)
        mel = padded_mel(
            samples, card.mel.per_frame * first - before, before + per_block + after, frames, card.mel, gain
        )
        code = bundle.run("audio_encoder", {"mel": mel[None]})["audio_code"][0]
        codes[first : first + card.block_frames] = code[: frames - first]

    in_threads(hear, range(len(firsts)), bundle.threads if bundle.providers == (CPU,) else 1)
    stage.at(frames, frames)
    return codes


def padded_mel(
    samples: Float32, first: int, count: int, frames: int, settings: MelSettings, gain: float
) -> Float32:
    """Features ``(count, bands)`` from mel frame ``first`` on, those of silence outside the clip's
    ``frames``.

    Training pads its clips with the features of silence too.
    """
    mel = log_mel(samples, first, count, settings, gain)
    at = np.arange(first, first + count)
    mel[(at < 0) | (at >= settings.per_frame * frames)] = silence(settings)
    return mel
