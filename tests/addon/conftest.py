# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on from this checkout, registered in whichever Blender (bpy) runs these tests, with the tiny
model."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import types
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

# Both must be set before the first import of bpy and onnxruntime: tests leave nothing in the user's folders.
os.environ.setdefault("BLENDER_USER_RESOURCES", tempfile.mkdtemp(prefix="meshtalk-test-"))
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import pytest
from numpy.typing import NDArray

bpy = pytest.importorskip("bpy", reason="needs Blender as a module: run `build.py test`")

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "meshtalk_checkout"
TINY = Path(os.environ.get("MESHTALK_TINY_BUNDLE", ROOT / "tests" / "data" / "tiny_bundle"))


def _mount() -> None:
    """Make the checkout one package, as the extension's zip is."""
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(ROOT)]
    sys.modules[PACKAGE] = package


_mount()


@pytest.fixture(scope="session")
def addon() -> Iterator[types.ModuleType]:
    """The registered add-on."""
    bpy.context.preferences.addons.new().module = PACKAGE
    module = importlib.import_module(f"{PACKAGE}.meshtalk_blender")
    module.register()
    yield module
    module.unregister()


@pytest.fixture()
def part(addon: types.ModuleType) -> Callable[[str], types.ModuleType]:
    """Import one of the add-on's modules by its short name."""
    return lambda name: importlib.import_module(f"{PACKAGE}.meshtalk_blender.{name}")


@pytest.fixture()
def scene(addon: types.ModuleType) -> object:
    """An empty file's scene at 30 fps, with the tiny model chosen."""
    bpy.ops.wm.read_homefile(use_empty=True)
    folders = bpy.context.preferences.addons[PACKAGE].preferences.model_folders
    folders.clear()
    folders.add().folder = str(TINY)
    fresh = bpy.context.scene
    fresh.render.fps, fresh.render.fps_base = 30, 1.0
    fresh.meshtalk.model = TINY.name
    return fresh


@pytest.fixture()
def head(scene: object) -> object:
    """The tiny model's own head."""
    assert bpy.ops.meshtalk.add_head() == {"FINISHED"}
    return bpy.context.active_object


@pytest.fixture(scope="session")
def speech() -> NDArray[np.float32]:
    """Two seconds that swell and fade like syllables, at 16 kHz."""
    time = np.arange(32_000) / 16_000
    voice = sum(np.sin(2 * np.pi * 140 * k * time + k) / k for k in range(1, 12))
    return (0.2 * voice * (0.5 - 0.5 * np.cos(2 * np.pi * 3 * time))).astype(np.float32)


@pytest.fixture()
def wav(tmp_path: Path) -> Callable[..., Path]:
    """Write mono samples -1…1 as a 16-bit wav into the test's folder."""

    def write(name: str, samples: NDArray[np.float32], rate: int = 16_000) -> Path:
        with wave.open(str(tmp_path / name), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
        return tmp_path / name

    return write


@pytest.fixture()
def speech_file(wav: Callable[..., Path], speech: NDArray[np.float32]) -> Path:
    """The speech as a wav."""
    return wav("speech.wav", speech)


@pytest.fixture()
def talking(scene: object, head: object, speech_file: Path) -> object:
    """A scene in which Generate can be pressed, with a bare file as the sound."""
    scene.meshtalk.sound_source = "FILE"
    scene.meshtalk.sound_file = str(speech_file)
    return scene


@pytest.fixture()
def default(scene):
    """An empty scene with the default model chosen."""
    if not (ROOT / "engine" / "models" / "default" / "model.json").is_file():
        pytest.skip("there is no default model: train one")
    scene.meshtalk.model = "default"
    return scene


@pytest.fixture(scope="session")
def person():
    """A person whose mesh nobody knows, in decimetres: vertices (V', 3) and triangles (F', 3)."""
    from meshtalk_checkout.engine.template import load_template
    from meshtalk_checkout.tests.engine import heads  # the very engine that the add-on uses

    template = load_template(ROOT / "engine" / "models" / "default" / "template.npz")
    head = heads.own_mesh(template, heads.person(template, 4))
    return 10 * head.vertices, head.polygons


@pytest.fixture()
def stranger(default, person):
    """That person as the selected object."""
    from tests.addon.strangers import make_object

    return make_object("Stranger", *person)


_status: list[int] = []


def pytest_sessionfinish(exitstatus: int) -> None:
    """Remember how the tests went."""
    _status.append(int(exitstatus))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """End without Blender's own farewell before 5.0.

    As a module it closes when `bpy` is freed. Where anything still holds that (pytest's hypothesis plugin,
    Blender's own glTF add-on) it closes after Python has gone: 4.2 crashes and 4.5 hangs. Without MeshTalk:
    `import bpy, ctypes; ctypes.pythonapi.Py_IncRef(ctypes.py_object(bpy))`. That MeshTalk itself holds
    nothing is shown by test_unregister.py.
    """
    if bpy.app.version < (5, 0) and _status:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_status[-1])
