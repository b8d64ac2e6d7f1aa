"""What each method of the Web API refuses, with Slack's own errors."""

import copy
from typing import Any

import pytest

from tests.sandbox.conftest import MANIFEST, Sandbox

G, GONE = "C0GENERAL", "C0000"
OWN = "own"  # stands for the id of a channel that the bot made
OLD = "old"  # ... of one that it made and archived
CARD = "card"  # ... for the ts of a message that it posted there
THEIRS = "theirs"  # ... for the ts of somebody else's message there
MUCH = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3000}}] * 5

CASES: list[tuple[str, dict[str, Any], str]] = [
    ("no.such", {}, "unknown_method"),
    ("chat.postMessage", {"channel": GONE, "text": "x"}, "channel_not_found"),
    ("chat.postMessage", {"channel": G, "text": "x"}, "not_in_channel"),
    ("chat.postMessage", {"channel": OLD, "text": "x"}, "is_archived"),
    ("chat.postMessage", {"channel": OWN}, "no_text"),
    ("chat.postMessage", {"channel": OWN, "blocks": MUCH}, "msg_blocks_too_long"),
    ("chat.postMessage", {"channel": OWN, "blocks": "nonsense"}, "invalid_blocks_format"),
    ("chat.postMessage", {"channel": OWN, "text": "x", "markdown_text": "y"}, "markdown_text_conflict"),
    ("chat.postMessage", {"channel": OWN, "text": "x", "thread_ts": "1.2"}, "thread_not_found"),
    ("chat.postMessage", {"channel": OWN, "text": "x", "metadata": {"a": 1}}, "invalid_metadata_format"),
    ("chat.postMessage", {"channel": OWN, "text": "x", "username": "me"}, "missing_scope"),
    ("chat.postMessage", {"channel": "U0GONE", "text": "x"}, "channel_not_found"),
    ("chat.update", {"channel": OWN, "ts": "1.2", "text": "x"}, "message_not_found"),
    ("chat.update", {"channel": OWN, "ts": CARD, "text": "x" * 4001}, "msg_too_long"),
    ("chat.update", {"channel": OWN, "ts": CARD, "text": "x", "blocks": MUCH}, "msg_blocks_too_long"),
    ("chat.update", {"channel": OWN, "ts": THEIRS, "text": "x"}, "cant_update_message"),
    ("chat.delete", {"channel": OWN, "ts": THEIRS}, "cant_delete_message"),
    ("chat.delete", {"channel": OWN, "ts": "1.2"}, "message_not_found"),
    ("chat.postEphemeral", {"channel": OWN, "user": "U0ADA", "text": "x"}, "user_not_in_channel"),
    ("chat.postEphemeral", {"channel": G, "user": "U0ADA", "text": "x"}, "not_in_channel"),
    ("chat.getPermalink", {"channel": OWN, "message_ts": "1.2"}, "message_not_found"),
    ("conversations.create", {"name": "own"}, "name_taken"),
    ("conversations.create", {"name": "old"}, "name_taken"),
    ("conversations.create", {"name": "hidden"}, "name_taken"),
    ("conversations.create", {"name": "Upper"}, "invalid_name_specials"),
    ("conversations.create", {"name": "故障"}, "invalid_name_specials"),
    ("conversations.create", {"name": "x" * 81}, "invalid_name_maxlength"),
    ("conversations.create", {"name": "---"}, "invalid_name_punctuation"),
    ("conversations.create", {}, "invalid_name_required"),
    ("conversations.invite", {"channel": OWN}, "no_user"),
    ("conversations.invite", {"channel": OWN, "users": "U0LIN"}, "already_in_channel"),
    ("conversations.invite", {"channel": OWN, "users": "U0TESTER"}, "cant_invite_self"),
    ("conversations.invite", {"channel": OWN, "users": "U0GONE"}, "user_not_found"),
    ("conversations.invite", {"channel": OWN, "users": "U0GUEST"}, "ura_max_channels"),
    ("conversations.invite", {"channel": OWN, "users": ["U0ADA"] * 101}, "too_many_users"),
    ("conversations.invite", {"channel": G, "users": "U0ADA"}, "not_in_channel"),
    ("conversations.invite", {"channel": OWN, "users": "[bad"}, "invalid_arguments"),
    ("conversations.invite", {"channel": OWN, "users": [5]}, "invalid_arguments"),
    ("conversations.invite", {"channel": OWN, "users": 5}, "invalid_arguments"),
    ("conversations.list", {"types": "[bad"}, "invalid_arguments"),
    ("files.completeUploadExternal", {"files": [5]}, "invalid_arguments"),
    ("conversations.invite", {"channel": OLD, "users": "U0ADA"}, "is_archived"),
    ("conversations.setTopic", {"channel": OWN, "topic": "x" * 251}, "too_long"),
    ("conversations.setPurpose", {"channel": OWN, "purpose": "x" * 251}, "too_long"),
    ("conversations.rename", {"channel": OWN, "name": "general"}, "name_taken"),
    ("conversations.rename", {"channel": G, "name": "x"}, "not_authorized"),
    ("conversations.archive", {"channel": OLD}, "already_archived"),
    ("conversations.archive", {"channel": G}, "not_in_channel"),
    ("conversations.unarchive", {"channel": OLD}, "not_in_channel"),
    ("conversations.kick", {"channel": OWN, "user": "U0TESTER"}, "cant_kick_self"),
    ("conversations.open", {"users": "U0GONE"}, "user_disabled"),
    ("conversations.open", {"users": "U0000"}, "user_not_found"),
    ("conversations.open", {"users": ",".join(["U0ADA"] * 9)}, "too_many_users"),
    ("conversations.history", {"channel": G}, "not_in_channel"),
    ("conversations.history", {"channel": OWN, "limit": 1000}, "invalid_limit"),
    ("conversations.history", {"channel": OWN, "cursor": "nonsense"}, "invalid_cursor"),
    ("conversations.replies", {"channel": OWN, "ts": "1.2"}, "thread_not_found"),
    ("conversations.list", {"types": "clubs"}, "invalid_types"),
    ("pins.add", {"channel": OWN, "timestamp": "1.2"}, "message_not_found"),
    ("pins.remove", {"channel": OWN, "timestamp": CARD}, "no_pin"),
    ("bookmarks.add", {"channel_id": OWN, "type": "link", "title": "x", "link": "nonsense"}, "invalid_link"),
    ("reactions.add", {"channel": OWN, "timestamp": CARD, "name": ":eyes:"}, "invalid_name"),
    ("reactions.remove", {"channel": OWN, "timestamp": CARD, "name": "eyes"}, "no_reaction"),
    ("users.info", {"user": "U0000"}, "user_not_found"),
    ("users.lookupByEmail", {"email": "nobody@northlight.example"}, "users_not_found"),
    ("usergroups.users.list", {"usergroup": "S0000"}, "no_such_subteam"),
    ("files.getUploadURLExternal", {"filename": "x.txt", "length": 0}, "missing_argument"),
    ("files.completeUploadExternal", {"files": [{"id": "F0000"}]}, "file_not_found"),
    ("views.open", {"trigger_id": "1.2.3", "view": {"type": "modal"}}, "invalid_arguments"),
    ("views.update", {"view_id": "V0000", "view": {"type": "modal"}}, "not_found"),
    ("views.publish", {"user_id": "U0000", "view": {"type": "home", "blocks": []}}, "user_not_found"),
]


@pytest.fixture(scope="module")
def furnished(shared: Sandbox) -> tuple[Sandbox, dict[str, str]]:
    shared.do("reset", manifest=str(shared.install(MANIFEST)))
    shared.do("settings", rate_limits=False)
    own = shared.call("conversations.create", name="own")["channel"]["id"]
    shared.call("conversations.invite", channel=own, users="U0LIN")
    card = shared.call("chat.postMessage", channel=own, text="card")["ts"]
    theirs = shared.do("act/message", user="U0LIN", channel="own", text="hello")["ts"]
    old = shared.call("conversations.create", name="old")["channel"]["id"]
    shared.call("conversations.archive", channel=old)
    shared.do("act/create_channel", user="U0ADA", name="hidden", is_private=True)
    return shared, {OWN: own, OLD: old, CARD: card, THEIRS: theirs}


@pytest.mark.parametrize(("method", "args", "error"), CASES)
def test_a_call_is_refused(
    furnished: tuple[Sandbox, dict[str, str]], method: str, args: dict[str, Any], error: str
) -> None:
    sandbox, ids = furnished
    filled = {
        key: ids.get(value, value) if isinstance(value, str) and key != "name" else value for key, value in args.items()
    }
    answer = sandbox.call(method, **filled)
    assert answer["ok"] is False
    assert answer["error"] == error


@pytest.mark.parametrize(
    ("kind", "body", "error"),
    [
        ("application/json", b"{bad", "invalid_json"),
        ("application/json; charset=utf-8", b'{"name": "\xff"}', "invalid_json"),
        ("application/json", b'["x"]', "json_not_object"),
        ("multipart/form-data; boundary=x", b"nonsense", "invalid_form_data"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(sandbox: Sandbox, kind: str, body: bytes, error: str) -> None:
    headers = {"Authorization": "Bearer xoxb-sandbox", "Content-Type": kind}
    answer = sandbox.http.post("/api/conversations.create", content=body, headers=headers).json()
    assert answer == {"ok": False, "error": error}
    assert sandbox.get("calls")[-1]["error"] == error


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("act/command", b"{bad", "the body is not JSON"),
        ("act/command", b"[1]", "the body must be a JSON object"),
        ("act/command", b'{"user": 5, "channel": "general", "text": "/incident"}', "user must be a text"),
        ("act/command", b'{"user": null, "channel": "general", "text": "/incident"}', "missing: user"),
        ("act/submit", b'{"user": "lin", "values": [1]}', "values must be an object"),
        ("act/invite", b'{"user": "lin", "channel": "general", "invited": [5]}', "invited must be a list of texts"),
        ("faults", b'{"method": "*", "kind": "latency", "seconds": "abc"}', "seconds must be a number of seconds"),
        ("faults", b'{"method": "*", "kind": "latency", "seconds": -1}', "seconds must be a number of seconds"),
        ("faults", b'{"method": "*", "kind": "ratelimited", "retry_after": true}', "retry_after must be"),
        ("faults", b'{"method": "*", "kind": "error", "error": 5}', "error must be one of Slack's error codes"),
        ("faults", b'{"method": "*", "kind": "error", "count": 0}', "count must be a whole number, 1 or more"),
        ("faults", b'{"method": "*", "kind": ["error"]}', "kind must be one of"),
        ("faults", b'{"method": "*", "kind": "error", "match": [1]}', "match must be an object"),
        ("time", b'{"advance": "abc"}', "could not convert"),
    ],
)
def test_what_makes_no_sense_to_the_control_api_is_said_in_words(
    sandbox: Sandbox, path: str, body: bytes, sentence: str
) -> None:
    answer = sandbox.http.post(f"/sandbox/{path}", content=body)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
    assert sandbox.get("faults") == []


@pytest.mark.parametrize(
    ("token", "method", "error"),
    [
        ("", "auth.test", "not_authed"),
        ("xoxb-wrong", "auth.test", "invalid_auth"),
        ("xapp-sandbox", "auth.test", "not_allowed_token_type"),
        ("xoxb-sandbox", "apps.connections.open", "not_allowed_token_type"),
    ],
)
def test_a_token_opens_only_what_it_is_for(sandbox: Sandbox, token: str, method: str, error: str) -> None:
    assert sandbox.call(method, token)["error"] == error


@pytest.mark.parametrize(
    ("method", "args", "scope"),
    [
        ("chat.postMessage", {"channel": G, "text": "x"}, "chat:write"),
        ("conversations.create", {"name": "x"}, "channels:manage"),
        ("conversations.create", {"name": "x", "is_private": True}, "groups:write"),
        ("conversations.join", {"channel": G}, "channels:join"),
        ("users.info", {"user": "U0LIN"}, "users:read"),
        ("usergroups.list", {}, "usergroups:read"),
        ("pins.add", {"channel": G, "timestamp": "1.2"}, "pins:write"),
        ("conversations.open", {"users": "U0LIN"}, "im:write"),
    ],
)
def test_a_scope_that_the_manifest_lacks_is_named(
    sandbox: Sandbox, method: str, args: dict[str, Any], scope: str
) -> None:
    manifest = copy.deepcopy(MANIFEST)
    manifest["oauth_config"]["scopes"]["bot"].remove(scope)
    sandbox.do("reset", manifest=str(sandbox.install(manifest)))
    answer = sandbox.call(method, **args)
    assert answer["error"] == "missing_scope"
    assert answer["needed"] == scope
    assert scope not in answer["provided"].split(",")


@pytest.mark.parametrize(
    ("kind", "refused"),
    [
        ({"is_restricted": True}, None),
        ({"is_restricted": True, "is_ultra_restricted": True}, "ura_max_channels"),
    ],
)
def test_a_guest_of_one_channel_cannot_be_invited_into_another(
    sandbox: Sandbox, kind: dict[str, bool], refused: str | None
) -> None:
    sandbox.do("act/add_person", id="U0NEW", name="new", **kind)
    user = sandbox.call("users.info", user="U0NEW")["user"]
    assert (user["is_restricted"], user["is_ultra_restricted"]) == (True, refused is not None)
    channel = sandbox.call("conversations.create", name="with-guests")["channel"]["id"]
    answer = sandbox.call("conversations.invite", channel=channel, users="U0NEW")
    assert answer.get("error") == refused, answer
    assert ("U0NEW" in sandbox.get("channels/with-guests")["members"]) is (refused is None)


def test_an_invitation_with_force_takes_who_can_be_taken_and_names_the_rest(sandbox: Sandbox) -> None:
    channel = sandbox.call("conversations.create", name="x")["channel"]["id"]
    users = ["U0LIN", "U0GONE", "U0ADA"]
    refused = sandbox.call("conversations.invite", channel=channel, users=users)
    assert refused["errors"] == [{"user": "U0GONE", "ok": False, "error": "user_not_found"}]
    assert sandbox.get("channels/x")["members"] == ["U0TESTER"]
    taken = sandbox.call("conversations.invite", channel=channel, users=users, force=True)
    assert taken["ok"]
    assert taken["errors"] == refused["errors"]
    assert sandbox.get("channels/x")["members"] == ["U0TESTER", "U0LIN", "U0ADA"]


def test_metadata_is_in_the_history_only_when_asked_for(sandbox: Sandbox) -> None:
    channel = sandbox.call("conversations.create", name="x")["channel"]["id"]
    metadata = {"event_type": "outbox", "event_payload": {"id": 7}}
    sandbox.call("chat.postMessage", channel=channel, text="x", metadata=metadata)
    assert "metadata" not in sandbox.call("conversations.history", channel=channel)["messages"][0]
    told = sandbox.call("conversations.history", channel=channel, include_all_metadata=True)
    assert told["messages"][0]["metadata"] == metadata


def test_history_and_replies_page_from_the_newest_and_the_oldest(sandbox: Sandbox) -> None:
    channel = sandbox.call("conversations.create", name="x")["channel"]["id"]
    first = sandbox.call("chat.postMessage", channel=channel, text="0")["ts"]
    for i in range(1, 4):
        sandbox.call("chat.postMessage", channel=channel, text=str(i))
        sandbox.call("chat.postMessage", channel=channel, text=f"reply {i}", thread_ts=first)
    page = sandbox.call("conversations.history", channel=channel, limit=2)
    assert [m["text"] for m in page["messages"]] == ["3", "2"]
    cursor = page["response_metadata"]["next_cursor"]
    rest = sandbox.call("conversations.history", channel=channel, limit=2, cursor=cursor)
    assert [m["text"] for m in rest["messages"]] == ["1", "0"]
    replies = sandbox.call("conversations.replies", channel=channel, ts=first)["messages"]
    assert [m["text"] for m in replies] == ["0", "reply 1", "reply 2", "reply 3"]
    assert replies[0]["reply_count"] == 3


def test_a_message_to_a_person_opens_the_direct_message_with_them(sandbox: Sandbox) -> None:
    posted = sandbox.call("chat.postMessage", channel="U0LIN", text="hello")
    assert posted["channel"].startswith("D")
    assert sandbox.call("conversations.open", users="U0LIN")["channel"]["id"] == posted["channel"]


def test_an_update_keeps_the_blocks_it_does_not_mention(sandbox: Sandbox) -> None:
    channel = sandbox.call("conversations.create", name="x")["channel"]["id"]
    posted = sandbox.call("chat.postMessage", channel=channel, text="x", blocks=[{"type": "divider"}])
    kept = sandbox.call("chat.update", channel=channel, ts=posted["ts"], text="y")["message"]
    assert kept["blocks"] == posted["message"]["blocks"]
    assert "blocks" not in sandbox.call("chat.update", channel=channel, ts=posted["ts"], text="y", blocks=[])["message"]


def test_the_archive_is_closed_for_edits(sandbox: Sandbox) -> None:
    channel = sandbox.call("conversations.create", name="x")["channel"]["id"]
    ts = sandbox.call("chat.postMessage", channel=channel, text="x")["ts"]
    sandbox.call("conversations.archive", channel=channel)
    assert sandbox.call("chat.update", channel=channel, ts=ts, text="y")["error"] == "is_inactive"
    assert sandbox.do("act/archive", user="U0LIN", channel="x", undo=True)["ok"]
    assert sandbox.call("chat.update", channel=channel, ts=ts, text="y")["ok"]


def test_above_the_rate_limit_a_call_must_wait(sandbox: Sandbox) -> None:
    sandbox.do("settings", rate_limits=True)
    for i in range(20):
        assert sandbox.call("conversations.create", name=f"x{i}")["ok"]
    headers = {"Authorization": "Bearer xoxb-sandbox"}
    refused = sandbox.http.post("/api/conversations.create", json={"name": "more"}, headers=headers)
    assert refused.status_code == 429
    assert refused.json() == {"ok": False, "error": "ratelimited"}
    sandbox.do("time", advance=int(refused.headers["retry-after"]))
    assert sandbox.call("conversations.create", name="more")["ok"]


def test_the_bot_asks_who_it_is_and_who_the_others_are(sandbox: Sandbox) -> None:
    me = sandbox.call("auth.test")
    assert sandbox.call("users.info", user=me["user_id"])["user"]["is_bot"]
    lin = sandbox.call("users.info", user="U0LIN", include_locale=True)["user"]
    assert (lin["locale"], lin["tz"]) == ("zh-CN", "Asia/Shanghai")
    groups = sandbox.call("usergroups.list", include_users=True)["usergroups"]
    assert {g["handle"]: g["users"] for g in groups}["supervisors"] == ["U0WANG", "U0TOM"]
