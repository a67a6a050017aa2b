# SPDX-License-Identifier: GPL-3.0-or-later
"""What every button promises: a label, a tooltip, undo, a place in the search menu, and why it is grey."""

from __future__ import annotations

from types import SimpleNamespace

import bpy
import pytest

from tests.addon import paper
from tests.addon.test_generate import generate


def _operators():
    """The add-on's operators by their names for bpy.ops."""
    classes = [cls for cls in bpy.types.Operator.__subclasses__() if cls.__module__.startswith(paper.PACKAGE)]
    return {cls.bl_idname: cls for cls in classes}


def _call(idname):
    """bpy.ops' operator of this name."""
    return getattr(bpy.ops.meshtalk, idname.partition(".")[2])


def test_each_has_a_label_and_a_tooltip(scene):
    for name, cls in _operators().items():
        assert cls.bl_label.strip() and cls.bl_label[0].isupper(), name
        words = _call(name).get_rna_type().description
        assert words.strip() and not words.endswith(".") and "\n" not in words, name


def test_whatever_changes_the_file_can_be_undone_and_redone(scene):
    """INTERNAL ones aren't in the search; placing landmarks can't be done again from the redo panel."""
    reading = {"meshtalk.cancel", "meshtalk.hide_fit", "meshtalk.sample_seeds"}
    preferences = {"meshtalk.add_model_folder", "meshtalk.remove_model_folder", "meshtalk.look_again"}
    files = {
        "meshtalk.save_mapping",
        "meshtalk.remove_mapping",
        "meshtalk.save_controls",
        "meshtalk.remove_controls",
    }
    modal = {"meshtalk.place_landmarks", "meshtalk.end_landmarks", "meshtalk.choose_landmark"}
    without = {name for name, cls in _operators().items() if "UNDO" not in cls.bl_options}
    assert without <= reading | preferences | files | modal, without
    silent = {name for name, cls in _operators().items() if not cls.bl_options & {"REGISTER", "INTERNAL"}}
    assert silent <= modal, f"neither in F9 nor internal: {silent}"


def test_the_jobs_are_where_the_search_looks(part, scene):
    """Blender's search (F3) goes through menus."""
    found = {name for name, _enabled in paper.draw_menu(part("panels.tab").MESHTALK_MT_object).operators}
    assert {f"meshtalk.{job}" for job in ("generate", "dub", "retarget", "sample_seeds", "fit_head")} <= found


def test_operators_that_cannot_run_say_why(scene):
    silent = []
    for name in _operators():
        call = _call(name)
        if call.poll():
            continue
        with pytest.raises(RuntimeError) as refused:
            call()
        if "context is incorrect" in str(refused.value):
            silent.append(name)
    assert silent == []


def _grey_without_a_word():
    """Panels that show a grey button and no sentence."""
    silent = []
    for panel in paper.panels():
        sheet = paper.draw(panel)
        if sheet is None:
            continue
        grey = [name for name, enabled in sheet.operators if not enabled and _call(name).poll()]
        words = " ".join(sheet.texts)
        if grey and not words.rstrip().endswith(".") and ". " not in words and "…" not in words:
            silent.append((panel.__name__, grey))
    return silent


def test_grey_buttons_of_an_empty_file_say_why(scene):
    assert _grey_without_a_word() == []


def test_grey_buttons_of_a_head_without_takes_say_why(talking):
    assert _grey_without_a_word() == []


def test_no_key_is_taken(scene):
    configurations = bpy.context.window_manager.keyconfigs.addon
    keymaps = [] if configurations is None else configurations.keymaps
    assert not [
        item for keymap in keymaps for item in keymap.keymap_items if item.idname.startswith("meshtalk.")
    ]


def test_tooltips_say_what_a_take_lacks(part, talking, head):
    """These are greyed out by the panel, for scripts may say which take is meant."""
    controls, takes, checks = part("ops.controls"), part("ops.takes"), part("ops.checks")
    generate()
    whole = SimpleNamespace(control="")
    reset = controls.MESHTALK_OT_reset_controls
    assert "Disabled: It is as it was spoken" in reset.description(bpy.context, whole)
    head.meshtalk.takes[0].controls.jaw = 0.5
    assert "Disabled" not in reset.description(bpy.context, whole)
    assert "Disabled" in reset.description(bpy.context, SimpleNamespace(control="brow"))
    remove = takes.MESHTALK_OT_remove_take
    assert remove.description(bpy.context, None) == checks.tooltip(remove, None)
    head.meshtalk.active_take = -1
    assert "Disabled: No take is chosen" in remove.description(bpy.context, None)


def test_combine_and_sample_range_say_why(part, talking, head):
    seeds = part("ops.seeds")
    generate()
    assert seeds.range_reason(bpy.context) is None
    assert "two takes" in seeds.combine_reason(bpy.context)
    head.meshtalk.takes[0].kind = "DUB"
    assert "choose a generated take" in seeds.range_reason(bpy.context)
    generate()
    assert "one for the mouth" in seeds.combine_reason(bpy.context)
    settings = bpy.context.scene.meshtalk_seeds
    settings.mouth_take, settings.upper_take = (take.name for take in head.meshtalk.takes)
    assert seeds.combine_reason(bpy.context) is None
