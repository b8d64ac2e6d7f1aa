"""From fixed to closed: confirmations, satisfaction, and when it is enough (domain.md section 8)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Proof(StrEnum):
    """What shows that a customer has confirmed it (domain.md section 8)."""

    WRITTEN = "written"
    RECORDING = "recording"
    FILE = "file"
    WITNESS = "witness"


@dataclass(frozen=True)
class Confirmation:
    """What a customer says of the solution; `customer_id` is None for several at once who are not listed by name, then
    `customers` says how many. `ref` and `url` are of the message or file that shows it, `witness_id` is who heard it.
    `words` are confidential like the customer. A later one of the same customer in the same round counts."""

    id: int
    incident_id: int
    round: int
    by: str
    at: datetime
    logged_at: datetime
    is_satisfied: bool
    proof: Proof
    customer_id: int | None = None
    customers: int = 1
    ref: str = ""
    url: str = ""
    witness_id: str | None = None
    words: str = ""


@dataclass(frozen=True)
class Rating:
    """How satisfied a customer is, from 1 to 5. `comment` is confidential like the customer."""

    id: int
    incident_id: int
    round: int
    by: str
    at: datetime
    score: int
    customer_id: int | None = None
    comment: str = ""
