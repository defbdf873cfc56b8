"""Screening a partner against the lists in force, and loading those lists."""

import pytest

from activities.sanctions import SanctionsListUnreadable, load, parse
from schemas.engine import Event
from tests.activities.desk import NO_HITS, Desk, at, facts

LB = "partner:LB:P-LB-0005"

WITH_HIT = """<?xml version="1.0" encoding="UTF-8"?>
<CONSOLIDATED_LIST dateGenerated="{day}T08:00:00Z">
  <INDIVIDUALS>
    <INDIVIDUAL>
      <DATAID>690100</DATAID><FIRST_NAME>KARIM</FIRST_NAME><SECOND_NAME>HADAD</SECOND_NAME><THIRD_NAME>SALIH</THIRD_NAME>
      <REFERENCE_NUMBER>EXi.001</REFERENCE_NUMBER>
      <NATIONALITY><VALUE>Iraq</VALUE></NATIONALITY>
      <INDIVIDUAL_ALIAS><QUALITY>Good</QUALITY><ALIAS_NAME>Карим Хадад</ALIAS_NAME></INDIVIDUAL_ALIAS>
      <INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>EXACT</TYPE_OF_DATE><YEAR>1961</YEAR></INDIVIDUAL_DATE_OF_BIRTH>
    </INDIVIDUAL>
  </INDIVIDUALS>
  <ENTITIES>
    <ENTITY><DATAID>690200</DATAID><FIRST_NAME>EXAMPLE TRADING HOUSE</FIRST_NAME>
      <ENTITY_ALIAS><ALIAS_NAME>E.T.H.</ALIAS_NAME></ENTITY_ALIAS></ENTITY>
  </ENTITIES>
</CONSOLIDATED_LIST>
"""


async def listed(desk: Desk, day: str = "2026-02-01") -> None:
    async with desk.pool.acquire() as conn:
        await load(conn, WITH_HIT.format(day=day).encode())


async def test_a_likeness_is_a_hit_that_needs_a_person(desk: Desk) -> None:
    await listed(desk)
    await desk.taken(facts("C6"))
    found = await desk.screen(LB, at("2026-03-02"))
    assert not found.clear
    assert len(found.open_hits) == 1
    assert found.second == found.open_hits, "a score of 0.90 or more needs a second person"


async def test_no_name_of_anybody_goes_into_the_events(desk: Desk) -> None:
    await listed(desk)
    await desk.taken(facts("C6"))
    await desk.screen(LB, at("2026-03-02"))
    bodies = " ".join(row["body"] for row in await desk.pool.fetch("SELECT body FROM event WHERE type LIKE 'screening.%'"))
    assert "Karim" not in bodies
    assert "Haddad" not in bodies


async def test_a_fresh_screening_is_not_run_again(desk: Desk) -> None:
    await listed(desk)
    await desk.taken(facts("C6"))
    first = await desk.screen(LB, at("2026-03-02"))
    again = await desk.screen(LB, at("2026-03-20"))
    assert again.open_hits == first.open_hits
    assert len(await desk.told(LB, "screening.done")) == 1


async def test_a_screening_is_run_again_after_thirty_days(desk: Desk) -> None:
    await desk.taken(facts("C6"))
    await desk.screen(LB, at("2026-03-02"))
    await desk.screen(LB, at("2026-04-02"))
    assert len(await desk.told(LB, "screening.done")) == 2


async def test_a_newer_list_makes_a_screening_stale(desk: Desk) -> None:
    await desk.taken(facts("C6"))
    assert (await desk.screen(LB, at("2026-03-02"))).clear
    await listed(desk, "2026-03-05")
    assert (await desk.screen(LB, at("2026-03-04"))).clear, "the newer list is not in effect yet"
    assert not (await desk.screen(LB, at("2026-03-06"))).clear


async def test_a_hit_already_disposed_of_stays_disposed(desk: Desk) -> None:
    await listed(desk)
    await desk.taken(facts("C6"))
    (hit,) = (await desk.screen(LB, at("2026-03-02"))).open_hits
    for verdict in ("second_check", "false_positive"):
        done = await desk.system(
            LB, "vetting", verdict, at("2026-03-03"), [Event(type="screening.hit_disposed", data={"hit": hit, "verdict": verdict})]
        )
        assert not done.refused, done.findings
    later = await desk.screen(LB, at("2026-05-01"))
    assert later.clear
    assert len(await desk.told(LB, "screening.hit_found")) == 1


async def test_a_case_is_screened_by_its_partner_and_a_new_hit_starts_the_vetting(desk: Desk) -> None:
    case = await desk.taken(facts("C6"))
    assert (await desk.screen(case, at("2026-03-02"))).clear
    await listed(desk, "2026-03-10")
    found = await desk.screen(case, at("2026-03-11"), trigger="before_approval")
    assert [start.id for start in found.starts] == ["pca.partner.P-LB-0005.LB.vetting"]
    assert found.view is not None


async def test_a_screening_against_no_list_is_none(desk: Desk) -> None:
    await desk.taken(facts("C6"))
    await desk.pool.execute("DELETE FROM sanctions_entry")
    await desk.pool.execute("DELETE FROM sanctions_list")
    assert not (await desk.screen(LB, at("2026-03-02"))).clear
    assert await desk.told(LB, "screening.done") == []


async def test_the_same_edition_is_loaded_once(desk: Desk) -> None:
    async with desk.pool.acquire() as conn:
        again = await load(conn, NO_HITS)
        assert again.repeated
        with pytest.raises(SanctionsListUnreadable, match="loaded before with other content"):
            await load(conn, NO_HITS + b"\n")


async def test_names_are_kept_as_listed_and_in_latin_letters(desk: Desk) -> None:
    await listed(desk)
    names = await desk.pool.fetchval("SELECT names FROM sanctions_entry WHERE entry = '690100'")
    assert [name["name"] for name in names] == ["KARIM HADAD SALIH", "Карим Хадад"]
    assert names[1]["latin"] == "Karim Khadad"


def test_birth_years_and_nationalities_are_read() -> None:
    entry = parse(WITH_HIT.format(day="2026-02-01").encode()).entries[0]
    assert entry.details == {"reference": "EXi.001", "listed_on": "", "born": [1961], "nationality": ["Iraq"]}


def test_every_fault_of_a_list_is_told_with_its_line() -> None:
    text = b"""<CONSOLIDATED_LIST dateGenerated="2026-02-01">
<INDIVIDUALS>
<INDIVIDUAL><DATAID>1</DATAID></INDIVIDUAL>
<PERSON/>
<INDIVIDUAL><FIRST_NAME>A</FIRST_NAME></INDIVIDUAL>
<INDIVIDUAL><DATAID>2</DATAID><FIRST_NAME>B</FIRST_NAME><INDIVIDUAL_DATE_OF_BIRTH><YEAR>about</YEAR></INDIVIDUAL_DATE_OF_BIRTH></INDIVIDUAL>
<INDIVIDUAL><DATAID>2</DATAID><FIRST_NAME>C</FIRST_NAME></INDIVIDUAL>
</INDIVIDUALS>
</CONSOLIDATED_LIST>"""
    with pytest.raises(SanctionsListUnreadable) as found:
        parse(text)
    assert [fault.path for fault in found.value.faults] == ["line 3", "line 4", "line 5", "line 6", "line 7", "line 1"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"not xml", "not well-formed"),
        (b"<LIST/>", "expected CONSOLIDATED_LIST"),
        (b'<CONSOLIDATED_LIST dateGenerated="soon"><INDIVIDUALS/><ENTITIES/></CONSOLIDATED_LIST>', "no readable dateGenerated"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><CONSOLIDATED_LIST dateGenerated="2026-01-01"/>', "not read"),
    ],
)
def test_what_is_no_list_is_refused_with_the_reason(text: bytes, why: str) -> None:
    with pytest.raises(SanctionsListUnreadable, match=why):
        parse(text)


async def test_nobody_is_screened_for_a_case_that_nobody_knows(desk: Desk) -> None:
    with pytest.raises(LookupError, match="KEN/1999/0001"):
        await desk.screen("case:KEN/1999/0001", at("2026-03-02"))


def test_a_birth_date_that_says_nothing_is_no_fault() -> None:
    text = WITH_HIT.format(day="2026-02-01").replace("<YEAR>1961</YEAR>", "<NOTE>unknown</NOTE>")
    assert parse(text.encode()).entries[0].details["born"] == []


@pytest.mark.parametrize("text", [b"", b"  ", b"<!-- nothing -->"])
def test_a_file_without_any_element_is_no_list(text: bytes) -> None:
    with pytest.raises(SanctionsListUnreadable, match="not well-formed"):
        parse(text)
