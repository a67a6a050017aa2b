# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong while a corpus is made."""

from __future__ import annotations

from engine.errors import MeshTalkError


class CorpusError(MeshTalkError):
    """The corpus cannot be made; the message says why and what to do."""


class VoiceError(CorpusError):
    """A speech synthesiser is missing or does not work."""
