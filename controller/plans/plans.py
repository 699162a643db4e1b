"""Everything about plans, put together: books, surveyor and desk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from controller.catalogue import Catalogue
from controller.plans.desk import PlanDesk
from controller.surveying.book import Book
from controller.surveying.surveyor import Surveyor
from wire import subjects
from wire.bus import Bus
from wire.messages import NodeStatus
from wire.profiles import LinkProfile, Profile
from wire.service import Service


class Plans:
    """Made by :meth:`open`, runs until cancelled."""

    def __init__(self, surveyor: Surveyor, profiles: Book[Profile], links: Book[LinkProfile]) -> None:
        self._profiles = profiles
        self._links = links
        self._desk = PlanDesk(surveyor)

    @classmethod
    async def open(cls, bus: Bus, catalogue: Catalogue, nodes: Callable[[], Iterable[NodeStatus]]) -> Plans:
        """Open the buckets.

        Raises:
            BusError: JetStream is not there.

        """
        profiles = Book(await bus.bucket(subjects.PROFILES_BUCKET), Profile)
        links = Book(await bus.bucket(subjects.LINKS_BUCKET), LinkProfile)
        surveyor = Surveyor(bus, catalogue, profiles, links, nodes=nodes, scale=lambda _node: 1.0)
        return cls(surveyor, profiles, links)

    def register(self, service: Service) -> None:
        """Add the endpoints to the service."""
        self._desk.register(service)

    async def run(self) -> None:
        """Keep up with the buckets, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._profiles.follow(), name="follow-profiles")
            tasks.create_task(self._links.follow(), name="follow-links")
