"""Tokens of the identity provider: discovery, its keys and their rotation, and every check that a token must pass.

The keys are the provider's alone, by discovery; a token is believed for its signature by one of them and for nothing else. Only
asymmetric algorithms count: with a symmetric one our own public knowledge could sign. All reasons against a token are told at once, in
findings that name the claim and never its value.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError
from joserfc.jwk import Key, KeySet

from api.problems import Problem
from schemas.findings import Finding

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
SKEW = 60
"""Seconds by which the provider's clock and ours may differ."""
LONGEST = 16_384
"""Characters of a token; longer ones are not looked at."""
FRESH = 600.0
"""Seconds for which keys and addresses are good: a key that the provider has withdrawn opens nothing after that."""
PAUSE = 60.0
"""Seconds between two fetches that a token asks for: whoever sends us unknown key ids must not make us hammer the provider."""
ESSENTIAL = ("iss", "sub", "aud", "exp", "iat")
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

Claims = dict[str, Any]
SOURCE = "OpenID Connect Core 3.1.3.7, RFC 9068"


class TokenRefused(Exception):
    """The token is not good; every reason."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__("; ".join(finding.rule for finding in findings))


@dataclass(frozen=True)
class Metadata:
    """Where the provider's parts are, as its discovery document says."""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str
    token_endpoint: str
    end_session_endpoint: str


def of_loopback(url: str) -> bool:
    """Whether an address is this machine's own."""
    return urlsplit(url).hostname in LOOPBACK


def require_safe(url: str, name: str) -> str:
    """The address, without a slash at its end. Raises ValueError if it is neither https nor http on loopback."""
    parts = urlsplit(url)
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and of_loopback(url))):
        raise ValueError(f"{name} is to be an https address (http on loopback only)")
    return url.rstrip("/")


class Provider:
    """One identity provider. `http` is the caller's to close; `clock` gives seconds since the epoch."""

    def __init__(self, issuer: str, http: httpx.AsyncClient, *, clock: Callable[[], float] = time.time) -> None:
        self.issuer = require_safe(issuer, "PCA_OIDC_ISSUER")
        self._http = http
        self._clock = clock
        self._lock = asyncio.Lock()
        self._metadata: Metadata | None = None
        self._metadata_at = float("-inf")
        self._keys = KeySet([])
        self._keys_at = float("-inf")

    async def metadata(self) -> Metadata:
        """The discovery document, at most `FRESH` old. Errors: `Problem` 503."""
        if self._metadata is None or self._clock() - self._metadata_at > FRESH:
            found = await self._get(f"{self.issuer}/.well-known/openid-configuration")
            if str(found.get("issuer", "")).rstrip("/") != self.issuer:
                raise unreachable("The identity provider goes by another name than PCA_OIDC_ISSUER says.")
            try:
                self._metadata = Metadata(
                    str(found["issuer"]),
                    str(found["jwks_uri"]),
                    str(found["authorization_endpoint"]),
                    str(found["token_endpoint"]),
                    str(found.get("end_session_endpoint", "")),
                )
            except KeyError as error:
                raise unreachable("The identity provider's discovery document is incomplete.") from error
            self._metadata_at = self._clock()
        return self._metadata

    async def verify(self, token: str, audience: str) -> Claims:
        """The claims of a token that is good for `audience`. Errors: `TokenRefused`; `Problem` 503 if the provider's keys cannot be had."""
        header = _header(token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise _refused("token_algorithm", "The token is not signed, or not with an algorithm that we take.", "$.alg")
        # looked at before the signature, so that a token of somebody else's provider does not make us fetch keys
        key = await self._key(header)
        try:
            decoded = jwt.decode(token, key, algorithms=list(ALGORITHMS), registry=_registry())
        except (JoseError, ValueError) as error:
            raise _refused("token_signature", "The token's signature does not hold.", "$") from error
        issuer = (await self.metadata()).issuer
        if findings := _objections(decoded.claims, issuer, audience, int(self._clock())):
            raise TokenRefused(findings)
        return decoded.claims

    async def _key(self, header: Mapping[str, Any]) -> Key:
        """The provider's key of that id; of all its keys the only one, where the token names none."""
        kid = header.get("kid")
        age = self._clock() - self._keys_at
        if not self._keys or age > FRESH or (self._chosen(kid) is None and age > PAUSE):
            await self._fetch_keys(self._keys_at)
        chosen = self._chosen(kid)
        if chosen is None:
            raise _refused("token_key", "The token is signed with a key that is not the identity provider's.", "$.kid")
        return chosen

    def _chosen(self, kid: object) -> Key | None:
        found = [key for key in self._keys if kid is None or key.kid == kid]
        return found[0] if len(found) == 1 else None

    async def _fetch_keys(self, seen_at: float) -> None:
        """Fetch the key set; of many that ask at once one fetches, and the others find that it did."""
        async with self._lock:
            if self._keys_at != seen_at:
                return
            found = await self._get((await self.metadata()).jwks_uri)
            self._keys_at = self._clock()
            try:
                self._keys = KeySet.import_key_set(
                    {"keys": [key for key in found["keys"] if key.get("kty") != "oct" and key.get("use", "sig") == "sig"]}
                )
            except (JoseError, KeyError, TypeError, ValueError, AttributeError) as error:
                self._keys = KeySet([])
                raise unreachable("The identity provider's keys cannot be read.") from error

    async def _get(self, url: str) -> dict[str, Any]:
        return await fetched(self._http.get(url))


async def fetched(asked: Awaitable[httpx.Response], *, may_refuse: bool = False) -> dict[str, Any]:
    """A JSON object of the provider's; with `may_refuse` also one that says why not. Errors: `Problem` 503."""
    try:
        answer = await asked
        if not (may_refuse and answer.status_code in (400, 401)):
            answer.raise_for_status()
        body = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise unreachable("The identity provider does not answer.") from error
    if not isinstance(body, dict):
        raise unreachable("The identity provider's answer cannot be read.")
    return body


def unreachable(detail: str) -> Problem:
    return Problem(503, "identity_provider", detail, headers={"Retry-After": "5"})


def _registry() -> jws.JWSRegistry:
    # a header that we do not know is not our concern, unless it says that it is critical (then joserfc refuses)
    return jws.JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)


def _header(token: str) -> Mapping[str, Any]:
    if len(token) > LONGEST:
        raise _refused("token_unreadable", "The token is longer than any of the provider's.", "$")
    try:
        return jws.extract_compact(token.encode("ascii"), registry=_registry()).headers()
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise _refused("token_unreadable", "This is not a signed token.", "$") from error


_SAID: Mapping[str, tuple[str, str]] = {
    "iss": ("token_issuer", "The token is another identity provider's."),
    "aud": ("token_audience", "The token is meant for somebody else."),
    "exp": ("token_expired", "The token has expired."),
    "nbf": ("token_not_yet", "The token is not valid yet."),
    "iat": ("token_future", "The token was issued in the future."),
    "sub": ("token_subject", "The token does not say whose it is."),
}


def _objections(claims: Claims, issuer: str, audience: str, now: int) -> list[Finding]:
    registry = jwt.JWTClaimsRegistry(now=now, leeway=SKEW, iss={"value": issuer}, aud={"value": audience})
    found = []
    for claim, (rule, message) in _SAID.items():
        value = claims.get(claim)
        if value is None:
            if claim in ESSENTIAL:
                found.append(_finding("token_claim_missing", f"The token has no {claim}.", f"$.{claim}"))
            continue
        try:
            getattr(registry, f"validate_{claim}")(value)
        except (InvalidClaimError, ExpiredTokenError):
            found.append(_finding(rule, message, f"$.{claim}"))
    return found


def _finding(rule: str, message: str, path: str) -> Finding:
    return Finding(rule=rule, message=message, path=path, source=SOURCE, next_step="Sign in again and send the token you get.")


def _refused(rule: str, message: str, path: str) -> TokenRefused:
    return TokenRefused([_finding(rule, message, path)])
