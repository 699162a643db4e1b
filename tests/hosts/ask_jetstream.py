"""Asks the API of JetStream one question, as whoever has the operator's directory can, and prints the answer.

python -m tests.hosts.ask_jetstream ACCESS STREAM.INFO.KV_config [JSON]
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from cli.access.authority import Authority
from wire.bus import Link
from wire.context import Context

ASK_S = 10.0


async def ask(access: str, subject: str, question: str) -> bytes:
    authority = Authority.open(Path(access))
    claim, pair = authority.storage_user()
    link = await Link.open(
        Context(url=authority.record.url, ca=authority.record.ca, user_jwt=claim, user_seed=pair.reveal_seed()),
        name="test",
    )
    try:
        return bytes((await link.request(f"$JS.API.{subject}", question.encode(), within=ASK_S)).data)
    finally:
        await link.close()


if __name__ == "__main__":
    access, subject, *question = sys.argv[1:]
    print(asyncio.run(ask(access, subject, "".join(question))).decode())  # noqa: T201 - the answer
