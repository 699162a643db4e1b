"""From a float32 .tflite to a full int8 one.

Ranges are the true least and greatest value of every activation over the calibration pictures. They are measured
once and kept with the recipe, so that the same file comes out on every processor.
"""

import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from modelkit.errors import ModelRejectedError
from models.tflite_writer import pack_model

Range = tuple[float, float]

_QUANTISE_SECONDS = 300
_STDERR_TAIL = 600  # characters


def measure_ranges(model: bytes, inputs: Iterable[npt.NDArray[np.float32]]) -> dict[str, Range]:
    """Run a float32 model on every input; the range of each activation by tensor name."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Warning: Enabling `experimental_preserve_all_tensors`")
        interpreter = Interpreter(model_content=model, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    names = _activations(model)
    tensors = {d["name"]: d["index"] for d in interpreter.get_tensor_details() if d["name"] in names}
    place = interpreter.get_input_details()[0]["index"]
    ranges: dict[str, Range] = {}
    for values in inputs:
        interpreter.set_tensor(place, values)
        interpreter.invoke()
        for name, index in tensors.items():
            seen = interpreter.get_tensor(index)
            low, high = ranges.get(name, (np.inf, -np.inf))
            ranges[name] = (min(low, float(seen.min())), max(high, float(seen.max())))
    return ranges


def quantise(model: bytes, ranges: Mapping[str, Range]) -> bytes:
    """Weights, activations, input and output as int8. Raises ModelRejectedError with what the quantizer said.

    Runs in a child process: the quantizer draws on the terminal, warns, and keeps a few hundred megabytes.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "float.tflite").write_bytes(model)
        (folder / "ranges.json").write_bytes(msgspec.json.encode(ranges))
        command = [sys.executable, "-W", "default", "-m", "models.quantise", name]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_QUANTISE_SECONDS)
        except subprocess.CalledProcessError as error:
            raise ModelRejectedError(
                f"the model could not be quantised: {error.stderr.strip()[-_STDERR_TAIL:]}",
                remedy="install the versions of ai-edge-quantizer and ai-edge-litert in requirements/",
            ) from error
        except subprocess.TimeoutExpired as error:
            raise ModelRejectedError(
                f"quantising took more than {_QUANTISE_SECONDS} seconds", remedy="try again on a machine less busy"
            ) from error
        return (folder / "int8.tflite").read_bytes()


def _quantise_here(folder: Path) -> None:
    """What the child process does."""
    from ai_edge_quantizer import quantizer, recipe  # noqa: PLC0415 - two seconds that only the child should spend

    model = (folder / "float.tflite").read_bytes()
    ranges = msgspec.json.decode((folder / "ranges.json").read_bytes(), type=dict[str, Range])
    calibration = {name: _statistics(*ranges[name], rank) for name, rank in _activations(model).items()}
    work = quantizer.Quantizer(bytearray(model), recipe.static_wi8_ai8())
    result = work.quantize(calibration, enable_progress_bar=False, enable_progress_report=False)
    (folder / "int8.tflite").write_bytes(_pack_inside(bytes(result.quantized_model)))


def _pack_inside(model: bytes) -> bytes:
    """The same model with all weights inside the flatbuffer: the quantizer puts large ones behind it."""
    unpacked = schema.ModelT.InitFromPackedBuf(model)
    for buffer in unpacked.buffers:
        if buffer.offset > 1:  # 0 and 1 mean inside, says the schema
            buffer.data = np.frombuffer(model, np.uint8, buffer.size, buffer.offset)
    return pack_model(unpacked)


def _activations(model: bytes) -> dict[str, int]:
    """Names and ranks of the tensors that are computed while the model runs, and of its input."""
    unpacked = schema.ModelT.InitFromPackedBuf(model)
    graph = unpacked.subgraphs[0]
    indices = [*graph.inputs, *(index for operator in graph.operators for index in operator.outputs)]
    return {graph.tensors[index].name.decode(): len(graph.tensors[index].shape) for index in indices}


def _statistics(low: float, high: float, rank: int) -> dict[str, npt.NDArray[np.float32]]:
    shape = (1,) * rank
    return {"min": np.full(shape, low, np.float32), "max": np.full(shape, high, np.float32)}


if __name__ == "__main__":
    _quantise_here(Path(sys.argv[1]))
