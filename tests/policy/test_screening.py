"""Sanctions screening: what is a hit, and what is not."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.screening import Entry, Name, fresh, names_of, normalise, score, screen
from tests.policy.facts import STANDARD, D, intake

LIST = (Entry("E-1", "example", ("Karim Hadad Salih", "Abu Salih")), Entry("E-2", "example", ("Ivan Petrovich Sidorov",)))


def test_the_sixth_case_is_a_hit_of_93():
    (hit,) = screen([Name("Karim Haddad-Saleh", "leader")], LIST, STANDARD)
    assert (hit.entry, hit.listed_name, hit.score) == ("E-1", "Karim Hadad Salih", D("0.93"))
    assert hit.second_person


@pytest.mark.parametrize(
    "name",
    [
        "KARIM HADAD SALIH",
        "Salih, Karim Hadad",
        "Kárim Hâdad Śalih",
        "Karim  Hadad-Salih",
        "Karim Hadad Sa'lih",
        "Карим Хадад Салих",
        "كريم حداد صالح",
    ],
)
def test_case_order_accents_and_script_do_not_hide_a_name(name: str):
    hits = screen([Name(name, "leader")], LIST, STANDARD)
    assert [hit.entry for hit in hits] == ["E-1"]


@pytest.mark.parametrize("name", ["Grace Atieno Wekesa", "Horizon Youth Action", "Karim", "Peter Lokol", "", "…"])
def test_other_names_are_no_hit(name: str):
    assert screen([Name(name, "leader")], LIST, STANDARD) == ()


def test_a_name_is_compared_with_every_alias_of_an_entry():
    (hit,) = screen([Name("Abu Saleh", "leader")], LIST, STANDARD)
    assert hit.listed_name == "Abu Salih"


def test_one_name_in_two_roles_is_one_hit():
    (hit,) = screen([Name("Karim Hadad Salih", "leader"), Name("karim hadad salih", "board")], LIST, STANDARD)
    assert hit.role == "board, leader"
    assert hit.score == 1


def test_a_second_person_is_needed_from_90_on():
    hits = screen([Name("Ivan Sidorov Petrov", "board")], (Entry("E-2", "example", ("Ivan Petrovich Sidorov",)),), STANDARD)
    assert [hit.second_person for hit in hits if hit.score < D("0.90")] == [False] * len([hit for hit in hits if hit.score < D("0.90")])
    (hit,) = screen([Name("Ahmed Hassan", "board")], (Entry("E-3", "example", ("Ahmad Hasan",)),), STANDARD)
    assert hit.second_person is (hit.score >= D("0.90"))


def test_an_entry_without_names_is_no_hit():
    assert screen([Name("Karim", "leader")], (Entry("E-9", "example", ()),), STANDARD) == ()


def test_every_name_of_an_intake_is_screened():
    asked = intake(
        partner={
            "former_names": ["Old Water Network"],
            "aliases": ["IWN"],
            "leaders": [{"name": "Leader One", "role": "director"}],
            "board": [{"name": "Board One"}],
            "officers": [{"actor": "p.1", "name": "Officer One"}],
            "account_holder": "Holder One",
            "sub_partners": ["Sub One"],
            "vendor": {"vendor_number": "1", "account_ref": "a", "account_holder": "Holder Two"},
        },
        implementing_members=["Member One"],
    )
    assert {name.role: name.name for name in names_of(asked)} == {
        "organisation": "Invented Water Network",
        "former_name": "Old Water Network",
        "alias": "IWN",
        "leader": "Leader One",
        "board": "Board One",
        "authorised_officer": "Officer One",
        "sub_partner": "Member One",
        "account_holder": "Holder Two",
    }
    assert len(names_of(asked)) == 10
    assert len(names_of(intake())) == 1


@pytest.mark.parametrize(
    ("day", "newest", "expected"),
    [
        (date(2026, 4, 1), None, True),
        (date(2026, 4, 2), None, False),
        (date(2026, 3, 10), date(2026, 3, 2), True),
        (date(2026, 3, 10), date(2026, 3, 3), False),
    ],
)
def test_a_screening_is_fresh_for_thirty_days_or_until_a_newer_list(day, newest, expected):
    assert fresh(date(2026, 3, 2), day, newest, STANDARD) is expected
    assert not fresh(None, day, newest, STANDARD)


WORDS = st.lists(st.sampled_from(["karim", "hadad", "salih", "ivan", "grace", "wekesa", "maria", "josé", "Олег"]), min_size=1, max_size=4)


@given(WORDS, st.randoms(use_true_random=False))
def test_the_order_of_words_does_not_matter(words: list[str], chance):
    shuffled = list(words)
    chance.shuffle(shuffled)
    assert normalise(" ".join(words)) == normalise(" ".join(shuffled))
    assert score(" ".join(words), " ".join(shuffled)) == 1


@given(WORDS, WORDS)
def test_likeness_is_symmetric_and_between_nothing_and_one(one: list[str], other: list[str]):
    left, right = score(" ".join(one), " ".join(other)), score(" ".join(other), " ".join(one))
    assert abs(left - right) <= Decimal("0.01")
    assert 0 <= left <= 1


@given(WORDS, WORDS)
def test_the_short_cut_for_unlike_names_hides_no_hit(one: list[str], other: list[str]):
    threshold = STANDARD.number("screening.threshold")
    full, short = score(" ".join(one), " ".join(other)), score(" ".join(one), " ".join(other), threshold)
    assert full == short or (full < threshold and short == 0)


@given(
    st.permutations([Name("Karim Hadad Salih", "leader"), Name("Ivan Sidorov", "board"), Name("Abu Salih", "alias")]), st.permutations(LIST)
)
def test_the_order_of_names_and_lists_does_not_matter(names, entries):
    assert screen(names, entries, STANDARD) == screen(sorted(names), LIST, STANDARD)


def test_the_same_hit_has_the_same_id_whenever_it_is_found():
    one = screen([Name("Karim Hadad Salih", "leader")], LIST, STANDARD)
    other = screen([Name("SALIH Karim Hadad", "board")], LIST, STANDARD)
    assert one[0].id == other[0].id
