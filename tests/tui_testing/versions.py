"""A model of which several versions are kept."""

from __future__ import annotations

from msgspec.structs import replace

from tests.tui_testing.boards import AT, healthy
from wire.status import ClusterStatus
from wire.versions import VersionStatus

NEWEST, PRESENT, OLDEST = ("3c" * 32, "2b" * 32, "1a" * 32)
NODES = ("node-1", "node-2", "node-3")


def in_versions(*, preparing: bool = False) -> ClusterStatus:
    """Three versions, the middle one in force: on all nodes, or on one while another refuses it."""
    present = VersionStatus(
        version="1.1.0", digest=PRESENT, added_at=AT - 86_400, state="preparing" if preparing else "serving",
        nodes=NODES[:1] if preparing else NODES,
        refused={"node-3": "the known picture got 'dog', not 'Egyptian cat'"} if preparing else {},
    )  # fmt: skip
    oldest = VersionStatus(
        version="1.0.0", digest=OLDEST, added_at=AT - 9 * 86_400, state="kept", nodes=NODES[1:] if preparing else ()
    )
    newest = VersionStatus(version="2.0.0", digest=NEWEST, added_at=AT - 600, state="kept")
    status = healthy()
    model = replace(status.models[0], version="1.1.0", versions=(newest, present, oldest))
    return replace(status, models=(model,))
