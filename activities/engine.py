"""The effects by name, each handed to the module that knows how: what the worker registers. No rule and no SQL here."""

from typing import Any

import asyncpg
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from activities import ask as asking
from activities import begin as beginning
from activities import payments, screen, shared
from activities.gateway import Gateway
from activities.record import Recorder
from activities.settling import load_rules
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
from workflows.effects import Effects


class Activities(Effects):
    """Every effect over one pool, one bank and one client. Stateless: any number of workers may run."""

    def __init__(self, pool: asyncpg.Pool, gateway: Gateway | None, client: Client) -> None:
        load_rules()
        self.pool = pool
        self.gateway = gateway
        self.client = client
        self.recorder = Recorder(pool)

    def all(self) -> list[Any]:
        """What the worker registers."""
        return [
            self.record, self.begin_stage, self.tasks_of, self.ask, self.screen, self.order_payment, self.ask_bank, self.start_shared,
        ]  # fmt: skip

    def _bank(self) -> Gateway:
        if self.gateway is None:
            raise ApplicationError("no bank is set: set PCA_BANK_URL", type="no_bank")
        return self.gateway

    @activity.defn(name="record")
    async def record(self, batch: Batch) -> Recorded:
        return await self.recorder.record(batch)

    @activity.defn(name="begin_stage")
    async def begin_stage(self, begin: BeginStage) -> StageFacts:
        return await beginning.begin_stage(self.pool, begin)

    @activity.defn(name="tasks_of")
    async def tasks_of(self, begin: BeginStage) -> list[Task]:
        return await beginning.tasks_of(self.pool, begin)

    @activity.defn(name="ask")
    async def ask(self, ask: Ask) -> Asked:
        return await asking.ask(self.pool, ask)

    @activity.defn(name="screen")
    async def screen(self, screen_: Screen) -> Screened:
        return await screen.screen(self.pool, screen_)

    @activity.defn(name="order_payment")
    async def order_payment(self, order: Order) -> BankAnswer:
        return await payments.order_payment(self.pool, self._bank(), order)

    @activity.defn(name="ask_bank")
    async def ask_bank(self, order: Order) -> BankAnswer:
        return await payments.ask_bank(self.pool, self._bank(), order)

    @activity.defn(name="start_shared")
    async def start_shared(self, start: Start) -> None:
        await shared.start_shared(self.pool, self.client, start)
