"""What MQTT shows of a cluster: every retained topic with its payload, Home Assistant's discovery among them. Pure.

Discovery is https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery: one retained configuration an entity.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from notifier.settings import Mqtt, Sighting
from notifier.state import Sights
from wire.cameras import CameraStatus
from wire.status import ClusterStatus, NodeStatus
from wire.troubles import Troubles

ONLINE, OFFLINE = b"online", b"offline"

Board = dict[str, bytes]
"""Payload by topic; all are retained."""


def availability_topic(settings: Mqtt) -> str:
    """Return where it is told whether anything else here is of today."""
    return f"{settings.prefix}/availability"


def compose(
    settings: Mqtt,
    status: ClusterStatus | None,
    *,
    troubles: Troubles,
    sights: Sights,
    rules: Iterable[Sighting],
    version: str,
) -> Board:
    """Return everything that should be retained now; without a status the cluster's words are of yesterday."""
    board: Board = {availability_topic(settings): OFFLINE if status is None else ONLINE}
    if status is None:
        return board
    entities = _Entities(settings, version)
    told = sorted(key for key, trouble in troubles.items() if trouble.told)
    entities.add_device("cluster", "Bramble", {"problem": _on(told), "troubles": [" ".join(key) for key in told]})
    entities.add_sensor("cluster", "problem", "Problem", device_class="problem")
    for camera in status.cameras:
        _add_camera(entities, camera, sights, rules)
    for node in status.nodes:
        _add_node(entities, node)
    return board | entities.board


def _add_camera(entities: _Entities, camera: CameraStatus, sights: Sights, rules: Iterable[Sighting]) -> None:
    device = f"camera_{camera.camera}"
    labels = sorted(
        {label for rule in rules if not rule.cameras or camera.camera in rule.cameras for label in rule.labels}
    )
    state = {
        "live": _on(camera.phase == "live"),
        "reason": camera.reason,
        "fps": camera.fps,
        "seconds_blind": camera.seconds_blind,
        "seen": {slug(label): _on((camera.camera, label) in sights) for label in labels},
    }
    entities.add_device(device, f"Camera {camera.camera}", state)
    entities.add_sensor(device, "live", "Live", device_class="connectivity")
    entities.add_sensor(device, "fps", "Pictures a second", unit="fps", state_class="measurement")
    entities.add_sensor(
        device, "seconds_blind", "Seconds blind", unit="s", device_class="duration", state_class="total_increasing"
    )
    for label in labels:
        entities.add_sensor(device, f"seen.{slug(label)}", label.capitalize(), device_class="occupancy")


def _add_node(entities: _Entities, node: NodeStatus) -> None:
    device, beat = f"node_{node.node}", node.heartbeat
    state = {
        "up": _on(node.liveness == "live"),
        "load": beat.load,
        "memory_available": beat.memory_available_bytes,
        "throttling": _on(beat.throttling),
        "temperature": beat.temperature_c,
    }
    entities.add_device(device, f"Node {node.node}", state)
    entities.add_sensor(device, "up", "Up", device_class="connectivity")
    entities.add_sensor(device, "load", "Load", state_class="measurement")
    entities.add_sensor(
        device, "memory_available", "Memory available", unit="B", device_class="data_size", state_class="measurement"
    )
    entities.add_sensor(device, "throttling", "Throttling", device_class="problem")
    if beat.temperature_c is not None:
        entities.add_sensor(
            device, "temperature", "Temperature", unit="°C", device_class="temperature", state_class="measurement"
        )


class _Entities:
    """Collects devices and their entities."""

    def __init__(self, settings: Mqtt, version: str) -> None:
        self.board: Board = {}
        self._settings = settings
        self._version = version
        self._names: dict[str, str] = {}

    def add_device(self, device: str, name: str, state: dict[str, Any]) -> None:
        """Add a device with the state that its entities read."""
        self._names[device] = name
        self.board[self._state_topic(device)] = msgspec.json.encode(state)

    def add_sensor(
        self, device: str, field: str, name: str, *, unit: str = "", device_class: str = "", state_class: str = ""
    ) -> None:
        """Add an entity for one field of a device's state; what has neither unit nor state class is on or off."""
        if not self._settings.discovery:
            return
        binary = not unit and not state_class
        prefix = self._settings.prefix
        identifier = f"{prefix}_{device}_{field.replace('.', '_')}"
        config: dict[str, Any] = {
            "name": name,
            "unique_id": identifier,
            "state_topic": self._state_topic(device),
            "value_template": f"{{{{ value_json{''.join(f'[{part!r}]' for part in field.split('.'))} }}}}",
            "availability_topic": availability_topic(self._settings),
            "device": {"identifiers": [f"{prefix}_{device}"], "name": self._names[device], "manufacturer": "Bramble"},
            "origin": {"name": "bramble-notify", "sw_version": self._version},
        }
        if device != "cluster":
            config["device"]["via_device"] = f"{prefix}_cluster"
        config |= {"unit_of_measurement": unit} if unit else {}
        config |= {"device_class": device_class} if device_class else {}
        config |= {"state_class": state_class} if state_class else {}
        component = "binary_sensor" if binary else "sensor"
        self.board[f"{self._settings.discovery}/{component}/{identifier}/config"] = msgspec.json.encode(config)

    def _state_topic(self, device: str) -> str:
        return f"{self._settings.prefix}/{device.replace('_', '/', 1)}/state"


def slug(label: str) -> str:
    """Return a label as part of an entity's name: letters, digits and _, and never the same for two labels."""
    plain = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")
    return plain if plain == label else f"{plain}_{hashlib.sha256(label.encode()).hexdigest()[:6]}"


def _on(value: object) -> str:
    return "ON" if value else "OFF"
