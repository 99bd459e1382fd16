"""A small lending library as an in-memory environment: enough of a website for an explorer to map and practise on."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from core import actions
from core.types import Action, Element, GroundTruth, Observation, StepResult, Task

HOST = "http://127.0.0.1:9"
BOOKS = {
    "7": ("Silent Tides", "Poetry", "Mara Quill", "$12.50", 201),
    "8": ("Brass Compass", "Travel", "Ivo Lund", "$9.00", 340),
    "9": ("Northern Loaves", "Travel", "Edda Stone", "$21.75", 118),
    "11": ("Paper Orchard", "Poetry", "Tam Reyes", "$17.20", 96),
    "12": ("Slow Ferries", "Travel", "Ona Birch", "$14.00", 275),
}


@dataclass
class Library:
    """The site's state of one episode, and a log that outlives episodes."""

    log: list[str]
    reserved: list[str] = field(default_factory=list)
    nickname: str = "Old reader"
    flash: str = ""


class LibraryEnvironment:
    """Serves the library; `shared` state outlives a reset, as on a site that cannot be reset."""

    def __init__(self, log: list[str], shared: Library | None = None) -> None:
        self.log = log
        self.shared = shared
        self.library = shared or Library(log)
        self.url = HOST + "/"
        self.draft: dict[str, str] = {}

    async def reset(self, task: Task) -> Observation:
        self.library = self.shared or Library(self.log)
        self._go(task.start_url if "://" in task.start_url else HOST + task.start_url)
        return self._observe()

    async def step(self, action: Action) -> StepResult:
        error = ""
        target = actions.target_of(action)
        if action.name == "goto":
            self._go(action.arguments["url"])
        elif action.name == "answer":
            return StepResult(observation=self._observe(), terminated=True)
        elif target is not None:
            matches = [e for e in self._elements() if e.role == target.role and e.name.lower() == target.name.lower()]
            if len(matches) < target.nth:
                error = f"there is no {target}"
            else:
                self._do(action, matches[target.nth - 1])
        return StepResult(observation=self._observe(error))

    async def collect_evidence(self, task: Task) -> GroundTruth | None:
        return None

    async def close(self) -> None:
        pass

    def _go(self, url: str) -> None:
        self.url, self.draft, self.library.flash = url, {}, ""
        self.log.append(f"goto {urlsplit(url).path}")

    def _do(self, action: Action, element: Element) -> None:
        self.library.flash = ""
        if action.name == "type":
            self.draft[element.name] = action.arguments["text"]
            if element.role == "searchbox" and action.arguments.get("enter"):
                self._go(f"{HOST}/search?{urlencode({'q': action.arguments['text']})}")
        elif action.name == "select":
            if element.name == "Sort by":
                self._go(f"{HOST}{urlsplit(self.url).path}?sort={action.arguments['option'].lower()}")
            else:
                self.draft[element.name] = action.arguments["option"]
        elif element.role == "link":
            self._go(element.href)
        else:
            self._press(element)

    def _press(self, element: Element) -> None:
        self.log.append(f"press {element.name}")
        name = element.name
        if name == "Reserve":
            title = BOOKS[self.url.rsplit("/", 1)[1]][0]
            self.library.reserved.append(title)
            self.library.flash = f"{title} is reserved for you"
        elif name == "Save profile":
            self.library.nickname = self.draft.get("Nickname", self.library.nickname)
            self._go(HOST + "/profile")
            self.library.flash = "Profile saved"
        elif name == "Send message":
            if self.draft.get("Subject") and self.draft.get("Message"):
                subject = self.draft["Subject"]
                self._go(HOST + "/contact/sent")
                self.library.flash = f"We received: {subject}"
            else:
                self.library.flash = "Please fill in every field"
        elif name == "Delete account":
            self.library.flash = "Account deleted"

    def _elements(self) -> list[Element]:
        made: list[Element] = []

        def add(role: str, name: str, **more: object) -> None:
            interactive = role not in ("heading", "text", "cell", "definition", "status")
            nth = 1 + sum(1 for one in made if (one.role, one.name) == (role, name))
            made.append(
                Element.model_validate(
                    {"id": f"e{len(made)}", "role": role, "name": name, "interactive": interactive, "nth": nth, **more}
                )
            )

        parts = urlsplit(self.url)
        query = parse_qs(parts.query)
        for name, path in (("Home", "/"), ("Poetry", "/shelf/poetry-1"), ("Travel", "/shelf/travel-2")):
            add("link", name, href=HOST + path, group="Main")
        for name in ("Profile", "Contact", "Reservations"):
            add("link", name, href=f"{HOST}/{name.lower()}", group="Main")
        add("link", "Log out", href=HOST + "/logout", group="Main")
        add("searchbox", "Search the library", group="Search")
        if self.library.flash:
            add("status", self.library.flash)
        if parts.path == "/":
            add("heading", "Town Library", level=1)
            add("text", "Welcome to a library of a few books.")
        elif parts.path.startswith("/shelf/") or parts.path == "/search":
            wanted = parts.path.split("/")[-1].split("-")[0]
            add("heading", f"{wanted.capitalize()} shelf" if parts.path != "/search" else "Results", level=1)
            if parts.path != "/search":
                add("combobox", "Sort by", options=("Title", "Price"), value="Title")
            found = [
                (key, book)
                for key, book in BOOKS.items()
                if book[1].lower() == wanted or any(q.lower() in book[0].lower() for q in query.get("q", []))
            ]
            found.sort(key=lambda one: float(one[1][3][1:]) if query.get("sort") == ["price"] else 0)
            for index, (key, book) in enumerate(found, 1):
                row = {"row": book[0], "row_index": index, "table": "Books"}
                add("link", book[0], href=f"{HOST}/book/{key}", **row)
                add("cell", book[3], column="Price", **row)
                add("cell", str(book[4]), column="Pages", **row)
        elif parts.path.startswith("/book/"):
            title, shelf, author, price, pages = BOOKS[parts.path.rsplit("/", 1)[1]]
            add("heading", title, level=1)
            for term, value in (("Shelf", shelf), ("Author", author), ("Price", price), ("Pages", str(pages))):
                add("definition", term, value=value)
            add("button", "Reserve")
        elif parts.path == "/reservations":
            add("heading", "Reservations", level=1)
            for title in self.library.reserved:
                add("text", title)
        elif parts.path == "/profile":
            add("heading", "Your profile", level=1)
            add("definition", "Known as", value=self.library.nickname)
            add("textbox", "Nickname", value=self.draft.get("Nickname", self.library.nickname), group="Profile")
            add("button", "Save profile", group="Profile")
            add("button", "Delete account")
        elif parts.path == "/contact":
            add("heading", "Contact us", level=1)
            add("textbox", "Subject", value=self.draft.get("Subject", ""), states=("required",), group="Contact")
            add("textbox", "Message", value=self.draft.get("Message", ""), states=("required",), group="Contact")
            add("button", "Send message", group="Contact")
        else:
            add("heading", parts.path.strip("/").split("/")[-1].capitalize(), level=1)
        return made

    def _observe(self, error: str = "") -> Observation:
        elements = self._elements()
        shown = [e for e in elements if e.role not in ("textbox", "searchbox")]
        text = "\n".join(f"{e.name}\n{e.value}" if e.value else e.name for e in shown)
        heading = next(e.name for e in elements if e.role == "heading")
        return Observation(
            url=self.url, title=f"{heading} | Library", text=text, elements=tuple(elements), last_action_error=error
        )


class LibraryPool:
    """As many environments as asked for; counts the borrowed ones so that a leak shows."""

    def __init__(self, size: int = 2, *, resettable: bool = True) -> None:
        self.log: list[str] = []
        self._shared = None if resettable else Library(self.log)
        self._size = size
        self.borrowed = 0
        self.broken = 0

    @property
    def size(self) -> int:
        return self._size

    async def acquire(self) -> LibraryEnvironment:
        self.borrowed += 1
        return LibraryEnvironment(self.log, self._shared)

    async def release(self, environment: LibraryEnvironment, *, broken: bool = False) -> None:
        self.borrowed -= 1
        self.broken += broken

    async def close(self) -> None:
        pass


@pytest.fixture
def library() -> LibraryPool:
    return LibraryPool()


@pytest.fixture
def library_forever() -> LibraryPool:
    """A library whose state nobody resets."""
    return LibraryPool(resettable=False)


@pytest.fixture
def home() -> str:
    return HOST + "/"
