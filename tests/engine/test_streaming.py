# SPDX-License-Identifier: GPL-3.0-or-later
"""The same result however it is cut, batched and threaded, in memory that doesn't grow with the length."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.memory import peak_mb
from engine.audio.sound import Sound, load_sound
from engine.blas import one_thread_a_product, product_threads
from engine.bundle import Bundle, default_bundle_path, load_bundle
from engine.bundle.providers import AUTO, PROVIDERS, available_providers, choose_provider, provider_order
from engine.generate import GenerateOptions, Mover, Take, generate, move, perform
from engine.generate.encode import encode_audio
from engine.generate.sample import sample_labels
from engine.geometry.bind import bind_head
from engine.geometry.topology import Binding
from engine.parallel import Ahead, in_threads, one_ahead

ROOT = Path(__file__).resolve().parents[2]
SAME_MM = 0.001

pytestmark = pytest.mark.skipif(
    not (default_bundle_path() / "model.json").exists(), reason="engine/models/default is not there"
)


@pytest.fixture(scope="module")
def one() -> Bundle:
    return load_bundle(default_bundle_path(), threads=1)


@pytest.fixture(scope="module")
def head(one: Bundle) -> Binding:
    return bind_head(one.template, one.template.rest, one.template.faces)


@pytest.fixture(scope="module")
def voice() -> Sound:
    return load_sound(ROOT / "samples" / "speech.flac", duration=3.1)


@pytest.fixture(scope="module")
def take(one: Bundle, head: Binding, voice: Sound) -> Take:
    return generate(one, voice, head, GenerateOptions(seed=3))[0]


def same(found: Take, wanted: Take) -> None:
    assert np.array_equal(found.labels, wanted.labels)
    assert found.vertices is not None and wanted.vertices is not None
    assert np.abs(found.vertices - wanted.vertices).max() * 1000 < SAME_MM
    assert np.abs(found.weights - wanted.weights).max() < 1e-4


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_nothing(take: Take, head: Binding, voice: Sound, threads: int) -> None:
    bundle = load_bundle(default_bundle_path(), threads=threads)
    same(generate(bundle, voice, head, GenerateOptions(seed=3))[0], take)


@pytest.mark.parametrize(("threads", "takes"), [(1, 2), (2, 5), (1, 17)])
def test_other_seeds_beside_it_change_nothing(
    take: Take, head: Binding, voice: Sound, threads: int, takes: int
) -> None:
    bundle = load_bundle(default_bundle_path(), threads=threads)
    options = GenerateOptions(seed=max(0, 4 - takes), takes=takes)
    same(generate(bundle, voice, head, options)[3 - options.seed], take)


@pytest.mark.parametrize("frames", [8, 24, 96])
def test_the_length_of_the_chunks_changes_no_label(
    one: Bundle, voice: Sound, take: Take, monkeypatch: pytest.MonkeyPatch, frames: int
) -> None:
    monkeypatch.setattr("engine.generate.sample.FRAMES_AT_ONCE", frames)
    codes = encode_audio(one, voice.samples, len(take.labels))
    assert np.array_equal(sample_labels(one, codes, (3,), one.card.default_temperature)[0], take.labels)


def test_blocks_are_what_generate_puts_together(one: Bundle, head: Binding, voice: Sound, take: Take) -> None:
    mover, performance = Mover(one, head), perform(one, voice, GenerateOptions(seed=3))
    blocks = list(move(mover, performance, 0))
    assert max(len(block.weights) for block in blocks) <= one.card.block_frames
    assert [block.first for block in blocks] == list(range(0, len(take.labels), one.card.block_frames))
    assert take.vertices is not None
    found = np.concatenate([block.vertices for block in blocks if block.vertices is not None])
    assert np.array_equal(found, take.vertices)


def test_some_frames_alone_are_those_of_the_whole(one: Bundle, head: Binding, take: Take) -> None:
    mover = Mover(one, head)
    whole = np.concatenate(list(mover.displacements(take.labels)))
    assert np.allclose(mover.displacements_at(take.labels, [3, 70, 12]), whole[[3, 70, 12]], atol=1e-7)


def test_two_at_once_are_safe(take: Take, head: Binding, voice: Sound) -> None:
    """One bundle, opened by whoever comes first, used by several threads."""
    bundle, found = load_bundle(default_bundle_path(), threads=1), {}

    def work(number: int) -> None:
        found[number] = generate(bundle, voice, head, GenerateOptions(seed=3))[0]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in found.values():
        same(each, take)
    assert len(found) == 3


def test_memory_does_not_grow_with_the_length() -> None:
    """Three more minutes add their 16 kHz samples (12 MB), codes and weights, but no vertices (880 MB)."""
    assert peak_mb(200) - peak_mb(20) < 40


# Its own process: how pytest's keeps and frees memory depends on all the tests before.
GENERATIONS = """
import sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from engine.audio.sound import Sound
from engine.bundle import load_bundle
from engine.generate import GenerateOptions, generate
from engine.geometry.bind import bind_head
bundle = load_bundle(Path(sys.argv[1]), threads=1)
binding = bind_head(bundle.template, bundle.template.rest, bundle.template.faces)
sound = Sound(np.random.default_rng(7).uniform(-0.2, 0.2, 16_000).astype(np.float32), Fraction(1))
for seed in range(60):
    generate(bundle, sound, binding, GenerateOptions(seed))
    print(int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads memory as Linux tells it")
def test_memory_does_not_grow_over_many_generations(tiny_folder: Path) -> None:
    command = [sys.executable, "-c", GENERATIONS, str(tiny_folder)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    held = [float(line) for line in done.stdout.split()]
    assert len(held) == 60 and held[-1] - held[20] < 5


def test_work_in_threads_keeps_its_order_and_its_errors() -> None:
    assert in_threads(lambda number: number * number, range(9), 3) == [number**2 for number in range(9)]

    def fail(number: int) -> int:
        if number == 2:
            raise ValueError("two")
        return number

    work: Callable[[int], int] = fail
    with pytest.raises(ValueError, match="two"):
        in_threads(work, range(5), 2)


def test_things_worked_out_ahead_keep_their_order_and_their_errors() -> None:
    def things(last: int) -> Iterator[int]:
        yield from range(last)
        if last == 3:
            raise ValueError("three")

    with Ahead(things(50)) as numbers:
        assert list(numbers) == list(range(50))
    found: list[int] = []
    with pytest.raises(ValueError, match="three"), Ahead(things(3)) as numbers:
        for number in numbers:
            found.append(number)
    assert found == [0, 1, 2]


def test_one_ahead_keeps_order_and_errors_and_works_out_no_more() -> None:
    begun: list[int] = []

    def things() -> Iterator[int]:
        for number in range(9):
            begun.append(number)
            yield number
        raise ValueError("nine")

    numbers = one_ahead(things())
    assert next(numbers) == 0 and next(numbers) == 1
    assert len(begun) <= 3
    found: list[int] = []
    with pytest.raises(ValueError, match="nine"):
        for number in numbers:
            found.append(number)
    assert found == list(range(2, 9)) and list(one_ahead(range(5))) == list(range(5))


def test_what_is_worked_out_ahead_ends_when_nobody_wants_it() -> None:
    begun: list[int] = []

    def endless() -> Iterator[int]:
        while True:
            begun.append(len(begun))
            yield begun[-1]

    with pytest.raises(KeyError), Ahead(endless()) as numbers:
        next(numbers)
        raise KeyError
    known = len(begun)
    assert known and not any(thread.name == "meshtalk ahead" for thread in threading.enumerate())


def test_products_take_one_thread_beside_others_and_as_many_as_before_afterwards() -> None:
    before = product_threads()
    if before is None:
        pytest.skip("NumPy has no OpenBLAS that is known")
    inside = in_threads(lambda _: product_threads(), range(4), 2)
    with one_thread_a_product(), one_thread_a_product():
        assert product_threads() == 1
    assert inside == [1] * 4 and product_threads() == before


def test_what_this_machine_offers_is_used_and_anything_else_is_said() -> None:
    available = available_providers()
    assert available[-1] == "CPU" and set(available) <= set(PROVIDERS)
    assert choose_provider(AUTO) == (available[0], "")
    for name in PROVIDERS:
        chosen, told = choose_provider(name)
        assert (chosen == name) == (told == "")
        assert provider_order(chosen)[-1] == PROVIDERS["CPU"]
        if told:
            assert chosen == "CPU" and "MeshTalk uses the processor" in told
