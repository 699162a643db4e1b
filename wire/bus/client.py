"""nats-py's client, guarded where hostile input would stop it, and its settings: liveness in seconds, not minutes."""

from __future__ import annotations

import asyncio
import base64
import logging
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nats.errors import Error as NatsError
from nats.errors import NoServersError, SlowConsumerError

from wire.bus.direct import DirectClient
from wire.context import Context
from wire.errors import BusError, NotAuthorisedError
from wire.identity import KeyPair, read_key_pair
from wire.redact import redact_url
from wire.tls import make_tls, wants_tls

ROLES_REMEDY = "see what each role may do with `bramble access matrix`"
_VIOLATION = re.compile(r"permissions violation for (publish|subscription) to \"([^\"]*)\"")
_NO_TLS = ("certificate", "ssl", "tls")
_UNKNOWN_USER = re.compile(r"authori[sz]ation|authentication (?!timeout)")

_log = logging.getLogger("bramble.bus")


class GuardedClient(DirectClient):
    """A client that survives malformed headers and silent servers, and tells whoever asks what is not permitted."""

    def __init__(self) -> None:
        super().__init__()
        self.wants_tls = False
        self._let_in = False  # some server has taken us
        self._told: dict[str, Any] = {}  # what the last one said of itself and the others

    async def learn_servers(self) -> None:
        """Take up the servers of which the one that let us in has told.

        Not before: those that refuse us would come back by what the next one tells, and be tried for ever.
        """
        self._let_in = True
        await super()._process_info(self._told, initial_connection=True)

    async def _process_err(self, err_msg: str) -> None:
        refused = find_violation(err_msg)
        if refused and refused[0] == "publish" and self.refuse(refused[1], _refuse_publish):
            return
        await super()._process_err(err_msg)

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:  # noqa: FBT001, FBT002
        if initial_connection and self.wants_tls and not info.get("tls_required"):
            # nats-py would go on in plain text: whoever sits in between could ask for that.
            raise NatsError("nats: the server offers no TLS, and this context wants it")
        if not self._let_in:
            self._told = info
            info = {name: value for name, value in info.items() if name != "connect_urls"}
        await super()._process_info(info, initial_connection)

    def abort(self) -> None:
        """End at once whatever :meth:`close` has left running, a connection under way too; nothing is sent any more."""
        for task in (self._reconnection_task, self._reading_task, self._ping_interval_task, self._flusher_task):
            if task is not None:
                task.cancel()
        for transport in self._opened:
            transport.abort()

    async def _process_connect_init(self) -> None:
        transport = self._transport
        assert transport is not None  # nats-py has just opened it
        read_line = transport.readline

        async def read_answer() -> bytes:
            # A server that takes its time asks whether we live: nats-py would take that for its consent.
            while (line := await read_line()).rstrip() == b"PING":
                transport.write(b"PONG\r\n")
            return bytes(line)

        transport.readline = read_answer  # type: ignore[method-assign]
        try:
            await super()._process_connect_init()
        except BaseException:
            # A frozen server accepts and stays silent; nats-py's next attempt would leave this socket open. And it
            # would wait for ever for the end of a connection whose encryption failed: so it hears no more of this one.
            transport.close()
            self._transport = None
            raise
        finally:
            del transport.readline  # the instance's own, which was in front of the class's


async def open_client(
    context: Context,
    *,
    name: str,
    on_error: Callable[[Exception], Awaitable[None]],
    on_disconnect: Callable[[], Awaitable[None]],
    on_reconnect: Callable[[], Awaitable[None]],
    on_close: Callable[[], Awaitable[None]],
) -> GuardedClient:
    """Connect once and then reconnect for ever.

    Raises:
        NotAuthorisedError: the server refused the user.
        BusError: no server could be reached.

    """
    client = GuardedClient()
    client.wants_tls = wants_tls(context)
    client.user = context.user_name
    refusals: list[Exception] = []

    async def note_error(error: Exception) -> None:
        refusals.append(error)
        await on_error(error)

    try:
        await client.connect(
            servers=context.servers,
            name=name,
            error_cb=note_error,
            disconnected_cb=on_disconnect,
            reconnected_cb=on_reconnect,
            closed_cb=on_close,
            connect_timeout=2,
            ping_interval=1,
            max_outstanding_pings=2,
            # nats-py counts the first connection's attempts by the same number; reconnecting for ever is set below.
            max_reconnect_attempts=3,
            reconnect_time_wait=0.2,  # type: ignore[arg-type]  # nats-py sleeps for it; a float is fine
            **_credentials(context),
        )
    except (NatsError, OSError, ValueError) as error:
        await client.close()
        raise _explain(error, refusals, context) from error
    except asyncio.CancelledError:
        await client.close()  # or its socket would outlive the attempt
        raise
    client.options["max_reconnect_attempts"] = -1
    await client.learn_servers()
    refusals.clear()
    return client


def is_slow_consumer(error: Exception) -> bool:
    """Tell whether the error says that messages were dropped because a handler was too slow."""
    return isinstance(error, SlowConsumerError)


def _credentials(context: Context) -> dict[str, Any]:
    found: dict[str, Any] = {}
    # Also what the URL says goes here: the servers that a cluster tells of come without it.
    address = urlsplit(context.servers[0])
    if user := context.user or (address.username if address.password else ""):
        found |= {"user": user, "password": context.password if context.user else address.password}
    if context.token:
        found["token"] = context.token
    if context.creds:
        found["user_credentials"] = str(Path(context.creds).expanduser())
    elif context.user_jwt:
        pair = KeyPair(context.user_seed) if context.user_seed else read_key_pair(Path(context.nkey).expanduser())
        found["user_jwt_cb"] = context.user_jwt.encode
        found["signature_cb"] = lambda nonce: base64.b64encode(pair.sign(nonce.encode()))
    elif context.nkey:
        found["nkeys_seed"] = str(Path(context.nkey).expanduser())
    if context.inbox_prefix:
        found["inbox_prefix"] = context.inbox_prefix
    if wants_tls(context):
        found["tls"] = make_tls(context)
    return found


def find_violation(text: str) -> tuple[str, str] | None:
    """Return ``publish`` or ``subscription``, and the subject in lower case, of what the server did not permit."""
    found = _VIOLATION.search(text.lower())
    return (found[1], found[2]) if found else None


def is_unknown_user(error: Exception) -> bool:
    """Tell whether the server does not know this user, or not any more."""
    text = str(error).lower()
    return not find_violation(text) and _UNKNOWN_USER.search(text) is not None


def _refuse_publish(subject: str) -> NotAuthorisedError:
    return NotAuthorisedError(f"this user may not publish to {subject}", remedy=ROLES_REMEDY)


def refuse_user(where: str) -> NotAuthorisedError:
    """Return the error for a user that the server at ``where`` does not know, or not any more."""
    return NotAuthorisedError(
        f"the NATS server at {where} refused this user: its key is unknown, revoked or expired",
        remedy="have an operator run `bramble access list`, and use the context that `bramble access add` writes",
    )


def _explain(error: Exception, refusals: list[Exception], context: Context) -> BusError | NotAuthorisedError:
    where = redact_url(context.url)
    last = refusals[-1] if isinstance(error, NoServersError) and refusals else error
    if is_unknown_user(last):  # not one before it: a server that reads its configuration anew knows nobody for a moment
        return refuse_user(where)
    reason = str(last) or type(last).__name__
    if "certificate has expired" in reason:
        return BusError(
            f"the NATS server at {where} cannot be trusted: its certificate has expired",
            remedy="look at this machine's clock; or renew it: site.yml does, or `bramble access certificate`",
        )
    if any(word in reason.lower() for word in _NO_TLS):
        return BusError(
            f"the NATS server at {where} cannot be trusted: {redact_url(reason)}",
            remedy="let the context's `ca` be the cluster's, and its `url` a name in the server's certificate",
        )
    return BusError(
        f"no NATS server answers at {where}: {redact_url(reason)}",
        remedy="start one with `bramble local`, or choose another with --context",
    )
