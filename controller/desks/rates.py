"""How often one client may ask: a bucket of tokens each, so that one who floods is refused and the others are not."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

from wire.errors import BadRequestError, NoCapacityError

BURST_S = 2.0
"""What a client has not used for so long it may use at once."""

MAX_CLIENTS = 1024

SHARED_INBOX = "_INBOX"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A client's tokens at one moment; times in seconds."""

    tokens: float
    at: float

    def refilled(self, rate: float, now: float, most: float) -> Bucket:
        """Return the bucket as it is ``now``, after it was filled at ``rate`` a second up to ``most``."""
        gained = max(0.0, now - self.at) * rate
        return Bucket(min(most, self.tokens + gained), max(self.at, now))

    def spent(self, tokens: int = 1) -> Bucket | None:
        """Return what is left after so many; None where there are not as many, but for rounding."""
        return Bucket(self.tokens - tokens, self.at) if self.tokens >= tokens - 1e-6 else None

    def wait_s(self, rate: float, tokens: int = 1) -> float:
        """Return in how long there will be so many."""
        return max(0.0, tokens - self.tokens) / rate


def name_client(reply: str) -> str:
    """Tell who asks by where the answer goes, the one thing that the server vouches for.

    A person's inbox starts with a prefix of their own, which the server lets nobody else subscribe to. Under the prefix
    that clients use by themselves, the next token stands for one connection.
    """
    first, _, rest = reply.partition(".")
    return f"{first}.{rest.partition('.')[0]}" if first == SHARED_INBOX else first


def check_rate(rate: float) -> float:
    """Return ``rate`` if it can be one.

    Raises:
        BadRequestError: it is negative or no number.

    """
    if not 0 <= rate < math.inf:
        raise BadRequestError(f"{rate} is no rate", remedy="give requests a second, or 0 for no limit")
    return rate


class Rates:
    """The buckets of all clients of late. A rate of 0 limits nobody."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self.refused = 0

    def admit(self, reply: str, now: float) -> None:
        """Count a request of whoever gets the answer.

        Raises:
            NoCapacityError: they ask more often than they may; it says when to ask again.

        """
        if not self._rate:
            return
        client = name_client(reply)
        known = self._buckets.pop(client, None) or Bucket(math.inf, now)
        bucket = known.refilled(self._rate, now, max(1.0, self._rate * BURST_S))
        left = bucket.spent()
        self._buckets[client] = left or bucket
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        if left is None:
            self.refused += 1
            raise NoCapacityError(
                f"this client asks more than {self._rate:g} times a second",
                remedy="ask less often, or submit the pictures as jobs (`bramble submit`)",
                retry_after_ms=math.ceil(bucket.wait_s(self._rate) * 1e3),
            )
