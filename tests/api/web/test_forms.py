"""Forms made from models: every payload there is goes out as a form and comes back as it was."""

from typing import Any

import pytest
from jinja2 import Environment
from starlette.datastructures import ImmutableMultiDict

from api.web import forms
from api.web.frame import environment
from api.web.texts import Formats, Texts
from schemas import payloads as p
from schemas.base import Strict
from schemas.findings import Finding
from schemas.tasks import CATALOGUE, MESSAGES, example
from tests.api.web import html

PAYLOADS = {
    **{f"{kind.name}-{verdict.name}": verdict.model for kind in CATALOGUE.values() for verdict in kind.verdicts.values()},
    **{f"message-{message.name}": message.model for message in MESSAGES.values()},
}
LANGUAGES = ["en", "fr"]


def rendered(model: type[Strict], value: dict[str, Any], language: str = "en", rows: dict[str, int] | None = None) -> html.Element:
    """The form of a model that holds a value, as a browser has it."""
    env: Environment = environment()
    template = env.from_string(
        '{% import "_form.html" as form with context %}<form>{% for field in fields %}{{ form.render(field) }}{% endfor %}</form>'
    )
    f = Formats(language)
    return html.read(template.render(t=Texts(language), f=f, fields=forms.fields(model, value, f, rows=rows))).one("form")


def form(*items: tuple[str, str]) -> ImmutableMultiDict[str, str]:
    return ImmutableMultiDict(list(items))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PAYLOADS)
def test_every_payload_goes_out_as_a_form_and_comes_back(name: str, language: str) -> None:
    model = PAYLOADS[name]
    page = rendered(model, example(model), language)
    back = forms.read(model, form(*page.sends()), Formats(language))
    assert forms.faults(model, back) == []
    assert model.model_validate(back) == model.model_validate(example(model))


@pytest.mark.parametrize("name", PAYLOADS)
def test_what_is_carried_hidden_says_the_same_as_the_form(name: str) -> None:
    model = PAYLOADS[name]
    f = Formats("fr")
    back = forms.read(model, form(*forms.pairs(forms.fields(model, example(model), f))), f)
    assert model.model_validate(back) == model.model_validate(example(model))


@pytest.mark.parametrize("name", PAYLOADS)
def test_every_field_has_a_label_and_every_hint_its_place(name: str) -> None:
    model = PAYLOADS[name]
    page = rendered(model, {}, rows={f"data.{spec.key}": 2 for spec in forms.specs(model) if spec.shape in ("rows", "pairs")})
    assert [
        fault
        for fault in html.faults(html.Element("html", {"lang": "en"}, [page]))
        if "label" in fault or "nothing" in fault or "id twice" in fault
    ] == []


def test_an_empty_form_says_everything_that_is_needed_at_its_field() -> None:
    faults = forms.faults(p.SubmitRequest, forms.read(p.SubmitRequest, form(), Formats("en")))
    assert {path for path, _, _ in faults} >= {
        "$.data.face.period",
        "$.data.face.lines",
        "$.data.certified",
        "$.data.sha256",
        "$.data.signed_on",
    }


def test_a_row_is_added_and_a_row_removed_without_losing_the_others() -> None:
    lines = [
        ("data.lines[0].activity", "1.1.1"),
        ("data.lines[0].amount", "10"),
        ("data.lines[1].activity", "M1"),
        ("data.lines[1].amount", "5"),
    ]
    less = forms.read(p.ReduceLines, form(*lines), Formats("en"), without="data.lines[0]")
    assert less == {"lines": [{"activity": "M1", "amount": "5"}]}
    more = rendered(p.ReduceLines, forms.read(p.ReduceLines, form(*lines), Formats("en")), rows={"data.lines": 3})
    names = [each.attrs["name"] for each in more.all("input")]
    assert names[-2:] == ["data.lines[2].activity", "data.lines[2].amount"]


def test_an_empty_row_is_no_row() -> None:
    given = form(
        ("data.conditions[0].text", ""),
        ("data.conditions[0].owner_role", ""),
        ("data.conditions[1].text", "Plan"),
        ("data.conditions[1].gate", "before_cash"),
    )
    assert forms.read(p.ApproveDocument, given, Formats("en")) == {"conditions": [{"text": "Plan", "gate": "before_cash"}]}


def test_a_row_number_out_of_this_world_makes_no_page_of_rows() -> None:
    given = form(("data.lines[99999999999].activity", "1"), ("data.lines[0].activity", "2"))
    assert forms.read(p.ReduceLines, given, Formats("en")) == {"lines": [{"activity": "2"}]}


@pytest.mark.parametrize(
    ("language", "typed", "meant"),
    [
        ("en", "1,234.50", "1234.50"), ("en", "1 234.50", "1234.50"), ("en", "1234,50", "1234,50"), ("en", "1,234", "1234"), ("en", "-", "-"),
        ("fr", "1 234,50", "1234.50"), ("fr", "1\u202f234,50", "1234.50"), ("fr", "1234.50", "1234.50"), ("fr", "1.234,50", "1.234,50"),
        ("fr", "NaN", "NaN"),
    ],
)  # fmt: skip
def test_amounts_are_read_as_the_language_writes_them_and_never_guessed(language: str, typed: str, meant: str) -> None:
    assert Formats(language).parse(typed) == meant


def test_every_statement_of_the_declaration_must_be_ticked() -> None:
    ticked = [(f"data.answers[{n}]", "yes") for n in range(8) if n != 3]
    faults = forms.faults(p.SignDeclaration, forms.read(p.SignDeclaration, form(*ticked), Formats("en")))
    assert ("$.data.answers[3]", "literal_error") in {(path, kind) for path, kind, _ in faults}
    assert [path for path, _, _ in faults if path.startswith("$.data.answers[")] == ["$.data.answers[3]"]


def test_a_finding_stands_at_its_field_or_at_the_nearest_around_it() -> None:
    shown = forms.fields(p.ReduceLines, {"lines": [{"activity": "1.1.1", "amount": "5"}]}, Formats("en"))
    findings = [
        Finding(rule="a", message="too much", path="$.data.lines[0].amount"),
        Finding(rule="b", message="twice", path="$.data.lines[7].activity"),
        Finding(rule="c", message="elsewhere", path="$.actor"),
    ]
    (lines,) = forms.placed(shown, findings)
    assert lines.errors == ("twice",)
    assert lines.items[0].items[1].errors == ("too much",)
    assert forms.place_of("$.actor", [each.name for each in lines.walk()]) == ""


def test_what_no_text_can_hold_and_what_is_no_text_is_left_out() -> None:
    assert forms.read(p.Said, form(("data.text", "a\x00b\r\nc")), Formats("en")) == {"text": "ab\nc"}
    assert forms.read(p.Said, ImmutableMultiDict([("data.text", object())]), Formats("en")) == {}  # type: ignore[list-item]
