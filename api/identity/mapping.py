"""From what an identity provider says of a person to roles in offices: a TOML file, because every directory names its groups its own way.

A rule takes one value of a claim, by itself or by a pattern, and gives a role in an office, or a role for a partner's organisation in a
country. What no rule knows gives nothing. A person of both sides is nobody's: he is refused, and the directory has to be mended.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from api.caller import EVERYWHERE, Caller, Grant
from policy.access import OFFICE
from schemas.base import Strict
from schemas.findings import Finding
from schemas.intake import json_path
from schemas.names import partner_subject
from schemas.tasks import PARTNER_ROLES

COUNTRY = re.compile(r"[A-Z]{2}")
ACTOR = re.compile(r"[^\s/][^\s]{0,99}")
PARTNER = re.compile(r"[^\s]{1,100}")
NEXT_STEP = "PCA_IDENTITY_MAP names a TOML file; see examples/identity.toml"
Claims = Mapping[str, Any]
Language = Annotated[str, Field(pattern=r"^[a-z]{2}$")]


class MappingUnreadable(Exception):
    """The mapping file does not say what it should; every fault."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__("; ".join(f"{finding.path} {finding.message}" for finding in findings))


class Unmapped(Exception):
    """The provider knows the person, the engine does not; every reason."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__("; ".join(finding.rule for finding in findings))


def values(claims: Claims, name: str) -> list[str]:
    """What a claim says, as texts. A name that is no claim of its own leads into objects by its dots: `realm_access.roles`."""
    found: Any = claims.get(name)
    if found is None and "." in name:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    return [each for each in (found if isinstance(found, list) else [found]) if isinstance(each, str)]


class _Rule(Strict):
    """One value, or a pattern of values, of one claim."""

    claim: str = Field(min_length=1, description="the claim that is looked at; a list, or one text", examples=["groups"])
    value: str = Field(default="", description="exactly this value")
    pattern: str = Field(default="", description="or all that match this pattern whole; its named groups give what is not written here")
    office: str = Field(default="", description="office (ISO 3166-1 alpha-2), or * for all", examples=["KE"])
    role: str = Field(default="", description="role of the office file", examples=["head_of_office"])

    @cached_property
    def matcher(self) -> re.Pattern[str]:
        return re.compile(self.pattern or re.escape(self.value))

    @model_validator(mode="after")
    def _whole(self) -> "_Rule":
        found = []
        if bool(self.value) == bool(self.pattern):
            found.append("takes a value or a pattern, and one of them only")
        groups: Mapping[str, int] = {}
        try:
            groups = self.matcher.groupindex
        except re.error as error:
            found.append(f"its pattern cannot be read ({error})")
        asked = [name for name in self.wanted if bool(getattr(self, name)) == (name in groups)]
        found += [f"says its {name} once: as a field, or as a named group of the pattern" for name in asked]
        if self.role and self.role not in self.roles:
            found.append(f"gives the role {self.role}, which is none of {', '.join(sorted(self.roles))}")
        if self.office and not (COUNTRY.fullmatch(self.office) or (self.office == EVERYWHERE and "partner" not in self.wanted)):
            found.append(f"names the office {self.office}, which is no country code")
        if found:
            raise ValueError("; ".join(found))
        return self

    @property
    def wanted(self) -> tuple[str, ...]:
        return ("office", "role")

    @property
    def roles(self) -> frozenset[str]:
        return OFFICE

    def given(self, claims: Claims) -> Iterator[dict[str, str]]:
        """What the claims give by this rule; a group that names no office or role of ours gives nothing."""
        for text in values(claims, self.claim):
            match = self.matcher.fullmatch(text)
            if match is None:
                continue
            said = {name: getattr(self, name) or match[name] or "" for name in self.wanted}
            office = COUNTRY.fullmatch(said["office"]) or (said["office"] == EVERYWHERE and "partner" not in said)
            if office and said["role"] in self.roles and PARTNER.fullmatch(said.get("partner", "-")):
                yield said


class OfficeRule(_Rule):
    """A role in an office."""


class PartnerRule(_Rule):
    """A role for a partner's organisation in a country."""

    partner: str = Field(default="", description="id of the partner, as its intakes have it", examples=["P-KE-0001"])

    @property
    def wanted(self) -> tuple[str, ...]:
        return ("office", "partner", "role")

    @property
    def roles(self) -> frozenset[str]:
        return PARTNER_ROLES


class Mapped(Strict):
    """The mapping file."""

    version: Literal[1] = Field(description="of this form")
    actor: str = Field(default="sub", description="claim with the actor id of the office file or of the partner's intake")
    name: str = Field(default="name", description="claim with the name shown")
    locale: str = Field(default="locale", description="claim with the language, such as fr or fr-CD")
    languages: tuple[Language, ...] = Field(default=("en", "fr"), min_length=1, description="languages there are; the first where in doubt")
    office: tuple[OfficeRule, ...] = Field(default=(), description="who holds which role in which office")
    partner: tuple[PartnerRule, ...] = Field(default=(), description="who acts for which partner")

    def caller(self, claims: Claims) -> Caller:
        """Who that is. Errors: `Unmapped`."""
        actor = next(iter(values(claims, self.actor)), "")
        inside = {Grant(said["office"], said["role"]) for rule in self.office for said in rule.given(claims)}
        outside = [said for rule in self.partner for said in rule.given(claims)]
        found = []
        if not ACTOR.fullmatch(actor):
            found.append(_finding("no_actor", "Your account carries no actor id.", f"$.{self.actor}"))
        if inside and outside:
            found.append(_finding("both_sides", "Your account stands on the office's side and on a partner's.", "$"))
        if not inside and not outside:
            found.append(_finding("no_role", "Your account has no role in any office, and acts for no partner.", "$"))
        if found:
            raise Unmapped(found)
        return Caller(
            actor=actor,
            name=next(iter(values(claims, self.name)), actor)[:200],
            grants=frozenset(inside) or frozenset(Grant(said["office"], said["role"]) for said in outside),
            partners=frozenset(partner_subject(said["office"], said["partner"]) for said in outside),
            locale=self._language(claims),
        )

    def _language(self, claims: Claims) -> str:
        said = next(iter(values(claims, self.locale)), "")[:2].lower()
        return said if said in self.languages else self.languages[0]


def _finding(rule: str, message: str, path: str) -> Finding:
    return Finding(rule=rule, message=message, path=path, next_step="Ask whoever keeps the directory to mend your groups.")


def load(path: Path) -> Mapped:
    """The mapping in the file. Errors: `MappingUnreadable` with every fault and its place."""
    try:
        return Mapped.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise MappingUnreadable(
            [
                Finding(rule="identity_map", message=fault["msg"], path=json_path(fault["loc"]), next_step=NEXT_STEP)
                for fault in error.errors(include_url=False, include_context=False, include_input=False)
            ]
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MappingUnreadable([Finding(rule="identity_map", message=f"It cannot be read ({error}).", next_step=NEXT_STEP)]) from error
