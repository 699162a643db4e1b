"""The manifest: everything a program must know about a model before it touches the weights.

TOML is what people write, JSON is what travels; both decode into the same frozen, strictly checked value.
"""

import math
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from modelkit.digest import sha256_bytes
from modelkit.errors import ModelRejectedError, UnknownModelError

MAX_MANIFEST_BYTES = 1_000_000
MAX_SIGNATURE_BYTES = 256_000
MAX_ANCHORS = 200_000
MAX_SIDE = 8192  # of a model's input, in pixels

Task = Literal["classify", "detect"]
Variant = Literal["cpu-f32", "cpu-int8", "edgetpu", "onnx", "simulated"]

Name = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,64}\Z")]
Version = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._+-]{0,31}\Z")]
FileName = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")]
Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Label = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=2000)]
Share = Annotated[float, Meta(ge=0, le=1)]
Side = Annotated[int, Meta(ge=1, le=MAX_SIDE)]
Count = Annotated[int, Meta(ge=1, le=1000)]


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all parts: immutable, and an unknown key is an error instead of a silent typo."""


def _require(condition: bool, problem: str) -> None:  # noqa: FBT001 - reads like an assertion at every call
    """Raise ValueError, which msgspec reports together with the place in the document."""
    if not condition:
        raise ValueError(problem)


def _require_finite(name: str, values: tuple[float, ...]) -> None:
    """TOML can say nan and inf, which pass every range check."""
    _require(all(map(math.isfinite, values)), f"{name} must hold finite numbers, not {values}")


class Artefact(Strict, frozen=True, kw_only=True):
    """One file of weights, found in the library by its digest."""

    variant: Variant
    file: FileName
    sha256: Sha256
    bytes: Annotated[int, Meta(ge=1)]


class InputSpec(Strict, frozen=True, kw_only=True):
    """How a picture becomes the model's input tensor: x = (pixel - mean) / scale, channel by channel."""

    width: Side
    height: Side
    channels: Literal[1, 3] = 3
    layout: Literal["nhwc"] = "nhwc"
    colour: Literal["rgb", "bgr", "gray"] = "rgb"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)  # of pixels 0..255, in the order of `colour`
    scale: tuple[float, ...] = (1.0, 1.0, 1.0)
    # stretch: the aspect ratio is lost; letterbox: all is kept, between bars; crop: the largest centred part that fits
    resize: Literal["stretch", "letterbox", "crop"] = "stretch"

    def __post_init__(self) -> None:
        """Hold the fields against each other."""
        _require(len(self.mean) == self.channels, f"mean needs {self.channels} numbers, one a channel")
        _require(len(self.scale) == self.channels, f"scale needs {self.channels} numbers, one a channel")
        _require_finite("mean", self.mean)
        _require_finite("scale", self.scale)
        _require(all(scale > 0 for scale in self.scale), "scale must be above zero")
        _require((self.channels == 1) == (self.colour == "gray"), "colour gray goes with channels = 1 and only with it")

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the input tensor, NHWC with a batch of one."""
        return (1, self.height, self.width, self.channels)


class ClassifySpec(Strict, frozen=True, kw_only=True):
    """How the output of a classifier reads."""

    activation: Literal["none", "softmax"] = "none"  # softmax: the model puts out logits


class AnchorSpec(Strict, frozen=True, kw_only=True):
    """Parameters of the SSD default boxes (Liu et al. 2016, section 2.2, in TensorFlow Object Detection's form)."""

    grids: tuple[Annotated[int, Meta(ge=1, le=256)], ...]  # cells a side of each feature map, finest first
    min_scale: Annotated[float, Meta(gt=0, le=1)]
    max_scale: Annotated[float, Meta(gt=0, le=1)]
    aspect_ratios: tuple[Annotated[float, Meta(gt=0, le=100)], ...]
    reduce_lowest: bool = False  # only three boxes a cell on the finest map
    interpolated_ratio: Annotated[float, Meta(ge=0, le=100)] = 1.0  # one more box between two scales; 0: none

    def __post_init__(self) -> None:
        """Bound the number of boxes, which is the square of what is written."""
        _require(1 <= len(self.grids) <= 16, "grids needs 1 to 16 feature maps")  # noqa: PLR2004 - said in the message
        _require(1 <= len(self.aspect_ratios) <= 16, "aspect_ratios needs 1 to 16 numbers")  # noqa: PLR2004
        _require(self.count <= MAX_ANCHORS, f"the anchors come to {self.count}, the limit is {MAX_ANCHORS}")
        ratios = (self.min_scale, self.max_scale, self.interpolated_ratio, *self.aspect_ratios)
        _require_finite("the anchors' scales and ratios", ratios)
        _require(self.min_scale <= self.max_scale, "min_scale must not exceed max_scale")

    @property
    def count(self) -> int:
        """How many default boxes there are."""
        a_cell = len(self.aspect_ratios) + (self.interpolated_ratio > 0)
        lowest = 3 if self.reduce_lowest else a_cell
        return self.grids[0] ** 2 * lowest + sum(cells**2 for cells in self.grids[1:]) * a_cell


class DetectSpec(Strict, frozen=True, kw_only=True):
    """How the outputs of a detector read.

    `ssd`: raw boxes (N, 4 as y, x, h, w relative to anchors) and class scores (N, C), recognised by their shapes.
    `postprocessed`: boxes, classes, scores and count, as the operator TFLite_Detection_PostProcess puts them out.
    """

    output: Literal["ssd", "postprocessed"]
    score_threshold: Share = 0.5
    nms_iou: Share = 0.5
    max_detections: Count = 100
    class_offset: Annotated[int, Meta(ge=0, le=1)] = 0  # added to a class of `postprocessed` to get its label
    # The rest is for `ssd`.
    anchors: AnchorSpec | None = None
    activation: Literal["none", "sigmoid"] = "sigmoid"
    background: bool = True  # class 0 means "nothing"
    box_scales: tuple[float, float, float, float] = (10.0, 10.0, 5.0, 5.0)  # divisors of y, x, h, w

    def __post_init__(self) -> None:
        """Hold the fields against each other."""
        _require_finite("thresholds", (self.score_threshold, self.nms_iou))
        _require_finite("box_scales", self.box_scales)
        _require(all(scale >= 1e-3 for scale in self.box_scales), "box_scales must be at least 0.001")  # noqa: PLR2004
        _require(
            (self.anchors is not None) == (self.output == "ssd"), "anchors go with output = 'ssd' and only with it"
        )


class ExpectedClass(Strict, frozen=True, kw_only=True):
    """The first class that a known picture must get."""

    label: Label
    score: Share
    tolerance: Share


class ExpectedBox(Strict, frozen=True, kw_only=True):
    """An object that must be among those found in a known picture."""

    label: Label
    score: Share
    tolerance: Share
    box: tuple[Share, Share, Share, Share]
    min_iou: Share = 0.7


class KnownAnswer(Strict, frozen=True, kw_only=True):
    """A picture, found in the library by its digest, and what must be said about it."""

    file: FileName
    sha256: Sha256
    bytes: Annotated[int, Meta(ge=1)]
    top: ExpectedClass | None = None
    boxes: tuple[ExpectedBox, ...] = ()

    def __post_init__(self) -> None:
        """A known answer that expects nothing would always pass."""
        _require((self.top is None) == bool(self.boxes), "a known answer needs either top or boxes")


class SimulatedSpec(Strict, frozen=True, kw_only=True):
    """How the model behaves where only its timing is played."""

    seconds: Annotated[float, Meta(gt=0, le=60)]  # for one picture
    operators: Annotated[int, Meta(ge=1, le=1000)] = 1  # that take equally long; it can be cut between any two
    activation_bytes: Annotated[int, Meta(ge=0, le=64_000_000)] = 0  # that cross every cut
    memory_bytes: Annotated[int, Meta(ge=0, le=1 << 40)] = 0  # that the operators say they need, in equal parts


class Manifest(Strict, frozen=True, kw_only=True):
    """All that is known about one version of one model."""

    name: Name
    version: Version
    task: Task
    description: Text
    licence: Text
    origin: Text
    labels: tuple[Label, ...]
    input: InputSpec
    artefacts: tuple[Artefact, ...] = ()
    known_answer: KnownAnswer | None = None
    classify: ClassifySpec | None = None
    detect: DetectSpec | None = None
    simulated: SimulatedSpec | None = None

    def __post_init__(self) -> None:
        """Hold the parts against each other."""
        _require(1 <= len(self.labels) <= 100_000, "labels must hold 1 to 100000 names")  # noqa: PLR2004 - said there
        variants = [artefact.variant for artefact in self.artefacts]
        _require(len(set(variants)) == len(variants), f"each variant may have one artefact, not {variants}")
        _require("simulated" not in variants, "a simulated variant has no file: give a [simulated] table")
        _require((self.detect is not None) == (self.task == "detect"), "task 'detect' goes with a [detect] table")
        _require(self.classify is None or self.task == "classify", "a [classify] table goes with task 'classify'")
        if self.known_answer is not None:
            wants_class = self.known_answer.top is not None
            _require(wants_class == (self.task == "classify"), f"the known answer does not suit task '{self.task}'")

    @property
    def variants(self) -> tuple[Variant, ...]:
        """Every way in which the model can run, `simulated` last."""
        simulated: tuple[Variant, ...] = ("simulated",) if self.simulated is not None else ()
        return tuple(artefact.variant for artefact in self.artefacts) + simulated

    def artefact(self, variant: str) -> Artefact:
        """The file for `variant`. Raises UnknownModelError where the model has none."""
        for artefact in self.artefacts:
            if artefact.variant == variant:
                return artefact
        raise UnknownModelError(
            f"model {self.name} {self.version} has no file for variant {variant!r}",
            remedy=f"ask for one of: {', '.join(self.variants) or 'none was added yet'}",
        )

    def digest(self, variant: str) -> str:
        """What a result names as its digest: the artefact's, or for `simulated`, which has no file, the manifest's.

        Raises UnknownModelError where the model has no such variant.
        """
        if variant == "simulated" and self.simulated is not None:
            return sha256_bytes(encode_manifest(self))
        return self.artefact(variant).sha256


def parse_manifest(text: bytes | str) -> Manifest:
    """Read a manifest from TOML. Raises ModelRejectedError."""
    return _decode(text, "TOML")


def decode_manifest(data: bytes | str) -> Manifest:
    """Read a manifest from JSON, the form in which it travels. Raises ModelRejectedError."""
    return _decode(data, "JSON")


def encode_manifest(manifest: Manifest) -> bytes:
    """Write a manifest as JSON; equal manifests give equal bytes."""
    return msgspec.json.encode(manifest)


def _decode(data: bytes | str, form: Literal["TOML", "JSON"]) -> Manifest:
    if len(data) > MAX_MANIFEST_BYTES:
        raise ModelRejectedError(
            f"the manifest has {len(data)} bytes, the limit is {MAX_MANIFEST_BYTES}",
            remedy="check that this file is a manifest at all",
        )
    try:
        if form == "TOML":
            return msgspec.toml.decode(data, type=Manifest)
        return msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelRejectedError(
            f"the manifest is not valid {form}: {error}", remedy="correct the manifest at the place named"
        ) from error
