"""What happened, and what is owed, in one sentence each: the codes and dates of the record put into the texts of the catalogue."""

import re
from collections.abc import Mapping
from typing import Any

from api.web.texts import NOTHING, Formats, Texts
from policy.partner_view import TABLE

FAMILIES: Mapping[str, str] = {
    "track": "track", "element": "element", "owner_role": "role", "verdict": "verdict", "side": "holder", "scope": "scope",
    "reason_code": "reason", "object": "choice", "annex": "choice", "ground": "choice", "holder": "holder", "consequence": "consequence",
}  # fmt: skip
"""Which family of texts the codes of a field belong to."""
OF_EVENT: Mapping[str, Mapping[str, str]] = {
    "case.status_changed": {"to": "status"},
    "case.track_changed": {"from": "track", "to": "track"},
    "review.concluded": {"result": "result"},
    "vendor.account_changed": {"result": "state"},
    "obligation.created": {"kind": "obligation"},
    "obligation.overdue": {"kind": "obligation"},
    "task.opened": {"kind": "task"},
    "decision.counted": {"kind": "task"},
    "decision.refused": {"kind": "task"},
    "message.counted": {"kind": "message"},
    "message.refused": {"kind": "message"},
}
"""The same where a field means another thing in another event."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T.*)?")


def name_of(event: Mapping[str, Any]) -> str:
    """`pca.review.submitted.v1` or `review.submitted`: `review.submitted`."""
    return str(event["type"]).removeprefix("pca.").removesuffix(".v1")


def data_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event's own data, whether it comes as the chain holds it or as a list of the record does."""
    data = event.get("data") or {}
    inner = data.get("data") if isinstance(data, Mapping) else None
    return inner if isinstance(inner, Mapping) else data


def event(said: Mapping[str, Any], t: Texts, f: Formats, currency: str = "") -> str:
    """What happened. An event that has no sentence yet is said by its name."""
    name, data = name_of(said), data_of(said)
    families = {**FAMILIES, **OF_EVENT.get(name, {})}

    def shown(key: str, value: Any) -> str:
        if value in (None, "", []):
            return NOTHING
        if key in families:
            return t.of(families[key], str(value).partition(":")[0])
        if key == "amount":
            return f.money(value, data.get("currency") or currency) if data.get("currency") or currency else f.number(value)
        return f.date(value) if isinstance(value, str) and _DATE.fullmatch(value) else str(value)

    values = {key: shown(key, value) for key, value in data.items() if not isinstance(value, dict | list)}
    return t.told(f"event.{name}", values) if t.has(f"event.{name}") else name.replace(".", ": ").replace("_", " ")


def obligation(owed: Mapping[str, Any], t: Texts, f: Formats, *, to_partner: bool = False) -> str:
    """What is owed, by when, what follows if it is late, whose turn it is. To the partner in the words of `policy.partner_view`."""
    due, role = owed.get("due") or owed.get("due_at"), str(owed.get("owner_role") or "")
    effects = [t.of("consequence", each) for each in owed.get("consequences") or ()]
    if to_partner:
        return _to_partner(owed, f.day(due) if due else "", effects, role, t)
    said = t("owedwords.office", role=t.of("role", role), due=f.date(due) if due else t("owedwords.later"))
    return f"{said} {t('owedwords.office_then', effects=', '.join(effects))}" if effects else said


def _to_partner(owed: Mapping[str, Any], due: str, effects: list[str], role: str, t: Texts) -> str:
    kind = str(owed["kind"])
    what = t.of("owed", kind)
    if owed.get("state") in ("met", "written_off"):
        return f"{what} {t('owedwords.done')}"
    until = t("owedwords.no_date")
    if due:
        meanwhile = f"owedwords.meanwhile.{kind}"
        until = t("owedwords.until", due=due, meanwhile=t(meanwhile)) if t.has(meanwhile) else t("owedwords.due", due=due)
    then = t("owedwords.then", effects=t("owedwords.and").join(effects)) if effects else ""
    own = f"owedwords.whose.{role}"
    whose = t(own) if t.has(own) else t("owedwords.whose.office", role=t.of("role", role).lower())
    return f"{what} {until}{then}. {t('owedwords.turn', whose=whose)}"


def to_partner(said: Mapping[str, Any], t: Texts, f: Formats, currency: str = "") -> str:
    """An event as the partner reads it: coarse ones in their own words, without any detail."""
    name = name_of(said)
    if name == "case.status_changed":
        return public_label(str(said.get("label") or ""), t)
    return t(f"coarse.{name}") if t.has(f"coarse.{name}") else event(said, t, f, currency)


def public_label(label: str, t: Texts) -> str:
    """A label of the table of `policy.partner_view`, in the person's language."""
    row = next((name for name, row in TABLE.items() if row.label == label), "")
    return t.of("public", row) if row else label
