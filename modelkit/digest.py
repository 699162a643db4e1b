"""SHA-256 digests, the only names that blobs have."""

import hashlib
from pathlib import Path


def sha256_bytes(data: bytes | bytearray | memoryview) -> str:
    """The digest of `data` as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """The digest of a file, read in blocks. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
