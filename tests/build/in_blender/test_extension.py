# SPDX-License-Identifier: GPL-3.0-or-later
"""The staged extension, enabled in Blender as a user would, registers and goes away without a trace."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tools import staging

ENABLE = """
import sys
import addon_utils, bpy

name = "bl_ext.user_default.meshtalk"
before = set(dir(bpy.types))
errors = []
module = addon_utils.enable(name, default_set=True, handle_error=errors.append)
assert not errors, errors
assert module is not None and addon_utils.check(name)[1]
added = {t for t in set(dir(bpy.types)) - before if "meshtalk" in t.lower()}
assert any("_OT_" in t for t in added), added
assert any("_PT_" in t for t in added), added
loaded = [m for m in sys.modules if m.startswith(name)]
assert f"{name}.engine" in loaded, loaded
assert "engine" not in sys.modules and "torch" not in sys.modules
assert "onnxruntime" not in sys.modules, "imported before it is needed"
addon_utils.disable(name, default_set=True, handle_error=errors.append)
assert not errors, errors
left = {t for t in set(dir(bpy.types)) - before if "meshtalk" in t.lower()}
assert not left, left
print("enabled and disabled")
"""


def test_extension_registers_and_unregisters(tmp_path: Path) -> None:
    folder = tmp_path / "extensions" / "user_default"
    folder.mkdir(parents=True)
    staging.stage(target=folder / "meshtalk")
    variables = {**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path)}
    command = [sys.executable, "-c", f"import bpy\n{ENABLE}"]
    result = subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "enabled and disabled" in result.stdout
