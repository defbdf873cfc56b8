"""Dates of PCA and document, and what a signature must be."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import signature
from tests.policy.facts import STANDARD, rules

DAYS = st.dates(date(2026, 1, 1), date(2027, 12, 31))


def document(**changes) -> signature.Dates:
    return signature.document(
        **(
            {
                "requested_start": date(2026, 6, 1),
                "requested_end": date(2027, 11, 30),
                "signatures": [date(2026, 4, 7), date(2026, 4, 9)],
                "pca_start": date(2026, 4, 9),
                "pca_end": date(2027, 12, 31),
            }
            | changes
        )
    )


def test_the_first_case_starts_when_requested():
    found = document()
    assert (found.start, found.end, found.signed_on, found.findings) == (date(2026, 6, 1), date(2027, 11, 30), date(2026, 4, 9), ())


def test_the_third_case_starts_at_the_later_signature_and_keeps_its_end():
    found = document(
        requested_start=date(2026, 3, 16),
        requested_end=date(2026, 9, 15),
        signatures=[date(2026, 3, 18), date(2026, 3, 19)],
        pca_start=date(2026, 3, 19),
    )
    assert (found.start, found.end) == (date(2026, 3, 19), date(2026, 9, 15))


def test_keep_duration_moves_the_end_by_as_much_as_the_start():
    found = document(requested_start=date(2026, 4, 1), requested_end=date(2026, 9, 30), if_late="keep_duration")
    assert (found.start, found.end) == (date(2026, 4, 9), date(2026, 10, 8))


def test_the_second_case_crosses_its_programme():
    found = document(requested_end=date(2027, 1, 31), pca_end=date(2026, 12, 31))
    assert [(finding.rule, finding.severity) for finding in found.findings] == [("crosses_programme", "warning")]


def test_a_document_without_time_left_is_refused():
    found = document(requested_start=date(2026, 1, 1), requested_end=date(2026, 4, 8))
    assert rules(found.findings) == ["no_time_left"]
    assert document(requested_start=date(2026, 1, 1), requested_end=date(2026, 4, 9)).findings == ()


def test_a_pca_runs_from_the_later_signature_to_the_end_of_the_programme():
    found = signature.umbrella([date(2026, 4, 9), date(2026, 4, 7)], date(2023, 1, 1), date(2027, 12, 31))
    assert (found.start, found.end, found.findings) == (date(2026, 4, 9), date(2027, 12, 31), ())
    early = signature.umbrella([date(2026, 1, 6)], date(2026, 7, 1), date(2030, 12, 31))
    assert early.start == date(2026, 7, 1)
    late = signature.umbrella([date(2028, 1, 1)], date(2023, 1, 1), date(2027, 12, 31))
    assert rules(late.findings) == ["programme_over"]


@given(DAYS, st.integers(0, 400), st.lists(DAYS, min_size=2, max_size=2), DAYS, st.sampled_from(["keep_end", "keep_duration"]))
def test_invariant_4_the_start_is_never_before_the_later_signature(start, length, signatures, pca_start, if_late):
    found = document(
        requested_start=start,
        requested_end=start + timedelta(days=length),
        signatures=signatures,
        pca_start=pca_start,
        if_late=if_late,
    )
    assert found.start >= max(*signatures, start, pca_start)
    assert found.signed_on == max(signatures)
    if if_late == "keep_duration":
        assert found.end - found.start == timedelta(days=length)
    else:
        assert found.end == start + timedelta(days=length)


def check(**changes) -> list[str]:
    return rules(
        signature.check(
            **(
                {
                    "signed_on": date(2026, 4, 9),
                    "today": date(2026, 4, 9),
                    "not_before": date(2026, 4, 1),
                    "method": "electronic",
                    "signer": "head",
                    "listed": {"head"},
                    "sha256": "a",
                    "accepted_sha256": "a",
                    "pack": STANDARD,
                }
                | changes
            )
        )
    )


def test_a_good_signature_passes():
    assert check() == []


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"signed_on": date(2026, 4, 10)}, "signed_in_future"),
        ({"signed_on": date(2026, 3, 31)}, "back_dated"),
        ({"method": "verbal"}, "signature_method"),
        ({"listed": {"other"}}, "officer_not_listed"),
        ({"sha256": "b"}, "other_hash"),
        ({"method": "email", "from_listed_address": False}, "other_address"),
    ],
)
def test_each_fault_of_a_signature(changes, rule):
    """Acceptance rows B9 and G6: a signature dated tomorrow is invalid."""
    assert check(**changes) == [rule]


def test_every_fault_is_told_at_once():
    assert len(check(signed_on=date(2026, 4, 10), not_before=date(2026, 4, 11), method="x", listed=(), sha256="b")) == 5


def test_the_original_of_an_email_signature_is_due_in_thirty_days():
    """C3: signed 19 March, original 18 April."""
    assert signature.original_due(date(2026, 3, 19), STANDARD) == date(2026, 4, 18)
