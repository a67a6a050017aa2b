# SPDX-License-Identifier: GPL-3.0-or-later
"""From labels to motion, in the few numbers that the decoder's last layer takes.

A decoder ends in one linear layer: displacement = coefficients @ basis. What is linear in the displacement
(vertices of a mesh, products with units) is then linear in the coefficients, so the basis is carried over
once and the template's own vertices are never worked out unless somebody wants to see them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from ..bundle import Bundle
from ..bundle.card import Card
from ..progress import QUIET, Stage
from .sample import Labels
from .shut_lids import ShutLids, ShutStream

Float32 = NDArray[np.float32]


class Decoder:
    """Decodes labels on one head in normalised template space: the network is shown the ``neutral`` shape (V,
    3), and motion is told from ``rest`` (V, 3). ``basis`` (K, V, 3), or None for models whose last layer
    isn't known: their coefficients are the displacements themselves."""

    def __init__(self, bundle: Bundle, neutral: Float32, rest: Float32) -> None:
        self._bundle = bundle
        self._neutral = np.ascontiguousarray(neutral, np.float32)
        self._rest = np.ascontiguousarray(rest, np.float32)
        self._fast = bundle.fast_decoder()
        self._seen = {"rest": self._neutral[None]} if self._fast is None else self._fast.look(self._neutral)
        self._constant = False
        self.basis = self._whole_basis()
        self._lids = ShutLids(bundle.template, self._rest, self.basis, float(bundle.card.frame_rate))

    def coefficients(self, labels: Labels, stage: Stage = QUIET) -> Iterator[Float32]:
        """Blocks of coefficients ``(n, K)`` of labels ``(T, heads)``, at the model's rate."""
        stream, size = self.stream(len(labels)), self._bundle.card.block_frames
        for first in range(0, len(labels), size):
            stage.at(first, len(labels))
            yield from stream.add(labels[first : first + size])
        stage.at(1, 1)

    def stream(self, frames: int) -> DecoderStream:
        """A take of so many frames whose labels come one block after the other."""
        return DecoderStream(self._run, self._bundle.card, ShutStream(self._lids, frames))

    def displacement(self, codes: Float32) -> Float32:
        """Displacements ``(n, V, 3)`` from rest, in normalised template space, of coefficients ``(n, K)``."""
        moved = codes if self.basis is None else codes @ self.basis.reshape(len(self.basis), -1)
        return moved.reshape(len(codes), *self._rest.shape)

    def _run(self, labels: NDArray[np.int64], state: Float32) -> tuple[Float32, Float32]:
        """Coefficients (n, K) of labels (1, n, heads), and the next state."""
        given = {**self._seen, "labels": labels, "state": state}
        if self._fast is None:
            out = self._bundle.run("decoder", given)
            moved = out["vertices"][0] - self._rest
            return moved.reshape(len(moved), -1), out["state_out"]
        codes, state = self._fast.session.run([self._fast.value, "state_out"], given)
        if self._constant:
            return np.concatenate([codes[0], np.ones((len(codes[0]), 1), np.float32)], axis=1), state
        return codes[0], state

    def _whole_basis(self) -> Float32 | None:
        """The last layer's weights; what always stands beside the rest shape is one more row."""
        if self._fast is None:
            return None
        offset = self._fast.offset + (self._neutral - self._rest).reshape(-1)
        self._constant = bool(offset.any())
        rows = self._fast.basis
        if self._constant:
            rows = np.concatenate([rows, offset[None]]).astype(np.float32)
        return rows.reshape(-1, *self._rest.shape)


class DecoderStream:
    """One take on its way through a decoder, whose ``run`` takes labels and a state; ``lids`` end its blinks
    shut."""

    def __init__(
        self,
        run: Callable[[NDArray[np.int64], Float32], tuple[Float32, Float32]],
        card: Card,
        lids: ShutStream,
    ) -> None:
        self._run, self._lids = run, lids
        self._padded = np.zeros((1, card.block_frames, card.heads), np.int64)
        self._state = np.zeros((1, card.decoder_state), np.float32)

    def add(self, labels: Labels) -> list[Float32]:
        """The blocks of coefficients ``(n, K)`` that are certain once the next labels ``(n, heads)`` have
        come: of both only the last block may be shorter. A block comes after the next one's labels, because
        a blink may go on there."""
        self._padded[0, : len(labels)] = labels
        self._padded[0, len(labels) :] = 0
        codes, self._state = self._run(self._padded, self._state)
        return self._lids.push(codes[: len(labels)])
