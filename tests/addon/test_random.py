# SPDX-License-Identifier: GPL-3.0-or-later
"""An animator's day in any order: jobs, takes, controls, own edits, with saving, loading and undoing between.
Nothing crashes, nothing of the user's is lost or changed, nothing of MeshTalk's is left behind.

Seventeen sequences in each of three Blenders; MESHTALK_SEQUENCES asks for more, MESHTALK_RANDOM for others,
MESHTALK_FIRST for the first failure as it was found instead of the shortest one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

SEQUENCES = int(os.environ.get("MESHTALK_SEQUENCES", "17"))
RANDOM = int(os.environ.get("MESHTALK_RANDOM", str(bpy.app.version[0] * 10 + bpy.app.version[1])))
STEPS = 16

TAG = "meshtalk"
JAW = 'key_blocks["jawOpen"].value'
FRAMES = (1, 20, 45, 150)

numbers = st.integers(0, 5)
placements = st.sampled_from(["NEW", "RANGE", "NLA"])

GAP = range(62, 114, 4)
"""Frames between two lines of a dialogue, a second and more from the sounds around them."""
LINES = (1, 130)
"""Where those lines begin, in the sequencer."""

has_strips = precondition(lambda self: bpy.app.build_options.audaspace and len(self.head.meshtalk.takes))
has_take = precondition(lambda self: len(self.head.meshtalk.takes))
has_two = precondition(lambda self: len(self.head.meshtalk.takes) > 1)
has_preview = precondition(lambda self: any(take.preview for take in self.head.meshtalk.takes))


def digest(values) -> int:
    """Of floats, with as many digits as single precision holds through a file."""
    return hash(np.round(np.asarray(values, np.float64), 5).tobytes())


def curves_of(action):
    """Every F-curve of an Action, in each version's place."""
    if not hasattr(action, "layers"):
        return list(action.fcurves)
    bags = [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags]
    return [curve for bag in bags for curve in bag.fcurves]


def keys_of(action):
    """An Action's keys, by curve."""
    return {
        (curve.data_path, curve.array_index): digest([point.co[:] for point in curve.keyframe_points])
        for curve in curves_of(action)
    }


def shape_of(block):
    flat = np.empty(len(block.data) * 3, np.float32)
    block.data.foreach_get("co", flat)
    return digest(flat)


def seen(thing):
    """What is seen of an object at some frames."""
    scene, found, before = bpy.context.scene, [], bpy.context.scene.frame_current
    for frame in FRAMES:
        scene.frame_set(frame)
        mesh = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
        flat = np.empty(len(mesh.vertices) * 3, np.float32)
        mesh.vertices.foreach_get("co", flat)
        found.append(flat)
    scene.frame_set(before)
    return np.stack(found)


@dataclass(frozen=True)
class Mine:
    """What is the user's: the head's name, shapes and curves, as the user left them last."""

    head: str = "Hero"
    shapes: dict[str, int] = field(default_factory=dict)
    body: int = 0
    smile: int = 0
    jaw: tuple[float, ...] = ()


@dataclass(frozen=True)
class State:
    """The file as a fingerprint, and what of it is the user's."""

    mine: Mine
    takes: tuple
    actions: frozenset
    shapes: frozenset


class Desk(RuleBasedStateMachine):
    """One file with a head that has the user's own keys and Actions, and all that can be done to it."""

    folder: Path
    sounds: tuple[str, ...]
    tiny: str
    add_strip: Callable[..., object]

    @initialize(placement=placements, has_jaw=st.booleans(), is_dialogue=st.booleans())
    def open(self, placement, has_jaw, is_dialogue):
        bpy.ops.wm.read_homefile(use_empty=True)
        scene = bpy.context.scene
        scene.render.fps, scene.render.fps_base = 30, 1.0
        scene.meshtalk.model = self.tiny
        scene.meshtalk.sound_source, scene.meshtalk.sound_file = "FILE", self.sounds[0]
        bpy.ops.meshtalk.add_head()
        head = bpy.context.active_object
        head.name = "Hero"
        if head.data.shape_keys is None:
            head.shape_key_add(name="Basis", from_mix=False)
        smile = head.shape_key_add(name="My Smile", from_mix=False)
        smile.value = 0.0
        for number in range(4):
            smile.data[number].co.z += 0.01
        for frame, value in ((1, 0.0), (50, 0.6), (200, 0.1)):
            smile.value = value
            smile.keyframe_insert("value", frame=frame)
            head.location.x = value
            head.keyframe_insert("location", index=0, frame=frame)
        if has_jaw:  # a rig's own, which speech moves, and which the user moves too
            jaw = head.shape_key_add(name="jawOpen", from_mix=False)
            for number in range(20):
                jaw.data[number].co.z -= 0.02
            for frame, value in ((-20, 0.0), (58, 0.2), (70, 0.5), (105, 0.1), (118, 0.3), (260, 0.0)):
                jaw.value = value
                jaw.keyframe_insert("value", frame=frame)
        head.animation_data.action.name = "Body"
        if (
            head.data.shape_keys.animation_data.action != head.animation_data.action
        ):  # one, with slots, from 4.4 on
            head.data.shape_keys.animation_data.action.name = "Mine"
        self.mine = Mine(
            shapes={block.name: shape_of(block) for block in head.data.shape_keys.key_blocks},
            body=keys_of(bpy.data.actions["Body"])[("location", 0)],
            smile=self._smile(self._mine()),
        )
        self.mine = replace(self.mine, jaw=self._jaw(self._mine()))
        if bpy.app.build_options.audaspace:
            for number, (frame, sound) in enumerate(zip(LINES, self.sounds, strict=True)):
                self.add_strip(scene, sound, f"line {number}", frame)
        bpy.ops.ed.undo_push(message="open")
        self.past, self.future = [self.state()], []
        if is_dialogue and bpy.app.build_options.audaspace:
            self.generate_dialogue(0, placement)
        else:
            self.generate(0, placement, 0)

    # What is done with MeshTalk

    @rule(number=st.integers(0, 2), placement=placements, sound=st.integers(0, 1))
    def generate_again(self, number, placement, sound):
        self.generate(number, placement, sound)

    @has_strips
    @rule(number=st.integers(0, 2), placement=placements)
    def generate_lines(self, number, placement):
        self.generate_dialogue(number, placement)

    @has_take
    @rule(number=numbers)
    def show(self, number):
        self.do("show_take", head=self.mine.head, take=self.take(number))

    @has_take
    @rule()
    def show_original(self):
        self.do("show_take", head=self.mine.head, take="ORIGINAL")

    @has_take
    @rule(number=numbers)
    def delete(self, number):
        self.do("remove_take", head=self.mine.head, take=self.take(number))

    @has_take
    @rule(number=numbers, name=st.sampled_from(["calm", "angry", "ä “x” 長い"]))
    def rename(self, number, name):
        self.do("rename_take", head=self.mine.head, take=self.take(number), name=name)

    @has_take
    @rule(number=numbers)
    def duplicate(self, number):
        self.do("duplicate_take", head=self.mine.head, take=self.take(number))

    @has_take
    @rule(
        number=numbers,
        control=st.sampled_from(["mouth", "jaw", "blink", "smooth_mouth", "offset", "tolerance", "closure"]),
        value=st.sampled_from([0.0, 0.3, 1.0, 2.0]),
    )
    def control(self, number, control, value):
        takes = self.head.meshtalk.takes
        if len(takes):
            setattr(takes[number % len(takes)].controls, control, value)
        self.done()

    @rule(index=st.integers(0, 1))
    def look_at_a_seed(self, index):
        self.do("sample_seeds", count=2)
        self.do("preview_seed", index=index)

    @has_preview
    @rule(index=st.integers(0, 2))
    def preview_seed(self, index):
        self.do("preview_seed", index=index)

    @has_preview
    @rule()
    def keep_seed(self):
        self.do("keep_seed")

    @has_preview
    @rule()
    def discard_seed(self):
        self.do("discard_seed")

    @has_two
    @rule(one=numbers, other=numbers)
    def combine(self, one, other):
        self.do("combine_takes", mouth=self.take(one), upper=self.take(other))

    @has_take
    @rule(start=st.integers(-5, 40), length=st.integers(0, 30))
    def sample_range(self, start, length):
        self.do("sample_range", start=start, end=start + length, seed=9)

    @rule(upper=st.sampled_from([0.0, 0.5, 1.0]), mouth=st.sampled_from([0.0, 1.0]))
    def dub(self, upper, mouth):
        self.do("dub", head=self.mine.head, sound_file=self.sounds[1], upper=upper, mouth=mouth)

    @has_take
    @rule()
    def bake(self):
        self.do("bake")

    @has_take
    @rule(name=st.sampled_from(["Subtle", "Natural", "Theatrical", "Broadcast"]))
    def choose_preset(self, name):
        self.do("choose_controls", name=name)

    @has_take
    @rule(control=st.sampled_from(["jaw", "mouth", "offset"]))
    def reset_control(self, control):
        self.do("reset_controls", control=control)

    @rule()
    def retarget(self):
        """What the head does, on another head, which is taken away again."""
        active = bpy.context.view_layer.objects.active
        bpy.ops.meshtalk.add_head()
        other = bpy.context.active_object
        actions = {action.name for action in bpy.data.actions}
        try:
            bpy.ops.meshtalk.retarget(source=self.mine.head, head=other.name)
            assert len(other.meshtalk.takes) == 1
            bpy.ops.meshtalk.remove_take(head=other.name, take=other.meshtalk.takes[0].uid)
        except RuntimeError as error:
            assert "Traceback" not in str(error)
        assert {action.name for action in bpy.data.actions} == actions
        bpy.data.meshes.remove(other.data)
        if active is not None:
            active.select_set(True)
        bpy.context.view_layer.objects.active = active
        self.done()

    # What the user does meanwhile

    @rule(name=st.sampled_from(["Hero", "Anna", "Kopf ü"]))
    def rename_head(self, name):
        self.head.name = name
        self.mine = replace(self.mine, head=name)
        self.done()

    @rule(number=numbers)
    def delete_action(self, number):
        """One of MeshTalk's, in the outliner."""
        ours = sorted((action.name for action in bpy.data.actions if TAG in action), key=str)
        if ours:
            bpy.data.actions.remove(bpy.data.actions[ours[number % len(ours)]])
        self.done()

    @rule(frame=st.integers(100, 300), value=st.floats(0, 1, width=16))
    def edit_keys(self, frame, value):
        """A key on the curve that plays the user's own smile now, wherever that is."""
        playing = self._playing()
        if playing is not None:
            curve = next(
                (c for c in curves_of(playing) if c.data_path == 'key_blocks["My Smile"].value'), None
            )
            if curve is not None and playing == self._mine():
                curve.keyframe_points.insert(frame, value)
                curve.update()
                self.mine = replace(self.mine, smile=self._smile(playing))
        self.done()

    @rule(frame=st.integers(74, 101), value=st.floats(0, 1, width=16))
    def key_the_jaw(self, frame, value):
        """A reaction by hand between the two lines, in the Action that the user plays."""
        playing = self._playing()
        curve = next((c for c in curves_of(playing) if c.data_path == JAW), None) if playing else None
        if curve is not None and playing == self._mine() and self.mine.jaw:
            curve.keyframe_points.insert(frame, value)
            curve.update()
            self.mine = replace(self.mine, jaw=self._jaw(playing))
        self.done()

    @rule(number=st.integers(0, 3))
    def sculpt(self, number):
        """The user's own key is changed."""
        block = self.head.data.shape_keys.key_blocks["My Smile"]
        block.data[number].co.y += 0.003
        self.mine = replace(self.mine, shapes=self.mine.shapes | {"My Smile": shape_of(block)})
        self.done()

    @rule()
    def delete_made_key(self):
        """One of the shape keys that MeshTalk made."""
        blocks = self.head.data.shape_keys.key_blocks
        made = [block.name for block in blocks if block.name not in self.mine.shapes]
        if made:
            self.head.shape_key_remove(blocks[made[0]])
        self.done()

    @rule()
    def mute_tracks(self):
        animation = self.head.data.shape_keys.animation_data
        for track in () if animation is None else animation.nla_tracks:
            track.mute = not track.mute
        self.done()

    @rule()
    def save_and_load(self):
        path, before, looks = str(self.folder / "file.blend"), self.state(), seen(self.head)
        bpy.ops.wm.save_as_mainfile(filepath=path)
        bpy.ops.wm.open_mainfile(filepath=path)
        assert self.state() == before
        assert np.abs(seen(self.head) - looks).max() < 1e-5
        bpy.ops.ed.undo_push(message="loaded")
        self.past, self.future = [self.state()], []

    @precondition(lambda self: len(self.past) > 1)
    @rule()
    def undo(self):
        self.future.append(self.past.pop())
        bpy.ops.ed.undo()
        self.mine = self.past[-1].mine
        assert self.state() == self.past[-1]

    @precondition(lambda self: self.future)
    @rule()
    def redo(self):
        self.past.append(self.future.pop())
        bpy.ops.ed.redo()
        self.mine = self.past[-1].mine
        assert self.state() == self.past[-1]

    # What must hold

    @invariant()
    def users_things_are_as_the_user_left_them(self):
        if not hasattr(self, "past"):
            return
        keys = self.head.data.shape_keys
        assert {name: shape_of(keys.key_blocks[name]) for name in self.mine.shapes} == self.mine.shapes
        assert keys_of(bpy.data.actions["Body"])[("location", 0)] == self.mine.body
        assert self.head.animation_data.action == bpy.data.actions["Body"]
        assert self._smile(self._mine()) == self.mine.smile
        assert self._jaw(self._mine()) == pytest.approx(self.mine.jaw, abs=1e-4)

    @invariant()
    def nothing_is_left_behind(self):
        if not hasattr(self, "past"):
            return
        takes = self.head.meshtalk.takes
        mine = {item.action for take in takes for item in take.objects}
        mine |= {item.before for take in takes for item in take.objects}
        mine |= {item.below for take in takes for item in take.objects}
        mine |= {original.action for original in self.head.meshtalk.originals}
        if any(take.placement == "NLA" for take in takes):  # what the sliders are outside the strips
            mine |= {action for action in bpy.data.actions if "rest" in action.get(TAG, {}) and action.users}
        left = [action.name for action in bpy.data.actions if TAG in action and action not in mine]
        assert left == []
        names = [take.name for take in takes]
        assert len(set(names)) == len(names) and all(names)
        assert -1 <= self.head.meshtalk.active_take < max(len(takes), 1)

    # Helpers

    @property
    def head(self):
        return bpy.data.objects[self.mine.head]

    def generate(self, number, placement, sound):
        file = self.sounds[sound]
        self.do("generate", head=self.mine.head, sound_file=file, seed=number, placement=placement)

    def generate_dialogue(self, number, placement):
        """Two lines of one character as one take, with somebody else's between them."""
        lines = [{"name": f"line {line}"} for line in range(len(LINES))]
        self.do("generate", head=self.mine.head, strips=lines, seed=number, placement=placement)

    def take(self, number):
        takes = self.head.meshtalk.takes
        return takes[number % len(takes)].uid if len(takes) else "none"

    def do(self, operator, /, **options):
        """Press a button: it works, or says in a sentence why not and changes nothing."""
        before = self.state()
        try:
            result = getattr(bpy.ops.meshtalk, operator)(**options)
            assert result == {"FINISHED"}
        except RuntimeError as error:
            words = str(error)
            assert "Traceback" not in words and "unexpected error" not in words, words
            assert self.state() == before, f"{operator} refused ({words}) and yet changed something"
        self.done()

    def done(self):
        bpy.ops.ed.undo_push(message="step")
        self.past.append(self.state())
        self.future.clear()

    def state(self):
        head = self.head
        blocks = head.data.shape_keys.key_blocks
        takes = tuple(
            (take.uid, take.name, take.placement, take.preview, tuple(s.seed for s in take.segments))
            for take in head.meshtalk.takes
        )
        actions = frozenset(
            (action.name, frozenset(keys_of(action).items())) for action in bpy.data.actions if action.users
        )
        return State(self.mine, takes, actions, frozenset((b.name, shape_of(b)) for b in blocks))

    def _playing(self):
        animation = self.head.data.shape_keys.animation_data
        return None if animation is None else animation.action

    def _mine(self):
        return bpy.data.actions.get("Mine") or bpy.data.actions["Body"]

    def _smile(self, action):
        return keys_of(action)[('key_blocks["My Smile"].value', 0)]

    def _jaw(self, action):
        """What the user's jaw does between the lines; nothing where the head has no such key."""
        if "jawOpen" not in self.mine.shapes:
            return ()
        curve = next(c for c in curves_of(action) if c.data_path == JAW)
        return tuple(curve.evaluate(frame) for frame in GAP)


@pytest.fixture()
def desk(part, scene, tmp_path, wav, speech):
    Desk.folder = tmp_path
    Desk.sounds = (str(wav("one.wav", speech[:16_000])), str(wav("two.wav", speech[8_000:])))
    Desk.tiny = scene.meshtalk.model
    Desk.add_strip = staticmethod(part("scene.strips").add_sound_strip)
    return Desk


def test_any_order_of_steps_loses_nothing(desk):
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    options = settings(
        max_examples=SEQUENCES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=checks,
        print_blob=True,
        report_multiple_bugs=False,
        phases=[Phase.generate] if "MESHTALK_FIRST" in os.environ else [Phase.generate, Phase.shrink],
    )
    run_machine(seed(RANDOM)(desk), settings=options)
