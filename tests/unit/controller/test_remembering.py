from __future__ import annotations

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from controller.catalogue import Catalogue
from controller.dispatch.job import Job, Outcome
from controller.dispatch.remembering import AnswerCache, RememberingDispatcher
from modelkit.manifest import Manifest, encode_manifest
from tests.agent_testing.models import small_manifest
from wire import subjects
from wire.messages import Answer, Class, StageTimings, Timings
from wire.precision import Precision
from wire.tiles import Tiles

MANIFEST = small_manifest(b"model")
JOB = Job("f1", "small", b"picture", deadline=9.0, cached=True)


class Nodes:
    """Answers every job, and counts them."""

    def __init__(self) -> None:
        self.asked = 0
        self.wire: tuple[Precision, ...] = ()

    async def infer(self, job: Job) -> Outcome:
        self.asked += 1
        answer = Answer(
            frame=job.frame, model="small", version="1", digest=MANIFEST.digest("cpu-f32"), nodes=("n",), width=4,
            height=3, timings=Timings(infer_ms=9.0), stages=(StageTimings(node="n"),), wire=self.wire,
            classes=(Class(label="red", index=0, score=len(job.payload) / 100),),
        )  # fmt: skip
        return Outcome(answer, wait_s=0.1, travel_s=0.1, redone=False)


class Bench:
    def __init__(self, **limits: int) -> None:
        self.catalogue = Catalogue()
        self.configure(MANIFEST)
        self.fenced: set[str] = set()
        self.cache = AnswerCache(self.catalogue, lambda node, _model, _artefact: node in self.fenced, **limits)
        self.nodes = Nodes()
        self.dispatcher = RememberingDispatcher(self.nodes, self.cache)

    def configure(self, manifest: Manifest) -> None:
        self.catalogue.replace({subjects.MODEL_KEY.build(model="small"): encode_manifest(manifest)})

    def ask(self, job: Job = JOB) -> Outcome:
        return asyncio.run(self.dispatcher.infer(job))


def test_the_same_picture_is_answered_without_a_node_and_says_so() -> None:
    bench = Bench()
    first, second = bench.ask(), bench.ask(replace(JOB, frame="f2"))
    assert (first.cached, second.cached, bench.nodes.asked) == (False, True, 1)
    assert second.answer.classes == first.answer.classes
    assert (second.answer.frame, second.answer.nodes, second.answer.stages) == ("f2", (), ())
    assert second.answer.timings == Timings()


@pytest.mark.parametrize(
    "change",
    [{"payload": b"picturf"}, {"top_k": 3}, {"threshold": 0.5}, {"cached": False}, {"tiles": Tiles(columns=2, rows=1)}],
    ids=str,
)
def test_another_question_is_asked_of_a_node(change: dict[str, object]) -> None:
    bench = Bench()
    bench.ask()
    assert not bench.ask(replace(JOB, **change)).cached
    assert bench.nodes.asked == 2


def test_an_answer_is_forgotten_with_the_artefact_the_labels_or_the_trust_in_its_node() -> None:
    for spoil in (
        lambda bench: bench.configure(small_manifest(b"another model")),
        lambda bench: bench.configure(msgspec.structs.replace(MANIFEST, labels=("rot", "grün", "blau", "sonst"))),
        lambda bench: bench.fenced.add("n"),
    ):
        bench = Bench()
        bench.ask()
        spoil(bench)
        assert not bench.ask().cached


def test_answers_over_inexact_hops_are_not_kept() -> None:
    bench = Bench()
    bench.nodes.wire = (Precision.F16,)
    bench.ask()
    assert not bench.ask().cached


@given(st.lists(st.integers(0, 12), max_size=60), st.integers(0, 5), st.integers(0, 2000))
def test_the_cache_stays_within_its_bounds_and_only_ever_repeats_what_was_said(
    asked: list[int], entries: int, size: int
) -> None:
    bench = Bench(max_entries=entries, max_bytes=size)
    for number in asked:
        outcome = bench.ask(replace(JOB, payload=b"x" * number))
        assert outcome.answer.classes is not None
        assert outcome.answer.classes[0].score == number / 100
        assert len(bench.cache) <= entries
        assert 0 <= bench.cache.bytes <= size
    assert bench.cache.hits + bench.nodes.asked == len(asked)
