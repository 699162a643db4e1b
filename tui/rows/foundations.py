"""The servers of a cluster that has several, and the witnesses beside those without a controller, as rows."""

from __future__ import annotations

from tui.columns import MARK, Column, Row
from tui.rows.order import worst_first
from tui.severity import Assessment, judge_server, judge_witness
from tui.texts import NONE, format_span, printable
from wire.foundations import ServerStatus, WitnessStatus

SERVER_COLUMNS = (
    MARK,
    Column("name", "SERVER, WITNESS", 22),
    Column("state", "STATE", 10),
    Column("seen", "SEEN", 6, rank=2, right=True),
    Column("version", "VERSION", 7, rank=3),
    Column("why", "IN WORDS", 20, grows=True),
)


def server_rows(assessment: Assessment) -> tuple[Row, ...]:
    """Return a row a server and a row a witness under SERVER_COLUMNS; none where one server is alone."""
    found = assessment.status.foundations
    servers = (_server_row(each, assessment) for each in found.servers)
    witnesses = (_witness_row(each, assessment) for each in found.witnesses)
    return (*worst_first(servers), *worst_first(witnesses))


def _server_row(server: ServerStatus, assessment: Assessment) -> Row:
    verdict = judge_server(server, assessment)
    seen = format_span(server.silent_s) if server.silent_s else NONE
    why = verdict.why or "keeps what is stored, with the others"
    cells = (verdict.severity.mark, server.server, verdict.word, seen, NONE, why)
    return Row(f"server {server.server}", verdict.severity, tuple(map(printable, cells)))


def _witness_row(witness: WitnessStatus, assessment: Assessment) -> Row:
    verdict = judge_witness(witness, assessment)
    version = witness.beat.version if witness.beat else NONE
    why = verdict.why or "tells what its server refuses"
    cells = (verdict.severity.mark, witness.witness, verdict.word, format_span(witness.age_s), version, why)
    return Row(f"witness {witness.witness}", verdict.severity, tuple(map(printable, cells)))
