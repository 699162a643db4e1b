from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelkit.errors import ModelRejectedError, UnknownModelError
from modelkit.manifest import MAX_MANIFEST_BYTES, Manifest, decode_manifest, encode_manifest, parse_manifest

DIGEST = "ab" * 32
TEXT = f"""
name = "cat_finder"
version = "1.2.0"
task = "detect"
description = "finds cats"
licence = "MIT"
origin = "made here"
labels = ["???", "cat"]

[input]
width = 32
height = 16
resize = "letterbox"
mean = [127.5, 127.5, 127.5]
scale = [127.5, 127.5, 127.5]

[[artefacts]]
variant = "cpu-f32"
file = "cat.tflite"
sha256 = "{DIGEST}"
bytes = 12

[detect]
output = "ssd"
anchors = {{ grids = [2], min_scale = 0.2, max_scale = 0.9, aspect_ratios = [1.0] }}

[known_answer]
file = "cat.jpg"
sha256 = "{DIGEST}"
bytes = 34
boxes = [{{ label = "cat", score = 0.9, tolerance = 0.1, box = [0.0, 0.0, 1.0, 1.0] }}]

[simulated]
seconds = 0.1
"""


def test_a_manifest_survives_json_unchanged() -> None:
    manifest = parse_manifest(TEXT)
    assert manifest == decode_manifest(encode_manifest(manifest))
    assert encode_manifest(manifest) == encode_manifest(parse_manifest(TEXT.encode()))


def test_variants_are_those_with_a_file_and_the_simulated_one() -> None:
    manifest = parse_manifest(TEXT)
    assert manifest.variants == ("cpu-f32", "simulated")
    assert manifest.artefact("cpu-f32").sha256 == DIGEST
    assert manifest.input.shape == (1, 16, 32, 3)


def test_a_variant_that_is_missing_names_those_that_are_there() -> None:
    with pytest.raises(UnknownModelError, match="edgetpu") as caught:
        parse_manifest(TEXT).artefact("edgetpu")
    assert "cpu-f32" in caught.value.remedy


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('name = "cat_finder"', 'name = "../etc"', r"\$\.name"),
        ('name = "cat_finder"', 'name = "cat\\n"', r"\$\.name"),
        ('version = "1.2.0"', 'version = ""', r"\$\.version"),
        ('task = "detect"', 'task = "guess"', r"\$\.task"),
        ('licence = "MIT"', 'license = "MIT"', "unknown field `license`"),
        ('file = "cat.tflite"', 'file = "../cat.tflite"', r"\$\.artefacts\[0\]\.file"),
        (f'sha256 = "{DIGEST}"\nbytes = 12', 'sha256 = "AB"\nbytes = 12', r"\$\.artefacts\[0\]\.sha256"),
        ("bytes = 12", "bytes = 0", r"\$\.artefacts\[0\]\.bytes"),
        ("width = 32", "width = 0", r"\$\.input\.width"),
        ("width = 32", "width = 100000", r"\$\.input\.width"),
        ("mean = [127.5, 127.5, 127.5]", "mean = [nan, 0.0, 0.0]", "finite"),
        ("mean = [127.5, 127.5, 127.5]", "mean = [0.0]", "mean needs 3 numbers"),
        ("scale = [127.5, 127.5, 127.5]", "scale = [1.0, 0.0, 1.0]", "above zero"),
        ("grids = [2]", "grids = []", "feature maps"),
        ("grids = [2]", f"grids = {[256] * 16}", "limit is 200000"),
        ("min_scale = 0.2", "min_scale = 0.95", "min_scale must not exceed"),
        ('output = "ssd"', 'output = "postprocessed"', "anchors"),
        ('variant = "cpu-f32"', 'variant = "simulated"', "no file"),
        ("seconds = 0.1", "seconds = inf", r"\$\.simulated\.seconds"),
        ("boxes = [", 'top = { label = "cat", score = 0.9, tolerance = 0.1 }\nboxes = [', "either top or boxes"),
        ('labels = ["???", "cat"]', "labels = []", "labels must hold"),
        ("[simulated]", "[simulated", "TOML"),
    ],
)
def test_a_wrong_value_is_refused_and_its_place_named(old: str, new: str, place: str) -> None:
    assert old in TEXT
    with pytest.raises(ModelRejectedError, match=place):
        parse_manifest(TEXT.replace(old, new, 1))


def test_a_task_must_go_with_its_parts() -> None:
    for wrong in (TEXT.replace('"detect"', '"classify"'), TEXT.replace("[detect]", "[classify]")):
        with pytest.raises(ModelRejectedError):
            parse_manifest(wrong)


def test_two_artefacts_of_one_variant_are_refused() -> None:
    manifest = parse_manifest(TEXT)
    with pytest.raises(ValueError, match="each variant may have one"):
        msgspec.structs.replace(manifest, artefacts=manifest.artefacts * 2)


def test_a_huge_manifest_is_refused_unread() -> None:
    with pytest.raises(ModelRejectedError, match="limit"):
        decode_manifest(b"[" * (MAX_MANIFEST_BYTES + 1))


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ModelRejectedError):
        decode_manifest(b"[" * 500_000)
    with pytest.raises(ModelRejectedError):
        parse_manifest("a = " + "[" * 20_000)


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_garbage_is_refused_with_a_typed_error(data: bytes | str) -> None:
    for read in (parse_manifest, decode_manifest):
        with pytest.raises(ModelRejectedError):
            read(data)


@given(st.data())
def test_a_changed_manifest_is_valid_or_refused(draw: st.DataObject) -> None:
    changed = bytearray(encode_manifest(parse_manifest(TEXT)))
    for at in draw.draw(st.lists(st.integers(0, len(changed) - 1), min_size=1, max_size=4)):
        changed[at] = draw.draw(st.integers(0, 255))
    try:
        manifest = decode_manifest(bytes(changed))
    except ModelRejectedError:
        return
    assert isinstance(manifest, Manifest)
