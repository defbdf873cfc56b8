"""The case of C3 on the fast path, step by step as its workflows would say it: the arrangement of the tests of the emergency rules.

Each step takes the case one further and asserts that the record took it; what a test is about it does itself, with the parts given here.
"""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from activities import activation, versions
from schemas.engine import Closing, Event, Opening, Recorded, Task
from tests.activities.desk import EXAMPLES, YES, Desk, at, facts, rules, sha
from tests.kept import kept

CASE = "case:MOZ/2026/0031"
PARTNER = "partner:MZ:P-MZ-0031"
UMBRELLA = "umbrella:MZ:P-MZ-0031:MZ-2022"
PCA = sha("the PCA of C3")
REFUSAL: Mapping[str, Any] = {"comment": "c", "message_to_partner": "m", "reason_code": "budget"}
CEILING = "9416000.00"
"""40 % of the office cash of C3, 23,540,000.00 MZN."""
NEED = {
    "1.1.1": "5280000.00", "1.1.2": "2200000.00", "1.2.1": "2480000.00", "1.3.1": "820000.00",
    "M1": "780000.00", "M2": "560000.00", "M3": "260000.00", "H": "866600.00",
}  # fmt: skip
LOWERED = {
    "1.1.1": "4000000.00", "1.1.2": "1300000.00", "1.2.1": "1800000.00", "1.3.1": "500000.00",
    "M1": "640000.00", "M2": "380000.00", "M3": "180000.00", "H": "616000.00",
}  # fmt: skip


def taken(done: Recorded) -> Recorded:
    """The record took it."""
    assert not done.refused, done.findings
    return done


async def nothing_changed(
    desk: Desk, case: str, done: Recorded, *expected: str, attempts: int = 1, what: str = "decision"
) -> None:  # fmt: skip
    """Refused for these reasons and no other; of it only the attempts (of decisions, or messages) are in the record."""
    assert done.refused
    assert rules(done.findings) == set(expected), done.findings
    told = await desk.told(case, f"{what}.refused")
    assert len(told) == attempts, "each attempt is recorded"
    assert set(told[-1]["rules"]) == set(expected)


# Activation, vetting --------------------------------------------------------------------------------------------------------------


def declaration(name: str = "MOZ-L2-2026-01", **changes: Any) -> dict[str, Any]:
    """An example declaration, changed at will."""
    return tomllib.loads((EXAMPLES / "activations" / f"{name}.toml").read_text()) | changes


async def in_force(desk: Desk, name: str = "MOZ-L2-2026-01", **changes: Any) -> str:
    found = declaration(name, **changes)
    await activation.declare(desk.pool, found, at=at(str(found["declared_on"]), "07:00"))
    return str(found["reference"])


async def fast(desk: Desk, name: str = "C3", **changes: Any) -> str:
    """The subject of an emergency case, in drafting."""
    return await desk.taken(facts(name) | changes)


def partner_of(name: str = "C3") -> str:
    found = facts(name)
    return f"partner:{found['office']}:{found['partner']['id']}"


async def asking(desk: Desk, **changes: Any) -> tuple[str, str]:
    """C3 asks for its partner's emergency clearance and is screened: (case, partner)."""
    await in_force(desk, **changes)
    case, partner = await fast(desk), partner_of()
    desk.tracks[partner] = "emergency"
    assert (await desk.ask(case, at("2026-03-11", "08:01"), "emergency")).state == "waiting"
    await desk.screen(partner, at("2026-03-11", "08:02"))
    return case, partner


async def declared(desk: Desk, partner: str, day: str = "2026-03-11") -> None:
    data = {
        "document": "d.pdf", "sha256": sha("d"), "signed_by": "mz.p01", "signed_on": day, "answers": [True] * 8, "conflicts": [],
    }  # fmt: skip
    (task,) = await desk.open(partner, "vetting", at(day, "09:00"), Opening(kind="sign_partner_declaration"))
    event = Event(type="vetting.element_recorded", data={"element": "declaration", "task": task.kind})
    done = await desk.decide(task, "mz.p01", "partner_authorised_officer", "sign", at(day), [event], subject=partner, data=data)
    assert not done.refused, done.findings


async def concluded(desk: Desk, partner: str, *elements: str, day: str = "2026-03-12", whom: str = "0") -> Recorded:
    """The partnership manager clears with these elements postponed."""
    (task,) = await desk.open(partner, "vetting", at(day, "08:00"), Opening(kind="conclude_vetting", whom=whom))
    data = {"deferrals": [{"element": name, "reason": "Behind the flood."} for name in elements]}
    event = Event(type="clearance.granted", data={"level": "emergency"}, take=["conditions", "deferrals"])
    opens = [Opening(kind="set_up_vendor", optional="vendor")]
    return await desk.decide(
        task, "mz.002", "partnership_manager", "clear_with_deferrals", at(day), [event],
        subject=partner, opens=opens, data=data, comment="Nobody reaches the office.",
    )  # fmt: skip


@kept
async def cleared(desk: Desk) -> tuple[str, str]:
    case, partner = await asking(desk)
    await declared(desk, partner)
    for kind in ("verify_partner_profile", "assess_psea", "assess_hact"):
        await desk.open(partner, "vetting", at("2026-03-11", "09:00"), Opening(kind=kind))
    done = await concluded(desk, partner, "profile", "psea", "hact")
    assert not done.refused, done.findings
    return case, partner


async def office(desk: Desk, actor: str, roles: list[dict[str, Any]]) -> None:
    """The next version of the person's office file, in which this person holds these roles."""
    raw = tomllib.loads((EXAMPLES / "offices" / f"{actor[:2].upper()}.toml").read_text())
    for person in raw["people"]:
        if person["actor"] == actor:
            person["roles"] = roles
    desk.keys += 1
    await versions.load_office(desk.pool, raw | {"version": f"changed-{desk.keys}", "effective_on": date(2026, 1, desk.keys % 28 + 1)})


# Drafting -------------------------------------------------------------------------------------------------------------------------


@kept
async def drafting(desk: Desk, **changes: Any) -> str:
    """Version 1 stored, the office's turn open; the partner is cleared with the three usual deferrals, or (with `changes` of the
    activation) only screened."""
    case, _ = await (asking(desk, **changes) if changes else cleared(desk))
    stored = Event(type="document.version_stored", data={"version": 1, "side": "office"})
    taken(
        await desk.system(
            case, "document", "start", at("2026-03-12", "10:30"), [stored], opens=[Opening(kind="office_turn", whom="turn-1")]
        )
    )
    return case


async def sha_of(desk: Desk, case: str) -> str:
    return str((await desk.case(case))["document_sha256"])


async def sent(desk: Desk, case: str, when: str = "2026-03-12", focal: str = "mz.001") -> tuple[Task, Task]:
    """The partner's turn, and the office's task to accept on its behalf."""
    task = await desk.task(case, "office_turn", "turn-1", "document")
    opens = [
        Opening(kind="partner_turn", whom="turn-2"),
        Opening(kind="office_turn", whom="turn-2", roles=["focal_point"], holder="partner"),
    ]
    done = await desk.decide(
        task, focal, "focal_point", "send_to_partner", at(when, "11:00"), [Event(type="document.sent", take=["version", "sha256"])],
        subject=case, opens=opens, data={"version": 1, "sha256": await sha_of(desk, case)},
    )  # fmt: skip
    partners, offices = taken(done).tasks
    return partners, offices


async def on_behalf(
    desk: Desk, case: str, task: Task, when: str = "2026-03-13", time: str = "08:00", focal: str = "mz.001", **changed: Any
) -> Recorded:
    evidence = [{"document": "accept-for-us.eml", "sha256": sha("request by e-mail"), "kind": "email"}]
    data = {"sha256": await sha_of(desk, case), "partner_person": "mz.p03", "because": "asked_in_writing", "evidence": evidence} | changed
    event = Event(type="document.accepted", data={"side": "partner", "on_behalf": True}, take=["sha256"])
    opens = [
        Opening(kind="submit_for_review", whom=task.whom, optional="both"),
        Opening(kind="office_turn", whom="turn-3", unless="both"),
    ]
    closes = [Closing(task=task.id.replace("office_turn", "partner_turn"), why="turn_over")]
    return await desk.decide(
        task, focal, "focal_point", "accept_on_behalf", at(when, time), [event],
        subject=case, opens=opens, closes=closes, data=data, comment="By telephone and e-mail.",
    )  # fmt: skip


SUBMISSION = [
    Event(type="document.accepted", data={"side": "office"}, take=["sha256"]),
    Event(type="review.submitted", data={"round": 1}),
    Event(type="case.status_changed", data={"to": "in_review", "trigger": "submit_for_review"}),
]


async def submit(desk: Desk, case: str, task: Task, when: str = "2026-03-13", owner: str = "mz.003", **changed: Any) -> Recorded:
    """The office's acceptance and the submission, in one act."""
    data = {"sha256": await sha_of(desk, case), "no_double_funding": True, "urgency": "Cholera was confirmed."} | changed
    return await desk.decide(task, owner, "budget_owner", "accept_and_submit", at(when, "13:00"), SUBMISSION, subject=case, data=data)


@kept
async def submitted(desk: Desk, *, behalf: bool = True) -> str:
    """In review, accepted by the partner itself or on its behalf."""
    case = await drafting(desk)
    partners, offices = await sent(desk, case)
    if behalf:
        (task,) = taken(await on_behalf(desk, case, offices)).tasks
    else:
        event = Event(type="document.accepted", data={"side": "partner"}, take=["sha256"])
        done = await desk.decide(
            partners, "mz.p03", "partner_focal_point", "accept", at("2026-03-13", "08:00"), [event],
            subject=case, opens=[Opening(kind="office_turn", whom="turn-3")], closes=[Closing(task=offices.id, why="turn_over")],
            data={"sha256": await sha_of(desk, case)},
        )  # fmt: skip
        (task,) = taken(done).tasks
    taken(await submit(desk, case, task))
    return case


# Review ---------------------------------------------------------------------------------------------------------------------------


async def asked(desk: Desk, case: str, when: str = "2026-03-13") -> Task:
    """The task of the one reviewer whom the roster names."""
    facts = await desk.begin(case, "review", at(when, "13:30"))
    event = Event(
        type="review.convened", data={"round": 1, "members": [facts["member"]], "overall_approver": facts["reviewer"]}
    )  # fmt: skip
    opening = Opening(kind="give_opinion", whom=facts["reviewer"], candidates=[facts["reviewer"]])
    (task,) = taken(await desk.system(case, "review", "start", at(when, "13:30"), [event], opens=[opening], workflow="w")).tasks
    return task


RESULTS = {
    "recommend": ("recommended", "in_approval"),
    "recommend_with_conditions": ("recommended_with_conditions", "in_approval"),
    "return": ("returned", "drafting"),
    "not_recommend": ("not_recommended", "in_approval"),
}


async def opine(desk: Desk, case: str, task: Task, verdict: str = "recommend", when: str = "2026-03-16", **more: Any) -> Recorded:
    """The single opinion, which is the recommendation."""
    result, to = RESULTS[verdict]
    events = [
        Event(type="review.opinion_given", data={"round": 1, "member": task.whom, "verdict": verdict}, take=["answers", "conditions"]),
        Event(type="review.concluded", data={"round": 1, "result": result, "verdict": verdict}, take=["conditions"]),
        Event(
            type="case.status_changed",
            data={"to": to, "trigger": "return" if to == "drafting" else "recommendation"},
            optional="cleared" if to == "in_approval" else "",
        ),
    ]
    if to == "drafting":
        events.append(Event(type="document.unlocked", data={"why": "returned"}))
    said = dict(REFUSAL) if verdict in ("return", "not_recommend") else {}
    data = {"answers": YES, "no_conflict": True} | more
    return await desk.decide(task, task.whom, "committee_member", verdict, at(when), events, subject=case, data=data, **said)


@kept
async def in_approval(desk: Desk, *, behalf: bool = True) -> str:
    case = await submitted(desk, behalf=behalf)
    taken(await opine(desk, case, await asked(desk, case)))
    return case


# Approval and signature -----------------------------------------------------------------------------------------------------------


async def approve(
    desk: Desk, case: str, what: str = "document", actor: str = "mz.008", role: str = "head_of_office", *,
    seen: Iterable[str] = ("profile", "psea", "hact"), when: str = "2026-03-17", last: bool = False,
) -> Recorded:  # fmt: skip
    (task,) = await desk.open(case, "approval", at(when, "07:00"), Opening(kind=f"approve_{what}"))
    events = [Event(type="approval.given", data={"object": what, "round": 1}, take=["conditions", "deferrals_seen"])]
    if last:
        events.append(Event(type="case.status_changed", data={"to": "in_signature", "trigger": "approve"}))
    await desk.screen(case, at(when, "07:30"), "before_approval")
    data = {"deferrals_seen": list(seen), "conditions": []} if what == "document" else {}
    return await desk.decide(task, actor, role, "approve", at(when, "08:00"), events, subject=case, data=data)


async def account(desk: Desk, when: str = "2026-03-16") -> None:
    """Vendor set up, account confirmed by a second person."""
    task = await desk.task(PARTNER, "set_up_vendor")
    data = {
        "vendor_number": "2503114", "account_ref": "ACC-MZ-5520", "account_holder": "Associação Maré Nova",
        "currency": "MZN", "bank_country": "MZ", "checked_how": "letter of the bank",
    }  # fmt: skip
    take = ["vendor_number", "account_ref", "account_holder", "currency", "bank_country"]
    event = Event(type="vendor.account_changed", data={"result": "set_up"}, take=take)
    opens = [Opening(kind="confirm_bank_account")]
    done = await desk.decide(
        task, "mz.011", "vendor_officer", "set_up", at(when, "08:00"), [event], subject=PARTNER, opens=opens, data=data
    )
    (second,) = taken(done).tasks
    called = {"called_back_on": when, "person": "director"}
    confirmed = [Event(type="vendor.confirmed")]
    taken(await desk.decide(second, "mz.009", "finance_officer", "confirm", at(when, "09:00"), confirmed, subject=PARTNER, data=called))


@kept
async def in_signature(desk: Desk, *, behalf: bool = True) -> str:
    case = await in_approval(desk, behalf=behalf)
    await account(desk)
    taken(await approve(desk, case))
    taken(await approve(desk, case, "pca", last=True))
    return case


def signing(optional: str = "signed") -> list[Event]:
    return [
        Event(type="umbrella.signed", subject=UMBRELLA, optional=optional),
        Event(type="document.signed", optional=optional),
        Event(type="case.status_changed", data={"to": "signed", "trigger": "last_signature"}, optional=optional),
    ]


async def sign(
    desk: Desk, case: str, side: str, day: str, *, last: bool = False, actor: str = "", role: str = "", **changed: Any
) -> Recorded:
    """All objects of a side; `changed` changes them, `sha256` only the document's."""
    kind = {"partner": "sign_as_partner", "office": "sign_for_office"}[side]
    who = {"partner": ("mz.p01", "partner_authorised_officer"), "office": ("mz.008", "head_of_office")}[side]
    (task,) = await desk.open(case, "approval", at("2026-03-17", "09:00"), Opening(kind=kind))
    digest = changed.pop("sha256", None) or await sha_of(desk, case)
    objects = [
        {"object": "pca", "sha256": PCA, "signed_on": day, "method": "electronic"} | changed,
        {"object": "document", "sha256": digest, "signed_on": day, "method": "electronic"} | changed,
    ]
    events = [Event(type="signature.recorded", data={"side": side}, each="objects"), *(signing() if last else [])]
    return await desk.decide(
        task, actor or who[0], role or who[1], "sign", at(day, "10:00"), events, subject=case, data={"objects": objects}
    )


@kept
async def signed(desk: Desk, *, behalf: bool = True, **changed: Any) -> str:
    """Signed by the partner on 18 March and by the office on 19 March."""
    case = await in_signature(desk, behalf=behalf)
    taken(await sign(desk, case, "partner", "2026-03-18", **changed))
    done = taken(await sign(desk, case, "office", "2026-03-19", last=True))
    assert done.left_out == [], done.findings
    return case


# Cash -----------------------------------------------------------------------------------------------------------------------------


async def reserve(desk: Desk, case: str) -> Recorded:
    (task,) = await desk.open(case, "cash", at("2026-03-19", "11:00"), Opening(kind="reserve_funds"))
    data = {
        "number": "FR-MZ-1", "vendor_number": "2503114", "currency": "MZN", "amount": "23540000.00",
        "lines": [{"grant": "SM-MZ-260031", "amount": "23540000.00", "expires_on": "2027-06-30"}],
    }  # fmt: skip
    event = Event(type="funds.reserved", take=["number", "vendor_number", "currency", "amount", "lines"])
    return await desk.decide(task, "mz.010", "finance_officer", "reserve", at("2026-03-19", "11:30"), [event], subject=case, data=data)


@kept
async def active(desk: Desk, *, behalf: bool = True) -> str:
    case = await signed(desk, behalf=behalf)
    taken(await reserve(desk, case))
    events = [Event(type="case.status_changed", data={"to": "active", "trigger": "conditions_met"}), Event(type="case.activated")]
    taken(await desk.system(case, "case", "activate", at("2026-03-19", "12:00"), events))
    return case


def lines(amounts: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"activity": line, "amount": amount} for line, amount in amounts.items()]


async def request(
    desk: Desk, case: str, amounts: Mapping[str, str] = LOWERED, whom: str = "1", when: str = "2026-03-19", **face: Any
) -> Recorded:
    (task,) = await desk.open(case, "cash", at(when, "12:30"), Opening(kind="request_cash", whom=whom))
    form = {
        "period": int(whom[0]), "modality": "direct_cash_transfer", "currency": "MZN", "lines": lines(amounts),
        "account_ref": "ACC-MZ-5520",
    }  # fmt: skip
    signer = face.pop("signed_by", "mz.p02")
    data = {"face": form | face, "certified": True, "sha256": sha("FACE"), "signed_by": signer, "signed_on": when}
    event = Event(type="cash.requested", data={"instalment": int(whom[0])}, take=["face"])
    return await desk.decide(task, "mz.p02", "partner_authorised_officer", "submit", at(when, "13:00"), [event], subject=case, data=data)


async def check(desk: Desk, case: str, kind: str, whom: str = "1", when: str = "2026-03-20", actor: str = "", role: str = "") -> Recorded:
    who, duty, event, verdict = {
        "certify_request": ("mz.003", "budget_owner", "cash.certified", "certify"),
        "check_request": ("mz.010", "finance_officer", "cash.checked", "pass"),
    }[kind]
    (task,) = await desk.open(case, "cash", at(when, "06:00"), Opening(kind=kind, whom=whom))
    happened = Event(type=event, data={"instalment": int(whom[0])}, take=["lines"])
    return await desk.decide(task, actor or who, role or duty, verdict, at(when), [happened], subject=case)


async def release(
    desk: Desk, case: str, amount: str = CEILING, whom: str = "1", when: str = "2026-03-23", actor: str = "mz.006"
) -> Recorded:
    (task,) = await desk.open(case, "cash", at(when, "06:00"), Opening(kind="release_cash", whom=whom))
    await desk.screen(case, at(when, "07:00"), "before_release")
    number = {"instalment": int(whom[0])}
    events = [
        Event(type="cash.released", data=number, take=["amount", "value_date"]),
        Event(type="payment.ordered", data=number),
    ]  # fmt: skip
    data = {"amount": amount, "value_date": when}
    return await desk.decide(task, actor, "authorised_officer", "release", at(when), events, subject=case, data=data)


@kept
async def released(desk: Desk, *, behalf: bool = True) -> str:
    case = await active(desk, behalf=behalf)
    taken(await request(desk, case))
    taken(await check(desk, case, "certify_request"))
    taken(await check(desk, case, "check_request"))
    taken(await release(desk, case))
    return case


async def bank_pays(desk: Desk, case: str, nth: int = 1, amount: str = CEILING, when: str = "2026-03-24") -> Recorded:
    order = f"{case.partition(':')[2]}:{nth}:1"
    said = {"kind": "confirmed", "amount": amount, "currency": "MZN", "at": at(when).isoformat(), "reason": None}
    key = f"bank:{order}:B-{nth}"
    await desk.pool.execute("INSERT INTO receipt (key, request_hash, response) VALUES ($1, $2, $3)", key, sha(key), said)
    event = Event(type="payment.confirmed", data={"order": order, "bank_reference": f"B-{nth}", "at": at(when).isoformat()})
    return await desk.system(case, "cash", f"confirmed:{nth}", at(when, "12:00"), [event])


@kept
async def paid(desk: Desk, *, behalf: bool = True) -> str:
    case = await released(desk, behalf=behalf)
    taken(await bank_pays(desk, case))
    return case


async def report(desk: Desk, case: str, amounts: Mapping[str, str] = LOWERED, whom: str = "1", when: str = "2026-06-22") -> Recorded:
    (task,) = await desk.open(case, "cash", at(when, "06:00"), Opening(kind="submit_report", whom=whom))
    data = {
        "lines": lines(amounts), "refunds": "0.00", "sha256": sha(f"report {whom}"), "signed_by": "mz.p02", "signed_on": when,
        "indicators": [],
    }  # fmt: skip
    take = ["lines", "refunds", "balance", "indicators", "sha256", "signed_by", "signed_on"]
    event = Event(type="report.submitted", data={"instalment": int(whom[0])}, take=take)
    return await desk.decide(task, "mz.p02", "partner_authorised_officer", "submit", at(when), [event], subject=case, data=data)


# What is owed ---------------------------------------------------------------------------------------------------------------------


async def owed(desk: Desk, subject: str) -> dict[str, tuple[date | None, str]]:
    """Kind to due day (where the office is: two hours before UTC changes no day here) and state."""
    rows = await desk.pool.fetch("SELECT kind, due_at, state FROM obligation WHERE subject = $1 ORDER BY created_at, id", subject)
    return {row["kind"]: (row["due_at"].date() if row["due_at"] else None, row["state"]) for row in rows}


async def stops(desk: Desk, subject: str) -> set[str]:
    """Scopes of the blocks in force."""
    rows = await desk.pool.fetch("SELECT scope FROM block WHERE subject = $1 AND lifted_at IS NULL", subject)
    return {row["scope"] for row in rows}


async def falls_due(desk: Desk, subject: str, obligation: str, when: str, level: int = 0, time: str = "16:00") -> Recorded:
    event = Event(type="obligation.overdue", data={"obligation": obligation, "level": level})
    return await desk.system(subject, "obligations", f"overdue:{obligation}:{level}", at(when, time), [event])


async def written_off(desk: Desk, subject: str, kind: str) -> None:
    """What a test is not about stands in nobody's way."""
    await desk.pool.execute("UPDATE obligation SET state = 'written_off' WHERE subject = $1 AND kind = $2", subject, kind)


async def verified(desk: Desk, when: str = "2026-06-09") -> Recorded:
    """The partner's profile, verified after all."""
    task = await desk.task(PARTNER, "verify_partner_profile")
    event = Event(type="vetting.element_recorded", data={"element": "profile", "task": task.kind})
    data = {f"q{n}": True for n in range(1, 6)}
    return await desk.decide(task, "mz.002", "partnership_manager", "verified", at(when), [event], subject=PARTNER, data=data)


async def assessed(desk: Desk, when: str = "2026-07-03") -> Recorded:
    """The micro assessment that was postponed: significant risk."""
    task = await desk.task(PARTNER, "assess_hact")
    event = Event(type="vetting.element_recorded", data={"element": "hact", "task": task.kind})
    answers = [{"question": f"{area}.{n}", "answer": 2} for area in range(1, 5) for n in range(1, 6)]
    data = {"method": "micro_v2", "assessed_on": when, "firm": "Auditores Exemplo", "answers": answers}
    return await desk.decide(task, "mz.014", "assurance_officer", "rate", at(when), [event], subject=PARTNER, data=data)
