"""Whether a controller lives and can serve."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from controller.vitals import LOSING_S, STALL_S, Vitals


class Surroundings:
    """What the vitals look at, to be changed by a test."""

    def __init__(self) -> None:
        self.now = 100.0
        self.connected = True
        self.manifests = [SimpleNamespace(name="cats"), SimpleNamespace(name="dogs")]
        self.ready = {"cats": 1, "dogs": 2}
        self.control = SimpleNamespace(slow_consumers=0)
        self.data = SimpleNamespace(slow_consumers=0)

    def ready_for(self, model: str) -> int:
        return self.ready.get(model, 0)


@pytest.fixture
def around() -> Surroundings:
    return Surroundings()


@pytest.fixture
def vitals(around: Surroundings) -> Vitals:
    parts = cast("Any", around)
    return Vitals(parts, parts, parts, lambda: around.now)


def test_a_controller_whose_models_are_all_served_is_well(vitals: Vitals) -> None:
    assert vitals.find_illness() == ""
    assert vitals.find_unreadiness() == ""


def test_a_loop_that_does_not_turn_is_an_illness_until_it_turns_again(vitals: Vitals, around: Surroundings) -> None:
    around.now += STALL_S + 1.5

    assert vitals.find_illness() == "the event loop has not turned for 3.5 s"
    assert vitals.find_unreadiness() == vitals.find_illness()

    vitals.note_turn()

    assert vitals.find_illness() == ""


def test_without_its_server_it_is_alive_but_not_ready(vitals: Vitals, around: Surroundings) -> None:
    around.connected = False

    assert vitals.find_illness() == ""
    assert vitals.find_unreadiness() == "the NATS server cannot be reached"


def test_without_a_model_it_is_not_ready(vitals: Vitals, around: Surroundings) -> None:
    around.manifests = []

    assert vitals.find_unreadiness() == "no model is configured"


def test_the_models_that_no_node_serves_are_named(vitals: Vitals, around: Surroundings) -> None:
    around.ready = {"cats": 1}

    assert vitals.find_unreadiness() == "no node is ready for dogs"


def test_messages_that_were_thrown_away_are_told_of_for_a_minute(vitals: Vitals, around: Surroundings) -> None:
    vitals.note_turn()
    assert not vitals.is_losing

    around.data.slow_consumers += 3
    vitals.note_turn()
    assert vitals.is_losing
    assert vitals.lost_messages == 3

    around.now += LOSING_S
    vitals.note_turn()
    assert not vitals.is_losing
