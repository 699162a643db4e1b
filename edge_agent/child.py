"""How the agent starts child processes of its own program."""

from __future__ import annotations

import sys


def command(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs a module of the agent in a child, as careful about ``sys.path`` as we are."""
    flags = ["-P"] if sys.flags.safe_path else []
    return [sys.executable, *flags, "-m", module, *arguments]
