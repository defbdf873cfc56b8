"""From claims to roles in offices, by a file that says every fault it has."""

from pathlib import Path
from typing import Any

import pytest

from api.caller import Grant
from api.identity import mapping
from api.identity.mapping import Mapped, MappingUnreadable, Unmapped

ROOT = Path(__file__).parents[2]
EXAMPLE = mapping.load(ROOT / "examples" / "identity.toml")


def refused(claims: dict[str, Any], mapped: Mapped = EXAMPLE) -> list[str]:
    with pytest.raises(Unmapped) as error:
        mapped.caller(claims)
    return [finding.rule for finding in error.value.findings]


def test_a_person_of_the_office() -> None:
    groups = ["office/KE/head_of_office", "office/UA/focal_point", "unrelated", "office/KE/janitor", "office/Kenya/focal_point"]
    caller = EXAMPLE.caller({"sub": "ke.008", "name": "Ingrid Solheim", "locale": "fr-CD", "groups": groups})
    assert (caller.actor, caller.name, caller.locale) == ("ke.008", "Ingrid Solheim", "fr")
    assert caller.grants == {Grant("KE", "head_of_office"), Grant("UA", "focal_point")}
    assert caller.offices == {"KE", "UA"}
    assert not caller.of_partner


def test_a_person_of_a_partner() -> None:
    caller = EXAMPLE.caller({"sub": "ke.p01", "groups": ["partner/KE/P-KE-0001/partner_authorised_officer"]})
    assert caller.partners == {"partner:KE:P-KE-0001"}
    assert caller.grants == {Grant("KE", "partner_authorised_officer")}
    assert caller.of_partner
    assert caller.offices == frozenset()


def test_a_role_everywhere() -> None:
    caller = EXAMPLE.caller({"sub": "hq.001", "groups": ["office/*/auditor"]})
    assert caller.offices is None
    assert caller.roles_in("PE") == {"auditor"}


@pytest.mark.parametrize(
    ("claims", "rules"),
    [
        ({"sub": "x", "groups": ["office/KE/head_of_office", "partner/KE/P-1/partner_viewer"]}, ["both_sides"]),
        ({"sub": "x", "groups": []}, ["no_role"]),
        ({"sub": "x"}, ["no_role"]),
        ({"groups": ["office/KE/head_of_office"]}, ["no_actor"]),
        ({"sub": "a b", "groups": "nothing"}, ["no_actor", "no_role"]),
        ({"sub": ["a"], "groups": [7, None]}, ["no_role"]),
        ({"sub": "x", "groups": ["office/KE/partner_viewer"]}, ["no_role"]),
        ({"sub": "x", "groups": ["partner/KE/P-1/head_of_office"]}, ["no_role"]),
        ({"sub": "x", "groups": ["partner/*/P-1/partner_viewer"]}, ["no_role"]),
        ({"sub": "x", "groups": ["x office/KE/head_of_office"]}, ["no_role"]),
        ({"sub": "x", "groups": {"office/KE/head_of_office": True}}, ["no_role"]),
    ],
)
def test_whom_the_file_does_not_place_is_refused_with_every_reason(claims: dict[str, Any], rules: list[str]) -> None:
    assert refused(claims) == rules


def test_a_language_that_there_is_not_is_the_first_there_is() -> None:
    assert EXAMPLE.caller({"sub": "x", "locale": "sw", "groups": ["office/KE/ops"]}).locale == "en"


def test_groups_by_name_by_pattern_in_a_nested_claim_and_for_all_offices() -> None:
    mapped = mapping.load(ROOT / "deploy" / "identity.toml")
    claims = {
        "employee_id": "ke.008",
        "groups": ["pca-kenya-head-of-office", "pca-auditors"],
        "realm_access": {"roles": ["pca:BD:focal_point", "offline_access"]},
    }
    assert mapped.caller(claims).grants == {Grant("KE", "head_of_office"), Grant("*", "auditor"), Grant("BD", "focal_point")}


def test_a_claim_whose_own_name_has_dots_is_found_first() -> None:
    assert mapping.values({"https://x.example/roles": ["a"]}, "https://x.example/roles") == ["a"]


BROKEN = """
version = 2
colour = "red"
[[office]]
claim = "groups"
office = "KE"
role = "head_of_office"
[[office]]
claim = "groups"
value = "a"
pattern = "b"
office = "Kenya"
role = "janitor"
[[office]]
claim = "groups"
pattern = "pca/(?P<office>[A-Z]{2}"
role = "ops"
[[office]]
claim = "groups"
pattern = "pca/(?P<office>[A-Z]{2})"
office = "KE"
role = "ops"
[[partner]]
claim = "groups"
value = "x"
office = "*"
role = "head_of_office"
"""


def test_every_fault_of_the_file_is_named_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "identity.toml"
    file.write_text(BROKEN)
    with pytest.raises(MappingUnreadable) as error:
        mapping.load(file)
    found = {finding.path: finding.message for finding in error.value.findings}
    assert set(found) == {"$.version", "$.colour", "$.office[0]", "$.office[1]", "$.office[2]", "$.office[3]", "$.partner[0]"}
    assert "a value or a pattern" in found["$.office[0]"]
    assert all(word in found["$.office[1]"] for word in ("a value or a pattern", "janitor", "Kenya"))
    assert "cannot be read" in found["$.office[2]"]
    assert "says its office once" in found["$.office[3]"]
    assert all(word in found["$.partner[0]"] for word in ("partner", "head_of_office", "no country code"))
    assert all(finding.next_step for finding in error.value.findings)


@pytest.mark.parametrize("text", ["version = ", "\x00", None])
def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "identity.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(MappingUnreadable, match="cannot be read"):
        mapping.load(file)
