"""The library: a folder of manifests by name and of blobs by digest.

    manifests/<name>.json      what is known about the model
    blobs/sha256/<hex>         weights, pictures, clips
    assets/<name>              the digest of a blob that has a name of its own, such as the demo clip

Every write lands under a temporary name, is synced and then renamed: after a power cut a file is whole or absent.
"""

import difflib
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

from modelkit.digest import sha256_file
from modelkit.errors import ModelRejectedError, UnknownModelError
from modelkit.manifest import Artefact, Manifest, decode_manifest, encode_manifest

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BLOCK = 1 << 20


class Blob(NamedTuple):
    """A file named by its digest."""

    sha256: str
    bytes: int


class Finding(NamedTuple):
    """One thing that is wrong in the library."""

    subject: str  # the model and the part of it
    problem: str
    remedy: str


class Library:
    """Models and assets under `root`, which is created on the first write."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self) -> tuple[str, ...]:
        """Names of all models, sorted."""
        return tuple(sorted(path.stem for path in (self.root / "manifests").glob("*.json")))

    def manifest(self, name: str) -> Manifest:
        """The manifest of a model. Raises UnknownModelError, or ModelRejectedError where the file is damaged."""
        path = self._named("manifests", name, ".json")
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise _unknown("model", name, self.names()) from None
        manifest = decode_manifest(data)
        if manifest.name != name:
            raise ModelRejectedError(
                f"{path} describes model {manifest.name!r}, not {name!r}", remedy="build or add the model again"
            )
        return manifest

    def save(self, manifest: Manifest) -> None:
        """Store a manifest under its own name, in place of an older one."""
        path = self._named("manifests", manifest.name, ".json")
        _write_whole(path, encode_manifest(manifest))

    def path(self, blob: Artefact | str) -> Path:
        """Where a blob is, by artefact or digest. Raises UnknownModelError where it is not in the library."""
        digest = blob if isinstance(blob, str) else blob.sha256
        if not _SHA256.fullmatch(digest):
            raise UnknownModelError(f"{digest!r} is not a SHA-256 digest", remedy="give 64 hexadecimal digits")
        path = self._blob_path(digest)
        if not path.is_file():
            raise UnknownModelError(
                f"blob {digest} is not in the library {self.root}", remedy="build or add its model again"
            )
        return path

    def has(self, digest: str) -> bool:
        """Whether a blob of that digest is there (its bytes are not read again)."""
        return bool(_SHA256.fullmatch(digest)) and self._blob_path(digest).is_file()

    def add_blob(self, source: bytes | Path) -> Blob:
        """Copy bytes or a file into the library under its digest; the same content is kept once."""
        folder = self.root / "blobs" / "sha256"
        folder.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        size = 0
        with _Temporary(folder) as temporary:
            for block in _blocks(source):
                digest.update(block)
                size += len(block)
                temporary.file.write(block)
            temporary.rename(self._blob_path(digest.hexdigest()))
        return Blob(digest.hexdigest(), size)

    def asset(self, name: str) -> Path:
        """Where a named asset's blob is. Raises UnknownModelError."""
        try:
            digest = self._named("assets", name, "").read_text(encoding="ascii").strip()
        except FileNotFoundError:
            names = tuple(path.name for path in (self.root / "assets").glob("*"))
            raise _unknown("asset", name, names) from None
        return self.path(digest)

    def name_asset(self, name: str, digest: str) -> Path:
        """Give a blob a name. Raises UnknownModelError where there is no such blob."""
        path = self.path(digest)
        _write_whole(self._named("assets", name, ""), f"{digest}\n".encode("ascii"))
        return path

    def verify(self, name: str) -> list[Finding]:
        """Read every blob of a model again and hold it against its manifest; an empty list means all is well."""
        manifest = self.manifest(name)
        expected = {f"{name} {a.variant} ({a.file})": (a.sha256, a.bytes) for a in manifest.artefacts}
        if (known := manifest.known_answer) is not None:
            expected[f"{name} known answer ({known.file})"] = (known.sha256, known.bytes)
        remedy = f"build or add {name} again"
        findings = []
        for subject, (digest, size) in expected.items():
            path = self._blob_path(digest)
            if not path.is_file():
                findings.append(Finding(subject, f"blob {digest} is missing", remedy))
            elif path.stat().st_size != size:
                findings.append(Finding(subject, f"has {path.stat().st_size} bytes, expected {size}", remedy))
            elif (actual := sha256_file(path)) != digest:
                findings.append(Finding(subject, f"has digest {actual}, expected {digest}", remedy))
        return findings

    def _blob_path(self, digest: str) -> Path:
        return self.root / "blobs" / "sha256" / digest

    def _named(self, folder: str, name: str, suffix: str) -> Path:
        if not _TOKEN.fullmatch(name):
            raise UnknownModelError(f"{name!r} is not a name", remedy="use 1 to 64 letters, digits, - or _")
        return self.root / folder / f"{name}{suffix}"


class _Temporary:
    """A temporary file that is either renamed into place or removed."""

    def __init__(self, folder: Path) -> None:
        handle, name = tempfile.mkstemp(prefix=".tmp-", dir=folder)
        self.path = Path(name)
        self.file: BinaryIO = os.fdopen(handle, "wb")

    def __enter__(self) -> Self:
        return self

    def rename(self, target: Path) -> None:
        self.file.flush()
        os.fchmod(self.file.fileno(), 0o644)
        os.fsync(self.file.fileno())
        self.path.replace(target)

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.path.unlink(missing_ok=True)


def _write_whole(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with _Temporary(path.parent) as temporary:
        temporary.file.write(data)
        temporary.rename(path)


def _blocks(source: bytes | Path) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _unknown(kind: str, name: str, names: tuple[str, ...]) -> UnknownModelError:
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    known = f"known: {', '.join(names)}" if names else f"no {kind} was added yet"
    remedy = f"did you mean {' or '.join(near)}?" if near else known
    return UnknownModelError(f"there is no {kind} {name!r} in the library", remedy=remedy)
