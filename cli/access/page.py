"""``python -m cli.access.page`` prints docs/permissions.md."""

from __future__ import annotations

from wire.permissions import ABOUT, ME, RESPOND_WITHIN_S, RESPONDERS, TABLE, Role, Row

_HEAD = """\
# Permissions

This page is made from the one table in `wire/permissions.py` (`python -m cli.access.page > docs/permissions.md`), from
which the server's configuration is made too; a test holds a real server against every cell. Whatever is not allowed
here is refused. `<name>` is the user's own name, which the server itself fills in; `P` stands for publish, `S` for
subscribe, `-` for a subject that is denied although a wider row allows it.
"""


def render() -> str:
    """Return the whole page."""
    roles = "\n".join(f"| `{role}` | {ABOUT[role]} |" for role in Role)
    head = f"| subject | {' | '.join(Role)} | what for |\n|---|{'---|' * len(Role)}---|"
    rows = "\n".join(_render_row(row) for row in TABLE)
    responders = " and ".join(f"`{role}`" for role in Role if role in RESPONDERS)
    answers = (
        f"{responders} may moreover answer each request that reached them: once, within {RESPOND_WITHIN_S} s, on the "
        "reply subject that came with it. No other client may publish to an inbox."
    )
    return f"{_HEAD}\n| role | what it is |\n|---|---|\n{roles}\n\n{head}\n{rows}\n\n{answers}\n"


def _render_row(row: Row) -> str:
    cells = " | ".join(_render_cell(row, role) for role in Role)
    return f"| `{row.pattern.replace(ME, '<name>')}` | {cells} | {row.why} |"


def _render_cell(row: Row, role: Role) -> str:
    if role in row.denied:
        return "-"
    return " ".join(sign for sign, users in (("P", row.publish), ("S", row.subscribe)) if role in users)


if __name__ == "__main__":
    print(render(), end="")
