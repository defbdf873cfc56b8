"""Bearer tokens: what an identity provider signs is believed, and nothing else, each for a reason that is told."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from api.identity.oidc import FRESH, LONGEST, PAUSE, SKEW, Provider, TokenRefused
from api.problems import Problem

ISSUER = "https://login.example"
NOW = 1_800_000_000
OURS = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
NEXT = ECKey.generate_key("P-256", {"kid": "two", "use": "sig", "alg": "ES256"})
OKP = OKPKey.generate_key("Ed25519", {"kid": "ed", "use": "sig"})
THEIRS = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})


@dataclass
class Directory:
    """An identity provider: what it publishes, and how often it was asked."""

    keys: list[Any] = field(default_factory=lambda: [OURS])
    issuer: str = ISSUER
    asked: dict[str, int] = field(default_factory=dict)
    now: float = NOW
    down: bool = False
    document: dict[str, Any] = field(default_factory=dict)

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked[path] = self.asked.get(path, 0) + 1
        if self.down:
            raise httpx.ConnectError("down", request=request)
        if path == "/jwks":
            return httpx.Response(200, json={"keys": [key.as_dict(private=False) if isinstance(key, Key) else key for key in self.keys]})
        names = ("jwks_uri", "authorization_endpoint", "token_endpoint")
        places = dict(zip(names, ("/jwks", "/authorize", "/token"), strict=True))
        return httpx.Response(200, json={"issuer": self.issuer, **{n: self.issuer + p for n, p in places.items()}, **self.document})


@pytest.fixture
def directory() -> Directory:
    return Directory()


@pytest_asyncio.fixture(loop_scope="session")
async def provider(directory: Directory) -> AsyncIterator[Provider]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(directory.answer)) as http:
        yield Provider(ISSUER, http, clock=lambda: directory.now)


def token(key: Any = OURS, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A good token, but for what is changed; None takes a claim away."""
    said = {"iss": ISSUER, "sub": "ke.008", "aud": "pca", "exp": NOW + 300, "iat": NOW - 10} | claims
    head = {"alg": "RS256", "kid": "one"} | (header or {})
    return jwt.encode(
        {name: value for name, value in head.items() if value is not None},
        {name: value for name, value in said.items() if value is not None},
        key,
        algorithms=[head["alg"]],
    )


def unsigned(alg: Any, claims: dict[str, Any] | None = None) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    said = claims or {"iss": ISSUER, "sub": "ke.008", "aud": "pca", "exp": NOW + 300, "iat": NOW}
    return f"{part({'alg': alg, 'kid': 'one'})}.{part(said)}."


async def refused(provider: Provider, text: str) -> list[str]:
    with pytest.raises(TokenRefused) as error:
        await provider.verify(text, "pca")
    return [finding.rule for finding in error.value.findings]


async def test_a_good_token_is_believed(provider: Provider) -> None:
    assert (await provider.verify(token(), "pca"))["sub"] == "ke.008"


async def test_one_of_several_audiences_is_enough(provider: Provider) -> None:
    assert await provider.verify(token(aud=["other", "pca"]), "pca")


@pytest.mark.parametrize(("key", "alg"), [(NEXT, "ES256"), (OKP, "Ed25519")])
async def test_every_kind_of_asymmetric_key_is_taken(directory: Directory, provider: Provider, key: Key, alg: str) -> None:
    directory.keys = [OURS, key]
    assert await provider.verify(token(key, {"kid": key.kid, "alg": alg}), "pca")


@pytest.mark.parametrize(
    ("claims", "rule"),
    [
        ({"iss": "https://other.example"}, "token_issuer"),
        ({"aud": "somebody-else"}, "token_audience"),
        ({"aud": ["a", "b"]}, "token_audience"),
        ({"exp": NOW - SKEW - 1}, "token_expired"),
        ({"nbf": NOW + SKEW + 5}, "token_not_yet"),
        ({"iat": NOW + SKEW + 5}, "token_future"),
        ({"exp": "tomorrow"}, "token_expired"),
        ({"sub": 7}, "token_subject"),
        ({"exp": None}, "token_claim_missing"),
        ({"iat": None}, "token_claim_missing"),
        ({"aud": None}, "token_claim_missing"),
        ({"iss": None}, "token_claim_missing"),
        ({"sub": None}, "token_claim_missing"),
    ],
)
async def test_a_token_with_a_wrong_claim_is_refused_for_it(provider: Provider, claims: dict[str, Any], rule: str) -> None:
    assert await refused(provider, token(**claims)) == [rule]


async def test_all_reasons_are_told_at_once(provider: Provider) -> None:
    found = await refused(provider, token(iss="https://other.example", aud="other", exp=NOW - 1000))
    assert found == ["token_issuer", "token_audience", "token_expired"]


async def test_clocks_may_differ_by_a_minute(provider: Provider) -> None:
    assert await provider.verify(token(exp=NOW - SKEW + 5, iat=NOW + SKEW - 5, nbf=NOW + SKEW - 5), "pca")


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", None, 7, "HS256"])
async def test_what_is_not_signed_is_refused_without_asking_for_keys(directory: Directory, provider: Provider, alg: Any) -> None:
    assert await refused(provider, unsigned(alg)) in (["token_algorithm"], ["token_unreadable"])
    assert directory.asked == {}


async def test_a_public_key_is_no_secret_to_sign_with(directory: Directory, provider: Provider) -> None:
    def signed(secret: bytes, kid: str) -> str:
        """By hand: the library that we use would not do it."""
        _, body, _ = unsigned("HS256").split(".")
        head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": kid}).encode()).rstrip(b"=").decode()
        mac = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
        return f"{head}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    assert await refused(provider, signed(OURS.as_pem(private=False), "one")) == ["token_algorithm"]
    # not even if the provider itself published a symmetric key
    directory.keys = [OURS, {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "kid": "sym"}]
    assert await refused(provider, signed(b"secret-secret-secret-secret", "sym")) == ["token_algorithm"]


async def test_a_key_of_somebody_else_under_our_key_id_is_refused(provider: Provider) -> None:
    assert await refused(provider, token(THEIRS)) == ["token_signature"]


async def test_a_changed_token_is_refused(provider: Provider) -> None:
    head, _, signature = token().split(".")
    body = unsigned("RS256", {"iss": ISSUER, "sub": "ke.001", "aud": "pca", "exp": NOW + 300, "iat": NOW}).split(".")[1]
    assert await refused(provider, f"{head}.{body}.{signature}") == ["token_signature"]
    assert await refused(provider, f"{head}.{body}.") == ["token_signature"]


@pytest.mark.parametrize("text", ["", "x", "a.b", "a.b.c", "a.b.c.d.e", "é.é.é", "." * 9000, token() + "x" * LONGEST])
async def test_what_is_no_token_is_refused(provider: Provider, text: str) -> None:
    assert await refused(provider, text) == ["token_unreadable"]


async def test_a_header_that_claims_to_be_critical_and_is_unknown_is_refused(provider: Provider) -> None:
    head = base64.urlsafe_b64encode(json.dumps({"alg": "RS256", "kid": "one", "crit": ["x"], "x": 1}).encode()).rstrip(b"=").decode()
    assert await refused(provider, ".".join([head, *token().split(".")[1:]])) in (["token_signature"], ["token_unreadable"])


async def test_keys_are_fetched_once_and_kept_for_a_while(directory: Directory, provider: Provider) -> None:
    for _ in range(5):
        await provider.verify(token(), "pca")
    assert directory.asked == {"/.well-known/openid-configuration": 1, "/jwks": 1}


async def test_a_new_key_of_the_provider_is_found(directory: Directory, provider: Provider) -> None:
    await provider.verify(token(), "pca")
    directory.keys = [NEXT, OURS]
    directory.now += PAUSE + 1
    assert await provider.verify(token(NEXT, {"kid": "two", "alg": "ES256"}), "pca")
    assert directory.asked["/jwks"] == 2


async def test_unknown_keys_do_not_make_us_hammer_the_provider(directory: Directory, provider: Provider) -> None:
    await provider.verify(token(), "pca")
    for n in range(20):
        assert await refused(provider, token(THEIRS, {"kid": f"made-up-{n}"})) == ["token_key"]
    assert directory.asked["/jwks"] == 1
    directory.now += PAUSE + 1
    for n in range(20):
        assert await refused(provider, token(THEIRS, {"kid": f"made-up-{n}"})) == ["token_key"]
    assert directory.asked["/jwks"] == 2


async def test_a_key_that_the_provider_has_withdrawn_opens_nothing_any_more(directory: Directory, provider: Provider) -> None:
    await provider.verify(token(), "pca")
    directory.keys = [NEXT]
    directory.now += FRESH + 1
    assert await refused(provider, token(exp=NOW + 5000)) == ["token_key"]


async def test_without_a_key_id_the_only_key_counts_and_of_several_none(directory: Directory, provider: Provider) -> None:
    assert await provider.verify(token(header={"kid": None}), "pca")
    directory.keys = [OURS, NEXT]
    directory.now += FRESH + 1
    assert await refused(provider, token(header={"kid": None}, exp=NOW + 5000)) == ["token_key"]


async def test_a_key_for_encryption_signs_nothing(directory: Directory, provider: Provider) -> None:
    directory.keys = [{**OURS.as_dict(private=False), "use": "enc"}, NEXT]
    assert await refused(provider, token()) == ["token_key"]


@pytest.mark.parametrize("changed", [{"issuer": "https://evil.example"}, {"jwks_uri": None}])
async def test_a_provider_that_goes_by_another_name_or_says_too_little_is_not_believed(
    directory: Directory, provider: Provider, changed: dict[str, Any]
) -> None:
    directory.document = changed
    with pytest.raises(Problem) as problem:
        await provider.verify(token(), "pca")
    assert (problem.value.status, problem.value.kind) == (503, "identity_provider")


@pytest.mark.parametrize("keys", [[], [{"kty": "RSA", "kid": "one", "n": "?", "e": "!"}], ["key"]])
async def test_keys_that_cannot_be_read_are_the_providers_fault_and_not_ours(
    directory: Directory, provider: Provider, keys: list[Any]
) -> None:
    directory.keys = keys
    with pytest.raises(Problem) as problem:
        await provider.verify(token(), "pca")
    assert problem.value.status == 503


async def test_a_provider_that_does_not_answer_is_said_so(directory: Directory, provider: Provider) -> None:
    directory.down = True
    with pytest.raises(Problem) as problem:
        await provider.verify(token(), "pca")
    assert problem.value.status == 503
    assert problem.value.headers == {"Retry-After": "5"}


@pytest.mark.parametrize("issuer", ["http://login.example", "login.example", "ftp://login.example", ""])
def test_a_provider_is_spoken_to_by_https_only(issuer: str) -> None:
    with pytest.raises(ValueError, match="https"):
        Provider(issuer, httpx.AsyncClient())


def test_on_this_machine_http_will_do() -> None:
    assert Provider("http://127.0.0.1:9000/", httpx.AsyncClient()).issuer == "http://127.0.0.1:9000"
