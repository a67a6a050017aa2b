# SPDX-License-Identifier: GPL-3.0-or-later
"""Correctives are added to a bundle that is there: nothing else changes, and again gives the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from engine.__main__ import main as engine_main
from engine.bundle import load_bundle
from engine.template import template_arrays
from training.export.correctives import SPEECH, main
from training.export.localised import OUTER, Field, local_components

COMMITTED = Path(__file__).resolve().parents[1] / "data" / "tiny_bundle"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(COMMITTED, tmp_path / "bundle"))


def test_a_bundle_gets_correctives_in_place(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(bundle)]) == 0
    first = (bundle / "template.npz").read_bytes()
    with_them, before = load_bundle(bundle, threads=1), load_bundle(COMMITTED, threads=1)
    count = len(with_them.template.corrective_names)
    assert f"{count} correctives" in capsys.readouterr().out and count > 0
    arrays = template_arrays(with_them.template)
    for name, value in template_arrays(before.template).items():
        assert np.array_equal(arrays[name], value), name
    for path in bundle.glob("*.onnx"):
        assert path.read_bytes() == (COMMITTED / path.name).read_bytes()
    assert main([str(bundle)]) == 0
    assert (bundle / "template.npz").read_bytes() == first
    assert sorted(path.name for path in bundle.iterdir()) == sorted(path.name for path in COMMITTED.iterdir())
    _animate(bundle, tmp_path, count)


def _animate(bundle: Path, folder: Path, count: int) -> None:
    """The command line writes them into the take."""
    out = folder / "take.npz"
    arguments = ["animate", str(SPEECH), "--out", str(out), "--model", str(bundle), "--correctives", "0"]
    assert engine_main(arguments) == 0
    with np.load(out, allow_pickle=False) as file:
        frames, vertices = file["vertices"].shape[:2]
        assert file["corrective_weights"].shape == (frames, count)
        assert file["corrective_deltas"].shape == (count, vertices, 3)
        assert len(file["corrective_names"]) == count
        assert file["corrective_error_mm"] >= 0


def test_what_is_no_bundle_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_components_keep_to_where_they_were_found() -> None:
    """Two places that move on their own come out as two shapes, and the rest stays still."""
    places = np.stack([np.linspace(-0.15, 0.15, 61), np.zeros(61), np.zeros(61)], axis=1)
    bumps = [np.exp(-(((places[:, 0] - middle) / 0.01) ** 2)) for middle in (-0.1, 0.1)]
    time = np.linspace(0, 20, 200)
    motion = sum(
        np.sin(speed * time)[:, None, None] * bump[:, None] * [0.0, 0.0, size]
        for speed, bump, size in zip((1.0, 1.7), bumps, (0.002, 0.001), strict=True)
    )
    field = Field(places, np.ones(61), np.arange(0, 30))
    shapes = local_components(np.asarray(motion, np.float32), field, 2)
    assert [int(np.linalg.norm(shape, axis=1).argmax()) for shape in shapes] == [10, 50]
    for shape, middle in zip(shapes, (-0.1, 0.1), strict=True):
        assert (shape[np.abs(places[:, 0] - middle) > OUTER] == 0).all()
