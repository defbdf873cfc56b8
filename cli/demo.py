"""Playing the example cases: live progress at a terminal, one plain line an act without; at the end what the record holds, compared with
what was expected. The acting is `embedded/player.py`; nothing here knows a rule.
"""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import asyncpg

from activities import read, sanctions, versions
from cli.figures import Difference, differences, figures
from cli.output import MISSING, Lines, say, stop, table
from db.pool import connect_pool
from embedded.player import Play, Player, PlayFailed, together
from embedded.player import read as read_play
from embedded.stack import Stack
from worker.connect import connect_temporal

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@dataclass
class Outcome:
    """How the demo ended."""

    cases: dict[str, dict[str, Any]]
    differences: list[Difference]
    totals: dict[str, Any]
    ui_url: str
    new_partner: dict[str, Any] | None = None
    seed: int = 0

    @property
    def as_expected(self) -> bool:
        return not self.differences


async def play_examples(stack: Stack, chosen: tuple[str, ...], *, quiet: bool) -> Outcome:
    """Load the examples' data, play every case chosen (all, if none is named), compare. The cases run side by side, those of one clock
    in one order."""
    plays = [read_play(path) for path in sorted((EXAMPLES / "plays").glob("*.toml"))]
    known = [play.case for play in plays]
    if unknown := [case for case in chosen if case not in known]:
        raise stop(MISSING, "unknown_example", f"No example case {', '.join(unknown)}.", next_step=f"one of {', '.join(known)}")
    wanted = {*chosen, *(play.after for play in plays if play.case in chosen)}  # a case that comes after another needs it
    plays = [play for play in plays if not chosen or play.case in wanted]
    client = await connect_temporal(address=stack.temporal_address)
    pool = await connect_pool(stack.database_url, size=8)
    try:
        await load_examples(pool)
        failed: list[Difference] = []
        acts = sum(len(play.steps) + 1 for play in plays) + len({play.activation["reference"] for play in plays if play.activation})
        with Lines(acts, "playing", quiet=quiet) as lines:

            async def played(group: tuple[Play, ...]) -> None:
                try:
                    await Player(pool, client, stack.bank_url, told=lambda play, line: lines.told(f"{play.case}  {line}")).play(*group)
                except PlayFailed as error:
                    failed.append(Difference(error.case, "play", "every step as written", str(error)))

            await asyncio.gather(*(played(group) for group in together(plays)))
        found, shown = {}, {}
        expected = json.loads((EXAMPLES / "expected.json").read_text(encoding="utf-8"))
        for play in plays:
            try:
                found[play.case] = await figures(pool, play.reference, _submitted(play))
                shown[play.case] = await read.show(pool, play.reference)
            except read.NoSuchCase as error:
                failed.append(Difference(play.case, "case", play.reference, str(error)))
                continue
            failed += differences(play.case, expected.get(play.case, {}), found[play.case])
        both = new_partner(expected["new_partner"], found)
        failed += _half(expected["new_partner"], both)
        outcome = Outcome(found, failed, await read.totals(pool), stack.ui_url, both)
    finally:
        await pool.close()
    if not quiet:
        _print(outcome, shown)
    return outcome


async def load_examples(pool: asyncpg.Pool) -> None:
    """Office files, rates and the first sanctions list of the examples; a later edition is loaded by the play that tells of it."""
    for path in [*sorted((EXAMPLES / "offices").glob("*.toml")), EXAMPLES / "rates.toml"]:
        await versions.load_file(pool, path)
    async with pool.acquire() as conn:
        await sanctions.load(cast("asyncpg.Connection", conn), (EXAMPLES / "sanctions" / "example-list.xml").read_bytes())


def _submitted(play: Play) -> list[str]:
    """Source references of what the play submits on its way."""
    return [json.loads((play.folder / step.submit).read_text(encoding="utf-8"))["source_reference"] for step in play.steps if step.submit]


TRACKS = ("standard", "emergency")


def new_partner(which: dict[str, Any], found: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    """What a new partner goes through to its first payment, by track, as the record of the two cases has it; None unless both were played.

    `which` names the case of each track (`cases` of `new_partner` in expected.json). Keys of each: case, hand_overs, holder_days, clocks,
    obligations (with what fired and lifted).
    """
    if not all(which["cases"][track] in found for track in TRACKS):
        return None
    return {track: _side(which["cases"][track], found[which["cases"][track]]) for track in TRACKS}


def _side(case: str, figures: dict[str, Any]) -> dict[str, Any]:
    kept = ("hand_overs", "holder_days", "clocks", "signed_on", "payments", "obligations", "consequences")
    return {"case": case, **{name: figures[name] for name in kept}}


def _half(which: dict[str, Any], both: dict[str, Any] | None) -> list[Difference]:
    """Both counts as expected, and that of the emergency case at most half of the other."""
    if both is None:
        return []
    counts = {track: both[track]["hand_overs"] for track in TRACKS}
    found = differences("new_partner", {"hand_overs": which["hand_overs"]}, {"hand_overs": counts})
    if 2 * counts["emergency"] > counts["standard"]:
        found.append(Difference("new_partner", "emergency hand-overs", f"at most half of {counts['standard']}", counts["emergency"]))
    return found


def fate(side: dict[str, Any], kind: str) -> str:
    """What became of the obligations of one kind: state, due day, and what fired by itself until it lifted; a dash if there was none."""
    kept = [o for o in side["obligations"] if o["kind"] == kind]
    if not kept:
        return "-"
    states = "; ".join(o["state"] + (f", due {o['due']}" if o["due"] else "") for o in kept)
    fired = [
        f"{row['consequence']} from {row['on']}" + (f" to {row['lifted_on']}" if row["lifted_on"] else "")
        for row in side["consequences"]
        if row["kind"] == kind
    ]
    return "; ".join((states, *fired))


def _side_by_side(both: dict[str, Any]) -> None:
    """Both tracks of a new partner, figure by figure, then every obligation with its fate."""
    sides = [both[track] for track in TRACKS]
    names = {"a": "intake to signature", "b": "partner's first act to signature", "c": "submission to signature", "d": "request to payment"}
    rows: list[tuple[Any, ...]] = [
        ("hand-overs to first payment", *(side["hand_overs"] for side in sides)),
        *((f"clock {name}, {text}", *(side["clocks"][name] for side in sides)) for name, text in names.items()),
        *(
            ("on hold" if holder == "hold" else f"held by {holder}", *(side["holder_days"].get(holder) for side in sides))
            for holder in ("office", "partner", "external", "hold")
        ),
        ("signed on", *(side["signed_on"] for side in sides)),
        ("first payment on", *(next((p["paid_on"] for p in side["payments"]), None) for side in sides)),
    ]
    kinds = dict.fromkeys(o["kind"] for side in sides for o in side["obligations"])
    rows += [(f"obligation {kind}", *(fate(side, kind) for side in sides)) for kind in kinds]
    heads = ("working days of the office", *(f"{track} ({both[track]['case']})" for track in TRACKS))
    table(heads, rows, title="a new partner on both tracks")
    standard, emergency = (side["hand_overs"] for side in sides)
    verdict = "at most half" if 2 * emergency <= standard else "MORE than half"
    say(
        f"to the first payment: {emergency} hand-overs on the fast path, {standard} on the standard track ({verdict}); no check was dropped"
    )


def _print(outcome: Outcome, shown: dict[str, dict[str, Any]]) -> None:
    """What the record holds, case by case, and what is not as expected."""
    for case, found in outcome.cases.items():
        money, holds = shown[case]["money"], found["holder_days"]
        currency = money["currency"]
        lines: list[tuple[str, Any]] = [
            ("reference", f"{found['reference']}, {found['track']} track, {found['status']}"),
            ("office total", f"{currency} {found['office_total']} (US$ {found['office_total_usd']})"),
            *((f"paid, instalment {p['instalment']}", f"{p['currency']} {p['amount']} on {p['paid_on']}") for p in found["payments"]),
            *((f"report {r['instalment']}", f"A {r['a']}, B {r['b']}, C {r['c']}, D {r['d']}") for r in found["reports"]),
            ("clocks, working days", {name: days for name, days in found["clocks"].items() if days is not None}),
            ("held by, working days", holds),
            ("hand-overs to first payment", found["hand_overs"]),
            ("obligations", [f"{o['kind']} {o['state']}" + (f" (due {o['due']})" if o["due"] else "") for o in found["obligations"]]),
            ("refused", [f"{r['kind']}: {r['rule']}" for r in found["refused"]]),
            ("ledger", money["ledger"]["balances"]),
        ]
        say("")
        table((case, ""), lines)
    say("")
    table(("in PostgreSQL", "rows"), list(outcome.totals.items()))
    if outcome.new_partner is not None:
        say("")
        _side_by_side(outcome.new_partner)
    say("")
    if outcome.as_expected:
        say("as expected in every figure of examples/expected.json")
    else:
        table(
            ("case", "what", "expected", "found"),
            [(d.case, d.what, d.expected, d.found) for d in outcome.differences],
            title="not as expected",
        )
    say(f"seed {outcome.seed}; Temporal UI: {outcome.ui_url}")
