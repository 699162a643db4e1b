"""docs/permissions.md is made from the table."""

from __future__ import annotations

from cli.access import page
from tests.conftest import ROOT


def test_the_page_of_permissions_is_the_table_as_it_is() -> None:
    assert (ROOT / "docs/permissions.md").read_text("utf-8") == page.render()
