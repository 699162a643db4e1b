"""Questions to the cluster over the control connection."""

from __future__ import annotations

from wire import headers, subjects
from wire.bus import Bus, Received
from wire.errors import BusError, InternalError, NoRespondersError, error_from_json
from wire.messages import Message, encode

ASK_S = 2.0  # for what is asked every second


async def ask(bus: Bus, noun: str, verb: str, message: Message | None = None, *, within: float = ASK_S) -> Received:
    """Ask the controllers, in the user's name.

    Raises:
        NoRespondersError: nobody is there to answer; says whom to start.
        BrambleError: the error that was answered.

    """
    subject = subjects.CONTROL.build(user=bus.user, noun=noun, verb=verb)
    try:
        reply = await bus.control.request(subject, encode(message) if message else b"{}", within=within)
    except NoRespondersError as error:
        remedy = "`bramble local` starts a whole cluster on this machine"
        raise NoRespondersError("no controller answers", remedy=remedy) from error
    if any(name.lower() == headers.ERROR.lower() for name in reply.headers or {}):
        raise error_from_json(reply.data) or InternalError(f"an error reply cannot be read: {reply.data[:200]!r}")
    return reply


def raise_if_down(bus: Bus, error: BusError) -> None:
    """Let an error end the connection's turn only where it is the connection that is gone.

    Raises:
        BusError: it is.

    """
    if not bus.connected:
        raise error
