"""Lists: in order, page by page without a gap or a repetition, within a scope, and the tables they are read from rebuilt from events."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from activities import browse
from activities.browse import EVERYTHING, NotUnderstood, Page, Reach, Scope
from db import audit
from schemas.engine import Event, Opening
from tests.activities import fast_path as fp
from tests.activities.desk import Desk, at, facts
from tests.kept import kept

NOBODY = Scope()
MOZAMBIQUE = Scope(offices=frozenset({"MZ"}))
KENYA = Scope(offices=frozenset({"KE"}))


@kept
async def three(desk: Desk) -> list[str]:
    """Cases in Kenya, Bangladesh and Peru, each with an open task of its own due moment."""
    subjects = []
    for name in ("C1", "C2", "C7"):
        subject = await desk.taken(facts(name))
        subjects.append(subject)
        await desk.open(subject, "document", at("2026-03-04"), Opening(kind="attach_annex", whom=name.lower()))
    return subjects


async def whole(page: Any, *args: Any, limit: int, **filters: Any) -> list[dict[str, Any]]:
    """Every item, `limit` at a time; no page is longer, and only the last has no `next`."""
    items: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        found: Page = await page(*args, after=after, limit=limit, **filters)
        assert len(found.items) <= limit
        items += found.items
        if found.next is None:
            return items
        assert len(found.items) == limit
        after = found.next


def references(items: list[dict[str, Any]]) -> list[str]:
    return [item["reference"] for item in items]


@pytest.mark.parametrize("sort", browse.REGISTER)
async def test_the_register_is_read_page_by_page_in_every_order(desk: Desk, sort: str) -> None:
    subjects = await three(desk)
    one = await whole(browse.cases, desk.pool, EVERYTHING, limit=1, sort=sort)
    all_ = await whole(browse.cases, desk.pool, EVERYTHING, limit=50, sort=sort)
    assert one == all_
    assert sorted(f"case:{name}" for name in references(one)) == sorted(subjects)
    keys = [(item[sort.lstrip("-")], item["reference"]) for item in one]
    if sort != "next_due":
        assert keys == sorted(keys, reverse=sort.startswith("-"))
    else:
        assert [key for key, _ in keys] == sorted(key for key, _ in keys)


async def test_the_register_says_who_holds_a_case_and_what_is_due_next(desk: Desk) -> None:
    await three(desk)
    (case,) = (await browse.cases(desk.pool, KENYA)).items
    assert (case["open_tasks"], case["holder"]) == (1, "office")
    assert case["next_due"] == (await desk.pool.fetchval("SELECT due_at FROM task WHERE office = 'KE'")).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"status": ["vetting"]}, 3),
        ({"status": ["vetting", "drafting"]}, 3),
        ({"status": ["active"]}, 0),
        ({"track": "emergency"}, 0),
        ({"stage": "vetting"}, 3),
        ({"office": "KE"}, 1),
        ({"partner": "P-BD-0317"}, 1),
        ({"partner": "P-BD-0317", "office": "KE"}, 0),
        ({"partner": "P-BD-0317", "focal_point": "nobody"}, 0),
        ({"focal_point": "ke.001"}, 1),
        ({"focal_point": "ke.001", "office": "BD"}, 0),
        ({"holder": "office"}, 3),
        ({"holder": "partner"}, 0),
        ({"holder": "external"}, 0),
        ({"reference": "KEN/"}, 1),
        ({"reference": "%"}, 0),
        ({"received_from": at("2026-02-20")}, 2),
        ({"received_to": at("2026-02-20")}, 1),
    ],
)
@pytest.mark.parametrize("sort", ["reference", "received_at", "next_due"])
async def test_every_filter_of_the_register_holds_in_every_order(desk: Desk, filters: dict[str, Any], found: int, sort: str) -> None:
    await three(desk)
    if "received_from" in filters or "received_to" in filters:
        moments = sorted([case["received_at"] for case in (await browse.cases(desk.pool, EVERYTHING)).items])
        cut = datetime.fromisoformat(moments[1])
        filters, found = dict.fromkeys(filters, cut), 2 if "received_from" in filters else 1
    assert len((await browse.cases(desk.pool, EVERYTHING, sort=sort, **filters)).items) == found


async def test_nobody_sees_beyond_his_scope(desk: Desk) -> None:
    await three(desk)
    theirs = Scope(partners=frozenset({"partner:BD:P-BD-0317"}))
    assert references((await browse.cases(desk.pool, KENYA)).items) == ["KEN/2026/0007"]
    assert references((await browse.cases(desk.pool, theirs)).items) == ["BGD/2026/0019"]
    assert (await browse.cases(desk.pool, theirs, office="KE")).items == []
    assert (await browse.cases(desk.pool, KENYA, office="BD")).items == []
    assert (await browse.cases(desk.pool, KENYA, partner="P-BD-0317")).items == []
    assert (await browse.cases(desk.pool, KENYA, focal_point="bd.001")).items == []
    for page in (browse.cases, browse.tasks, browse.decisions, browse.obligations, browse.blocks, browse.instalments, browse.ledger):
        assert (await page(desk.pool, NOBODY)).items == [], page
        assert (await page(desk.pool, NOBODY, case="KEN/2026/0007")).items == [] if page is not browse.cases else True, page
    assert (await browse.partners(desk.pool, NOBODY)).items == []
    assert (await browse.activations(desk.pool, NOBODY)).items == []
    assert (await browse.tasks(desk.pool, KENYA, case="BGD/2026/0019")).items == []
    assert (await browse.events(desk.pool, KENYA, "case:BGD/2026/0019")).items == []
    assert (await browse.events(desk.pool, KENYA, "office:BD")).items == []


async def test_a_cursor_of_another_scope_opens_nothing(desk: Desk) -> None:
    await three(desk)
    after = (await browse.cases(desk.pool, EVERYTHING, limit=1)).next
    assert after is not None
    assert references((await browse.cases(desk.pool, KENYA, after=after)).items) == ["KEN/2026/0007"]
    assert (await browse.cases(desk.pool, NOBODY, after=after)).items == []


def cursor(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "after",
    [
        "x", "%%%", "AAAA", "é", cursor(), cursor("cases"), cursor("cases", "x.reference"), cursor("cases", "x.reference", 1),
        cursor("cases", "x.reference", "a", "b"), cursor("tasks", "x.reference", "a"), cursor("cases", "x.reference DESC", "a"),
        cursor("cases", "x.reference", "\x00"), cursor("cases", "x.reference", "a" * 501), cursor("cases", "x.reference", None), "[" * 4000,
    ],
)  # fmt: skip
async def test_a_cursor_that_is_not_ours_is_refused(pool: asyncpg.Pool, after: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        await browse.cases(pool, EVERYTHING, after=after)
    assert [finding.rule for finding in refused.value.findings] == ["bad_cursor"]


@pytest.mark.parametrize("moment", ["yesterday", "'; DROP TABLE task; --", "9999-99-99T00:00:00"])
async def test_a_cursor_with_another_key_than_its_column_takes_is_refused(pool: asyncpg.Pool, moment: str) -> None:
    order = browse.REGISTER["received_at"].sql
    with pytest.raises(NotUnderstood):
        await browse.cases(pool, EVERYTHING, sort="received_at", after=cursor("cases", order, moment, "KEN"))


@pytest.mark.parametrize("number", ["one", str(2**63), "1.5"])
async def test_a_number_of_a_cursor_fits_its_column(pool: asyncpg.Pool, number: str) -> None:
    with pytest.raises(NotUnderstood):
        await browse.rejected(pool, EVERYTHING, after=cursor("rejected", "x.id DESC", number))


async def test_an_unknown_order_and_a_senseless_limit_are_refused(pool: asyncpg.Pool) -> None:
    with pytest.raises(NotUnderstood, match="not sorted by title"):
        await browse.cases(pool, EVERYTHING, sort="title")
    for limit in (0, -1, 1001):
        with pytest.raises(NotUnderstood, match="A page has"):
            await browse.cases(pool, EVERYTHING, limit=limit)
    with pytest.raises(NotUnderstood, match="within a case"):
        await browse.decisions(pool, EVERYTHING, kind="release_cash")


# The inbox ------------------------------------------------------------------------------------------------------------------------


def readers(task: dict[str, Any]) -> tuple[str, str, str]:
    return task["kind"], task["whom"], task["state"]


async def test_the_inbox_is_what_a_role_may_decide_in_its_office(desk: Desk) -> None:
    await three(desk)
    mine = Reach(persons=frozenset({"ke.001"}), roles=frozenset({("KE", "focal_point")}))
    assert [readers(item) for item in (await browse.inbox(desk.pool, mine)).items] == [("attach_annex", "c1", "open")]
    assert (await browse.inbox(desk.pool, Reach(roles=frozenset({("KE", "finance_officer")})))).items == []
    assert (await browse.inbox(desk.pool, Reach())).items == []
    everywhere = Reach(roles=frozenset((office, "focal_point") for office in ("KE", "BD", "PE", "MZ")))
    assert len(await whole(browse.inbox, desk.pool, everywhere, limit=1)) == 3


async def test_a_task_reached_in_two_ways_is_shown_once(desk: Desk) -> None:
    await three(desk)
    both = Reach(roles=frozenset({("KE", "focal_point"), ("KE", "budget_owner")}))
    roles = await desk.pool.fetchval("SELECT roles FROM task WHERE office = 'KE' AND kind = 'attach_annex'")
    found = await whole(browse.inbox, desk.pool, both, limit=1)
    assert len(found) == 1, roles


async def test_a_reassigned_task_is_in_nobody_elses_inbox(desk: Desk) -> None:
    case, *_ = await three(desk)
    task = await desk.task(case, "attach_annex", "c1", "document")
    told = Event(type="task.reassigned", data={"task": task.id, "how": "reassign", "person": "ke.031"})
    done = await desk.system(case, "document", "reassign", at("2026-03-05"), [told])
    assert not done.refused, done.findings
    assert (await browse.inbox(desk.pool, Reach(roles=frozenset({("KE", "focal_point")})))).items == []
    assert len((await browse.inbox(desk.pool, Reach(persons=frozenset({"ke.031"})))).items) == 1
    assert await audit.rebuild_check(desk.pool) == []


async def test_filters_of_the_inbox(desk: Desk) -> None:
    await three(desk)
    mine = Reach(roles=frozenset({("KE", "focal_point")}))
    due = await desk.pool.fetchval("SELECT due_at FROM task WHERE office = 'KE'")
    minute = timedelta(minutes=1)
    assert len((await browse.inbox(desk.pool, mine, overdue=True, at=due + minute)).items) == 1
    assert (await browse.inbox(desk.pool, mine, overdue=True, at=due - minute)).items == []
    assert (await browse.inbox(desk.pool, mine, at=due + minute)).items[0]["overdue"] is True
    assert len((await browse.inbox(desk.pool, mine, case="KEN/2026/0007", kind="attach_annex")).items) == 1
    assert (await browse.inbox(desk.pool, mine, kind="release_cash")).items == []
    assert (await browse.inbox(desk.pool, mine, claimed="ke.001")).items == []


async def test_a_task_of_the_partner_is_in_the_inbox_of_its_own_people(desk: Desk) -> None:
    case = await fp.in_signature(desk)
    partner = (await desk.case(case))["partner_subject"]
    await desk.open(case, "approval", at("2026-03-18"), Opening(kind="sign_as_partner"))
    officer = Reach(roles=frozenset({(partner, "partner_authorised_officer")}))
    assert [item["kind"] for item in (await browse.inbox(desk.pool, officer)).items] == ["sign_as_partner"]
    other = Reach(roles=frozenset({("partner:MZ:another", "partner_authorised_officer"), ("MZ", "partner_authorised_officer")}))
    assert (await browse.inbox(desk.pool, other)).items == []


# The other lists ------------------------------------------------------------------------------------------------------------------


async def test_every_list_of_a_paid_case_is_the_same_in_one_page_and_in_many(desk: Desk) -> None:
    case = await fp.paid(desk)
    reference, partner = case.removeprefix("case:"), (await desk.case(case))["partner_subject"]
    theirs = Scope(partners=frozenset({partner}))
    lists: list[tuple[Any, dict[str, Any], int]] = [
        (browse.tasks, {}, 3), (browse.tasks, {"state": "done"}, 8), (browse.tasks, {"case": reference}, 3), (browse.decisions, {}, 8),
        (browse.decisions, {"case": reference}, 5), (browse.obligations, {}, 3), (browse.obligations, {"case": reference}, 3),
        (browse.obligations, {"partner": partner.split(":", 2)[2]}, 3), (browse.instalments, {}, 1),
        (browse.instalments, {"case": reference}, 1), (browse.ledger, {}, 2),
        (browse.ledger, {"case": reference}, 2), (browse.partners, {}, 1),
    ]  # fmt: skip
    for page, filters, least in lists:
        for scope in (EVERYTHING, MOZAMBIQUE, theirs):
            many = await whole(page, desk.pool, scope, limit=1, **filters)
            assert many == (await page(desk.pool, scope, limit=1000, **filters)).items, (page, filters)
            assert len(many) >= least, (page, filters, scope)
            assert [item async for item in browse.every(page, desk.pool, scope, **filters)] == many
        assert (await page(desk.pool, KENYA, **filters)).items == [], (page, filters)
    story = await whole(browse.events, desk.pool, MOZAMBIQUE, case, limit=7)
    assert [item["sequence"] for item in story] == list(range(1, len(story) + 1))
    assert {item["type"] for item in (await browse.events(desk.pool, theirs, case, kind="payment.")).items} == {
        "payment.ordered", "payment.confirmed",
    }  # fmt: skip


async def test_filters_of_the_other_lists(desk: Desk) -> None:
    case = await fp.paid(desk)
    actor = await desk.pool.fetchval("SELECT actor FROM decision WHERE counted ORDER BY at LIMIT 1")
    mine = (await browse.decisions(desk.pool, MOZAMBIQUE, actor=actor)).items
    assert mine
    assert {item["actor"] for item in mine} == {actor}
    assert (await browse.decisions(desk.pool, KENYA, actor=actor)).items == []
    assert all(item["counted"] for item in (await browse.decisions(desk.pool, MOZAMBIQUE, counted=True)).items)
    assert (await browse.decisions(desk.pool, MOZAMBIQUE, counted=False)).items == []
    assert (await browse.instalments(desk.pool, MOZAMBIQUE, state="paid")).items[0]["subject"] == case
    assert "account_ref" not in (await browse.instalments(desk.pool, MOZAMBIQUE)).items[0]
    assert (await browse.instalments(desk.pool, MOZAMBIQUE, state="refused")).items == []
    assert {item["kind"] for item in (await browse.ledger(desk.pool, MOZAMBIQUE, kind="payment")).items} == {"payment"}
    psea = (await browse.obligations(desk.pool, MOZAMBIQUE, kind="psea_assessment")).items
    assert [item["owner_role"] for item in psea] == ["assurance_officer"]
    assert psea == [
        item
        for item in (await browse.obligations(desk.pool, MOZAMBIQUE, owner_role="assurance_officer")).items
        if item["kind"] == "psea_assessment"
    ]
    assert (await browse.obligations(desk.pool, MOZAMBIQUE, due_to=at("2026-01-01"))).items == []
    assert (await browse.obligations(desk.pool, MOZAMBIQUE, overdue=True)).items == []
    assert [item["level"] for item in (await browse.activations(desk.pool, MOZAMBIQUE)).items] == ["L2"]
    assert (await browse.activations(desk.pool, MOZAMBIQUE, level="L1")).items == []
    assert (await browse.activations(desk.pool, KENYA)).items == []


async def test_a_partner_is_shown_with_its_clearance_and_what_it_holds(desk: Desk) -> None:
    await fp.paid(desk)
    (partner,) = (await browse.partners(desk.pool, MOZAMBIQUE, clearance="granted")).items
    assert (partner["office"], partner["cases"], partner["open_cases"], partner["vendor_confirmed"]) == ("MZ", 1, 1, True)
    assert [item["state"] for item in partner["clearances"]] == ["granted"]
    assert [float(item["outstanding"]) > 0 for item in partner["exposure"]] == [True]
    assert partner["open_obligations"] >= 3
    assert (await browse.partners(desk.pool, MOZAMBIQUE, clearance="refused")).items == []
    assert len((await browse.partners(desk.pool, MOZAMBIQUE, partner=partner["partner"][:3])).items) == 1
    assert (await browse.partners(desk.pool, MOZAMBIQUE, partner="%")).items == []


async def test_what_the_lists_are_read_from_is_rebuilt_from_events(desk: Desk) -> None:
    await fp.paid(desk)
    assert await desk.pool.fetchval("SELECT count(*) FROM awaited") > 0
    assert await desk.pool.fetchval("SELECT count(*) FROM inbox") > 0
    unread = "SELECT count(*) FROM task WHERE state = 'open' AND NOT EXISTS (SELECT FROM inbox WHERE task = id)"
    assert await desk.pool.fetchval(unread) == 0
    assert await desk.pool.fetchval("SELECT count(*) FROM awaited a JOIN task t ON t.id = a.task WHERE t.state <> 'open'") == 0
    assert await audit.rebuild_check(desk.pool) == []


async def test_refused_intake_is_listed_by_office_without_its_body(pool: asyncpg.Pool) -> None:
    bodies = ['{"office":"KE","text":"SECRET"}', "no JSON, SECRET", '{"office": "BD", "text": "\\"office\\": \\"KE\\" SECRET"}']
    for number, (source, body) in enumerate(zip(("portal", "cbpf", "portal"), bodies, strict=True)):
        await pool.execute(
            "INSERT INTO rejected_intake (source, source_reference, body, findings) VALUES ($1, $2, $3, $4)",
            source, str(number), body, [{"rule": "missing"}],
        )  # fmt: skip
    everything = await whole(browse.rejected, pool, EVERYTHING, limit=1)
    assert [(item["source_reference"], item["office"]) for item in everything] == [("2", "BD"), ("1", None), ("0", "KE")]
    assert "SECRET" not in json.dumps(everything)
    ours = await whole(browse.rejected, pool, EVERYTHING, limit=1, source="portal")
    assert [item["source_reference"] for item in ours] == ["2", "0"]
    assert [item["source_reference"] for item in (await browse.rejected(pool, KENYA)).items] == ["0"]
    assert (await browse.rejected(pool, KENYA, source="cbpf")).items == []
    assert (await browse.rejected(pool, NOBODY)).items == []


async def test_a_task_without_a_due_moment_comes_last(desk: Desk) -> None:
    case, *_ = await three(desk)
    await desk.pool.execute("UPDATE task SET due_at = NULL WHERE office = 'KE'; UPDATE awaited SET due_at = 'infinity' WHERE office = 'KE'")
    assert [item["office"] for item in await whole(browse.tasks, desk.pool, EVERYTHING, limit=1)][-1] == "KE"
    last = (await whole(browse.cases, desk.pool, EVERYTHING, limit=1, sort="next_due"))[-1]
    assert (f"case:{last['reference']}", last["next_due"]) == (case, None)
    assert (await browse.tasks(desk.pool, EVERYTHING, overdue=True, at=datetime(9000, 1, 1, tzinfo=UTC), office="KE")).items == []
