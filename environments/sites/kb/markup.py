"""The light markup of articles: `# heading`, `- item`, and paragraphs, a line each."""

from __future__ import annotations

from itertools import groupby


def blocks(body: str) -> list[tuple[str, list[str]]]:
    """The body as (kind, texts): a `heading` or a `paragraph` with one text, or a `list` with its items in a row."""
    lines = [_line(line.strip()) for line in body.splitlines() if line.strip()]
    found: list[tuple[str, list[str]]] = []
    for kind, group in groupby(lines, key=lambda line: line[0]):
        texts = [text for _, text in group]
        found.extend([(kind, texts)] if kind == "list" else [(kind, [text]) for text in texts])
    return found


def _line(line: str) -> tuple[str, str]:
    for mark, kind in (("#", "heading"), ("-", "list")):
        if line.startswith(mark) and line.strip(mark + " "):
            return kind, line.lstrip(mark).strip()
    return "paragraph", line
