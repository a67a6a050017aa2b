# SPDX-License-Identifier: GPL-3.0-or-later
"""Export: graphs that compute what torch computes, in a bundle that the engine loads."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

import onnx  # noqa: E402

from engine.bundle import load_bundle  # noqa: E402
from engine.generate import GenerateOptions, generate  # noqa: E402
from engine.geometry.bind import bind_head  # noqa: E402
from training.__main__ import main  # noqa: E402
from training.errors import TrainingError  # noqa: E402
from training.export.bundle import CardFacts, read_card, write_bundle  # noqa: E402
from training.export.parity import LIMIT_MM, compare, random_probe  # noqa: E402
from training.export.toy import TINY, TINY_GRAPHS, tiny_models, write_tiny_bundle  # noqa: E402

COMMITTED = Path(__file__).resolve().parents[1] / "data" / "tiny_bundle"


@pytest.fixture(scope="module")
def tiny_bundle(torch_alone: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "tiny"
    write_tiny_bundle(folder)
    return folder


def test_tiny_bundle_is_small_and_passes_the_engines_checks(tiny_bundle: Path) -> None:
    assert sum(path.stat().st_size for path in tiny_bundle.iterdir()) < 300_000
    bundle = load_bundle(tiny_bundle, threads=1)
    assert (bundle.card.heads, bundle.card.categories) == (TINY.heads, TINY.categories)
    assert len(bundle.card.landmarks) == 13
    card = json.loads((tiny_bundle / "model.json").read_text(encoding="utf-8"))
    for name, checksum in card["checksums"].items():
        assert hashlib.sha256((tiny_bundle / name).read_bytes()).hexdigest() == checksum


def test_committed_tiny_bundle_is_what_its_command_writes(tiny_bundle: Path) -> None:
    """Weights and template are the same; graphs may differ in form with the exporter's version."""
    for name in ("audio_encoder", "decoder"):
        new, old = (_weights(folder / f"{name}.onnx") for folder in (tiny_bundle, COMMITTED))
        assert new.keys() == old.keys()
        for key, value in new.items():
            np.testing.assert_allclose(value, old[key], rtol=1e-4, atol=1e-6)


def _weights(path: Path) -> dict[str, np.ndarray]:
    arrays = {entry.name: onnx.numpy_helper.to_array(entry) for entry in onnx.load(path).graph.initializer}
    return {name: array for name, array in arrays.items() if array.size > 16}


def test_graphs_are_single_files_without_traces_of_this_machine(tiny_bundle: Path) -> None:
    for path in tiny_bundle.glob("*.onnx"):
        assert str(Path(__file__).parents[2]).encode() not in path.read_bytes()
        model = onnx.load(path, load_external_data=False)
        assert not any(entry.external_data for entry in model.graph.initializer)
        onnx.checker.check_model(model)


def test_tiny_bundle_moves_visibly_and_seeds_differ(tiny_bundle: Path) -> None:
    from engine.audio.sound import sound_from_samples

    bundle = load_bundle(tiny_bundle, threads=1)
    head = bind_head(bundle.template, bundle.template.rest, bundle.template.faces)
    sound = sound_from_samples(np.sin(np.arange(32_000) * 0.05).astype(np.float32) * 0.3, 16_000)
    first, second = generate(bundle, sound, head, GenerateOptions(seed=0, takes=2))
    assert first.vertices is not None and second.vertices is not None
    assert np.ptp(first.vertices, axis=0).max() > 0.004
    assert np.abs(first.vertices - second.vertices).max() > 0.001


@pytest.mark.parametrize("rank", ["low", "full"])
def test_torch_and_onnxruntime_agree(rank: str, tiny_bundle: Path, tmp_path: Path) -> None:
    model, autoregressive, template = tiny_models(0, dataclasses.replace(TINY, rank=rank))
    folder = tiny_bundle
    if rank == "full":
        folder = tmp_path
        facts = CardFacts(name="tiny", preset="tiny", licence="CC0-1.0", created="2026-01-01")
        write_bundle(folder, model, autoregressive, template, facts, TINY_GRAPHS)
    probes = [random_probe(model, TINY_GRAPHS, seed) for seed in (0, 1)]
    assert compare(folder, model, autoregressive, TINY_GRAPHS, probes) <= LIMIT_MM
    load_bundle(folder, threads=1)


def test_an_export_that_computes_something_else_is_refused(tiny_bundle: Path) -> None:
    model, autoregressive, _ = tiny_models(0)
    with torch.no_grad():
        model.decoder.leave.bias += 0.1
    with pytest.raises(TrainingError, match="decoder.vertices"):
        compare(tiny_bundle, model, autoregressive, TINY_GRAPHS, [random_probe(model, TINY_GRAPHS)])


def test_command_trains_exports_and_tells_errors_in_one_line(
    toy_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    options = ["--corpus", str(toy_corpus), "--out", str(out), "--preset", "tiny"]
    assert main(["train", *options]) == 0
    captured = capsys.readouterr()
    assert "differ by at most" in captured.out and "left" in captured.err
    assert list((out / "log").iterdir()), "TensorBoard's curves"
    card = read_card(out / "bundle")
    assert card["metrics"]["export_difference_mm"] <= LIMIT_MM
    assert any(name.startswith("validation clip") for name in card["metrics"]["export_compared_on"])
    assert card["training_data"][0]["name"] == "tones"
    assert load_bundle(out / "bundle", threads=1).card.preset == "tiny"
    assert main(["train", *options]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["export", "--run", str(tmp_path / "nowhere"), "--out", str(tmp_path / "b")]) == 1
    assert "holds no run" in capsys.readouterr().err
