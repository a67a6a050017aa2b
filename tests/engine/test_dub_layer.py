# SPDX-License-Identifier: GPL-3.0-or-later
"""Dubs on top of what moves a head, with correctives, and inside a longer performance."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from engine.audio.sound import Sound
from engine.bundle import Bundle
from engine.generate.dub import dub
from engine.generate.dub_layer import fit_of_correctives, layer_deltas
from engine.generate.dub_options import DubOptions
from engine.generate.dub_splice import splice
from engine.generate.options import Take
from engine.generate.past import Original, Skin
from engine.generate.retime import Stretch
from engine.geometry.topology import Binding
from engine.geometry.units import carry_units

Speech = Callable[[float], Sound]
RATE = Fraction(30)
FRAMES = 60


def swings(binding: Binding) -> np.ndarray:
    """A mouth that opens by a bone: the linear part (T, 3, 3) of what it does, turning about the ears."""
    angle = np.deg2rad(6) * (1 + np.sin(np.arange(FRAMES) * 0.6))
    turns = np.tile(np.eye(3), (FRAMES, 1, 1))
    turns[:, 1, 1], turns[:, 1, 2] = np.cos(angle), -np.sin(angle)
    turns[:, 2, 1], turns[:, 2, 2] = np.sin(angle), np.cos(angle)
    return turns


def jaw_weights(binding: Binding) -> np.ndarray:
    travel = np.linalg.norm(binding.template.unit_deltas[binding.template.unit("jawOpen")], axis=1)
    return np.clip(1.5 * travel / travel.max(), 0, 1)


def skinned(binding: Binding) -> tuple[np.ndarray, Skin]:
    """Vertices (T, V', 3) of a head whose jaw is a bone, and its skin."""
    weight, rest = jaw_weights(binding), binding.vertices
    pivot = rest.mean(axis=0) + [0, 0.3 * np.ptp(rest[:, 1]), 0]
    turned = np.einsum("tij,vj->tvi", swings(binding), rest - pivot) + pivot
    vertices = (1 - weight[:, None]) * rest + weight[:, None] * turned
    bones = np.stack([np.tile(np.eye(3), (FRAMES, 1, 1)), swings(binding)], axis=1)
    skin = Skin(np.stack([1 - weight, weight], axis=1).astype(np.float32), bones.astype(np.float32))
    return vertices.astype(np.float32), skin


def layered(binding: Binding, unit_names: tuple[str, ...], take: Take) -> np.ndarray:
    """What a layer adds (T, V', 3) before the bones."""
    assert take.correctives is not None and take.corrective_weights is not None
    shapes = layer_deltas(binding, unit_names, take.corrective_names or (), take.correctives)
    return np.tensordot(take.corrective_weights, shapes, 1)


def test_a_layer_brings_the_dub_to_a_head_that_a_cache_moves(
    tiny: Bundle, binding: Binding, speech: Speech
) -> None:
    time = np.arange(FRAMES)[:, None] / 30
    weights = 0.4 + 0.3 * np.sin(7 * time + np.arange(len(tiny.unit_names)))
    motion = np.tensordot(weights, carry_units(tiny.template, binding.rest), 1)
    old = Original(RATE, (binding.vertices + binding.carry(motion)).astype(np.float32))
    take = dub(tiny, speech(1.5), binding, old, DubOptions(layer=True))
    assert take.unit_names == () and take.weights.shape == (45, 0)
    assert take.vertices is not None and old.vertices is not None
    seen = old.vertices[:45] + layered(binding, tiny.unit_names, take)
    asked = np.abs(take.vertices - old.vertices[:45]).max()
    assert np.abs(seen - take.vertices).max() < 0.1 * asked


def test_a_layer_is_turned_back_through_the_bones(tiny: Bundle, binding: Binding, speech: Speech) -> None:
    vertices, skin = skinned(binding)
    old = Original(RATE, vertices, skin=skin)
    take = dub(tiny, speech(1.5), binding, old, DubOptions(layer=True))
    added = layered(binding, tiny.unit_names, take)
    matrices = skin.matrices(skin.bones[:45], np.arange(len(binding.vertices)))
    assert take.vertices is not None
    seen = vertices[:45] + np.einsum("tvij,tvj->tvi", matrices, added)
    apart = np.linalg.norm(seen - take.vertices, axis=2).max(axis=1)
    asked = np.linalg.norm(vertices[:45] - take.vertices, axis=2).max()
    assert np.percentile(apart, 95) < 0.05 * asked


@pytest.mark.parametrize("stretch", list(Stretch))
@pytest.mark.parametrize("seconds", [1.2, 3.0])
def test_a_layer_is_nothing_where_all_is_kept(
    tiny: Bundle, binding: Binding, speech: Speech, stretch: Stretch, seconds: float
) -> None:
    vertices, skin = skinned(binding)
    old = Original(RATE, vertices, skin=skin)
    options = DubOptions(upper=1, mouth=1, layer=True, stretch=stretch)
    take = dub(tiny, speech(seconds), binding, old, options)
    assert take.corrective_weights is not None and not take.corrective_weights.any()


def test_what_a_layer_plays_already_stays(tiny: Bundle, binding: Binding, speech: Speech) -> None:
    vertices, skin = skinned(binding)
    played = np.full((FRAMES, 1), 0.25, np.float32)
    old = Original(RATE, vertices, None, (), played, ("jawOpen",), None, skin)
    take = dub(tiny, speech(1.5), binding, old, DubOptions(upper=1, mouth=1, layer=True))
    assert take.corrective_names == ("jawOpen",)
    assert take.corrective_weights is not None and (take.corrective_weights == 0.25).all()


def test_correctives_of_a_dub_take_what_its_units_leave(template, speech: Speech) -> None:
    from engine.bundle import default_bundle_path, load_bundle
    from engine.generate import GenerateOptions, generate
    from engine.geometry.bind import bind_head

    bundle = load_bundle(default_bundle_path(), threads=1)
    head = bind_head(bundle.template, bundle.template.rest, bundle.template.faces)
    (made,) = generate(bundle, speech(1.0), head, GenerateOptions(fps=RATE, corrective_tolerance_mm=0.2))
    assert made.corrective_names is not None
    old = Original(
        RATE, made.vertices, made.weights, made.unit_names, made.corrective_weights, made.corrective_names
    )
    lips = bundle.template.corrective_lips

    def left(tolerance: float | None) -> float:
        take = dub(bundle, speech(0.8), head, old, DubOptions(mouth=0, corrective_tolerance_mm=tolerance))
        assert take.vertices is not None
        seen = np.tensordot(take.weights, head.unit_deltas(), 1)
        if tolerance is not None:
            seen = seen + np.tensordot(take.corrective_weights, head.carry(take.correctives), 1)
        apart = np.linalg.norm(head.vertices + seen - take.vertices, axis=2)[:, lips]
        return float(np.percentile(apart.max(axis=1), 95))

    assert left(0.2) < 0.6 * left(None)
    kept = dub(bundle, speech(0.8), head, old, DubOptions(mouth=1, corrective_tolerance_mm=0.2))
    count = len(kept.corrective_names or ())
    assert kept.corrective_weights is not None and made.corrective_weights is not None
    assert np.array_equal(kept.corrective_weights, made.corrective_weights[:24, :count])


def test_a_corrective_rests_where_nothing_needs_it() -> None:
    """Exactly at 0, far from the moment that does; it comes in over frames, what plays already goes on."""
    from engine.bundle import default_bundle_path
    from engine.template import load_template

    template = load_template(default_bundle_path() / "template.npz")
    fit = fit_of_correctives(template, template.rest, 0.05)
    asked = np.zeros((90, len(fit.names)), np.float32)
    asked[:, :3] = 0.2 * np.sin(np.arange(90)[:, None] * [0.3, 0.2, 0.4])
    asked[40:50, 3:8] = 0.5 * np.hanning(12)[1:-1, None]
    fit.look(np.tensordot(asked, fit.shapes, 1).astype(np.float32))
    still = np.zeros((90, len(template.unit_names)), np.float32)
    layer = fit.layer(np.zeros_like(asked), still)
    assert layer.error_mm <= 0.05 and len(layer.names) >= 6
    late = layer.weights[:, 5:]
    assert late[44:46].all() and not late[:30].any() and not late[60:].any()
    assert np.abs(np.diff(late, axis=0)).max() < 0.3
    played = np.zeros_like(asked)
    played[:, 6] = 0.1
    assert np.allclose(fit.layer(played, still).weights[:30, 6], 0.1, atol=1e-6)


def test_a_splice_leaves_what_is_around_it() -> None:
    old = np.sin(np.arange(200)[:, None] * [0.1, 0.2]).astype(np.float32)
    new = np.ones((50, 2), np.float32)
    whole = splice(old, 60, new, 30)
    assert whole.first == -60 and len(whole.curves) == 200
    assert np.array_equal(whole.curves[60:110], new)
    assert np.array_equal(whole.curves[:55], old[:55]) and np.array_equal(whole.curves[115:], old[115:])
    steps = np.abs(np.diff(whole.curves, axis=0)).max()
    assert steps < 0.6  # 2.0 where it would jump


def test_a_splice_of_the_same_is_the_same() -> None:
    old = np.random.default_rng(1).random((90, 3)).astype(np.float32)
    whole = splice(old, 20, old[20:60], 24)
    assert whole.first == -20 and np.array_equal(whole.curves, old)


def test_a_splice_passes_the_ends_of_the_old(tiny: Bundle) -> None:
    old, new = np.zeros((10, 1), np.float32), np.ones((30, 1), np.float32)
    whole = splice(old, 0, new, 30)
    assert whole.first == 0 and len(whole.curves) > 30
    assert whole.curves[0] == 1 and whole.curves[-1] == 0
