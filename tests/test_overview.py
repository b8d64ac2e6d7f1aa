"""Where things stand: list, status, help, App Home; each in the reader's language."""

import re

import pytest
import yaml
from prometheus_client import REGISTRY

from tests.workspace import ADA, GUEST, LIN, MANIFEST, PAT, WANG, ZHOU, Workspace


def test_nothing_open_is_said_with_the_way_to_report(office: Workspace) -> None:
    answer = office.command(ADA, "list")["ephemeral"]
    assert "Open incidents: none." in str(answer["blocks"])
    assert "report.open" in str(answer["blocks"])


def test_open_incidents_are_listed_latest_first_with_what_is_due_next(office: Workspace) -> None:
    office.report(LIN, what_happened="The first")
    office.wait(1)
    office.report(LIN, what_happened="The second")
    blocks = str(office.command(ADA, "list")["ephemeral"]["blocks"])
    assert blocks.index("The second") < blocks.index("The first")
    assert "⏱ *Verify*" in blocks
    assert "*核实*" in str(office.command(LIN, "列表")["ephemeral"]["blocks"])


def test_what_is_late_stands_first_and_a_task_is_named(office: Workspace) -> None:
    office.report(LIN, what_happened="The first")
    office.wait(4)
    second = office.report(LIN, what_happened="The second")
    office.wait(2)  # the first is not verified in time
    blocks = str(office.command(ADA, "list")["ephemeral"]["blocks"])
    assert blocks.index("The first") < blocks.index("The second")

    office.click(ADA, office.card(second), "verify.open")
    office.submit(ADA)
    office.settle()
    shown = next(said for said in office.said(str(office.incident(2).channel_id)) if "tasks.add" in said.buttons)
    office.click(ADA, shown, "tasks.add")
    office.submit(ADA, words="Ask Acme Ltd for the log of the gateway and " + "look at it " * 9, minutes="1")
    blocks = str(office.command(ADA, "list")["ephemeral"]["blocks"])
    assert "*Task: Ask A*** for the log of the gateway" in blocks, "masked: many read a list"
    assert "look at it " * 5 not in blocks, "and short"


@pytest.mark.parametrize("said", ["list", "Ｌist", "LIST　now", "list\tplease", "列表", "列表吧", "列表　"])
def test_a_word_is_known_however_it_is_typed(office: Workspace, said: str) -> None:
    assert office.command(ADA, said)["ephemeral"]["text"] == "Open incidents"


@pytest.mark.parametrize("said", ["lists", "listＳ", "reporté", "reporter is away", "支付失败", "x list"])
def test_another_word_that_begins_like_one_gets_help(office: Workspace, said: str) -> None:
    assert "is not something /incident knows" in str(office.command(ADA, said)["ephemeral"])


def test_a_long_list_shows_the_latest(office: Workspace) -> None:
    for number in range(17):
        office.report(LIN, what_happened=f"Case {number}")
    blocks = office.command(ADA, "list")["ephemeral"]["blocks"]
    assert "*Open incidents:* 17" in str(blocks[0])
    assert "The 15 latest are shown." in str(blocks[-1])


def test_status_is_the_card_for_this_person_alone(office: Workspace) -> None:
    incident = office.report(LIN)
    channel = str(office.incident(incident.id).channel_id)
    answer = office.command(LIN, "status", channel=channel)["ephemeral"]
    assert "建议：🔴 1 级" in str(answer["blocks"])
    assert "verify.open" in str(answer["blocks"])
    assert "not an incident’s" in office.command(ADA, "status")["ephemeral"]["text"]


@pytest.mark.parametrize(
    "said",
    ["show INC-1", "show 1", "show inc 1", "Show #1", "查看 INC-1", "查看１", "show INC–1", "ＳＨＯＷ ＩＮＣ－１"],
)
def test_one_incident_is_shown_by_its_number_in_the_readers_language(office: Workspace, said: str) -> None:
    incident = office.report(LIN)
    answer = office.command(LIN, said)["ephemeral"]
    assert "建议：🔴 1 级" in str(answer["blocks"])
    assert f"频道：<#{office.incident(incident.id).channel_id}>" in str(answer["blocks"])


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("show", "`/incident show INC-42`"),
        ("show me", "“me” is no incident’s number"),
        ("show <!here>", "“&lt;!here&gt;” is no"),
        ("show INC-42", "There is no INC-42"),
        ("show 99999999999999999999", "is no incident’s number"),
        ("show INC-0", "There is no INC-0"),
        ("show -1", "There is no INC-1"),
        ("show Me", "“Me” is no incident’s number"),
        ("showcase", "is not something /incident knows"),
    ],
)
def test_another_number_says_what_to_type(office: Workspace, said: str, told: str) -> None:
    assert told in str(office.command(ADA, said)["ephemeral"])


def test_what_is_over_and_archived_is_still_shown(office: Workspace) -> None:
    incident = office.report(LIN)
    office.choose(LIN, incident, "dismiss.open")
    office.submit(LIN, reason="A rehearsal")
    office.settle()
    assert office.incident(incident.id).archived_at
    shown = str(office.command(WANG, "show INC-1")["ephemeral"]["blocks"])
    assert "Not an emergency" in shown or "非紧急事件" in shown
    assert "已归档" in shown


def test_a_private_incident_is_shown_to_its_people_alone(office: Workspace) -> None:
    office.report(LIN, trigger="privacy_leak")
    hidden = str(office.command(PAT, "show INC-1")["ephemeral"])
    assert "There is no INC-1" in hidden
    assert LIN not in hidden
    assert "INC-1" in str(office.command(LIN, "show INC-1")["ephemeral"]["blocks"])


def test_help_and_unknown_words_get_help(office: Workspace) -> None:
    assert "/incident list" in str(office.command(ADA, "help")["ephemeral"]["blocks"])
    unknown = str(office.command(ADA, "frobnicate <!here>")["ephemeral"]["blocks"])
    assert "“frobnicate &lt;!here&gt;” is not something /incident knows" in unknown
    assert "上报事件" in str(office.command(LIN, "帮助")["ephemeral"]["blocks"])
    assert "is not something" not in str(office.command(ADA, "？")["ephemeral"])


def test_every_word_that_the_help_or_the_manifest_names_is_known(office: Workspace) -> None:
    hint = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["features"]["slash_commands"][0]["usage_hint"]
    for user, help_word in ((ADA, "help"), (LIN, "帮助")):
        help_text = office.command(user, help_word)["ephemeral"]["blocks"][0]["text"]["text"]
        named = [said.removeprefix("/incident").strip() for said in re.findall("`(.+?)`", help_text)]
        for said in [*named, *hint.split(" | ")]:
            answer = str(office.command(user, said)["ephemeral"])
            assert "/incident knows" not in answer, said
            assert "不认识" not in answer, said


def test_app_home_says_what_is_open(office: Workspace) -> None:
    office.report(LIN)
    office.sandbox.post("/act/home", user=WANG)
    office.settle()
    home = str(office.sandbox.get(f"/home/{WANG}")["blocks"])
    assert "INC-1" in home
    assert "report.open" in home
    assert "上报事件" in home


def test_an_unknown_person_gets_the_workspaces_language_at_once_and_their_own_afterwards(office: Workspace) -> None:
    newcomer = office.sandbox.post("/act/add_person", id="U0NEW", name="newcomer", locale="zh-CN")["person"]["id"]
    office.settle()
    with office.bot.db.begin() as tx:
        tx.exec_driver_sql(f"delete from people where user_id = '{newcomer}'")  # noqa: S608
    office.sandbox.http.delete("/calls")
    assert office.command(newcomer)["view"]["title"]["text"] == "Report an incident"
    assert office.sandbox.calls()[0]["method"] == "views.open", "no call before the form opens"
    office.settle()
    office.sandbox.post("/act/close", user=newcomer)
    assert office.command(newcomer)["view"]["title"]["text"] == "事件上报"


def test_whoever_changes_their_language_is_spoken_to_in_it(office: Workspace) -> None:
    office.sandbox.post("/act/profile", user=ZHOU, locale="en-GB")
    office.settle()
    assert office.command(ZHOU)["view"]["title"]["text"] == "Report an incident"


def test_who_leaves_is_not_called_in(office: Workspace) -> None:
    office.sandbox.post("/act/group", handle="support-oncall", members=[ADA, GUEST])
    office.sandbox.post("/act/profile", user=ADA, deleted=True)
    office.settle()
    incident = office.report(LIN)
    assert ADA not in office.channel(str(office.incident(incident.id).channel_id))["members"]


def test_how_long_people_wait_for_an_answer_is_measured(office: Workspace) -> None:
    def measured() -> float:
        return REGISTRY.get_sample_value("hotline_answer_seconds_sum", {"kind": "command"}) or 0

    before = measured()
    office.sandbox.fault("views.open", "latency", seconds=0.2)
    assert office.command(ADA)["view"]
    assert measured() - before >= 0.2
