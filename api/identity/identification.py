"""Who sent a request: a machine by its key, a program by a token, a person by the session of his browser. One path, everywhere the same.

A request that shows two credentials is refused rather than guessed about. What came by session and changes something must carry the
session's token (`csrf` of a form, or `X-CSRF-Token`): a page of somebody else's can make a browser send the cookie, not the token. A
route that asks for its caller (`CallerDep`) has all of this.
"""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx
from fastapi import Request

from api.caller import Caller
from api.identity import api_keys, mapping
from api.identity.mapping import Mapped
from api.identity.oidc import Provider, TokenRefused, require_safe
from api.identity.sessions import Session, Sessions
from api.problems import Problem
from db.sql import queries
from schemas.findings import Finding
from worker.settings import Settings

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
SQL = queries("identity")


class SignIn(Exception):
    """A browser asks for a page and nobody has signed in: it is led to the login and back."""


class Identification:
    """What it takes to know who calls. Without a provider, keys alone open; without session keys, nobody signs in with a browser."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        provider: Provider | None,
        mapped: Mapped | None,
        sessions: Sessions | None,
        settings: Settings,
        http: httpx.AsyncClient,
    ) -> None:
        self.pool, self.provider, self.mapped, self.sessions, self.settings, self.http = pool, provider, mapped, sessions, settings, http
        self.client_id = settings.oidc_client_id
        self.audience = settings.oidc_audience or settings.oidc_client_id
        self.public_url = require_safe(settings.public_url, "PCA_PUBLIC_URL")

    async def __call__(self, request: Request) -> Caller:
        """The caller. Errors: `Problem` 401 with every reason, 403; `SignIn` where a browser asks for a page."""
        bearer = _bearer(request)
        key = request.headers.get("x-api-key")
        if bearer is not None and key is not None:
            raise refused([_finding("several_credentials", "The request shows both a key and a token.", "Send one of them.")])
        if key is not None or (bearer is not None and api_keys.looks_like_one(bearer)):
            return await self._machine(key if key is not None else bearer or "")
        if bearer is not None:
            return await self._by_token(bearer)
        session = await self.session(request)
        if session is None:
            raise _nobody(request, came=self.sessions is not None and self.sessions.cookie in request.cookies)
        if request.method not in SAFE and not secrets.compare_digest(await _said(request), session.caller.csrf.encode()):
            step = "Load the page again and send its form, or send the header X-CSRF-Token."
            raise Problem(403, "csrf", findings=[_finding("csrf", "The request does not carry the token of your session.", step)])
        return session.caller

    async def session(self, request: Request) -> Session | None:
        """The session of the browser that asks; None without one that is believed. A stale cookie is written anew with the answer."""
        value = request.cookies.get(self.sessions.cookie) if self.sessions else None
        if self.sessions is None or not value:
            return None
        session = self.sessions.read(value)
        if session is None or await self.pool.fetchval(SQL["session_ended"], session.id):
            return None
        if self.sessions.stale(session):
            request.state.set_cookies = [self.sessions.set_cookie(session)]
        return session

    async def end(self, session: Session) -> None:
        """The session is over, in every copy of its cookie."""
        assert self.sessions is not None
        now = datetime.fromtimestamp(self.sessions.clock(), UTC)
        await self.pool.execute(SQL["sessions_forget"], now)
        await self.pool.execute(SQL["session_end"], session.id, datetime.fromtimestamp(self.sessions.until(session), UTC))

    async def _machine(self, key: str) -> Caller:
        try:
            return await api_keys.caller(self.pool, key)
        except api_keys.KeyRefused as error:
            raise refused(error.findings) from error

    async def _by_token(self, token: str) -> Caller:
        if self.provider is None or self.mapped is None:
            raise refused([_finding("no_provider", "Nobody signs in here with tokens.", "Use an API key.")])
        try:
            claims = await self.provider.verify(token, self.audience)
        except TokenRefused as error:
            raise refused(error.findings) from error
        return self.person(claims)

    def person(self, claims: mapping.Claims) -> Caller:
        """Who the claims of a good token speak of. Errors: `Problem` 403."""
        assert self.mapped is not None
        try:
            return self.mapped.caller(claims)
        except mapping.Unmapped as error:
            raise Problem(403, "not_mapped", "The engine has no place for this account.", error.findings) from error


@asynccontextmanager
async def opened(settings: Settings, pool: asyncpg.Pool) -> AsyncIterator[Identification]:
    """The identification that the settings describe. Errors: `MappingUnreadable`, ValueError for a setting that cannot be."""
    keys = [key.strip() for key in settings.session_keys.get_secret_value().split(",") if key.strip()]
    if settings.oidc_issuer and not (settings.oidc_client_id and settings.identity_map):
        raise ValueError("PCA_OIDC_ISSUER needs PCA_OIDC_CLIENT_ID and PCA_IDENTITY_MAP")
    sessions = keys and Sessions(
        keys,
        secure=settings.public_url.startswith("https://"),
        idle=settings.session_idle_minutes * 60,
        absolute=settings.session_hours * 3600,
    )
    # no proxy of the environment: who we believe is not to depend on a variable
    async with httpx.AsyncClient(timeout=5.0, trust_env=False, follow_redirects=False) as http:
        yield Identification(
            pool,
            provider=Provider(settings.oidc_issuer, http) if settings.oidc_issuer else None,
            mapped=mapping.load(Path(settings.identity_map)) if settings.oidc_issuer else None,
            sessions=sessions or None,
            settings=settings,
            http=http,
        )


def _bearer(request: Request) -> str | None:
    said = request.headers.get("authorization")
    if said is None:
        return None
    scheme, _, token = said.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise refused([_finding("authorization_scheme", "The Authorization header holds no bearer token.", "Send `Bearer` and the token.")])
    return token.strip()


async def _said(request: Request) -> bytes:
    """The token of the session that the request carries, in its header or its form."""
    if (header := request.headers.get("x-csrf-token")) is not None:
        return header.encode()
    form = (await request.form()).get("csrf", "")
    return form.encode() if isinstance(form, str) else b""


def refused(findings: Sequence[Finding]) -> Problem:
    """401, as RFC 6750 says it."""
    rules = " ".join(finding.rule for finding in findings)
    header = f'Bearer error="invalid_token", error_description="{rules}"'
    return Problem(401, "unauthenticated", "Who you are could not be verified.", findings, headers={"WWW-Authenticate": header})


def _nobody(request: Request, *, came: bool) -> Exception:
    if request.method in SAFE and "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/v1/"):
        return SignIn()
    if came:
        return refused([_finding("session_over", "Your session is over.", "Sign in again.")])
    findings = [_finding("no_credentials", "The request does not say who sends it.", "Sign in, or send a bearer token or an API key.")]
    return Problem(401, "unauthenticated", "Sign in.", findings, headers={"WWW-Authenticate": "Bearer"})


def _finding(rule: str, message: str, step: str) -> Finding:
    return Finding(rule=rule, message=message, next_step=step)
