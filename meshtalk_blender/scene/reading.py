# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads how a head moves over a range of frames, whatever moves it: keys, bones, drivers, modifiers, caches.

The evaluated mesh is read, frame by frame, in steps that hold up the window for a moment only, and where that
can be (aside.py) without changing the frame that the user sees. Modifiers that make other vertices
(subdivision, mirror) are off while a step reads.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from .aside import Frames, InScene, evaluated_aside
from .errors import SceneError
from .handles import HeadHandle, find_head, find_parts
from .made_keys import read_shape
from .mesh import PartSlice, RestPose, group_weights
from .overwriting import KEEPS_COUNT, plays_cache
from .performance import KeyTrack, Performance, least_motion, steps_of
from .plain_keys import curves_tell_values, key_values, only_keys_move
from .skinning import BoneSet, SkinTrack, bone_motion, bone_sets

Floats = NDArray[np.float32]

SLICE_SECONDS = 0.05
"""Longest time that one step holds up the window; a frame that takes longer is a step of its own."""

ASIDE = 1.5
"""How much longer a step may take that begins with a scene of its own (about 15 ms at 27,000 vertices)."""

BLOCK, UNSEEN_BLOCK = 8, 64
"""Samples that are reckoned together where F-curves alone tell them: with vertices, and without."""


def read_performance(
    handle: HeadHandle,
    rest: RestPose,
    scene_uid: int,
    first: int,
    last: int,
    rate: Fraction,
    seen: tuple[int, int] | None = None,
) -> Generator[float, None, Performance]:
    """Read the frames `first`…`last` of a scene at `rate` frames a second, in steps of about SLICE_SECONDS
    that yield how far it is, 0…1; vertices of the frames `seen` alone, where given, for they take much time
    and memory. The frame is put back at the end, or when the generator is closed. Raises SceneError."""
    reader = _Reader(handle, rest, scene_uid, steps_of(rate), first, last, seen or (first, last))
    try:
        while reader.at < reader.count:
            reader.read_some()
            yield reader.at / reader.count
    finally:
        reader.put_back()
    return reader.performance(rate)


class _Reader:
    """One reading; objects are looked up in each step, for the user may undo something between two."""

    def __init__(
        self,
        handle: HeadHandle,
        rest: RestPose,
        scene_uid: int,
        steps: int,
        first: int,
        last: int,
        seen: tuple[int, int],
    ) -> None:
        if last < first:
            raise SceneError(f"There is no frame between {first} and {last}: choose another range.")
        self._handle, self._rest, self._scene_uid = handle, rest, scene_uid
        self._steps, self._first = steps, first
        self.count, self.at = (last - first) * steps + 1, 0
        self._seen = slice(
            min(max(0, (seen[0] - first) * steps), self.count - 1),
            min(max(0, (seen[1] - first) * steps) + 1, self.count),
        )
        self._stirs = False
        self._in_scene: InScene | None = None
        self._vertices = np.empty((self._seen.stop - self._seen.start, *rest.vertices.shape), np.float32)
        self._unseen = np.empty(rest.vertices.shape, np.float32)
        self._values: dict[int, Floats] = {}
        self._names: dict[int, tuple[str, ...]] = {}
        self._shapes: dict[int, Floats] = {}
        self._objects: dict[int, bpy.types.Object] = {}
        self._bones: dict[int, tuple[BoneSet, ...]] = {}
        self._motion: dict[int, Floats] = {}
        self._has_cache = False

    def read_some(self) -> None:
        """Read as many samples as fit into a slice, one at least."""
        begin = time.perf_counter()
        find_head(self._handle)
        self._objects = find_parts(self._handle)
        if self._is_reckoned():
            self._reckon_samples()
            while self._is_reckoned() and time.perf_counter() - begin < SLICE_SECONDS / 2:
                self._reckon_samples()
            return
        with self._slice() as frames:
            before, longest = time.perf_counter(), 0.0
            while self.at < self.count and not self._is_reckoned():
                self._read_sample(frames)
                self.at += 1
                now = time.perf_counter()
                longest, before = max(longest, now - before), now
                if now - begin + longest > SLICE_SECONDS * (ASIDE if self._in_scene is None else 1.0):
                    break

    def _is_reckoned(self) -> bool:
        """Whether the next sample needs no evaluated scene: curves alone tell it, or all that is wanted."""
        if self.at >= self.count or self._in_scene is not None:
            return False
        things = list(self._objects.values())
        if self._is_seen:
            return only_keys_move(self._scene(), things)
        return curves_tell_values(self._scene(), things)

    @property
    def _is_seen(self) -> bool:
        """Whether the next sample's vertices are wanted."""
        return self._seen.start <= self.at < self._seen.stop

    def put_back(self) -> None:
        """Show the frame of before."""
        if self._in_scene is not None:
            self._in_scene.put_back()

    @contextmanager
    def _slice(self) -> Iterator[Frames]:
        """The objects without modifiers that make other vertices, and their frames."""
        off: list[bpy.types.Modifier] = []
        try:
            with self._frames() as frames:
                off += [m for thing in self._objects.values() for m in _makers(thing, frames.graph)]
                for modifier in off:
                    modifier.show_viewport = False
                yield frames
        finally:
            for modifier in off:
                modifier.show_viewport = True
            self._objects = {}

    @contextmanager
    def _frames(self) -> Iterator[Frames]:
        scene = self._scene()
        if self._in_scene is None:
            seen = [thing for thing in self._objects.values() if thing.visible_get()]
            with evaluated_aside(scene, seen, self._place()) as frames:
                if frames is not None:
                    yield frames
                    return
            self._in_scene = InScene(scene)
        yield self._in_scene

    def _place(self) -> tuple[int, float]:
        """Frame and subframe of the next sample."""
        whole, part = divmod(self.at, self._steps)
        return self._first + whole, part / self._steps

    def performance(self, rate: Fraction) -> Performance:
        """What was read."""
        parts = {part.object_uid: part for part in self._rest.slices}
        keys = tuple(
            KeyTrack(parts[uid], self._names[uid], self._values[uid], self._shapes[uid])
            for uid in self._values
        )
        return Performance(
            self._rest,
            self._first,
            self._steps,
            rate * self._steps,
            self._vertices,
            keys,
            self._skin(),
            self._has_cache,
            self._seen.start,
            self.count,
            self._stirs,
        )

    def _skin(self) -> SkinTrack | None:
        """All bones of all objects side by side; the first one stands for whatever none moves."""
        count = 1 + sum(motion.shape[1] for motion in self._motion.values())
        if count == 1:
            return None
        weights = np.zeros((len(self._rest.vertices), count), np.float32)
        bones = np.tile(np.eye(3, dtype=np.float32), (len(self._vertices), count, 1, 1))
        column = 1
        for piece in self._rest.slices:
            for group in self._bones.get(piece.object_uid, ()):
                end = column + len(group.bones)
                weights[piece.start : piece.stop, column:end] = group.weights
                column = end
        column = 1
        for piece in self._rest.slices:
            motion = self._motion.get(piece.object_uid)
            if motion is not None:
                bones[:, column : column + motion.shape[1]] = motion
                column += motion.shape[1]
        weights[:, 0] = np.maximum(1 - weights.sum(axis=1), 0.0)
        return SkinTrack(weights, bones)

    def _scene(self) -> bpy.types.Scene:
        scene = next((s for s in bpy.data.scenes if s.session_uid == self._scene_uid), None)
        if scene is None:
            raise SceneError("The scene was deleted while MeshTalk was reading it: nothing was changed.")
        return scene

    def _reckon_samples(self) -> None:
        """The next samples of objects that only F-curves of their keys move, or whose vertices nobody
        wants."""
        ends = [end for end in (self._seen.start, self._seen.stop, self.count) if end > self.at]
        block = slice(self.at, min(self.at + (BLOCK if self._is_seen else UNSEEN_BLOCK), *ends))
        places = [self._first + at / self._steps for at in range(block.start, block.stop)]
        seen = slice(block.start - self._seen.start, block.stop - self._seen.start) if self._is_seen else None
        if seen is not None:
            self._vertices[seen] = self._rest.vertices
        for piece in self._rest.slices:
            uid = piece.object_uid
            thing = self._objects.get(uid)
            if thing is None or thing.data.shape_keys is None:
                continue
            if uid not in self._values:
                self._note_keys(piece, thing)
            self._check_keys(piece, thing.data.shape_keys)
            values = self._values[uid][block] = key_values(thing, self._names[uid], places)
            moving = np.flatnonzero(values.any(axis=0))
            if seen is None:
                self._stirs |= len(moving) > 0
                continue
            self._vertices[seen, piece.start : piece.stop] += np.tensordot(
                values[:, moving], self._shapes[uid][moving], 1
            )
        self.at = block.stop

    def _check_keys(self, piece: PartSlice, keys: bpy.types.Key) -> None:
        names = self._names[piece.object_uid]
        if len(keys.key_blocks) != len(names) + 1 or any(name not in keys.key_blocks for name in names):
            raise SceneError(f"The shape keys of “{piece.name}” were changed while MeshTalk read them.")

    def _read_sample(self, frames: Frames) -> None:
        graph = frames.at(*self._place())
        face = self._objects[self._rest.slices[0].object_uid].evaluated_get(graph)
        pose = self._vertices[self.at - self._seen.start] if self._is_seen else self._unseen
        for piece in self._rest.slices:
            target = pose[piece.start : piece.stop]
            thing = self._objects.get(piece.object_uid)
            seen = None if thing is None else thing.evaluated_get(graph)
            if seen is None or not seen.is_evaluated:  # hidden, or deleted since: at rest
                if piece.start == 0:
                    raise SceneError(f"“{piece.name}” is hidden: show it, so that its motion can be read.")
                target[:] = self._rest.vertices[piece.start : piece.stop]
                continue
            points = _placed(seen, face, _read_points(seen, piece.stop - piece.start))
            target[:] = self._rest.stretched(points)
            self._read_values(piece, thing, seen)
            self._read_bones(piece, thing, graph)
        if not self._is_seen and not self._stirs:
            self._stirs = bool(np.abs(pose - self._rest.vertices).max() > least_motion(self._rest))

    def _read_values(self, piece: PartSlice, thing: bpy.types.Object, seen: bpy.types.Object) -> None:
        keys = seen.data.shape_keys
        if keys is None or not keys.use_relative:
            return
        if piece.object_uid not in self._values:
            self._note_keys(piece, thing)
        rows = self._values[piece.object_uid]
        blocks = [block for block in keys.key_blocks if block.name in self._names[piece.object_uid]]
        if len(blocks) != rows.shape[1]:
            raise SceneError(f"The shape keys of “{piece.name}” were changed while MeshTalk read them.")
        rows[self.at] = [0.0 if block.mute else block.value for block in blocks]

    def _read_bones(
        self,
        piece: PartSlice,
        thing: bpy.types.Object,
        graph: bpy.types.Depsgraph,
    ) -> None:
        uid = piece.object_uid
        if uid not in self._bones:
            self._bones[uid] = bone_sets(thing)
            self._has_cache |= plays_cache(thing)
            if self._bones[uid]:
                count = sum(len(group.bones) for group in self._bones[uid])
                shape = (len(self._vertices), count, 1, 1)
                self._motion[uid] = np.tile(np.eye(3, dtype=np.float32), shape)
        if self._bones[uid] and self._is_seen:
            self._motion[uid][self.at - self._seen.start] = bone_motion(thing, piece, self._bones[uid], graph)

    def _note_keys(self, piece: PartSlice, thing: bpy.types.Object) -> None:
        keys = thing.data.shape_keys
        blocks = [block for block in keys.key_blocks if block != keys.reference_key]
        self._names[piece.object_uid] = tuple(block.name for block in blocks)
        self._values[piece.object_uid] = np.zeros((self.count, len(blocks)), np.float32)
        self._shapes[piece.object_uid] = _shapes_of(thing, blocks, piece)


def _makers(thing: bpy.types.Object, graph: bpy.types.Depsgraph) -> list[bpy.types.Modifier]:
    """The modifiers that are on and may make other vertices, where the object now shows more or fewer."""
    on = [m for m in thing.modifiers if m.show_viewport and m.type not in KEEPS_COUNT]
    if not on:
        return []
    seen = thing.evaluated_get(graph)
    return on if len(seen.data.vertices) != len(thing.data.vertices) else []


def _read_points(seen: bpy.types.Object, count: int) -> Floats:
    """Vertices (V, 3) of an evaluated object, in its own space."""
    mesh = seen.data
    if len(mesh.vertices) != count:
        raise SceneError(
            f"The modifiers of “{seen.name}” change how many vertices it has: turn off those that do in the "
            "viewport."
        )
    flat = np.empty(3 * count, np.float32)
    mesh.vertices.foreach_get("co", flat)
    if not np.isfinite(flat).all():
        raise SceneError(f"“{seen.name}” has vertices without a finite place: look at its modifiers.")
    return flat.reshape(-1, 3)


def _placed(seen: bpy.types.Object, face: bpy.types.Object, points: Floats) -> Floats:
    """Points (V, 3) of an evaluated object in the evaluated face's space."""
    if seen == face:
        return points
    world: Matrix = face.matrix_world
    if abs(world.to_3x3().determinant()) < 1e-30:
        raise SceneError(f"“{face.name}” is scaled to nothing in this range: give it a size first.")
    matrix = np.array(world.inverted() @ seen.matrix_world)
    return (points.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)


def _shapes_of(thing: bpy.types.Object, blocks: Sequence[bpy.types.ShapeKey], piece: PartSlice) -> Floats:
    """What each key adds (K, n, 3) at value 1, in the space of the head's rest pose."""
    shapes = np.zeros((len(blocks), piece.stop - piece.start, 3), np.float32)
    for row, block in enumerate(blocks):
        shapes[row] = read_shape(block) - read_shape(block.relative_key)
        if block.vertex_group in thing.vertex_groups:
            shapes[row] *= group_weights(thing, block.vertex_group)[:, None]
    if np.array_equal(piece.turn, np.eye(3)):
        return shapes
    return shapes @ np.linalg.inv(piece.turn.astype(np.float64)).astype(np.float32)
