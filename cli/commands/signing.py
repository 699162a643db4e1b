"""``bramble model keygen``: the key with which an operator vouches for models."""

from __future__ import annotations

from pathlib import Path

import click

from cli.output import json_option, print_json
from cli.signing import create_key, key_option, own_key_file, public_file
from modelkit.signature import identify


@click.command("keygen")
@key_option
@json_option
def make_signing_key(*, key_file: Path | None, as_json: bool) -> None:
    """Make a key pair for signing models; the public half is for the nodes' --trust."""
    key_file = key_file or own_key_file()
    create_key(key_file)
    public = public_file(key_file)
    identity = identify(public.read_bytes())
    if as_json:
        print_json({"private": str(key_file), "public": str(public), "identity": identity})
    else:
        click.echo(f"private half: {key_file} (only you can read it: keep it so)")
        click.echo(f"public half:  {public} (for the nodes), {identity[:12]}")
