"""Settling the committee review: who may sit, what was said, what comes of it.

Opinions are kept for ever, also of members replaced; an opinion not given is never a yes. Counts are computed here from rows and never
typed. Words (questions, conditions, corrected titles) stay in the content store; events carry their hashes.
"""

import re
from typing import Any

from pydantic import ValidationError

from activities import people, reviewers, versions
from activities.settle_approval import set_conditions
from activities.settling import Draft, Settling, judges, settles
from db import content
from db.sql import queries
from policy import review as rules
from policy import segregation
from schemas.intake import Document, faults
from schemas.names import condition_id, reference_of
from schemas.office import Office

SQL = queries("review")

RESULTS: dict[str, rules.Result] = {
    "recommended": "recommend",
    "recommended_with_conditions": "recommend_with_conditions",
    "returned": "return",
    "not_recommended": "not_recommend",
}
SILENT = "silent-"
"""Begins the `whom` of a re-forming that replaces a silent member."""

# The committee ----------------------------------------------------------------------------------------------------------------------


@settles("review.convened")
async def convened(s: Settling, event: Draft) -> None:
    """The people of this round: enough, of the right functions and sections, none with another duty in the case."""
    kind = await _kind(s)
    members = await named_members(s, event.data.get("members", []))
    await _compose(s, kind, members)
    await check_approver(s, event.data.get("overall_approver", ""), members)
    event.data |= {"round": s.batch.round, "kind": kind, "quorum": rules.quorum(kind, await s.pack())}
    if kind == "two_person":  # nobody waits for a meeting
        s.dues["give_opinion"] = (await s.calendar()).due(s.at, (await s.pack())["review.two_person_days"])
    s.facts |= {"members": [member.person for member in members], "overall_approver": event.data.get("overall_approver")}


@settles("review.reformed")
async def reformed(s: Settling, event: Draft) -> None:
    """New members beside those who stay; who was silent leaves, the opinions given stay where they are.

    One person takes the place of everybody: when an emergency is declared in the midst of a committee's review, or the one recuses.
    """
    kind = await _kind(s)
    named = await s.db.fetch(SQL["members"], s.batch.subject, s.batch.round)
    silent = s.task.whom.removeprefix(SILENT) if s.task is not None and s.task.whom.startswith(SILENT) else None
    leave = {row["person"] for row in named if row["state"] == "named" and (kind == "single" or row["person"] == silent)}
    stay = [rules.Member(**_member(row)) for row in named if row["state"] == "named" and row["person"] not in leave]
    new = await named_members(s, event.data.get("members", []))
    for index, member in enumerate(new):
        if member.person in {row["person"] for row in named}:
            s.refuse(
                "named_twice",
                f"{member.person} was named in this round already.",
                path=f"$.data.members[{index}].person",
                source=rules.SOURCE,
                next_step="Name somebody else.",
            )
    await _compose(s, kind, [*stay, *new], first_new=len(stay))
    event.data |= {"round": s.batch.round, "kind": kind, "replaced": sorted(leave), "quorum": rules.quorum(kind, await s.pack())}
    s.facts["members"] = [member.person for member in new]


@settles("review.member_recused")
async def recused(s: Settling, event: Draft) -> None:
    """How many are left without the member."""
    named = await s.db.fetch(SQL["members"], s.batch.subject, s.batch.round)
    event.data["quorum_left"] = sum(row["state"] == "named" and row["person"] != event.data["member"] for row in named)


async def _kind(s: Settling) -> str:
    if await s.db.fetchrow(SQL["review"], s.batch.subject, s.batch.round) is None:
        raise LookupError(f"{s.batch.subject} was not submitted for round {s.batch.round}")
    return (await reviewers.kind(s.db, await s.case(), s.batch.round, await s.pack())).kind


def _member(row: Any) -> dict[str, str]:
    return {"person": row["person"], "function": row["function"], "section": row["section"]}


async def named_members(s: Settling, named: list[dict[str, Any]]) -> list[rules.Member]:
    """The people named, as the office file (of this office, or of the one that lends them) has them."""
    office, day = await s.office(), await s.today()
    found: list[rules.Member] = []
    for index, item in enumerate(named):
        home = office if office.person(item["person"]) is not None else await _lender(s, item["person"])
        path = f"$.data.members[{index}]"
        found.append(rules.Member(**_member(item), lent=home is not office))
        person = home.person(item["person"]) if home is not None else None
        if person is None:
            s.refuse("unknown_actor", f"No office knows {item['person']}.", path=f"{path}.person", source="office file")
            continue
        grants = [grant for grant in person.roles if grant.role in ("committee_member", "committee_chair") and grant.in_force(day)]
        if not any(item["function"] in grant.functions for grant in grants):
            s.refuse(
                "wrong_function",
                f"{item['person']} is no committee member for {item['function']} today.",
                path=f"{path}.function",
                source="office file",
                next_step="Name a member who holds that function.",
            )
        sections = {grant.section for grant in grants if grant.section}
        if sections and item["section"] not in sections:
            s.refuse(
                "wrong_section",
                f"{item['person']} is of the section {' or '.join(sorted(sections))}, not {item['section']}.",
                path=f"{path}.section",
                source="office file",
            )
    return found


async def _lender(s: Settling, actor: str) -> Office | None:
    """Another office may lend a member."""
    offices = await versions.offices(s.db, s.at.date())
    return next((office for office in offices if office.person(actor) is not None), None)


async def _compose(s: Settling, kind: str, members: list[rules.Member], *, first_new: int = 0) -> None:
    """Composition of the whole committee, and the duties of those who are new in it."""
    case, pack = await s.case(), await s.pack()
    acts = await people.acts_of(s.db, [case])
    for index, member in enumerate(members[first_new:]):
        for found in segregation.objections(acts, member.person, "give_opinion", whom=member.person, round=s.batch.round):
            s.add(found.model_copy(update={"path": f"$.data.members[{index}].person", "message": f"{member.person}: {found.message}"}))
    listed = kind == "single" and (
        s.decision is None or await reviewers.from_roster(s.db, case, s.batch.round, await s.today()) is not None
    )
    roster = await reviewers.roster(s.db, case, await s.today()) if listed else None  # it may have nobody left to give
    for found in rules.composition(kind, members, submitting_section=case["section"], pack=pack, roster=roster):
        path = re.sub(r"\[(\d+)\]", lambda at: f"[{int(at[1]) - first_new}]", found.path)
        s.add(found.model_copy(update={"path": path}))


async def check_approver(s: Settling, actor: str, members: list[rules.Member]) -> None:
    """Who consolidates is of the office, has no other duty in the case, and does not weigh an opinion of his or her own."""
    path = "$.data.overall_approver"
    if (await s.office()).person(actor) is None and await _lender(s, actor) is None:
        s.refuse("unknown_actor", f"No office knows {actor}.", path=path, source="office file")
        return
    for found in segregation.objections(await people.acts_of(s.db, [await s.case()]), actor, "consolidate_recommendation"):
        s.add(found.model_copy(update={"path": path}))
    if len(members) > 1 and actor in {member.person for member in members}:
        s.refuse(
            "counted_twice",
            "Who consolidates the recommendation is not counted among the members.",
            path=path,
            source=rules.SOURCE,
            next_step="Name another overall approver.",
        )


# Opinions -------------------------------------------------------------------------------------------------------------------------


@judges("give_opinion")
async def is_a_member(s: Settling) -> None:
    """The member whose opinion it is, still sitting; all eight questions, no conflict, a comment with every disagreement."""
    assert s.decision is not None  # a task is judged with its decision
    assert s.task_row is not None
    if s.batch.stage != "review":
        return  # a ratification has members of its own
    whose = s.task_row["whom"]
    holder = s.decision.on_behalf_of or s.decision.actor
    named = {row["person"]: row["state"] for row in await s.db.fetch(SQL["members"], s.batch.subject, s.batch.round)}
    if holder != whose or named.get(holder) != "named":
        s.refuse(
            "not_a_member",
            f"This opinion is {whose}'s to give." if holder != whose else f"{holder} no longer sits in this review.",
            path="$.actor",
            source=rules.SOURCE,
        )
    s.add(
        *rules.check_opinion(
            s.decision.verdict,
            s.data.get("answers", {}),
            no_conflict=bool(s.data.get("no_conflict")),
            comment=bool(s.decision.comment),
        )
    )


@settles("review.opinion_given")
async def opinion_given(s: Settling, event: Draft) -> None:
    """Round, member and answers stand in the event; the words of a condition in the content store."""
    event.data |= {"round": s.batch.round, "purpose": event.data.get("purpose", "review")}
    proposed = event.data.pop("conditions", None) or []
    event.data["conditions"] = [await _kept(s, condition) for condition in proposed]


async def _kept(s: Settling, condition: dict[str, Any]) -> dict[str, Any]:
    text = await content.put(s.db, condition["text"], by=s.actor)
    return {"text_sha256": text.sha256, **{name: condition.get(name) for name in ("owner_role", "gate", "due")}}


@settles("review.question_asked", "review.question_answered")
async def question(s: Settling, event: Draft) -> None:
    """To whom, and the hash of the words."""
    words = s.data.get("question") or s.data.get("text")
    if words:
        event.data["text_sha256"] = (await content.put(s.db, words, by=s.actor)).sha256


# Clerical correction ---------------------------------------------------------------------------------------------------------------


@settles("review.corrected")
async def corrected(s: Settling, event: Draft) -> None:
    """A new version that differs in what is clerical only; the acceptances move to it."""
    case, pack = await s.case(event.subject), await s.pack(subject=event.subject)
    fields: dict[str, str] = event.data.pop("fields", {})
    old = await s.document(event.subject)
    raw = old.model_dump(mode="json")
    for path, value in fields.items():
        if not _put(raw, path, value):
            s.refuse(
                "no_such_field",
                f"The document has no text or date {path}.",
                path=f"$.data.fields.{path}",
                source=pack.source("review.clerical_fields"),
            )
    try:
        new = Document.model_validate(raw)
    except ValidationError as error:
        s.add(*faults(error))
        return
    s.add(*rules.check_clerical(old, new, pack))
    if new == old:
        s.refuse("nothing_changes", "The correction changes nothing.", path="$.data.fields")
    reference = await content.put(s.db, new, by=s.actor)
    event.data |= {"fields": sorted(fields), "old_sha256": case["document_sha256"], "sha256": reference.sha256}
    s.facts["sha256"] = reference.sha256
    version = {"version": case["document_version"] + 1, "sha256": reference.sha256, "side": "office"}
    s.append("document.version_stored", version, subject=event.subject)


def _put(raw: dict[str, Any], path: str, value: str) -> bool:
    """Replace the text or date at `path` (`title`, `outputs[0].indicators[1].title`); False if there is none."""
    parts = re.findall(r"[a-z_]+|\d+", path.removeprefix("$.").removeprefix("document."))
    at: Any = raw
    for part in parts[:-1]:
        try:
            at = at[int(part)] if part.isdigit() else at[part]
        except (KeyError, IndexError, TypeError):
            return False
    if not parts or not isinstance(at, dict) or not isinstance(at.get(parts[-1]), str):
        return False
    at[parts[-1]] = value
    return True


# Conclusion -------------------------------------------------------------------------------------------------------------------------


@settles("review.concluded")
async def concluded(s: Settling, event: Draft) -> None:
    """Counted from the opinions; departed from only towards more caution and with a reason; conditions become the case's own."""
    verdict = RESULTS[event.data["result"]]
    event.data |= {"round": s.batch.round, "counts": None, "conditions": []}
    event.data.pop("departs_because", None)  # the words stay with the decision's data
    s.facts["result"] = event.data["result"]
    if s.task is not None and s.task.kind == "prepare_review":
        return  # returned before anybody was asked
    pack = await s.pack()
    kind = await _kind(s)
    rows = await s.db.fetch(SQL["opinions"], s.batch.subject, s.batch.round)
    opinions = [rules.Opinion(member=row["member"], verdict=row["verdict"]) for row in rows]
    counted = rules.count(opinions, rules.quorum(kind, pack), chair=await _chair(s, opinions, verdict))
    s.add(*rules.check_conclusion(counted, verdict, reason=bool(s.data.get("departs_because"))))
    event.data["counts"] = {"recommend": counted.recommend, "return": counted.returned, "not_recommend": counted.not_recommend}
    if verdict != "recommend_with_conditions":
        return
    conditions = s.data.get("conditions") or await _proposed(s, [row["member"] for row in rows])
    if not conditions:
        s.refuse(
            "no_conditions",
            "A recommendation with conditions needs one; no opinion proposes any.",
            path="$.data.conditions",
            source=rules.SOURCE,
            next_step="State them, or recommend without.",
        )
    reference = reference_of(event.subject)
    prefix = condition_id(reference, s.batch.round, "review", 0).rpartition(":")[0] + ":"
    first = 1 + int(await s.db.fetchval(SQL["conditions_before"], event.subject, prefix))
    event.data["conditions"] = [condition_id(reference, s.batch.round, "review", nth) for nth in range(first, first + len(conditions))]
    await set_conditions(s, conditions, stage="review", subject=event.subject)


async def _chair(s: Settling, opinions: list[rules.Opinion], verdict: str) -> str | None:
    """What the chair says in a tie: the opinion of the chair who sits, else the verdict of the chair who consolidates."""
    office, day = await s.office(), await s.today()
    chairs = {p.actor for p in office.people if any(grant.role == "committee_chair" and grant.in_force(day) for grant in p.roles)}
    sitting = next((opinion.verdict for opinion in opinions if opinion.member in chairs), None)
    return sitting or (verdict if s.actor in chairs else None)


async def _proposed(s: Settling, members: list[str]) -> list[dict[str, Any]]:
    """All conditions of the opinions that count, each once, with their words."""
    found: dict[str, dict[str, Any]] = {}
    for row in await s.db.fetch(SQL["conditions_proposed"], s.batch.subject, s.batch.round, members):
        for condition in row["conditions"] or []:
            # the member's own words: they do not get lost where somebody else sealed the same ones
            body = await content.get(s.db, condition["text_sha256"], sealed=True)
            assert body is not None  # put with the opinion
            found.setdefault(condition["text_sha256"], {**condition, "text": body.decode()})
    return list(found.values())
