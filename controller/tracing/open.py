"""Chooses the tracer that the settings ask for."""

from __future__ import annotations

from controller.tracing.tracer import NoTracer, Tracer
from wire.errors import BadRequestError
from wire.redact import redact_url


def open_tracer(endpoint: str, *, ratio: float, controller: str, version: str) -> Tracer:
    """Return a tracer; without an endpoint one that does nothing, and nothing is loaded.

    Raises:
        BadRequestError: the endpoint is no web address or holds a password, or the extra is not installed.

    """
    if not endpoint:
        return NoTracer()
    if not endpoint.startswith(("http://", "https://")):
        raise BadRequestError(
            f"{endpoint!r} is no OTLP/HTTP address", remedy="give http://COLLECTOR:4318/v1/traces to --traces"
        )
    if redact_url(endpoint) != endpoint:
        raise BadRequestError(
            "the collector's address holds a password, and whoever is on this machine can read a program's arguments",
            remedy="give it in a header instead: OTEL_EXPORTER_OTLP_HEADERS",
        )
    try:
        from controller.tracing.otlp import OtlpTracer  # noqa: PLC0415 - an extra, and half a second of imports
    except ImportError as error:
        raise BadRequestError(
            f"tracing is not installed: {error}", remedy="pip install 'bramble-edge[controller,traces]'"
        ) from error
    return OtlpTracer(endpoint, ratio=ratio, controller=controller, version=version)
