from __future__ import annotations

import psutil

from wire.heap import trim_heap

MIB = 1 << 20


def test_what_was_freed_between_things_that_stay_goes_back_to_the_kernel() -> None:
    own = psutil.Process()
    blocks = [bytes(60_000) for _ in range(2000)]
    stays = blocks[::100]
    full = own.memory_info().rss
    del blocks
    kept = own.memory_info().rss
    trim_heap()
    assert full - kept < 20 * MIB  # the C library keeps it for the next ones
    assert kept - own.memory_info().rss > 80 * MIB
    assert {len(block) for block in stays} == {60_000}
