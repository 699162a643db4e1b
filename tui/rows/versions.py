"""The versions of a model, as rows."""

from __future__ import annotations

from tui.columns import MARK, Column, Row
from tui.rows.order import natural_key
from tui.severity import Severity, Verdict
from tui.texts import NONE, format_span, printable
from wire.status import ModelStatus
from wire.versions import VersionStatus

VERSION_COLUMNS = (
    MARK,
    Column("version", "VERSION", 14),
    Column("state", "STATE", 10),
    Column("digest", "DIGEST", 12, rank=2),
    Column("age", "KEPT FOR", 8, rank=1, right=True),
    Column("nodes", "NODES", 16, grows=True),
)


def version_rows(model: ModelStatus, at: float) -> tuple[Row, ...]:
    """Return a row a version under VERSION_COLUMNS, the newest first; the key is the digest of its manifest."""
    return tuple(_version_row(version, at) for version in model.versions)


def judge_version(version: VersionStatus) -> Verdict:
    """Judge how far a version is."""
    why = "; ".join(f"{node} refuses it: {reason}" for node, reason in sorted(version.refused.items()))
    if why:
        return Verdict(Severity.WARN, version.state, why)
    return Verdict(Severity.NOTE if version.state == "preparing" else Severity.OK, version.state)


def _version_row(version: VersionStatus, at: float) -> Row:
    verdict = judge_version(version)
    nodes = ", ".join(sorted(version.nodes, key=natural_key)) or NONE
    kept = version.state == "kept" and not version.nodes
    cells = (
        " " if kept else verdict.severity.mark,
        version.version,
        verdict.word,
        version.digest[:12],
        format_span(max(0.0, at - version.added_at)) if version.added_at else NONE,
        verdict.why or nodes,
    )
    return Row(version.digest, verdict.severity, tuple(map(printable, cells)))
