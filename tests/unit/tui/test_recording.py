from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.testing.virtual_time import run_virtually
from tests.tui_testing.archives import make_entries, make_failures, make_report
from tests.tui_testing.boards import AT, healthy, make_camera, make_node, make_result, make_status
from tests.tui_testing.log_lines import CONTROLLER, make_told, take
from tui.actions import Drain
from tui.cleaning import MAX_TEXT, clean_entries, clean_lines, clean_outcomes, clean_status, clean_text
from tui.picture import open_picture
from tui.record import MAX_LINES, Recorder
from tui.recording import (
    EntriesRecord,
    EventRecord,
    FailuresRecord,
    JobsRecord,
    LogsRecord,
    Record,
    ResultRecord,
    StatusRecord,
    load_demo,
    read_recording,
    write_recording,
)
from tui.replay import Replay, draw_findings
from tui.severity import assess, judge_cluster
from tui.state import Dashboard, fold
from tui.updates import (
    Connecting,
    EntriesTaken,
    EventTaken,
    FailuresTaken,
    JobsTaken,
    Lost,
    PictureMissing,
    PictureTaken,
    ResultsTaken,
    StatusTaken,
    Update,
    Wants,
)
from wire.errors import BadRequestError
from wire.log_lines import LogLevel, Mute
from wire.messages import Event

EVENT = Event(at=AT, kind="blind", text="gone")
RECORDS: tuple[Record, ...] = (
    StatusRecord(t=0.0, status=healthy()),
    ResultRecord(t=0.5, result=make_result()),
    EventRecord(t=0.7, source="door", event=EVENT),
    StatusRecord(t=1.0, status=healthy()),
)


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl.gz"
    write_recording(RECORDS, path)
    assert read_recording(path.read_bytes()) == RECORDS


@given(st.binary(max_size=400) | st.binary(max_size=200).map(gzip.compress))
def test_bytes_that_are_no_recording_are_refused(data: bytes) -> None:
    with pytest.raises(BadRequestError):
        read_recording(data)


def test_a_recording_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl.gz"
    write_recording(RECORDS, path)
    with pytest.raises(BadRequestError, match="cut off"):
        read_recording(path.read_bytes()[:-20])


def test_a_recording_unpacks_to_a_bounded_size() -> None:
    with pytest.raises(BadRequestError, match="more than"):
        read_recording(gzip.compress(b"\n" * (65 << 20)))


def test_the_recorder_takes_two_results_a_second_and_no_pictures() -> None:
    recorder = Recorder(began=10.0)
    recorder.take(Connecting("nats://x"), 10.0)
    recorder.take(StatusTaken(healthy()), 10.1)
    for step in range(4):
        recorder.take(ResultsTaken((make_result(f"{step:021x}"),), 0), 10.25 + step / 4)
    recorder.take(PictureTaken("door", b"jpeg", ""), 11.3)
    recorder.take(EventTaken("door", EVENT), 11.4)
    recorder.take(Lost("gone", "", 12.0), 11.5)
    assert [type(record) for record in recorder.records] == [StatusRecord, ResultRecord, ResultRecord, EventRecord]
    assert [record.t for record in recorder.records] == [0.1, 0.25, 0.75, 1.4]


def test_the_recorder_takes_what_is_kept_only_where_it_has_changed() -> None:
    recorder = Recorder(began=0.0)
    entries = clean_entries(make_entries(AT))
    failures = FailuresTaken("walk", make_failures("walk", AT))
    for second in range(3):
        recorder.take(JobsTaken(make_report(AT)), float(second))
        recorder.take(failures, float(second))
        recorder.take(EntriesTaken(entries if second == 0 else ()), float(second))
    assert [type(record) for record in recorder.records] == [JobsRecord, FailuresRecord, EntriesRecord]
    replay = Replay(recorder.records)
    assert [replay.play(record) for record in recorder.records] == [
        (JobsTaken(make_report(AT)),),
        (failures,),
        (EntriesTaken(entries),),
    ]


def test_a_recording_does_not_tell_where_things_were() -> None:
    status = clean_status(make_status([make_node()], [make_camera("door")]))
    assert [camera.source for camera in status.cameras] == ["rtsp:…"]
    (camera,) = clean_status(make_status([], [msgspec.structs.replace(make_camera(), source="/home/pi/a.mp4")])).cameras
    assert camera.source == "file:…"
    assert [entry.deed.detail for entry in clean_entries(make_entries(AT))] == ["rtsp:…", "", "not authorised"]
    (outcome, *_) = clean_outcomes((msgspec.structs.replace(make_failures("walk", AT)[0], file="/home/pi/a.jpg"),))
    assert outcome.file == "a.jpg"


def test_a_recording_does_not_tell_paths_and_addresses_of_logs() -> None:
    told = make_told(1, "opened rtsp://***@10.0.0.7/cam", file="/var/lib/bramble/models/a.tflite", traceback="x" * 5000)
    (cleaned,) = clean_lines([told])
    assert cleaned.key == told.key
    assert cleaned.line.text == "opened rtsp://…"
    assert cleaned.line.fields["file"] == "…/a.tflite"
    assert len(cleaned.line.fields["traceback"]) == MAX_TEXT


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("10.77.0.3:4222 refused the connection", "…:4222 refused the connection"),
        ("127.0.0.1:41459 refused the connection", "127.0.0.1:41459 refused the connection"),
        ("cannot read '/home/pi/clips/street.mp4'", "cannot read '…/street.mp4'"),
        ("12 frames/s, 3/4 of them", "12 frames/s, 3/4 of them"),
        ("control.operator.camera.add", "control.operator.camera.add"),
        ("nats://127.0.0.1:4222", "nats://…"),
    ],
)
def test_of_texts_paths_and_foreign_addresses_are_left_out(text: str, kept: str) -> None:
    assert clean_text(text) == kept


@given(st.text("abc/:. @", max_size=40), st.text("xyz", min_size=1, max_size=9))
def test_no_folder_survives(before: str, name: str) -> None:
    assert "/secretplace/" not in clean_text(f"{before} /home/secretplace/{name}")


def test_the_recorder_takes_new_lines_up_to_a_limit_and_who_is_mute_where_that_changes() -> None:
    recorder = Recorder(began=0.0)
    mute = (Mute(CONTROLLER, "nobody is there"),)
    for second, update in enumerate([take(make_told(1)), take(), take(mute=mute), take(mute=mute), take(make_told(2))]):
        recorder.take(update, float(second))
    assert [record.t for record in recorder.records] == [0.0, 2.0, 4.0]
    recorder.take(take(*(make_told(number) for number in range(10, 10 + MAX_LINES))), 5.0)
    recorder.take(take(make_told(9)), 6.0)
    records = [record for record in recorder.records if isinstance(record, LogsRecord)]
    assert sum(len(record.lines) for record in records) == MAX_LINES
    assert len(records) == 4


def test_a_replay_tells_lines_from_before_they_were_wanted_and_those_of_one_program() -> None:
    lines = LogsRecord(t=0.2, lines=(make_told(1), make_told(2, program=CONTROLLER)))
    replay = Replay(RECORDS)
    assert replay.play(lines) == ()
    assert replay.play(RECORDS[0]) == (StatusTaken(healthy()),), "nobody looks"
    replay.want(Wants(logs=""))
    assert replay.play(RECORDS[0]) == (StatusTaken(healthy()), take(*lines.lines))
    assert replay.play(RECORDS[0]) == (StatusTaken(healthy()),), "nothing is new"
    replay.want(Wants(logs=str(CONTROLLER)))
    assert replay.play(RECORDS[0]) == (StatusTaken(healthy()), take(lines.lines[1]))


def test_a_replay_keeps_the_recordings_time_and_begins_again() -> None:
    async def play() -> list[tuple[float, Update]]:
        loop = asyncio.get_running_loop()
        got: list[tuple[float, Update]] = []
        replay = Replay(RECORDS, clock=loop.time)
        replay.want(Wants(results=True))
        try:
            async with asyncio.timeout(2.5):
                await replay.run(lambda update: got.append((loop.time(), update)))
        except TimeoutError:
            return got
        raise AssertionError("a replay has no end")

    got = run_virtually(play())
    assert [type(update) for _, update in got[:5]] == [Connecting, StatusTaken, ResultsTaken, EventTaken, StatusTaken]
    assert [moment for moment, _ in got[:5]] == pytest.approx([0.0, 0.0, 0.5, 0.7, 1.0], abs=0.01)
    assert [moment for moment, update in got if isinstance(update, StatusTaken)] == pytest.approx([0, 1, 2], abs=0.01)


def test_a_replay_hands_over_only_the_results_that_are_wanted() -> None:
    replay = Replay(RECORDS)
    assert replay.play(RECORDS[1]) == ()
    replay.want(Wants(results=True, camera="yard"))
    assert replay.play(RECORDS[1]) == ()
    replay.want(Wants(results=True, camera="door"))
    assert len(replay.play(RECORDS[1])) == 1


def test_a_replay_draws_what_was_found_and_says_that_it_did() -> None:
    replay = Replay(RECORDS)
    replay.play(RECORDS[1])
    replay.want(Wants(picture="door"))
    _, picture = replay.play(RECORDS[0])
    assert isinstance(picture, PictureTaken)
    assert "recorded" in picture.note
    assert open_picture(picture.jpeg).shape == (360, 640, 3)
    assert replay.play(RECORDS[3]) == (StatusTaken(healthy()),), "the same picture is not drawn twice"


def test_a_replay_says_which_camera_it_knows_no_results_of() -> None:
    replay = Replay(RECORDS)
    replay.want(Wants(picture="yard"))
    assert isinstance(replay.play(RECORDS[0])[1], PictureMissing)


def test_boxes_are_where_they_were_found() -> None:
    pixels = open_picture(draw_findings(make_result()))
    assert pixels[200, 64].tolist() != pytest.approx(pixels[10, 10].tolist(), abs=30)


async def test_nothing_recorded_can_be_changed() -> None:
    with pytest.raises(BadRequestError, match="a recorded session"):
        await Replay(RECORDS).act(Drain("node-1"))


def test_the_session_that_comes_with_the_dashboard_shows_a_node_a_camera_a_drain_and_logs() -> None:
    replay, board = Replay(load_demo()), Dashboard()
    replay.want(Wants(logs=""))
    for record in load_demo():
        for update in replay.play(record):
            board = fold(board, update, record.t)
    assert {"suspect", "dead", "blind", "draining"} <= {line.kind for line in board.log}
    assert board.jobs is not None
    assert board.failures is not None
    assert board.record
    assert len({each.controller for each in board.status.controllers}) == 2 if board.status else False
    assert len(board.points) > 60
    assert {"node", "controller"} == {told.program.kind for told in board.lines}
    assert {LogLevel.INFO, LogLevel.WARNING} <= {told.line.level for told in board.lines}
    assert [told for told in board.lines if clean_lines([told]) != (told,)] == [], "all of them are clean"


def test_the_session_begins_well() -> None:
    first = load_demo()[0]
    assert isinstance(first, StatusRecord)
    assert judge_cluster(assess(first.status)).word == "OK"
