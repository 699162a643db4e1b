"""A model of one's own: from a file to an answer, on a node that really runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelkit.library import Library
from tests.e2e.local_process import LocalProcess, StartLocal

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


def test_a_model_of_one_s_own_is_added_pushed_asked_renewed_taken_back_and_removed(
    start_local: StartLocal, library_root: Path, tmp_path: Path
) -> None:
    local = start_local("--nodes", "1", "--model", "mobilenet_v2", "--library", str(library_root))
    built = Library(library_root)
    manifest = built.manifest("mobilenet_v2")
    assert manifest.known_answer is not None
    weights, labels, cat = tmp_path / "mine.tflite", tmp_path / "labels.txt", tmp_path / "cat.png"
    weights.write_bytes(built.path(manifest.artefact("cpu-int8")).read_bytes())
    labels.write_text("\n".join(manifest.labels), "utf-8")
    cat.write_bytes(built.path(manifest.known_answer.sha256).read_bytes())
    own = ("--library", str(tmp_path / "library"))

    about = (str(weights), "--task", "classify", "--labels", str(labels), "--resize", "crop", *own)
    local.tell("model", "add", *about)
    assert [model["nodes_ready"] for model in local.ask("model", "list", *own) if model["name"] == "mine"] == [None]
    local.tell("model", "push", "mine", *own)
    (found,) = ask_until_served(local, cat)
    assert found["result"]["classes"][0]["label"] == "Egyptian cat"
    assert found["result"]["digest"] == manifest.artefact("cpu-int8").sha256

    labels.write_text("\n".join(label.upper() for label in manifest.labels), "utf-8")
    local.tell("model", "add", *about, "--version", "2")
    local.tell("model", "push", "mine", "--no-promote", *own)
    assert [(each["version"], each["state"]) for each in local.ask("model", "versions", "mine")] == [
        ("2", "kept"),
        ("1", "serving"),
    ]
    (outcome,) = local.ask("model", "promote", "mine", "2")
    assert (outcome["version"], outcome["serving"], len(outcome["nodes"])) == ("2", True, 1)
    (found,) = ask_until_served(local, cat)
    assert (found["result"]["version"], found["result"]["classes"][0]["label"]) == ("2", "EGYPTIAN CAT")
    assert "mine 1 serves on" in local.tell("model", "rollback", "mine")
    (found,) = ask_until_served(local, cat)
    assert (found["result"]["version"], found["result"]["classes"][0]["label"]) == ("1", "Egyptian cat")

    local.tell("model", "remove", "mine")
    done = local.run("infer", str(cat), "--model", "mine", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "unknown_model"


def ask_until_served(local: LocalProcess, picture: Path) -> list[dict[str, Any]]:
    """Ask until the node has fetched and proved the model; the test's own time limit bounds it."""
    while True:
        done = local.run("infer", str(picture), "--model", "mine", "--deadline-ms", "20000", "--json")
        if done.returncode == 0:
            return [json.loads(line) for line in done.stdout.splitlines()]
