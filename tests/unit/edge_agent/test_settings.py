"""The command line, read into one value."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.settings import Profile, default_cache, load_profile, parse_settings
from wire.errors import BadRequestError

HOME = {"HOME": "/home/pi"}


def test_a_node_needs_only_its_name() -> None:
    settings = parse_settings(["--node", "pi1"], environ=HOME)
    assert (settings.node, settings.context, settings.backends) == ("pi1", None, ("auto",))
    assert settings.cache == Path("/home/pi/.cache/bramble/agent")
    assert settings.cache_bytes == 2048 << 20
    assert 1 <= settings.threads <= 4
    assert settings.profile == Profile()


def test_everything_can_be_said(tmp_path: Path) -> None:
    profile = tmp_path / "profile.toml"
    profile.write_text("speed = 2\n[seconds]\nm = 0.5\n")
    line = f"--node n --context c --cache /c --cache-mib 64 --backends litert,onnx --threads 3 --profile {profile}"
    settings = parse_settings([*line.split(), "--journal", "--log-level", "debug"], environ=HOME)
    assert (settings.context, settings.cache, settings.cache_bytes) == ("c", Path("/c"), 64 << 20)
    assert (settings.backends, settings.threads, settings.journal) == (("litert", "onnx"), 3, True)
    assert settings.profile == Profile(speed=2.0, seconds={"m": 0.5})
    assert settings.log_level == "debug"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "--node n --slowdown 3",
        "--node n --thread 3",
        "--node n --threads 0",
        "--node n --threads two",
        "--node n --cache-mib 1",
        "--node n --log-level loud",
    ],
)
def test_what_is_not_known_or_not_valid_is_a_usage_error(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_settings(line.split(), environ=HOME)
    assert caught.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "a.b", "pi 1", "*", "x" * 65])
def test_a_node_name_that_is_unsafe_in_a_subject_is_refused(name: str) -> None:
    with pytest.raises(BadRequestError, match="is not a valid name"):
        parse_settings(["--node", name], environ=HOME)


@pytest.mark.parametrize(
    "text",
    ["speed = 0", "speed = -1", "speed = inf", "speed = nan", "slow = 3", "[seconds]\nm = -1", "speed =", "\xff"],
)
def test_a_profile_that_is_not_valid_is_refused_with_an_example(tmp_path: Path, text: str) -> None:
    path = tmp_path / "profile.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadRequestError, match="is not valid") as caught:
        load_profile(path)
    assert "speed = 0.5" in caught.value.remedy


def test_a_profile_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequestError, match="No such file"):
        load_profile(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"CACHE_DIRECTORY": "/var/cache/bramble:/x"} | HOME, "/var/cache/bramble"),
        ({"XDG_CACHE_HOME": "/cache"} | HOME, "/cache/bramble/agent"),
        (HOME, "/home/pi/.cache/bramble/agent"),
    ],
)
def test_the_cache_is_where_the_system_wants_it(environ: dict[str, str], path: str) -> None:
    assert default_cache(environ) == Path(path)
