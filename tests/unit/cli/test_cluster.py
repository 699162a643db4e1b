from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from cli.cluster import PENDING_RESULTS, Cluster, Results
from wire import subjects
from wire.bus import Bus, Received
from wire.errors import BadRequestError, InternalError, NoCapacityError, NoRespondersError
from wire.headers import AnswerKind, InferOptions
from wire.messages import Result, encode
from wire.service import error_headers


class Message:
    """A message as the bus hands it over."""

    def __init__(self, data: bytes) -> None:
        self.subject, self.reply, self.headers, self.data = "results.door.ssd", "", None, data


async def answer(bus: Bus, subject: str, payload: bytes, headers: dict[str, str]) -> None:
    """Answer every request on a subject with the same reply."""

    async def reply(message: Received) -> None:
        await bus.data.publish(message.reply, payload, headers=headers)

    await bus.data.subscribe(subject, reply)
    await bus.data.flush()


async def test_an_error_reply_is_raised_as_the_error_that_it_is(bus: Bus) -> None:
    error = NoCapacityError("no node is free", remedy="try again")
    await answer(bus, subjects.INFER.build(model="ssd"), error.to_json(), error_headers(error))
    with pytest.raises(NoCapacityError, match="no node is free") as caught:
        await Cluster(bus).infer("ssd", b"", InferOptions())
    assert caught.value.remedy == "try again"


async def test_an_error_reply_that_cannot_be_read_is_still_an_error(bus: Bus) -> None:
    await answer(
        bus,
        subjects.CONTROL.build(user=bus.user, noun="cluster", verb="status"),
        b"oops",
        {"Bramble-Error": "internal"},
    )
    with pytest.raises(InternalError, match="oops"):
        await Cluster(bus).status()


async def test_an_answer_that_is_no_answer_is_refused(bus: Bus) -> None:
    await answer(bus, subjects.CONTROL.build(user=bus.user, noun="cluster", verb="status"), b"{}", {})
    with pytest.raises(BadRequestError, match="not a valid ClusterStatus"):
        await Cluster(bus).status()


async def test_a_picture_is_returned_as_it_came_where_one_was_asked_for(bus: Bus) -> None:
    await answer(bus, subjects.INFER.build(model="ssd"), b"\xff\xd8", {"Content-Type": "image/jpeg"})
    assert await Cluster(bus).infer("ssd", b"", InferOptions(answer=AnswerKind.PICTURE)) == b"\xff\xd8"


async def test_a_server_without_a_controller_is_told_from_no_server(bus: Bus) -> None:
    with pytest.raises(NoRespondersError, match="no controller does"):
        await Cluster(bus).status()


async def test_results_that_nobody_reads_in_time_are_lost_oldest_first_and_counted(
    make_result: Callable[..., Result],
) -> None:
    results = Results()
    first = make_result()
    for number in range(PENDING_RESULTS + 2):
        await results.put(Message(encode(msgspec.structs.replace(first, frame=str(number)))))
    assert results.lost == 2
    assert (await results.next()).frame == "2"


async def test_a_message_that_is_no_result_is_refused() -> None:
    with pytest.raises(BadRequestError, match="not a valid Result"):
        await Results().put(Message(b"[]"))
