"""Answers in the form of a pydantic model: how to ask for one and how to read it, strictly."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import BaseModel, ValidationError

from core.protocols import Form

_FENCED = re.compile(r"```[\w-]*[ \t]*\n(.*)\n?```", re.DOTALL)
_NOT_STRICT = frozenset({"default", "discriminator"})
_SHOWN = 10


class Unreadable(ValueError):
    """A text is not of the form asked for; the message says where, without repeating the text."""


def strict_schema(form: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema in the dialect of strict structured outputs: closed objects, all fields required, no defaults."""
    schema = form.model_json_schema()
    if "$ref" in schema:  # a form that contains itself; the root has to be an object
        schema |= schema["$defs"][schema.pop("$ref").rpartition("/")[2]]
    strict = _strict(schema)
    assert isinstance(strict, dict)
    return strict


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return {"$ref": node["$ref"]}  # nothing may stand beside a reference
    strict: dict[str, Any] = {}
    for key, value in node.items():
        if key in ("properties", "$defs"):  # names of fields and of types, not words of the schema language
            strict[key] = {name: _strict(each) for name, each in value.items()}
        elif key in ("const", "enum"):
            strict[key] = value
        elif key not in _NOT_STRICT:
            strict["anyOf" if key == "oneOf" else key] = _strict(value)
    if "properties" in strict:
        strict["required"] = list(strict["properties"])
        strict["additionalProperties"] = False
    elif strict.get("type") == "object":
        strict.setdefault("additionalProperties", False)
    return strict


def response_format(form: type[BaseModel]) -> dict[str, Any]:
    """The request's `response_format` that holds the server to the form."""
    name = re.sub(r"[^A-Za-z0-9_-]", "_", form.__name__)[:64]
    return {"type": "json_schema", "json_schema": {"name": name, "schema": strict_schema(form), "strict": True}}


def instructions(form: type[BaseModel]) -> str:
    """What a server without structured outputs is told."""
    schema = json.dumps(form.model_json_schema(), ensure_ascii=False)
    return f"Reply with one JSON object and nothing else. It has to be valid under this JSON schema:\n{schema}"


def correction(problem: str, *, cut_off: bool) -> str:
    """What the model is told about an answer that could not be read; `cut_off` if it reached the longest length."""
    hint = " Your reply was cut off because it was too long; make it shorter." if cut_off else ""
    return f"That reply cannot be used: {problem}.{hint} Reply again with only the corrected JSON object."


def parse(form: type[Form], text: str) -> Form:
    """The form in a text, which may stand in a code fence; unknown fields and wrong types raise `Unreadable`."""
    text = text.strip()
    if fenced := _FENCED.fullmatch(text):
        text = fenced[1]
    try:
        return form.model_validate_json(text, strict=True, extra="forbid")
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}" if one["loc"] else one["msg"]
            for one in error.errors(include_url=False, include_input=False, include_context=False)
        ]
    except RecursionError:
        problems = ["it is nested too deeply"]
    rest = len(problems) - _SHOWN
    raise Unreadable("; ".join(problems[:_SHOWN])[:1500] + (f"; and {rest} more" if rest > 0 else ""))
