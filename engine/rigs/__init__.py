# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads that have shape keys of their own: which they are, and their values from unit weights."""

from .drive import drive
from .lips import LipMotion, lip_motion
from .mapping import KeyDrive, Preset, PresetKey, RigMapping
from .recognise import recognise

__all__ = ["KeyDrive", "LipMotion", "Preset", "PresetKey", "RigMapping", "drive", "lip_motion", "recognise"]
