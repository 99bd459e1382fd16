"""The words that help-desk records are made of: people, places, and the troubles of an office."""

from __future__ import annotations

FIRST_NAMES = (
    "Amara", "Bastian", "Celeste", "Dmitri", "Elif", "Farid", "Greta", "Hamish", "Ines", "Jonas", "Keiko", "Lorcan",
    "Mireille", "Nadia", "Oskar", "Priya", "Quentin", "Rosalind", "Soren", "Tamsin", "Umberto", "Vesna", "Wanda",
    "Yusuf", "Zelda", "Anton", "Beatriz", "Corwin", "Delphine", "Emeka", "Fiona", "Gustav", "Hanako", "Idris", "Jolene",
)  # fmt: skip
LAST_NAMES = (
    "Abernathy", "Bergstrom", "Castellan", "Dragomir", "Eskildsen", "Fairweather", "Gallo", "Hartigan", "Ibarra",
    "Jankowski", "Kowalczyk", "Lindqvist", "Mbeki", "Novotny", "Okonkwo", "Pemberton", "Quiroga", "Rasmussen",
    "Santangelo", "Thackeray", "Ueda", "Vandermeer", "Whitlock", "Yilmaz", "Zaragoza",
)  # fmt: skip

AGENTS = (
    ("Marta Velasco", "Service desk", "Early"),
    ("Tobias Renner", "Service desk", "Late"),
    ("Ngozi Adeyemi", "Accounts", "Day"),
    ("Pavel Hruska", "Hardware", "Early"),
    ("Leila Haddad", "Network", "Day"),
    ("Callum Brodie", "Network", "Night"),
    ("Yuki Tanabe", "Software", "Day"),
    ("Renata Moraes", "Facilities", "Early"),
    ("Stellan Ekberg", "Security", "Day"),
    ("Odile Garnier", "Security", "Late"),
)

SYSTEMS = (
    "payroll portal", "expense tool", "build server", "sales tracker", "staff wiki", "shared calendar",
    "time sheets", "contract store", "travel planner", "image store", "survey tool", "data vault",
)  # fmt: skip
APPS = (
    "Quillpad", "Ledgerly", "Chartwise", "Meetloop", "Draftbox", "Syncshed", "Planport", "Codewell", "Inkreel",
    "Formdeck",
)  # fmt: skip
DEPARTMENTS = ("Finance", "Legal", "Marketing", "Sales", "Research", "Support", "Payroll", "Purchasing")
HOSTS = ("mail gateway", "file share", "print spooler", "intranet", "backup node", "test cluster")

# Per queue: product areas, and (wording with one blank, kind of place that fills it, area, tags).
TROUBLES: dict[str, tuple[tuple[str, str, str, tuple[str, ...]], ...]] = {
    "accounts": (
        ("Password reset for the {}", "system", "Passwords", ("password",)),
        ("Locked out of the {}", "system", "Passwords", ("lockout", "password")),
        ("New starter needs the {}", "system", "Access", ("starter",)),
        ("Read access to the {}", "system", "Access", ("access",)),
        ("Remove leaver from the {}", "system", "Leavers", ("leaver",)),
        ("Wrong name shown in the {}", "system", "Profiles", ("profile",)),
        ("Sign-in code missing for the {}", "system", "Sign-in codes", ("code",)),
        ("Shared mailbox for {}", "department", "Mailboxes", ("mailbox",)),
        ("Group rights for {} interns", "department", "Access", ("access", "starter")),
    ),
    "hardware": (
        ("Monitor flickers at desk {}", "desk", "Screens", ("monitor",)),
        ("Dock not detected at desk {}", "desk", "Docks", ("dock",)),
        ("Keyboard keys stick at desk {}", "desk", "Input devices", ("keyboard",)),
        ("Laptop battery drains at desk {}", "desk", "Laptops", ("battery", "laptop")),
        ("Webcam stays black in room {}", "room", "Cameras", ("webcam",)),
        ("Headset has no sound at desk {}", "desk", "Audio", ("headset",)),
        ("Printer jams on floor {}", "floor", "Printers", ("printer",)),
        ("Toner empty on floor {}", "floor", "Printers", ("printer", "toner")),
        ("Projector will not start in room {}", "room", "Screens", ("projector",)),
        ("Charger missing from room {}", "room", "Laptops", ("charger",)),
    ),
    "software": (
        ("{} crashes on start", "app", "Desktop apps", ("crash",)),
        ("{} licence expired", "app", "Licences", ("licence",)),
        ("Install {} on a new laptop", "app", "Installs", ("install",)),
        ("{} update fails", "app", "Updates", ("update",)),
        ("{} export is empty", "app", "Desktop apps", ("export",)),
        ("{} runs very slowly", "app", "Desktop apps", ("slow",)),
        ("{} shows the wrong language", "app", "Settings", ("language",)),
        ("Plug-in for {} blocked", "app", "Installs", ("install", "plugin")),
    ),
    "network": (
        ("Wi-Fi drops in room {}", "room", "Wireless", ("wifi",)),
        ("No cable link at desk {}", "desk", "Cabling", ("cable",)),
        ("Remote tunnel slow for {}", "department", "Remote access", ("tunnel",)),
        ("Guest Wi-Fi fails on floor {}", "floor", "Wireless", ("guest", "wifi")),
        ("Video calls freeze in room {}", "room", "Calls", ("video",)),
        ("File share unreachable for {}", "department", "Shares", ("share",)),
        ("Desk phone dead at desk {}", "desk", "Calls", ("phone",)),
        ("Name lookup fails on the {}", "host", "Name service", ("lookup",)),
    ),
    "facilities": (
        ("Ceiling light out in room {}", "room", "Lighting", ("light",)),
        ("Badge reader dead on floor {}", "floor", "Doors", ("badge", "door")),
        ("Chair armrest broken at desk {}", "desk", "Furniture", ("chair",)),
        ("Blind stuck in room {}", "room", "Windows", ("blind",)),
        ("Air vent noisy in room {}", "room", "Air", ("vent",)),
        ("Coffee machine leaks on floor {}", "floor", "Kitchens", ("kitchen", "leak")),
        ("Locker jammed on floor {}", "floor", "Furniture", ("locker",)),
        ("Standing desk stuck at desk {}", "desk", "Furniture", ("furniture",)),
        ("Whiteboard pens needed in room {}", "room", "Supplies", ("supplies",)),
    ),
    "security": (
        ("Phishing mail sent to {}", "department", "Mail threats", ("phishing",)),
        ("Lost badge on floor {}", "floor", "Badges", ("badge", "lost")),
        ("Odd sign-in to the {}", "system", "Sign-ins", ("signin",)),
        ("Certificate expires on the {}", "host", "Certificates", ("certificate",)),
        ("Laptop left in room {}", "room", "Lost devices", ("laptop", "lost")),
        ("Visitor pass for {}", "department", "Badges", ("visitor",)),
        ("Malware warning at desk {}", "desk", "Devices", ("malware",)),
        ("Data export request from {}", "department", "Data requests", ("data",)),
    ),
}

OPENERS = (
    "It began on {day} and happens every time.",
    "A restart on {day} did not help.",
    "Two colleagues have the same trouble since {day}.",
    "It was fine before {day}.",
    "Please look at it after {day} if you can.",
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
REPLIES: dict[str, tuple[str, ...]] = {
    "accounts": (
        "Waiting for a manager to approve.",
        "A new link has been sent.",
        "The account was disabled on purpose.",
    ),
    "hardware": ("A spare part is on order.", "Asked for the serial number.", "Tried a second cable, same result."),
    "software": ("Version 4.2 has the same fault.", "Passed on to the supplier.", "A licence is on order."),
    "network": ("The switch was restarted.", "Measured again, still slow.", "Passed on to the carrier."),
    "facilities": ("Booked a visit for the afternoon.", "The landlord has been told.", "A spare part is on order."),
    "security": ("The session was revoked.", "Asked for the original mail.", "No sign of misuse so far."),
}
ANY_REPLIES = (
    "The requester is away until next week.",
    "Works again for me, please confirm.",
    "Moved up after a second call.",
)
ROOMS = ("1.04", "1.12", "2.03", "2.17", "2.21", "3.05", "3.14", "4.02", "4.09", "4.16", "5.01", "5.08")
FLOORS = ("1", "2", "3", "4", "5", "6")
DESK_ROWS = "ABCDEFGH"

FILTERS = (
    ("Urgent network", "network", "", "Urgent", ""),
    ("Open hardware", "hardware", "Open", "", ""),
    ("Nobody yet", "", "Open", "", "Unassigned"),
    ("Waiting on accounts", "accounts", "Waiting", "", ""),
    ("High security", "security", "", "High", ""),
)
MACROS = (
    ("Ask for serial number", "Hardware", "Please send us the serial number on the back of the device.", 84),
    ("Password reset sent", "Accounts", "We have sent a reset link to your manager.", 131),
    ("Restart first", "General", "Please restart the device and tell us whether it helped.", 212),
    ("Visit booked", "Facilities", "Somebody will come to your desk this afternoon.", 47),
    ("Outage notice", "Network", "We know about the outage and are working on it.", 29),
    ("Licence ordered", "Software", "Your licence is ordered and arrives within two days.", 65),
    ("Report phishing", "Security", "Thank you. Please forward the mail as an attachment and delete it.", 58),
    ("Closing soon", "General", "We close this ticket in three days unless we hear from you.", 96),
)
