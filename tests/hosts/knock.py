"""Knocks at a server's port as strangers would, and prints what comes of it as JSON.

    python -m tests.hosts.knock 10.77.0.11 4222 ca.pem [--silent]

A port for clients greets before it encrypts; one that is ``--silent`` does not.

``plain``: what it says to who goes on unencrypted; ``trusting``, ``old`` and ``nameless``: the version that is agreed
on, or the reason why none is, with the authority's certificate, with TLS 1.2 at most, and with no authority's at all.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys

WAIT_S = 10.0


def knock_plain(address: tuple[str, int], *, greets: bool) -> str:
    """Return what the server says after its greeting to who does not encrypt."""
    with socket.create_connection(address, WAIT_S) as plain:
        if greets:
            plain.recv(1 << 16)
        plain.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
        said = b""
        try:
            while part := plain.recv(1 << 16):
                said += part
        except ConnectionError:
            pass  # a server may hang up however it likes
        return said.decode(errors="replace")


def knock_encrypted(address: tuple[str, int], tls: ssl.SSLContext, *, greets: bool) -> str:
    """Return the version, once the server has answered a ping or hung up."""
    with socket.create_connection(address, WAIT_S) as plain:
        if greets:
            plain.recv(1 << 16)
        try:
            with tls.wrap_socket(plain, server_hostname=address[0]) as encrypted:
                version = encrypted.version() or "none"
                encrypted.sendall(b"PING\r\n")
                encrypted.recv(1 << 16)  # with 1.3 the server's verdict on this side comes after the handshake
                return version
        except (ssl.SSLError, ConnectionError) as error:
            return str(error)


def main() -> None:
    """Knock."""
    host, port, ca, *options = sys.argv[1:]
    greets = "--silent" not in options
    address = (host, int(port))
    trusting, old, nameless = (ssl.create_default_context(cafile=name) for name in (ca, ca, None))
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    found = {
        "plain": knock_plain(address, greets=greets),
        "trusting": knock_encrypted(address, trusting, greets=greets),
        "old": knock_encrypted(address, old, greets=greets),
        "nameless": knock_encrypted(address, nameless, greets=greets),
    }
    print(json.dumps(found))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
