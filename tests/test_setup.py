"""A wrong setup is said in plain sentences, with exit code 2, without a traceback and without a secret."""

import hashlib
import hmac
import json
import os
import re
import resource
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cryptography.fernet import Fernet
from slack_sdk import WebClient

from bot.__main__ import main
from handlers.setup import Reach
from handlers.transport import PING_S, SocketMode
from storage.encryption import key_beside
from tests.processes import BotProcess, environment_of
from tests.test_places import announcing_in, private_channel
from tests.workspace import LIN, MANIFEST, PROCEDURE, SUN, TOKENS, Sandbox, Workspace, settings_for

PASSWORD = "correct-horse-battery-staple"
Checking = Callable[[dict[str, str]], str]
SECRETS = (*TOKENS.values(), PASSWORD)


@pytest.fixture
def right(sandbox: Sandbox, sqlite_url: str) -> dict[str, str]:
    """The environment of a setup in which everything is right."""
    sandbox.post("/reset")
    return environment_of(settings_for(sandbox, sqlite_url))


@pytest.fixture
def over_http(sandbox: Sandbox, sqlite_url: str) -> dict[str, str]:
    """The same for HTTP mode, on any free port."""
    sandbox.post("/reset")
    return environment_of(settings_for(sandbox, sqlite_url, socket_mode=False), PORT="0")


def without(environment: dict[str, str], *names: str) -> dict[str, str]:
    """The environment without these."""
    return {name: value for name, value in environment.items() if name not in names}


def refused(environment: dict[str, str], *arguments: str) -> str:
    """What the bot says when it refuses to go on: for people, without a traceback and without secrets."""
    process = BotProcess(environment, *arguments)
    code = process.ended()
    assert code == 2, process.output
    check_is_for_people(process.output)
    return process.output


@pytest.fixture
def checking(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Checking:
    """`python -m bot check` without the time that a process takes to start; says what it refuses."""

    def check(environment: dict[str, str]) -> str:
        for name in [name for name in os.environ if name not in environment]:
            monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        code = main(["check"])
        output = "".join(capsys.readouterr())
        assert code == 2, output
        check_is_for_people(output)
        return output

    return check


def check_is_for_people(output: str) -> None:
    """No traceback, no secret."""
    assert "Traceback" not in output, output
    assert 'File "' not in output, output
    for secret in SECRETS:
        assert secret not in output, output


def check_is_for_programs(log: str) -> None:
    """Each line is one JSON object that says how grave it is."""
    for line in log.splitlines():
        assert json.loads(line)["level"] in ("info", "warning", "error"), line


def test_a_right_setup_is_in_order(right: dict[str, str]) -> None:
    process = BotProcess(right, "check")
    assert process.ended() == 0, process.output
    assert "Everything is in order." in process.output
    check_is_for_people(process.output)


# What is wrong -> what is said, by `check` and by `run` alike.
WRONG = {
    "no bot token": ({"SLACK_BOT_TOKEN": ""}, "Set SLACK_BOT_TOKEN"),
    "no way in": ({"SLACK_APP_TOKEN": ""}, "Set SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP mode)"),
    "a token of the wrong kind": ({"SLACK_BOT_TOKEN": "xoxp-" + PASSWORD}, "must be the bot token"),
    "the tokens mixed up": ({"SLACK_APP_TOKEN": TOKENS["bot"]}, "must be the app-level token"),
    "a token that Slack does not know": (
        {"SLACK_BOT_TOKEN": "xoxb-" + PASSWORD},
        "Slack does not know SLACK_BOT_TOKEN",
    ),
    "an app token that Slack does not know": ({"SLACK_APP_TOKEN": "xapp-" + PASSWORD}, "Socket Mode can't be used"),
    "an address that is none": ({"SLACK_API_URL": "http://localhost:port/api/"}, "SLACK_API_URL must"),
    "another kind of database": ({"DATABASE_URL": f"mysql://u:{PASSWORD}@h/d"}, "DATABASE_URL must be PostgreSQL or"),
    "no database address": ({"DATABASE_URL": PASSWORD}, "DATABASE_URL must look like"),
    "a database that is not there": (
        {"DATABASE_URL": f"postgresql://hotline:{PASSWORD}@127.0.0.1:1/hotline"},
        "The database can't be reached",
    ),
    "a database file that is none": ({"DATABASE_URL": f"sqlite:///{PROCEDURE}"}, "DATABASE_URL"),
    "a database in a folder that is a file": ({"DATABASE_URL": f"sqlite:///{PROCEDURE}/hotline.db"}, "DATABASE_URL"),
    "no key for a database elsewhere": (
        {"DATABASE_URL": f"postgresql://hotline:{PASSWORD}@example.invalid/hotline"},
        "Set HOTLINE_ENCRYPTION_KEYS",
    ),
    "a key that is none": ({"HOTLINE_ENCRYPTION_KEYS": PASSWORD}, "HOTLINE_ENCRYPTION_KEYS has a key that is not one"),
    "an unknown language": ({"HOTLINE_LANGUAGE": "fr"}, "HOTLINE_LANGUAGE must be en or zh"),
    "an unknown time zone": ({"HOTLINE_TIMEZONE": "Mars/Olympus"}, "HOTLINE_TIMEZONE must be the name of a time zone"),
    "no procedure file": ({"HOTLINE_PROCEDURE": "/nowhere.yml"}, "The procedure file /nowhere.yml can't be read"),
    "a port that is none": ({"PORT": "eighty"}, "PORT"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_said_and_how_to_mend_it(checking: Checking, right: dict[str, str], wrong: str) -> None:
    environment, sentence = WRONG[wrong]
    assert sentence in checking({**right, **environment})


@pytest.mark.parametrize(
    "wrong",
    [
        "no way in",
        "a token that Slack does not know",
        "an app token that Slack does not know",
        "a database that is not there",
        "a database file that is none",
    ],
)
def test_run_says_the_same(right: dict[str, str], wrong: str) -> None:
    environment, sentence = WRONG[wrong]
    assert sentence in refused({**right, **environment}, "run")


def test_all_mistakes_are_said_at_once(checking: Checking, right: dict[str, str]) -> None:
    output = checking({**right, "SLACK_BOT_TOKEN": "", "HOTLINE_LANGUAGE": "fr", "PORT": "-1"})
    assert len(output.strip().splitlines()) == 3, output


def test_another_database_key_than_the_one_it_was_written_with_is_refused(right: dict[str, str]) -> None:
    first, second = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    assert BotProcess({**right, "HOTLINE_ENCRYPTION_KEYS": first}, "migrate").ended() == 0
    for command in ("run", "migrate", "check"):
        output = refused({**right, "HOTLINE_ENCRYPTION_KEYS": second}, command)
        assert "none of the keys that this database was written with" in output
        assert second not in output
    assert BotProcess({**right, "HOTLINE_ENCRYPTION_KEYS": f"{second},{first}"}, "migrate").ended() == 0


def test_what_works_on_the_database_alone_needs_nothing_of_slack(right: dict[str, str]) -> None:
    first, second = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    alone = without(right, *(name for name in right if name.startswith("SLACK_")))
    for keys, command, code in (
        (first, "migrate", 0),
        (first, "journal verify", 0),
        (first, "customer export --number 1", 1),
        (f"{second},{first}", "keys rotate", 0),
    ):
        process = BotProcess({**alone, "HOTLINE_ENCRYPTION_KEYS": keys}, *command.split())
        assert process.ended() == code, process.output
        assert "SLACK" not in process.output


@pytest.mark.parametrize("content", [b"", b"half-a-k", b"\xff\xfe"], ids=["empty", "half", "no text"])
@pytest.mark.parametrize("command", ["run", "check"])
def test_a_key_file_without_a_key_is_named(right: dict[str, str], tmp_path: Path, content: bytes, command: str) -> None:
    path = tmp_path / "hotline.key"
    path.write_bytes(content)
    output = refused(right, command)
    assert f"There is no key in the file {path}" in output
    assert "restore it from the backup" in output
    assert "HOTLINE_ENCRYPTION_KEYS" not in output
    assert path.read_bytes() == content


def test_a_key_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "hotline.key"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))  # as when the disk is full
    try:
        with pytest.raises(OSError, match="large"):
            key_beside(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []
    key = key_beside(path)
    assert key_beside(path) == key
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("command", [("run",), ("migrate",), ("check",), ("journal", "verify")])
def test_a_database_of_a_newer_version_is_refused_in_the_same_words(
    right: dict[str, str], sqlite_url: str, command: tuple[str, ...]
) -> None:
    assert BotProcess(right, "migrate").ended() == 0
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as database:
        database.execute("update alembic_version set version_num = '9999'")
    output = refused(right, *command)
    assert "The database was written by a newer version of Hotline (migration 9999)" in output
    assert "python -m bot migrate" not in output


def test_check_changes_nothing_in_the_database(right: dict[str, str], sqlite_url: str) -> None:
    assert BotProcess(right, "check").ended() == 0
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as database:
        assert database.execute("select count(*) from sqlite_master").fetchone() == (0,)


@pytest.mark.parametrize("scope", ["pins:write", "channels:read"])
@pytest.mark.parametrize("command", ["check", "run"])
def test_a_missing_scope_is_named(
    sandbox: Sandbox, right: dict[str, str], tmp_path: Path, command: str, scope: str
) -> None:
    manifest = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    manifest["oauth_config"]["scopes"]["bot"].remove(scope)
    path = tmp_path / "manifest.yml"
    path.write_text(yaml.safe_dump(manifest), encoding="utf-8")
    sandbox.post("/reset", manifest=str(path))
    try:
        output = refused(right, command)
        assert f"The app lacks the scopes {scope}" in output
        assert "Slack can't be reached" not in output
    finally:
        sandbox.post("/reset", manifest=str(MANIFEST))


def test_a_missing_channel_for_the_postmortems_is_named(
    checking: Checking, right: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "procedure.yml"
    path.write_text(PROCEDURE.read_text(encoding="utf-8").replace("#reviews", "#unread"), encoding="utf-8")
    output = checking({**right, "HOTLINE_PROCEDURE": str(path)})
    assert "The procedure has the postmortems in #unread, which does not exist: create the channel" in output


def test_missing_groups_and_channels_are_named(checking: Checking, right: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "procedure.yml"
    text = PROCEDURE.read_text(encoding="utf-8")
    path.write_text(text.replace("@supervisors", "@nobody").replace("#incidents", "#nowhere"), encoding="utf-8")
    environment = {**right, "HOTLINE_PROCEDURE": str(path)}
    output = checking(environment)
    assert "#reviews" not in output
    assert "the user group @nobody, which does not exist" in output
    assert "#nowhere, which does not exist" in output
    running = BotProcess(environment).ready()  # they can be made while it runs
    running.says("@nobody")
    running.says("#nowhere")
    assert running.stop() == 0
    check_is_for_people(running.output)


@pytest.mark.parametrize("what", ["private", "archived", "nowhere"])
def test_check_names_a_channel_by_its_id_in_which_the_bot_cannot_speak(
    sandbox: Sandbox,
    checking: Checking,
    right: dict[str, str],
    tmp_path: Path,
    what: str,
) -> None:
    if what == "archived":
        sandbox.post("/act/archive", user=SUN, channel="C0INCIDENTS")
    channel_id = {"private": private_channel(sandbox), "archived": "C0INCIDENTS", "nowhere": "C0NOWHERE"}[what]
    output = checking({**right, "HOTLINE_PROCEDURE": str(announcing_in(channel_id, tmp_path))})
    mend = {"archived": "which is archived: name another channel"}
    assert (
        f"The procedure announces incidents in {channel_id}, {mend.get(what, 'which the bot does not see')}" in output
    )
    assert ("invite the bot if the channel is private" in output) == (what != "archived")


def test_an_id_of_a_channel_in_which_the_bot_can_speak_is_in_order(
    sandbox: Sandbox,
    checking: Checking,
    right: dict[str, str],
    tmp_path: Path,
) -> None:
    quiet = private_channel(sandbox)
    sandbox.post("/act/invite", user=SUN, channel=quiet, invited=["bot"])
    for channel_id in ("C0INCIDENTS", quiet):
        path = announcing_in(channel_id, tmp_path)
        text = path.read_text(encoding="utf-8").replace("@supervisors", "@nobody")
        path.write_text(text, encoding="utf-8")
        output = checking({**right, "HOTLINE_PROCEDURE": str(path)})
        assert "@nobody" in output, "something else is wrong, so that it says what is"
        assert channel_id not in output


BROKEN = {
    "not YAML": ("channels:", "channels: [", r"procedure\.yml line \d+: "),
    "a wrong number": ("    within: 5\n", "    within: soon\n", r"line (\d+): duties\.verify\.within"),
    "an unknown role": ("role: lead,", "role: boss,", r"line (\d+): ladder\.0\.role"),
    "a field too many": ("    within: 5\n", "    within: 5\n    whithin: 6\n", r"line (\d+): duties\.verify\.whithin"),
    "a person who is none": ('on_call: ["@support-oncall"]', 'on_call: ["support"]', r"line (\d+): on_call\.0"),
    "a place that is none": ('announcements: "#incidents"', 'announcements: "incidents"', r"line (\d+): channels\.ann"),
}


@pytest.mark.parametrize("mistake", BROKEN)
def test_a_mistake_in_the_procedure_file_is_named_by_line_and_field(
    checking: Checking, right: dict[str, str], tmp_path: Path, mistake: str
) -> None:
    old, new, expected = BROKEN[mistake]
    text = PROCEDURE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "procedure.yml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    output = checking({**right, "HOTLINE_PROCEDURE": str(path)})
    found = re.search(expected, output)
    assert found, output
    if found.groups():
        line = text[: text.index(old)].count("\n") + 1 + new.lstrip("\n").count("\n    whithin")
        assert int(found[1]) == line


def test_a_port_in_use_is_said(over_http: dict[str, str]) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:  # noqa: S104 - as the bot listens
        port = taken.getsockname()[1]
        output = refused({**over_http, "PORT": str(port)}, "run")
    assert f"PORT {port} can't be used" in output


def test_a_port_in_use_is_said_in_socket_mode_too(right: dict[str, str]) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:  # noqa: S104 - as the bot listens
        port = taken.getsockname()[1]
        assert f"PORT {port} can't be used" in refused({**right, "PORT": str(port)}, "run")


def test_check_says_that_slack_cannot_be_reached(checking: Checking, right: dict[str, str]) -> None:
    output = checking({**right, "SLACK_API_URL": "http://127.0.0.1:1/api/"})
    assert "Slack can't be reached at http://127.0.0.1:1/api/" in output


@pytest.mark.parametrize("path", ["/sandbox/state/", "/nothing/"])
def test_check_says_that_somebody_else_answers_where_slack_should(
    checking: Checking, right: dict[str, str], sandbox: Sandbox, path: str
) -> None:
    output = checking({**right, "SLACK_API_URL": f"{sandbox.url}{path}"})
    assert f"Slack can't be reached at {sandbox.url}{path} (what answers there, with HTTP 404, is not Slack)" in output


def test_check_keeps_what_it_found_when_slack_goes_away(
    sandbox: Sandbox, checking: Checking, right: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "procedure.yml"
    path.write_text(PROCEDURE.read_text(encoding="utf-8").replace("@supervisors", "@nobody"), encoding="utf-8")
    sandbox.fault("conversations.list", "drop_before")
    output = checking({**right, "HOTLINE_PROCEDURE": str(path)})
    assert "the user group @nobody, which does not exist" in output
    assert "Slack can't be reached" in output


@pytest.mark.parametrize(("method", "kind"), [("auth.test", "drop_before"), ("apps.connections.open", "http_error")])
def test_run_waits_for_slack_and_goes_on_when_it_comes(
    sandbox: Sandbox, right: dict[str, str], method: str, kind: str
) -> None:
    sandbox.fault(method, kind)
    running = BotProcess({**right, "HOTLINE_LOG": "json"})
    running.says("can't be reached; trying again")
    sandbox.heal()
    running.ready()
    assert running.stop() == 0
    check_is_for_people(running.output)
    check_is_for_programs(running.output)


def test_it_can_be_stopped_while_it_waits_for_slack(right: dict[str, str]) -> None:
    running = BotProcess({**right, "SLACK_API_URL": "http://127.0.0.1:1/api/"})
    running.says("can't be reached; trying again")
    assert running.stop() == 0
    check_is_for_people(running.output)


def test_migrate_brings_a_database_up_to_date_and_stops(right: dict[str, str]) -> None:
    for _ in range(2):
        process = BotProcess(right, "migrate")
        assert process.ended() == 0
        assert "The database has the shape of this version." in process.output


def test_a_new_key_is_one(right: dict[str, str]) -> None:
    process = BotProcess(without(right, "SLACK_BOT_TOKEN"), "keys", "new")
    assert process.ended() == 0
    assert Fernet(process.output.strip())


# -- HTTP mode ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def address(over_http: dict[str, str]) -> Iterator[str]:
    """Where the bot listens."""
    running = BotProcess({**over_http, "HOTLINE_LOG": "json"}).ready()
    port = json.loads(running.says('"listening"'))["port"]
    yield f"http://127.0.0.1:{port}"
    assert running.stop() == 0
    assert "Acme" not in running.output, "nothing of a body is logged"
    check_is_for_people(running.output)
    check_is_for_programs(running.output)


def test_operators_can_look_at_it(address: str) -> None:
    assert httpx.get(f"{address}/healthz").text == "ok"
    assert httpx.get(f"{address}/readyz").text == "ready"
    metrics = httpx.get(f"{address}/metrics").text
    assert "python_info" in metrics
    assert "hotline_errands_waiting 0.0" in metrics
    assert "hotline_turns_waiting 0.0" in metrics


def test_what_the_libraries_say_is_json_too(over_http: dict[str, str]) -> None:
    running = BotProcess({**over_http, "HOTLINE_LOG": "json"}).ready()
    with socket.create_connection(("127.0.0.1", json.loads(running.says('"listening"'))["port"])) as stranger:
        stranger.sendall(b"Acme burns\r\n\r\n")
        line = json.loads(running.says("Invalid HTTP request"))
    assert (line["level"], line["logger"]) == ("warning", "uvicorn.error")
    assert running.stop() == 0
    assert "Acme" not in running.output
    check_is_for_programs(running.output)


@pytest.mark.parametrize("way", ["right", "over_http"])
def test_it_says_that_it_lives_while_slack_is_away(request: pytest.FixtureRequest, sandbox: Sandbox, way: str) -> None:
    environment = request.getfixturevalue(way)
    sandbox.fault("auth.test", "drop_before")
    try:
        running = BotProcess({**environment, "PORT": "0", "HOTLINE_LOG": "json"})
        port = json.loads(running.says('"listening"'))["port"]
        address = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{address}/healthz").text == "ok"
        answer = httpx.get(f"{address}/readyz")
        assert (answer.status_code, answer.text) == (503, "Slack was not reached yet")
    finally:
        sandbox.heal()
    running.ready()
    assert httpx.get(f"{address}/readyz").text == "ready"
    assert running.stop() == 0
    check_is_for_people(running.output)


def test_over_http_it_says_that_slack_refuses_it(address: str, sandbox: Sandbox) -> None:
    sandbox.fault("auth.test", "error", error="token_revoked")
    sandbox.http.delete("/calls")
    for _ in range(4):
        answer = httpx.get(f"{address}/readyz")
        assert answer.status_code == 503
        assert "Slack refuses the bot (token_revoked)" in answer.text
    assert len(sandbox.calls("auth.test")) == 1, "Slack is not asked with each look"


def test_slack_is_asked_again_ten_seconds_later(sandbox: Sandbox) -> None:
    sandbox.post("/reset")
    seconds = [0.0]
    reach = Reach(WebClient(TOKENS["bot"], f"{sandbox.url}/api/", retry_handlers=[]), lambda: seconds[0])
    for kind, sentence in (
        ("drop_before", "Slack can't be reached"),
        ("http_error", "Slack refuses the bot"),
        ("ratelimited", None),
    ):
        fault = sandbox.fault("auth.test", kind)
        why_not = reach.why_not()
        assert why_not == sentence or (sentence and sentence in str(why_not))
        sandbox.http.delete(f"/faults/{fault}")
        seconds[0] += 9
        assert reach.why_not() == why_not
        seconds[0] += 1
        assert reach.why_not() is None
        seconds[0] += 10


def test_a_connection_that_breaks_without_a_word_is_noticed_and_replaced(office: Workspace) -> None:
    sandbox = office.sandbox
    door = SocketMode(office.bot.app, TOKENS["app"], ping_s=0.2)
    office.doors.append(door)
    door.start()
    assert sandbox.get("/wait", connections=1)["ok"]
    assert door.is_connected()
    sandbox.fault("apps.connections.open", "drop_before")
    session: Any = door._handler.client.current_session
    office.until(lambda: session.last_ping_pong_time is not None)
    session.sock.shutdown(socket.SHUT_RDWR)  # as when the network is cut: no close frame comes
    office.until(lambda: not door.is_connected())
    sandbox.heal()
    office.until(door.is_connected)
    assert PING_S * 5 <= 15, "with the pace of production it takes so many seconds at most"


class SlackWasFaster:
    """Stands before a connection's socket: whoever comes to close it finds that Slack's farewell has done so."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._turn = session.sock_send_lock

    def __enter__(self) -> None:
        self._turn.acquire()
        if self._session.sock is not None:
            self._session.sock.shutdown(socket.SHUT_RDWR)
            self._session.sock.close()
            self._session.sock = None

    def __exit__(self, *_: object) -> None:
        self._turn.release()


def test_the_bot_leaves_in_peace_while_slack_closes_the_same_connection(office: Workspace) -> None:
    threads = set(threading.enumerate())
    door = SocketMode(office.bot.app, TOKENS["app"])
    door.start()
    assert office.sandbox.get("/wait", connections=1)["ok"]
    session: Any = door._handler.client.current_session
    session.sock_send_lock = SlackWasFaster(session)
    door.stop()
    assert not door.is_connected()
    assert office.sandbox.get("/wait", connections=0)["ok"]
    assert set(threading.enumerate()) <= threads


def signed(body: str, timestamp: str, secret: str = TOKENS["secret"]) -> dict[str, str]:
    """The headers with which Slack signs a request."""
    digest = hmac.new(secret.encode(), f"v0:{timestamp}:{body}".encode(), hashlib.sha256).hexdigest()
    return {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": timestamp,
        "x-slack-signature": f"v0={digest}",
    }


def test_only_what_slack_signed_a_moment_ago_is_taken(address: str) -> None:
    body = f"command=/incident&text=report+Acme+burns&user_id={LIN}&team_id=T1&channel_id=C1&trigger_id=1.2.3"
    now = str(int(time.time()))
    events = f"{address}/slack/events"
    right = signed(body, now)
    wrong = [
        {name: value for name, value in right.items() if name != "x-slack-signature"},
        {name: value for name, value in right.items() if name != "x-slack-request-timestamp"},
        signed(body, now, secret="another"),
        signed(body + "x", now),
        signed(body, str(int(now) - 400)),
        signed(body, str(int(now) + 400)),
        signed(body, "yesterday"),
        signed(body, "²"),
        signed(body, "9" * 5000),
        signed(body, "-1"),
    ]
    for headers in wrong:
        encoded = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
        answer = httpx.post(events, content=body, headers=encoded)
        assert answer.status_code == 401, (headers, answer.text)
        assert answer.text == "" or "Acme" not in answer.text
    assert httpx.post(events, content=body, headers=right).status_code == 200


def test_a_body_without_end_is_not_read(address: str) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 100_000

    headers = signed("", str(int(time.time())))
    assert httpx.post(f"{address}/slack/events", content=endless(), headers=headers).status_code == 413
