"""The collection alone: the page's own commands, on a control host that has no tree of Bramble's, and bare hosts."""

from __future__ import annotations

import pytest

from tests.hosts.conftest import Bed, build_bundles, bundles
from tests.hosts.stranger import HOSTS, PAGE, Stranger, copy_tree, fill_in, read_commands

pytestmark = [pytest.mark.hosts, pytest.mark.thorough, pytest.mark.timeout(900)]

INSTALLED = ".ansible/collections/ansible_collections/bramble_edge/bramble"
NOTHING = dict.fromkeys(HOSTS, 0)
OWN = ("venv", "packages", "bramble", "other")
KEYS = ("collection", "home", "programs", "inventory", "site", "verify", "nodes", *OWN)


@pytest.fixture(scope="module")
def commands() -> dict[str, str]:
    """What the page says under its heading, by what it does."""
    return dict(zip(KEYS, read_commands(PAGE, "From the collection"), strict=True))


@pytest.fixture(scope="module")
def stranger(bed: Bed, commands: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Stranger:
    """Somebody whose home has the installed collection, and the example's inventory, and nothing else of Bramble's."""
    home = tmp_path_factory.mktemp("home")
    tree = copy_tree(tmp_path_factory.mktemp("fetched") / "bramble")
    own = {"HOME": str(home), "ANSIBLE_HOME": str(home / ".ansible"), "XDG_CONFIG_HOME": str(home / ".config")}
    stranger = Stranger(bed, home, own)
    built = stranger.type(f"cd {tree}", commands["collection"], commands["home"], commands["inventory"])
    assert built.code == 0, built.output
    fill_in(home / "mine")
    # What is carried to a control host without internet.
    build_bundles(home / INSTALLED)
    with (home / "mine/group_vars/bramble.yml").open("a") as variables:
        variables.write(f"release_bundles: {bundles()}\n")
    return stranger


def test_without_its_programs_the_collection_says_what_it_lacks(stranger: Stranger, commands: dict[str, str]) -> None:
    play = stranger.type(commands["site"])

    assert play.code != 0
    said = " ".join(play.output.split())
    assert f"Remedy: `make ansible` in {stranger.at / INSTALLED}, or set bramble_python" in said
    assert {host: play.changed[host] for host in HOSTS} == NOTHING
