"""The umbrella is the PCA: its state is a row, settled with the carrying case's decisions. This workflow takes the messages that are
addressed to the PCA and keeps its dates. It is no child of any case."""

from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from schemas.engine import Event, StageInput, StageOutcome
    from workflows.stage import Heard, Stage

MESSAGES = {"suspend": "umbrella.suspended", "lift": "umbrella.lifted"}
ONE_DAY = timedelta(days=1)


class UmbrellaStage(Stage):
    messages = frozenset(MESSAGES)

    async def procedure(self) -> StageOutcome:
        while True:
            facts = await self.begin()
            if facts.get("status") not in ("draft", "signed", "suspended"):
                return await self.close(str(facts.get("status", "unknown")))
            ends = datetime.fromisoformat(facts["ends_at"]) if facts.get("ends_at") else None
            if self.full():
                await self.continue_as_new()
            over = ends is not None and ends <= self.now()
            if over and not (await self.record("ended", [Event(type="umbrella.ended")])).refused:
                continue
            heard = await self.hear(until=self.now() + ONE_DAY if over else ends)
            if isinstance(heard, Heard):
                await self.answer(heard)

    async def answer(self, heard: Heard) -> None:
        happened = [Event(type=MESSAGES[heard.kind], take=["scope", "until", "block"])] if heard.kind in MESSAGES else []
        await self.count(heard, happened)


@workflow.defn
class Umbrella(UmbrellaStage):
    @workflow.run
    async def run(self, start: StageInput) -> StageOutcome:
        return await self.procedure()
