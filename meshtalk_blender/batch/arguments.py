# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments of the command, made from the operators' own properties, and what they mean for those."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import bpy

from ..scene.errors import SceneError

JOBS = ("generate", "dub", "retarget")
ABOUT = {
    "generate": "make a head speak a sound",
    "dub": "put other words into the mouth of a head that moves already",
    "retarget": "let one head do what another does",
}
SEVERAL = {"heads": "head", "strips": "strip"}
"""Lists of an operator, and the property for one: the same option, given as often as wanted."""

KINDS = {"INT": int, "FLOAT": float}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, and leaves the ending to the caller."""

    def error(self, message: str) -> NoReturn:
        raise SceneError(f"{message[:1].upper()}{message[1:]}; see {self.prog} --help.")


class _Once(argparse.Action):
    """Keeps a name, and refuses another one: of two heads only the last would be dubbed, and nobody told."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: Any = None
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            raise argparse.ArgumentError(self, "it can be given only once here")
        setattr(namespace, self.dest, values)


def operator_of(job: str) -> Any:
    """bpy.ops.meshtalk's operator of a job."""
    return getattr(bpy.ops.meshtalk, job)


def parser() -> argparse.ArgumentParser:
    """What the command understands; an unusable argument raises SceneError."""
    whole = _Parser(prog="blender -b FILE --command meshtalk", description="MeshTalk without a window.")
    there = [job for job in JOBS if hasattr(bpy.types, f"MESHTALK_OT_{job}")]
    jobs = whole.add_subparsers(dest="job", required=True, metavar="|".join(there))
    for job in there:
        one = jobs.add_parser(job, help=ABOUT[job], description=f"Let MeshTalk {ABOUT[job]}.")
        _add_properties(one, job)
        one.add_argument("--output", metavar="FILE", help="write the result into this .blend file")
        one.add_argument("--save", action="store_true", help="write the result into the file that is open")
        one.add_argument("--threads", type=int, metavar="N", help="threads; 0 lets MeshTalk choose")
    return whole


def _add_properties(one: argparse.ArgumentParser, job: str) -> None:
    properties = operator_of(job).get_rna_type().properties
    for prop in properties:
        name = prop.identifier
        if name == "rna_type" or name in SEVERAL or prop.is_hidden:
            continue
        options: dict[str, Any] = {"default": None, "help": _help(prop)}
        if prop.type == "BOOLEAN":
            options["action"] = argparse.BooleanOptionalAction
        elif prop.type == "ENUM":
            choices = [item.identifier for item in prop.enum_items]
            options |= {"type": partial(_choice, choices), "choices": choices}
        else:
            options |= {"type": partial(_value, prop), "metavar": name.upper()}
            if prop.type == "STRING":
                options["action"] = _Once
            if any(single == name and several in properties for several, single in SEVERAL.items()):
                options["action"] = "append"
        one.add_argument(f"--{name.replace('_', '-')}", **options)


def _choice(choices: Sequence[str], text: str) -> str:
    """The choice that this is, in whatever case it was typed."""
    return next((choice for choice in choices if choice.lower() == text.lower()), text)


def _value(prop: Any, text: str) -> str | int | float:
    """What an option's text stands for; outside its range Blender would take the nearest end and say
    nothing, and an empty name would be the file's own choice."""
    if prop.type == "STRING":
        if not text.strip() and prop.identifier != "name":
            raise argparse.ArgumentTypeError("it is empty: give a name, or leave the option out")
        return text
    try:
        value = KINDS[prop.type](text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"“{text}” is no number") from None
    if not prop.hard_min <= value <= prop.hard_max:
        raise argparse.ArgumentTypeError(f"it goes from {prop.hard_min:g} to {prop.hard_max:g}, not {text}")
    return value


def _help(prop: Any) -> str:
    words = (prop.description or prop.name).replace("%", "%%")
    return words[:1].lower() + words[1:]


def operator_options(job: str, given: argparse.Namespace) -> dict[str, Any]:
    """What the operator is called with: only what was given, so that the file's settings hold for the
    rest."""
    options: dict[str, Any] = {}
    for prop in operator_of(job).get_rna_type().properties:
        value = getattr(given, prop.identifier, None)
        if value is None or prop.identifier == "rna_type":
            continue
        options[prop.identifier] = _whole_path(prop, value) if isinstance(value, str) else value
    for several, single in SEVERAL.items():
        names = options.get(single)
        if isinstance(names, list):
            del options[single]
            options |= {single: names[0]} if len(names) == 1 else {several: [{"name": n} for n in names]}
    return options


def _whole_path(prop: Any, value: str) -> str:
    """Paths on a command line count from where it was typed; those with // from the .blend file."""
    is_path = prop.subtype in {"FILE_PATH", "DIR_PATH"}
    is_folder_of_model = prop.identifier == "model" and Path(value).is_dir()
    if value.startswith("//") or not (is_path or is_folder_of_model):
        return value
    return str(Path(value).resolve())


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command's arguments. Raises SceneError; SystemExit after --help."""
    whole = parser()
    if not arguments or not arguments[0].startswith("-"):
        _check_job(arguments[0] if arguments else "")
    given = whole.parse_args(list(arguments))
    _check(given)
    return given


def _check_job(job: str) -> None:
    if not job:
        raise SceneError("Say what to do after the command's name: generate, dub or retarget.")
    if job not in JOBS:
        raise SceneError(f"MeshTalk has no job “{job}”: say generate, dub or retarget.")


def _check(given: argparse.Namespace) -> None:
    """What can be known to fail before the work is done."""
    if not bpy.data.filepath:
        raise SceneError("No file is open: name a .blend file that can be read before --command.")
    if not given.output and not given.save:
        raise SceneError("Say where the result goes: --output FILE, or --save for the file that is open.")
    if given.output and given.save:
        raise SceneError("Give either --output or --save, not both.")
    if given.output and not given.output.lower().endswith(".blend"):
        raise SceneError(f"The output must be a .blend file, not “{given.output}”.")
    if given.output and not Path(given.output).resolve().parent.is_dir():
        raise SceneError(f"There is no folder for “{given.output}”: make it first.")
    if given.output and Path(given.output).is_dir():
        raise SceneError(f"“{given.output}” is a folder: name a .blend file in it.")
    if given.output and not os.access(Path(given.output).resolve().parent, os.W_OK):
        raise SceneError(f"The folder of “{given.output}” can't be written to: choose another one.")
    if given.save and not os.access(bpy.data.filepath, os.W_OK):
        raise SceneError(f"“{bpy.data.filepath}” can't be written to: give --output FILE.")
    if given.threads is not None and not 0 <= given.threads <= 64:
        raise SceneError(f"The number of threads must be from 0 to 64, not {given.threads}.")
