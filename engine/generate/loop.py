# SPDX-License-Identifier: GPL-3.0-or-later
"""Samplers: the whole loop in one graph where the model is known, else one call of its step graph a frame."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..bundle import Bundle
from ..bundle.fast import LoopGraph
from ..bundle.loop_graph import CHUNK
from ..bundle.sampler_weights import DILATIONS

Float32 = NDArray[np.float32]
Labels = NDArray[np.int16]

FORCED = np.float32(1e30)
"""Noise that decides a label whatever its logit is."""


class Sampler(Protocol):
    """Samples some lanes frame after frame, each call from where the one before ended."""

    def run(self, audio_code: Float32, noise: Float32 | None, forced: Labels | None = None) -> Labels:
        """Labels ``(lanes, n, H)`` for audio codes ``(n, code)`` and noise ``(lanes, n, H, C)`` (None for
        none). ``forced`` (n, H) gives labels to keep, −1 where to sample."""
        ...


def open_sampler(bundle: Bundle, lanes: int) -> Sampler:
    """A sampler for so many lanes, at the beginning of a sound."""
    loop = bundle.loop()
    return StepSampler(bundle, lanes) if loop is None else LoopSampler(bundle, loop, lanes)


class LoopSampler:
    """All frames of a call in one run of the loop graph (`bundle/loop_graph.py`).

    The graph takes whole chunks; what is left over at the end of a call is sampled too and thrown away, so
    every call but the last must bring a multiple of ``CHUNK`` frames.
    """

    def __init__(self, bundle: Bundle, loop: LoopGraph, lanes: int) -> None:
        card = bundle.card
        self._session, self._lanes = loop.session, lanes
        self._heads, self._heard, self._classes = card.heads, loop.audio_heads, card.categories
        self._bias = loop.bias[:, None]
        nothing = card.heads * card.categories  # the row of the label table that is 0
        self._ended = False
        self._state: dict[str, NDArray[Any]] = {"last": np.full((card.heads, lanes), nothing, np.int64)}
        for index in (1, 2, 3):
            self._state[f"past{index}"] = np.zeros((DILATIONS[index], lanes, loop.width), np.float32)

    def run(self, audio_code: Float32, noise: Float32 | None, forced: Labels | None = None) -> Labels:
        if self._ended:
            raise ValueError(f"only the last call may bring other than a multiple of {CHUNK} frames")
        frames = len(audio_code)
        whole = -(-frames // CHUNK) * CHUNK
        self._ended = whole > frames
        code = np.zeros((whole, audio_code.shape[1]), np.float32)
        code[:frames] = audio_code
        heard, own = self._noise(whole, noise, forced)
        inputs = {"audio_code": code, "noise": own.reshape(whole, -1, self._classes), **self._state}
        if self._heard:
            inputs["heard_noise"] = heard
        names = [f"{name}_out" for name in self._state]
        labels, *states = self._session.run(["labels", *names], inputs)
        self._state = dict(zip(self._state, states, strict=True))
        return labels.reshape(whole, self._heads, self._lanes)[:frames].transpose(2, 0, 1).astype(np.int16)

    def _noise(self, frames: int, noise: Float32 | None, forced: Labels | None) -> tuple[Float32, Float32]:
        """What the heads that only hear take, (frames, heads, lanes, C), and the others, with their bias."""
        heard = np.zeros((frames, self._heard, self._lanes, self._classes), np.float32)
        own = np.empty((frames, self._heads - self._heard, self._lanes, self._classes), np.float32)
        own[:] = self._bias
        if noise is not None:
            drawn = noise.transpose(1, 2, 0, 3)
            heard[: len(drawn)] = drawn[:, : self._heard]
            own[: len(drawn)] += drawn[:, self._heard :]
        for part, first in ((heard, 0), (own, self._heard)):
            if forced is not None:
                wanted = forced[:, first : first + part.shape[1]]
                at, head = np.nonzero(wanted >= 0)
                part[at, head, :, wanted[at, head]] = FORCED
        return heard, own


class StepSampler:
    """One run of the bundle's step graph a frame, in as many groups of its lanes as are needed."""

    def __init__(self, bundle: Bundle, lanes: int) -> None:
        card = bundle.card
        self._session, self._lanes = bundle.session("autoregressive"), lanes
        groups = -(-lanes // card.lanes)
        self._noise = np.zeros((groups, card.lanes, card.heads, card.categories), np.float32)
        self._forced = np.full((card.lanes, card.heads), -1, np.int64)
        self._states = [np.zeros((card.lanes, card.autoregressive_state), np.float32) for _ in range(groups)]

    def run(self, audio_code: Float32, noise: Float32 | None, forced: Labels | None = None) -> Labels:
        rows = self._noise.reshape(-1, *self._noise.shape[2:])
        labels = np.empty((len(rows), len(audio_code), rows.shape[1]), np.int16)
        for frame, code in enumerate(audio_code):
            if noise is not None:
                rows[: self._lanes] = noise[:, frame]
            self._forced[:] = -1 if forced is None else forced[frame]
            for group, state in enumerate(self._states):
                part = slice(group * len(state), (group + 1) * len(state))
                inputs = {
                    "audio_code": np.broadcast_to(code, (len(state), len(code))).copy(),
                    "noise": self._noise[group],
                    "forced": self._forced,
                    "state": state,
                }
                labels[part, frame], self._states[group] = self._session.run(["labels", "state_out"], inputs)
        return labels[: self._lanes]
