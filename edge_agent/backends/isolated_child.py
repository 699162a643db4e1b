"""``python -m edge_agent.backends.isolated_child FD MODULE:FUNCTION PATH THREADS``: holds a model, for its parent.

Ends when the pipe's other end is closed, so that it never outlives the agent.
"""

from __future__ import annotations

import importlib
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from edge_agent.backends.base import BackendMissingError, LoadedModel
from edge_agent.backends.isolated import Failed, Loaded, Ran
from wire.errors import BrambleError
from wire.tensors import decode_tensors, encode_tensors, from_array, to_array


def main() -> int:
    """Load, then run whatever comes."""
    descriptor, loader, path, threads = sys.argv[1:]
    module, _, function = loader.partition(":")
    with Connection(int(descriptor)) as pipe:
        try:
            model: LoadedModel = getattr(importlib.import_module(module), function)(Path(path), threads=int(threads))
        except BrambleError as error:
            pipe.send_bytes(_failure(error))
            return 1
        pipe.send_bytes(msgspec.json.encode(Loaded(model.inputs, model.outputs)))
        while True:
            try:
                request = pipe.recv_bytes()
            except EOFError:
                return 0
            _run(pipe, model, request)


def _run(pipe: Connection, model: LoadedModel, request: bytes) -> None:
    try:
        outputs = model.run([to_array(tensor) for tensor in decode_tensors(request)])
        answer = encode_tensors([from_array(output) for output in outputs])
    except BrambleError as error:
        pipe.send_bytes(_failure(error))
        return
    pipe.send_bytes(msgspec.json.encode(Ran()))
    pipe.send_bytes(answer)


def _failure(error: BrambleError) -> bytes:
    return msgspec.json.encode(Failed(error.body, missing=isinstance(error, BackendMissingError)))


if __name__ == "__main__":
    sys.exit(main())
