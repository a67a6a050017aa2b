# SPDX-License-Identifier: GPL-3.0-or-later
"""Speech from files or arrays as 16 kHz mono, with its exact duration."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import Cancelled, OptionError, PackageError, SoundError
from .truncation import missing_end

SAMPLE_RATE = 16_000
MAX_SECONDS = 2 * 60 * 60
"""Longest sound that is accepted, in seconds; keeps memory and time bounded."""

RATES = (1_000, 768_000)
"""Sample rates that are accepted, in Hz."""

MAX_CHANNELS = 256
LOUDEST = 1e9
"""No recording has larger samples, whatever its scale; more would overflow float32 when squared."""

BLOCK_SAMPLES = 1 << 18
"""Samples (frames × channels) that are read at once; bounds the memory."""


@dataclass(frozen=True)
class Sound:
    """``samples`` (N,) float32 at 16 kHz mono; ``duration`` in seconds, exact: source samples / source
    rate."""

    samples: NDArray[np.float32]
    duration: Fraction


def load_sound(
    path: str | Path,
    start: float = 0.0,
    duration: float | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Sound:
    """Read a wav, flac, ogg, mp3 (or whatever else libsndfile knows) of any usual rate and channel count.

    ``start`` and ``duration`` in seconds cut a part out. Channels are averaged. The file is streamed, so
    memory is bounded by the 16 kHz result. Raises SoundError, OptionError for a senseless part, Cancelled.
    """
    path = Path(path)
    _check_part(start, duration)
    _check_path(path)
    soundfile = _import("soundfile")
    try:
        with path.open("rb") as raw, soundfile.SoundFile(raw) as file:
            return _read(file, path, start, duration, cancelled)
    except (soundfile.SoundFileError, TypeError) as error:  # TypeError: headerless .raw files
        raise SoundError(
            f"{path.name} can't be read as sound ({_reason(error)}); give a wav, flac, ogg or mp3."
        ) from None
    except OSError as error:
        raise SoundError(f"{path} can't be read ({error.strerror or error}).") from None


def sound_from_samples(samples: ArrayLike, rate: int | float | Fraction) -> Sound:
    """Speech that is in memory already: ``samples`` (N,) or (N, channels) floating point, −1…1, at ``rate``
    samples a second. Raises SoundError."""
    array = np.asarray(samples)
    if array.ndim not in (1, 2) or array.dtype.kind != "f":
        raise SoundError(
            "The sound must be an array of floating point numbers of shape (N,) or (N, channels)."
        )
    whole = _check_rate(rate)
    if array.size == 0:
        raise SoundError("The sound holds no samples; choose another one.")
    if len(array) > MAX_SECONDS * whole:
        raise _too_long("The sound")
    blocks = (array[at : at + BLOCK_SAMPLES] for at in range(0, len(array), BLOCK_SAMPLES))
    resampled = _resample((_mono(block, "The sound") for block in blocks), whole, len(array))
    return Sound(resampled, Fraction(len(array), whole))


def _check_part(start: float, duration: float | None) -> None:
    if not (math.isfinite(start) and start >= 0):
        raise OptionError(f"The start within the sound must be 0 seconds or more, not {start!r}.")
    if duration is not None and not (math.isfinite(duration) and duration > 0):
        raise OptionError(f"The duration within the sound must be more than 0 seconds, not {duration!r}.")


def _check_path(path: Path) -> None:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise SoundError(f"There is no file {path}; choose a wav, flac, ogg or mp3.") from None
    except (OSError, ValueError) as error:
        raise SoundError(f"{path} can't be read ({error}).") from None
    if path.is_dir():
        raise SoundError(f"{path} is a folder; choose a wav, flac, ogg or mp3.")
    if size == 0:
        raise SoundError(f"{path.name} is empty (0 bytes); choose another sound.")


def _read(
    file: Any, path: Path, start: float, duration: float | None, cancelled: Callable[[], bool] | None
) -> Sound:
    rate = _check_rate(file.samplerate, path.name)
    if file.channels > MAX_CHANNELS:
        raise SoundError(f"{path.name} has {file.channels} channels; at most {MAX_CHANNELS} can be read.")
    if file.frames == 0:
        raise SoundError(f"{path.name} holds no samples; choose another sound.")
    first = round(Fraction(start) * rate)
    wanted = None if duration is None else max(1, round(Fraction(duration) * rate))
    end = file.frames if wanted is None else min(first + wanted, file.frames)
    if first >= file.frames:
        raise SoundError(f"{path.name} ends at {file.frames / rate:.2f} s, before the start at {start:g} s.")
    if end - first > MAX_SECONDS * rate:
        raise _too_long(path.name)
    counter = _Counter()
    blocks = counter.count(_blocks(file, path, first, end, cancelled))
    samples = _resample(blocks, rate, end - first)
    whole_file = wanted is None or first + wanted >= file.frames
    _check_end(path, first + counter.total, end, whole_file)
    return Sound(samples[: _resampled_length(counter.total, rate)], Fraction(counter.total, rate))


def _blocks(
    file: Any, path: Path, first: int, end: int, cancelled: Callable[[], bool] | None
) -> Iterator[NDArray[np.float32]]:
    """Mono blocks of source samples ``first`` to ``end - 1``; fewer when the file ends early."""
    size = max(1, BLOCK_SAMPLES // file.channels)
    # Seeking in mp3 may be a little off, reading and dropping is exact.
    if first and file.format != "MP3":
        file.seek(first)
        at = first
    else:
        at = 0
    while at < end:
        if cancelled is not None and cancelled():
            raise Cancelled()
        block = file.read(min(size, end - at), dtype="float32", always_2d=True)
        if len(block) == 0:
            return
        at += len(block)
        kept = block[max(0, len(block) - (at - first)) :] if at > first else block[:0]
        if len(kept):
            yield _mono(kept, path.name)


class _Counter:
    """Counts the samples that pass through."""

    def __init__(self) -> None:
        self.total = 0

    def count(self, blocks: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        for block in blocks:
            self.total += len(block)
            yield block


def _check_end(path: Path, read: int, end: int, whole_file: bool) -> None:
    """A file whose header promises more than it holds was cut off while it was copied or written."""
    # Decoders drop up to a few mp3 frames of padding that the header may count.
    slack = 4 * 1152 if path.suffix.lower() == ".mp3" else 0
    reason = f"it holds {read} of {end} samples" if read < end - slack else None
    if reason is None and whole_file:
        reason = missing_end(path)
    if reason is not None:
        raise SoundError(f"{path.name} is cut off ({reason}); copy or export it again.")
    if read == 0:
        raise SoundError(f"{path.name} holds no samples; choose another sound.")


def _mono(block: NDArray[Any], name: str) -> NDArray[np.float32]:
    """Mean of the channels of ``(N,)`` or ``(N, channels)``, after a look at every number."""
    if not np.isfinite(block).all():
        raise SoundError(
            f"{name} holds samples that are not finite numbers (NaN or infinity); export it again."
        )
    if np.abs(block).max(initial=0.0) > LOUDEST:
        raise SoundError(f"{name} holds samples that are far too large to be sound; export it again.")
    mono = block if block.ndim == 1 else block.mean(axis=1, dtype=np.float64)
    return np.ascontiguousarray(mono, np.float32)


def _resample(blocks: Iterator[NDArray[np.float32]], rate: int, expected: int) -> NDArray[np.float32]:
    """Bring a stream of ``expected`` samples at ``rate`` to 16 kHz, in one array that is never copied."""
    out = np.zeros(_resampled_length(expected, rate), np.float32)
    at = 0
    for part in blocks if rate == SAMPLE_RATE else _stream(blocks, rate):
        part = part[: len(out) - at]
        out[at : at + len(part)] = part
        at += len(part)
    return out


def _resampled_length(count: int, rate: int) -> int:
    return max(1, -(-count * SAMPLE_RATE // rate))


def _stream(blocks: Iterator[NDArray[np.float32]], rate: int) -> Iterator[NDArray[np.float32]]:
    resampler = _import("soxr").ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
    for block in blocks:
        yield resampler.resample_chunk(block)
    yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def _check_rate(rate: int | float | Fraction, name: str = "The sound") -> int:
    low, high = RATES
    if not (math.isfinite(rate) and low <= rate <= high) or rate != int(rate):
        raise SoundError(f"{name} has {rate} samples a second; {low} to {high} can be read.")
    return int(rate)


def _too_long(name: str) -> SoundError:
    return SoundError(f"{name} is longer than {MAX_SECONDS // 3600} hours; cut it into shorter pieces.")


def _import(name: str) -> ModuleType:
    import importlib

    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise PackageError(
            f"The package {name} is missing; install MeshTalk again, or run: pip install {name}."
        ) from None
    except Exception as error:  # a broken native library fails in many ways
        raise PackageError(f"The package {name} can't be loaded ({error}); install it again.") from error


def _reason(error: Exception) -> str:
    text = str(error).split(": ", 1)[-1].strip().rstrip(".")
    return text or type(error).__name__
