"""Name, types and options of every activity, without code: what a workflow may do to the world.

`activities/` implements these classes; the worker registers the implementations. Timeouts: a write may take 10 s and is retried
for as long as the database is away (an outage of an hour must not kill an agreement); refusals are answers, never exceptions.
"""

from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.common import RetryPolicy

from schemas.engine import (
    Ask,
    Asked,
    BankAnswer,
    Batch,
    BeginStage,
    Order,
    Recorded,
    Screen,
    Screened,
    StageFacts,
    Start,
    Task,
)

_PATIENT = RetryPolicy(initial_interval=timedelta(milliseconds=200), backoff_coefficient=2.0, maximum_interval=timedelta(minutes=1))

WRITE: dict[str, Any] = {"start_to_close_timeout": timedelta(seconds=10), "retry_policy": _PATIENT}
READ: dict[str, Any] = {**WRITE, "local_retry_threshold": timedelta(seconds=5)}
"""A read runs beside the workflow task that asks for it: one event of history instead of six. A wait of more than 5 s for the database
ends the task and becomes a timer, so that an outage does not fill the history."""
EXTERNAL: dict[str, Any] = {"start_to_close_timeout": timedelta(seconds=45), "retry_policy": _PATIENT}


class Effects:
    """Every effect by name. Each is idempotent by its business key."""

    @activity.defn(name="record")
    async def record(self, batch: Batch) -> Recorded:
        """The one write path: events, what they project, tasks, receipts, in one transaction."""
        raise NotImplementedError

    @activity.defn(name="begin_stage")
    async def begin_stage(self, begin: BeginStage) -> StageFacts:
        """The slice of pack, calendar and record that a stage needs (at most 4 KB), and the view of its case."""
        raise NotImplementedError

    @activity.defn(name="tasks_of")
    async def tasks_of(self, begin: BeginStage) -> list[Task]:
        """The open tasks of a stage as the record has them, with the moments still to come."""
        raise NotImplementedError

    @activity.defn(name="ask")
    async def ask(self, ask: Ask) -> Asked:
        """Ask for what cases share: granted, or entered as waiting, or refused."""
        raise NotImplementedError

    @activity.defn(name="screen")
    async def screen(self, screen: Screen) -> Screened:
        """Screen everyone named for a partner against the lists in force, unless a fresh screening stands."""
        raise NotImplementedError

    @activity.defn(name="order_payment")
    async def order_payment(self, order: Order) -> BankAnswer:
        """Send an order that the record holds. No answer means unknown; it is never sent twice."""
        raise NotImplementedError

    @activity.defn(name="ask_bank")
    async def ask_bank(self, order: Order) -> BankAnswer:
        """Everything the bank has said about an order up to this moment."""
        raise NotImplementedError

    @activity.defn(name="start_shared")
    async def start_shared(self, start: Start) -> None:
        """Start, or nudge, a workflow that no case owns."""
        raise NotImplementedError
