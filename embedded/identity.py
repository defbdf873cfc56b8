"""The identity provider of the embedded stack: a process of its own, with example people of every role, who sign in by being chosen.

Run: `python -m embedded.identity --port PORT --offices examples/offices --intakes examples/intake`. The engine speaks to it as to any
other: discovery, authorisation code with PKCE, signed tokens. Below is `oidc-provider-mock`, a library made for tests; what it lacks is
here (it takes any verifier of PKCE; its page asks for an id by heart). It asks for no password, so it listens on loopback only and must
never stand before a real record.
"""

import argparse
import base64
import hashlib
import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

CLIENT_ID = "pca"
"""As what it knows the engine; and the audience of its tokens."""
CLIENT_SECRET = "of-this-machine"  # noqa: S105 (it takes any: its people have no passwords either)
ROLES_OF_PARTNER = {"officers": "partner_authorised_officer", "focal_points": "partner_focal_point"}
TOKENS_FOR = timedelta(hours=10)


@dataclass
class Person:
    """Somebody who can sign in. `groups`: as examples/identity.toml reads them."""

    sub: str
    name: str
    of: str
    locale: str = "en"
    groups: list[str] = field(default_factory=list)

    @property
    def roles(self) -> str:
        return ", ".join(dict.fromkeys(group.rpartition("/")[2].replace("_", " ") for group in self.groups))

    @property
    def claims(self) -> dict[str, object]:
        return {"name": self.name, "locale": self.locale, "groups": self.groups}


def people(offices: Iterable[Mapping[str, Any]], intakes: Iterable[Mapping[str, Any]]) -> list[Person]:
    """Everybody whom office files and intakes know, and for each partner somebody who may only look on; offices first, each in order."""
    found: dict[str, Person] = {}

    def person(sub: str, name: str, of: str, locale: str = "en") -> Person:
        return found.setdefault(sub, Person(sub, name, of, locale))

    def give(to: Person, group: str) -> None:
        if group not in to.groups:
            to.groups.append(group)

    for office in offices:
        for each in office.get("people", ()):
            who = person(each["actor"], each["name"], office["name"], (office.get("languages") or ["en"])[0])
            for held in each.get("roles", ()):
                give(who, f"office/{office['iso2']}/{held['role']}")
    for intake in intakes:
        partner = intake["partner"]
        place = f"partner/{intake['office']}/{partner['id']}"
        for kind, role in ROLES_OF_PARTNER.items():
            for each in partner.get(kind, ()):
                give(person(each["actor"], each["name"], partner["legal_name"]), f"{place}/{role}")
        viewer = person(f"viewer.{partner['id']}".lower(), f"Board of {partner['legal_name']}", partner["legal_name"])
        give(viewer, f"{place}/partner_viewer")
    return list(found.values())


def known(offices: Path, intakes: Path) -> list[Person]:
    """The people of the files in two folders."""
    return people(
        (tomllib.loads(file.read_text(encoding="utf-8")) for file in sorted(offices.glob("*.toml"))),
        (json.loads(file.read_text(encoding="utf-8")) for file in sorted(intakes.glob("*.json"))),
    )


# --- the pages --------------------------------------------------------------------------------------------------------

_BASE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{% block title %}{% endblock %}</title>
<style>
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; color: #1a1a1a; background: #fff }
  ul { list-style: none; padding: 0; display: grid; gap: .5rem; grid-template-columns: repeat(auto-fill, minmax(min(17rem, 100%), 1fr)) }
  button { font: inherit; width: 100%; height: 100%; text-align: left; padding: .5rem .75rem; cursor: pointer;
           border: 1px solid #6b6b6b; border-radius: .4rem; background: #fff; color: inherit }
  button:hover { background: #eef4fb } :focus-visible { outline: 3px solid #0b5cad; outline-offset: 2px }
  button span { display: block; color: #4a4a4a } h2 { margin: 1.5rem 0 .25rem; font-size: 1.1rem }
  .one { width: auto; height: auto }
</style>
</head>
<body><main>{% block content %}{% endblock %}</main></body>
</html>"""

_CHOOSE = """{% extends "_base.html" %}
{% block title %}Sign in as{% endblock %}
{% block content %}
<h1>Sign in as</h1>
<p>These people are invented. This page is part of the stack on this machine and asks for no password.</p>
{% for of, group in everybody.items() %}
<section aria-labelledby="of-{{ loop.index }}">
<h2 id="of-{{ loop.index }}">{{ of }}</h2>
<form method="post">
<ul>
{% for each in group %}
<li><button name="sub" value="{{ each.sub }}">{{ each.name }} <span>{{ each.roles }} ({{ each.sub }})</span></button></li>
{% endfor %}
</ul>
</form>
</section>
{% endfor %}
<form method="post"><button class="one" name="action" value="deny">Do not sign in</button></form>
{% endblock %}"""

_END = """{% extends "_base.html" %}
{% block title %}Sign out{% endblock %}
{% block content %}
<h1>Sign out</h1>
<form method="post" action="{{ end_session_confirm_url }}">
{% if redirect_uri %}<input type="hidden" name="redirect_uri" value="{{ redirect_uri }}">{% endif %}
<button class="one">Sign out here too</button>
</form>
{% endblock %}"""

_SAID = """{% extends "_base.html" %}
{% block title %}{{ name or "Signed out" }}{% endblock %}
{% block content %}<h1>{{ name or "Signed out" }}</h1><p>{{ description }}</p>{% endblock %}"""

PAGES = {
    "_base.html": _BASE,
    "authorization_form.html": _CHOOSE,
    "end_session_form.html": _END,
    "end_session_confirm.html": _SAID,
    "error.html": _SAID,
    "index.html": _SAID,
}


# --- the provider -----------------------------------------------------------------------------------------------------


def application(everybody: list[Person]) -> Any:
    """The provider as a WSGI application."""
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # http, on loopback
    import flask
    import jinja2
    import oidc_provider_mock

    app = flask.Flask("embedded.identity", static_folder=None)
    app.jinja_loader = jinja2.DictLoader(PAGES)  # type: ignore[assignment]
    groups = dict.fromkeys(each.of for each in everybody)
    app.jinja_env.globals["everybody"] = {of: [each for each in everybody if each.of == of] for of in groups}
    plain = app.wsgi_app
    oidc_provider_mock.init_app(
        app,
        require_nonce=True,
        issue_refresh_token=False,
        access_token_max_age=TOKENS_FOR,
        user_claims=[oidc_provider_mock.User(sub=each.sub, claims=each.claims) for each in everybody],
    )
    # the library turns a debugger on, which runs whatever a page sends it
    app.debug, app.wsgi_app = False, plain  # type: ignore[method-assign]
    _require_pkce(app)
    subjects = {each.sub for each in everybody}

    @app.before_request
    def known_people_only() -> Any:
        asked = flask.request
        if asked.path == "/oauth2/authorize" and asked.method == "POST" and "sub" in asked.form and asked.form["sub"] not in subjects:
            return flask.make_response("There is nobody of that id.", 400)
        if asked.path.startswith(("/users", "/oidc")):
            return flask.make_response("There is no such page.", 404)
        return None

    return app


def _require_pkce(app: Any) -> None:
    """A code is given with the challenge of its request, and changed only for the verifier that fits (RFC 7636, S256)."""
    import flask

    challenges: dict[str, str] = {}

    @app.before_request
    def verify() -> Any:
        asked = flask.request
        if asked.path == "/oauth2/authorize" and not (
            asked.args.get("code_challenge") and asked.args.get("code_challenge_method") == "S256"
        ):
            return flask.make_response("The request has no code challenge (S256).", 400)
        if asked.path == "/oauth2/token":
            digest = hashlib.sha256(asked.form.get("code_verifier", "").encode()).digest()
            given = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if challenges.pop(asked.form.get("code", ""), None) != given:
                return flask.jsonify({"error": "invalid_grant", "error_description": "code verifier"}), 400
        return None

    @app.after_request
    def remember(answer: Any) -> Any:
        asked = flask.request
        if asked.path == "/oauth2/authorize" and (where := answer.headers.get("Location")):
            said = parse_qs(urlsplit(where).query)
            for code in said.get("code", ()):
                challenges[code] = asked.args["code_challenge"]
            if "state" not in said:  # the library forgets it where somebody declines
                answer.headers["Location"] = f"{where}&{urlencode({'state': asked.args.get('state', '')})}"
        return answer


def main(arguments: list[str] | None = None) -> None:
    """Serves until it is told to stop (SIGTERM)."""
    parser = argparse.ArgumentParser(prog="embedded.identity", description="The identity provider of the embedded stack.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--offices", type=Path, required=True)
    parser.add_argument("--intakes", type=Path, required=True)
    options = parser.parse_args(arguments)
    import logging

    import werkzeug.serving

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    app = application(known(options.offices, options.intakes))
    werkzeug.serving.make_server("127.0.0.1", options.port, app, threaded=True).serve_forever()


if __name__ == "__main__":
    main()
