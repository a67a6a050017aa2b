# SPDX-License-Identifier: GPL-3.0-or-later
"""Place Landmarks: dots on the head that are clicked and dragged; Mirror and Clear."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import bpy
from bpy.props import EnumProperty, StringProperty

from ..overlay import end_session, redraw_views
from ..scene.handles import head_problem
from ..scene.placing_desk import placing_desk
from ..translations import say
from .checks import chosen_head

if TYPE_CHECKING:
    from .pointer import Pointer

NAVIGATION = {
    "MIDDLEMOUSE",
    "WHEELUPMOUSE",
    "WHEELDOWNMOUSE",
    "WHEELINMOUSE",
    "WHEELOUTMOUSE",
    "WHEELLEFTMOUSE",
    "WHEELRIGHTMOUSE",
    "TRACKPADPAN",
    "TRACKPADZOOM",
    "MOUSEROTATE",
    "MOUSESMARTZOOM",
    "ACCENT_GRAVE",
    "HOME",
    "N",
    "T",
    "Z",
}
"""Events that always go on to Blender, with whatever begins with NUMPAD or NDOF."""

ENTER, REMOVE = {"RET", "NUMPAD_ENTER"}, {"DEL", "BACK_SPACE", "X"}
MOVES = {"MOUSEMOVE", "INBETWEEN_MOUSEMOVE"}


def landmarks_problem(context: bpy.types.Context) -> str | None:
    """Why landmarks can't be placed now, as a sentence; None when they can."""
    if placing_desk.session is not None:
        return "Landmarks are being placed: press Enter to finish, or Esc to leave them as before."
    head = chosen_head(context)
    problem = head_problem(head)
    if head is None or problem is not None:
        return problem
    if not len(head.data.polygons):
        return f"“{head.name}” has no faces: choose a mesh with a surface."
    return None if head.visible_get() else f"“{head.name}” is hidden: show it to place landmarks on it."


class _OnHead:
    """What the operators share: greyed out with the sentence that the panel shows."""

    poll_message_set: Callable[[str], None]

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        problem = landmarks_problem(context)
        if problem is not None:
            cls.poll_message_set(say(problem))
        return problem is None

    def head(self, context: bpy.types.Context) -> bpy.types.Object:
        """The head of the panel, which poll has seen."""
        head = chosen_head(context)
        assert head is not None
        return head


class MESHTALK_OT_place_landmarks(_OnHead, bpy.types.Operator):
    """Show MeshTalk where the face is."""

    bl_idname = "meshtalk.place_landmarks"
    bl_label = "Place Landmarks"
    bl_description = (
        "Show MeshTalk where the face is: click or drag dots onto eyes, nose, mouth and chin. Left and right "
        "are the character's own"
    )
    bl_options = {"UNDO"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if bpy.app.background or context.window is None:
            return self.execute(context)
        from ..scene.landmarks import spots_of
        from ..scene.placing import begin
        from ..scene.stretch import stretch_of
        from ..scene.surface import read_rest_mesh

        head = self.head(context)
        rest = read_rest_mesh(head)
        stored, fitted = head.meshtalk.landmarks, head.meshtalk.fitted
        spots, seen = spots_of(head, rest, stored), spots_of(head, rest, fitted)
        self._session = begin(rest, spots, seen, stretch_of(head))
        self._start = dict(self._session.placed)
        self._grabbed: str = ""
        self._shift = self._pressed = (0.0, 0.0)
        self._crosshair = self._both = False
        placing_desk.session, placing_desk.head_uid = self._session, head.session_uid
        context.window_manager.modal_handler_add(self)
        self._show(context)
        return {"RUNNING_MODAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        self.report({"ERROR"}, say("Landmarks are placed by hand: that needs a window with a 3D view."))
        return {"CANCELLED"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        from .pointer import pointer_at

        head = self._head()
        if placing_desk.session is not self._session or head is None:
            return self._leave("The head was changed meanwhile: its landmarks are as before.")
        pointer = pointer_at(context, event, head)
        self._point(context, pointer)
        if self._session.wish == "FINISH" or self._is_end(event, pointer):
            return self._finish(head)
        if self._session.wish == "CANCEL" or (event.type == "ESC" and event.value == "PRESS"):
            return self._leave("")
        if not self._handle(event, pointer, _both(event, head)):
            return {"PASS_THROUGH"}
        self._show(context)
        return {"RUNNING_MODAL"}

    def _show(self, context: bpy.types.Context) -> None:
        """Let views, panel and status bar tell how things are now."""
        context.workspace.status_text_set(draw_status)  # the only way to draw the status bar anew
        redraw_views()

    def cancel(self, _context: bpy.types.Context) -> None:
        self._leave("")

    def _head(self) -> bpy.types.Object | None:
        """The head, as long as its landmarks can be written; an undo meanwhile made another pointer of it."""
        head = next((one for one in bpy.data.objects if one.session_uid == placing_desk.head_uid), None)
        if head is None or not head.users_scene or head_problem(head) is not None or not head.visible_get():
            return None
        return head if len(head.data.vertices) == len(self._session.rest.vertices) else None

    def _is_end(self, event: bpy.types.Event, pointer: Pointer | None) -> bool:
        ends = ENTER if pointer is None else {*ENTER, "SPACE", "RIGHTMOUSE"}
        return event.value == "PRESS" and event.type in ends and not self._grabbed

    def _point(self, context: bpy.types.Context, pointer: Pointer | None) -> None:
        """Keep what the overlay shows at the mouse; the cross hairs are for the 3D view only."""
        before, under = (
            (placing_desk.hovered, placing_desk.mouse),
            None if pointer is None else pointer.dot(self._session),
        )
        placing_desk.hovered = self._grabbed or under or ""
        placing_desk.mouse = (
            None if pointer is None else (pointer.view.region.as_pointer(), pointer.x, pointer.y)
        )
        if (placing_desk.hovered, placing_desk.mouse) != before:
            redraw_views()
        if (pointer is not None) != self._crosshair:
            self._crosshair = not self._crosshair
            if self._crosshair:
                context.window.cursor_modal_set("CROSSHAIR")
            else:
                context.window.cursor_modal_restore()

    def _handle(self, event: bpy.types.Event, pointer: Pointer | None, both: bool) -> bool:
        """Do what the event asks for; False lets Blender have it."""
        pressed = event.value in {"PRESS", "DOUBLE_CLICK"}
        if event.type == "Z" and (event.ctrl or event.oskey):
            if pressed and not self._grabbed:
                self._session.step_forward() if event.shift else self._session.step_back()
            return True
        if event.type in NAVIGATION or event.type.startswith(("NUMPAD", "NDOF", "TIMER", "WINDOW")):
            return False
        if self._grabbed:
            self._drag(event, pointer, both)
            return event.type not in MOVES
        if pointer is None or event.type in MOVES or event.alt:
            return False
        if event.type == "LEFTMOUSE" and pressed:
            self._press(pointer, both)
        elif event.type in REMOVE and pressed:
            name = placing_desk.hovered or self._session.active
            if name in self._session.placed:
                self._session.remove(name, both)
        elif event.type == "TAB" and pressed:
            self._session.skip()
        return True

    def _press(self, pointer: Pointer, both: bool) -> None:
        """Grab the dot under the mouse, or put the next landmark there; a ring comes to the mouse."""
        session, name = self._session, placing_desk.hovered or self._session.next_name
        if name is None:
            return
        self._pressed, self._both = (pointer.x, pointer.y), both
        if name in session.placed and name == placing_desk.hovered:
            session.remember()
            session.active = self._grabbed = name
            self._shift = pointer.shift_to(session.placed[name]) or (0.0, 0.0)
            return
        spot = pointer.hit(session) or session.suggested.get(placing_desk.hovered)
        if spot is not None:
            session.remember()
            session.place(name, spot, both)
            self._grabbed, self._shift = name, (0.0, 0.0)

    def _drag(self, event: bpy.types.Event, pointer: Pointer | None, both: bool) -> None:
        """The button is held: the dot follows the mouse along the surface; beside the head it waits."""
        is_release = event.type == "LEFTMOUSE" and event.value == "RELEASE"
        if event.type in MOVES:  # not at the release: Ctrl may be let go a moment before the button
            self._both = both
        # Blender may leave out the last moves, but tells the place of the release.
        follows = is_release or event.type in MOVES
        if pointer is not None and follows and self._pressed != (pointer.x, pointer.y):
            spot = pointer.hit(self._session, self._shift)
            if spot is not None:
                self._session.place(self._grabbed, spot, self._both)
        if is_release:
            self._grabbed = ""
            self._session.settle()
        redraw_views()

    def _finish(self, head: bpy.types.Object) -> set[str]:
        from ..scene.landmarks import set_spots

        session = self._session
        if session.placed == self._start:
            return self._leave("")
        set_spots(head, session.rest, session.placed)
        head.meshtalk.show_landmarks = True
        end_session()
        self.report({"INFO"}, say(f"{len(session.placed)} landmarks on “{head.name}”"))
        return {"FINISHED"}

    def _leave(self, problem: str) -> set[str]:
        if placing_desk.session is self._session:
            end_session()
        if problem:
            self.report({"WARNING"}, say(problem))
        return {"CANCELLED"}


def _both(event: bpy.types.Event, head: bpy.types.Object) -> bool:
    """Whether the other side moves along."""
    return head.meshtalk.use_mirror and not event.ctrl


class MESHTALK_OT_end_landmarks(bpy.types.Operator):
    """Keep the landmarks as they are now, or as they were before"""

    bl_idname = "meshtalk.end_landmarks"
    bl_label = "Finish Landmarks"
    bl_options = {"INTERNAL"}

    wish: EnumProperty(
        items=(
            ("FINISH", "Finish", "Keep the landmarks (Enter)"),
            ("CANCEL", "Cancel", "Leave the landmarks as they were before (Esc)"),
        ),
        options={"SKIP_SAVE"},
    )

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        done = properties.wish == "FINISH"
        return "Keep the landmarks (Enter)" if done else "Leave the landmarks as they were before (Esc)"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        if placing_desk.session is None:
            return {"CANCELLED"}
        placing_desk.session.wish = self.wish
        return {"FINISHED"}


class MESHTALK_OT_choose_landmark(bpy.types.Operator):
    """Place this landmark with the next click on the head"""

    bl_idname = "meshtalk.choose_landmark"
    bl_label = "Choose Landmark"
    bl_options = {"INTERNAL"}

    name: StringProperty(options={"SKIP_SAVE"})

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        from ..scene.landmarks import BY_NAME

        mark = BY_NAME.get(properties.name)
        return "Place this landmark" if mark is None else f"{mark.hint}; place it with the next click"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        from ..scene.landmarks import BY_NAME

        if placing_desk.session is None or self.name not in BY_NAME:
            return {"CANCELLED"}
        placing_desk.session.chosen = self.name
        redraw_views()
        return {"FINISHED"}


class MESHTALK_OT_mirror_landmarks(_OnHead, bpy.types.Operator):
    """Put the landmarks of one side onto the other, mirrored at the head's middle"""

    bl_idname = "meshtalk.mirror_landmarks"
    bl_label = "Mirror Landmarks"
    bl_options = {"REGISTER", "UNDO"}

    source: EnumProperty(
        name="From",
        description="The side that stays as it is; left and right are the character's own",
        items=(
            ("left", "Left to Right", "The character's left side stays"),
            ("right", "Right to Left", "The character's right side stays"),
        ),
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        from ..scene.landmarks import set_spots, spots_of
        from ..scene.placing import begin, mirrored_spots
        from ..scene.stretch import stretch_of
        from ..scene.surface import read_rest_mesh

        head = self.head(context)
        rest = read_rest_mesh(head)
        spots = spots_of(head, rest, head.meshtalk.landmarks)
        fitted = spots_of(head, rest, head.meshtalk.fitted)
        session = begin(rest, spots, fitted, stretch_of(head))
        mirror = session.mirror
        if mirror is None:
            text = "The head's middle is not known yet: place one landmark on both sides first."
            self.report({"ERROR"}, say(text))
            return {"CANCELLED"}
        set_spots(head, rest, mirrored_spots(session.seen, spots, mirror, self.source))
        return {"FINISHED"}


class MESHTALK_OT_clear_landmarks(_OnHead, bpy.types.Operator):
    """Take all landmarks off the head: MeshTalk finds the face by itself again"""

    bl_idname = "meshtalk.clear_landmarks"
    bl_label = "Clear Landmarks"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        from ..scene.landmarks import clear_landmarks

        clear_landmarks(self.head(context))
        redraw_views()
        return {"FINISHED"}


def draw_status(header: bpy.types.Header, _context: bpy.types.Context) -> None:
    """The status bar while landmarks are placed: what the keys and buttons do."""
    if placing_desk.session is None:
        return
    from ..scene.landmarks import label_of

    row, name = header.layout.row(align=True), placing_desk.session.next_name
    if name is not None:
        row.label(text=say(f"Place {label_of(name)}"), icon="MOUSE_LMB")
    row.label(text="Move", icon="MOUSE_LMB_DRAG")
    for text, icon in (("Finish", "EVENT_RETURN"), ("Cancel", "EVENT_ESC"), ("One Side Only", "EVENT_CTRL")):
        row.label(text=text, icon=icon)
    if name is not None:
        row.label(text="Another", icon="EVENT_TAB")
    row.label(text="Remove: Delete    Step Back: Ctrl Z")


CLASSES = (
    MESHTALK_OT_place_landmarks,
    MESHTALK_OT_end_landmarks,
    MESHTALK_OT_choose_landmark,
    MESHTALK_OT_mirror_landmarks,
    MESHTALK_OT_clear_landmarks,
)
