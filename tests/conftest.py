# SPDX-License-Identifier: GPL-3.0-or-later
"""How property tests draw their examples: the same ones on every run, unless new ones are asked for.

A run of all tests must tell whether this change broke something, so it can't depend on luck. Luck has its
own runs: ``MESHTALK_EXPLORE=2000`` draws that many fresh examples for each property test.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

EXPLORE = int(os.environ.get("MESHTALK_EXPLORE", "0"))
"""How many fresh examples each property test draws; 0: as many as it says, always the same."""

USED = "_hypothesis_internal_use_settings"
"""The attribute in which hypothesis keeps a test's settings."""

settings.register_profile("same", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("explore", derandomize=False, deadline=None, print_blob=True, database=None)
settings.load_profile("explore" if EXPLORE else "same")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give property tests the number of examples that was asked for, whatever number they name."""
    if not EXPLORE:
        return
    for item in items:
        test = getattr(item, "function", None)
        own = getattr(test, USED, None)
        if own is not None:
            setattr(test, USED, settings(own, max_examples=EXPLORE))
