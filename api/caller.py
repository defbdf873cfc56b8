"""Who calls, and what they may see: the one thing that every route knows of a person or a machine.

A person stands on one side: the office's (grants: roles in offices) or the partner's (partners: organisations in countries). What a
person may *do* is judged by the record, against the office file and the intakes; what is here decides what is shown and offered.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Annotated, Literal

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPBearer

from policy.access import allows
from schemas.tasks import PARTNER_ROLES

EVERYWHERE = "*"
"""The office of a grant that holds in every office."""


@dataclass(frozen=True, order=True)
class Grant:
    """One role in one office (ISO2), or everywhere."""

    office: str
    role: str


@dataclass(frozen=True)
class Caller:
    """A person who has signed in, or a machine with a key.

    `actor`: the opaque id of the office file or of the partner's intake. `partners`: subjects `partner:<office>:<partner>` for whom the
    person acts; then there are no grants but the partner's roles. `source`, `scopes`: of a machine, what it may submit for and do.
    """

    actor: str
    name: str = ""
    grants: frozenset[Grant] = frozenset()
    partners: frozenset[str] = frozenset()
    kind: Literal["person", "machine"] = "person"
    source: str = ""
    scopes: frozenset[str] = field(default_factory=frozenset)
    locale: str = "en"
    session: bool = False
    """Signed in with a browser: what changes something needs the form's token."""
    csrf: str = ""
    """That token: the hidden field `csrf` of every form, or the header `X-CSRF-Token`."""

    @property
    def of_partner(self) -> bool:
        """On the partner's side."""
        return bool(self.partners)

    @property
    def offices(self) -> frozenset[str] | None:
        """Offices whose cases the caller sees; None: all."""
        found = frozenset(grant.office for grant in self.grants if grant.role not in PARTNER_ROLES)
        return None if EVERYWHERE in found else found

    def roles_in(self, office: str) -> frozenset[str]:
        """Roles that the caller may act in there."""
        return frozenset(grant.role for grant in self.grants if grant.office in (office, EVERYWHERE))

    def may(self, action: str, office: str | None = None, *, also: Collection[str] = ()) -> bool:
        """Whether the table of `policy.access` allows it in that office; None: in any. `also`: what the caller is beside his roles there,
        such as `access.NAMED` where an open task of the case names him, or a principal's role where he acts for one."""
        roles = frozenset(grant.role for grant in self.grants) if office is None else self.roles_in(office)
        return allows(roles | set(also), action)


Identify = Callable[[Request], Awaitable[Caller]]
"""Who sent this request; raises `Problem` 401 where nobody says so credibly."""


_Token = Security(
    HTTPBearer(auto_error=False, scheme_name="token", bearerFormat="JWT", description="A token of the identity provider, or an API key.")
)
_Key = Security(APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="key", description="An API key."))
_Cookie = Security(
    APIKeyCookie(name="pca_session", auto_error=False, scheme_name="session", description="A browser's; unsafe requests: X-CSRF-Token.")
)


async def _caller(request: Request, _token: object = _Token, _key: object = _Key, _cookie: object = _Cookie) -> Caller:
    # the three are parameters for the OpenAPI alone: who calls is said in one place
    identify: Identify = request.app.state.identify
    caller: Caller = await identify(request)
    return caller


CallerDep = Annotated[Caller, Depends(_caller)]
"""The parameter of a route that wants to know who calls."""
