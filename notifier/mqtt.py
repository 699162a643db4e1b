"""Keeps an MQTT broker's retained topics as they should be, through every loss of the connection."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections import deque

import aiomqtt

from notifier.board import OFFLINE, Board, availability_topic
from notifier.settings import Mqtt
from wire.cancellation import heed_cancellation
from wire.errors import BadRequestError

KEEPALIVE_S = 10
SEND_S = 10.0
FIRST_DELAY_S, LAST_DELAY_S = 0.5, 30.0
MAX_EVENTS = 100
TLS_PORT = 8883

_log = logging.getLogger("bramble.notify")


class MqttTeller:
    """Publishes a board and single events. What is wanted is a state: the newest counts, nothing piles up."""

    def __init__(self, settings: Mqtt) -> None:
        self._settings = settings
        self._tls = _make_tls(settings)
        self._wanted: Board = {}
        self._sent: Board = {}
        self._events: deque[bytes] = deque(maxlen=MAX_EVENTS)
        self._changed = asyncio.Event()

    def show(self, board: Board) -> None:
        """Have exactly these topics retained; one that is no more is emptied."""
        self._wanted = board
        self._changed.set()

    def tell(self, event: bytes) -> None:
        """Publish an event once, not retained; while the broker is away the last hundred wait."""
        self._events.append(event)
        self._changed.set()

    async def run(self) -> None:
        """Serve until cancelled; then it is said that nothing is of today any more."""
        delay = FIRST_DELAY_S
        while True:
            try:
                async with self._connect() as client:
                    _log.info("mqtt connected", extra={"action": "mqtt_connect", "host": self._settings.host})
                    delay = FIRST_DELAY_S
                    await self._serve(client)
            except aiomqtt.MqttError as error:
                pause = delay * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
                _log.warning(
                    "mqtt away", extra={"action": "mqtt_connect", "error": str(error), "again_s": round(pause, 1)}
                )
                await asyncio.sleep(pause)
                delay = min(LAST_DELAY_S, 2 * delay)

    def _connect(self) -> aiomqtt.Client:
        settings = self._settings
        return aiomqtt.Client(
            settings.host,
            settings.port,
            username=settings.user or None,
            password=settings.password or None,
            tls_context=self._tls,
            keepalive=KEEPALIVE_S,
            timeout=SEND_S,
            will=aiomqtt.Will(availability_topic(settings), OFFLINE, qos=1, retain=True),
        )

    async def _serve(self, client: aiomqtt.Client) -> None:
        birth = f"{self._settings.discovery}/status"
        if self._settings.discovery:
            await client.subscribe(birth, qos=1)
            heed_cancellation()
        self._sent = {topic: b"" for topic in self._sent if topic not in self._wanted}
        self._changed.set()
        listening = asyncio.create_task(self._listen(client), name="mqtt-listen")
        try:
            while not listening.done():
                changed = asyncio.create_task(self._changed.wait(), name="mqtt-changed")
                await asyncio.wait({changed, listening}, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                self._changed.clear()
                await self._catch_up(client)
                heed_cancellation()
            listening.result()
        except asyncio.CancelledError:
            await client.publish(availability_topic(self._settings), OFFLINE, qos=1, retain=True)
            raise
        finally:
            listening.cancel()

    async def _listen(self, client: aiomqtt.Client) -> None:
        """Send everything again when Home Assistant says that it has just started."""
        async for message in client.messages:
            if message.payload == b"online":
                _log.info("home assistant started", extra={"action": "mqtt_birth"})
                self._sent = {}
                self._changed.set()

    async def _catch_up(self, client: aiomqtt.Client) -> None:
        wanted = self._wanted
        for topic in [topic for topic in self._sent if topic not in wanted]:
            await client.publish(topic, b"", qos=1, retain=True)
            del self._sent[topic]
        for topic, payload in wanted.items():
            if self._sent.get(topic) != payload:
                await client.publish(topic, payload, qos=1, retain=True)
                self._sent[topic] = payload
        while self._events:
            await client.publish(f"{self._settings.prefix}/event", self._events[0], qos=1)
            self._events.popleft()


def _make_tls(settings: Mqtt) -> ssl.SSLContext | None:
    if not settings.ca and settings.port != TLS_PORT:
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca or None)
    except OSError as error:
        raise BadRequestError(
            f"the CA {settings.ca} cannot be read: {error}", remedy="name a file of PEM certificates"
        ) from error
