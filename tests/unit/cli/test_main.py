from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import _COMMANDS, bramble
from cli.output import Exit, Failure, explain, has_closed_pipe
from modelkit.errors import UnknownModelError
from wire.errors import BusError, NoRespondersError, NotAuthorisedError


def run_bramble(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        input=stdin, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", sorted(_COMMANDS))
def test_every_command_in_the_table_can_be_imported_and_explains_itself(name: str) -> None:
    context = bramble.make_context("bramble", ["--help"], resilient_parsing=True)
    command = bramble.get_command(context, name)
    assert command is not None
    assert command.help


def test_an_unknown_command_is_wrong_usage() -> None:
    done = run_bramble("fly")
    assert (done.returncode, done.stdout) == (Exit.USAGE, "")
    assert "No such command 'fly'" in done.stderr


def test_help_imports_neither_the_bus_nor_rich_nor_numpy() -> None:
    code = (
        "import sys; from cli.main import bramble; bramble.main(['--help'], standalone_mode=False);"
        " print([name for name in ('nats', 'rich', 'numpy', 'asyncio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_cluster_that_is_not_there_is_exit_code_3_with_a_remedy_and_no_traceback(tmp_path: Path) -> None:
    context = tmp_path / "context.json"
    context.write_text('{"url": "nats://me:hunter2@127.0.0.1:1"}')
    done = run_bramble("status", "--context", str(context))
    assert done.returncode == Exit.UNREACHABLE
    assert done.stderr.startswith("error: no NATS server answers at nats://***@127.0.0.1:1")
    assert "remedy: start one with `bramble local`" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr


def test_a_context_that_does_not_exist_is_exit_code_1(tmp_path: Path) -> None:
    done = run_bramble("nodes", "--context", str(tmp_path / "none.json"))
    assert done.returncode == Exit.FAILED
    assert "none.json cannot be read" in done.stderr


def test_an_empty_camera_url_on_standard_input_is_refused_before_anything_is_asked() -> None:
    done = run_bramble("camera", "add", "door", "-", "--model", "ssd", stdin="\n")
    assert done.returncode == Exit.FAILED
    assert "the camera's URL is empty" in done.stderr


def test_a_camera_name_that_cannot_be_a_subject_is_refused() -> None:
    done = run_bramble("camera", "add", "front.door", "usb:0", "--model", "ssd")
    assert done.returncode == Exit.FAILED
    assert "camera 'front.door' is not a valid name" in done.stderr


def test_a_camera_url_and_ask_together_are_wrong_usage() -> None:
    assert run_bramble("camera", "add", "door", "usb:0", "--ask", "--model", "ssd").returncode == Exit.USAGE


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_names_the_command_for_every_shell(shell: str) -> None:
    done = run_bramble("completion", shell)
    assert done.returncode == Exit.OK
    assert "_BRAMBLE_COMPLETE" in done.stdout


def test_a_command_s_name_is_completed_without_importing_it() -> None:
    code = (
        "import os, sys\n"
        "os.environ |= {'_BRAMBLE_COMPLETE': 'bash_complete', 'COMP_WORDS': 'bramble no', 'COMP_CWORD': '1'}\n"
        "from cli.main import bramble\n"
        "try: bramble.main([], prog_name='bramble')\n"
        "except SystemExit: print('nats' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.splitlines() == ["plain,nodes", "False"]


def test_the_version_is_the_distribution_s() -> None:
    done = run_bramble("--version")
    assert (done.returncode, done.stdout.split()[0]) == (Exit.OK, "bramble")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BusError("down", remedy="r"), Exit.UNREACHABLE),
        (NoRespondersError("nobody", remedy="r"), Exit.UNREACHABLE),
        (NotAuthorisedError("no", remedy="r"), Exit.FAILED),
        (UnknownModelError("what", remedy="r"), Exit.FAILED),
        (ExceptionGroup("tasks", [ValueError("x"), BusError("down", remedy="r")]), Exit.UNREACHABLE),
    ],
)
def test_a_foreseen_error_has_words_and_an_exit_code(error: Exception, code: Exit) -> None:
    failure = explain(error)
    assert isinstance(failure, Failure)
    assert (failure.exit, failure.remedy) == (code, "r")


def test_a_fault_of_ours_is_left_to_its_traceback() -> None:
    assert explain(ValueError("a bug")) is None


@pytest.mark.parametrize(
    ("error", "closed"),
    [
        (BrokenPipeError(), True),
        (ExceptionGroup("tasks", [ValueError("x"), BrokenPipeError()]), True),
        (ConnectionResetError(), False),
        (ExceptionGroup("tasks", [ValueError("x")]), False),
    ],
)
def test_a_reader_that_went_away_is_recognised(error: Exception, closed: bool) -> None:  # noqa: FBT001 - a table
    assert has_closed_pipe(error) is closed
