"""Comparing what was expected with what was found."""

from typing import Any

import pytest

from cli.figures import differences


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ({"status": "active"}, {"status": "active", "more": 1}),
        ({"clocks": {"a": 38}}, {"clocks": {"a": 38, "b": 2}}),
        ({"obligations": [{"kind": "x"}, {"kind": "y"}]}, {"obligations": [{"kind": "y", "due": 1}, {"kind": "x"}]}),
        ({"rounds": ["returned", "recommended"]}, {"rounds": ["returned", "recommended"]}),
        ({"payments": []}, {"payments": []}),
        ({"no_tasks": ["approve_pca"]}, {"tasks": ["office_turn"]}),
        ({"never": ["case.suspended"]}, {"happened": {"case.received": ["2026-02-16"]}}),
    ],
)
def test_what_is_as_expected_gives_no_difference(expected: dict[str, Any], found: dict[str, Any]) -> None:
    assert differences("C1", expected, found) == []


@pytest.mark.parametrize(
    ("expected", "found", "what"),
    [
        ({"status": "active"}, {"status": "signed"}, "status"),
        ({"status": "active"}, {}, "status"),
        ({"clocks": {"a": 38}}, {"clocks": {"a": 39}}, "clocks.a"),
        ({"payments": []}, {"payments": [{"amount": "1.00"}]}, "payments"),
        ({"payments": [{"amount": "1.00"}]}, {"payments": []}, "payments"),
        ({"payments": [{"amount": "1.00"}]}, {"payments": [{"amount": "1.00"}, {"amount": "1.00"}]}, "payments"),
        ({"rounds": ["returned", "recommended"]}, {"rounds": ["recommended", "returned"]}, "rounds"),
        ({"no_tasks": ["approve_pca"]}, {"tasks": ["approve_pca"]}, "no_tasks"),
        ({"never": ["case.suspended"]}, {"happened": {"case.suspended": ["2026-11-16"]}}, "never"),
        ({"happened": {"case.suspended": ["2026-11-16"]}}, {"happened": {"case.suspended": ["2026-11-17"]}}, "happened.case.suspended"),
    ],
)
def test_each_difference_is_named(expected: dict[str, Any], found: dict[str, Any], what: str) -> None:
    assert [difference.what for difference in differences("C1", expected, found)] == [what]
