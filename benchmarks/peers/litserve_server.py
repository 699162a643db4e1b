"""A LitServe server with two workers: ``python -m benchmarks.peers.litserve_server PORT``."""

# No postponed annotations: LitServe hands those of decode_request to FastAPI.
import sys
from typing import Annotated

import litserve
from fastapi import Body, Response

from benchmarks.frame_path.contender import WORKERS
from benchmarks.frame_path.job import open_job


class Classifier(litserve.LitAPI):  # type: ignore[misc]  # not there where types are checked
    """Bytes in, bytes out: LitServe would parse JSON otherwise."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - theirs
        """Load the model, in the worker."""
        self._job = open_job()

    def decode_request(self, request: Annotated[bytes, Body(media_type="image/jpeg")]) -> bytes:
        """Take the picture as it came."""
        return request

    def predict(self, x: bytes) -> bytes:
        """Do the job."""
        return self._job(x)

    def encode_response(self, output: bytes) -> Response:
        """Send the classes as they are."""
        return Response(output, media_type="application/json")


if __name__ == "__main__":
    server = litserve.LitServer(
        Classifier(), accelerator="cpu", workers_per_device=WORKERS, fast_queue=True, restart_workers=True
    )
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        num_api_servers=1,
        pretty_logs=False,
        generate_client_file=False,  # it would be written into whatever folder the benchmark was started in
    )
