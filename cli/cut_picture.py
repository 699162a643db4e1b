"""A picture of a model's cuts: bytes that cross each as bars, shares done before it as lines (SVG 1.1)."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from cli.tables import format_bytes
from modelkit.slicing import Cut

_HEIGHT, _LEFT, _TOP, _BOTTOM, _RIGHT = 240, 70, 40, 40, 50
_LEAST_WIDTH, _STEP = 480, 9
_COLOURS = {"bytes": "#4c78a8", "MACs": "#f58518", "weights": "#54a24b", "time": "#b279a2", "text": "#555"}
_LABELS = 12  # along the axis


def draw_cuts(name: str, cuts: Sequence[Cut], times: Sequence[float | None] = ()) -> str:
    """Return an SVG document; ``times`` are shares of the measured time before each cut, where known."""
    step = max(_STEP, _LEAST_WIDTH / max(1, len(cuts)))
    width = _LEFT + step * len(cuts) + _RIGHT
    most = max((cut.bytes for cut in cuts), default=0) or 1
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{_TOP + _HEIGHT + _BOTTOM}">',
        f'<g font-family="sans-serif" font-size="11" fill="{_COLOURS["text"]}">',
        f'<text x="{_LEFT}" y="16" font-size="14">{escape(name)}: what crosses each cut</text>',
        *_draw_legend(with_times=any(share is not None for share in times)),
        _text(_LEFT - 6, _TOP + 8, format_bytes(most), "end"),
        _text(_LEFT - 6, _TOP + _HEIGHT, "0", "end"),
        _text(width - _RIGHT + 6, _TOP + 8, "100 %", "start"),
    ]
    for place, cut in enumerate(cuts):
        height = cut.bytes / most * _HEIGHT
        x = _LEFT + place * step
        parts.append(
            f'<rect x="{x:.1f}" y="{_TOP + _HEIGHT - height:.1f}" width="{step * 0.8:.1f}" height="{height:.1f}" '
            f'fill="{_COLOURS["bytes"]}"><title>{_describe(cut)}</title></rect>'
        )
        if place % max(1, len(cuts) // _LABELS) == 0:
            parts.append(_text(x + step * 0.4, _TOP + _HEIGHT + 16, str(cut.at), "middle"))
    shares: dict[str, Sequence[float | None]] = {
        "MACs": [cut.macs_share for cut in cuts],
        "weights": [cut.parameters_share for cut in cuts],
        "time": times,
    }
    parts += [_draw_line(values, step, _COLOURS[what]) for what, values in shares.items()]
    return "\n".join((*parts, "</g>", "</svg>", ""))


def _describe(cut: Cut) -> str:
    crossing = f"{format_bytes(cut.bytes)} in {cut.tensors} tensors"
    return escape(
        f"cut {cut.at}, after {cut.after}: {cut.problem or crossing}, {cut.macs_share:.1%} of the MACs before"
    )


def _draw_legend(*, with_times: bool) -> list[str]:
    shares = ("MACs", "weights", "time") if with_times else ("MACs", "weights")
    names = {"bytes": "■ bytes", **{name: f"■ {name} before" for name in shares}}
    return [
        f'<text x="{_LEFT + 100 * place}" y="32" fill="{_COLOURS[name]}">{label}</text>'
        for place, (name, label) in enumerate(names.items())
    ]


def _draw_line(shares: Sequence[float | None], step: float, colour: str) -> str:
    points = " ".join(
        f"{_LEFT + (place + 0.4) * step:.1f},{_TOP + _HEIGHT * (1 - share):.1f}"
        for place, share in enumerate(shares)
        if share is not None
    )
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>' if points else ""


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
