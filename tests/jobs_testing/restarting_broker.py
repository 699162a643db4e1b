"""A nats-server that can be killed and started again, on the same port and with the same store."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from urllib.parse import urlsplit

from cli.local.broker import Broker
from wire.context import Context


class RestartingBroker:
    """Holds the server that runs now."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._broker = Broker.start(directory)
        self.context: Context = self._broker.context

    def kill(self) -> None:
        os.kill(self._broker.pid, signal.SIGKILL)
        self._broker.stop()

    def start(self) -> None:
        address = urlsplit(self.context.url)
        self._broker = Broker.start(self._directory, port=address.port, password=address.password)

    def stop(self) -> None:
        self._broker.stop()
