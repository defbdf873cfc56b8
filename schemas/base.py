"""The two kinds of model, and money.

`Strict` is for what people and systems send: an unknown field is named and refused. `Tolerant` is for what histories and the
record hold: an unknown field (of a newer release) is ignored, so that an older worker can still read it. Fields are only ever
added, and only as optional.
"""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """What people and systems send: unknown fields are named and refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Tolerant(BaseModel):
    """What histories and the record hold: unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code", examples=["KES"])]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the content, in hex")]


class Money(Tolerant):
    """An amount in one currency; never mixed, never a float."""

    amount: Decimal = Field(description="amount in units of the currency, at most two decimals")
    currency: Currency
