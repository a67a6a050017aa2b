# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads of several objects: face, eyeballs, teeth and tongue as meshes of their own, under any transforms."""

from __future__ import annotations

import math
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix, Vector

ICT = Path(__file__).resolve().parents[3] / "shared" / "heads" / "ict.npz"
ICT_OBJECTS = {
    "Face": ("M_Face", "M_BackHead"),
    "Mouth": ("M_GumsTongue",),
    "Teeth": ("M_Teeth",),
    "EyeLeft": ("M_ScleraLeft", "M_IrisLeft"),
    "EyeRight": ("M_ScleraRight", "M_IrisRight"),
    "Lashes": ("M_EyeLashes",),
}


def make_object(name, points, faces, matrix=None, parent=None):
    """An object of these places (V, 3) in the world and faces (F, K), padded with −1, whose own space is
    `matrix` away from the world's, if given."""
    used = np.unique(faces[faces >= 0])
    number = np.full(len(points), -1)
    number[used] = np.arange(len(used))
    matrix = matrix or Matrix()
    turn = np.array(matrix.inverted())
    local = points[used] @ turn[:3, :3].T + turn[:3, 3]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(local.tolist(), [], [[int(number[c]) for c in row if c >= 0] for row in faces])
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(thing)
    if parent is not None:
        thing.parent = parent
        bpy.context.view_layer.update()
        thing.matrix_parent_inverse = parent.matrix_world.inverted()
    thing.matrix_basis = matrix
    bpy.context.view_layer.update()
    return thing


def somewhere(seed):
    """A place, turn and scale."""
    chance = np.random.default_rng(seed)
    turn, scale = Euler(chance.normal(size=3)), np.exp(0.3 * chance.normal(size=3))
    return Matrix.LocRotScale(Vector(chance.normal(size=3)), turn, Vector(scale))


def choose(face, *others):
    """Select objects, the face active."""
    bpy.ops.object.select_all(action="DESELECT")
    for thing in (*others, face):
        thing.select_set(True)
    bpy.context.view_layer.objects.active = face


def unit_motion(thing, unit):
    """How the evaluated object moves in the world, (V, 3), when a unit's key goes to 1; None without key."""
    keys = thing.data.shape_keys
    if keys is None or unit not in keys.key_blocks:
        return None
    action, keys.animation_data.action = keys.animation_data.action, None
    places = []
    for value in (0.0, 1.0):
        for block in keys.key_blocks:
            block.value = value if block.name == unit else 0.0
        places.append(world(thing))
    keys.key_blocks[unit].value = 0.0
    keys.animation_data.action = action
    return places[1] - places[0]


def world(thing):
    """Places (V, 3) of the evaluated object in the world."""
    bpy.context.view_layer.update()
    final = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = final.to_mesh()
    flat = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", flat)
    matrix = np.array(thing.matrix_world)
    return flat.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def moving(thing):
    """The units that an object has keys for."""
    keys = thing.data.shape_keys
    names = set() if keys is None else {block.name for block in keys.key_blocks[1:]}
    return {name for name in names if not name.startswith("MeshTalk Corrective")}


def curves(part, thing):
    """The playing F-curves by RNA path."""
    channels = part("scene.actions").channels_of(thing.data.shape_keys.animation_data)
    return {curve.data_path: curve for curve in channels.fcurves}


def is_rigid(before, motion):
    """Whether motion (V, 3) keeps all distances to 2 %: linear keys approach a turn."""
    chosen = np.random.default_rng(0).integers(0, len(before), (2, 400))
    apart = np.linalg.norm(before[chosen[0]] - before[chosen[1]], axis=1)
    after = np.linalg.norm((before + motion)[chosen[0]] - (before + motion)[chosen[1]], axis=1)
    return np.abs(after - apart).max() < 0.06 * apart.max()


@pytest.fixture()
def default(scene, speech_file):
    """A scene with the default model and a sound."""
    import meshtalk_checkout.engine.bundle as bundle

    if not bundle.default_bundle_path().is_dir():
        pytest.skip("the default model is not here")
    scene.meshtalk.model = bundle.default_bundle_path().name
    scene.meshtalk.sound_source, scene.meshtalk.sound_file = "FILE", str(speech_file)
    return scene


@pytest.fixture()
def template(default, part):
    """The default model's template with its attached parts: vertices, faces, part and bone of each vertex."""
    import meshtalk_checkout.engine.geometry.attached as attached

    models = part("models")
    found = models.loaded_bundle(models.model_folder(default.meshtalk.model), None).template
    vertices, faces, _ = attached.whole_head(found)
    bone = np.r_[np.full(len(found), -1), found.attached_bone]
    return found, vertices.astype(np.float64), faces, np.r_[found.part, found.attached_part], bone


def of(faces, inside):
    """The faces whose corners all lie among `inside` (V,)."""
    return faces[((faces < 0) | inside[faces]).all(axis=1)]


def generate():
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}


class TestTemplateWithPartsOfItsOwn:
    """The face is bound exactly, the parts that were separated from it move as they did in one mesh."""

    @pytest.fixture()
    def things(self, template):
        found, vertices, faces, _, bone = template
        face = make_object("Face", vertices, of(faces, np.arange(len(vertices)) < len(found)))
        rig = bpy.data.objects.new("Rig", None)
        rig.matrix_basis = somewhere(9)
        bpy.context.scene.collection.objects.link(rig)
        bpy.context.view_layer.update()
        names = {0: "UpperTeeth", 1: "LowerTeeth", 2: "IrisLeft", 3: "IrisRight"}
        parts = [
            make_object(name, vertices, of(faces, bone == number), somewhere(number), rig)
            for number, name in names.items()
        ]
        top = vertices[:, 2] > vertices[:, 2].min() + 0.75 * np.ptp(vertices[: len(found), 2])
        hair = make_object("Hair", vertices * 1.1, of(faces, top))
        parts[1].hide_set(True)
        return face, *parts, hair

    def test_every_part_moves_as_it_should_and_nothing_else(self, part, default, template, things):
        found, vertices, faces, _, bone = template
        face, upper, lower, left, right, hair = things
        lower.hide_set(False)
        choose(face, *things[1:])
        assert bpy.ops.meshtalk.add_parts() == {"FINISHED"}
        lower.hide_set(True)
        generate()
        self._right_keys(found, things)
        self._like_one_mesh(found, vertices, faces, bone, lower)
        self._one_action_each(part, (face, lower, left, right))
        assert "on 4 objects" in part("ops.desk").desk.message

    def _right_keys(self, found, things):
        face, upper, lower, left, right, hair = things
        assert moving(face) >= {"jawOpen", "eyeBlinkLeft", "mouthClose", "browInnerUp", "noseSneerRight"}
        assert moving(lower) == {"jawOpen", "jawForward", "jawLeft", "jawRight"}
        for eye, side in ((left, "Left"), (right, "Right")):
            assert moving(eye) == {f"eyeLook{way}{side}" for way in ("In", "Out", "Up", "Down")}
        for still in (upper, hair):
            assert still.data.shape_keys is None

    def _like_one_mesh(self, found, vertices, faces, bone, lower):
        import meshtalk_checkout.engine.geometry.bind as bind

        binding = bind.bind_head(found, vertices, faces)
        want = binding.unit_deltas()[found.unit("jawOpen"), bone == 1]
        lower.hide_set(False)
        np.testing.assert_allclose(unit_motion(lower, "jawOpen"), want, atol=1.2e-3)

    def _one_action_each(self, part, moved):
        actions = [thing.data.shape_keys.animation_data.action for thing in moved]
        assert len(set(actions)) == len(moved) == len(bpy.data.actions)
        face, lower = (curves(part, thing)['key_blocks["jawOpen"].value'] for thing in moved[:2])
        assert [tuple(k.co) for k in face.keyframe_points] == [tuple(k.co) for k in lower.keyframe_points]

    def test_undo_takes_all_back_in_one_step(self, default, things):
        names = [thing.name for thing in things]
        things[2].hide_set(False)
        choose(*things)
        bpy.ops.meshtalk.add_parts()
        bpy.ops.ed.undo_push(message="before")
        assert bpy.ops.meshtalk.generate("EXEC_DEFAULT", True) == {"FINISHED"}
        assert len(bpy.data.shape_keys) == len(bpy.data.actions) == 4
        bpy.ops.ed.undo()
        assert len(bpy.data.shape_keys) == len(bpy.data.actions) == 0
        assert len(bpy.data.objects[names[0]].meshtalk.parts) == 5

    def test_a_part_that_is_deleted_meanwhile_is_left_out(self, part, default, things):
        face, upper, lower, left, right, _ = things
        lower.hide_set(False)
        choose(face, lower, left)
        bpy.ops.meshtalk.add_parts()
        module, job = part("ops.plan"), part("ops.job")
        plan = module.make_plan(bpy.context, module.wish_of(bpy.context))
        result = part("ops.speech").run_speech(plan.request, lambda *_: None, lambda: False)
        bpy.data.objects.remove(left)
        lower.hide_set(True)
        assert "on 2 objects" in module.write_result(plan, result)
        lower.data.vertices.add(1)
        with pytest.raises(job.MeshTalkError, match="“LowerTeeth” was changed while MeshTalk"):
            module.write_result(plan, result)


def separate(vertices, faces, groups):
    """An object for each group of vertices (V,) by name, under transforms of their own."""
    return {
        name: make_object(name, vertices, of(faces, inside), somewhere(number) if number else Matrix())
        for number, (name, inside) in enumerate(groups.items())
    }


class TestAnyHeadAsObjects:
    """No topology is known here: the fit tells what each object is."""

    def test_template_taken_apart(self, default, template):
        _, vertices, faces, kind, bone = template
        side = vertices[:, 0] > 0
        ball = np.isin(kind, (1, 5, 6))
        groups = {
            "Face": (kind == 0) | (kind == 8),
            "EyeLeft": ball & side,
            "EyeRight": ball & ~side,
            "UpperTeeth": bone == 0,
            "LowerTeeth": bone == 1,
            "Tongue": (bone < 0) & (kind == 3),
        }
        things = separate(vertices, faces, groups)
        self.check(things, 1.0)
        assert things["UpperTeeth"].data.shape_keys is None
        for jaw in ("LowerTeeth", "Tongue"):
            down = unit_motion(things[jaw], "jawOpen")[:, 2]
            assert down.mean() < -0.004 and not any(name.startswith("eye") for name in moving(things[jaw]))

    @pytest.mark.skipif(not ICT.is_file(), reason="needs ../shared/heads/ict.npz")
    def test_a_head_of_another_maker(self, default):
        head = np.load(ICT)
        names = head["material_names"].tolist()
        vertices = head["vertices"][:, [0, 2, 1]] * [1, -1, 1.0]
        faces, material = head["faces"], head["face_material"]
        things = {
            name: make_object(
                name,
                vertices,
                faces[np.isin(material, [names.index(one) for one in wanted])],
                somewhere(number) if number else Matrix(),
            )
            for number, (name, wanted) in enumerate(ICT_OBJECTS.items())
        }
        self.check(things, 1.0)
        rows = unit_motion(things["Teeth"], "jawOpen")
        travel = np.linalg.norm(rows, axis=1)
        assert 0.3 < (travel > 0.004).mean() < 0.7 and ((travel < 1e-5) | (travel > 0.004)).all()
        assert "eyeBlinkLeft" in moving(things["Lashes"])

    def check(self, things, size):
        face, *parts = things.values()
        choose(face, *parts)
        assert bpy.ops.meshtalk.add_parts() == {"FINISHED"}
        generate()
        for eye in ("Left", "Right"):
            ball = things[f"Eye{eye}"]
            assert moving(ball) == {f"eyeLook{way}{eye}" for way in ("In", "Out", "Up", "Down")}
            motion = unit_motion(ball, f"eyeLookOut{eye}")
            assert is_rigid(world(ball), motion)
            outwards = motion[world(ball)[:, 1].argmin(), 0] * (1 if eye == "Left" else -1)
            assert 0.002 * size < outwards < 0.012 * size
        lids = unit_motion(face, "eyeBlinkLeft")
        assert np.linalg.norm(lids, axis=1).max() > 0.004 * size
        assert np.abs(lids[world(face)[:, 1] > 0.06 * size]).max() < 1e-6


class TestAddingParts:
    """What can be a part, and what is said of the rest."""

    @pytest.fixture()
    def ball(self, head):
        bpy.ops.mesh.primitive_uv_sphere_add(segments=8, ring_count=6, radius=0.1)
        ball = bpy.context.active_object
        choose(head, ball)
        return ball

    def test_offered_while_selected_and_listed_once(self, part, head, ball):
        offer = part("ops.parts").offered_parts
        assert offer(bpy.context, head) == [ball]
        bpy.ops.meshtalk.add_parts()
        assert offer(bpy.context, head) == []
        assert not bpy.ops.meshtalk.add_parts.poll()
        assert part("scene.parts").head_objects(head) == (head, ball)

    def test_a_part_leads_to_its_head(self, part, head, ball):
        bpy.ops.meshtalk.add_parts()
        choose(ball)
        assert part("ops.checks").chosen_head(bpy.context) == head
        copy = ball.copy()
        bpy.context.scene.collection.objects.link(copy)
        assert part("scene.parts").face_of(copy) is None

    def test_removed_and_deleted_parts_are_forgotten(self, part, head, ball):
        bpy.ops.meshtalk.add_parts()
        assert bpy.ops.meshtalk.remove_part(name=ball.name) == {"FINISHED"}
        assert part("scene.parts").head_objects(head) == (head,)
        assert part("scene.parts").face_of(ball) is None
        bpy.ops.meshtalk.add_parts()
        bpy.ops.object.select_all(action="DESELECT")
        ball.select_set(True)
        bpy.ops.object.delete()
        assert part("scene.parts").head_objects(head) == (head,)

    @pytest.mark.parametrize("how", ["join", "delete"])
    def test_the_next_take_tells_of_those_that_are_gone(self, part, talking, head, ball, how):
        """Joined to the face (Ctrl J), or deleted: the list would keep the deleted one in the file."""
        bpy.ops.meshtalk.add_parts()
        name = ball.name
        choose(*((head, ball) if how == "join" else (ball,)))
        bpy.ops.object.join() if how == "join" else bpy.ops.object.delete()
        choose(head)
        if how == "join":  # the tiny model's head with another island is none that it knows
            part("ops.writing").forget_gone_parts(head)
            assert len(head.meshtalk.parts) == 0
            return
        assert bpy.ops.meshtalk.generate() == {"FINISHED"}
        assert f"; the part “{name}” is gone and was taken off the list" in part("ops.desk").desk.message
        assert len(head.meshtalk.parts) == 0
        assert bpy.ops.meshtalk.generate() == {"FINISHED"}
        assert "is gone" not in part("ops.desk").desk.message

    def test_two_objects_with_one_mesh(self, head, ball):
        twin = ball.copy()
        bpy.context.scene.collection.objects.link(twin)
        twin.select_set(True)
        with pytest.raises(RuntimeError, match="share one mesh.*Make Single User"):
            bpy.ops.meshtalk.add_parts()
        assert len(head.meshtalk.parts) == 0

    def test_a_part_of_another_head(self, head, ball):
        bpy.ops.meshtalk.add_parts()
        bpy.ops.meshtalk.add_head()
        choose(bpy.context.active_object, ball)
        with pytest.raises(RuntimeError, match=f"is a part of “{head.name}” already"):
            bpy.ops.meshtalk.add_parts()

    def test_a_linked_part(self, head, ball, tmp_path):
        bpy.data.libraries.write(str(tmp_path / "library.blend"), {ball})
        bpy.data.objects.remove(ball)
        with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (there, wanted):
            wanted.objects = there.objects
        bpy.context.scene.collection.objects.link(wanted.objects[0])
        choose(head, wanted.objects[0])
        with pytest.raises(RuntimeError, match="is linked from another file"):
            bpy.ops.meshtalk.add_parts()

    def test_a_part_without_size(self, head, ball):
        ball.scale = (0, 1, 1)
        with pytest.raises(RuntimeError, match="is scaled to nothing"):
            bpy.ops.meshtalk.add_parts()

    def test_parts_survive_save_and_load(self, part, head, ball, tmp_path):
        bpy.ops.meshtalk.add_parts()
        names = [head.name, ball.name]
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "head.blend"))
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "head.blend"))
        objects = part("scene.parts").head_objects(bpy.data.objects[names[0]])
        assert [thing.name for thing in objects] == names


class TestPlaces:
    """Parts are found where they are at rest, whatever the scene shows."""

    def read(self, part, head):
        return part("scene.mesh").read_rest_pose(head)

    def ball(self, head, **add):
        bpy.ops.mesh.primitive_uv_sphere_add(segments=8, ring_count=6, radius=0.1, **add)
        ball = bpy.context.active_object
        choose(head, ball)
        bpy.ops.meshtalk.add_parts()
        return ball

    def test_vertices_lie_where_they_are_seen(self, part, head):
        head.matrix_world = somewhere(1)
        ball = self.ball(head, location=(1, 2, 3))
        pose = self.read(part, head)
        face, ball_slice = pose.slices
        assert (face.start, face.stop, ball_slice.stop) == (0, pose.face_count, len(pose.vertices))
        seen = pose.in_object_space(pose.vertices[ball_slice.start :])
        seen = seen @ np.array(head.matrix_world.to_3x3()).T
        np.testing.assert_allclose(seen + np.array(head.matrix_world.translation), world(ball), atol=1e-5)
        turned = head.matrix_world.to_3x3() @ Matrix(face.turn.T.tolist())  # from the pose's space
        sizes = [column.length for column in turned.col]
        np.testing.assert_allclose(sizes, np.mean(sizes), rtol=1e-5)  # an even one

    def test_mirrored_parts_keep_their_outside(self, part, head):
        ball = self.ball(head)
        plain = self.read(part, head)
        ball.scale.x = -1
        mirrored = self.read(part, head)
        for pose in (plain, mirrored):
            ring = pose.polygons[len(head.data.polygons) :]
            a, b, c = (pose.vertices[ring[:, corner]] for corner in range(3))
            assert (np.cross(b - a, c - a) * (a + c)).sum(axis=1).min() > 0

    def test_a_posed_bone_does_not_count_nor_does_hiding(self, part, head):
        rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
        bpy.context.scene.collection.objects.link(rig)
        rig.matrix_basis = somewhere(3)
        choose(rig)
        bpy.ops.object.mode_set(mode="EDIT")
        bone = rig.data.edit_bones.new("eye")
        bone.head, bone.tail = (0.1, 0.2, 0.3), (0.1, 0.5, 1)
        bpy.ops.object.mode_set(mode="OBJECT")
        ball = self.ball(head)
        ball.parent, ball.parent_type, ball.parent_bone = rig, "BONE", "eye"
        ball.matrix_basis = somewhere(4)
        bpy.context.view_layer.update()
        pose = self.read(part, head)
        np.testing.assert_allclose(pose.vertices[pose.face_count :], world(ball), atol=1e-5)
        rig.pose.bones["eye"].location = (0.3, 0, 0.1)
        rig.pose.bones["eye"].rotation_quaternion = (math.cos(0.4), math.sin(0.4), 0, 0)
        ball.hide_viewport = True
        bpy.context.view_layer.update()
        np.testing.assert_allclose(self.read(part, head).vertices, pose.vertices, atol=1e-6)

    def test_without_parts_it_is_the_mesh_itself(self, part, head):
        points, polygons = part("scene.mesh").read_mesh(head.data)
        head.matrix_world = somewhere(5)
        stretched = self.read(part, head)
        np.testing.assert_allclose(stretched.in_object_space(stretched.vertices), points, atol=1e-6)
        assert np.abs(stretched.vertices - points).max() > 0.01
        head.scale = (-3, 3, 3)
        pose = self.read(part, head)
        np.testing.assert_array_equal(pose.vertices, points)
        np.testing.assert_array_equal(pose.slices[0].turn, np.eye(3))
        np.testing.assert_array_equal(pose.polygons, polygons)


class TestTeethThatWereForgotten:
    """Avatars of several meshes have the same keys in each: who speaks with the head alone is told."""

    def avatar(self, part, head, parent):
        """An object with three of the keys that the head's take moves."""
        moved = [block.name for block in head.data.shape_keys.key_blocks][1:4]
        bpy.ops.mesh.primitive_cube_add()
        teeth = bpy.context.object
        teeth.name, teeth.parent = "Teeth", parent
        for name in ("Basis", *moved):
            teeth.shape_key_add(name=name)
        choose(head)
        return teeth

    def speak(self, part):
        assert bpy.ops.meshtalk.generate() == {"FINISHED"}
        return part("ops.desk").desk.message

    def test_they_are_named_until_they_are_parts(self, part, talking, head):
        rig = bpy.data.objects.new("Rig", None)
        talking.collection.objects.link(rig)
        head.parent = rig
        assert "Teeth" not in self.speak(part)
        teeth = self.avatar(part, head, rig)
        assert "“Teeth” has the same shape keys" in self.speak(part)
        part("scene.parts").add_parts(head, [teeth])
        assert "same shape keys" not in self.speak(part)

    def test_another_characters_are_not(self, part, talking, head):
        self.speak(part)
        self.avatar(part, head, None)
        assert "same shape keys" not in self.speak(part)
