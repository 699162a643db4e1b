"""The notifier's one file: what is valid, who may read it, and that its secrets stay in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifier.settings import Settings, Sighting, load_settings
from wire.errors import BadRequestError

WHOLE = """
patience_s = 2

[webhook]
url = "https://hooks.example.org/T0P-S3CRET"
token = "T0P-S3CRET"
kinds = ["trouble"]

[mqtt]
host = "homeassistant.local"
user = "bramble"
password = "T0P-S3CRET"

[[sightings]]
labels = ["person"]
cameras = ["door"]
threshold = 0.6
hold_s = 20
"""


def write(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    path = tmp_path / "notify.toml"
    path.touch(mode=mode)
    path.write_text(text)
    return path


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    found = load_settings(write(tmp_path, WHOLE))

    assert found.webhook is not None
    assert found.webhook.kinds == ("trouble",)
    assert found.mqtt is not None
    assert (found.mqtt.port, found.mqtt.discovery) == (1883, "homeassistant")
    assert found.sightings == (Sighting(labels=("person",), cameras=("door",), threshold=0.6, hold_s=20.0),)


def test_secrets_are_in_no_representation(tmp_path: Path) -> None:
    found: Settings = load_settings(write(tmp_path, WHOLE))

    assert "S3CRET" not in repr(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names nobody to tell"),
        ("[webhook]\nurl = 'ftp://x'", "not valid"),
        ("[webhook]\nurl = 'file:///etc/passwd'", "not valid"),
        ("[webhook]\nurl = 'http://x'\nkinds = ['everything']", "not valid"),
        ("[mqtt]\nhost = 'x'\nport = 0", "not valid"),
        ("[mqtt]\nhost = 'x'\nprefix = 'a/b'", "not valid"),
        ("[mqtt]\nhost = 'x'\npasswort = 'y'", "passwort"),
        ("[mqtt]\nhost = 'x'\n[[sightings]]\nlabels = []", "not valid"),
        ("[mqtt", "not valid"),
    ],
)
def test_what_is_not_valid_is_refused_with_words(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadRequestError, match=words):
        load_settings(write(tmp_path, text))


def test_a_file_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = write(tmp_path, WHOLE)
    path.chmod(0o644)

    with pytest.raises(BadRequestError, match="others can read") as caught:
        load_settings(path)

    assert caught.value.remedy == f"chmod 600 {path}"


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadRequestError, match="No such file"):
        load_settings(tmp_path / "none.toml")
