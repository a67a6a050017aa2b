# SPDX-License-Identifier: GPL-3.0-or-later
"""Going on from a bundle, with another corpus beside the first, and lids that have to meet."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from engine.bundle.onnx_graph import OnnxGraph  # noqa: E402
from training.data.batches import BatchSettings, draw_batch  # noqa: E402
from training.data.beside import Beside  # noqa: E402
from training.data.corpus import CorpusClips  # noqa: E402
from training.data.faces import lid_pairs  # noqa: E402
from training.errors import TrainingError  # noqa: E402
from training.export.toy import tiny_models, toy_faces, toy_template, write_tiny_bundle  # noqa: E402
from training.fit.from_bundle import adopt_bundle, graph_weights  # noqa: E402
from training.fit.losses import TELLING, Codes, hear, lid_loss, parting_loss, telling_loss  # noqa: E402
from training.fit.preset import load_preset  # noqa: E402
from training.fit.readers import fit_readers  # noqa: E402
from training.fit.run import create_run, fit, open_run  # noqa: E402
from training.model.meshtalk import MeshTalk  # noqa: E402
from training.model.space import VertexSpace  # noqa: E402
from training.phonemes import PHONEMES  # noqa: E402


def test_a_bundle_gives_back_the_weights_that_were_exported(tmp_path: Path) -> None:
    write_tiny_bundle(tmp_path, seed=3)
    wanted, other = tiny_models(3), tiny_models(4)
    adopt_bundle(tmp_path, other[0], other[1])
    for old, new in zip(wanted[:2], other[:2], strict=True):
        found = new.state_dict()
        for name, value in old.state_dict().items():
            if name == "space.region_variance":
                continue
            value, hearing = value.clone(), old is wanted[1] and wanted[0].settings.audio_heads
            if name.endswith("same.weight"):
                layer = int(name.split(".")[1])
                value *= old.masked_layers[layer].mask
                if layer == len(old.masked_layers) - 1:
                    value[: hearing * old.channels] = 0  # rows that nothing is read from
            elif name.startswith("leave_"):
                value[:hearing] = 0
            assert torch.equal(found[name], value), name


def test_a_bundle_of_another_basis_draws_the_same_motion(tmp_path: Path) -> None:
    write_tiny_bundle(tmp_path, seed=3)
    bundle = tiny_models(3)[0].eval()
    template = toy_template()
    count = len(template.motion_basis)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((count, count)))[0].astype(np.float32)
    turned = dataclasses.replace(template, motion_basis=np.tensordot(turn, template.motion_basis, 1))
    model = MeshTalk(bundle.settings, VertexSpace(toy_faces(turned), "low")).eval()
    adopt_bundle(tmp_path, model, tiny_models(4)[1])
    torch.manual_seed(0)
    labels = torch.randint(bundle.settings.categories, (1, 5, bundle.settings.heads))
    rest = torch.randn(1, bundle.space.rest_size)
    with torch.no_grad():
        motion = [each.space.displacement(each.decode_labels(rest, labels)) for each in (bundle, model)]
        codes = [each.encode_motion(each.space.motion_vector(motion[0])) for each in (bundle, model)]
    assert float((motion[0] - motion[1]).abs().max()) < 0.02 * float(motion[0].abs().max())
    assert float((codes[0] - codes[1]).abs().max()) < 0.02 * float(codes[0].abs().max())


def test_a_bundle_of_other_sizes_is_refused(tmp_path: Path) -> None:
    write_tiny_bundle(tmp_path)
    settings = dataclasses.replace(tiny_models(0)[0].settings, fusion_hidden=24)
    model = MeshTalk(settings, VertexSpace(toy_faces(toy_template()), "low"))
    with pytest.raises(TrainingError, match="other sizes"):
        adopt_bundle(tmp_path, model, tiny_models(0)[1])


def test_every_name_of_the_decoders_graph_is_found(tmp_path: Path) -> None:
    write_tiny_bundle(tmp_path)
    model = tiny_models(0)[0]
    found = graph_weights(OnnxGraph((tmp_path / "decoder.onnx").read_bytes()))
    assert set(found) == {f"decoder.{name}" for name in model.decoder.state_dict()}


def test_a_run_goes_on_from_a_bundle(toy_corpus: Path, tmp_path: Path, reporter: Any) -> None:
    from training.export.command import export_run

    tiny = load_preset("tiny")
    fit(create_run(tmp_path / "first", tiny, toy_corpus), toy_corpus, reporter)
    export_run(open_run(tmp_path / "first"), tmp_path / "bundle", None)
    still = {
        name: dataclasses.replace(getattr(tiny, name), steps=1, learning_rate=0.0)
        for name in ("ear", "stage1", "settle", "stage2")
    }
    second = create_run(tmp_path / "second", dataclasses.replace(tiny, **still), toy_corpus)
    fit(second, toy_corpus, reporter, begin=tmp_path / "bundle", beside=toy_corpus)
    batch = _batch(CorpusClips(toy_corpus, "validation", _context(tiny)))
    first, other = (open_run(tmp_path / name).load()[0] for name in ("first", "second"))
    vector = first.space.motion_vector(batch.motion)
    labels = [model.labels(model.audio_encoder(batch.mel), vector) for model in (first, other)]
    assert torch.equal(*labels)


def test_a_run_takes_the_ear_of_a_bundle_and_nothing_else(
    toy_corpus: Path, tmp_path: Path, reporter: Any
) -> None:
    from training.export.command import export_run

    tiny = load_preset("tiny")
    fit(create_run(tmp_path / "first", tiny, toy_corpus), toy_corpus, reporter)
    export_run(open_run(tmp_path / "first"), tmp_path / "bundle", None)
    short = dataclasses.replace(tiny.stage1, steps=1, learning_rate=0.0)
    preset = dataclasses.replace(tiny, stage1=short, settle=short, seed=tiny.seed + 1)
    second = create_run(tmp_path / "second", preset, toy_corpus, ear=tmp_path / "bundle")
    fit(second, toy_corpus, reporter, stages=1)
    first, other = (open_run(tmp_path / name).load_stage_one() for name in ("first", "second"))
    for name, value in first.audio_encoder.state_dict().items():
        assert torch.equal(other.audio_encoder.state_dict()[name], value), name
    assert not torch.equal(*(next(model.fusion.parameters()) for model in (first, other)))


def test_readers_fit_an_encoder_that_hears(toy_corpus: Path) -> None:
    tiny = load_preset("tiny")
    source = CorpusClips(toy_corpus, "train", _context(tiny))
    torch.manual_seed(0)
    space = VertexSpace(toy_faces(toy_template()), "low")
    model = MeshTalk(tiny.model, space, len(PHONEMES), readout=True).eval()
    batch = _batch(source)
    codes = hear(model, batch)

    def wrong() -> tuple[float, float]:
        told = model.phoneme_head(codes.audio).argmax(-1)
        known = batch.phonemes >= 0
        missed = (told != batch.phonemes)[known].float().mean()
        return float((model.read_out(codes.audio) - codes.target).square().mean()), float(missed)

    before = wrong()
    fit_readers(model, [batch])
    assert all(now < 0.8 * then for now, then in zip(wrong(), before, strict=True))


def test_a_corpus_beside_is_drawn_in_its_share(toy_corpus: Path) -> None:
    main = CorpusClips(toy_corpus, "train", (48, 48))
    both = Beside(main, CorpusClips(toy_corpus, "validation", (48, 48)), 0.3)
    rng = np.random.default_rng(0)
    drawn = np.array([both.choose(rng) for _ in range(2000)])
    assert 0.27 < (drawn >= len(main)).mean() < 0.33
    assert drawn.max() < len(both)
    index = len(main)
    other = CorpusClips(toy_corpus, "validation", (48, 48))
    assert both.frames(index) == other.frames(0)
    assert np.array_equal(both.clip(index, 3, 8).motion, other.clip(0, 3, 8).motion)


def test_lids_that_stay_open_cost_most_where_they_should_be_shut() -> None:
    template = toy_template()
    faces = dataclasses.replace(toy_faces(template), **dict(zip(("lids", "lid_mix"), _lids(), strict=True)))
    model = MeshTalk(load_preset("tiny").model, VertexSpace(faces, "low"))
    blink = torch.from_numpy(template.unit_deltas[template.unit("eyeBlinkLeft")])
    shut = model.space.motion_vector(blink[None, None])
    rest = -model.space.lid_gap(shut)[0]
    shallow = lid_loss(model, 0.9 * shut, shut, rest[None])
    opened = lid_loss(model, 0.1 * shut, 0 * shut, rest[None])
    assert float(rest.min()) > 1.0, "the lids travel"
    assert float(shallow) > 5 * float(opened) > 0
    assert float(lid_loss(model, shut, shut, rest[None])) == 0.0


def test_lips_that_miss_their_phoneme_cost_more() -> None:
    template = toy_template()
    model = MeshTalk(load_preset("tiny").model, VertexSpace(toy_faces(template), "low"))
    wrong = model.space.motion_vector(torch.from_numpy(template.unit_deltas[[3]])[None])
    heard = [Codes(wrong, wrong, wrong, torch.tensor([[told]])) for told in (False, True)]
    assert float(telling_loss(model, wrong, heard[0])) == 0.0
    assert float(telling_loss(model, wrong, heard[1])) > 0.0
    assert {PHONEMES[place] for place in TELLING} == {*"MPBFVW", "UW", "UH", "OW"}


def test_lips_that_part_too_late_cost_more_than_lips_that_stay_a_little_open() -> None:
    template = toy_template()
    model = MeshTalk(load_preset("tiny").model, VertexSpace(toy_faces(template), "low"))
    jaw = model.space.motion_vector(torch.from_numpy(template.unit_deltas[[template.unit("jawOpen")]])[None])
    opening = torch.tensor([0.0, 0.0, 0.5, 1.0, 1.0])[None, :, None] * jaw
    assert float(parting_loss(model, 0.1 * jaw + 0 * opening)) == 0.0, "an offset has no speed"
    assert float(parting_loss(model, opening.roll(1, 1)[:, 1:] - opening[:, 1:])) > 0.0


def test_lid_pairs_are_those_of_the_templates_blinks() -> None:
    template = toy_template()
    blink, jaw = template.unit("eyeBlinkLeft"), template.unit("jawOpen")
    closing = dataclasses.replace(
        template,
        closure_unit=np.array([jaw, blink], np.int32),
        closure_with=np.array([-1, -1], np.int32),
        closure_moving=np.array([1, 2], np.int32),
        closure_fixed=np.array([[3, 4], [5, 6]], np.int32),
        closure_mix=np.array([0.5, 0.25], np.float32),
        closure_keep=np.zeros((2, 3), np.float32),
    )
    vertices, mix = lid_pairs(closing)
    assert vertices.tolist() == [[2, 5, 6]]
    assert mix.tolist() == [0.25]


def _lids() -> tuple[np.ndarray, np.ndarray]:
    """The vertex that the toy's left lid moves farthest, against one that stays."""
    template = toy_template()
    travel = np.linalg.norm(template.unit_deltas[template.unit("eyeBlinkLeft")], axis=1)
    still = int(travel.argmin())
    return np.array([[int(travel.argmax()), still, still]]), np.array([0.5], np.float32)


def _context(preset: Any) -> tuple[int, int]:
    return preset.model.mel_before, preset.model.mel_after


def _batch(source: CorpusClips) -> Any:
    return draw_batch(source, BatchSettings(4, 24), (0,), source.mel_settings)
