"""People, as the app sees them."""

from sandbox.errors import SlackError
from sandbox.webapi.call import TIER_2, TIER_3, TIER_4, Call, Method, page
from sandbox.workspace import Json, Person


def info(call: Call) -> Json:
    person = call.workspace.people.get(call.required("user"))
    if person is None:
        raise SlackError("user_not_found")
    return {"user": _shown(call, person)}


def list_(call: Call) -> Json:
    people, metadata = page(call, list(call.workspace.people.values()), 1000, 1000)
    return {
        "members": [_shown(call, p) for p in people],
        "cache_ts": int(call.workspace.now()),
        "response_metadata": metadata,
    }


def lookup_by_email(call: Call) -> Json:
    email = call.required("email").lower()
    person = next((p for p in call.workspace.people.values() if p.email == email and not p.deleted), None)
    if person is None:
        raise SlackError("users_not_found")
    return {"user": _shown(call, person)}


def _shown(call: Call, person: Person) -> Json:
    with_email = "users:read.email" in call.workspace.manifest.scopes
    return call.workspace.user_json(person, locale=call.flag("include_locale"), email=with_email)


METHODS = {
    "users.info": Method(info, TIER_4, ("users:read",)),
    "users.list": Method(list_, TIER_2, ("users:read",)),
    "users.lookupByEmail": Method(lookup_by_email, TIER_3, ("users:read.email",)),
}
