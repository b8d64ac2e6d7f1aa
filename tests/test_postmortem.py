"""The postmortem: a thread that writes itself, sections that people owe, submitted, returned, accepted; rules."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bot import lifecycle
from bot import postmortem as rules
from bot.confidential import masking
from bot.incident import Deadline, Duty, Incident, NotAllowed
from bot.postmortem import Postmortem, Reached, Section, Standing, State
from handlers import review, solved
from storage import deadlines, erasure, journal, outbox, postmortems
from tests.test_closing import press
from tests.test_home import open_home
from tests.test_twice import again
from tests.workspace import (
    ADA,
    HE,
    LIN,
    MEI,
    QIAN,
    SUN,
    WANG,
    ZHOU,
    Said,
    Sandbox,
    Workspace,
    opened,
    settings_for,
)

TOM = "U0TOM"
CAUSES = {
    "kind": "process",
    "why_1": "A change of the configuration went live without a test",
    "why_2": "Nobody had to look at it twice",
}


def later(workspace: Workspace) -> None:
    """What was done is said; a minute later the thread shows it."""
    workspace.settle()
    workspace.wait(1)


def fix(workspace: Workspace, incident: Incident, user: str = LIN) -> Incident:
    """Somebody says that it works again."""
    workspace.choose(user, incident, "fixed.open")
    answer = workspace.submit(user, what="The change was taken back")
    assert not answer["response"], answer
    workspace.settle()
    return workspace.incident(incident.id)


def fixed(workspace: Workspace, **values: Any) -> Incident:
    """An incident of severity 3 that works again."""
    incident = workspace.report(**values)
    workspace.wait(5)
    workspace.contact(LIN, incident)
    workspace.grade(ADA, incident, 3, "It hits one customer only")
    workspace.wait(30)
    return fix(workspace, workspace.incident(incident.id))


def replies(workspace: Workspace, channel: str = "reviews") -> list[Said]:
    """The thread's messages, the first one too."""
    said = workspace.said(channel)
    first = next(each for each in said if "postmortem.complete" in each.everything or "Postmortem of" in each.text)
    return [each for each in said if each.ts == first.ts or each.raw.get("thread_ts") == first.ts]


def chapter(workspace: Workspace, named: str, channel: str = "reviews") -> Said:
    """The message with this chapter."""
    return next(each for each in replies(workspace, channel) if named in each.text)


def write(workspace: Workspace, user: str, message: Said, action: str = "postmortem.write", **values: Any) -> Any:
    """Somebody writes a section, from a button that is there."""
    opened = workspace.click(user, message, action)
    assert opened["view"]["callback_id"] == "postmortem.submit_section", opened
    answer = workspace.submit(user, **values)
    workspace.settle()
    return answer


def submit(workspace: Workspace, user: str, message: Said | None = None, **values: Any) -> Any:
    """Somebody submits the postmortem, from the thread or from where they were asked."""
    opened = workspace.click(user, message or replies(workspace)[0], "postmortem.submit_open")
    assert opened["view"]["callback_id"] == "postmortem.submit", opened
    answer = workspace.submit(user, **values)
    later(workspace)
    return answer


def asked(workspace: Workspace, user: str, words: str) -> Said:
    """The latest direct message with these words."""
    return next(each for each in reversed(workspace.said(user)) if words in each.everything)


def running(workspace: Workspace, incident: Incident, duty: Duty) -> list[Deadline]:
    with workspace.bot.db.read() as tx:
        return [each for each in deadlines.running(tx, incident.id) if each.duty is duty]


def told(workspace: Workspace, user: str, message: Said, action: str) -> str:
    """What somebody is told who clicks where they may not."""
    opened = workspace.click(user, message, action)
    assert opened["view"]["callback_id"] == "told", opened
    return json.dumps(opened["view"], ensure_ascii=False)


def test_a_postmortem_from_its_draft_to_the_department(workspace: Workspace) -> None:
    incident = fixed(workspace)
    thread = replies(workspace)
    names = ["Timeline", "Impact", "Customer contact", "Duties kept and missed", "Gradings", "Plans and approvals"]
    names += ["Satisfaction", "Causes", "What went well", "What fell short", "Action items"]
    assert [each.text for each in thread[1:]] == [f"Postmortem of {incident.number}: {name}." for name in names]
    assert "The cause is not written down yet" in thread[0].everything
    assert "still missing" in thread[0].everything
    assert thread[0].buttons[0] == "postmortem.complete*"
    owners = {each.subject: each.owner_id for each in running(workspace, incident, Duty.SECTION)}
    assert set(owners) == {"causes", "went_well", "fell_short"}

    for name, section in (("Causes", "causes"), ("What went well", "went_well"), ("What fell short", "fell_short")):
        message = chapter(workspace, name)
        assert message.buttons == ["postmortem.write*"]
        values = CAUSES if section == "causes" else {section: "We called at once.\nNobody waited for Acme Ltd"}
        assert not write(workspace, owners[section], message, **values)["response"]
        later(workspace)
        assert chapter(workspace, name).buttons == ["postmortem.write"]
    assert not running(workspace, incident, Duty.SECTION)
    first = replies(workspace)[0]
    assert "Nobody had to look at it twice (process)" in first.everything
    assert first.buttons[0] == "postmortem.submit_open*"
    assert "A***" in chapter(workspace, "went well").everything
    assert "Acme" not in json.dumps([each.everything for each in replies(workspace)])

    _is_returned_and_accepted(workspace, incident)
    assert len(replies(workspace)) == len(thread)


def _is_returned_and_accepted(workspace: Workspace, incident: Incident) -> None:
    submit(workspace, LIN)
    assert not running(workspace, incident, Duty.POSTMORTEM)
    (clock,) = running(workspace, incident, Duty.ACCEPT_POSTMORTEM)
    assert clock.owner_id == WANG
    for reader in (WANG, TOM):
        assert asked(workspace, reader, "postmortem.accept").buttons == ["postmortem.accept*", "postmortem.refuse"]
    assert replies(workspace)[0].buttons == ["postmortem.accept*", "postmortem.refuse", "dossier.make"]

    workspace.click(TOM, asked(workspace, TOM, "postmortem.accept"), "postmortem.refuse")
    assert workspace.submit(TOM, remarks="  ")["response"]["errors"] == {"remarks": "Say what has to change."}
    workspace.submit(TOM, remarks="Say <why> nobody looked twice, not only at Acme Ltd")
    later(workspace)
    told = asked(workspace, LIN, "退回了")
    assert "Say &lt;why&gt; nobody looked twice, not only at A***" in told.everything
    assert not asked(workspace, WANG, "退回").buttons
    (again_due,) = running(workspace, incident, Duty.POSTMORTEM)
    assert again_due.owner_id == LIN
    assert "Returned by" in replies(workspace)[0].everything

    submit(workspace, LIN, told)
    assert not asked(workspace, LIN, "已重新提交").buttons
    workspace.click(WANG, asked(workspace, WANG, "postmortem.accept"), "postmortem.accept")
    later(workspace)
    assert "✅ Accepted by <@U0WANG>" in replies(workspace)[0].everything
    assert replies(workspace)[0].buttons == ["dossier.make"]
    assert all(not each.buttons for each in replies(workspace)[1:])
    for learner in (ZHOU, QIAN):
        lessons = [each for each in workspace.said(learner) if "经验教训" in each.everything]
        assert len(lessons) == 1
        assert "Nobody had to look at it twice" in lessons[0].everything
        assert "/archives/" in lessons[0].everything
    with workspace.bot.db.read() as tx:
        assert journal.is_whole(tx, incident.id)
        done = [entry.what for entry in journal.of_incident(tx, incident.id)]
    assert [what for what in done if what.startswith("postmortem")] == [
        "postmortem_drafted",
        "postmortem_submitted",
        "postmortem_returned",
        "postmortem_submitted",
        "postmortem_accepted",
    ]


def test_a_later_round_goes_on_in_the_same_thread(office: Workspace) -> None:
    incident = fixed(office)
    write(office, LIN, chapter(office, "Causes"), **CAUSES)
    submit(office, LIN)
    with office.bot.db.begin() as tx:  # as `fixed` does in another round
        review.begin(office.bot.desk, tx, office.incident(incident.id), office.clock.now)
    count = len(replies(office))
    later(office)
    with office.bot.db.read() as tx:
        known = postmortems.get(tx, incident.id)
    assert known is not None
    assert known.state is State.DRAFT
    assert not running(office, incident, Duty.ACCEPT_POSTMORTEM)
    assert len(replies(office)) == count
    assert len([each for each in office.said("reviews") if not each.raw.get("thread_ts")]) <= 1
    assert "Nobody had to look at it twice" in replies(office)[0].everything
    assert not asked(office, WANG, "复盘").buttons


def test_the_thread_is_left_alone_while_nothing_changes(office: Workspace) -> None:
    incident = fixed(office)
    with office.bot.db.read() as tx:
        ours = {message.ts for message in outbox.said_as(tx, incident.id, "postmortem")}
    later(office)

    def edits() -> int:
        return sum(call["args"].get("ts") in ours for call in office.sandbox.calls("chat.update"))

    before, count = edits(), len(replies(office))
    with office.bot.db.begin() as tx:
        outbox.redraw(tx, [incident.id], office.clock.now, ["postmortem"])
    later(office)
    assert edits() == before
    write(office, LIN, chapter(office, "What went well"), went_well="We called at once")
    later(office)
    changed = edits() - before
    assert 2 <= changed <= 4  # the first message, the timeline, and the section itself
    assert len(replies(office)) == count


def test_a_confidential_postmortem_stays_in_its_own_channel(office: Workspace) -> None:
    incident = fixed(office, trigger="account_security", what_happened="Somebody else logged in")
    channel = str(incident.channel_id)
    assert len(replies(office, channel)) == 12
    assert not office.said("reviews")
    write(office, LIN, chapter(office, "Causes", channel), **CAUSES)
    later(office)
    opened = office.click(LIN, replies(office, channel)[0], "postmortem.submit_open")
    assert opened["view"]["callback_id"] == "postmortem.submit"
    office.submit(LIN)
    later(office)
    assert asked(office, WANG, "postmortem.accept")
    assert not any("postmortem.accept" in each.everything for each in office.said(TOM))
    office.click(WANG, asked(office, WANG, "postmortem.accept"), "postmortem.accept")
    later(office)
    people = office.channel(channel)["members"]
    for learner in (ZHOU, QIAN, LIN, ADA, HE):
        assert any("经验教训" in each.everything or "learnt" in each.everything for each in office.said(learner)) <= (
            learner in people
        )
    assert not office.said("reviews")


def test_a_long_timeline_is_split_and_goes_on_at_the_end(office: Workspace) -> None:
    incident = fixed(office)
    count = len(replies(office))
    with office.bot.db.begin() as tx:
        for number in range(150):
            at = office.clock.now + timedelta(seconds=number)
            journal.add(tx, incident.id, "role_taken", f"U{number:08}", at, role="lead", assignment=0)
        outbox.redraw(tx, [incident.id], office.clock.now, ["postmortem"])
    later(office)
    later(office)
    parts = [each for each in replies(office) if "Timeline" in each.text]
    assert len(parts) > 1
    assert len(replies(office)) == count + len(parts) - 1
    assert "*Timeline, continued*" in parts[-1].everything
    everything = "".join(each.everything for each in parts)
    assert all(f"U{number:08}" in everything for number in range(150))
    assert parts[-1].ts == replies(office)[-1].ts


def test_who_owes_sections_gets_one_message_and_hands_them_on_with_the_role(office: Workspace) -> None:
    incident = office.report()
    office.wait(1)
    office.grade(ADA, incident, 1)
    office.assign(MEI, incident)
    for user in (ZHOU, HE):
        for message in office.said(user):
            if "roles.accept*" in message.buttons:
                office.click(user, message, "roles.accept")
                office.settle()
    fix(office, incident)
    owners = {each.subject: each.owner_id for each in running(office, incident, Duty.SECTION)}
    assert owners == {"causes": ZHOU, "went_well": HE, "fell_short": MEI}
    assert [each.duty for each in running(office, incident, Duty.POSTMORTEM)] == [Duty.POSTMORTEM]
    for user in (ZHOU, HE, MEI):
        assert sum("postmortem.write" in each.everything for each in office.said(user)) == 1
    # The meeting is planned, and the channel reads it once.
    office.click(MEI, replies(office)[0], "postmortem.meeting")
    wrong = office.submit(MEI, meets_at=int((office.clock.now - timedelta(hours=1)).timestamp()))
    assert "meets_at" in wrong["response"]["errors"]
    office.submit(MEI, meets_at=int((office.clock.now + timedelta(hours=2)).timestamp()))
    later(office)
    meets = [each for each in office.said(str(incident.channel_id)) if "leads the review meeting" in each.text]
    assert len(meets) == 1
    assert "<@U0MEI>" in meets[0].text
    # At severity 1 it is asked when it was held, which was not before the incident.
    write(office, ZHOU, chapter(office, "Causes"), **CAUSES)
    later(office)
    office.click(MEI, replies(office)[0], "postmortem.submit_open")
    early = int((incident.reported_at - timedelta(days=1)).timestamp())
    assert "held_at" in office.submit(MEI, held_at=early)["response"]["errors"]
    office.submit(MEI, held_at=int(office.clock.now.timestamp()), took_part=[MEI, ZHOU])
    later(office)
    assert "postmortem.accept*" in replies(office)[0].buttons


def test_without_its_causes_it_is_not_submitted(office: Workspace) -> None:
    incident = fixed(office)
    opened = office.click(LIN, replies(office)[0], "postmortem.submit_open")
    assert opened["view"]["callback_id"] == "postmortem.shown"
    assert "原因分析" in json.dumps(opened["view"], ensure_ascii=False)
    office.view_action(LIN, "postmortem.write", value=f"{incident.id}:causes")
    assert not office.submit(LIN, **CAUSES)["response"]
    later(office)
    assert not running(office, incident, Duty.ACCEPT_POSTMORTEM)
    submit(office, LIN)
    assert running(office, incident, Duty.ACCEPT_POSTMORTEM)


def test_nobody_accepts_their_own_or_what_is_not_theirs(office: Workspace) -> None:
    fixed(office)
    write(office, LIN, chapter(office, "Causes"), **CAUSES)
    later(office)
    submit(office, WANG)  # a supervisor hands it in
    first = replies(office)[0]
    assert "本人" in told(office, WANG, first, "postmortem.accept")
    assert "<@U0" in told(office, QIAN, first, "postmortem.accept")
    assert not any("postmortem.accept" in each.everything for each in office.said(WANG))
    office.click(TOM, first, "postmortem.accept")
    office.settle()
    assert "U0TOM" in told(office, SUN, first, "postmortem.accept")
    assert "U0TOM" in told(office, LIN, chapter(office, "went well"), "postmortem.write")


def test_two_write_at_once_and_the_second_sees_the_first(office: Workspace) -> None:
    incident = fixed(office)
    message = chapter(office, "What went well")
    office.click(LIN, message, "postmortem.write")
    office.click(ADA, message, "postmortem.write")
    first = office.submit(LIN, went_well="We called at once")
    assert not first["response"]
    again(office, first)
    second = office.submit(ADA, went_well="The backup worked")
    assert second["response"]["response_action"] == "update"
    shown = json.dumps(second["response"]["view"], ensure_ascii=False)
    assert "We called at once" in shown
    assert "The backup worked" in shown
    assert not office.submit(ADA)["response"]
    with office.bot.db.read() as tx:
        assert [each.words for each in postmortems.written(tx, incident.id)] == ["The backup worked"]
        wrote = [each.by for each in journal.of_incident(tx, incident.id) if each.what == "section_written"]
    assert wrote == [LIN, ADA]


def test_nobody_accepts_what_they_have_not_read(office: Workspace) -> None:
    incident = fixed(office)
    write(office, LIN, chapter(office, "Causes"), **CAUSES)
    later(office)
    submit(office, LIN)
    old, in_thread = asked(office, WANG, "postmortem.accept"), replies(office)[0]
    words = "Something else entirely, and not Acme Ltd"
    assert not write(office, LIN, chapter(office, "Causes"), kind="technology", why_1=words)["response"]
    for reader, message in ((WANG, old), (TOM, in_thread)):
        shown = office.click(reader, message, "postmortem.accept")["view"]
        assert shown["callback_id"] == "postmortem.shown"
        assert "Something else entirely, and not A***" in json.dumps(shown, ensure_ascii=False)
        assert "Acme" not in json.dumps(shown)
    with office.bot.db.read() as tx:
        assert getattr(postmortems.get(tx, incident.id), "state", None) is State.SUBMITTED
    office.view_action(TOM, "postmortem.accept")
    later(office)
    assert "✅ Accepted by <@U0TOM>" in replies(office)[0].everything
    assert "<@U0TOM>" in asked(office, WANG, "复盘").everything


def test_what_people_wrote_pings_nobody(office: Workspace) -> None:
    fixed(office, what_happened="<!channel> see <@U0MEI> & more")
    for each in replies(office):
        shown = each.text + str([block for block in each.blocks if block["type"] != "header"])  # which is plain text
        assert "<!channel>" not in shown
        assert "<@U0MEI>" not in shown


def test_however_long_the_remarks_are_the_postmortem_shows_that_it_was_returned(office: Workspace) -> None:
    incident = fixed(office, what_happened="&" * 300)
    write(office, LIN, chapter(office, "Causes"), **CAUSES)
    submit(office, LIN)
    office.click(WANG, asked(office, WANG, "postmortem.accept"), "postmortem.refuse")
    office.submit(WANG, remarks="Why " + "&" * 1980 + " The end")
    later(office)
    first = replies(office)[0]
    assert first.buttons[0] in ("postmortem.complete*", "postmortem.submit_open*")
    assert "> Why &amp;" in first.everything
    assert "The end" not in first.everything
    assert "The end" in asked(office, incident.reporter_id, "The end").everything, "its author reads every word"


def test_each_remark_stays_on_record(office: Workspace) -> None:
    incident = fixed(office)
    write(office, LIN, chapter(office, "Causes"), **CAUSES)
    for remarks in ("Say who changed it", "Say when Acme Ltd was told"):
        submit(office, LIN)
        office.click(WANG, asked(office, WANG, "postmortem.accept"), "postmortem.refuse")
        again(office, office.submit(WANG, remarks=remarks))
        later(office)
    shown = "".join(each.everything for each in replies(office) if "Timeline" in each.text)
    assert shown.count("Say who changed it") == 1
    assert shown.count("Say when A*** was told") == 1
    assert "Say who changed it" not in office.card(incident).everything
    with office.bot.db.read() as tx:
        done = [entry.what for entry in journal.of_incident(tx, incident.id)]
    assert done.count("postmortem_returned") == 2


def test_another_round_has_a_meeting_of_its_own_and_asks_anew(office: Workspace) -> None:
    incident = office.report()
    office.wait(1)
    office.grade(ADA, incident, 1)
    fix(office, incident)
    for hours in (1, 2):  # it is planned, and moved
        press(office, LIN, incident, "postmortem.open")
        office.view_action(LIN, "postmortem.meeting")
        meets_at = int((office.clock.now + timedelta(hours=hours)).timestamp())
        again(office, office.submit(LIN, meets_at=meets_at))
        later(office)
    channel = str(incident.channel_id)
    moved, meets = [each.text for each in office.said(channel) if "review meeting" in each.text]
    assert "has moved" in moved
    assert f"{meets_at}" in meets
    write(office, LIN, chapter(office, "What went well"), went_well="We called at once")
    calls = [each for each in office.said(LIN) if "postmortem.write" in each.everything]
    assert len(calls) == 1

    office.wait(180)
    with office.bot.db.begin() as tx:
        solved.open_again(office.bot.desk, tx, office.incident(incident.id), WANG, office.clock.now)
    later(office)
    assert not running(office, incident, Duty.SECTION)
    fix(office, incident)
    later(office)
    assert {each.subject for each in running(office, incident, Duty.SECTION)} == {"causes", "fell_short"}
    (call,) = [each for each in office.said(LIN) if "postmortem.write" in each.everything]
    assert call.ts != calls[0].ts, "an edit of the first call would be no call"
    assert f"{meets_at}" in [each.text for each in office.said(channel) if "leads the review meeting" in each.text][-1]
    write(office, LIN, chapter(office, "Causes"), **CAUSES)
    later(office)
    assert "postmortem.meeting" in replies(office)[0].buttons
    press(office, LIN, incident, "postmortem.open")
    office.view_action(LIN, "postmortem.submit_open")
    assert "held_at" in office.submit(LIN, held_at=meets_at)["response"]["errors"]
    assert not office.submit(LIN, held_at=int(office.clock.now.timestamp()))["response"].get("errors")
    later(office)
    assert running(office, incident, Duty.ACCEPT_POSTMORTEM)


def test_a_confidential_channel_stays_open_until_its_postmortem_is_accepted(office: Workspace) -> None:
    incident = fixed(office, trigger="account_security", what_happened="Somebody else logged in")
    channel = str(incident.channel_id)
    write(office, LIN, chapter(office, "Causes", channel), **CAUSES)
    later(office)
    office.click(LIN, replies(office, channel)[0], "postmortem.submit_open")
    office.submit(LIN)
    later(office)
    press(office, WANG, incident, "close.open")
    assert not office.submit(WANG, reason="The customer does not answer")["response"]
    office.settle()
    office.wait(8 * 24 * 60)
    assert office.incident(incident.id).archived_at is None
    office.click(WANG, asked(office, WANG, "postmortem.accept"), "postmortem.accept")
    later(office)
    assert "✅ Accepted by" in replies(office, channel)[0].everything
    office.wait(24 * 60)
    assert office.incident(incident.id).archived_at is not None
    assert office.channel(channel)["is_archived"]


def test_app_home_shows_it_to_all_who_may_accept(office: Workspace) -> None:
    fixed(office)
    write(office, LIN, chapter(office, "Causes"), **CAUSES)
    later(office)
    submit(office, LIN)
    for user in (WANG, TOM):
        assert "postmortem.check" in json.dumps(open_home(office, user))
    assert "postmortem.write" in json.dumps(open_home(office, LIN))
    assert "postmortem.check" not in json.dumps(open_home(office, QIAN))


def test_in_a_chinese_workspace_it_is_chinese(sandbox: Sandbox, sqlite_url: str) -> None:
    with opened(sandbox, settings_for(sandbox, sqlite_url, socket_mode=False, hotline_language="zh")) as office:
        fixed(office)
        said = office.said("reviews")
        assert [each.text for each in said][1] == "INC-1 复盘：时间线。"
        assert "持续 35 分钟" in said[0].everything
        for each in said:
            shown = re.sub(
                r"<[^>]*>|INC-1|Payments fail with error 502|It hits one customer only|The change was taken",
                "",
                each.text,
            )
            assert not re.search(r"[A-Za-z]{4,}", shown), shown


def test_a_customer_may_be_called_like_a_sort_of_cause(office: Workspace) -> None:
    incident = fixed(office, customer="Process")
    write(office, LIN, chapter(office, "Causes"), **CAUSES)
    later(office)
    assert "Nobody had to look at it twice (process)" in replies(office)[0].everything
    with office.bot.db.begin() as tx:
        erasure.erase_all(tx, incident.id, masking(erasure.known_of(tx, incident.id)), office.clock.now)
        assert postmortems.written(tx, incident.id)[0].words == "process"
        outbox.redraw(tx, [incident.id], office.clock.now, ["postmortem"])
    write(office, LIN, chapter(office, "went well"), went_well="We called at once")
    later(office)
    assert "We called at once" in chapter(office, "went well").everything


def test_what_is_missed_afterwards_is_filled_in(office: Workspace) -> None:
    incident = fixed(office)
    named = office.bot.desk.channel_words.text("duty.confirmation")
    assert named not in chapter(office, "What fell short").everything
    with office.bot.db.read() as tx:
        due = max(each.due_at for each in deadlines.running(tx, incident.id) if each.duty is Duty.CONFIRMATION)
    office.wait(int((due - office.clock.now).total_seconds() / 60) + 1)
    later(office)
    assert named in chapter(office, "What fell short").everything
    kept_and_missed = chapter(office, "Duties kept").everything
    assert "not done in time" in kept_and_missed[kept_and_missed.index(named) :]


def test_what_people_wrote_is_split_and_never_cut(office: Workspace) -> None:
    incident = fixed(office)
    said = office.sandbox.post(
        "/act/message",
        user=LIN,
        channel=str(incident.channel_id),
        text="The log of that night: " + "word " * 1500 + "END",
    )
    office.sandbox.post("/act/react", user=ADA, channel=str(incident.channel_id), ts=said["ts"], name="pushpin")
    later(office)
    later(office)
    parts = [each.everything for each in replies(office) if "Timeline" in each.text]
    everything = "".join(parts)
    assert everything.count("word ") == 1500
    assert "END" in everything


# -- rules -------------------------------------------------------------------------------------------------------------

AT = datetime(2026, 11, 22, 14, tzinfo=UTC)


def clock(due: int, met: int | None = None, stopped: int | None = None, started: int = 0) -> Deadline:
    def at(minutes: int | None) -> datetime | None:
        return None if minutes is None else AT + timedelta(minutes=minutes)

    began = AT + timedelta(minutes=started)
    return Deadline(
        1, 1, Duty.UPDATE, LIN, began, AT + timedelta(minutes=due), 60, met_at=at(met), stopped_at=at(stopped)
    )


@pytest.mark.parametrize(
    ("deadline", "stands", "late"),
    [
        (clock(10, met=9), Standing.KEPT, 0),
        (clock(10, met=10), Standing.KEPT, 0),
        (clock(10, met=12), Standing.LATE, 2),
        (clock(10), Standing.MISSED, 0),
        (clock(90), Standing.RUNNING, 0),
        (clock(10, stopped=9), Standing.NOT_OWED, 0),
        (clock(10, stopped=15), Standing.MISSED, 5),
    ],
)
def test_what_has_become_of_a_clock(deadline: Deadline, stands: Standing, late: int) -> None:
    assert rules.standing(deadline, AT + timedelta(minutes=60)) is stands
    assert rules.late_by(deadline) == timedelta(minutes=late)


def test_a_tally_counts_what_is_due() -> None:
    found = [clock(10, met=9), clock(10, met=12), clock(10), clock(90), clock(10, stopped=9)]
    counted = rules.tally(found, AT + timedelta(minutes=60))
    assert (counted.kept, counted.late, counted.all, counted.worst) == (1, 2, 3, timedelta(minutes=2))


def heard(first: int | None, added: int | None = None) -> Reached:
    def at(minutes: int | None) -> datetime | None:
        return None if minutes is None else AT + timedelta(minutes=minutes)

    return Reached(1, at(added), at(first), at(first))


@pytest.mark.parametrize(
    ("found", "clocks", "others", "expected"),
    [
        ([heard(5), heard(20), heard(None)], [clock(15)], (0, 0, None), (3, 1, 1, 1, 20)),
        ([heard(5)], [], (0, 0, None), (1, 1, 0, 0, 5)),
        ([heard(5), heard(70, added=60)], [clock(15), clock(75, started=60)], (0, 0, None), (2, 2, 0, 0, 10)),
        ([heard(5)], [clock(15)], (9, 9, 10), (10, 10, 0, 0, 5)),
        ([heard(5)], [clock(15)], (9, 4, 30), (10, 1, 4, 5, 5)),
    ],
)
def test_first_contacts(
    found: Sequence[Reached],
    clocks: Sequence[Deadline],
    others: tuple[int, int, int | None],
    expected: tuple[int, int, int, int, int],
) -> None:
    count, told, minutes = others
    at = None if minutes is None else AT + timedelta(minutes=minutes)
    result = rules.first_contacts(found, clocks, AT, count, told, at)
    slowest = int((result.slowest or timedelta(0)).total_seconds() // 60)
    assert (result.total, result.in_time, result.late, result.unheard, slowest) == expected


@given(some.lists(some.text(alphabet="ab <>@&;lt中", max_size=80), max_size=20), some.integers(30, 90))
def test_split_loses_nothing(lines: list[str], most: int) -> None:
    parts = rules.split(lines, most)
    assert all(len("\n".join(part)) <= most for part in parts)
    assert "".join("".join(part) for part in parts) == "".join(lines)


def test_split_cuts_no_markup() -> None:
    line = "word " * 10 + "<@U0123456789> &amp; " * 10
    parts = rules.split([line], 40)
    assert "".join("".join(part) for part in parts) == line
    assert all(piece.count("<") == piece.count(">") for part in parts for piece in part)
    assert all("&amp" not in piece.replace("&amp;", "") for part in parts for piece in part)


def known(**values: Any) -> Postmortem:
    return Postmortem(1, AT, **values)


SUBMITTED = {"submitted_by": LIN, "submitted_at": AT}


@pytest.mark.parametrize(
    ("mine", "user", "refused"),
    [
        (None, WANG, "allowed.no_postmortem"),
        (known(), WANG, "allowed.postmortem_not_submitted"),
        (known(**SUBMITTED), WANG, None),
        (known(**SUBMITTED), LIN, "allowed.postmortem_is_yours"),
        (known(**SUBMITTED, returned_by=WANG, returned_at=AT), WANG, "allowed.postmortem_returned"),
        (known(**SUBMITTED, accepted_by=WANG, accepted_at=AT), WANG, "allowed.postmortem_accepted"),
    ],
)
def test_who_may_answer_a_postmortem(mine: Postmortem | None, user: str, refused: str | None) -> None:
    if refused is None:
        assert lifecycle.check_can_answer_postmortem(mine, user) == mine
        return
    with pytest.raises(NotAllowed) as caught:
        lifecycle.check_can_answer_postmortem(mine, user)
    assert caught.value.phrase == refused


@pytest.mark.parametrize(
    ("mine", "written", "refused"),
    [
        (None, [*Section], "allowed.no_postmortem"),
        (known(), [Section.WENT_WELL], "allowed.postmortem_without_causes"),
        (known(), [Section.CAUSES], None),
        (known(**SUBMITTED), [Section.CAUSES], "allowed.postmortem_submitted"),
        (known(**SUBMITTED, returned_by=WANG, returned_at=AT), [Section.CAUSES], None),
        (known(**SUBMITTED, accepted_by=WANG, accepted_at=AT), [Section.CAUSES], "allowed.postmortem_accepted"),
    ],
)
def test_when_a_postmortem_can_be_submitted(
    mine: Postmortem | None, written: list[Section], refused: str | None
) -> None:
    if refused is None:
        assert lifecycle.check_can_submit(mine, written) == mine
        return
    with pytest.raises(NotAllowed) as caught:
        lifecycle.check_can_submit(mine, written)
    assert caught.value.phrase == refused


def test_whoever_owes_a_section_is_reminded_of_it_by_its_name(office: Workspace) -> None:
    incident = fixed(office)
    clock = running(office, incident, Duty.SECTION)[0]
    office.wait((clock.moments[0].at - office.clock()).total_seconds() / 60 + 1)
    [said] = [each for each in office.said(clock.owner_id) if "needs your part" in each.text or "填写“" in each.text]
    words = office.bot.desk.wordings["en" if "needs your part" in said.text else "zh"]
    assert words.text(f"postmortem.chapter.{clock.subject}") in said.text
