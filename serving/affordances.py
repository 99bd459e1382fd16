"""What may be written on a page: its actions as an automaton over tokens, for policies that copy imperfectly.

A model of a few million parameters picks the right control long before it spells its name without a
slip. Held to the actions that a page allows, it chooses among controls that exist, and texts are copied
from what it was shown. This is invalid action masking (Huang & Ontañón, arXiv 2006.14171), token by token:
log-probabilities are those of the masked distribution, and the trainer applies the same mask
(`Completion.choices`), so the policy gradient stays exact.

Allowed are: clicking a control, choosing an option of a field that shows its options and typing into one
that shows none, a few keys, moving about, and answering. A typed text is a run of whole words of the
instruction, something on the page as a whole, or a number below 100. An answer cites its source, so what the
policy chooses is where to look and the value follows; or it is a run of words of running text, a number that
is told or could be counted there, or "done".
Addresses cannot be copied from a page in words, so `goto` is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from core import actions, views
from core.actions import quote
from core.errors import ActionError
from core.views import Shown

_READ_ONLY = frozenset(
    {"page", "row", "cell", "heading", "text", "definition", "alert", "status", "dialog", "row_header"}
)
_RUNNING = frozenset({"text", "alert", "status"})  # roles whose names are sentences
_TELLING = _RUNNING | {"heading", "link", "button"}  # roles whose names may hold a count, as "Basket (8)" does
_WRITABLE = frozenset({"textbox", "searchbox", "combobox", "spinbutton"})
_OFFERS = {"skill": "use_skill", "tool": "call_tool"}
_ALWAYS = ("back", "scroll down", "scroll up", "wait", 'press "Enter"', 'press "Escape"')
_PAGE = '\npage "'
_NUMBER = re.compile(r"(?<![\w:./-])\d[\d.,]*(?![\w:/-])")
_MARKS = re.compile("['\"()\\[\\]\u2018\u2019\u201c\u201d\u00ab\u00bb]")
_KEPT = 4096
_CUT = -1  # in place of a token that no copy may contain


@dataclass
class _Node:
    """A place in the tree of token sequences: what may come next, and whether text may be copied in here."""

    next: dict[int, _Node] = field(default_factory=dict)
    closers: dict[int, _Node] | None = None  # how a copied text ends, where one may begin here
    sources: Sequence[_Source] = ()  # of such a text
    free: bool = False  # anything may follow


@dataclass(frozen=True)
class _Source:
    """A text to copy from. `starts` are places where a word begins; a copy may end before a place in `ends`."""

    ids: tuple[int, ...]
    starts: tuple[int, ...]
    ends: frozenset[int]


class Walk:
    """One completion under way: what the next token may be, given those before."""

    def __init__(self, root: _Node) -> None:
        self._root = self._node = root
        self._written: list[int] = []
        self._closed: dict[tuple[int, ...], set[int]] = {}  # what may not follow what was written, besides
        self._copying: list[tuple[_Source, int]] | None = None  # where the copy may stand, once one has begun
        self._choices: tuple[int, ...] | None = None  # of the present place, once asked for

    def choices(self) -> tuple[int, ...]:
        """The tokens that may come next, in ascending order; empty when anything may."""
        if self._choices is None:
            self._choices = self._allowed()
            if closed := self._closed.get(tuple(self._written)):
                self._choices = tuple(token for token in self._choices if token not in closed)
        return self._choices

    def avoid(self, sequences: Iterable[Sequence[int]]) -> None:
        """From the start on, do not write what begins with one of these, as long as anything else may be written."""
        for sequence in sequences:
            walk = Walk(self._root)
            walk._closed = self._closed
            among = walk.follow(sequence)
            open_at = [at for at, choices in enumerate(among) if len(choices) != 1]
            if len(among) == len(sequence) and open_at:
                at = open_at[-1]
                self._closed.setdefault(tuple(sequence[:at]), set()).add(sequence[at])
        self._choices = None

    def _allowed(self) -> tuple[int, ...]:
        if self._node.free:
            return ()
        if self._copying is not None:
            return tuple(sorted(self._next_copied()))
        allowed = set(self._node.next)
        if self._node.closers is not None:
            allowed |= {source.ids[at] for source in self._node.sources for at in source.starts}
        return tuple(sorted(allowed))

    def forced(self) -> list[int]:
        """Go on over the tokens that are the only ones possible, and return them."""
        run: list[int] = []
        while len(only := self.choices()) == 1:
            run.append(only[0])
            self.advance(only[0])
        return run

    def follow(self, tokens: Iterable[int]) -> list[tuple[int, ...]]:
        """Go on over these tokens; returns what each was chosen among, and ends before one that is not allowed."""
        followed: list[tuple[int, ...]] = []
        for token in tokens:
            among = self.choices()
            if among and token not in among:
                break
            followed.append(among)
            self.advance(token)
        return followed

    def advance(self, token: int) -> None:
        """Go on by a token of `choices()`."""
        if self._node.free:
            return
        self._choices = None
        if self._closed:
            self._written.append(token)
        closers = self._node.closers
        if self._copying is None and closers is not None and token not in self._node.next:
            self._copying = [
                (source, at + 1) for source in self._node.sources for at in source.starts if source.ids[at] == token
            ]
        elif self._copying is not None and closers is not None:
            if token in closers and any(at in source.ends for source, at in self._copying):
                self._node, self._copying = closers[token], None
            else:
                self._copying = [
                    (source, at + 1) for source, at in self._copying if at < len(source.ids) and source.ids[at] == token
                ]
        else:
            self._node = self._node.next[token]

    def _next_copied(self) -> set[int]:
        assert self._copying is not None
        assert self._node.closers is not None
        allowed: set[int] = set()
        for source, at in self._copying:
            if at in source.ends:
                allowed |= self._node.closers.keys()
            if at < len(source.ids) and source.ids[at] != _CUT:
                allowed.add(source.ids[at])
        return allowed


class Affordances:
    """Makes walks over a tokenizer's tokens. `tokenizer` is a fast Hugging Face tokenizer.

    The pieces of an action are tokenised one by one. Where that is how the tokenizer treats the whole, as
    the embedded policy's does by construction, what may be written is what the model would write.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._end: int = tokenizer.eos_token_id
        self._texts: list[str] = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
        self._encode = cache(self._tokenise)
        self._source = cache(self._read)
        self._whole = cache(self._read_whole)

    def walk(self, prompt: str) -> Walk:
        """The completions that a compact prompt allows (`agents.prompting.compact`)."""
        if self._encode.cache_info().currsize > _KEPT:
            self._encode.cache_clear()
            self._source.cache_clear()
            self._whole.cache_clear()
        return Walk(self._tree(*_parts(prompt)))

    def cited(self, prompt: str, line: str) -> str:
        """An answer with its source on this page, if it stands there as a whole; other lines as they are.

        Of several places the one is taken that shares most words with the instruction.
        """
        try:
            action = actions.parse(line)
        except ActionError:
            return line
        if action.name != "answer" or action.arguments.get("source"):
            return line
        elements, head = _parts(prompt)
        text = action.arguments["text"].casefold()
        wanted = views.words(_instruction(head))
        places = [place for place, said in views.sources(elements) if said.casefold() == text]
        best = max(places, key=lambda place: len(views.words(place) & wanted), default="")
        return f"answer {best}" if best else line

    def _typed(self, elements: Sequence[Shown], head: str) -> list[_Source]:
        instruction = _instruction(head)
        runs = [instruction, _MARKS.sub(" ", instruction)]
        wholes = [text for one in elements for text in (one.name, one.value, *one.options) if text]
        return self._sources(runs) + self._wholes([*wholes, *map(str, range(100))])

    def _answered(self, elements: Sequence[Shown]) -> list[_Source]:
        running = [one.name for one in elements if one.role in _RUNNING]
        # A word in quotes or brackets begins with other tokens than one after a space.
        runs = [version for text in running for version in (text, _MARKS.sub(" ", text))]
        told = [one.name for one in elements if one.role in _TELLING]
        numbers = [found.rstrip(".,") for text in told for found in _NUMBER.findall(text)]
        roles = [one.role for one in elements]
        counted = map(str, range(1 + max(roles.count("row"), roles.count("link"))))
        return self._sources(runs) + self._wholes([*numbers, *counted, "done"])

    def _wholes(self, texts: Iterable[str]) -> list[_Source]:
        """Texts to be copied as they are."""
        return [self._whole(text) for text in dict.fromkeys(texts)]

    def _sources(self, texts: Iterable[str]) -> list[_Source]:
        """Texts to copy a run of words from."""
        return [self._source(text) for text in dict.fromkeys(texts)]

    def _tree(self, elements: Sequence[Shown], head: str) -> _Node:
        root = _Node()
        end = _Node({self._end: _Node()})
        for line in _ALWAYS:
            self._allow(root, line)
        answer = self._grow(root, "answer", ' "')
        answer.closers, answer.sources = {self._encode('"')[-1]: end}, self._answered(elements)
        for place, _ in views.sources(elements):
            self._allow(root, "answer", f" {place}")
        typed = self._typed(elements, head)
        for element in elements:
            if element.role in _READ_ONLY:
                continue
            target = (f' {element.role} "', _inner(element.name))
            nth = f" #{element.nth}" if element.nth > 1 else ""
            self._allow(root, "click", *target, f'"{nth}')
            for option in element.options:
                self._allow(root, "select", *target, f'"{nth} "', _inner(option), '"')
            if element.role in _WRITABLE and not element.options:
                field_ = self._grow(root, "type", *target, f'"{nth} "')
                field_.closers = {self._encode('"')[-1]: end, self._encode('" enter')[-1]: end}
                field_.sources = typed
        for line in head.splitlines():
            kind = line.partition(' "')[0]
            if kind in _OFFERS:
                self._grow(root, _OFFERS[kind]).free = True
        return root

    def _allow(self, root: _Node, *pieces: str) -> None:
        """Let these pieces be a whole action."""
        self._grow(root, *pieces).next.setdefault(self._end, _Node())

    def _grow(self, node: _Node, *pieces: str) -> _Node:
        """Grow the tree by the tokens of these pieces; what was there stays. Returns the node at their end."""
        for piece in pieces:
            for token in self._encode(piece):
                node = node.next.setdefault(token, _Node())
        return node

    def _tokenise(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _read(self, text: str) -> _Source:
        ids = self._encode(text)
        stops = [self._stops(token) for token in ids]
        whole = [at for at in range(len(ids)) if self._begins(ids[at]) or at == 0]
        starts = tuple(at for at in whole if not stops[at])
        ends = {at for at in range(1, len(ids)) if self._begins(ids[at]) or not self._texts[ids[at]][:1].isalnum()}
        # A copy cannot go past a quote: it is cut there.
        cut = tuple(_CUT if stop else token for token, stop in zip(ids, stops, strict=True))
        return _Source(cut, starts, frozenset(ends | {len(ids)}))

    def _read_whole(self, text: str) -> _Source:
        one = self._read(text)
        return _Source(one.ids, () if _CUT in one.ids else (0,), frozenset({len(one.ids)}))

    def _begins(self, token: int) -> bool:
        return self._texts[token][:1] in ("▁", "Ġ", " ")

    def _stops(self, token: int) -> bool:
        return '"' in self._texts[token] or "\\" in self._texts[token]


def _parts(prompt: str) -> tuple[list[Shown], str]:
    """The elements that a prompt shows, and what stands before them."""
    head, _, page = prompt.rpartition(_PAGE)
    return list(views.shown(f'page "{page}')), head


def _instruction(head: str) -> str:
    return head.partition("\ndid ")[0].partition("\nerror ")[0].removeprefix("task ")


def _inner(text: str) -> str:
    """What stands between the quotes when `text` is quoted."""
    return quote(text)[1:-1]
