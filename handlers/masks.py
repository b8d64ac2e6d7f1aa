"""What is shown to everybody in a channel: people's words and customers' names, masked (design.md decision 7).

Not a step of its own: whatever draws people's words goes through this.
"""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from sqlalchemy import Connection

from bot.confidential import masked, masked_name, masking
from bot.incident import Customer
from bot.wording import Wording
from storage import customers

MOST = 5000  # names that are looked for: opening them and looking is done once for each state of the list
KEPT = 100  # incidents

Mask = Callable[[str], str]

# By incident: what tells one state of its list from another, and what masks its names.
_made: OrderedDict[int, tuple[str, Mask]] = OrderedDict()
_making = Lock()


def of(tx: Connection, incident_id: int) -> Mask:
    """Masks what people wrote in an incident: its customers' names, and whatever else leads to a person."""
    state = customers.state_of_names(tx, incident_id, MOST)
    with _making:
        known = _made.get(incident_id)
        if known is not None and known[0] == state:
            _made.move_to_end(incident_id)
            return known[1]
    mask = masking(customers.names_of(tx, incident_id, MOST))
    with _making:
        _made[incident_id] = (state, mask)
        while len(_made) > KEPT:
            _made.popitem(last=False)
    return mask


def name_of(customer: Customer, words: Wording) -> str:
    """A customer as everybody may see them; `(erased)` when nothing is left."""
    shown = masked_name(customer.name) or masked(customer.contact) or masked_name(customer.number)
    return shown or words.text("customer.erased")
