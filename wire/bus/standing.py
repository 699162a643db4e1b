"""How a stream stands: its room, and the servers that keep it, as their leader sees them."""

from __future__ import annotations

import msgspec

from wire.bus.link import Link
from wire.errors import BusError

REQUEST_S = 5.0


class Peer(msgspec.Struct, frozen=True):
    """A server that follows the leader."""

    name: str
    current: bool = False
    offline: bool = False
    active: int = 0  # nanoseconds since it was heard of
    lag: int = 0  # writes that it has yet to take


class Group(msgspec.Struct, frozen=True):
    """The servers that keep a stream."""

    leader: str = ""
    replicas: tuple[Peer, ...] = ()


class _Config(msgspec.Struct, frozen=True):
    max_bytes: int = -1


class _State(msgspec.Struct, frozen=True):
    bytes: int = 0


class Standing(msgspec.Struct, frozen=True):
    """What the leader tells of a stream."""

    config: _Config = msgspec.field(default_factory=_Config)
    state: _State = msgspec.field(default_factory=_State)
    cluster: Group | None = None  # None: the server is alone
    error: dict[str, object] | None = None


async def read_standing(link: Link, stream: str) -> Standing:
    """Ask the stream's leader.

    Raises:
        BusError: there is none now, or no such stream.

    """
    async with link.unbroken():
        reply = await link.request(f"$JS.API.STREAM.INFO.{stream}", b"{}", within=REQUEST_S)
    try:
        found = msgspec.json.decode(reply.data, type=Standing)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BusError(f"what the server says of the stream {stream} cannot be read: {error}") from error
    if found.error:
        raise BusError(str(found.error.get("description", "the server gives no reason")))
    return found
