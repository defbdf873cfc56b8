"""Committee review: which kind, who may sit, when the quorum has spoken, how opinions count, what may be corrected.

The kind follows amount and track, not the document's name. An opinion not given is never a yes, and a conclusion may depart from
the count only towards more caution. Rules over what a stage has heard: deterministic and free of any clock.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from policy.document import same_quarter
from policy.pack import Pack
from schemas.base import Tolerant
from schemas.findings import Finding
from schemas.intake import Document

Kind = Literal["committee", "two_person", "single", "none"]
Result = Literal["recommend", "recommend_with_conditions", "return", "not_recommend"]
CAUTION: tuple[Result, ...] = ("recommend", "recommend_with_conditions", "return", "not_recommend")
"""Results from least to most cautious."""

POSITIVE = frozenset({"recommend", "recommend_with_conditions"})
QUESTIONS = ("q1", "q2", "q3", "q4", "q5", "q6", "q7", "q8")
ANSWERS = ("strongly_agree", "agree", "disagree", "strongly_disagree")
SOURCE = "Partnership Review Committee (ET, ANXG)"


@dataclass(frozen=True)
class ReviewKind:
    """The kind and, in words, why."""

    kind: Kind
    why: str


def kind(
    office_total_usd: Decimal,
    pack: Pack,
    *,
    single_unlocked: bool = True,
    within_ceiling: bool = False,
    small_amendment: bool = False,
) -> ReviewKind:
    """The review a document gets.

    `single_unlocked`: the activation's level allows the single reviewer; `within_ceiling`: a contingency activation within its
    protocol.
    """
    if within_ceiling:
        return ReviewKind("none", "contingency activation within the ceiling")
    if small_amendment:
        return ReviewKind("none", "small amendment")
    if pack.track == "emergency" and single_unlocked:
        return ReviewKind("single", "emergency track, any amount")
    edge = pack.number("review.committee_usd")
    if office_total_usd >= edge:
        return ReviewKind("committee", f"US$ {office_total_usd:,.2f} is at or above US$ {edge:,}")
    return ReviewKind("two_person", f"US$ {office_total_usd:,.2f} is below US$ {edge:,}")


def quorum(of: str, pack: Pack) -> int:
    """Opinions needed by a kind of review (also `ratification`)."""
    return int(pack["review.quorum"][of])


class Member(Tolerant):
    """One reviewer: an actor, with the function held and the section of the office file."""

    person: str
    function: str = ""
    section: str = ""
    lent: bool = False


def composition(
    of: str,
    members: Sequence[Member],
    *,
    submitting_section: str,
    pack: Pack,
    barred: Collection[str] = (),
    roster: Collection[str] | None = None,
    path: str = "$.data.members",
) -> list[Finding]:
    """Why these people do not make a review of that kind; all reasons.

    `barred` are actors with another duty in the case (the submitter); `roster` limits a single reviewer.
    """
    found: list[Finding] = []

    def refuse(rule: str, message: str, next_step: str, index: int | None = None, basis: str = "review.functions") -> None:
        at = path if index is None else f"{path}[{index}]"
        found.append(pack.finding(rule, message, of=basis, path=at, next_step=next_step))

    needed = quorum(of, pack)
    people = [member.person for member in members]
    if len(set(people)) < needed:
        refuse(
            "too_few_members", f"{len(set(people))} of at least {needed} members are named.", "Name more members.", basis="review.quorum"
        )
    have = {member.function for member in members}
    for function in pack["review.functions"][of]:
        if function not in have:
            refuse(
                "function_missing", f"Nobody has the function {function}.", f"Name a member for {function}; another office may lend one."
            )
    for index, member in enumerate(members):
        if member.section and member.section == submitting_section and not member.lent:
            refuse("submitting_section", f"{member.person} is of the submitting section {submitting_section}.", "Name someone else.", index)
        if member.person in barred:
            refuse(
                "submitter_reviews", f"{member.person} submitted the document or has another duty in the case.", "Name someone else.", index
            )
        if member.person in people[:index]:
            refuse("named_twice", f"{member.person} is named twice.", "Name each member once.", index)
        if of == "single" and roster is not None and member.person not in roster:
            refuse("not_on_roster", f"{member.person} is not on the activation's roster.", "Name a reviewer of the roster.", index)
    if of == "single" and len(people) > 1:
        refuse("too_many_members", "One reviewer is named, not more.", "Name one.", basis="review.quorum")
    return found


class Opinion(Tolerant):
    """One member's opinion."""

    member: str
    verdict: str
    conditions: int = 0


def check_opinion(
    verdict: str, answers: Mapping[str, str], *, no_conflict: bool, comment: bool, questions: Sequence[str] = QUESTIONS
) -> list[Finding]:
    """What an opinion lacks: all eight answers, the statement on conflicts, a comment with any disagreement. A recusal needs none."""
    if verdict == "recuse":
        return []
    found = [
        Finding(
            rule="question_not_answered",
            message=f"Question {name} needs one of {', '.join(ANSWERS)}.",
            path=f"$.data.answers.{name}",
            source=SOURCE,
            next_step="Answer all eight questions.",
        )
        for name in questions
        if answers.get(name) not in ANSWERS
    ]
    if not no_conflict:
        found.append(
            Finding(
                rule="conflict_not_excluded",
                message="The member does not state that there is no conflict of interest.",
                path="$.data.no_conflict",
                source="GTC 4.3",
                next_step="State it, or recuse.",
            )
        )
    if not comment and any(answers.get(name) in ("disagree", "strongly_disagree") for name in questions):
        found.append(
            Finding(
                rule="disagreement_without_comment",
                message="A disagreement needs a comment.",
                path="$.comment",
                source=SOURCE,
                next_step="Say why.",
            )
        )
    return found


@dataclass(frozen=True)
class Count:
    """How the opinions count. `result` None: not to be concluded yet, for the reason in `findings`."""

    result: Result | None
    recommend: int
    returned: int
    not_recommend: int
    findings: tuple[Finding, ...] = ()


def count(opinions: Sequence[Opinion], needed: int, *, chair: str | None = None) -> Count:
    """The committee's result: more than half of those who spoke recommend, at least `needed` having spoken; a tie is the chair's.

    A member counts once, with the last opinion; recusals do not count. `chair` is the chair's verdict on a tie, if given.
    """
    spoken = {opinion.member: opinion for opinion in opinions if opinion.verdict != "recuse"}
    for opinion in opinions:
        if opinion.verdict == "recuse":
            spoken.pop(opinion.member, None)
    verdicts = [opinion.verdict for opinion in spoken.values()]
    yes = sum(verdict in POSITIVE for verdict in verdicts)
    returned, against = verdicts.count("return"), verdicts.count("not_recommend")
    if len(spoken) < needed or not spoken:
        waiting = Finding(
            rule="quorum",
            message=f"{len(spoken)} of {needed} opinions are given.",
            severity="wait",
            source=SOURCE,
            next_step="The members give their opinions, or the secretary replaces one.",
        )
        return Count(None, yes, returned, against, (waiting,))
    conditional = "recommend_with_conditions" in verdicts
    favourable: Result = "recommend_with_conditions" if conditional else "recommend"
    unfavourable: Result = "return" if returned >= against else "not_recommend"
    if yes * 2 > len(spoken):
        return Count(favourable, yes, returned, against)
    if yes * 2 < len(spoken):
        return Count(unfavourable, yes, returned, against)
    if chair is None:
        tie = Finding(
            rule="tie",
            message="The opinions are tied.",
            severity="wait",
            source=SOURCE,
            next_step="The chair decides the tie.",
        )
        return Count(None, yes, returned, against, (tie,))
    return Count(favourable if chair in POSITIVE else unfavourable, yes, returned, against)


def check_conclusion(counted: Count, concluded: str, *, reason: bool) -> list[Finding]:
    """The overall approver may depart from the count only towards more caution, with a reason."""
    if counted.result is None:
        return [finding.model_copy(update={"severity": "refusal"}) for finding in counted.findings]
    if concluded == counted.result:
        return []
    if concluded not in CAUTION or CAUTION.index(concluded) < CAUTION.index(counted.result):
        return [
            Finding(
                rule="less_cautious",
                message=f"The committee's result is {counted.result}; {concluded} would be less cautious.",
                path="$.verdict",
                source=SOURCE,
                next_step="Conclude as counted, or more cautiously with a reason.",
            )
        ]
    if reason:
        return []
    return [
        Finding(
            rule="departure_without_reason",
            message=f"The committee's result is {counted.result}; to conclude {concluded} needs a reason.",
            path="$.data.departs_because",
            source=SOURCE,
            next_step="Say why.",
        )
    ]


def quorum_lost(of: str, members: Sequence[Member], recused: Collection[str], pack: Pack) -> bool:
    """Whether what is left after recusals no longer makes the review: too few, or a function missing."""
    left = [member for member in members if member.person not in recused]
    return len({member.person for member in left}) < quorum(of, pack) or not set(pack["review.functions"][of]) <= {
        member.function for member in left
    }


def check_clerical(old: Document, new: Document, pack: Pack) -> list[Finding]:
    """`not_clerical` for every change beyond title, names, references, and dates within the same quarters.

    Names are the titles of outputs, activities, indicators and lines; references are programme outputs and annex documents.
    """
    found: list[Finding] = []
    for name in ("start", "end"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after and not (before and after and same_quarter(before, after)):
            found.append(_not_clerical(f"$.document.{name}", f"The {name} moves to another quarter.", pack))
    one, other = _substance(old), _substance(new)
    found += [
        _not_clerical(f"$.document.{name}", f"{name.replace('_', ' ')} changes in substance.", pack)
        for name in one
        if one[name] != other[name]
    ]
    return found


def _not_clerical(path: str, message: str, pack: Pack) -> Finding:
    return pack.finding(
        "not_clerical", message, of="review.clerical_fields", path=path, next_step="Return the document to drafting for this change."
    )


def _substance(document: Document) -> dict[str, object]:
    """The document without what a clerical correction may touch."""
    raw = document.model_dump(exclude={"title", "start", "end"})
    for output in raw["outputs"]:
        output.pop("title")
        output.pop("programme_output")
        for item in (*output["indicators"], *output["activities"]):
            item.pop("title")
    for line in raw["management"]:
        line.pop("title")
    for annex in raw["annexes"]:
        annex.pop("document")
    return raw
