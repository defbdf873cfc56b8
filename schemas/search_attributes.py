"""The search attributes of the engine: one list for workflows, worker, embedded server and documentation.

SQL visibility holds 10 keywords and 3 of every other type, so a new one is a change of the schema. Values are indexed and read by
everybody who may list workflows: they must never hold names of people, or amounts.
"""

from datetime import datetime
from typing import Any

from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

PCA_REF: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("PcaRef")
PCA_STAGE: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("PcaStage")
PCA_STATUS: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("PcaStatus")
PCA_TRACK: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("PcaTrack")
PCA_COUNTRY: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("PcaCountry")
PCA_PARTNER: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("PcaPartner")
PCA_OWNER: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("PcaOwner")
PCA_WAITING_ON: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("PcaWaitingOn")
PCA_DUE_AT: SearchAttributeKey[datetime] = SearchAttributeKey.for_datetime("PcaDueAt")
PCA_STAGE_SINCE: SearchAttributeKey[datetime] = SearchAttributeKey.for_datetime("PcaStageSince")
PCA_ESCALATION: SearchAttributeKey[int] = SearchAttributeKey.for_int("PcaEscalation")
PCA_OVERDUE: SearchAttributeKey[bool] = SearchAttributeKey.for_bool("PcaOverdue")

SEARCH_ATTRIBUTES: dict[str, str] = {
    PCA_REF.name: "Keyword",
    PCA_STAGE.name: "Keyword",
    PCA_STATUS.name: "Keyword",
    PCA_TRACK.name: "Keyword",
    PCA_COUNTRY.name: "Keyword",
    PCA_PARTNER.name: "Keyword",
    PCA_OWNER.name: "Keyword",
    PCA_WAITING_ON.name: "Keyword",
    PCA_DUE_AT.name: "Datetime",
    PCA_STAGE_SINCE.name: "Datetime",
    PCA_ESCALATION.name: "Int",
    PCA_OVERDUE.name: "Bool",
}
"""Name to type, in the words of `temporal operator search-attribute create --type`."""

_KEYS: dict[str, SearchAttributeKey[Any]] = {
    key.name: key
    for key in (
        PCA_REF, PCA_STAGE, PCA_STATUS, PCA_TRACK, PCA_COUNTRY, PCA_PARTNER, PCA_OWNER, PCA_WAITING_ON, PCA_DUE_AT, PCA_STAGE_SINCE,
        PCA_ESCALATION, PCA_OVERDUE,
    )
}  # fmt: skip


def updates(values: dict[str, Any]) -> list[SearchAttributeUpdate[Any]]:
    """Name to value as one upsert; None takes the attribute away."""
    return [_KEYS[name].value_unset() if value is None else _KEYS[name].value_set(value) for name, value in values.items()]
