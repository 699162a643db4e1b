"""Builds both variants of MobileNetV2 and reads its labels."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from models.checkpoint import read_checkpoint
from models.mobilenet_v2.network import write_network
from models.quantise import Range, quantise
from models.recipe import Built

CALIBRATION = Path(__file__).with_name("calibration.json")  # written by calibrate.py


def build(members: Mapping[str, bytes]) -> Built:
    """Make the .tflite files from the weights."""
    network = write_network(read_checkpoint(members["weights"]))
    ranges = msgspec.json.decode(CALIBRATION.read_bytes(), type=dict[str, Range])
    return Built(read_labels(members["labels"]), {"cpu-f32": network, "cpu-int8": quantise(network, ranges)})


def read_labels(names: bytes) -> tuple[str, ...]:
    """The first of each class's names, in the order of the classes; JSON of index -> "name, synonym, ..."."""
    by_index = msgspec.json.decode(names, type=dict[int, str])
    return tuple(by_index[index].split(",")[0] for index in range(len(by_index)))
