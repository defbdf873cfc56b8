"""What `pca show` says of time: who held the case, the four clocks, the hand-overs."""

from datetime import UTC, datetime
from typing import Any, cast

from activities.read import Span, Timeline, _hand_overs
from policy.calendar import Calendar

CALENDAR = Calendar()


def day(number: int, hour: int = 10) -> datetime:
    """A moment of March 2026, which begins on a Sunday."""
    return datetime(2026, 3, number, hour, tzinfo=UTC)


def timeline(spans: list[Span], moves: list[tuple[int, str]], holds: list[tuple[int, str]] = [], now: int = 31) -> Timeline:  # noqa: B006
    rows = cast("Any", [{"at": day(number), "status": status} for number, status in moves])
    held = cast("Any", [{"at": day(number), "type": kind} for number, kind in holds])
    return Timeline(cast("Any", {"received_at": day(2)}), spans, rows, held, day(now))


def span(holder: str, opened: int, closed: int | None, *, beside: bool = False, vetting: bool = False) -> Span:
    return Span(holder, day(opened), day(closed) if closed else None, beside, vetting)


def test_a_day_is_charged_to_who_held_the_case_when_it_began() -> None:
    told = timeline(
        [span("office", 2, 9, vetting=True), span("partner", 9, 16, vetting=True), span("office", 16, 17, vetting=True)],
        [(2, "vetting"), (17, "rejected")],
    )
    assert told.days(CALENDAR) == {"office": 6, "partner": 5, "external": 0, "hold": 0}


def test_the_office_holds_while_any_task_of_it_is_open() -> None:
    told = timeline([span("partner", 2, 6), span("office", 2, 4)], [(6, "rejected")])
    assert told.days(CALENDAR) == {"office": 2, "partner": 2, "external": 0, "hold": 0}


def test_what_runs_beside_the_line_counts_only_where_nothing_else_is_open() -> None:
    told = timeline([span("partner", 2, 4), span("office", 2, 6, beside=True)], [(6, "rejected")])
    assert told.days(CALENDAR) == {"office": 2, "partner": 2, "external": 0, "hold": 0}


def test_a_hold_is_shown_apart() -> None:
    told = timeline([span("partner", 2, None)], [], [(3, "case.held"), (5, "case.resumed")], now=6)
    assert told.days(CALENDAR) == {"office": 0, "partner": 2, "external": 0, "hold": 2}


def test_vetting_holds_a_case_only_while_it_is_in_vetting() -> None:
    told = timeline([span("external", 2, 9, vetting=True), span("partner", 3, 9)], [(2, "vetting"), (3, "drafting")], now=5)
    assert told.days(CALENDAR) == {"office": 0, "partner": 2, "external": 1, "hold": 0}


def test_the_holder_now_and_since_when() -> None:
    told = timeline([span("office", 2, 4), span("partner", 4, None), span("partner", 5, None)], [], now=6)
    assert told.holder(day(6)) == {"who": "partner", "since": "2026-03-04T10:00:00Z"}


def test_with_nothing_open_the_office_holds() -> None:
    assert timeline([], [], now=4).holder(day(4))["who"] == "office"


def work(kind: str, opened: int, by: str, decided: str | None = "other", whom: str = "", stage: str = "document") -> dict[str, Any]:
    return {
        "kind": kind, "stage": stage, "round": 1, "whom": whom, "opened_at": day(opened), "opened_by": by, "decided_by": decided,
        "state": "decided", "closed_at": day(opened + 1), "verdict": "",
    }  # fmt: skip


def hand_overs(rows: list[dict[str, Any]], paid: int | None = None, track: str = "standard") -> int:
    instalments = [{"paid_at": day(paid) if paid else None}]
    counted = _hand_overs(cast("Any", rows), cast("Any", instalments), cast("Any", {"signed_on": None, "track": track}))
    return cast("int", counted["to_first_payment"])


def test_a_task_counts_if_another_persons_decision_opened_it() -> None:
    assert (
        hand_overs([work("submit_for_review", 3, "somebody"), work("submit_for_review", 3, ""), work("conclude_vetting", 3, "other")]) == 1
    )


def test_parallel_tasks_of_one_kind_count_once_and_turns_each() -> None:
    opinions = [work("give_opinion", 3, "secretary", whom=member) for member in ("a", "b", "c")]
    turns = [work("partner_turn", 3, "office", whom=f"turn-{n}") for n in (1, 2)]
    assert hand_overs(opinions + turns) == 3


def test_what_runs_beside_is_no_hand_over_but_the_reservation_is() -> None:
    kinds = ("attach_annex", "approve_pca", "meet_condition", "meet_obligation", "reserve_funds")
    assert hand_overs([work(kind, 3, "somebody") for kind in kinds]) == 1


def test_only_what_opened_up_to_the_first_payment_counts() -> None:
    assert hand_overs([work("release_cash", 3, "a", whom="1"), work("submit_report", 9, "a", whom="1")], paid=5) == 1


def test_on_the_emergency_track_vetting_and_reservation_run_beside_the_line() -> None:
    rows = [work("reserve_funds", 3, "a"), work("conclude_vetting", 3, "a", stage="vetting"), work("give_opinion", 3, "a")]
    assert (hand_overs(rows), hand_overs(rows, track="emergency")) == (3, 1)


def test_checks_opened_side_by_side_are_one_hand_over() -> None:
    checks = [work(kind, opened, "a", whom="1") for kind, opened in (("certify_request", 3), ("check_request", 3))]
    assert hand_overs(checks) == 1
    assert hand_overs([checks[0], work("check_request", 4, "a", whom="1")]) == 2


def test_what_is_accepted_on_behalf_is_the_partners_turn() -> None:
    turn = work("office_turn", 3, "focal point", decided="focal point", whom="turn-2")
    assert (hand_overs([turn]), hand_overs([turn | {"verdict": "accept_on_behalf"}])) == (0, 1)
