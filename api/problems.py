"""Refusals over HTTP: problem details (RFC 9457) that carry every finding at once, each with its rule and place.

One class to raise, one table of what each status means, one place where every error becomes an answer. No stack trace leaves here.
"""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

import asyncpg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from temporalio.service import RPCError

from activities.browse import NotUnderstood
from activities.read import NoSuchCase
from schemas.findings import Finding
from worker.connect import ConnectError
from worker.doors import NoAnswer, NotFound

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:pca:problem:"
log = structlog.get_logger(__name__)


class Details(BaseModel):
    """Problem details, RFC 9457, with our findings."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:pca:problem:invalid",
                    "title": "Unprocessable Content",
                    "status": 422,
                    "detail": "1 finding",
                    "instance": "/v1/agreements",
                    "findings": [
                        {
                            "rule": "missing",
                            "message": "Field required",
                            "severity": "refusal",
                            "path": "$.document.end",
                            "source": "",
                            "next_step": "",
                        }
                    ],
                }
            ]
        }
    )

    type: str = Field(description="what kind of problem, stable")
    title: str = Field(description="the status in words")
    status: int = Field(description="the HTTP status")
    detail: str = Field(default="", description="one sentence for the person who reads it")
    instance: str = Field(default="", description="the path that was asked for")
    findings: list[Finding] = Field(default_factory=list, description="every reason, each with its rule and its place")


class Problem(Exception):
    """A refusal. `kind` names it for machines; `findings` are all reasons."""

    def __init__(
        self, status: int, kind: str, detail: str = "", findings: Sequence[Finding] = (), headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail or kind)
        self.status, self.kind, self.detail, self.findings, self.headers = status, kind, detail, list(findings), headers

    def details(self, instance: str = "") -> Details:
        return Details(
            type=TYPE + self.kind,
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail,
            instance=instance,
            findings=self.findings,
        )


def not_found(what: str = "There is no such thing, or it is not yours to see.") -> Problem:
    """The one answer for what is not there and for what somebody else may see."""
    return Problem(404, "not_found", what)


def invalid(findings: Sequence[Finding]) -> Problem:
    """What was sent cannot be taken: every reason."""
    return Problem(422, "invalid", f"{len(findings)} finding{'s' if len(findings) != 1 else ''}", findings)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: these problems besides those that every route may answer."""
    always = (400, 401, 403, 404, 413, 415, 422, 503)
    return {
        status: {"model": Details, "description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {}}}
        for status in sorted({*always, *statuses})
    }


def answered(problem: Problem, request: Request) -> JSONResponse:
    """The problem as a response."""
    body = problem.details(request.url.path).model_dump(mode="json")
    return JSONResponse(body, status_code=problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def _path(place: Iterable[Any]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place if part != "body")


def _as_problem(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return invalid([Finding(rule=each["type"], message=each["msg"], path=_path(each["loc"])) for each in error.errors()])
        case HTTPException():
            kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
            return Problem(error.status_code, kind, str(error.detail), headers=dict(error.headers or {}))
        case NotFound() | NoSuchCase():
            return not_found()
        case NotUnderstood():
            return invalid(error.findings)
        case NoAnswer():
            return Problem(
                503, "no_answer", "The workflow did not answer in time. Saying the same again is safe.", headers={"Retry-After": "5"}
            )
        case ConnectError() | RPCError() | OSError() | TimeoutError() | asyncpg.PostgresConnectionError() | asyncpg.InterfaceError():
            return Problem(
                503, "server_unreachable", "A server behind us does not answer. Try again shortly.", headers={"Retry-After": "5"}
            )
        case _:
            return Problem(500, "unexpected", "This is a fault of ours, and has been noted.")


async def handle(request: Request, error: Exception) -> Response:
    """Any error as an answer, to a browser as a page; what is a fault of ours is noted."""
    problem = _as_problem(error)
    if problem.status >= 500:
        log.warning("api.problem", kind=problem.kind, error=type(error).__name__, exc_info=error if problem.status == 500 else None)
    from api.web.frame import error_page  # pages are made of what is defined here

    return error_page(problem, request) or answered(problem, request)


def install(app: FastAPI) -> None:
    """Every error of `app` becomes problem details."""
    for kind in (
        Problem, RequestValidationError, HTTPException, NotFound, NoSuchCase, NotUnderstood, NoAnswer, ConnectError, RPCError, OSError,
        TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError,
    ):  # fmt: skip
        app.add_exception_handler(kind, handle)
