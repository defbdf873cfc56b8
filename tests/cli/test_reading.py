"""Files as people give them: one message, a list, JSON lines; and every way to get that wrong, with its place."""

from decimal import Decimal

import click
import pytest

from cli import reading


def test_one_object_is_one_message() -> None:
    assert [item.raw for item in reading.items("f.json", b'{"a": 1}')] == [{"a": 1}]


def test_a_list_is_many_messages_each_with_its_place() -> None:
    assert [(item.label, item.raw) for item in reading.items("f.json", b'[{"a": 1}, {"a": 2}]')] == [
        ("f.json [0]", {"a": 1}),
        ("f.json [1]", {"a": 2}),
    ]


def test_json_lines_are_many_messages_and_empty_lines_none() -> None:
    assert [item.label for item in reading.items("f.jsonl", b'{"a": 1}\n\n{"a": 2}\n')] == ["f.jsonl line 1", "f.jsonl line 3"]


def test_a_broken_line_does_not_take_the_others_away() -> None:
    one, two, three = reading.items("f.jsonl", b'{"a": 1}\n{"a": \n{"a": 3}\n')
    assert (one.faults, three.faults) == ([], [])
    assert two.faults[0].rule == "not_json"
    assert two.faults[0].path.startswith("f.jsonl line 2 column")


def test_a_truncated_file_is_told_with_line_and_column() -> None:
    (item,) = reading.items("f.json", b'{"a": 1,\n "b": [1, 2')
    assert item.faults[0].path == "f.json line 2 column 12"


def test_another_encoding_is_told_with_its_line() -> None:
    (item,) = reading.items("f.json", '{\n"a": "Associação"}'.encode("latin-1"))
    assert (item.faults[0].rule, item.faults[0].path) == ("wrong_encoding", "f.json line 2")


def test_a_byte_order_mark_is_no_fault() -> None:
    assert reading.items("f.json", b'\xef\xbb\xbf{"a": 1}')[0].raw == {"a": 1}


@pytest.mark.parametrize("content", [b"", b" \n", b"[]"])
def test_nothing_in_a_file_is_a_fault(content: bytes) -> None:
    assert reading.items("f.json", content)[0].faults[0].rule == "empty"


def test_a_field_that_stands_twice_is_refused() -> None:
    assert reading.items("f.json", b'{"amount": 1, "amount": 2}')[0].faults[0].rule == "field_twice"


def test_a_field_that_stands_twice_is_refused_in_json_lines_too() -> None:
    assert [i.faults[0].rule if i.faults else "" for i in reading.items("f", b'{"a": 1, "a": 2}\n{"a": 3}')] == ["field_twice", ""]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_json_number_is_refused(number: str) -> None:
    assert reading.items("f.json", f'{{"a": {number}}}'.encode())[0].faults[0].rule == "not_json"


def test_no_digit_of_an_amount_is_lost() -> None:
    assert reading.parse('{"amount": 53072000.10}') == {"amount": Decimal("53072000.10")}


def test_data_on_the_command_line_is_an_object(tmp_path: object) -> None:
    assert reading.argument('{"until": "2026-03-20"}', "--data") == {"until": "2026-03-20"}
    assert reading.argument(None, "--data") is None


@pytest.mark.parametrize("given", ["{", "[1]", "3", "@nowhere.json"])
def test_other_data_on_the_command_line_is_a_usage_error(given: str) -> None:
    with pytest.raises(click.BadParameter):
        reading.argument(given, "--data")
