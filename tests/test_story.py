"""Start here: a whole incident as people live it, from the report to its end, on both transports and both databases."""

import re

from tests.workspace import (
    ADA,
    EVA,
    LIN,
    MEI,
    PAYMENTS_FAIL,
    SUN,
    WANG,
    ZHOU,
    Sandbox,
    Workspace,
    opened,
    settings_for,
)

LEA, PAT, HE = "U0LEA", "U0PAT", "U0HE"


def test_a_report_becomes_a_channel_with_the_right_people_and_running_clocks(workspace: Workspace) -> None:
    opened = workspace.command(LIN)
    assert opened["view"]["title"]["text"] == "事件上报", "Lin's Slack speaks Chinese"
    answer = workspace.submit(LIN, **PAYMENTS_FAIL)
    assert "INC-1 已记录" in str(answer["response"])
    workspace.wait(0.1)

    assert "<#" in str(workspace.view(LIN)["blocks"]), "the form itself shows the way to the channel"
    [channel] = workspace.channels()
    assert channel["name"] == "inc-0001-payments-fail-with-error-502"
    assert {LIN, ADA, MEI} <= set(channel["members"]), "the reporter and everybody on call"
    assert channel["topic"] == "INC-1 · Payments fail with error 502"
    card = workspace.card(workspace.incident(1))
    assert "Proposed: 🔴 severity 1 — 120 customers are affected (100 or more)" in card.everything
    assert "Acme" not in card.everything, "customers are masked where others read along"
    assert card.buttons == ["verify.open*", "grade.open", "contact.open"]
    [announcement] = workspace.said("incidents")
    assert f"<#{channel['id']}>" in announcement.text


def test_the_owner_is_reminded_then_the_next_one_up_is_told_and_so_on_up(workspace: Workspace) -> None:
    incident = workspace.report()
    channel = str(workspace.incident(incident.id).channel_id)

    workspace.wait(3)
    assert f"<@{LIN}>, verify INC-1 by" in workspace.said(channel)[-1].text
    assert "请在" in workspace.said(LIN)[-1].text, "in person, in Lin's own language"
    workspace.wait(2)
    assert f"⚠️ <@{MEI}>, INC-1 is not verified" in workspace.said(channel)[-1].text
    assert "仍未核实" in workspace.said(MEI)[-1].text
    assert "⚠️ *Verify*" in workspace.card(incident).everything
    workspace.wait(5)
    assert any(f"⚠️ <@{WANG}>" in said.text for said in workspace.said(channel))
    assert WANG in workspace.channel(channel)["members"], "whoever is told can look"
    workspace.wait(5)
    workspace.wait(5)
    told = [said.text for said in workspace.said(channel)]
    assert any(f"⚠️ <@{SUN}>, INC-1 is not verified" in text for text in told)
    assert any(f"⚠️ <@{EVA}>, INC-1 is not verified" in text for text in told)
    workspace.wait(5)
    assert any("nobody is left to tell" in said.text for said in workspace.said(channel))


def test_who_verifies_and_who_calls_the_customer_stop_the_clocks(workspace: Workspace) -> None:
    incident = workspace.report()
    channel = str(workspace.incident(incident.id).channel_id)
    workspace.wait(3)
    reminder = workspace.said(channel)[-1]
    assert reminder.buttons == ["verify.open*", "acknowledge.told"], "what falls together is one message"

    assert workspace.click(ADA, reminder, "verify.open")["view"]["title"]["text"] == "Verify INC-1"
    workspace.submit(ADA, note="Card payments only, since 13:50")
    workspace.settle()
    done = next(said for said in workspace.said(channel) if said.ts == reminder.ts)
    assert f"✅ INC-1 was verified by <@{ADA}>" in done.text
    assert "2 minutes early" in done.text
    assert done.buttons == ["acknowledge.told*"], "a used button is gone, the other one is the primary now"
    assert "✅ INC-1" in workspace.said(LIN)[-1].text, "the direct message says so too"
    card = workspace.card(incident)
    assert "✅ *Verify*" in card.everything
    assert "Card payments only" in card.everything
    assert card.buttons == ["grade.open*", "contact.open"], "the next step is the primary button"

    assert "*First contact* for 120 customers" in workspace.said(channel)[-1].text, "the words for it are there"
    workspace.contact(LIN, incident, answer="Please hurry", emotion="angry")
    card = workspace.card(incident)
    assert "1 of 120 customers reached" in card.everything
    assert "⏱ *First contact*" in card.everything, "the others have heard nothing yet"
    workspace.contact(LIN, incident, who="everybody")
    card = workspace.card(incident)
    assert "120 of 120 customers reached" in card.everything
    assert "✅ *First contact*" in card.everything
    assert "⏱ *Update to customers*" in card.everything, "the next word is due"
    before = {said.ts for said in workspace.said(channel)}
    workspace.wait(60)
    new = " ".join(said.text for said in workspace.said(channel) if said.ts not in before)
    assert "know about INC-1" in new, "what is still owed is"
    assert "first contact" not in new, "a met duty is not reminded of"
    assert "not verified" not in new


def test_it_is_graded_the_team_takes_its_roles_and_the_supervisor_knows(workspace: Workspace) -> None:
    incident = workspace.report()
    channel = str(workspace.incident(incident.id).channel_id)
    workspace.wait(0)
    workspace.click(WANG, workspace.said(WANG)[-1], "acknowledge.confirm")
    workspace.settle()
    assert "✅ *Report up*" in workspace.card(incident).everything
    assert "⏱ *Assemble the team*" in workspace.card(incident).everything

    workspace.click(ADA, workspace.card(incident), "verify.open")
    workspace.submit(ADA, note="Card payments only")
    workspace.settle()
    checklist = next(said for said in workspace.said(channel) if "Find out what is down" in said.everything)
    assert "tasks.add" in str(checklist.buttons)

    workspace.grade(WANG, incident, 1)
    card = workspace.card(incident)
    assert f"🔴 *Severity 1*, confirmed by <@{WANG}>" in card.everything
    assert card.buttons[0] == "roles.open*", "the next step"
    opened = workspace.click(WANG, card, "roles.open")
    assert {MEI, ZHOU} <= set(re.findall("U0[A-Z]+", str(opened["view"]["blocks"]))), "filled in from the rosters"
    workspace.submit(WANG)
    workspace.settle()
    asked = {user: workspace.said(user)[-1] for user in (MEI, ZHOU, LEA, PAT, HE)}
    for user, message in asked.items():
        assert message.buttons == ["roles.accept*", "roles.decline"], user
        assert user in workspace.channel(channel)["members"]
    for user in asked:
        for message in workspace.said(user):
            if "roles.accept*" in message.buttons:
                workspace.click(user, message, "roles.accept")
        workspace.settle()
    card = workspace.card(incident)
    assert f"Lead <@{MEI}>" in card.everything
    assert f"Customer relations <@{HE}>" in card.everything
    assert "✅ *Assemble the team*" in card.everything
    assert f"*First contact* · <@{HE}>" in card.everything, "what is owed follows the role"
    assert card.buttons == ["plan.open*", "contact.open"]
    workspace.wait(10)
    assert any("120 位客户尚未首次联系" in said.text for said in workspace.said(HE)), "the reminder follows too"


def test_what_is_no_emergency_ends_with_a_reason_and_stays_on_record(workspace: Workspace) -> None:
    incident = workspace.report()
    channel = str(workspace.incident(incident.id).channel_id)
    workspace.wait(3)
    card = workspace.card(incident)

    workspace.click(LIN, card, "card.menu", option=f"dismiss.open:{incident.id}")
    workspace.submit(LIN, reason="A test of the customer's own")
    workspace.settle()
    assert workspace.channel(channel)["is_archived"]
    ended = workspace.card(incident)
    assert "Not an emergency" in ended.everything
    assert "A test of the customer's own" in ended.everything
    assert ended.buttons == []
    assert "not an emergency" in workspace.said("incidents")[-1].text
    assert "无需再处理" in workspace.said(LIN)[-1].text
    before = len(workspace.said(LIN))
    workspace.wait(60)
    assert len(workspace.said(LIN)) == before
    assert workspace.command(LIN, "list")["ephemeral"]["text"] == "进行中的事件"


def test_in_a_chinese_workspace_the_channel_speaks_chinese_and_each_person_their_own_language(
    sandbox: Sandbox, sqlite_url: str
) -> None:
    settings = settings_for(sandbox, sqlite_url, hotline_language="zh", hotline_timezone="Asia/Shanghai")
    with opened(sandbox, settings) as workspace:
        incident = workspace.report(ADA, what_happened="支付失败，报错 502")
        channel = workspace.channel(str(workspace.incident(incident.id).channel_id))
        assert channel["name"] == "inc-0001-zhi-fu-shi-bai-bao-cuo-502"
        assert channel["topic"] == "INC-1 · 支付失败，报错 502"
        card = workspace.card(incident)
        assert "建议：🔴 1 级 — 120 位客户受影响（达到 100 位）" in card.everything
        assert "A*** 及另外 119 位客户" in card.everything
        assert "建议 🔴 1 级" in workspace.said("incidents")[-1].text
        workspace.wait(10)
        said = [message.text for message in workspace.said(channel["id"])]
        assert any("120 位客户尚未首次联系" in text and "还剩 5 分钟" in text for text in said)
        assert any("first contact with 120 customers of INC-1" in message.text for message in workspace.said(ADA))
