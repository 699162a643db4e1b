"""Whose models a node serves: a real agent, a real server, real signatures."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from cli.local.broker import Broker
from modelkit.digest import sha256_bytes
from modelkit.manifest import Manifest, encode_manifest
from modelkit.signature import make_key, public_half, sign
from tests.agent_testing.cutting import push_stages
from tests.agent_testing.models import SmallClassifier, make_jpeg, push_blob, small_manifest
from tests.agent_testing.running_agent import RunningAgent
from wire import subjects
from wire.bus import Bus
from wire.messages import ShardState

KEY = make_key()
TFLITE = SmallClassifier().finish()
MANIFEST = small_manifest(TFLITE)


@dataclass
class Site:
    """A server that has the model's file, and a place for a node."""

    bus: Bus
    broker: Broker
    folder: Path

    def start_agent(self, *arguments: str) -> AbstractAsyncContextManager[RunningAgent]:
        return RunningAgent.start(self.bus, self.broker.context, self.folder, *arguments, backends="litert")

    def start_trusting(self, *arguments: str) -> AbstractAsyncContextManager[RunningAgent]:
        public = self.folder / "operator.pub"
        public.write_bytes(public_half(KEY))
        return self.start_agent("--trust", str(public), *arguments)

    async def push_signature(self, manifest: Manifest, signature: bytes) -> None:
        store = await self.bus.blobs(subjects.MODELS_STORE)
        name = subjects.SIGNATURE_BLOB.build(manifest=sha256_bytes(encode_manifest(manifest)))
        await store.put_bytes(name, signature)


@pytest.fixture
async def site(bus: Bus, broker: Broker, tmp_path: Path) -> Site:
    await push_blob(bus, TFLITE, tmp_path)
    return Site(bus, broker, tmp_path)


async def test_a_signed_model_is_served(site: Site) -> None:
    await site.push_signature(MANIFEST, sign(MANIFEST, KEY))
    async with site.start_trusting() as agent:
        shard = await agent.ready(MANIFEST, "cpu-f32")
        assert (await agent.infer(shard, make_jpeg())).classes


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        (None, "is not signed"),
        (sign(MANIFEST, make_key()), "no trusted key made this signature"),
        (sign(msgspec.structs.replace(MANIFEST, version="2"), KEY), "is for other files"),
        (b"{}", "not a Sigstore bundle"),
        (b"{" * 300_000, "300000 bytes, the limit is 256000"),
    ],
    ids=["unsigned", "stranger", "another version", "rubbish", "too large"],
)
async def test_a_model_without_a_good_signature_is_rejected_with_the_reason(
    site: Site, signature: bytes | None, words: str
) -> None:
    if signature is not None:
        await site.push_signature(MANIFEST, signature)
    async with site.start_trusting() as agent:
        shard = await agent.assign(MANIFEST, "cpu-f32")
        report = await agent.wait_for_state(shard, ShardState.REJECTED, within=60)
        assert words in report.reason


async def test_an_unsigned_model_is_served_where_that_is_allowed_but_a_wrong_signature_never_is(site: Site) -> None:
    forged = msgspec.structs.replace(MANIFEST, version="2")
    await site.push_signature(forged, sign(forged, make_key()))
    async with site.start_trusting("--allow-unsigned") as agent:
        await agent.ready(MANIFEST, "cpu-f32")
        shard = await agent.assign(forged, "cpu-f32")
        report = await agent.wait_for_state(shard, ShardState.REJECTED, within=60)
        assert "no trusted key" in report.reason


async def test_a_stage_is_held_against_the_signed_model_that_it_says_to_be_cut_from(site: Site) -> None:
    await site.push_signature(MANIFEST, sign(MANIFEST, KEY))
    other = SmallClassifier(weight=2.0).finish()
    (good, _), (bad, _) = [await push_stages(site.bus, MANIFEST, "cpu-f32", data, at=(2,)) for data in (TFLITE, other)]
    assert good.digest != bad.digest
    async with site.start_trusting() as agent:
        await agent.configure(MANIFEST)
        await agent.assign_shards(good)
        await agent.wait_for_state(good, ShardState.READY, within=60)
        await agent.assign_shards(bad)
        report = await agent.wait_for_state(bad, ShardState.REJECTED, within=60)
        assert "is not the operators 0 to 2 of the signed model" in report.reason


async def test_a_proof_from_before_signatures_were_asked_for_does_not_count(site: Site) -> None:
    async with site.start_agent() as agent:
        await agent.ready(MANIFEST, "cpu-f32")
    async with site.start_trusting() as agent:
        shard = await agent.assign(MANIFEST, "cpu-f32")
        await agent.wait_for_state(shard, ShardState.REJECTED, within=60)
