"""An emergency activation: what unlocks the fast path for an office, an area and a sector, for three months at a time.

Its row is settled by whoever declares, renews or revokes it; this workflow only keeps its end, and tells the cases that rely on it.
"""

from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from schemas.engine import Event, StageInput, StageOutcome
    from workflows.stage import Stage

ONE_DAY = timedelta(days=1)


class ActivationStage(Stage):
    held_with_case = False

    async def procedure(self) -> StageOutcome:
        while True:
            facts = await self.begin()
            state = str(facts.get("state", "unknown"))
            await self._tell(facts.get("cases", []) if state != "declared" else [], [])
            if state != "declared":
                return await self.close(state)
            ends = datetime.fromisoformat(facts["ends_at"])
            if self.full():
                await self.continue_as_new()
            over = ends <= self.now()
            if over and not (await self.record("expired", [Event(type="activation.expired")])).refused:
                continue
            await self.hear(until=self.now() + ONE_DAY if over else ends)


@workflow.defn
class Activation(ActivationStage):
    @workflow.run
    async def run(self, start: StageInput) -> StageOutcome:
        return await self.procedure()
