# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks: exact errors, gradients through the latent, and who may see whom."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from training.errors import TrainingError
from training.export.toy import TINY, tiny_models, toy_faces, toy_template
from training.model.audio import AudioEncoder
from training.model.autoregressive import Autoregressive, AutoregressiveStep
from training.model.decoder import Decoder
from training.model.latent import one_hot, straight_through
from training.model.meshtalk import MeshTalk
from training.model.settings import ModelSettings
from training.model.space import REGIONS, VertexSpace


@given(seed=st.integers(0, 2**31), region=st.sampled_from(REGIONS))
@settings(max_examples=20, deadline=None)
def test_quadratic_form_is_the_masked_vertex_error(seed: int, region: str) -> None:
    space = VertexSpace(toy_faces(toy_template()), "low")
    difference = torch.randn(3, space.motion_size, generator=torch.Generator().manual_seed(seed)) * 0.01
    weight = torch.from_numpy(np.asarray(toy_faces(toy_template()).regions[region], np.float64))
    distance = (space.displacement(difference).double() * 1000).square().sum(-1)
    wanted = (distance * weight).sum(-1) / weight.sum()
    torch.testing.assert_close(space.squared_error(difference, region).double(), wanted, rtol=1e-3, atol=1e-6)


def test_full_rank_measures_the_same_error_and_lip_gap() -> None:
    faces = toy_faces(toy_template())
    low, full = VertexSpace(faces, "low"), VertexSpace(faces, "full")
    vector = torch.randn(2, 5, low.motion_size) * 0.01
    vertices = full.motion_vector(vector)
    for region in REGIONS:
        error = full.squared_error(vertices, region)
        torch.testing.assert_close(low.squared_error(vector, region), error, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(low.gap(vector), full.gap(vertices), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(low.displacement(vector), full.displacement(vertices))


def test_gap_is_the_distance_that_opens_between_the_lips() -> None:
    template = toy_template()
    space = VertexSpace(toy_faces(template), "low")
    jaw = torch.from_numpy(template.unit_deltas[template.unit("jawOpen")])[None, None]
    gap = space.gap(space.motion_vector(jaw))[0, 0]
    upper, lower = (template.landmarks[f"lip_{side}_inner"] for side in ("upper", "lower"))
    opened = 1000 * float(jaw[0, 0, upper, 2] - jaw[0, 0, lower, 2])
    assert gap.max() == pytest.approx(opened, abs=0.1)
    assert opened > 20


@pytest.mark.parametrize("rank", ["low", "full"])
def test_both_ranks_carry_gradients_to_every_weight(rank: str) -> None:
    sizes = dataclasses.replace(TINY, rank=rank)
    model = MeshTalk(sizes, VertexSpace(toy_faces(toy_template()), rank), phonemes=4)
    frames = 6
    audio = model.audio_encoder(torch.randn(2, 96 + 3 * frames, 80))
    space = model.space
    target = space.motion_vector(torch.randn(2, frames, 14) * 0.01)
    sample = straight_through(model.fusion(audio, model.encode_motion(target)), 1.0)
    rest = space.rest_vector(torch.from_numpy(toy_template().rest)[None].repeat(2, 1, 1) + 0.001)
    error = space.squared_error(model.decode(rest, sample) - target, "all").mean()
    assert model.phoneme_head is not None
    (error + model.phoneme_head(audio).square().mean()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_straight_through_is_one_hot_with_the_softmax_gradient() -> None:
    logits = torch.randn(4, 7, requires_grad=True)
    value = torch.randn(4, 7)
    sample = straight_through(logits, 0.7, noise=0.0)
    assert torch.equal(sample.detach(), one_hot(logits.argmax(-1), 7))
    (sample * value).sum().backward()
    soft = logits.detach().clone().requires_grad_()
    (torch.softmax(soft / 0.7, -1) * value).sum().backward()
    torch.testing.assert_close(logits.grad, soft.grad)


def test_gumbel_noise_samples_the_categories_by_their_chances() -> None:
    torch.manual_seed(3)
    logits = torch.log(torch.tensor([0.6, 0.3, 0.1])).expand(20_000, 3)
    share = straight_through(logits, 1.0).mean(0)
    torch.testing.assert_close(share, torch.tensor([0.6, 0.3, 0.1]), atol=0.02, rtol=0)


@pytest.fixture(scope="module")
def autoregressive() -> Autoregressive:
    torch.manual_seed(0)
    return Autoregressive(dataclasses.replace(TINY, heads=5)).eval()


@given(frame=st.integers(0, 19), head=st.integers(0, 4), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_no_logit_sees_its_own_or_a_later_label(
    autoregressive: Autoregressive, frame: int, head: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(8, (1, 20, 5), generator=generator)
    audio = torch.randn(1, 20, TINY.code, generator=generator)
    changed = labels.clone()
    changed[0, frame, head] = (changed[0, frame, head] + 3) % 8
    with torch.no_grad():
        before, after = autoregressive(labels, audio)[0], autoregressive(changed, audio)[0]
    differs = (before != after).any(-1)
    order = torch.arange(20)[:, None] * 5 + torch.arange(5)
    assert not differs[order <= frame * 5 + head].any()
    if head < 4:
        assert differs[frame, head + 1], "the next head of the same frame must see the label"
    if frame < 19:
        assert differs[frame + 1].all(), "every head of the next frame must see the label"


def test_logits_hear_the_present_but_not_the_future(autoregressive: Autoregressive) -> None:
    labels, audio = torch.randint(8, (1, 12, 5)), torch.randn(1, 12, TINY.code)
    changed = audio.clone()
    changed[0, 7] += 1
    with torch.no_grad():
        differs = (autoregressive(labels, audio) != autoregressive(labels, changed))[0].flatten(1).any(1)
    assert differs.tolist()[:8] == [False] * 7 + [True]


def test_step_graph_gives_the_parallel_logits(autoregressive: Autoregressive) -> None:
    frames, lanes = 40, 3
    labels = torch.randint(8, (lanes, frames, 5))
    audio = torch.randn(lanes, frames, TINY.code)
    step = AutoregressiveStep(autoregressive)
    state = torch.zeros(lanes, 15 * 5 * TINY.channels)
    found = []
    with torch.no_grad():
        for frame in range(frames):
            forced, logits, state = step(audio[:, frame], torch.zeros(lanes, 5, 8), labels[:, frame], state)
            assert torch.equal(forced, labels[:, frame])
            found.append(logits)
        wanted = autoregressive(labels, audio)
    torch.testing.assert_close(torch.stack(found, 1), wanted, atol=1e-4, rtol=0)


def test_step_graph_samples_head_after_head(autoregressive: Autoregressive) -> None:
    """A frame's labels are the argmax of noisy logits that already know the labels of earlier heads."""
    torch.manual_seed(5)
    audio, noise = torch.randn(2, TINY.code), torch.randn(2, 5, 8)
    step = AutoregressiveStep(autoregressive)
    state = torch.zeros(2, 15 * 5 * TINY.channels)
    with torch.no_grad():
        labels, logits, _ = step(audio, noise, torch.full((2, 5), -1), state)
        parallel = autoregressive(labels[:, None], audio[:, None])[:, 0]
    torch.testing.assert_close(logits, parallel, atol=1e-4, rtol=0)
    assert torch.equal(labels, (logits + noise).argmax(-1))


def test_audio_codes_do_not_depend_on_the_cut() -> None:
    model = tiny_models(0)[0]
    mel = torch.randn(1, 96 + 3 * 32, 80)
    with torch.no_grad():
        whole = model.audio_encoder(mel)
        parts = [model.audio_encoder(mel[:, 3 * first : 3 * first + 96 + 24]) for first in (0, 8, 16, 24)]
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-5, rtol=1e-5)


def test_decoder_and_expression_encoder_go_on_from_their_state() -> None:
    model = tiny_models(0)[0]
    labels, motion = torch.randint(8, (1, 20, 4)), torch.randn(1, 20, model.space.motion_size)
    rest = torch.zeros(1, model.space.rest_size)
    with torch.no_grad():
        whole, _ = model.decoder(rest, one_hot(labels, 8))
        first, state = model.decoder(rest, one_hot(labels[:, :9], 8))
        second, _ = model.decoder(rest, one_hot(labels[:, 9:], 8), state)
        seen, _ = model.expression_encoder(motion)
        early, memory = model.expression_encoder(motion[:, :9])
        late, _ = model.expression_encoder(motion[:, 9:], memory)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(torch.cat([early, late], 1), seen)
    assert state.shape == (1, TINY.decoder_state) and memory.shape == (1, TINY.expression_state)


def test_label_lookup_equals_the_one_hot_layer() -> None:
    decoder = Decoder(TINY, 4, 14)
    labels = torch.randint(8, (2, 5, 4))
    wanted = decoder.embed(one_hot(labels, 8).flatten(-2))
    torch.testing.assert_close(decoder.embed_labels(labels), wanted)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"rank": "half"}, "rank"),
        ({"mel_before": 47}, "mel_before"),
        ({"categories": 1}, "categories"),
        ({"audio_heads": 16}, "audio_heads"),
    ],
)
def test_impossible_sizes_are_refused(change: dict[str, object], word: str) -> None:
    with pytest.raises(TrainingError, match=word):
        ModelSettings(**change)  # type: ignore[arg-type]


def test_heads_that_hear_follow_the_sound_alone() -> None:
    """Their labels come from the audio code, in the fusion and in both forms of the autoregressive model."""
    torch.manual_seed(0)
    sizes = dataclasses.replace(TINY, audio_heads=2)
    model = MeshTalk(sizes, VertexSpace(toy_faces(toy_template()), "low")).eval()
    sampler = Autoregressive(sizes).eval()
    sampler.adopt_heard(model.fusion)
    audio, seen = torch.randn(1, 30, TINY.code), torch.randn(2, 1, 30, TINY.code)
    with torch.no_grad():
        fused = [model.fusion(audio, expression) for expression in seen]
        labels = fused[0].argmax(-1)
        other = torch.randint(8, labels.shape)
        logits = [sampler(history, audio) for history in (labels, other)]
        step = AutoregressiveStep(sampler)
        state, steps = torch.zeros(1, sizes.autoregressive_state), []
        for frame in range(30):
            _, scores, state = step(audio[:, frame], torch.zeros(1, 4, 8), labels[:, frame], state)
            steps.append(scores)
    assert torch.equal(fused[0][..., :2, :], fused[1][..., :2, :])
    assert not torch.equal(fused[0][..., 2:, :], fused[1][..., 2:, :])
    assert torch.equal(logits[0][..., :2, :], logits[1][..., :2, :])
    assert torch.equal(logits[0][..., :2, :].argmax(-1), labels[..., :2])
    torch.testing.assert_close(torch.stack(steps, 1), logits[0], atol=1e-4, rtol=0)


def test_late_layers_change_nothing_before_they_are_trained_and_see_what_they_are_said_to() -> None:
    torch.manual_seed(2)
    early = ModelSettings(audio_channels=16, code=8)
    late = dataclasses.replace(early, audio_late=2, audio_late_channels=24, mel_before=54, mel_after=54)
    plain, deep = AudioEncoder(early).eval(), AudioEncoder(late).eval()
    assert deep.load_state_dict(plain.state_dict(), strict=False).unexpected_keys == []
    mel = torch.randn(1, 54 + 3 * 10 + 54, 80)
    with torch.no_grad():
        torch.testing.assert_close(deep(mel), plain(mel[:, 6:-6]))
        for layer in deep.late:
            layer.gather.weight.normal_()
        whole = deep(mel)
        assert whole.shape == (1, 10, 8)
        torch.testing.assert_close(whole[:, 4:7], deep(mel[:, 12 : 12 + 54 + 9 + 54]), msg="chunks are exact")
        assert not torch.allclose(whole, plain(mel[:, 6:-6]))
