"""Forms: the strict dialect of their schemas, and strict reading."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from serving.structured import Unreadable, instructions, parse, response_format, strict_schema


class Leaf(BaseModel):
    kind: Literal["leaf"] = "leaf"
    size: int | None = None


class Branch(BaseModel):
    """A branch."""

    kind: Literal["branch"] = "branch"
    default: str = Field("x", description="a field with the name of a keyword")
    parts: list[Leaf | Branch] = Field(default_factory=list)
    best: Leaf = Field(Leaf(), description="beside a reference")


class Tree(BaseModel):
    root: Leaf | Branch = Field(discriminator="kind")


def nodes(node: Any) -> list[dict[str, Any]]:
    found = [node] if isinstance(node, dict) else []
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        found += nodes(value)
    return found


@pytest.mark.parametrize("form", [Leaf, Branch, Tree])
def test_objects_are_closed_all_fields_required_and_references_alone(form: type[BaseModel]) -> None:
    schema = strict_schema(form)
    assert schema["type"] == "object"
    for node in nodes(schema):
        if "$ref" in node:
            assert len(node) == 1
            assert node["$ref"].rpartition("/")[2] in schema["$defs"]
        if node.get("type") == "object":
            assert node["additionalProperties"] is False
            assert node["required"] == list(node["properties"])
        assert not {"oneOf", "discriminator"} & node.keys()


def test_a_field_may_be_called_like_a_keyword_and_a_form_like_anything() -> None:
    assert strict_schema(Branch)["properties"]["default"]["type"] == "string"
    generic = type("Pair[int, str]", (Leaf,), {})
    assert response_format(generic)["json_schema"]["name"] == "Pair_int__str_"
    assert '"size"' in instructions(Leaf)


@pytest.mark.parametrize("text", ['{"size": 3}', ' {"size": 3}\n', '```json\n{"size": 3}\n```', '```\n{"size": 3}```'])
def test_json_is_read_bare_or_fenced(text: str) -> None:
    assert parse(Leaf, text) == Leaf(size=3)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"size": "3"}', "size: Input should be a valid integer"),
        ('{"size": 3, "secret": 1}', "secret: Extra inputs are not permitted"),
        ('{"size": 3', "Invalid JSON"),
        ("", "Invalid JSON"),
        ("[" * 100_000, "Invalid JSON"),
        ('{"size": 3} {"size": 4}', "Invalid JSON"),
    ],
)
def test_anything_else_is_refused_with_the_place(text: str, problem: str) -> None:
    with pytest.raises(Unreadable, match=problem):
        parse(Leaf, text)


def test_nested_extras_are_refused_and_long_lists_of_problems_cut() -> None:
    with pytest.raises(Unreadable, match=r"root\.leaf\.more: Extra"):
        parse(Tree, '{"root": {"kind": "leaf", "more": 1}}')
    many = ", ".join(f'"f{index}": 0' for index in range(30))
    with pytest.raises(Unreadable, match="and 20 more"):
        parse(Leaf, f"{{{many}}}")
