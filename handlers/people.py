"""Whom the bot knows: people with their language, the user groups of the procedure, who joined which channel."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from slack_bolt import App
from slack_sdk.errors import SlackApiError
from sqlalchemy import Connection

from bot.incident import Person
from bot.wording import language_of
from handlers.blocks import Json
from handlers.courier import LEASE
from handlers.desk import Desk, Later
from storage import incidents, outbox, people
from storage.outbox import Errand

SLACKBOT = "USLACKBOT"  # of which Slack says that it is no bot
REMEMBERED = timedelta(minutes=1)
REMEMBERED_AT_MOST = 5000  # people; a few hundred bytes each


def register(app: App) -> None:
    """What leads here."""
    app.event("user_change")(learn_change)
    app.event("team_join")(learn_change)
    app.event("subteam_members_changed")(ask_for_groups)
    app.event("subteam_updated")(ask_for_groups)
    app.event("subteam_created")(ask_for_groups)
    app.event("member_joined_channel")(join)


def recall(desk: Desk, user_id: str) -> Person | None:
    """Somebody the bot knows. What was read less than a minute ago is taken as it was: this stands in everybody's way.

    A change that this replica hears of counts at once; one that another replica heard of, within the minute.
    """
    since, person = desk.met.get(user_id, (None, None))
    if person is not None and since is not None and abs(desk.now() - since) < REMEMBERED:
        return person
    with desk.db.read() as tx:
        person = people.get(tx, user_id)
    if person is not None:
        if len(desk.met) >= REMEMBERED_AT_MOST:
            desk.met.clear()
        desk.met[user_id] = (desk.now(), person)
    return person


def ask_for_everybody(desk: Desk) -> None:
    """At the start: everybody's language and zone, and who is in which user group."""
    with desk.db.begin() as tx:
        outbox.ask(tx, "learn_groups", "groups", desk.now(), collapses="groups")
        outbox.ask(tx, "learn_everybody", "everybody", desk.now(), collapses="everybody")


def ask_for_groups(desk: Desk) -> None:
    """A user group has changed."""
    with desk.db.begin() as tx:
        outbox.ask(tx, "learn_groups", "groups", desk.now(), collapses="groups")
    desk.wake()


def ask_for_person(desk: Desk, user_id: str) -> None:
    """Somebody the bot does not know has shown up: they are looked up afterwards, never while they wait."""
    if user_id in desk.bots:
        return
    with desk.db.begin() as tx:
        lane = f"learn:{user_id}"
        outbox.ask(tx, "learn_person", lane, desk.now(), detail={"user": user_id}, collapses=lane)
    desk.wake()


def learn_change(event: Json, desk: Desk, now: datetime) -> None:
    """A profile has changed, or somebody is new. What the event does not say (the language) is asked for."""
    user = event["user"]
    if "locale" in user or user.get("deleted"):
        with desk.db.begin() as tx:
            _learn(tx, [user], now)
        desk.met.pop(str(user["id"]), None)
        desk.wake()
    else:
        ask_for_person(desk, str(user["id"]))


def join(event: Json, desk: Desk, now: datetime) -> None:
    """Whoever joins an incident's channel handles its case. Whom the bot itself has invited is written down already."""
    if desk.identity().user_id in (event["user"], event.get("inviter")):
        return
    with desk.db.begin() as tx:
        incident = incidents.in_channel(tx, str(event["channel"]))
        if incident is not None:
            incidents.add_participants(tx, incident.id, [str(event["user"])])
            incidents.set_invited(tx, incident.id, [str(event["user"])], now)


def learn_person(desk: Desk, errand: Errand) -> None:
    """Asks Slack who somebody is. A bot is nobody whom people could ask, and is not looked up again."""
    if errand.detail["user"] in desk.bots:  # asked for while the lookup before it was under way
        return
    user = desk.client.users_info(user=str(errand.detail["user"]), include_locale=True)["user"]
    if _is_bot(user):
        desk.bots.add(str(user["id"]))
        return
    with desk.db.begin() as tx:
        _learn(tx, [user], desk.now())
    desk.met.pop(str(user["id"]), None)
    desk.wake()


def learn_everybody(desk: Desk, errand: Errand) -> None:
    """Asks Slack for all people, page by page, from where it stopped: Slack gives about twenty pages a minute."""
    cursor = str(errand.detail.get("cursor") or "")
    try:
        page = _page(desk, cursor)
    except SlackApiError as error:
        if not cursor or error.response["error"] != "invalid_cursor":
            raise
        page = _page(desk, "")  # Slack does not remember for ever where we were
    while cursor := _learn_page(desk, errand, page):
        page = _page(desk, cursor)
    desk.met.clear()
    desk.wake()


def _page(desk: Desk, cursor: str) -> Any:
    return desk.client.users_list(limit=200, include_locale=True, cursor=cursor or None)


def _learn_page(desk: Desk, errand: Errand, page: Any) -> str:
    """Who is on a page, and where the next one begins, in one transaction. Returns that, or "" after the last."""
    following, now = str((page.get("response_metadata") or {}).get("next_cursor") or ""), desk.now()
    with desk.db.begin() as tx:
        _learn(tx, page["members"], now)
        is_ours = not following or outbox.keep_cursor(tx, errand, following, now + LEASE)
    if not is_ours:
        raise Later("somebody else goes on with it", 60)
    return following


def learn_groups(desk: Desk, errand: Errand) -> None:  # noqa: ARG001 - an errand's shape
    """Asks Slack who is in the user groups that the procedure names."""
    groups = desk.client.usergroups_list(include_users=True)["usergroups"]
    with desk.db.begin() as tx:
        for handle, users in _named(groups, desk.procedure.groups):
            people.set_roster(tx, handle, users, desk.now())


def _learn(tx: Connection, users: Iterable[Any], now: datetime) -> None:
    """Who they are; of those who have left since we last looked, what they had is given to others."""
    found = [person_of(user) for user in users if not _is_bot(user)]
    left = people.there(tx, [person.user_id for person in found if not person.is_active])
    people.learn(tx, found, now)
    for user_id in sorted(left):
        lane = f"gone:{user_id}"
        outbox.ask(tx, "replace_gone", lane, now, detail={"user": user_id}, collapses=lane)


def person_of(user: Any) -> Person:
    """A person as Slack describes them."""
    profile = user.get("profile") or {}
    name = profile.get("display_name") or user.get("real_name") or profile.get("real_name") or user.get("name") or ""
    locale = user.get("locale")
    return Person(
        user_id=str(user["id"]),
        name=str(name)[:150],
        language=language_of(str(locale), "en") if locale else None,
        timezone=user.get("tz"),
        is_active=not user.get("deleted", False),
    )


def _is_bot(user: Any) -> bool:
    return bool(user.get("is_bot")) or user["id"] == SLACKBOT


def _named(groups: Iterable[Any], handles: set[str]) -> Iterable[tuple[str, list[str]]]:
    for group in groups:
        if group["handle"] in handles:
            yield group["handle"], [str(user) for user in group.get("users") or ()]
