"""Which controller tells what is wrong: one, whatever has died."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from controller.report import find_teller
from wire.messages import Counts
from wire.status import ControllerStatus


def make(name: str, *, plans: bool = False, liveness: str = "live") -> ControllerStatus:
    return ControllerStatus(
        controller=name, session="s", at=0.0, version="1", uptime_s=1.0, plans=plans, cameras=(), counts=Counts(),
        latency_ms={}, liveness=liveness,
    )  # fmt: skip


def test_the_one_that_plans_tells() -> None:
    assert find_teller([make("a"), make("b", plans=True)]) == "b"


def test_while_none_plans_the_first_that_lives_says_just_that() -> None:
    assert find_teller([make("a", plans=True, liveness="dead"), make("c"), make("b")]) == "b"


def test_where_none_lives_none_tells() -> None:
    assert find_teller([make("a", liveness="dead")]) == ""


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["live", "dead"])), max_size=5), st.randoms())
def test_all_that_see_the_same_agree_in_whatever_order(states: list[tuple[bool, str]], random: Random) -> None:
    controllers = [make(f"c{number}", plans=plans, liveness=each) for number, (plans, each) in enumerate(states)]
    shuffled = list(controllers)
    random.shuffle(shuffled)

    assert find_teller(shuffled) == find_teller(controllers)
