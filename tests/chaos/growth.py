"""Does a process grow? Slopes by least squares, with their error. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from statistics import fmean, linear_regression, median

from tests.chaos.verdict import Finding

WARM_UP_S = 1200.0
"""Of a process's life: caches fill, allocators find their size."""
LEAST_S = 1500.0
"""Of a life after its warm-up: of less, not even the slope's error can be told. What the error says counts, too."""
BLOCK_S = 240.0
"""Samples 10 s apart depend on each other; means over blocks this long hardly do, so that the error is honest."""
STANDARD_ERRORS = 2.0  # about 95 %
BRIEF = 6  # samples: children that come and go, and do one thing, have no time to grow
MAY_GROW = 1e6  # bytes an hour, beyond the error
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a process."""

    at: float  # seconds from the start of the run
    rss: int  # bytes
    fds: int
    cpu_s: float  # since its start


@dataclass(slots=True)
class Life:
    """One process from when it was first seen to when it was last seen; a restarted program begins another."""

    program: str
    pid: int
    samples: list[Sample] = field(default_factory=list)

    @property
    def settled(self) -> list[Sample]:
        """The samples after the warm-up."""
        return [each for each in self.samples if each.at >= self.samples[0].at + WARM_UP_S]

    @property
    def cpu_share(self) -> float:
        """The share of a core over the life that was seen; 0 where it was seen once."""
        first, last = self.samples[0], self.samples[-1]
        return (last.cpu_s - first.cpu_s) / (last.at - first.at) if last.at > first.at else 0.0


@dataclass(frozen=True, slots=True)
class Growth:
    """How memory and open files of one life went on after the warm-up."""

    life: Life
    rss_slope: float  # bytes an hour
    rss_error: float  # bytes an hour, about 95 %
    rss_median: float  # bytes
    fds_first: float  # median of the first quarter
    fds_last: float  # median of the last quarter

    @property
    def grows(self) -> bool:
        """Tell whether memory grows by more than it may, beyond the error."""
        return self.rss_slope - self.rss_error > MAY_GROW

    @property
    def unsure(self) -> bool:
        """Tell whether the error is too large for the slope to say anything."""
        return self.rss_error > MAY_GROW


def measure(life: Life) -> Growth | None:
    """Return the growth of a life; None where it was too short to tell."""
    settled = life.settled
    if not settled or settled[-1].at - settled[0].at < LEAST_S:
        return None
    slope, error = fit([(each.at, float(each.rss)) for each in settled])
    quarter = max(1, len(settled) // 4)
    return Growth(
        life,
        slope * HOUR_S,
        error * HOUR_S,
        median(each.rss for each in settled),
        median(each.fds for each in settled[:quarter]),
        median(each.fds for each in settled[-quarter:]),
    )


def fit(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the slope of a straight line through (seconds, value) and its error, both a second.

    Least squares over the means of blocks. The points are in order of time and span four blocks at least.
    """
    blocks = [[*block] for _, block in groupby(points, lambda point: (point[0] - points[0][0]) // BLOCK_S)]
    times = [fmean(at for at, _ in block) for block in blocks]
    values = [fmean(value for _, value in block) for block in blocks]
    slope, intercept = linear_regression(times, values)
    misses = sum((value - intercept - slope * at) ** 2 for at, value in zip(times, values, strict=True))
    spread = sum((at - fmean(times)) ** 2 for at in times)
    return slope, STANDARD_ERRORS * math.sqrt(misses / (len(times) - 2) / spread)


def judge_growth(lives: Sequence[Life]) -> tuple[Finding, ...]:
    """Hold all lives that were long enough against what a soak is for."""
    grown = [growth for life in lives if (growth := measure(life))]
    growing = [f"{each.life.program} by {each.rss_slope / 1e6:.2f} MB/h" for each in grown if each.grows]
    unsure = [f"{each.life.program} ± {each.rss_error / 1e6:.2f} MB/h" for each in grown if each.unsure]
    more = [
        f"{each.life.program} from {each.fds_first:g} to {each.fds_last:g}"
        for each in grown
        if each.fds_last > each.fds_first
    ]
    programs = {life.program for life in lives if len(life.samples) > BRIEF}
    judged = {each.life.program for each in grown}
    return (
        Finding(
            "every program lived long enough to tell",
            bool(lives) and programs == judged,
            f"{len(grown)} of {len(lives)} processes; {', '.join(sorted(programs - judged)) or 'nobody'} did not",
        ),
        Finding("the errors are small enough to tell", not unsure, "; ".join(unsure) or "none above 1 MB/h"),
        Finding(
            "no process grows by more than 1 MB/h beyond the error",
            bool(grown) and not growing,
            "; ".join(growing) or _worst(grown),
        ),
        Finding(
            "no process opens more and more files",
            bool(grown) and not more,
            "; ".join(more) or ("flat" if grown else "nothing to judge"),
        ),
    )


def _worst(grown: Sequence[Growth]) -> str:
    if not grown:
        return "nothing to judge"
    worst = max(grown, key=lambda each: each.rss_slope)
    return f"most: {worst.life.program}, {worst.rss_slope / 1e6:.2f} ± {worst.rss_error / 1e6:.2f} MB/h"
