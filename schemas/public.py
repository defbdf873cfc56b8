"""The messages that others build on, by name, and their JSON Schema: what `pca schema NAME` prints."""

from typing import Any

from pydantic import BaseModel

from schemas.events import CloudEvent
from schemas.intake import Intake
from schemas.messages import Decision, Message
from schemas.office import Office

PUBLIC: dict[str, type[BaseModel]] = {"intake": Intake, "decision": Decision, "message": Message, "event": CloudEvent, "office": Office}


def json_schema(name: str) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a public message. `KeyError` for a name that is none of `PUBLIC`."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **PUBLIC[name].model_json_schema(by_alias=True)}
