"""`pca policy`: packs and rules, without a server."""

from tests.cli.conftest import Pca


def test_the_packs_of_both_tracks_are_listed(pca: Pca) -> None:
    ran = pca("policy", "list", "--json")
    assert ran.code == 0
    assert {pack["track"] for pack in ran.json} == {"standard", "emergency"}


def test_every_rule_is_shown_with_its_source_and_status(pca: Pca) -> None:
    rows = pca("policy", "show", "standard", "--json").json["rows"]
    assert rows
    assert all(row["source"] and row["status"] in ("confirmed", "derived", "assumed") for row in rows)


def test_the_two_tracks_stand_side_by_side(pca: Pca) -> None:
    ran = pca("policy", "diff")
    assert ran.code == 0
    assert ran.out.splitlines()[0].startswith("section\tid\tstandard-")


def test_an_unknown_pack_is_not_found(pca: Pca) -> None:
    assert pca("policy", "show", "nothing").code == 4
