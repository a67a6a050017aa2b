# SPDX-License-Identifier: GPL-3.0-or-later
"""Training: presets, schedules, data, losses, and runs that end the same whether interrupted or not."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402

from engine.audio.features import MelSettings, silence  # noqa: E402
from training.data.augment import Augmentation, augment  # noqa: E402
from training.data.batches import IGNORED, BatchSettings, draw_batch  # noqa: E402
from training.data.corpus import CorpusClips, Drawing  # noqa: E402
from training.errors import TrainingError  # noqa: E402
from training.fit.checkpoint import Progress  # noqa: E402
from training.fit.loop import Stage, fraction_done, learning_rate, run_stage  # noqa: E402
from training.fit.losses import Gumbel, stage_one_loss  # noqa: E402
from training.fit.preset import (  # noqa: E402
    LossSettings,
    StageSettings,
    load_preset,
    parse_preset,
    preset_names,
    preset_table,
)
from training.fit.run import EAR, SETTLED, STAGE_ONE, STAGE_TWO, create_run, fit, open_run, with_minutes  # noqa: E402

CONTEXT = (48, 48)
STAGES = ("ear", "stage1", "settle", "stage2")


@pytest.mark.parametrize("name", ["default", "released", "paper", "tiny"])
def test_every_preset_loads_and_survives_a_round_trip(name: str) -> None:
    preset = load_preset(name)
    assert name in preset_names()
    table = json.loads(json.dumps(preset_table(preset)))
    assert parse_preset(name, table) == preset


def test_presets_have_the_sizes_that_they_promise() -> None:
    released, paper = load_preset("released").model, load_preset("paper").model
    assert (released.heads, released.categories) == (16, 128)
    assert (paper.heads, paper.categories, paper.rank) == (64, 128, "full")
    default = load_preset("default")
    stages = (default.ear, default.stage1, default.settle, default.stage2)
    assert sum(stage.minutes for stage in stages) <= 85


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"modell": {}}, 'unknown setting "modell"'),
        ({"model": {"headz": 3}}, 'unknown setting "headz"'),
        ({"model": {"heads": "many"}}, '"heads" must be a int'),
        ({"model": 3}, "must be a table"),
        ({"model": {"rank": "middling"}}, "rank"),
    ],
)
def test_wrong_presets_are_told_in_a_sentence(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        parse_preset("mine", raw)


def test_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(TrainingError, match="default, paper, released, tiny"):
        load_preset("defualt")


def test_learning_rate_rises_then_falls() -> None:
    settings = StageSettings(learning_rate=1.0, warm_up=0.1, final_rate=0.02)
    rates = [learning_rate(settings, share) for share in (0.0, 0.05, 0.1, 0.5, 1.0)]
    assert rates[0] < rates[1] < rates[2] > rates[3] > rates[4]
    assert rates[4] == pytest.approx(0.02)


def test_schedule_goes_by_steps_where_they_are_set_else_by_time() -> None:
    progress = Progress(step=5, seconds=30.0)
    assert fraction_done(StageSettings(minutes=1.0), progress) == pytest.approx(0.5)
    assert fraction_done(StageSettings(steps=20), progress) == pytest.approx(0.25)
    scaled = with_minutes(load_preset("default"), 19.0)
    stages = (scaled.ear, scaled.stage1, scaled.settle, scaled.stage2)
    assert sum(stage.minutes for stage in stages) == pytest.approx(19.0)


def test_clip_has_real_context_inside_and_silence_outside(toy_corpus: Path) -> None:
    clips = CorpusClips(toy_corpus, "train", CONTEXT)
    whole = clips.clip(2, 0, clips.frames(2))
    part = clips.clip(2, 10, 8)
    np.testing.assert_array_equal(part.mel, whole.mel[30 : 30 + 96 + 24])
    np.testing.assert_array_equal(part.motion, whole.motion[10:18])
    quiet = silence(clips.mel_settings)
    np.testing.assert_array_equal(whole.mel[:48], np.tile(quiet, (48, 1)))
    np.testing.assert_array_equal(whole.mel[-48:], np.tile(quiet, (48, 1)))
    assert whole.rest.shape == (133, 3) and whole.frame_rate == 30


def test_beyond_its_ends_a_clip_keeps_still_and_its_phonemes_are_unknown(toy_corpus: Path) -> None:
    clips = CorpusClips(toy_corpus, "train", CONTEXT)
    late = clips.clip(0, clips.frames(0) - 2, 6)
    assert (late.motion[2:] == late.motion[1]).all()
    assert late.phonemes is not None and late.phonemes[2:].tolist() == [255] * 4


def test_drawn_clips_change_identity_within_the_split(toy_corpus: Path) -> None:
    clips = CorpusClips(toy_corpus, "validation", CONTEXT)
    rng = np.random.default_rng(0)
    rests = [clips.clip(0, 0, 4, rng).rest for _ in range(12)]
    allowed = [clips.faces.rests[identity] for identity in (2, 3)]
    found = {next(i for i, rest in enumerate(allowed) if np.array_equal(rest, drawn)) for drawn in rests}
    assert found == {0, 1}


def test_real_clips_are_drawn_in_their_share(toy_corpus: Path) -> None:
    clips = CorpusClips(toy_corpus, "train", CONTEXT, Drawing(real_share=0.9))
    rng = np.random.default_rng(0)
    sources = [clips.clips["source"][clips.choose(rng)] for _ in range(2000)]
    assert np.mean(np.array(sources) == 0) == pytest.approx(0.9, abs=0.03)


def test_silenced_clips_are_silent_and_their_mouths_rest(toy_corpus: Path) -> None:
    clips = CorpusClips(toy_corpus, "train", CONTEXT, Drawing(silent_share=1.0))
    clip = clips.clip(0, 0, 20, np.random.default_rng(0))
    np.testing.assert_array_equal(clip.mel, np.tile(silence(clips.mel_settings), (len(clip.mel), 1)))
    basis = clips.faces.template.motion_basis
    moved = np.tensordot(clip.motion, basis, 1)
    lips = clips.faces.template.landmarks["lip_lower_inner"]
    assert np.abs(moved[:, lips]).max() < 1e-4
    assert np.abs(moved).max() > 1e-3, "lids go on to blink"


def test_batches_depend_on_nothing_but_the_seed(toy_corpus: Path) -> None:
    clips = CorpusClips(toy_corpus, "train", CONTEXT)
    features = MelSettings()
    settings = BatchSettings(batch=3, frames=50, margin=4)
    first, second, other = (
        draw_batch(clips, settings, seed, features, Augmentation()) for seed in ((1, 2), (1, 2), (1, 3))
    )
    assert torch.equal(first.mel, second.mel) and torch.equal(first.motion, second.motion)
    assert not torch.equal(first.mel, other.mel)
    assert first.mel.shape == (3, 96 + 150, 80) and (first.phonemes == IGNORED).any(), "longer than its clip"


def test_augmentation_changes_voices_but_never_falls_below_silence() -> None:
    features = MelSettings()
    mel = torch.from_numpy(np.tile(silence(features), (4, 100, 1)))
    mel[:, 30:60] += 1.0
    changed = augment(mel, Augmentation(), features, torch.Generator().manual_seed(0))
    assert changed.shape == mel.shape and torch.isfinite(changed).all()
    assert (changed >= mel.min() - 1e-4).all()
    assert not torch.equal(changed, mel)


def _models(corpus: Path) -> tuple[Any, Any]:
    from tests.training.toy_corpus import PHONEMES
    from training.export.toy import TINY, toy_faces, toy_template
    from training.model.meshtalk import MeshTalk
    from training.model.space import VertexSpace

    torch.manual_seed(0)
    model = MeshTalk(TINY, VertexSpace(toy_faces(toy_template()), "low"), len(PHONEMES))
    clips = CorpusClips(corpus, "train", CONTEXT)
    return model, draw_batch(clips, BatchSettings(batch=3, frames=16, margin=0), (0,), MelSettings())


def test_cross_modality_asks_each_code_for_its_own_region(toy_corpus: Path) -> None:
    """With another clip's sound and its own expression a mouth may be wrong, an upper face may not, and vice
    versa.
    """
    model, batch = _models(toy_corpus)
    parts = stage_one_loss(model, batch, LossSettings(), Gumbel())[1]
    terms = {"cross", "eyelid", "brows", "gaze", "contact", "velocity", "telling", "parting", "phoneme"}
    assert set(parts) == terms
    both = stage_one_loss(model, batch, LossSettings(reconstruction=1.0), Gumbel())[1]
    assert set(both) == set(parts) | {"reconstruction"}


def test_contact_counts_more_where_lips_are_closed(toy_corpus: Path) -> None:
    from training.fit.losses import contact_loss, encode

    model, batch = _models(toy_corpus)
    codes = encode(model, batch)
    jaw = torch.from_numpy(toy_jaw())
    slack = model.space.motion_vector(jaw[None, None] * 0.02)
    closed = dataclasses.replace(codes, target=torch.zeros_like(codes.target))
    wide = dataclasses.replace(
        codes, target=torch.zeros_like(codes.target) + model.space.motion_vector(jaw[None, None])
    )
    near = contact_loss(model, closed.target + slack, closed, 6.0)
    far = contact_loss(model, wide.target + slack, wide, 6.0)
    assert near > 2 * far > 0


def toy_jaw() -> np.ndarray:
    from training.export.toy import toy_template

    template = toy_template()
    return template.unit_deltas[template.unit("jawOpen")]


@pytest.mark.parametrize("halted", ["ear", "stage1"])
def test_interrupted_run_ends_like_an_uninterrupted_one(
    toy_corpus: Path, tmp_path: Path, reporter: Any, halted: str
) -> None:
    preset = load_preset("tiny")
    whole = create_run(tmp_path / "whole", preset, toy_corpus)
    fit(whole, toy_corpus, reporter)

    broken = create_run(tmp_path / "broken", preset, toy_corpus)
    _interrupt_after(9, halted, broken, toy_corpus, reporter)
    fit(open_run(tmp_path / "broken"), toy_corpus, reporter, resume=True)
    for name in (EAR, STAGE_ONE, SETTLED, STAGE_TWO):
        first, second = load_file(tmp_path / "whole" / name), load_file(tmp_path / "broken" / name)
        assert first.keys() == second.keys()
        for key in first:
            assert torch.equal(first[key], second[key]), f"{name}: {key}"
    assert {stage for stage, _ in reporter.lines} == {"ear", "stage1", "settle", "stage2"}
    assert any("valid_heard_lips" in values for _, _, values in reporter.curves)
    assert any("valid_reconstruct_mouth" in values for _, _, values in reporter.curves)


def _interrupt_after(steps: int, halted: str, run: Any, corpus: Path, reporter: Any) -> None:
    """Train up to the named stage until a step of it raises, saving a checkpoint at every step before."""
    from training.fit.run import Sources, ear_stage, sample_motion, stage_one

    clips = [CorpusClips(corpus, split, CONTEXT, run.preset.drawing) for split in ("train", "validation")]
    sources = Sources(clips[0], clips[1], run.features, torch.device("cpu"))
    model = run.build()[0]
    model.space.set_statistics(sample_motion(model, run.preset, sources))
    stage = ear_stage(model, run.preset, sources)
    if halted == "stage1":
        run_stage(stage, run.folder / EAR, reporter, resume=False)
        stage = stage_one(model, run.preset, sources)

    def loss(step: int, fraction: float) -> tuple[Any, dict[str, Any]]:
        if step == steps:
            raise KeyboardInterrupt
        return stage.loss(step, fraction)

    settings = dataclasses.replace(stage.settings, checkpoint_seconds=0.0)
    halting: Stage = dataclasses.replace(stage, loss=loss, settings=settings)
    with pytest.raises(KeyboardInterrupt):
        run_stage(halting, run.folder / (EAR if halted == "ear" else STAGE_ONE), reporter, resume=False)


def test_a_run_can_take_the_ear_of_another(toy_corpus: Path, tmp_path: Path, reporter: Any) -> None:
    preset = load_preset("tiny")
    fit(create_run(tmp_path / "first", preset, toy_corpus), toy_corpus, reporter, stages=1)
    reporter.lines.clear()
    second = create_run(tmp_path / "second", preset, toy_corpus, ear=tmp_path / "first")
    fit(second, toy_corpus, reporter, stages=1)
    assert {stage for stage, _ in reporter.lines} == {"stage1", "settle"}, "the ear isn't trained again"
    first, other = (load_file(tmp_path / name / STAGE_ONE) for name in ("first", "second"))
    assert all(torch.equal(first[key], other[key]) for key in first)
    with pytest.raises(TrainingError, match="no trained audio encoder"):
        create_run(tmp_path / "third", preset, toy_corpus, ear=tmp_path)


def test_a_run_can_begin_with_the_weights_of_another_and_more_layers(
    toy_corpus: Path, tmp_path: Path, reporter: Any
) -> None:
    tiny = load_preset("tiny")
    fit(create_run(tmp_path / "first", tiny, toy_corpus), toy_corpus, reporter)
    one = {name: dataclasses.replace(getattr(tiny, name), steps=1, learning_rate=0.0) for name in STAGES}
    settings = tiny.model
    deeper = dataclasses.replace(
        settings, audio_late=1, mel_before=settings.mel_before + 3, mel_after=settings.mel_after + 3
    )
    second = create_run(tmp_path / "second", dataclasses.replace(tiny, model=deeper, **one), toy_corpus)
    fit(second, toy_corpus, reporter, begin=tmp_path / "first")
    first, other = (open_run(tmp_path / name).load() for name in ("first", "second"))
    for old, new in zip(first, other, strict=True):
        weights = new.state_dict()
        assert all(torch.equal(value, weights[name]) for name, value in old.state_dict().items())
    assert len(other[0].audio_encoder.late) == 1
    with pytest.raises(TrainingError, match="train first"):
        fit(create_run(tmp_path / "third", tiny, toy_corpus), toy_corpus, reporter, begin=tmp_path)


def test_training_lowers_the_errors(toy_corpus: Path, tmp_path: Path, reporter: Any) -> None:
    preset = load_preset("tiny")
    stages = {name: dataclasses.replace(getattr(preset, name), steps=150) for name in ("stage1", "stage2")}
    preset = dataclasses.replace(preset, **stages)
    fit(create_run(tmp_path / "run", preset, toy_corpus), toy_corpus, reporter)
    losses = {
        stage: [v["loss"] for s, _, v in reporter.curves if s == stage and "loss" in v] for stage in stages
    }
    valid = {k: v for _, _, values in reporter.curves for k, v in values.items() if k.startswith("valid")}
    assert losses["stage1"] and losses["stage2"]
    assert valid["valid_phonemes_right"] > 0.4, "four phonemes in four bands are easy to tell"
    assert valid["valid_cross_entropy"] < np.log(8)


def test_runs_and_corpora_that_do_not_fit_are_refused(
    toy_corpus: Path, tmp_path: Path, reporter: Any
) -> None:
    with pytest.raises(TrainingError, match="no corpus"):
        create_run(tmp_path / "run", load_preset("tiny"), tmp_path)
    with pytest.raises(TrainingError, match="holds no run"):
        open_run(tmp_path)
    run = create_run(tmp_path / "run", load_preset("tiny"), toy_corpus)
    with pytest.raises(TrainingError, match="--resume"):
        create_run(tmp_path / "run", load_preset("tiny"), toy_corpus)
    with pytest.raises(TrainingError, match="train first"):
        run.load()
    (run.folder / STAGE_ONE).write_bytes(b"nonsense")
    with pytest.raises(TrainingError, match="damaged"):
        run.load_stage_one()


def test_checkpoint_of_another_size_is_refused(toy_corpus: Path, tmp_path: Path, reporter: Any) -> None:
    preset = load_preset("tiny")
    short = dataclasses.replace(preset.stage1, steps=1)
    preset = dataclasses.replace(preset, stage1=short, stage2=short)
    run = create_run(tmp_path / "run", preset, toy_corpus)
    fit(run, toy_corpus, reporter, stages=1)
    larger = dataclasses.replace(run.preset.model, heads=5)
    other = dataclasses.replace(run, preset=dataclasses.replace(run.preset, model=larger))
    with pytest.raises(TrainingError, match="other sizes"):
        other.load_stage_one()


def test_guided_labels_follow_the_motion_in_equal_steps(toy_corpus: Path) -> None:
    """Along a component the labels rise step by step, and what they say of the motion is exact to a step."""
    from training.fit.guide import learn_guide

    model, batch = _models(toy_corpus)
    vectors = model.space.motion_vector(batch.motion).flatten(0, 1)
    model.space.set_statistics(vectors)
    guide = learn_guide(model.space, model.settings, vectors)
    labels = guide.labels(vectors[None])[0]
    scores = (vectors - guide.centre) @ guide.axes
    for head in range(model.settings.heads):
        order = scores[:, head].argsort()
        assert (labels[order, head].diff() >= 0).all()
        assert labels[:, head].min() == 0 and labels[:, head].max() == model.settings.categories - 1
        width = guide.edges[head].diff()
        assert torch.allclose(width, width.mean().expand_as(width), rtol=1e-3)
    perfect = torch.nn.functional.one_hot(labels, model.settings.categories) * 50.0
    assert guide.loss(perfect[None], vectors[None]) > guide.loss(
        guide.blurred[labels].log()[None], vectors[None]
    )


def test_guidance_ends_where_the_preset_says(toy_corpus: Path, tmp_path: Path, reporter: Any) -> None:
    preset = load_preset("tiny")
    fit(create_run(tmp_path / "run", preset, toy_corpus), toy_corpus, reporter, stages=1)
    guided = [values for stage, _, values in reporter.curves if stage == "stage1" and "loss" in values]
    assert "guide" not in guided[-1]


def test_settling_moves_the_decoder_and_nothing_else(toy_corpus: Path, tmp_path: Path, reporter: Any) -> None:
    """Labels, and so what stage 2 learns, stay what they were."""
    run = create_run(tmp_path / "run", load_preset("tiny"), toy_corpus)
    fit(run, toy_corpus, reporter, stages=1)
    settled = run.load_stage_one().state_dict()
    (run.folder / SETTLED).unlink()
    before = run.load_stage_one().state_dict()
    moved = {name.split(".")[0] for name in before if not torch.equal(before[name], settled[name])}
    assert moved == {"decoder"}
