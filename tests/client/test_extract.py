"""`extract`: an answer as an instance of the type that its caller passes, wherever it comes from."""

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Annotated, TypedDict

import msgspec
import pydantic
import pytest
from msgspec import Meta, Struct

from outlast import AsyncClient, Client
from outlast.extraction import shape_of
from outlast.model.errors import InvalidOutput
from outlast.testing import ok, status

IN_WORDS = "".join(f"[providers.{name}.models.m]\nschema = false\n" for name in ("alpha", "beta"))
GOOD = {"customer": "Ada", "lines": [{"name": "pen", "price": 2.5}]}
TEXT = json.dumps(GOOD)
FENCED = f"Here you are:\n```json\n{TEXT}\n```"


class PydanticLine(pydantic.BaseModel):
    name: str
    price: float


class PydanticInvoice(pydantic.BaseModel):
    customer: str
    lines: list[PydanticLine]

    @pydantic.field_validator("customer")
    @classmethod
    def known(cls, value):
        if value == "Nobody":
            raise ValueError("there is no such customer")
        return value


class StructLine(Struct):
    name: str
    price: float


class StructInvoice(Struct):
    customer: Annotated[str, Meta(min_length=1)]
    lines: list[StructLine]


@dataclass
class ClassLine:
    name: str
    price: float


@dataclass
class ClassInvoice:
    customer: str
    lines: list[ClassLine] = field(default_factory=list)


class DictLine(TypedDict):
    name: str
    price: float


class DictInvoice(TypedDict):
    customer: str
    lines: list[DictLine]


SCHEMA = {
    "type": "object",
    "properties": {"customer": {"type": "string"}, "lines": {"type": "array"}},
    "required": ["customer"],
}
TYPES = [PydanticInvoice, StructInvoice, ClassInvoice, DictInvoice, SCHEMA]


@pytest.fixture
def client(config):
    """Both targets must be asked in words."""
    with Client(config(IN_WORDS)) as made:
        yield made


@pytest.mark.parametrize("schema", TYPES, ids=lambda schema: getattr(schema, "__name__", "schema"))
@pytest.mark.parametrize("native", [True, False], ids=["native", "in words"])
def test_an_answer_becomes_an_instance(provider, config, schema, native):
    """Of whatever the caller passes; with the whole reply beside it."""
    provider.script("alpha", ok(TEXT if native else FENCED))
    with Client(config("" if native else IN_WORDS)) as client:
        extracted = client.extract("What is on this invoice?", schema=schema, max_tokens=200)
    assert msgspec.to_builtins(extracted.value, enc_hook=lambda value: value.model_dump()) == GOOD
    if isinstance(schema, type) and schema is not DictInvoice:
        assert isinstance(extracted.value, schema)
    assert (extracted.reply.target, extracted.reply.attempts) == ("alpha/m", 1)
    sent = provider.requests("alpha")[0].json
    assert ("response_format" in sent) == native
    assert sent["max_tokens"] == 200


def test_a_list_is_a_value_too(provider, client):
    """No provider holds a model to one; it is asked for in words."""
    provider.script("alpha", ok("[1, 2, 3]"))
    assert client.extract("Count", schema=list[int]).value == [1, 2, 3]


def test_a_list_of_pydantic_models(provider, client):
    """Pydantic makes its own lists."""
    provider.script("alpha", ok('Two: [{"name": "pen", "price": "much"}]'), ok('[{"name": "pen", "price": 2}]'))
    extracted = client.extract("Which lines?", schema=list[PydanticLine])
    assert extracted.value == [PydanticLine(name="pen", price=2.0)]
    assert extracted.reply.attempts == 2


def test_what_only_the_type_knows_is_told_to_the_model(provider, client):
    """A validator says more than a schema can; the model is asked again with its words."""
    provider.script("alpha", ok(json.dumps(GOOD | {"customer": "Nobody"})), ok(TEXT))
    extracted = client.extract("hi", schema=PydanticInvoice)
    assert extracted.value.customer == "Ada"
    assert extracted.reply.attempts == 2
    report = provider.requests("alpha")[1].json["messages"][-1]["content"]
    assert "there is no such customer" in report
    assert "/customer" in report


def test_an_answer_that_never_fits_is_an_error_with_its_faults(provider, client):
    """What was wrong is there to look at; the message itself quotes nothing of the answer."""
    provider.script("alpha", default=ok('{"customer": 5, "lines": "canary"}'))
    with pytest.raises(InvalidOutput) as caught:
        client.extract("hi", schema=PydanticInvoice)
    error = caught.value
    assert any("/customer" in fault for fault in error.faults)
    assert "/customer" in str(error)
    assert "canary" not in str(error)
    assert len(error.attempts) == 3
    assert error.usage.output > 0


def test_a_refusal_holds_no_value(provider, client):
    """And says how the answer ended."""
    provider.script("alpha", ok("I may not say", finish="content_filter"))
    with pytest.raises(InvalidOutput, match="content_filter"):
        client.extract("hi", schema=PydanticInvoice)


def test_failures_are_survived_as_ever(provider, client):
    """Retries and other targets are those of every call."""
    provider.script("alpha", default=status(503))
    provider.script("beta", ok(FENCED))
    assert client.extract("hi", schema=StructInvoice).reply.source == "fallback"


@pytest.mark.parametrize("schema", [object(), 5, type("Odd", (), {"__init__": lambda self, x: None})])
def test_what_is_no_schema_is_told_at_once(client, schema):
    """Before anything is sent, with what would do."""
    with pytest.raises(TypeError, match="pydantic model"):
        client.extract("hi", schema=schema)


def test_partial_objects_grow(provider, client):
    """Each is a plain beginning of the value; the instance is there at the end."""
    provider.script("alpha", ok(FENCED, between=0.01))
    with client.extract_stream("hi", schema=PydanticInvoice) as extracting:
        with pytest.raises(RuntimeError):
            _ = extracting.value
        parts = list(extracting)
    assert len(parts) > 3
    assert parts[-1] == GOOD
    assert parts[0] in ({}, {"customer": ""}, {"customer": "Ada"})
    assert extracting.value == PydanticInvoice.model_validate(GOOD)
    assert (extracting.stream.target, extracting.stream.finish) == ("alpha/m", "stop")


def test_parts_that_turn_out_wrong_end_with_an_error(provider, client):
    """They have been seen: nobody is asked again."""
    provider.script("alpha", ok('{"customer": 5, "lines": []}'))
    parts = []
    with pytest.raises(InvalidOutput), client.extract_stream("hi", schema=StructInvoice) as extracting:
        parts.extend(extracting)
    assert len(provider.requests("alpha")) == 1


def test_without_a_loop_or_with_one(provider, config):
    """`AsyncClient` has the same."""
    provider.script("alpha", ok(FENCED), ok(FENCED, between=0.01))

    async def story():
        async with AsyncClient(config(IN_WORDS)) as client:
            extracted = await client.extract("hi", schema=StructInvoice)
            extracting = client.extract_stream("hi", schema=StructInvoice)
            parts = [part async for part in extracting]
            return extracted.value, parts[-1], extracting.value

    value, part, last = asyncio.run(story())
    assert value == last
    assert part == GOOD


def test_leaving_early_closes_the_stream(provider, config):
    """Nothing more is read, and nothing is held."""
    provider.script("alpha", ok(FENCED, between=0.01))

    async def story():
        async with AsyncClient(config(IN_WORDS)) as client:
            async with client.extract_stream("hi", schema=StructInvoice) as extracting:
                await anext(extracting)
            with pytest.raises(StopAsyncIteration):
                await anext(extracting)
            return client.outlast.stack.bulkhead.of("alpha/m").used

    assert asyncio.run(story()) == 0


# -- schemas made of types ---------------------------------------------------------------------------------------------


class Node(Struct):
    name: str
    inner: "list[Node]"


@pytest.mark.parametrize("of", [PydanticInvoice, StructInvoice, DictInvoice, Node])
def test_schemas_are_made_so_that_providers_can_hold_a_model_to_them(of):
    """The root is an object, no object takes fields that it does not name."""
    shape = shape_of(of)
    assert shape.schema["type"] == "object"
    assert shape.schema["additionalProperties"] is False
    for definition in shape.schema.get("$defs", {}).values():
        assert definition["additionalProperties"] is False


def test_strict_where_the_rules_for_it_are_kept():
    """Every field required; a default or a free mapping is more than strict modes take."""

    class Free(Struct):
        words: dict[str, int]

    class Least(Struct):
        number: Annotated[int, Meta(ge=1)]

    assert shape_of(PydanticInvoice).strict
    assert shape_of(Node).strict
    assert not shape_of(ClassInvoice).strict
    assert not shape_of(Free).strict
    assert not shape_of(Least).strict
    assert shape_of(Free).schema["properties"]["words"]["additionalProperties"] == {"type": "integer"}


def test_pydantic_is_not_imported_for_others():
    """Nor the library that validates, before the first schema comes."""
    code = (
        "import sys, outlast\nfrom dataclasses import dataclass\nfrom outlast.extraction import shape_of\n"
        "@dataclass\nclass A:\n    x: int\n"
        "shape_of(A); outlast.Client\n"
        "assert not {'pydantic', 'jsonschema_rs'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
