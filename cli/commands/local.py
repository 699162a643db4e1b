"""``bramble local``: a cluster on this machine until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click

from cli.connection import run
from cli.library import build_model, library_option, list_recipes, open_library, simulate_model
from cli.local.local_cluster import LocalCluster, LocalSpec, run_local
from cli.output import json_option, print_json, print_note
from cli.signals import end_on_signals
from wire.context import config_home, save_context

CONTEXT_NAME = "bramble-local"
MAX_NODES = 20
MAX_CONTROLLERS = 5


@click.command()
@click.option(
    "--nodes", type=click.IntRange(1, MAX_NODES), default=3, show_default=True, help="How many agents to run."
)
@click.option(
    "--controllers",
    type=click.IntRange(1, MAX_CONTROLLERS),
    default=1,
    show_default=True,
    help="How many controllers to run; each takes over from the others.",
)
@click.option("--model", "models", multiple=True, metavar="NAME", help="A model to serve; default: all that are known.")
@click.option("--simulated", is_flag=True, help="Play the models' timing only: no weights, next to no CPU.")
@click.option("--port", type=click.IntRange(1, 65535), help="The broker's TCP port; default: a free one.")
@click.option("--traces", default="", metavar="URL", help="Send traces to this OTLP/HTTP collector.")
@click.option("--secure", is_flag=True, help="Encrypt all connections (TLS 1.3); who may do what is checked anyway.")
@click.option("--save-context", is_flag=True, help=f"Let `nats --context {CONTEXT_NAME}` reach it while it runs.")
@library_option
@json_option
def local(
    *,
    nodes: int,
    controllers: int,
    models: tuple[str, ...],
    simulated: bool,
    port: int | None,
    traces: str,
    secure: bool,
    save_context: bool,
    library_root: Path | None,
    as_json: bool,
) -> None:
    """Run a cluster on this machine until Ctrl-C: a broker, a controller and some agents.

    Models that are not in the library yet are fetched and built first.
    """
    library = open_library(library_root)
    names = models or list_recipes()
    manifests = tuple(simulate_model(name) if simulated else build_model(name, library, print_note) for name in names)
    spec = LocalSpec(
        nodes=nodes,
        manifests=manifests,
        library=library,
        simulated=simulated,
        port=port,
        controllers=controllers,
        traces=traces,
        secure=secure,
    )
    run(_run(spec, save=save_context, as_json=as_json))


async def _run(spec: LocalSpec, *, save: bool, as_json: bool) -> None:
    saved = config_home(os.environ) / "context" / f"{CONTEXT_NAME}.json" if save else None
    with end_on_signals():
        try:
            async with run_local(spec, print_note) as local:
                if saved is not None:
                    save_context(local.context, saved)
                if as_json:
                    print_json(describe(local))
                else:
                    click.echo("\n".join(explain_use(local, saved=saved is not None)))
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            print_note("stopped")
        finally:
            if saved is not None:
                saved.unlink(missing_ok=True)  # it leads nowhere any more


def describe(local: LocalCluster) -> dict[str, str | tuple[str, ...]]:
    """Return what a program needs to use the cluster."""
    return {
        "url": local.context.url,
        "context": str(local.context_file),
        "access": str(local.access),
        "nodes": local.nodes,
        "models": local.models,
        "metrics": local.metrics,
    }


def explain_use(local: LocalCluster, *, saved: bool) -> list[str]:
    """Return the lines that tell a person how to use the cluster."""
    model = local.models[0]
    lines = [
        f"{len(local.nodes)} nodes serve {', '.join(local.models)}",
        f"url      {local.context.url}",
        f"context  {local.context_file}",
        f"access   {local.access}",
        f"metrics  {local.metrics}",
        "",
        "In another terminal:",
        f"  export NATS_CONTEXT='{local.context_file}'",
        "  bramble status",
        f"  bramble infer cat.jpg --model {model}",
        f"  nats req infer.{model} < cat.jpg",
        f"  bramble camera add test synthetic: --model {model}",
        "  bramble results --follow",
        "",
        "Ctrl-C stops everything.",
    ]
    return [*lines[:5], f"nats     nats --context {CONTEXT_NAME} …", *lines[5:]] if saved else lines
