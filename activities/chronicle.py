"""Events that an activity writes by itself, outside the batch of a workflow: what asking and screening find.

The same chains, the same projections, the same form of event as in `record`; nobody's decision, so the actor is none.
"""

from dataclasses import dataclass
from typing import Any

import asyncpg

from activities.record import body_of
from activities.settling import Draft, Settling
from db.events import Chains
from schemas.engine import Batch


@dataclass(frozen=True)
class Chronicle:
    """Appends to the chains that this transaction has locked, as the system, at the batch's time and on its track."""

    conn: asyncpg.Connection
    chains: Chains
    batch: Batch

    async def append(self, subject: str, name: str, data: dict[str, Any]) -> None:
        """One event on the chain of `subject`, projected at once."""
        await self.chains.append(subject, await body_of(Settling(self.conn, self.batch), Draft(name, subject, data)))
