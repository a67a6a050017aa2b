# SPDX-License-Identifier: GPL-3.0-or-later
"""The measurements themselves, on cases whose answers are known."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from engine.bundle import load_bundle  # noqa: E402
from training.__main__ import main  # noqa: E402
from training.evaluate.accuracy import measure_accuracy  # noqa: E402
from training.evaluate.command import some_clips  # noqa: E402
from training.evaluate.networks import BundleNetworks, TorchNetworks  # noqa: E402
from training.evaluate.regions import Regions, mean_of  # noqa: E402
from training.evaluate.speech import blink_frames, smallest  # noqa: E402
from training.evaluate.swaps import measure_swaps  # noqa: E402
from training.export.bundle import read_card  # noqa: E402
from training.export.toy import tiny_models, toy_template  # noqa: E402
from training.ranking import area_under_curve  # noqa: E402


@pytest.fixture(scope="module")
def bundle_folder(torch_alone: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, because a test writes figures into its card."""
    committed = Path(__file__).resolve().parents[1] / "data" / "tiny_bundle"
    return Path(shutil.copytree(committed, tmp_path_factory.mktemp("evaluate") / "tiny"))


def test_area_under_curve_of_known_orders() -> None:
    low, high = np.array([0.1, 0.2]), np.array([0.3, 0.4, 0.5])
    assert area_under_curve(high, low) == 1.0
    assert area_under_curve(low, high) == 0.0
    assert area_under_curve(np.ones(3), np.ones(5)) == 0.5


@given(st.lists(st.integers(0, 5), min_size=1), st.lists(st.integers(0, 5), min_size=1))
@settings(deadline=None)
def test_area_under_curve_is_the_chance_of_the_right_order(positive: list[int], negative: list[int]) -> None:
    pairs = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]
    found = area_under_curve(np.array(positive, float), np.array(negative, float))
    assert found == pytest.approx(float(np.mean(pairs)))


def test_smallest_value_is_taken_within_the_interval() -> None:
    values = np.array([5.0, 4, 3, 2, 1, 0, 9, 9])
    phones = [[0.0, 0.1, "B"], [0.1, 0.15, "AA1"], [0.2, 0.21, "AE"], [0.2, 0.3, "T"]]
    assert smallest(values, phones, ("B",)) == [2.0]
    assert smallest(values, phones, ("AA", "AE")) == [1.0, 9.0]


def test_blinks_are_counted_when_they_begin() -> None:
    template = toy_template()
    vertices = np.repeat(template.rest[None], 30, 0)
    upper, lower = template.landmarks["lid_upper_left"], template.landmarks["lid_lower_left"]
    for frames in (slice(5, 8), slice(20, 22)):
        vertices[frames, upper] = vertices[frames, lower] + 0.001
    assert blink_frames(vertices, template.landmarks) == [5, 20]


def test_lip_error_leaves_the_common_motion_of_the_lips_out() -> None:
    template = toy_template()
    regions = Regions(template)
    still = np.zeros((4, len(template), 3), np.float32)
    shifted = still + np.array([0, 0, 0.003], np.float32)
    assert regions.lip_error(shifted, still) == pytest.approx(0.0, abs=1e-4)
    assert regions.distances(shifted, still)["mouth"] == pytest.approx(3.0, rel=1e-4)
    one = still.copy()
    one[2, regions.lips[0], 2] = 0.008
    share = (len(regions.lips) - 1) / len(regions.lips)
    assert regions.lip_error(one, still) == pytest.approx(8.0 * share / 4, rel=1e-3)


def test_means_are_weighted_by_frames() -> None:
    assert mean_of([{"a": 1.0}, {"a": 4.0}], [30, 10]) == {"a": 1.75}


def test_bundle_and_torch_measure_the_same_model(bundle_folder: Path, toy_corpus: Path) -> None:
    bundle = load_bundle(bundle_folder, threads=1)
    clip = some_clips(toy_corpus, "test", bundle.card.audio_context, 1)[0]
    bundled, torched = BundleNetworks(bundle), TorchNetworks(tiny_models(0)[0])
    for network in (bundled, torched):
        assert network.audio_code(clip).shape == (40, 16)
    np.testing.assert_allclose(bundled.audio_code(clip), torched.audio_code(clip), atol=1e-3)
    np.testing.assert_allclose(bundled.expression_code(clip), torched.expression_code(clip), atol=1e-3)
    labels = torched.labels(torched.audio_code(clip), torched.expression_code(clip))
    found, wanted = bundled.decode(clip.rest, labels), torched.decode(clip.rest, labels)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_clips_are_read_in_the_basis_of_their_corpus(bundle_folder: Path, toy_corpus: Path) -> None:
    """A renewed bundle has another basis of motion than what it learnt from."""
    bundle = load_bundle(bundle_folder, threads=1)
    clip, learnt = some_clips(toy_corpus, "test", bundle.card.audio_context, 1)[0], bundle.template
    wanted = BundleNetworks(bundle).expression_code(clip)
    bundle.template = replace(learnt, motion_basis=learnt.motion_basis[::-1])
    assert np.abs(BundleNetworks(bundle).expression_code(clip) - wanted).max() > 0.01
    assert np.array_equal(BundleNetworks(bundle, learnt).expression_code(clip), wanted)


def test_accuracy_has_the_figures_that_the_card_keeps(bundle_folder: Path, toy_corpus: Path) -> None:
    bundle = load_bundle(bundle_folder, threads=1)
    clips = some_clips(toy_corpus, "test", bundle.card.audio_context, 5)
    figures = measure_accuracy(bundle, clips, bundle.template)
    assert figures["frames"] == 200
    assert set(figures["reconstruction_mm"]) == {"face", "mouth", "upper", "lips"}
    assert len(figures["perplexity"]) == bundle.card.heads
    assert all(1 <= value <= bundle.card.categories for value in figures["perplexity"])
    entropies = figures["cross_entropy"]
    assert entropies["uniform"] == pytest.approx(np.log(8))
    assert entropies["unigram"] <= entropies["uniform"] + 1e-6
    assert np.isfinite(entropies["autoregressive"])


def test_swapping_a_code_for_itself_moves_nothing(bundle_folder: Path, toy_corpus: Path) -> None:
    bundle = load_bundle(bundle_folder, threads=1)
    clips = some_clips(toy_corpus, "test", bundle.card.audio_context, 2)
    regions = Regions(bundle.template)
    same = measure_swaps(BundleNetworks(bundle), regions, [clips[0], clips[0]])
    assert same == {name: {"mouth": 0.0, "upper": 0.0} for name in ("audio", "expression")}
    other = measure_swaps(BundleNetworks(bundle), regions, clips)
    assert other["audio"]["mouth"] > 0 or other["expression"]["upper"] > 0


def test_command_prints_keeps_and_writes_figures(
    bundle_folder: Path, toy_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "figures.json"
    options = ["--bundle", str(bundle_folder), "--corpus", str(toy_corpus), "--clips", "2"]
    assert main(["evaluate", *options, "--json", str(target), "--card"]) == 0
    assert "perplexity" in capsys.readouterr().out
    figures = json.loads(target.read_text(encoding="utf-8"))
    assert read_card(bundle_folder)["metrics"]["accuracy"] == figures["accuracy"]
    load_bundle(bundle_folder, threads=1)
    assert main(["evaluate", "--bundle", str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
