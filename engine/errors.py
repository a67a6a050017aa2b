# SPDX-License-Identifier: GPL-3.0-or-later
"""Typed errors of the engine; each message is one sentence that says what is wrong and what to do."""


class MeshTalkError(Exception):
    """Base of every error that the engine raises on purpose."""


class SoundError(MeshTalkError):
    """The sound can't be used: its file, its numbers or its length."""


class BundleError(MeshTalkError):
    """The model bundle can't be used: its card, its files or its graphs."""


class HeadError(MeshTalkError):
    """The head can't be used: its file, its numbers or its topology."""


class OptionError(MeshTalkError):
    """An option has a value that makes no sense."""


class TakeError(MeshTalkError):
    """A take can't be written."""


class PackageError(MeshTalkError):
    """A Python package that the engine needs (onnxruntime, soundfile, soxr) is missing or broken."""


class Cancelled(MeshTalkError):
    """The caller asked to stop; nothing was written."""

    def __init__(self, message: str = "Cancelled.") -> None:
        super().__init__(message)
