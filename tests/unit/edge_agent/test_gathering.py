"""Parts become frames: each once, none mixed up, and what stays incomplete is given up and told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.gathering import MAX_GATHERED, MAX_GATHERED_BYTES, Gathering, join_pieces, split_pieces
from edge_agent.pipeline import Work
from wire.errors import BadRequestError, NoCapacityError
from wire.headers import Hop, WorkOrder
from wire.messages import StageTimings

PARTS = 3


def make_work(frame: int, part: int | None, *, try_: int = 0, deadline: float = 10.0, payload: bytes = b"") -> Work:
    hops = tuple(Hop(f"n{number}-{try_}", number) for number in range(PARTS + 1))
    done = (StageTimings(node=hops[(part or 0) % len(hops)].node, infer_ms=1.0),)
    order = WorkOrder(f"f{frame}", "d", hops, 1000, cut="c" * 16, part=part, done=done, picture=(8, 8))
    return Work(order, payload or f"{frame}/{part}/{try_}".encode(), 0.0, deadline)


@given(st.permutations([(frame, part, try_) for frame in range(2) for part in range(PARTS) for try_ in range(2)]))
def test_in_whatever_order_parts_come_each_frame_and_try_is_completed_once_with_its_own(
    order: list[tuple[int, int, int]],
) -> None:
    gathering = Gathering(PARTS)
    complete = []
    for frame, part, try_ in order:
        found = gathering.add(make_work(frame, part, try_=try_), f"{frame}{part}{try_}")
        if found:
            complete.append((frame, try_))
            assert split_pieces(found.work.payload, PARTS) == [f"{frame}/{p}/{try_}".encode() for p in range(PARTS)]
            assert [each.node for each in found.work.order.done] == [f"n{p}-{try_}" for p in range(PARTS)]
            assert (found.reply, *found.others) == tuple(f"{frame}{p}{try_}" for p in range(PARTS))
    assert sorted(complete) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert (gathering.bytes, gathering.next_deadline) == (0, None)


def test_a_frame_that_lacks_a_part_is_given_up_at_its_earliest_deadline_and_everyone_who_waits_hears_which() -> None:
    gathering = Gathering(PARTS)
    gathering.add(make_work(1, 0, deadline=5.0), "a")
    gathering.add(make_work(1, 2, deadline=4.0), "b")
    gathering.add(make_work(2, 1, deadline=9.0), "c")
    assert gathering.next_deadline == 4.0
    assert list(gathering.expire(3.9)) == []
    late = list(gathering.expire(4.0))
    assert [reply for reply, _ in late] == ["a", "b"]
    assert all("the parts [1] of 3 of the frame f1 did not come" in str(error) for _, error in late)
    assert gathering.next_deadline == 9.0


def test_a_part_that_came_already_is_refused_and_the_first_one_stays() -> None:
    gathering = Gathering(2)
    gathering.add(make_work(1, 0), "first")
    with pytest.raises(NoCapacityError, match="came twice"):
        gathering.add(make_work(1, 0), "second")
    found = gathering.add(make_work(1, 1), "other")
    assert found is not None
    assert found.reply == "first"


def test_frames_and_bytes_that_wait_are_bounded() -> None:
    gathering = Gathering(PARTS)
    for frame in range(MAX_GATHERED):
        gathering.add(make_work(frame, 0), "r")
    with pytest.raises(NoCapacityError, match=f"{MAX_GATHERED} frames"):
        gathering.add(make_work(99, 0), "r")
    gathering.add(make_work(0, 1), "r")
    with pytest.raises(NoCapacityError, match="wait for their other parts"):
        gathering.add(make_work(1, 1, payload=bytes(MAX_GATHERED_BYTES)), "r")


@pytest.mark.parametrize("part", [None, PARTS, 60])
def test_a_part_that_there_is_not_is_refused(part: int | None) -> None:
    with pytest.raises(BadRequestError, match="does not exist"):
        Gathering(PARTS).add(make_work(1, part), "r")


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=9))
def test_pieces_joined_come_apart_again(pieces: list[bytes]) -> None:
    assert [bytes(piece) for piece in split_pieces(join_pieces(pieces), len(pieces))] == pieces
