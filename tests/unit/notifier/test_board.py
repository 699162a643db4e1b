"""What is retained on MQTT, and Home Assistant's discovery of it."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from notifier.board import compose, slug
from notifier.settings import Mqtt, Sighting
from notifier.state import Seen
from tests.testing.heartbeats import make_heartbeat
from wire.cameras import CameraStatus
from wire.findings import Finding, Severity
from wire.messages import Counts
from wire.status import ClusterStatus, NodeStatus
from wire.troubles import Trouble

SETTINGS = Mqtt(host="localhost")
BLIND = Finding(about="camera door", check="pictures", severity=Severity.BROKEN, text="blind")
RULES = (Sighting(labels=("person", "Egyptian cat"), cameras=("door",)),)


def make_status(phase: str = "live", temperature_c: float | None = None) -> ClusterStatus:
    camera = CameraStatus(
        camera="door", source="synthetic:", models=("ssd",), phase=phase, reason="", since=0.0, fps=9.5, frames=9,
        restarts=0, counts=Counts(), seconds_blind=4.5,
    )  # fmt: skip
    beat = msgspec.structs.replace(make_heartbeat("pi-1"), temperature_c=temperature_c)
    node = NodeStatus(node="pi-1", liveness="live", age_s=0.1, heartbeat=beat)
    return ClusterStatus(
        controller="c", at=0.0, counts=Counts(), latency_ms={}, nodes=(node,), cameras=(camera,), models=()
    )


def show(status: ClusterStatus | None, settings: Mqtt = SETTINGS, **changes: Any) -> dict[str, Any]:
    wanted: dict[str, Any] = {"troubles": {}, "sights": {}, "rules": RULES, "version": "1.0", **changes}
    board = compose(settings, status, **wanted)
    return {
        topic: payload.decode() if topic.endswith("availability") else json.loads(payload)
        for topic, payload in board.items()
    }


def test_while_no_controller_answers_nothing_is_of_today() -> None:
    assert show(None) == {"bramble/availability": "offline"}
    assert show(make_status())["bramble/availability"] == "online"


def test_a_camera_shows_whether_it_sees_and_what() -> None:
    shown = show(make_status(), sights={("door", "person"): Seen(0.0, 30.0)})

    state = shown["bramble/camera/door/state"]
    assert (state["live"], state["fps"], state["seconds_blind"]) == ("ON", 9.5, 4.5)
    assert state["seen"] == {"person": "ON", slug("Egyptian cat"): "OFF"}
    assert show(make_status("blind"))["bramble/camera/door/state"]["live"] == "OFF"


def test_a_trouble_that_was_told_is_the_clusters_problem() -> None:
    key = ("camera door", "pictures")
    told = show(make_status(), troubles={key: Trouble(BLIND, 0.0, told=True)})
    not_yet = show(make_status(), troubles={key: Trouble(BLIND, 0.0)})

    assert told["bramble/cluster/state"] == {"problem": "ON", "troubles": ["camera door pictures"]}
    assert not_yet["bramble/cluster/state"] == {"problem": "OFF", "troubles": []}


def test_every_entity_is_discovered_with_what_home_assistant_requires() -> None:
    shown = show(make_status(temperature_c=50.0))
    configs = {topic: config for topic, config in shown.items() if topic.startswith("homeassistant/")}

    assert {topic.split("/")[2] for topic in configs} >= {
        "bramble_cluster_problem", "bramble_camera_door_live", "bramble_camera_door_seen_person",
        "bramble_node_pi-1_up", "bramble_node_pi-1_temperature",
    }  # fmt: skip
    assert len({config["unique_id"] for config in configs.values()}) == len(configs)
    for topic, config in configs.items():
        component, identifier, last = topic.split("/")[1:]
        assert last == "config"
        assert component == (
            "sensor" if "unit_of_measurement" in config or "state_class" in config else "binary_sensor"
        )
        assert config["unique_id"] == identifier
        assert config["state_topic"] in shown
        assert config["availability_topic"] == "bramble/availability"
        assert config["device"]["identifiers"]
        value: Any = shown[config["state_topic"]]
        assert re.fullmatch(r"\{\{ value_json(\['\w+'\])+ \}\}", config["value_template"])
        for part in re.findall(r"'(\w+)'", config["value_template"]):
            value = value[part]
        assert component == "sensor" or value in ("ON", "OFF")


def test_a_board_without_a_thermometer_has_no_entity_for_one() -> None:
    assert not any("temperature" in topic for topic in show(make_status()))


def test_discovery_can_be_left_out() -> None:
    shown = show(make_status(), msgspec.structs.replace(SETTINGS, discovery="", prefix="site2"))

    assert set(shown) == {
        "site2/availability", "site2/cluster/state", "site2/camera/door/state", "site2/node/pi-1/state",
    }  # fmt: skip


@given(st.sets(st.text(min_size=1, max_size=20), max_size=8))
def test_labels_become_names_that_differ_and_can_stand_in_a_template(labels: set[str]) -> None:
    names = {slug(label) for label in labels}

    assert len(names) == len(labels)
    assert all(name.replace("_", "a").isalnum() and name.isascii() for name in names)
