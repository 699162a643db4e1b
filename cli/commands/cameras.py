"""``bramble camera``: add, change, list, try and remove cameras. A camera's password is never printed."""

from __future__ import annotations

import sys

import click

from cli.connection import open_cluster, run
from cli.context_option import context_option
from cli.output import Exit, Failure, json_option, print_error, print_json
from cli.tables import Table, format_seconds, print_table
from cli.tile_options import make_tiles, only_option, overlap_option, tiles_option
from wire.cameras import CameraConfig, CameraStatus, LadderPolicy, Motion, SourceReport, SourceRequest
from wire.errors import BadRequestError
from wire.ids import check_token
from wire.messages import Done, decode, encode
from wire.redact import redact_url

COLUMNS = ("CAMERA", "STATE", "FPS", "FRAMES", "INFERRED", "GATED", "DROPPED", "FAILED", "BLIND", "MODELS", "SOURCE")

url_argument = click.argument("url", required=False)
ask_option = click.option("--ask", is_flag=True, help="Ask for the URL without showing it.")


@click.group()
def camera() -> None:
    """Add, change, list, try and remove cameras."""


@camera.command("add")
@click.argument("name")
@url_argument
@ask_option
@context_option
@click.option(
    "--model", "models", multiple=True, required=True, metavar="NAME", help="A model to run; may be repeated."
)
@click.option("--fps", type=click.FloatRange(min=0, min_open=True), help="At most so many frames a second.")
@click.option("--max-width", type=click.IntRange(16, 16384), metavar="PIXELS", help="Make wider frames this wide.")
@click.option("--motion/--no-motion", default=False, help="Skip frames in which nothing moves.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="Leave out what is less sure than this.")
@click.option("--deadline-ms", type=click.IntRange(10, 600_000), default=2000, show_default=True,
              help="A frame is given up after this long.")  # fmt: skip
@click.option("--ladder/--no-ladder", default=None,
              help="Degrade rather than fail: a smaller model, fewer frames, motion only.")  # fmt: skip
@click.option("--min-fps", type=click.FloatRange(min=0, min_open=True, max=240),
              help="With --ladder: the frames a second that must be answered at least. Default: 1.")  # fmt: skip
@click.option("--fallback", metavar="MODEL", help="With --ladder: the smaller model that stands in.")
@click.option("--controller", metavar="NAME",
              help="The only controller that may read it: the one that the camera is plugged into.")  # fmt: skip
@tiles_option
@overlap_option
@only_option
def add_camera(
    *,
    name: str,
    url: str | None,
    ask: bool,
    context: str | None,
    models: tuple[str, ...],
    fps: float | None,
    max_width: int | None,
    motion: bool,
    threshold: float | None,
    deadline_ms: int,
    ladder: bool | None,
    min_fps: float | None,
    fallback: str | None,
    controller: str | None,
    grid: str | None,
    overlap: float,
    tiles_only: bool,
) -> None:
    """Add camera NAME at URL, or change it.

    URL is rtsp://…, http://… (MJPEG), file:///…, dir:///…, usb:0, synthetic: or push:. A URL on the command line can be
    seen by every user of this machine: give `-` to read it from standard input, or --ask, when it holds a password.
    """
    config = CameraConfig(
        camera=check_token(name, "camera"),
        url=_read_url(url, ask=ask),
        models=tuple(check_token(each, "model") for each in models),
        fps=fps,
        max_width=max_width,
        motion=Motion() if motion else None,
        threshold=threshold,
        deadline_ms=deadline_ms,
        ladder=_choose_ladder(on=ladder, min_fps=min_fps, fallback=fallback),
        controller=check_token(controller, "controller") if controller else None,
        tiles=make_tiles(grid, overlap, tiles_only=tiles_only),
    )
    # The constructor checks no lengths, decoding does: better refused here than by the controller.
    click.echo(run(_add(context, decode(encode(config), CameraConfig))).text)


@camera.command("remove")
@click.argument("name")
@context_option
def remove_camera(*, name: str, context: str | None) -> None:
    """Remove camera NAME; its last frames are finished first."""
    click.echo(run(_remove(context, name)).text)


@camera.command("list")
@context_option
@json_option
def list_cameras(*, context: str | None, as_json: bool) -> None:
    """List the cameras and what became of their frames."""
    found = run(_list(context))
    if as_json:
        for each in found:
            print_json(each)
    else:
        print_table(Table(COLUMNS, tuple(row(each) for each in found)))


@camera.command("test")
@url_argument
@ask_option
@context_option
@json_option
@click.option(
    "--timeout", type=click.FloatRange(0, 60, min_open=True), default=10.0, show_default=True, metavar="SECONDS"
)
def try_camera(*, url: str | None, ask: bool, context: str | None, as_json: bool, timeout: float) -> None:
    """Have the controller open URL, and tell what is there, without adding it."""
    report = run(_try(context, SourceRequest(url=_read_url(url, ask=ask), timeout_s=timeout)))
    if as_json:
        print_json(report)
    elif report.ok:
        click.echo(describe_report(report))
    else:
        print_error(Failure(f"{redact_url(report.source)}: {report.problem}", report.remedy, Exit.FAILED))
    if not report.ok:
        sys.exit(Exit.FAILED)


async def _add(context: str | None, config: CameraConfig) -> Done:
    async with open_cluster(context) as cluster:
        return await cluster.add_camera(config)


async def _remove(context: str | None, name: str) -> Done:
    async with open_cluster(context) as cluster:
        return await cluster.remove_camera(name)


async def _list(context: str | None) -> tuple[CameraStatus, ...]:
    async with open_cluster(context) as cluster:
        return (await cluster.status()).cameras


async def _try(context: str | None, request: SourceRequest) -> SourceReport:
    async with open_cluster(context) as cluster:
        return await cluster.try_camera(request)


def _choose_ladder(*, on: bool | None, min_fps: float | None, fallback: str | None) -> LadderPolicy | None:
    """Return the policy; naming what it wants turns it on."""
    wants = min_fps is not None or fallback is not None
    if on is False and wants:
        raise click.UsageError("--min-fps and --fallback belong to --ladder")
    if not (on or wants):
        return None
    return LadderPolicy(min_fps=min_fps or 1.0, fallback=check_token(fallback, "model") if fallback else None)


def _read_url(url: str | None, *, ask: bool) -> str:
    """Return the URL from where the user put it.

    Raises:
        BadRequestError: there is none.

    """
    if ask:
        if url is not None:
            raise click.UsageError("give either URL or --ask")
        url = str(click.prompt("URL", hide_input=True, err=True))
    elif url is None:
        raise click.UsageError("give a URL, `-` to read it from standard input, or --ask")
    elif url == "-":
        url = sys.stdin.readline(4096)
    if not url.strip():
        raise BadRequestError("the camera's URL is empty", remedy="give one such as rtsp://host/stream")
    return url.strip()


def row(status: CameraStatus) -> tuple[str, ...]:
    """Return a camera as a row under COLUMNS."""
    counts = status.counts
    return (
        status.camera,
        ", ".join([status.phase, *sorted({rung.replace("_", " ") for rung in status.degraded.values()})]),
        f"{status.fps:.1f}",
        str(status.frames),
        str(counts.inferred),
        str(counts.gated),
        describe_reasons(counts.dropped),
        describe_reasons(counts.failed),
        format_seconds(status.seconds_blind),
        ", ".join(status.models),
        redact_url(status.source) + (f" ({status.reason})" if status.phase != "live" and status.reason else ""),
    )


def describe_reasons(reasons: dict[str, int]) -> str:
    """Return ``12 (superseded 9, expired 3)``; ``0`` for none."""
    parts = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()) if count)
    return f"{sum(reasons.values())}" + (f" ({parts})" if parts else "")


def describe_report(report: SourceReport) -> str:
    """Return what a try found, as a line."""
    return (
        f"{redact_url(report.source)}: {report.codec} {report.width}x{report.height}"
        f" at {report.fps:g} frames/s, first frame after {report.first_frame_s:.2f} s"
    )
