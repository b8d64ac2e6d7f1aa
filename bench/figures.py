"""What a measurement says: one line of the table, and whether its bound is kept."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figures:
    """Samples, in milliseconds."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        """Half of them are faster."""
        return statistics.median(self.samples)

    @property
    def p99(self) -> float:
        """All but one in a hundred are faster; of fewer than a hundred, the worst."""
        ordered = sorted(self.samples)
        return ordered[min(len(ordered), math.ceil(len(ordered) * 0.99)) - 1]

    @property
    def worst(self) -> float:
        """The slowest."""
        return max(self.samples)

    def __str__(self) -> str:
        return f"{_ms(self.median)}, {_ms(self.p99)}"


def of(samples: Sequence[float]) -> Figures:
    """Samples as figures."""
    return Figures(tuple(samples))


@dataclass(frozen=True)
class Line:
    """One measurement. `kept` is None when there is nothing to keep."""

    name: str
    ours: Figures
    theirs: Figures | None
    ratio: float | None
    bound: str
    kept: bool


HEAD = ("measurement", "ours ms (median, p99)", "theirs ms (median, p99)", "ratio", "bound", "kept")


def table(lines: Sequence[Line]) -> str:
    """The lines under each other."""
    rows = [
        HEAD,
        *(
            (
                line.name,
                str(line.ours),
                str(line.theirs) if line.theirs else "",
                f"{line.ratio:.2f}" if line.ratio is not None else "",
                line.bound,
                "yes" if line.kept else "NO",
            )
            for line in lines
        ),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    return "\n".join("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)) for row in rows)


def _ms(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"
