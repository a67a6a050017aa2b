# SPDX-License-Identifier: GPL-3.0-or-later
"""Going on from an exported bundle: the networks' weights, read back out of its graphs.

An export drops what only teaches (the phoneme classifier and the readout of the audio code) and the regions'
variances; ``training.fit.readers`` fits the former anew, and the latter are measured on the corpus. A bundle
whose motion has another basis than the corpus', as one whose units were drawn anew has, is turned into it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.bundle import CARD_NAME, Bundle, load_bundle
from engine.bundle.onnx_graph import Node, OnnxGraph, Unknown
from engine.bundle.sampler_weights import SamplerWeights, read_sampler
from training.errors import TrainingError
from training.model.autoregressive import Autoregressive
from training.model.meshtalk import MeshTalk

Array = NDArray[np.float32]
Weights = dict[str, Array]

_PLACES = {
    "audio_encoder": "audio_encoder.",
    "expression_encoder": "expression_",
    "fusion": "fusion.",
    "decoder": "",
}
"""Graph -> what stands before its weights' names in the model; the modules that are exported hold encoder and
decoder as ``encoder`` and ``decoder``."""
_ORDER = (0, 2, 3, 1)
"""torch's gates (input, forget, cell, output) by their place in ONNX's (input, output, forget, cell)."""
_SCALE = "motion_scale"
SAME = 1e-3
"""Bases whose rows, of length 1, differ by less in each place are the same but for rounding."""


def is_bundle(folder: Path) -> bool:
    """Whether a folder looks like a bundle."""
    return (folder / CARD_NAME).is_file()


def adopt_bundle(folder: Path, model: MeshTalk, autoregressive: Autoregressive) -> None:
    """Give both networks a bundle's weights.

    Raises ``TrainingError`` when the bundle has other sizes or wasn't exported by this project, BundleError
    when it is damaged.
    """
    bundle = load_bundle(folder)
    try:
        found = {name: value for graph in _PLACES for name, value in _model_weights(bundle, graph)}
        steps = _step_weights(read_sampler(_bytes(bundle, "autoregressive"), bundle.card))
    except Unknown as error:
        raise TrainingError(
            f"The graphs of {folder} aren't built as an export builds them ({error})."
        ) from error
    turned = _turn(found, bundle, model)
    left_out = ("space.region_variance", "phoneme_head.", "readout.", *turned)
    _fill(model, found, left_out, folder)
    _fill(autoregressive, steps, (), folder)


def _turn(found: Weights, bundle: Bundle, model: MeshTalk) -> tuple[str, ...]:
    """Turn ``found`` from a bundle's coefficients into those of the model's own basis of motion.

    The decoder's come from the bundle's rows, whatever they are, to the nearest motion of the model's; the
    expression encoder goes on reading what it read. Gives the names that the model keeps for itself: its
    scale of the coefficients, which must be measured before. Equal bases stay as they are.
    """
    if model.space.rank != "low":
        return ()
    own = model.space.motion_basis.double().cpu().numpy()
    drawn = _basis(bundle, "decoder", "motion_basis")
    read = _basis(bundle, "expression_encoder", "basis")
    if drawn.shape != own.shape or np.allclose(drawn, own, atol=SAME):
        return ()
    scale = f"space.{_SCALE}"
    before, after = found[scale].astype(np.float64), model.space.motion_scale.double().cpu().numpy()
    leave = (own @ drawn.T) * before / after[:, None]
    first = (read @ own.T) * after / before[:, None]
    for name in ("decoder.leave.weight", "decoder.leave.bias"):
        found[name] = (leave @ found[name]).astype(np.float32)
    weight = "expression_encoder.first.weight"
    found[weight] = (found[weight] @ first).astype(np.float32)
    return (scale,)


def _basis(bundle: Bundle, graph: str, name: str) -> NDArray[np.float64]:
    """The rows (K, 3 V) of motion that a graph holds; the template's where it holds none by that name."""
    held, plain = OnnxGraph(_bytes(bundle, graph)), bundle.template.motion_basis
    rows = held.weight(name) if held.has_weight(name) else plain.reshape(len(plain), -1)
    return rows.astype(np.float64)


def _fill(network: nn.Module, found: Weights, left_out: tuple[str, ...], folder: Path) -> None:
    own = network.state_dict()
    wanted = {name for name in own if not name.startswith(left_out)}
    wrong = [name for name in sorted(wanted) if name not in found or found[name].shape != own[name].shape]
    if wrong:
        raise TrainingError(f"The bundle {folder} has other sizes than the preset, as in {wrong[0]}.")
    taken: dict[str, Tensor] = {name: torch.from_numpy(found[name].copy()) for name in wanted}
    network.load_state_dict(own | taken)


def _bytes(bundle: Bundle, graph: str) -> bytes:
    return (bundle.folder / bundle.card.graphs[graph]).read_bytes()


def _model_weights(bundle: Bundle, name: str) -> Iterator[tuple[str, Array]]:
    """A graph's weights by their names in ``MeshTalk``."""
    graph = OnnxGraph(_bytes(bundle, name))
    if name == "decoder":
        yield f"space.{_SCALE}", graph.weight(_SCALE)
    for key, value in graph_weights(graph).items():
        yield _PLACES[name] + key, value


def graph_weights(graph: OnnxGraph) -> Weights:
    """Weights by the names that they had in torch; Unknown for a graph that is built otherwise.

    The exporter keeps most names, but turns linear layers' matrices round, works out an LSTM's in another
    order of gates, and joins its biases.
    """
    found: Weights = {}
    for node in graph.nodes:
        for name in node.inputs:
            if name.endswith((".weight", ".bias")):
                found[name] = graph.weight(name)
        if node.kind == "Add":
            found |= _linear(graph, node)
    module = next(iter(found), "").partition(".")[0]
    for index, node in enumerate(node for node in graph.nodes if node.kind == "LSTM"):
        layer = _lstm(graph, node)
        found |= {f"{module}.recurrent.lstm.{kind}_l{index}": value for kind, value in layer.items()}
    return found


def _linear(graph: OnnxGraph, node: Node) -> Weights:
    """The matrix of a linear layer, found by the bias that is added to its product; nothing for other sums.

    Labels are embedded by adding up rows of such a matrix instead.
    """
    for bias, product in (node.inputs, node.inputs[::-1]):
        if not bias.endswith(".bias"):
            continue
        name = bias.removesuffix("bias") + "weight"
        if graph.is_made_by(product, "MatMul"):
            return {name: graph.constant(graph.maker(product).inputs[1]).T}
        if graph.is_made_by(product, "ReduceSum"):
            rows = graph.maker(graph.maker(product).inputs[0], "Reshape").inputs[0]
            return {name: graph.constant(graph.maker(rows, "GatherND", "Gather").inputs[0]).T}
    return {}


def _lstm(graph: OnnxGraph, node: Node) -> Weights:
    """The weights of one layer, by their kind."""
    biases = [_gates(part) for part in graph.constant(node.inputs[3]).reshape(2, -1)]
    matrices = [_gate_matrix(graph, name) for name in node.inputs[1:3]]
    return dict(zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), matrices + biases, strict=True))


def _gate_matrix(graph: OnnxGraph, name: str) -> Array:
    """A matrix in torch's order: small ones the exporter put in ONNX's, large ones the graph does."""
    if graph.has_weight(name):
        return _gates(graph.weight(name)[0])
    while not graph.has_weight(name):
        name = graph.maker(name, "Unsqueeze", "Concat", "Slice").inputs[0]
    return graph.weight(name)


def _gates(rows: Array) -> Array:
    """Rows of an LSTM's four gates, from ONNX's order to torch's."""
    return rows.reshape(4, -1, *rows.shape[1:])[list(_ORDER)].reshape(rows.shape)


def _step_weights(weights: SamplerWeights) -> Weights:
    """The sampler's weights by their names in ``Autoregressive``."""
    found = {
        "embedding.weight": weights.embedding.reshape(-1, weights.channels),
        "leave_weight": weights.leave,
        "leave_bias": weights.leave_bias,
    }
    for index, layer in enumerate(weights.layers):
        place = f"layers.{index}."
        found |= {place + "earlier.weight": layer.earlier, place + "earlier.bias": layer.bias}
        found |= {place + "same.weight": layer.same, place + "audio.weight": layer.audio}
    if weights.heard is not None:
        for part, matrix, bias in zip(
            ("first", "second", "leave"), weights.heard.weights, weights.heard.biases, strict=True
        ):
            found |= {f"heard.{part}.weight": matrix, f"heard.{part}.bias": bias}
    return found
