"""The partner's view, row by row of casebook 6: what is seen, and what is not seen, with canaries planted wherever something is hidden."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from api import partner_side
from db.events import body
from policy import partner_view
from policy.partner_view import TABLE
from schemas.engine import Event, Opening
from schemas.events import EVENTS
from schemas.messages import CONFIDENTIAL
from tests.activities import fast_path as fp
from tests.activities import test_settle_document as drafts
from tests.activities.desk import Desk, at
from tests.api.conftest import Called
from tests.kept import kept

Become = Callable[..., Called]
CASE = "case:MOZ/2026/0031"
PATH = "/v1/cases/MOZ/2026/0031"

CANARIES = (
    # opinions, answers, counts, members, recusals
    "UPDATE opinion SET member = 'CANARY-MEMBER', answers = '{\"q1\": \"CANARY-ANSWER\"}'",
    "UPDATE member SET person = 'CANARY-MEMBER', function = 'CANARY-FUNCTION'",
    "UPDATE review SET overall_approver = 'CANARY-APPROVER', counts = '{\"CANARY-COUNT\": 1}', result = 'CANARY-RESULT'",
    # screening, hits, flags, conflicts, scores and working notes
    "INSERT INTO hit VALUES ('CANARY-HIT', $1, 'CANARY-ENTRY', 'CANARY-ROLE', 0.97, now(), 'open', NULL)",
    "UPDATE screening SET trigger = 'CANARY-TRIGGER', lists = '[\"CANARY-LIST\"]'",
    "UPDATE element SET details = '{\"note\": \"CANARY-DETAILS\"}', agency = coalesce(agency, NULL)",
    "INSERT INTO element VALUES ($1, 'flag:CANARY', 'CANARY-FLAG', 'own', NULL, now(), NULL, '{}')",
    "INSERT INTO element VALUES ($1, 'conflict:CANARY', 'CANARY-CONFLICT', 'own', NULL, now(), NULL, '{}')",
    # tasks and decisions of the office
    "UPDATE task SET candidates = ARRAY['CANARY-CANDIDATE'], data = '{\"CANARY\": \"CANARY-DATA\"}', closed_why = 'CANARY-WHY', "
    "claimed_by = 'CANARY-CLAIMER' WHERE NOT roles && ARRAY['partner_focal_point', 'partner_authorised_officer']",
    "UPDATE decision SET actor = 'CANARY-ACTOR', comment_sha256 = 'CANARY-COMMENT', rules = ARRAY['CANARY-RULE'] "
    "WHERE role NOT LIKE 'partner%'",
    "UPDATE approval SET actor = 'CANARY-APPROVER'",
    # money of ours
    "UPDATE reservation SET number = 'CANARY-RESERVATION', lines = '[{\"grant\": \"CANARY-GRANT\"}]'",
    "UPDATE vendor SET account_ref = 'CANARY-ACCOUNT-5520', vendor_number = 'CANARY-VENDOR', set_up_by = 'CANARY-OFFICER'",
    "UPDATE instalment SET account_ref = 'CANARY-ACCOUNT-5520', checked_lines = '[\"CANARY-CHECK\"]'",
    # what is owed: reasons, and what tells of a flag
    "UPDATE obligation SET reason = 'CANARY-REASON', authority = 'CANARY-AUTHORITY', data = '{\"CANARY\": 1}'",
    "INSERT INTO obligation (id, subject, kind, owner_role, verifier_role, consequences, cases, state, created_at, data, office, "
    "partner_subject) VALUES ('x:risk_acceptance_expiry:CANARY', $1, 'risk_acceptance_expiry', 'risk_officer', 'x', '{}', "
    "ARRAY['case:MOZ/2026/0031'], 'open', now(), '{}', 'MZ', $1)",
    "UPDATE \"case\" SET budget_owner = 'CANARY-OWNER', submitter = 'CANARY-SUBMITTER', source_reference = source_reference",
)  # fmt: skip
"""Statements that write what the partner must never read; $1 its subject."""


@kept
async def planted(desk: Desk) -> str:
    """C3, paid once, with a canary in every hidden field; the subject of its partner."""
    await fp.paid(desk)
    desk.keys += 1
    partner = str(await desk.pool.fetchval('SELECT partner_subject FROM "case"'))
    async with desk.pool.acquire() as conn, conn.transaction():
        for statement in CANARIES:
            await conn.execute(statement, *([partner] if "$1" in statement else []))
    return partner


def theirs(as_: Become, partner: str, role: str = "partner_authorised_officer") -> Called:
    return as_("mz.p02", f"MZ:{role}", partners=(partner,))


async def put(pool: asyncpg.Pool, row: str) -> None:
    """The case in the row of the table."""
    status = {"drafting_office": "drafting", "returned": "drafting"}.get(row, row)
    if row in partner_view.OVER:
        status = "active" if row != "on_hold" else "in_review"
    await pool.execute('UPDATE "case" SET status = $1, held = $2, hold_until = $3, under_notice = $4', status, row == "on_hold",
                       datetime(2026, 4, 1, tzinfo=UTC) if row == "on_hold" else None, row == "under_notice")  # fmt: skip
    if row.startswith("suspended"):
        await pool.execute(
            "INSERT INTO block (id, subject, scope, cause, reason_code, since) VALUES ($1, $1, $2, 'suspension', 'fraud', now())",
            CASE, row.removeprefix("suspended_"),
        )  # fmt: skip
    if row == "drafting":
        # its turn: only a task of its own is open
        await pool.execute("UPDATE task SET state = 'closed', closed_at = now() WHERE holder <> 'partner' AND state = 'open'")
        await pool.execute(
            "INSERT INTO task (id, subject, workflow, kind, stage, round, roles, candidates, holder, office, data, cases, opened_at, "
            "opened_by, opened_from, moments, state) "
            "VALUES ('MOZ/2026/0031:document:1:partner_turn:x', $1, 'w', 'partner_turn', 'document', 1, "
            "ARRAY['partner_focal_point'], '{}', 'partner', 'MZ', '{}', ARRAY[$1], now(), '', '', '[]', 'open')",
            CASE,
        )
    if row == "returned":
        await event(pool, "case.status_changed", {"from": "in_review", "to": "drafting", "trigger": "return"})


async def event(pool: asyncpg.Pool, name: str, data: dict[str, Any], **more: Any) -> None:
    """An event on the chain of the case, as somebody wrote it."""
    from db.content import canonical

    cause = {"kind": "decision", "id": "CANARY-CAUSE"}
    said = body(name, datetime(2026, 4, 1, tzinfo=UTC), data, cause=cause, **more)
    async with pool.acquire() as conn, conn.transaction():
        sequence = await conn.fetchval("UPDATE stream SET sequence = sequence + 1 WHERE subject = $1 RETURNING sequence", CASE)
        await conn.execute(
            "INSERT INTO event (subject, sequence, type, at, body, previous, hash) VALUES ($1, $2, $3, $4, $5, '', '')",
            CASE, sequence, name, datetime(2026, 4, 1, tzinfo=UTC), canonical(said),
        )  # fmt: skip


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z_]+", text.lower()))


@pytest.mark.parametrize("row", TABLE)
async def test_each_row_shows_what_the_table_says_and_no_canary(desk: Desk, as_: Become, row: str) -> None:
    partner = await planted(desk)
    await put(desk.pool, row)
    answer = await theirs(as_, partner).get(PATH)
    assert answer.status_code == 200, answer.text
    view = answer.json()
    assert set(view) == {"view", "shown", *partner_view.ALWAYS}
    assert view["status"]["label"] == TABLE[row].label
    assert set(TABLE[row].sees) <= set(view["shown"])
    base = view["status"]["code"]
    assert set(view["shown"]) == set(partner_view.parts_of((row, base) if row in partner_view.OVER else (row,)))
    assert "CANARY" not in answer.text.replace("CANARY-ACCOUNT-5520"[-4:], "")
    assert not {"screening", "opinions", "members", "candidates", "comment_sha256", "workflow", "cause", "risk_officer"} & words(
        answer.text
    )
    assert not CONFIDENTIAL & words(answer.text.replace("safeguarding", "")) - {"sanctions"}
    allowed = {act["act"] for act in view["may"]}
    assert allowed <= set(TABLE[row].may) | (set(TABLE[base].may) if row in partner_view.OVER else set())


async def test_a_viewer_sees_the_same_and_does_nothing(desk: Desk, as_: Become) -> None:
    partner = await planted(desk)
    seen = (await theirs(as_, partner).get(PATH)).json()
    viewed = (await theirs(as_, partner, "partner_viewer").get(PATH)).json()
    assert viewed["may"] == []
    assert seen["may"]
    assert viewed | {"may": None} == seen | {"may": None}


async def test_at_every_status_the_partner_knows_where_it_stands(desk: Desk, as_: Become) -> None:
    partner = await planted(desk)
    view = (await theirs(as_, partner).get(PATH)).json()
    assert view["track"] == {"code": "emergency", "meaning": partner_view.TRACKS["emergency"]}
    assert view["status"] == {"code": "active", "label": "Running", "labels": ["Running"]}
    assert [stage["state"] for stage in view["stages"]] == ["done", "done", "done", "done", "now"]
    days = view["days"]
    assert days["total"] == days["office"] + days["partner"] + days["external"]
    assert "hold" in days
    assert view["contact"]["as"] == "focal_point"
    assert view["documents"]["versions"]
    assert {act["kind"] for act in view["acts"]} >= {"request_cash", "sign_as_partner"}
    assert all(act["by"] for act in view["acts"])
    owed = {row["kind"]: row for row in view["obligations"]}
    assert owed["psea_assessment"]["words"] == (
        "We could not yet check your arrangements against sexual exploitation and abuse. Until 19 June 2026 we count your risk as high; "
        "from then on no further instalment is paid and no amendment is made and no new emergency agreement is taken and our management is "
        "told until it is done. It is our assurance officer's turn."
    )
    assert (owed["psea_assessment"]["holder"], owed["quarterly_face"]["holder"]) == ("office", "partner")


async def test_running_shows_its_money(desk: Desk, as_: Become) -> None:
    partner = await planted(desk)
    shown = (await theirs(as_, partner).get(PATH)).json()["shown"]
    (instalment,) = shown["instalments"]
    assert (instalment["paid"], instalment["currency"], instalment["state"]) == (fp.CEILING, "MZN", "paid")
    assert shown["hact_rating"] == "high"
    assert shown["cap"]["why"] == "a check of your organisation is postponed"
    assert shown["periods"][0]["period"] == 1
    assert [report["state"] for report in shown["reports"]] == ["due"]


async def test_ready_for_signature_shows_what_is_signed_by_whom(desk: Desk, as_: Become) -> None:
    await fp.in_signature(desk)
    partner = str(await desk.pool.fetchval('SELECT partner_subject FROM "case"'))
    await desk.open(CASE, "approval", at("2026-03-18"), Opening(kind="sign_as_partner", data={"objects": ["pca", "document"]}))
    view = (await theirs(as_, partner).get(PATH)).json()
    shown = view["shown"]
    assert {row["object"] for row in shown["to_sign"]} == {"document", "pca"}
    assert next(row for row in shown["to_sign"] if row["object"] == "document")["sha256"]
    assert shown["signatories"]["partner"]
    assert shown["account"] == {"state": "confirmed", "ending": "5520"}
    assert shown["pca"]["waiting_for"] == "both signatures"
    assert {act["act"] for act in view["may"]} == {"sign_as_partner", "raise_concern", "withdraw"}
    assert [task["kind"] for task in view["tasks"]] == ["sign_as_partner"]


async def test_in_review_nothing_of_the_committee_is_shown(desk: Desk, as_: Become) -> None:
    await fp.submitted(desk)
    partner = str(await desk.pool.fetchval('SELECT partner_subject FROM "case"'))
    task = await fp.asked(desk, CASE)
    answer = await theirs(as_, partner).get(PATH)
    shown = answer.json()["shown"]
    assert shown["review_kind"] == "one person"
    assert shown["submitted"] == "2026-03-13"
    assert shown["expected_end"] == "2026-03-17"
    assert "mz.017" not in answer.text
    assert "recommend" not in answer.text
    assert "give_opinion" not in answer.text
    await fp.opine(desk, CASE, task)
    later = await theirs(as_, partner).get(PATH)
    assert later.json()["status"]["label"] == "Waiting for approval"
    assert not {"mz.017", "recommend", "give_opinion"} & set(re.findall(r"[a-z_.0-9]+", later.text))


async def test_drafting_shows_both_sides_versions_and_what_is_missing(desk: Desk, as_: Become) -> None:
    case = await drafts.drafting(desk)
    partner = str((await desk.case(case))["partner_subject"])
    path = f"/v1/cases/{case.removeprefix('case:')}"
    api = as_("ke.p03", "KE:partner_focal_point", partners=(partner,))
    before = (await api.get(path)).json()
    assert before["status"]["label"] == "With the office"
    assert before["documents"]["versions"] == [], "what was not sent yet is the office's"
    assert (await api.get(f"{path}/document/versions/1")).status_code == 404

    task = await drafts.turn(desk, case, "office_turn", 1, "2026-03-02")
    digest = await drafts.standing(desk, case)
    sent = [Event(type="document.sent", data={"version": 1}, take=["version", "sha256"])]
    done = await desk.decide(
        task, "ke.001", "focal_point", "send_to_partner", at("2026-03-02"), sent, subject=case, data={"version": 1, "sha256": digest}
    )
    assert not done.refused, done.findings
    await drafts.turn(desk, case, "partner_turn", 1, "2026-03-02")
    view = (await api.get(path)).json()
    assert view["status"]["label"] == "Your turn to draft"
    assert [row["version"] for row in view["documents"]["versions"]] == [1]
    assert view["shown"]["budget"]["currency"] == "KES"
    assert view["shown"]["acceptances"] == []
    assert {act["act"] for act in view["may"]} == {"partner_turn", "raise_concern"}, "to withdraw is the officer's"
    assert (await api.get(f"{path}/document/versions/1")).status_code == 200
    assert (await api.get(f"{path}/document/differences", params={"before": 1, "after": 1})).json() == []


async def test_of_a_confidential_stop_only_one_sentence_is_shown(desk: Desk, as_: Become) -> None:
    case = await fp.paid(desk)
    partner = str((await desk.case(case))["partner_subject"])
    done = await desk.tell(
        case, "suspend", "mz.012", "risk_officer", at("2026-03-25"), [Event(type="case.suspended")], comment="CANARY-COMMENT",
        message_to_partner="CANARY-MESSAGE about an allegation", reason_code="fraud", data={"scope": "cash"},
    )  # fmt: skip
    assert not done.refused, done.findings
    answer = await theirs(as_, partner).get(PATH)
    view = answer.json()
    (stop,) = view["shown"]["suspension"]
    assert re.fullmatch(r"Payments are stopped while a matter is examined; your contact is .+\.", stop["message"])
    assert (stop["scope"], stop["lifted_by"]) == ("cash", None)
    assert view["status"]["label"] == "Payments stopped"
    events = await theirs(as_, partner).get(f"{PATH}/events")
    for text in (answer.text, events.text):
        assert not {"fraud", "allegation", "canary"} & words(text)


async def test_of_another_stop_the_message_is_shown(desk: Desk, as_: Become) -> None:
    case = await fp.paid(desk)
    partner = str((await desk.case(case))["partner_subject"])
    done = await desk.tell(
        case, "suspend", "mz.002", "partnership_manager", at("2026-03-25"), [Event(type="case.suspended")], comment="CANARY-COMMENT",
        message_to_partner="Please send <b>the report</b>.", reason_code="report_missing", data={"scope": "all"},
    )  # fmt: skip
    assert not done.refused, done.findings
    answer = await theirs(as_, partner).get(PATH)
    assert answer.json()["shown"]["suspension"][0]["message"] == "Please send <b>the report</b>."
    assert answer.json()["shown"]["no_new_commitments"]
    assert "CANARY" not in answer.text


# Events ---------------------------------------------------------------------------------------------------------------------------

OWN_TASK = "MOZ/2026/0031:cash:1:request_cash:1"


def allowed(name: str) -> set[str]:
    """Which of an event's words may be read, by the tables."""
    if name in partner_view.COARSE:
        return set()
    return set(partner_view.IN_FULL.get(name) or partner_view.IF_THEIRS.get(name) or ())


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("side", ["office", "partner"])
async def test_of_every_type_of_event_only_what_the_tables_name_is_told(desk: Desk, as_: Become, own: bool, side: str) -> None:
    case = await fp.paid(desk)
    partner = str((await desk.case(case))["partner_subject"])
    begun = await desk.pool.fetchval("SELECT sequence FROM stream WHERE subject = $1", CASE)
    actor = {"id": "CANARY-WHO", "role": "head_of_office" if side == "office" else "partner_authorised_officer", "on_behalf_of": None}
    about = {"task": OWN_TASK if own else "MOZ/2026/0031:cash:1:release_cash:1", "kind": "request_cash" if own else "weigh_partner_flag"}
    for name, kind in EVENTS.items():
        data = {key: f"CANARY~{name}~{key}~" for key in kind.keys}
        if name.startswith(("task.", "decision.", "message.")):
            data |= about
        if name.startswith("obligation."):
            data["obligation"] = "MOZ/2026/0031:first_assurance_visit" if own else "P:risk_acceptance_expiry:x"
        await event(desk.pool, name, data, actor=actor)
    api = theirs(as_, partner)
    items: list[dict[str, Any]] = []
    after: str | None = None
    text = ""
    while True:
        answer = await api.get(f"{PATH}/events", params={"limit": 50} | ({"after": after} if after else {}))
        assert answer.status_code == 200, answer.text
        text += answer.text
        items += answer.json()["items"]
        if (after := answer.json()["next"]) is None:
            break
    told = {item["type"]: item for item in items if item["sequence"] > begun}
    assert "CANARY-CAUSE" not in text
    assert "CANARY-WHO" not in text
    assert not {name for name, kind in EVENTS.items() if kind.partner == "no"} & set(told)
    for name, key in re.findall(r"CANARY~([a-z_.]+)~([a-z_0-9]+)~", text):
        assert key in allowed(name), f"{name} tells {key}"
    for name in partner_view.IN_FULL:
        shown = EVENTS[name].partner != "no" and (own or not name.startswith("obligation."))
        assert (name in told) == shown, name
    for name in partner_view.COARSE:
        assert name not in told or told[name]["data"] == {}, name
    for name in ("decision.counted", "message.counted"):
        assert (name in told) == (side == "partner" and own), name
    for name in ("task.opened", "task.closed"):
        assert (name in told) == own, name


def test_every_event_that_the_catalogue_shows_is_in_one_table_of_the_view() -> None:
    shown = {name for name, kind in EVENTS.items() if kind.partner != "no"}
    tables = (partner_view.IN_FULL, partner_view.IF_THEIRS, partner_view.COARSE)
    named = [name for table in tables for name in table]
    assert len(named) == len(set(named))
    assert shown - set(named) == set(), "these would not be told"
    assert set(named) - shown == set(), "these are never told"
    for name, keys in {**partner_view.IN_FULL, **partner_view.IF_THEIRS}.items():
        assert set(keys) <= set(EVENTS[name].keys) | {"task"}, name
    for name in partner_view.COARSE:
        assert EVENTS[name].partner == "coarse", name


def test_every_part_of_the_table_is_built_and_none_besides() -> None:
    assert {part for row in TABLE.values() for part in row.sees} == set(partner_side.PARTS)


@pytest.mark.parametrize(
    ("state", "rows"),
    [
        ({"status": "drafting", "turn": "partner"}, ("drafting",)),
        ({"status": "drafting"}, ("drafting_office",)),
        ({"status": "drafting", "turn": "partner", "returned": True}, ("returned",)),
        ({"status": "active", "scopes": ["cash"]}, ("suspended_cash", "active")),
        ({"status": "active", "scopes": ["cash", "all"]}, ("suspended_all", "active")),
        ({"status": "in_review", "held": True}, ("on_hold", "in_review")),
        ({"status": "active", "under_notice": True, "scopes": ["cash"]}, ("under_notice", "suspended_cash", "active")),
    ],
)
def test_what_lies_over_a_status_comes_first(state: dict[str, Any], rows: tuple[str, ...]) -> None:
    assert partner_view.rows_of(**state) == rows


def test_an_obligation_without_a_date_and_one_that_is_met() -> None:
    said = partner_view.in_words("quarterly_face", "partner_authorised_officer", None, ["block_instalment"])
    assert said == (
        "The report on the cash of a period is to be handed in. Its date is set by a later step; from then on no further instalment is "
        "paid until it is done. It is your authorised officer's turn."
    )
    assert partner_view.in_words("refund", "x", "1 May 2026", [], met=True).endswith("This has been done.")


async def test_other_partners_see_nothing_of_it(desk: Desk, as_: Become) -> None:
    await fp.paid(desk)
    for other in ("partner:MZ:P-MZ-9999", "partner:KE:P-MZ-0005", "partner:MZ"):
        api = as_("other", "MZ:partner_authorised_officer", partners=(other,))
        assert (await api.get(PATH)).status_code == 404
