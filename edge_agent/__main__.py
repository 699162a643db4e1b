"""``python -m edge_agent``: the agent's command line."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

from edge_agent.agent import TaskEndedError, run_agent
from edge_agent.examination.page import run_doctor
from edge_agent.pipeline import StuckError
from edge_agent.settings import parse_settings
from edge_agent.standby import stand_by
from wire.errors import BrambleError
from wire.logbook import Logbook
from wire.logs import configure_logging

FAILED = 1

_log = logging.getLogger("bramble.agent")


def main() -> None:
    """Run the agent; exits with 0 after it was told to stop, with 1 after a failure, with 2 after a usage error.

    ``bramble-agent doctor`` has the exit codes of :class:`wire.findings.Health`.
    """
    status = run(sys.argv[1:])
    logging.shutdown()
    os._exit(status)  # sys.exit would wait for a thread that does not come back from native code


def run(arguments: list[str]) -> int:
    """Run the agent with these arguments, or with those that it is told later, or examine the node.

    Returns the exit status.
    """
    try:
        if arguments[:1] == ["doctor"]:
            return run_doctor(arguments[1:], environ=os.environ)
        if arguments[:1] == ["standby"]:
            stand_in = stand_by(arguments[1:], sys.stdin.buffer)
            if stand_in is None:
                return 0
            arguments = stand_in
        settings = parse_settings(arguments, environ=os.environ)
        book = Logbook()
        configure_logging(settings.log_level, journal=settings.journal, book=book)
        asyncio.run(run_agent(settings, book))
    except BrambleError as error:
        print(f"error: {error}\nremedy: {error.remedy or 'see the log'}", file=sys.stderr)  # noqa: T201 - for whoever started it
        return FAILED
    except (TaskEndedError, StuckError):
        _log.exception("the agent ends", extra={"action": "end"})
        return FAILED
    return 0


if __name__ == "__main__":
    main()
