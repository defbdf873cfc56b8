"""What others build on: each public message has a JSON Schema, and examples that fit it."""

import json

import pytest
from pydantic import BaseModel

from schemas.public import PUBLIC, json_schema


def described(name: str) -> list[str]:
    return [field for field, spec in json_schema(name)["properties"].items() if "description" in spec or "$ref" in spec or "anyOf" in spec]


@pytest.mark.parametrize("name", PUBLIC)
def test_the_schema_of_a_public_message_is_json_of_a_strict_object(name: str):
    schema = json.loads(json.dumps(json_schema(name)))
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("name", [name for name in PUBLIC if name != "office"])
def test_the_examples_of_a_public_message_fit_it(name: str):
    model: type[BaseModel] = PUBLIC[name]
    examples = json_schema(name)["examples"]
    assert examples
    for example in examples:
        model.model_validate(example)


@pytest.mark.parametrize("name", ["decision", "message", "event"])
def test_every_field_of_what_people_send_is_described_or_fixed(name: str):
    told = set(described(name)) | {field for field, spec in json_schema(name)["properties"].items() if "const" in spec}
    assert set(json_schema(name)["properties"]) == told


def test_an_unknown_name_is_a_key_error():
    with pytest.raises(KeyError):
        json_schema("invoice")
