"""What is said in public: prepared, approved by legal and by PR, out; changes, wrong orders, reminders."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot import lifecycle
from bot.incident import (
    ContactChannel,
    CustomerLanguage,
    Deadline,
    Duty,
    Incident,
    MomentKind,
    NotAllowed,
    Role,
    Stage,
    Statement,
)
from handlers import team
from storage import deadlines, incidents, journal, statements
from tests.test_home import open_home
from tests.test_twice import again, at_once
from tests.workspace import (
    ADA,
    EVA,
    HE,
    LEA,
    LIN,
    MEI,
    PAT,
    QUINN,
    WANG,
    Said,
    Sandbox,
    Workspace,
    opened,
    settings_for,
)

WORDS = "Since 13:50 card payments fail for some customers.\nWe work on it & <report> here."
GAP = "[what has been done since the last word]"


def open_form(workspace: Workspace, incident: Incident, user: str = WANG) -> Any:
    return workspace.command(user, "statement", str(incident.channel_id))["view"]


def prepare(workspace: Workspace, incident: Incident, user: str = WANG, words: str = WORDS, **more: str) -> Statement:
    """Somebody asks for the approval of these words."""
    assert open_form(workspace, incident, user)["callback_id"] == "statement.submit"
    answer = workspace.submit(user, words=words, **more)
    if (answer["response"] or {}).get("response_action") == "update":
        answer = workspace.submit(user)  # what is flagged was shown
    assert not answer["response"], answer
    workspace.settle()
    return every(workspace, incident)[-1]


def every(workspace: Workspace, incident: Incident) -> list[Statement]:
    with workspace.bot.db.read() as tx:
        return statements.of_incident(tx, incident.id)


def the_approved(workspace: Workspace, incident: Incident) -> Statement | None:
    with workspace.bot.db.read() as tx:
        return statements.approved(tx, incident.id)


def reported(workspace: Workspace, user: str = LIN, **values: Any) -> Incident:
    return workspace.incident(workspace.report(user, **values).id)


def shown(workspace: Workspace, incident: Incident, number: int = -1) -> Said:
    """The message of a statement in the incident's channel."""
    said = workspace.said(str(incident.channel_id))
    return [each for each in said if any(word in each.text for word in ("public statement", "公开声明"))][number]


def asked(workspace: Workspace, user: str, number: int = -1) -> Said:
    """What somebody was told about a statement in a direct message."""
    found = [each for each in workspace.said(user) if "public statement" in each.text or "公开声明" in each.text]
    return found[number]


def approve(workspace: Workspace, *users: str) -> None:
    for user in users:
        workspace.click(user, asked(workspace, user, 0), "statement.approve")
        workspace.settle()


def refuse(workspace: Workspace, user: str, reason: str = "Say when the next word comes") -> Any:
    message = next(each for each in reversed(workspace.said(user)) if "statement.refuse" in each.buttons)
    workspace.click(user, message, "statement.refuse")
    answer = workspace.submit(user, reason=reason)
    workspace.settle()
    return answer


def told(workspace: Workspace, user: str) -> str:
    """What the window says that somebody has before their eyes."""
    said = str(workspace.view(user)["blocks"])
    workspace.sandbox.post("/act/close", user=user)
    return said


def entries(workspace: Workspace, incident: Incident) -> list[tuple[str, str | None]]:
    with workspace.bot.db.read() as tx:
        assert journal.is_whole(tx, incident.id)
        found = journal.of_incident(tx, incident.id)
    return [(each.what.removeprefix("statement_"), each.by) for each in found if each.what.startswith("statement_")]


def clocks(workspace: Workspace, incident: Incident) -> dict[str, Deadline]:
    with workspace.bot.db.read() as tx:
        found = deadlines.of_incident(tx, incident.id)
    return {each.subject: each for each in found if each.duty is Duty.APPROVE_STATEMENT}


def hold(workspace: Workspace, incident: Incident, role: Role, user: str) -> None:
    """Somebody has a role from now on."""
    with workspace.bot.db.begin() as tx:
        locked = incidents.get(tx, incident.id, lock=True)
        team.ask(workspace.bot.desk, tx, locked, role, user, user, workspace.clock())
    workspace.settle()


def group(workspace: Workspace, handle: str, *members: str) -> None:
    """A user group has other people; the bot hears of it."""
    workspace.sandbox.post("/act/group", handle=handle, members=list(members))
    workspace.settle()


# -- the path ----------------------------------------------------------------------------------------------------------


def test_a_statement_from_its_first_words_to_its_publication(workspace: Workspace) -> None:
    incident = reported(workspace)
    form = open_form(workspace, incident)
    assert form["title"]["text"] == "INC-1 公开声明", "in Wang's own language"
    assert GAP in str(form["blocks"]), "the script, with a mark where a fact is missing"
    answer = workspace.submit(WANG)
    assert answer["response"]["errors"] == {"words": f"请将“{GAP}”替换为实际内容。"}
    workspace.submit(WANG, words=WORDS, channel="social", language="en")
    workspace.submit(WANG)
    workspace.settle()

    message = shown(workspace, incident)
    assert message.text.startswith(
        f"<@{LEA}> (legal) and <@{PAT}> (PR), check the public statement by <@{WANG}> before it goes out, by <!date^"
    )
    assert "> Since 13:50 card payments fail for some customers.\\n> We work on it &amp; &lt;report&gt; here." in (
        message.everything
    )
    assert f"Social media · English · ⏱ legal <@{LEA}> · ⏱ PR <@{PAT}>" in message.everything
    assert message.buttons == ["statement.check*"]
    for user in (LEA, PAT):
        assert f"<@{user}>, check the public statement by <@{WANG}> for INC-1 · Payments" in asked(workspace, user).text
        assert asked(workspace, user).buttons == ["statement.approve*", "statement.refuse"]
        assert "card payments fail" in asked(workspace, user).everything
        assert user in workspace.channel(str(incident.channel_id))["members"]

    approve(workspace, LEA)
    assert asked(workspace, LEA).text.startswith("✅ You approved the public statement for INC-1")
    assert asked(workspace, LEA).buttons == []
    message = shown(workspace, incident)
    assert message.text.startswith(f"<@{PAT}> (PR), check the public statement"), "the same message, edited"
    assert f"✅ legal <@{LEA}> <!date^" in message.everything
    assert the_approved(workspace, incident) is None, "one is not enough"

    approve(workspace, PAT)
    message = shown(workspace, incident)
    assert message.text == (
        f"<@{WANG}> and <@{PAT}>, the public statement may go out now, approved by <@{LEA}> and <@{PAT}>."
    )
    assert message.buttons == ["statement.publish*"]
    found = the_approved(workspace, incident)
    assert found == every(workspace, incident)[0]
    lifecycle.check_statement_may_go_out(found)
    assert f"<@{WANG}>，INC-1 · Payments fail with error 502 的公开声明已获" in asked(workspace, WANG).text
    assert asked(workspace, PAT).buttons == ["statement.publish*"]
    assert len([each for each in workspace.said(PAT) if "public statement" in each.text]) == 2

    workspace.wait(5)
    workspace.click(PAT, asked(workspace, PAT), "statement.publish")
    workspace.submit(PAT, link="https://social.example/northlight/1")
    workspace.settle()
    message = shown(workspace, incident)
    at = int(workspace.clock().replace(second=0).timestamp())
    assert message.text.startswith("✅ The public statement went out <!date^")
    assert message.text.endswith(f" by <@{PAT}>, approved by <@{LEA}> and <@{PAT}>.")
    assert abs(int(message.text.split("^")[1]) - at) < 60
    assert message.buttons == asked(workspace, WANG).buttons == asked(workspace, PAT).buttons == []
    assert "*Public statement:* https://social.example/northlight/1" in workspace.card(incident).everything
    assert entries(workspace, incident) == [
        ("prepared", WANG),
        ("approved", LEA),
        ("approved", PAT),
        ("published", PAT),
    ]
    assert all(clock.met_by in (LEA, PAT) for clock in clocks(workspace, incident).values())


def test_changes_are_asked_for_and_a_new_version_needs_both_again(office: Workspace) -> None:
    incident = reported(office)
    prepare(office, incident)
    approve(office, LEA)
    view = office.click(PAT, asked(office, PAT), "statement.refuse")["view"]
    assert (view["title"]["text"], view["submit"]["text"]) == ("Ask for changes", "Ask for changes")
    empty = office.submit_unchecked(PAT, reason="  ")
    assert empty["response"]["errors"] == {"reason": "Say in a sentence what has to change."}
    office.submit(PAT, reason="Acme Ltd must not be <!here> named")
    office.settle()
    message = shown(office, incident)
    assert message.text.startswith(f"<@{WANG}>, write a new version of the public statement: <@{PAT}> asked for")
    assert "*What has to change:* A*** must not be &lt;!here&gt; named" in message.everything
    assert message.buttons == ["statement.revise*"]
    assert asked(office, PAT).text.startswith("You asked for changes")
    assert f"<@{PAT}> asked for changes" in asked(office, LEA).text
    assert asked(office, LEA).buttons == []
    assert f"<@{WANG}>，<@{PAT}> 要求修改" in asked(office, WANG).text

    form = office.click(WANG, asked(office, WANG), "statement.revise")["view"]
    assert WORDS.splitlines()[0] in str(form["blocks"]), "nothing is written twice"
    assert "*修改意见：* Acme Ltd must not be &lt;!here&gt; named" in str(form["blocks"])
    office.submit(WANG, words="Card payments fail for some customers.")
    office.settle()
    old, new = shown(office, incident, 0), shown(office, incident, 1)
    assert f"<@{WANG}> wrote a new version at " in old.text
    assert old.buttons == []
    assert asked(office, WANG).buttons == []
    assert new.text.startswith(f"<@{LEA}> (legal) and <@{PAT}> (PR), check the public statement")
    first, second = every(office, incident)
    assert first.words == WORDS
    assert first.refused_by == PAT
    assert not first.is_approved
    assert second.waits_for == (Role.LEGAL, Role.PR), "legal approved other words"
    assert asked(office, LEA).buttons == ["statement.approve*", "statement.refuse"]


def test_who_is_of_both_roles_approves_both_with_one_click_and_may_be_the_author(office: Workspace) -> None:
    incident = reported(office)
    hold(office, incident, Role.LEGAL, QUINN)
    hold(office, incident, Role.PR, QUINN)
    prepare(office, incident, QUINN)
    assert shown(office, incident).text.startswith(
        f"<@{QUINN}> (legal and PR), check the public statement by <@{QUINN}>"
    )
    assert len([each for each in office.said(QUINN) if "check the public" in each.text]) == 1, "asked once"
    approve(office, QUINN)
    [statement] = every(office, incident)
    assert statement.is_approved
    assert statement.legal_by == statement.pr_by == QUINN
    assert entries(office, incident)[1:] == [("approved", QUINN), ("approved", QUINN)]
    assert f"may go out now, approved by <@{QUINN}>." in shown(office, incident).text


def test_the_author_approves_for_their_own_role_only(office: Workspace) -> None:
    incident = reported(office)
    hold(office, incident, Role.PR, PAT)
    prepare(office, incident, PAT)
    approve(office, PAT)
    [statement] = every(office, incident)
    assert (statement.pr_by, statement.legal_by) == (PAT, None)


def test_other_members_of_the_roles_people_may_answer_from_the_channel(office: Workspace) -> None:
    incident = reported(office)
    group(office, "legal", LEA, HE)
    prepare(office, incident)
    office.click(HE, shown(office, incident), "statement.check")
    window = office.view(HE)
    assert window["callback_id"] == "statement.shown"
    assert "statement.approve" in str(window["blocks"])
    office.view_action(HE, "statement.approve")
    office.settle()
    assert "statement.approve" not in str(office.view(HE)["blocks"]), "the window says how far it is"
    assert every(office, incident)[0].legal_by == HE
    assert f"<@{HE}> approved" in asked(office, LEA).text
    assert asked(office, LEA).buttons == []


def test_changes_can_be_asked_for_from_the_window(office: Workspace) -> None:
    incident = reported(office)
    prepare(office, incident)
    office.click(LEA, shown(office, incident), "statement.check")
    office.view_action(LEA, "statement.refuse")
    assert office.view(LEA)["callback_id"] == "statement.refuse_submit"
    office.submit(LEA, reason="Too long")
    office.settle()
    assert office.view(LEA) is None, "both windows are closed"
    assert every(office, incident)[0].refused_by == LEA


# -- the form ----------------------------------------------------------------------------------------------------------


def test_another_channel_or_language_has_its_own_script_and_changed_words_stay(office: Workspace) -> None:
    incident = reported(office)
    first = open_form(office, incident)
    assert [each["block_id"] for each in first["blocks"]] == ["channel", "language", "words"]
    office.view_action(WANG, "statement.look", block_id="language", option="zh", values={"language": "zh"})
    second = office.view(WANG)
    assert "[已采取的措施或最新进展]" in str(second["blocks"])
    field = second["blocks"][-1]["block_id"]
    assert field == "words__1"
    mine = "自 13:50 起，部分客户无法支付。"
    office.view_action(WANG, "statement.look", block_id="channel", option="email", values={field: mine})
    office.submit(WANG, channel="email", **{field: mine})
    office.submit(WANG)
    office.settle()
    [statement] = every(office, incident)
    assert (statement.channel, statement.language) == (ContactChannel.EMAIL, CustomerLanguage.ZH)
    assert statement.words == mine


def test_what_is_flagged_is_shown_once_before_and_to_those_who_approve(office: Workspace) -> None:
    incident = reported(office)
    open_form(office, incident)
    said = "We guarantee that this will never happen again."
    answer = office.submit(WANG, words=said)
    assert answer["response"]["response_action"] == "update"
    drawn = str(office.view(WANG)["blocks"])
    assert "“guarantee”：" in drawn
    assert said in drawn, "nothing typed is lost"
    assert every(office, incident) == []
    office.submit(WANG, words=f"{said} We promise.")
    assert every(office, incident) == [], "other words are looked at again"
    office.submit(WANG, words=f"{said} We promise.")
    office.settle()
    assert len(every(office, incident)) == 1
    for message in (shown(office, incident), asked(office, LEA)):
        assert "*Look at this twice:*" in message.everything
        assert "“never happen again”: This is what we are changing" in message.everything


def test_the_time_of_the_next_word_is_on_record_and_not_flagged(office: Workspace) -> None:
    incident = reported(office)
    view = open_form(office, incident)
    script = next(block["element"]["initial_value"] for block in view["blocks"] if block["block_id"] == "words")
    office.wait(4)
    answer = office.submit(WANG, words=script.replace(GAP, "our engineers have found the cause"))
    assert not answer["response"], answer
    office.settle()
    assert "Look at this twice" not in shown(office, incident).everything


def test_what_leads_to_a_customer_is_masked_in_messages_and_read_in_full_on_record(office: Workspace) -> None:
    incident = reported(office)
    prepare(office, incident, words="Acme Ltd and others can't pay. Call 13812345678.")
    for message in (shown(office, incident), asked(office, LEA)):
        assert "Acme" not in message.everything
        assert "13812345678" not in message.everything
        assert message.buttons == ["statement.check*"], "nobody approves words that they can't see"
    before = looks(office, incident)
    office.click(LEA, asked(office, LEA), "statement.check")
    assert "Acme Ltd and others can't pay. Call 13812345678." in str(office.view(LEA)["blocks"])
    assert looks(office, incident) == [*before, LEA]
    office.view_action(LEA, "statement.approve")
    office.settle()
    assert every(office, incident)[0].legal_by == LEA


def looks(workspace: Workspace, incident: Incident) -> list[str | None]:
    with workspace.bot.db.read() as tx:
        found = journal.of_incident(tx, incident.id)
    return [each.by for each in found if each.what == "customer_seen" and each.detail.get("form") == "statement"]


def test_nothing_of_the_words_reaches_the_journal(office: Workspace) -> None:
    incident = reported(office)
    prepare(office, incident, words="Card payments are slow.")
    refuse(office, LEA, "Say less")
    with office.bot.db.read() as tx:
        said = str([each.detail for each in journal.of_incident(tx, incident.id)])
    assert "Card" not in said
    assert "less" not in said


@pytest.mark.parametrize("sign", ["ß", "&"])
def test_a_long_statement_is_shown_whole(office: Workspace, sign: str) -> None:
    incident = reported(office)
    length = 3000 if sign == "ß" else 1700  # Slack counts what is escaped, and takes so much in one message
    prepare(office, incident, words=sign * (length - 1) + "x")
    for message in (shown(office, incident), asked(office, LEA)):
        assert message.everything.count(sign) == length - 1
        assert "more of it than fits" not in message.everything


def test_nobody_approves_a_statement_of_which_a_message_shows_only_a_part(office: Workspace) -> None:
    incident = reported(office)
    prepare(office, incident, words="&" * 2990 + " The end")
    for message in (shown(office, incident), asked(office, LEA)):
        assert "more of it than fits here; “Check the statement” shows every word" in message.everything
        assert message.buttons == ["statement.check*"]
        assert "The end" not in message.everything
    for user in (LEA, PAT):
        office.click(user, asked(office, user), "statement.check")
        assert "The end" in str(office.view(user)["blocks"])
        office.view_action(user, "statement.approve")
        office.settle()
    assert shown(office, incident).buttons == ["statement.publish*", "statement.check"]
    office.click(PAT, asked(office, PAT), "statement.publish")
    office.submit(PAT)
    office.settle()
    assert shown(office, incident).buttons == ["statement.check"], "what is out can still be read"


def test_whoever_is_pr_has_the_button_beside_their_duties(office: Workspace) -> None:
    incident = reported(office)
    hold(office, incident, Role.PR, PAT)
    message = next(each for each in office.said(PAT) if "statement.open" in each.everything)
    assert office.click(PAT, message, "statement.open")["view"]["callback_id"] == "statement.submit"


def test_from_the_form_for_a_contact_it_lies_above_that_one(office: Workspace) -> None:
    incident = reported(office)
    hold(office, incident, Role.PR, PAT)
    form = office.click(PAT, office.card(incident), "contact.open")["view"]
    stage = next(block for block in form["blocks"] if block["block_id"].startswith("stage"))
    office.view_action(
        PAT, stage["element"]["action_id"], block_id=stage["block_id"], option=Stage.PUBLIC_STATEMENT.value
    )
    office.view_action(PAT, "statement.open")
    above = office.view(PAT)
    assert above["callback_id"] == "statement.submit"
    office.submit(PAT, words="Payments are slow.")
    assert office.view(PAT)["callback_id"] == "contact.submit", "what was begun there goes on"
    assert len(every(office, incident)) == 1


# -- who may, and in which order ---------------------------------------------------------------------------------------


def test_the_command_outside_an_incidents_channel_says_where(office: Workspace) -> None:
    answer = office.command(ADA, "statement")
    assert "This channel is not an incident’s." in str(answer)
    assert office.view(ADA) is None


def test_who_may_not_prepare_one_is_told_who_may(office: Workspace) -> None:
    incident = reported(office)
    answer = str(office.command(ADA, "statement", str(incident.channel_id)))
    assert "This is for PR, lead, legal, supervisor, head of service, executive (for example <@" in answer
    assert office.view(ADA) is None


def test_permission_is_looked_at_again_when_it_is_saved(office: Workspace) -> None:
    incident = reported(office)
    open_form(office, incident, WANG)
    group(office, "supervisors", EVA)
    answer = office.submit(WANG, words="Payments are slow.")
    assert "此操作仅限：公关" in str(answer["response"]["errors"])
    assert every(office, incident) == []


def test_who_is_of_neither_role_can_not_answer(office: Workspace) -> None:
    incident = reported(office)
    prepare(office, incident)
    office.click(LIN, shown(office, incident), "statement.check")
    assert "此操作仅限" in told(office, LIN), "not theirs to read in full either"
    for action in ("statement.approve", "statement.refuse"):
        to_lea = asked(office, LEA)
        group(office, "legal", HE)
        office.click(LEA, to_lea, action)
        assert f"This is for legal, PR (for example <@{HE}>)." in told(office, LEA), "not hers any more"
    office.click(WANG, shown(office, incident), "statement.check")
    window = office.view(WANG)
    assert window["callback_id"] == "statement.shown"
    assert "statement.approve" not in str(window["blocks"]), "the author reads it, and does not approve it"


def statement(**values: Any) -> Statement:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Statement(7, 1, WANG, at, ContactChannel.SOCIAL, CustomerLanguage.EN, "Words", **values)


AT = datetime(2026, 1, 1, 9, tzinfo=UTC)
LEGAL_SAID = {"legal_by": LEA, "legal_at": AT}
PR_SAID = {"pr_by": PAT, "pr_at": AT}
REFUSED = {"refused_by": PAT, "refused_at": AT, "reason": "Shorter"}
OUT = {"published_by": PAT, "published_at": AT}
PEOPLE = {Role.LEGAL: [LEA, HE], Role.PR: [PAT, QUINN]}
BOTH = {Role.LEGAL: [LEA], Role.PR: [LEA]}


@pytest.mark.parametrize(
    ("values", "user", "people", "expected"),
    [
        ({}, LEA, PEOPLE, [Role.LEGAL]),
        ({}, HE, PEOPLE, [Role.LEGAL]),
        ({}, PAT, PEOPLE, [Role.PR]),
        ({}, LEA, BOTH, [Role.LEGAL, Role.PR]),
        (LEGAL_SAID, LEA, BOTH, [Role.PR]),
        ({}, WANG, PEOPLE, "allowed.only"),
        (LEGAL_SAID, HE, PEOPLE, "allowed.statement_approved"),
        (LEGAL_SAID | PR_SAID, PAT, PEOPLE, "allowed.statement_approved"),
        (LEGAL_SAID | REFUSED, LEA, PEOPLE, "allowed.statement_refused"),
        (REFUSED, WANG, PEOPLE, "allowed.only"),
    ],
)
def test_whose_answer_counts_for_what(
    values: dict[str, Any], user: str, people: Mapping[Role, list[str]], expected: list[Role] | str
) -> None:
    if isinstance(expected, list):
        assert lifecycle.check_can_answer_statement(statement(**values), user, people) == expected
        return
    with pytest.raises(NotAllowed) as refused:
        lifecycle.check_can_answer_statement(statement(**values), user, people)
    assert refused.value.phrase == expected


@pytest.mark.parametrize(
    ("values", "expected", "missing"),
    [
        (None, "allowed.statement_none", None),
        ({}, "allowed.statement_waits", ("legal", "pr")),
        (LEGAL_SAID, "allowed.statement_waits", ("pr",)),
        (PR_SAID, "allowed.statement_waits", ("legal",)),
        (LEGAL_SAID | REFUSED, "allowed.statement_refused", None),
        (LEGAL_SAID | PR_SAID, None, None),
        (LEGAL_SAID | PR_SAID | OUT, None, None),
    ],
)
def test_nothing_goes_out_before_both_have_approved_it(
    values: dict[str, Any] | None, expected: str | None, missing: tuple[str, ...] | None
) -> None:
    about = None if values is None else statement(**values)
    if expected is None:
        lifecycle.check_statement_may_go_out(about)
        return
    with pytest.raises(NotAllowed) as refused:
        lifecycle.check_statement_may_go_out(about, PEOPLE)
    assert refused.value.phrase == expected
    if missing:
        assert refused.value.values["who"].words == missing  # type: ignore[attr-defined]
        assert refused.value.values["who"].somebody == PEOPLE[Role(missing[0])][0]  # type: ignore[attr-defined]


def test_a_statement_that_is_out_is_not_out_twice() -> None:
    with pytest.raises(NotAllowed) as refused:
        lifecycle.check_can_publish(statement(**LEGAL_SAID, **PR_SAID, **OUT), PEOPLE)
    assert refused.value.phrase == "allowed.statement_out"


@pytest.mark.parametrize(
    ("values", "newer", "expected"),
    [
        (REFUSED, False, None),
        ({}, False, "allowed.statement_stands"),
        (LEGAL_SAID | PR_SAID, False, "allowed.statement_stands"),
        (REFUSED, True, "allowed.statement_rewritten"),
    ],
)
def test_a_new_version_is_written_once_and_only_when_changes_were_asked_for(
    values: dict[str, Any], newer: bool, expected: str | None
) -> None:
    following = statement() if newer else None
    if expected is None:
        lifecycle.check_can_revise(statement(**values), following)
        return
    with pytest.raises(NotAllowed) as refused:
        lifecycle.check_can_revise(statement(**values), following)
    assert refused.value.phrase == expected


def test_buttons_that_somebody_still_sees_are_answered_kindly(office: Workspace) -> None:
    incident = reported(office)
    prepare(office, incident)
    to_lea, to_pat, in_channel = asked(office, LEA), asked(office, PAT), shown(office, incident)
    office.bot.courier.stop()  # nothing is drawn from here on
    office.click(LEA, to_lea, "statement.approve")
    office.click(LEA, to_lea, "statement.approve")
    assert f"<@{LEA}> has approved this statement already" in told(office, LEA)
    office.click(LEA, to_lea, "statement.refuse")
    assert f"<@{LEA}> has approved this statement already" in told(office, LEA)
    office.click(PAT, to_pat, "statement.refuse")
    office.submit(PAT, reason="Shorter")
    office.click(PAT, to_pat, "statement.approve")
    assert f"<@{PAT}> asked for changes in this statement" in told(office, PAT)
    office.click(LEA, in_channel, "statement.check")
    assert "statement.approve" not in told(office, LEA)
    [only] = every(office, incident)
    assert (only.legal_by, only.pr_by, only.refused_by) == (LEA, None, PAT)


def test_it_can_not_be_marked_as_out_from_an_old_form_or_before_its_approval(office: Workspace) -> None:
    incident = reported(office)
    prepare(office, incident)
    office.wait(10)
    approve(office, LEA, PAT)
    form = office.click(PAT, asked(office, PAT), "statement.publish")["view"]
    assert [each["block_id"] for each in form["blocks"]] == ["published_at", "link"]
    early = int((office.clock() - timedelta(minutes=8)).timestamp())
    answer = office.submit(PAT, published_at=early)
    assert "It was approved" in answer["response"]["errors"]["published_at"]
    later = int((office.clock() + timedelta(minutes=30)).timestamp())
    assert "is in the future" in office.submit(PAT, published_at=later)["response"]["errors"]["published_at"]
    office.click(WANG, asked(office, WANG), "statement.publish")
    office.submit(WANG)
    answer = office.submit(PAT, published_at=int(office.clock().timestamp()), link="https://x.example")
    assert "Wang 王 has already marked this statement as published" in answer["response"]["errors"]["published_at"]
    [only] = every(office, incident)
    assert only.published_by == WANG


def test_a_stale_button_to_publish_is_refused_with_who_is_missing(office: Workspace) -> None:
    incident = reported(office)
    prepare(office, incident)
    approve(office, LEA, PAT)
    message = asked(office, PAT)
    with office.bot.db.begin() as tx:  # as if the button were one of another statement
        statements.save(tx, "another", statement())
    office.bot.courier.stop()
    office.sandbox.post("/act/close", user=PAT)
    with office.bot.db.begin() as tx:
        tx.exec_driver_sql("update statements set legal_by = null, legal_at = null where id = 1")
    office.click(PAT, message, "statement.publish")
    assert f"waits for the approval of legal (for example <@{LEA}>)" in told(office, PAT)


def test_of_two_who_write_a_new_version_the_second_keeps_their_words(office: Workspace) -> None:
    incident = reported(office)
    prepare(office, incident)
    refuse(office, LEA)
    message = shown(office, incident)
    office.click(WANG, message, "statement.revise")
    hold(office, incident, Role.PR, PAT)
    office.click(PAT, shown(office, incident), "statement.revise")
    office.submit(WANG, words="Payments are slow.")
    office.settle()
    answer = office.submit(PAT, words="Payments are slower.")
    assert "Wang 王 has written a new version" in answer["response"]["errors"]["channel"]
    assert len(every(office, incident)) == 2


def test_when_the_incident_is_over_nothing_is_offered_any_more(office: Workspace) -> None:
    incident = reported(office)
    prepare(office, incident)
    office.choose(LIN, incident, "dismiss.open")
    office.submit(LIN, reason="A test")
    office.settle()
    assert shown(office, incident).buttons == []
    assert "did not go out: the incident is over" in asked(office, LEA).text
    assert asked(office, LEA).buttons == []
    assert all(clock.stopped_at for clock in clocks(office, incident).values())


# -- twice, and at once ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workspace", ["socket-sqlite", "http-postgresql"], indirect=True)
def test_what_arrives_again_has_no_second_effect(workspace: Workspace) -> None:
    incident = reported(workspace)
    open_form(workspace, incident)
    first = workspace.submit(WANG, words="Payments are slow.")
    workspace.settle()
    again(workspace, first)
    assert len(every(workspace, incident)) == 1
    approve(workspace, LEA)
    clicked = workspace.click(PAT, asked(workspace, PAT), "statement.approve")
    workspace.settle()
    again(workspace, clicked)
    assert len([each for each in workspace.said(PAT) if "may go out now" in each.text]) == 1
    workspace.click(PAT, asked(workspace, PAT), "statement.publish")
    published = workspace.submit(PAT)
    workspace.settle()
    assert again(workspace, published)["ok"]
    assert [what for what, _ in entries(workspace, incident)] == ["prepared", "approved", "approved", "published"]


@pytest.mark.parametrize("workspace", ["socket-sqlite", "http-postgresql"], indirect=True)
def test_both_answer_at_the_same_moment(workspace: Workspace) -> None:
    incident = reported(workspace)
    prepare(workspace, incident, words="Payments are slow.")
    to_lea, to_pat = asked(workspace, LEA), asked(workspace, PAT)
    at_once(
        *[lambda: workspace.click(LEA, to_lea, "statement.approve")] * 2,
        lambda: workspace.click(PAT, to_pat, "statement.approve"),
    )
    workspace.settle()
    [only] = every(workspace, incident)
    assert only.is_approved
    assert sorted(entries(workspace, incident)) == [("approved", LEA), ("approved", PAT), ("prepared", WANG)]
    assert len([each for each in workspace.said(PAT) if "may go out now" in each.text]) == 1


# -- reminders ---------------------------------------------------------------------------------------------------------


def test_who_does_not_answer_is_reminded_then_the_next_of_the_role_then_the_ladder(office: Workspace) -> None:
    incident = reported(office)
    group(office, "legal", LEA, HE)
    prepare(office, incident, words="Payments are slow.")
    approve(office, PAT)
    office.wait(10.5)
    reminder = office.said(LEA)[-1]
    assert (
        f"<@{LEA}>, check the public statement for INC-1 · Payments fail with error 502, for legal, by" in reminder.text
    )
    assert "statement.check*" in reminder.buttons
    office.wait(5)
    late = asked(office, HE)
    assert f"⚠️ <@{HE}>，INC-1 · Payments fail with error 502 的公开声明仍待法务审核，原由 <@{LEA}> 负责" in late.text
    assert late.buttons == ["statement.check*"]
    assert HE in office.channel(str(incident.channel_id))["members"]
    assert f"⚠️ legal <@{LEA}>" in shown(office, incident, 0).everything
    office.wait(6)
    up = asked(office, MEI)
    assert "仍待法务审核" in up.text
    assert up.buttons == ["roles.open*"], "the ladder can't approve it, but finds somebody who can"
    office.click(HE, late, "statement.check")
    office.view_action(HE, "statement.approve")
    office.settle()
    assert asked(office, MEI).text.startswith(f"✅ <@{HE}> 已于 ")
    assert every(office, incident)[0].is_approved


def test_whoever_gets_the_role_is_asked_and_owes_it(office: Workspace) -> None:
    incident = reported(office)
    prepare(office, incident, words="Payments are slow.")
    assert clocks(office, incident)["1:legal"].owner_id == LEA
    hold(office, incident, Role.LEGAL, QUINN)
    assert clocks(office, incident)["1:legal"].owner_id == QUINN
    assert clocks(office, incident)["1:pr"].owner_id == PAT
    assert shown(office, incident).text.startswith(f"<@{QUINN}> (legal) and <@{PAT}> (PR), check")
    assert asked(office, QUINN).buttons == ["statement.approve*", "statement.refuse"]
    approve(office, QUINN)
    assert every(office, incident)[0].legal_by == QUINN
    assert asked(office, LEA).buttons == []


def test_when_somebody_has_left_the_next_one_is_asked(office: Workspace) -> None:
    incident = reported(office)
    group(office, "legal", LEA, HE)
    prepare(office, incident, words="Payments are slow.")
    office.sandbox.post("/act/profile", user=LEA, deleted=True)
    office.settle()
    assert clocks(office, incident)["1:legal"].owner_id == HE
    assert asked(office, HE).buttons == ["statement.approve*", "statement.refuse"]


def test_when_nobody_is_of_a_role_the_message_says_so_and_offers_to_assign_it(office: Workspace) -> None:
    incident = reported(office)
    group(office, "legal")
    prepare(office, incident, words="Payments are slow.")
    message = shown(office, incident)
    assert message.text.startswith(f"legal (nobody yet) and <@{PAT}> (PR), check the public statement")
    assert message.buttons == ["statement.check*", "roles.open"]
    assert clocks(office, incident)["1:legal"].owner_id == WANG, "who fills the roles owes it"


def test_the_clock_of_a_refused_statement_ends(office: Workspace) -> None:
    incident = reported(office)
    prepare(office, incident, words="Payments are slow.")
    refuse(office, LEA)
    found = clocks(office, incident)
    assert found["1:legal"].met_by == LEA
    assert found["1:pr"].stopped_at is not None
    before = len(office.said(PAT))
    office.wait(30)
    assert not any("public statement" in each.text and "⚠️" in each.text for each in office.said(PAT)[before:])


def test_times_by_severity_and_nothing_said_twice(office: Workspace) -> None:
    incident = reported(office)
    prepare(office, incident, words="Payments are slow.")
    clock = clocks(office, incident)["1:pr"]
    assert clock.due_at - clock.started_at == timedelta(minutes=15)
    assert clock.moments[0].kind is MomentKind.REMIND
    office.grade(WANG, incident, 2, reason="It is slow, not down")
    assert clocks(office, incident)["1:pr"].due_at == clock.due_at, "whoever was asked keeps their time"


# -- App Home ----------------------------------------------------------------------------------------------------------


def waits(workspace: Workspace, user: str) -> list[tuple[str, str]]:
    """What App Home says about statements, with the button's id."""
    found = []
    for block in open_home(workspace, user):
        text = str(block.get("text", {}).get("text", ""))
        if "public statement" in text.lower() or "公开声明" in text:
            found.append((text.splitlines()[0], str(block.get("accessory", {}).get("action_id"))))
    return found


def test_app_home_says_whose_turn_it_is(office: Workspace) -> None:
    incident = reported(office)
    group(office, "legal", LEA, HE)
    prepare(office, incident, words="Payments are slow.")
    [(said, does)] = waits(office, LEA)
    assert said.startswith("⏱ *Check the public statement: legal* · ")
    assert does == "statement.check"
    assert waits(office, HE) == [], "not asked yet"
    office.wait(16)
    [(said, does)] = waits(office, HE)
    assert (said, does) == ("⏱ *审核公开声明：法务*", "statement.check")
    refuse(office, LEA)
    assert waits(office, LEA) == waits(office, HE) == waits(office, PAT) == []
    [(said, does)] = waits(office, WANG)
    assert does == "statement.revise"
    office.click(WANG, shown(office, incident, 0), "statement.revise")
    office.submit(WANG, words="Payments are slow for some.")
    office.settle()
    assert waits(office, WANG) == []
    for user in (LEA, PAT):
        message = next(each for each in reversed(office.said(user)) if "statement.approve*" in each.buttons)
        office.click(user, message, "statement.approve")
        office.settle()
    assert waits(office, PAT) == [("⏱ *The public statement may go out*", "statement.publish")]
    assert waits(office, WANG)[0][1] == "statement.publish"


def test_in_a_chinese_workspace_the_channel_reads_chinese(sandbox: Sandbox, sqlite_url: str) -> None:
    settings = settings_for(sandbox, sqlite_url, hotline_language="zh", hotline_timezone="Asia/Shanghai")
    with opened(sandbox, settings) as workspace:
        incident = reported(workspace)
        form = open_form(workspace, incident)
        assert "[已采取的措施或最新进展]" in str(form["blocks"])
        workspace.sandbox.post("/act/close", user=WANG)
        prepare(workspace, incident, words="部分客户支付失败，我们正在处理。")
        message = shown(workspace, incident)
        assert f"<@{LEA}>（法务）、<@{PAT}>（公关），请于 <!date^" in message.text
        assert f"前审核 <@{WANG}> 拟定的公开声明，批准后方可发布。" in message.text
        assert f"社交媒体 · 中文 · ⏱ 法务 <@{LEA}> · ⏱ 公关 <@{PAT}>" in message.everything
        approve(workspace, LEA, PAT)
        assert f"公开声明已获 <@{LEA}>、<@{PAT}> 批准，可以发布。" in shown(workspace, incident).text
        workspace.click(WANG, shown(workspace, incident), "statement.publish")
        workspace.submit(WANG)
        workspace.settle()
        assert shown(workspace, incident).text.startswith(f"✅ 公开声明已由 <@{WANG}> 于 ")


def test_a_confidential_incident_asks_its_approvers_in(office: Workspace) -> None:
    incident = reported(office, trigger="account_security")
    prepare(office, incident, words="Some accounts are locked.")
    members = office.channel(str(incident.channel_id))["members"]
    assert LEA in members
    assert PAT in members
    approve(office, LEA, PAT)
    assert every(office, incident)[0].is_approved
