"""``python -m tui.screenshots FOLDER``: draw every screen as SVG, from the recorded session."""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tui.app import TopApp
from tui.recording import Record, ResultRecord, StatusRecord, load_demo
from tui.replay import WHERE, Replay
from tui.source import Put
from tui.updates import Connecting, Lost, Wants

NARROW, WIDE, LARGE = (80, 24), (110, 32), (160, 48)
LATEST = 40  # results that a view shows when it is opened
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture: how far into the recording, which keys, and how large."""

    name: str
    at_s: float
    keys: tuple[str, ...] = ()
    size: tuple[int, int] = WIDE
    lost: bool = False  # whether the broker goes away then


CALM, DEAD, BUSY, BLIND, LATE = 6.0, 20.0, 31.0, 50.0, 78.0
"""Moments of the recorded session, in seconds: all well, a node dead, jobs under way, a camera blind, all over."""

SCENES = (
    Scene("overview", CALM),
    Scene("trouble", DEAD),
    Scene("small", BLIND, size=NARROW),
    Scene("large", BLIND, size=LARGE),
    Scene("disconnected", CALM, size=NARROW, lost=True),
    Scene("findings", BLIND, ("2",)),
    Scene("plans", CALM, ("3",)),
    Scene("model", CALM, ("colon", *"ssd", "enter")),
    Scene("plan", CALM, ("3", "p"), NARROW),
    Scene("jobs", BUSY, ("4",)),
    Scene("batch", LATE, ("4", "enter")),
    Scene("controllers", CALM, ("5",)),
    Scene("events", LATE, ("6",)),
    Scene("results", CALM, ("7",)),
    Scene("trends", LATE, ("8",)),
    Scene("logs", BLIND, ("9",)),
    Scene("log", DEAD, ("5", "o")),
    Scene("node", DEAD, ("enter",)),
    Scene("camera", CALM, ("colon", *"street", "enter")),
    Scene("help", CALM, ("question_mark",)),
    Scene("confirm", CALM, ("d",), NARROW),
    Scene("add-camera", CALM, ("a",), NARROW),
    Scene("jump", CALM, ("colon", *"str"), NARROW),
)


class Still(Replay):
    """A recording up to a moment at which time stands still."""

    def __init__(self, records: Sequence[Record], *, lost: bool) -> None:
        super().__init__(records)
        self._wanted = asyncio.Event()
        self._lost = lost

    async def run(self, put: Put) -> None:
        """Hand over everything at once; the latest once more when a screen wants more of it."""
        put(Connecting(WHERE))
        latest = [record for record in self._records if isinstance(record, ResultRecord)][-LATEST:]
        last = [record for record in self._records if isinstance(record, StatusRecord)][-1:]
        records: Sequence[Record] = self._records
        while True:
            for record in records:
                for update in self.play(record):
                    put(update)
            if self._lost:
                put(Lost("no NATS server answers at nats://pi.lan:4222", "start one with `bramble local`", 3.0))
            await self._wanted.wait()
            self._wanted.clear()
            records = [*latest, *last]

    def want(self, wants: Wants) -> None:
        """Say what the open screens need."""
        if wants != self._wants:
            self._wanted.set()
        super().want(wants)


async def draw(scene: Scene, records: Sequence[Record]) -> str:
    """Return a scene as SVG."""
    still = Still([record for record in records if record.t <= scene.at_s], lost=scene.lost)
    app = TopApp(lambda: still, clock=lambda: 0.0)
    async with app.run_test(size=scene.size) as pilot:
        for key in ("", *scene.keys, ""):
            await pilot.pause()
            while not app.is_painted:
                await pilot.pause()
            if key:
                await pilot.press(key)
        app.repaint()  # tells the source what the last screen wants
        await pilot.pause()
        while not app.is_painted:
            await pilot.pause()
        await pilot.pause()
        return _FONTS.sub("", app.export_screenshot(title=f"bramble top: {scene.name}"))


async def draw_all(folder: Path) -> None:
    """Write every scene into a folder."""
    records = load_demo()
    for scene in SCENES:
        svg = await draw(scene, records)
        (folder / f"{scene.name}.svg").write_text(svg, "utf-8")


def main() -> None:
    """Draw all scenes."""
    parser = argparse.ArgumentParser(prog="python -m tui.screenshots", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(draw_all(folder))


if __name__ == "__main__":
    main()
