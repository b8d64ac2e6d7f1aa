"""The same thing arrives twice, or two people do it at once: no second effect, and kind words (decision 8)."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.incident import Incident
from storage import contacts, deadlines, incidents, journal, notes
from storage.tables import metadata
from tests.workspace import ADA, LIN, MEI, PAYMENTS_FAIL, WANG, Workspace

pytestmark = pytest.mark.parametrize("workspace", ["socket-sqlite", "http-postgresql"], indirect=True)


def rows(workspace: Workspace) -> dict[str, int]:
    """How much the database remembers: a second effect would show here."""
    with workspace.bot.db.read() as tx:
        return {
            table.name: tx.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }


def again(workspace: Workspace, outcome: Any, exact: bool = True) -> Any:
    """Slack delivers the same thing once more; everything it sets off is carried."""
    answer = workspace.sandbox.post("/redeliver", delivery_id=outcome["delivery_id"], exact=exact)
    workspace.settle()
    return answer


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Several people do something at the same moment."""
    answers: list[Any] = [None] * len(acts)
    start = threading.Barrier(len(acts))

    def act(number: int) -> None:
        start.wait()
        answers[number] = acts[number]()

    threads = [threading.Thread(target=act, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def what_happened(workspace: Workspace, incident: Incident, what: str) -> int:
    """How often the journal says that."""
    with workspace.bot.db.read() as tx:
        assert journal.is_whole(tx, incident.id)
        return sum(entry.what == what for entry in journal.of_incident(tx, incident.id))


def messages(workspace: Workspace, incident: Incident) -> list[str]:
    """Everything that was said in its channel and announced."""
    channel = str(workspace.incident(incident.id).channel_id)
    return [said.ts for said in (*workspace.said(channel), *workspace.said("incidents"))]


def test_a_form_that_arrives_again_is_the_same_report(workspace: Workspace) -> None:
    workspace.command(LIN)
    first = workspace.submit(LIN, **PAYMENTS_FAIL)
    workspace.settle()
    before = rows(workspace), len(workspace.sandbox.calls("conversations.create"))
    answer = again(workspace, first)
    assert answer["ok"]
    assert "INC-1" in str(answer["response"]), "whoever submits again reads the same number"
    assert (rows(workspace), len(workspace.sandbox.calls("conversations.create"))) == before
    assert len(workspace.channels()) == 1


def test_a_form_that_arrives_several_times_at_once_is_one_report(workspace: Workspace) -> None:
    workspace.sandbox.fault("conversations.create", "latency", seconds=0.2)
    workspace.command(LIN)
    view = workspace.view(LIN)["id"]
    # People's own client sends a form once; a retry on the way may send it several times.
    post = workspace.sandbox.post
    act = {"user": LIN, "view_id": view, "values": PAYMENTS_FAIL}
    answers = at_once(*[lambda: post("/act/submit", **act)] * 4)
    workspace.settle()
    sent = [answer for answer in answers if answer.get("response")]
    assert sent, answers
    assert all("INC-1" in str(answer["response"]) for answer in sent), answers
    at_once(*[lambda: again(workspace, sent[0])] * 3)
    assert rows(workspace)["incidents"] == 1
    assert rows(workspace)["deadlines"] == 3
    assert len(workspace.channels()) == 1
    assert len(messages(workspace, workspace.incident(1))) == 2, "a card and an announcement"


def test_a_replayed_command_opens_nothing_and_says_so(workspace: Workspace) -> None:
    opened = workspace.command(LIN)
    workspace.settle()
    before = rows(workspace)
    answer = again(workspace, opened)
    assert answer["ok"]
    assert "请再点一次" in str(answer["response"]), "kind, and says what to do"
    assert rows(workspace) == before
    assert len(workspace.sandbox.get("/views", user=LIN)) == 1


def test_a_replayed_click_opens_nothing(workspace: Workspace) -> None:
    incident = workspace.report()
    clicked = workspace.click(ADA, workspace.card(incident), "verify.open")
    assert clicked["view"]
    workspace.settle()
    before = rows(workspace)
    assert again(workspace, clicked)["ok"]
    assert rows(workspace) == before
    assert len(workspace.sandbox.get("/views", user=ADA)) == 1


@pytest.mark.parametrize("exact", [True, False])
def test_an_event_that_is_delivered_again_has_no_second_effect(workspace: Workspace, exact: bool) -> None:
    incident = workspace.report()
    channel = str(workspace.incident(incident.id).channel_id)
    workspace.sandbox.post("/act/join", user=WANG, channel=channel)
    workspace.settle()
    delivery = next(
        sent
        for sent in reversed(workspace.sandbox.get("/deliveries"))
        if sent["event"] and sent["event"]["type"] == "member_joined_channel" and sent["event"]["user"] == WANG
    )
    before = rows(workspace), messages(workspace, incident)
    assert again(workspace, delivery, exact)["ok"]
    assert (rows(workspace), messages(workspace, incident)) == before


def test_a_verification_that_arrives_again_counts_once(workspace: Workspace) -> None:
    incident = workspace.report()
    workspace.click(ADA, workspace.card(incident), "verify.open")
    first = workspace.submit(ADA, note="Card payments only")
    workspace.settle()
    before = rows(workspace), messages(workspace, incident), workspace.card(incident)
    answer = again(workspace, first)
    assert answer["ok"]
    assert not answer["response"], "the form closes, as it did the first time"
    assert (rows(workspace), messages(workspace, incident), workspace.card(incident)) == before


def test_two_people_verify_at_once_and_the_second_reads_who_did(workspace: Workspace) -> None:
    incident = workspace.report()
    card = workspace.card(incident)
    for person in (ADA, MEI):
        assert workspace.click(person, card, "verify.open")["view"]
    answers = at_once(
        lambda: workspace.submit(ADA, note="Ada looked"),
        lambda: workspace.submit(MEI, note="Mei looked"),
    )
    workspace.settle()
    assert what_happened(workspace, incident, "verified") == 1
    with workspace.bot.db.read() as tx:
        [note] = notes.of_incident(tx, incident.id)
        assert note.by == incidents.get(tx, incident.id).verified_by
    refused = [answer for answer in answers if (answer["response"] or {}).get("response_action") == "errors"]
    assert len(refused) == 1, answers
    winner = "Ada Okafor" if note.by == ADA else "Mei 梅"
    assert winner in str(refused[0]["response"]), "by name: a form shows no mentions"


def test_two_people_log_a_contact_at_once_and_both_are_kept(workspace: Workspace) -> None:
    incident = workspace.report(customers_affected="1")
    card = workspace.card(incident)
    for person in (ADA, MEI):
        assert workspace.click(person, card, "contact.open")["view"]
    at_once(
        lambda: workspace.submit(ADA, said="Ada called"),
        lambda: workspace.submit(MEI, said="Mei called"),
    )
    workspace.settle()
    with workspace.bot.db.read() as tx:
        kept = {contact.said for contact in contacts.of_incident(tx, incident.id)}
        met = [one for one in deadlines.of_incident(tx, incident.id) if one.duty == "first_contact"]
    assert kept == {"Ada called", "Mei called"}, "what was said to a customer is never lost"
    assert met[0].met_by in (ADA, MEI)
    assert what_happened(workspace, incident, "contacted") == 2


def test_a_contact_that_arrives_again_is_logged_once(workspace: Workspace) -> None:
    incident = workspace.report()
    workspace.click(LIN, workspace.card(incident), "contact.open")
    first = workspace.submit(LIN, said="We are on it")
    workspace.settle()
    before = rows(workspace), messages(workspace, incident)
    at_once(*[lambda: again(workspace, first)] * 2)
    assert (rows(workspace), messages(workspace, incident)) == before
    with workspace.bot.db.read() as tx:
        assert contacts.count(tx, incident.id) == 1


def test_a_dismissal_that_arrives_again_ends_it_once(workspace: Workspace) -> None:
    incident = workspace.report()
    workspace.choose(LIN, incident, "dismiss.open")
    first = workspace.submit(LIN, reason="A test")
    workspace.settle()
    before = rows(workspace), messages(workspace, incident)
    answer = again(workspace, first)
    assert answer["ok"]
    assert not answer["response"]
    assert (rows(workspace), messages(workspace, incident)) == before
    assert len(workspace.sandbox.calls("conversations.archive")) == 1


def test_two_people_dismiss_at_once_and_the_second_reads_who_did(workspace: Workspace) -> None:
    incident = workspace.report()
    card = workspace.card(incident)
    for person in (ADA, MEI):
        workspace.click(person, card, "card.menu", option=f"dismiss.open:{incident.id}")
    answers = at_once(
        lambda: workspace.submit(ADA, reason="Ada's reason"),
        lambda: workspace.submit(MEI, reason="Mei's reason"),
    )
    workspace.settle()
    assert what_happened(workspace, incident, "dismissed") == 1
    winner = workspace.incident(incident.id).dismissed_by
    refused = [answer for answer in answers if (answer["response"] or {}).get("response_action") == "errors"]
    assert len(refused) == 1, answers
    assert ("Ada Okafor" if winner == ADA else "Mei 梅") in str(refused[0]["response"])
    assert len(workspace.sandbox.calls("conversations.archive")) == 1


def test_under_a_field_a_name_is_read_as_it_is_written(workspace: Workspace) -> None:
    workspace.sandbox.post("/act/profile", user=MEI, real_name="Tom & Ann <QA>")
    workspace.settle()
    card = workspace.card(workspace.report())
    for person in (ADA, MEI):
        workspace.click(person, card, "verify.open")
    workspace.submit(MEI)
    told = workspace.submit(ADA)["response"]["errors"]
    assert "Tom & Ann <QA> has verified this already" in str(told)


def test_under_a_field_whom_to_ask_is_read_as_they_are_written(workspace: Workspace) -> None:
    workspace.sandbox.post("/act/profile", user=ADA, real_name="Tom & Ann")
    workspace.settle()
    workspace.choose(WANG, workspace.report(), "roles.open")
    workspace.sandbox.post("/act/group", handle="supervisors", members=[])  # Wang is none any more
    workspace.settle()
    told = workspace.submit(WANG)["response"]["errors"]
    assert "（例如 Tom & Ann）" in str(told)
