"""Writes the reference pages from code and packs: `make docs`. With `--check`: says which committed page differs, and exits 1.

Pages are made of the catalogues (`schemas.tasks`, `schemas.events`), the packs (`policy`) and the models alone, so the same commit gives
the same bytes: no date, no path, nothing of this machine. Never edit a page in `reference/` by hand.
"""

import dataclasses
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from policy import vetting as elements  # noqa: E402
from policy.pack import Pack, TaskRule, catalogue, in_force, readable  # noqa: E402
from schemas.base import Strict  # noqa: E402
from schemas.events import ALWAYS, EVENTS, EventType  # noqa: E402
from schemas.public import PUBLIC, json_schema  # noqa: E402
from schemas.tasks import CATALOGUE, MESSAGES, RESERVED, Kind, example  # noqa: E402
from workflows import agreement, approval, cash_transfer, committee_review, programme_document, vetting  # noqa: E402

REFERENCE = ROOT / "docs" / "reference"
GENERATED = "<!-- Written by `make docs` from code and packs. Do not edit. -->"
SECTIONS = {
    "A": "Track and vetting",
    "B": "Programme document",
    "C": "Committee review",
    "D": "Approval, signature, funds",
    "E": "Cash",
    "F": "Case, partner, office",
}
SHOWN = {"yes": "shown", "coarse": "label only", "if_theirs": "if theirs", "no": "not shown"}


def packs() -> tuple[Pack, Pack]:
    """The newest shipped pack of each track: standard, emergency."""
    newest = max(pack.effective_on for pack in catalogue())
    return in_force(catalogue(), "standard", newest), in_force(catalogue(), "emergency", newest)


# --- Markdown ---------------------------------------------------------------------------------------------------------


def cell(text: object) -> str:
    """Text that cannot break its row."""
    return re.sub(r"\s+", " ", str(text)).replace("|", "\\|").strip() or "–"


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    names = list(head)
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join("| " + " | ".join(cell(column) for column in line) + " |" for line in lines)


def page(title: str, *parts: str) -> str:
    return "\n\n".join([GENERATED, f"# {title}", *(part for part in parts if part)]) + "\n"


def code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def fields(model: type[Strict]) -> str:
    """The fields of a payload, one line each, with a ready example."""
    schema = model.model_json_schema()
    if not schema.get("properties"):
        return ""
    required = set(schema.get("required", ()))
    rows = [
        (f"`{name}`", typed(spec, schema.get("$defs", {})), "yes" if name in required else "", spec.get("description", ""))
        for name, spec in schema["properties"].items()
    ]
    shown = json.dumps(example(model), ensure_ascii=False)
    return table(("field", "type", "required", "what"), rows) + f"\n\nExample: `{shown}`"


def typed(spec: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    """A JSON Schema type in a few words."""
    if "anyOf" in spec:
        return " or ".join(dict.fromkeys(typed(option, defs) for option in spec["anyOf"]))
    if "allOf" in spec:
        return " ".join(typed(option, defs) for option in spec["allOf"])
    if "$ref" in spec:
        name = spec["$ref"].rpartition("/")[2]
        return f"{name} {{{', '.join(defs[name].get('properties', {}))}}}"
    if "enum" in spec:
        return code(map(str, spec["enum"]))
    if "const" in spec:
        return f"`{json.dumps(spec['const'])}`"
    if spec.get("type") == "array":
        items = spec.get("items") or (spec.get("prefixItems") or [{}])[0]
        return f"list of {typed(items, defs)}"
    if spec.get("pattern") == r"^[0-9a-f]{64}$":
        return "SHA-256"
    if spec.get("format") == "date":
        return "date"
    return str(spec.get("type", "any")).replace("object", "name to value")


# --- Pages ------------------------------------------------------------------------------------------------------------


def days(rule: TaskRule | None) -> str:
    """Working days of one track: a dash where the track has no such task, `own` where the due moment comes with the task."""
    if rule is None:
        return "–"
    return "own" if rule.days is None else str(rule.days)


def tasks() -> str:
    """Casebook 1, with the days and the escalation of both packs."""
    standard, emergency = packs()

    def row(kind: Kind) -> tuple[object, ...]:
        rules = (standard.tasks.get(kind.name), emergency.tasks.get(kind.name))
        rule = rules[0] or rules[1]
        return (
            kind.number,
            f"[`{kind.name}`](#{kind.name})",
            kind.opens,
            code(kind.decides),
            f"{days(rules[0])} / {days(rules[1])}",
            kind.holder["standard"],
            code(rule.escalates_to) if rule else "",
        )

    def detail(kind: Kind) -> str:
        told = [
            ("Of the", f"{kind.subject}; closed to others than its roles" if kind.sealed else kind.subject),
            ("Blocks", kind.blocks),
            ("Overdue", kind.overdue),
            ("Note", kind.note),
        ]
        verdicts = table(
            ("verdict", "track", "asks for", "closes", "told to the workflow"),
            (
                (
                    f"`{verdict.name}`{verdict.marks}" + (f" ({code(verdict.roles)} only)" if verdict.roles else ""),
                    verdict.track,
                    f"{verdict.data.__name__}" if verdict.data else "",
                    "yes" if verdict.closes else "no",
                    code(verdict.facts),
                )
                for verdict in kind.verdicts.values()
            ),
        )
        models = dict.fromkeys(verdict.data for verdict in kind.verdicts.values() if verdict.data)
        payloads = [f"{heading(model)}\n\n{fields(model)}" for model in models]
        about = "\n".join(f"- {label}: {text}" for label, text in told if text)
        return "\n\n".join([f"### {kind.name}", about, verdicts, *payloads])

    parts = [
        "Every wait for a person is a task of one of these kinds. Its id is `<case or partner>:<stage>:<round>:<kind>[:<whom>]`; it is "
        "decided with `pca decide TASK --as ACTOR --role ROLE --verdict V`. A verdict that is not listed is refused with those that are.",
        "`*` a comment is required. `†` a message to the partner and a reason code are required. Days are working days of the office on "
        "the standard / emergency track, the day of opening not counted; `own`: the due moment comes with the task; a dash: the track has "
        "no such task. Overdue never decides.",
        "Every open task also takes the messages "
        + code(name for name, kind in MESSAGES.items() if kind.on_task)
        + ", and in review `recuse`.",
    ]
    for letter, title in SECTIONS.items():
        kinds = [kind for kind in CATALOGUE.values() if kind.section == letter]
        parts.append(f"## {letter}. {title}")
        parts.append(table(("#", "kind", "opens when", "decides", "S / E days", "holder", "escalates to"), map(row, kinds)))
        parts.extend(map(detail, kinds))
    parts.append("## Names reserved for later work\n\n" + code(RESERVED))
    return page("Tasks", *parts)


def heading(model: type[Strict]) -> str:
    """The name of a payload, with its docstring where it has one of its own."""
    said = re.sub(r"\s+", " ", (model.__dict__.get("__doc__") or "").strip())
    return f"**{model.__name__}**" + (f": {said}" if said else "")


def messages() -> str:
    """The messages that are not tasks."""
    rows = [
        (
            f"`{kind.name}`",
            code(kind.who),
            kind.when,
            kind.data.__name__ if kind.data else "",
            ", ".join(
                word
                for word, asked in (
                    ("comment", kind.comment),
                    ("message to the partner and reason code", kind.message),
                    ("sealed", kind.sealed),
                )
                if asked
            ),
            kind.note,
        )
        for kind in MESSAGES.values()
    ]
    models = dict.fromkeys(kind.data for kind in MESSAGES.values() if kind.data)
    return page(
        "Messages that are not tasks",
        "Said to a case with `pca tell REF MESSAGE --as ACTOR --role ROLE`. A message that does not count is answered with every reason.",
        table(("message", "who", "when", "data", "required", "note"), rows),
        *(f"## {model.__name__}\n\n{fields(model)}" for model in models),
    )


def events() -> str:
    """Casebook 2."""

    def row(event: EventType) -> tuple[object, ...]:
        return (
            event.number or "",
            f"`{event.name}`",
            event.when,
            code(event.keys),
            SHOWN[event.partner],
            "at once" if event.urgent else "",
        )

    return page(
        "Events",
        "What the record appends, one chain for each subject. Outside, an event is a CloudEvent of type `pca.<name>.v1`, as "
        "[schemas/event.json](schemas/event.json) says. The number is the row of the casebook; none: the engine added it.",
        f"Besides its own data every event carries {code(ALWAYS)}. Personal data, bank data and texts are never carried: ids and hashes "
        "are.",
        table(("#", "event", "when", "data", "to the partner", "notice"), map(row, EVENTS.values())),
    )


def obligations() -> str:
    """Casebook 3, as the packs have it."""
    standard, emergency = packs()
    rows = []
    for kind in dict.fromkeys((*standard.obligations, *emergency.obligations)):
        rule = standard.obligations.get(kind) or emergency.obligations[kind]
        other = emergency.obligations.get(kind)
        due = readable(rule.due)
        if other is not None and other.due != rule.due:
            due += f" (emergency: {readable(other.due)})"
        rows.append(
            (
                f"`{kind}`",
                rule.scope,
                rule.arises,
                due,
                code(rule.owners),
                f"`{rule.verifier}`" if rule.verifier else "",
                code(rule.consequences),
                code(rule.met_by),
                rule.status,
                rule.source,
            )
        )
    return page(
        "Obligations",
        "What is deferred or due later is an obligation: an owner, a date, and a consequence that fires by itself when it is overdue and "
        "lifts by itself when it is met, extended or written off. Of the partner: created once, shared by every case that relies on it.",
        table(
            ("kind", "of the", "arises when", "due", "owner", "verifier", "consequence when overdue", "met by", "status", "source"), rows
        ),
    )


def policy() -> str:
    """Every rule of both packs, side by side."""
    standard, emergency = packs()
    rows = []
    for name in dict.fromkeys((*standard.rules, *emergency.rules)):
        one, other = standard.rules.get(name), emergency.rules.get(name)
        rule = one or emergency.rules[name]
        statuses = dict.fromkeys(side.status for side in (one, other) if side)
        sources = dict.fromkeys(side.source for side in (one, other) if side)
        rows.append(
            (
                f"`{name}`",
                readable(one.value) if one else "",
                "same" if one and other and one.value == other.value else readable(other.value) if other else "",
                rule.unit,
                " / ".join(statuses),
                " / ".join(sources),
            )
        )
    heads = [(f"`{pack.id}`", pack.track, pack.effective_on, f"`{pack.sha256[:16]}`") for pack in (standard, emergency)]
    return page(
        "Policy",
        "The figures and tables of the rules, with their source and how sure it is. *confirmed*: a source says it; *derived*: our reading "
        "of confirmed facts; *assumed*: ours, never shown to a user as policy. Days and roles of tasks: [tasks.md](tasks.md); "
        "obligations: [obligations.md](obligations.md).",
        table(("pack", "track", "in force from", "SHA-256 begins"), heads),
        table(("rule", "standard", "emergency", "unit", "status", "source"), rows),
    )


STAGES: dict[str, tuple[ModuleType, str]] = {
    "The case": (agreement, "F"),
    "Vetting": (vetting, "A"),
    "Programme document": (programme_document, "B"),
    "Committee review": (committee_review, "C"),
    "Approval, signature, funds": (approval, "D"),
    "Cash transfer": (cash_transfer, "E"),
}
"""The parts of a case with their `Track` tables (where a procedure differs), and the section of the catalogue that their tasks stand in."""


def value(given: object) -> str:
    """A value of a `Track` table, in a fixed order."""
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, frozenset):
        return code(sorted(given))
    if isinstance(given, Mapping):
        return ", ".join(f"{key} `{getattr(item, '__name__', item)}`" for key, item in given.items())
    return f"`{given}`"


def tracks() -> str:
    """The two tracks side by side: what each stage's table and the packs say differently."""
    standard, emergency = packs()

    def table_of(module: ModuleType) -> str:
        if not hasattr(module, "TRACKS"):
            return "One procedure for both tracks; what differs is in the packs."
        one, other = module.TRACKS["standard"], module.TRACKS["emergency"]
        rows = [(f"`{f.name}`", value(getattr(one, f.name)), value(getattr(other, f.name))) for f in dataclasses.fields(one)]
        return table(("field of `Track`", "standard", "emergency"), rows)

    def tasks_of(letter: str) -> str:
        rows = []
        for kind in (kind for kind in CATALOGUE.values() if kind.section == letter):
            one, other = standard.tasks.get(kind.name), emergency.tasks.get(kind.name)
            verdicts = [f"`{verdict.name}` ({verdict.track} only)" for verdict in kind.verdicts.values() if verdict.track != "both"]
            roles = [f"{code(rule.roles)} ({name})" for name, rule in (("S", one), ("E", other)) if rule and one and other]
            changed = bool(one and other and one.roles != other.roles)
            if days(one) != days(other) or verdicts or changed:
                rows.append((f"`{kind.name}`", days(one), days(other), ", ".join(verdicts), " / ".join(roles) if changed else ""))
        return table(("task", "days, standard", "days, emergency", "verdicts of one track", "who decides, where that differs"), rows)

    def rule_rows() -> list[tuple[object, ...]]:
        rows = []
        for name in dict.fromkeys((*standard.rules, *emergency.rules)):
            one, other = standard.rules.get(name), emergency.rules.get(name)
            if one is None or other is None or one.value != other.value:
                rows.append((f"`{name}`", readable(one.value) if one else "", readable(other.value) if other else ""))
        return rows

    deferrable = emergency["vetting.deferrable"]
    owed = [
        (
            f"`{name}`",
            f"`{elements.TASKS[name]}`",
            f"`{elements.OBLIGATIONS[name]}`",
            readable(emergency.obligation(elements.OBLIGATIONS[name]).due),
            code(emergency.obligation(elements.OBLIGATIONS[name]).consequences),
        )
        for name in deferrable
    ]
    duties = []
    for kind in dict.fromkeys((*standard.obligations, *emergency.obligations)):
        first, second = standard.obligations.get(kind), emergency.obligations.get(kind)
        if first is None or second is None or first != second:
            duties.append((f"`{kind}`", readable(first.due) if first else "", readable(second.due) if second else ""))
    unlocks = [(level, code(what)) for level, what in emergency["activation.unlocks"].items()]
    parts = [
        "The track is data: one procedure a stage, above it the two `Track` tables, beside them the packs. What is not listed here is "
        "the same on both tracks. Days are working days of the office; a dash: the track has no such task.",
    ]
    for title, (module, letter) in STAGES.items():
        parts += [f"## {title}", table_of(module), tasks_of(letter)]
    parts += [
        "## What the emergency track may postpone",
        "A postponed check stays an open task, and is an obligation of the partner until it is met. What is not listed is never postponed.",
        table(("element", "task", "obligation", "due", "consequence when overdue"), owed),
        "## What each level of an activation unlocks",
        table(("level", "unlocks"), unlocks),
    ]
    if duties:
        parts += ["## Obligations that differ", table(("obligation", "due, standard", "due, emergency"), duties)]
    parts += ["## Rules of the packs that differ", table(("rule", "standard", "emergency"), rule_rows())]
    return page("The two tracks, side by side", *parts)


PAGES: dict[str, Callable[[], str]] = {
    "tasks.md": tasks,
    "messages.md": messages,
    "events.md": events,
    "obligations.md": obligations,
    "policy.md": policy,
    "tracks.md": tracks,
}


def everything() -> dict[Path, str]:
    """Every generated file and what it must hold."""
    pages = {REFERENCE / name: make() for name, make in PAGES.items()}
    schemas = {
        REFERENCE / "schemas" / f"{name}.json": json.dumps(json_schema(name), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        for name in PUBLIC
    }
    return pages | schemas


def dead_links() -> list[str]:
    """Relative links of the documentation that lead nowhere."""
    return [
        f"{source.relative_to(ROOT)}: {target} leads nowhere"
        for source in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
        for target in re.findall(r"\]\(([^)#\s]+)", source.read_text(encoding="utf-8"))
        if "://" not in target and not (source.parent / target).exists()
    ]


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` compare them."""
    wanted = everything()
    if "--check" not in arguments:
        for path, text in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return 0
    faults = [
        f"{path.relative_to(ROOT)} is not what code and packs say: run `make docs`"
        for path, text in wanted.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    faults += dead_links()
    for fault in faults:
        sys.stderr.write(fault + "\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
