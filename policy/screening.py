"""Sanctions screening: every name of a partner against list entries, normalised, transliterated, scored.

Deterministic: the same names and lists give the same hits with the same ids, in the same order, whatever the order they came in.
A hit is never decided here: a person disposes of each one, two from a certain score on. Screening is never waived or deferred.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from anyascii import anyascii
from rapidfuzz import fuzz
from rapidfuzz.distance import JaroWinkler

from policy.pack import Pack
from schemas.intake import Intake

CENT = Decimal("0.01")
UNSURE = Decimal("0.95")
"""The most that likeness of consonants alone can be."""


@dataclass(frozen=True, order=True)
class Name:
    """A name to be screened and what its bearer is to the partner: organisation, alias, leader, officer, account_holder ..."""

    name: str
    role: str


@dataclass(frozen=True)
class Entry:
    """One entry of a list, with every name it is known by."""

    id: str
    list_name: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Hit:
    """A likeness that a person must dispose of. `score` is 0 to 1, two decimals."""

    id: str
    name: str
    role: str
    entry: str
    list_name: str
    listed_name: str
    score: Decimal
    second_person: bool


@lru_cache(maxsize=65_536)
def normalise(name: str) -> str:
    """Latin letters and digits in lower case, words sorted: what is compared."""
    return " ".join(sorted(re.findall(r"[a-z0-9]+", re.sub(r"['’`´]", "", anyascii(name).lower()))))


@lru_cache(maxsize=65_536)
def _latin(name: str) -> bool:
    return all(unicodedata.name(letter, "LATIN").startswith("LATIN") for letter in name if letter.isalpha())


@lru_cache(maxsize=65_536)
def skeleton(name: str) -> str:
    """The consonants of a normalised name, spellings of one sound made one: what different transliterations have in common."""
    words = (
        re.sub(r"(.)\1+", r"\1", re.sub(r"[aeiouyj]", "", word.replace("kh", "h").replace("gh", "g"))) for word in normalise(name).split()
    )
    return " ".join(sorted(word for word in words if word))


def score(name: str, listed: str, at_least: Decimal = Decimal(0)) -> Decimal:
    """Likeness of two names, 0 to 1, two decimals; 0 if surely below `at_least`.

    The mean of edit ratio and Jaro-Winkler likeness of the normalised names: the first sees missing words, the second forgives
    endings and spellings. A name in another script is also compared by its consonants, since one name has many transliterations;
    that likeness is never certain, so 0.95 is its most.
    """
    likeness = _likeness(normalise(name), normalise(listed), at_least)
    if _latin(name) and _latin(listed):
        return likeness
    return max(likeness, min(_likeness(skeleton(name), skeleton(listed), at_least), UNSURE))


def _likeness(one: str, other: str, at_least: Decimal) -> Decimal:
    if not one or not other:
        return Decimal(0)
    # the mean cannot reach at_least if the edit ratio is below 2 x at_least - 1: cheap way out for thousands of entries
    ratio = fuzz.ratio(one, other, score_cutoff=max(0.0, float(at_least) * 200 - 101))
    if ratio == 0:
        return Decimal(0)
    mean = (ratio / 100 + JaroWinkler.normalized_similarity(one, other)) / 2
    return Decimal(str(mean)).quantize(CENT, ROUND_HALF_UP)


def hit_id(name: Name, entry: Entry) -> str:
    """What tells a hit apart: the entry and the normalised name; a re-run finds the same hit."""
    text = "\x1f".join((entry.list_name, entry.id, normalise(name.name)))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def screen(names: Iterable[Name], entries: Iterable[Entry], pack: Pack) -> tuple[Hit, ...]:
    """All hits at or above the pack's threshold, best first.

    One hit for each pair of normalised name and entry: the entry's best-matching name counts, roles of one name are joined.
    """
    threshold = pack.number("screening.threshold")
    second = pack.number("screening.second_check")
    roles: dict[str, tuple[str, set[str]]] = {}
    for item in sorted(names):
        if normalise(item.name):
            roles.setdefault(normalise(item.name), (item.name, set()))[1].add(item.role)
    hits: list[Hit] = []
    for entry in entries:
        for shown, held in roles.values():
            best, listed = max(((score(shown, known, threshold), known) for known in entry.names), default=(Decimal(0), ""))
            if best >= threshold:
                name = Name(shown, ", ".join(sorted(held)))
                hits.append(Hit(hit_id(name, entry), shown, name.role, entry.id, entry.list_name, listed, best, best >= second))
    return tuple(sorted(hits, key=lambda hit: (-hit.score, hit.list_name, hit.entry, hit.name)))


def names_of(intake: Intake) -> tuple[Name, ...]:
    """Everyone and everything of an intake that is screened."""
    partner = intake.partner
    found = [Name(partner.legal_name, "organisation")]
    found += [Name(name, "former_name") for name in partner.former_names]
    found += [Name(name, "alias") for name in partner.aliases]
    found += [Name(leader.name, "leader") for leader in partner.leaders]
    found += [Name(member.name, "board") for member in partner.board]
    found += [Name(officer.name, "authorised_officer") for officer in partner.officers]
    found += [Name(name, "sub_partner") for name in (*partner.sub_partners, *intake.implementing_members)]
    holders = {partner.account_holder, partner.vendor.account_holder if partner.vendor else ""}
    found += [Name(name, "account_holder") for name in sorted(holders) if name]
    return tuple(found)


def fresh(screened_on: date | None, day: date, newest_list_on: date | None, pack: Pack) -> bool:
    """Whether a screening still counts on `day`: at most 30 calendar days old, and no newer list was loaded after it."""
    if screened_on is None or day > screened_on + timedelta(days=pack["vetting.screening_days"]):
        return False
    return newest_list_on is None or newest_list_on <= screened_on
