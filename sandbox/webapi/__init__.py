"""Slack's Web API: what the app may ask for. A file for each family; this is the list of all methods."""

from sandbox.webapi import apps, auth, bookmarks, chat, conversations, files, pins, reactions, usergroups, users, views
from sandbox.webapi.call import Method

METHODS: dict[str, Method] = {
    **apps.METHODS,
    **auth.METHODS,
    **bookmarks.METHODS,
    **chat.METHODS,
    **conversations.METHODS,
    **files.METHODS,
    **pins.METHODS,
    **reactions.METHODS,
    **usergroups.METHODS,
    **users.METHODS,
    **views.METHODS,
}
