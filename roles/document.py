# ruff: noqa: INP001 - run by ansible as a script, in no package
"""Writes docs/roles.md out of the roles' own argument_specs: ``python roles/document.py [--check]``.

With ``--check`` it writes nothing and holds three things to each other: every variable of a role's ``defaults`` is in
its specs with the same default and the other way round, every variable has its role's prefix, the page is up to date.
Runs with ansible's Python, which has PyYAML.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes with ansible

ROLES = Path(__file__).parent
PAGE = ROLES.parent / "docs" / "roles.md"
ORDER = (
    "node_base", "release", "access", "nats_server", "controller", "accelerator", "edge_agent", "operator", "models",
    "notifier", "witness", "observability",
)  # fmt: skip
_HEAD = """# The roles

Every role runs in four phases, each with a tag of its name: `preflight` refuses with a remedy before anything is
touched, `install` brings files, `configure` writes configuration that its program has found valid, `run` starts and
waits.
`--tags node_base` runs one role, `--tags preflight` one phase of all.

This page is written by `python roles/document.py` from `roles/*/meta/argument_specs.yml`; a test holds it to that.
"""


def describe(role: str, spec: dict[str, Any]) -> str:
    """Return a role's section."""
    lines = [
        f"## {role}",
        "",
        f"{spec['short_description']}.",
        "",
        "| variable | default | what it says |",
        "|---|---|---|",
    ]
    for name, option in spec["options"].items():
        kind = f"list of {option['elements']}" if option["type"] == "list" else option["type"]
        lines.append(f"| `{name}` | {show(option)} | {cell(option['description'])} ({kind}) |")
        for field, inner in option.get("options", {}).items():
            need = "required; " if inner.get("required") else ""
            lines.append(f"| &nbsp;&nbsp;`{field}` | | {cell(inner['description'])} ({need}{inner['type']}) |")
    return "\n".join(lines) + "\n"


def show(option: dict[str, Any]) -> str:
    """Return a default as a reader wants it; one that is worked out from the inventory is said to be."""
    value = option.get("default")
    if isinstance(value, str):
        return "from the inventory" if "{{" in value else f"`{value}`" if value else "empty"
    return f"`{json.dumps(value)}`"


def cell(text: str) -> str:
    """Return a text that fits into a table's cell."""
    return " ".join(text.split()).replace("|", "\\|").rstrip(".")


def page() -> str:
    """Return the whole page."""
    parts = [_HEAD]
    for role in ORDER:
        specs = yaml.safe_load((ROLES / role / "meta/argument_specs.yml").read_text("utf-8"))
        parts.append(describe(role, specs["argument_specs"]["main"]))
    return "\n".join(parts)


def find_disagreements(role: str, defaults: dict[str, Any], options: dict[str, Any]) -> list[str]:
    """Return where a role's defaults and its specs differ, in words."""
    found = [f"{role}: {name} is in the defaults alone" for name in sorted(defaults.keys() - options.keys())]
    found += [f"{role}: {name} is in the specs alone" for name in sorted(options.keys() - defaults.keys())]
    for name in sorted(defaults.keys() & options.keys()):
        if not name.startswith(f"{role}_"):
            found.append(f"{role}: {name} does not begin with {role}_")
        if defaults[name] != options[name].get("default"):
            found.append(f"{role}: {name} has another default in the specs")
        if not options[name].get("description"):
            found.append(f"{role}: {name} has no description")
    return found


def check() -> list[str]:
    """Return everything that is not as it should be."""
    found = []
    roles = sorted(path.parent.parent.name for path in ROLES.glob("*/tasks/main.yml"))
    if roles != sorted(ORDER):
        found.append(f"the page's order names {sorted(ORDER)}, there are {roles}")
    for role in roles:
        defaults = yaml.safe_load((ROLES / role / "defaults/main.yml").read_text("utf-8"))
        specs = yaml.safe_load((ROLES / role / "meta/argument_specs.yml").read_text("utf-8"))
        found += find_disagreements(role, defaults, specs["argument_specs"]["main"]["options"])
    if PAGE.read_text("utf-8") != page():
        found.append("docs/roles.md is not what the roles say: python roles/document.py")
    return found


def main() -> None:
    """Write the page, or check."""
    if sys.argv[1:] == ["--check"]:
        sys.exit("\n".join(check()) or 0)
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
