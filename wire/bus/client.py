"""nats-py's client, guarded where hostile input would stop it, and its settings: liveness in seconds, not minutes."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoServersError, SlowConsumerError

from wire.context import Context
from wire.errors import BadRequestError, BusError, NotAuthorisedError
from wire.redact import redact_url

MALFORMED = "Bramble-Malformed"
"""Set on a message whose headers could not be read, so that its receiver can refuse it."""

_log = logging.getLogger("bramble.bus")


class GuardedClient(Client):
    """A client that survives malformed headers, and servers that accept and stay silent."""

    async def _process_headers(self, headers: bytes | None) -> dict[str, str] | None:
        try:
            found: dict[str, str] | None = await super()._process_headers(headers)
        except (ValueError, IndexError) as error:
            _log.warning("malformed headers", extra={"action": "read_headers", "error": repr(error)})
            return {MALFORMED: type(error).__name__}
        if found is None and headers is not None and headers.strip() not in (b"", b"NATS/1.0"):
            return {MALFORMED: "unreadable"}
        return found

    async def _process_connect_init(self) -> None:
        try:
            await super()._process_connect_init()
        except BaseException:
            # A frozen server accepts and stays silent; nats-py's next attempt would leave this socket open.
            if self._transport:
                self._transport.close()
            raise


async def open_client(
    context: Context,
    *,
    name: str,
    on_error: Callable[[Exception], Awaitable[None]],
    on_disconnect: Callable[[], Awaitable[None]],
    on_reconnect: Callable[[], Awaitable[None]],
) -> Client:
    """Connect once and then reconnect for ever.

    Raises:
        NotAuthorisedError: the server refused the user.
        BusError: no server could be reached.

    """
    client = GuardedClient()
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
    refusals.clear()
    return client


def is_slow_consumer(error: Exception) -> bool:
    """Tell whether the error says that messages were dropped because a handler was too slow."""
    return isinstance(error, SlowConsumerError)


def _credentials(context: Context) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if context.user:
        found |= {"user": context.user, "password": context.password}
    if context.token:
        found["token"] = context.token
    if context.creds:
        found["user_credentials"] = str(Path(context.creds).expanduser())
    if context.nkey:
        found["nkeys_seed"] = str(Path(context.nkey).expanduser())
    if context.inbox_prefix:
        found["inbox_prefix"] = context.inbox_prefix
    if context.ca or context.cert:
        found["tls"] = _tls(context)
    return found


def _tls(context: Context) -> ssl.SSLContext:
    try:
        tls = ssl.create_default_context(cafile=str(Path(context.ca).expanduser()) if context.ca else None)
        tls.minimum_version = ssl.TLSVersion.TLSv1_3
        if context.cert:
            tls.load_cert_chain(
                Path(context.cert).expanduser(), Path(context.key).expanduser() if context.key else None
            )
    except OSError as error:  # ssl.SSLError is one
        raise BadRequestError(f"the context's certificates cannot be read: {error}") from error
    return tls


def _explain(error: Exception, refusals: list[Exception], context: Context) -> BusError | NotAuthorisedError:
    where = redact_url(context.url)
    texts = " ".join(str(each).lower() for each in [error, *refusals])
    if "authorization" in texts or "authentication" in texts:
        return NotAuthorisedError(
            f"the NATS server at {where} refused this user",
            remedy="check the context's user, password, token or key",
        )
    reason = str(refusals[-1] if isinstance(error, NoServersError) and refusals else error) or type(error).__name__
    return BusError(
        f"no NATS server answers at {where}: {redact_url(reason)}",
        remedy="start one with `bramble local`, or choose another with --context",
    )
