"""Browser sessions: what a signed cookie says of a person, and for how long it is believed.

The cookie holds the caller's own fields and nothing else: no token of the provider, nothing of a case. It is signed, not encrypted: only
its owner's browser sees it, and it says what the page says anyway. Two clocks run: idle (each use begins it anew) and absolute. Logged
out, a session is entered as ended, so that a copy of its cookie opens nothing.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer

from api.caller import Caller, Grant

LARGEST = 3800
"""Bytes of the cookie; browsers take 4096 with its name and attributes."""
SHORTEST_KEY = 32
LOGIN_SECONDS = 600
"""How long somebody may take at the provider's page."""


class TooLarge(Exception):
    """A person with more roles than a cookie holds."""


@dataclass(frozen=True)
class Session:
    """A person who has signed in. `caller.session` is true, and `caller.csrf` the token of its forms."""

    id: str
    caller: Caller
    since: float
    used: float


class Sessions:
    """Signs and reads the cookies. `keys`: newest first; all are believed, the newest signs. `secure`: whether we are reached by https."""

    def __init__(
        self,
        keys: Sequence[str],
        *,
        secure: bool,
        idle: float = 3600.0,
        absolute: float = 36_000.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not keys or any(len(key) < SHORTEST_KEY for key in keys):
            raise ValueError(f"PCA_SESSION_KEYS is to hold one key or more of {SHORTEST_KEY} characters or more each")
        self.secure, self.idle, self.absolute, self.clock = secure, idle, absolute, clock
        # a name that browsers take from this host alone, and only over https
        self.cookie = "__Host-pca" if secure else "pca_session"
        self._sessions = self._serializer("pca.session", keys)
        self._logins = self._serializer("pca.login", keys)

    def _serializer(self, salt: str, keys: Sequence[str]) -> URLSafeTimedSerializer:
        clock = self.clock

        class Signer(TimestampSigner):
            def get_timestamp(self) -> int:
                return int(clock())

        return URLSafeTimedSerializer(
            list(reversed(keys)),  # the library's order is oldest first
            salt=salt,
            signer=Signer,
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
        )

    def begin(self, caller: Caller) -> Session:
        """A session of somebody who has just signed in."""
        now = self.clock()
        signed_in = replace(caller, session=True, csrf=secrets.token_urlsafe(24))
        return Session(secrets.token_urlsafe(16), signed_in, now, now)

    def write(self, session: Session) -> str:
        """The cookie's value, its idle time beginning now. Raises `TooLarge`."""
        caller = session.caller
        text = self._sessions.dumps(
            {
                "id": session.id,
                "since": int(session.since),
                "actor": caller.actor,
                "name": caller.name,
                "grants": sorted([grant.office, grant.role] for grant in caller.grants),
                "partners": sorted(caller.partners),
                "locale": caller.locale,
                "csrf": caller.csrf,
            }
        )
        value = text if isinstance(text, str) else text.decode()
        if len(value) > LARGEST:
            raise TooLarge
        return value

    def read(self, value: str) -> Session | None:
        """The session of a cookie; None if it is not ours, or too old by either clock."""
        try:
            said, used = self._sessions.loads(value, max_age=int(self.idle), return_timestamp=True)
            caller = Caller(
                actor=said["actor"],
                name=said["name"],
                grants=frozenset(Grant(office, role) for office, role in said["grants"]),
                partners=frozenset(said["partners"]),
                locale=said["locale"],
                session=True,
                csrf=said["csrf"],
            )
            session = Session(said["id"], caller, float(said["since"]), used.timestamp())
        except (BadData, KeyError, TypeError, ValueError):  # of an older release, whose fields were others: one signs in again
            return None
        return session if self.clock() - session.since < self.absolute else None

    def until(self, session: Session) -> float:
        """When no cookie of this session can be believed any more."""
        return session.since + self.absolute

    def stale(self, session: Session) -> bool:
        """Whether its cookie is to be written anew: not at every request, but well before its idle time is over."""
        return self.clock() - session.used > self.idle / 10

    def set_cookie(self, session: Session) -> str:
        """The Set-Cookie header that keeps the session. Raises `TooLarge`."""
        # without Max-Age: it goes with the browser, which may not be the person's own
        return _cookie(self.cookie, self.write(session), secure=self.secure, seconds=None)

    def drop_cookie(self) -> str:
        return _cookie(self.cookie, "", secure=self.secure, seconds=0)

    # --- a login under way ---

    def login_cookie(self, state: str) -> str:
        """Its name: each tab in which somebody signs in has its own."""
        return f"{'__Host-' if self.secure else ''}pca_login_{state[:8]}"

    def set_login(self, state: str, kept: Mapping[str, str]) -> str:
        """The Set-Cookie header that binds a login to the browser that began it."""
        text = self._logins.dumps({**kept, "state": state})
        return _cookie(
            self.login_cookie(state), text if isinstance(text, str) else text.decode(), secure=self.secure, seconds=LOGIN_SECONDS
        )

    def drop_login(self, state: str) -> str:
        return _cookie(self.login_cookie(state), "", secure=self.secure, seconds=0)

    def read_login(self, state: str, cookies: Mapping[str, str]) -> dict[str, str] | None:
        """What was kept of the login of this state by this browser; None if it began none, or long ago."""
        try:
            said: Any = self._logins.loads(cookies.get(self.login_cookie(state), ""), max_age=LOGIN_SECONDS)
        except BadData:
            return None
        return said if secrets.compare_digest(said["state"].encode(), state.encode()) else None


def _cookie(name: str, value: str, *, secure: bool, seconds: int | None) -> str:
    age = "" if seconds is None else f"; Max-Age={seconds}"
    return f"{name}={value}; Path=/{age}; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"
