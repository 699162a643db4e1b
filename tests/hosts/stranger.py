"""Somebody who has the pages and nothing else: what they are told to type, and a shell to type it in."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.hosts.conftest import NODES, ROOT, STOP_S, Bed, Play, node_address, read_play

PAGE = ROOT / "docs/provision.md"
HOSTS = ("pi-1", "pi-2", "pi-3")
_ADDRESSES = {f"10.0.0.{10 + number}": node_address(f"node{number}") for number in range(1, len(NODES) + 1)}


def read_commands(page: Path, heading: str) -> list[str]:
    """Return the commands that a page's reader is told to type under a heading, without what is said beside them."""
    [section] = [part for part in re.split(r"^#+ ", page.read_text(), flags=re.MULTILINE) if part.startswith(heading)]
    blocks = re.findall(r"^```console$(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    typed = [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [re.sub(r"\s+# .*", "", line) for line in typed]


def copy_tree(to: Path) -> Path:
    """Copy what somebody has who fetched the sources."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    return to


def fill_in(inventory: Path) -> None:
    """Put the addresses of the bed's nodes into a copy of the example inventory."""
    hosts = inventory / "hosts.yml"
    text = hosts.read_text()
    for theirs, mine in _ADDRESSES.items():
        assert theirs in text
        text = text.replace(theirs, mine)
    hosts.write_text(text)


class Stranger:
    """A shell at the control host, with the way to the hosts by ssh, in a directory of its own."""

    def __init__(self, bed: Bed, at: Path, environment: Mapping[str, str] | None = None) -> None:
        self._bed, self.at = bed, at
        self._own = {
            "ANSIBLE_PRIVATE_KEY_FILE": str(bed.state / "id"),
            "ANSIBLE_SSH_COMMON_ARGS": f"-o UserKnownHostsFile={bed.state / 'known_hosts'}",
            **(environment or {}),
        }

    def type(self, *commands: str, within: float = 600.0) -> Play:
        """Type commands into one shell; it ends at the first that fails."""
        return read_play(self._bed.run(*self._shell(commands), within=within, cwd=self.at))

    def watch(self, look: Callable[[str], None], *commands: str) -> Play:
        """Type commands, and look at each line that is printed."""
        with self._bed.start(*self._shell(commands), cwd=self.at) as process:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                look(line)
            code = process.wait(STOP_S)
        return read_play(subprocess.CompletedProcess(commands, code, "".join(lines), ""))

    def _shell(self, commands: Sequence[str]) -> tuple[str, ...]:
        own = (f"{name}={value}" for name, value in self._own.items())
        return ("env", *own, "sh", "-ec", "\n".join(commands))
