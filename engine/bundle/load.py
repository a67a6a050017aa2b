# SPDX-License-Identifier: GPL-3.0-or-later
"""Loading and checking a model bundle."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BundleError, MeshTalkError, OptionError
from ..template import Template, load_template
from .card import CARD_NAME, Card, read_card
from .contract import check_graph
from .fast import FastDecoder, LoopGraph, open_decoder, open_loop
from .onnx_header import read_header
from .runtime import CPU, default_threads, open_session

READ_AT_ONCE = 1 << 20

Arrays = Mapping[str, NDArray[Any]]


class Bundle:
    """A checked model: its card, its template and its graphs, whose sessions are opened when first used, by
    any thread.

    ``threads`` for the large graphs (None: the usable cores, at most 4). ``providers`` are onnxruntime
    execution providers in order of preference; the CPU is the last resort, and the sampler's tiny steps
    always run there.
    """

    def __init__(
        self,
        folder: Path,
        card: Card,
        template: Template,
        threads: int | None = None,
        providers: Sequence[str] = (CPU,),
    ) -> None:
        self.folder = folder
        self.card = card
        self.template = template
        self.threads = default_threads() if threads is None else threads
        self.providers = tuple(providers)
        self._opened: dict[str, Any] = {}
        self._lock = threading.Lock()

    def session(self, graph: str) -> Any:
        """The onnxruntime session of a graph of the card, e.g. "decoder"."""
        alone = graph == "autoregressive"
        threads, providers = (1, (CPU,)) if alone else (self.threads, self.providers)
        return self._once(graph, lambda: open_session(self._path(graph), threads, providers))

    def loop(self) -> LoopGraph | None:
        """The sampler's loop as one graph; None for models that aren't built as expected: they have their
        step graph."""
        return self._once("loop", lambda: open_loop(self._path("autoregressive"), self.card, self.threads))

    def fast_decoder(self) -> FastDecoder | None:
        """The decoder up to its last linear layer; None for models that aren't built as expected."""
        return self._once(
            "coefficients",
            lambda: open_decoder(self._path("decoder"), self.card, self.providers),
        )

    def _path(self, graph: str) -> Path:
        return self.folder / self.card.graphs[graph]

    def _once(self, name: str, make: Callable[[], Any]) -> Any:
        with self._lock:
            if name not in self._opened:
                self._opened[name] = make()
            return self._opened[name]

    def run(self, graph: str, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Run a graph once; arrays by name in and out."""
        session = self.session(graph)
        names = [port.name for port in session.get_outputs()]
        return dict(zip(names, session.run(names, dict(inputs)), strict=True))

    def open_all(self) -> None:
        """Open every graph now, in the form that is used, so that later calls take only their own time."""
        fast = {"autoregressive": self.loop, "decoder": self.fast_decoder}
        for graph in self.card.graphs:
            if graph not in fast or fast[graph]() is None:
                self.session(graph)

    @property
    def unit_names(self) -> tuple[str, ...]:
        """Names of the units, in the order of the weights."""
        return self.card.units


def default_bundle_path() -> Path:
    """Folder of the model that comes with MeshTalk."""
    return Path(__file__).resolve().parents[1] / "models" / "default"


def load_bundle(folder: str | Path, threads: int | None = None, providers: Sequence[str] = (CPU,)) -> Bundle:
    """Load a model bundle after checking its format, checksums, graphs, operator sets and shapes.

    Raises BundleError with one sentence for whatever doesn't fit. No graph is opened yet.
    """
    if threads is not None and not 1 <= threads <= 256:
        raise OptionError(f"The number of threads must be from 1 to 256, not {threads}.")
    folder = Path(folder)
    if not folder.is_dir():
        raise BundleError(f"There is no model folder {folder}; install a model there or choose another one.")
    card = read_card(folder / CARD_NAME)
    for name, checksum in card.checksums.items():
        _check_file(folder / name, checksum)
    for graph, name in card.graphs.items():
        check_graph(graph, read_header((folder / name).read_bytes(), name), card)
    template = _read_template(folder / card.template, card)
    return Bundle(folder, card, template, threads, providers)


def file_checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(READ_AT_ONCE):
            digest.update(part)
    return digest.hexdigest()


def _check_file(path: Path, checksum: str) -> None:
    try:
        actual = file_checksum(path)
    except FileNotFoundError:
        raise BundleError(
            f"The model's file {path.name} is missing from {path.parent}; install it again."
        ) from None
    except OSError as error:
        raise BundleError(
            f"The model's file {path} can't be read ({error.strerror}); install it again."
        ) from None
    if actual != checksum.lower():
        raise BundleError(
            f"The model's file {path.name} is damaged (its checksum is wrong); install the model again."
        )


def _read_template(path: Path, card: Card) -> Template:
    try:
        template = load_template(path)
    except MeshTalkError as error:
        raise BundleError(str(error)) from error
    if template.rest.shape != (card.vertices, 3):
        raise BundleError(
            f"The model's template has {len(template.rest)} vertices, its card says {card.vertices}."
        )
    if template.unit_names != card.units or template.unit_deltas.shape != (len(card.units), card.vertices, 3):
        raise BundleError(
            "The units of the model's template are not those of its card; export the model again."
        )
    if not all(np.isfinite(array).all() for array in (template.rest, template.unit_deltas)):
        raise BundleError("The model's template holds numbers that are not finite; export the model again.")
    return template
