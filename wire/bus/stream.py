"""A JetStream stream: publish once, read, count, purge, and pull work from it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import msgspec
import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.js import api
from nats.js.client import JetStreamContext

from wire.bus.link import Link
from wire.bus.replicas import create_replicated
from wire.bus.work import Work, fetch
from wire.errors import BusError, NoCapacityError, NoRespondersError, TooLargeError

REQUEST_S = 5.0
READ_BATCH = 256
IDLE_S = 30.0
"""How long the server keeps a reader's place after the reader has gone."""

_EXPECT_LAST = "Nats-Expected-Last-Subject-Sequence"
_WRONG_LAST_SEQUENCE = 10071
_NOT_STORED = 10077
_NO_STORAGE = (10023, 10047)

_log = logging.getLogger("bramble.bus")


class TakenError(BusError):
    """There is another message on that subject than was expected, or one is on its way to be stored.

    In a cluster of servers the latter may come to nothing, when they lose their leader: :meth:`Stream.holds` tells.
    """


class FullError(NoCapacityError):
    """The stream is at its limit and refuses what is new, so that nothing that it holds is lost."""


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """How a stream is to be. Always on disk, and full means refused."""

    name: str
    subjects: tuple[str, ...]
    max_bytes: int
    max_messages: int = -1
    max_age_s: float = 0.0  # 0: for ever
    work_queue: bool = False  # a message is gone once it is acknowledged
    one_a_subject: bool = False  # the server refuses a second message on a subject
    append_only: bool = False  # nothing in it can be deleted, by anybody
    evicts: bool = False  # full means that the oldest goes, instead
    recalls_s: float = (
        0.0  # for so long a message with the id of an earlier one is not stored again; 0: as the server has it
    )


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as the stream holds it."""

    subject: str
    headers: Mapping[str, str]
    data: bytes
    sequence: int
    at: float  # Unix seconds
    left: int = 0  # how many were behind it when it was read


class StreamState(msgspec.Struct, frozen=True):
    """What a stream holds; ``subjects`` only where it was asked for."""

    messages: int = 0
    bytes: int = 0
    first_seq: int = 0
    last_seq: int = 0
    first_ts: str = ""
    subjects: dict[str, int] = msgspec.field(default_factory=dict)


class _Info(msgspec.Struct, frozen=True):
    state: StreamState = msgspec.field(default_factory=StreamState)
    total: int = 0
    offset: int = 0
    limit: int = 0
    error: dict[str, object] | None = None


@dataclass(slots=True)
class Stream:
    """A stream, over one connection. Attaching asks nothing of the server."""

    link: Link
    name: str
    _js: JetStreamContext = field(init=False)

    def __post_init__(self) -> None:
        self._js = self.link.client.jetstream(timeout=REQUEST_S)

    @classmethod
    async def ensure(cls, link: Link, spec: StreamSpec) -> Stream:
        """Create the stream, or bring the one that is there into line.

        Raises:
            FullError: the server has not as much storage left as the stream may need.
            BusError: JetStream is not there or refused.

        """
        stream = cls(link, spec.name)
        async with stream._asking(f"the stream {spec.name} cannot be opened"):
            try:
                known = await stream._js.stream_info(spec.name)
            except nats.js.errors.NotFoundError:
                await create_replicated(lambda replicas: stream._js.add_stream(_config(spec, replicas)))
            else:
                await stream._js.update_stream(_config(spec, known.config.num_replicas or 1))
        return stream

    async def publish(
        self,
        subject: str,
        payload: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        after: int | None = None,
        within: float = REQUEST_S,
    ) -> int:
        """Store a message; it is on disk when this returns its sequence.

        Args:
            subject: one of the stream's.
            payload: the message.
            headers: its headers.
            after: only if the newest message on that subject has this sequence; 0: if there is none.
            within: seconds to wait for the server's word.

        Raises:
            TakenError: the newest is another.
            FullError: it is at its limit, or the server has no storage left.
            TooLargeError: the payload is above the server's limit.
            BusError: the message may have been stored or not; to ask again is safe with ``after``.

        """
        if len(payload) > self.link.max_payload:
            raise TooLargeError(f"a payload of {len(payload)} bytes is above the server's {self.link.max_payload}")
        sent = dict(headers or {}) | ({} if after is None else {_EXPECT_LAST: str(after)})
        async with self._asking(f"storing on {subject} failed"):
            told = await self._js.publish(subject, payload, timeout=within, headers=sent or None, stream=self.name)
            return int(told.seq)

    async def last(self, subject: str, *, surely: bool = False, within: float = REQUEST_S) -> Stored | None:
        """Return the newest message on a subject; None when there is none.

        Args:
            subject: one of the stream's.
            surely: ask the stream's leader, where any replica may answer otherwise, and may be a little behind.
            within: seconds to wait for the answer.

        Raises:
            BusError: the stream could not be asked.

        """
        async with self._asking(f"reading {subject} failed"), asyncio.timeout(within):
            try:
                return _stored(await self._js.get_msg(self.name, subject=subject, direct=not surely))
            except nats.js.errors.NotFoundError:
                return None

    async def holds(self, subject: str) -> bool:
        """Tell whether the stream holds a message on a subject, by its leader's word.

        Raises:
            BusError: the stream could not be asked.

        """
        return bool((await self.state(subjects=subject)).subjects)

    async def next(self, subject: str, *, after: int = 0) -> Stored | None:
        """Return the first message on matching subjects beyond the sequence ``after``; None when there is none.

        Raises:
            BusError: the stream could not be asked.

        """
        async with self._asking(f"reading {subject} failed"):
            try:
                return _stored(
                    await self._js.get_msg(self.name, seq=after + 1, subject=subject, direct=True, next=True)
                )
            except nats.js.errors.NotFoundError:
                return None

    async def delete(self, sequence: int) -> bool:
        """Remove one message; False when it was not there any more.

        Raises:
            BusError: the stream could not be asked.

        """
        async with self._asking(f"removing {sequence} from {self.name} failed"):
            try:
                return await self._js.delete_msg(self.name, sequence)
            except (nats.js.errors.NotFoundError, nats.js.errors.BadRequestError, nats.js.errors.ServerError):
                return False

    async def purge(self, subject: str, *, until: int = 0) -> None:
        """Remove what is on the subjects that match, up to and with the sequence ``until`` where it is not 0.

        Raises:
            BusError: the stream could not be asked.

        """
        async with self._asking(f"purging {subject} failed"):
            await self._js.purge_stream(self.name, subject=subject, seq=until + 1 if until else None)

    async def state(self, *, subjects: str = "") -> StreamState:
        """Tell what the stream holds, with the count of messages a subject for those that match ``subjects``.

        Raises:
            BusError: the stream is not there or could not be asked.

        """
        found: dict[str, int] = {}
        while True:
            ask = {"subjects_filter": subjects, "offset": len(found)} if subjects else {}
            async with self.link.unbroken():
                reply = await self.link.request(
                    f"$JS.API.STREAM.INFO.{self.name}", msgspec.json.encode(ask), within=REQUEST_S
                )
            info = msgspec.json.decode(reply.data, type=_Info)
            if info.error:
                raise BusError(f"the stream {self.name} cannot be read: {info.error.get('description')}")
            found |= info.state.subjects
            if not info.state.subjects or len(found) >= info.total:
                return msgspec.structs.replace(info.state, subjects=found)

    async def read(
        self, subject: str, *, after: int = 0, headers_only: bool = False, follow: bool = False
    ) -> AsyncIterator[Stored]:
        """Yield the messages on matching subjects in order, from the one after the sequence ``after`` on.

        Ends with what was there when it began; with ``follow`` it waits for more, also through the server's restart.

        Raises:
            BusError: the stream could not be read (without ``follow``).

        """
        while True:
            try:
                async with aclosing(self._read_once(subject, after, headers_only=headers_only, follow=follow)) as found:
                    async for message in found:
                        after = message.sequence
                        yield message
            except BusError as error:
                if not follow:
                    raise
                _log.info("reading again", extra={"action": "read", "stream": self.name, "error": str(error)})
                await asyncio.sleep(0.5)
            else:
                if not follow:
                    return

    async def _read_once(self, subject: str, after: int, *, headers_only: bool, follow: bool) -> AsyncGenerator[Stored]:
        """Yield until there is nothing more, or the server has forgotten the reader."""
        config = api.ConsumerConfig(
            filter_subject=subject,
            deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=after + 1,
            ack_policy=api.AckPolicy.NONE,
            headers_only=headers_only,
            inactive_threshold=IDLE_S,
            mem_storage=True,
            num_replicas=1,
        )
        async with self._asking(f"reading {self.name} failed"):
            info = await self._js.add_consumer(self.name, config)
            subscription = await self._js.pull_subscribe_bind(consumer=info.name, stream=self.name)
        left = info.num_pending or 0
        try:
            while left or follow:
                async with self._asking(f"reading {self.name} failed"):
                    messages = await fetch(subscription, READ_BATCH, within=1.0)
                    if not messages:
                        await subscription.consumer_info()  # raises where the reader's place is lost
                for message in messages:
                    stored = _delivered(message)
                    left = stored.left
                    yield stored
        finally:
            await _forget(subscription)

    async def work(self, name: str, subjects: tuple[str, ...], *, ack_wait_s: float, max_unacknowledged: int) -> Work:
        """Open the durable consumer ``name``, which hands each message to one of those who pull.

        Raises:
            BusError: the server refused.

        """
        config = api.ConsumerConfig(
            durable_name=name,
            filter_subjects=list(subjects),
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=ack_wait_s,
            max_deliver=-1,  # whoever pulls counts: the server would only fall silent
            max_ack_pending=max_unacknowledged,
        )
        async with self._asking(f"the consumer {name} of {self.name} cannot be opened"):
            await self._js.add_consumer(self.name, config)
            return Work(self.link, await self._js.pull_subscribe_bind(consumer=name, stream=self.name))

    @asynccontextmanager
    async def _asking(self, what: str) -> AsyncIterator[None]:
        """Ask the server, for as long as the connection holds, and turn nats-py's errors into ours."""
        with _typed(what):
            async with self.link.unbroken():
                yield


@contextmanager
def _typed(what: str) -> Iterator[None]:
    """Turn nats-py's errors into ours."""
    try:
        yield
    except nats.js.errors.APIError as error:
        text = error.description or repr(error)
        if error.err_code == _WRONG_LAST_SEQUENCE or "per subject" in text:
            raise TakenError(f"{what}: {text}") from error
        if error.err_code == _NOT_STORED or error.err_code in _NO_STORAGE:
            raise FullError(f"{what}: {text}", remedy="try again later, or give the server more storage") from error
        if isinstance(error, nats.js.errors.ServiceUnavailableError) and not error.description:
            raise BusError(
                f"{what}: JetStream is not available now",
                remedy="try again: servers that look for a leader need some seconds",
            ) from error
        raise BusError(f"{what}: {text}") from error
    except nats.js.errors.NoStreamResponseError as error:
        raise NoRespondersError(
            f"{what}: no stream takes it", remedy="is the controller running, and JetStream on?"
        ) from error
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
        raise BusError(f"{what}: {error!r}") from error


def _config(spec: StreamSpec, replicas: int) -> api.StreamConfig:
    return api.StreamConfig(
        name=spec.name,
        subjects=list(spec.subjects),
        retention=api.RetentionPolicy.WORK_QUEUE if spec.work_queue else api.RetentionPolicy.LIMITS,
        storage=api.StorageType.FILE,
        discard=api.DiscardPolicy.OLD if spec.evicts else api.DiscardPolicy.NEW,
        discard_new_per_subject=spec.one_a_subject and not spec.evicts,
        max_msgs_per_subject=1 if spec.one_a_subject else -1,
        deny_delete=spec.append_only,
        deny_purge=spec.append_only,
        max_bytes=spec.max_bytes,
        max_msgs=spec.max_messages,
        max_age=spec.max_age_s,
        duplicate_window=spec.recalls_s,
        num_replicas=replicas,
        allow_direct=True,
    )


def _stored(message: api.RawStreamMsg) -> Stored:
    return Stored(
        subject=message.subject or "",
        headers=message.headers or {},
        data=message.data or b"",
        sequence=message.seq or 0,
        at=message.time.timestamp() if message.time else 0.0,
    )


def _delivered(message: Msg) -> Stored:
    about = message.metadata
    return Stored(
        subject=message.subject,
        headers=message.headers or {},
        data=message.data,
        sequence=about.sequence.stream,
        at=about.timestamp.timestamp(),
        left=about.num_pending,
    )


async def _forget(subscription: JetStreamContext.PullSubscription) -> None:
    try:
        await subscription.unsubscribe()
    except (nats.errors.Error, nats.js.errors.Error) as error:
        _log.debug("the reader had gone", extra={"action": "unsubscribe", "error": repr(error)})
