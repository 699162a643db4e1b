"""A soak as Markdown, and as one HTML file with a picture of every process's memory and open files."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from statistics import median

from tests.chaos.growth import HOUR_S, WARM_UP_S, Life, measure
from tests.chaos.record import Record
from tests.chaos.verdict import Finding, figures

WIDTH, LANE, LEFT, TOP = 900, 64, 250, 120
MEMORY, FILES, FAULT, WARM = "#1864ab", "#d9480f", "#868e96", "#f1f3f5"
RULER_S = 600.0


def to_markdown(
    record: Record, lives: Sequence[Life], findings: Sequence[Finding], loads: Sequence[float], *, ended: bool
) -> str:
    """Return the report as Markdown; ``loads`` are the machine's, as seen now and then."""
    lines = [_title(record, ended=ended), "", "| must hold | | |", "|---|---|---|"]
    lines += [f"| {each.claim} | {'held' if each.held else '**broken**'} | {each.detail} |" for each in findings]
    lines += ["", "| process | from, to (min) | RSS (MB) | slope (MB/h) | open files | CPU (% of a core) |"]
    lines += ["|---|---|---|---|---|---|", *(_row(life) for life in _in_order(lives))]
    whole = sum(life.cpu_share * (life.samples[-1].at - life.samples[0].at) for life in lives)
    lines += ["", "| measured | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in figures(record).items()]
    lines += [f"| CPU of all processes | {100 * whole / max(1.0, record.length):.1f} % of a core |"]
    if loads:
        lines += [f"| load of the machine, median and most | {median(loads):.1f}, {max(loads):.1f} |"]
    lines += ["", "| at | fault |", "|---|---|"]
    lines += [f"| {each.at / 60:.0f} min | {each} |" for each in record.faults]
    return "\n".join(["# " + lines[0], *lines[1:]]) + "\n"


def to_html(record: Record, lives: Sequence[Life], findings: Sequence[Finding], *, ended: bool) -> str:
    """Return the report as one HTML file that needs nothing else."""
    title = escape(_title(record, ended=ended))
    rows = "".join(
        f"<tr><td>{'held' if each.held else '<b>broken</b>'}</td><td>{escape(each.claim)}</td>"
        f"<td>{escape(each.detail)}</td></tr>"
        for each in findings
    )
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:15px/1.5 system-ui,sans-serif;max-width:{WIDTH + LEFT + 40}px;margin:2em auto;padding:0 1em}}
td{{padding:.2em 1em .2em 0;vertical-align:top}}svg{{max-width:100%;height:auto}}</style>
<h1>{title}</h1>{draw(record, lives)}<table>{rows}</table></html>
"""


def draw(record: Record, lives: Sequence[Life]) -> str:
    """Return the SVG: a lane for every process, memory as a line between its least and its most, open files below."""
    shown = _in_order(lives)
    length = max([1.0, *(life.samples[-1].at for life in shown)])
    scale = WIDTH / length
    height = TOP + LANE * len(shown) + 30
    box = f'viewBox="0 0 {WIDTH + LEFT + 20} {height}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="sans-serif" font-size="12" role="img">']
    for number, life in enumerate(shown):
        parts += _draw_life(life, TOP + LANE * number, scale)
    for fault in record.faults:
        x = LEFT + fault.at * scale
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{height - 30}" stroke="{FAULT}"/>')
        parts.append(f'<text transform="translate({x + 4:.1f},{TOP - 10}) rotate(-40)">{escape(fault.kind)}</text>')
    ticks = range(0, int(length) + 1, int(max(RULER_S, length // 12 // RULER_S * RULER_S)))
    parts += [f'<text x="{LEFT + at * scale:.1f}" y="{height - 12}">{at // 60} min</text>' for at in ticks]
    return "".join(parts) + "</svg>"


def _draw_life(life: Life, top: int, scale: float) -> list[str]:
    memory = [(each.at, each.rss / 1e6) for each in life.samples]
    files = [(each.at, float(each.fds)) for each in life.samples]
    low, high = min(value for _, value in memory), max(value for _, value in memory)
    fewest, most = min(value for _, value in files), max(value for _, value in files)
    begin = LEFT + life.samples[0].at * scale
    warm = min(WARM_UP_S, life.samples[-1].at - life.samples[0].at) * scale
    base = top + LANE - 6
    return [
        f'<rect x="{begin:.1f}" y="{top}" width="{warm:.1f}" height="{LANE - 6}" fill="{WARM}"/>',
        f'<text x="4" y="{top + 22}">{escape(life.program)} ({life.pid})</text>',
        f'<text x="4" y="{top + 38}" fill="{MEMORY}">{low:.1f} to {high:.1f} MB</text>',
        f'<text x="130" y="{top + 38}" fill="{FILES}">{fewest:g} to {most:g} files</text>',
        _line(memory, scale, base=base - 14, tall=LANE - 26, colour=MEMORY),
        _line(files, scale, base=base, tall=10, colour=FILES),
        f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{top + LANE - 4}" y2="{top + LANE - 4}" stroke="#ced4da"/>',
    ]


def _line(points: Sequence[tuple[float, float]], scale: float, *, base: float, tall: float, colour: str) -> str:
    low, high = min(value for _, value in points), max(value for _, value in points)
    stretch = tall / (high - low) if high > low else 0.0
    path = " ".join(f"{LEFT + at * scale:.1f},{base - (value - low) * stretch:.1f}" for at, value in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.3"/>'


def _row(life: Life) -> str:
    first, last, growth = life.samples[0], life.samples[-1], measure(life)
    slope = f"{growth.rss_slope / 1e6:.2f} ± {growth.rss_error / 1e6:.2f}" if growth else "too short to tell"
    files = f"{growth.fds_first:g}, then {growth.fds_last:g}" if growth else f"{first.fds}, then {last.fds}"
    return (
        f"| {life.program} | {first.at / 60:.0f}, {last.at / 60:.0f} | {last.rss / 1e6:.1f} | {slope} "
        f"| {files} | {100 * life.cpu_share:.1f} |"
    )


def _in_order(lives: Sequence[Life]) -> list[Life]:
    return sorted(lives, key=lambda life: (life.program, life.samples[0].at))


def _title(record: Record, *, ended: bool) -> str:
    length = f"{record.seconds / HOUR_S:g} hours"
    return f"Soak of {length}" if ended else f"Soak of {length}, after {record.length / HOUR_S:.2f}"
