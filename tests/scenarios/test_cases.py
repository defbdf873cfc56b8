"""C1 to C8 and their variants end exactly as the casebook expects, and nothing is wrong with how they got there."""

import base64
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from activities import read
from cli.demo import EXAMPLES
from db import audit
from tests.scenarios.conftest import VARIANTS, Played
from worker.registry import WORKFLOWS, sandbox

CASES = ("C1", "C1-new", "C2", "C3", "C4", "C5", "C6", "C7", "C8")


@pytest.mark.parametrize("case", CASES)
async def test_the_case_ends_exactly_as_the_casebook_expects(played: Played, case: str) -> None:
    assert case in played.outcome.cases
    assert [f"{d.what}: expected {d.expected}, found {d.found}" for d in played.outcome.differences if d.case == case] == []


@pytest.mark.parametrize("case", [case for cases in VARIANTS for case in cases if case != "C3"])
async def test_the_variant_ends_exactly_as_the_casebook_expects(played: Played, case: str) -> None:
    assert [f"{d.what}: expected {d.expected}, found {d.found}" for d in played.variants if d.case in (case, "C3")] == []


async def test_the_emergency_case_of_a_new_partner_needs_at_most_half_the_hand_overs(played: Played) -> None:
    both = played.outcome.new_partner
    assert both is not None
    assert (both["standard"]["hand_overs"], both["emergency"]["hand_overs"]) == (19, 8)
    assert 2 * both["emergency"]["hand_overs"] <= both["standard"]["hand_overs"]


async def test_nothing_stands_in_expected_json_that_no_play_is_compared_with(played: Played) -> None:
    expected = set(json.loads((EXAMPLES / "expected.json").read_text())) - {"new_partner"}
    assert expected == {*played.outcome.cases, *(case for cases in VARIANTS for case in cases)}
    assert {path.stem for path in (EXAMPLES / "plays" / "variants").glob("*.toml")} == expected - set(played.outcome.cases)


async def test_the_second_case_of_a_partner_adds_no_obligation_for_what_the_first_postponed(played: Played) -> None:
    rows = await played.pool.fetch(
        """SELECT kind, cases FROM obligation WHERE subject = (SELECT partner_subject FROM "case" WHERE reference = 'MOZ/2026/0033')
           AND kind IN ('partner_verification', 'psea_assessment', 'hact_assessment') ORDER BY kind"""
    )
    assert [row["kind"] for row in rows] == ["hact_assessment", "partner_verification", "psea_assessment"]
    assert all({"case:MOZ/2026/0031", "case:MOZ/2026/0033"} <= set(row["cases"]) for row in rows)


async def test_a_document_signed_before_its_pca_waits_for_it(played: Played) -> None:
    signed = [event for event in await _of(played, "MOZ/2027/20033", "case.status_changed") if event["data"]["to"] == "signed"]
    assert [event["at"][:10] for event in signed] == ["2026-03-19"]
    both_sides = [
        event["at"][:10] for event in await _of(played, "MOZ/2027/20033", "signature.recorded") if event["data"]["object"] == "document"
    ]
    assert both_sides == ["2026-03-18", "2026-03-18"]


async def test_a_withdrawn_case_passes_its_pca_on_and_nobody_had_approved_it(played: Played) -> None:
    withdrawn = await read.show(played.pool, "MOZ/2027/10031")
    assert withdrawn["approvals"] == []
    changed = await _of(played, "MOZ/2027/10033", "umbrella.carrier_changed")
    assert [event["at"][:10] for event in changed] == ["2026-03-17"]


async def _of(played: Played, reference: str, kind: str) -> list[dict[str, Any]]:
    return [event for event in await read.events(played.pool, reference) if event["type"] == f"pca.{kind}.v1"]


async def test_the_second_case_joins_the_vetting_and_reuses_the_clearance(played: Played) -> None:
    assert len(await _of(played, "MOZ/2026/0033", "vetting.joined")) == 1
    assert len(await _of(played, "MOZ/2026/0033", "clearance.reused")) == 1
    assert len(await _of(played, "MOZ/2026/0031", "vetting.started")) == 1


async def test_the_regional_director_is_informed_of_what_lies_above_two_million(played: Played) -> None:
    assert len(await _of(played, "UKR/2026/0044", "approval.informed")) == 1
    assert [await _of(played, reference, "approval.informed") for reference in ("MOZ/2026/0031", "MOZ/2026/0033")] == [[], []]


async def test_a_hit_after_the_payment_is_disposed_by_two_people_and_nothing_stays_suspended(played: Played) -> None:
    story = await read.events(played.pool, "UKR/2026/0044")
    days = {
        event["type"]: event["at"][:10]
        for event in story
        if event["type"] in ("pca.screening.hit_found.v1", "pca.screening.hit_disposed.v1")
    }
    assert days == {"pca.screening.hit_found.v1": "2026-11-16", "pca.screening.hit_disposed.v1": "2026-11-18"}
    case = await read.show(played.pool, "UKR/2026/0044")
    assert case["overlays"]["suspended"] is None


async def test_the_bank_confirms_the_first_payment_of_c1_twice_and_it_is_booked_once(played: Played) -> None:
    case = await read.show(played.pool, "KEN/2026/0007")
    assert [journal["kind"] for journal in case["money"]["ledger"]["journals"]].count("payment") == 1


async def test_an_assessment_that_will_expire_is_told_90_days_before(played: Played) -> None:
    told = [
        event for event in await _of(played, "BGD/2026/0019", "obligation.reminded")
        if "assessment_renewal" in event["data"]["obligation"]
    ]  # fmt: skip
    assert [event["at"][:10] for event in told if event["at"][:10] < "2026-10-01"] == ["2026-09-01"]


async def test_the_chains_verify(played: Played) -> None:
    assert await audit.verify(played.pool) == []


async def test_invariant_11_replaying_the_events_rebuilds_the_state_tables_exactly(played: Played) -> None:
    assert await audit.rebuild_check(played.pool) == []


async def test_the_banks_own_ledger_agrees_with_ours(played: Played) -> None:
    ours = await played.pool.fetch(
        """SELECT o."order", o.amount, o.currency FROM journal j JOIN payment_order o
           ON o.subject = j.subject AND o.instalment = j.instalment AND o.state = 'confirmed' WHERE j.kind = 'payment' ORDER BY 1"""
    )
    theirs = sorted((m.order, m.amount, m.currency) for m in played.bank)
    assert [(row["order"], row["amount"], row["currency"]) for row in ours] == theirs
    assert sum((m.amount for m in played.bank if m.currency == "KES"), Decimal(0)) == 2 * Decimal("10518100.00")  # C1 and C1-new


async def test_no_workflow_failed_and_no_workflow_task_failed(played: Played) -> None:
    failed = [w.id async for w in played.client.list_workflows() if w.status == WorkflowExecutionStatus.FAILED]
    assert failed == []
    stumbled = [
        (h.workflow_id, event.workflow_task_failed_event_attributes.failure.message)
        for h in played.histories
        for event in h.events
        if event.event_type in (EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED)
    ]
    assert stumbled == []


async def test_every_history_replays(played: Played) -> None:
    replayer = Replayer(workflows=WORKFLOWS, data_converter=pydantic_data_converter, workflow_runner=sandbox())
    for history in played.histories:
        result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
        assert result.replay_failure is None, history.workflow_id


def _strings(value: Any) -> Iterator[str]:
    """Names, titles, texts, addresses: every string of an example that says who or what in words."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("legal_name", "name", "title", "email", "text", "comment", "message", "aliases", "account_holder", "mitigation"):
                yield from (
                    s for s in ([inner] if isinstance(inner, str) else inner if isinstance(inner, list) else []) if isinstance(s, str)
                )
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _payloads(value: Any) -> Iterator[str]:
    """Every payload of an exported history, as the text that it holds (exports carry them in base64)."""
    if isinstance(value, dict):
        if isinstance(data := value.get("data"), str) and "metadata" in value:
            yield base64.b64decode(data).decode(errors="replace")
        for inner in value.values():
            yield from _payloads(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _payloads(inner)


async def test_no_history_holds_a_name_a_title_or_a_text_of_the_examples(played: Played) -> None:
    files = [*sorted((EXAMPLES / "intake").glob("*.json")), *sorted((EXAMPLES / "documents").glob("*.json"))]
    wanted = {s for file in files for s in _strings(json.loads(file.read_text())) if len(s) >= 6}
    wanted -= {s for s in wanted if s.isalpha() and s.islower()}  # an officer's title (director) is a word of ours too
    assert len(wanted) > 60
    held = "\n".join(text for history in played.histories for text in _payloads(json.loads(history.to_json())))
    assert "KEN/2026/0007:review:1:give_opinion" in held  # what may stand there does: the search is not blind
    assert [s for s in sorted(wanted) if s in held or json.dumps(s)[1:-1] in held] == []
