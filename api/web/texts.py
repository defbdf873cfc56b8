"""Every text of the pages, one catalogue a language; dates, numbers and money as the person's language and the office's zone write them.

A text is found by its id and takes named values; codes of the engine (kinds, verdicts, statuses, roles ...) are families of texts. Texts
hold no markup: what comes out is text, and the templates escape it.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.numbers import format_currency, format_decimal

FOLDER = Path(__file__).parent / "texts"
LANGUAGES: Mapping[str, str] = {"en": "English", "fr": "Français"}
"""Code to the language's own name."""
LOCALES = {"en": Locale.parse("en_GB"), "fr": Locale.parse("fr_FR")}
DEFAULT = "en"
NOTHING = "–"
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Id to text: the tables of the file, joined by dots."""
    found: dict[str, str] = {}

    def flat(table: Mapping[str, Any], prefix: str) -> None:
        for key, value in table.items():
            if isinstance(value, dict):
                flat(value, f"{prefix}{key}.")
            else:
                found[prefix + key] = value

    flat(tomllib.loads((FOLDER / f"{language}.toml").read_text("utf-8")), "")
    return found


def chosen(wanted: str) -> str:
    """The language of ours that a locale (`fr-CH`) or an Accept-Language header asks for, by its order."""
    codes = [part.partition(";")[0].strip().lower()[:2] for part in wanted.split(",")]
    return next((code for code in codes if code in LANGUAGES), DEFAULT)


@dataclass(frozen=True)
class Texts:
    """The catalogue of one language."""

    language: str

    def __call__(self, identifier: str, /, **values: Any) -> str:
        """The text of that id with its values. `KeyError` for an id or a value that is not there: a page without a text is a bug."""
        return PLACEHOLDER.sub(lambda found: str(values[found[1]]), catalogue(self.language)[identifier])

    def told(self, identifier: str, values: Mapping[str, str]) -> str:
        """The same with what there is; a dash stands for what is not said."""
        return PLACEHOLDER.sub(lambda found: values.get(found[1], NOTHING), catalogue(self.language)[identifier])

    def has(self, identifier: str) -> bool:
        return identifier in catalogue(self.language)

    def counted(self, identifier: str, number: int, **values: Any) -> str:
        """The form of a text for a number: `<id>.one`, `<id>.other`."""
        form = LOCALES[self.language].plural_form(number)
        return self(f"{identifier}.{form if self.has(f'{identifier}.{form}') else 'other'}", number=number, **values)

    def of(self, family: str, code: Any) -> str:
        """The text of a code of the engine; of one that has none (a newer release's), the code in words."""
        return self.first([f"{family}.{code}"], code)

    def first(self, identifiers: list[str], code: Any) -> str:
        """The first of these texts that there is, or the code in words."""
        found = next((identifier for identifier in identifiers if self.has(identifier)), None)
        return self(found) if found else str(code if code not in (None, "") else NOTHING).replace("_", " ")

    # -- forms ---------------------------------------------------------------------------------------------------------

    def label(self, spec: Any) -> str:
        """The label of a field of a form."""
        return self.first([f"field.{spec.owner}.{spec.key}", f"field.{spec.key}"], spec.key)

    def hint(self, spec: Any) -> str:
        """What helps to fill it in; empty where nothing does."""
        found = [f"hint.{spec.owner}.{spec.key}", f"hint.{spec.key}", f"hint.{spec.shape}"]
        return next((self(identifier) for identifier in found if self.has(identifier)), "")

    def option(self, spec: Any, code: str) -> str:
        """The text of one choice of a field."""
        by_key = [f"choice.{spec.owner}.{spec.key}.{code}", f"choice.{spec.key}.{code}"]
        if re.fullmatch(r"s\d", spec.key):
            by_key.append(f"choice.s.{code}")
        return self.first([*by_key, f"role.{code}", f"element.{code}", f"choice.{code}"], code)

    def fault(self, kind: str, context: Mapping[str, Any]) -> str:
        """What pydantic found wrong with a field, for the person who filled it in."""
        name = "must" if kind == "literal_error" and context.get("expected") == "True" else kind
        return self(f"fault.{name}" if self.has(f"fault.{name}") else "fault.other", **context)


@dataclass(frozen=True)
class Formats:
    """How a language writes what is no text. `zone`: that of the office."""

    language: str
    zone: str = "UTC"

    @property
    def locale(self) -> Locale:
        return LOCALES[self.language]

    def _moment(self, value: Any) -> datetime | None:
        if isinstance(value, datetime):
            return value
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day, tzinfo=UTC)
        try:
            return datetime.fromisoformat(str(value))
        except ValueError:
            return None

    def date(self, value: Any) -> str:
        """A day: `9 Apr 2026`. Of a moment, the office's day."""
        if value in (None, ""):
            return NOTHING
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            value = date.fromisoformat(value)
        if isinstance(value, date) and not isinstance(value, datetime):
            return format_date(value, "medium", self.locale)
        found = self._moment(value)
        return format_date(found.astimezone(ZoneInfo(self.zone)).date(), "medium", self.locale) if found else str(value)

    def day(self, value: Any) -> str:
        """A day as a sentence says it: `9 April 2026`."""
        return format_date(date.fromisoformat(str(value)[:10]), "long", self.locale) if value else NOTHING

    def moment(self, value: Any) -> str:
        """Day and time of the office: `9 Apr 2026, 15:00`."""
        found = self._moment(value) if value else None
        return format_datetime(found, "d MMM y, HH:mm", ZoneInfo(self.zone), self.locale) if found else NOTHING

    def time(self, value: Any) -> str:
        found = self._moment(value) if value else None
        return format_time(found, "HH:mm", ZoneInfo(self.zone), self.locale) if found else NOTHING

    def iso(self, value: Any) -> str:
        """For the attribute `datetime`."""
        return value.isoformat() if isinstance(value, date) else str(value or "")

    def since(self, value: Any, now: datetime) -> str:
        """How long ago, or in how long: `3 days`."""
        found = self._moment(value) if value else None
        return format_timedelta(abs(now - found), locale=self.locale, threshold=1.2) if found else NOTHING

    def number(self, value: Any) -> str:
        """Any number, with the decimals it has."""
        if value in (None, ""):
            return NOTHING
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            return str(value)
        places = max(0, -int(number.as_tuple().exponent)) if number.is_finite() else 0
        return format_decimal(number, "#,##0" + ("." + "0" * places if places else ""), self.locale, decimal_quantization=False)

    def percent(self, value: Any) -> str:
        """A number of per cent with one decimal: `22.9 %`."""
        if value in (None, ""):
            return NOTHING
        return format_decimal(Decimal(str(value)), "0.0", self.locale) + "\N{NO-BREAK SPACE}%"

    def money(self, amount: Any, currency: Any) -> str:
        """An amount with its currency's code: `KES 10,518,100.00`."""
        if amount in (None, ""):
            return NOTHING
        pattern = "¤¤\N{NO-BREAK SPACE}#,##0.00" if self.language == "en" else "#,##0.00\N{NO-BREAK SPACE}¤¤"
        return format_currency(Decimal(str(amount)), str(currency or "XXX"), pattern, self.locale, currency_digits=False)

    # -- numbers of forms: the protocol `forms.Numbers` ------------------------------------------------------------------

    def parse(self, text: str) -> str:
        """What a person typed as a plain number; what is none comes back as it is. `1,234` is never taken for 1.234."""
        point, group = ("\\.", ",") if self.language == "en" else (",", "")
        squeezed = re.sub(r"[\s\u00a0\u202f]", "", text)
        if group and re.fullmatch(rf"-?\d{{1,3}}({group}\d{{3}})+({point}\d+)?", squeezed):
            squeezed = squeezed.replace(group, "")
        if re.fullmatch(rf"-?\d+({point}\d+)?", squeezed):
            squeezed = squeezed.replace(",", ".")
        return squeezed if re.fullmatch(r"-?\d+(\.\d+)?", squeezed) else text

    def editable(self, value: str) -> str:
        return self.number(value).replace("\u202f", "\N{NO-BREAK SPACE}")
