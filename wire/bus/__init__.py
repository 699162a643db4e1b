"""The bus: NATS, with the settings that Bramble needs. Nothing outside this package imports ``nats``."""

from wire.bus.bucket import Bucket
from wire.bus.bus import Bus
from wire.bus.knocker import Knocker
from wire.bus.link import Link, Received, Subscription
from wire.bus.store import BlobStore

__all__ = ["BlobStore", "Bucket", "Bus", "Knocker", "Link", "Received", "Subscription"]
