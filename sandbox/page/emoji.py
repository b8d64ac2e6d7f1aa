"""The usual shortcodes, `:white_check_mark:` and so on, and drawings of the signs that say how things stand.

Machines without an emoji font (servers, containers) show empty boxes; a red circle must be red there too.
"""

import re

EMOJI = {
    "+1": "👍", "thumbsup": "👍", "-1": "👎", "thumbsdown": "👎", "ok_hand": "👌", "wave": "👋", "clap": "👏",
    "raised_hands": "🙌", "pray": "🙏", "muscle": "💪", "point_right": "👉", "point_left": "👈", "point_up": "☝️",
    "point_down": "👇", "raised_hand": "✋", "handshake": "🤝", "writing_hand": "✍️", "eyes": "👀", "brain": "🧠",
    "smile": "😄", "slightly_smiling_face": "🙂", "grinning": "😀", "joy": "😂", "wink": "😉", "blush": "😊",
    "thinking_face": "🤔", "neutral_face": "😐", "cry": "😢", "sob": "😭", "angry": "😠", "rage": "😡", "scream": "😱",
    "sweat": "😓", "sweat_smile": "😅", "relieved": "😌", "sleeping": "😴", "exploding_head": "🤯", "heart": "❤️",
    "broken_heart": "💔", "fire": "🔥",
    "tada": "🎉", "sparkles": "✨", "star": "⭐", "zap": "⚡", "boom": "💥", "100": "💯",
    "red_circle": "🔴", "large_orange_circle": "🟠", "large_yellow_circle": "🟡", "large_green_circle": "🟢",
    "large_blue_circle": "🔵", "large_purple_circle": "🟣", "white_circle": "⚪", "black_circle": "⚫",
    "large_red_square": "🟥", "large_green_square": "🟩", "white_large_square": "⬜", "black_large_square": "⬛",
    "white_check_mark": "✅", "heavy_check_mark": "✔️", "ballot_box_with_check": "☑️", "x": "❌",
    "negative_squared_cross_mark": "❎", "warning": "⚠️", "rotating_light": "🚨", "no_entry": "⛔",
    "no_entry_sign": "🚫", "exclamation": "❗", "heavy_exclamation_mark": "❗", "question": "❓", "bangbang": "‼️",
    "grey_question": "❔", "information_source": "ℹ️", "sos": "🆘", "stop_sign": "🛑", "octagonal_sign": "🛑",
    "stopwatch": "⏱️", "timer_clock": "⏲️", "alarm_clock": "⏰", "hourglass": "⌛", "hourglass_flowing_sand": "⏳",
    "watch": "⌚", "clock1": "🕐", "calendar": "📅", "date": "📅", "spiral_calendar_pad": "🗓️",
    "dart": "🎯", "bell": "🔔", "no_bell": "🔕", "mega": "📣", "loudspeaker": "📢", "speech_balloon": "💬",
    "phone": "☎️", "telephone_receiver": "📞", "iphone": "📱", "email": "📧", "envelope": "✉️", "inbox_tray": "📥",
    "outbox_tray": "📤", "memo": "📝", "pencil": "📝", "pencil2": "✏️", "clipboard": "📋", "page_facing_up": "📄",
    "file_folder": "📁", "open_file_folder": "📂", "paperclip": "📎", "link": "🔗", "pushpin": "📌",
    "round_pushpin": "📍", "bookmark": "🔖", "bookmark_tabs": "📑", "books": "📚", "book": "📖", "scroll": "📜",
    "mag": "🔍", "mag_right": "🔎", "lock": "🔒", "unlock": "🔓", "closed_lock_with_key": "🔐", "key": "🔑",
    "shield": "🛡️", "gear": "⚙️", "wrench": "🔧", "hammer": "🔨", "hammer_and_wrench": "🛠️", "bulb": "💡",
    "computer": "💻", "desktop_computer": "🖥️", "floppy_disk": "💾", "package": "📦", "credit_card": "💳",
    "moneybag": "💰", "chart_with_upwards_trend": "📈", "chart_with_downwards_trend": "📉", "bar_chart": "📊",
    "rocket": "🚀", "ambulance": "🚑", "fire_engine": "🚒", "police_car": "🚓", "construction": "🚧", "ship": "🚢",
    "bug": "🐛", "robot_face": "🤖", "ghost": "👻", "bust_in_silhouette": "👤", "busts_in_silhouette": "👥",
    "family": "👪", "office": "🏢", "hospital": "🏥", "bank": "🏦", "globe_with_meridians": "🌐",
    "earth_asia": "🌏", "sunny": "☀️", "cloud": "☁️", "umbrella": "☔", "snowflake": "❄️", "coffee": "☕",
    "arrow_right": "➡️", "arrow_left": "⬅️", "arrow_up": "⬆️", "arrow_down": "⬇️", "arrows_counterclockwise": "🔄",
    "repeat": "🔁", "leftwards_arrow_with_hook": "↩️", "heavy_plus_sign": "➕", "heavy_minus_sign": "➖",
    "one": "1️⃣", "two": "2️⃣", "three": "3️⃣", "four": "4️⃣", "five": "5️⃣", "new": "🆕", "ok": "🆗", "up": "🆙", "top": "🔝",
    "checkered_flag": "🏁", "triangular_flag_on_post": "🚩", "white_flag": "🏳️", "cn": "🇨🇳", "gb": "🇬🇧", "us": "🇺🇸",
    "trophy": "🏆", "medal": "🏅", "gift": "🎁", "ticket": "🎫", "label": "🏷️", "wastebasket": "🗑️", "art": "🎨",
}  # fmt: skip


def emoji(name: str) -> str | None:
    """The character, or None for a name we do not know; skin tones are left out."""
    return EMOJI.get(name.split("::", maxsplit=1)[0])


# Drawn by board.css as .em-<name>; the character stays in the text.
DRAWN = {
    "🔴": "red", "🟠": "orange", "🟡": "yellow", "🟢": "green", "🔵": "blue", "🟣": "purple", "⚪": "white",
    "⚫": "black",
    "⏱": "clock", "⏰": "clock", "⏳": "clock", "⚠": "warning", "✅": "check", "❌": "cross", "🎯": "target",
    "📌": "pin",    "🔒": "lock", "📞": "phone", "👀": "eyes", "👍": "thumb", "🔔": "bell",
}  # fmt: skip
SIGNS = re.compile(f"({'|'.join(DRAWN)})\ufe0f?")


def draw_signs(html: str) -> str:
    """`html` with the signs that we draw in spans of their own; it must be escaped already."""
    return SIGNS.sub(lambda m: f'<span class="em em-{DRAWN[m[1]]}">{m[0]}</span>', html)
