"""Takes the detector and its labels out of MediaPipe's packed assets."""

from collections.abc import Mapping

from modelkit.errors import ModelRejectedError
from models.recipe import Built

# The layout is a table in the package's own loader script: a label map, then the model.
_LABELS = slice(0, 184)
_MODEL = slice(184, 9_987_912)


def build(members: Mapping[str, bytes]) -> Built:
    """Cut the bundle in two. The model's weights are float16, its arithmetic float32."""
    bundle = members["bundle"]
    if len(bundle) != _MODEL.stop:
        raise ModelRejectedError(
            f"the packed assets have {len(bundle)} bytes, expected {_MODEL.stop}", remedy="fetch the package again"
        )
    labels = tuple(bundle[_LABELS].decode("ascii").splitlines())
    return Built(labels, {"cpu-f32": bundle[_MODEL]})
