"""What a recording leaves out: where things were on the machine that it was made on. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath

import msgspec

from wire.audit import Deed, Entry, Outcome
from wire.jobs import JobOutcome
from wire.log_lines import Told
from wire.status import ClusterStatus

MAX_TEXT = 400
"""Characters of a log line's message and of each of its fields."""

_URL = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]*)://[^\s'\">)\]]*")
_PATH = re.compile(r"(?<![\w:/.…])/(?:[^\s'\",:;()<>/]+/)+")
_ADDRESS = re.compile(r"\b(?!127\.0\.0\.1\b)\d{1,3}(?:\.\d{1,3}){3}\b")


def clean_status(status: ClusterStatus) -> ClusterStatus:
    """Leave out paths and addresses."""
    cameras = tuple(msgspec.structs.replace(camera, source=_hide(camera.source)) for camera in status.cameras)
    controllers = tuple(msgspec.structs.replace(each, metrics_url="") for each in status.controllers)
    return msgspec.structs.replace(status, cameras=cameras, controllers=controllers, metrics_url="")


def clean_outcomes(outcomes: tuple[JobOutcome, ...]) -> tuple[JobOutcome, ...]:
    """Leave out where the pictures of jobs were."""
    return tuple(msgspec.structs.replace(each, file=PurePosixPath(each.file).name) for each in outcomes)


def clean_entries(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Leave out where cameras are: of their URLs, the scheme stays. The copy is no proof of anything any more."""
    return tuple(msgspec.structs.replace(each, deed=_clean_deed(each.deed)) for each in entries)


def clean_lines(lines: Iterable[Told]) -> tuple[Told, ...]:
    """Leave out paths and addresses, and what is long. Passwords were left out when the line was logged."""
    return tuple(
        replace(
            told,
            line=msgspec.structs.replace(
                told.line,
                text=clean_text(told.line.text),
                fields={name: clean_text(value) for name, value in told.line.fields.items()},
            ),
        )
        for told in lines
    )


def clean_text(text: str) -> str:
    """Leave the scheme of each URL, the name of each file, and of addresses only this machine's own."""
    for pattern, instead in ((_URL, r"\1://…"), (_PATH, "…/"), (_ADDRESS, "…")):
        text = pattern.sub(instead, text)
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _clean_deed(deed: Deed) -> Deed:
    hides = deed.action == "camera.add" and deed.outcome is Outcome.DONE
    return msgspec.structs.replace(deed, detail=_hide(deed.detail)) if hides else deed


def _hide(url: str) -> str:
    """Return the scheme of a URL; a path without one is a file's."""
    return ("file" if url.startswith("/") else url.partition(":")[0]) + ":…"
