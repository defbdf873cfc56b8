"""The one write path: a batch in, an honest answer out, in one transaction.

Whatever a workflow decided is settled here against the rows, under the locks of the subjects concerned: receipts, people, duties, the
rules of the stages (`activities/settle_*.py`). Recorded is recorded whole; refused is refused with every reason, the attempt kept and
nothing else changed. A refusal is an answer, never an exception; an exception here is an outage or a bug, and is retried.
"""

from collections import deque
from collections.abc import Iterable
from datetime import UTC
from typing import Any, cast

import asyncpg
from pydantic import BaseModel, ValidationError

from activities import people, versions
from activities.moments import moments_of
from activities.settling import Draft, Row, Settling, locks_of, rules_of_decision, rules_of_event
from activities.view import ENDS, view_of
from db import content
from db.content import canonical, sha256
from db.errors import finding_of
from db.events import Chains, body
from policy.calendar import Calendar
from policy.pack import Pack
from schemas.base import Strict
from schemas.engine import Batch, CaseView, Decided, Moment, Opening, Recorded, Task
from schemas.findings import Finding
from schemas.intake import faults
from schemas.messages import ContentRef, Decision, Message
from schemas.names import kind_of, owner_of, task_id, task_name
from schemas.tasks import CATALOGUE, MESSAGES, PARTNER_ROLES, Kind, MessageKind, Verdict

RUNS_ON_HOLD = frozenset({"resume", "raise_concern", "report_allegation", "withdraw"})
"""Messages that a case on hold still takes."""


class _Refused(Exception):
    """Inside the transaction: roll back to the savepoint and answer."""


class _Again(Exception):
    """Inside the transaction: an optional group is left out after a part of it was applied; settle the write anew without it."""


class Recorder:
    """`record` over one pool. Stateless: any number may run."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    async def record(self, batch: Batch) -> Recorded:
        """Record the batch, or refuse it. The same key with the same content gives the first answer again.

        Raises only what a retry or an engineer must mend: errors of the database, unknown events, rules that lock too little.
        """
        async with self.pool.acquire() as conn, conn.transaction():
            return await write(cast("asyncpg.Connection", conn), batch)


async def write(conn: asyncpg.Connection, batch: Batch, chains: Chains | None = None) -> Recorded:
    """`record` inside the caller's transaction, for who settles more in the same one. `chains`: heads that the caller has locked."""
    chains = chains or Chains(conn)
    await chains.lock(await _subjects(conn, batch))
    fingerprint = _fingerprint(batch)
    known = await conn.fetchrow("SELECT request_hash, response FROM receipt WHERE key = $1", batch.key)
    if known is not None:
        if known["request_hash"] == fingerprint:
            return await _again(Settling(conn, batch), Recorded.model_validate(known["response"]))
        reused = Finding(
            rule="key_reused",
            message="This key was used before to say something else.",
            path="$.key",
            next_step="Send it under a new key.",
        )
        s = Settling(conn, batch)
        await _keep_attempt(s, chains, [reused])
        return Recorded(refused=True, findings=[reused])
    if batch.unreadable:
        await _append(Settling(conn, batch), chains, Draft("message.unreadable", batch.subject, {"what": batch.unreadable}))
        answer = Recorded()
    else:
        answer = await _settled(conn, batch, chains)
    said = batch.decision or batch.message
    if said is None and (answer.refused or _nothing_happened(batch, answer)):
        return answer  # the system may try again under the same key
    await conn.execute(
        "INSERT INTO receipt (key, request_hash, request, response) VALUES ($1, $2, $3, $4)",
        batch.key, fingerprint, said.model_dump(mode="json") if said else None, answer.model_dump(mode="json", exclude_defaults=True),
    )  # fmt: skip
    return answer


async def _again(s: Settling, first: Recorded) -> Recorded:
    """The first answer, with its tasks as they stand now: a stage that was reset, or started anew, must not wait for what is decided."""
    if not first.tasks:
        return first.model_copy(update={"repeated": True})
    calendar = await s.calendar()
    rows = await s.db.fetch("SELECT * FROM task WHERE id = ANY($1::text[])", [task.id for task in first.tasks])
    decided = [found for row in rows if row["state"] == "decided" and (found := await _decided(s.db, row)) is not None]
    still = [task_of(row, await _pack_of(s, row["kind"]), calendar) for row in rows if row["state"] == "open"]
    return first.model_copy(update={"repeated": True, "tasks": still, "decided": decided})


async def _pack_of(s: Settling, kind: str) -> Pack:
    """The figures of a task: of the batch's track, or of the standard one where only that has any (a level without a single reviewer)."""
    own = await s.pack(s.batch.track)
    return own if kind in own.tasks else await s.pack("standard")


def _nothing_happened(batch: Batch, answer: Recorded) -> bool:
    """Every event was optional, and its condition is not met yet."""
    return bool(answer.left_out) and not batch.closes and not answer.tasks and all(e.optional in answer.left_out for e in batch.events)


def _fingerprint(batch: Batch) -> str:
    """What the batch says, without what changes when it is said again."""
    said = batch.decision or batch.message
    if said is not None:
        return sha256(canonical(said.model_dump(mode="json", exclude={"sent_at", "proof"})))
    return sha256(canonical([batch.subject, [event.type for event in batch.events], bool(batch.unreadable)]))


async def _subjects(conn: asyncpg.Connection, batch: Batch) -> set[str]:
    """Whose heads this write locks: its own, its events', and what its rules ask for."""
    found = {batch.subject, *(event.subject for event in batch.events if event.subject)}
    names = [event.type for event in batch.events]
    if batch.decision and (name := task_name(batch.decision.task)):
        names.append(name.kind)
    if batch.message:
        names.append(f"message:{batch.message.kind}")
    asked = locks_of(names)
    if asked and kind_of(batch.subject) == "case":
        row = await conn.fetchrow('SELECT partner_subject, umbrella FROM "case" WHERE subject = $1', batch.subject)
        if row is not None:  # both never change
            found |= {row["partner_subject"]} if "partner" in asked else set()
            found |= {row["umbrella"]} if "umbrella" in asked else set()
    return found


# Settling -------------------------------------------------------------------------------------------------------------------------


async def _settled(conn: asyncpg.Connection, batch: Batch, chains: Chains) -> Recorded:
    before = await _view_version(conn, batch.subject)
    left_out: set[str] = set()
    waits: list[Finding] = []
    mark = chains.mark()
    while True:
        s = Settling(conn, batch, left_out=set(left_out), findings=[*batch.refused])
        try:
            async with conn.transaction():
                return await _once(s, chains, before, waits)
        except _Again:
            waits = [found for found in s.findings if found.severity == "wait"]
            left_out = s.left_out
        except _Refused:
            break
        except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError) as error:
            found = finding_of(error)
            if found is None:
                raise
            s.findings.append(found)
            break
        chains.reset(mark)
    chains.reset(mark)
    findings = _each_once(s.findings)
    if batch.decision or batch.message:
        await _keep_attempt(Settling(conn, batch, task_row=s.task_row), chains, findings)
    return Recorded(refused=True, findings=findings)


async def _once(s: Settling, chains: Chains, before: int | None, waits: list[Finding]) -> Recorded:
    """One pass. Raises _Refused with the reasons in `s.findings`, or _Again with what is left out in `s.left_out`."""
    batch = s.batch
    if batch.refused:
        raise _Refused
    texts = await _said(s)
    _stop(s)
    for rule in rules_of_decision(_judged(s)):
        await rule(s)
    _stop(s)
    await _count(s, chains, texts)
    queue = deque(_drafts(s))
    applied: set[str] = set()
    while queue:
        draft = queue.popleft()
        if draft.optional in s.left_out:
            continue
        s.current, s.appended = draft, []
        for settle in rules_of_event(draft.type):
            await settle(s, draft)
        _stop(s)
        if applied & s.left_out:
            raise _Again
        if draft.optional in s.left_out:
            continue
        await _append(s, chains, draft)
        s.forget(draft.subject)
        if draft.optional:
            applied.add(draft.optional)
        queue.extendleft(reversed(s.appended))
    s.current = None
    for closing in batch.closes:
        await _append(s, chains, Draft("task.closed", batch.subject, {"task": closing.task, "why": closing.why}))
    tasks, decided = await _open(s, chains)
    _stop(s)
    return Recorded(
        findings=_each_once([*waits, *s.findings]),
        tasks=tasks,
        decided=decided,
        facts=_facts(s),
        left_out=sorted(s.left_out),
        look_again=s.looks,
        starts=s.starts,
        view=await _view(s, before),
    )


def _stop(s: Settling) -> None:
    if any(found.severity == "refusal" for found in s.findings):
        raise _Refused


def _each_once(findings: Iterable[Finding]) -> list[Finding]:
    return list({(found.rule, found.path, found.message): found for found in findings}.values())


def _judged(s: Settling) -> str:
    if s.batch.message:
        return f"message:{s.batch.message.kind}"
    return s.task_row["kind"] if s.batch.decision and s.task_row is not None else ""


def _drafts(s: Settling) -> Iterable[Draft]:
    """The batch's events with what they take from the data, one per entry where `each` says so."""
    for event in s.batch.events:
        taken = {name: s.data[name] for name in event.take if name in s.data}
        subject = event.subject or s.batch.subject
        if event.each is None:
            yield Draft(event.type, subject, {**event.data, **taken}, event.optional)
            continue
        for entry in s.data.get(event.each) or s.facts.get(event.each) or ():
            fields = entry if isinstance(entry, dict) else {event.each.removesuffix("s"): entry}
            yield Draft(event.type, subject, {**event.data, **taken, **fields}, event.optional)


def _facts(s: Settling) -> dict[str, Any]:
    spec = _spec(s)
    told = {name: s.data[name] for name in spec.facts if name in s.data} if spec else {}
    facts: dict[str, Any] = {**told, **s.facts}
    return facts


def _spec(s: Settling) -> Verdict | MessageKind | None:
    if s.batch.message:
        return MESSAGES.get(s.batch.message.kind)
    if s.batch.decision and s.task_row is not None:
        return CATALOGUE[s.task_row["kind"]].verdicts.get(s.batch.decision.verdict)
    return None


async def _view_version(conn: asyncpg.Connection, subject: str) -> int | None:
    if kind_of(subject) != "case":
        return None
    version: int | None = await conn.fetchval('SELECT view_version FROM "case" WHERE subject = $1', subject)
    return version


async def _view(s: Settling, before: int | None) -> CaseView | None:
    """How the case stands, if this write changed what its stages see."""
    if before is None or await _view_version(s.db, s.batch.subject) == before:
        return None
    return await view_of(s.db, s.batch.subject)


# What was said --------------------------------------------------------------------------------------------------------------------


class _Texts(BaseModel):
    """Hashes of what came with a decision or message."""

    comment_sha256: str | None = None
    message_sha256: str | None = None
    data_sha256: str | None = None


async def _said(s: Settling) -> _Texts:
    """Judge form and person of the decision or message; fill `s.payload` and `s.data`. Everything wrong lands in `s.findings`."""
    if s.batch.decision is not None:
        return await _decision(s, s.batch.decision)
    if s.batch.message is not None:
        return await _message(s, s.batch.message)
    return _Texts()


async def _decision(s: Settling, decision: Decision) -> _Texts:
    row = await s.db.fetchrow("SELECT * FROM task WHERE id = $1", decision.task)
    if row is None or row["subject"] != s.batch.subject:
        s.refuse("task_unknown", f"The record has no task {decision.task}.", path="$.task", next_step="See `pca tasks`.")
        return _Texts()
    s.task_row = row
    if row["state"] != "open":
        how = f"decided ({row['verdict']})" if row["state"] == "decided" else f"closed ({row['closed_why']})"
        s.refuse("task_closed", f"This task is {how}.", path="$.task", next_step="See `pca tasks`.")
        return _Texts()
    await _case_takes(s, row["kind"])
    kind = CATALOGUE[row["kind"]]
    track = (await s.case())["track"] or s.batch.track if kind_of(s.batch.subject) == "case" else s.batch.track
    verdict = kind.verdicts_on(track).get(decision.verdict)
    if verdict is None:
        names = ", ".join(sorted(kind.verdicts_on(track)))
        s.refuse("wrong_verdict", f"{kind.name} takes {names}; not {decision.verdict}.", path="$.verdict", source="casebook 1")
        return _Texts()
    wanted = verdict.roles or row["roles"]
    s.findings += await people.who_may(s, decision, wanted, row["candidates"])
    texts = await _texts(s, decision, verdict.comment, verdict.message, kind.sealed)
    await _payload(s, decision, verdict.model, kind.sealed)
    _stop(s)
    s.findings += await people.segregated(s, decision, row)
    return texts


async def _message(s: Settling, message: Message) -> _Texts:
    spec = MESSAGES.get(message.kind)
    if spec is None:
        s.refuse("unknown_message", f"There is no message {message.kind}; there are {', '.join(MESSAGES)}.", path="$.kind")
        return _Texts()
    wanted, candidates = set(spec.who), set[str]()
    if spec.on_task or message.task:
        row = await s.db.fetchrow("SELECT * FROM task WHERE id = $1", message.task or "")
        if row is None or row["subject"] != s.batch.subject:
            s.refuse("task_unknown", f"The record has no task {message.task}.", path="$.task", next_step="See `pca tasks`.")
            return _Texts()
        s.task_row = row
        if row["state"] != "open":
            s.refuse("task_closed", "This task is not open.", path="$.task", next_step="See `pca tasks`.")
        if message.kind in ("claim", "ask"):  # whoever may decide the task
            wanted, candidates = set(row["roles"]), set(row["candidates"])
    await _case_takes(s, message.kind)
    if spec.statuses and kind_of(s.batch.subject) == "case" and (status := (await s.case())["status"]) not in spec.statuses:
        s.refuse(
            "not_allowed", f"{message.kind} is possible {spec.when}; the case is {status}.", path="$.kind", source="stages.md 2",
            next_step="See `pca show`.",
        )  # fmt: skip
    s.findings += await people.who_may(s, message, wanted, candidates)
    texts = await _texts(s, message, spec.comment, spec.message, spec.sealed)
    await _payload(s, message, spec.model, spec.sealed)
    return texts


async def _case_takes(s: Settling, what: str) -> None:
    """A case that has ended takes nothing; one on hold takes what ends the hold, and what must run on."""
    if kind_of(s.batch.subject) != "case":
        return
    case = await s.case()
    if case["status"] in ENDS:
        s.refuse("case_closed", f"The case is {case['status']}.", source="stages.md 2")
    elif case["held"] and what not in RUNS_ON_HOLD and what != "review_hold" and s.batch.stage != "obligations":
        s.refuse("on_hold", "The case is on hold.", source="stages.md 9", next_step="Resume it first.")


async def _texts(s: Settling, said: Decision | Message, comment: bool, message: bool, sealed: bool) -> _Texts:
    """The texts that came, each by its hash; what was typed by hand is put first. Missing ones are refused."""
    has_comment, has_message = bool(said.comment), bool(said.message_to_partner)
    if comment and not has_comment:
        s.refuse("comment_required", "This needs a comment.", path="$.comment", source="casebook 1", next_step="Say why.")
    if message and not has_message:
        s.refuse("message_required", "This needs a message to the partner.", path="$.message_to_partner", source="casebook 1")
    if message and said.reason_code is None:
        s.refuse("reason_required", "This needs a reason code.", path="$.reason_code", source="casebook 1")
    return _Texts(
        comment_sha256=await _put(s, said.comment, "$.comment", sealed, said.actor),
        message_sha256=await _put(s, said.message_to_partner, "$.message_to_partner", False, said.actor),
        data_sha256=await _put(s, said.data, "$.data", sealed, said.actor),
    )


async def _put(s: Settling, value: ContentRef | str | dict[str, Any] | None, path: str, sealed: bool, actor: str) -> str | None:
    if not value:
        return None
    if isinstance(value, ContentRef):
        if not await s.db.fetchval("SELECT true FROM content WHERE sha256 = $1", value.sha256):
            s.refuse("content_missing", "The record does not hold this content.", path=path, next_step="Put it first, then decide.")
        return value.sha256
    if sealed:
        s.refuse("inline_sealed", "What is sealed is never typed inline.", path=path, next_step="Put it first and send its reference.")
        return None
    return (await content.put(s.db, value, by=actor)).sha256


async def _payload(s: Settling, said: Decision | Message, model: type[Strict], sealed: bool) -> None:
    raw: bytes | None
    if isinstance(said.data, ContentRef):
        raw = await content.get(s.db, said.data.sha256, sealed=sealed)
        if raw is None:
            return  # told already
    else:
        raw = canonical(said.data or {}).encode()
    try:
        s.payload = model.model_validate_json(raw)
    except ValidationError as error:
        s.findings += [
            found.model_copy(update={"rule": "invalid_data", "path": "$.data" + found.path[1:], "source": "casebook 1", "next_step": ""})
            for found in faults(error)
        ]
        return
    s.data = s.payload.model_dump(mode="json", by_alias=True, exclude_none=True)


# Appending ------------------------------------------------------------------------------------------------------------------------


async def body_of(s: Settling, draft: Draft) -> dict[str, Any]:
    """The whole event as the chain holds it."""
    batch, said = s.batch, s.said
    cause = {"kind": "timer", "id": batch.key}
    if batch.decision:
        cause = {"kind": "decision", "id": batch.decision.receipt}
    elif batch.message:
        cause = {"kind": "message", "id": batch.key}
    elif batch.cause.task:
        cause = {"kind": "event", "id": batch.cause.task}
    return body(
        draft.type,
        batch.at,
        draft.data,
        actor={"id": said.actor, "role": said.role, "on_behalf_of": said.on_behalf_of} if said else None,
        stage=batch.stage,
        round=batch.round,
        track=batch.track,
        pack=await _pack_named(s),
        cause=cause,
        clock=batch.clock,
    )


async def _pack_named(s: Settling) -> dict[str, str] | None:
    """Under which rules this happened: the edition that the case pinned, else the newest in force."""
    if s.pack_name is not None:
        return s.pack_name or None
    s.pack_name = await _find_pack(s) or {}
    return s.pack_name or None


async def _find_pack(s: Settling) -> dict[str, str] | None:
    if kind_of(s.batch.subject) == "case":
        packs = await s.db.fetchval('SELECT packs FROM "case" WHERE subject = $1', s.batch.subject)
        return packs.get(s.batch.track) if packs else None
    found = await versions.pin(s.db, "pack", s.batch.track, s.batch.at.date())
    return {"version": found.version, "sha256": found.sha256} if found else None


async def _append(s: Settling, chains: Chains, draft: Draft) -> int:
    if draft.subject not in chains.heads:
        raise LookupError(f"{draft.type} goes to {draft.subject}, whose head is not locked: declare it with locks=(...)")
    return await chains.append(draft.subject, await body_of(s, draft))


def _attempt(s: Settling, texts: _Texts) -> dict[str, Any]:
    decision = s.batch.decision
    assert decision is not None
    name = task_name(decision.task)
    return {
        "receipt": decision.receipt,
        "task": decision.task,
        "kind": name.kind if name else "",
        "stage": name.stage if name else s.batch.stage,
        "round": name.round if name else s.batch.round,
        "whom": name.whom if name else "",
        "verdict": decision.verdict,
        "key": decision.key,
        # true only where the record itself has verified the proof; no signing keys are known yet
        "signed": False,
        "reason_code": decision.reason_code,
        **texts.model_dump(),
    }


async def _count(s: Settling, chains: Chains, texts: _Texts) -> None:
    """The decision or message takes effect; a decision closes its task."""
    decision, message = s.batch.decision, s.batch.message
    if message is not None:
        data = {"kind": message.kind, "key": message.key, "task": message.task, "reason_code": message.reason_code, **texts.model_dump()}
        await _append(s, chains, Draft("message.counted", s.batch.subject, data))
    if decision is not None:
        await _append(s, chains, Draft("decision.counted", s.batch.subject, _attempt(s, texts)))
        if not s.batch.keep_open:
            closed = {"task": decision.task, "verdict": decision.verdict, "decided_by": decision.actor}
            await _append(s, chains, Draft("task.closed", s.batch.subject, closed))


async def _keep_attempt(s: Settling, chains: Chains, findings: list[Finding]) -> None:
    """What did not count, and why; the texts that came with it are not kept beyond their hashes."""
    rules = sorted({found.rule for found in findings})
    decision, message = s.batch.decision, s.batch.message
    if decision is not None:
        texts = _Texts(
            **{
                f"{name}_sha256": value.sha256
                for name, value in (("comment", decision.comment), ("message", decision.message_to_partner), ("data", decision.data))
                if isinstance(value, ContentRef)
            }
        )
        await _append(s, chains, Draft("decision.refused", s.batch.subject, {**_attempt(s, texts), "rules": rules}))
    else:
        assert message is not None  # nothing else is attempted
        data = {"kind": message.kind, "key": message.key, "task": message.task, "rules": rules}
        await _append(s, chains, Draft("message.refused", s.batch.subject, data))


# Opening --------------------------------------------------------------------------------------------------------------------------


async def _open(s: Settling, chains: Chains) -> tuple[list[Task], list[Decided]]:
    openings = [
        single
        for opening in [*s.batch.opens, *s.openings]
        if opening.optional not in s.left_out and (not opening.unless or opening.unless in s.left_out)
        for single in _each(s, opening)
    ]
    tasks: list[Task] = []
    decided: list[Decided] = []
    if not openings:
        return tasks, decided
    calendar = await s.calendar()
    office, cases = await s.office_code(), await _waiting(s)
    for opening in openings:
        pack = await _pack_of(s, opening.kind)
        name = task_id(owner_of(s.batch.subject), s.batch.stage, s.batch.round, opening.kind, opening.whom)
        row = await s.db.fetchrow("SELECT * FROM task WHERE id = $1", name)
        if row is None:
            await _append(s, chains, Draft("task.opened", s.batch.subject, _opened(s, name, opening, pack, calendar, office, cases)))
            row = await s.db.fetchrow("SELECT * FROM task WHERE id = $1", name)
            assert row is not None
        elif row["subject"] != s.batch.subject:
            raise LookupError(f"{name} is a task of {row['subject']}, not of {s.batch.subject}")
        if row["state"] == "open":
            tasks.append(task_of(row, pack, calendar))
        elif row["state"] == "decided" and (found := await _decided(s.db, row)) is not None:
            decided.append(found)
        else:
            s.refuse("task_closed", f"{name} was closed ({row['closed_why']}) and does not open again.", path="$.task")
    return tasks, decided


def _each(s: Settling, opening: Opening) -> Iterable[Opening]:
    if opening.each is None:
        yield opening
        return
    for entry in s.data.get(opening.each) or s.facts.get(opening.each) or ():
        whom = str(entry.get("person", "") if isinstance(entry, dict) else entry)
        named = [whom] if isinstance(entry, dict) and "person" in entry else opening.candidates
        yield opening.model_copy(update={"whom": whom, "each": None, "candidates": named})


async def _waiting(s: Settling) -> list[str]:
    """The cases that a task of this subject serves: those that wait for the partner, and those that live on with it."""
    if kind_of(s.batch.subject) == "case":
        return [s.batch.subject]
    rows = await s.db.fetch(
        """SELECT subject FROM "case" WHERE (partner_subject = $1 OR umbrella = $1) AND status <> ALL($2::text[])
           UNION SELECT "case" FROM waiting WHERE subject = $1 ORDER BY 1""",
        s.batch.subject,
        sorted(ENDS),
    )
    return [row["subject"] for row in rows]


def _opened(s: Settling, name: str, opening: Opening, pack: Pack, calendar: Calendar, office: str, cases: list[str]) -> dict[str, Any]:
    kind = CATALOGUE[opening.kind]
    roles = list(opening.roles or kind.decides)
    due = opening.due or s.dues.get(opening.kind)
    if due is None and opening.kind in pack.tasks and (days := pack.task(opening.kind).days) is not None:
        due = calendar.due(s.at, days)
    candidates = opening.candidates or ([opening.whom] if opening.kind == "give_opinion" and opening.whom else [])
    moments = list(opening.moments)
    if opening.kind == "give_opinion" and due is not None:  # some days later the secretary may replace a silent member
        silent = calendar.add_working_days(calendar.local_date(due), pack["review.replace_after_days"])
        moments.append(Moment(at=calendar.end_of_business(silent), does="replaceable"))
    said = s.said
    return {
        "task": name,
        "workflow": s.batch.workflow,
        "kind": opening.kind,
        "stage": s.batch.stage,
        "round": s.batch.round,
        "whom": opening.whom,
        "roles": roles,
        "candidates": candidates,
        "holder": opening.holder or _holder(kind, roles, s.batch.track),
        "office": office,
        "data": opening.data,
        "cases": cases,
        "opened_by": said.actor if said else s.batch.cause.actor,
        "opened_from": (said.task or "") if said else s.batch.cause.task,
        "due_at": due.astimezone(UTC).isoformat() if due else None,
        "moments": [moment.model_dump(mode="json") for moment in moments],
    }


def _holder(kind: Kind, roles: list[str], track: Any) -> str:
    """Whose court it is: the catalogue's word, unless the task was opened for the other side."""
    partner = [role in PARTNER_ROLES for role in roles]
    if all(partner):
        return "partner"
    return "office" if kind.holder[track] == "partner" and not any(partner) else kind.holder[track]


def task_of(row: Row, pack: Pack, calendar: Calendar) -> Task:
    """The task of a row as its stage has it, with the moments still to come."""
    return Task(
        id=row["id"],
        kind=row["kind"],
        whom=row["whom"],
        roles=row["roles"],
        candidates=row["candidates"],
        holder=row["holder"],
        opened=row["opened_at"],
        due=row["due_at"],
        moments=moments_of(
            row["kind"], row["opened_at"], row["due_at"], pack, calendar,
            reminded=row["reminded"], level=row["level"], besides=[Moment.model_validate(moment) for moment in row["moments"]],
        ),
    )  # fmt: skip


async def _decided(conn: asyncpg.Connection, row: Row) -> Decided | None:
    """The decision that closed a task, as it was said, and what its stage was told."""
    found = await conn.fetchrow(
        "SELECT r.request, r.response FROM decision d JOIN receipt r ON r.key = d.receipt "
        "WHERE d.task = $1 AND d.counted AND d.verdict = $2 ORDER BY d.at DESC, d.sequence DESC LIMIT 1",
        row["id"], row["verdict"],
    )  # fmt: skip
    if found is None or found["request"] is None:
        return None
    return Decided(task=row["id"], decision=Decision.model_validate(found["request"]), facts=found["response"].get("facts", {}))
