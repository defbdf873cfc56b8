"""What is sealed of an event that leaves the engine: screening, flags, allegations, and reasons of the confidential class.

The record itself holds ids and hashes only; but also that there *is* a hit, or an allegation, is not for everybody. One place says which
events and which words of other events tell it, for webhooks and for letters.
"""

from collections.abc import Mapping
from typing import Any, Literal

from schemas.messages import CONFIDENTIAL
from schemas.tasks import CATALOGUE, MESSAGES

Class = Literal["open", "sealed", "never"]
"""open: to whoever may see the case; sealed: to who may read sealed matters; never: does not leave the engine."""

WORD = "confidential"
"""What stands in the place of a word that tells too much."""

KINDS = frozenset(kind.name for kind in CATALOGUE.values() if kind.sealed) | frozenset(
    kind.name for kind in MESSAGES.values() if kind.sealed
)
"""Tasks and messages whose very existence is sealed."""
ALLEGATION = "report_allegation"
SEALED_NOUNS = ("screening.", "partner.flag")
SCREENING = "screening"
"""Cause of a block that stands while a hit is open; part of the block's id; element of the vetting."""


def class_of(event: str, body: Mapping[str, Any]) -> Class:
    """Who may be told of an event at all. `body`: as the record holds it."""
    data = body.get("data") or {}
    kind = data.get("kind", "")
    if event.startswith("allegation.") or kind == ALLEGATION:
        return "never"
    if event.startswith(SEALED_NOUNS) or kind in KINDS or names_sealed(str(data.get("task") or "")) or data.get("element") == SCREENING:
        return "sealed"
    return "open"


def names_sealed(name: str) -> bool:
    """Whether an id (of a task, a decision, a block) names something sealed."""
    parts = name.split(":")
    return SCREENING in parts or not KINDS.isdisjoint(parts)


def without_sealed(value: Any, key: str = "") -> Any:
    """The same without the words that tell of a sealed matter: reasons of the confidential class, ids of sealed tasks and blocks."""
    if isinstance(value, Mapping):
        return {name: without_sealed(item, name) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_sealed(item, key) for item in value]
    if isinstance(value, str) and (names_sealed(value) or (key in ("reason_code", "ground") and value in CONFIDENTIAL)):
        return WORD
    return value
