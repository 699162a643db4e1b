"""What the notifier was told at its start: one TOML file, which may hold secrets and is read once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from wire.errors import BadRequestError
from wire.ids import Token
from wire.messages import NotNegative, Positive, Share

Kind = Literal["trouble", "sighting"]
Text = Annotated[str, Meta(min_length=1, max_length=2048)]

READABLE_BY_OTHERS = 0o044


class Webhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where notices are posted as JSON."""

    url: Annotated[str, Meta(pattern="^https?://[^/]", max_length=2048)]
    token: str = ""  # sent as a bearer token
    kinds: tuple[Kind, ...] = ("trouble", "sighting")

    def __repr__(self) -> str:
        return "Webhook(…)"


class Mqtt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The MQTT broker, such as the one beside Home Assistant."""

    host: Text
    port: Annotated[int, Meta(ge=1, le=65535)] = 1883
    user: str = ""
    password: str = ""
    ca: str = ""  # path; with it, or with port 8883, the connection is encrypted
    prefix: Token = "bramble"
    discovery: str = "homeassistant"  # Home Assistant's discovery prefix; empty: no discovery

    def __repr__(self) -> str:
        return f"Mqtt({self.host!r}, {self.port})"


class Sighting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is worth telling of results: a label on a camera."""

    labels: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=64)]
    cameras: tuple[Token, ...] = ()  # none: all
    threshold: Share = 0.5
    hold_s: Positive = 30.0  # gone after so long without it


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    webhook: Webhook | None = None
    mqtt: Mqtt | None = None
    sightings: Annotated[tuple[Sighting, ...], Meta(max_length=64)] = ()
    patience_s: NotNegative = 5.0  # what is shorter is not told


def load_settings(path: Path) -> Settings:
    """Read the file.

    Raises:
        BadRequestError: it cannot be read, says anything it should not, or others can read its secrets.

    """
    try:
        with path.open("rb") as file:
            mode, data = os.fstat(file.fileno()).st_mode, file.read(1 << 20)
        settings = msgspec.toml.decode(data, type=Settings)
    except OSError as error:
        raise BadRequestError(
            f"{path} cannot be read: {error.strerror}", remedy="docs/notifications.md shows one"
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequestError(f"{path} is not valid: {error}", remedy="docs/notifications.md shows one") from error
    if mode & READABLE_BY_OTHERS:
        raise BadRequestError(f"others can read the secrets in {path}", remedy=f"chmod 600 {path}")
    if settings.webhook is None and settings.mqtt is None:
        raise BadRequestError(f"{path} names nobody to tell", remedy="add [webhook] or [mqtt]")
    return settings
