"""Registering the engine's search attributes with a Temporal server, and telling which are missing.

The list itself is `schemas/search_attributes.py`. A workflow that uses one that is not registered cannot go on, so the worker checks first.
"""

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client

from schemas.search_attributes import SEARCH_ATTRIBUTES

TYPES: dict[str, "IndexedValueType.ValueType"] = {
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "Datetime": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    "Int": IndexedValueType.INDEXED_VALUE_TYPE_INT,
    "Bool": IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
}


class WrongType(Exception):
    """A search attribute of that name exists with another type: it has to be removed or renamed by an operator."""


async def missing(client: Client) -> list[str]:
    """The engine's attributes that the server does not have, in the order of the list. Errors: `WrongType`, `RPCError`."""
    answer = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=client.namespace))
    there = dict(answer.custom_attributes)
    wrong = [name for name, kind in SEARCH_ATTRIBUTES.items() if name in there and there[name] != TYPES[kind]]
    if wrong:
        raise WrongType(f"registered with another type: {', '.join(wrong)}")
    return [name for name in SEARCH_ATTRIBUTES if name not in there]


async def register(client: Client) -> list[str]:
    """Registers what is missing and returns its names. Not for Temporal Cloud, where attributes are created in the Cloud's own settings.

    Errors: `WrongType`, `RPCError`.
    """
    names = await missing(client)
    if names:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(
                namespace=client.namespace, search_attributes={name: TYPES[SEARCH_ATTRIBUTES[name]] for name in names}
            )
        )
    return names
