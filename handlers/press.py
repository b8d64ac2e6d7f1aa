"""A process of its own that makes PDF: `python -I press.py < page.html > page.pdf`. It ends with 3 without Pango.

Not a step of its own: `handlers/printing.py` starts it. A long dossier takes a minute, in which the bot has to answer;
and what it needs of memory goes with it.
"""

import os
import sys

NO_PANGO = 3


def pdf(page: str) -> bytes:
    """A web page on paper. Nothing is fetched for it, neither from the net nor from the disk.

    Raises OSError where Pango is missing.
    """
    import weasyprint  # noqa: PLC0415 - slow to load, and not on every machine
    from weasyprint.urls import URLFetcher  # noqa: PLC0415

    made: bytes = weasyprint.HTML(string=page, url_fetcher=URLFetcher(allowed_protocols=[])).write_pdf()
    return made


def main() -> int:
    """From standard input to standard output, behind whatever else the machine has to do."""
    os.nice(10)
    page = sys.stdin.buffer.read().decode()
    try:
        made = pdf(page)
    except OSError as error:
        sys.stderr.write(str(error))
        return NO_PANGO
    sys.stdout.buffer.write(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
