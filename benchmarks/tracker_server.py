"""A Roundup tracker with some life in it, served on loopback: run by Roundup's interpreter, not by ours.

    PYTHON benchmarks/tracker_server.py HOME --port 8917

Made in HOME if that does not exist: users, keywords and issues drawn with a fixed seed. `POST /` on the port
above the tracker's puts the tracker back as it was made; log-ins are kept.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import re
import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

PASSWORD = "practice"  # noqa: S105 (of a tracker that lives on loopback for an afternoon)
USER = "mira"

PEOPLE = {
    "mira": "Mira Castellane", "oskar": "Oskar Lindqvist", "priya": "Priya Venkatesan", "dele": "Dele Adeyemi",
    "hanne": "Hanne Vestergaard", "rui": "Rui Figueiredo", "tove": "Tove Kallio", "amir": "Amir Darvishi",
}  # fmt: skip
KEYWORDS = ("printing", "login", "speed", "mobile", "export", "translation", "search", "documentation")
TITLES = (
    "Labels are cut off on narrow paper", "Password reset mail never arrives", "Start page takes ten seconds",
    "Scanner does not wake up on tablets", "CSV export drops the last row", "German dates in the French version",
    "Finding a parcel by postcode fails", "Manual lacks a chapter on returns", "Barcode is blurred after zooming",
    "Session ends while typing a note", "Map tiles load twice", "Camera permission asked every time",
    "Export to spreadsheets needs column names", "Untranslated button on the pick-up form",
    "Results are not sorted by distance", "Example in the tutorial does not compile",
    "Two pages come out for one label", "Login form forgets the user name", "Memory grows over night",
    "Dark mode on older phones",
    "Export should include weight", "Portuguese plural forms are wrong", "Umlauts break the search",
    "Glossary of carrier names", "Printer list shows removed printers", "Single sign-on for depots",
    "Route planning is slow for large vans", "Swipe to archive a delivery", "Export hangs on empty days",
    "Polish letters missing in the font", "Search box should have a shortcut", "Screenshots in the guide are outdated",
    "Print preview ignores margins", "Account is locked after one mistake", "Sorting freezes with many parcels",
    "Notifications arrive in the wrong order", "Time zone missing in exported files", "Arabic layout is mirrored twice",
    "Recent searches are not cleared", "Installation notes for depots",
)  # fmt: skip
NOTES = (
    "Seen again this morning on the machine at the counter.", "Could not reproduce it with the newest build.",
    "A customer called about this twice.", "Works when the cache is emptied first.", "The log says nothing useful.",
    "Happens only with more than one depot.", "I have a patch that needs review.", "Please attach a screenshot.",
)  # fmt: skip


def make(home: Path, url: str) -> None:
    """Install the classic template over SQLite and fill it."""
    from roundup import instance, password  # type: ignore[import-not-found]
    from roundup.admin import AdminTool  # type: ignore[import-not-found]

    tool = AdminTool()
    tool.tracker_home = str(home)
    tool.settings = {**getattr(tool, "settings", {})}
    tool.do_install(str(home), ["install", "classic", "sqlite"])
    path = home / "config.ini"
    text = path.read_text()
    for name, value in {"web": url, "domain": "example.org", "host": "localhost", "debug": "/dev/null"}.items():
        text = re.sub(rf"^#?{name} = ?(NO DEFAULT|http.*)?$", f"{name} = {value}", text, count=1, flags=re.M)
    path.write_text(text)
    tool.do_initialise(str(home), ["initialise", PASSWORD])
    rng = random.Random(0)
    db = instance.open(str(home)).open("admin")
    try:
        people = [
            db.user.create(
                username=user, realname=name, address=f"{user}@example.org", phone=f"555 {2100 + at * 37}",
                roles="User",
                organisation=("Depot North", "Depot South", "Head office")[at % 3],
                password=password.Password(PASSWORD, config=db.config),
            )
            for at, (user, name) in enumerate(PEOPLE.items())
        ]  # fmt: skip
        keywords = [db.keyword.create(name=name) for name in KEYWORDS]
        for at, title in enumerate(TITLES):
            notes = [
                db.msg.create(content=rng.choice(NOTES), author=rng.choice(people), recipients=[])
                for _ in range(rng.randint(0, 2))
            ]
            db.issue.create(
                title=title, priority=str(rng.randint(1, 5)), status=str(rng.choice((1, 1, 2, 3, 4, 5, 5, 6, 8))),
                assignedto=rng.choice((*people, None)), keyword=[keywords[at % len(keywords)]], messages=notes,
                nosy=rng.sample(people, 2),
            )  # fmt: skip
        db.commit()
    finally:
        db.close()
    shutil.copy(home / "db" / "db", home / "made.sqlite")


class Server(ThreadingMixIn, WSGIServer):
    """A request a thread."""

    daemon_threads = True


class Quiet(WSGIRequestHandler):
    """No line for each request."""

    def log_message(self, *_: Any) -> None:
        pass


def main() -> None:
    """Make the tracker where there is none, and serve it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path, help="where the tracker lies; made if it does not exist")
    parser.add_argument("--port", type=int, default=8917, help="the tracker's; the next one resets it")
    options = parser.parse_args()
    url = f"http://127.0.0.1:{options.port}/"
    if not options.home.exists():
        make(options.home, url)

    from roundup.cgi.wsgi_handler import RequestDispatcher  # type: ignore[import-not-found]

    made = sqlite3.connect(options.home / "made.sqlite", check_same_thread=False)
    lock = threading.Lock()

    def reset(_: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        with lock:
            live = sqlite3.connect(options.home / "db" / "db")
            made.backup(live)
            live.close()
        start_response("204 No Content", [])
        return [b""]

    resetting = make_server("127.0.0.1", options.port + 1, reset, Server, Quiet)
    threading.Thread(target=resetting.serve_forever, daemon=True).start()
    app = RequestDispatcher(str(options.home))
    print(f"serving {url}, reset by http://127.0.0.1:{options.port + 1}/", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        make_server("127.0.0.1", options.port, app, Server, Quiet).serve_forever()


if __name__ == "__main__":
    main()
