"""How customers' names are shown where others read along (design.md decision 7)."""


def without_name(words: str, name: str) -> str:
    """People's words for everybody to read: the customer's name in them is masked. One letter alone is no name."""
    name = name.strip()
    return words.replace(name, masked_name(name)) if len(name) > 1 else words


def masked_name(name: str) -> str:
    """A name that those who know the customer recognise and others don't: `Acme Ltd` -> `A***`, `王小明` -> `王**`."""
    name = name.strip()
    if not name:
        return ""
    first = name[0]
    stars = 2 if ord(first) > 0x2E7F else 3
    return first + "*" * stars
