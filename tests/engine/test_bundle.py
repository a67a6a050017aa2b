# SPDX-License-Identifier: GPL-3.0-or-later
"""Models that load, and each kind of damage with its sentence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bundle import Bundle, file_checksum, load_bundle
from engine.bundle.contract import contract
from engine.bundle.onnx_header import FLOAT, read_header
from engine.errors import BundleError, MeshTalkError, OptionError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny bundle that a test may damage."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


def change_card(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    card = json.loads((folder / "model.json").read_text())
    change(card)
    (folder / "model.json").write_text(json.dumps(card))


def sign_again(folder: Path, name: str) -> None:
    """Make the card's checksum right for a changed file, as a wrong exporter would."""
    change_card(folder, lambda card: card["checksums"].update({name: file_checksum(folder / name)}))


def test_loads(tiny: Bundle) -> None:
    assert tiny.card.name == "tiny"
    assert tiny.template.rest.shape == (tiny.card.vertices, 3)
    assert tiny.template.unit_names == tiny.card.units == tiny.unit_names


def test_every_graph_runs_at_the_sizes_of_the_card(tiny: Bundle) -> None:
    for graph in tiny.card.graphs:
        inputs, outputs = contract(graph, tiny.card)
        values = {
            name: np.zeros(port.shape, np.float32 if port.element == FLOAT else np.int64)
            for name, port in inputs.items()
        }
        out = tiny.run(graph, values)
        assert {name: array.shape for name, array in out.items()} == {n: p.shape for n, p in outputs.items()}
        assert all(np.isfinite(array).all() for array in out.values())


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="There is no model folder"):
        load_bundle(tmp_path / "none")


def test_folder_without_card(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is no MeshTalk model"):
        load_bundle(tmp_path)


def test_newer_format(folder: Path) -> None:
    change_card(folder, lambda card: card.update(format=2, something_new={}))
    with pytest.raises(BundleError, match="This model needs a newer MeshTalk"):
        load_bundle(folder)


@pytest.mark.parametrize("position", [0.0, 0.2, 0.5, 0.999])
def test_flipped_byte_in_any_file(folder: Path, position: float) -> None:
    names = [path.name for path in folder.iterdir() if path.name != "model.json"]
    assert len(names) == 6
    for name in names:
        data = bytearray((folder / name).read_bytes())
        data[int(position * len(data))] ^= 1
        (folder / name).write_bytes(data)
        with pytest.raises(BundleError, match=f"{name} is damaged"):
            load_bundle(folder)
        data[int(position * len(data))] ^= 1
        (folder / name).write_bytes(data)
    load_bundle(folder)


@pytest.mark.parametrize("name", ["decoder.onnx", "autoregressive.onnx", "fusion.onnx", "template.npz"])
def test_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BundleError, match=f"{name} is missing"):
        load_bundle(folder)


def test_graph_that_the_card_does_not_name(folder: Path) -> None:
    change_card(folder, lambda card: card["graphs"].pop("fusion"))
    with pytest.raises(BundleError, match="does not name the graph fusion"):
        load_bundle(folder)


def test_file_without_checksum(folder: Path) -> None:
    change_card(folder, lambda card: card["checksums"].pop("decoder.onnx"))
    with pytest.raises(BundleError, match="checksums lacks decoder.onnx"):
        load_bundle(folder)


@pytest.mark.parametrize(
    "size", ["heads", "categories", "lanes", "block_frames", "audio_code", "decoder_state"]
)
def test_shapes_that_differ_from_the_card(folder: Path, size: str) -> None:
    change_card(folder, lambda card: card.update({size: card[size] + 1}))
    with pytest.raises(BundleError, match="its card says"):
        load_bundle(folder)


def test_other_operator_set(folder: Path) -> None:
    change_card(folder, lambda card: card.update(opset=17))
    with pytest.raises(BundleError, match="operator set 18, its card says 17"):
        load_bundle(folder)
    change_card(folder, lambda card: card.update(opset=99))
    with pytest.raises(BundleError, match="needs ONNX operator set 99"):
        load_bundle(folder)


def test_graphs_swapped(folder: Path) -> None:
    change_card(folder, lambda card: card["graphs"].update(decoder="fusion.onnx", fusion="decoder.onnx"))
    with pytest.raises(BundleError, match="(lacks|has the unknown) input"):
        load_bundle(folder)


@pytest.mark.parametrize("content", [b"", b"Dear diary", b"\xff" * 100])
def test_graph_that_is_no_onnx_file(folder: Path, content: bytes) -> None:
    (folder / "decoder.onnx").write_bytes(content)
    sign_again(folder, "decoder.onnx")
    with pytest.raises(BundleError, match="decoder.onnx is no ONNX file"):
        load_bundle(folder)


def test_graph_that_only_looks_right(folder: Path) -> None:
    """Header as promised, nodes destroyed: loading passes, the first use gives a sentence."""
    data = (folder / "fusion.onnx").read_bytes()
    (folder / "fusion.onnx").write_bytes(data.replace(b"MatMul", b"MatMix").replace(b"Gemm", b"Gemx"))
    sign_again(folder, "fusion.onnx")
    bundle = load_bundle(folder)
    with pytest.raises(BundleError, match="onnxruntime can't open the model's graph fusion.onnx"):
        bundle.open_all()


def test_template_that_is_no_archive(folder: Path) -> None:
    (folder / "template.npz").write_bytes(b"not a zip")
    sign_again(folder, "template.npz")
    with pytest.raises(BundleError, match="template"):
        load_bundle(folder)


@pytest.mark.parametrize(
    "text", ["", "[1, 2]", "{", '{"format": 1}', '{"format": "1"}', "[" * 100_000, "\x00"]
)
def test_card_that_is_no_card(folder: Path, text: str) -> None:
    (folder / "model.json").write_text(text)
    with pytest.raises(BundleError):
        load_bundle(folder)


@pytest.mark.parametrize(
    "field, value",
    [
        ("format", True),
        ("name", 3),
        ("frame_rate", 0),
        ("frame_rate", 29.97),
        ("frame_rate", 25),
        ("heads", "16"),
        ("vertices", -1),
        ("lanes", 10**12),
        ("units", []),
        ("units", ["a", "a"]),
        ("units", "jawOpen"),
        ("landmarks", {"chin": 10**6}),
        ("landmarks", {"chin": "x"}),
        ("audio_context", [1]),
        ("audio_context", [-1, 1]),
        ("default_temperature", None),
        ("default_temperature", float("nan")),
        ("mel", {}),
        ("template", "../template.npz"),
        ("template", "/etc/passwd"),
        ("graphs", {}),
        ("checksums", {"../../x": "0" * 64}),
        ("checksums", {"decoder.onnx": 1}),
        ("training_data", {}),
        ("metrics", []),
    ],
)
def test_wrong_fields(folder: Path, field: str, value: object) -> None:
    change_card(folder, lambda card: card.update({field: value}))
    with pytest.raises(BundleError):
        load_bundle(folder)


@pytest.mark.parametrize("threads", [0, -1, 1000])
def test_senseless_threads(tiny_folder: Path, threads: int) -> None:
    with pytest.raises(OptionError, match="threads"):
        load_bundle(tiny_folder, threads=threads)


def test_unknown_provider_falls_back_to_the_cpu(tiny_folder: Path) -> None:
    bundle = load_bundle(tiny_folder, providers=("NoSuchExecutionProvider",))
    assert bundle.session("fusion").get_providers() == ["CPUExecutionProvider"]


@settings(deadline=None, max_examples=200)
@given(data=st.binary(max_size=200))
def test_header_reader_survives_any_bytes(data: bytes) -> None:
    try:
        read_header(data, "x.onnx")
    except MeshTalkError as error:
        assert "x.onnx is no ONNX file" in str(error)


def test_header_reader_agrees_with_onnxruntime(tiny: Bundle) -> None:
    for graph, name in tiny.card.graphs.items():
        header = read_header((tiny.folder / name).read_bytes(), name)
        session = tiny.session(graph)
        assert {port.name: tuple(port.shape) for port in session.get_inputs()} == {
            name: port.shape for name, port in header.inputs.items()
        }
        assert [port.name for port in session.get_outputs()] == list(header.outputs)


USE_FUSION = """
import sys
from engine.bundle import load_bundle
from engine.errors import PackageError
try:
    load_bundle(sys.argv[1]).session("fusion")
except PackageError as error:
    print(error)
"""


@pytest.mark.parametrize(
    "module, sentence",
    [
        ("raise ModuleNotFoundError('no')", "The package onnxruntime is missing"),
        (
            "raise ImportError('libfoo.so: wrong ELF class')",
            "The package onnxruntime can't be loaded (libfoo.so",
        ),
        ("raise OSError('bad image')", "The package onnxruntime can't be loaded (bad image)"),
        ("", "The package onnxruntime is damaged"),
    ],
)
def test_missing_or_broken_onnxruntime(tiny_folder: Path, tmp_path: Path, module: str, sentence: str) -> None:
    """A package of that name which fails as real ones do stands before the real one on the path."""
    (tmp_path / "onnxruntime.py").write_text(module)
    done = run_python(USE_FUSION, str(tiny_folder), path=[tmp_path, ROOT])
    assert done.stdout.startswith(sentence)
    assert done.stderr == ""


def test_using_a_model_leaves_no_trace_in_the_home(tiny_folder: Path, tmp_path: Path) -> None:
    """onnxruntime would write a telemetry database into the user's cache."""
    done = run_python(
        USE_FUSION, str(tiny_folder), path=[ROOT], HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path)
    )
    assert done.returncode == 0
    assert list(tmp_path.rglob("*")) == []


def run_python(code: str, *args: str, path: list[Path], **extra: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONDONTWRITEBYTECODE": "1", **extra}
    command = [sys.executable, "-c", code, *args]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, cwd=path[0])
