"""The rules file against promtool, the runbook, the metrics that exist and its own tests."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from controller.metrics.metrics import OWN
from roles.observability.dashboards import BOARDS, FOLDER, Board, list_queries, render
from tests.conftest import ROOT
from tests.observability_testing.servers import find_server

RULES = ROOT / "roles/observability/files/bramble-rules.yml"
RULE_TESTS = ROOT / "tests/observability/rules.test.yml"
TEXT = RULES.read_text("utf-8")
ALERTS = re.findall(r"- alert: (\w+)", TEXT)
RECORDS = re.findall(r"- record: (\S+)", TEXT)


def promtool(*arguments: str, cwd: Path) -> None:
    done = subprocess.run(
        [find_server("promtool"), *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_finds_the_rules_valid_and_their_tests_pass(tmp_path: Path) -> None:
    for path in (RULES, RULE_TESTS):
        shutil.copy(path, tmp_path)
    promtool("check", "rules", RULES.name, cwd=tmp_path)
    promtool("test", "rules", RULE_TESTS.name, cwd=tmp_path)


def test_every_rule_is_tested() -> None:
    tests = RULE_TESTS.read_text("utf-8")
    fired = {name for name in ALERTS if re.search(rf"alertname: {name}\n\s+exp_alerts:\n\s+- exp_labels", tests)}

    assert sorted(fired) == sorted(ALERTS)
    assert [record for record in RECORDS if record not in tests] == []


def test_every_alert_leads_to_its_entry_in_the_runbook_and_every_entry_has_an_alert() -> None:
    runbook = (ROOT / "docs/runbook.md").read_text("utf-8")
    entries = re.findall(r"^## (\w+)$", runbook, re.MULTILINE)
    links = re.findall(r"runbook_url: docs/runbook.md#(\w+)", TEXT)

    assert sorted(entries) == sorted(ALERTS)
    assert links == [name.lower() for name in ALERTS]


def test_rules_ask_only_for_metrics_that_exist() -> None:
    known = {family.name for family in OWN} | {f"bramble_frame{part}_seconds" for part in ("", "_part")}
    asked = {
        re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\bbramble_\w+", TEXT.replace("bramble-", ""))
    }

    assert asked <= known


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_the_dashboards_are_what_the_code_says(board: Board) -> None:
    assert (FOLDER / f"{board.uid}.json").read_text("utf-8") == render(board)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_dashboards_use_only_records_and_metrics_that_exist(board: Board) -> None:
    known = {family.name for family in OWN}
    for query in list_queries(board):
        for name in re.findall(r"\bbramble_\w+", query):
            assert re.sub(r"_(bucket|sum|count)$", "", name) in known
        assert set(re.findall(r"bramble:[\w:]+", query)) <= set(RECORDS)
