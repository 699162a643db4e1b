from __future__ import annotations

import pytest

from controller.catalogue import Catalogue
from controller.nodes.placement import assign, choose_variant
from modelkit.manifest import Artefact, InputSpec, Manifest, SimulatedSpec, encode_manifest
from wire.errors import UnknownModelError


def make_manifest(name: str, *variants: str, simulated: bool = True) -> Manifest:
    return Manifest(
        name=name,
        version="1.0",
        task="classify",
        description="",
        licence="MIT",
        origin="",
        labels=("a",),
        input=InputSpec(width=8, height=8),
        artefacts=tuple(
            Artefact(variant=v, file=f"{v}.tflite", sha256=format(i, "064x"), bytes=1)  # type: ignore[arg-type]
            for i, v in enumerate(variants)
        ),
        simulated=SimulatedSpec(seconds=0.1) if simulated else None,
    )


@pytest.mark.parametrize(
    ("has", "runs", "expected"),
    [
        (("cpu-f32", "cpu-int8"), ("cpu-f32", "cpu-int8"), "cpu-int8"),
        (("cpu-f32", "cpu-int8", "edgetpu"), ("cpu-f32", "cpu-int8", "edgetpu"), "edgetpu"),
        (("cpu-f32",), ("cpu-f32", "cpu-int8", "simulated"), "cpu-f32"),
        (("cpu-f32",), ("simulated",), "simulated"),
        (("edgetpu",), ("cpu-int8",), None),
    ],
)
def test_a_node_gets_the_best_variant_that_it_runs_and_the_model_has(
    has: tuple[str, ...], runs: tuple[str, ...], expected: str | None
) -> None:
    assert choose_variant(make_manifest("m", *has), runs) == expected


def test_an_assignment_lists_every_model_the_node_can_run_by_name() -> None:
    models = [
        make_manifest("z", "cpu-f32"),
        make_manifest("a", "cpu-int8"),
        make_manifest("t", "edgetpu", simulated=False),
    ]
    assignment = assign("pi1", ("cpu-f32", "cpu-int8"), models)
    assert [(s.model, s.variant) for s in assignment.shards] == [("a", "cpu-int8"), ("z", "cpu-f32")]
    assert [s.digest for s in assignment.shards] == ["0" * 64, "0" * 64]


def test_the_catalogue_takes_good_manifests_and_leaves_out_bad_ones_aloud(caplog: pytest.LogCaptureFixture) -> None:
    catalogue = Catalogue()
    good = make_manifest("good", "cpu-f32")
    catalogue.replace(
        {
            "models.good": encode_manifest(good),
            "models.bad": b"{",
            "models.alias": encode_manifest(good),
            "cameras.x": b"{}",
        }
    )
    assert catalogue.manifests == (good,)
    assert "good" in catalogue
    assert "bad" not in catalogue
    assert [record.message for record in caplog.records] == ["manifest refused", "manifest under a wrong name"]


def test_an_unknown_model_is_refused_with_a_near_match() -> None:
    catalogue = Catalogue()
    catalogue.replace({"models.mobilenet_v2": encode_manifest(make_manifest("mobilenet_v2"))})
    with pytest.raises(UnknownModelError) as caught:
        catalogue.require("mobilnet_v2")
    assert caught.value.remedy == "did you mean mobilenet_v2?"
    assert catalogue.digests("mobilnet_v2") == frozenset()
    assert len(catalogue.digests("mobilenet_v2")) == 1
