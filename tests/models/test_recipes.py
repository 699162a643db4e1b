from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from modelkit.answers import Answers, Classification
from modelkit.errors import ModelRejectedError, UnknownModelError
from modelkit.known_answer import check_known_answer
from modelkit.library import Library
from modelkit.manifest import Manifest
from modelkit.picture import decode_picture, read_picture_info
from modelkit.postprocess import interpret
from modelkit.preprocess import Quantization, place, prepare_input
from modelkit.tflite import read_tflite
from models import recipes
from models.recipe import load_recipe

pytestmark = pytest.mark.timeout(300)  # the first run fetches 60 MB

FILES = [(name, artefact.variant) for name in recipes.names() for artefact in load_recipe(name).artefacts]


class Runner:
    """One thread of LiteRT, as an agent on a small node runs it."""

    def __init__(self, file: Path) -> None:
        self._interpreter = Interpreter(str(file), num_threads=1)
        self._interpreter.allocate_tensors()
        self.input = self._interpreter.get_input_details()[0]
        self.outputs = self._interpreter.get_output_details()

    def __call__(self, tensor: np.ndarray) -> list[np.ndarray]:
        self._interpreter.set_tensor(self.input["index"], tensor)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(output["index"]) for output in self.outputs]


def quantization(details: dict) -> Quantization | None:
    return details["quantization"] if details["dtype"] in (np.int8, np.uint8) else None


def look(library: Library, manifest: Manifest, variant: str, picture: bytes) -> Answers:
    run = Runner(library.path(manifest.artefact(variant)))
    info = read_picture_info(picture)
    outputs = run(
        prepare_input(picture, manifest.input, dtype=run.input["dtype"], quantization=quantization(run.input))
    )
    return interpret(
        manifest,
        outputs,
        place(info.width, info.height, manifest.input),
        quantization=[quantization(output) for output in run.outputs],
    )


def say(_: str) -> None:
    """Nobody listens."""


def known_picture(library: Library, manifest: Manifest) -> bytes:
    assert manifest.known_answer is not None
    return library.path(manifest.known_answer.sha256).read_bytes()


@pytest.mark.parametrize(("name", "variant"), FILES)
def test_a_built_model_gives_its_known_answer(library: Library, name: str, variant: str) -> None:
    manifest = recipes.build(name, library, say)
    check_known_answer(manifest, look(library, manifest, variant, known_picture(library, manifest)))


@pytest.mark.parametrize("name", recipes.names())
def test_a_known_answer_fails_for_another_picture(library: Library, name: str) -> None:
    manifest = recipes.build(name, library, say)
    (other,) = set(recipes.names()) - {name}
    picture = known_picture(library, recipes.build(other, library, say))
    with pytest.raises(ModelRejectedError, match="expected"):
        check_known_answer(manifest, look(library, manifest, "cpu-f32", picture))


@pytest.mark.parametrize(("name", "variant"), FILES)
def test_the_file_s_own_input_is_the_manifest_s(library: Library, name: str, variant: str) -> None:
    manifest = recipes.build(name, library, say)
    facts = read_tflite(library.path(manifest.artefact(variant)).read_bytes())
    assert manifest.input.shape == facts.inputs[0].shape
    assert ("int8" if variant == "cpu-int8" else "float32") == facts.inputs[0].dtype


def test_float_and_integer_agree_on_a_confident_picture(library: Library) -> None:
    manifest = recipes.build("mobilenet_v2", library, say)
    picture = known_picture(library, recipes.build("ssd_mobilenet_v2", library, say))
    for variant in ("cpu-f32", "cpu-int8"):
        best = look(library, manifest, variant, picture)[0]
        assert isinstance(best, Classification)
        assert (best.label, best.index) == ("espresso", 967)
        assert best.score > 0.95


def test_a_second_build_fetches_nothing(library: Library) -> None:
    name = "mobilenet_v2"
    first = recipes.build(name, library, say)
    said: list[str] = []
    assert first == recipes.build(name, library, said.append)
    assert [f"{name} is in the library"] == said
    assert library.verify(name) == []


def test_a_damaged_model_is_built_again_from_cached_packages(library: Library, tmp_path: Path) -> None:
    name = "ssd_mobilenet_v2"
    recipes.build(name, library, say)
    own = Library(tmp_path)
    (tmp_path / "downloads").symlink_to(library.root / "downloads")
    manifest = recipes.build(name, own, say)
    own.path(manifest.artefact("cpu-f32")).write_bytes(b"not weights")
    said: list[str] = []
    assert manifest == recipes.build(name, own, said.append)
    assert [f"building {name}"] == said
    assert own.verify(name) == []


def test_the_clip_is_a_video_under_its_name(library: Library) -> None:
    path = recipes.fetch_clip(library, say)
    assert path == library.asset(recipes.CLIP)
    assert path.read_bytes()[4:8] == b"ftyp"


def test_an_unknown_recipe_names_the_known_ones(library: Library) -> None:
    with pytest.raises(UnknownModelError) as caught:
        recipes.build("resnet", library, say)
    assert "mobilenet_v2" in caught.value.remedy


def test_every_manifest_names_the_licence_and_a_simulated_time() -> None:
    for name in recipes.names():
        manifest = load_recipe(name).manifest(("a label",))
        assert manifest.licence
        assert "simulated" in manifest.variants


def test_naming_the_recipes_loads_no_runtime() -> None:
    code = "import sys; from models import recipes; recipes.names(); print([m for m in sys.modules if 'litert' in m])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_a_whole_picture_of_the_library_decodes(library: Library) -> None:
    manifest = recipes.build("mobilenet_v2", library, say)
    assert decode_picture(known_picture(library, manifest)).shape == (300, 451, 3)
