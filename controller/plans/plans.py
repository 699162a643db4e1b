"""Everything about plans, put together: books, surveyor and desk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from controller.catalogue import Catalogue
from controller.desks.door import ControlDoor
from controller.plans.desk import PlanDesk
from controller.plans.effects import Effects
from controller.plans.keeper import Keeper
from controller.plans.planner import Planner
from controller.surveying.book import Book
from controller.surveying.surveyor import Surveyor
from wire import subjects
from wire.bus import Bus
from wire.plans import ModelPlan, PlanState
from wire.profiles import LinkProfile, Profile
from wire.status import NodeStatus


class Plans:
    """Made by :meth:`open`, runs until cancelled."""

    def __init__(self, planner: Planner, keeper: Keeper, profiles: Book[Profile], links: Book[LinkProfile]) -> None:
        self._profiles = profiles
        self._links = links
        self._keeper = keeper
        self._desk = PlanDesk(planner, keeper)

    @classmethod
    async def open(
        cls,
        bus: Bus,
        catalogue: Catalogue,
        *,
        nodes: Callable[[], Iterable[NodeStatus]],
        on_change: Callable[[], Awaitable[None]],
        is_proved: Callable[[str, str], bool],
        is_leader: Callable[[], bool] = lambda: True,
    ) -> Plans:
        """Open the buckets. ``on_change`` is called when assignments may have to change.

        Raises:
            BusError: JetStream is not there.

        """
        profiles = Book(await bus.bucket(subjects.PROFILES_BUCKET), Profile)
        links = Book(await bus.bucket(subjects.LINKS_BUCKET), LinkProfile)
        plans = Book(await bus.bucket(subjects.CONFIG_BUCKET), ModelPlan, subjects.PLAN_KEY.wildcard())
        surveyor = Surveyor(bus, catalogue, profiles, links, nodes=nodes)
        planner = Planner(surveyor, Effects(bus.control))
        keeper = Keeper(
            bus, plans, catalogue, surveyor, planner,
            nodes=nodes, on_change=on_change, is_proved=is_proved, is_leader=is_leader,
        )  # fmt: skip
        return cls(planner, keeper, profiles, links)

    @property
    def by_model(self) -> Mapping[str, ModelPlan]:
        """The plans of all models that have one."""
        return self._keeper.plans

    def hurry(self) -> None:
        """Look at all plans at once: a node has been lost."""
        self._keeper.hurry()

    def states(self) -> tuple[PlanState, ...]:
        """Tell of every model that is not laid out automatically, what is in force or getting ready."""
        return self._keeper.states()

    def register(self, door: ControlDoor) -> None:
        """Add the endpoints."""
        self._desk.register(door)

    async def run(self) -> None:
        """Keep up with the buckets and keep the plans good, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._profiles.follow(), name="follow-profiles")
            tasks.create_task(self._links.follow(), name="follow-links")
            tasks.create_task(self._keeper.run(), name="keep-plans")
