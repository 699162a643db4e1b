"""The parsers of bytes from outside: what each refuses with, what must be true of what it takes, and good samples."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from controller.cameras.errors import BadSourceError
from controller.cameras.pictures import JpegPicture
from controller.cameras.source import parse_source
from modelkit.errors import ModelkitError
from modelkit.manifest import decode_manifest, encode_manifest, parse_manifest
from modelkit.picture import MAX_PIXELS, decode_picture, read_picture_info
from models import recipe, recipes
from wire.audit import Deed, Outcome
from wire.cameras import CameraConfig
from wire.errors import BrambleError, InvalidTensorError
from wire.headers import Hop, InferOptions, WorkOrder
from wire.messages import Counts, Heartbeat, Result, Timings, decode, encode
from wire.refusals.report import KINDS, Report, Told, check_report
from wire.refusals.server_log import parse_line
from wire.tensors import decode_tensors, encode_tensors, from_array

MODELS = Path(__file__).parents[2] / "models"
SECRET = "hunter22"
"""The password in every sample of a camera's URL; it must show nowhere."""


@dataclass(frozen=True, slots=True)
class Parser:
    """One parser: ``parse`` raises nothing but ``refuses``, and asserts what must be true of what was taken."""

    name: str
    parse: Callable[[bytes], None]
    refuses: tuple[type[Exception], ...]
    samples: Callable[[], tuple[bytes, ...]]


def _codec(data: bytes) -> None:
    tensors = decode_tensors(data)
    assert decode_tensors(encode_tensors(tensors)) == tensors


@cache
def _tensors() -> tuple[bytes, ...]:
    arrays = [np.arange(24, dtype=kind).reshape(2, 3, 4) for kind in ("float32", "float16", "int8", "uint8", "int32")]
    each = [encode_tensors([from_array(array)]) for array in arrays]
    return (*each, encode_tensors([from_array(array) for array in arrays]), encode_tensors([]))


def _headers(data: bytes) -> None:
    fields = [line.partition(": ") for line in data.decode("latin-1").split("\r\n")]
    found = {name: value for name, _, value in fields}
    refused = 0
    for kind in (InferOptions, WorkOrder):
        try:
            read = kind.from_headers(found)
        except BrambleError:
            refused += 1
        else:
            assert kind.from_headers(read.to_headers()) == read
    if refused:
        raise RefusedError


@cache
def _header_blocks() -> tuple[bytes, ...]:
    options = InferOptions(deadline_ms=100, top_k=3, threshold=0.5)
    order = WorkOrder(frame="f" * 20, digest="d" * 64, itinerary=(Hop("pi-1", 0), Hop("pi-2", 1)), deadline_ms=100)
    traced = {**order.to_headers(), "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    tiled = {**options.to_headers(), "Bramble-Tiles": "3x2", "Bramble-Overlap": "0.2"}
    every = (options.to_headers(), order.to_headers(), traced, tiled)
    return tuple("\r\n".join(f"{name}: {value}" for name, value in each.items()).encode() for each in every)


def _picture(data: bytes) -> None:
    info = read_picture_info(data)
    assert 0 < info.width * info.height <= MAX_PIXELS
    pixels = decode_picture(data, min_width=32, min_height=32)
    assert pixels.ndim == 3
    assert pixels.dtype == np.uint8


def _camera_jpeg(data: bytes) -> None:
    picture = JpegPicture(data)
    assert picture.gray().dtype == np.uint8
    assert picture.encode(32).width <= max(32, picture.width)


@cache
def _pictures() -> tuple[bytes, ...]:
    rng = np.random.default_rng(1)
    image = Image.fromarray(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8))
    files = []
    for form, shown, options in (
        ("JPEG", image, {}),
        ("JPEG", image, {"progressive": True}),
        ("JPEG", image, {"subsampling": 0}),
        ("JPEG", image.convert("L"), {}),
        ("PNG", image, {}),
    ):
        out = io.BytesIO()
        shown.save(out, form, **options)
        files.append(out.getvalue())
    return tuple(files)


@cache
def _jpegs() -> tuple[bytes, ...]:
    return _pictures()[:-1]


def _manifest_json(data: bytes) -> None:
    manifest = decode_manifest(data)
    assert decode_manifest(encode_manifest(manifest)) == manifest


def _manifest_toml(data: bytes) -> None:
    manifest = parse_manifest(data)
    assert decode_manifest(encode_manifest(manifest)) == manifest


@cache
def _manifests_json() -> tuple[bytes, ...]:
    return tuple(encode_manifest(recipe.load_recipe(name).manifest(("simulated",))) for name in recipes.names())


@cache
def _manifests_toml() -> tuple[bytes, ...]:
    files = sorted(MODELS.glob("*/manifest.toml"))
    # Labels are put in when a recipe is built; where it comes from is the recipe's own business.
    return tuple(b'labels = ["cat", "dog"]\n' + each.read_bytes().partition(b"[sources")[0] for each in files)


def _camera_url(data: bytes) -> None:
    text = data.decode("latin-1")
    source = parse_source(text)
    assert str(parse_source(source.text)) == str(source)
    assert f":{SECRET}@" not in f"{source} {source!r}"


@cache
def _camera_urls() -> tuple[bytes, ...]:
    return tuple(
        text.encode()
        for text in (
            f"rtsp://admin:{SECRET}@10.0.0.5:554/cam?channel=1&subtype=0#fps=5&stall=30&keyframes=1",
            f"http://admin:{SECRET}@cam.local/video?user=admin&pwd={SECRET}#frozen=30",
            "usb:0?width=640&height=480&fps=5", "/dev/video0", "file:///clips/street.mp4?loop=1&fps=3", "/a/?fps=2",
            "synthetic:?width=640&height=360&fps=10", "push:?stall=20", "rtsps://[fe80::1%25eth0]:322/s",
        )
    )  # fmt: skip


def _message(data: bytes) -> None:
    refused = 0
    for kind in (Heartbeat, Result, CameraConfig):
        try:
            read = decode(data, kind)
        except BrambleError:
            refused += 1
        else:
            assert decode(encode(read), kind) == read
    if refused == len((Heartbeat, Result, CameraConfig)):
        raise RefusedError


@cache
def _messages() -> tuple[bytes, ...]:
    beat = Heartbeat(
        node="pi-1", session="s", seq=1, at=1.0, uptime_s=1.0, version="1", machine="aarch64", variants=("cpu-f32",),
        cpus=4, load=0.1, memory_bytes=1, memory_available_bytes=1, rss_bytes=1, in_flight=0, queued=0,
    )  # fmt: skip
    result = Result(frame="f", camera="door", model="m", captured_at=1.0, timings=Timings(total_ms=2.0))
    camera = CameraConfig(camera="door", url="push:", models=("m",))
    return (encode(beat), encode(result), encode(camera), encode(Counts()))


def _report(data: bytes) -> None:
    report = check_report(decode(data, Report))
    assert decode(encode(report), Report) == report
    assert {told.deed.action for told in report.told} <= KINDS


@cache
def _reports() -> tuple[bytes, ...]:
    deed = Deed(who="UDOF4", action="access.publish", target="x", outcome=Outcome.REFUSED, detail="from 10.0.0.7:1")
    told = tuple(Told(number=number, deed=deed) for number in (1, 2))
    return (encode(Report(run="0" * 16, told=told, counts={"access.publish": 3})), encode(Report(run="f" * 16)))


def _server_log(data: bytes) -> None:
    deed = parse_line(data.decode("utf-8", "replace"))
    if deed is None:
        raise RefusedError
    assert check_report(Report(run="0" * 16, told=(Told(number=1, deed=deed),))).told[0].deed == deed
    assert decode(encode(deed), Deed) == deed


@cache
def _server_logs() -> tuple[bytes, ...]:
    head = "[1] 2026/11/21 06:59:46.960612 [ERR] 10.0.0.7:36036 - "
    whats = (
        'cid:5 - "v2:py:a\\n" - "BRAMBLE/jwt:UDOF4" - Publish Violation - Subject "b.c"',
        'cid:5 - "BRAMBLE/jwt:UDOF4" - Subscription Violation - Subject "s.>", Queue: "q", SID 2',
        'lid:7 - authentication error - User "x"', "rid:8 - TLS route handshake error: EOF",
    )  # fmt: skip
    return tuple(f"{head}{what}".encode() for what in whats)


class RefusedError(Exception):
    """The input was refused as it should be."""


PARSERS = (
    Parser("codec", _codec, (InvalidTensorError,), _tensors),
    Parser("headers", _headers, (RefusedError,), _header_blocks),
    Parser("pictures", _picture, (ModelkitError,), _pictures),
    Parser("camera-jpegs", _camera_jpeg, (BrambleError,), _jpegs),
    Parser("manifests-json", _manifest_json, (ModelkitError,), _manifests_json),
    Parser("manifests-toml", _manifest_toml, (ModelkitError,), _manifests_toml),
    Parser("camera-urls", _camera_url, (BadSourceError,), _camera_urls),
    Parser("messages", _message, (RefusedError,), _messages),
    Parser("refusals", _report, (BrambleError,), _reports),
    Parser("server-logs", _server_log, (RefusedError,), _server_logs),
)
