# SPDX-License-Identifier: GPL-3.0-or-later
"""A head's own keys get values that suit their shapes: by default, under controls, and in seeds."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from tests.addon import paper
from tests.addon.test_generate import fcurves, generate, moved

FACTOR = 2.0
"""How much further than the model's units the head's keys move it."""


@pytest.fixture()
def rigged(part, talking, head):
    """The head with keys of its own for all units, drawn `FACTOR` times as far."""
    from meshtalk_checkout.engine.geometry.bind import bind_head

    models, rest = part("models"), part("scene.mesh").read_rest_pose(head)
    bundle = models.loaded_bundle(models.model_folder(talking.meshtalk.model), None)
    binding = bind_head(bundle.template, rest.vertices, rest.polygons)
    head.shape_key_add(name="Rest", from_mix=False)
    for name, deltas in zip(bundle.unit_names, binding.unit_deltas(), strict=True):
        block = head.shape_key_add(name=name, from_mix=False)
        block.points.foreach_set("co", (rest.vertices + FACTOR * deltas).astype(np.float32).ravel())
        block.value = 0.0
    return head


def values(part, head, name, frames=range(1, 61)):
    curve = fcurves(part, head)[f'key_blocks["{name}"].value']
    return np.array([curve.evaluate(frame) for frame in frames])


def by_name(part, head, name):
    """What the key gets without matching."""
    head.meshtalk.use_matching = False
    generate()
    found = values(part, head, name)
    head.meshtalk.use_matching = True
    generate()
    return found


def test_keys_that_go_twice_as_far_get_half(part, rigged):
    named = by_name(part, rigged, "jawOpen")
    assert np.ptp(named) > 0.02
    assert values(part, rigged, "jawOpen") == pytest.approx(named / FACTOR, abs=0.1 * named.max())


def test_the_head_moves_as_with_keys_that_meshtalk_makes(part, talking, rigged, scene):
    generate()
    own = [moved(rigged, frame) for frame in (10, 20, 30, 40)]
    assert bpy.ops.meshtalk.add_head() == {"FINISHED"}
    bare = bpy.context.active_object
    talking.meshtalk.head = bare
    bare.meshtalk.use_correctives = False
    generate()
    made = [moved(bare, frame) for frame in (10, 20, 30, 40)]
    rest = part("scene.mesh").read_rest_pose(bare).vertices
    moves = np.sqrt(np.mean([np.square(each - rest) for each in made]))
    left = np.sqrt(np.mean([np.square(one - other) for one, other in zip(own, made, strict=True)]))
    assert moves > 1e-5
    assert left < 0.35 * moves


def test_the_report_says_how_many_keys_of_its_own_are_driven(part, rigged):
    rigged.meshtalk.missing_units = "SKIP"
    keys = rigged.data.shape_keys.key_blocks
    rigged.shape_key_remove(keys["mouthPucker"])
    generate()
    told = part("ops.desk").desk.message
    count = len(rigged.data.shape_keys.key_blocks) - 1
    assert f", {count} shape keys of its own driven; none for mouthPucker" in told


def test_controls_act_on_it_without_the_model(part, rigged):
    generate()
    before = values(part, rigged, "jawOpen")
    take = rigged.meshtalk.takes[-1]
    take.controls.jaw = 0.5
    halved = values(part, rigged, "jawOpen")
    assert halved.max() < 0.75 * before.max()
    take.controls.jaw = 1.0
    assert values(part, rigged, "jawOpen") == pytest.approx(before, abs=1e-5)


def test_it_is_saved_with_the_take(part, rigged, tmp_path):
    generate()
    before, name = values(part, rigged, "jawOpen"), rigged.name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "take.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "take.blend"))
    head = bpy.data.objects[name]
    take = head.meshtalk.takes[-1]
    take.controls.jaw = 0.5
    take.controls.jaw = 1.0
    assert values(part, head, "jawOpen") == pytest.approx(before, abs=1e-5)


def test_ranges_gains_and_muted_keys(part, rigged):
    named = by_name(part, rigged, "jawOpen")
    blocks = rigged.data.shape_keys.key_blocks
    blocks["jawOpen"].slider_max = 0.25 * float(named.max())
    generate()
    assert values(part, rigged, "jawOpen").max() <= blocks["jawOpen"].slider_max + 1e-6
    blocks["jawOpen"].slider_max = 1.0
    blocks["jawOpen"].mute = True
    generate()
    assert values(part, rigged, "jawOpen") == pytest.approx(named, abs=1e-5)
    assert blocks["jawOpen"].mute
    blocks["jawOpen"].mute = False
    assert bpy.ops.meshtalk.edit_mapping() == {"FINISHED"}
    rigged.meshtalk_mapping.entries["jawOpen"].gain = 0.7
    generate()
    assert values(part, rigged, "jawOpen") == pytest.approx(0.7 * named, abs=1e-5)


def test_a_key_counts_as_far_as_its_vertex_group_lets_it(part, rigged):
    named = by_name(part, rigged, "jawOpen")
    rigged.vertex_groups.new(name="half").add(range(len(rigged.data.vertices)), 0.5, "REPLACE")
    rigged.data.shape_keys.key_blocks["jawOpen"].vertex_group = "half"
    generate()
    assert values(part, rigged, "jawOpen") == pytest.approx(named, abs=0.12 * named.max())


def test_parts_with_the_same_keys_take_the_same_values(part, talking, rigged):
    other = rigged.copy()
    other.data = rigged.data.copy()
    other.location.x += 0.5
    talking.collection.objects.link(other)
    part("scene.parts").add_parts(rigged, [other])
    other.data.shape_keys.key_blocks["jawOpen"].slider_max = 0.9
    generate()
    assert values(part, other, "jawOpen") == pytest.approx(values(part, rigged, "jawOpen"), abs=1e-6)


def test_keys_that_meshtalk_made_keep_their_values(part, talking, head):
    generate()
    before = values(part, head, "jawOpen")
    generate()
    assert values(part, head, "jawOpen") == pytest.approx(before, abs=1e-6)
    assert '"own"' not in head.meshtalk.takes[-1].objects[0].recipe


def test_some_keys_of_its_own_beside_some_that_are_made(part, talking, rigged):
    """The jaw is the user's, twice as deep; the rest is made: the jaw gets about half, the rest as ever."""
    named = by_name(part, rigged, "jawOpen")
    for block in list(rigged.data.shape_keys.key_blocks[1:]):
        if block.name != "jawOpen":
            rigged.shape_key_remove(block)
    rigged.meshtalk.missing_units = "MAKE"
    generate()
    assert values(part, rigged, "jawOpen") == pytest.approx(named / FACTOR, abs=0.1 * named.max())


def test_sampled_seeds_and_retargeting_match_too(part, talking, rigged):
    assert bpy.ops.meshtalk.sample_seeds(count=1) == {"FINISHED"}
    assert bpy.ops.meshtalk.preview_seed(index=0) == {"FINISHED"}
    assert '"own"' in rigged.meshtalk.takes[-1].objects[0].recipe
    assert bpy.ops.meshtalk.keep_seed() == {"FINISHED"}
    assert bpy.ops.meshtalk.add_head() == {"FINISHED"}
    source = bpy.context.active_object
    talking.meshtalk.head = source
    generate()
    assert bpy.ops.meshtalk.retarget(source=source.name, head=rigged.name, part="ALL") == {"FINISHED"}
    assert '"own"' in rigged.meshtalk.takes[-1].objects[0].recipe
    want = values(part, source, "jawOpen")
    assert values(part, rigged, "jawOpen") == pytest.approx(want / FACTOR, abs=0.12 * want.max())


def test_a_dub_matches_the_new_mouth_alone(part, talking, rigged):
    """The upper face keeps its values bit for bit, and so does everything after the sound; the new mouth goes
    half as far by keys that move it twice as far."""
    rig = rigged.data.shape_keys
    rate, last = 30, 150
    for name, value in (("browInnerUp", 0.3), ("jawOpen", 0.2)):
        block = rig.key_blocks[name]
        for frame in (1, 70, last):
            block.value = value * (frame == 70)
            block.keyframe_insert("value", frame=frame)
    before = {name: values(part, rigged, name, range(1, last)) for name in ("browInnerUp", "jawOpen")}
    talking.frame_end = last
    assert bpy.ops.meshtalk.dub(head=rigged.name) == {"FINISHED"}
    found = {name: values(part, rigged, name, range(1, last)) for name in before}
    assert found["browInnerUp"] == pytest.approx(before["browInnerUp"], abs=1e-6)
    late = 60 + rate // 3
    assert found["jawOpen"][late:] == pytest.approx(before["jawOpen"][late:], abs=1e-6)
    recipe = rigged.meshtalk.takes[-1].objects[0].recipe
    assert '"own"' in recipe
    matched = found["jawOpen"][5:55]
    rigged.meshtalk.takes[-1].objects[0].recipe = recipe.replace('"own"', '"none"')
    part("scene.take_writing").rewrite_take(rigged, rigged.meshtalk.takes[-1])
    named = values(part, rigged, "jawOpen", range(1, last))[5:55]
    assert np.ptp(named) > 0.01
    assert matched == pytest.approx(named / FACTOR, abs=0.15 * named.max())


def test_motion_is_retargeted_and_not_the_values_of_keys_drawn_otherwise(part, talking, rigged):
    """From keys that go twice as far back to the model's own: the target moves as far as the source."""
    generate()
    assert bpy.ops.meshtalk.add_head() == {"FINISHED"}
    target = bpy.context.active_object
    target.meshtalk.use_correctives = False
    assert bpy.ops.meshtalk.retarget(source=rigged.name, head=target.name, part="ALL") == {"FINISHED"}
    rest = part("scene.mesh").read_rest_pose(target).vertices
    frames = (10, 20, 30, 40)
    wanted = np.array([moved(rigged, frame) - rest for frame in frames])
    found = np.array([moved(target, frame) - rest for frame in frames])
    assert np.square(found - wanted).mean() < 0.1 * np.square(wanted).mean()


def test_the_panel_greys_what_means_nothing_to_the_head(part, rigged):
    """Matching is for keys that the head brings along; correctives are made beside MeshTalk's own alone."""
    panel = part("panels.tab")

    def is_grey(name):
        return name in paper.draw(panel.MESHTALK_PT_mapping).dim

    assert is_grey("use_correctives") and not is_grey("use_matching")
    rigged.shape_key_clear()
    generate()
    assert is_grey("use_matching") and not is_grey("use_correctives")
