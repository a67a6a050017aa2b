# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are either whole or as they were before."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import TakeError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path``; it takes the place of ``path`` when the block ends well, and is
    removed when it doesn't. Raises TakeError when the place can't be written."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise TakeError(
            f"{path} can't be written ({error.strerror or error}); choose another place."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Find out before the work starts that a file can't be written: TakeError when its folder is missing or
    closed."""
    if path.is_dir():
        raise TakeError(f"{path} is a folder; choose a file name.")
    if not path.parent.is_dir():
        raise TakeError(f"There is no folder {path.parent}; make it first, or choose another place.")
    if not os.access(path.parent, os.W_OK):
        raise TakeError(f"The folder {path.parent} can't be written to; choose another place.")
