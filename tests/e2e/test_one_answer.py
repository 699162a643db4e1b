"""One picture, real models, every way to ask: the same answer."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelkit.library import Library
from tests.e2e.local_process import LocalProcess, bramble, start_local_process
from tests.testing.raw_client import raw_client
from wire.context import load_context

pytestmark = pytest.mark.e2e

MODELS = ("mobilenet_v2", "ssd_mobilenet_v2")


@pytest.fixture(scope="module")
def real(library: Library) -> Iterator[LocalProcess]:
    """Two nodes with the real models."""
    local = start_local_process("--nodes", "2", "--library", str(library.root))
    yield local
    local.stop()


def essence(result: dict[str, Any]) -> tuple[str, list[tuple[str, float]]]:
    """Return what must be equal: the artefact that ran, and what it said."""
    found = result.get("classes") or result["detections"]
    return result["digest"], [(each["label"], each["score"]) for each in found]


def known_picture(library: Library, model: str) -> bytes:
    known = library.manifest(model).known_answer
    assert known is not None
    return library.path(known.sha256).read_bytes()


def ask_raw(local: LocalProcess, model: str, picture: bytes, headers: bytes | None = None) -> bytes:
    async def ask() -> bytes:
        async with raw_client(load_context(local.told["context"])) as raw:
            return await raw.request(f"infer.{model}", picture, headers=headers)

    return asyncio.run(ask())


@pytest.mark.parametrize("model", MODELS)
def test_a_shell_pipe_bramble_infer_a_raw_socket_and_the_nats_command_give_the_same_answer(
    real: LocalProcess, model: str, cat_jpeg: bytes, tmp_path: Path, nats_command: str
) -> None:
    file = tmp_path / "cat.jpg"
    file.write_bytes(cat_jpeg)
    pipe = f"cat '{file}' | {' '.join(bramble('infer', '-', '--model', model, '--json'))}"
    piped = subprocess.run(
        ["sh", "-c", pipe], env={"NATS_CONTEXT": real.told["context"]}, capture_output=True, timeout=60, check=True
    )
    asked = real.ask("infer", str(file), "--model", model)[0]
    raw = ask_raw(real, model, cat_jpeg)
    with file.open("rb") as picture:
        natted = subprocess.run(
            [nats_command, "--context", real.told["context"], "req", f"infer.{model}", "--raw", "--force-stdin"],
            stdin=picture, capture_output=True, timeout=60, check=True,
        )  # fmt: skip
    answers = [json.loads(piped.stdout)["result"], asked["result"], json.loads(raw), json.loads(natted.stdout)]
    assert len({json.dumps(essence(each)) for each in answers}) == 1
    if model == "mobilenet_v2":
        assert answers[0]["classes"][0]["label"] == "Egyptian cat"


def test_headers_choose_how_many_classes_and_how_sure(real: LocalProcess, cat_jpeg: bytes) -> None:
    headers = b"NATS/1.0\r\nBramble-Top-K: 2\r\nBramble-Threshold: 0.0\r\n\r\n"
    result = json.loads(ask_raw(real, "mobilenet_v2", cat_jpeg, headers))
    assert len(result["classes"]) == 2
    sure = json.loads(ask_raw(real, "mobilenet_v2", cat_jpeg, b"NATS/1.0\r\nBramble-Threshold: 0.5\r\n\r\n"))
    assert [each["label"] for each in sure["classes"]] == ["Egyptian cat"]


def test_a_picture_looked_at_in_tiles_is_one_frame_with_one_answer(real: LocalProcess, library: Library) -> None:
    street = known_picture(library, "ssd_mobilenet_v2")
    before = real.ask("status")[0]["counts"]
    headers = b"NATS/1.0\r\nBramble-Tiles: 2x2\r\nBramble-Overlap: 0.25\r\n\r\n"
    result = json.loads(ask_raw(real, "ssd_mobilenet_v2", street, headers))
    assert len(result["tiles"]) == 5
    assert result["tiles"][0]["region"] == [0, 0, result["width"], result["height"]]
    assert {tile["node"] for tile in result["tiles"]} == set(result["nodes"]) == set(real.told["nodes"])
    whole = json.loads(ask_raw(real, "ssd_mobilenet_v2", street))
    assert {each["label"] for each in whole["detections"]} <= {each["label"] for each in result["detections"]}
    after = real.ask("status")[0]["counts"]
    assert (after["offered"], after["inferred"]) == (before["offered"] + 2, before["inferred"] + 2)


def test_a_cameras_frames_are_looked_at_in_tiles_where_it_says_so(real: LocalProcess) -> None:
    refused = real.run("camera", "add", "yard", "synthetic:?fps=2", "--model", "mobilenet_v2", "--tiles", "2x2")
    assert refused.returncode != 0
    assert "not where" in refused.stderr
    real.tell(
        "camera", "add", "yard", "synthetic:?fps=2", "--model", "ssd_mobilenet_v2", "--tiles", "2x1", "--tiles-only"
    )
    (result,) = real.ask("results", "--camera", "yard", "-n", "1")
    assert [tile["region"][0] > 0 for tile in result["tiles"]] == [False, True]
    assert result["width"] == result["tiles"][1]["region"][2]
    real.tell("camera", "remove", "yard")


def test_a_classifier_is_not_asked_in_tiles(real: LocalProcess, cat_jpeg: bytes) -> None:
    answer = json.loads(ask_raw(real, "mobilenet_v2", cat_jpeg, b"NATS/1.0\r\nBramble-Tiles: 2x2\r\n\r\n"))
    assert answer["error"]["code"] == "bad_request"


def test_a_header_chooses_the_picture_with_the_answer_drawn_in(real: LocalProcess, cat_jpeg: bytes) -> None:
    picture = ask_raw(real, "mobilenet_v2", cat_jpeg, b"NATS/1.0\r\nBramble-Answer: picture\r\n\r\n")
    assert picture.startswith(b"\xff\xd8")
    assert picture != cat_jpeg


def test_half_a_picture_is_no_picture(real: LocalProcess, cat_jpeg: bytes) -> None:
    answer = json.loads(ask_raw(real, "mobilenet_v2", cat_jpeg[: len(cat_jpeg) // 2]))
    assert answer["error"]["code"] == "bad_image"


def test_a_result_says_where_its_time_went_and_on_which_node(real: LocalProcess, cat_jpeg: bytes) -> None:
    result = json.loads(ask_raw(real, "ssd_mobilenet_v2", cat_jpeg))
    timings = result["timings"]
    parts = sum(value for name, value in timings.items() if name != "total_ms")
    assert timings["infer_ms"] > 0
    assert parts == pytest.approx(timings["total_ms"], rel=0.35, abs=5)
    assert result["nodes"][0] in real.told["nodes"]
    assert (result["version"], len(result["digest"])) == ("1.0.0", 64)
