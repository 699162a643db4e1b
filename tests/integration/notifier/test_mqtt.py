"""Retained topics on real brokers: nats-server's own MQTT, and Mosquitto as people run it beside Home Assistant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from notifier.mqtt import MqttTeller
from notifier.settings import Mqtt
from tests.notifier_testing.servers import MqttBroker, listening


@pytest.fixture(params=["nats-server", "mosquitto"])
def mqtt_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MqttBroker]:
    broker = MqttBroker(request.param, tmp_path)
    broker.start()
    yield broker
    broker.stop()


@asynccontextmanager
async def telling(broker: MqttBroker) -> AsyncIterator[MqttTeller]:
    teller = MqttTeller(Mqtt(host="127.0.0.1", port=broker.port))
    task = asyncio.create_task(teller.run(), name="teller")
    try:
        yield teller
    finally:
        task.cancel()
        await asyncio.wait({task})


def board(**topics: bytes) -> dict[str, bytes]:
    return {"bramble/availability": b"online", **{f"bramble/{name}/state": data for name, data in topics.items()}}


async def test_who_comes_later_finds_the_board_and_not_what_was_taken_off_it(mqtt_broker: MqttBroker) -> None:
    async with telling(mqtt_broker) as teller:
        async with listening(mqtt_broker.port) as ear:
            teller.show(board(door=b"1", yard=b"1"))
            await ear.wait_for_payload("bramble/yard/state", b"1")
            teller.show(board(door=b"2"))
            await ear.wait_for_payload("bramble/yard/state", b"")
        async with listening(mqtt_broker.port) as late:
            await late.wait_for_payload("bramble/door/state", b"2")
            await late.wait_for_payload("bramble/availability", b"online")
            assert "bramble/yard/state" not in late.retained


async def test_only_what_changed_is_sent_again(mqtt_broker: MqttBroker) -> None:
    async with telling(mqtt_broker) as teller, listening(mqtt_broker.port) as ear:
        teller.show(board(door=b"1", yard=b"1"))
        await ear.wait_for_payload("bramble/yard/state", b"1")
        teller.show(board(door=b"2", yard=b"1"))
        await ear.wait_for_payload("bramble/door/state", b"2")
        teller.tell(b'{"kind":"trouble"}')
        await ear.wait_for_payload("bramble/event", b'{"kind":"trouble"}')

        assert ear.heard.count(("bramble/yard/state", b"1")) == 1


async def test_when_home_assistant_starts_it_hears_everything_again(mqtt_broker: MqttBroker) -> None:
    async with telling(mqtt_broker) as teller, listening(mqtt_broker.port) as ear:
        teller.show(board(door=b"1"))
        await ear.wait_for_payload("bramble/door/state", b"1")
        await ear.client.publish("homeassistant/status", "online", qos=1)

        await ear.wait_for(lambda: ear.heard.count(("bramble/door/state", b"1")) == 2)


async def test_a_stop_in_good_order_says_offline(mqtt_broker: MqttBroker) -> None:
    async with listening(mqtt_broker.port) as ear:
        async with telling(mqtt_broker) as teller:
            teller.show(board())
            await ear.wait_for_payload("bramble/availability", b"online")
        await ear.wait_for_payload("bramble/availability", b"offline")


async def test_a_broker_that_comes_back_is_told_everything_again(mqtt_broker: MqttBroker) -> None:
    async with telling(mqtt_broker) as teller:
        async with listening(mqtt_broker.port) as ear:
            teller.show(board(door=b"1"))
            await ear.wait_for_payload("bramble/door/state", b"1")
        mqtt_broker.stop()
        teller.show(board(door=b"2"))
        teller.tell(b"meanwhile")
        mqtt_broker.start()

        async with listening(mqtt_broker.port) as again:
            await again.wait_for_payload("bramble/door/state", b"2")
            await again.wait_for_payload("bramble/availability", b"online")
