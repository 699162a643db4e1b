"""A mosec server with two workers: ``python -m benchmarks.peers.mosec_server``, settings from MOSEC_* variables."""

from __future__ import annotations

from mosec import Server, Worker

from benchmarks.frame_path.contender import WORKERS
from benchmarks.frame_path.job import open_job


class Classifier(Worker):  # type: ignore[misc]  # not there where types are checked
    """Bytes in, bytes out: mosec would parse JSON otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self._job = open_job()

    def deserialize(self, data: bytes) -> bytes:
        """Take the picture as it came."""
        return data

    def forward(self, data: bytes) -> bytes:
        """Do the job."""
        return self._job(data)

    def serialize(self, data: bytes) -> bytes:
        """Send the classes as they are."""
        return data


if __name__ == "__main__":
    server = Server()
    server.append_worker(Classifier, num=WORKERS)
    server.run()
