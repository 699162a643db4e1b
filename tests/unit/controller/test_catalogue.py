"""Models as the bucket has them: what is no model is left out, and on the record."""

from __future__ import annotations

import asyncio

import pytest

from controller.catalogue import Catalogue
from modelkit.manifest import encode_manifest
from tests.jobs_testing.desk_bench import make_manifest
from wire.audit import UNPROVED, Deed, Outcome

NET = encode_manifest(make_manifest("net"))


@pytest.mark.parametrize(
    ("key", "data", "why"),
    [
        ("models.net;rm", NET, "no valid name"),
        ("models.net.>", NET, "no valid name"),
        ("models.other", NET, "it names itself another: net"),
        ("models.net2", NET.replace(b'"net"', b'"../net"'), "no manifest"),
        ("models.net2", b"{", "no manifest"),
    ],
)
def test_a_model_that_was_written_under_a_name_that_is_not_its_own_is_refused(key: str, data: bytes, why: str) -> None:
    refused: list[Deed] = []
    catalogue = Catalogue(refused.append)

    catalogue.replace({"models.net": NET, key: data})

    assert [manifest.name for manifest in catalogue.manifests] == ["net"]
    (deed,) = refused
    assert (deed.who, deed.action, deed.target, deed.outcome) == (UNPROVED, "model.add", key, Outcome.REFUSED)
    assert deed.detail.startswith(why)


async def test_a_version_that_was_written_is_waited_for_until_it_is_read() -> None:
    catalogue, wanted = Catalogue(), make_manifest("net")
    waiting = asyncio.create_task(catalogue.wait_for(wanted, within=30))
    catalogue.replace({"models.other": encode_manifest(make_manifest("other"))})
    await asyncio.sleep(0)
    assert not waiting.done()
    catalogue.replace({"models.net": NET})
    await waiting
    assert catalogue.require("net") == wanted


async def test_a_version_that_is_never_read_is_not_waited_for_for_ever() -> None:
    await Catalogue().wait_for(make_manifest("net"), within=0.01)
