"""Content by its hash, and the ledger's own constraints."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

import asyncpg
import pytest

from db import content
from db.content import canonical
from db.errors import finding_of
from db.sql import folder, queries


async def test_what_is_put_twice_is_kept_once(pool: asyncpg.Pool) -> None:
    first = await content.put(pool, {"b": Decimal("1.50"), "a": date(2026, 3, 2)}, by="ke.001")
    again = await content.put(pool, {"a": "2026-03-02", "b": "1.50"}, by="ke.002")

    assert first == again
    assert await content.get(pool, first.sha256) == b'{"a":"2026-03-02","b":"1.50"}'
    assert await pool.fetchval("SELECT count(*) FROM content") == 1


async def test_sealed_content_is_given_only_to_who_asks_for_sealed_content(pool: asyncpg.Pool) -> None:
    reference = await content.put(pool, "an allegation", sealed=True)

    assert await content.get(pool, reference.sha256) is None
    assert await content.get(pool, reference.sha256, sealed=True) == b"an allegation"


async def test_what_was_put_sealed_stays_sealed(pool: asyncpg.Pool) -> None:
    await content.put(pool, "a text", sealed=True)
    reference = await content.put(pool, "a text")
    assert await content.get(pool, reference.sha256) is None


async def test_unknown_content_is_none(pool: asyncpg.Pool) -> None:
    assert await content.get(pool, "0" * 64) is None


@pytest.mark.parametrize("value", [float("nan"), object()])
def test_what_has_no_text_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        canonical(value)


def test_moments_sets_and_tuples_have_one_text() -> None:
    assert canonical({"at": datetime(2026, 3, 2, tzinfo=UTC), "s": {"b", "a"}, "t": (1, 2)}) == (
        '{"at":"2026-03-02T00:00:00+00:00","s":["a","b"],"t":[1,2]}'
    )


async def test_bytes_are_kept_as_they_are(pool: asyncpg.Pool) -> None:
    reference = await content.put(pool, b"\x00\xff")
    assert await content.get(pool, reference.sha256) == b"\x00\xff"


async def test_invariant_3_no_case_draws_more_than_authorised(pool: asyncpg.Pool) -> None:
    await pool.execute("INSERT INTO authorised VALUES ('case:A', 100, 'KES')")
    with pytest.raises(asyncpg.CheckViolationError) as caught:
        await pool.execute("UPDATE authorised SET drawn = 100.01")
    found = finding_of(caught.value)
    assert found is not None
    assert found.rule == "over_authorised"


async def test_invariant_3_no_instalment_is_paid_twice(pool: asyncpg.Pool) -> None:
    await pool.execute("INSERT INTO journal VALUES ('j1', 'case:A', 1, 'payment', now(), 'KES')")
    with pytest.raises(asyncpg.UniqueViolationError) as caught:
        await pool.execute("INSERT INTO journal VALUES ('j2', 'case:A', 1, 'payment', now(), 'KES')")
    found = finding_of(caught.value)
    assert found is not None
    assert found.rule == "paid_twice"


async def test_a_journal_that_does_not_balance_is_refused(pool: asyncpg.Pool) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="does not balance"):
        await pool.execute(
            "INSERT INTO journal VALUES ('j1', 'case:A', 1, 'payment', now(), 'KES'); "
            "INSERT INTO entry VALUES ('j1', 'bank', -5), ('j1', 'payable', 4)"
        )


def test_other_errors_are_nobody_elses_to_mend() -> None:
    assert finding_of(ValueError("x")) is None
    assert finding_of(asyncpg.UniqueViolationError("x")) is None


def test_queries_are_read_by_name_from_their_files() -> None:
    assert queries("delivery")["dead"].startswith("-- What gave up.")
    assert "case.received" in folder("apply")


def sql_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **files: str) -> None:
    """A package `db` with these files in db/sql/."""
    for name, text in files.items():
        path = tmp_path / "sql" / (name.replace("__", "/") + ".sql")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr("db.sql.resources.files", lambda _package: tmp_path)


def test_a_query_that_stands_twice_in_a_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sql_files(tmp_path, monkeypatch, twice="-- name: a\nSELECT 1;\n-- name: a\nSELECT 2;\n")
    with pytest.raises(ValueError, match=r"twice\.sql names a twice"):
        queries("twice")


def test_a_query_that_stands_in_two_files_of_a_folder_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sql_files(tmp_path, monkeypatch, both__one="-- name: a\nSELECT 1;\n", both__two="-- name: b\nSELECT 1;\n-- name: a\nSELECT 2;\n")
    with pytest.raises(ValueError, match=r"two\.sql names again: a"):
        folder("both")


def test_what_cannot_be_changed_has_the_text_of_what_can() -> None:
    assert canonical(MappingProxyType({"b": Decimal("1.0"), "a": frozenset({"x"})})) == '{"a":["x"],"b":"1.0"}'


async def test_a_case_that_nobody_took_has_no_facts(pool: asyncpg.Pool) -> None:
    with pytest.raises(LookupError, match="no submission KEN/1999/0001"):
        await content.intake(pool, "KEN/1999/0001")


async def test_a_document_that_is_not_there_is_an_error_never_another_version(pool: asyncpg.Pool) -> None:
    with pytest.raises(LookupError, match="does not hold the document"):
        await content.document(pool, "KEN/2026/0007", "0" * 64)
