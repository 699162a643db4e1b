"""systemd's notification protocol, on a real socket."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from wire.systemd import READY, Notifier, parse_address


def test_a_word_reaches_the_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        systemd.settimeout(2)
        Notifier({"NOTIFY_SOCKET": path}).tell(READY, "STATUS=connected")
        assert systemd.recv(100) == b"READY=1\nSTATUS=connected"


def test_an_abstract_socket_is_reached() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("")  # the kernel chooses an abstract name
        systemd.settimeout(2)
        name = systemd.getsockname().decode().replace("\0", "@", 1)
        Notifier({"NOTIFY_SOCKET": name}).tell(READY)
        assert systemd.recv(100) == b"READY=1"


def test_nobody_listening_costs_only_the_word(tmp_path: Path) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "none")}).tell(READY)
    Notifier({}).tell(READY)


@pytest.mark.parametrize(
    ("text", "address"), [("/run/x", "/run/x"), ("@x", "\0x"), ("", None), ("@", None), ("vsock:2:3", None)]
)
def test_addresses_that_are_not_unix_sockets_are_left_alone(text: str, address: str | None) -> None:
    assert parse_address(text) == address
