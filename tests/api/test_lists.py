"""Lists over HTTP: paged by key, never beyond the caller's scope, exported as CSV that no spreadsheet runs."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime

import asyncpg
import pytest

from policy import access
from schemas.engine import Opening
from tests.activities import fast_path as fp
from tests.activities.desk import Desk, at, facts
from tests.api.conftest import Called

Become = Callable[..., Called]
HEAD = ("mz.008", "MZ:head_of_office")


async def cases_of(desk: Desk, *names: str) -> list[str]:
    subjects = []
    for name in names:
        subject = await desk.taken(facts(name))
        subjects.append(subject)
        await desk.open(subject, "document", at("2026-03-04"), Opening(kind="attach_annex", whom=name.lower()))
    return subjects


async def references(api: Called, **parameters: object) -> list[str]:
    answer = await api.get("/v1/cases", params=parameters)
    assert answer.status_code == 200, answer.text
    return [item["reference"] for item in answer.json()["items"]]


async def test_the_register_is_paged_by_key(desk: Desk, as_: Become) -> None:
    await cases_of(desk, "C1", "C2", "C7")
    api = as_("everywhere", "*:auditor")
    found: list[str] = []
    after: str | None = None
    while True:
        page = (await api.get("/v1/cases", params={"limit": 1} | ({"after": after} if after else {}))).json()
        found += [item["reference"] for item in page["items"]]
        if (after := page["next"]) is None:
            break
    assert found == sorted(found)
    assert len(found) == 3


async def test_an_office_sees_its_own_and_a_partner_its_own(desk: Desk, as_: Become) -> None:
    await cases_of(desk, "C1", "C2", "C7")
    assert await references(as_("ke.008", "KE:head_of_office")) == ["KEN/2026/0007"]
    assert await references(as_("ke.008", "KE:head_of_office"), office="BD") == []
    assert await references(as_("x", "KE:focal_point", "BD:focal_point")) == ["BGD/2026/0019", "KEN/2026/0007"]
    theirs = as_("bd.p01", "BD:partner_authorised_officer", partners=("partner:BD:P-BD-0317",))
    assert await references(theirs) == ["BGD/2026/0019"]
    assert await references(theirs, office="KE") == []
    assert await references(as_("nobody")) == [] if as_("nobody").caller.may(access.SEE_REGISTER) else True
    assert (await as_("nobody").get("/v1/cases")).status_code == 403


async def test_a_partner_reads_labels_and_none_of_our_fields(desk: Desk, as_: Become) -> None:
    await fp.paid(desk)
    partner = await desk.pool.fetchval('SELECT partner_subject FROM "case"')
    theirs = as_("mz.p02", "MZ:partner_authorised_officer", partners=(partner,))
    (case,) = (await theirs.get("/v1/cases")).json()["items"]
    assert (case["label"], case["status"]) == ("Running", "active")
    assert not {"workflow", "focal_point", "source", "source_reference", "next_due", "open_tasks", "title_sha256"} & set(case)
    (paid,) = (await theirs.get("/v1/instalments")).json()["items"]
    assert not {"account_ref", "face_sha256", "signed_by", "checked", "checked_lines"} & set(paid)
    obligations = (await theirs.get("/v1/obligations")).json()["items"]
    assert obligations
    assert all(item["words"].endswith("turn.") for item in obligations)
    assert (await theirs.get("/v1/blocks")).json()["items"] == []
    assert (await theirs.get("/v1/ledger")).status_code == 403
    assert (await theirs.get("/v1/activations")).status_code == 403
    assert (await theirs.get("/v1/cases.csv")).status_code == 403
    assert {item["kind"] for item in (await theirs.get("/v1/tasks")).json()["items"]} <= {
        "request_cash", "submit_report", "partner_turn", "sign_as_partner", "sign_partner_declaration", "meet_obligation",
    }  # fmt: skip


LISTS = ("cases", "tasks", "decisions", "obligations", "blocks", "instalments", "ledger", "activations", "partners")


@pytest.mark.parametrize("path", LISTS)
async def test_a_cursor_that_was_tampered_with_is_a_finding(desk: Desk, as_: Become, path: str) -> None:
    answer = await as_("all", "*:head_of_office").get(f"/v1/{path}", params={"after": "AAAA"})
    assert answer.status_code == 422, answer.text
    assert [finding["rule"] for finding in answer.json()["findings"]] == ["bad_cursor"]


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("cases", {"sort": "title"}), ("cases", {"limit": 0}), ("cases", {"limit": 1001}), ("cases", {"status": "asleep"}),
        ("cases", {"received_from": "soon"}), ("cases", {"office": "Kenya"}), ("cases", {"partner": "' OR 1=1"}),
        ("cases", {"humanitarian": "perhaps"}), ("obligations", {"state": "forgotten"}), ("tasks", {"holder": "nobody"}),
        ("ledger", {"kind": "gift"}),
    ],
)  # fmt: skip
async def test_a_filter_that_is_none_is_refused(as_: Become, path: str, parameters: dict[str, object]) -> None:
    answer = await as_("all", "*:head_of_office").get(f"/v1/{path}", params=parameters)
    assert answer.status_code == 422, answer.text
    assert answer.json()["type"] == "urn:pca:problem:invalid"


async def test_the_register_as_csv_has_the_same_rows_and_runs_nothing(desk: Desk, as_: Become, pool: asyncpg.Pool) -> None:
    await cases_of(desk, "C1", "C2")
    await pool.execute("UPDATE \"case\" SET source_reference = '=cmd|'' /C calc''!A0' WHERE office = 'KE'")
    answer = await as_("ke.008", "*:auditor").get("/v1/cases.csv", params={"sort": "-reference"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["reference"] for row in rows] == ["KEN/2026/0007", "BGD/2026/0019"]
    assert rows[0]["source_reference"].startswith("'=cmd")
    only = await as_("ke.008", "KE:auditor").get("/v1/cases.csv", params={"status": "vetting"})
    assert [row["reference"] for row in csv.DictReader(io.StringIO(only.text))] == ["KEN/2026/0007"]


async def test_numbers_of_a_csv_stay_numbers() -> None:
    from api.views import csv_cell

    assert [csv_cell(value) for value in (-5, "-5.00", "+7", "-x", "@x", "\tx", None, ["a"], True)] == [
        "-5", "-5.00", "+7", "'-x", "'@x", "'\tx", "", '["a"]', "True",
    ]  # fmt: skip


async def test_sealed_tasks_are_listed_to_who_may_read_them_only(desk: Desk, as_: Become) -> None:
    (case,) = await cases_of(desk, "C1")
    partner = (await desk.case(case))["partner_subject"]
    await desk.open(partner, "vetting", at("2026-03-04"), Opening(kind="weigh_partner_flag", whom="f1"))

    async def kinds(api: Called) -> set[str]:
        return {item["kind"] for item in (await api.get("/v1/tasks")).json()["items"]}

    assert "weigh_partner_flag" in await kinds(as_("ke.012", "KE:risk_officer"))
    assert await kinds(as_("ke.001", "KE:focal_point")) == {"attach_annex"}
    assert (await as_("ke.001", "KE:focal_point").get("/v1/tasks/KE:P-KE-0001:vetting:1:weigh_partner_flag:f1")).status_code == 404


async def test_the_overview_is_of_ones_own_office(desk: Desk, as_: Become) -> None:
    await fp.paid(desk)
    answer = await as_(*HEAD).get("/v1/offices/MZ/overview", params={"since": "2026-03-01"})
    assert answer.status_code == 200
    assert answer.json()["standing"] == [{"status": "active", "track": "emergency", "cases": 1}]
    assert (await as_(*HEAD).get("/v1/offices/KE/overview")).status_code == 404
    assert (await as_("all", "*:auditor").get("/v1/offices/ZZ/overview")).status_code == 404
    partner = await desk.pool.fetchval('SELECT partner_subject FROM "case"')
    assert (await as_("p", "MZ:partner_viewer", partners=(partner,)).get("/v1/offices/MZ/overview")).status_code == 404


async def test_the_inbox_is_the_callers(desk: Desk, as_: Become) -> None:
    await cases_of(desk, "C1", "C2")

    async def inbox(api: Called, **parameters: object) -> list[str]:
        return [item["office"] for item in (await api.get("/v1/inbox", params=parameters)).json()["items"]]

    assert await inbox(as_("ke.001", "KE:focal_point")) == ["KE"]
    assert await inbox(as_("bd.001", "*:focal_point")) == ["BD", "KE"] or await inbox(as_("bd.001", "*:focal_point")) == ["KE", "BD"]
    assert await inbox(as_("ke.001", "KE:focal_point"), mine=True) == []
    assert await inbox(as_("ke.009", "KE:finance_officer")) == []
    assert await inbox(as_("key:x", "KE:scope:read", kind="machine")) == []


async def test_who_covers_somebody_finds_his_tasks_too(desk: Desk, as_: Become) -> None:
    await cases_of(desk, "C1")
    today = datetime.now(UTC).date()
    api = as_("ke.022", "KE:auditor")
    assert (await api.get("/v1/inbox")).json()["items"] == []
    await desk.pool.execute(
        "INSERT INTO delegation (id, subject, office, principal, delegate, roles, since, until, sign, entered_by, entered_at, accept_by, "
        "state, changed_at) "
        "VALUES ('KE:1', 'office:KE', 'KE', 'ke.001', 'ke.022', ARRAY['focal_point'], $1, $1, false, 'ke.001', now(), now(), "
        "'accepted', now())",
        today,
    )
    assert [item["kind"] for item in (await api.get("/v1/inbox")).json()["items"]] == ["attach_annex"]
