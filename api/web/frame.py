"""The frame of every page: language, navigation, headers, static files, and what an error looks like to a person.

Templates escape everything they are given. A page loads nothing from elsewhere and runs no script but the one beside its style sheet (the
headers of `api/edge.py` say so to the browser).
"""

import hashlib
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from api.caller import Caller, CallerDep
from api.problems import Problem
from api.web import forms
from api.web.texts import LANGUAGES, Formats, Texts, chosen

HERE = Path(__file__).parent
COOKIE = "pca_language"
ERRORS = frozenset({400, 401, 403, 404, 405, 409, 413, 422, 500, 503})
"""Statuses with a text of their own; any other reads as 500 or 400."""
STATIC = {"inbox.css": "text/css; charset=utf-8", "inbox.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"}
NAVIGATION: tuple[tuple[str, str], ...] = (
    ("tasks", "/tasks"), ("register", "/register"), ("partners", "/partners"), ("obligations", "/obligations"),
    ("activations", "/activations"), ("offices", "/offices"), ("delegation", "/delegation"),
)  # fmt: skip
"""Sections of the office's people: id of the text `nav.<id>`, path."""
PARTNER_NAVIGATION: tuple[tuple[str, str], ...] = (
    ("tasks", "/tasks"), ("own_cases", "/register"), ("own_partner", "/partners"), ("obligations", "/obligations"),
)  # fmt: skip
"""Those of the partner's people."""

router = APIRouter(include_in_schema=False)


@cache
def _static(name: str) -> tuple[bytes, str]:
    body = (HERE / "static" / name).read_bytes()
    return body, hashlib.sha256(body).hexdigest()[:12]


def static(name: str) -> str:
    """The address of a static file: it names the content, so that it can be kept for ever."""
    return f"/static/{name}?v={_static(name)[1]}"


@router.get("/static/{name}")
async def static_file(name: str) -> Response:
    if name not in STATIC:
        raise Problem(404, "not_found")
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(_static(name)[0], media_type=STATIC[name], headers=headers)


def back_to(path: str) -> str:
    """The path of ours that a link names, else the first page: nobody is led elsewhere."""
    parts = urlsplit(path)
    ours = path.startswith("/") and not path.startswith("//") and not parts.netloc and "\\" not in path and path.isprintable()
    return path if ours else "/"


@router.get("/language/{language}")
async def language(request: Request, language: str, back: str = "/") -> Response:
    """Pages in this language from now on, in this browser."""
    if language not in LANGUAGES:
        raise Problem(404, "not_found")
    answer = RedirectResponse(back_to(back), 303)
    answer.set_cookie(COOKIE, language, max_age=365 * 86_400, httponly=True, samesite="lax", secure=request.url.scheme == "https")
    return answer


@cache
def environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    found.filters["map_of"] = lambda codes, t, family: [(code, t.of(family, code)) for code in codes]
    found.globals |= {
        "static": static,
        "languages": list(LANGUAGES.items()),
        "field_id": forms.identifier,
        "place": lambda path, names: forms.place_of(path, names) if names else "",
    }
    return found


async def _visitor(request: Request, caller: CallerDep) -> Caller:
    request.state.caller = caller
    return caller


Visitor = Annotated[Caller, Depends(_visitor)]
"""The parameter of a page that wants to know who looks at it."""


def texts(request: Request) -> Texts:
    """The catalogue of whoever looks: as chosen in this browser, else the person's own, else as the browser asks."""
    if (kept := request.cookies.get(COOKIE)) in LANGUAGES:
        return Texts(kept)
    caller: Caller | None = getattr(request.state, "caller", None)
    return Texts(chosen(caller.locale if caller else request.headers.get("accept-language", "")))


def formats(request: Request, zone: str = "UTC") -> Formats:
    return Formats(texts(request).language, zone)


def page(request: Request, template: str, *, status: int = 200, zone: str = "UTC", **context: Any) -> HTMLResponse:
    """A page of the frame. `zone`: in which moments are shown; the rest is what the template asks for."""
    caller: Caller | None = getattr(request.state, "caller", None)
    t = texts(request)

    def csrf() -> Markup:
        return Markup('<input type="hidden" name="csrf" value="{}">').format(caller.csrf if caller else "")

    given = {
        "t": t,
        "f": Formats(t.language, zone),
        "caller": caller,
        "csrf": csrf,
        "nav": PARTNER_NAVIGATION if caller and caller.of_partner else NAVIGATION,
        "section": "",
        "live": "",
        "names": {},
        "said": None,
        "problems": (),
        "form_names": (),
        "now": datetime.now(UTC),
        "back": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        **context,
    }
    body = environment().get_template(template).render(given)
    return HTMLResponse(body, status_code=status)


# Errors ---------------------------------------------------------------------------------------------------------------------------


def wants_page(request: Request) -> bool:
    """A browser asks, and not for a resource of `/v1`."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/v1")


def error_page(problem: Problem, request: Request) -> Response | None:
    """The problem as a person reads it, with the same findings; None where a machine asks."""
    if not wants_page(request):
        return None
    status = problem.status if problem.status in ERRORS else 500 if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR else 400
    answer = page(request, "error.html", status=problem.status, problem=problem, status_text=str(status))
    answer.headers.update(problem.headers or {})
    return answer
