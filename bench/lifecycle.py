"""One standard lifecycle of the engine, from intake to the ordered first instalment, in real time: nothing in it waits for a date.

Copies of an example case under partners of their own, with a PCA and a clearance in force and a start date of today, so that every
decision can be taken at once. Decisions go through the same doors as every client's. Knows no rule; needs an empty stack of its own.
"""

import asyncio
import json
import time
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import asyncpg
from temporalio.client import Client

from activities import sanctions, versions
from cli.demo import EXAMPLES
from schemas.intake import Document
from worker import doors

EVERY = 0.02
"""Seconds between two looks at the open tasks; one look serves everybody."""
PATIENCE = timedelta(seconds=120)
ANSWERS = {f"q{n}": "agree" for n in range(1, 9)}
MEMBERS = (("bd.017", "finance", "finance"), ("bd.016", "programme", "health"))


class Unexpected(Exception):
    """A decision that must count was refused, or a task that must open did not."""


async def load(pool: asyncpg.Pool, today: date) -> None:
    """Packs, the example office without weekends and with a programme that runs today, rates of a year, a sanctions list."""
    await versions.load_shipped_packs(pool)
    office = tomllib.loads((EXAMPLES / "offices" / "BD.toml").read_text(encoding="utf-8"))
    office |= {"time_zone": "UTC", "weekend": [], "version": "bench", "effective_on": today - timedelta(days=1500)}
    for programme in office["programmes"]:
        programme |= {"start": today - timedelta(days=700), "end": today + timedelta(days=700)}
    for grant in office["grants"]:
        grant["expires_on"] = today + timedelta(days=500)
    await versions.load_office(pool, office)
    months = {f"{day:%Y-%m}": {"BDT": Decimal("122.40"), "USD": Decimal(1)} for day in (today + timedelta(days=30 * n) for n in range(14))}
    await versions.load_rates(pool, {"version": "bench", "source": "assumed", "months": months})
    async with pool.acquire() as conn:
        await sanctions.load(cast("asyncpg.Connection", conn), (EXAMPLES / "sanctions" / "example-list.xml").read_bytes())


def intake(name: str, today: date, *, start: date | None = None) -> dict[str, Any]:
    """C2 as an intake message for a partner of its own. `start`: first day of the document, by default today."""
    raw: dict[str, Any] = json.loads((EXAMPLES / "intake" / "C2.json").read_text(encoding="utf-8"))

    def day(days: int) -> str:
        return str(today + timedelta(days=days))

    begins = start or today
    del raw["reference"]
    raw |= {"source": "bench", "source_reference": name, "submitted_on": day(0)}
    partner = raw["partner"]
    partner |= {"id": f"P-{name}", "legal_name": f"Society {name}", "account_holder": f"Society {name}"}
    partner["registration"] |= {"issued_on": day(-1000), "expires_on": day(900)}
    partner["declaration"]["signed_on"] = day(-200)
    partner["profile"]["verified_on"] = day(-200)
    partner["psea"]["assessed_on"] = partner["hact"]["assessed_on"] = day(-200)
    partner["vendor"] |= {"account_ref": f"ACC-{name}", "account_holder": f"Society {name}", "vendor_number": f"V-{name}"}
    partner["standing_clearance"] |= {"granted_on": day(-190), "valid_until": day(800)}
    partner["pca"] |= {
        "reference": f"PCA-{name.upper()}",
        "signed_on": day(-180),
        "start": day(-180),
        "end": day(650),
        "account_ref": f"ACC-{name}",
    }
    raw["document"] |= {"start": str(begins), "end": str(begins + timedelta(days=270))}
    raw["grants"][0]["expires_on"] = day(500)
    raw["workplan"]["approved_on"] = day(-20)
    return raw


@dataclass
class Watch:
    """Tells whoever waits for a task that it is open: one query for all actors, so that looking does not become the load."""

    pool: asyncpg.Pool
    waiting: dict[tuple[str, str, str], "asyncio.Future[str]"] = field(default_factory=dict)

    async def task(self, subject: str, kind: str, whom: str = "") -> str:
        """The id of the open task of that kind. Errors: `Unexpected` after two minutes."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.waiting[subject, kind, whom] = future
        try:
            return await asyncio.wait_for(future, PATIENCE.total_seconds())
        except TimeoutError:
            raise Unexpected(f"{subject}: no task {kind} {whom} opened") from None
        finally:
            self.waiting.pop((subject, kind, whom), None)

    async def run(self) -> None:
        while True:
            if self.waiting:
                rows = await self.pool.fetch(
                    "SELECT id, subject, kind, whom FROM task WHERE state = 'open' AND subject = ANY($1)",
                    sorted({subject for subject, _, _ in self.waiting}),
                )
                for row in rows:
                    for whom in (row["whom"], ""):
                        future = self.waiting.get((row["subject"], row["kind"], whom))
                        if future is not None and not future.done():
                            future.set_result(row["id"])
            await asyncio.sleep(EVERY)


@dataclass(frozen=True)
class Act:
    """One decision of a lifecycle: which task, who, what."""

    kind: str
    actor: str
    role: str
    verdict: str
    data: dict[str, Any] | None = None
    whom: str = ""


@dataclass
class Lifecycles:
    """Plays lifecycles. `latencies`: seconds from saying to answer, of every decision."""

    pool: asyncpg.Pool
    client: Client
    watch: Watch
    latencies: list[float] = field(default_factory=list)

    async def submit(self, name: str, *, start: date | None = None) -> str:
        """A case, received and started; its reference."""
        taken = await doors.submit(self.pool, self.client, intake(name, datetime.now(UTC).date(), start=start))
        if not taken.reference:
            raise Unexpected(f"{name} was refused: {'; '.join(f'{f.rule} {f.message} {f.path}' for f in taken.findings)}")
        return taken.reference

    async def play(self, name: str) -> str:
        """One lifecycle, from intake to the order of its first instalment; its reference. Errors: `Unexpected`."""
        reference = await self.submit(name)
        subject = f"case:{reference}"
        for act in await self.acts(name, reference):
            task = await self.watch.task(subject, act.kind, act.whom)
            await self.decide(task, act)
        return reference

    async def decide(self, task: str, act: Act) -> None:
        began = time.monotonic()
        answer = await doors.decide(
            self.pool,
            self.client,
            task=task,
            actor=act.actor,
            role=act.role,
            verdict=act.verdict,
            words=doors.Words(data=act.data),
            patience=PATIENCE,
        )
        if not answer.counted:
            raise Unexpected(f"{task} {act.verdict}: {'; '.join(f'{f.rule} {f.message}' for f in answer.findings)}")
        self.latencies.append(time.monotonic() - began)

    async def acts(self, name: str, reference: str) -> list[Act]:
        """What everyone does, in order."""
        document = Document.model_validate(intake(name, datetime.now(UTC).date())["document"])
        today = str(datetime.now(UTC).date())
        lines = [
            *((a.id, a.first_quarter) for output in document.outputs for a in output.activities),
            *((m.id, m.first_quarter) for m in document.management),
            *([("H", document.support_cost.first_quarter)] if document.support_cost else []),
        ]
        money = [{"activity": activity, "amount": str(amount)} for activity, amount in lines]
        estimate = [
            {"activity": line["activity"], "item": "As planned", "unit": "lump sum", "number": "1", "price": line["amount"]}
            for line in money
        ]
        assert document.end is not None
        total = str(document.office_cash)
        text = await self.pool.fetchval('SELECT document_sha256 FROM "case" WHERE reference = $1', reference)
        sha = text or await self._document(reference)
        signature = {"objects": [{"object": "document", "sha256": sha, "signed_on": today, "method": "electronic"}]}
        expires = str(document.end + timedelta(days=60))
        return [
            Act("office_turn", "bd.001", "focal_point", "accept", {"sha256": sha}),
            Act("partner_turn", "bd.p03", "partner_focal_point", "accept", {"sha256": sha}),
            Act("submit_for_review", "bd.003", "budget_owner", "submit", {"no_double_funding": True}),
            Act(
                "prepare_review", "bd.004", "committee_secretary", "convene",
                {"members": [{"person": p, "function": f, "section": s} for p, f, s in MEMBERS], "overall_approver": "bd.005"},
            ),
            *(
                Act("give_opinion", member, "committee_member", "recommend", {"answers": ANSWERS, "no_conflict": True}, member)
                for member, _, _ in MEMBERS
            ),
            Act("consolidate_recommendation", "bd.005", "overall_approver", "recommend"),
            Act("approve_document", "bd.006", "authorised_officer", "approve", {"deferrals_seen": [], "conditions": []}),
            Act("sign_as_partner", "bd.p01", "partner_authorised_officer", "sign", signature),
            Act("sign_for_office", "bd.008", "head_of_office", "sign", signature),
            Act(
                "reserve_funds", "bd.009", "finance_officer", "reserve",
                {
                    "number": f"FR-{name}", "vendor_number": f"V-{name}", "currency": document.currency, "amount": total,
                    "lines": [{"grant": "SC-BD-210233", "amount": total, "expires_on": expires}],
                },
            ),
            Act(
                "request_cash", "bd.p02", "partner_authorised_officer", "submit",
                {
                    "certified": True, "sha256": sha, "signed_by": "bd.p02", "signed_on": today,
                    "face": {
                        "period": 1, "modality": "direct_cash_transfer", "currency": document.currency, "account_ref": f"ACC-{name}",
                        "lines": money, "estimate": estimate,
                    },
                },
            ),
            Act("certify_request", "bd.003", "budget_owner", "certify"),
            Act("check_request", "bd.010", "finance_officer", "pass", {"coding": "BD/3.1/education"}),
            Act(
                "release_cash", "bd.007", "authorised_officer", "release",
                {"amount": str(sum((Decimal(line["amount"]) for line in money), Decimal(0))), "value_date": today},
            ),
        ]  # fmt: skip

    async def _document(self, reference: str) -> str:
        """The first version's hash, once the document's stage has stored it."""
        await self.watch.task(f"case:{reference}", "office_turn")
        return str(await self.pool.fetchval('SELECT document_sha256 FROM "case" WHERE reference = $1', reference))
