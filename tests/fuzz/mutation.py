"""Makes bad input out of good, by a seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

MAX_CHANGES = 8
MAX_BYTES = 1 << 16
EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
WORDS = (
    b"\x00", b"\xff", b"\xff\xd8", b"\xff\xd9", b"\xff\xda", b"\xff\xc0", b"\r\n", b"{", b"}", b"[" * 64, b'"',
    b"\\u0000", b"-1", b"1e999", b"NaN", b"null", b"true", b"9" * 40, b"0.0", b"../", b"%00", b"%", b"#", b"?", b"@",
    b":", b"//", b"=", b"&", b"\xed\xa0\x80", "ﬀ".encode(), b" ", b"\t", b"[[", b"'''", b"x" * 300,
)  # fmt: skip
"""What parsers trip over: ends, markers, numbers beyond any bound, what is no UTF-8, escapes, nesting."""

Change = Callable[[random.Random, bytearray, Sequence[bytes]], None]


def make_input(seed: int, number: int, samples: Sequence[bytes]) -> bytes:
    """Return the input of that number: a sample with some changes, or now and then plain noise.

    The same seed and number give the same input, whatever came before.
    """
    rng = random.Random(f"{seed}:{number}")  # noqa: S311 - reproducible, no secret
    if rng.random() < 1 / 64:
        return rng.randbytes(rng.randrange(0, 512))
    data = bytearray(rng.choice(samples))
    for _ in range(1 + min(int(rng.expovariate(0.7)), MAX_CHANGES)):  # mostly one or two: deep enough to be taken
        rng.choice(CHANGES)(rng, data, samples)
    return bytes(data[:MAX_BYTES])


def _place(rng: random.Random, data: bytearray) -> int:
    """Return a place in the data, more often one near its beginning: that is where the headers are."""
    end = len(data) if rng.random() < 1 / 2 else min(len(data), 64)
    return rng.randint(0, end)


def _flip(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[min(_place(rng, data), len(data) - 1)] ^= 1 << rng.randrange(8)


def _set(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    size = rng.choice((1, 2, 4, 8))
    value = (rng.choice(EDGES) + rng.choice((-1, 0, 0, 1))) % (1 << 8 * size)
    at = _place(rng, data)
    data[at : at + size] = value.to_bytes(size, rng.choice(("big", "little")))


def _cut(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = _place(rng, data)
    del data[at : at + rng.choice((1, 2, 4, 16, len(data)))]


def _repeat(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at, size = _place(rng, data), rng.randrange(1, 64)
    data[at:at] = data[at : at + size] * rng.choice((1, 2, 16))


def _swap(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    one, two, size = _place(rng, data), _place(rng, data), rng.randrange(1, 16)
    data[one : one + size], data[two : two + size] = data[two : two + size], data[one : one + size]


def _say(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = _place(rng, data)
    data[at : at + rng.choice((0, 0, 1, 4))] = rng.choice(WORDS)


def _splice(rng: random.Random, data: bytearray, samples: Sequence[bytes]) -> None:
    other = rng.choice(samples)
    data[_place(rng, data) :] = other[rng.randint(0, len(other)) :]


CHANGES: tuple[Change, ...] = (_flip, _set, _cut, _repeat, _swap, _say, _splice)
