"""Everything about the versions of models, put together: keeper, desk and sweeper."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from controller.catalogue import Catalogue
from controller.desks.door import ControlDoor
from controller.ownership import Ownership
from controller.versions.desk import VersionDesk
from controller.versions.keeper import VersionKeeper
from controller.versions.sweeper import Sweeper
from modelkit.manifest import Manifest
from wire.audit import Deed
from wire.bus import BlobStore, Bucket, Link
from wire.cancellation import heed_cancellation
from wire.status import NodeStatus
from wire.versions import VersionStatus

LOOK_S = 1.0


class ModelVersions:
    """The versions of all models. ``record`` puts on the record what was done without being asked for."""

    def __init__(
        self,
        controller: str,
        config: Bucket,
        blobs: BlobStore,
        link: Link,
        catalogue: Catalogue,
        *,
        nodes: Callable[[], Iterable[NodeStatus]],
        is_leader: Callable[[], bool],
        record: Callable[[Deed], Awaitable[None]],
        on_change: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._catalogue = catalogue
        self._blobs = blobs
        self._keeper = VersionKeeper(
            controller, config, link, catalogue,
            nodes=nodes, is_leader=is_leader, record=record, on_change=on_change,
        )  # fmt: skip
        self._sweeper = Sweeper(config, blobs, is_leader=is_leader, clock=clock)

    def statuses(self, manifest: Manifest) -> tuple[VersionStatus, ...]:
        """Say how each version of a model is, whose ``manifest`` is in force."""
        return self._keeper.statuses(manifest)

    def register(self, door: ControlDoor, ownership: Ownership) -> None:
        """Add the endpoints."""
        VersionDesk(self._keeper, self._catalogue, ownership, self._blobs).register(door)

    async def run(self) -> None:
        """Keep up with the records and with what the nodes make of them, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keeper.follow(), name="follow-versions")
            tasks.create_task(self._look_after(), name="look-after-versions")
            tasks.create_task(self._sweeper.run(), name="sweep")

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            heed_cancellation()
            await self._keeper.look()
