"""Slack's mrkdwn and rich text as HTML. Whatever is not one of Slack's own signs is shown as text."""

import re

from markupsafe import Markup, escape

from sandbox.page.emoji import draw_signs, emoji
from sandbox.page.icons import icon
from sandbox.page.markup import EMPTY, tag
from sandbox.page.viewer import Viewer
from sandbox.page.when import fill_tokens
from sandbox.workspace import Json

SAFE_ADDRESS = re.compile(r"(https?|mailto|tel):", re.IGNORECASE)
PERMALINK = re.compile(r"https?://[^/]+/archives/([A-Z0-9]+)(?:/p(\d{10})(\d{6}))?")
FILE = re.compile(r"/files/([A-Z0-9]+)(?:/|$)")  # behind this workspace's own address
EMOJI_NAME = re.compile(r":([a-z0-9_+'-]+):")
FENCE = re.compile(r"```\n?(.+?)\n?```", re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
TOKEN = re.compile(r"<([@#!][^<>\n]*|(?:https?|mailto|tel|slack):[^<>\n]+)>")
STYLES = (
    ("b", re.compile(r"(?<![\w*])\*(?=[^\s*])([^\n*]*?[^\s*])\*(?![\w*])")),
    ("i", re.compile(r"(?<![^\W_])_(?=[^\s_])([^\n]*?[^\s_])_(?![^\W_])")),
    ("s", re.compile(r"(?<![\w~])~(?=[^\s~])([^\n~]*?[^\s~])~(?![\w~])")),
)
MARK = re.compile("\ue000(\\d+)\ue001")
OWN_MARKS = re.compile("[\ue000\ue001]")


class _Kept:
    """What was rendered already waits here behind a mark, so that no later rule looks into it."""

    def __init__(self) -> None:
        self.parts: list[Markup] = []

    def keep(self, html: Markup) -> str:
        self.parts.append(html)
        return f"\ue000{len(self.parts) - 1}\ue001"

    def put_back(self, html: str) -> Markup:
        # A box ends its line by itself: the line ends around it would show as empty lines.
        html = re.sub(r"\n?(\ue000(\d+)\ue001)\n?", lambda m: m[1] if self._is_box(m[2]) else m[0], html)
        while MARK.search(html):
            html = MARK.sub(lambda m: str(self.parts[int(m[1])]), html)
        return Markup(html)  # noqa: S704 - escaped in _inline, the parts in `tag`

    def _is_box(self, number: str) -> bool:
        return self.parts[int(number)].startswith(("<blockquote", '<span class="bullet', "<pre"))


def mrkdwn(text: str, viewer: Viewer) -> Markup:
    kept = _Kept()
    text = OWN_MARKS.sub("", text)
    text = FENCE.sub(lambda m: kept.keep(tag("pre", unescape(m[1]))), text)
    text = CODE.sub(lambda m: kept.keep(tag("code", unescape(m[1]))), text)
    text = TOKEN.sub(lambda m: kept.keep(_token(m[1], viewer)), text)
    return kept.put_back(_lines(text, kept))


def plain(text: str, with_emoji: bool = True) -> Markup:
    """A plain_text object: no formatting but emoji."""
    return Markup(_emoji(str(escape(unescape(text))))) if with_emoji else escape(unescape(text))  # noqa: S704


def text_object(obj: Json, viewer: Viewer) -> Markup:
    if obj.get("type") == "mrkdwn":
        return mrkdwn(str(obj.get("text", "")), viewer)
    return plain(str(obj.get("text", "")), obj.get("emoji", True) is not False)


def unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _lines(text: str, kept: _Kept) -> str:
    """Quotes gather line by line; bullets hang."""
    result: list[str] = []
    quoted: list[str] = []

    def end_quote() -> None:
        if quoted:
            result.append(kept.keep(tag("blockquote", kept.put_back("\n".join(quoted)))))
            quoted.clear()

    rest_quoted = False
    for line in text.split("\n"):
        begins = re.match(r"(?:&gt;|>)((?:&gt;|>){2})? ?", line)
        rest_quoted = rest_quoted or bool(begins and begins[1])
        if begins or rest_quoted:
            quoted.append(_inline(line[begins.end() :] if begins else line))
            continue
        end_quote()
        bullet = re.match(r"\s*([•◦▪‣]|[-–] |\d{1,2}\. )\s*(?=\S)", line)
        if bullet:
            sign = "•" if bullet[1].strip() in {"-", "–"} else bullet[1].strip()
            body = kept.put_back(_inline(line[bullet.end() :]))
            result.append(kept.keep(tag("span", tag("span", sign, class_="sign"), tag("span", body), class_="bullet")))
        else:
            result.append(_inline(line))
    end_quote()
    return "\n".join(result)


def _inline(text: str) -> str:
    html = str(escape(unescape(text)))
    for name, pattern in STYLES:
        html = pattern.sub(rf"<{name}>\1</{name}>", html)
    return _emoji(html)


def _emoji(html: str) -> str:
    return draw_signs(EMOJI_NAME.sub(lambda m: emoji(m[1]) or m[0], html))


def shortcodes(text: str) -> str:
    """Text with its shortcodes as characters, where no HTML can stand: options, names."""
    return EMOJI_NAME.sub(lambda m: emoji(m[1]) or m[0], unescape(text))


def _token(body: str, viewer: Viewer) -> Markup:  # noqa: PLR0911 - one line a sign
    sign, _, label = body.partition("|")
    if sign.startswith("@"):
        return mention(sign[1:], viewer)
    if sign.startswith("#"):
        return channel_link(sign[1:], viewer, unescape(label))
    if sign.startswith("!date^"):
        return _date(sign, unescape(label), viewer)
    if sign.startswith("!subteam^"):
        return group_mention(sign.removeprefix("!subteam^"), viewer)
    if sign in {"!here", "!channel", "!everyone"}:
        return tag("span", "@" + sign[1:], class_="mention me")
    if sign.startswith("!"):
        return escape(unescape(label or sign))
    return link(unescape(sign), unescape(label) or unescape(sign), viewer)


def mention(user_id: str, viewer: Viewer) -> Markup:
    person = viewer.workspace.people.get(user_id)
    name = person.real_name if person else user_id
    return tag("span", "@" + name, class_="mention me" if user_id == viewer.id else "mention", data_user=user_id)


def group_mention(group_id: str, viewer: Viewer) -> Markup:
    group = viewer.workspace.groups.get(group_id)
    mine = group is not None and viewer.id in group.members
    return tag("span", "@" + (group.handle if group else group_id), class_="mention me" if mine else "mention")


def channel_link(channel_id: str, viewer: Viewer, label: str = "") -> Markup:
    channel = viewer.workspace.channels.get(channel_id)
    if channel is None:
        return tag("span", "#" + (label or channel_id), class_="mention")
    if not viewer.may_see(channel):
        return tag("span", icon("lock"), viewer.say("private_channel"), class_="mention")
    sign = icon("lock") if channel.is_private else "#"
    return tag("a", sign, viewer.title_of(channel), class_="mention", href=f"?at={channel.id}", data_do="goto",
               data_goto=channel.id)  # fmt: skip


def link(address: str, label: str, viewer: Viewer) -> Markup:
    """Only addresses that cannot run anything become links; those into this workspace open here."""
    inside = PERMALINK.match(address)
    if inside and inside[1] in viewer.workspace.channels:
        ts = f"{inside[2]}.{inside[3]}" if inside[2] else None
        return tag("a", label, href=f"?at={inside[1]}", data_do="goto", data_goto=inside[1], data_to_ts=ts)
    of_file = FILE.match(address.removeprefix(viewer.workspace.address))
    if of_file and (file := viewer.workspace.files.get(of_file[1])):
        address = viewer.workspace.address + viewer.address_of(file)
    if not SAFE_ADDRESS.match(address):
        return escape(label)
    return tag("a", label, href=address, target="_blank", rel="noopener noreferrer")


def _date(sign: str, fallback: str, viewer: Viewer) -> Markup:
    _, stamp, *rest = sign.split("^")
    try:
        unix = float(stamp)
    except ValueError:
        return escape(fallback or sign)
    return _time(unix, unescape(rest[0]) if rest else "{date}", rest[1] if len(rest) > 1 else "", fallback, viewer)


def _time(unix: float, pattern: str, address: str, fallback: str, viewer: Viewer) -> Markup:
    try:
        shown = fill_tokens(pattern, unix, viewer.now, viewer.tz, viewer.language)
    except (OverflowError, OSError, ValueError):
        return escape(fallback)
    html = tag("time", shown, title=fallback or None, data_ago=True if "{ago}" in pattern else None)
    return link(address, "\0", viewer).replace("\0", html) if address else html


# -- rich text ---------------------------------------------------------------------------------------------------------


def rich_text(block: Json, viewer: Viewer) -> Markup:
    return EMPTY.join(_rich_part(part, viewer) for part in block.get("elements", []))


def _rich_part(part: Json, viewer: Viewer) -> Markup:
    inner = EMPTY.join(
        _rich_element(e, viewer) for e in part.get("elements", []) if part.get("type") != "rich_text_list"
    )
    match part.get("type"):
        case "rich_text_list":
            items = [tag("li", _rich_part(item, viewer)) for item in part.get("elements", [])]
            indent = min(int(part.get("indent", 0)), 8)
            ordered = part.get("style") == "ordered"
            start = int(part.get("offset", 0)) + 1 if ordered else None
            return tag("ol" if ordered else "ul", items, class_=f"indent-{indent}", start=start)
        case "rich_text_quote":
            return tag("blockquote", inner)
        case "rich_text_preformatted":
            return tag("pre", inner)
        case _:
            return tag("span", inner, class_="rich")


def _rich_element(element: Json, viewer: Viewer) -> Markup:
    html = _rich_plain(element, viewer)
    style = element.get("style") or {}
    for key, name in (("code", "code"), ("bold", "b"), ("italic", "i"), ("strike", "s"), ("underline", "u")):
        if isinstance(style, dict) and style.get(key):
            html = tag(name, html)
    return html


def _rich_plain(element: Json, viewer: Viewer) -> Markup:  # noqa: PLR0911 - one line a kind
    match element.get("type"):
        case "text":
            return Markup(draw_signs(str(escape(element.get("text", "")))))  # noqa: S704 - escaped
        case "link":
            return link(str(element.get("url", "")), str(element.get("text") or element.get("url", "")), viewer)
        case "user":
            return mention(str(element.get("user_id", "")), viewer)
        case "usergroup":
            return group_mention(str(element.get("usergroup_id", "")), viewer)
        case "channel":
            return channel_link(str(element.get("channel_id", "")), viewer)
        case "emoji":
            return plain(f":{element.get('name', '')}:")
        case "broadcast":
            return tag("span", f"@{element.get('range', 'here')}", class_="mention me")
        case "date":
            return _time(float(element.get("timestamp", 0)), str(element.get("format", "{date}")),
                         str(element.get("url") or ""), str(element.get("fallback") or ""), viewer)  # fmt: skip
        case _:
            return escape(str(element.get("value") or element.get("text") or ""))
