"""The catalogue of tasks and messages says what the casebook says, and takes nothing it does not name."""

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel, ValidationError

from policy.pack import Pack, catalogue
from schemas.base import Strict
from schemas.tasks import CATALOGUE, FUNCTIONS, MESSAGES, RESERVED, ROLES, Kind, MessageKind, Verdict, example

SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
VERDICTS = [
    pytest.param(kind, verdict, id=f"{kind.name}-{verdict.name}") for kind in CATALOGUE.values() for verdict in kind.verdicts.values()
]
MODELS = sorted(
    {verdict.data for kind in CATALOGUE.values() for verdict in kind.verdicts.values() if verdict.data}
    | {message.data for message in MESSAGES.values() if message.data},
    key=lambda model: model.__name__,
)
WORKFLOWS = sorted((Path(__file__).resolve().parents[2] / "workflows").glob("*.py"))
PACKS = [pytest.param(pack, id=pack.id) for pack in catalogue()]


def test_there_are_fifty_six_kinds_numbered_as_in_the_casebook():
    assert [kind.number for kind in CATALOGUE.values()] == list(range(1, 57))


def test_every_name_is_snake_case():
    names = {*CATALOGUE, *MESSAGES, *RESERVED, *(verdict for kind in CATALOGUE.values() for verdict in kind.verdicts)}
    assert [name for name in names if not SNAKE.fullmatch(name)] == []


def test_no_kind_takes_a_reserved_name():
    assert not set(RESERVED) & set(CATALOGUE)


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=lambda kind: kind.name)
def test_who_decides_is_a_role_of_the_office_file_or_a_named_function(kind: Kind):
    assert set(kind.decides) <= ROLES | FUNCTIONS


@pytest.mark.parametrize("message", MESSAGES.values(), ids=lambda message: message.name)
def test_who_says_a_message_is_a_role_of_the_office_file_or_a_named_function(message: MessageKind):
    assert set(message.who) <= ROLES | FUNCTIONS


@pytest.mark.parametrize("message", MESSAGES.values(), ids=lambda message: message.name)
def test_the_facts_of_a_message_are_fields_of_its_data(message: MessageKind):
    assert set(message.facts) <= set(message.model.model_fields)


def test_the_catalogue_cannot_be_changed():
    with pytest.raises(TypeError):
        CATALOGUE["approve_document"] = CATALOGUE["approve_pca"]  # type: ignore[index]
    with pytest.raises(TypeError):
        CATALOGUE["approve_document"].verdicts["approve"] = Verdict("approve")  # type: ignore[index]


@pytest.mark.parametrize(("kind", "verdict"), VERDICTS)
def test_a_stray_field_is_named_and_refused(kind: Kind, verdict: Verdict):
    data = (example(verdict.data) if verdict.data else {}) | {"stray_field": 1}
    with pytest.raises(ValidationError) as refused:
        verdict.model.model_validate(data)
    assert [fault["loc"] for fault in refused.value.errors()] == [("stray_field",)]


@pytest.mark.parametrize(("kind", "verdict"), VERDICTS)
def test_the_facts_told_to_the_workflow_are_fields_of_the_data(kind: Kind, verdict: Verdict):
    assert set(verdict.facts) <= set(verdict.model.model_fields)


@pytest.mark.parametrize(("kind", "verdict"), VERDICTS)
def test_no_fact_told_to_the_workflow_is_a_text_or_an_amount(kind: Kind, verdict: Verdict):
    texts = {
        "text",
        "reason",
        "changes",
        "items",
        "mitigation",
        "how",
        "measures",
        "justification",
        "done",
        "amount",
        "narrative",
        "name",
        "title",
    }
    assert not texts & set(verdict.facts)


@pytest.mark.parametrize(("kind", "verdict"), VERDICTS)
def test_a_verdict_for_some_roles_only_names_roles_of_its_task(kind: Kind, verdict: Verdict):
    assert set(verdict.roles) <= set(kind.decides)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_payload_has_an_example_that_validates(model: type[Strict]):
    assert example(model)
    model.model_validate(example(model))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_payload_survives_json(model: type[Strict]):
    said = model.model_validate(example(model))
    assert model.model_validate_json(said.model_dump_json()) == said


def parts(model: type[BaseModel]) -> set[type[BaseModel]]:
    """The model and every model within it."""
    found, todo = set[type[BaseModel]](), [model]
    while todo:
        if (one := todo.pop()) not in found:
            found.add(one)
            todo += [
                inner
                for info in one.model_fields.values()
                for inner in (info.annotation, *(a for arg in get_args(info.annotation) for a in (arg, *get_args(arg))))
                if isinstance(inner, type) and issubclass(inner, BaseModel)
            ]
    return found


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_part_of_a_payload_is_strict_and_frozen(model: type[Strict]):
    for part in parts(model):
        assert part.model_config.get("extra") == "forbid", part
        assert part.model_config.get("frozen"), part


@pytest.mark.parametrize("pack", PACKS)
def test_every_kind_of_the_track_has_its_days_in_the_pack(pack: Pack):
    assert set(pack.tasks) == {kind.name for kind in CATALOGUE.values() if kind.on(pack.track)}


@pytest.mark.parametrize("pack", PACKS)
def test_catalogue_and_pack_agree_on_number_roles_holder_and_verdicts(pack: Pack):
    for name, rule in pack.tasks.items():
        kind = CATALOGUE[name]
        assert (kind.number, kind.decides, kind.holder[pack.track]) == (rule.number, rule.roles, rule.holder), name
        verdicts = [(v.name, v.comment, v.message) for v in kind.verdicts_on(pack.track).values()]
        assert verdicts == [(v.name, v.comment_required, v.message_required) for v in rule.verdicts], name


@pytest.mark.parametrize("pack", PACKS)
def test_escalation_goes_to_roles_of_the_office_file(pack: Pack):
    for name, rule in pack.tasks.items():
        assert set(rule.escalates_to) <= ROLES, name


def test_what_a_workflow_takes_from_data_is_a_field_of_some_payload():
    fields = {field for model in MODELS for field in model.model_fields}
    taken = {
        (path.name, name)
        for path in WORKFLOWS
        for names in re.findall(r'(?:take=\[|each=(?="))([^\]]*?)[\],)]', path.read_text(encoding="utf-8"))
        for name in re.findall(r'"(\w+)"', names)
    }
    assert {(where, name) for where, name in taken if name not in fields} == set()


def test_the_standard_track_defers_nothing():
    deferring = {"defer", "explain", "assume_low_capacity", "clear_with_deferrals", "accept_on_behalf", "accept_and_submit"}
    assert not deferring & {verdict for kind in CATALOGUE.values() for verdict in kind.verdicts_on("standard")}


def test_sanctions_screening_has_no_verdict_that_defers_or_waives():
    assert set(CATALOGUE["dispose_screening_hit"].verdicts) == {"false_positive", "true_match", "escalate"}


def test_only_answers_that_decide_nothing_leave_their_task_open():
    open_after = {f"{kind.name}.{v.name}" for kind in CATALOGUE.values() for v in kind.verdicts.values() if not v.closes}
    assert open_after == {
        "dispose_screening_hit.escalate",
        "weigh_partner_flag.escalate",
        "prepare_review.correct_clerical",
        "reserve_funds.cannot_reserve",
        "answer_partner_concern.escalate",
    }


def test_every_open_task_takes_the_five_messages():
    assert {name for name, message in MESSAGES.items() if message.on_task} == {"claim", "unclaim", "reassign", "ask", "note"}


def test_an_allegation_is_sealed():
    assert MESSAGES["report_allegation"].sealed


def test_a_declaration_with_a_no_is_not_a_signature():
    model = CATALOGUE["sign_partner_declaration"].verdicts["sign"].model
    with pytest.raises(ValidationError):
        model.model_validate(example(model) | {"answers": [True] * 7 + [False]})


def test_an_opinion_asks_for_all_eight_questions():
    model = CATALOGUE["give_opinion"].verdicts["recommend"].model
    data = example(model)
    with pytest.raises(ValidationError) as refused:
        model.model_validate(data | {"answers": {"q1": "agree"}})
    assert [fault["loc"] for fault in refused.value.errors()] == [("answers", f"q{number}") for number in range(2, 9)]


def test_an_amount_with_a_third_decimal_is_refused():
    model = CATALOGUE["release_cash"].verdicts["release"].model
    with pytest.raises(ValidationError):
        model.model_validate(example(model) | {"amount": "1.005"})
