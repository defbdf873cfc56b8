"""The overview of an office with pictures: stage times against targets, where cases wait, cash by age.

Pictures are drawn by the server as inline SVG in per cent of their width, so that texts keep their size on a telephone; every one stands
above a table with the same figures. A scale begins at zero and is one for all bars that are compared.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

from babel.numbers import format_compact_decimal
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from activities import overview as figures
from api import views
from api.app import GroundDep
from api.caller import Caller
from api.problems import not_found
from api.web import lists, people
from api.web.frame import Visitor, formats, page, texts
from api.web.texts import NOTHING, Formats, Texts
from policy import access

router = APIRouter(include_in_schema=False)
Plain = dict[str, Any]
STEPS = (1, 2, 5)
MOST_TICKS = 5
ORDER = ("vetting", "document", "review", "approval", "signature", "signed", "payment")


@dataclass(frozen=True)
class Scale:
    """From zero to a round number above the largest value, with its ticks."""

    top: Decimal
    ticks: tuple[Decimal, ...]

    @classmethod
    def of(cls, values: Iterable[Any]) -> "Scale":
        largest = max([Decimal(str(value)) for value in values if value is not None], default=Decimal(0)) or Decimal(1)
        step = next(step for step in _steps() if largest / step <= MOST_TICKS)
        count = int((largest / step).to_integral_value(ROUND_CEILING))
        return cls(step * count, tuple(step * n for n in range(count + 1)))

    def at(self, value: Any) -> str:
        """Where a value lies, in per cent of the width."""
        return f"{Decimal(str(value)) / self.top * 100:.2f}%"


def _steps() -> Iterable[Decimal]:
    unit = Decimal(1)
    while True:
        yield from (step * unit for step in STEPS)
        unit *= 10


@dataclass(frozen=True)
class Bar:
    """One line of a picture: a bar to `value`, its `late` part hatched; a thin line on to `reach`; a mark at `target`. `note` says them all."""

    label: str
    note: str
    value: Any
    late: Any = 0
    reach: Any = None
    target: Any = None
    missed: bool = False


@dataclass(frozen=True)
class Picture:
    """Bars on one scale, and the same figures as a table."""

    scale: Scale
    ticks: Sequence[tuple[str, str]]
    groups: Sequence[tuple[str, Sequence[Bar]]]
    head: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[str]]


def _picture(groups: Sequence[tuple[str, Sequence[Bar]]], tick: Any, head: Any, rows: Any) -> Picture | None:
    bars = [bar for _, inside in groups for bar in inside]
    if not bars:
        return None
    scale = Scale.of(value for bar in bars for value in (bar.value, bar.reach, bar.target))
    return Picture(scale, [(scale.at(value), tick(value)) for value in scale.ticks], groups, head, rows)


def stage_times(stages: Sequence[Mapping[str, Any]], t: Texts, f: Formats) -> Picture | None:
    """Median and 90th percentile of each stage beside the pack's target, track by track."""
    groups: dict[str, list[Bar]] = {}
    rows = []
    for row in sorted(stages, key=lambda each: (each["track"], ORDER.index(each["stage"]))):
        name = f"{row['stage']}_humanitarian" if row.get("humanitarian") else row["stage"]
        label, track = t(f"overview.stage.{name}"), t.of("track", row["track"]) if row["track"] else t("overview.both_tracks")
        numbers = {key: f.number(row[key]) for key in ("median", "p90", "target", "cases")}
        late = row["p90"] > row["target"]
        note = t("overview.stage_note", **numbers) + (f" · {t('overview.beyond')}" if late else "")
        groups.setdefault(track, []).append(
            Bar(label, note, row["median"], reach=row["p90"], target=row["target"], missed=late)
        )  # fmt: skip
        within = f"{f.number(row['within_target'])} / {numbers['cases']}"
        rows.append([track, label, numbers["median"], numbers["p90"], numbers["target"], within])
    names = ("track", "stage_name", "median", "p90", "target", "within")
    return _picture(list(groups.items()), f.number, _head(names, 2, t), rows)


def where_cases_wait(waits: Sequence[Mapping[str, Any]], t: Texts, f: Formats, now: datetime) -> Picture | None:
    """Cases with open tasks, stage by stage and by who holds them."""
    groups: dict[str, list[Bar]] = {}
    rows = []
    order = {stage: n for n, stage in enumerate((*ORDER, "cash"))}
    for row in sorted(waits, key=lambda each: (order.get(each["stage"], len(order)), each["holder"])):
        stage, holder, since = t.of("stage", row["stage"]), t.of("holder", row["holder"]), f.since(row["since"], now)
        note = t.counted("overview.cases", row["cases"]) + f" · {t.counted('overview.tasks', row['tasks'])}"
        note += f" · {t('overview.overdue', number=row['overdue'])}" if row["overdue"] else ""
        # what is overdue is counted in tasks, so the bar is too: one unit in one picture
        groups.setdefault(stage, []).append(Bar(holder, note, row["tasks"], late=row["overdue"]))
        rows.append([stage, holder, str(row["cases"]), str(row["tasks"]), str(row["overdue"]), since])
    names = ("stage_name", "holder", "cases_head", "tasks_head", "overdue_head", "longest")
    return _picture(list(groups.items()), f.number, _head(names, 2, t), rows)


def cash_by_age(ageing: Sequence[Mapping[str, Any]], t: Texts, f: Formats) -> list[tuple[str, Picture]]:
    """Cash paid and not yet reported by months since it was paid: a picture for each currency, for amounts of two are not compared."""
    found = []
    for currency in dict.fromkeys(row["currency"] for row in ageing):
        own = {row["months"]: row for row in ageing if row["currency"] == currency}
        bars, rows = [], []
        for months in figures.MONTHS:
            row = own.get(months, {"amount": "0", "instalments": 0})
            label = t.of("months", months.replace(" ", "_"))
            amount = f.money(row["amount"], currency)
            bars.append(Bar(label, f"{amount} · {t.counted('overview.instalments', row['instalments'])}", row["amount"]))
            rows.append([label, amount, str(row["instalments"])])
        picture = _picture(
            [("", bars)],
            lambda value: format_compact_decimal(value, locale=f.locale, fraction_digits=1),
            _head(("age", "amount", "instalments_head"), 1, t),
            rows,
        )
        if picture is not None:
            found.append((currency, picture))
    return found


def _head(names: Sequence[str], texts_first: int, t: Texts) -> list[tuple[str, str]]:
    return [(t(f"overview.{name}"), "" if n < texts_first else "number") for n, name in enumerate(names)]


@router.get("/offices")
async def offices(request: Request, ground: GroundDep, caller: Visitor) -> Response:
    """The offices in the person's sight; who has one is led to it."""
    if caller.of_partner or not caller.may(access.SEE_OVERVIEW):
        raise not_found()
    found = await lists.offices(ground.pool, caller)
    if len(found) == 1:
        return RedirectResponse(f"/offices/{next(iter(found))}", 303)
    return page(request, "offices.html", section="offices", offices=found)


@router.get("/offices/{iso2}")
async def office(request: Request, ground: GroundDep, caller: Visitor, iso2: str, since: str = "") -> Response:
    """One office."""
    known = await lists.offices(ground.pool, caller)
    if caller.of_partner or iso2 not in known or not caller.may(access.SEE_OVERVIEW, iso2):
        raise not_found()
    first: date | None = lists.day(since)
    found = await figures.office(ground.pool, iso2, since=first)
    place = await people.of(ground.pool, iso2)
    t, f = texts(request), formats(request, place.zone)
    now = datetime.fromisoformat(found["at"])
    standing = [[t.of("status", row["status"]), t.of("track", row["track"] or NOTHING), str(row["cases"])] for row in found["standing"]]
    return page(
        request,
        "overview.html",
        zone=place.zone,
        section="offices",
        iso2=iso2,
        title=known[iso2],
        offices=known if len(known) > 1 else {},
        since=found["since"],
        at=found["at"],
        times=stage_times(found["stages"], t, f),
        waits=where_cases_wait(found["waits"], t, f, now),
        ages=cash_by_age(found["ageing"], t, f),
        standing=standing,
        open_cases=sum(row["cases"] for row in found["standing"]),
        obligations=[row for row in found["obligations"] if _shown(caller, iso2, row["kind"])],
    )


def _shown(caller: Caller, iso2: str, kind: str) -> bool:
    return kind != views.OF_A_FLAG or caller.may(access.see_sealed("weigh_partner_flag"), iso2)
