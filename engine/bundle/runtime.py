# SPDX-License-Identifier: GPL-3.0-or-later
"""onnxruntime: imported late, without telemetry, with clear errors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import BundleError, PackageError

CPU = "CPUExecutionProvider"


def import_onnxruntime() -> ModuleType:
    """Import onnxruntime, telemetry off; PackageError when it is missing or can't load."""
    # Measured: `import onnxruntime` alone writes a telemetry database into the user's cache without this.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except ModuleNotFoundError:
        raise PackageError(
            "The package onnxruntime is missing; install MeshTalk again, or run: pip install onnxruntime."
        ) from None
    except Exception as error:  # a broken native library fails in many ways
        raise PackageError(f"The package onnxruntime can't be loaded ({error}); install it again.") from error
    if not hasattr(onnxruntime, "InferenceSession"):
        raise PackageError(
            "The package onnxruntime is damaged (it has no InferenceSession); install it again."
        )
    return onnxruntime


def default_threads() -> int:
    """Threads for large matrix products: all usable cores, at most 4 (more gains nothing at these sizes)."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(usable, 4))


def open_session(path: Path, threads: int, providers: Sequence[str] = (CPU,)) -> Any:
    """Open a graph. Providers that this onnxruntime lacks are left out; the CPU is always the last resort."""
    return open_model(str(path), path.name, threads, providers)


def open_model(model: str | bytes, name: str, threads: int, providers: Sequence[str] = (CPU,)) -> Any:
    """Open a graph from its path or its bytes; ``name`` is for the message of BundleError."""
    runtime = import_onnxruntime()
    available = set(runtime.get_available_providers())
    chosen = [each for each in providers if each in available and each != CPU] + [CPU]
    try:
        return runtime.InferenceSession(model, _options(runtime, threads), providers=chosen)
    except Exception as error:  # onnxruntime raises a dozen types of its own
        raise BundleError(
            f"onnxruntime can't open the model's graph {name} ({_first_line(error)})."
        ) from error


def _options(runtime: ModuleType, threads: int) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    # Without this, waiting threads burn a core each while Blender wants it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
