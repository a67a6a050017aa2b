# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages that import their modules when a name of them is first used.

Blender imports the add-on at its start, and with it whatever packages of the engine it takes a small thing
from; the sampler, the decoder and the fit are not needed before the first job.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def late_names(package: str, homes: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """A package's `__getattr__` (PEP 562): `homes` says which of its modules holds which names.

    No module may be called like one of the names: once imported, it would be found in the name's place.
    """
    module_of = {name: module for module, names in homes.items() for name in names}

    def get(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{module_of[name]}"), name)

    return get
