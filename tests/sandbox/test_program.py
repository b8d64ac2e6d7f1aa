"""`python -m sandbox` as a program: what it keeps, what it says, and the bot it starts."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.__main__ import main
from tests.sandbox.conftest import MANIFEST, Sandbox
from tests.sandbox.test_with_bolt import until

Start = Callable[..., Sandbox]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_workspace_is_there_again_after_a_restart(
    start_sandbox: Start, tmp_path: Path, how: signal.Signals
) -> None:
    running = start_sandbox("--data", str(tmp_path / "data"))
    channel = running.call("conversations.create", name="kept")["channel"]["id"]
    running.call("conversations.invite", channel=channel, users="U0LIN")
    blocks = [{"type": "section", "block_id": "b", "text": {"type": "plain_text", "text": "x"}}]
    ts = running.call("chat.postMessage", channel=channel, text="card", blocks=blocks)["ts"]
    running.call("pins.add", channel=channel, timestamp=ts)
    running.call("views.publish", user_id="U0LIN", view={"type": "home", "blocks": blocks})
    running.do("act/upload", user="U0LIN", name="log.txt", content_base64="bG9n")
    running.do("act/profile", user="U0ADA", locale="zh-CN")
    running.do("time", advance=3600)
    before = running.get("state")
    running.stop(how)
    running.start()
    after = running.get("state")
    for known in (before, after):
        del known["now"], known["people"]["U0TESTER"]["updated"]
        for file in known["files"].values():  # their addresses carry the port
            del file["url_private"], file["url_private_download"], file["permalink"]
    assert after == before
    newer = running.call("chat.postMessage", channel=channel, text="later")["ts"]
    assert newer > ts


def test_a_busy_port_and_a_wrong_manifest_are_said_in_a_sentence(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = sandbox.url.rsplit(":", 1)[1]
    assert main(["--port", port, "--manifest", str(sandbox.manifest)]) == 2
    assert "cannot be used" in capsys.readouterr().out
    assert main(["--manifest", str(tmp_path / "none.yml")]) == 2
    assert "cannot be read" in capsys.readouterr().out
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("display_information: {name: x}\nfeatures: {slash_commands: [{command: incident}]}\n", "utf-8")
    assert main(["--manifest", str(wrong)]) == 2
    said = capsys.readouterr().out
    assert "slash_commands[0].description is required" in said
    assert "must begin with /" in said


WRONG_TYPES = [
    ("[1]", "it is not a mapping"),
    ("display_information: x", "display_information must be a mapping"),
    ("features: [1]", "features must be a mapping"),
    ("features: {bot_user: yes}", "features.bot_user must be a mapping"),
    ("features: {bot_user: {display_name: 5}}", "features.bot_user.display_name must be a text of 1 to 80 characters"),
    ("features: {app_home: {home_tab_enabled: 5}}", "features.app_home.home_tab_enabled must be true or false"),
    ('features: {slash_commands: ["/x"]}', "features.slash_commands[0] must be a mapping"),
    ("features: {slash_commands: {a: 1}}", "features.slash_commands must be a list"),
    ("features: {slash_commands: [{command: [1]}]}", "features.slash_commands[0].command must be a text"),
    ("features: {shortcuts: [1, {type: [1]}]}", "features.shortcuts[1].type must be message or global"),
    ("oauth_config: 5", "oauth_config must be a mapping"),
    ("oauth_config: {scopes: [commands]}", "oauth_config.scopes must be a mapping"),
    ("oauth_config: {scopes: {bot: commands}}", "oauth_config.scopes.bot must be a list"),
    ("oauth_config: {scopes: {bot: [5]}}", "oauth_config.scopes.bot[0] must be the name of a scope"),
    ("settings: x", "settings must be a mapping"),
    ("settings: {socket_mode_enabled: maybe}", "settings.socket_mode_enabled must be true or false"),
    ("settings: {event_subscriptions: [x]}", "settings.event_subscriptions must be a mapping"),
    ("settings: {event_subscriptions: {bot_events: x}}", "settings.event_subscriptions.bot_events must be a list"),
    (
        "settings: {event_subscriptions: {bot_events: [{a: 1}]}}",
        "settings.event_subscriptions.bot_events[0] must be the name of an event",
    ),
    ("settings: {interactivity: true}", "settings.interactivity must be a mapping"),
    ("settings: {interactivity: {is_enabled: 5}}", "settings.interactivity.is_enabled must be true or false"),
    (
        "settings: {interactivity: {is_enabled: true, request_url: 5}}",
        "settings.interactivity.request_url must be an address",
    ),
    ("features: {app_home: [", "is not YAML"),
]


@pytest.mark.parametrize(("text", "sentence"), WRONG_TYPES)
def test_a_manifest_with_something_of_the_wrong_kind_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, sentence: str
) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(text, "utf-8")
    assert main(["--manifest", str(wrong)]) == 2
    assert sentence in capsys.readouterr().out


def test_a_port_that_there_is_not_and_a_file_for_a_folder_are_said_in_a_sentence(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = str(sandbox.manifest)
    for port in ("99999", "-1"):
        assert main(["--port", port, "--manifest", manifest]) == 2
        assert f"There is no port {port}" in capsys.readouterr().out
    assert main(["--port", "0", "--manifest", manifest, "--data", manifest]) == 2
    assert f"The workspace cannot be kept in {manifest}" in capsys.readouterr().out


def test_the_bot_is_started_with_what_it_needs_and_its_end_is_told(start_sandbox: Start, tmp_path: Path) -> None:
    program = tmp_path / "bot.py"
    program.write_text(
        "import os, sys, urllib.request as r\n"
        "request = r.Request(os.environ['SLACK_API_URL'] + 'auth.test', method='POST',\n"
        "    headers={'Authorization': 'Bearer ' + os.environ['SLACK_BOT_TOKEN']})\n"
        "assert b'true' in r.urlopen(request).read()\n"
        "assert os.environ['SLACK_APP_TOKEN'] and os.environ['SLACK_SIGNING_SECRET']\n"
        "sys.exit(3)\n",
        "utf-8",
    )
    running = start_sandbox("--data", str(tmp_path / "data"), command=(sys.executable, str(program)))
    until(lambda: running.get("calls", method="auth.test"))
    until(lambda: "exit code 3" in running.get("state")["bot"])
    assert running.stop() == 0
    assert any("ended with exit code 3" in line for line in running.said)


@pytest.mark.parametrize(
    ("options", "database"),
    [
        (["--data", "{folder}"], "sqlite:///{folder}/hotline.db"),
        (["--data", "{folder}", "--database-url", "sqlite:///asked.db"], "sqlite:///asked.db"),
        ([], "sqlite:////"),
    ],
)
def test_the_bot_never_gets_the_database_that_is_exported_nor_its_keys(
    start_sandbox: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], database: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://the-real-one/hotline")
    monkeypatch.setenv("HOTLINE_ENCRYPTION_KEYS", "of the real one")
    said = tmp_path / "said"
    program = tmp_path / "bot.py"
    program.write_text(
        "import os, pathlib\n"
        "assert 'HOTLINE_ENCRYPTION_KEYS' not in os.environ\n"
        f"pathlib.Path({str(said)!r}).write_text(os.environ['DATABASE_URL'])\n",
        "utf-8",
    )
    folder = str(tmp_path / "data")
    running = start_sandbox(*(each.format(folder=folder) for each in options), command=(sys.executable, str(program)))
    until(lambda: "exit code" in running.get("state")["bot"] or "ended" in running.get("state")["bot"])
    assert said.read_text("utf-8").startswith(database.format(folder=folder))


def test_stopping_the_sandbox_stops_the_bot_first(start_sandbox: Start, tmp_path: Path) -> None:
    program = tmp_path / "bot.py"
    marker = tmp_path / "stopped"
    program.write_text(
        "import signal, sys, pathlib\n"
        f"def stop(*_):\n    pathlib.Path({str(marker)!r}).write_text('yes')\n    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        f"pathlib.Path({str(tmp_path / 'running')!r}).write_text('yes')\n"
        "signal.pause()\n",
        "utf-8",
    )
    running = start_sandbox(command=(sys.executable, str(program)))
    until((tmp_path / "running").exists)
    assert running.stop(signal.SIGINT) == 0
    assert marker.read_text("utf-8") == "yes"


def test_a_page_of_another_site_cannot_use_the_control_api(sandbox: Sandbox) -> None:
    foreign = sandbox.http.post("/sandbox/reset", json={}, headers={"Origin": "https://example.com"})
    assert foreign.status_code == 403


def test_a_reset_takes_another_manifest(sandbox: Sandbox) -> None:
    renamed = {**MANIFEST, "features": {**MANIFEST["features"], "bot_user": {"display_name": "Other"}}}
    sandbox.do("reset", manifest=str(sandbox.install(renamed)))
    assert sandbox.call("auth.test")["user_id"] == "U0OTHER"
    assert set(sandbox.get("state")["channels"]) == {"C0GENERAL", "C0INCIDENTS", "C0REVIEWS"}


def test_time_is_not_moved_beside_a_program_that_reads_its_own_clock(start_sandbox: Start, tmp_path: Path) -> None:
    program = tmp_path / "bot.py"
    program.write_text("import signal\nsignal.pause()\n", "utf-8")
    running = start_sandbox(command=(sys.executable, str(program)))
    before = running.get("state")["now"]
    refused = running.do("time", advance=3600)
    assert not refused["ok"]
    assert "reads its own clock" in refused["error"]
    assert running.get("state")["now"] - before < 3600
