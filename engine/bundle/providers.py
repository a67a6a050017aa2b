# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processors onnxruntime can use here, and what is used when the wanted one isn't there."""

from __future__ import annotations

from .runtime import CPU, import_onnxruntime

PROVIDERS = {
    "CUDA": "CUDAExecutionProvider",
    "DIRECTML": "DmlExecutionProvider",
    "COREML": "CoreMLExecutionProvider",
    "CPU": CPU,
}
"""onnxruntime's names by MeshTalk's, best first."""

LABELS = {"CUDA": "CUDA", "DIRECTML": "DirectML", "COREML": "Core ML", "CPU": "the processor (CPU)"}
AUTO = "AUTO"


def available_providers() -> tuple[str, ...]:
    """MeshTalk's names of what the installed onnxruntime offers, best first, the CPU always last.

    Raises PackageError when there is no onnxruntime.
    """
    offered = set(import_onnxruntime().get_available_providers())
    return tuple(name for name, full in PROVIDERS.items() if full in offered and full != CPU) + ("CPU",)


def choose_provider(wanted: str = AUTO) -> tuple[str, str]:
    """The provider (a key of `PROVIDERS`) to use for a wanted one or AUTO, and one sentence for the user
    where another one is used than was asked for, else "".
    """
    available = available_providers()
    if wanted == AUTO:
        return available[0], ""
    if wanted in available:
        return wanted, ""
    label = LABELS.get(wanted, wanted)
    return "CPU", f"{label} isn't there (onnxruntime offers none here); MeshTalk uses {LABELS['CPU']}."


def provider_order(name: str) -> tuple[str, ...]:
    """onnxruntime's names for `load_bundle`: the chosen one, then the CPU for what it can't do."""
    return (CPU,) if name == "CPU" else (PROVIDERS[name], CPU)
