"""The keys of a screen in one line that fits the terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

GAP = 2


@dataclass(frozen=True, slots=True)
class Hint:
    """A key as Textual names it and as it is shown, and what it does."""

    key: str
    shown: str
    text: str
    stays: bool = False  # also where there is no room for all: it leads to the others

    def __len__(self) -> int:
        return len(self.shown) + 1 + len(self.text)


@dataclass(frozen=True, slots=True)
class Place:
    """A hint that has a place; ``start`` is its first column."""

    hint: Hint
    start: int

    @property
    def end(self) -> int:
        """The column after its last."""
        return self.start + len(self.hint)


def lay_hints(hints: Sequence[Hint], width: int) -> tuple[Place, ...]:
    """Lay hints out side by side in their order, as many as fit beside those that stay."""
    room = width - 1
    kept = {hint for hint in hints if hint.stays}
    room -= sum(len(hint) + GAP for hint in kept)
    for hint in hints:
        if hint in kept:
            continue
        if len(hint) > room:
            break
        room -= len(hint) + GAP
        kept.add(hint)
    places: list[Place] = []
    at = 1
    for hint in hints:
        if hint in kept:
            places.append(Place(hint, at))
            at = places[-1].end + GAP
    return tuple(places)


def find_hint(places: Iterable[Place], column: int) -> Hint | None:
    """Return the hint at a column."""
    return next((place.hint for place in places if place.start <= column < place.end), None)
