"""Paper: a template becomes HTML, and HTML becomes PDF, with WeasyPrint, which needs Pango on the machine.

Not a step of its own. WeasyPrint runs in a process of its own: where Pango is missing, or while it works, the bot runs
all the same.
"""

import shutil
import subprocess
import sys
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from bot.wording import TEMPLATES, Wording
from handlers import press
from handlers.desk import Later

LONGEST = 240  # seconds for one dossier
PACKAGES = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
NO_PANGO = (
    "Dossier: Pango can't be loaded, so that dossiers come as web page and JSON instead of PDF. To have PDF: "
    f"apt-get install {PACKAGES}"
)
NO_CHINESE = (
    "Dossier: no Chinese font is installed, so that Chinese in a PDF would be boxes. To mend it: "
    "apt-get install fonts-noto-cjk"
)


_at_work: set["subprocess.Popen[bytes]"] = set()


class NoPrinter(Exception):  # noqa: N818 - it reads as what is the matter
    """There is no PDF; `phrase` says why."""

    def __init__(self, phrase: str) -> None:
        super().__init__(phrase)
        self.phrase = phrase


def html(template: str, words: Wording, **values: object) -> str:
    """A template of `message_templates/dossier/` as a web page that needs nothing beside it; values are escaped."""
    page = _templates().get_template(f"{template}.html.j2")
    # Functions, not macros: what a macro gives is markup, which `t` would escape once more as a value.
    return page.render(words=words, t=words.text, time=_time(words), who=_who, word=_word(words), **values)


def pdf(page: str) -> bytes:
    """A web page on paper.

    Raises NoPrinter where Pango is missing or it takes too long, and Later when it was stopped.
    """
    with subprocess.Popen(  # noqa: S603 - our own file
        [sys.executable, "-I", press.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as printer:
        _at_work.add(printer)
        try:
            made, said = printer.communicate(page.encode(), timeout=LONGEST)
        except subprocess.TimeoutExpired:
            raise NoPrinter("dossier.too_long") from None
        finally:
            _at_work.discard(printer)
            if printer.poll() is None:
                printer.kill()
    if printer.returncode == press.NO_PANGO:
        raise NoPrinter("dossier.without_pdf")
    if printer.returncode < 0:
        raise Later(f"printing was stopped by signal {-printer.returncode}", 5)
    if printer.returncode > 0:
        raise RuntimeError(said.decode(errors="replace")[-2000:])
    return made


def interrupt() -> None:
    """Whatever is being printed is left: nobody waits minutes for it. It is begun anew later."""
    for printer in tuple(_at_work):
        printer.terminate()


def has_pango() -> bool:
    """Whether PDF can be made on this machine."""
    try:
        pdf("<p>1</p>")
    except NoPrinter:
        return False
    return True


@cache
def has_chinese_font() -> bool:
    """Whether Chinese can be printed. Where nobody can say, we hope so: Pango brings fontconfig along."""
    tool = shutil.which("fc-list")
    if tool is None:
        return True
    try:
        found = subprocess.run([tool, ":lang=zh", "family"], capture_output=True, check=True, timeout=10)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return True
    return bool(found.stdout.strip())


def complaints() -> list[str]:
    """What is missing on this machine, in sentences."""
    if not has_pango():
        return [NO_PANGO]
    return [] if has_chinese_font() else [NO_CHINESE]


@cache
def _templates() -> SandboxedEnvironment:
    return SandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATES / "dossier"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _who(person: dict[str, str] | None) -> str:
    return person["name"] if person else ""


def _word(words: Wording) -> Any:
    """What a value of the vocabulary is called; one that nobody knows stands for itself."""

    def named(vocabulary: str, value: object) -> str:
        if value is None or value == "":
            return ""
        phrase = f"{vocabulary}.{value}"
        return words.text(phrase) if words.has(phrase) else str(value)

    return named


def _time(words: Wording) -> Any:
    """How a time stands on paper, in the workspace's zone: 2026-11-22 14:05."""

    def shown(at: datetime | None) -> str:
        return words.iso(at)[:16].replace("T", " ") if at else ""

    return shown


def zone(words: Wording, at: datetime) -> str:
    """The zone of the times on paper: +08:00."""
    return words.iso(at)[16:]
