"""Which controller should have which camera. Pure: everyone computes it alike, and the claims decide in the end."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping


def share_cameras(
    cameras: Mapping[str, str | None], live: Iterable[str], owners: Mapping[str, str], settled: Iterable[str]
) -> dict[str, str]:
    """Return the controller that each camera should have.

    A camera stays where it is, since moving it costs a second of sight, unless its controller has more than its even
    share; what has no owner goes to whoever has least. Equal names in, equal shares out.

    Args:
        cameras: each camera's name, and the one controller that may have it, if it is tied to one.
        live: the controllers that are there.
        owners: who has a camera now.
        settled: the controllers that have been there for a while; only these are given what others have.

    """
    there = sorted(set(live))
    tied = {name: only for name, only in cameras.items() if only is not None}
    result = {name: only for name, only in tied.items() if only in there}
    if not there:
        return {}
    free = sorted(name for name in cameras if name not in tied)
    held: dict[str, list[str]] = {controller: [] for controller in there}
    homeless: list[str] = []
    for name in free:
        owner = owners.get(name, "")
        held.get(owner, homeless).append(name)
    even = math.ceil(len(free) / len(there))
    takers = set(settled)
    for controller in there:
        room = sum(max(0, even - len(held[each])) for each in there if each != controller and each in takers)
        excess = min(max(0, len(held[controller]) - even), max(0, room - len(homeless)))
        for _ in range(excess):
            name = held[controller].pop()
            least = min((each for each in there if each in takers and each != controller), key=lambda c: len(held[c]))
            held[least].append(name)
    for name in homeless:
        least = min(there, key=lambda controller: (len(held[controller]), controller))
        held[least].append(name)
    for controller, names in held.items():
        result |= dict.fromkeys(names, controller)
    return result


def choose_planner(live: Iterable[str], owner: str | None) -> str | None:
    """Return who should plan: whoever does, else the first by name."""
    there = sorted(set(live))
    return owner if owner in there else next(iter(there), None)
