"""Intake: taken once, refused with every reason, never half."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from activities import intake
from activities.intake import Refused, Taken
from activities.versions import UnknownVersion
from db import audit, content
from schemas.intake import Intake

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "intake"


def example(name: str, **changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text())
    return facts | changes


async def take(pool: asyncpg.Pool, facts: Any, **more: Any) -> Taken:
    outcome = await intake.take(pool, facts, **more)
    assert isinstance(outcome, Taken), outcome
    return outcome


async def refused(pool: asyncpg.Pool, facts: Any) -> Refused:
    outcome = await intake.take(pool, facts)
    assert isinstance(outcome, Refused)
    return outcome


async def test_a_case_is_recorded_whole_with_its_reference_and_pins(pool: asyncpg.Pool) -> None:
    taken = await take(pool, example("C1"))

    row = await pool.fetchrow('SELECT * FROM "case"')
    assert row is not None
    assert (taken.reference, taken.workflow, taken.state) == ("KEN/2026/0007", "pca.KE.KEN-2026-0007", "taken")
    assert (row["reference"], row["status"], row["instrument"]) == ("KEN/2026/0007", "received", "pca_with_document")
    assert (str(row["office_total"]), str(row["office_total_usd"])) == ("60422000.00", "467300.85")
    assert set(row["packs"]) == {"standard", "emergency", "office", "rates"}


async def test_a_case_of_a_partner_without_pca_opens_and_carries_it(pool: asyncpg.Pool) -> None:
    await take(pool, example("C1"))

    umbrella = await pool.fetchrow("SELECT * FROM umbrella")
    assert umbrella is not None
    assert (umbrella["status"], umbrella["carrier"], umbrella["reference"]) == ("draft", "case:KEN/2026/0007", "KEN/PCA2026/0007")


async def test_a_standing_pca_of_the_facts_is_entered_as_signed(pool: asyncpg.Pool) -> None:
    await take(pool, example("C2"))

    umbrella = await pool.fetchrow("SELECT * FROM umbrella")
    assert umbrella is not None
    assert (umbrella["status"], umbrella["reference"], str(umbrella["signed_on"])) == ("signed", "BGD/PCA2024/0317", "2024-05-12")
    assert await pool.fetchval('SELECT instrument FROM "case"') == "document_under_pca"


async def test_the_same_submission_again_is_the_same_case(pool: asyncpg.Pool) -> None:
    first = await take(pool, example("C1"))
    again = await take(pool, example("C1"))

    assert (again.reference, again.state) == (first.reference, "repeated")
    assert await pool.fetchval('SELECT count(*) FROM "case"') == 1
    assert await pool.fetchval("SELECT data->'data'->'same_content' FROM event WHERE type = 'intake.repeated'") is True


async def test_the_same_reference_with_other_content_is_refused_with_the_differences(pool: asyncpg.Pool) -> None:
    await take(pool, example("C1"))
    changed = example("C1")
    changed["document"]["title"] = "Another title"
    changed["plan"] = "HRP 2026"

    outcome = await refused(pool, changed)

    assert outcome.existing == "KEN/2026/0007"
    assert [finding.path for finding in outcome.findings] == ["$.document.title", "$.plan"]


async def test_a_reference_in_use_gives_the_next_number(pool: asyncpg.Pool) -> None:
    await take(pool, example("C1"))
    other = example("C1", source_reference="another")
    other["partner"]["id"] = "P-KE-0999"

    taken = await take(pool, other)

    assert taken.reference == "KEN/2026/0008"
    assert "reference_in_use" in {finding.rule for finding in taken.findings}


async def test_what_does_not_fit_is_refused_with_every_path_and_kept(pool: asyncpg.Pool) -> None:
    facts = example("C1", colour="blue")
    del facts["programme"]

    outcome = await refused(pool, facts)

    assert {finding.path for finding in outcome.findings} == {"$.colour", "$.programme"}
    kept = await pool.fetchrow("SELECT * FROM rejected_intake")
    assert kept is not None
    assert kept["source_reference"] == facts["source_reference"]
    assert json.loads(kept["body"])["colour"] == "blue"


async def test_what_is_no_json_is_kept_as_it_came(pool: asyncpg.Pool) -> None:
    outcome = await refused(pool, b"{\xff nothing")

    assert [finding.rule for finding in outcome.findings] == ["not_json"]
    assert await pool.fetchval("SELECT count(*) FROM rejected_intake") == 1


async def test_a_list_is_no_submission(pool: asyncpg.Pool) -> None:
    assert [finding.rule for finding in (await refused(pool, "[1]")).findings] == ["not_an_object"]


async def test_a_partner_that_cannot_hold_a_pca_makes_no_case(pool: asyncpg.Pool) -> None:
    outcome = await refused(pool, example("C6-un-agency"))

    assert "partner_type_not_cso" in {finding.rule for finding in outcome.findings}
    assert await pool.fetchval('SELECT count(*) FROM "case"') == 0
    assert await pool.fetchval("SELECT count(*) FROM submission") == 0


async def test_an_unknown_office_is_a_reason_not_an_error(pool: asyncpg.Pool) -> None:
    assert "unknown_office" in {finding.rule for finding in (await refused(pool, example("C1", office="ZZ"))).findings}


async def test_check_says_what_the_door_would_say_and_takes_nothing(pool: asyncpg.Pool) -> None:
    findings = await intake.check(pool, example("C6-un-agency"))

    assert "partner_type_not_cso" in {finding.rule for finding in findings}
    assert await pool.fetchval("SELECT count(*) FROM rejected_intake") == 0
    assert next(finding.path for finding in await intake.check(pool, {})).startswith("$.")


async def test_a_second_document_of_equal_amount_is_warned_of_double_funding(pool: asyncpg.Pool) -> None:
    await take(pool, example("C1"))

    taken = await take(pool, example("C1", source_reference="another", reference=None))

    assert "possible_double_funding" in {finding.rule for finding in taken.findings}
    assert await pool.fetchval("SELECT instrument FROM \"case\" WHERE reference = 'KEN/2026/0008'") == "document_under_pca"


async def test_an_unknown_practice_clock_is_named(pool: asyncpg.Pool) -> None:
    with pytest.raises(LookupError, match="storm"):
        await intake.take(pool, example("C1"), clock="storm")


async def test_what_intake_wrote_follows_from_its_events(pool: asyncpg.Pool) -> None:
    await take(pool, example("C1"))
    await take(pool, example("C2"))
    await refused(pool, example("C6-un-agency"))

    assert await audit.verify(pool) == []
    assert await audit.rebuild_check(pool) == []


async def test_a_message_read_before_is_taken_as_it_is(pool: asyncpg.Pool) -> None:
    assert (await take(pool, Intake.model_validate(example("C1")))).reference == "KEN/2026/0007"


async def test_two_who_submit_the_same_at_the_same_moment_get_one_case(pool: asyncpg.Pool) -> None:
    outcomes = await asyncio.gather(*(take(pool, example("C1")) for _ in range(4)))
    assert {outcome.reference for outcome in outcomes} == {"KEN/2026/0007"}
    assert sorted(outcome.state for outcome in outcomes) == ["repeated", "repeated", "repeated", "taken"]


async def test_two_partners_who_want_one_reference_at_the_same_moment_get_two(pool: asyncpg.Pool) -> None:
    other = example("C1", source="another")
    other["partner"]["id"] = "P-KE-0999"
    outcomes = await asyncio.gather(take(pool, example("C1")), take(pool, other))
    assert {outcome.reference for outcome in outcomes} == {"KEN/2026/0007", "KEN/2026/0008"}


async def test_without_people_named_the_office_file_names_them(pool: asyncpg.Pool) -> None:
    facts = example("C1")
    del facts["focal_point"], facts["budget_owner"]
    await take(pool, facts)
    row = await pool.fetchrow('SELECT focal_point, budget_owner FROM "case"')
    assert row is not None
    assert tuple(row) == ("ke.001", "ke.003")


async def test_without_packs_nothing_is_taken_and_the_command_is_named(pool: asyncpg.Pool) -> None:
    early = example("C1", submitted_on="2020-01-01")
    with pytest.raises(UnknownVersion, match="load the packs"):
        await intake.take(pool, early)


async def test_what_cannot_even_be_written_as_json_is_kept_as_text(pool: asyncpg.Pool) -> None:
    assert [finding.rule for finding in (await refused(pool, {1, 2})).findings] == ["not_an_object"]
    assert [finding.rule for finding in (await refused(pool, object())).findings] == ["not_an_object"]
    assert await pool.fetchval("SELECT count(*) FROM rejected_intake WHERE body LIKE '%object object%'") == 1


async def test_a_case_is_started_once_however_often_it_is_asked_for(pool: asyncpg.Pool, client: Client) -> None:
    await pool.execute("INSERT INTO clock (name, \"offset\") VALUES ('storm', interval '-1 day')")
    taken = await take(pool, example("C1"), clock="storm")

    await intake.start_case(pool, client, taken)
    await intake.start_case(pool, client, taken)

    handle = client.get_workflow_handle(taken.workflow)
    assert (await handle.describe()).workflow_type == "Agreement"
    assert await pool.fetchval("SELECT started_at IS NOT NULL FROM submission")
    assert await pool.fetchval("SELECT workflow FROM clock_member WHERE clock = 'storm'") == taken.workflow

    await handle.terminate("a case that has ended")
    await intake.start_case(pool, client, taken)  # stays ended
    assert (await handle.describe()).status == WorkflowExecutionStatus.TERMINATED


async def test_the_sweep_starts_what_was_received_and_not_started(pool: asyncpg.Pool, client: Client) -> None:
    facts = example("C2", source_reference="swept", reference=None)
    taken = await take(pool, facts)
    assert await intake.sweep(pool, client) == []  # its own start may still be under way

    assert await intake.sweep(pool, client, older_than=timedelta(0)) == [taken.reference]
    assert await intake.sweep(pool, client, older_than=timedelta(0)) == []
    await client.get_workflow_handle(taken.workflow).terminate()


async def test_an_unknown_case_is_not_started(pool: asyncpg.Pool, client: Client) -> None:
    with pytest.raises(LookupError, match="no case"):
        await intake.start_case(pool, client, Taken("KEN/2026/9999", "pca.KE.KEN-2026-9999", "taken"))


class Beaten:
    """Somebody else takes the same at the same moment, so many times."""

    def __init__(self, times: int) -> None:
        self.left, self.real = times, intake._take

    async def __call__(self, *what: Any) -> Taken | Refused:
        if self.left:
            self.left -= 1
            raise asyncpg.UniqueViolationError
        return await self.real(*what)


async def test_who_comes_second_at_the_same_moment_looks_again(pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_take", Beaten(2))
    assert (await take(pool, example("C1"))).state == "taken"


async def test_who_is_beaten_again_and_again_is_told(pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_take", Beaten(3))
    with pytest.raises(asyncpg.UniqueViolationError):
        await intake.take(pool, example("C1"))
    assert await pool.fetchval('SELECT count(*) FROM "case"') == 0


async def test_no_more_facts_are_kept_in_memory_than_there_is_room_for(pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "_intakes", {})
    monkeypatch.setattr(content, "_INTAKES_KEPT", 1)
    references = [(await take(pool, example(name))).reference for name in ("C1", "C2")]
    for reference in references * 2:
        assert (await content.intake(pool, reference)).reference == reference
        assert len(content._intakes) == 1
