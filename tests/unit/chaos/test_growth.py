"""A soak must find what grows: one that cannot is none."""

from __future__ import annotations

import os
import random

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.growth import BLOCK_S, HOUR_S, LEAST_S, MAY_GROW, WARM_UP_S, Life, Sample, fit, judge_growth, measure
from tests.chaos.record import Record
from tests.chaos.soak import choose_faults, look_at
from tests.chaos.soak_report import to_html, to_markdown

TWO_HOURS = 2 * HOUR_S


def live(
    program: str = "agent",
    *,
    slope: float = 0.0,
    noise: float = 2e5,
    seconds: float = TWO_HOURS,
    fds: float = 0.0,
    warm_up: float = 2e7,
) -> Life:
    """Return a life whose memory and files grow by so much an hour after a warm-up that takes memory too."""
    rng = random.Random(1)  # noqa: S311 - noise, no secret
    samples = [
        Sample(
            at,
            int(5e7 + min(at / WARM_UP_S, 1.0) * warm_up + slope * at / HOUR_S + rng.gauss(0, noise)),
            int(12 + fds * at / HOUR_S),
            at * 0.01,
        )
        for at in range(0, int(seconds), 10)
    ]
    return Life(program, 17, samples)


def broken(*lives: Life) -> list[str]:
    return [finding.claim for finding in judge_growth(lives) if not finding.held]


@given(st.floats(-1e3, 1e3), st.floats(0, 1e8), st.integers(100, 800))
def test_the_slope_of_a_straight_line_is_found_without_error(slope: float, start: float, count: int) -> None:
    points = [(at * 10.0, start + slope * at * 10.0) for at in range(count)]
    found, error = fit(points)
    assert found == pytest.approx(slope, abs=1e-6)
    assert error == pytest.approx(0, abs=1e-4)


@given(st.integers(0, 1000))
def test_the_error_covers_what_noise_does_to_a_flat_line(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - noise, no secret
    slope, error = fit([(at * 10.0, rng.gauss(0, 1)) for at in range(600)])
    assert abs(slope) < 3 * error  # three times two standard errors: far beyond what chance gives


def test_blocks_are_long_enough_for_their_means_not_to_depend_on_each_other() -> None:
    rng, level, points = random.Random(4), 0.0, []  # noqa: S311 - noise, no secret
    for at in range(600):
        level = 0.8 * level + rng.gauss(0, 1)  # each sample remembers the one before, for about a minute
        points.append((at * 10.0, level))
    slope, error = fit(points)
    assert BLOCK_S >= 240
    assert abs(slope) < 2 * error


def test_a_process_that_is_flat_after_its_warm_up_is_found_so() -> None:
    assert broken(live()) == []


def test_a_process_that_leaks_two_megabytes_an_hour_is_found() -> None:
    assert broken(live(), live("leaky", slope=2 * MAY_GROW)) == [
        "no process grows by more than 1 MB/h beyond the error"
    ]


def test_one_file_left_open_every_half_hour_is_found() -> None:
    assert broken(live(fds=2.0)) == ["no process opens more and more files"]


def test_too_much_noise_is_no_good_news() -> None:
    assert "the errors are small enough to tell" in broken(live(noise=5e7))


def test_a_life_that_was_too_short_is_no_good_news() -> None:
    brief = live("brief", seconds=int(WARM_UP_S + LEAST_S) - 100)
    assert measure(brief) is None
    assert broken(live(), brief) == ["every program lived long enough to tell"]
    assert len(broken()) == 3


def test_a_child_that_comes_and_goes_is_not_waited_for() -> None:
    assert broken(live(), live("trial", seconds=30)) == []


def test_a_program_that_was_restarted_is_judged_by_the_life_that_was_long_enough() -> None:
    assert broken(live(seconds=600), live()) == []


def test_a_look_at_this_very_process_sees_its_memory_and_its_files() -> None:
    lives: dict[tuple[int, float], Life] = {}
    me = psutil.Process(os.getpid())
    look_at([("tests", me)], lives, 0.0)
    with open(os.devnull) as _:  # noqa: PTH123 - a file more, nothing else
        look_at([("tests", me)], lives, 10.0)
    (life,) = lives.values()
    first, second = life.samples
    assert second.fds == first.fds + 1
    assert first.rss > 1e7
    assert second.cpu_s >= first.cpu_s > 0


def test_the_faults_of_a_soak_leave_one_process_of_each_kind_alive_throughout() -> None:
    faults = choose_faults(TWO_HOURS, ("n1", "n2", "n3"), ("c1", "c2"))
    killed = {target for fault in faults if not fault.lasts_s for target in fault.targets}
    assert killed == {"n3", "c2"}
    assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)


def test_the_report_shows_every_process_also_half_way() -> None:
    lives = [live(), live("broker", seconds=100)]
    record = Record(0, TWO_HOURS, ("door",), length=600.0)
    record.faults.extend(choose_faults(TWO_HOURS, ("n1", "n2", "n3"), ("c1", "c2")))
    told = to_markdown(record, lives, judge_growth(lives), [1.0, 2.0, 6.0], ended=False)
    assert "Soak of 2 hours, after 0.17" in told
    assert "| broker | 0, 2 |" in told
    assert "too short to tell" in told
    assert "| load of the machine, median and most | 2.0, 6.0 |" in told
    page = to_html(record, lives, judge_growth(lives), ended=True)
    assert page.count("<polyline") == 4
    assert "freeze broker" in page
