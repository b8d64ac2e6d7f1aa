"""User groups."""

from sandbox.errors import SlackError
from sandbox.webapi.call import TIER_2, Call, Method
from sandbox.workspace import Json


def list_(call: Call) -> Json:
    with_members = call.flag("include_users")
    return {"usergroups": [call.workspace.group_json(g, members=with_members) for g in call.workspace.groups.values()]}


def users_list(call: Call) -> Json:
    group = call.workspace.groups.get(call.required("usergroup"))
    if group is None:
        raise SlackError("no_such_subteam")
    return {"users": list(group.members)}


METHODS = {
    "usergroups.list": Method(list_, TIER_2, ("usergroups:read",)),
    "usergroups.users.list": Method(users_list, TIER_2, ("usergroups:read",)),
}
