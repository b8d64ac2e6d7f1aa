"""Step 3. Somebody speaks to a customer: button -> form with the words -> logged -> clocks met, the next customer, or
who is left.

The form proposes whose turn it is, what they have to hear and in which words. A choice that changes draws the words
anew, unless somebody has changed them: then they are asked.
"""

from slack_bolt import App

from handlers.contact.choosing import find, look, open_form, show_more, use_script, write_to_all
from handlers.contact.drawing import EVERYBODY, UNHEARD, Start, form
from handlers.contact.saving import submit
from handlers.words import choice

__all__ = ["EVERYBODY", "UNHEARD", "Start", "form", "open_form", "register", "submit"]


def register(app: App) -> None:
    """What leads here."""
    app.action("contact.open")(open_form)
    app.action("contact.said")(open_form)
    app.action("contact.with")(open_form)
    app.action("ledger.one", matchers=[choice("contact.with")])(open_form)
    app.options("contact.look")(find)
    app.action("contact.look")(look)
    app.action("contact.script")(use_script)
    app.action("contact.more")(show_more)
    app.action("contact.all")(write_to_all)
    app.view("contact.submit")(submit)
