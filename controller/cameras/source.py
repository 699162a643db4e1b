"""What a camera is, as one frozen value parsed from its URL. A password in it never shows in ``str`` or ``repr``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from controller.cameras.errors import BadSourceError
from wire.redact import redact_url

Kind = Literal["file", "directory", "rtsp", "mjpeg", "usb", "synthetic", "push"]

# Kinds whose options follow a "#": what follows their "?" belongs to the camera, and FFmpeg sends no fragment.
NETWORK_KINDS: frozenset[Kind] = frozenset({"rtsp", "mjpeg"})
# Kinds that are read at a pace of our choosing, where every picture is there already.
LIVE_KINDS: frozenset[Kind] = NETWORK_KINDS | {"usb"}
FROZEN_S = 30.0
"""Some key frames long: a sensor's noise changes at least those, also of a room in which nothing moves."""
RECORDED_KINDS: frozenset[Kind] = frozenset({"file", "directory", "synthetic"})

_MAX_TEXT = 2048
_MAX_FPS = 240.0
_MAX_SIDE = 8192
_SHORT_SECRET = 2
_FORMS = (
    "rtsp://[user:password@]host[:port]/path, http(s)://host/path (MJPEG), file:///path/clip.mp4, "
    "dir:///path/of/pictures, usb:0, synthetic: or push:"
)
_OPTIONS: Mapping[Kind, frozenset[str]] = {
    "file": frozenset({"fps", "loop"}),
    "directory": frozenset({"fps", "loop"}),
    "rtsp": frozenset({"fps", "keyframes", "frozen", "stall"}),
    "mjpeg": frozenset({"fps", "frozen", "stall"}),
    "usb": frozenset({"fps", "width", "height", "frozen"}),
    "synthetic": frozenset({"fps", "width", "height"}),
    "push": frozenset({"stall"}),
}
_DEVICE = re.compile(r"/dev/[A-Za-z0-9_./-]+\Z")


@dataclass(frozen=True, slots=True, repr=False)
class Source:
    """A parsed camera URL."""

    kind: Kind
    text: str = field(metadata={"secret": True})  # the URL as given
    target: str = field(metadata={"secret": True})  # what is opened: a URL, a path, a device; empty otherwise
    fps: float | None = None  # recorded kinds and USB: the pace; live kinds: a limit
    loop: bool = False  # recorded kinds: start again at the end
    width: int | None = None  # pixels, for kinds that can choose
    height: int | None = None
    keyframes: bool = False  # decode key frames only: a fraction of the CPU, a picture every second or so
    frozen: float | None = None  # seconds of one and the same picture after which it counts as blind; 0: never
    stall: float | None = None  # seconds of silence after which it does; None: the camera's default; 0: never (push)

    @property
    def frozen_after(self) -> float | None:
        """After how many seconds of one and the same picture the camera counts as blind; None: never."""
        if self.frozen is None:
            return FROZEN_S if self.kind in LIVE_KINDS else None
        return self.frozen or None

    def __str__(self) -> str:
        return self.conceal(self.text)

    def __repr__(self) -> str:
        return f"Source({self.kind}, {self})"

    def conceal(self, text: str) -> str:
        """Take this source's secrets, and those of any URL, out of a text."""
        for secret in _secrets(self.kind, self.target):
            text = text.replace(secret, "***")
        return redact_url(text)


def parse_source(text: str) -> Source:
    """Parse a camera URL, a path or a device.

    Raises:
        BadSourceError: when it is none; its message holds the text redacted, its remedy the forms there are.

    """
    if not text or len(text) > _MAX_TEXT or not text.isprintable() or text != text.strip():
        raise _bad(text, "it is empty, too long, or holds spaces at the ends or control characters")
    if text.startswith("/dev/"):
        return _usb(text, text)
    if text.startswith("/"):
        path, options = _split_options(text, text, "?")
        is_directory = path.endswith("/") or os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises for long names
        return _recorded(text, "directory" if is_directory else "file", path, options)
    scheme, _, rest = text.partition(":")
    parse = _SCHEMES.get(scheme.lower())
    if parse is None or ":" not in text:
        raise _bad(text, f"the scheme {scheme[:32]!r} is not known")
    return parse(text, rest)


def _bad(text: str, why: str) -> BadSourceError:
    # What is no URL may still hold a password before an @, or in what it asks for; and cutting comes last,
    # or it would cut the @ away by which a password is known.
    shown = re.split(r"[?#]", re.sub(r"\S*@", "***@", redact_url(text)))[0][:200]
    return BadSourceError(f"{shown!r} is not a camera URL: {why}", remedy=f"use one of: {_FORMS}")


def _split_options(text: str, rest: str, mark: str) -> tuple[str, dict[str, str]]:
    body, _, query = rest.partition(mark)
    if not query:
        return body, {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, max_num_fields=16)
    except ValueError:
        raise _bad(text, f"what follows {mark!r} is not a list of option=value") from None
    options = dict(pairs)
    if len(options) != len(pairs):
        raise _bad(text, "an option is given twice")
    return body, options


def _local_path(text: str, body: str) -> str:
    if body.startswith("//"):
        host, slash, path = body[2:].partition("/")
        if host not in {"", "localhost"} or not slash:
            raise _bad(text, "a file is on this machine: write three slashes and an absolute path")
        body = "/" + path
    if not body.startswith("/"):
        raise _bad(text, "the path must be absolute")
    return unquote(body)


def _local(text: str, rest: str, kind: Kind) -> Source:
    body, options = _split_options(text, rest, "?")
    return _recorded(text, kind, _local_path(text, body), options)


def _recorded(text: str, kind: Kind, path: str, options: dict[str, str]) -> Source:
    if not path.strip("/") or "\0" in path:
        raise _bad(text, "the path is empty or holds a NUL")
    return _build(text, kind, path, options)


def _network(text: str, kind: Kind) -> Source:
    url, options = _split_options(text, text, "#")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port == 0:
        raise _bad(text, "the host is missing or the port is not 1..65535 (write @, / and # in a password as %40, ...)")
    return _build(text, kind, url, options)


def _usb(text: str, rest: str) -> Source:
    body, options = _split_options(text, rest, "?")
    device = f"/dev/video{body}" if body.isascii() and body.isdecimal() else body
    if not _DEVICE.match(device) or ".." in device:
        raise _bad(text, "a USB camera is a number or a device such as /dev/video0")
    return _build(text, "usb", device, options)


def _made_here(text: str, rest: str, kind: Kind) -> Source:
    body, options = _split_options(text, rest, "?")
    if body:
        raise _bad(text, f"nothing but options may follow {kind}:")
    return _build(text, kind, "", options)


def _build(text: str, kind: Kind, target: str, options: dict[str, str]) -> Source:
    unknown = sorted(set(options) - _OPTIONS[kind])
    if unknown:
        known = ", ".join(sorted(_OPTIONS[kind]))
        raise _bad(text, f"a {kind} source has no option {unknown[0][:32]!r} (it has {known})")
    sides = ("width", "height")
    whole = {name: int(_number(text, options, name, 16, _MAX_SIDE)) for name in sides if name in options}
    return Source(
        kind=kind,
        text=text,
        target=target,
        fps=_number(text, options, "fps", 0.01, _MAX_FPS) if "fps" in options else None,
        loop=_switch(text, options, "loop"),
        width=whole.get("width"),
        height=whole.get("height"),
        keyframes=_switch(text, options, "keyframes"),
        frozen=_number(text, options, "frozen", 0, 86_400) if "frozen" in options else None,
        stall=_number(text, options, "stall", 0 if kind == "push" else 1, 86_400) if "stall" in options else None,
    )


def _number(text: str, options: dict[str, str], name: str, low: float, high: float) -> float:
    try:
        value = float(options[name])
    except ValueError:
        value = float("nan")
    if not low <= value <= high:  # also refuses NaN
        raise _bad(text, f"{name} must be a number from {low:g} to {high:g}")
    return value


def _switch(text: str, options: dict[str, str], name: str) -> bool:
    value = options.get(name, "0")
    if value not in {"0", "1"}:
        raise _bad(text, f"{name} must be 0 or 1")
    return value == "1"


def _secrets(kind: Kind, target: str) -> list[str]:
    """Every literal that must not be shown, longest first: user info, password, and what the camera itself is asked.

    Cameras take passwords in their query, some (XMeye) in their path: ``/user=admin_password=..._channel=1.sdp``.
    """
    if kind not in NETWORK_KINDS:
        before, _, _ = target.rpartition("@")  # a path; but a URL that has lost its scheme looks like one
        return [before.lstrip("/")] if ":" in before else []
    parts = urlsplit(target)
    userinfo = parts.netloc.rpartition("@")[0]
    password = userinfo.partition(":")[2]
    found = {userinfo, password, unquote(password), parts.query}
    if "pass" in parts.path.lower():
        found.add(parts.path.lstrip("/"))
    # A very short secret would turn every text into stars; redact_url still takes it out of URLs.
    return sorted((secret for secret in found if len(secret) > _SHORT_SECRET), key=len, reverse=True)


# A parser for each scheme; it gets the whole text and what follows the colon.
_SCHEMES: Mapping[str, Callable[[str, str], Source]] = {
    "file": lambda text, rest: _local(text, rest, "file"),
    "dir": lambda text, rest: _local(text, rest, "directory"),
    "rtsp": lambda text, _: _network(text, "rtsp"),
    "rtsps": lambda text, _: _network(text, "rtsp"),
    "http": lambda text, _: _network(text, "mjpeg"),
    "https": lambda text, _: _network(text, "mjpeg"),
    "usb": _usb,
    "synthetic": lambda text, rest: _made_here(text, rest, "synthetic"),
    "push": lambda text, rest: _made_here(text, rest, "push"),
}
