"""HTML from Python: every text is escaped unless it is Markup already, so nothing a person typed becomes markup."""

from collections.abc import Iterable
from typing import TypeAlias

from markupsafe import Markup, escape

Child: TypeAlias = "str | Markup | int | float | Iterable[Child] | None"
Attribute: TypeAlias = "str | int | float | bool | None"

EMPTY = Markup()
VOID = {"br", "hr", "img", "input"}


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """`tag("a", "text", href="...", class_="x", data_do="open")`; None and False leave an attribute out."""
    opening = Markup("<") + Markup(name)  # noqa: S704 - names come from this room
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        label = key.rstrip("_").replace("_", "-")
        opening += Markup(f" {label}") if value is True else Markup(f' {label}="%s"') % str(value)  # noqa: S704
    if name in VOID:
        return opening + Markup(">")
    return opening + Markup(">") + join(children) + Markup(f"</{name}>")  # noqa: S704


def join(children: Iterable[Child]) -> Markup:
    parts: list[Markup] = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, str | int | float):
            parts.append(escape(child))
        else:
            parts.append(join(child))
    return EMPTY.join(parts)
