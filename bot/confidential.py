"""How customers' names are shown where others read along (design.md decision 7)."""


def masked_name(name: str) -> str:
    """A name that those who know the customer recognise and others don't: `Acme Ltd` -> `A***`, `王小明` -> `王**`."""
    name = name.strip()
    if not name:
        return ""
    first = name[0]
    stars = 2 if ord(first) > 0x2E7F else 3
    return first + "*" * stars
