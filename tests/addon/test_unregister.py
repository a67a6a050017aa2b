# SPDX-License-Identifier: GPL-3.0-or-later
"""What the add-on adds to Blender it takes back, whatever was done meanwhile, and Blender ends well."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TINY = Path(os.environ.get("MESHTALK_TINY_BUNDLE", ROOT / "tests" / "data" / "tiny_bundle"))

# In a Blender of its own. As a module it ends badly before 5.0 where it still holds a function whose module
# imports bpy (conftest.py), so its exit code tells too.
LIFE = """
import importlib, os, sys, threading, traceback, types
import bpy, bpy.utils.previews
from bpy.utils import previews

PACKAGE = "meshtalk_checkout"
package = types.ModuleType(PACKAGE)
package.__path__ = [{root!r}]
sys.modules[PACKAGE] = package
bpy.context.preferences.addons.new().module = PACKAGE


def menus():
    draws = [getattr(getattr(bpy.types, name), "draw", None) for name in dir(bpy.types)]
    functions = [f for draw in draws for f in getattr(draw, "_draw_funcs", ())]
    return [f.__qualname__ for f in functions if f.__module__.startswith(PACKAGE)]


def timers():
    ours = [module for name, module in sys.modules.items() if name.startswith(PACKAGE)]
    functions = [f for module in ours for f in vars(module).values() if isinstance(f, types.FunctionType)]
    return [f.__name__ for f in functions if bpy.app.timers.is_registered(f)]


def registered():
    owners = [getattr(bpy.types, name) for name in dir(bpy.types)]
    handlers = {{name: [str(f) for f in found] for name in dir(bpy.app.handlers)
                if isinstance(found := getattr(bpy.app.handlers, name), list)}}
    keys = bpy.context.window_manager.keyconfigs.addon
    return {{
        "classes": {{cls.__name__ for base in (bpy.types.Operator, bpy.types.Panel, bpy.types.Menu,
                    bpy.types.UIList, bpy.types.PropertyGroup, bpy.types.AddonPreferences)
                    for cls in base.__subclasses__() if cls.is_registered}},
        "properties": {{(owner.__name__, name) for owner in owners if hasattr(owner, "bl_rna")
                       for name in owner.bl_rna.properties.keys() if "meshtalk" in name}},
        "types": {{name for name in dir(bpy.types) if "meshtalk" in name.lower()}},
        "handlers": handlers,
        "menus": menus(),
        "timers": timers(),
        "keymaps": {{}} if keys is None else {{m.name: len(m.keymap_items) for m in keys.keymaps}},
        "previews": len(getattr(previews, "_uuid_open", ())),
        "threads": sorted(t.name for t in threading.enumerate() if t.name.startswith("MeshTalk")),
        "words": bpy.app.translations.pgettext("Show Take"),
    }}


def work(what):
    bpy.ops.wm.read_homefile(use_empty=True)
    folders = bpy.context.preferences.addons[PACKAGE].preferences.model_folders
    folders.clear()
    folders.add().folder = {tiny!r}
    scene = bpy.context.scene
    scene.meshtalk.model = "tiny_bundle"
    bpy.ops.meshtalk.add_head()
    run = bpy.ops.meshtalk
    if what in ("generate", "controls", "retarget", "dub"):
        assert run.generate(sound_file={speech!r}) == {{"FINISHED"}}
    if what == "dub":
        assert run.dub(head=bpy.context.object.name, sound_file={speech!r}) == {{"FINISHED"}}
    if what == "seeds":
        scene.meshtalk.sound_source, scene.meshtalk.sound_file = "FILE", {speech!r}
        assert run.sample_seeds(count=2) == {{"FINISHED"}} and run.preview_seed(index=1) == {{"FINISHED"}}
    if what == "controls":
        bpy.context.object.meshtalk.takes[0].controls.jaw = 1.5
    if what == "retarget":
        moved = bpy.context.object.name
        bpy.ops.meshtalk.add_head()
        assert run.retarget(source=moved, head=bpy.context.object.name) == {{"FINISHED"}}


def live():
    module = importlib.import_module(PACKAGE + ".meshtalk_blender")
    before = registered()
    for _ in range(2):
        module.register()
        assert registered() != before
        work({what!r})
        module.unregister()
        after = registered()
        left = {{name: (before[name], after[name]) for name in before if before[name] != after[name]}}
        assert not left, left


try:
    live()
except BaseException:
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)
print("CLEAN")
"""


@pytest.mark.parametrize("what", ["nothing", "generate", "seeds", "dub", "retarget", "controls"])
def test_nothing_is_left_behind(what, speech_file, tmp_path):
    script = LIFE.format(root=str(ROOT), tiny=str(TINY), speech=str(speech_file), what=what)
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path / "user")},
        timeout=120,
    )
    assert "CLEAN" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0 and "Traceback" not in done.stderr
