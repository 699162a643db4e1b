"""A run as one HTML file with a timeline, and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tests.chaos.record import Record
from tests.chaos.verdict import Finding, figures

WIDTH, LANE, LEFT, TOP = 1100, 70, 130, 150
COLOURS = {"live": "#2b8a3e", "requests": "#1864ab", "jobs": "#862e9c", "failed": "#c92a2a"}


def to_markdown(record: Record, findings: Sequence[Finding]) -> str:
    """Return the report as Markdown."""
    lines = [f"# Chaos, seed {record.seed}, {record.seconds:.0f} s", "", _sentence(findings), ""]
    lines += ["| must hold | | |", "|---|---|---|"]
    lines += [f"| {each.claim} | {'held' if each.held else '**broken**'} | {each.detail} |" for each in findings]
    lines += ["", "| measured | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in figures(record).items()]
    lines += ["", "| at | fault |", "|---|---|"]
    lines += [f"| {each.at:.1f} s | {each} |" for each in record.faults]
    return "\n".join(lines) + "\n"


def to_html(record: Record, findings: Sequence[Finding]) -> str:
    """Return the report as a page that needs nothing beside itself."""
    rows = "".join(
        f"<tr class='{'held' if each.held else 'broken'}'><td>{'held' if each.held else 'broken'}</td>"
        f"<td>{escape(each.claim)}</td><td>{escape(each.detail)}</td></tr>"
        for each in findings
    )
    measured = "".join(f"<tr><td>{escape(k)}</td><td>{escape(v)}</td></tr>" for k, v in figures(record).items())
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Chaos, seed {record.seed}</title>
<style>body{{font:15px/1.5 system-ui,sans-serif;max-width:{WIDTH + LEFT + 40}px;margin:2em auto;padding:0 1em}}
td{{padding:.2em 1em .2em 0;vertical-align:top}}.held td:first-child{{color:{COLOURS["live"]}}}
.broken td{{color:{COLOURS["failed"]};font-weight:600}}svg{{max-width:100%;height:auto}}</style>
<h1>Chaos, seed {record.seed}, {record.seconds:.0f} s</h1><p>{escape(_sentence(findings))}</p>
{draw_timeline(record)}<h2>Must hold</h2><table>{rows}</table><h2>Measured</h2><table>{measured}</table></html>
"""


def draw_timeline(record: Record) -> str:
    """Return the SVG: what was answered a second, in lanes, under the faults."""
    length = max(1, round(record.length or record.seconds))
    lanes = {
        "live": (_per_second([e.at for e in record.live if not e.code], length),
                 _per_second([e.at for e in record.live if e.code], length)),
        "requests": (_per_second([e.ended for e in record.requests if not e.code], length),
                     _per_second([e.ended for e in record.requests if e.code], length)),
        "jobs": (_per_second([e.at for e in record.ended], length), [0] * length),
    }  # fmt: skip
    scale = WIDTH / length
    height = TOP + LANE * len(lanes) + 30
    parts = [f'<svg viewBox="0 0 {WIDTH + LEFT + 20} {height}" font-family="system-ui" font-size="12" role="img">']
    for fault in record.faults:
        x = LEFT + fault.at * scale
        if fault.lasts_s:
            parts.append(
                f'<rect x="{x:.1f}" y="{TOP}" width="{fault.lasts_s * scale:.1f}" height="{LANE * len(lanes)}" '
                'fill="#868e96" opacity=".15"/>'
            )
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{height - 30}" stroke="#868e96"/>')
        what = f"{fault.kind} {fault.targets[0]}" if len(fault.targets) == 1 else str(fault.kind)
        parts.append(f'<text transform="translate({x + 4:.1f},{TOP - 10}) rotate(-50)">{escape(what)}</text>')
    for number, (name, (good, bad)) in enumerate(lanes.items()):
        base = TOP + LANE * (number + 1)
        top = max(1, *good, *bad)
        parts.append(f'<text x="4" y="{base - LANE / 2:.0f}">{name}, up to {top}/s</text>')
        parts += [_bar(x, good[x], top, base=base, scale=scale, colour=COLOURS[name]) for x in range(length) if good[x]]
        parts += [
            _bar(x, bad[x], top, base=base, scale=scale, colour=COLOURS["failed"]) for x in range(length) if bad[x]
        ]
        parts.append(f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{base}" y2="{base}" stroke="#ced4da"/>')
    step = max(5, length // 12)
    parts += [f'<text x="{LEFT + s * scale:.1f}" y="{height - 12}">{s} s</text>' for s in range(0, length + 1, step)]
    return "".join(parts) + "</svg>"


def _bar(second: int, value: int, top: int, *, base: int, scale: float, colour: str) -> str:
    tall = (LANE - 12) * value / top
    return (
        f'<rect x="{LEFT + second * scale:.1f}" y="{base - tall:.1f}" width="{max(1.0, scale - 1):.1f}" '
        f'height="{tall:.1f}" fill="{colour}"/>'
    )


def _per_second(times: Sequence[float], length: int) -> list[int]:
    counts = [0] * length
    for at in times:
        if 0 <= at < length:
            counts[int(at)] += 1
    return counts


def _sentence(findings: Sequence[Finding]) -> str:
    broken = [each.claim for each in findings if not each.held]
    return f"Broken: {'; '.join(broken)}." if broken else f"All {len(findings)} invariants held."
