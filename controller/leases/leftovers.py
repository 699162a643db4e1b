"""Claims on cameras that are no more: they would fill the bucket, which is small (``SMALL_BYTES``). Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from controller.leases.claims import CAMERA, Claim

KEPT_S = 3600.0
"""For so long a claim is kept that nobody has, of a camera that there is not; it may come back."""


class Leftovers:
    """Which claims are left over, and since when. ``now``: seconds of one steady clock."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def find(self, free: Iterable[Claim], cameras: Collection[str], now: float) -> list[Claim]:
        """Return what may go, of the claims that nobody has."""
        left = {each.name: each for each in free if each.duty == CAMERA and each.name not in cameras}
        self._since = {name: self._since.get(name, now) for name in left}
        return [claim for name, claim in left.items() if now - self._since[name] >= KEPT_S]
