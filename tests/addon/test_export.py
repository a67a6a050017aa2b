# SPDX-License-Identifier: GPL-3.0-or-later
"""What other programs get: a take exported, read again, and compared vertex by vertex while it plays."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import bpy
import numpy as np
import pytest

from tests.addon.speaking import moved

ROOT = Path(__file__).resolve().parents[2]
SPEECH = ROOT / "samples" / "speech.flac"
FRAMES = (3, 17, 31, 45)
TOLERANCE = 5e-4
"""Of the head's size: what single precision and the formats' own rounding leave."""


def _positions(thing, frame):
    """Vertices (V, 3) in world space as they are seen at a frame."""
    bpy.context.scene.frame_set(frame)
    seen = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = seen.to_mesh()
    flat = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", flat)
    seen.to_mesh_clear()
    matrix = np.array(seen.matrix_world)
    return flat.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def _distance(mine, theirs):
    """The largest distance of a vertex of either from the other's nearest: exporters split and join vertices,
    and may give them another order."""
    return max(_nearest(mine, theirs).max(), _nearest(theirs, mine).max())


def _nearest(points, others):
    from mathutils.kdtree import KDTree

    tree = KDTree(len(others))
    for index, other in enumerate(others):
        tree.insert(other, index)
    tree.balance()
    return np.array([tree.find(point)[2] for point in points])


def _operator(group, name):
    module = getattr(bpy.ops, group)
    try:
        getattr(module, name).get_rna_type()
    except (KeyError, AttributeError):
        pytest.skip(f"this Blender has no {group}.{name}")
    return getattr(module, name)


@pytest.fixture()
def take(talking, head):
    """A head with a take, and what is seen of it."""
    talking.frame_start, talking.frame_end = 1, 60
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}
    head.select_set(True)
    bpy.context.view_layer.objects.active = head
    moving = {frame: _positions(head, frame) for frame in FRAMES}
    size = float(np.ptp(moving[FRAMES[0]], axis=0).max())
    assert max(np.abs(moving[frame] - moving[FRAMES[0]]).max() for frame in FRAMES) > 0.005 * size
    return head, moving, size


def _read_again(path, group, name, **options):
    """Import a file into an empty scene; gives the mesh object that moves."""
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.context.scene.render.fps = 30
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 1, 60
    with contextlib.redirect_stdout(io.StringIO()):
        assert _operator(group, name)(filepath=str(path), **options) == {"FINISHED"}
    meshes = [thing for thing in bpy.data.objects if thing.type == "MESH"]
    return max(meshes, key=lambda thing: len(thing.data.vertices))


def _compare(there, moving, size, shift=0):
    for frame, mine in moving.items():
        assert _distance(mine, _positions(there, frame + shift)) < TOLERANCE * size, f"frame {frame}"


def test_gltf_plays_elsewhere(take, tmp_path):
    _head, moving, size = take
    path = tmp_path / "take.glb"
    export = _operator("export_scene", "gltf")
    with contextlib.redirect_stdout(io.StringIO()):
        export(filepath=str(path), use_selection=True, export_frame_range=False, export_morph_normal=False)
    there = _read_again(path, "import_scene", "gltf")
    assert len(there.data.shape_keys.key_blocks) > 5
    _compare(there, moving, size, _shift(there))


@pytest.fixture()
def spoken(default):
    """The default model's head with a take: its correctives go below 0."""
    assert bpy.ops.meshtalk.add_head() == {"FINISHED"}
    default.meshtalk.sound_source, default.meshtalk.sound_file = "FILE", str(SPEECH)
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}
    return bpy.context.active_object


class TestForExport:
    """Keys that go below 0 are split by Bake: importers and engines cut negative values off."""

    def test_a_take_baked_for_it_is_exact_in_gltf(self, spoken, tmp_path):
        moving = {frame: _positions(spoken, frame) for frame in (20, 47, 90, 133, 170)}
        size = float(np.ptp(moving[20], axis=0).max())
        loose = _through_gltf(spoken, tmp_path / "take.glb", moving)
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "take.blend"))
        head = bpy.data.objects["MeshTalk Head"]
        assert bpy.ops.meshtalk.bake(for_export=True) == {"FINISHED"}
        exact = _through_gltf(head, tmp_path / "baked.glb", moving)
        print(f"glTF: {1000 * loose:.3f} mm, baked for it {1000 * exact:.3f} mm")
        assert exact < 1e-4 * size < loose / 2

    @pytest.mark.parametrize("placement", ["NEW", "RANGE", "NLA"])
    @pytest.mark.parametrize("step", [0, 1])
    def test_it_plays_as_before(self, spoken, placement, step):
        take = spoken.meshtalk.takes[0]
        if placement != "NEW":
            bpy.ops.meshtalk.remove_take(take=take.uid)
            assert bpy.ops.meshtalk.generate(placement=placement) == {"FINISHED"}
        places = [(frame, 0.5) for frame in (-5, 1, 20, 47, 90, 133, 170)]
        places += [(frame, 0.0) for frame in (186, 190, 230)]  # the soft end is straight now
        before = [moved(spoken, *place) for place in places]
        assert bpy.ops.meshtalk.bake(for_export=True, step=step) == {"FINISHED"}
        assert [name for name in spoken.data.shape_keys.key_blocks.keys() if name.endswith(" Negative")]
        for place, was in zip(places, before, strict=True):
            assert np.abs(moved(spoken, *place) - was).max() < 2e-6, f"frame {place}"
            lowest = min(block.value for block in spoken.data.shape_keys.key_blocks)
            assert lowest > -1e-4

    def test_the_next_take_plays_as_if_nothing_had_been_split(self, spoken):
        first = [moved(spoken, frame) for frame in (20, 90, 170)]
        assert bpy.ops.meshtalk.bake(for_export=True) == {"FINISHED"}
        assert bpy.ops.meshtalk.generate() == {"FINISHED"}
        for frame, was in zip((20, 90, 170), first, strict=True):
            assert np.abs(moved(spoken, frame) - was).max() < 1e-6

    def test_what_never_goes_below_zero_is_left(self, spoken):
        spoken.meshtalk.use_correctives = False
        assert bpy.ops.meshtalk.generate() == {"FINISHED"}
        names = spoken.data.shape_keys.key_blocks.keys()
        assert bpy.ops.meshtalk.bake(for_export=True) == {"FINISHED"}
        assert spoken.data.shape_keys.key_blocks.keys() == names


def _through_gltf(head, path, moving):
    """The largest distance of a vertex after glTF and Blender's own import, at these frames."""
    bpy.ops.wm.save_as_mainfile(filepath=str(path.with_suffix(".blend")))
    export = _operator("export_scene", "gltf")
    with contextlib.redirect_stdout(io.StringIO()):
        export(filepath=str(path), use_selection=True, export_frame_range=False, export_morph_normal=False)
    there = _read_again(path, "import_scene", "gltf")
    shift = _shift(there)
    return max(_distance(mine, _positions(there, frame + shift)) for frame, mine in moving.items())


def _shift(thing):
    """glTF counts seconds from its first key: where Blender puts that depends on its version."""
    first = thing.data.shape_keys.animation_data.action.frame_range[0]
    return round(first) - 1


def test_fbx_plays_elsewhere(take, tmp_path):
    _head, moving, size = take
    path = tmp_path / "take.fbx"
    options = {"bake_anim_use_all_actions": False, "bake_anim_use_nla_strips": False}
    with contextlib.redirect_stdout(io.StringIO()):
        _operator("export_scene", "fbx")(
            filepath=str(path), use_selection=True, bake_anim_simplify_factor=0.0, **options
        )
    there = _read_again(path, "import_scene", "fbx", anim_offset=0.0)
    assert len(there.data.shape_keys.key_blocks) > 5
    _compare(there, moving, size)


def test_alembic_plays_elsewhere(take, tmp_path):
    _head, moving, size = take
    path = tmp_path / "take.abc"
    export = _operator("wm", "alembic_export")
    export(filepath=str(path), selected=True, start=1, end=60, as_background_job=False)
    there = _read_again(path, "wm", "alembic_import", as_background_job=False)
    _compare(there, moving, size)


def test_a_baked_mesh_cache_needs_no_shape_keys(take, tmp_path):
    """USD, as films' pipelines read it."""
    _head, moving, size = take
    path = tmp_path / "take.usdc"
    _operator("wm", "usd_export")(filepath=str(path), selected_objects_only=True, export_animation=True)
    there = _read_again(path, "wm", "usd_import")
    _compare(there, moving, size)
