"""Acting for every role on open tasks: trials and load, on a practice stack only.

For each open task a fitting person says the plainest yes that the task takes, with data that a careful person would give. A refusal is
taken at its word: another person is tried, or time passes. What nobody could answer is reported; nothing here knows a rule.

On the fast path people differ, and who does what is drawn from the partner's id, so that a play is the same each time: some partners are
offline and are accepted for, some checks are postponed at the conclusion, some one by one, some not at all, and a share of what is owed is
let lapse before it is met, so that its consequence fires and lifts.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import asyncpg
from temporalio.client import Client

from embedded import practice
from schemas.intake import Document, Intake
from schemas.messages import Answer
from schemas.tasks import CATALOGUE
from worker import doors, forms


class Said(NamedTuple):
    """A verdict; `role`: in which it is said, where only one of the task's fits."""

    verdict: str
    data: dict[str, Any] | None = None
    role: str = ""


Plain = tuple[str, dict[str, Any] | None]
"""Verdict and data, said by whoever may."""

PATIENCE = timedelta(seconds=60)
ANOTHER_PERSON = frozenset(
    {
        "wrong_role", "not_candidate", "unknown_actor", "above_authority", "wrong_section", "not_listed_officer", "submitter_reviews",
        "step_aside_in_force",
    }
)  # fmt: skip
"""Refusals that name the person, not the matter: somebody else may say the same."""
DUTIES = ("submitter_", "reviewer_", "approver_", "bank_", "hit_", "recorder_", "focal_point_", "second_person_", "owner_", "counted_twice")
"""How the rules of the segregation of duties begin."""
NOT_NOW = "level_does_not_unlock"
"""The refusal by which a check cannot be postponed under this activation: it is done instead."""
OWED = {
    "provide_registration": ("registration", "registration_certificate", "explain"),
    "verify_partner_profile": ("profile", "partner_verification", "defer"),
    "assess_core_values": ("core_values", "core_values_assessment", "defer"),
    "assess_psea": ("psea", "psea_assessment", "assume_low_capacity"),
    "assess_hact": ("hact", "hact_assessment", "assume_high"),
}
"""Tasks that may be postponed: the element, what is owed for it, and the verdict that postpones it alone."""
NEVER_IN_A_PLAY = ("assessment_renewal", "new_pca_required")
"""Obligations that fall due years later: no play waits for them."""
BY_AN_ACT = frozenset({obligation for _, obligation, _ in OWED.values()}) | {
    "committee_ratification", "activation_end_decision", "partner_acceptance_record", "quarterly_face", "data_processing_agreement",
}  # fmt: skip
"""Obligations that a task of their own meets, or a signature, and no paper."""
OFFLINE, SINGLY, AT_ONCE, LAPSES, CONVERTS, SENDS = 30, 20, 20, 20, 25, 50
"""Per cent of partners that are offline, whose checks are postponed one by one, or are done before anything; of obligations that lapse; of
cases converted at the end of their activation; of documents sent to the partner before the office accepts."""
SOON = timedelta(days=30)
"""How long before its day somebody sees to an obligation."""
NOT_POSTPONED = Said("")
"""The check is done now."""
EIGHT = {f"q{n}": "agree" for n in range(1, 9)}


def drawn(what: str, of: str) -> int:
    """0 to 99, the same for ever."""
    return int(_hash(what, of)[:8], 16) % 100


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
    """Plays every case of a clock until its first instalment is reported and nothing is owed any more, or the case has ended."""

    pool: asyncpg.Pool
    client: Client
    told: Callable[[str], None] = print
    decisions: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    stuck: list[str] = field(default_factory=list)
    firm: set[str] = field(default_factory=set)
    """Tasks that could not be postponed."""

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
        """Where the cases of the clock, and what they owe, stand: what makes it worth trying again."""
        return str(
            await self.pool.fetchval(
                """SELECT string_agg(reference || status || view_version::text, ' ' ORDER BY reference) || (
                     SELECT count(*) FILTER (WHERE o.overdue) || ' ' || count(*) FILTER (WHERE o.state = 'met') FROM obligation o
                     WHERE o.subject IN (SELECT unnest(ARRAY[subject, partner_subject]) FROM "case" WHERE clock = $1))
                   FROM "case" WHERE clock = $1""",
                clock,
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
        """Every case of the clock has its first instalment reported and owes nothing, or has ended."""
        return not await self.pool.fetchval(
            """SELECT count(*) FROM "case" c WHERE c.clock = $1 AND c.status NOT IN ('rejected', 'withdrawn', 'cancelled', 'terminated')
               AND (NOT EXISTS (SELECT 1 FROM report r WHERE r.subject = c.subject AND r.state = 'accepted')
                 OR c.track = 'emergency' AND EXISTS (SELECT 1 FROM obligation o WHERE o.subject IN (c.subject, c.partner_subject)
                   AND o.state IN ('open', 'evidence_in') AND o.kind <> ALL($2::text[])))""",
            clock,
            list(NEVER_IN_A_PLAY),
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
        umbrella = await self.pool.fetchrow("SELECT reference, officers, carrier FROM umbrella WHERE subject = $1", row["umbrella"])
        return CaseFacts(
            row=row,
            intake=intake,
            document=document,
            office=json.loads(office) if isinstance(office, str) else office,
            pca=umbrella["reference"] if umbrella else "",
            pca_officers=list(umbrella["officers"]) if umbrella else [],
            carried=umbrella is not None and umbrella["carrier"] == subject,
        )

    async def _act(self, task: asyncpg.Record, waiting: dict[str, str], pause: float) -> bool:
        """True if a decision counted."""
        if pause:
            await asyncio.sleep(pause)
        case = await self._facts(task["case_subject"])
        today = await self._today(case)
        if (plain := await self._say(task, case, today)) is None:
            return False  # what nobody does here by itself: an obligation not due yet
        verdict, data, only = Said(*plain)
        last: Answer | None = None
        for role in [only] if only else CATALOGUE[task["kind"]].verdicts[verdict].roles or task["roles"]:
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
                if rules == [NOT_NOW] and task["id"] not in self.firm:
                    self.firm.add(task["id"])
                    return await self._act(task, waiting, pause)
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

    @classmethod
    def is_explained(cls, rule: str) -> bool:
        """Whether the play knows what to do about a refusal: ask somebody else, or do at once what cannot be postponed."""
        return rule == NOT_NOW or cls.is_about_the_person(rule)

    def _candidates(self, task: asyncpg.Record, case: CaseFacts, role: str) -> list[str]:
        named = list(task["candidates"])
        return named or list(dict.fromkeys(p["actor"] for p in case.people(role)))

    async def _today(self, case: CaseFacts) -> date:
        """The office's date."""
        return (await practice.now(self.pool, case.row["clock"])).astimezone(ZoneInfo(case.office["time_zone"])).date()

    # -- the plainest yes ------------------------------------------------------------------------------------------------------------

    async def _say(self, task: asyncpg.Record, case: CaseFacts, today: date) -> Plain | Said | None:
        if task["kind"] in OWED and (later := await self._postponed(task, case, today)) is not NOT_POSTPONED:
            return later
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
                return await self._conclusion(task)
            case "confirm_emergency_track":
                return "confirm", None
            case "set_up_vendor":
                return "set_up", {
                    "vendor_number": "25" + str(int(_hash(partner.id)[:8], 16)), "account_ref": f"ACC-{_hash(partner.id)[:10]}",
                    "account_holder": partner.account_holder or partner.legal_name, "currency": d.currency, "bank_country": row["office"],
                    "checked_how": "bank letter",
                }  # fmt: skip
            case "confirm_bank_account":
                return "confirm", {"called_back_on": str(today), "person": "finance manager"}
            case "office_turn" if row["track"] == "emergency":
                return self._fast_turn(task, case, evidence)
            case "office_turn" if None in d.ratings.model_dump().values():
                return await self._rated(case)
            case "office_turn":
                return "accept", {"sha256": row["document_sha256"]}
            case "partner_turn" if row["track"] == "emergency" and self._offline(case):
                return None  # it has asked in writing to be accepted for
            case "partner_turn":
                return "accept", {"sha256": row["document_sha256"]}
            case "attach_annex":
                return "attach", {"annex": task["whom"], "document": f"{task['whom']}.pdf", "sha256": _hash(row["subject"], task["whom"])}
            case "clear_clause_deviation":
                return "clear", None
            case "submit_for_review":
                return "submit", {"no_double_funding": True, "selection_evidence": evidence} | self._urgency(case)
            case "prepare_review" if task["stage"] == "obligations":
                if not await self._is_time(row["subject"], "committee_ratification", today):
                    return None
                spoke = await self.pool.fetch("SELECT member FROM opinion WHERE subject = $1", row["subject"])
                return "convene", self._committee(case, "ratification", but={o["member"] for o in spoke})
            case "prepare_review":
                return "convene", self._committee(case, await self._review_kind(row["subject"], task["round"]))
            case "give_opinion":
                return "recommend", {"answers": EIGHT, "no_conflict": True}
            case "consolidate_recommendation":
                return "recommend", {}
            case "ratify_emergency_review":
                return "ratify", None
            case "approve_document":
                return "approve", {"deferrals_seen": await self._deferred(row["partner_subject"])}
            case "approve_pca":
                return "approve", None
            case "sign_as_partner" | "sign_for_office":
                recorded = task["kind"] == "sign_as_partner" and row["track"] == "emergency" and self._offline(case)
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
                if recorded:  # it signed on paper; the focal point records the file that came by e-mail
                    objects = [{**signed, "method": "email", "signed_by": officer} for signed in objects]
                    return Said("sign", {"objects": objects}, "focal_point")
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
            case "meet_obligation":
                return await self._met(task, today, evidence)
            case "check_obligation_evidence":
                return "accept", None
            case "decide_at_activation_end" if drawn("converts", row["subject"]) < CONVERTS:
                return "convert", {"by": str(today + SOON)}
            case "decide_at_activation_end":
                return "finish_as_is", None
            case "decide_suspension":
                return "lift", {}
            case "review_hold":
                return "resume", None
            case _:
                return None

    # -- the fast path ---------------------------------------------------------------------------------------------------------------

    def _offline(self, case: CaseFacts) -> bool:
        return drawn("offline", case.row["partner_subject"]) < OFFLINE

    def _urgency(self, case: CaseFacts) -> dict[str, Any]:
        return {"urgency": "People are without water."} if case.row["track"] == "emergency" else {}

    async def _postponed(self, task: asyncpg.Record, case: CaseFacts, today: date) -> Said | None:
        """What is said instead of doing the check now, or `NOT_POSTPONED`; None: nothing yet."""
        element, owed, alone = OWED[task["kind"]]
        partner = task["subject"]
        waits = await self.pool.fetchval("SELECT true FROM \"case\" WHERE partner_subject = $1 AND status = 'vetting' LIMIT 1", partner)
        if await self._owed(partner, owed) is not None:
            # it is owed already: done when a standard case needs it, or when its day comes near (or has passed)
            return NOT_POSTPONED if waits or await self._is_time(partner, owed, today) else None
        fast = await self.pool.fetchval(
            """SELECT true FROM "case" WHERE partner_subject = $1 AND track = 'emergency'
               AND status IN ('received', 'drafting', 'in_review', 'in_approval', 'in_signature') LIMIT 1""",
            partner,
        )
        how = drawn("postpones", partner)
        if not fast or how < AT_ONCE or task["id"] in self.firm:
            return NOT_POSTPONED
        if how < AT_ONCE + SINGLY:
            return Said(alone, {"assessment_planned_on": str(today + timedelta(days=60))} if element == "hact" else None)
        # the others are postponed when vetting is concluded; what holds the conclusion up cannot be, and is done
        rest = await self.pool.fetchval(
            """SELECT count(*) FROM task WHERE subject = $1 AND stage = 'vetting' AND state = 'open' AND kind <> ALL($2::text[])""",
            partner,
            [*OWED, "set_up_vendor", "confirm_bank_account"],
        )
        return None if rest else NOT_POSTPONED

    async def _conclusion(self, task: asyncpg.Record) -> Said:
        """Clear; on the fast path with what is still open postponed."""
        kinds = await self.pool.fetch(
            "SELECT DISTINCT kind FROM task WHERE subject = $1 AND state = 'open' AND kind = ANY($2::text[]) ORDER BY kind",
            task["subject"],
            list(OWED),
        )
        if not kinds or "emergency" not in task["whom"]:
            return Said("clear")
        deferrals = [{"element": OWED[row["kind"]][0], "reason": "Nobody reaches the partner's office yet."} for row in kinds]
        return Said("clear_with_deferrals", {"deferrals": deferrals})

    def _fast_turn(self, task: asyncpg.Record, case: CaseFacts, evidence: list[dict[str, Any]]) -> Said | None:
        """The office's turn, or its word for a partner that is offline; its acceptance and submission are one act."""
        accepted = {"sha256": case.row["document_sha256"]}
        if task["holder"] == "partner":
            if not self._offline(case):
                return None  # the partner answers by itself
            person = case.people("partner_focal_point")[0]["actor"]
            on_behalf = accepted | {"partner_person": person, "because": "asked_in_writing", "evidence": evidence}
            return Said("accept_on_behalf", on_behalf)
        if task["whom"] != "turn-1":
            return Said("accept_and_submit", accepted | {"no_double_funding": True, "selection_evidence": evidence} | self._urgency(case))
        if drawn("sends", case.row["subject"]) < SENDS:
            return Said("send_to_partner", accepted | {"version": case.row["document_version"]})
        return Said("accept", accepted)

    async def _deferred(self, partner: str) -> list[str]:
        rows = await self.pool.fetch(
            "SELECT element FROM element WHERE subject = $1 AND source IN ('assumed', 'deferred') ORDER BY element", partner
        )
        return [row["element"] for row in rows]

    async def _owed(self, subject: str, kind: str) -> asyncpg.Record | None:
        return await self.pool.fetchrow(
            "SELECT id, due_at, overdue FROM obligation WHERE subject = $1 AND kind = $2 AND state = 'open' ORDER BY created_at LIMIT 1",
            subject,
            kind,
        )

    async def _is_time(self, subject: str, kind: str, today: date) -> bool:
        """Whether somebody sees to it now: some time before its day; a share of them only when the consequence has fired."""
        row = await self._owed(subject, kind)
        if row is None or row["overdue"] or row["due_at"] is None:
            return True
        return drawn("lapses", row["id"]) >= LAPSES and bool(row["due_at"].date() - SOON <= today)

    async def _met(self, task: asyncpg.Record, today: date, evidence: list[dict[str, Any]]) -> Said | None:
        identity = task["whom"].split(" ")[0]
        row = await self.pool.fetchrow("SELECT kind, due_at, overdue FROM obligation WHERE id = $1", identity)
        if row is None or row["kind"] in BY_AN_ACT or row["kind"] in NEVER_IN_A_PLAY:
            return None
        lapses = row["due_at"] is not None and not row["overdue"] and drawn("lapses", identity) < LAPSES
        near = row["due_at"] is None or row["due_at"].date() - SOON <= today
        return Said("submit_evidence", {"documents": evidence}) if near and not lapses else None

    async def _review_kind(self, subject: str, round_: int) -> str:
        return str(await self.pool.fetchval("SELECT kind FROM review WHERE subject = $1 AND round = $2", subject, round_))

    def _committee(self, case: CaseFacts, kind: str, but: Collection[str] = ()) -> dict[str, Any]:
        """People of other sections than the submitting one; finance and programme among them, and nobody in `but`."""
        own = case.row["section"]
        members: dict[str, dict[str, Any]] = {}
        wanted = {"committee": 4, "two_person": 2, "ratification": 3}.get(kind, 1)
        barred = {case.row["submitter"], *but}
        candidates = [p for p in case.people("committee_member") if p["section"] != own and p["actor"] not in barred]
        for function in ("finance", "programme", "supply", "monitoring", "legal"):
            for person in candidates:
                if function in person["functions"] and person["actor"] not in members and len(members) < wanted:
                    members[person["actor"]] = {"person": person["actor"], "function": function, "section": person["section"]}
                    break
        approvers = [p["actor"] for role in ("overall_approver", "committee_chair") for p in case.people(role)]
        return {"members": list(members.values()), "overall_approver": next((a for a in approvers if a not in members), "")}

    async def _reserve(self, case: CaseFacts, task: asyncpg.Record) -> Plain | None:
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

    async def _rated(self, case: CaseFacts) -> Plain:
        """A row without a gender marker: the office rates it in a version of its own, which the partner sees before anybody accepts."""
        ratings = {name: value or "marginal" for name, value in case.document.ratings.model_dump().items()}
        rated = case.document.model_dump(mode="json", by_alias=True) | {"ratings": ratings}
        put = await doors.put(self.pool, rated, by=str(case.row["focal_point"]))
        return "send_to_partner", {"version": case.row["document_version"] + 1, "sha256": put.sha256}

    async def _request(self, case: CaseFacts, task: asyncpg.Record, officer: str, today: date) -> Plain:
        """What the period needs, line by line, with an estimate of one item a line."""
        n = int(task["whom"].split("-")[0])
        account = await self.pool.fetchval("SELECT account_ref FROM vendor WHERE subject = $1", case.row["partner_subject"])
        needs = await forms.first_request(self.pool, case.row["subject"])
        lines = [{"activity": activity, "amount": str(amount)} for activity, amount in needs.items() if amount > Decimal(0)]
        estimate = [
            {"activity": line["activity"], "item": "As in the workplan", "unit": "lump sum", "number": "1", "price": line["amount"]}
            for line in lines
        ]
        return "submit", {
            "face": {
                "period": n, "modality": await forms.modality(self.pool, case.row["subject"]), "currency": case.row["currency"],
                "lines": lines, "estimate": estimate, "account_ref": account,
            },
            "certified": True, "sha256": _hash(task["id"], "face"), "signed_by": officer, "signed_on": str(today),
        }  # fmt: skip
