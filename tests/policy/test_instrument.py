"""What an intake is, against the PCA that the office has."""

import pytest

from policy.instrument import resolve
from tests.policy.facts import rules

STATES = ("none", "draft", "signed", "suspended", "ended", "terminated", "cancelled")


@pytest.mark.parametrize(
    ("umbrella", "auto", "waits", "carries"),
    [
        ("none", "pca_with_document", False, True),
        ("cancelled", "pca_with_document", False, True),
        ("draft", "document_under_pca", True, False),
        ("signed", "document_under_pca", False, False),
        ("suspended", "document_under_pca", True, False),
        ("ended", "pca_with_document", False, True),
    ],
)
def test_auto_becomes_what_the_table_says(umbrella, auto, waits, carries):
    found = resolve("auto", umbrella)
    assert (found.instrument, found.signature_waits, found.carries) == (auto, waits, carries)
    assert found.findings == ()


@pytest.mark.parametrize("asked", ["pca_with_document", "pca_only"])
@pytest.mark.parametrize("umbrella", STATES)
def test_a_second_pca_is_refused_and_the_first_is_named(asked, umbrella):
    found = resolve(asked, umbrella, "KEN/PCA/2025/7")
    if umbrella in ("draft", "signed", "suspended"):
        assert found.instrument is None
        assert rules(found.findings) == ["pca_exists"]
        assert "KEN/PCA/2025/7" in found.findings[0].message
    elif umbrella == "terminated":
        assert rules(found.findings) == ["pca_terminated"]
    else:
        assert (found.instrument, found.carries) == (asked, True)


@pytest.mark.parametrize("asked", ["document_under_pca", "contingency_document", "contingency_activation"])
@pytest.mark.parametrize("umbrella", STATES)
def test_what_needs_a_pca_is_refused_without_one(asked, umbrella):
    found = resolve(asked, umbrella)
    if umbrella in ("none", "ended", "cancelled"):
        assert rules(found.findings) == ["no_pca"]
    elif umbrella == "terminated":
        assert rules(found.findings) == ["pca_terminated"]
    else:
        assert (found.instrument, found.signature_waits) == (asked, umbrella != "signed")


def test_a_terminated_pca_bars_until_the_partner_is_re_admitted():
    assert rules(resolve("auto", "terminated").findings) == ["pca_terminated"]
    found = resolve("auto", "terminated", readmitted=True)
    assert (found.instrument, found.carries) == ("pca_with_document", True)
