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
from training.export.components import INNER, OUTER, Field, main_components
from training.export.correctives import SPEECH, main

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


def test_recordings_of_a_folder_are_heard(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sample in a folder is the sample; a folder without recordings is refused, nothing is written."""
    before = (bundle / "template.npz").read_bytes()
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    (sounds / "notes.txt").write_text("no sound")
    assert main([str(bundle), "--speech", str(sounds)]) == 1
    assert "no recordings" in capsys.readouterr().err
    assert (bundle / "template.npz").read_bytes() == before
    shutil.copy(SPEECH, sounds)
    assert main([str(bundle), "--speech", str(sounds)]) == 0
    heard = (bundle / "template.npz").read_bytes()
    assert heard != before
    assert main([str(bundle)]) == 0
    assert (bundle / "template.npz").read_bytes() == heard


def test_components_are_few_and_keep_to_the_lips() -> None:
    """What two shapes moved is two shapes again, the larger one first; far from the lips nothing moves."""
    places = np.stack([np.linspace(-0.15, 0.15, 61), np.zeros(61), np.zeros(61)], axis=1)
    bumps = [np.exp(-(((places[:, 0] - middle) / 0.01) ** 2)) for middle in (-0.015, 0.015)]
    time = np.linspace(0, 20, 200)
    motion = sum(
        np.sin(speed * time)[:, None, None] * bump[:, None] * [0.0, 0.0, size]
        for speed, bump, size in zip((1.0, 1.7), bumps, (0.001, 0.002), strict=True)
    )
    motion = motion + 0.01 * (np.abs(places[:, 0]) > 0.1)[None, :, None] * np.sin(3 * time)[:, None, None]
    emphasis = np.ones(61)
    emphasis[30] = 0.0  # no shape may move this one
    field = Field(places, emphasis, np.arange(26, 35))
    shapes = main_components(np.asarray(motion, np.float32), field, 5)
    assert [int(np.linalg.norm(shape, axis=1).argmax()) for shape in shapes] == [33, 27]
    assert (shapes[:, np.abs(places[:, 0]) > 0.02 + OUTER] == 0).all() and (shapes[:, 30] == 0).all()
    near = (np.abs(places[:, 0]) < 0.02 + INNER) & (emphasis > 0)
    weights = np.linalg.lstsq(shapes[:, near].reshape(2, -1).T, motion[:, near].reshape(200, -1).T)[0]
    made = np.tensordot(weights.T, shapes[:, near], 1)
    assert np.abs(made - motion[:, near]).max() < 1e-5
