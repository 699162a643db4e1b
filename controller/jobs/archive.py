"""Where jobs end: one outcome a job, and the pictures of those that failed."""

from __future__ import annotations

from controller.jobs.ticket import Ticket
from wire.bus import Delivery, FullError, Stream, TakenError
from wire.errors import BusError
from wire.jobs import MODEL, STATE, JobEnd, JobOutcome, own_headers
from wire.messages import decode, encode

FIND_S = 1.0
"""A stream without a leader is silent. Without its word the job is worked on; a second outcome would be refused."""

STORE_S = 2.0
"""Then the outcome is sent once more, which is safe: what a leader took along when it died is answered by nobody."""


class Archive:
    """The streams of outcomes and dead letters."""

    def __init__(self, outcomes: Stream, dead: Stream) -> None:
        self.outcomes = outcomes
        self.dead = dead

    async def find(self, ticket: Ticket) -> JobOutcome | None:
        """Return a job's outcome; None while it has none.

        Raises:
            BusError: the server could not be asked.

        """
        stored = await self.outcomes.last(ticket.outcome, surely=True, within=FIND_S)
        return decode(stored.data, JobOutcome) if stored else None

    async def conclude(self, ticket: Ticket, outcome: JobOutcome, *, keep: Delivery | None = None) -> bool:
        """Store the one outcome of a job, and before that the picture of one to be kept.

        Returns:
            False when the job has an outcome already, which stands.

        Raises:
            FullError: there is no room for outcomes.
            BusError: the outcome may have been stored or not; to call again is safe.

        """
        if keep is not None:
            await self._bury(ticket, keep)
        headers = {STATE: outcome.end.value, MODEL: outcome.model}
        try:
            await self.outcomes.publish(ticket.outcome, encode(outcome), headers=headers, after=0, within=STORE_S)
        except TakenError as error:
            if not await self.outcomes.holds(ticket.outcome):
                raise BusError(f"the outcome of {ticket.job} is still on its way") from error
            return False
        if outcome.end is JobEnd.DONE and outcome.deliveries > 1:
            await self.dead.purge(
                ticket.dead_letter
            )  # an earlier delivery may have died between burying and concluding
        return True

    async def _bury(self, ticket: Ticket, job: Delivery) -> None:
        try:
            await self.dead.publish(ticket.dead_letter, job.data, headers=own_headers(job.headers))
        except FullError:
            # The picture alone is above the limit: the failure is told all the same, and `retry` will not find it.
            return
