"""Reporting: every door into the form, what it says about wrong input, and what becomes of what was typed."""

import re
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from storage import incidents, journal, people
from storage.db import Database
from storage.encryption import Cipher
from tests.workspace import ADA, BOT, GONE, GUEST, LIN, PAYMENTS_FAIL, QIAN, WANG, ZHOU, Workspace


def fields(view: Any) -> list[str]:
    return [block["block_id"] for block in view["blocks"] if block["type"] == "input"]


def typed(view: Any) -> str:
    """What stands in the first field when the form opens."""
    return str(view["blocks"][0]["element"].get("initial_value") or "")


def report_message(office: Workspace, text: str) -> Any:
    """Zhou has said something, as it travels to apps; Ada reports it. The form that opens."""
    files = (
        []
        if text
        else [office.sandbox.post("/act/upload", user=ZHOU, name="a.png", content_base64="aGk=")["file"]["id"]]
    )
    office.sandbox.post("/act/message", user=ZHOU, channel="general", text=text, files=files)
    return office.message_shortcut(ADA, office.said("general", by=ZHOU)[-1], "report.message")["view"]


REQUIRED = ["what_happened", "customer", "customers_affected", "trigger"]


@pytest.mark.parametrize("text", ["", "report", "REPORT", "上报", "Ｒeport"])
def test_the_command_opens_the_form_in_the_persons_language(office: Workspace, text: str) -> None:
    view = office.command(ADA, text)["view"]
    assert view["title"]["text"] == "Report an incident"
    assert fields(view) == REQUIRED
    assert [block for block in view["blocks"] if block.get("optional")] == []


@pytest.mark.parametrize(
    ("said", "filled_in"),
    [
        ("report Payments fail since noon", "Payments fail since noon"),
        ("Report: Acme’s DNS  fails", "Acme’s DNS  fails"),
        ("report\tＡcme can’t pay\nsince noon", "Ａcme can’t pay\nsince noon"),
        ("report Müller &amp; Söhne can’t pay since < 5 minutes", "Müller & Söhne can’t pay since < 5 minutes"),
        ("ｒｅｐｏｒｔ　支付失败", "支付失败"),
        ("report支付失败", "支付失败"),
        ("上报　支付失败", "支付失败"),
        ("上报支付失败 App", "支付失败 App"),
        ("上报：支付失败", "支付失败"),
    ],
)
def test_what_stands_behind_the_command_is_filled_in(office: Workspace, said: str, filled_in: str) -> None:
    assert typed(office.command(ADA, said)["view"]) == filled_in


def test_the_global_shortcut_and_app_home_open_the_same_form(office: Workspace) -> None:
    assert fields(office.shortcut(ADA, "report.open")["view"]) == REQUIRED
    office.sandbox.post("/act/close", user=ADA)
    home = office.sandbox.post("/act/home", user=ADA)
    assert home["ok"], home
    office.settle()
    opened = office.sandbox.post("/act/home_action", user=ADA, action_id="report.open")
    assert fields(opened["view"]) == REQUIRED


def test_a_message_becomes_the_report_and_stays_as_evidence(office: Workspace) -> None:
    view = report_message(office, "502 on &lt;all&gt; card payments")
    assert typed(view) == "502 on <all> card payments"
    office.submit(ADA, **{**PAYMENTS_FAIL, "what_happened": "Card payments fail"})
    office.settle()
    card = office.card(office.incident(1))
    [said] = office.said("general", by=ZHOU)
    assert said.ts.replace(".", "") in card.everything, "the message's address is on the card"


def test_a_message_is_reported_as_people_read_it_and_its_customer_is_masked_everywhere(office: Workspace) -> None:
    view = report_message(
        office,
        "Müller &amp; Söhne: amount &gt; 100 fails, ask <@U0WANG> in <#C0GENERAL|general>\n"
        "see <https://status.example/a?b=1&amp;c=2|the status page>",
    )
    assert typed(view) == (
        "Müller & Söhne: amount > 100 fails, ask @Wang 王 in #general\n"
        "see the status page (https://status.example/a?b=1&c=2)"
    )
    assert not office.sandbox.calls("users.info"), "names are known, or stay ids: somebody waits"
    office.submit(ADA, customer="Müller & Söhne", customers_affected="5", trigger="system_failure")
    office.settle()
    incident = office.incident(1)
    assert incident.title == "M***: amount > 100 fails, ask @Wang 王 in #general"
    assert incident.channel_name == "inc-0001-m-amount-100-fails-ask-wang-wang-in"
    assert (
        office.channel(str(incident.channel_id))["topic"]
        == "INC-1 · M***: amount &gt; 100 fails, ask @Wang 王 in #general"
    )
    [announcement], card = office.said("incidents"), office.card(incident)
    assert "M***: amount &gt; 100 fails" in announcement.text
    for everything in (announcement.everything, card.everything):
        assert "Söhne" not in everything
        assert "&amp;amp;" not in everything
        assert "&amp;gt;" not in everything


@pytest.mark.parametrize("text", ["y" * 5000, "&amp;" * 3500, ""])
def test_a_message_longer_than_the_field_and_one_without_words_open_the_form_too(office: Workspace, text: str) -> None:
    view = report_message(office, text)
    assert typed(view) == text.replace("&amp;", "&")[:3000]


def test_more_details_unfold_without_losing_what_was_typed(office: Workspace) -> None:
    office.command(ADA)
    typed = {"what_happened": "Payments fail", "customer": "Acme Ltd", "customers_affected": "120"}
    view = office.view_action(ADA, "report.more", values=typed)["view"]
    assert len(fields(view)) == 18
    assert view["state"]["values"]["what_happened"]["what_happened"]["value"] == "Payments fail"
    file = office.sandbox.post("/act/upload", user=ADA, name="screen.png", content_base64="aGVsbG8=")["file"]["id"]
    office.submit(
        ADA,
        trigger="system_failure",
        customer_tier="vip",
        emotion="furious",
        product="Payments",
        demand="Money back for Acme Ltd",
        evidence=[file],
    )
    office.settle()
    card = office.card(office.incident(1)).everything
    assert "Payments fail" in card
    assert "Money back for A***" in card
    assert "screen.png" in card
    assert "Furious" in card


@pytest.mark.parametrize(
    ("wrong", "field", "sentence"),
    [
        ({"what_happened": "  "}, "what_happened", "Say in a sentence what happened."),
        ({"what_happened": "x" * 3001}, "what_happened", "Shorten this to 3,000 characters."),
        ({"customer": ""}, "customer", "Say which customer is affected"),
        ({"customers_affected": "many"}, "customers_affected", "Enter a whole number, 1 or more."),
        ({"customers_affected": "0"}, "customers_affected", "Enter a number from 1 to 10,000,000."),
        ({"customers_affected": "1.5"}, "customers_affected", "Enter a whole number"),
        ({"trigger": {"selected_option": {"value": "earthquake"}}}, "trigger", "Choose one of the options."),
    ],
)
def test_wrong_input_is_said_next_to_the_field_and_the_form_stays(
    office: Workspace, wrong: dict[str, Any], field: str, sentence: str
) -> None:
    office.command(ADA)
    answer = office.submit_unchecked(ADA, **{**PAYMENTS_FAIL, **wrong})
    assert list(answer["response"]["errors"]) == [field]
    assert sentence in answer["response"]["errors"][field]
    assert office.view(ADA)["callback_id"] == "report.submit", "nothing typed is lost"
    assert office.channels() == []


def test_a_time_that_has_not_come_is_refused(office: Workspace) -> None:
    office.command(ADA)
    office.view_action(ADA, "report.more", values=PAYMENTS_FAIL)
    tomorrow = int(office.clock.now.timestamp()) + 86_400
    answer = office.submit_unchecked(ADA, happened_at={"selected_date_time": tomorrow})
    assert "is in the future" in answer["response"]["errors"]["happened_at"]


def test_confidential_triggers_open_a_private_channel_without_announcement(office: Workspace) -> None:
    incident = office.report(ADA, trigger="privacy_leak", what_happened="A list of customers is on a forum")
    channel = office.channel(str(incident.channel_id or office.incident(incident.id).channel_id))
    assert channel["is_private"]
    assert office.said("incidents") == []
    assert "INC-1" not in str(office.command(QIAN, "list")["ephemeral"]), "others don't learn of it"
    assert "INC-1" in str(office.command(ADA, "list")["ephemeral"])


def test_who_cannot_be_invited_is_named(office: Workspace) -> None:
    office.sandbox.post("/act/group", handle="support-oncall", members=[ADA, GONE])
    office.settle()
    with office.bot.db.begin() as tx:
        tx.execute(text("delete from people where user_id = :gone"), {"gone": GONE})  # the bot has not heard of it yet
    incident = office.report(LIN)
    channel = office.channel(str(office.incident(incident.id).channel_id))
    assert ADA in channel["members"]
    [named] = [said for said in office.said(channel["id"]) if "could not be added" in said.text]
    assert f"<@{GONE}>" in named.text


def test_however_much_is_said_in_a_report_slack_takes_the_card(office: Workspace) -> None:
    said = dict.fromkeys(("demand", "done_already", "impact"), "&" * 900)
    office.command(LIN)
    office.view_action(LIN, "report.more")
    office.submit(LIN, **{**PAYMENTS_FAIL, "what_happened": "&" * 2900, "product": "&" * 90, **said})
    office.settle()
    incident = office.incident(1)
    office.grade(WANG, incident, 1, "&" * 480)
    card = office.card(incident)
    assert "severity 1" in card.text, "it is drawn again"
    assert "&amp;&amp;" in card.everything


def test_a_guest_who_cannot_be_invited_reads_whom_to_ask(office: Workspace) -> None:
    incident = office.report(GUEST)
    channel = office.channel(str(office.incident(incident.id).channel_id))
    assert GUEST not in channel["members"]
    [shown] = office.view(GUEST)["blocks"]
    assert shown["text"]["text"] == (
        "*Your report is in INC-1.* Sorry, you could not be added to its channel; please ask <@U0LIN> for news."
    )


def test_a_guest_of_several_channels_is_in_it_like_anybody(office: Workspace) -> None:
    office.sandbox.post("/act/profile", user=GUEST, is_ultra_restricted=False)
    office.settle()
    incident = office.report(GUEST)
    channel = office.channel(str(office.incident(incident.id).channel_id))
    assert GUEST in channel["members"]
    assert f"<#{channel['id']}>" in str(office.view(GUEST)["blocks"])
    assert "could not be added" not in str([said.text for said in office.said(channel["id"])])
    office.wait(3)
    assert f"<@{GUEST}>, verify INC-1" in office.said(GUEST)[-1].text, "what the reporter owes is theirs"


def test_a_guest_who_is_alone_reads_it_too(office: Workspace) -> None:
    office.sandbox.post("/act/profile", user=GUEST, locale="zh-CN")
    for group in office.sandbox.get("/state")["groups"].values():
        office.sandbox.post("/act/group", handle=group["handle"], members=[])
    office.settle()
    office.report(GUEST)
    assert "无法将您加入事件频道，请向您的主管了解" in str(office.view(GUEST)["blocks"])


def test_people_are_invited_in_hundreds(office: Workspace) -> None:
    many = [
        office.sandbox.post("/act/add_person", id=f"U0AGENT{n}", name=f"agent{n}")["person"]["id"] for n in range(230)
    ]
    office.sandbox.post("/act/group", handle="support-oncall", members=many)
    office.settle()
    office.sandbox.http.delete("/calls")
    incident = office.report(LIN)
    channel = office.channel(str(office.incident(incident.id).channel_id))
    assert set(channel["members"]) == {BOT, LIN, WANG, ZHOU, *many}
    assert len(office.sandbox.calls("conversations.invite")) == 3


def test_what_people_type_is_shown_as_text(office: Workspace) -> None:
    incident = office.report(ADA, what_happened="<!channel> & <@U0WANG> *can't* pay", customer="A & <B>")
    card, announcement = office.card(incident), office.said("incidents")[0]
    assert card.blocks[0]["text"]["type"] == "plain_text"
    assert card.blocks[0]["text"]["text"] == "⚪ INC-1 · <!channel> & <@U0WANG> *can't* pay"
    topic = office.channel(card.channel)["topic"]
    for markup in (card.text, str(card.blocks[1:]), announcement.text, str(announcement.blocks), topic):
        assert "<!channel>" not in markup
    assert "&lt;!channel&gt; &amp; &lt;@U0WANG&gt;" in announcement.text


AND_MORE = "our customers call without end and want to know when they can pay again, and nobody can tell them"
AND_MORE_IN_CHINESE = "客服电话被打爆了，客户都在问什么时候能恢复，影响范围还在扩大，已经有客户在社交媒体上投诉我们了"


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("Payments fail. Jane is angry", "Payments fail. Jane is angry"),
        (f"Payments fail. Since noon {AND_MORE}", "Payments fail"),
        (f"Why do payments fail?! Since noon {AND_MORE}", "Why do payments fail?!"),
        (f"Payments fail.\nSince noon {AND_MORE}", "Payments fail"),
        (f"Urgent! Payments fail everywhere! Since noon {AND_MORE}", "Urgent! Payments fail everywhere!"),
        (f"All cards, e.g. Visa, of J. Doe fail. Since noon {AND_MORE}", "All cards, e.g. Visa, of J. Doe fail"),
        (f"Acme Ltd can’t pay. Since noon {AND_MORE}", "A*** can’t pay"),
        ("支付失败。客服电话被打爆了", "支付失败。客服电话被打爆了"),
        (f"支付失败。{AND_MORE_IN_CHINESE}", "支付失败"),
        (f"急！支付失败！{AND_MORE_IN_CHINESE}", "急！支付失败！"),
        (f"支付失败，{AND_MORE_IN_CHINESE}", f"支付失败，{AND_MORE_IN_CHINESE}"),
    ],
)
def test_the_title_is_the_first_line_and_of_a_long_one_the_first_sentence(
    office: Workspace, said: str, title: str
) -> None:
    assert office.report(LIN, what_happened=said).title == title


@pytest.mark.parametrize(
    "said",
    [
        "Payments fail with error 502. 12 times out of 20",
        "Cards, e.g. Visa, vs. Amex, of Bank Ltd. Leeds fail.",
        "See status.example.com. Nothing works",
        "Hello. Since noon",
        "Nothing works. since noon",
        "急！自中午起 ",
    ],
)
def test_when_in_doubt_the_title_is_as_much_of_the_line_as_fits(office: Workspace, said: str) -> None:
    title = office.report(LIN, what_happened=f"{said} {AND_MORE}").title
    assert title.startswith(said.rstrip(". ")), title
    assert 60 < len(title) <= 80
    assert title.endswith("…")


def test_topic_and_purpose_end_at_a_letter_and_say_that_there_is_more(office: Workspace) -> None:
    office.sandbox.post("/act/profile", user=ADA, real_name="<&>" * 40)
    office.settle()
    incident = office.report(ADA, what_happened="&" * 80)
    channel = office.channel(str(office.incident(incident.id).channel_id))
    for said in (channel["topic"], channel["purpose"]):
        assert 240 < len(said) <= 250
        assert re.fullmatch(r"(?:[^&<>]|&amp;|&lt;|&gt;)+…", said)


def test_customers_are_sealed_in_the_database(office: Workspace) -> None:
    office.command(ADA)
    office.view_action(ADA, "report.more", values=PAYMENTS_FAIL)
    office.submit(ADA, customer_contact="acme@example.com", customer_number="C-77-88")
    office.settle()
    office.click(ADA, office.card(office.incident(1)), "contact.open")
    office.submit(ADA, said="Sorry, Acme Ltd", answer="We wait for it")
    office.settle()
    with office.bot.db.read() as tx:
        tables = ("customers", "contacts", "outbox", "messages", "journal")
        stored = [tuple(row) for table in tables for row in tx.execute(text(f"select * from {table}"))]  # noqa: S608
    for secret in ("Acme", "acme@example.com", "C-77-88", "We wait for it"):
        assert secret not in str(stored)


def test_the_customer_is_shown_to_those_who_handle_the_case_and_the_look_is_on_record(office: Workspace) -> None:
    incident = office.report(LIN, customers_affected="1")
    card = office.card(incident)
    office.click(ADA, card, "card.menu", option=f"customer.show:{incident.id}")
    assert "Acme Ltd" in str(office.sandbox.get("/ephemerals", user=ADA))
    refused = office.click(QIAN, card, "card.menu", option=f"customer.show:{incident.id}")
    assert "Acme" not in str(refused)
    assert "请先加入事件频道" in str(refused["view"]), "a refusal says what to do"
    office.sandbox.post("/act/join", user=QIAN, channel=card.channel)
    office.settle()
    office.click(QIAN, card, "card.menu", option=f"customer.show:{incident.id}")
    assert "Acme Ltd" in str(office.sandbox.get("/ephemerals", user=QIAN))
    assert "Acme" not in str(office.channel(card.channel)), "nobody else sees it"
    with office.bot.db.read() as tx:
        looks = tx.execute(text("select \"by\" from journal where what = 'customer_seen' order by id")).scalars()
        assert list(looks) == [ADA, QIAN]
        assert journal.is_whole(tx, incident.id)
    with office.bot.db.begin() as tx:
        tx.execute(text("update journal set \"by\" = 'U0NOBODY' where what = 'reported'"))
        assert not journal.is_whole(tx, incident.id), "a changed entry breaks the chain"


def test_the_bot_says_little_of_its_own_accord_in_the_first_ten_minutes(office: Workspace) -> None:
    incident = office.report()
    for _ in range(10):
        office.wait(1)
    assert len(office.said(str(office.incident(incident.id).channel_id))) <= 6


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "ratelimited", "retry_after": 1},
        {"kind": "http_error", "status": 503},
        {"kind": "drop_before"},
        {"kind": "error", "error": "expired_trigger_id"},
    ],
)
def test_a_form_that_slack_does_not_open_is_answered_with_what_to_do(office: Workspace, fault: dict[str, Any]) -> None:
    incident = office.report(LIN)
    card = office.card(incident)
    office.sandbox.fault("views.open", **fault)
    answer = office.command(ADA)
    assert "Please click once more" in answer["ephemeral"]["text"]
    office.click(LIN, card, "verify.open")
    told = office.sandbox.get("/ephemerals", user=LIN)
    assert "请再点一次" in told[-1]["text"]
    office.sandbox.heal()
    assert office.command(ADA)["view"]


def test_people_s_words_are_in_no_error_text(database_url: str) -> None:
    db = Database(database_url, Cipher([Fernet.generate_key().decode()]))
    with pytest.raises(SQLAlchemyError) as error, db.begin() as tx:
        tx.execute(text("insert into nowhere values (:name)"), {"name": "Acme Ltd"})
    assert "Acme" not in str(error.value)
    db.close()


def test_a_bot_that_joins_each_channel_is_looked_up_once(workspace: Workspace) -> None:
    for number in range(3):
        workspace.report(what_happened=f"Payments fail in region {number}")
    looked_up = [call["args"]["user"] for call in workspace.sandbox.calls("users.info")]
    assert looked_up.count(BOT) == 1
    with workspace.bot.db.read() as tx:
        assert people.get(tx, BOT) is None, "it can't be asked for anything"


@pytest.mark.parametrize(
    ("trigger", "user", "hint"),
    [
        ("system_failure", ADA, "Ask tech support what is down and for whom. Ask @Zhou"),
        ("system_failure", ZHOU, "请向技术支持核实哪些功能受影响、影响哪些客户。可联系 @Qian"),  # not themselves
        ("defective_batch", ADA, "Ask quality for the batch numbers and where they went. Ask @Quinn"),
        ("dispute", ADA, "Get the contract and what both sides wrote to each other."),  # the file names no role
    ],
)
def test_the_form_to_verify_says_whom_to_ask(office: Workspace, trigger: str, user: str, hint: str) -> None:
    incident = office.report(LIN, trigger=trigger)
    with office.bot.db.begin() as tx:
        incidents.add_participants(tx, incident.id, [user])
    shown = office.click(user, office.card(incident), "verify.open")["view"]["blocks"]
    assert shown[0]["hint"]["text"].startswith(hint)
    assert ("@" in shown[0]["hint"]["text"]) is ("@" in hint)
