"""Signatures of models: what holds, what does not, and that the OpenSSF command agrees."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelkit.digest import sha256_bytes
from modelkit.errors import ModelRejectedError
from modelkit.manifest import Artefact, InputSpec, Manifest, encode_manifest
from modelkit.signature import MANIFEST_FILE, SIGNATURE_FILE, identify, make_key, public_half, sign, verify

ROOT = Path(__file__).parents[3]
OPENSSF = ROOT / ".tools" / "supply" / "bin" / "model_signing"

WEIGHTS = {"net.tflite": b"weights", "net-int8.tflite": b"smaller weights"}
KEY, OTHER = make_key(), make_key()
PUBLIC = public_half(KEY)


def manifest(**weights: bytes) -> Manifest:
    files = {**WEIGHTS, **weights}
    variants = ("cpu-f32", "cpu-int8")
    return Manifest(
        name="net",
        version="1",
        task="classify",
        description="",
        licence="MIT",
        origin="made here",
        labels=("cat", "dog"),
        input=InputSpec(width=8, height=8),
        artefacts=tuple(
            Artefact(variant=variant, file=name, sha256=sha256_bytes(data), bytes=len(data))  # type: ignore[arg-type]
            for variant, (name, data) in zip(variants, files.items(), strict=True)
        ),
    )


def change(bundle: bytes, **parts: Any) -> bytes:
    """Return the bundle with parts of its statement replaced, signature kept."""
    value = json.loads(bundle)
    statement = json.loads(base64.b64decode(value["dsseEnvelope"]["payload"]))
    value["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps({**statement, **parts}).encode()).decode()
    return json.dumps(value).encode()


def test_a_signature_names_the_key_that_made_it() -> None:
    assert verify(sign(manifest(), KEY), manifest(), [public_half(OTHER), PUBLIC]) == identify(PUBLIC)


def test_a_key_that_is_not_trusted_signs_nothing() -> None:
    with pytest.raises(ModelRejectedError, match="no trusted key made this signature"):
        verify(sign(manifest(), OTHER), manifest(), [PUBLIC])
    with pytest.raises(ModelRejectedError, match="trusted: none"):
        verify(sign(manifest(), KEY), manifest(), [])


def test_other_weights_under_the_same_name_are_refused_and_named() -> None:
    with pytest.raises(ModelRejectedError, match=r"manifest\.json, net\.tflite differ"):
        verify(sign(manifest(), KEY), manifest(**{"net.tflite": b"other"}), [PUBLIC])


def test_other_labels_are_refused_although_the_weights_are_the_same() -> None:
    swapped = msgspec.structs.replace(manifest(), labels=("dog", "cat"))
    with pytest.raises(ModelRejectedError, match=r"manifest\.json differ"):
        verify(sign(manifest(), KEY), swapped, [PUBLIC])


def test_a_statement_changed_after_it_was_signed_is_refused() -> None:
    other = manifest(**{"net.tflite": b"other"})
    statement = json.loads(base64.b64decode(json.loads(sign(other, OTHER))["dsseEnvelope"]["payload"]))
    with pytest.raises(ModelRejectedError, match="no trusted key"):
        verify(change(sign(manifest(), KEY), **statement), other, [PUBLIC])


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_no_flipped_byte_turns_a_signature_into_one_for_something_else(place: int, flip: int) -> None:
    bundle = bytearray(sign(manifest(), KEY))
    bundle[place % len(bundle)] ^= flip
    try:
        signer = verify(bytes(bundle), manifest(), [PUBLIC])
    except ModelRejectedError:
        return
    assert signer == identify(PUBLIC)  # the flip hit what carries no meaning, such as the hint


@given(st.binary(max_size=300) | st.recursive(st.none() | st.text(max_size=9), lambda x: st.lists(x) | st.dictionaries(
    st.sampled_from(["dsseEnvelope", "payload", "payloadType", "signatures", "sig"]), x)).map(
        lambda value: json.dumps(value).encode()))  # fmt: skip
def test_whatever_comes_as_a_signature_is_refused_with_a_reason(data: bytes) -> None:
    with pytest.raises(ModelRejectedError) as caught:
        verify(data, manifest(), [PUBLIC])
    assert caught.value.remedy


@pytest.mark.parametrize("key", [b"", b"not a key", PUBLIC], ids=["nothing", "words", "a public key"])
def test_what_is_no_private_key_is_told(key: bytes) -> None:
    with pytest.raises(ModelRejectedError, match="private key"):
        sign(manifest(), key)


def run_openssf(*arguments: str) -> None:
    if not OPENSSF.exists():
        pytest.skip("the OpenSSF command is not installed here: make sbom brings it")
    done = subprocess.run([str(OPENSSF), *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The model as a folder, as the OpenSSF command takes it."""
    folder = tmp_path / "net"
    folder.mkdir()
    for name, data in {**WEIGHTS, MANIFEST_FILE: encode_manifest(manifest())}.items():
        (folder / name).write_bytes(data)
    (tmp_path / "key.pem").write_bytes(KEY)
    (tmp_path / "key.pub").write_bytes(PUBLIC)
    return folder


def test_the_openssf_command_accepts_our_signature(folder: Path) -> None:
    signature = folder / SIGNATURE_FILE
    signature.write_bytes(sign(manifest(), KEY))
    public = str(folder.parent / "key.pub")
    run_openssf("verify", "key", str(folder), "--signature", str(signature), "--public_key", public)


def test_a_signature_of_the_openssf_command_is_accepted(folder: Path) -> None:
    signature = folder / SIGNATURE_FILE
    private = str(folder.parent / "key.pem")
    run_openssf("sign", "key", str(folder), "--signature", str(signature), "--private_key", private)
    assert verify(signature.read_bytes(), manifest(), [PUBLIC]) == identify(PUBLIC)
