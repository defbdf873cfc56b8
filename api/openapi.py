"""The document of the API (OpenAPI 3.1) at /openapi.json: FastAPI's own, with the models of bodies that are read as they come."""

from typing import Any

from fastapi import FastAPI

from api.routes.intake import SCHEMAS

TAGS = {
    "intake": "Agreements come in, as JSON or as CloudEvents; what was refused.",
    "cases": "The register, one case, its events and stops.",
    "documents": "Versions of the programme document, and what changed between them.",
    "tasks": "The inbox, one task, decisions.",
    "decisions": "What was decided, counted or not.",
    "obligations": "What is owed, by whom, until when.",
    "cash": "Instalments and the ledger.",
    "partners": "Organisations in countries, their clearance and exposure.",
    "activations": "Emergency activations.",
    "offices": "How an office stands.",
    "live": "What changes, as it changes.",
    "public": "What anybody may know of a signed agreement.",
    "webhooks": "Who listens to what happened.",
    "health": "Whether the API is well.",
}
REF = "#/components/schemas/{model}"


def install(app: FastAPI) -> None:
    """The document is made once, when it is first asked for."""
    made = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = made()
            schemas = found.setdefault("components", {}).setdefault("schemas", {})
            for model in SCHEMAS:
                own = model.model_json_schema(ref_template=REF, by_alias=True)
                for name, schema in {**own.pop("$defs", {}), model.__name__: own}.items():
                    schemas.setdefault(name, schema)
            found["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]
