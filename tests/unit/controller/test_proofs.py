"""Cuts are proved before they take frames: whom to try next, whom to blame, and that nothing unproved is used."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from controller.catalogue import Catalogue
from controller.dispatch.candidate import Chain
from controller.dispatch.job import Job
from controller.proofs.known_picture import KnownPictures
from controller.proofs.prover import FIRST_RETRY_S, Prover
from controller.proofs.staffing import Post, find_suspects, find_trial
from modelkit.digest import sha256_bytes
from modelkit.manifest import ExpectedClass, KnownAnswer, Manifest, encode_manifest
from tests.agent_testing.models import make_jpeg, small_manifest
from tests.testing.virtual_time import run_virtually
from wire import subjects
from wire.bus import Link
from wire.cuts import cut_id
from wire.errors import InternalError
from wire.headers import Hop
from wire.messages import Answer, Class, Event, Shard, StageTimings, Timings, decode

PICTURE = make_jpeg()
MANIFEST = small_manifest(
    b"model",
    known_answer=KnownAnswer(
        file="p.jpg",
        sha256=sha256_bytes(PICTURE),
        bytes=len(PICTURE),
        top=ExpectedClass(label="red", score=0.9, tolerance=0.05),
    ),
)
WHOLE = MANIFEST.digest("cpu-f32")


def shard(stage: int, stages: int = 2, at: tuple[int, ...] = (2,)) -> Shard:
    return Shard(
        model="small", version="1", variant="cpu-f32", digest=f"{stage:064x}", stage=stage, stages=stages,
        start=stage, end=stage + 1, whole=WHOLE, cut=cut_id(WHOLE, at),
    )  # fmt: skip


def post(node: str, stage: int, at: tuple[int, ...] = (2,), session: str = "s") -> Post:
    return Post(node, session, shard(stage, at=at))


posts = st.lists(
    st.builds(post, st.sampled_from("abcd"), st.integers(0, 1), st.sampled_from([(2,), (3,)])), unique=True, max_size=8
)


@given(posts, st.data())
def test_trials_come_to_an_end_with_every_post_of_a_complete_cut_proved_and_no_other(
    there: list[Post], data: st.DataObject
) -> None:
    proved: set[Post] = set()
    blocked = set(data.draw(st.lists(st.sampled_from(there), max_size=2))) if there else set()
    for _ in range(len(there) + 1):
        trial = find_trial(there, proved, blocked)
        if trial is None:
            break
        assert {each.shard.cut for each in trial.posts} == {trial.chain.cut}
        assert [each.shard.stage for each in trial.posts] == [0, 1]
        assert set(trial.posts) - proved
        proved |= set(trial.posts)
    usable = set(there) - blocked
    complete = {
        each for each in usable
        if {other.shard.stage for other in usable if other.shard.cut == each.shard.cut} == {0, 1}
    }  # fmt: skip
    assert proved == complete


def test_the_node_that_names_itself_is_to_blame_and_else_whoever_is_new() -> None:
    known, new = post("a", 0), post("b", 1)
    trial = find_trial([known, new], {known}, ())
    assert trial is not None
    assert find_suspects(trial, "a", {known}) == (known,)
    assert find_suspects(trial, "", {known}) == (new,)


class Ear(Link):
    """A link that keeps the events published on it."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []

    async def publish(self, subject: str, payload: bytes = b"", **_: object) -> None:
        event = decode(payload, Event)
        assert subject == subjects.MODEL_EVENT.build(model="small", kind=event.kind)
        self.events.append(event)


class Store:
    """A store with the known picture."""

    async def get_bytes(self, name: str, *, limit: int, within: float = 10.0) -> bytes | None:  # noqa: ARG002
        return PICTURE if name == sha256_bytes(PICTURE) else None


class Bench:
    """A prover in virtual time; ``wrong`` nodes make the answer another one, ``broken`` ones fail."""

    def __init__(self, manifest: Manifest = MANIFEST) -> None:
        catalogue = Catalogue()
        catalogue.replace({subjects.MODEL_KEY.build(model="small"): encode_manifest(manifest)})
        self.wrong: set[str] = set()
        self.broken: set[str] = set()
        self.carried: list[tuple[str, ...]] = []
        self.ear = Ear()
        clock = asyncio.get_running_loop().time
        self.prover = Prover(catalogue, self, KnownPictures(Store()), self.ear, clock, on_change=lambda: None)

    async def carry(self, job: Job, chain: Chain, hops: tuple[Hop, ...], *, within: float) -> Answer:  # noqa: ARG002
        assert job.payload == PICTURE
        nodes = tuple(hop.node for hop in hops)
        self.carried.append(nodes)
        for node in nodes:
            if node in self.broken:
                raise InternalError("the device is gone", node=node)
        label = "blue" if self.wrong & {*nodes} else "red"
        return Answer(
            frame=job.frame, model="small", version="1", digest=WHOLE, nodes=nodes, width=1, height=1,
            timings=Timings(), cut=chain.cut, stages=tuple(StageTimings(node=node) for node in nodes),
            classes=(Class(label=label, index=0, score=0.9),),
        )  # fmt: skip

    def note(self, *there: Post) -> None:
        for each in there:
            self.prover.note(each.node, (each,))

    async def settle(self, seconds: float = 1.0) -> None:
        task = asyncio.create_task(self.prover.run())
        await asyncio.sleep(seconds)
        task.cancel()


def test_a_cut_is_used_once_the_known_picture_got_its_known_answer_over_every_node() -> None:
    async def main() -> None:
        bench = Bench()
        there = (post("a", 0), post("b", 1), post("c", 1))
        bench.note(*there[:1])
        await bench.settle()
        assert bench.carried == []  # a cut with a hole is not tried
        bench.note(*there[1:])
        await bench.settle()
        assert bench.carried == [("a", "b"), ("a", "c")]
        assert all(bench.prover.is_proved(each) for each in there)
        assert bench.prover.has_proved("small", cut_id(WHOLE, (2,)))
        (status,) = bench.prover.statuses("small")
        assert (status.ready, status.proved) == ((("a",), ("b", "c")), (("a",), ("b", "c")))

    run_virtually(main())


def test_a_node_that_makes_the_answer_another_one_is_not_used_and_tried_again_later() -> None:
    async def main() -> None:
        bench = Bench()
        bench.note(post("a", 0), post("b", 1))
        await bench.settle()
        bench.wrong = {"c"}
        bench.note(post("c", 1))
        await bench.settle()
        assert not bench.prover.is_proved(post("c", 1))
        assert bench.prover.is_proved(post("b", 1))
        assert bench.ear.events[-1].kind == "cut_refused"
        assert "expected red" in bench.ear.events[-1].text
        assert "expected red" in bench.prover.statuses("small")[0].problem
        bench.wrong = set()
        await bench.settle(FIRST_RETRY_S)
        assert bench.prover.is_proved(post("c", 1))

    run_virtually(main())


def test_a_broken_node_does_not_keep_a_cut_from_being_proved_over_others() -> None:
    async def main() -> None:
        bench = Bench()
        bench.broken = {"b"}
        bench.note(post("a", 0), post("b", 1), post("c", 1))
        await bench.settle()
        assert [bench.prover.is_proved(post(node, stage)) for node, stage in (("a", 0), ("b", 1), ("c", 1))] == [
            True, False, True,
        ]  # fmt: skip

    run_virtually(main())


def test_a_stage_that_starts_anew_has_to_be_proved_anew() -> None:
    async def main() -> None:
        bench = Bench()
        bench.note(post("a", 0), post("b", 1))
        await bench.settle()
        again = post("b", 1, session="after its restart")
        bench.note(again)
        assert not bench.prover.has_proved("small", cut_id(WHOLE, (2,)))
        await bench.settle()
        assert bench.prover.is_proved(again)
        assert bench.carried == [("a", "b")] * 2

    run_virtually(main())


def test_without_its_known_picture_a_model_cannot_be_proved() -> None:
    async def main() -> None:
        known = KnownAnswer(
            file="p.jpg", sha256="1" * 64, bytes=9, top=ExpectedClass(label="red", score=0.9, tolerance=0.1)
        )
        bench = Bench(small_manifest(b"model", known_answer=known))
        bench.note(post("a", 0), post("b", 1))
        await bench.settle()
        assert bench.carried == []
        assert "known picture of small is not there" in bench.ear.events[0].text

    run_virtually(main())
