"""`pca import cbpf`: counting without a server, taking what fits once, refusing with the line. The rows are invented."""

import csv
from datetime import date
from pathlib import Path

import pytest

from policy import cbpf
from tests.cli.conftest import Engine, Pca

ROW = {
    "PFId": "1", "AllNm": "First standard allocation", "PrjCode": "XX-25-S-NGO-1", "AllYr": "2025", "AllSrc": "2",
    "OrgNm": "Example Water Society", "OrgTypeId": "1", "PrjTitle": "Wells for example villages", "AStrDt": "7/1/2025 12:00:00 AM",
    "AEndDt": "12/31/2025 12:00:00 AM", "PrjDur": "6 Months", "PrgBdg": "107000", "BgdDC": "85000", "BdgSC": "15000",
    "PrjSubDt": "5/5/2025 9:00:00 AM", "BenAgg": "10##20##30##40", "PrjGM": "4", "PrjStsNm": "Ongoing", "PrjStsId": "1",
    "PrjStsCode": "ongoing", "PartCode": "1.1", "ApprDt": "6/20/2025 9:00:00 AM",
}  # fmt: skip
FUND = {"PFId": "1", "PFName": "Kenya example fund", "PFAbbrv": "KE1", "PFLat": "0", "PFLong": "0", "PFCountryCode": "KE"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three rows: one that fits, one on Reserve, one of a government."""
    rows = [
        ROW,
        ROW | {"PrjCode": "XX-25-R-NGO-2", "AllSrc": "1", "PartCode": "1.2"},
        ROW | {"PrjCode": "XX-25-S-GOV-3", "OrgTypeId": "3", "PartCode": "1.3"},
    ]
    path = tmp_path / "summary.csv"
    _write(path, cbpf.HEADER, rows)
    _write(tmp_path / cbpf.FUNDS_FILE, cbpf.FUNDS_HEADER, [FUND])
    return path


def _write(path: Path, header: tuple[str, ...], rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, header, restval="")
        writer.writeheader()
        writer.writerows(rows)


def test_rows_are_counted_without_a_server(pca: Pca, file: Path) -> None:
    ran = pca("import", "cbpf", str(file), "--check", "--json")
    assert ran.code == 0, ran.err
    counts = ran.json
    assert (counts["rows"], counts["accepted"], counts["refused_partner_type_not_cso"]) == (3, 2, 1)
    assert (counts["standard"], counts["emergency"]) == (1, 1)


def test_only_one_kind_of_allocation_is_counted_where_asked(pca: Pca, file: Path) -> None:
    assert pca("import", "cbpf", str(file), "--check", "--json", "--only", "reserve").json["rows"] == 1
    assert pca("import", "cbpf", str(file), "--check", "--json", "--limit", "2").json["rows"] == 2


def test_a_truncated_row_is_told_with_its_line_and_what_was_expected(pca: Pca, file: Path) -> None:
    whole = file.read_text().rstrip().splitlines()
    file.write_text("\n".join([*whole[:-1], whole[-1][:60]]) + "\n")
    ran = pca("import", "cbpf", str(file), "--check")
    assert ran.code == 2
    assert "4" in ran.err
    assert "Traceback" not in ran.err


def test_another_encoding_is_refused_whole(pca: Pca, file: Path) -> None:
    file.write_bytes(file.read_text().replace("Example Water", "Exémple Water").encode("latin-1"))
    ran = pca("import", "cbpf", str(file), "--check")
    assert ran.code == 2
    assert "nothing of it was taken" in ran.err


def test_another_file_is_refused(pca: Pca, file: Path) -> None:
    file.write_text("a,b\n1,2\n")
    assert pca("import", "cbpf", str(file), "--check").code == 2


def test_a_file_without_its_masters_says_what_is_missing(pca: Pca, file: Path) -> None:
    (file.parent / cbpf.FUNDS_FILE).unlink()
    ran = pca("import", "cbpf", str(file), "--check")
    assert ran.code == 2
    assert "lie beside it" in ran.err


async def test_what_fits_is_taken_once_and_the_report_says_why_the_rest_was_not(engine: Engine, file: Path) -> None:
    # an office of its own: the example office of Kenya knows nothing of the fund's programme
    _write(file.parent / cbpf.FUNDS_FILE, cbpf.FUNDS_HEADER, [FUND | {"PFCountryCode": "CO"}])
    report = file.parent / "report.csv"
    first = await engine.pca("import", "cbpf", str(file), "--only", "standard", "--report", str(report), "--json")
    assert (first.code, first.json["taken"], first.json["refused"]) == (0, 1, 1), first
    rows = {row["code"]: row for row in csv.DictReader(report.read_text().splitlines())}
    assert rows["XX-25-S-NGO-1"]["reference"].startswith(f"COL/{date.today().year}/")
    assert rows["XX-25-S-GOV-3"]["refused_by"] == "partner_type_not_cso"
    assert rows["XX-25-S-NGO-1"]["assumed_facts"]
    second = await engine.pca("import", "cbpf", str(file), "--only", "standard")
    assert second.code == 0
    assert "nothing changed" in second.out
    assert await engine.pool.fetchval("SELECT count(*) FROM submission") == 1


async def test_a_reserve_row_is_taken_under_an_activation_that_the_import_declares(engine: Engine, file: Path) -> None:
    _write(file.parent / cbpf.FUNDS_FILE, cbpf.FUNDS_HEADER, [FUND | {"PFCountryCode": "CO"}])
    ran = await engine.pca("import", "cbpf", str(file), "--json")
    assert (ran.code, ran.json["taken"], ran.json["refused_by"]) == (0, 2, {"partner_type_not_cso": 1}), ran
    rows = await engine.pool.fetch("SELECT facts->>'track' AS track, facts->>'activation' AS activation FROM submission ORDER BY track")
    assert [tuple(row) for row in rows] == [("emergency", "CBPF-KE1-2025"), ("standard", None)]
    declared = await engine.pool.fetchrow("SELECT level, offices, declared_role, state, step_aside_from FROM activation")
    assert tuple(declared) == ("L2", ["CO"], "regional_director", "declared", None)


async def test_importing_again_takes_only_the_rest_whatever_the_day(engine: Engine, file: Path) -> None:
    _write(file.parent / cbpf.FUNDS_FILE, cbpf.FUNDS_HEADER, [FUND | {"PFCountryCode": "CO", "PFAbbrv": "CO2"}])
    days = {"PrjSubDt": "5/5/2026 9:00:00 AM", "AStrDt": "7/1/2026 12:00:00 AM", "AEndDt": "12/31/2026 12:00:00 AM"}
    fast = ROW | days | {"PrjCode": "XX-26-R-NGO-2", "AllSrc": "1", "PartCode": "1.2"}
    _write(file, cbpf.HEADER, [ROW | days, fast, ROW | days | {"PrjCode": "XX-26-S-GOV-3", "OrgTypeId": "3"}])
    first = await engine.pca("import", "cbpf", str(file), "--limit", "1", "--shift", "none", "--json")
    assert first.json["taken"] == 1, first
    # moved to today the row would be another submission; it is known by its code, and stays on the day on which it was taken
    again = await engine.pca("import", "cbpf", str(file), "--json")
    assert (again.json["taken"], again.json["repeated"], again.json["refused"]) == (1, 1, 1), again
    assert await engine.pool.fetchval("SELECT count(*) FROM activation") == 1
    last = await engine.pca("import", "cbpf", str(file), "--json")
    assert (last.json["taken"], last.json["repeated"]) == (0, 2), last


async def test_an_activation_is_renewed_as_long_as_rows_are_submitted_under_it(engine: Engine, file: Path) -> None:
    _write(file.parent / cbpf.FUNDS_FILE, cbpf.FUNDS_HEADER, [FUND | {"PFCountryCode": "CO", "PFAbbrv": "CO3"}])
    reserve = ROW | {"AllSrc": "1", "PrjCode": "XX-25-R-NGO-8", "PartCode": "1.8", "PrjSubDt": "2/10/2026 9:00:00 AM"}
    later = reserve | {"PrjCode": "XX-25-R-NGO-9", "PartCode": "1.9", "PrjSubDt": "9/2/2026 9:00:00 AM"}
    dates = {"AStrDt": "10/1/2026 12:00:00 AM", "AEndDt": "3/31/2027 12:00:00 AM"}
    _write(file, cbpf.HEADER, [reserve | dates, later | dates])
    ran = await engine.pca("import", "cbpf", str(file), "--shift", "none", "--clock", "past", "--json")
    assert (ran.json["taken"], ran.json["refused"]) == (2, 0), ran
    row = await engine.pool.fetchrow("SELECT valid_from, valid_to, renewals FROM activation")
    assert (row["valid_from"], row["renewals"]) == (date(2026, 2, 1), 2)
    assert row["valid_to"] >= date(2026, 9, 2)
