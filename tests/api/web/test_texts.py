"""The two catalogues say the same things; every text that is used is there, and every one that is there is used."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from api.web import forms, sentences
from api.web.case_parts import OF_PART, QUIET
from api.web.texts import DEFAULT, LANGUAGES, PLACEHOLDER, Formats, Texts, catalogue, chosen
from policy import partner_view
from policy.transitions import CASE_STATUSES, UMBRELLA_STATUSES
from schemas.engine import Holder, Track
from schemas.events import EVENTS
from schemas.messages import ReasonCode
from schemas.tasks import CATALOGUE, FUNCTIONS, MESSAGES, ROLES

WEB = Path(__file__).parents[3] / "api" / "web"
OTHERS = [language for language in LANGUAGES if language != DEFAULT]
SPECS = {
    (spec.owner, spec.key): spec
    for model in [
        *(verdict.model for kind in CATALOGUE.values() for verdict in kind.verdicts.values()),
        *(message.model for message in MESSAGES.values()),
    ]
    for one in forms.specs(model)
    for spec in [
        one,
        *one.parts,
        *(part for each in one.parts for part in each.parts),
        *(deep for each in one.parts for part in each.parts for deep in part.parts),
    ]
}


@pytest.mark.parametrize("language", OTHERS)
def test_the_catalogues_have_the_same_ids_and_placeholders(language: str) -> None:
    first, other = catalogue(DEFAULT), catalogue(language)
    assert set(first) == set(other)
    assert [
        identifier for identifier in first if set(PLACEHOLDER.findall(first[identifier])) != set(PLACEHOLDER.findall(other[identifier]))
    ] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_or_holds_markup(language: str) -> None:
    assert [identifier for identifier, text in catalogue(language).items() if not text.strip() or re.search(r"<\w|&\w+;", text)] == []


CODES = {
    "task": CATALOGUE,
    "ask": CATALOGUE,
    "verdict": {verdict for kind in CATALOGUE.values() for verdict in kind.verdicts},
    "message": MESSAGES,
    "role": ROLES | FUNCTIONS,
    "status": {*CASE_STATUSES, *UMBRELLA_STATUSES},
    "reason": {*get_args(ReasonCode), "confidential"},
    "holder": get_args(Holder),
    "track": get_args(Track),
    "procedure": partner_view.TRACKS,
    "event": EVENTS,
    "public": partner_view.TABLE,
    "owed": partner_view.OBLIGATIONS,
    "consequence": partner_view.CONSEQUENCES,
    "coarse": {name for name, words in partner_view.COARSE.items() if words},
    "seen": {part for row in partner_view.TABLE.values() for part in row.sees},
    "stage": partner_view.STAGES,
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("family", CODES)
def test_every_code_of_the_engine_has_a_text(family: str, language: str) -> None:
    t = Texts(language)
    assert sorted(code for code in CODES[family] if not t.has(f"{family}.{code}")) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_field_and_every_choice_of_every_form_has_a_text(language: str) -> None:
    t = Texts(language)
    assert [key for key, spec in SPECS.items() if not (t.has(f"field.{spec.owner}.{spec.key}") or t.has(f"field.{spec.key}"))] == []
    blank = [
        (spec.owner, spec.key, code)
        for spec in SPECS.values()
        for code in spec.choices
        if spec.shape in ("one", "many", "flag") and t.option(spec, code) == code and not code.isdigit()
    ]
    assert blank == []


def test_a_sentence_asks_for_nothing_that_its_event_does_not_say() -> None:
    wrong = {
        name: asked
        for name, event in EVENTS.items()
        if (asked := set(PLACEHOLDER.findall(catalogue(DEFAULT)[f"event.{name}"])) - set(event.keys))
    }
    assert wrong == {}


# Used --------------------------------------------------------------------------------------------------------------------------------

LITERAL = re.compile(r"""\bt(?:\.counted)?\(\s*["']([A-Za-z0-9_.]+)["']\s*[,)]""")
BEGUN = re.compile(r"""["'](?:f?)([a-z_]+(?:\.[a-z_]+)*\.)["']\s*~|\bf"([a-z_]+(?:\.[a-z_]+)*\.)\{""")
OF = re.compile(r"""\bt\.of\(\s*["']([a-z_]+)["']""")
NAMED = re.compile(r"""map_of\(t,\s*["']([a-z_]+)["']|,\s*["']([a-z]+)["']\)\s*[,}\]]""")


def sources() -> Iterator[tuple[str, str]]:
    for path in [*sorted(WEB.glob("*.py")), *sorted((WEB / "templates").glob("*.html"))]:
        yield path.name, path.read_text("utf-8")


def test_every_text_named_in_templates_and_code_is_there() -> None:
    t = Texts(DEFAULT)
    missing = {
        (name, identifier)
        for name, text in sources()
        for identifier in LITERAL.findall(text)
        if "." in identifier and not (t.has(identifier) or t.has(f"{identifier}.other"))
    }
    assert missing == set()


def test_every_text_is_used() -> None:
    named: set[str] = set()
    families = {*sentences.FAMILIES.values(), *(family for each in sentences.OF_EVENT.values() for family in each.values()), *CODES}
    families |= {family for each in OF_PART.values() for family in each.values()}
    for _, text in sources():
        named |= set(LITERAL.findall(text))
        families |= {found.rstrip(".") for pair in BEGUN.findall(text) for found in pair if found}
        families |= set(OF.findall(text)) | {found for pair in NAMED.findall(text) for found in pair if found}
    unused = [
        identifier
        for identifier in catalogue(DEFAULT)
        if identifier not in named
        and re.sub(r"\.(one|other)$", "", identifier) not in named
        and not any(identifier.startswith(f"{family}.") for family in families)
    ]
    assert unused == []


# To the letter ------------------------------------------------------------------------------------------------------------------------


def test_what_the_partner_reads_in_english_is_the_table_to_the_letter() -> None:
    t, f = Texts("en"), Formats("en")
    assert {name: t(f"public.{name}") for name in partner_view.TABLE} == {name: row.label for name, row in partner_view.TABLE.items()}
    assert {name: t(f"coarse.{name}") for name, words in partner_view.COARSE.items() if words} == {
        name: words for name, words in partner_view.COARSE.items() if words
    }
    for kind in partner_view.OBLIGATIONS:
        for role in ("assurance_officer", "partner_focal_point", "partner_authorised_officer"):
            for due, spoken in (("2026-06-19", "19 June 2026"), (None, None)):
                for state in ("open", "met"):
                    owed = {
                        "kind": kind,
                        "owner_role": role,
                        "due": due,
                        "consequences": ["block_instalment", "suspend_cash"],
                        "state": state,
                    }
                    said = partner_view.in_words(kind, role, spoken, ["block_instalment", "suspend_cash"], met=state == "met")
                    assert sentences.obligation(owed, t, f, to_partner=True) == said


@pytest.mark.parametrize("name", sorted(set(EVENTS) - QUIET))
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_event_that_says_less_than_it_might_still_makes_a_sentence(name: str, language: str) -> None:
    said = sentences.event({"type": f"pca.{name}.v1", "data": {}}, Texts(language), Formats(language))
    assert "{" not in said
    assert said[-1] in ".–" or said.endswith("–.")


@pytest.mark.parametrize(
    ("wanted", "language"), [("fr-CH, en;q=0.8", "fr"), ("de, fr;q=0.5", "fr"), ("", "en"), ("zz", "en"), ("EN-gb", "en"), ("*", "en")]
)
def test_the_first_language_of_ours_that_is_asked_for(wanted: str, language: str) -> None:
    assert chosen(wanted) == language


def test_dates_numbers_and_money_are_written_as_the_language_writes_them_in_the_offices_zone() -> None:
    en, fr = Formats("en", "Africa/Nairobi"), Formats("fr", "Africa/Nairobi")
    assert (en.money("10518100.00", "KES"), fr.money("10518100.00", "KES")) == (
        "KES\u00a010,518,100.00",
        "10\u202f518\u202f100,00\u00a0KES",
    )
    assert (en.date("2026-04-09"), fr.date("2026-04-09")) == ("9 Apr 2026", "9 avr. 2026")
    assert (en.date("2026-04-09T22:30:00Z"), en.moment("2026-04-09T22:30:00Z")) == ("10 Apr 2026", "10 Apr 2026, 01:30")
    assert (en.number("40"), en.number("1234.50"), fr.percent("22.91")) == ("40", "1,234.50", "22,9\u00a0%")
    assert (en.date(None), en.money("", "KES"), en.number("no number")) == ("–", "–", "no number")
