"""What people say when they fill in forms: wishes for fields, details of what is made, what sending does.

Like `agents.speech`, from labels alone: a label names a thing ("Priority"), tells somebody to do something
("Set priority", "Assign to", "Move to queue"), or asks for something new ("New tag").
"""

from __future__ import annotations

import re

from agents import speech
from agents.speech import OFF, ON, inline, is_noun, words_of

_PREPOSITION = "to|in|into|by|every|until|for|with|at|from|under|on"
_DETERMINERS = r"(?:(?:a|an|the|my|your|new|another) )*"
_SETTING = re.compile(rf"(?:set|change|choose|select|pick|update|edit|enter|give|new) {_DETERMINERS}(.+)")
_RENAMING = re.compile(r"new (?:name|title) (?:for|of) (.+)", re.I)
_DOING = re.compile(rf"([a-z]{{3,}}) (?:it |this )?({_PREPOSITION})")
_PLACING = re.compile(rf"([a-z]{{3,}}) (?:it |this )?(to|into|in|under) {_DETERMINERS}([a-z]+(?: [a-z]+)?)")
_OF_RECORD = re.compile(r"(.+?) (of|for) ([A-Z].*)")
_STATES = frozenset({"due", "valid", "open", "free", "good", "not", "back", "one", "more"})
_TAGS = frozenset({"tag", "label", "keyword"})


def changes(label: str, value: str) -> tuple[str, ...]:
    """Wishes for a form's field to have a `{value}`; boxes have `ticked` or `unticked` and no slot."""
    name = re.sub(r"^(show|use|enable|allow) ", "", inline(label))
    if value in (*ON, *OFF) and not is_noun(name):
        return ()
    if value in ON:
        return (f"turn on {name}", f"I want {name}", f"switch {name} on", f"yes to {name}", f"have {name} on")
    if value in OFF:
        return (f"turn off {name}", f"no {name}", f"I do not want {name}", f"switch {name} off")
    if done := _doing(label):
        return done
    thing = _thing(label)
    known = speech.meaning(label, value) or speech.meaning(thing, value)
    special = tuple(speech.with_slots(one, term=thing, value="{value}") for one in known.sets) if known else ()
    if thing in _TAGS:
        special = (f"{thing} it {{value}}", f"add the {thing} {{value}}", f"give it the {thing} {{value}}")
    if not _can_be_named(thing):
        return special
    the = f"the {thing}"
    plain = (
        f"make {{value}} {the}",
        f"change {the} to {{value}}",
        f"{the} should be {{value}}",
        f"let {the} be {{value}}",
        f"put {{value}} as {the}",
        f"set {the} to {{value}}",
        f"{the} is {{value}} now",
    )
    return (*special, *plain)


def details(label: str, value: str) -> tuple[str, ...]:
    """The same as part of a longer sentence: "with the title {value}"; boxes have no slot."""
    thing = inline(label) if value in (*ON, *OFF) else _thing(label)
    if not _can_be_named(thing) or _doing(label):
        return ()
    if value in ON:
        return (f"with {thing}", f"with {thing} turned on")
    if value in OFF:
        return (f"without {thing}", f"with {thing} turned off")
    known = speech.meaning(label, value)
    return (
        *(known.details if known else ()),
        f"with the {thing} {{value}}",
        f"with {{value}} as the {thing}",
        f"{thing}: {{value}}",
        f"the {thing} is {{value}}",
    )


def submission(label: str) -> tuple[str, ...]:
    """What sending a form does, for buttons that name it: "Create ticket" gives "create a ticket"; no slots."""
    found = re.fullmatch(r"(create|add|send|place|post|submit|write|open|make|file|start|book|leave|publish|register|"
                         r"request) (?:a |an |the |my |your |new )*([a-z]+(?: [a-z]+)?)", words_of(label))  # fmt: skip
    odd = {"it", "now", "this", "changes", "all", "up", "form", "to", "in", "on", "at", "for", "with"}
    if not found or set(found[2].split()) & odd:
        return ()
    verb, thing = found[1], found[2]
    one = thing if speech.is_plural(thing) else f"{'an' if thing[0] in 'aeio' else 'a'} {thing}"
    more = {"create": ("make", "set up"), "add": ("write",) if thing in ("comment", "note", "reply") else (),
            "post": ("write",), "submit": ("hand in",), "send": ("write",), "file": ("open",),
            "publish": ("write",)}  # fmt: skip
    return tuple(f"{word} {one}" for word in (verb, *more.get(verb, ())))


def _doing(label: str) -> tuple[str, ...]:
    """Wishes by a label that tells what to do with the thing whose page is open, or with the one it names."""
    if renaming := _RENAMING.fullmatch(label):
        name = re.sub(r"[{}]", "", renaming[1])
        return tuple(
            f"{said} {{value}}"
            for said in (f"rename {name} to", f"change the name of {name} to", f"give {name} the new name")
        )
    words = inline(label)
    if (found := _DOING.fullmatch(words)) and found[1] not in _STATES and not speech.participle(found[1]):
        verb, preposition = found[1], found[2]
        past = speech.meaning(f"{verb}{'d' if verb.endswith('e') else 'ed'} {preposition}")
        return tuple(dict.fromkeys((f"{verb} it {preposition} {{value}}", *(past.sets if past else ()))))
    if (found := _PLACING.fullmatch(words)) and not speech.participle(found[1]) and is_noun(found[3]):
        verb, preposition, place = found.groups()
        return (
            f"{verb} it {preposition} {{value}}",
            f"{verb} it {preposition} the {place} {{value}}",
            f"put it into the {place} {{value}}",
            f"it belongs to the {place} {{value}}",
            f"change the {place} to {{value}}",
            f"the {place} should be {{value}}",
        )
    return ()


def _thing(label: str) -> str:
    """What a field holds: "Set priority" and "New priority" hold a priority; records keep their capitals."""
    if found := _OF_RECORD.fullmatch(label):
        return f"{_thing(found[1])} {found[2]} {re.sub(r'[{}]', '', found[3])}"
    name = inline(label)
    set_by = _SETTING.fullmatch(name)
    return set_by[1] if set_by and is_noun(set_by[1]) else name


def _can_be_named(thing: str) -> bool:
    found = _OF_RECORD.fullmatch(thing)
    return is_noun(found[1] if found else thing)
