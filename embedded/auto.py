"""Acting for every role on open tasks: trials and load, on a practice stack only.

For each open task a fitting person says the plainest yes that the task takes, with data that a careful person would give. A refusal is
taken at its word: another person is tried, or time passes. What nobody could answer is reported; nothing here knows a rule.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
from temporalio.client import Client

from embedded import practice
from schemas.intake import Document, Intake
from schemas.messages import Answer
from worker import doors, forms

Said = tuple[str, dict[str, Any] | None]
"""Verdict and data."""

PATIENCE = timedelta(seconds=60)
ANOTHER_PERSON = frozenset(
    {"wrong_role", "not_candidate", "unknown_actor", "above_authority", "wrong_section", "not_listed_officer", "submitter_reviews"}
)
"""Refusals that name the person, not the matter: somebody else may say the same."""
DUTIES = ("submitter_", "reviewer_", "approver_", "bank_", "hit_", "recorder_", "focal_point_", "second_person_", "owner_", "counted_twice")
"""How the rules of the segregation of duties begin."""
EIGHT = {f"q{n}": "agree" for n in range(1, 9)}


def _hash(*parts: object) -> str:
    return sha256(":".join(map(str, parts)).encode()).hexdigest()


@dataclass
class CaseFacts:
    """What the people of a case know: its intake, its document, its rows."""

    row: asyncpg.Record
    intake: Intake
    document: Document
    office: dict[str, Any]
    pca: str
    pca_officers: list[str]
    carried: bool

    def people(self, role: str) -> list[dict[str, Any]]:
        """Actors with that role, each with section and function of the role."""
        partner = self.intake.partner
        match role:
            case "partner_authorised_officer":
                listed = self.pca_officers or [o.actor for o in partner.officers]
                return [{"actor": actor} for actor in listed]
            case "partner_focal_point":
                return [{"actor": o.actor} for o in (*partner.focal_points, *partner.officers)]
        found = []
        for person in self.office["people"]:
            for held in person["roles"]:
                if held["role"] == role:
                    found += [{"actor": person["actor"], "section": held.get("section", ""), "functions": held.get("functions", [])}]
        first = {"focal_point": self.row["focal_point"], "budget_owner": self.row["budget_owner"]}.get(role)
        return sorted(found, key=lambda p: p["actor"] != first)


@dataclass
class Auto:
    """Plays every case of a clock until its first instalment is reported, or the case has ended."""

    pool: asyncpg.Pool
    client: Client
    told: Callable[[str], None] = print
    decisions: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    stuck: list[str] = field(default_factory=list)

    async def play_clock(self, clock: str, *, until: date, pause: float = 0.0) -> None:
        """Decide what is open; when nothing is, or nothing can be, let time pass to the next moment; stop at `until` at the latest.

        The clock's workflows are asked sparingly: all of them before anybody decides at a new time, else only whom it concerns.
        """
        waiting: dict[str, str] = {}
        round_ = practice.Round(self.pool, self.client, clock)
        await round_.settle()
        tried: tuple[object, ...] = ()
        moved = False
        while True:
            tasks = await self._open(clock)
            news = (await self._standing(clock), *(task["id"] for task in tasks), (await practice.now(self.pool, clock)).toordinal() // 7)
            if news != tried:
                if moved:
                    moved = False
                    await round_.settle()
                decided = [task["workflow"] for task in tasks if await self._act(task, waiting, pause)]
                if decided:
                    waiting.clear()
                    await round_.settle(set(decided))
                    continue
                tried = news
            if await self._finished(clock):
                return
            coming = min(round_.due.values(), default=None)
            if coming is None or coming.date() > until:
                self.stuck += [f"{task}: {why}" for task, why in waiting.items()] or [f"{clock}: nothing is open and nothing is due"]
                return
            await practice.turn(self.pool, clock, coming)
            await round_.settle({workflow for workflow, moment in round_.due.items() if moment <= coming})
            moved = True

    async def _standing(self, clock: str) -> str:
        """Where the cases of the clock stand: what makes it worth trying again."""
        return str(
            await self.pool.fetchval(
                "SELECT string_agg(reference || status || view_version::text, ' ' ORDER BY reference) FROM \"case\" WHERE clock = $1", clock
            )
        )

    async def _open(self, clock: str) -> list[asyncpg.Record]:
        return await self.pool.fetch(
            """SELECT * FROM (
                 SELECT DISTINCT ON (t.id) t.*, c.subject AS case_subject FROM task t
                 JOIN "case" c ON c.subject = t.subject OR c.subject = ANY(t.cases)
                 WHERE t.state = 'open' AND c.clock = $1 ORDER BY t.id, c.reference) AS open
               ORDER BY opened_at, id""",
            clock,
        )

    async def _finished(self, clock: str) -> bool:
        """Every case of the clock has its first instalment reported, or has ended."""
        return not await self.pool.fetchval(
            """SELECT count(*) FROM "case" c WHERE c.clock = $1 AND c.status NOT IN ('rejected', 'withdrawn', 'cancelled', 'terminated')
               AND NOT EXISTS (SELECT 1 FROM report r WHERE r.subject = c.subject AND r.state = 'accepted')""",
            clock,
        )

    async def _facts(self, subject: str) -> CaseFacts:
        row = await self.pool.fetchrow('SELECT * FROM "case" WHERE subject = $1', subject)
        assert row is not None
        facts = await self.pool.fetchval("SELECT facts FROM submission WHERE reference = $1", row["reference"])
        intake = Intake.model_validate(json.loads(facts) if isinstance(facts, str) else facts)
        document = intake.document
        if row["document_sha256"]:
            body = await self.pool.fetchval("SELECT body FROM content WHERE sha256 = $1", row["document_sha256"])
            if body:
                document = Document.model_validate_json(body)
        office = await self.pool.fetchval(
            "SELECT body FROM versioned WHERE kind = 'office' AND name = $1 ORDER BY effective DESC LIMIT 1", row["office"]
        )
        umbrella = await self.pool.fetchrow("SELECT reference, officers FROM umbrella WHERE subject = $1", row["umbrella"])
        return CaseFacts(
            row=row,
            intake=intake,
            document=document,
            office=json.loads(office) if isinstance(office, str) else office,
            pca=umbrella["reference"] if umbrella else "",
            pca_officers=list(umbrella["officers"]) if umbrella else [],
            carried=row["carries_umbrella"],
        )

    async def _act(self, task: asyncpg.Record, waiting: dict[str, str], pause: float) -> bool:
        """True if a decision counted."""
        if pause:
            await asyncio.sleep(pause)
        case = await self._facts(task["case_subject"])
        today = await self._today(case)
        said = await self._say(task, case, today)
        if said is None:
            return False  # what nobody does here by itself: an obligation not due yet
        verdict, data = said
        last: Answer | None = None
        for role in task["roles"]:
            for person in self._candidates(task, case, role):
                last = await doors.decide(
                    self.pool,
                    self.client,
                    task=task["id"],
                    actor=person,
                    role=role,
                    verdict=verdict,
                    words=doors.Words(comment="Played.", data=data),
                    key=f"auto-{_hash(task['id'], person, data, today)[:12]}",
                    patience=PATIENCE,
                )
                rules = [f.rule for f in last.findings if f.severity != "warning"]
                if last.counted:
                    self.decisions += 1
                    self.told(f"{today} {role:28} {task['kind']} {task['whom']}  {verdict}")
                    return True
                if rules == ["task_closed"]:
                    return False
                self.refusals.update(rules)
                if not any(self.is_about_the_person(rule) for rule in rules):
                    break
            else:
                continue
            break
        why = "; ".join(f"{f.rule} {f.message}" for f in last.findings) if last else f"nobody has a role of {task['roles']}"
        waiting[task["id"]] = why
        return False

    @staticmethod
    def is_about_the_person(rule: str) -> bool:
        """Whether a refusal names the person: somebody else may say the same."""
        return rule in ANOTHER_PERSON or rule.startswith(DUTIES)

    def _candidates(self, task: asyncpg.Record, case: CaseFacts, role: str) -> list[str]:
        named = list(task["candidates"])
        return named or list(dict.fromkeys(p["actor"] for p in case.people(role)))

    async def _today(self, case: CaseFacts) -> date:
        """The office's date."""
        return (await practice.now(self.pool, case.row["clock"])).astimezone(ZoneInfo(case.office["time_zone"])).date()

    # -- the plainest yes ------------------------------------------------------------------------------------------------------------

    async def _say(self, task: asyncpg.Record, case: CaseFacts, today: date) -> Said | None:
        d, row, partner = case.document, case.row, case.intake.partner
        officer = (case.pca_officers or [o.actor for o in partner.officers])[0]
        evidence = [{"document": "evidence.pdf", "sha256": _hash(task["id"], "evidence"), "kind": "other"}]
        match task["kind"]:
            case "dispose_screening_hit":
                return "false_positive", {
                    "hit": task["whom"].removesuffix(":again"),
                    "differing_facts": ["year of birth"],
                    "evidence": evidence,
                }
            case "second_check_hit":
                return "agree", None
            case "sign_partner_declaration":
                return "sign", {
                    "document": "declaration.pdf", "sha256": _hash(partner.id, "declaration"), "signed_by": officer,
                    "signed_on": str(today), "answers": [True] * 8, "conflicts": [],
                }  # fmt: skip
            case "provide_registration":
                return "provide", {
                    "number": "NGO-1", "authority": "Registrar", "issued_on": str(today - timedelta(days=30)),
                    "expires_on": str(today + timedelta(days=1500)), "document": _hash(partner.id, "registration"),
                }  # fmt: skip
            case "verify_partner_profile":
                return "verified", {f"q{n}": True for n in range(1, 6)} | (
                    {"branch_of": "HQ", "headquarters_verified": True} if partner.origin == "international" else {}
                )
            case "assess_core_values":
                return "positive", {"assessed_on": str(today), "document": _hash(partner.id, "core values")}
            case "assess_psea":
                return "rate", {f"s{n}": 3 if n < 5 else 2 for n in range(1, 7)} | {"assessed_on": str(today), "evidence": evidence}
            case "assess_hact":
                answers = [{"question": f"1.{n}", "answer": 1 if n % 3 else 2} for n in range(1, 13)]
                return "rate", {"method": "micro_v2", "answers": answers, "assessed_on": str(today), "firm": "Example Audit LLP"}
            case "weigh_partner_flag":
                return "accept_risk", {
                    "mitigation": "Monthly cash counts",
                    "owner": "risk_officer",
                    "expires_on": str(today + timedelta(days=365)),
                }
            case "resolve_conflict_of_interest":
                return "mitigated", {"measures": "The person takes no part."}
            case "conclude_vetting":
                return "clear", None
            case "set_up_vendor":
                return "set_up", {
                    "vendor_number": "25" + str(int(_hash(partner.id)[:8], 16)), "account_ref": f"ACC-{_hash(partner.id)[:10]}",
                    "account_holder": partner.account_holder or partner.legal_name, "currency": d.currency, "bank_country": row["office"],
                    "checked_how": "bank letter",
                }  # fmt: skip
            case "confirm_bank_account":
                return "confirm", {"called_back_on": str(today), "person": "finance manager"}
            case "office_turn":
                return "accept", {"sha256": row["document_sha256"]}
            case "partner_turn":
                return "accept", {"sha256": row["document_sha256"]}
            case "attach_annex":
                return "attach", {"annex": task["whom"], "document": f"{task['whom']}.pdf", "sha256": _hash(row["subject"], task["whom"])}
            case "clear_clause_deviation":
                return "clear", None
            case "submit_for_review":
                return "submit", {"no_double_funding": True, "selection_evidence": evidence}
            case "prepare_review":
                return "convene", self._committee(case, await self._review_kind(row["subject"], task["round"]))
            case "give_opinion":
                return "recommend", {"answers": EIGHT, "no_conflict": True}
            case "consolidate_recommendation":
                return "recommend", {}
            case "approve_document":
                return "approve", {}
            case "approve_pca":
                return "approve", None
            case "sign_as_partner" | "sign_for_office":
                objects = [{"object": "document", "sha256": row["document_sha256"], "signed_on": str(today), "method": "electronic"}]
                if case.carried:
                    objects.insert(
                        0,
                        {"object": "pca", "sha256": sha256(case.pca.encode()).hexdigest(), "signed_on": str(today), "method": "electronic"},
                    )
                if d.flags.personal_data:
                    objects.append(
                        {
                            "object": "data_processing",
                            "sha256": _hash(row["subject"], "data_processing_agreement"),
                            "signed_on": str(today),
                            "method": "electronic",
                        }
                    )
                return "sign", {"objects": objects}
            case "reserve_funds":
                return await self._reserve(case, task)
            case "request_cash" if task["whom"].split("-")[0] != "1":
                return None  # the play ends with the first instalment reported
            case "request_cash":
                return await self._request(case, task, officer, today)
            case "certify_request":
                return "certify", None
            case "check_request":
                return "pass", {}
            case "release_cash" if row["status"] != "active":
                return None  # nobody releases before the start
            case "release_cash":
                amount = await self.pool.fetchval(
                    "SELECT coalesce(checked, certified, requested) FROM instalment WHERE subject = $1 AND instalment = $2",
                    row["subject"],
                    int(task["whom"].split("-")[0]),
                )
                return "release", {"amount": str(amount), "value_date": str(today)}
            case "resolve_payment_problem":
                return "accept_difference", None
            case "submit_report":
                lines = await self.pool.fetchval(
                    "SELECT coalesce(checked_lines, certified_lines, lines) FROM instalment WHERE subject = $1 AND instalment = $2",
                    row["subject"],
                    int(task["whom"].split("-")[0]),
                )
                lines = json.loads(lines) if isinstance(lines, str) else lines
                return "submit", {
                    "lines": [{"activity": line["activity"], "amount": line["amount"]} for line in lines], "refunds": "0.00",
                    "indicators": [], "sha256": _hash(task["id"], "report"), "signed_by": officer, "signed_on": str(today),
                }  # fmt: skip
            case "review_report_programme" | "review_report_finance":
                return "accept", None
            case "answer_question":
                return "answer", {"text": "Yes."}
            case "meet_condition":
                return "met", {"evidence": evidence}
            case "check_obligation_evidence":
                return "accept", None
            case "review_hold":
                return "resume", None
            case _:
                return None

    async def _review_kind(self, subject: str, round_: int) -> str:
        return str(await self.pool.fetchval("SELECT kind FROM review WHERE subject = $1 AND round = $2", subject, round_))

    def _committee(self, case: CaseFacts, kind: str) -> dict[str, Any]:
        """People of other sections than the submitting one; finance and programme among them."""
        own = case.row["section"]
        members: dict[str, dict[str, Any]] = {}
        wanted = {"committee": 4, "two_person": 2}.get(kind, 1)
        candidates = [p for p in case.people("committee_member") if p["section"] != own and p["actor"] != case.row["submitter"]]
        for function in ("finance", "programme", "supply", "monitoring", "legal"):
            for person in candidates:
                if function in person["functions"] and person["actor"] not in members and len(members) < wanted:
                    members[person["actor"]] = {"person": person["actor"], "function": function, "section": person["section"]}
                    break
        approvers = [p["actor"] for role in ("overall_approver", "committee_chair") for p in case.people(role)]
        return {"members": list(members.values()), "overall_approver": next((a for a in approvers if a not in members), "")}

    async def _reserve(self, case: CaseFacts, task: asyncpg.Record) -> Said | None:
        vendor = await self.pool.fetchval("SELECT vendor_number FROM vendor WHERE subject = $1", case.row["partner_subject"])
        if vendor is None:
            return None
        amount = str(case.row["office_cash"])
        grants = case.office.get("grants", [])
        grant = case.intake.grants[0].grant if case.intake.grants else (grants[0]["id"] if grants else "GRANT-1")
        expires = str(case.row["end_requested"] + timedelta(days=60))
        return "reserve", {
            "number": f"FR-{case.row['reference'].replace('/', '-')}", "vendor_number": vendor, "currency": case.row["currency"],
            "amount": amount, "lines": [{"grant": grant, "amount": amount, "expires_on": expires}],
        }  # fmt: skip

    async def _request(self, case: CaseFacts, task: asyncpg.Record, officer: str, today: date) -> Said:
        """What the period needs, line by line, with an estimate of one item a line."""
        n = int(task["whom"].split("-")[0])
        account = await self.pool.fetchval("SELECT account_ref FROM vendor WHERE subject = $1", case.row["partner_subject"])
        needs = await forms.period_need(self.pool, case.row["subject"], n)
        lines = [{"activity": activity, "amount": str(amount)} for activity, amount in needs.items() if amount > Decimal(0)]
        estimate = [
            {"activity": line["activity"], "item": "As in the workplan", "unit": "lump sum", "number": "1", "price": line["amount"]}
            for line in lines
        ]
        return "submit", {
            "face": {
                "period": n, "modality": "direct_cash_transfer", "currency": case.row["currency"], "lines": lines, "estimate": estimate,
                "account_ref": account,
            },
            "certified": True, "sha256": _hash(task["id"], "face"), "signed_by": officer, "signed_on": str(today),
        }  # fmt: skip
