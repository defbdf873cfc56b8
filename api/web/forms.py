"""From the model of a payload to the fields of a form, and back from what a browser sent to JSON.

Nothing here knows a kind of task: whatever `schemas/payloads.py` says, there is a form for. The name of an input is the JSON path of what
it holds (`data.face.lines[0].amount`), so a finding stands at its field without a table between the two. Rows are added and removed by
buttons that send the form, so no script is needed. What is read is not judged: the model is the only validator.
"""

import json
import re
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal, Protocol, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from schemas.findings import Finding
from schemas.intake import json_path

Shape = Literal["text", "area", "hash", "whole", "amount", "date", "one", "flag", "many", "yes", "must", "group", "rows", "pairs"]
"""How a field is asked for. `flag`: yes or no, neither ticked before; `yes`: a box that may stay empty; `must`: one that may not."""

SHA256 = "^[0-9a-f]{64}$"
LONG = 300
"""Texts that may be longer than this get a text area."""
FEW = 5
"""A range of whole numbers that is asked for as a choice holds at most so many."""
PEOPLE = frozenset({"person", "overall_approver", "signed_by", "partner_person"})
"""Fields that hold an actor id: a person is chosen by name where the names are known."""
MOST_ROWS = 500
"""Rows of one list that a form is read for: no page of ours has more."""
_ROW = re.compile(r"\[(\d{1,6})\]")


class Form(Protocol):
    """What a browser sent: names to values, some names several times (Starlette's FormData)."""

    def get(self, key: Any, default: Any = None) -> Any: ...
    def getlist(self, key: Any) -> list[Any]: ...
    def keys(self) -> Iterable[Any]: ...


class Numbers(Protocol):
    """How numbers are written in the person's language."""

    def parse(self, text: str) -> str:
        """`1 234,50` to `1234.50`; what is no number comes back as it is, for the model to refuse."""
        ...

    def editable(self, value: str) -> str:
        """`1234.50` to `1 234,50`, with as many decimals."""
        ...


@dataclass(frozen=True)
class Spec:
    """What one field of a model asks for. `owner`: name of the model; `parts`: the fields of a group, or the one item of rows."""

    key: str
    owner: str
    shape: Shape
    required: bool = True
    choices: tuple[str, ...] = ()
    parts: tuple["Spec", ...] = ()
    least: int = 0
    most: int | None = None
    longest: int | None = None
    null: bool = False
    """Said also where nothing is said: the model wants it, and takes null."""

    @property
    def fixed(self) -> bool:
        """As many rows as the model says, neither more nor fewer."""
        return self.shape == "rows" and self.least > 0 and self.least == self.most


@dataclass(frozen=True)
class Field:
    """A field as it is shown: `value` is what stands in it, `items` what is in it. `row`: its number among rows, from 1."""

    spec: Spec
    name: str
    value: Any = ""
    items: tuple["Field", ...] = ()
    errors: tuple[str, ...] = ()
    row: int = 0

    @property
    def id(self) -> str:
        return identifier(self.name)

    @property
    def removable(self) -> bool:
        return self.row > 0

    @property
    def chosen(self) -> list[str]:
        return [str(item) for item in self.value] if isinstance(self.value, list) else [str(self.value)]

    def walk(self) -> Iterable["Field"]:
        """This field and everything in it."""
        yield self
        for item in self.items:
            yield from item.walk()


def identifier(name: str) -> str:
    """The id of the element of that name: `data.lines[0].amount` is `f-data-lines-0-amount`."""
    return "f-" + re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-")


# From the model -------------------------------------------------------------------------------------------------------------------


@cache
def specs(model: type[BaseModel]) -> tuple[Spec, ...]:
    """The fields of a model, in its order."""
    return tuple(_spec(name, model.__name__, field) for name, field in model.model_fields.items())


def _spec(key: str, owner: str, field_info: FieldInfo) -> Spec:
    field = field_info
    annotation, optional = _unwrapped(field.annotation)
    if optional and isinstance(annotation, FieldInfo):
        field, annotation = annotation, annotation.annotation
    bound = _bounds(field)
    required = field.is_required() or bound.get("min_length", 0) > 0
    null = optional and field_info.is_required()
    found = Spec(key, owner, "text", required and not optional, longest=bound.get("max_length"), null=null)
    origin = get_origin(annotation)
    if origin is Literal:
        return _literal(found, get_args(annotation))
    if origin in (tuple, list):
        return _several(found, get_args(annotation)[0], bound)
    if origin is dict:
        return replace(found, shape="pairs", least=bound.get("min_length", 0))
    if isinstance(annotation, type):
        if issubclass(annotation, BaseModel):
            return replace(found, shape="group", parts=specs(annotation))
        if issubclass(annotation, bool):
            return replace(found, shape="flag" if optional or field.is_required() else "yes", choices=("true", "false"))
        if issubclass(annotation, int):
            low, high = bound.get("ge"), bound.get("le")
            if low is not None and high is not None and high - low < FEW:
                return replace(found, shape="one", choices=tuple(str(n) for n in range(low, high + 1)))
            return replace(found, shape="whole")
        if issubclass(annotation, Decimal):
            return replace(found, shape="amount")
        if issubclass(annotation, date):
            return replace(found, shape="date")
    if bound.get("pattern") == SHA256:
        return replace(found, shape="hash")
    return replace(found, shape="area" if (found.longest or 0) > LONG else "text")


def _literal(found: Spec, values: tuple[Any, ...]) -> Spec:
    if values == (True,):
        return replace(found, shape="must")
    return replace(found, shape="one", choices=tuple(str(value) for value in values if value != ""))


def _several(found: Spec, item: Any, bound: Mapping[str, Any]) -> Spec:
    one = _spec(found.key, found.owner, FieldInfo.from_annotation(item))
    if one.shape == "one":
        return replace(found, shape="many", choices=one.choices)
    return replace(
        found, shape="rows", parts=(one,), longest=None, least=bound.get("min_length", 0), most=bound.get("max_length")
    )  # fmt: skip


def _unwrapped(annotation: Any) -> tuple[Any, bool]:
    """The annotation without `None`, and whether `None` was in it."""
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [arg for arg in get_args(annotation) if arg is not type(None)]
        inner = rest[0]
        return (FieldInfo.from_annotation(inner) if get_origin(inner) is Annotated else inner), True
    return annotation, False


def _bounds(field: FieldInfo) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for meta in field.metadata:
        for name in ("ge", "le", "min_length", "max_length", "pattern"):
            value = getattr(meta, name, None)
            if value is not None:
                found[name] = value
    return found


# From JSON to fields --------------------------------------------------------------------------------------------------------------


def fields(
    model: type[BaseModel], value: Mapping[str, Any], numbers: Numbers, *, rows: Mapping[str, int] | None = None, prefix: str = "data"
) -> tuple[Field, ...]:
    """The fields of a form that holds `value` (JSON). `rows`: how many rows to show of the lists named, at least."""
    return tuple(_field(spec, f"{prefix}.{spec.key}", value.get(spec.key), numbers, rows or {}) for spec in specs(model))


def _field(spec: Spec, name: str, value: Any, numbers: Numbers, rows: Mapping[str, int]) -> Field:
    match spec.shape:
        case "group":
            inside = value if isinstance(value, Mapping) else {}
            items = tuple(_field(part, f"{name}.{part.key}", inside.get(part.key), numbers, rows) for part in spec.parts)
            return Field(spec, name, items=items)
        case "rows":
            given = list(value) if isinstance(value, list | tuple) else []
            count = max(len(given), rows.get(name, 0), spec.least, 1 if spec.required else 0)
            (one,) = spec.parts
            items = tuple(
                replace(_field(one, f"{name}[{at}]", given[at] if at < len(given) else None, numbers, rows), row=at + 1)
                for at in range(count)
            )
            return Field(spec, name, items=items)
        case "pairs":
            given = list(value.items()) if isinstance(value, Mapping) else []
            count = max(len(given), rows.get(name, 0), spec.least)
            pairs = given + [("", "")] * (count - len(given))
            return Field(spec, name, items=tuple(_pair(spec, f"{name}[{at}]", *pair, at + 1) for at, pair in enumerate(pairs)))
        case "many":
            return Field(spec, name, value=[str(item) for item in value or ()])
        case "yes" | "must":
            return Field(spec, name, value=value is True)
        case "flag":
            return Field(spec, name, value="" if value is None else str(value).lower())
        case "amount":
            return Field(spec, name, value="" if value in (None, "") else numbers.editable(str(value)))
        case _:
            return Field(spec, name, value="" if value is None else str(value))


def _pair(spec: Spec, name: str, key: str, value: str, row: int) -> Field:
    parts = (Spec("name", "pairs", "text"), Spec("value", "pairs", "text"))
    items = tuple(Field(part, f"{name}.{part.key}", held) for part, held in zip(parts, (key, value), strict=True))
    return Field(Spec(spec.key, spec.owner, "group", parts=parts), name, items=items, row=row)


def placed(shown: Iterable[Field], findings: Iterable[Finding]) -> tuple[Field, ...]:
    """The same fields, each with the messages that are about it (or about something in it that is not shown)."""
    shown = tuple(shown)
    names = {field.name for one in shown for field in one.walk()}
    at: dict[str, list[str]] = {}
    for finding in findings:
        if name := place_of(finding.path, names):
            at.setdefault(name, []).append(finding.message)
    return tuple(_with(one, at) for one in shown)


def place_of(path: str, names: Iterable[str]) -> str:
    """The name of the field that a JSON path is about: itself, or the nearest one around it; empty if there is none."""
    names = set(names)
    name = path.removeprefix("$").removeprefix(".")
    while name and name not in names:
        name = name[: max(name.rfind("."), name.rfind("["), 0)]
    return name


def _with(field: Field, at: Mapping[str, Sequence[str]]) -> Field:
    return replace(field, errors=tuple(at.get(field.name, ())), items=tuple(_with(item, at) for item in field.items))


# From a form to JSON --------------------------------------------------------------------------------------------------------------


def read(model: type[BaseModel], form: Form, numbers: Numbers, *, prefix: str = "data", without: str = "") -> dict[str, Any]:
    """What the form says, as the JSON of the model; empty fields and rows are left out. `without`: name of a row to leave out."""
    return _read_all(specs(model), prefix, form, numbers, without)


def rows_of(form: Form) -> dict[str, int]:
    """How many rows of each list the form showed."""
    found: dict[str, int] = {}
    for name in form.keys():  # noqa: SIM118 (a form of several values iterates otherwise)
        for match in _ROW.finditer(str(name)):
            listed, count = str(name)[: match.start()], int(match[1]) + 1
            if count <= MOST_ROWS:
                found[listed] = max(found.get(listed, 0), count)
    return found


def _read_all(asked: Iterable[Spec], prefix: str, form: Form, numbers: Numbers, without: str) -> dict[str, Any]:
    found = {spec.key: (spec, _read(spec, f"{prefix}.{spec.key}", form, numbers, without)) for spec in asked}
    return {key: value for key, (spec, value) in found.items() if value is not None or spec.null}


def _read(spec: Spec, name: str, form: Form, numbers: Numbers, without: str) -> Any:
    match spec.shape:
        case "group":
            inside = _read_all(spec.parts, name, form, numbers, without)
            return inside if spec.required or not _blank(inside) else None
        case "rows":
            return _rows(spec, name, form, numbers, without)
        case "pairs":
            found = {}
            for at in range(rows_of(form).get(name, 0)):
                key = _text(form.get(f"{name}[{at}].name"))
                if key and f"{name}[{at}]" != without:
                    found[key] = _text(form.get(f"{name}[{at}].value"))
            return found or None
        case "many":
            return [str(item) for item in form.getlist(name)] or None
        case "yes" | "must":
            return form.get(name) is not None
        case "flag":
            text = _text(form.get(name))
            return {"true": True, "false": False}.get(text, text or None)
        case "amount":
            text = _text(form.get(name))
            return numbers.parse(text) if text else None
        case "whole":
            text = _text(form.get(name))
            return int(text) if re.fullmatch(r"-?\d{1,18}", text) else text or None
        case "one":
            text = _text(form.get(name))
            return int(text) if text.isdigit() and text in spec.choices else text or None
        case _:
            return _text(form.get(name)) or None


def _rows(spec: Spec, name: str, form: Form, numbers: Numbers, without: str) -> list[Any] | None:
    (one,) = spec.parts
    if spec.fixed:
        return [_read(one, f"{name}[{at}]", form, numbers, without) for at in range(spec.least)]
    count = rows_of(form).get(name, 0)
    found = [_read(one, f"{name}[{at}]", form, numbers, without) for at in range(count) if f"{name}[{at}]" != without]
    return [item for item in found if not _blank(item)] or None


def _blank(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_blank(inside) for inside in value.values())
    return value in (None, "", False) or value == []


def _text(value: Any) -> str:
    """One value as a text; a file in its place is none, and neither is what no text can hold."""
    return value.replace("\r\n", "\n").replace("\x00", "").strip() if isinstance(value, str) else ""


def faults(model: type[BaseModel], data: Mapping[str, Any], prefix: str = "data") -> list[tuple[str, str, dict[str, Any]]]:
    """Everything that does not fit the model: (JSON path, pydantic's name of the fault, what it says of it)."""
    try:
        model.model_validate_json(json.dumps(data))
    except ValidationError as error:
        return [
            (json_path((prefix, *fault["loc"])), fault["type"], dict(fault.get("ctx", {})))
            for fault in error.errors(include_url=False, include_input=False)
        ]
    return []


def pairs(shown: Iterable[Field]) -> list[tuple[str, str]]:
    """What a browser would send of these fields: what is filled in, in order."""
    found: list[tuple[str, str]] = []
    for field in (each for one in shown for each in one.walk()):
        match field.spec.shape:
            case "group" | "rows" | "pairs":
                continue
            case "yes" | "must":
                found += [(field.name, "yes")] if field.value else []
            case "many":
                found += [(field.name, value) for value in field.value]
            case _:
                found += [(field.name, field.value)] if field.value != "" else []
    return found
