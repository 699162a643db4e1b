"""``bramble access``: who may do what. It works on the operator's directory; revoking and pushing need the servers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import click
import msgspec
from platformdirs import user_config_path

from cli.access.authority import Authority, User
from cli.access.certificates import SERVER_DAYS, create_ca, issue, sign_request
from cli.access.contexts import describe, write_context
from cli.access.enforce import push_everywhere
from cli.access.server_config import Tls, render_trust
from cli.access.witness import bear_witness
from cli.connection import run
from cli.output import json_option, print_json, print_note
from cli.tables import NONE, Table, format_time, print_table
from wire.context import config_home, save_context
from wire.errors import BusError, NotAuthorisedError
from wire.identity import write_private
from wire.permissions import ABOUT, ME, TABLE, Role, Row
from wire.redact import redact_url

MAX_REQUEST_BYTES = 1 << 20
COLUMNS = ("NAME", "ROLE", "SINCE", "STATE", "KEY")
_SIGNS = {(True, True): "publish, subscribe", (True, False): "publish", (False, True): "subscribe"}

directory_option = click.option(
    "--access",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="BRAMBLE_ACCESS",
    default=lambda: user_config_path("bramble") / "access",
    show_default="bramble/access in your configuration",
    help="The operator's directory.",
)
role_option = click.option("--role", type=click.Choice([role.value for role in Role]), required=True)


@click.group()
def access() -> None:
    """Say who may do what: add and revoke people, nodes and cameras."""


@access.command()
@directory_option
@click.option("--cluster", required=True, metavar="NAME", help="What people call the cluster.")
@click.option("--url", required=True, metavar="URLS", help="How users reach its servers, such as tls://hub:4222.")
@click.option(
    "--ca", default="", metavar="FILE", help="Where users have the certificate authority's file, if elsewhere."
)
def init(*, directory: Path, cluster: str, url: str, ca: str) -> None:
    """Make the keys of a cluster's operator, and its certificate authority."""
    authority = Authority.create(directory.absolute(), cluster=cluster, url=url, ca=ca)
    own = create_ca(authority.directory, cluster)
    if not ca and "tls://" in url:
        authority.serve_at(url, ca=str(own))
    click.echo(f"made {directory}: keep a copy of it where nobody else can read it")
    click.echo("next: `bramble access certificate`, `server-config`, and `add` for each user")


@access.command()
@click.argument("name")
@directory_option
@role_option
@click.option("--public-key", metavar="U…", help="Sign this key, whose private half stays where it was made.")
@click.option("--nkey", metavar="FILE", help="With --public-key: where its private half is, on its own machine.")
@click.option("--ca", metavar="FILE", help="Where the certificate authority's file is on that machine.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.json",
              help="Where the context goes; default: among those of the `nats` command.")  # fmt: skip
@json_option
def add(
    *,
    name: str,
    directory: Path,
    role: str,
    public_key: str | None,
    nkey: str | None,
    ca: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Let NAME in, and write the context to do so with.

    Without --public-key a key is made here. With it, nothing secret is written: the key's owner made it, on a node
    with `python -m wire.identity FILE`, and --nkey says what FILE was.
    """
    if (public_key is None) != (nkey is None):
        raise click.UsageError("--public-key and --nkey go together")
    authority = Authority.open(directory)
    path = out.absolute() if out else config_home(os.environ) / "context" / f"{authority.record.cluster}-{name}.json"
    if public_key and nkey:
        claim = authority.add(name, Role(role), public_key)
        save_context(describe(authority, name, Role(role), nkey=nkey, claim=claim, ca=ca), path)
    else:
        write_context(authority, name, Role(role), path, ca=ca)
    _witness(authority)
    if as_json:
        user = authority.record.find(name)
        print_json({"context": str(path), **msgspec.to_builtins(user)})
    else:
        click.echo(f"{name} is {role} now; the context is {path}")


@access.command()
@click.argument("name")
@directory_option
def revoke(*, name: str, directory: Path) -> None:
    """Shut NAME out: at once, and until it is let in with a new key.

    Servers of other sites are told, too, as far as `bramble access leaves` lists them.
    """
    authority = Authority.open(directory)
    authority.revoke(name)
    try:
        run(push_everywhere(authority))
    except (BusError, NotAuthorisedError) as error:
        raise BusError(
            f"{name} is written down as revoked, but not every server knows it yet: {error.message}",
            remedy="once they can be reached: `bramble access push`",
        ) from error
    _witness(authority)
    click.echo(f"{name} is shut out")


@access.command("list")
@directory_option
@json_option
def list_users(*, directory: Path, as_json: bool) -> None:
    """List who was let in."""
    users = Authority.open(directory).record.users
    if as_json:
        for user in users:
            print_json(user)
    else:
        print_table(Table(COLUMNS, tuple(_user_cells(user) for user in users)))


@access.command()
@directory_option
def push(*, directory: Path) -> None:
    """Give the servers the roles and revocations as they are now; after an upgrade too."""
    authority = Authority.open(directory)
    run(push_everywhere(authority))
    _witness(authority)
    click.echo(f"the servers of {authority.record.cluster} go by it")


@access.command()
@click.argument("urls", nargs=-1, metavar="[URL]...")
@directory_option
@click.option("--none", "forget", is_flag=True, help="There are none any more.")
@json_option
def leaves(*, urls: tuple[str, ...], directory: Path, forget: bool, as_json: bool) -> None:
    """Show or set the servers of other sites, such as tls://attic:4222: `revoke` and `push` tell them, too.

    A leaf keeps its own copy of who may do what, and hears of changes from nobody else. site.yml sets them.
    """
    authority = Authority.open(directory)
    if urls and forget:
        raise click.UsageError("--none goes without a URL")
    if urls or forget:
        authority.keep_leaves(urls)
    if as_json:
        print_json({"leaves": authority.record.leaves})
    else:
        click.echo("\n".join(map(redact_url, authority.record.leaves)) or "there are none")


@access.command()
@click.option("--role", type=click.Choice([role.value for role in Role]), help="Only this one.")
@json_option
def matrix(*, role: str | None, as_json: bool) -> None:
    """Show the table of permissions: what each role may publish and subscribe."""
    roles = [Role(role)] if role else list(Role)
    if as_json:
        for each in roles:
            for row in TABLE:
                if says := describe_cell(row, each):
                    print_json({"role": each, "subject": show_pattern(row), "may": says, "why": row.why})
        return
    columns = ("SUBJECT", *(each.upper() for each in roles), "WHY")
    rows = [(show_pattern(row), *(describe_cell(row, each) or NONE for each in roles), row.why) for row in TABLE]
    print_table(Table(columns, tuple(row for row in rows if any(cell != NONE for cell in row[1:-1]))))
    for each in roles:
        click.echo(f"{each}: {ABOUT[each]}", err=True)


@access.command()
@directory_option
@click.option("--host", "hosts", multiple=True, required=True, metavar="NAME|IP", help="How the server is reached.")
@click.option("--request", type=click.File("rb"), metavar="FILE", help="A certificate request; the key stays there.")
@click.option(
    "--days", type=click.IntRange(1, 3650), default=SERVER_DAYS, show_default=True, help="How long it is good."
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, metavar="DIR",
              help="Where server.pem goes, and server-key.pem unless there was a request.")  # fmt: skip
def certificate(*, directory: Path, hosts: tuple[str, ...], request: BinaryIO | None, days: int, out: Path) -> None:
    """Vouch for a server, so that its clients know whom they talk to."""
    authority = Authority.open(directory)
    if request is not None:
        signed = sign_request(authority.directory, request.read(MAX_REQUEST_BYTES), hosts, days=days)
    else:
        signed, key = issue(authority.directory, hosts, days=days)
        write_private(out / "server-key.pem", key)
    write_private(out / "server.pem", signed)
    click.echo(f"{out / 'server.pem'} is good for {', '.join(hosts)}, {days} days")


@access.command("server-config")
@directory_option
@click.option("--store", required=True, metavar="DIR", help="Where the server keeps accounts, on its own machine.")
@click.option("--certificate", metavar="FILE", help="The server's certificate, on its own machine: asks for TLS 1.3.")
@click.option("--key", metavar="FILE", help="The certificate's key.")
@click.option("--ca", metavar="FILE", help="The certificate authority's file.")
def server_config(*, directory: Path, store: str, certificate: str | None, key: str | None, ca: str | None) -> None:
    """Print what makes a nats-server trust this operator, to be included in its configuration. Nothing secret."""
    if len({certificate is None, key is None, ca is None}) != 1:
        raise click.UsageError("--certificate, --key and --ca go together")
    tls = Tls(Path(certificate), Path(key), Path(ca)) if certificate and key and ca else None
    click.echo(render_trust(Authority.open(directory), store=Path(store), tls=tls), nl=False)


def _witness(authority: Authority) -> None:
    if authority.record.url and (problem := run(bear_witness(authority))):
        print_note(
            f"not on the cluster's record yet: {problem.message}; `bramble access push` tells it once one answers"
        )


def show_pattern(row: Row) -> str:
    """Return a row's pattern as people read it."""
    return row.pattern.replace(ME, "<name>")


def describe_cell(row: Row, role: Role) -> str:
    """Return what a role may do with a row's subjects; empty where it is nothing."""
    if role in row.denied:
        return "denied"
    return _SIGNS.get((role in row.publish, role in row.subscribe), "")


def _user_cells(user: User) -> tuple[str, ...]:
    state = f"revoked {format_time(user.revoked_at)}" if user.revoked_at else "ok"
    return (user.name, user.role, format_time(user.issued_at), state, user.public_key)
