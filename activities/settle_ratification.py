"""Settling the ratification: three people of a full committee look, after the signature, at what one person has recommended.

The opinions are kept with those of the review, told apart by their purpose; one not given is never a yes. Ratified, the obligation is met;
not ratified, cash stops and the head of office decides, while what was spent before in good faith stays eligible. It never undoes a
signature.
"""

import re

from activities import people
from activities.settle_approval import set_conditions
from activities.settle_obligations import met
from activities.settle_review import check_approver, named_members
from activities.settling import Draft, Settling, judges, settles
from db.sql import queries
from policy import review as rules
from policy import segregation

SQL = queries("owed")

STAGE = "obligations"
"""The stage in which tasks of the review's kinds serve the ratification."""
KIND = "ratification"


@judges("prepare_review")
async def only_convenes(s: Settling) -> None:
    """The document is signed: nothing is corrected or returned any more."""
    if s.batch.stage == STAGE and s.decision is not None and s.decision.verdict != "convene":
        s.refuse(
            "wrong_verdict",
            "A ratification is convened; the signed document is neither corrected nor returned.",
            path="$.verdict",
            source=rules.SOURCE,
            next_step="Convene, or write the obligation off.",
        )


@settles("review.ratification_convened")
async def convened(s: Settling, event: Draft) -> None:
    """Composed as a full committee, with those who were named before and still count; nobody who recommended the case."""
    case, pack = await s.case(event.subject), await s.pack(subject=event.subject)
    owed = await s.db.fetchrow(SQL["ratification"], event.subject)
    if owed is None:
        s.refuse("nothing_to_ratify", "No review of this case waits for its ratification.", source="stages 6")
        return
    new = await named_members(s, event.data.get("members", []))
    spoken = {row["member"] for row in await s.db.fetch(SQL["ratifying_opinions"], event.subject)}
    asked = {row["whom"] for row in await s.db.fetch(SQL["ratifiers_asked"], event.subject)}
    named = [rules.Member.model_validate(row["member"]) for row in await s.db.fetch(SQL["ratifiers"], event.subject)]
    stay = [member for member in named if member.person in spoken | asked]
    acts = await people.acts_of(s.db, [case])
    for index, member in enumerate(new):
        for found in segregation.objections(acts, member.person, "give_opinion", whom=member.person, round=s.batch.round):
            s.add(found.model_copy(update={"path": f"$.data.members[{index}].person", "message": f"{member.person}: {found.message}"}))
    barred = {row["member"] for row in await s.db.fetch(SQL["reviewers"], event.subject)}
    for found in rules.composition(KIND, [*stay, *new], submitting_section=case["section"], pack=pack, barred=barred):
        s.add(found.model_copy(update={"path": re.sub(r"\[(\d+)\]", lambda at: f"[{int(at[1]) - len(stay)}]", found.path)}))
    await check_approver(s, event.data.get("overall_approver", ""), new)
    event.data |= {"quorum": rules.quorum(KIND, pack)}
    s.facts |= {"members": [member.person for member in new], "overall_approver": event.data.get("overall_approver")}
    if owed["due_at"] is not None:
        s.dues["give_opinion"] = s.dues["ratify_emergency_review"] = owed["due_at"]


@judges("give_opinion")
async def ratifies(s: Settling) -> None:
    """Who was named, with all eight questions answered."""
    if s.batch.stage != STAGE or s.decision is None or s.task is None:
        return
    holder = s.decision.on_behalf_of or s.decision.actor
    named = {row["member"]["person"] for row in await s.db.fetch(SQL["ratifiers"], s.batch.subject)}
    if holder != s.task.whom or holder not in named:
        s.refuse("not_a_member", f"This opinion is {s.task.whom}'s to give.", path="$.actor", source=rules.SOURCE)
    s.add(
        *rules.check_opinion(
            s.decision.verdict, s.data.get("answers", {}), no_conflict=bool(s.data.get("no_conflict")), comment=bool(s.decision.comment)
        )
    )


async def _counted(s: Settling) -> rules.Count:
    rows = await s.db.fetch(SQL["ratifying_opinions"], s.batch.subject)
    opinions = [rules.Opinion(member=row["member"], verdict=row["verdict"]) for row in rows]
    return rules.count(opinions, rules.quorum(KIND, await s.pack()))


@judges("ratify_emergency_review")
async def as_counted(s: Settling) -> None:
    """Ratified only when more than half of a quorum recommend; refusing it is always open, with a reason."""
    if s.decision is None or s.decision.verdict == "not_ratify":
        return
    counted = await _counted(s)
    s.add(*(finding.model_copy(update={"severity": "refusal"}) for finding in counted.findings))
    if counted.result is not None and counted.result not in rules.POSITIVE:
        s.refuse(
            "less_cautious",
            f"The committee's result is {counted.result}; to ratify would be less cautious.",
            path="$.verdict",
            source=rules.SOURCE,
            next_step="Decide not_ratify, or wait for the opinions that are still to come.",
        )


@settles("review.ratified")
async def ratified(s: Settling, event: Draft) -> None:
    """The obligation is met; conditions become the case's own."""
    counted = await _counted(s)
    conditions = event.data.pop("conditions", None) or []
    event.data |= {
        "counts": {"recommend": counted.recommend, "return": counted.returned, "not_recommend": counted.not_recommend},
        "conditions": len(conditions),
    }
    await met(s, "committee_ratification", event.subject, by=f"ratify_emergency_review:{event.data['verdict']}")
    await set_conditions(s, conditions, stage=KIND, subject=event.subject)


@settles("review.not_ratified")
async def not_ratified(s: Settling, event: Draft) -> None:
    """The committee has spoken, so nothing more is owed to it; cash stops until the head of office has decided."""
    counted = await _counted(s)
    event.data["counts"] = {"recommend": counted.recommend, "return": counted.returned, "not_recommend": counted.not_recommend}
    await met(s, "committee_ratification", event.subject, by="ratify_emergency_review:not_ratify")
    s.append("case.suspended", {"scope": "cash"}, event.subject)
    await s.hint_case(event.subject)
