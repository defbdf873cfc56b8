"""`pca policy list | show | diff`: the rule packs of this release, each rule with its source and how sure it is. Needs no server."""

import click

from cli.output import MISSING, as_json, say, stop, table
from policy import pack as packs


def _chosen(name: str) -> packs.Pack:
    """A pack by its id, or the newest of a track."""
    of_track = [pack for pack in packs.catalogue() if pack.track == name]
    if of_track:
        return max(of_track, key=lambda pack: (pack.effective_on, pack.id))
    try:
        return packs.load(name)
    except packs.UnknownRule:
        known = ", ".join(pack.id for pack in packs.catalogue())
        raise stop(MISSING, "unknown_pack", f"No pack {name}.", next_step=f"one of {known}, or a track") from None


@click.group()
def policy() -> None:
    """The rule packs: list them, show one, compare two."""


@policy.command("list")
@click.option("--json", "json_", is_flag=True, help="As JSON.")
def list_packs(json_: bool) -> None:
    """The packs that come with this release."""
    found = [
        {
            "id": pack.id,
            "track": pack.track,
            "effective_on": pack.effective_on,
            "title": pack.title,
            "rules": len(pack.rules),
            "tasks": len(pack.tasks),
            "obligations": len(pack.obligations),
            "sha256": pack.sha256,
        }
        for pack in packs.catalogue()
    ]
    if json_:
        as_json(found)
        return
    columns = ("id", "track", "effective_on", "rules", "tasks", "obligations", "title")
    table(columns, [[row[column] for column in columns] for row in found])


@policy.command()
@click.argument("pack")
@click.option("--status", type=click.Choice(packs.STATUSES), default=None, help="Only rules that are so sure.")
@click.option("--section", type=click.Choice(["rules", "tasks", "obligations"]), default=None, help="Only this part.")
@click.option("--json", "json_", is_flag=True, help="As JSON.")
def show(pack: str, status: str | None, section: str | None, json_: bool) -> None:
    """Every rule of PACK (an id, or a track: standard, emergency) with value, unit, source and status."""
    found = _chosen(pack)
    rows = [row for row in packs.show(found) if status in (None, row.status) and section in (None, row.section)]
    if json_:
        as_json({"id": found.id, "track": found.track, "effective_on": found.effective_on, "sha256": found.sha256, "rows": rows})
        return
    table(
        ("section", "id", "value", "unit", "source", "status"),
        [(row.section, row.id, row.value, row.unit, row.source, row.status) for row in rows],
        title=f"{found.id}: {found.title}",
    )


@policy.command()
@click.argument("left", default="standard")
@click.argument("right", default="emergency")
@click.option("--json", "json_", is_flag=True, help="As JSON.")
def diff(left: str, right: str, json_: bool) -> None:
    """What two packs say differently; without arguments the two tracks side by side."""
    one, other = _chosen(left), _chosen(right)
    rows = packs.diff(one, other)
    if json_:
        as_json({"left": one.id, "right": other.id, "differences": rows})
        return
    if not rows:
        say(f"{one.id} and {other.id} say the same")
        return
    table(("section", "id", one.id, other.id), [(row.section, row.id, row.left, row.right) for row in rows])


COMMANDS = (policy,)
