"""The phases of site.yml by their tags, on bare hosts: what comes too early is refused, and touches nothing."""

from __future__ import annotations

import pytest

from tests.hosts.conftest import NODES, Bed, Play
from tests.hosts.observed import find_differences, take_snapshot

pytestmark = [pytest.mark.hosts, pytest.mark.thorough, pytest.mark.timeout(600)]

NOTHING = dict.fromkeys(NODES, 0)


@pytest.fixture(scope="module")
def before(bed: Bed) -> dict[str, set[str]]:
    return take_snapshot(bed)


def play_phase(bed: Bed, phase: str, *options: str) -> Play:
    return bed.play("site.yml", "--tags", phase, *options)


@pytest.mark.parametrize("phase", ["configure", "run"])
def test_a_phase_on_bare_hosts_is_refused_with_what_comes_first_and_touches_nothing(
    bed: Bed, before: dict[str, set[str]], phase: str
) -> None:
    play = play_phase(bed, phase)

    assert play.code != 0
    said = " ".join(play.output.split())
    assert all(f"Nothing of Bramble is installed on {node}. Remedy: site.yml without tags" in said for node in NODES)
    assert "Traceback" not in said
    assert find_differences(bed, before) == {node: [] for node in NODES}


@pytest.mark.parametrize("role", ["nats_server", "edge_agent"])
def test_a_role_alone_on_bare_hosts_says_what_it_needs(bed: Bed, role: str) -> None:
    play = play_phase(bed, role)

    assert play.code != 0
    said = " ".join(play.output.split())
    assert "Remedy: run the role release first, as playbooks/site.yml does" in said
    assert "Traceback" not in said


def test_preflight_alone_changes_nothing(bed: Bed, before: dict[str, set[str]]) -> None:
    play = play_phase(bed, "preflight").expect_success()

    assert play.changed == NOTHING
    assert find_differences(bed, before) == {node: [] for node in NODES}
