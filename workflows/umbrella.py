"""The umbrella is the PCA: its state is a row, settled with the carrying case's decisions. This workflow takes the messages that are
addressed to the PCA and keeps its dates. It is no child of any case."""

from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from schemas.engine import Event, StageInput, StageOutcome
    from schemas.findings import Finding
    from workflows.stage import Heard, Stage

MESSAGES = {"suspend": "umbrella.suspended", "lift": "umbrella.lifted"}


class UmbrellaStage(Stage):
    async def procedure(self) -> StageOutcome:
        while True:
            facts = await self.begin()
            if facts.get("status") not in ("draft", "signed", "suspended"):
                return await self.close(str(facts.get("status", "unknown")))
            ends = datetime.fromisoformat(facts["ends_at"]) if facts.get("ends_at") else None
            if self.full():
                await self.continue_as_new()
            heard = await self.hear(until=ends)
            if isinstance(heard, Heard):
                if heard.kind in MESSAGES:
                    await self.count(heard, [Event(type=MESSAGES[heard.kind], take=["scope", "until", "block"])])
                else:
                    await self.refuse(
                        heard,
                        Finding(rule="unknown_message", message=f"A PCA takes {', '.join(MESSAGES)}; not {heard.kind}.", path="$.kind"),
                    )
            elif ends is not None and ends <= self.now():
                await self.record("ended", [Event(type="umbrella.ended")])


@workflow.defn
class Umbrella(UmbrellaStage):
    @workflow.run
    async def run(self, start: StageInput) -> StageOutcome:
        return await self.procedure()
