# SPDX-License-Identifier: GPL-3.0-or-later
"""A bundle's graphs in the forms that run fastest: the sampler's loop in one graph, the decoder cut short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .card import Card
from .loop_graph import loop_model
from .onnx_graph import OnnxGraph, Unknown, cut_out
from .onnx_header import FLOAT
from .runtime import open_model
from .sampler_weights import read_sampler

Floats = NDArray[np.float32]

WIDE = 2048
"""Width (heads × channels) from which on a sampler's products are worth several threads: with less, hearing
and moving make better use of them."""


@dataclass(frozen=True, eq=False)
class LoopGraph:
    """The session of `loop_model`; ``bias`` (joint heads, C) belongs into its noise, ``width`` is heads ×
    channels, the first ``audio_heads`` heads only hear."""

    session: Any
    bias: Floats
    audio_heads: int
    width: int


@dataclass(frozen=True, eq=False)
class FastDecoder:
    """A decoder whose session gives coefficients (1, block_frames, K), under the name ``value``, and
    ``state_out`` of ``labels``, ``state`` and what it sees of a head: the outputs ``seen`` of ``eye``, which
    takes ``rest``. Vertices (V, 3) are rest + ``offset`` + coefficients @ ``basis`` (K, V·3)."""

    session: Any
    value: str
    basis: Floats
    offset: Floats
    eye: Any
    seen: tuple[str, ...]

    def look(self, rest: Floats) -> dict[str, Floats]:
        """What the decoder sees of a head ``rest`` (V, 3), the same for all its blocks."""
        return dict(zip(self.seen, self.eye.run(list(self.seen), {"rest": rest[None]}), strict=True))


def open_loop(path: Path, card: Card, threads: int) -> LoopGraph | None:
    """The sampler of an `autoregressive` graph; None when it isn't built as expected."""
    try:
        weights = read_sampler(path.read_bytes(), card)
    except Unknown:
        return None
    session = open_model(loop_model(weights), path.name, threads if weights.width >= WIDE else 1)
    return LoopGraph(session, weights.leave_bias[weights.audio_heads :], weights.audio_heads, weights.width)


def open_decoder(path: Path, card: Card, providers: Sequence[str]) -> FastDecoder | None:
    """The decoder before its last linear layer; None when it isn't built as expected.

    Its blocks are too small to be shared out, and run beside others: one thread each.
    """
    data = path.read_bytes()
    try:
        graph = OnnxGraph(data)
        value, basis, offset = last_layer(graph, card)
        ports = {
            value: (FLOAT, (1, card.block_frames, len(basis))),
            "state_out": (FLOAT, (1, card.decoder_state)),
        }
        seen = graph.seen_of("rest", ports)
    except Unknown:
        return None
    eye = open_model(cut_out(data, {name: (FLOAT, None) for name in seen}), path.name, 1)
    still = eye.run(list(seen), {"rest": np.zeros((1, card.vertices, 3), np.float32)})
    given = {name: (FLOAT, each.shape) for name, each in zip(seen, still, strict=True)}
    session = open_model(cut_out(data, ports, given), path.name, 1, providers)
    return FastDecoder(session, value, basis, offset, eye, seen)


def last_layer(graph: OnnxGraph, card: Card) -> tuple[str, Floats, Floats]:
    """The value that a decoder's last linear layer takes, its weights (K, V·3) and offset (V·3,).

    The vertices are rest + Reshape(x), x after any constant factors and sums from one product with weights.
    """
    size = card.vertices * 3
    value = next(
        (graph.maker(name, "Reshape").inputs[0] for name in graph.maker("vertices", "Add").inputs
         if graph.is_made_by(name, "Reshape")), ""
    )  # fmt: skip
    factor, offset = np.ones(size, np.float32), np.zeros(size, np.float32)
    while not graph.is_made_by(value, "MatMul"):
        node = graph.maker(value, "Mul", "Add")
        constant, value = _parted(graph, node.inputs)
        if node.kind == "Mul":
            factor = factor * constant.reshape(-1)
        else:
            offset = offset + factor * constant.reshape(-1)
    product = graph.maker(value, "MatMul")
    basis = graph.constant(product.inputs[1]).astype(np.float32) * factor
    if basis.ndim != 2 or basis.shape[1] != size:
        raise Unknown("last layer")
    return product.inputs[0], basis, offset.astype(np.float32)


def _parted(graph: OnnxGraph, names: Sequence[str]) -> tuple[NDArray[Any], str]:
    """Of two inputs the constant one, and the name of the other."""
    for name, other in (names, names[::-1]):
        if graph.is_constant(name):
            return graph.constant(name), other
    raise Unknown("no constant")
