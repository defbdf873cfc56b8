"""Signing in with a browser, against the identity provider of the embedded stack: the same code path as in front of any other."""

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI, Form
from temporalio.client import Client

from api.app import Ground, create_app
from api.caller import Caller, CallerDep, Grant
from api.identity.login import challenge, safe_next
from api.identity.sessions import Sessions, TooLarge
from embedded.stack import EXAMPLES, Stack
from worker.settings import Settings

HERE = "http://127.0.0.1:8000"
OLD, NEW = "o" * 40, "n" * 40


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def issuer(stack: Stack) -> AsyncIterator[str]:
    await stack.start_identity()
    yield stack.state.issuer
    await stack.stop_program("identity")


class Browser(httpx.AsyncClient):
    """A browser before the application (in this process) and the provider (in its own)."""

    app: FastAPI

    async def sign_in(self, sub: str, wanted: str = "/who") -> httpx.Response:
        """From the page wanted to the provider, chosen there, and back."""
        page = await self.get("/login", params={"next": wanted}, follow_redirects=True)
        assert page.status_code == 200, page.text
        return await self.post(page.url, data={"sub": sub}, follow_redirects=True)

    async def csrf(self) -> str:
        return str((await self.get("/who")).json()["csrf"])


def settings_for(issuer: str, **more: str) -> Settings:
    given = {
        "PCA_OIDC_ISSUER": issuer, "PCA_OIDC_CLIENT_ID": "pca", "PCA_OIDC_CLIENT_SECRET": "any", "PCA_SESSION_KEYS": NEW,
        "PCA_IDENTITY_MAP": str(EXAMPLES / "identity.toml"), "PCA_PUBLIC_URL": HERE,
    }  # fmt: skip
    return Settings.model_validate(given | more)


@asynccontextmanager
async def browsing(pool: asyncpg.Pool, client: Client, settings: Settings) -> AsyncIterator[Browser]:
    @asynccontextmanager
    async def ground() -> AsyncIterator[Ground]:
        yield Ground(pool, client, settings)

    app = create_app(ground(), settings=settings)

    @app.get("/who")
    async def who(caller: CallerDep) -> dict[str, object]:
        return {"actor": caller.actor, "name": caller.name, "session": caller.session, "csrf": caller.csrf, "grants": len(caller.grants)}

    @app.post("/say")
    async def say(caller: CallerDep, word: Annotated[str, Form()]) -> dict[str, str]:
        return {"actor": caller.actor, "word": word}

    @app.put("/v1/thing")
    async def thing(caller: CallerDep, body: dict[str, str]) -> dict[str, str]:
        return body

    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with Browser(base_url=HERE, mounts={f"all://{HERE.removeprefix('http://')}": transport}, trust_env=False) as browser:
            browser.app = app
            yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def browser(pool: asyncpg.Pool, client: Client, issuer: str) -> AsyncIterator[Browser]:
    async with browsing(pool, client, settings_for(issuer)) as found:
        yield found


async def test_a_person_signs_in_and_comes_to_the_page_wanted(browser: Browser) -> None:
    page = await browser.sign_in("ke.008", "/who?x=1")
    assert page.status_code == 200, page.text
    assert str(page.url) == f"{HERE}/who?x=1"
    assert (page.json()["actor"], page.json()["name"], page.json()["session"]) == ("ke.008", "Ingrid Solheim", True)


async def test_who_asks_for_a_page_without_having_signed_in_is_led_to_the_login_and_a_program_is_not(browser: Browser) -> None:
    page = await browser.get("/who?x=1", headers={"accept": "text/html,*/*"})
    assert (page.status_code, page.headers["location"]) == (303, "/login?next=%2Fwho%3Fx%3D1")
    for answer in (await browser.get("/who"), await browser.put("/v1/thing", json={}, headers={"accept": "text/html"})):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["findings"][0]["rule"] == "no_credentials"


async def test_the_request_to_the_provider_carries_state_nonce_and_challenge(browser: Browser) -> None:
    begun = [parse_qs(urlsplit((await browser.get("/login")).headers["location"]).query) for _ in range(2)]
    for name in ("state", "nonce", "code_challenge"):
        assert begun[0][name] != begun[1][name]
        assert len(begun[0][name][0]) >= 43
    assert begun[0]["code_challenge_method"] == ["S256"]
    assert begun[0]["redirect_uri"] == [f"{HERE}/login/callback"]
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636, B


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(browser: Browser) -> None:
    page = await browser.get("/login", follow_redirects=True)
    back = await browser.post(page.url, data={"sub": "ke.008"})
    answer = await browser.get(back.headers["location"])
    (cookie,) = [value for value in answer.headers.get_list("set-cookie") if value.startswith("pca_session=")]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Lax", "Path=/"))
    assert "Secure" not in cookie  # on this machine, by http
    assert "Max-Age" not in cookie  # it goes with the browser
    assert any(value.startswith("pca_login_") and "Max-Age=0" in value for value in answer.headers.get_list("set-cookie"))


async def test_every_example_person_of_every_role_can_sign_in(browser: Browser) -> None:
    page = (await browser.get("/login", follow_redirects=True)).text
    everybody = re.findall(r'name="sub" value="([^"]+)"', page)
    assert len(everybody) == len(set(everybody)) > 150
    for role in ("head of office", "ops", "auditor", "partner viewer", "partner authorised officer", "partner focal point"):
        assert role in page
    for sub in ("ke.008", "ke.p01", "viewer.p-ke-0001", "mz.p03"):
        assert (await browser.sign_in(sub)).json()["actor"] == sub


async def test_a_login_begun_elsewhere_signs_nobody_in(browser: Browser, pool: asyncpg.Pool, client: Client, issuer: str) -> None:
    page = await browser.get("/login", follow_redirects=True)
    back = (await browser.post(page.url, data={"sub": "ke.008"})).headers["location"]
    async with browsing(pool, client, settings_for(issuer)) as victim:
        answer = await victim.get(back)
        assert answer.status_code == 400
        assert answer.json()["findings"][0]["rule"] == "login_state"
        assert (await victim.get("/who")).status_code == 401


@pytest.mark.parametrize("query", ["", "?code=x", "?state=x&code=x", "?state=%00", "?state=" + "x" * 3000])
async def test_a_callback_out_of_nowhere_is_refused(browser: Browser, query: str) -> None:
    assert (await browser.get(f"/login/callback{query}")).status_code == 400


async def test_a_code_counts_once(browser: Browser) -> None:
    page = await browser.get("/login", follow_redirects=True)
    back = (await browser.post(page.url, data={"sub": "ke.008"})).headers["location"]
    cookies = dict(browser.cookies)
    assert (await browser.get(back)).status_code == 303
    browser.cookies.update(cookies)
    again = await browser.get(back)
    assert (again.status_code, again.json()["findings"][0]["rule"]) == (400, "login_code")


async def test_a_code_is_given_for_its_own_verifier_only(browser: Browser) -> None:
    """The provider is as strict as it should be: else the test of PKCE would prove nothing."""
    page = await browser.get("/login", follow_redirects=True)
    back = (await browser.post(page.url, data={"sub": "ke.008"})).headers["location"]
    (code,) = parse_qs(urlsplit(back).query)["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": f"{HERE}/login/callback", "code_verifier": "another"}
    issuer = f"http://{page.url.netloc.decode()}"
    assert (await browser.post(f"{issuer}/oauth2/token", data=form, auth=("pca", "any"))).json()["error"] == "invalid_grant"
    without = str(page.url).partition("&code_challenge=")[0]
    assert (await browser.get(without)).status_code == 400


async def test_who_declines_at_the_provider_is_not_signed_in(browser: Browser) -> None:
    page = await browser.get("/login", follow_redirects=True)
    answer = await browser.post(page.url, data={"action": "deny"}, follow_redirects=True)
    assert (answer.status_code, answer.json()["findings"][0]["rule"]) == (400, "login_refused")


async def test_somebody_whom_the_provider_does_not_know_is_nobody(browser: Browser) -> None:
    page = await browser.get("/login", follow_redirects=True)
    assert (await browser.post(page.url, data={"sub": "ke.999"})).status_code == 400


@pytest.mark.parametrize(
    ("wanted", "to"),
    [
        ("/cases?x=1#y", "/cases?x=1#y"), ("", "/"), ("https://evil.example", "/"), ("//evil.example", "/"), ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"), ("javascript:alert(1)", "/"), ("/a\r\nset-cookie: x=1", "/"), ("/\t/evil.example", "/"), ("cases", "/"),
    ],
)  # fmt: skip
def test_a_login_never_leads_elsewhere(wanted: str, to: str) -> None:
    assert safe_next(wanted) == to


async def test_a_login_asked_to_lead_elsewhere_leads_home(browser: Browser) -> None:
    assert str((await browser.sign_in("ke.008", "//evil.example/x")).url) == f"{HERE}/"


# --- what came by session and changes something -------------------------------------------------------------------------


async def test_a_form_with_the_sessions_token_is_taken_and_its_fields_are_still_there(browser: Browser) -> None:
    await browser.sign_in("ke.008")
    answer = await browser.post("/say", data={"word": "yes", "csrf": await browser.csrf()})
    assert answer.json() == {"actor": "ke.008", "word": "yes"}


async def test_a_script_sends_the_token_in_a_header(browser: Browser) -> None:
    await browser.sign_in("ke.008")
    assert (await browser.put("/v1/thing", json={"a": "b"}, headers={"x-csrf-token": await browser.csrf()})).json() == {"a": "b"}


@pytest.mark.parametrize("token", [None, "", "another", "é"])
async def test_without_the_token_nothing_is_changed(browser: Browser, token: str | None) -> None:
    await browser.sign_in("ke.008")
    form = {"word": "yes"} | ({} if token is None else {"csrf": token})
    header = {} if token is None else {"x-csrf-token": token.encode()}
    refused = [
        await browser.post("/say", data=form), await browser.put("/v1/thing", json={}, headers=header),
        await browser.post("/logout", data=form),
    ]  # fmt: skip
    assert [(answer.status_code, answer.json()["findings"][0]["rule"]) for answer in refused] == [(403, "csrf")] * 3
    assert (await browser.get("/who")).status_code == 200


async def test_the_token_of_another_session_does_not_do(browser: Browser, pool: asyncpg.Pool, client: Client, issuer: str) -> None:
    async with browsing(pool, client, settings_for(issuer)) as other:
        await other.sign_in("ke.001")
        theirs = await other.csrf()
    await browser.sign_in("ke.008")
    assert (await browser.post("/say", data={"word": "yes", "csrf": theirs})).status_code == 403


# --- the end of a session -----------------------------------------------------------------------------------------------


async def test_a_logout_ends_the_session_here_at_the_provider_and_in_every_copy(browser: Browser, issuer: str) -> None:
    await browser.sign_in("ke.008")
    copy = browser.cookies["pca_session"]
    answer = await browser.post("/logout", data={"csrf": await browser.csrf()})
    where = urlsplit(answer.headers["location"])
    assert answer.status_code == 303
    assert f"{where.scheme}://{where.netloc}{where.path}" == f"{issuer}/oauth2/end_session"
    assert parse_qs(where.query) == {"client_id": ["pca"], "post_logout_redirect_uri": [f"{HERE}/"]}
    assert issuer in answer.headers["content-security-policy"]  # or the browser would not follow a form there
    assert "pca_session" not in browser.cookies
    assert (await browser.get("/who", headers={"cookie": f"pca_session={copy}"})).json()["findings"][0]["rule"] == "session_over"
    assert (await browser.get(answer.headers["location"])).status_code == 200


async def test_who_is_out_already_is_out(browser: Browser) -> None:
    answer = await browser.post("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_a_changed_cookie_is_no_session(browser: Browser) -> None:
    await browser.sign_in("ke.008")
    value = browser.cookies["pca_session"]
    for wrong in (value[:-2] + "xx", "x" + value, value.partition(".")[2], "", "e30.x.y"):
        browser.cookies.clear()
        assert (await browser.get("/who", headers={"cookie": f"pca_session={wrong}"})).status_code == 401


PERSON = Caller("ke.008", name="Ingrid Solheim", grants=frozenset({Grant("KE", "head_of_office")}), locale="fr")


class Time:
    now = 1_800_000_000.0


def sessions(*keys: str, secure: bool = False, time: type[Time] = Time) -> Sessions:
    return Sessions(keys or (NEW,), secure=secure, idle=3600, absolute=36_000, clock=lambda: time.now)


@pytest.fixture
def time() -> type[Time]:
    class Own(Time):
        pass

    return Own


def test_a_session_holds_the_callers_own_fields(time: type[Time]) -> None:
    ours = sessions(time=time)
    session = ours.begin(PERSON)
    read = ours.read(ours.write(session))
    assert read is not None
    assert read.caller == session.caller
    assert (read.caller.locale, read.caller.session, len(read.caller.csrf) >= 32) == ("fr", True, True)


def test_a_session_not_used_for_an_hour_is_over_and_one_in_use_is_not(time: type[Time]) -> None:
    ours = sessions(time=time)
    session = ours.begin(PERSON)
    value = ours.write(session)
    time.now += 3599
    again = ours.read(value)
    assert again is not None
    assert ours.stale(again)
    time.now += 2
    assert ours.read(value) is None
    time.now -= 2
    renewed = ours.write(again)
    time.now += 3000
    assert ours.read(renewed) is not None


def test_a_session_is_over_after_ten_hours_however_it_is_used(time: type[Time]) -> None:
    ours = sessions(time=time)
    session = ours.begin(PERSON)
    for _ in range(9):
        time.now += 3599
        found = ours.read(ours.write(session))
        assert found is not None
        session = found
    time.now += 3700
    assert ours.read(ours.write(session)) is None


def test_a_new_key_signs_and_the_old_one_is_believed_until_it_is_taken_away() -> None:
    old = sessions(OLD)
    value = old.write(old.begin(PERSON))
    both = sessions(NEW, OLD)
    assert both.read(value) is not None
    newer = both.write(both.begin(PERSON))
    assert sessions(NEW).read(newer) is not None
    assert sessions(OLD).read(newer) is None
    assert sessions(NEW).read(value) is None


def test_a_cookie_of_a_login_is_no_session() -> None:
    ours = sessions()
    login = ours.set_login("s" * 43, {"nonce": "n", "verifier": "v", "next": "/"}).partition("=")[2].partition(";")[0]
    assert ours.read(login) is None


def test_by_https_the_cookie_is_of_this_host_alone_and_never_goes_in_the_clear() -> None:
    ours = sessions(secure=True)
    cookie = ours.set_cookie(ours.begin(PERSON))
    assert cookie.startswith("__Host-pca=")
    assert cookie.endswith("; Secure")
    assert "Path=/;" in cookie


def test_somebody_with_more_roles_than_a_cookie_holds_is_told_so() -> None:
    many = frozenset(f"partner:KE:{hashlib.sha256(bytes([n])).hexdigest()}" for n in range(100))
    ours = sessions()
    with pytest.raises(TooLarge):
        ours.write(ours.begin(Caller("hq.1", partners=many)))


@pytest.mark.parametrize("keys", [(), ("short",), (NEW, "short")])
def test_weak_keys_are_refused(keys: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="PCA_SESSION_KEYS"):
        Sessions(keys, secure=False)


# --- tokens over HTTP ---------------------------------------------------------------------------------------------------


async def id_token(browser: Browser, issuer: str, sub: str) -> str:
    """A token for `pca`, as a program of the person's would get one."""
    verifier = "v" * 50
    query = {
        "response_type": "code", "client_id": "pca", "redirect_uri": "http://127.0.0.1:1/", "scope": "openid profile", "state": "s",
        "nonce": "n" + sub, "code_challenge": challenge(verifier), "code_challenge_method": "S256",
    }  # fmt: skip
    back = await browser.post(f"{issuer}/oauth2/authorize", params=query, data={"sub": sub})
    (code,) = parse_qs(urlsplit(back.headers["location"]).query)["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": query["redirect_uri"], "code_verifier": verifier}
    return str((await browser.post(f"{issuer}/oauth2/token", data=form, auth=("pca", "any"))).json()["id_token"])


async def test_a_bearer_token_needs_no_session_and_no_form_token(browser: Browser, issuer: str) -> None:
    header = {"authorization": f"Bearer {await id_token(browser, issuer, 'ke.003')}"}
    who = (await browser.get("/who", headers=header)).json()
    assert (who["actor"], who["session"], who["csrf"]) == ("ke.003", False, "")
    assert (await browser.put("/v1/thing", json={"a": "b"}, headers=header)).json() == {"a": "b"}


async def test_a_bad_token_says_why_in_the_answer_and_in_its_header(browser: Browser, issuer: str) -> None:
    token = await id_token(browser, issuer, "ke.004")
    answer = await browser.get("/who", headers={"authorization": f"Bearer {token[:-4]}AAAA"})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token", error_description="token_signature"'
    assert [finding["rule"] for finding in answer.json()["findings"]] == ["token_signature"]


async def test_a_token_for_another_audience_does_not_open(pool: asyncpg.Pool, client: Client, issuer: str) -> None:
    async with browsing(pool, client, settings_for(issuer, PCA_OIDC_AUDIENCE="pca-api")) as browser:
        answer = await browser.get("/who", headers={"authorization": f"Bearer {await id_token(browser, issuer, 'ke.005')}"})
        assert answer.json()["findings"][0]["rule"] == "token_audience"


@pytest.mark.parametrize(
    ("headers", "rule"),
    [
        ({"authorization": "Basic eDp5"}, "authorization_scheme"),
        ({"authorization": "Bearer "}, "authorization_scheme"),
        ({"authorization": "Bearer x.y.z", "x-api-key": "pca_x"}, "several_credentials"),
        ({"x-api-key": ""}, "key_unknown"),
        ({"authorization": "Bearer x.y.z"}, "token_unreadable"),
    ],
)
async def test_a_wrong_or_a_second_credential_is_refused_even_beside_a_good_session(
    browser: Browser, headers: dict[str, str], rule: str
) -> None:
    await browser.sign_in("ke.008")
    answer = await browser.get("/who", headers=headers)
    assert (answer.status_code, answer.json()["findings"][0]["rule"]) == (401, rule)


async def test_whom_the_mapping_does_not_place_is_known_and_still_nobody(
    pool: asyncpg.Pool, client: Client, issuer: str, tmp_path: object
) -> None:
    file = f"{tmp_path}/identity.toml"
    with open(file, "w") as target:
        target.write('version = 1\n[[office]]\nclaim = "groups"\nvalue = "nobody"\noffice = "KE"\nrole = "ops"\n')
    async with browsing(pool, client, settings_for(issuer, PCA_IDENTITY_MAP=file)) as browser:
        answer = await browser.sign_in("ke.008")
        assert (answer.status_code, answer.json()["findings"][0]["rule"]) == (403, "no_role")
        assert (await browser.get("/who")).status_code == 401


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"PCA_OIDC_CLIENT_ID": ""}, "PCA_OIDC_CLIENT_ID"),
        ({"PCA_IDENTITY_MAP": ""}, "PCA_IDENTITY_MAP"),
        ({"PCA_SESSION_KEYS": "short"}, "PCA_SESSION_KEYS"),
        ({"PCA_PUBLIC_URL": "http://pca.example"}, "PCA_PUBLIC_URL"),
        ({"PCA_OIDC_ISSUER": "http://login.example"}, "PCA_OIDC_ISSUER"),
    ],
)
async def test_settings_that_cannot_be_stop_the_start(
    pool: asyncpg.Pool, client: Client, issuer: str, changed: dict[str, str], error: str
) -> None:
    with pytest.raises(ValueError, match=error):
        async with browsing(pool, client, settings_for(issuer, **changed)):
            pass


async def test_without_a_provider_nobody_signs_in_and_keys_still_open(pool: asyncpg.Pool, client: Client) -> None:
    async with browsing(pool, client, Settings.model_validate({"PCA_PUBLIC_URL": HERE})) as browser:
        assert (await browser.get("/login")).status_code == 404
        assert (await browser.get("/who", headers={"authorization": "Bearer a.b.c"})).json()["findings"][0]["rule"] == "no_provider"


OPEN = {"/livez", "/readyz", "/metrics", "/openapi.json", "/login", "/login/callback", "/logout", "/language/{language}"}
"""Routes that ask nobody who he is: health, figures, the document of the API, the way in and out, and in which language."""


def test_every_other_route_asks_who_calls(browser: Browser) -> None:
    def asks(dependant: object) -> bool:
        mine = getattr(dependant, "dependencies", [])
        return any(getattr(each.call, "__name__", "") == "_caller" or asks(each) for each in mine)

    seen = {route.path: asks(route.dependant) for route in _routes(browser.app.routes)}
    assert len(seen) > 20
    closed_by_itself = {path for path, asked in seen.items() if not asked}
    assert {path for path in closed_by_itself if not path.startswith(("/static", "/v1/public"))} <= OPEN


def _routes(routes: list[object]) -> list[object]:
    found = []
    for route in routes:
        if hasattr(route, "dependant"):
            found.append(route)
        inner = getattr(route, "original_router", None) or getattr(route, "router", None)
        found += _routes(list(getattr(inner, "routes", [])))
    return found
