# SPDX-License-Identifier: GPL-3.0-or-later
"""Which shape keys are driven, and how the user sets it: names, presets, an edited list, saved mappings."""

from __future__ import annotations

import json

import numpy as np
import pytest

bpy = pytest.importorskip("bpy", reason="needs Blender as a module: run `build.py test`")

UNITS = (
    "jawOpen",
    "mouthClose",
    "mouthFunnel",
    "mouthPucker",
    "mouthSmileLeft",
    "mouthSmileRight",
    "eyeBlinkLeft",
)
VRM = ("A", "I", "U", "E", "O", "Blink", "Joy")


@pytest.fixture()
def mapping(part):
    return part("scene.mapping")


@pytest.fixture()
def installed(part, monkeypatch, tmp_path):
    """As if MeshTalk were installed as an extension: an own folder for what the user saves."""
    monkeypatch.setattr(part("scene.own_files"), "EXTENSION_ID", f"bl_ext.user_default.{tmp_path.name}")
    return part("scene.mapping").user_folder(create=True)


@pytest.fixture()
def rigged(scene):
    """Make an object with these shape keys and choose it as the head."""

    def make(*names: str, basis: str = "Basis"):
        mesh = bpy.data.meshes.new("face")
        mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
        thing = bpy.data.objects.new("face", mesh)
        scene.collection.objects.link(thing)
        thing.shape_key_add(name=basis)
        for name in names:
            thing.shape_key_add(name=name).value = 0.0
        scene.meshtalk.head = thing
        return thing

    return make


def drives(mapping, head, units=UNITS):
    found = mapping.mapping_of(head, units)
    return {entry.key: entry.drive for entry in found.used} if found else {}


def test_names_decide_by_themselves(mapping, rigged):
    assert drives(mapping, rigged("jaw_open", "MouthSmile_L", "freckles")) == {
        "jaw_open": "jawOpen",
        "MouthSmile_L": "mouthSmileLeft",
    }


def test_a_basis_of_any_name_is_never_driven(mapping, rigged):
    assert drives(mapping, rigged("mouthClose", basis="jawOpen")) == {"mouthClose": "mouthClose"}


def test_keys_with_drivers_are_left_to_them(mapping, rigged):
    head = rigged("jawOpen", "mouthClose")
    head.data.shape_keys.key_blocks["jawOpen"].driver_add("value")
    assert drives(mapping, head) == {"mouthClose": "mouthClose"}


def test_a_mesh_without_keys_has_no_mapping(mapping, rigged):
    head = rigged()
    assert mapping.mapping_of(head, UNITS) is None
    head.shape_key_clear()
    assert mapping.mapping_of(head, UNITS) is None
    assert not bpy.ops.meshtalk.edit_mapping.poll()


def test_sliders_keep_their_ranges(mapping, rigged):
    head = rigged("jawOpen")
    block = head.data.shape_keys.key_blocks["jawOpen"]
    block.slider_min, block.slider_max = -1.0, 0.5
    assert mapping.key_ranges(head)["jawOpen"] == (-1.0, 0.5)


def test_a_chosen_mapping_decides_even_where_names_are_few(mapping, rigged):
    head = rigged("A", "O")
    assert drives(mapping, head) == {}
    assert bpy.ops.meshtalk.choose_mapping(name="VRM 0") == {"FINISHED"}
    assert drives(mapping, head) == {"A": "aa", "O": "oh"}
    assert bpy.ops.meshtalk.choose_mapping() == {"FINISHED"}
    assert drives(mapping, head) == {}


def test_an_unknown_mapping_is_refused(rigged):
    head = rigged(*VRM)
    with pytest.raises(RuntimeError, match="no mapping"):
        bpy.ops.meshtalk.choose_mapping(name="nonsense")
    assert head.meshtalk.mapping == ""


def test_editing_starts_from_what_was_found(mapping, rigged):
    head = rigged(*VRM)
    before = drives(mapping, head)
    assert bpy.ops.meshtalk.edit_mapping() == {"FINISHED"}
    assert [entry.name for entry in head.meshtalk_mapping.entries] == list(VRM)
    assert drives(mapping, head) == before == {
        "A": "aa", "I": "ih", "U": "ou", "E": "E", "O": "oh", "Blink": "eyeBlink",
    }  # fmt: skip


def test_what_was_edited_counts(mapping, rigged):
    head = rigged(*VRM)
    bpy.ops.meshtalk.edit_mapping()
    entries = head.meshtalk_mapping.entries
    entries["Joy"].drive, entries["Joy"].gain = "mouthSmile", 0.5
    entries["A"].on = False
    entries["E"].drive = ""
    entries["I"].drive = "no such unit"
    found = {entry.key: entry for entry in mapping.mapping_of(head, UNITS).used}
    assert set(found) == {"U", "O", "Blink", "Joy"}
    assert found["Joy"].drive == "mouthSmile" and found["Joy"].gain == pytest.approx(0.5)


def test_new_keys_are_listed_and_gone_ones_dropped(rigged):
    head = rigged(*VRM)
    bpy.ops.meshtalk.edit_mapping()
    head.meshtalk_mapping.entries["A"].gain = 0.7
    head.shape_key_add(name="Wink")
    head.shape_key_remove(head.data.shape_keys.key_blocks["Joy"])
    assert bpy.ops.meshtalk.edit_mapping() == {"FINISHED"}
    entries = head.meshtalk_mapping.entries
    assert "Wink" in entries and "Joy" not in entries
    assert entries["A"].gain == pytest.approx(0.7)


def test_names_decide_again_after_editing(mapping, rigged):
    head = rigged(*VRM)
    before = drives(mapping, head)
    bpy.ops.meshtalk.edit_mapping()
    head.meshtalk_mapping.entries["A"].on = False
    assert bpy.ops.meshtalk.choose_mapping(name="") == {"FINISHED"}
    assert drives(mapping, head) == before and not head.meshtalk_mapping.entries


def test_edits_are_copied_with_the_object(mapping, rigged):
    head = rigged(*VRM)
    bpy.ops.meshtalk.edit_mapping()
    head.meshtalk_mapping.entries["A"].on = False
    twin = head.copy()
    twin.data = head.data.copy()
    assert drives(mapping, twin) == drives(mapping, head)


def test_a_part_goes_by_its_face(mapping, part, rigged, scene):
    head = rigged("Open", "Shut")
    bpy.ops.meshtalk.edit_mapping()
    head.meshtalk_mapping.entries["Open"].drive = "jawOpen"
    teeth = rigged("Open", "Shut")
    teeth.name = "teeth"
    part("scene.parts").add_parts(head, [teeth])
    assert drives(mapping, teeth) == {"Open": "jawOpen"}


def test_a_mapping_is_saved_for_other_heads(mapping, rigged, installed):
    rigged("Open", "Shut")
    bpy.ops.meshtalk.edit_mapping()
    entries = bpy.context.scene.meshtalk.head.meshtalk_mapping.entries
    entries["Open"].drive, entries["Open"].gain = "aa", 0.8
    entries["Shut"].drive = "PP"
    assert bpy.ops.meshtalk.save_mapping(name="My Monster") == {"FINISHED"}
    (file,) = installed.glob("*.json")
    assert json.loads(file.read_text(encoding="utf-8"))["name"] == "My Monster"
    other = rigged("Open", "Shut", "Hat")
    assert drives(mapping, other) == {}
    assert bpy.ops.meshtalk.choose_mapping(name="My Monster") == {"FINISHED"}
    found = mapping.mapping_of(other, UNITS)
    assert {(e.key, e.drive, round(e.gain, 3)) for e in found.used} == {
        ("Open", "aa", 0.8),
        ("Shut", "PP", 1.0),
    }
    assert found.kind == "visemes"


def test_saving_again_replaces_one_file(rigged, installed):
    rigged(*VRM)
    for _ in range(2):
        assert bpy.ops.meshtalk.save_mapping(name="Mine!") == {"FINISHED"}
    assert bpy.ops.meshtalk.save_mapping(name="Mine?") == {"FINISHED"}
    assert len(list(installed.glob("*.json"))) == 2


@pytest.mark.parametrize("name, word", [("VRM 0", "comes with"), ("  ", "name of"), ("x" * 61, "name of")])
def test_names_that_can_not_be_used_are_refused(rigged, installed, name, word):
    rigged(*VRM)
    with pytest.raises(RuntimeError, match=word):
        bpy.ops.meshtalk.save_mapping(name=name)
    assert list(installed.glob("*.json")) == []


def test_nothing_driven_is_not_saved(rigged, installed):
    rigged("freckles")
    with pytest.raises(RuntimeError, match="No shape key"):
        bpy.ops.meshtalk.save_mapping(name="Mine")


def test_saving_needs_an_installed_extension(rigged):
    rigged(*VRM)
    with pytest.raises(RuntimeError, match="installed"):
        bpy.ops.meshtalk.save_mapping(name="Mine")


def test_own_mappings_can_be_removed_and_given_ones_not(mapping, rigged, installed):
    head = rigged(*VRM)
    bpy.ops.meshtalk.choose_mapping(name="VRM 0")
    assert not bpy.ops.meshtalk.remove_mapping.poll()
    bpy.ops.meshtalk.save_mapping(name="Mine")
    assert bpy.ops.meshtalk.remove_mapping.poll()
    assert bpy.ops.meshtalk.remove_mapping() == {"FINISHED"}
    assert list(installed.glob("*.json")) == [] and head.meshtalk.mapping == ""
    assert "A" in drives(mapping, head)


def test_a_file_from_another_computer_goes_by_names_and_says_so(mapping, part, rigged):
    head = rigged(*VRM)
    head.meshtalk.mapping = "Somebody's"
    state = part("ops.mapping_state").mapping_state(bpy.context, head)
    assert "Somebody's" in state.warning and state.mapping.name == "VRM 0"


def test_a_damaged_mapping_is_told_and_the_others_work(mapping, part, rigged, installed):
    (installed / "broken.json").write_text("{", encoding="utf-8")
    head = rigged(*VRM)
    state = part("ops.mapping_state").mapping_state(bpy.context, head)
    assert "broken.json" in state.warning and "A" in drives(mapping, head)


def test_the_panel_and_the_button_give_one_reason(part, scene):
    scene.meshtalk.head = None
    assert "head" in part("ops.mapping").mapping_problem(bpy.context)
    assert not bpy.ops.meshtalk.choose_mapping.poll()


def test_drives_can_be_searched(part, rigged):
    rigged(*VRM)
    choices = part("mapping_props")._choices(None, bpy.context, "blink")
    assert "eyeBlink" in choices and "eyeBlinkLeft" in choices and "jawOpen" not in choices


@pytest.mark.parametrize(
    "drive, word",
    [("", None), ("aa", None), ("jawOpen", None), ("eyeBlink", None), ("aa + PP", "added"), ("ears", "ears")],
)
def test_a_drive_that_means_nothing_is_told(part, rigged, drive, word):
    rigged(*VRM)
    problem = part("ops.mapping_state").drive_problem(bpy.context, drive)
    assert problem is None if word is None else word in problem


def test_a_head_with_all_units_moves_by_them_alone(talking, rigged_head, part):
    units = part("mapping_props").model_units(talking.meshtalk.model)
    own = [unit.replace("Left", "_L").replace("Right", "_R") for unit in units]
    head = rigged_head(*own, "viseme_PP", "viseme_aa", "smirk")
    blocks = head.data.shape_keys.key_blocks
    blocks["jawOpen"].slider_max = 0.05
    names = [block.name for block in blocks]
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}
    assert [block.name for block in blocks] == names
    assert keyed(head) == set(own)
    for curve in curves_of(head):
        values = np.array([point.co.y for point in curve.keyframe_points])
        most = 0.05 if '"jawOpen"' in curve.data_path else 1.0
        assert values.min() >= 0 and values.max() <= most + 1e-6


def test_a_viseme_head_moves_only_by_its_own_keys(talking, rigged_head):
    head = rigged_head("A", "I", "U", "E", "O", "Blink_L", "Blink_R", "Joy")
    names = [block.name for block in head.data.shape_keys.key_blocks]
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}
    assert [block.name for block in head.data.shape_keys.key_blocks] == names
    assert "Joy" not in keyed(head) and {"A", "U"} <= keyed(head)


def test_what_is_off_stays_still(talking, rigged_head):
    head = rigged_head("A", "I", "U", "E", "O")
    bpy.ops.meshtalk.edit_mapping()
    head.meshtalk_mapping.entries["A"].on = False
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}
    assert "A" not in keyed(head) and "U" in keyed(head)


@pytest.fixture()
def rigged_head(talking, head):
    """The model's own head with these shape keys, each of which moves a few vertices."""

    def make(*names: str):
        head.shape_key_add(name="Base")
        for name in names:
            block = head.shape_key_add(name=name)
            block.value = 0.0
            block.data[0].co.x += 0.01
        return head

    return make


def curves_of(head) -> list:
    """The F-curves of the head's Action on its shape keys."""
    action = head.data.shape_keys.animation_data.action
    if hasattr(action, "layers") and action.layers:
        return [curve for bag in action.layers[0].strips[0].channelbags for curve in bag.fcurves]
    return list(action.fcurves)


def keyed(head) -> set[str]:
    """Names of the keys that the head's Action animates."""
    blocks = head.data.shape_keys.key_blocks
    paths = {curve.data_path for curve in curves_of(head)}
    return {block.name for block in blocks if f'key_blocks["{block.name}"].value' in paths}
