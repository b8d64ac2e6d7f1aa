"""What is shown to everybody in a channel: people's words and customers' names, masked (design.md decision 7).

Not a step of its own: whatever draws people's words goes through this.
"""

from collections.abc import Callable

from sqlalchemy import Connection

from bot.confidential import masked, masked_name, masking
from bot.incident import Customer
from bot.wording import Wording
from storage import customers


def of(tx: Connection, incident_id: int) -> Callable[[str], str]:
    """Masks what people wrote in an incident: its first customers' names, and whatever else leads to a person."""
    return masking(customers.names_of(tx, incident_id))


def name_of(customer: Customer, words: Wording) -> str:
    """A customer as everybody may see them; `(erased)` when nothing is left."""
    shown = masked_name(customer.name) or masked(customer.contact) or masked_name(customer.number)
    return shown or words.text("customer.erased")
