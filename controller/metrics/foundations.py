"""The metrics of what the cluster stands on: its servers, the record, the witnesses."""

from __future__ import annotations

from collections.abc import Iterator

from controller.metrics.family import Family, Sample
from controller.metrics.snapshot import Snapshot
from wire.foundations import SILENT_S


def _read_servers(snapshot: Snapshot) -> Iterator[Sample]:
    for server in snapshot.status.foundations.servers:
        yield (server.server,), server.state != "offline"


def _read_backlogs(snapshot: Snapshot) -> Iterator[Sample]:
    for server in snapshot.status.foundations.servers:
        yield (server.server,), server.behind


def _read_store(snapshot: Snapshot) -> Iterator[Sample]:
    yield (), not snapshot.status.foundations.problem


def _read_record(snapshot: Snapshot) -> Iterator[Sample]:
    yield (), snapshot.status.foundations.record_bytes


def _read_record_limit(snapshot: Snapshot) -> Iterator[Sample]:
    yield (), snapshot.status.foundations.record_limit_bytes


def _read_witnesses(snapshot: Snapshot) -> Iterator[Sample]:
    for witness in snapshot.status.foundations.witnesses:
        yield (witness.witness,), witness.age_s <= SILENT_S


def _read_logs(snapshot: Snapshot) -> Iterator[Sample]:
    for controller in snapshot.status.controllers:
        if controller.controller == snapshot.status.controller:
            yield ("controller", controller.controller), not controller.unread
    for witness in snapshot.status.foundations.witnesses:
        if witness.beat:
            yield ("witness", witness.witness), witness.beat.reads


FOUNDATIONS = (
    Family("bramble_server_up", "gauge",
           "1 while the others of several NATS servers hear of this one; of a server that is alone nothing is told",
           ("server",), _read_servers),
    Family("bramble_server_behind_writes", "gauge", "Writes that a server has yet to take over from the others",
           ("server",), _read_backlogs),
    Family("bramble_store_up", "gauge", "1 while what the servers store can be had and added to", (), _read_store),
    Family("bramble_record_bytes", "gauge", "What the audit record takes on the servers' disks", (), _read_record),
    Family("bramble_record_limit_bytes", "gauge", "What it may take; when it is full it takes no more", (),
           _read_record_limit),
    Family("bramble_witness_up", "gauge",
           f"1 while a witness gives signs of life; from {SILENT_S:.0f} s of silence on it is 0, for those that the "
           "controller was told of", ("witness",), _read_witnesses),
    Family("bramble_server_log_read", "gauge",
           "0 while a controller or a witness cannot read the log of the server on its host, so that what is refused "
           "there is not on the record", ("program", "id"), _read_logs),
)  # fmt: skip
