"""The page's own small drawings, so that they look the same on machines without an emoji font."""

from markupsafe import Markup

PATHS = {
    "bolt": "M11 2 4 13h5l-1 7 7-11h-5z",
    "lock": "M5 10h12v9H5zM8 10V7a3 3 0 0 1 6 0v3",
    "people": "M8 10a3 3 0 1 0 0-6 3 3 0 0 0 0 6zm-6 8c0-4 3-5.5 6-5.5s6 1.5 6 5.5M15 10a2.5 2.5 0 1 0-1-5m2 8q4 1 4 5",
    "pin": "M8 3h6l-1 6 3 3H6l3-3zM11 12v7",
    "eye": "M2 11s3-6 9-6 9 6 9 6-3 6-9 6-9-6-9-6zm9 2.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z",
    "reply": "M4 4h14v10H9l-5 4z",
    "check": "M4 11l5 5 9-10",
    "link": "M9 13a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M13 9a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
}


def icon(name: str) -> Markup:
    """Only from here, so it is safe as it is."""
    return Markup('<svg class="icon" viewBox="0 0 22 22" aria-hidden="true"><path d="%s"/></svg>') % PATHS[name]
