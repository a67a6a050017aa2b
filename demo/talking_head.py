# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the talking head inside Blender's Python module; `build.py demo` calls it with everything set up."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import numpy as np

from . import scenery
from .moments import Motion, load_phones, pick_moments
from .picture_strip import write_strip

EXTENSION = "bl_ext.user_default.meshtalk"
FRAME_RATE = 30


class DemoError(Exception):
    """The demo can't go on; the text says why."""


def main(arguments: list[str]) -> int:
    """Make the three files; the exit status."""
    options = _parse(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        make_talking_head(options)
    except DemoError as error:
        say(f"The demo stopped: {error}")
        return 1
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo")
    for name in ("speech", "model", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def make_talking_head(options: argparse.Namespace) -> None:
    """The demo from the empty scene to the last file."""
    start = time.monotonic()
    with quiet(options.out / "blender.log"):
        scene = scenery.clear_scene()
        scene.render.fps, scene.render.fps_base = FRAME_RATE, 1.0
        enable_extension()
        choose_model(options.model)
        head = add_head()
        say(f"Listening to {options.speech.name} and moving {head.name} (seed {options.seed}) ...")
        generate(scene, head, options.speech, options.seed)
        last = fit_range(scene)
        say(f"  a take of {last} frames after {time.monotonic() - start:.0f} s")
        scenery.build_scenery(scene, head)
        save_blend(scene, options.out / "talking_head.blend")
        render_movie(scene, options.out / "talking_head.mp4")
        render_strip(scene, head, options)
    say(f"\nDone after {time.monotonic() - start:.0f} s:")
    for name in ("talking_head.mp4", "talking_head.blend", "picture_strip.png"):
        say(f"  {options.out / name}")


def say(text: str) -> None:
    """Tell the person at the terminal, also while Blender's own messages go to its log."""
    os.write(_TERMINAL, f"{text}\n".encode())


_TERMINAL = os.dup(sys.stdout.fileno())


@contextlib.contextmanager
def quiet(log: Path) -> Iterator[None]:
    """Send what Blender prints on the way to a file."""
    with log.open("wb") as sink:
        kept = os.dup(1)
        sys.stdout.flush()
        os.dup2(sink.fileno(), 1)
        try:
            yield
        finally:
            sys.stdout.flush()
            os.dup2(kept, 1)
            os.close(kept)


def enable_extension() -> None:
    """Enable the extension, which build.py put where this Blender's (temporary) user has extensions."""
    import addon_utils  # lies in Blender's own scripts, which `import bpy` puts on the path

    errors: list[Exception] = []
    addon_utils.enable(EXTENSION, default_set=True, handle_error=errors.append)
    if errors:
        raise DemoError(f"the add-on could not be enabled: {errors[0]}")


def choose_model(model: Path) -> None:
    """Pick the bundle in the add-on's settings; one from elsewhere is added in its preferences first."""
    extension = Path(bpy.utils.user_resource("EXTENSIONS", path="user_default/meshtalk"))
    if not (extension / "engine" / "models" / model.name).is_dir():
        _do(bpy.ops.meshtalk.add_model_folder)
        bpy.context.preferences.addons[EXTENSION].preferences.model_folders[-1].folder = str(model)
    bpy.context.scene.meshtalk.model = model.name


def add_head() -> bpy.types.Object:
    """Add > Mesh > MeshTalk Head, at the origin."""
    _do(bpy.ops.meshtalk.add_head)
    return bpy.context.view_layer.objects.active


def generate(scene: bpy.types.Scene, head: bpy.types.Object, speech: Path, seed: int) -> None:
    """Fill the add-on's panel in and press Generate."""
    settings = scene.meshtalk
    settings.head = head
    settings.sound_source, settings.sound_file = "FILE", str(speech)
    settings.seed = seed
    _do(bpy.ops.meshtalk.generate)


def _do(operator: Callable[[], set[str]]) -> None:
    try:
        result = operator()
    except RuntimeError as error:  # how Blender hands on what an operator reported
        raise DemoError(str(error).strip()) from None
    if result != {"FINISHED"}:
        raise DemoError(f"an operator of the add-on ended with {result}.")


def fit_range(scene: bpy.types.Scene) -> int:
    """Let the scene end with the take; gives its last frame."""
    scene.frame_start = 1
    _do(bpy.ops.meshtalk.fit_range)
    strips = getattr(scene.sequence_editor, "strips", None) or scene.sequence_editor.sequences
    scene.frame_end = max(int(strip.frame_final_end) for strip in strips) - 1
    return scene.frame_end


def save_blend(scene: bpy.types.Scene, path: Path) -> None:
    """Save the file with its sound inside, ready to play and to render well."""
    scenery.set_quick_render(scene, samples=64)
    scenery.set_movie_output(scene, Path("//talking_head.mp4"))
    scenery.set_viewports(scene)
    for sound in bpy.data.sounds:
        if sound.packed_file is None:
            sound.pack()
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=True)


def render_movie(scene: bpy.types.Scene, path: Path) -> None:
    """Render every frame into the movie, telling how far it is."""
    scenery.set_quick_render(scene, scenery.MOVIE_SAMPLES)
    scenery.set_movie_output(scene, path)
    frames = scene.frame_end - scene.frame_start + 1
    say(f"Rendering {frames} frames with Cycles on the processor ...")
    start = time.monotonic()

    def tell(scene: bpy.types.Scene, *_: object) -> None:
        done = scene.frame_current - scene.frame_start + 1
        if done % max(frames // 10, 1) == 0:
            left = (time.monotonic() - start) / done * (frames - done)
            say(f"  {done} of {frames}, about {left:.0f} s left")

    bpy.app.handlers.render_write.append(tell)
    try:
        bpy.ops.render.render(animation=True)
    finally:
        bpy.app.handlers.render_write.remove(tell)


def render_strip(scene: bpy.types.Scene, head: bpy.types.Object, options: argparse.Namespace) -> None:
    """Render the telling moments and set them side by side."""
    moments = pick_moments(read_motion(scene, head, options.model), load_phones(options.speech))
    say(f"Rendering {len(moments)} pictures: {', '.join(moment.caption for moment in moments)} ...")
    scenery.set_quick_render(scene, scenery.PICTURE_SAMPLES)
    scenery.set_picture_output(scene)
    pictures = []
    for number, moment in enumerate(moments):
        scene.frame_set(scene.frame_start + moment.frame)
        path = options.out / "pictures" / f"{number}.png"
        scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True)
        pictures.append((path, moment.caption))
    write_strip(pictures, options.out / "picture_strip.png")


def read_motion(scene: bpy.types.Scene, head: bpy.types.Object, model: Path) -> Motion:
    """What the shape keys do in every frame, read from the animated head itself."""
    blocks = head.data.shape_keys.key_blocks
    values = np.zeros((scene.frame_end - scene.frame_start + 1, len(blocks)))
    for row, frame in enumerate(range(scene.frame_start, scene.frame_end + 1)):
        scene.frame_set(frame)
        values[row] = [block.value for block in blocks]
    weights = {block.name: values[:, column] for column, block in enumerate(blocks)}
    return Motion(weights, _lip_gap(blocks, values, model), scene.render.fps / scene.render.fps_base)


def _lip_gap(blocks: bpy.types.bpy_prop_collection, values: np.ndarray, model: Path) -> np.ndarray:
    """Height of the gap between the inner lips (T,), in the head's units, from the bundle's landmarks."""
    landmarks = json.loads((model / "model.json").read_text("utf-8"))["landmarks"]
    upper, lower = landmarks["lip_upper_inner"], landmarks["lip_lower_inner"]
    heights = np.array([block.data[upper].co.z - block.data[lower].co.z for block in blocks])
    return heights[0] + values[:, 1:] @ (heights[1:] - heights[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
