"""The action grammar: what a policy may write, and what it means. One line, one action; nothing is ever executed.

    click TARGET            hover TARGET                 type TARGET "text" [enter]
    select TARGET "option"  press "Key"                  press TARGET "Key"
    scroll up|down          back | forward | wait        goto "url"
    switch_tab N            close_tab                    answer "text" | SOURCE
    give_up "reason"        use_skill name {json}        call_tool name {json}

TARGET is `[e12]` (an element's id) or `role "accessible name"`, with ` #2` for the second of several
with the same role and name. In quoted strings, `\\"` and `\\\\` are a quote and a backslash; outer
white space in them does not count. SOURCE says where on the page the answer stands, in the page's own
words: `link "Copper Kettle"` answers with a name, `definition "Weight" = "1.2 kg"` and
`row "Copper Kettle" cell "Weight" = "1.2 kg"` with a value. A policy may think aloud on earlier lines: the
last line that is not empty is the action.
"""

from __future__ import annotations

import difflib
import json
import re
from typing import Any

from core.errors import ActionError
from core.types import Action, Record

NEEDS_TARGET = ("click", "hover", "type", "select")
BARE = ("back", "forward", "wait", "close_tab")
QUOTED = {"goto": "url", "answer": "text", "give_up": "reason"}
NAMED = {"use_skill": "skill", "call_tool": "tool"}
ACTION_NAMES = (*NEEDS_TARGET, "press", "scroll", *BARE, "switch_tab", *QUOTED, *NAMED)
TERMINAL = ("answer", "give_up")


class Target(Record):
    """An element by `id`, or by `role` and `name` (matched without regard to case), the `nth` of its kind from 1."""

    id: str = ""
    role: str = ""
    name: str = ""
    nth: int = 1

    def __str__(self) -> str:
        if self.id:
            return f"[{self.id}]"
        return f"{self.role} {quote(self.name)}" + (f" #{self.nth}" if self.nth > 1 else "")


INNER = r'(?:[^"\\]|\\.)*'  # what may stand between the quotes of a quoted string
_STRING = rf'"({INNER})"'
_TARGET = re.compile(rf"(?:\[(?P<id>\w+)\]|(?P<role>[a-z]+)\s*{_STRING}(?:\s*#\s*(?P<nth>[1-9]\d{{0,3}}))?)\s*")
_QUOTED = re.compile(rf"{_STRING}\s*")
_SOURCE = re.compile(rf"(?:row\s*{_STRING}\s*)?(?P<role>[a-z_]+)\s*{_STRING}(?:\s*=\s*{_STRING})?\s*$")
_NAMED = re.compile(r"(?P<name>[\w.\-/]+)\s*(?P<json>\{.*\})?\s*$", re.DOTALL)


def quote(text: str) -> str:
    """`text` as a quoted string of the grammar, on one line."""
    folded = " ".join(text.split())
    return '"' + folded.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parse(text: str) -> Action:
    """The action on the last non-empty line of `text`; raises `ActionError` with a sentence for the agent."""
    line = next((part.strip() for part in reversed(text.splitlines()) if part.strip()), "")
    verb, _, rest = line.partition(" ")
    rest = rest.strip()
    if verb not in ACTION_NAMES:
        near = difflib.get_close_matches(verb, ACTION_NAMES, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise ActionError(f"'{verb[:40]}' is not an action{hint}")
    return Action(name=verb, arguments=_arguments(verb, rest), raw_text=text)


def _arguments(verb: str, rest: str) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if verb in NEEDS_TARGET or (verb == "press" and not rest.startswith('"')):
        found = _TARGET.match(rest)
        if found is None:
            raise ActionError(f'{verb} needs a target, as in {verb} button "Save"')
        arguments["target"] = _target(found).model_dump(exclude_defaults=True)
        rest = rest[found.end() :]
    if verb == "type":
        arguments["text"], rest = _string(verb, rest)
        if rest in ("enter", ""):
            arguments["enter"] = rest == "enter"
            rest = ""
    elif verb == "select":
        arguments["option"], rest = _string(verb, rest)
    elif verb == "press":
        arguments["key"], rest = _string(verb, rest)
    elif verb == "answer" and (found := _SOURCE.match(rest)):
        row, value = (None if part is None else unquote(part) for part in found.group(1, 4))
        name = unquote(found[3])
        return {"text": name if value is None else value, "source": source(found["role"], name, value, row)}
    elif verb in QUOTED:
        arguments[QUOTED[verb]], rest = _string(verb, rest)
    elif verb == "scroll":
        if rest not in ("up", "down"):
            raise ActionError("scroll goes up or down")
        arguments["direction"], rest = rest, ""
    elif verb == "switch_tab":
        if not rest.isascii() or not rest.isdigit() or len(rest) > 3 or int(rest) < 1:
            raise ActionError("switch_tab needs a tab's number from 1")
        arguments["tab"], rest = int(rest), ""
    elif verb in NAMED:
        return _named(verb, rest)
    if rest:
        raise ActionError(f"nothing may follow the arguments of {verb}")
    return arguments


def _target(found: re.Match[str]) -> Target:
    if found["id"]:
        return Target(id=found["id"])
    return Target(role=found["role"], name=unquote(found[3]), nth=int(found["nth"] or 1))


def _string(verb: str, rest: str) -> tuple[str, str]:
    found = _QUOTED.match(rest)
    if found is None:
        raise ActionError(f'{verb} needs a text in double quotes, as in {verb} … "text"')
    return unquote(found[1]), rest[found.end() :]


def unquote(inner: str) -> str:
    """What stands between the quotes of a quoted string, unescaped."""
    return re.sub(r"\\(.)", r"\1", inner).strip()


def _named(verb: str, rest: str) -> dict[str, Any]:
    found = _NAMED.match(rest)
    if found is None:
        raise ActionError(f'{verb} needs a name and its arguments, as in {verb} name {{"key": "value"}}')
    try:
        given = json.loads(found["json"] or "{}")
    except (ValueError, RecursionError) as error:
        raise ActionError(f"the arguments of {verb} are not JSON") from error
    stripped = {key.strip(): value.strip() if isinstance(value, str) else value for key, value in given.items()}
    return {NAMED[verb]: found["name"], "arguments": stripped}


def source(role: str, name: str, value: str | None = None, row: str | None = None) -> str:
    """The SOURCE of an answer, an element's line on the page; `row` where it is in a table's row or a card."""
    line = f"{role} {quote(name)}" if row is None else f"row {quote(row)} {role} {quote(name)}"
    return line if value is None else f"{line} = {quote(value)}"


def quoted(text: str) -> list[str]:
    """The quoted strings in a line, unescaped."""
    return [unquote(inner) for inner in re.findall(_STRING, text)]


def target_of(action: Action) -> Target | None:
    """The element that an action points at, if it points at one."""
    given = action.arguments.get("target")
    return None if given is None else Target.model_validate(given)


def render(action: Action) -> str:
    """The canonical line of an action; `parse(render(a))` equals `a` up to `raw_text`."""
    a = action.arguments
    target = target_of(action)
    parts = [action.name] + ([str(target)] if target else [])
    match action.name:
        case "type":
            parts += [quote(a["text"])] + (["enter"] if a.get("enter") else [])
        case "select":
            parts.append(quote(a["option"]))
        case "press":
            parts.append(quote(a["key"]))
        case "scroll":
            parts.append(a["direction"])
        case "switch_tab":
            parts.append(str(a["tab"]))
        case "answer" if a.get("source"):
            parts.append(a["source"])
        case name if name in QUOTED:
            parts.append(quote(a[QUOTED[name]]))
        case name if name in NAMED:
            parts += [a[NAMED[name]]] + ([json.dumps(a["arguments"])] if a.get("arguments") else [])
    return " ".join(parts)
