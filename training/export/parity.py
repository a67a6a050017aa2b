# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof at the end of an export: torch and onnxruntime give the same face."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training.errors import TrainingError
from training.export.graphs import Graph, GraphSettings, graphs
from training.model.autoregressive import Autoregressive
from training.model.meshtalk import MeshTalk
from training.model.settings import MEL_BANDS, MEL_PER_FRAME

LIMIT_MM = 0.01
LARGE = 100.0
"""Codes and logits larger than this are compared by the share of it: float32 tells no more of them."""
CODE_LIMIT = 1e-3
"""Largest difference of codes and logits that passes; labels are compared by the logits that they come from.
"""

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Probe:
    """An input for all graphs: ``mel (before + 3B + after, 80)``, ``rest (V, 3)``, ``displacement (B, V,
    3)``.
    """

    name: str
    mel: NDArray[np.float32]
    rest: NDArray[np.float32]
    displacement: NDArray[np.float32]


def random_probe(model: MeshTalk, settings: GraphSettings, seed: int = 0) -> Probe:
    """Noise for ears and a random head with random motion."""
    rng = np.random.default_rng(seed)
    sizes, space = model.settings, model.space
    frames = sizes.mel_before + MEL_PER_FRAME * settings.block_frames + sizes.mel_after
    mean = space.mean.cpu().numpy().reshape(-1, 3)
    return Probe(
        name="random",
        mel=rng.standard_normal((frames, MEL_BANDS)).astype(np.float32),
        rest=mean + rng.normal(0, 0.002, mean.shape).astype(np.float32),
        displacement=rng.normal(0, 0.003, (settings.block_frames, *mean.shape)).astype(np.float32),
    )


def compare(
    folder: Path,
    model: MeshTalk,
    autoregressive: Autoregressive,
    settings: GraphSettings,
    probes: list[Probe],
) -> float:
    """Largest difference of a vertex coordinate, in mm, between torch and the graphs in ``folder``.

    Raises ``TrainingError`` when it, or the difference of a code or logit, is larger than allowed.
    """
    table = graphs(model.cpu().eval(), autoregressive.cpu().eval(), settings)
    worst = 0.0
    for probe in probes:
        for name, value in _differences(folder, table, probe, settings).items():
            in_mm = name == "decoder.vertices"
            worst = max(worst, value) if in_mm else worst
            if not value <= (LIMIT_MM if in_mm else CODE_LIMIT):
                unit = " mm" if in_mm else ""
                raise TrainingError(
                    f"The export is wrong: on {probe.name} input, {name} is {value:.2g}{unit} off torch's."
                )
    return worst


def _differences(
    folder: Path, table: dict[str, Graph], probe: Probe, settings: GraphSettings
) -> dict[str, float]:
    """Run every graph twice, the second time from the first one's state; differences by ``graph.output``.

    Both sides get the same inputs, so that a tie that falls the other way doesn't hide what a graph does.
    """
    worst: dict[str, float] = {}

    def both(name: str, inputs: Arrays) -> Arrays:
        found, wanted = _onnx(folder / f"{name}.onnx", inputs), _torch(table[name], inputs)
        for output, value in wanted.items():
            if value.dtype == np.int64:
                continue
            scale = 1000.0 if output == "vertices" else 1.0 / max(1.0, float(np.abs(value).max()) / LARGE)
            difference = float(np.abs(value - found[output]).max()) * scale
            key = f"{name}.{output}"
            worst[key] = max(worst.get(key, 0.0), difference if np.isfinite(difference) else np.inf)
        return wanted

    audio = both("audio_encoder", {"mel": probe.mel[None]})["audio_code"]
    encoder = {
        "displacement": probe.displacement[None],
        "state": _zeros(table["expression_encoder"], "state"),
    }
    first = both("expression_encoder", encoder)
    expression = both("expression_encoder", encoder | {"state": first["state_out"]})["expression_code"]
    fused = both("fusion", {"audio_code": audio, "expression_code": expression})["logits"].argmax(-1)
    decoder = {"rest": probe.rest[None], "labels": fused, "state": _zeros(table["decoder"], "state")}
    moved = both("decoder", decoder)
    sampled = _sample(both, audio[0], table["autoregressive"], settings)
    both("decoder", decoder | {"labels": sampled, "state": moved["state_out"]})
    return worst


def _sample(
    both: Any, audio: NDArray[np.float32], graph: Graph, settings: GraphSettings
) -> NDArray[np.int64]:
    """Sample a block with the step graph, noise and all; returns the first lane's labels ``(1, B, H)``."""
    rng = np.random.default_rng(1)
    state, forced = _zeros(graph, "state"), np.full_like(graph.inputs["forced"].numpy(), -1)
    labels = []
    for frame in audio:
        noise = rng.gumbel(size=graph.inputs["noise"].shape).astype(np.float32)
        code = np.repeat(frame[None], settings.lanes, 0)
        step = both("autoregressive", {"audio_code": code, "noise": noise, "forced": forced, "state": state})
        state = step["state_out"]
        labels.append(step["labels"][0])
    return np.stack(labels)[None]


def _zeros(graph: Graph, name: str) -> NDArray[np.float32]:
    return np.zeros(graph.inputs[name].shape, np.float32)


@torch.no_grad()
def _torch(graph: Graph, inputs: Arrays) -> Arrays:
    outputs = graph.module(*(torch.from_numpy(inputs[name]) for name in graph.inputs))
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return {name: value.numpy() for name, value in zip(graph.outputs, outputs, strict=True)}


_sessions: dict[tuple[str, float], Any] = {}


def _onnx(path: Path, inputs: Arrays) -> Arrays:
    """Run a graph on onnxruntime; sessions are kept, by path and time of writing."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    key = (str(path), path.stat().st_mtime)
    if key not in _sessions:
        _sessions[key] = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    session = _sessions[key]
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))
