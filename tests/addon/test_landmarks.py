# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks: kept with the head and with its skin, mirrored, guessed; what the operator does with them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

bpy = pytest.importorskip("bpy", reason="needs Blender as a module: run `build.py test`")

from mathutils import Euler, Vector  # noqa: E402

FACE = {"nose_tip": (0.0, -0.9, 0.1), "mouth_left": (0.3, -0.8, -0.3), "mouth_right": (-0.3, -0.8, -0.3)}


@pytest.fixture()
def ball(scene):
    """A ball of radius 1, densely meshed: it is symmetric everywhere, and every ray at it hits."""
    bpy.ops.mesh.primitive_uv_sphere_add(segments=64, ring_count=33, radius=1)
    return bpy.context.active_object


@pytest.fixture()
def marks(part):
    return part("scene.landmarks")


def on_ball(*place):
    """The place on the ball in this direction."""
    return tuple(Vector(place).normalized())


def near(one, other, within=0.01):
    return np.allclose(one, other, atol=within)


def spot(rest, *place):
    return rest.nearest(on_ball(*place))


@pytest.fixture()
def rest(part, ball):
    return part("scene.surface").read_rest_mesh(ball)


@pytest.fixture()
def session(part, rest):
    """A session in which nothing is placed, on a ball that mirrors at x = 0."""
    placing, symmetry = part("scene.placing"), part("scene.symmetry")
    return placing.Session(rest, {}, plane=symmetry.Plane(np.array([1.0, 0, 0]), 0.0))


class TestData:
    def test_what_is_set_is_read_back(self, marks, ball):
        marks.set_landmarks(ball, FACE)
        assert marks.placed_landmarks(ball).keys() == FACE.keys()
        assert all(near(marks.placed_landmarks(ball)[name], place, 1e-6) for name, place in FACE.items())
        marks.clear_landmarks(ball)
        assert marks.placed_landmarks(ball) == {}

    def test_setting_again_replaces(self, marks, ball):
        marks.set_landmarks(ball, FACE)
        marks.set_landmarks(ball, {"chin": (0.0, -0.7, -0.7)})
        assert list(marks.placed_landmarks(ball)) == ["chin"]

    def test_a_duplicate_keeps_its_own(self, marks, ball):
        marks.set_landmarks(ball, FACE)
        twin = ball.copy()
        twin.data = ball.data.copy()
        marks.clear_landmarks(ball)
        assert marks.placed_landmarks(twin).keys() == FACE.keys()

    def test_saved_loaded_and_appended(self, marks, ball, tmp_path: Path):
        marks.set_landmarks(ball, FACE)
        expected = marks.placed_landmarks(ball)
        path, name = str(tmp_path / "head.blend"), ball.name
        bpy.ops.wm.save_as_mainfile(filepath=path)
        bpy.ops.wm.open_mainfile(filepath=path)
        assert marks.placed_landmarks(bpy.data.objects[name]) == expected
        bpy.ops.wm.read_homefile(use_empty=True)
        with bpy.data.libraries.load(path) as (_, wanted):
            wanted.objects = [name]
        assert marks.placed_landmarks(wanted.objects[0]) == expected

    def test_on_the_surface_they_follow_sculpting_and_applied_scale(self, marks, ball, rest):
        place = on_ball(0.2, -0.9, 0.3)
        marks.set_landmarks(ball, {"nose_tip": rest.place(rest.nearest(place))})
        ball.scale = (2, 2, 2)
        bpy.context.view_layer.update()
        bpy.ops.object.transform_apply(location=False, rotation=False, scale=True)
        assert near(marks.placed_landmarks(ball)["nose_tip"], 2 * Vector(place))

    def test_beside_the_surface_they_stay(self, marks, ball):
        marks.set_landmarks(ball, {"chin": (0.0, 0.0, 0.0)})
        ball.data.transform(Euler((0, 0, 1)).to_matrix().to_4x4())
        assert marks.placed_landmarks(ball)["chin"] == (0.0, 0.0, 0.0)

    def test_on_another_mesh_they_stay_where_they_were(self, marks, ball):
        marks.set_landmarks(ball, FACE)
        before = marks.placed_landmarks(ball)
        bpy.ops.object.modifier_add(type="SUBSURF")
        bpy.ops.object.modifier_apply(modifier=ball.modifiers[0].name)
        after = marks.placed_landmarks(ball)
        assert all(near(after[name], before[name], 1e-6) for name in FACE)

    def test_they_belong_to_the_mesh_at_rest(self, marks, ball, rest):
        place = on_ball(0.2, -0.9, 0.3)
        marks.set_landmarks(ball, {"nose_tip": rest.place(rest.nearest(place))})
        ball.shape_key_add(name="Basis")
        key = ball.shape_key_add(name="Big")
        for point in key.data:
            point.co *= 3
        key.value = 1
        bpy.context.view_layer.update()
        assert near(marks.placed_landmarks(ball)["nose_tip"], place)

    def test_fitted_ones_are_not_placed_ones(self, marks, ball):
        marks.set_fitted_landmarks(ball, {**FACE, "upper_teeth": (0.0, -0.5, -0.3)})
        assert marks.placed_landmarks(ball) == {}
        assert marks.fitted_landmarks(ball).keys() == FACE.keys()

    def test_a_mesh_without_faces_keeps_places(self, marks, scene):
        head = bpy.data.objects.new("Points", bpy.data.meshes.new("Points"))
        marks.set_landmarks(head, FACE)
        assert marks.placed_landmarks(head).keys() == FACE.keys()

    def test_every_name_is_one_of_the_model(self, marks, part):
        template = part_of_engine(part, "template").load_template(default_template(part))
        known = part_of_engine(part, "geometry.fit.marks").landmark_vertices(template)
        assert set(marks.BY_NAME) <= set(known)
        for mark in marks.LANDMARKS:
            assert mark.other == marks.twin_of(mark.name)
            assert mark.other is None or marks.BY_NAME[mark.other].other == mark.name

    def test_left_is_the_characters_left(self, marks, part):
        """+X, where the template looks along −Y."""
        plan = part("scene.face_plan")
        for name, place in plan.FACE.items():
            assert (place[0] > 0) == name.endswith("_left") and (place[0] < 0) == name.endswith("_right")
        assert set(marks.BY_NAME) <= set(plan.FACE)


def part_of_engine(part, name):
    import importlib

    root = part("scene").__name__.split(".")[0]
    return importlib.import_module(f"{root}.engine.{name}")


def default_template(part):
    return part("models").BUILT_IN / "default" / "template.npz"


class TestSymmetry:
    @pytest.mark.parametrize("turn", [(0, 0, 0), (0, 0, 0.02), (0.3, 0, 0)])
    def test_the_plane_of_a_head_is_found(self, part, ball, turn):
        """A ball with a nose, turned a little in its mesh: the planes across the axes are only where the
        search begins."""
        rng = np.random.default_rng(1)
        half = rng.normal(size=(2000, 3)) * (0.5, 0.7, 1.0)
        points = np.concatenate([half, half * (-1, 1, 1)]) @ np.array(Euler(turn).to_matrix()).T
        plane = part("scene.symmetry").mesh_plane(points)
        assert plane is not None
        normal = np.array(Euler(turn).to_matrix())[:, 0]
        assert abs(abs(plane.normal @ normal) - 1) < 1e-4 and abs(plane.offset) < 1e-3

    def test_a_heap_has_none(self, part, scene):
        rng = np.random.default_rng(2)
        assert part("scene.symmetry").mesh_plane(rng.normal(size=(3000, 3))) is None

    def test_mirrored_twice_is_where_it_was(self, part, scene):
        plane = part("scene.symmetry").plane_of_pairs([(3.0, 1, 0)], [(1.0, 1, 2)])
        assert near(plane.mirrored((3.0, 1, 0)), (1, 1, 2), 1e-9)
        assert near(plane.mirrored(plane.mirrored((0.3, 5, -2))), (0.3, 5, -2), 1e-9)
        assert near(plane.mirrored(plane.dropped((0.3, 5, -2))), plane.dropped((0.3, 5, -2)), 1e-9)


class TestFacePlan:
    def head(self, plan, turn=(0.4, -0.2, 2.0), scale=30.0, shift=(5, 6, 7)):
        """Places of all landmarks on a head that is turned and large."""
        matrix = np.array(Euler(turn).to_matrix())
        return {name: scale * matrix @ place + np.array(shift) for name, place in plan.FACE.items()}

    def test_three_tell_the_others(self, part, scene):
        plan = part("scene.face_plan")
        head = self.head(plan)
        given = {name: head[name] for name in ("nose_tip", "eye_outer_left", "eye_outer_right")}
        others = plan.guessed(given)
        assert others.keys() == head.keys() - given.keys()
        assert all(near(others[name], head[name], 1e-6) for name in others)

    def test_two_or_a_line_tell_nothing(self, part, scene):
        plan = part("scene.face_plan")
        assert plan.guessed({"nose_tip": (0, 0, 0), "chin": (0, 0, 1)}) == {}
        line = {"nose_tip": (0, 0, 0), "chin": (0, 0, 1), "mouth_left": (0, 0, 2)}
        assert plan.guessed(line) == {}

    def test_swapped_sides_are_noticed(self, part, scene):
        plan = part("scene.face_plan")
        head, twin = self.head(plan), part("scene.landmarks").twin_of
        matrix = np.array(Euler((0.4, -0.2, 2.0)).to_matrix())
        centre = 30 * matrix @ (0, 0.03, 0.12) + np.array((5, 6, 7))
        swapped = {name: head[twin(name) or name] for name in head}
        assert not plan.is_swapped(head, centre)
        assert plan.is_swapped(swapped, centre)


class TestSession:
    def test_clicks_ask_for_one_after_the_other(self, session, marks):
        asked = []
        while (name := session.next_name) is not None:
            asked.append(name)
            session.place(name, spot(session.rest, 0.1 * len(asked), -1, 0), both=False)
        assert asked == [mark.name for mark in marks.LANDMARKS]

    def test_the_other_side_comes_along(self, session):
        session.place("mouth_left", spot(session.rest, 0.3, -0.9, -0.2), both=True)
        places = {name: session.rest.place(one) for name, one in session.placed.items()}
        assert places.keys() == {"mouth_left", "mouth_right"}
        assert near(places["mouth_right"], np.multiply(places["mouth_left"], (-1, 1, 1)), 1e-3)

    def test_one_of_the_middle_stays_there(self, session):
        session.place("chin", spot(session.rest, 0.1, -0.9, -0.4), both=True)
        assert abs(session.rest.place(session.placed["chin"])[0]) < 1e-3

    def test_alone_nothing_else_moves(self, session):
        session.place("mouth_left", spot(session.rest, 0.3, -0.9, -0.2), both=False)
        session.place("chin", spot(session.rest, 0.1, -0.9, -0.4), both=False)
        assert session.placed.keys() == {"mouth_left", "chin"}
        assert session.rest.place(session.placed["chin"])[0] > 0.05

    def test_steps_back_and_forward(self, session):
        session.remember()
        session.place("chin", spot(session.rest, 0, -0.9, -0.4), both=True)
        session.remember()
        session.place("mouth_left", spot(session.rest, 0.3, -0.9, -0.2), both=True)
        session.remove("chin", both=True)
        assert session.placed.keys() == {"mouth_left", "mouth_right"}
        assert session.step_back() and len(session.placed) == 3
        assert session.step_back() and session.placed.keys() == {"chin"}
        assert session.step_back() and session.placed == {}
        assert not session.step_back()
        assert session.step_forward() and session.placed.keys() == {"chin"}
        session.remember()
        session.place("nose_tip", spot(session.rest, 0, -1, 0), both=True)
        assert not session.step_forward()

    def test_a_click_that_changes_nothing_is_no_step(self, session):
        session.remember()
        session.place("chin", spot(session.rest, 0, -0.9, -0.4), both=True)
        session.remember()
        session.remember()
        assert session.step_back() and session.placed == {}

    def test_three_bring_suggestions_that_do_not_count(self, session):
        for name, place in (
            ("nose_tip", (0, -1, 0)),
            ("eye_outer_left", (0.5, -0.8, 0.4)),
            ("chin", (0, -0.8, -0.6)),
        ):
            session.place(name, spot(session.rest, *place), both=True)
        session.settle()
        assert "mouth_left" in session.suggested and "mouth_left" not in session.placed
        session.place("mouth_left", session.suggested["mouth_left"], both=True)
        assert {"mouth_left", "mouth_right"} <= session.placed.keys()

    def test_with_a_fit_nothing_is_asked_for(self, part, rest, marks):
        fitted = {name: spot(rest, *place) for name, place in FACE.items()}
        session = part("scene.placing").begin(rest, {}, fitted)
        assert session.next_name is None and session.placed == {}
        assert session.suggested == fitted
        session.chosen = "chin"
        assert session.next_name == "chin"
        session.place("mouth_left", fitted["mouth_left"], both=False)
        session.remove("mouth_left", both=False)
        assert session.shown["mouth_left"] == fitted["mouth_left"]

    def test_skip_goes_through_the_missing_ones(self, session):
        first = session.next_name
        session.skip()
        assert session.next_name != first
        for _ in range(len(session.rest.vertices[:12])):
            session.skip()
        assert session.next_name is not None

    def test_without_symmetry_a_pair_makes_the_middle(self, part, rest):
        session = part("scene.placing").Session(rest, {})
        session.place("mouth_left", spot(rest, 0.5, -0.8, 0), both=True)
        assert session.placed.keys() == {"mouth_left"}
        session.place("mouth_right", spot(rest, -0.5, -0.8, 0), both=False)
        session.place("eye_outer_left", spot(rest, 0.4, -0.8, 0.4), both=True)
        assert rest.place(session.placed["eye_outer_right"])[0] < -0.3


class TestSurface:
    def rays(self, part, ball, rest, *, at=(0.2, -5.0, 0.1)):
        depsgraph = bpy.context.evaluated_depsgraph_get()
        return part("scene.surface").cast(ball, depsgraph, rest, Vector(at), Vector((0, 1, 0)))

    def test_a_ray_finds_the_skin_before_it(self, part, ball, rest):
        place = rest.place(self.rays(part, ball, rest))
        assert near((place[0], place[2]), (0.2, 0.1), 1e-5) and place[1] < -0.9
        assert self.rays(part, ball, rest, at=(3.0, -5.0, 0)) is None

    def test_a_posed_head_is_hit_as_it_is_seen(self, part, ball, rest):
        """A key moves the whole ball aside: the same place of the skin is hit beside where it rests."""
        ball.shape_key_add(name="Basis")
        key = ball.shape_key_add(name="Aside")
        for point in key.data:
            point.co.x += 3
        key.value = 1
        bpy.context.view_layer.update()
        place = rest.place(self.rays(part, ball, rest, at=(3.2, -5.0, 0.1)))
        assert near((place[0], place[2]), (0.2, 0.1), 1e-5)

    def test_a_subdivided_view_still_gives_a_spot_of_the_mesh(self, part, ball, rest):
        ball.modifiers.new("Subdivision", "SUBSURF").levels = 1
        bpy.context.view_layer.update()
        place = rest.place(self.rays(part, ball, rest))
        assert near((place[0], place[2]), (0.2, 0.1), 0.01) and place[1] < -0.9

    def test_lashes_are_looked_through(self, part, ball):
        mesh = ball.data
        vertices = [vertex.co[:] for vertex in mesh.vertices]
        faces = [list(polygon.vertices) for polygon in mesh.polygons]
        count = len(vertices)
        lash = [(0.1, -1.2, 0.0), (0.3, -1.2, 0.0), (0.3, -1.2, 0.2), (0.1, -1.2, 0.2)]
        mesh.clear_geometry()
        mesh.from_pydata([*vertices, *lash], [], [*faces, list(range(count, count + 4))])
        bpy.context.view_layer.update()
        rest = part("scene.surface").read_rest_mesh(ball)
        assert rest.place(self.rays(part, ball, rest))[1] > -1.01
        assert rest.place(rest.nearest((0.2, -1.2, 0.1)))[1] > -1.01


class TestOperators:
    def test_in_the_background_it_says_why_not(self, ball):
        with pytest.raises(RuntimeError, match="window"):
            bpy.ops.meshtalk.place_landmarks("INVOKE_DEFAULT")

    def test_mirror_makes_the_other_side(self, marks, ball):
        marks.set_landmarks(ball, {"mouth_left": on_ball(0.3, -0.9, -0.2), "chin": on_ball(0, -0.9, -0.5)})
        assert bpy.ops.meshtalk.mirror_landmarks(source="left") == {"FINISHED"}
        places = marks.placed_landmarks(ball)
        assert near(places["mouth_right"], np.multiply(places["mouth_left"], (-1, 1, 1)))
        assert near(places["chin"], on_ball(0, -0.9, -0.5))

    def test_clear_takes_all_away(self, marks, ball):
        marks.set_landmarks(ball, FACE)
        assert bpy.ops.meshtalk.clear_landmarks() == {"FINISHED"}
        assert marks.placed_landmarks(ball) == {}

    def test_refusals_are_sentences(self, part, ball, scene):
        scene.meshtalk.head = ball
        problem = part("ops.landmarks").landmarks_problem
        assert problem(bpy.context) is None
        ball.hide_set(True)
        assert "hidden" in problem(bpy.context)
        ball.hide_set(False)
        ball.data.clear_geometry()
        assert problem(bpy.context).endswith(".")
        assert not bpy.ops.meshtalk.clear_landmarks.poll()

    def test_ending_without_a_session_does_nothing(self, scene):
        assert bpy.ops.meshtalk.end_landmarks() == {"CANCELLED"}
        assert bpy.ops.meshtalk.choose_landmark(name="chin") == {"CANCELLED"}


class TestEvents:
    """What keys and buttons do, without a window: the operator's handling with a pointer standing still."""

    @pytest.fixture()
    def hands(self, part, session, ball):
        """The operator's methods on a stand-in, since Blender alone makes operators."""
        operators, desk = part("ops.landmarks"), part("scene.placing_desk").placing_desk
        cls = operators.MESHTALK_OT_place_landmarks
        user = SimpleNamespace(
            _session=session, _grabbed="", _shift=(0.0, 0.0), _pressed=(0.0, 0.0), _both=False
        )
        for name in ("_handle", "_press", "_drag", "_is_end"):
            setattr(user, name, getattr(cls, name).__get__(user))
        desk.session, desk.head_uid, desk.hovered = session, ball.session_uid, ""
        yield user
        desk.clear()

    def pointer(self, rest, *place):
        """A mouse whose pixel goes with the place that it points at."""
        there = None if not place else spot(rest, *place)
        return SimpleNamespace(
            x=sum(place), y=0.0, hit=lambda _session, _shift=(0, 0): there, shift_to=lambda _spot: (0.0, 0.0)
        )

    def event(self, kind, value="PRESS", **held):
        keys = {"ctrl": False, "shift": False, "alt": False, "oskey": False, **held}
        return SimpleNamespace(type=kind, value=value, **keys)

    def test_click_places_and_drag_moves(self, hands, rest):
        assert hands._handle(self.event("LEFTMOUSE"), self.pointer(rest, 0, -1, 0), True)
        assert list(hands._session.placed) == ["nose_tip"] and hands._grabbed == "nose_tip"
        hands._handle(self.event("MOUSEMOVE", "NOTHING"), self.pointer(rest, 0, -0.9, 0.4), True)
        assert hands._session.rest.place(hands._session.placed["nose_tip"])[2] > 0.3
        hands._handle(self.event("LEFTMOUSE", "RELEASE"), self.pointer(rest, 0, -0.9, 0.5), True)
        assert hands._grabbed == ""
        assert near(hands._session.rest.place(hands._session.placed["nose_tip"]), on_ball(0, -0.9, 0.5))
        assert hands._handle(self.event("Z", ctrl=True), None, True) and hands._session.placed == {}

    def test_ctrl_may_be_let_go_before_the_button(self, hands, rest):
        hands._session.chosen = "mouth_left"
        hands._handle(self.event("LEFTMOUSE"), self.pointer(rest, 0.3, -0.9, -0.2), False)
        hands._handle(self.event("MOUSEMOVE", "NOTHING"), self.pointer(rest, 0.4, -0.9, -0.2), False)
        hands._handle(self.event("LEFTMOUSE", "RELEASE"), self.pointer(rest, 0.5, -0.9, -0.2), True)
        assert list(hands._session.placed) == ["mouth_left"]

    def test_beside_the_head_a_click_is_lost_and_a_drag_waits(self, hands, rest):
        assert hands._handle(self.event("LEFTMOUSE"), self.pointer(rest), True)
        assert hands._session.placed == {} and hands._grabbed == ""
        hands._handle(self.event("LEFTMOUSE"), self.pointer(rest, 0, -1, 0), True)
        before = dict(hands._session.placed)
        hands._handle(self.event("MOUSEMOVE", "NOTHING"), self.pointer(rest), True)
        hands._handle(self.event("MOUSEMOVE", "NOTHING"), None, True)
        assert hands._session.placed == before

    @pytest.mark.parametrize(
        "kind", ["MIDDLEMOUSE", "WHEELUPMOUSE", "NUMPAD_1", "NDOF_MOTION", "MOUSEMOVE", "TIMER"]
    )
    def test_looking_around_is_left_to_blender(self, hands, rest, kind):
        assert not hands._handle(self.event(kind), self.pointer(rest, 0, -1, 0), True)

    def test_keys_that_would_change_the_scene_are_kept_away(self, hands, rest):
        for kind in ("G", "X", "DEL", "A", "TAB", "LEFTMOUSE"):
            assert hands._handle(self.event(kind), self.pointer(rest), True)

    def test_other_editors_get_everything(self, hands):
        for kind in ("LEFTMOUSE", "G", "X", "SPACE"):
            assert not hands._handle(self.event(kind), None, True)

    def test_delete_takes_the_dot_under_the_mouse(self, hands, rest, part):
        hands._session.place("mouth_left", spot(rest, 0.3, -0.9, -0.2), both=True)
        part("scene.placing_desk").placing_desk.hovered = "mouth_right"
        hands._handle(self.event("DEL"), self.pointer(rest), False)
        assert list(hands._session.placed) == ["mouth_left"]

    def test_a_click_at_a_suggestion_puts_it_where_the_mouse_is(self, hands, rest, part):
        hands._session.suggested = {"chin": spot(rest, 0, -0.9, -0.5)}
        part("scene.placing_desk").placing_desk.hovered = "chin"
        hands._handle(self.event("LEFTMOUSE"), self.pointer(rest, 0, -0.9, -0.4), False)
        assert near(rest.place(hands._session.placed["chin"]), on_ball(0, -0.9, -0.4))
        assert hands._grabbed == "chin"

    def test_a_click_at_a_dot_leaves_it(self, hands, rest, part):
        hands._session.placed = {"chin": spot(rest, 0, -0.9, -0.5)}
        part("scene.placing_desk").placing_desk.hovered = "chin"
        hands._handle(self.event("LEFTMOUSE"), self.pointer(rest, 0, -0.9, -0.4), False)
        hands._handle(self.event("LEFTMOUSE", "RELEASE"), self.pointer(rest, 0, -0.9, -0.4), False)
        assert near(rest.place(hands._session.placed["chin"]), on_ball(0, -0.9, -0.5))

    def test_enter_space_and_right_click_finish(self, hands, rest):
        pointer = self.pointer(rest)
        for kind in ("RET", "NUMPAD_ENTER", "SPACE", "RIGHTMOUSE"):
            assert hands._is_end(self.event(kind), pointer)
        assert not hands._is_end(self.event("SPACE"), None)
        assert not hands._is_end(self.event("RET", "RELEASE"), pointer)
