"""Posts notices to a webhook, in order, with some patience."""

from __future__ import annotations

import asyncio
import logging
import urllib.error
import urllib.request
from collections import deque
from http.client import HTTPException

from notifier.notice import Notice
from notifier.settings import Webhook
from wire.messages import encode
from wire.redact import redact_url

POST_S = 10.0
PAUSES_S = (1.0, 5.0, 25.0)
MAX_WAITING = 200

_log = logging.getLogger("bramble.notify")


class WebhookTeller:
    """A queue of notices and who posts them. When it is full the oldest is given up, and logged."""

    def __init__(self, settings: Webhook, *, pauses_s: tuple[float, ...] = PAUSES_S) -> None:
        self._settings = settings
        self._pauses_s = pauses_s
        self._waiting: deque[Notice] = deque()
        self._arrived = asyncio.Event()

    def tell(self, notice: Notice) -> None:
        """Have a notice posted."""
        if notice.kind not in self._settings.kinds:
            return
        if len(self._waiting) >= MAX_WAITING:
            self._give_up(self._waiting.popleft(), "too many wait")
        self._waiting.append(notice)
        self._arrived.set()

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                await self._deliver(self._waiting.popleft())

    async def _deliver(self, notice: Notice) -> None:
        for pause in (*self._pauses_s, None):
            problem, final = await asyncio.to_thread(self._post, encode(notice))
            if not problem:
                return
            if pause is None or final:
                self._give_up(notice, problem)
                return
            await asyncio.sleep(pause)

    def _post(self, body: bytes) -> tuple[str, bool]:
        """Return what went wrong, and whether it would go wrong again; nothing when it was taken."""
        headers = {"Content-Type": "application/json", "User-Agent": "bramble-notify"}
        if self._settings.token:
            headers["Authorization"] = f"Bearer {self._settings.token}"
        request = urllib.request.Request(self._settings.url, body, headers, method="POST")  # noqa: S310 - the settings allow http(s) only
        try:
            with urllib.request.urlopen(request, timeout=POST_S):  # noqa: S310 - likewise
                return "", False
        except urllib.error.HTTPError as error:
            error.close()
            client_fault = 400 <= error.code < 500 and error.code not in (408, 429)  # noqa: PLR2004 - HTTP's own numbers
            return f"status {error.code}", client_fault
        except (OSError, HTTPException, ValueError) as error:
            return redact_url(str(error)) or type(error).__name__, False

    def _give_up(self, notice: Notice, problem: str) -> None:
        _log.error(
            "a notice was not delivered",
            extra={"action": "webhook", "notice": notice.text, "error": problem},
        )
