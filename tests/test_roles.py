"""Who does what: asked in person, taken or not, the next one, handed over, and what happens when somebody leaves."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bot import lifecycle
from bot.incident import Assignment, Deadline, Duty, Incident, NotAllowed, Role
from handlers.people import ask_for_everybody
from storage import deadlines, journal, roles, tasks
from tests.test_twice import again, at_once, rows
from tests.workspace import (
    ADA,
    BOT,
    EVA,
    GONE,
    GUEST,
    HE,
    LEA,
    LIN,
    MEI,
    PAT,
    QIAN,
    QUINN,
    SUN,
    WANG,
    ZHOU,
    Said,
    Workspace,
)

TEAM = {
    Role.LEAD: MEI,
    Role.TECH_SUPPORT: ZHOU,
    Role.LEGAL: LEA,
    Role.PR: PAT,
    Role.CUSTOMER_RELATIONS: HE,
    Role.LIAISON: ZHOU,
}


def graded(workspace: Workspace, severity: int = 1, user: str = LIN, by: str = WANG, **values: Any) -> Incident:
    """An incident that was reported and graded, on the way to its team."""
    how_many = {1: "120", 2: "20", 3: "2"}[severity]
    incident = workspace.report(user, **{"customers_affected": how_many, **values})
    workspace.grade(by, incident, severity)
    return workspace.incident(incident.id)


def found(workspace: Workspace, incident: Incident) -> list[Assignment]:
    with workspace.bot.db.read() as tx:
        return roles.of_incident(tx, incident.id)


def held(workspace: Workspace, incident: Incident) -> dict[Role, str]:
    return roles.holders(found(workspace, incident))


def asked(workspace: Workspace, incident: Incident) -> dict[Role, str]:
    return {role: each.user_id for role, each in roles.asked(found(workspace, incident)).items()}


def owed(workspace: Workspace, incident: Incident) -> dict[Duty, Deadline]:
    """The clocks that run, without those of the single roles."""
    with workspace.bot.db.read() as tx:
        running = deadlines.running(tx, incident.id)
    return {deadline.duty: deadline for deadline in running if deadline.duty is not Duty.ACCEPT_ROLE}


def about_role(workspace: Workspace, user: str, *words: str) -> Said:
    """The latest direct message that has these words."""
    return next(said for said in reversed(workspace.said(user)) if all(word in said.everything for word in words))


def take(workspace: Workspace, user: str, *words: str) -> Any:
    """Somebody clicks "I'll take it"."""
    answer = workspace.click(user, about_role(workspace, user, "roles.accept", *words), "roles.accept")
    workspace.settle()
    return answer


def everybody_takes(workspace: Workspace, incident: Incident) -> None:
    for user in list(asked(workspace, incident).values()):
        take(workspace, user, incident.number)


def prefilled(view: Any) -> dict[str, str | None]:
    return {
        block["block_id"]: block["element"].get("initial_user")
        for block in view["blocks"]
        if block["type"] == "input" and block["element"]["type"] == "users_select"
    }


def opened(workspace: Workspace, user: str, incident: Incident) -> Any:
    return workspace.choose(user, incident, "roles.open")["view"]


def channel_of(workspace: Workspace, incident: Incident) -> str:
    return str(workspace.incident(incident.id).channel_id)


def test_the_team_is_proposed_asked_in_person_and_there(workspace: Workspace) -> None:
    incident = graded(workspace)
    assert "roles.open*" in workspace.card(incident).buttons or "roles.open" in workspace.card(incident).buttons
    view = workspace.click(WANG, workspace.card(incident), "roles.open")["view"]
    assert view["title"]["text"] == "INC-1 职责分配"
    assert "查明原因并修复，给出预计恢复时间。" in str(view["blocks"]), "each role with its one line"
    assert not workspace.submit(WANG)["response"]
    workspace.settle()
    assert asked(workspace, incident) == TEAM
    assert set(TEAM.values()) <= set(workspace.channel(channel_of(workspace, incident))["members"]), "and invited"
    assert f"Legal <@{LEA}> (asked)" in workspace.card(incident).everything
    assert "roles.open" not in "".join(workspace.card(incident).buttons), "what is done is not offered any more"

    message = about_role(workspace, LEA, "roles.accept")
    assert message.text == f"<@{LEA}>, you are asked to be *Legal* for 🔴 INC-1 · Payments fail with error 502."
    assert "• Say what we owe by law, and to whom we must report." in message.everything
    assert f"<#{channel_of(workspace, incident)}> · 120 customers" in message.everything
    assert message.buttons == ["roles.accept*", "roles.decline"]

    everybody_takes(workspace, incident)
    assert held(workspace, incident) == TEAM
    assert "✅ You are *Legal* of 🔴 INC-1" in about_role(workspace, LEA, "INC-1").text
    assert f"Legal <@{LEA}> ·" in workspace.card(incident).everything
    before = len(workspace.said(channel_of(workspace, incident)))
    workspace.wait(3)
    said = [each.text for each in workspace.said(channel_of(workspace, incident))[before:]]
    assert not any("role" in text or "team" in text for text in said), said


def test_with_the_last_of_them_the_team_is_there(office: Workspace) -> None:
    incident = graded(office, 2)
    office.assign(WANG, incident)
    for user in (LEA, PAT, HE, MEI, ZHOU):
        assert Duty.ASSEMBLE_TEAM in owed(office, incident)
        take(office, user, "INC-1")
    assert Duty.ASSEMBLE_TEAM in owed(office, incident), "Zhou is asked for two roles"
    take(office, ZHOU, "INC-1")
    assert Duty.ASSEMBLE_TEAM not in owed(office, incident)
    assert f"✅ *Assemble the team* · <@{MEI}>" in office.card(incident).everything


def test_the_department_follows_from_the_routing(office: Workspace) -> None:
    incident = graded(office)
    view = opened(office, WANG, incident)
    assert prefilled(view) == {
        "lead": MEI,
        "tech_support": ZHOU,
        "legal": LEA,
        "pr": PAT,
        "customer_relations": HE,
        "liaison_tech_support": ZHOU,
        "scribe": None,
    }
    office.view_action(WANG, "roles.route", block_id="kind", option="product", values={"lead": SUN})
    view = office.view(WANG)
    assert prefilled(view)["liaison_quality"] == QUINN
    assert "liaison_tech_support" not in prefilled(view)
    assert "由质量部负责。" in str(view["blocks"])
    office.submit(WANG)
    office.settle()
    assert asked(office, incident)[Role.LIAISON] == QUINN
    assert asked(office, incident)[Role.LEAD] == SUN, "what was chosen before stays"
    assert office.incident(incident.id).kind == "product"
    with office.bot.db.read() as tx:
        said = next(entry for entry in journal.of_incident(tx, incident.id) if entry.what == "routed")
    assert said.detail == {"kind": "product", "was": "technical"}


def test_a_form_whose_department_has_changed_is_shown_once_more(office: Workspace) -> None:
    incident = graded(office)
    opened(office, WANG, incident)
    answer = office.submit(WANG, kind="product", legal=SUN)  # faster than the form could be drawn again
    assert answer["response"]["response_action"] == "update"
    assert "请再确认一遍" in str(office.view(WANG)["blocks"])
    assert prefilled(office.view(WANG))["liaison_quality"] == QUINN
    assert prefilled(office.view(WANG))["legal"] == SUN
    assert asked(office, incident) == {}
    office.submit(WANG)
    assert asked(office, incident)[Role.LIAISON] == QUINN


def test_at_severity_3_the_reporter_leads_and_the_department_helps(office: Workspace) -> None:
    incident = graded(office, 3, user=ADA)
    view = opened(office, ADA, incident)
    assert prefilled(view) == {"lead": ADA, "liaison_tech_support": ZHOU, "scribe": None}
    office.submit(ADA)
    office.settle()
    assert held(office, incident) == {Role.LEAD: ADA}, "who names themselves has it at once"
    assert asked(office, incident) == {Role.LIAISON: ZHOU}
    assert "✅ You are *Lead* of 🟡 INC-1" in about_role(office, ADA, "INC-1").text


def test_who_may_not_assign_is_told_who_may(office: Workspace) -> None:
    incident = graded(office)
    told = str(office.choose(HE, incident, "roles.open")["view"])
    assert "此操作仅限" in told
    office.click(HE, office.card(incident), "roles.open")
    assert found(office, incident) == []


@pytest.mark.parametrize(
    ("who", "says"),
    [
        (GONE, "Fran Former 的账号已停用，请另选他人，例如 Lea Martin。"),
        (BOT, "这是应用或尚未识别的新成员，请另选他人，例如 Lea Martin，或一分钟后再试。"),
    ],
)
def test_who_has_left_or_is_an_app_is_refused_with_whom_to_choose_instead(
    office: Workspace, who: str, says: str
) -> None:
    incident = graded(office)
    opened(office, WANG, incident)
    answer = office.submit_unchecked(WANG, legal=who)
    assert answer["response"]["errors"] == {"legal": says}
    assert found(office, incident) == [], "nothing is saved"
    assert not office.submit(WANG, legal=LEA)["response"]


def test_a_role_that_is_needed_is_not_left_empty(office: Workspace) -> None:
    office.sandbox.post("/act/group", handle="pr", members=[])
    office.settle()
    incident = graded(office)
    assert prefilled(opened(office, WANG, incident))["pr"] is None
    answer = office.submit_unchecked(WANG)
    assert answer["response"]["errors"] == {"pr": "请选择“公关”的人选。"}


def test_a_second_click_and_somebody_elses_are_answered_kindly(office: Workspace) -> None:
    incident = graded(office)
    office.assign(WANG, incident)
    message = about_role(office, LEA, "roles.accept")
    told = office.sandbox.post("/act/click", user=LEA, channel=message.channel, ts=message.ts, action_id="roles.accept")
    assert not told["view"]
    office.settle()
    reminded = [said for said in office.said(LEA) if "roles.accept" in said.everything]
    assert not reminded, "a used button is gone"
    once_more = again(office, told, exact=False)
    assert once_more["ok"]
    assert "The role is yours already" in str(office.view(LEA)), once_more
    assert held(office, incident) == {Role.LEGAL: LEA}


def test_somebody_else_is_told_who_is_asked() -> None:
    somebodys = Assignment(1, 1, Role.LEGAL, LEA, WANG, datetime(2026, 2, 13, tzinfo=UTC))
    with pytest.raises(NotAllowed) as told:
        lifecycle.check_is_asked(somebodys, PAT)
    assert (told.value.phrase, told.value.values) == ("allowed.only_asked", {"asked": LEA})


def test_a_reminder_has_the_same_buttons_and_only_the_one_who_is_asked_may_click(office: Workspace) -> None:
    incident = graded(office)
    office.assign(WANG, incident)
    office.wait(2)
    reminder = about_role(office, LEA, "please say by")
    assert reminder.buttons == ["roles.accept*", "roles.decline"]
    office.click(LEA, reminder, "roles.accept")
    office.settle()
    assert held(office, incident) == {Role.LEGAL: LEA}
    assert "took the role Legal" in about_role(office, LEA, "took the role").text
    assert "✅ You are *Legal*" in about_role(office, LEA, "You are").text


def test_a_chinese_reader_is_asked_in_chinese(office: Workspace) -> None:
    incident = graded(office)
    office.assign(WANG, incident)
    message = about_role(office, HE, "roles.accept")
    assert message.text == f"<@{HE}>，请您承担 🔴 INC-1 · Payments fail with error 502 的 *客户关系* 职责。"
    assert "• 按时联系客户，使用此处提供的话术。" in message.everything
    assert "120 位客户" in message.everything
    assert "前未答复 → 通知" in message.everything
    take(office, HE)
    assert "✅ 您自" in about_role(office, HE, "客户关系").text


def test_who_cant_suggests_somebody_who_is_asked_next(office: Workspace) -> None:
    incident = graded(office)
    office.assign(WANG, incident)
    view = office.click(LEA, about_role(office, LEA, "roles.accept"), "roles.decline")["view"]
    assert view["title"]["text"] == "I can’t: INC-1"
    wrong = office.submit_unchecked(LEA, suggestion=LEA)["response"]["errors"]
    assert wrong == {
        "reason": "Say in a few words why you can’t.",
        "suggestion": "Choose somebody other than yourself.",
    }
    answer = office.submit(LEA, reason="On a plane <until> tonight", suggestion=SUN)
    office.settle()
    assert asked(office, incident)[Role.LEGAL] == SUN
    message = about_role(office, SUN, "roles.accept", "法务")
    assert f"<@{LEA}> 无法承担，因此询问您。" in message.everything
    assert "On a plane &lt;until&gt; tonight" in message.everything
    assert "You said at" in about_role(office, LEA, "*Legal*").text
    before = rows(office)
    again(office, answer)
    assert rows(office) == before, "the same form once more"


def test_without_a_suggestion_the_next_of_the_roster_is_asked(office: Workspace) -> None:
    incident = graded(office)
    office.assign(WANG, incident)
    office.click(ZHOU, about_role(office, ZHOU, "roles.accept", "技术支持* 职责"), "roles.decline")
    office.submit(ZHOU, reason="在休假")
    office.settle()
    assert asked(office, incident)[Role.TECH_SUPPORT] == QIAN
    assert asked(office, incident)[Role.LIAISON] == ZHOU, "the other role is another question"


def test_when_nobody_is_left_whoever_asked_and_the_channel_are_told(office: Workspace) -> None:
    incident = graded(office)
    office.assign(WANG, incident)
    office.click(LEA, about_role(office, LEA, "roles.accept"), "roles.decline")
    office.submit(LEA, reason="I know Acme Ltd too well")
    office.settle()
    assert Role.LEGAL not in asked(office, incident)
    told = about_role(office, WANG, "法务")
    assert f"<@{LEA}> 无法承担" in told.text
    assert told.buttons == ["roles.open*"]
    said = next(each for each in office.said(channel_of(office, incident)) if "Nobody is left to ask" in each.text)
    assert said.text.startswith(f"<@{LEA}> can’t be *Legal* of INC-1.")
    assert "> I know A*** too well" in said.everything, "the customer is masked"
    assert "Legal –" in office.card(incident).everything
    office.click(ADA, said, "roles.open")
    office.submit(ADA, legal=SUN)
    office.settle()
    after = next(each for each in office.said(channel_of(office, incident)) if each.ts == said.ts)
    assert after.text == f"<@{SUN}> is asked to be *Legal* of INC-1; <@{LEA}> could not."
    assert after.buttons == []
    take(office, SUN)
    after = next(each for each in office.said(channel_of(office, incident)) if each.ts == said.ts)
    assert after.text.startswith(f"✅ <@{SUN}> is *Legal* of INC-1 (since")


def test_without_an_answer_the_deputy_is_asked_then_the_ladder_is_told(office: Workspace) -> None:
    incident = graded(office)
    office.assign(WANG, incident)
    message = about_role(office, ZHOU, "roles.accept", "技术支持* 职责")
    assert f"前未答复 → 改问 <@{QIAN}>" in message.everything
    for user in (LEA, PAT, HE, MEI):
        take(office, user, "INC-1")
    take(office, ZHOU, "业务对接")
    office.wait(3)
    assert asked(office, incident) == {Role.TECH_SUPPORT: QIAN}
    assert f"已改问 <@{QIAN}>" in about_role(office, ZHOU, "*技术支持*").text
    message = about_role(office, QIAN, "roles.accept")
    assert f"<@{ZHOU}> 未在时限内答复，因此询问您。" in message.everything
    assert f"前未答复 → 通知 <@{MEI}>" in message.everything, "nobody of the roster is left"
    channel = channel_of(office, incident)
    for rung in (MEI, WANG, SUN, EVA):
        office.wait(3)
        late = [said for said in office.said(channel) if "nobody has taken the role Tech support" in said.text]
        assert f"<@{rung}>" in late[-1].text
        assert "roles.open" in "".join(late[-1].buttons)
    office.wait(3)
    assert any("nobody is left to tell" in said.text for said in office.said(channel))
    take(office, QIAN)
    assert held(office, incident)[Role.TECH_SUPPORT] == QIAN, "late is better than never"


def test_duties_follow_the_role(office: Workspace) -> None:
    incident = graded(office)
    assert owed(office, incident)[Duty.FIRST_CONTACT].owner_id == LIN
    office.assign(WANG, incident)
    assert owed(office, incident)[Duty.FIRST_CONTACT].owner_id == LIN, "nothing moves before they have said yes"
    take(office, HE)
    assert owed(office, incident)[Duty.FIRST_CONTACT].owner_id == HE
    office.wait(10)
    assert "首次联系" in about_role(office, HE, "contact.open").text
    assert not any("first_contact" in said.everything for said in office.said(LIN))


def test_who_cant_any_more_gives_it_back_and_the_next_one_is_asked(office: Workspace) -> None:
    incident = graded(office)
    office.assign(WANG, incident)
    everybody_takes(office, incident)
    take_back = about_role(office, ZHOU, "*技术支持* 职责")
    assert take_back.buttons == ["roles.hand_over", "roles.decline"]
    office.click(ZHOU, take_back, "roles.decline")
    assert "您正承担" in str(office.view(ZHOU)["blocks"])
    office.submit(ZHOU, reason="家里有事")
    office.settle()
    assert asked(office, incident) == {Role.TECH_SUPPORT: QIAN}
    assert Role.TECH_SUPPORT not in held(office, incident)
    assert "您已于" in about_role(office, ZHOU, "*技术支持* 职责").text


def test_one_role_is_handed_over_with_a_note_and_stays_until_it_is_taken(office: Workspace) -> None:
    incident = graded(office)
    office.assign(WANG, incident)
    everybody_takes(office, incident)
    view = office.choose(HE, incident, "roles.hand_over")["view"]
    assert "我在 INC-1 的全部职责" in str(view["blocks"])
    role = next(each.id for each in found(office, incident) if each.role is Role.CUSTOMER_RELATIONS)
    assert office.submit_unchecked(HE, which=f"role:{role}", to=HE)["response"]["errors"] == {
        "to": "请选择您以外的人。"
    }
    assert office.submit_unchecked(HE, which=f"role:{role}", to=GONE)["response"]["errors"] == {
        "to": "Fran Former 的账号已停用，请另选他人。"
    }
    answer = office.submit(HE, which=f"role:{role}", to=ADA, note="They wait for a call at 15:00")
    office.settle()
    assert f"已请 <@{ADA}> 接手客户关系" in str(answer["response"])
    assert held(office, incident)[Role.CUSTOMER_RELATIONS] == HE
    assert owed(office, incident)[Duty.FIRST_CONTACT].owner_id == HE
    assert f"已请 <@{ADA}> 接手" in about_role(office, HE, "*客户关系*").everything
    message = about_role(office, ADA, "roles.accept")
    assert f"<@{HE}> hands it over to you.\\n> They wait for a call at 15:00" in message.everything
    assert f"it stays with <@{HE}>" in message.everything
    before = rows(office)
    again(office, answer)
    assert rows(office) == before
    take(office, ADA)
    assert held(office, incident)[Role.CUSTOMER_RELATIONS] == ADA
    assert owed(office, incident)[Duty.FIRST_CONTACT].owner_id == ADA
    assert f"✅ <@{ADA}> 已于" in about_role(office, HE, "*客户关系*").text


@pytest.mark.parametrize("answers", [True, False])
def test_what_is_not_taken_stays_with_the_one_who_hands_it_over(office: Workspace, answers: bool) -> None:
    incident = graded(office)
    office.assign(WANG, incident)
    everybody_takes(office, incident)
    office.choose(LEA, incident, "roles.hand_over")
    office.submit(LEA, to=SUN)
    office.settle()
    if answers:
        office.click(SUN, about_role(office, SUN, "roles.accept"), "roles.decline")
        office.submit(SUN, reason="在飞机上")
        office.settle()
    else:
        office.wait(3)
    assert held(office, incident)[Role.LEGAL] == LEA
    assert asked(office, incident) == {}, "nobody else is asked: it has somebody"
    told = about_role(office, LEA, "It stays with you.")
    assert told.buttons == ["roles.hand_over*"]
    assert (f"<@{SUN}> can’t be *Legal*" if answers else f"<@{SUN}> has not answered") in told.text
    assert not any("nobody has taken the role" in said.text for said in office.said(channel_of(office, incident)))


def test_who_is_suggested_for_a_hand_over_is_asked_and_it_stays_meanwhile(office: Workspace) -> None:
    incident = graded(office)
    office.assign(WANG, incident)
    everybody_takes(office, incident)
    office.choose(LEA, incident, "roles.hand_over")
    office.submit(LEA, to=SUN, note="The contract is in the folder")
    office.settle()
    office.click(SUN, about_role(office, SUN, "roles.accept"), "roles.decline")
    office.submit(SUN, reason="在飞机上", suggestion=EVA)
    office.settle()
    told = about_role(office, LEA, "It stays with you.")
    assert f"<@{EVA}> is asked instead, as they suggest." in told.text
    assert "The contract is in the folder" in about_role(office, EVA, "roles.accept").everything
    take(office, EVA)
    assert held(office, incident)[Role.LEGAL] == EVA


def test_at_the_end_of_a_shift_everything_goes_to_somebody_else(office: Workspace) -> None:
    first = graded(office, 3, user=LIN, what_happened="A wrong charge", trigger="wrong_charge")
    second = graded(office, 1, user=LIN)
    office.assign(LIN, first, lead=LIN)
    office.assign(WANG, second)
    assert held(office, first)[Role.LEAD] == LIN
    view = office.command(LIN, "handover")["view"]
    options = [each["value"] for each in view["blocks"][0]["element"]["options"]]
    assert options == ["all", "in:1", "in:2"]
    assert view["blocks"][0]["element"]["initial_option"]["text"]["text"] == "我在所有进行中事件的全部职责（2 个）"
    answer = office.submit(LIN, to=ADA, note="Back at nine")
    office.settle()
    assert "INC-2" in str(answer["response"])
    # In the second incident Lin has no role: what the reporter owes is Ada's at once.
    assert owed(office, second)[Duty.VERIFY].owner_id == ADA
    assert owed(office, second)[Duty.FIRST_CONTACT].owner_id == ADA
    message = about_role(office, ADA, "hands over to you what they owed")
    assert "• Verify, due" in message.everything
    assert "> Back at nine" in message.everything
    assert f"Reporter <@{LIN}> · <@{ADA}> in their place" in office.card(second).everything
    # In the first one Ada is asked, and until she answers everything stays.
    assert owed(office, first)[Duty.VERIFY].owner_id == LIN
    assert asked(office, first)[Role.LEAD] == ADA
    take(office, ADA, "INC-1")
    assert held(office, first)[Role.LEAD] == ADA
    assert owed(office, first)[Duty.VERIFY].owner_id == ADA, "with the last role everything else"
    assert all(each.owner_id != LIN for each in [*owed(office, first).values(), *owed(office, second).values()])
    # What starts later is the stand-in's too.
    office.click(ADA, office.card(second), "contact.open")
    office.submit(ADA, said="We are on it")
    office.settle()
    assert owed(office, second)[Duty.UPDATE].owner_id == ADA
    # And in the morning it goes back the same way.
    office.command(ADA, "交接")
    office.submit(ADA, which="in:2", to=LIN)
    office.settle()
    assert owed(office, second)[Duty.UPDATE].owner_id == LIN
    assert "in their place" not in office.card(second).everything


def test_tasks_go_along_at_the_end_of_a_shift(office: Workspace) -> None:
    incident = graded(office)
    channel = channel_of(office, incident)
    checklist = next(said for said in office.said(channel) if "tasks.menu" in said.everything)
    menus = [block["accessory"] for block in checklist.blocks if block.get("accessory")]
    task = menus[0]["options"][0]["value"]
    block = next(block["block_id"] for block in checklist.blocks if block.get("accessory") == menus[0])
    office.click(LIN, checklist, "tasks.menu", option=task, block_id=block)
    office.settle()
    with office.bot.db.read() as tx:
        [taken] = tasks.taken_by(tx, LIN, 9)
    clock = owed(office, incident).get(Duty.TASK)
    office.choose(LIN, incident, "roles.hand_over")
    office.submit(LIN, to=ADA)
    office.settle()
    with office.bot.db.read() as tx:
        assert [task.id for task in tasks.taken_by(tx, ADA, 9)] == [taken.id]
    after = owed(office, incident).get(Duty.TASK)
    assert (after and after.due_at) == (clock and clock.due_at), "its time stays"


def test_who_has_nothing_to_hand_over_is_told_so(office: Workspace) -> None:
    incident = graded(office)
    assert "没有可交接的内容" in str(office.command(SUN, "handover"))
    office.choose(QUINN, incident, "roles.hand_over")
    assert "Nothing here is yours to hand over" in str(office.view(QUINN))


def test_a_confidential_incident_goes_only_to_its_people_and_the_procedures(office: Workspace) -> None:
    incident = graded(office, by=ADA, trigger="account_security")
    office.assign(ADA, incident)
    everybody_takes(office, incident)
    office.click(LEA, about_role(office, LEA, "roles.hand_over"), "roles.hand_over")
    assert office.submit(LEA, to=GUEST)["response"]["errors"] == {
        "to": "INC-1 is confidential: choose one of its people, or somebody whom the procedure proposes for this."
    }
    assert office.submit(LEA, to=SUN)["response"]["response_action"] == "update", "who assigns roles may have one"


@pytest.mark.parametrize("workspace", ["socket-sqlite", "http-postgresql"], indirect=True)
def test_two_people_assign_at_once_and_the_second_reads_what_the_first_did(workspace: Workspace) -> None:
    incident = graded(workspace)
    for user in (ADA, MEI):
        assert opened(workspace, user, incident)
    answers = at_once(
        lambda: workspace.submit(ADA, legal=SUN),
        lambda: workspace.submit(MEI, legal=EVA),
    )
    workspace.settle()
    updates = [each["response"] for each in answers if each["response"]]
    assert len(updates) == 1, answers
    by_first = asked(workspace, incident)[Role.LEGAL]
    second = MEI if by_first == SUN else ADA
    assert f"<@{ADA if second == MEI else MEI}>" in str(updates[0])
    assert f"<@{by_first}>" in str(updates[0])
    assert len(found(workspace, incident)) == len(TEAM)
    workspace.submit(second)  # as it stands: whom they chose
    workspace.settle()
    assert asked(workspace, incident)[Role.LEGAL] == (EVA if by_first == SUN else SUN)
    assert (
        "解除" in about_role(workspace, by_first, "INC-1").text
        or "无需再承担" in about_role(workspace, by_first, "INC-1").text
        or "no longer needed" in about_role(workspace, by_first, "INC-1").text
    )


@pytest.mark.parametrize("workspace", ["socket-sqlite", "http-postgresql"], indirect=True)
def test_whatever_happens_at_once_each_role_has_one_person(workspace: Workspace) -> None:
    incident = graded(workspace)
    workspace.assign(WANG, incident)
    everybody_takes(workspace, incident)
    for user in (LEA, ZHOU):
        assert workspace.choose(user, incident, "roles.hand_over")["view"]
    assert workspace.click(PAT, about_role(workspace, PAT, "INC-1"), "roles.decline")["view"]
    assert opened(workspace, ADA, incident)
    at_once(
        lambda: workspace.submit(LEA, to=SUN),
        lambda: workspace.submit(ZHOU, to=QIAN),
        lambda: workspace.submit(PAT, reason="Ill", suggestion=EVA),
        lambda: workspace.submit(ADA, legal=EVA),
        lambda: workspace.sandbox.post("/act/profile", user=HE, deleted=True),
    )
    workspace.settle()
    with workspace.bot.db.read() as tx:
        assert journal.is_whole(tx, incident.id)
    assert asked(workspace, incident)[Role.TECH_SUPPORT] == QIAN
    assert asked(workspace, incident)[Role.PR] == EVA
    assert asked(workspace, incident)[Role.LEGAL] in (SUN, EVA)
    assert held(workspace, incident)[Role.LEGAL] == LEA
    assert Role.CUSTOMER_RELATIONS not in held(workspace, incident)
    everybody_takes(workspace, incident)
    assert set(held(workspace, incident)) == set(TEAM) - {Role.CUSTOMER_RELATIONS}
    assert HE not in [each.owner_id for each in owed(workspace, incident).values()]


def test_the_same_form_twice_asks_once(office: Workspace) -> None:
    incident = graded(office)
    answer = office.assign(WANG, incident)
    before = rows(office)
    at_once(*[lambda: again(office, answer)] * 3)
    office.settle()
    assert rows(office) == before
    assert len(found(office, incident)) == len(TEAM)


def test_an_unchanged_form_changes_nothing_and_another_name_asks_only_them(office: Workspace) -> None:
    incident = graded(office)
    office.assign(WANG, incident)
    take(office, LEA)
    office.assign(WANG, incident)
    assert len(found(office, incident)) == len(TEAM)
    office.assign(WANG, incident, legal=SUN)
    assert held(office, incident)[Role.LEGAL] == LEA, "until Sun has said yes"
    assert asked(office, incident)[Role.LEGAL] == SUN
    assert "Lea Martin" in str(opened(office, ADA, incident)["blocks"]), "the form says who has it meanwhile"
    take(office, SUN)
    assert held(office, incident)[Role.LEGAL] == SUN
    assert "no longer needed as *Legal*" in about_role(office, LEA, "*Legal*").text


def test_who_leaves_is_replaced_everywhere_and_the_channel_is_told(office: Workspace) -> None:
    incident = graded(office)
    office.assign(WANG, incident)
    everybody_takes(office, incident)
    quiet = graded(office, 3, user=ADA, what_happened="Another thing", customers_affected="1")
    before = len(office.said(channel_of(office, quiet)))
    office.sandbox.post("/act/profile", user=ZHOU, deleted=True)
    office.settle()
    assert asked(office, incident) == {Role.TECH_SUPPORT: QIAN, Role.LIAISON: QIAN}
    said = [each for each in office.said(channel_of(office, incident)) if "has left the workspace" in each.text]
    assert len(said) == 1
    assert f"<@{ZHOU}> has left the workspace. Asked in their place: " in said[0].text
    assert f"Tech support <@{QIAN}>" in said[0].text
    assert f"<@{ZHOU}> 的账号已停用，因此询问您。" in about_role(office, QIAN, "roles.accept").everything
    assert len(office.said(channel_of(office, quiet))) == before
    rows_before = rows(office)
    office.sandbox.post("/act/profile", user=ZHOU, deleted=True)
    office.settle()
    assert rows(office) == rows_before, "noticed once"
    assert prefilled(opened(office, WANG, incident))["tech_support"] == QIAN


def test_what_somebody_owed_who_has_left_is_owed_by_others(office: Workspace) -> None:
    incident = graded(office)
    office.assign(WANG, incident)
    take(office, HE)
    assert owed(office, incident)[Duty.FIRST_CONTACT].owner_id == HE
    office.sandbox.post("/act/profile", user=HE, deleted=True)
    office.settle()
    assert owed(office, incident)[Duty.FIRST_CONTACT].owner_id == LIN
    [said] = [each for each in office.said(channel_of(office, incident)) if "has left the workspace" in each.text]
    assert f"What they owed is <@{LIN}>’s now." in said.text
    assert "Nobody is left to ask for: Customer relations." in said.text
    assert said.buttons == ["roles.open*"]


def test_who_has_left_while_the_bot_was_away_is_noticed_at_the_start(office: Workspace) -> None:
    incident = graded(office)
    office.assign(WANG, incident)
    where = office.sandbox.post("/settings")["request_url"]
    office.sandbox.post("/settings", transport="http", request_url="http://127.0.0.1:9/nobody")
    office.sandbox.post("/act/profile", user=ZHOU, deleted=True)
    office.sandbox.post("/settings", transport="http", request_url=where)
    assert asked(office, incident)[Role.TECH_SUPPORT] == ZHOU
    ask_for_everybody(office.bot.desk)
    office.settle()
    assert asked(office, incident)[Role.TECH_SUPPORT] == QIAN


def test_the_ladder_passes_over_who_has_left(office: Workspace) -> None:
    incident = office.report()
    office.sandbox.post("/act/profile", user=WANG, deleted=True)
    office.settle()
    channel = channel_of(office, incident)
    for _ in range(6):
        office.wait(5)
    said = " ".join(each.text for each in office.said(channel))
    assert f"<@{WANG}>, INC-1 is not verified" not in said
    assert "<@U0TOM>, INC-1 is not verified" in said, "the next one of the same rung"
    assert f"<@{SUN}>, INC-1 is not verified" in said


def test_who_is_asked_and_leaves_is_not_waited_for(office: Workspace) -> None:
    incident = graded(office)
    office.assign(WANG, incident)
    office.sandbox.post("/act/profile", user=ZHOU, deleted=True)
    office.settle()
    assert asked(office, incident)[Role.TECH_SUPPORT] == QIAN


def test_an_ended_incident_asks_nobody(office: Workspace) -> None:
    incident = graded(office)
    office.assign(WANG, incident)
    take(office, LEA)
    office.choose(LIN, incident, "dismiss.open")
    office.submit(LIN, reason="A test")
    office.settle()
    assert "no longer needed as *PR*" in about_role(office, PAT, "*PR*").text
    after = about_role(office, LEA, "*Legal*")
    assert "The incident is over" in after.text
    assert after.buttons == []


def test_a_lower_severity_relieves_and_a_higher_one_asks_more(office: Workspace) -> None:
    incident = graded(office)
    office.assign(WANG, incident)
    take(office, LEA)
    office.grade(WANG, incident, 3, reason="Only a display error")
    assert asked(office, incident) == {Role.LEAD: MEI, Role.LIAISON: ZHOU}
    assert held(office, incident) == {}
    office.grade(WANG, incident, 1)
    assert set(asked(office, incident)) == set(TEAM)


def test_who_was_asked_before_the_grading_is_relieved_when_it_says_otherwise(office: Workspace) -> None:
    incident = office.report()
    office.assign(WANG, incident)
    assert set(asked(office, incident)) == set(TEAM), "as the proposed severity needs it"
    office.grade(WANG, incident, 3, reason="Only a display error")
    assert set(asked(office, incident)) == {Role.LEAD, Role.LIAISON}
