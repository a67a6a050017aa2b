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
from .truncation import looks_like_sound, missing_end, promises_length

Float32 = NDArray[np.float32]

SAMPLE_RATE = 16_000
MAX_SECONDS = 2 * 60 * 60
"""Longest sound that is accepted, in seconds; keeps memory and time bounded."""

RATES = (1_000, 768_000)
"""Sample rates that are accepted, in Hz."""

MAX_CHANNELS = 256
LOUDEST = 1e9
"""No recording has larger samples, whatever its scale; more would overflow float32 when squared."""

OFFSET = 0.05
"""A mean larger than this part of the loudness is an offset of the recording."""

UNKNOWN_LENGTH = 1 << 62
"""What libsndfile gives as the length of a stream whose header doesn't say it, or more."""

SPARE_SAMPLES = 64
"""Silence after the resampled sound, because the resampler may end a few samples early."""

MP3_FRAME = 1152
"""Samples of an mp3 frame; decoders may differ by one in what they cut off as padding."""

MP3_TAIL = 1 << 16
"""Bytes that may follow the sound in an mp3: tags, and what the decoder did not need."""

BLOCK_SAMPLES = 1 << 18
"""Samples (frames × channels) that are read at once; bounds the memory."""


@dataclass(frozen=True, eq=False)
class Sound:
    """``samples`` (N,) float32 at 16 kHz mono; ``duration`` in seconds, exact: source samples / source
    rate."""

    samples: Float32
    duration: Fraction


def load_sound(
    path: str | Path,
    start: float = 0.0,
    duration: float | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Sound:
    """Read a wav, flac, ogg, mp3 (or whatever else libsndfile knows) of any usual rate and channel count.

    ``start`` and ``duration`` in seconds cut a part out. Channels are averaged, a constant offset is taken
    off. The file is streamed, so memory is bounded by the 16 kHz result. Raises SoundError, OptionError for
    a senseless part, Cancelled.
    """
    path = Path(path)
    _check_part(start, duration)
    _check_path(path)
    soundfile = _import("soundfile")
    try:
        with path.open("rb") as raw, soundfile.SoundFile(raw) as file:
            sound = _read(file, path, start, duration, cancelled)
            _check_all_read(path, raw.tell(), file.format, duration)
            return sound
    except (soundfile.SoundFileError, TypeError) as error:  # TypeError: headerless .raw files
        raise _unreadable(path, error) from None
    except OSError as error:
        raise SoundError(f"{path} can't be read ({error.strerror or error}).") from None


def file_seconds(path: Path) -> float | None:
    """How long a file says it lasts; None where libsndfile can't read it."""
    soundfile = _import("soundfile")
    try:
        return float(soundfile.info(str(path)).duration)
    except (soundfile.SoundFileError, TypeError, OSError):
        return None


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
    resampled = _resample((_mono(block, "The sound") for block in blocks), whole)
    return Sound(resampled[: _resampled_length(len(array), whole)], Fraction(len(array), whole))


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
    first = round(Fraction(start) * rate)
    wanted = MAX_SECONDS * rate + 1 if duration is None else max(1, round(Fraction(duration) * rate))
    counter = _Counter(MAX_SECONDS * rate, path.name)
    samples = _resample(counter.count(_blocks(file, path.name, first, first + wanted, cancelled)), rate)
    if counter.total < wanted:
        slack = MP3_FRAME if file.format == "MP3" else 0
        _check_end(path, file.frames - slack, first + counter.total)
    if counter.total == 0 and file.frames > 0:
        raise SoundError(f"{path.name} ends at {file.frames / rate:g} s, before the start at {start:g} s.")
    if counter.total == 0:
        raise SoundError(f"{path.name} holds no samples; choose another sound.")
    return Sound(samples[: _resampled_length(counter.total, rate)], Fraction(counter.total, rate))


def _blocks(
    file: Any, name: str, first: int, end: int, cancelled: Callable[[], bool] | None
) -> Iterator[Float32]:
    """Mono blocks of source samples ``first`` to ``end - 1``; fewer when the file ends before."""
    size = max(1, BLOCK_SAMPLES // file.channels)
    at = 0
    # Seeking in mp3 may be a little off, reading and dropping is exact.
    if file.format != "MP3":
        at = file.seek(min(first, file.frames))
    while at < end:
        if cancelled is not None and cancelled():
            raise Cancelled()
        block = file.read(min(size, end - at), dtype="float32", always_2d=True)
        if len(block) == 0:
            return
        kept = block[max(0, first - at) :]
        at += len(block)
        if len(kept):
            yield _mono(kept, name)


class _Counter:
    """Counts the samples that pass through, up to ``most``."""

    def __init__(self, most: int, name: str) -> None:
        self.total = 0
        self._most, self._name = most, name

    def count(self, blocks: Iterator[Float32]) -> Iterator[Float32]:
        for block in blocks:
            self.total += len(block)
            if self.total > self._most:
                raise _too_long(self._name)
            yield block


def _check_end(path: Path, promised: int, read: int) -> None:
    """The file was read to its end: raise SoundError when it promises more than it holds."""
    reason = missing_end(path)
    if reason is None and read < promised < UNKNOWN_LENGTH and promises_length(path):
        reason = f"it holds {read} of {promised} samples"
    if reason is not None:
        raise SoundError(f"{path.name} is cut off ({reason}); copy or export it again.")


def _check_all_read(path: Path, read: int, kind: str, duration: float | None) -> None:
    """libsndfile stops an mp3 without a length tag where it guesses the end, which may be far too early."""
    if duration is None and kind == "MP3" and path.stat().st_size - read > MP3_TAIL:
        raise SoundError(f"{path.name} doesn't say how long it is; convert it to wav or flac.")


def _mono(block: NDArray[Any], name: str) -> Float32:
    """Mean of the channels of ``(N,)`` or ``(N, channels)``, after a look at every number."""
    if not np.isfinite(block).all():
        raise SoundError(
            f"{name} holds samples that are not finite numbers (NaN or infinity); export it again."
        )
    if np.abs(block).max(initial=0.0) > LOUDEST:
        raise SoundError(f"{name} holds samples that are far too large to be sound; export it again.")
    mono = block if block.ndim == 1 else _mixed(block)
    return np.ascontiguousarray(mono, np.float32)


def _mixed(block: NDArray[Any]) -> NDArray[np.float64]:
    """The mean (N,) of the channels; the loudest one where they cancel each other out, as they do where one
    was wired the wrong way round: the mean of one voice and silence is never that quiet."""
    mean = block.mean(axis=1, dtype=np.float64)
    powers = np.einsum("nc,nc->c", block, block, dtype=np.float64)
    loudest = int(powers.argmax())
    if mean @ mean < powers[loudest] / (2 * block.shape[1]) ** 2:
        return block[:, loudest].astype(np.float64)
    return mean


def _take_offset_off(samples: Float32) -> None:
    """Take a constant offset off, in place: cheap converters add one, and the model would hear a rumble in
    each pause. As little of it as any recording has is left."""
    mean = float(samples.mean(dtype=np.float64))
    power = float(np.einsum("n,n->", samples, samples, dtype=np.float64)) / len(samples)
    if mean * mean > OFFSET**2 * power:
        samples -= np.float32(mean)


def _resample(blocks: Iterator[Float32], rate: int) -> Float32:
    """Bring a stream at ``rate`` to 16 kHz, in one array that grows in place, with some silence after it."""
    grown = bytearray()
    for block in blocks if rate == SAMPLE_RATE else _stream(blocks, rate):
        grown += block.tobytes()
    if grown:
        _take_offset_off(np.frombuffer(grown, np.float32))
    grown += bytes(4 * SPARE_SAMPLES)
    return np.frombuffer(grown, np.float32)


def _resampled_length(count: int, rate: int) -> int:
    return max(1, -(-count * SAMPLE_RATE // rate))


def _stream(blocks: Iterator[Float32], rate: int) -> Iterator[Float32]:
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


def _unreadable(path: Path, error: Exception) -> SoundError:
    if looks_like_sound(path):
        return SoundError(f"{path.name} is damaged or cut off ({_reason(error)}); copy or export it again.")
    return SoundError(f"{path.name} is no sound file that can be read; give a wav, flac, ogg or mp3.")


def _reason(error: Exception) -> str:
    text = str(error).split(": ", 1)[-1].strip().rstrip(".")
    return text or type(error).__name__
