"""The bus: NATS, with the settings that Bramble needs. Nothing outside this package imports ``nats``."""

# ruff: noqa: E402 - nats-py has to be imported before the modules that use it
from wire.bus.lean import import_nats

import_nats()

from wire.bus.bucket import SMALL_BYTES, Bucket
from wire.bus.bus import Bus
from wire.bus.hearing import Entry
from wire.bus.knocker import Knocker
from wire.bus.link import Link, Received, Subscription
from wire.bus.protocol import Publication
from wire.bus.store import BlobStore
from wire.bus.stream import FullError, Stored, Stream, StreamSpec, StreamState, TakenError
from wire.bus.work import Delivery, Work

__all__ = [
    "SMALL_BYTES",
    "BlobStore",
    "Bucket",
    "Bus",
    "Delivery",
    "Entry",
    "FullError",
    "Knocker",
    "Link",
    "Publication",
    "Received",
    "Stored",
    "Stream",
    "StreamSpec",
    "StreamState",
    "Subscription",
    "TakenError",
    "Work",
]
