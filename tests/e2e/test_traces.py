"""A real cluster that is traced: a request leads to spans at a collector, a slow bucket to its trace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from cli.connection import open_cluster
from tests.e2e.local_process import StartLocal
from tests.tracing_testing.receiver import Receiver
from wire import subjects
from wire.messages import Result, decode
from wire.trace import derive_id

pytestmark = pytest.mark.e2e

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


async def test_a_request_is_followed_through_the_cluster(
    start_local: StartLocal, receiver: Receiver, pictures: Path
) -> None:
    options = ("--nodes", "1", "--simulated", "--model", "mobilenet_v2", "--traces", receiver.endpoint)
    local = start_local(*options)
    picture = (pictures / "ramp.jpg").read_bytes()
    async with open_cluster(local.told["context"]) as cluster:
        link = cluster.bus.data
        header = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
        asked = subjects.INFER.build(model="mobilenet_v2")
        followed = decode((await link.request(asked, picture, headers=header, within=10)).data, Result)
        spans = receiver.wait_for("frame mobilenet_v2", within=20)
        own = decode((await link.request(asked, picture, within=10)).data, Result)
        own_spans = receiver.wait_for("frame mobilenet_v2", within=20)

    root = next(span for span in spans if span.name == "frame mobilenet_v2")
    assert (root.trace_id.hex(), root.parent_span_id.hex()) == (TRACE, SPAN)
    assert {span.name for span in spans} >= {"stage 0", "decode", "infer"}
    stage = next(span for span in spans if span.name == "stage 0")
    assert {each.key: each.value.string_value for each in stage.attributes}["bramble.node"] == followed.nodes[0]
    assert {span.trace_id.hex() for span in own_spans} == {derive_id(own.frame, 32)}
    assert own.frame in exemplars(local.told["metrics"])


def exemplars(url: str) -> dict[str, str]:
    """Return trace by frame, as the metrics tell."""
    request = Request(url, headers={"Accept": "application/openmetrics-text; version=1.0.0"})  # noqa: S310 - loopback
    with urlopen(request, timeout=10) as reply:  # noqa: S310 - likewise
        families = text_string_to_metric_families(reply.read().decode())
    found = [s.exemplar.labels for family in families for s in family.samples if s.exemplar is not None]
    return {labels["frame"]: labels["trace_id"] for labels in found}
