"""C1 to C8 and their variants end exactly as the casebook expects, and nothing is wrong with how they got there."""

import base64
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from activities import ledger, read
from bench.play import stumbled
from cli.demo import EXAMPLES
from cli.figures import figures
from db import audit, content
from policy import budget, psea
from policy.pack import load
from schemas.events import EVENTS
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


async def test_an_assessment_that_will_expire_is_told_90_60_and_30_days_before(played: Played) -> None:
    told = [
        (event["data"]["notice"], event["at"][:10]) for event in await _of(played, "BGD/2026/0019", "obligation.reminded")
        if "assessment_renewal" in event["data"]["obligation"]
    ]  # fmt: skip
    assert told == [("notice_90", "2026-09-01"), ("notice_60", "2026-10-01"), ("notice_30", "2026-10-31")]


async def test_two_people_review_without_a_meeting(played: Played) -> None:
    assert [event["data"].get("meeting_on") for event in await _of(played, "BGD/2026/0019", "review.convened")] == [None]
    assert [event["data"].get("meeting_on") for event in await _of(played, "KEN/2026/0007", "review.convened")] == ["2026-03-24"]


async def test_a_signed_document_becomes_active_by_itself_on_its_first_day(played: Played) -> None:
    active = [event for event in await _of(played, "KEN/2026/0007", "case.status_changed") if event["data"]["to"] == "active"]
    assert [(event["actor"], event["data"]["trigger"]) for event in active] == [(None, "conditions_met")]


async def _said(played: Played, reference: str, kind: str, verdict: str) -> list[dict[str, Any]]:
    """The data of every decision of that kind and verdict that counted."""
    rows = (await read.show(played.pool, reference))["decisions"]
    digests = [row["data_sha256"] for row in rows if row["counted"] and (row["kind"], row["verdict"]) == (kind, verdict)]
    return [json.loads(await content.get(played.pool, digest, sealed=True) or "") for digest in digests]


async def test_the_psea_standards_of_the_new_partner_add_up_to_12(played: Played) -> None:
    rated = await _said(played, "MOZ/2026/0031", "assess_psea", "rate")
    assert [psea.rate({name: data[name] for name in psea.STANDARDS}, load("emergency-2026-01")) for data in rated] == [(12, "moderate")]


async def test_the_cash_of_both_documents_counts_for_the_threshold_of_their_partner(played: Played) -> None:
    partner = await played.pool.fetchval("""SELECT partner_subject FROM "case" WHERE reference = 'MOZ/2026/0033'""")
    planned = await played.pool.fetchval(ledger.SQL["planned_cash"], partner)
    assert round(planned) == 477_230


@pytest.mark.parametrize(
    ("reference", "need", "cap"),
    [
        ("MOZ/2026/0031", "13,246,600.00", "9,416,000.00"),
        ("MOZ/2026/0033", "3,568,450.00", "3,195,000.00"),
        ("UKR/2026/0044", "41,970,750.00", "35,524,000.00"),
    ],
)
async def test_the_need_of_the_first_period_is_refused_and_the_cap_is_told(played: Played, reference: str, need: str, cap: str) -> None:
    refused = (await figures(played.pool, reference))["refused"]
    assert [row["message"] for row in refused if row["rule"] == "above_ceiling"] == [
        f"The request asks for {need}; at most {cap} can be paid now."
    ]


async def test_40_percent_of_the_second_document_is_below_the_floor(played: Played) -> None:
    found, rules = played.outcome.cases["C4"], load("emergency-2026-01")
    rate = Decimal(found["rate"])
    share, floor = Decimal(found["office_cash"]) * rules.number("cash.cap_percent") / 100, rules.number("cash.floor_usd") * rate
    assert (share, round(share / rate), floor) == (Decimal(2_782_000), 43_537, Decimal(3_195_000))


async def test_each_emergency_is_declared_for_as_long_and_by_whom_the_casebook_says(played: Played) -> None:
    rows = await played.pool.fetch(
        """SELECT reference, level, valid_from::text, valid_to::text, step_aside_from::text, declared_role, cardinality(roster)
           FROM activation WHERE reference LIKE '%-2026-0_' ORDER BY reference"""
    )
    assert [tuple(row) for row in rows] == [
        ("MOZ-L2-2026-01", "L2", "2026-03-09", "2026-06-08", None, "regional_director", 2),
        ("PHL-L2-2026-02", "L2", "2026-07-17", "2026-10-16", None, "regional_director", 2),
        ("UKR-L3-2026-01", "L3", "2026-09-21", "2026-12-20", "2026-09-22", "global_emergency_coordinator", 2),
    ]


async def test_the_hact_rating_of_c8_had_expired_when_it_was_submitted(played: Played) -> None:
    rated = [
        event["data"] for event in await _of(played, "UKR/2026/0044", "vetting.element_recorded") if event["data"]["element"] == "hact"
    ]
    assert rated[0]["valid_until"] == "2026-08-31"


async def test_there_is_no_case_of_what_was_refused_at_the_door(played: Played) -> None:
    sibling = json.loads((EXAMPLES / "intake" / "C6-un-agency.json").read_text())["source_reference"]
    assert await played.pool.fetchval("SELECT count(*) FROM rejected_intake WHERE source_reference = $1", sibling) == 1
    assert await played.pool.fetchval("""SELECT count(*) FROM "case" WHERE source_reference = $1""", sibling) == 0


async def test_above_the_ceiling_of_its_protocol_the_amendment_route_is_named(played: Played) -> None:
    refused = (await figures(played.pool, "PHL/2027/30118"))["refused"]
    assert [(row["rule"], "amendment route" in row["next_step"]) for row in refused] == [("above_ceiling", True)]


async def test_the_hit_of_the_refused_partner_differs_in_two_facts_and_two_questions_of_its_profile_fail(played: Played) -> None:
    disposed = await _said(played, "LBN/2026/0005", "dispose_screening_hit", "false_positive")
    assert [data["differing_facts"] for data in disposed] == [["year of birth", "nationality"]]
    assert [data["failed"] for data in await _said(played, "LBN/2026/0005", "verify_partner_profile", "not_verified")] == [["q1", "q3"]]


async def test_the_refused_partner_is_told_of_its_refusal_and_nothing_of_the_hit(played: Played) -> None:
    case = await read.show(played.pool, "LBN/2026/0005")
    theirs = {task["id"] for task in case["tasks"] if task["holder"] == "partner"}

    def told(event: dict[str, Any]) -> bool:
        shown = EVENTS[event["type"].removeprefix("pca.").removesuffix(".v1")].partner
        return shown in ("yes", "coarse") or (shown == "if_theirs" and event["data"].get("task") in theirs)

    story = [event for event in await read.events(played.pool, "LBN/2026/0005") if told(event)]
    types = {event["type"] for event in story}
    assert {"pca.clearance.refused.v1", "pca.case.rejected.v1", "pca.vetting.information_requested.v1"} <= types
    assert {event["data"]["message_sha256"] for event in story if event["type"] == "pca.clearance.refused.v1"} == {
        row["message_sha256"] for row in case["decisions"] if row["verdict"] == "reject"
    }
    hit = case["vetting"]["hits"][0]
    held = json.dumps([event["data"] for event in story])
    assert "registration" in held  # what may stand there does: the search is not blind
    assert [word for word in (hit["id"], hit["list_entry"], "dispose_screening_hit", "sanctions") if word in held] == []
    assert not any(name.startswith(("pca.screening.", "pca.case.suspended")) for name in types)


async def test_management_is_31_percent_of_the_first_text_and_20_of_the_last_of_the_same_total(played: Played) -> None:
    case = await read.show(played.pool, "PER/2026/0003")
    first = await content.document(played.pool, "PER/2026/0003", case["document"]["versions"][0]["sha256"])
    assert [line.office_cash for line in first.management] == [559_000, 204_000, 136_000]
    assert [line.office_cash for output in first.outputs for line in output.activities] == [860_000, 265_000, 396_000, 180_000]
    assert (budget.totals(first).management, budget.totals(first).office_total) == (Decimal(899_000), Decimal(2_900_000))


async def test_a_new_hit_stops_the_partner_by_itself(played: Played) -> None:
    for reference in ("UKR/2026/0044", "UKR/2027/40044"):
        stopped = await _of(played, reference, "case.suspended")
        assert [(event["actor"], event["data"]["automatic"], event["data"]["scope"]) for event in stopped] == [(None, True, "all")]


async def test_a_second_request_in_check_stays_where_it_is_while_a_hit_is_open(played: Played) -> None:
    second = [task for task in (await read.show(played.pool, "UKR/2027/40044"))["tasks"] if task["whom"] == "2"]
    assert {(task["kind"], task["state"], task["verdict"]) for task in second} >= {
        ("request_cash", "decided", "submit"), ("certify_request", "decided", "certify"), ("check_request", "decided", "pass"),
        ("release_cash", "decided", "release"),
    }  # fmt: skip


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
    ended = (WorkflowExecutionStatus.FAILED, WorkflowExecutionStatus.TIMED_OUT, WorkflowExecutionStatus.TERMINATED)
    assert [w.id async for w in played.client.list_workflows() if w.status in ended] == []
    assert [(history.workflow_id, message) for history in played.histories for message in stumbled(history)] == []


async def test_every_history_replays(played: Played) -> None:
    replayer = Replayer(workflows=WORKFLOWS, data_converter=pydantic_data_converter, workflow_runner=sandbox())
    results = await replayer.replay_workflows(_each(played.histories), raise_on_replay_failure=False)
    assert results.replay_failures == {}


async def _each(histories: Iterable[WorkflowHistory]) -> AsyncIterator[WorkflowHistory]:
    for history in histories:
        yield history


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
