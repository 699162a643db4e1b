"""Hostile input through the front door: the right error, quickly, and nobody falls over."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.agent_testing.models import claim_size, make_jpeg
from tests.e2e.local_process import LocalProcess
from tests.testing.raw_client import raw_client
from wire.bus import Bus
from wire.context import load_context
from wire.errors import ErrorCode

pytestmark = pytest.mark.e2e

JPEG = make_jpeg(320, 240)
HOSTILE = {
    "0 bytes": (b"", None, "bad_image"),
    "a JPEG that ends inside its header": (JPEG[:100], None, "bad_image"),
    "a text": (b"GET / HTTP/1.1\r\n\r\n", None, "bad_image"),
    "a GIF under the name of a JPEG": (b"GIF89a" + bytes(100), None, "bad_image"),
    "32000x32000 in 94 kB": (claim_size(JPEG + bytes(94_000), 32_000, 32_000), None, "too_large"),
    "a deadline of -1": (JPEG, b"NATS/1.0\r\nBramble-Deadline-Ms: -1\r\n\r\n", "bad_request"),
    "a top-k without end": (JPEG, b"NATS/1.0\r\nBramble-Top-K: " + b"9" * 3000 + b"\r\n\r\n", "bad_request"),
    "a threshold of NaN": (JPEG, b"NATS/1.0\r\nBramble-Threshold: nan\r\n\r\n", "bad_request"),
    "headers that are no UTF-8": (JPEG, b"NATS/1.0\r\n\xff\xfe\xfd: \xff\r\n\r\n", None),
    "a status that is no text": (JPEG, b"NATS/1.0 \xff\xff\r\n\r\n", "bad_request"),
}


async def ask(
    local: LocalProcess, payload: bytes, headers: bytes | None, model: str = "mobilenet_v2"
) -> dict[str, object]:
    async with raw_client(load_context(local.told["context"])) as raw:
        return json.loads(await raw.request(f"infer.{model}", payload, headers=headers))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_gets_its_error_and_the_next_picture_its_answer(simulated: LocalProcess, name: str) -> None:
    payload, headers, code = HOSTILE[name]
    answer = asyncio.run(ask(simulated, payload, headers))
    if code is not None:
        assert answer["error"]["code"] == code  # type: ignore[index]
        assert answer["error"]["remedy"] or answer["error"]["message"]  # type: ignore[index]
    assert "classes" in asyncio.run(ask(simulated, JPEG, None))


@pytest.mark.parametrize("model", ["nothing", "x" * 64, "-", "_"])
def test_an_unknown_model_is_told_as_such(simulated: LocalProcess, model: str) -> None:
    answer = asyncio.run(ask(simulated, JPEG, None, model))
    assert answer["error"]["code"] == "unknown_model"  # type: ignore[index]


def test_a_model_name_that_is_no_name_is_a_bad_request(simulated: LocalProcess) -> None:
    assert asyncio.run(ask(simulated, JPEG, None, "$x"))["error"]["code"] == "bad_request"  # type: ignore[index]


def test_errors_come_within_a_tenth_of_a_second(simulated: LocalProcess) -> None:
    async def measure() -> list[float]:
        times = []
        async with Bus.connect(load_context(simulated.told["context"]), name="hostile") as bus:
            for payload, headers, code in HOSTILE.values():
                if headers is None and code:
                    started = time.perf_counter()
                    await bus.data.request("infer.mobilenet_v2", payload, within=5)
                    times.append(time.perf_counter() - started)
        return times

    assert sorted(asyncio.run(measure()))[2] < 0.1  # the median, on machines that pause now and then


def test_any_bytes_under_any_headers_get_an_answer_and_the_ledger_stays_exact(simulated: LocalProcess) -> None:
    async def flood() -> None:
        async with Bus.connect(load_context(simulated.told["context"]), name="fuzz") as bus:
            loop = asyncio.get_running_loop()

            @settings(max_examples=200, suppress_health_check=list(HealthCheck))
            @given(
                st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: JPEG[:200] + tail),
                st.dictionaries(
                    st.sampled_from(["Bramble-Deadline-Ms", "Bramble-Top-K", "Bramble-Answer", "Other"]),
                    st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=10),
                ),
            )
            def send(payload: bytes, headers: dict[str, str]) -> None:
                request = bus.data.request("infer.mobilenet_v2", payload, headers=headers, within=10)
                answer = json.loads(asyncio.run_coroutine_threadsafe(request, loop).result(20).data)
                assert "classes" in answer or answer["error"]["code"] in set(ErrorCode)

            await asyncio.to_thread(send)

    asyncio.run(flood())
    status = simulated.ask("status")[0]
    counts = status["counts"]
    ends = counts["inferred"] + counts["gated"] + sum(counts["dropped"].values()) + sum(counts["failed"].values())
    assert counts["open"] == 0
    assert counts["offered"] == ends
    assert "internal" not in counts["failed"]
    assert [node["liveness"] for node in status["nodes"]] == ["live"] * 3
