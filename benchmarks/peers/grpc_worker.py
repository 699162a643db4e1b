"""A gRPC worker: ``python -m benchmarks.peers.grpc_worker PORT KIND``, KIND is aio, uvloop or threads.

Bytes in, bytes out, without protobuf. The asyncio server runs the job in its loop: a worker computes one frame at a
time whatever it does, and handing it to a thread costs 0.1 ms more.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import uvloop

from benchmarks.frame_path.contender import IN_FLIGHT
from benchmarks.frame_path.job import Job, open_job

SERVICE = "bramble.bench"
METHOD = "infer"
OPTIONS = (("grpc.max_receive_message_length", 16 << 20), ("grpc.so_reuseport", 0))


def handle(function: Any) -> grpc.GenericRpcHandler:
    """Return the service with its one method."""
    method = grpc.unary_unary_rpc_method_handler(function)
    return grpc.method_handlers_generic_handler(SERVICE, {METHOD: method})


async def serve_in_loop(job: Job, address: str) -> None:
    """Serve with asyncio."""

    async def infer(picture: bytes, _context: Any) -> bytes:
        return job(picture)

    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers((handle(infer),))
    server.add_insecure_port(address)
    await server.start()
    await server.wait_for_termination()


def serve_in_threads(job: Job, address: str) -> None:
    """Serve with a pool of threads; a runtime takes one at a time, while the other thread sends and receives."""
    alone = threading.Lock()

    def infer(picture: bytes, _context: Any) -> bytes:
        with alone:
            return job(picture)

    server = grpc.server(ThreadPoolExecutor(IN_FLIGHT), options=OPTIONS)
    server.add_generic_rpc_handlers((handle(infer),))
    server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


def main(port: str, kind: str) -> None:
    """Serve until killed."""
    job, address = open_job(), f"127.0.0.1:{port}"
    match kind:
        case "threads":
            serve_in_threads(job, address)
        case "uvloop":
            uvloop.run(serve_in_loop(job, address))
        case _:
            asyncio.run(serve_in_loop(job, address))


if __name__ == "__main__":
    main(*sys.argv[1:])
