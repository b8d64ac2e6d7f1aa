"""`python -m bench`: measures, and prints one table. Exit code 1 when a bound is not kept."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence

from bench import (
    clock_fires,
    contact_opens,
    databases,
    fifty_reports,
    form_opens,
    list_imports,
    overview_opens,
    postmortem_draws,
    reporter_joins,
)
from bench.figures import Line, table

MEASUREMENTS: dict[str, Callable[[str, bool], Iterator[Line]]] = {
    "form": form_opens.measure,
    "reporter": reporter_joins.measure,
    "contact": contact_opens.measure,
    "import": list_imports.measure,
    "overview": overview_opens.measure,
    "clock": clock_fires.measure,
    "postmortem": postmortem_draws.measure,
    "fifty": fifty_reports.measure,
}


def main(arguments: Sequence[str]) -> int:
    """Reads the command line, measures, prints."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", choices=MEASUREMENTS, help="one of the measurements")
    parser.add_argument("--quick", action="store_true", help="fewer samples: to see whether it works")
    asked = parser.parse_args(arguments)
    lines: list[Line] = []
    for kind in databases.kinds():
        for name, measure in MEASUREMENTS.items():
            if asked.only not in (None, name):
                continue
            for line in measure(kind, asked.quick):
                lines.append(line)
                print(f"... {line.name}", file=sys.stderr, flush=True)
    print(table(lines))
    return 0 if all(line.kept for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
