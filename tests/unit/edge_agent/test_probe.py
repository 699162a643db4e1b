"""The probe's judgement, and what is said about how it ended."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.backends.base import Runtime
from edge_agent.probe import judge
from edge_agent.prober import prove
from edge_agent.trial import Trial, bound_memory, describe_exit, fingerprint
from edge_agent.trust import Trust
from tests.agent_testing.models import SmallClassifier, small_manifest
from wire.errors import ModelRejectedError


def make_trial(path: Path, **changes: object) -> Trial:
    data = SmallClassifier().finish()
    path.write_bytes(data)
    fields: dict[str, object] = {
        "backend": "litert",
        "variant": "cpu-f32",
        "manifest": small_manifest(data),
        "artefact": str(path),
        "picture": None,
        "threads": 1,
        "memory_bytes": bound_memory(len(data)),
    }
    return Trial(**(fields | changes))


@given(st.binary(max_size=200))
def test_a_trial_that_cannot_be_read_is_a_problem_and_no_exception(data: bytes) -> None:
    assert judge(data).problem.startswith("the trial cannot be read")


async def test_a_good_model_passes_and_its_memory_is_told(tmp_path: Path) -> None:
    verdict = await prove(make_trial(tmp_path / "m.tflite"))
    assert verdict.problem == ""
    assert verdict.peak_bytes > 10 << 20


async def test_a_probe_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    with pytest.raises(ModelRejectedError, match="did not load and answer within 0 s"):
        await prove(make_trial(tmp_path / "m.tflite"), within=0.01)


async def test_a_probe_without_enough_memory_is_a_rejection(tmp_path: Path) -> None:
    with pytest.raises(ModelRejectedError):
        await prove(make_trial(tmp_path / "m.tflite", memory_bytes=64 << 20))


async def test_a_backend_that_has_nothing_to_prove_is_a_rejection(tmp_path: Path) -> None:
    with pytest.raises(ModelRejectedError, match="says nothing about being simulated"):
        await prove(make_trial(tmp_path / "m.tflite", backend="simulated"))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (1, "the probe ended with status 1"),
        (-signal.SIGSEGV, "the runtime crashed with SIGSEGV on this model"),
        (-signal.SIGABRT, "the runtime crashed with SIGABRT on this model"),
        (-signal.SIGKILL, "the probe was killed with SIGKILL"),
        (-signal.SIGXCPU, "the model took more than 60 s of processor time"),
        (-63, "the probe was killed with signal 63"),
    ],
)
def test_an_end_is_told_in_words(status: int, words: str) -> None:
    assert describe_exit(status) == words


def test_a_proof_is_void_when_any_circumstance_changes() -> None:
    usual = ("m" * 64, "cpu-int8", Runtime("ai-edge-litert", "2.3.0"), "aarch64", Trust())
    changed = [
        ("n" * 64, *usual[1:]),
        (usual[0], "cpu-f32", *usual[2:]),
        (*usual[:2], Runtime("ai-edge-litert", "2.4.0"), *usual[3:]),
        (*usual[:2], Runtime("tflite-runtime", "2.3.0"), *usual[3:]),
        (*usual[:3], "x86_64", usual[4]),
        (*usual[:4], Trust(("another key",))),
    ]
    marks = {fingerprint(*facts) for facts in [usual, *changed]}
    assert len(marks) == 1 + len(changed)
