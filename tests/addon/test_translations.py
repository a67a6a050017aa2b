# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that the add-on shows has a German translation, and sentences with names in them find theirs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest

ROOT = Path(__file__).resolve().parents[2] / "meshtalk_blender"
LOCALE = "de_DE"

INTERNAL = {
    "MeshTalkFit",
    "MeshTalkLandmark",
    "MeshTalkSegment",
    "MeshTalkTakeObject",
    "MeshTalkOriginal",
    "MeshTalkMapping",
    "MeshTalkPart",
    "MeshTalkName",
}
"""Groups whose properties no panel shows."""

UNSHOWN = {"MeshTalkTake": {"uid", "kind", "rate", "placement", "preview", "lips", "written"}}
"""Properties that no panel shows, in groups that it shows others of."""

NAMES = re.compile(
    r"MeshTalk (Corrective|Dub|look|processors|rest|Skin|Eye|Teeth|Tongue|Hair|Iris|Pupil|Gums|Mouth)"
)
"""Names of data-blocks, shape keys and threads: they are the same in every language."""

UNTRANSLATED = {
    "Principled BSDF",
    "Base Color",
    "Subsurface Weight",
    "Subsurface Scale",
    "Below MeshTalk",
    "MeshTalk",
    "MeshTalk {}",
    "Unique name used in the code and scripting",
    "{} before {}",
    "{} mm",
    "{} MB",
    "{} kB",
    "{} seed {}",
}
"""Blender's own names, names of data-blocks, and what reads the same."""

FOLDERS = ("batch", "translations")
"""What speaks to a command line, or has no words of its own."""

ENGINE = ROOT.parent / "engine"
ENGINE_ROOMS = ("audio", "bundle", "generate", "geometry", "rigs", "takes")
"""Rooms of the engine whose errors reach the add-on's user; the others speak to its command line."""

COMMAND_LINE = {"atomic.py", "npz.py"}
"""What only the engine's command line uses."""


def _shown() -> Iterator[tuple[str, str]]:
    """Labels, tooltips, names and descriptions of the registered classes, and where each is from."""
    bases = (
        bpy.types.Operator,
        bpy.types.Panel,
        bpy.types.PropertyGroup,
        bpy.types.AddonPreferences,
        bpy.types.Menu,
    )
    for base in bases:
        for cls in base.__subclasses__():
            if not cls.__module__.startswith("meshtalk_checkout") or cls.__name__ in INTERNAL:
                continue
            yield getattr(cls, "bl_label", ""), cls.__name__
            if base is bpy.types.Operator:
                yield getattr(bpy.ops.meshtalk, cls.bl_idname[9:]).get_rna_type().description, cls.__name__
            for prop in cls.bl_rna.properties:
                if prop.identifier in _own(cls):
                    for text in _texts(prop):
                        yield text, f"{cls.__name__}.{prop.identifier}"


def _own(cls) -> set[str]:
    """The properties that the class itself declares, apart from hidden ones."""
    declared = {name for one in cls.__mro__ for name in getattr(one, "__annotations__", {})}
    hidden = {prop.identifier for prop in cls.bl_rna.properties if prop.is_hidden}
    return declared - hidden - UNSHOWN.get(cls.__name__, set())


def _texts(prop) -> Iterator[str]:
    if prop.type in {"COLLECTION", "POINTER"} and not prop.description:
        return  # a group, which is never drawn as a whole
    yield prop.name
    yield prop.description
    if prop.type == "ENUM":
        for item in prop.enum_items_static:
            yield item.name
            yield item.description


def _written() -> Iterator[tuple[str, str]]:
    """Texts and sentences in the code, `{}` where something is filled in, and where each is from."""
    for path in sorted(ROOT.rglob("*.py")):
        if path.relative_to(ROOT).parts[0] not in FOLDERS:
            for text in _strings(ast.parse(path.read_text(encoding="utf-8"))):
                yield text, str(path.relative_to(ROOT))


def _told() -> Iterator[tuple[str, str]]:
    """Sentences that the engine's errors say, and the names of the stages of its jobs."""
    paths = [path for room in ENGINE_ROOMS for path in sorted((ENGINE / room).rglob("*.py"))]
    for path in (*paths, ENGINE / "template.py"):
        if path.name in COMMAND_LINE:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        where = str(path.relative_to(ENGINE.parent))
        for text in _strings(tree):
            if re.match(r"[A-Z{].* ", text) and text.endswith("."):
                yield text, where
        for text in _stages(tree):
            yield text, where


def _stages(tree: ast.AST) -> Iterator[str]:
    """Names that stages are made with, also in tables: (name, begin, end)."""
    for node in ast.walk(tree):
        is_call = isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("span", "Stage"))
        parts = node.args if is_call else node.elts if isinstance(node, ast.Tuple) else []
        if len(parts) >= 3 and isinstance(parts[0], ast.Constant) and _is_number(parts[1]) | is_call:
            name = parts[0].value
            if isinstance(name, str) and re.match(r"[A-Z][a-z]+", name):
                yield name


def _is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, float)


def _strings(tree: ast.AST) -> Iterator[str]:
    skipped = {id(inner) for node in ast.walk(tree) for inner in _not_shown(node)}
    for node in ast.walk(tree):
        text = _text(node)
        if (
            text is not None
            and id(node) not in skipped
            and re.search(r"[A-Za-z]", text)
            and " " in text.strip()
        ):
            yield text
        if isinstance(node, ast.keyword) and node.arg == "text":
            yield _text(node.value) or ""


def _not_shown(node: ast.AST) -> Iterator[ast.AST]:
    """Docstrings, what is logged, the pieces of an f-string by themselves, errors of programmers, and
    properties' words, which Blender knows."""
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Property"):
        yield from ast.walk(node)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        yield node.value
    if isinstance(node, ast.JoinedStr):
        yield from (inner for part in node.values for inner in ast.walk(part) if inner is not node)
    if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("logger."):
        yield from ast.walk(node)
    if isinstance(node, ast.Raise) and ast.unparse(node).startswith(("raise ValueError", "raise TypeError")):
        yield from ast.walk(node)


def _text(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def _needed(found: Iterator[tuple[str, str]]) -> dict[str, str]:
    return {
        text: where
        for text, where in found
        if text
        and re.search(r"[A-Za-z]", text.replace("{}", ""))
        and text not in UNTRANSLATED
        and not NAMES.match(text)
    }


@pytest.mark.parametrize("collect", [_shown, _written, _told])
def test_every_word_has_a_translation(part, scene, collect):
    words = part("translations").load(LOCALE)
    needed = _needed(collect())
    missing = {text: where for text, where in needed.items() if text not in words}
    assert len(needed) > 70
    assert not missing, "without a translation:\n" + "\n".join(f"{w}: {t!r}" for t, w in missing.items())


def test_translations_fill_in_what_the_english_does(part):
    for english, words in part("translations").load(LOCALE).items():
        count = english.count("{}")
        assert words.strip() and words.format(*range(count))  # IndexError where it asks for more
        assert english.endswith((".", "?")) == words.endswith((".", "?")) or english.endswith("…"), english
        assert re.match(r"[;, ]", english) is None or english[0] == words[0], english


SENTENCES = {
    "Switch to Object Mode first.": "Wechseln Sie zuerst in den Objektmodus.",
    "“A “b”” was deleted": "„A “b”“ wurde gelöscht",
    "“x” plays “y”": "„x“ spielt „y“",
    "nobody knows this": "nobody knows this",
    "“a seed 1” was deleted": "„a seed 1“ wurde gelöscht",
    "Active object: Head": "Aktives Objekt: Head",
    "5 s left": "noch 5 s",
    "a.wav can't be read (Permission denied).": "a.wav kann nicht gelesen werden (Permission denied).",
    "1 strip: Mouth": "1 Streifen: Mouth",
    "Good fit": "Gute Anpassung",
    "1 head: Mouth": "1 Kopf: Mouth",
    "2 strips: Mouth, Jaw": "2 Streifen: Mouth, Jaw",
    "ARKit: 52 shape keys; 1 has a driver": "ARKit: 52 Formschlüssel; 1 hat einen Treiber",
    "“x”: 3 frames, 1 shape key made; unpin the active shape key to see it": (
        "„x“: 3 Bilder, 1 Formschlüssel angelegt; lösen Sie den angehefteten Formschlüssel, um es zu sehen"
    ),
    "“x”: 9 frames, 1 shape key of its own driven; none for jawLeft, jawRight and 2 more; “y” muted": (
        "„x“: 9 Bilder, 1 Formschlüssel des Kopfes angetrieben; keiner für jawLeft, jawRight und 2 weitere; "
        "„y“ stummgeschaltet"
    ),
    "“x”: 9 frames, 8 shape keys made, 1 corrective leaves 0.20 mm at the lips; “y” muted": (
        "„x“: 9 Bilder, 8 Formschlüssel angelegt, 1 Korrektur lässt 0.20 mm an den Lippen; "
        "„y“ stummgeschaltet"
    ),
    "“x”: 9 frames, 3 shape keys renewed; 2 shape keys have drivers and were left to them; "
    "1 shape key has a locked curve and was left alone; "
    "1 shape key kept as changed since MeshTalk made it (delete to have made anew)": (
        "„x“: 9 Bilder, 3 Formschlüssel erneuert; 2 mit Treibern diesen überlassen; "
        "1 mit gesperrter Kurve in Ruhe gelassen; "
        "1 Formschlüssel wie seit dem Anlegen geändert behalten (löschen, um sie neu anlegen zu lassen)"
    ),
}


@pytest.mark.parametrize("english", SENTENCES)
def test_sentences_with_names_are_translated(part, scene, english):
    assert part("translations").translate(english, LOCALE) == SENTENCES[english]


def test_the_result_of_a_job_is_translated_with_all_its_pieces(part, talking):
    assert bpy.ops.meshtalk.generate() == {"FINISHED"}
    english = part("ops.desk").desk.message
    german = part("translations").translate(english, LOCALE)
    assert "frames" in english and "Bilder" in german
    assert not re.search(r"frames|made|leave|shape keys", german), german


def test_english_stays_english(part, scene):
    assert (
        part("translations").say("There is no gallery: sample seeds first.").startswith("There is no gallery")
    )


def test_labels_that_are_made_up_are_translated_as_sentences():
    unsaid = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (*sorted((ROOT / "panels").glob("*.py")), ROOT / "preferences.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".label") and not _is_said(node)
    ]
    assert not unsaid, unsaid


def _is_said(call: ast.Call) -> bool:
    """Whether a label's text is fixed, translated by `say`, or asked not to be translated."""
    words = {each.arg: each.value for each in call.keywords}
    fixed = isinstance(words["text"], ast.Constant) or ast.unparse(words["text"]).startswith("say(")
    return fixed or "translate" in words


def test_what_is_undone_is_no_longer_told(part, scene):
    desk = part("ops.desk").desk
    desk.tell("“x” was made")
    part("ops.cancel").forget_words()
    assert desk.message == ""
