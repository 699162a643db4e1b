"""What it takes to be trusted by this side of a connection: TLS 1.3, and a certificate that the cluster vouches for."""

from __future__ import annotations

import ssl
from pathlib import Path

from wire.context import Context
from wire.errors import BadRequestError


def wants_tls(context: Context) -> bool:
    """Tell whether the context asks for an encrypted connection."""
    return bool(context.ca or context.cert) or any(each.startswith(("tls://", "wss://")) for each in context.servers)


def make_tls(context: Context) -> ssl.SSLContext:
    """Return what connections to the context's servers are encrypted with.

    Raises:
        BadRequestError: a file that the context names cannot be read.

    """
    try:
        tls = ssl.create_default_context(cafile=str(Path(context.ca).expanduser()) if context.ca else None)
        tls.minimum_version = ssl.TLSVersion.TLSv1_3
        if context.cert:
            tls.load_cert_chain(
                Path(context.cert).expanduser(), Path(context.key).expanduser() if context.key else None
            )
    except OSError as error:  # ssl.SSLError is one
        raise BadRequestError(f"the context's certificates cannot be read: {error}") from error
    return tls
