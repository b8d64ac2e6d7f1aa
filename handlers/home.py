"""App Home: somebody opens it -> what is open, and the button to report. Drawn from the database for this person."""

from slack_bolt import App
from slack_sdk.models.views import View

from bot.incident import Person
from handlers import overview
from handlers.blocks import Json, actions, button, section
from handlers.desk import Desk
from storage import outbox, people
from storage.outbox import Errand


def register(app: App) -> None:
    """What leads here."""
    app.event("app_home_opened")(ask_for_home)


def ask_for_home(event: Json, desk: Desk, person: Person) -> None:
    """The courier draws it: publishing is a call to Slack."""
    if event.get("tab") != "home":
        return
    with desk.db.begin() as tx:
        lane = f"home:{person.user_id}"
        outbox.ask(tx, "show_home", lane, desk.now(), detail={"user": person.user_id}, collapses=lane)
    desk.wake()


def show_home(desk: Desk, errand: Errand) -> None:
    """Draws App Home for one person."""
    user_id = str(errand.detail["user"])
    with desk.db.read() as tx:
        person = people.get(tx, user_id)
        words = desk.words_for(person)
        listed = overview.listed(tx, user_id, words, desk.now())
    greeting = words.mrkdwn("home.greeting", name=person.name) if person and person.name else words.mrkdwn("home.hello")
    report = button(words.text("button.report.open"), "report.open", "new", primary=True)
    blocks = [section(greeting), actions([report]), *listed]
    desk.client.views_publish(user_id=user_id, view=View(type="home", blocks=blocks))
