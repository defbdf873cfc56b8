"""The PCA settled against the rows: suspended, lifted, ended; what reaches the documents under it."""

from typing import Any

from activities.intake import Taken, take
from schemas.engine import Event, Recorded
from schemas.names import case_subject
from tests.activities.desk import Desk, at, facts, rules
from tests.activities.test_settle_approval import UMBRELLA, in_signature, sign, signed


async def suspend(desk: Desk, key: str = "s1", when: str = "2026-07-01", scope: str = "cash", **more: str) -> Recorded:
    event = Event(type="umbrella.suspended", take=["scope", "until"])
    said: dict[str, Any] = {"comment": "c", "message_to_partner": "m", "reason_code": "fraud", "data": {"scope": scope} | more}
    return await desk.tell(UMBRELLA, "suspend", "ke.002", "partnership_manager", at(when), [event], stage="umbrella", key=key, **said)


async def lift(desk: Desk, **data: str) -> Recorded:
    event = Event(type="umbrella.lifted", take=["block"])
    return await desk.tell(
        UMBRELLA, "lift", "ke.008", "head_of_office", at("2026-07-10"), [event], stage="umbrella", key="l1", comment="c", data=data
    )


async def standing(desk: Desk) -> list[str]:
    rows = await desk.pool.fetch("SELECT id FROM block WHERE subject = $1 AND lifted_at IS NULL ORDER BY id", UMBRELLA)
    return [row["id"] for row in rows]


async def test_a_suspended_pca_stops_every_document_under_it(desk: Desk) -> None:
    await signed(desk)
    done = await suspend(desk)
    assert not done.refused, done.findings
    assert done.look_again == ["pca.KE.KEN-2026-0007"]
    assert await standing(desk) == [f"{UMBRELLA}:suspension:s1"]
    assert (await desk.row("umbrella", UMBRELLA))["status"] == "suspended"  # type: ignore[index]


async def test_lifting_takes_the_stop_away(desk: Desk) -> None:
    await signed(desk)
    await suspend(desk)
    done = await lift(desk)
    assert not done.refused, done.findings
    assert await standing(desk) == []
    assert (await desk.row("umbrella", UMBRELLA))["status"] == "signed"  # type: ignore[index]


async def test_a_stop_that_does_not_stand_is_not_lifted(desk: Desk) -> None:
    await signed(desk)
    await suspend(desk, until="2026-09-30")
    assert "block_named" in rules((await lift(desk, block="another")).findings)
    assert len(await standing(desk)) == 1


async def test_a_draft_is_not_suspended(desk: Desk) -> None:
    await in_signature(desk)
    assert rules((await suspend(desk)).findings) == {"not_allowed"}


async def test_a_pca_ends_with_its_programme_and_not_before(desk: Desk) -> None:
    await signed(desk)
    begun = await desk.begin(UMBRELLA, "umbrella", at("2026-07-01"))
    assert begun == {"status": "signed", "ends_at": at("2027-12-31", "21:00").isoformat()}
    early = await desk.system(UMBRELLA, "umbrella", "ended", at("2027-12-31"), [Event(type="umbrella.ended")])
    assert rules(early.findings) == {"programme_over"}
    done = await desk.system(UMBRELLA, "umbrella", "ended", at("2027-12-31", "21:00"), [Event(type="umbrella.ended")])
    assert not done.refused, done.findings
    assert done.look_again == ["pca.KE.KEN-2026-0007"]


async def test_a_pca_that_nobody_knows_is_told_as_such(desk: Desk) -> None:
    assert await desk.begin("umbrella:KE:P-KE-0009:KE-2023", "umbrella", at("2026-07-01")) == {"status": "unknown"}


async def test_a_pca_that_nobody_knows_is_neither_signed_nor_ended(desk: Desk) -> None:
    case = await in_signature(desk)
    unknown = "umbrella:KE:P-KE-0009:KE-2023"
    signing = await desk.system(case, "approval", "sign", at("2026-04-09"), [Event(type="umbrella.signed", subject=unknown)])
    assert rules(signing.findings) == {"umbrella_unknown"}
    ending = await desk.system(unknown, "umbrella", "end", at("2028-01-01"), [Event(type="umbrella.ended")])
    assert rules(ending.findings) == {"umbrella_unknown"}
    assert await desk.pool.fetchval("SELECT count(*) FROM umbrella WHERE subject = $1", unknown) == 0


async def test_a_pca_for_a_programme_that_the_office_file_lacks_is_not_signed(desk: Desk) -> None:
    case = await in_signature(desk)
    await sign(desk, case, "partner", "2026-04-07")
    await desk.pool.execute("UPDATE \"case\" SET programme = 'KE-1999' WHERE subject = $1", case)
    done = await sign(desk, case, "office", "2026-04-09", last=True)
    assert "unknown_programme" in rules(done.findings)
    assert (await desk.row("umbrella", UMBRELLA))["status"] == "draft"  # type: ignore[index]


async def test_a_pca_that_the_facts_bring_has_its_end_kept_from_its_first_case_on(desk: Desk) -> None:
    started = []
    for number in (1, 2):
        intake = facts("C2") | {"reference": f"BGD/2026/900{number}", "source_reference": f"U-{number}"}
        moment = at("2026-03-01", f"0{number}:00")
        found = await take(desk.pool, intake, at=moment)
        assert isinstance(found, Taken), found
        event = Event(type="case.track_set", data={"track": "standard"})
        done = await desk.system(case_subject(found.reference), "case", "track", moment, [event])
        assert not done.refused, done.findings
        started.append([(start.workflow, start.input.subject) for start in done.starts])
    assert started == [[("Umbrella", "umbrella:BD:P-BD-0317:BD-2022")], []]
