"""How far the log was read when everything in it was on the record: a witness that is started anew goes on there."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from wire.identity import write_private
from wire.refusals.tail import Place

_log = logging.getLogger("bramble.witness")


class Memory:
    """A file, or nothing where the witness has no place of its own."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: Place | None = None

    def read(self) -> Place | None:
        """Return the place; None where there is none, or none that can be read."""
        if self._path is None or not self._path.exists():
            return None
        try:
            self._known = msgspec.json.decode(self._path.read_bytes(), type=Place)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            _log.warning("begins at the log's end", extra={"action": "read_memory", "error": str(error)})
        return self._known

    def write(self, place: Place | None) -> None:
        """Keep the place. A full disk costs only that."""
        if self._path is None or place is None or place == self._known:
            return
        try:
            write_private(self._path, msgspec.json.encode(place).decode())
        except OSError as error:
            _log.warning("the place is not kept", extra={"action": "write_memory", "error": str(error)})
        else:
            self._known = place
            _log.debug("all is on the record", extra={"action": "write_memory", "offset": place.offset})
