"""Signing in with a browser: authorisation code with PKCE, and signing out, at the provider too.

What a login needs until it comes back (state, nonce, code verifier, the page wanted) lies in a signed cookie of the browser that began
it; nothing is kept here. The page wanted is a path of ours: a login never leads elsewhere.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, urlencode, urlsplit

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.responses import RedirectResponse, Response

from api.identity.identification import Identification, SignIn
from api.identity.oidc import Provider, TokenRefused, fetched
from api.identity.sessions import Sessions, TooLarge
from api.problems import Problem, documented
from schemas.findings import Finding

CALLBACK = "/login/callback"
router = APIRouter(tags=["login"], include_in_schema=False)


@dataclass(frozen=True)
class _Front:
    """What a login needs."""

    identification: Identification
    provider: Provider
    sessions: Sessions


def _front(request: Request) -> _Front:
    found: Identification | None = getattr(request.app.state, "identification", None)
    if found is None or found.provider is None or found.sessions is None:
        raise Problem(404, "no_login", "Nobody signs in here with a browser.")
    return _Front(found, found.provider, found.sessions)


FrontDep = Annotated[_Front, Depends(_front)]


def safe_next(wanted: str) -> str:
    """The path to go to after the login, if it is one of ours; else the first page."""
    parts = urlsplit(wanted)
    odd = "\\" in wanted or not wanted.isprintable()
    return wanted if wanted.startswith("/") and not wanted.startswith("//") and not parts.netloc and not odd else "/"


@router.get("/login")
async def login(front: FrontDep, next: Annotated[str, Query(max_length=2000)] = "/") -> Response:  # noqa: A002
    """To the provider, and back to `next`."""
    identification, provider, sessions = front.identification, front.provider, front.sessions
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    asked = {
        "response_type": "code",
        "client_id": identification.client_id,
        "redirect_uri": identification.public_url + CALLBACK,
        "scope": identification.settings.oidc_scope,
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
    }
    answer = _to(_with((await provider.metadata()).authorization_endpoint, asked))
    answer.headers.append("set-cookie", sessions.set_login(state, {"nonce": nonce, "verifier": verifier, "next": safe_next(next)}))
    return answer


@router.get(CALLBACK, responses=documented())
async def callback(request: Request, front: FrontDep, state: str = "", code: str = "", error: str = "") -> Response:
    """From the provider: the code is changed for a token, the token for a session."""
    identification, sessions = front.identification, front.sessions
    kept = sessions.read_login(state, request.cookies)
    if kept is None:
        raise _failed("login_state", "This login was not begun in this browser, or long ago.", "Sign in again.")
    if error or not code:
        raise _failed("login_refused", "The identity provider did not sign you in.", "Sign in again.")
    caller = identification.person(await _claims(front, code, kept))
    session = sessions.begin(caller)
    answer = _to(kept["next"])
    try:
        answer.headers.append("set-cookie", sessions.set_cookie(session))
    except TooLarge as too_large:
        raise _failed("too_many_roles", "Your account has more roles than a session holds.", "Ask for fewer groups.") from too_large
    answer.headers.append("set-cookie", sessions.drop_login(state))
    return answer


@router.post("/logout")
async def logout(request: Request, front: FrontDep) -> Response:
    """The session ends here and at the provider. Without one there is nothing to end."""
    identification, provider, sessions = front.identification, front.provider, front.sessions
    session = await identification.session(request)
    if session is not None:
        await identification(request)  # the form's token
        await identification.end(session)
    try:
        end = (await provider.metadata()).end_session_endpoint
    except Problem:  # the provider does not answer: out here all the same
        end = ""
    back = identification.public_url + "/"
    answer = _to(_with(end, {"client_id": identification.client_id, "post_logout_redirect_uri": back}) if session and end else "/")
    request.state.set_cookies = [sessions.drop_cookie()]
    return answer


async def _claims(front: _Front, code: str, kept: dict[str, str]) -> dict[str, object]:
    """What the provider says of who signed in. Errors: `Problem` 400, 503."""
    identification, provider = front.identification, front.provider
    secret = identification.settings.oidc_client_secret.get_secret_value()
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": identification.public_url + CALLBACK,
        "code_verifier": kept["verifier"],
    }
    if secret:
        known = base64.b64encode(f"{quote(identification.client_id, safe='')}:{quote(secret, safe='')}".encode()).decode()
        headers = {"authorization": f"Basic {known}"}
    else:
        form["client_id"], headers = identification.client_id, {}
    where = (await provider.metadata()).token_endpoint
    token = await fetched(identification.http.post(where, data=form, headers=headers), may_refuse=True)
    if "error" in token:
        raise _failed("login_code", "The identity provider does not take the code that it gave.", "Sign in again.")
    try:
        claims = await provider.verify(str(token.get("id_token", "")), identification.client_id)
    except TokenRefused as refused:
        raise Problem(400, "login", "The identity provider's token is not good.", refused.findings) from refused
    if not secrets.compare_digest(str(claims.get("nonce", "")).encode(), kept["nonce"].encode()):
        raise _failed("login_nonce", "The token answers another login.", "Sign in again.")
    if claims.get("azp", identification.client_id) != identification.client_id:
        raise _failed("login_party", "The token was given to another application.", "Sign in again.")
    return claims


def challenge(verifier: str) -> str:
    """The S256 challenge of RFC 7636."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def install(app: FastAPI) -> None:
    """The routes of the login, and the way to it for whoever asks for a page."""

    async def lead(request: Request, _: Exception) -> Response:
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return _to("/login?" + urlencode({"next": wanted}))

    app.include_router(router)
    app.add_exception_handler(SignIn, lead)


def _with(url: str, query: dict[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def _to(url: str) -> RedirectResponse:
    return RedirectResponse(url, 303, headers={"cache-control": "no-store"})


def _failed(rule: str, message: str, step: str) -> Problem:
    return Problem(400, "login", message, [Finding(rule=rule, message=message, next_step=step)])
