"""Customers are spoken to: whose turn it is, in which words, what became of it, and what that does to the clocks."""

from datetime import timedelta
from typing import Any

import pytest

from bot.incident import ContactChannel, Customer, CustomerLanguage, Duty, Emotion, Incident, Outcome, Tier
from storage import contacts, customers, deadlines, journal
from tests.test_plan import propose
from tests.workspace import ADA, HE, LIN, MEI, WANG, Said, Workspace


def listed(workspace: Workspace, incident: Incident, *names: str, **more: Any) -> None:
    """These are on the list too."""
    with workspace.bot.db.begin() as tx:
        customers.add(tx, incident.id, [Customer(name, **more) for name in names], ADA, workspace.clock.now)


def state_of(workspace: Workspace, incident: Incident) -> dict[str, Outcome | None]:
    with workspace.bot.db.read() as tx:
        return {each.customer.name: each.outcome for each in customers.all_of(tx, incident.id)}


def clocks(workspace: Workspace, incident: Incident, duty: Duty) -> list[Any]:
    with workspace.bot.db.read() as tx:
        return [each for each in deadlines.of_incident(tx, incident.id) if each.duty is duty]


def logged(workspace: Workspace, incident: Incident) -> list[Any]:
    with workspace.bot.db.read() as tx:
        return contacts.of_incident(tx, incident.id)


def field(view: Any, name: str) -> Any:
    """A field of a form, whatever its version."""
    return next(block for block in view["blocks"] if str(block.get("block_id")).partition("__")[0] == name)


def words_in(view: Any) -> str:
    return str(field(view, "said")["element"].get("initial_value"))


def opened(workspace: Workspace, user: str, incident: Incident) -> Any:
    view = workspace.click(user, workspace.card(incident), "contact.open")["view"]
    assert view["callback_id"] == "contact.submit"
    return view


def channel_of(workspace: Workspace, incident: Incident) -> str:
    return str(workspace.incident(incident.id).channel_id)


def scripts_in(workspace: Workspace, incident: Incident) -> list[Said]:
    return [said for said in workspace.said(channel_of(workspace, incident)) if "scripts.copy" in said.buttons]


def test_the_form_goes_from_one_customer_to_the_next(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="3")
    listed(office, incident, "Beta GmbH", "Gamma SA")
    view = opened(office, ADA, incident)
    assert "Acme Ltd" in str(field(view, "who"))
    answer = office.submit(ADA, answer="Please hurry", emotion="worried")
    view = answer["response"]["view"]
    assert "Acme Ltd: Reached. 2 customers have heard nothing yet" in str(view["blocks"])
    assert "Beta GmbH" in str(field(view, "who"))
    assert "initial_value" not in field(view, "answer")["element"], "the answer was Acme's"
    view = office.submit(ADA)["response"]["view"]
    assert "Gamma SA" in str(field(view, "who"))
    answer = office.submit(ADA)
    assert not (answer["response"] or {}).get("view"), "nobody is left"
    office.settle()
    assert "3 of 3 customers reached" in office.card(incident).everything
    assert "✅ *First contact*" in office.card(incident).everything
    assert [each.customer for each in logged(office, incident)] == ["Acme Ltd", "Beta GmbH", "Gamma SA"]
    assert all(each.said for each in logged(office, incident)), "the script's words are kept as what was said"


def texts(view: Any) -> list[str]:
    """What a window says, line by line."""
    return [str(block["text"]["text"]) for block in view["blocks"] if block["type"] == "section"]


def test_the_last_form_says_who_is_left_and_leads_to_them(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="3")
    view = opened(office, ADA, incident)
    assert texts(view) == ["2 of those affected have no name yet."]
    view = office.submit(ADA)["response"]["view"]
    assert texts(view) == ["✅ Acme Ltd: Reached. 2 more are affected and have no name yet."]
    assert "1 of 3 customers reached" in str(view["blocks"])
    [row] = [block for block in view["blocks"] if block["type"] == "actions"]
    assert [each["text"]["text"] for each in row["elements"]] == ["Add customers", "Write to all 2 at once"]
    office.settle()

    assert office.view_action(ADA, "lists.open")["view"]["callback_id"] == "lists.submit"
    office.submit(ADA, paste="Beta GmbH")
    office.submit(ADA)
    office.settle()
    beneath = office.sandbox.get("/views", user=ADA)[0]
    assert beneath["callback_id"] == "ledger.submit", "the window that sent them there shows the list"
    assert "Beta GmbH" in str(beneath["blocks"])

    view = opened(office, ADA, incident)
    assert "Beta GmbH" in str(field(view, "who"))
    assert texts(view) == ["1 of those affected has no name yet."]
    view = office.submit(ADA)["response"]["view"]
    assert "1 more is affected and has no name yet" in str(view["blocks"])
    view = office.view_action(ADA, "contact.all")["view"]
    assert view["callback_id"] == "contact.submit"
    assert "In writing, to 1 customer at once" in str(view["blocks"])
    assert not (office.submit(ADA)["response"] or {}).get("view"), "everybody is reached"
    office.settle()
    assert "3 of 3 customers reached" in office.card(incident).everything
    assert [contact.customers for contact in logged(office, incident)] == [1, 1, 1]


def test_who_can_not_be_called_now_is_named_by_number_when_nobody_else_is_left(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="4")
    listed(office, incident, "Beta GmbH", "Gamma SA")
    opened(office, ADA, incident)
    office.view_action(ADA, "contact.look", value="wrong_number", block_id="outcome")
    office.submit(ADA)
    office.view_action(ADA, "contact.look", value="no_answer", block_id="outcome__2")
    office.submit(ADA)
    view = office.submit(ADA)["response"]["view"]
    assert texts(view) == [
        "✅ Gamma SA: Reached. 3 customers have heard nothing yet.",
        "1 of those affected has no name yet.",
    ]
    assert "1 of 4 customers reached · 1 no answer · 1 wrong number" in str(view["blocks"])
    view = office.view_action(ADA, "contact.all")["view"]
    assert "In writing, to 3 customers at once" in str(view["blocks"])


def test_who_is_alone_and_does_not_answer_needs_no_word_more(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="1")
    opened(office, ADA, incident)
    office.view_action(ADA, "contact.look", value="no_answer", block_id="outcome")
    assert not (office.submit(ADA)["response"] or {}).get("view")


def test_several_at_once_are_those_who_are_left(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="15")
    listed(office, incident, "Beta GmbH")
    opened(office, ADA, incident)
    office.submit(ADA)
    office.submit(ADA)
    opened(office, ADA, incident)
    view = office.choose_customers(ADA, "unheard")["view"]
    assert "In writing, to 13 customers at once" in str(view["blocks"])
    opened(office, ADA, incident)
    view = office.choose_customers(ADA, "everybody")["view"]
    assert "In writing, to 15 customers at once" in str(view["blocks"])


def test_where_somebody_is_added_who_is_not_in_the_list_stands_at_the_field(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="2")
    view = opened(office, ADA, incident)
    said = field(view, "said")["block_id"]
    assert office.suggest(ADA, "contact.look", "Zeta") == []
    assert "in the card’s menu" not in str(field(view, "who")), "a button below it does so"
    assert (
        office.view_action(ADA, "lists.open", values={said: "In my own words"})["view"]["callback_id"] == "lists.submit"
    )
    office.submit(ADA, paste="Zeta AG")
    office.submit(ADA)
    office.settle()
    beneath = office.sandbox.get("/views", user=ADA)[0]
    assert beneath["callback_id"] == "contact.submit", "what was typed there is not drawn over"
    view = opened(office, ADA, incident)
    assert "lists.open" not in str(view["blocks"])
    assert "under “Customers” in the card’s menu" in str(field(view, "who")), "everybody has a name; and yet another?"


def test_only_who_was_reached_has_heard(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="2")
    listed(office, incident, "Beta GmbH")
    again = int((office.clock.now + timedelta(minutes=20)).timestamp())
    opened(office, ADA, incident)
    office.view_action(ADA, "contact.look", value="no_answer", block_id="outcome")
    view = office.submit(ADA, retry_at=again)["response"]["view"]
    assert "Beta GmbH" in str(field(view, "who")), "Acme is called later"
    office.settle()
    card = office.card(incident).everything
    assert "0 of 2 customers reached" in card
    assert "1 no answer" in card
    assert "⏱ *First contact*" in card
    assert not clocks(office, incident, Duty.UPDATE), "nobody has heard anything"
    office.wait(18)
    assert any("A***" in said.text and "call" in said.text for said in office.said(ADA)), "reminded to call again"
    reminder = next(said for said in office.said(ADA) if "contact.with" in str(said.buttons))
    assert "Acme Ltd" in str(office.click(ADA, reminder, "contact.with")["view"])
    office.submit(ADA)
    office.settle()
    assert clocks(office, incident, Duty.CALL_AGAIN)[0].met_by == ADA
    assert state_of(office, incident) == {"Acme Ltd": Outcome.REACHED, "Beta GmbH": None}


def test_who_matters_most_is_called_first(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="3")
    listed(office, incident, "Beta GmbH")
    listed(office, incident, "Gamma SA", tier=Tier.VIP)
    assert "Gamma SA · VIP" in str(field(opened(office, ADA, incident), "who"))
    offered = [option["text"]["text"] for option in office.suggest(ADA, "contact.look")]
    assert offered == [
        "Gamma SA · VIP · not contacted yet",
        "Acme Ltd · not contacted yet",
        "Beta GmbH · not contacted yet",
        "Everybody who has heard nothing yet",
        "Everybody affected",
    ]
    assert [option["text"]["text"] for option in office.suggest(ADA, "contact.look", "gmb")] == [
        "Beta GmbH · not contacted yet"
    ]
    with office.bot.db.read() as tx:
        looks = [row for row in journal.of_incident(tx, incident.id) if row.what == "customer_seen"]
    assert len(looks) == 3, "each look is on record"


def test_one_message_to_everybody_meets_first_contact(office: Workspace) -> None:
    incident = office.report(ADA)
    listed(office, incident, "Beta GmbH")
    answer = office.contact(ADA, incident, who="everybody")
    assert not (answer["response"] or {}).get("errors")
    assert "120 of 120 customers reached" in office.card(incident).everything
    [contact] = logged(office, incident)
    assert (contact.customers, contact.channel, contact.outcome) == (120, ContactChannel.SMS, Outcome.SENT)


def test_a_call_reaches_one_customer_only(office: Workspace) -> None:
    incident = office.report(ADA)
    answer = office.contact(ADA, incident, who="everybody", channel__1="phone:en")
    assert "A call reaches one customer" in str(answer["response"]["errors"])
    assert not logged(office, incident)


def test_the_words_follow_the_choices_until_somebody_changes_them(office: Workspace) -> None:
    incident = office.report(ADA)
    before = words_in(opened(office, ADA, incident))
    view = office.view_action(ADA, "contact.look", value="sms:zh", block_id="channel")["view"]
    after = words_in(view)
    assert after != before
    assert "【" in after, "a text message in Chinese"
    assert "text message" in str(field(view, "said")), "how many it takes"
    said = field(view, "said")["block_id"]
    view = office.view_action(
        ADA, "contact.look", value="email:en", block_id="channel", values={said: "In my own words"}
    )["view"]
    assert words_in(view) == "In my own words", "what was typed is not lost"
    assert "contact.script" in str(view["blocks"]), "and the script is one click away"
    view = office.view_action(ADA, "contact.script", block_id="use_script")["view"]
    assert "Subject:" in words_in(view)


def test_a_fact_that_is_missing_is_asked_for_and_kept(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="2")
    listed(office, incident, "Beta GmbH")
    office.contact(ADA, incident, who="everybody")
    office.wait(1)
    view = opened(office, ADA, incident)
    assert field(view, "stage")["element"]["initial_option"]["value"] == "progress", "the first contact is made"
    assert "What has been done" in str(view["blocks"])
    answer = office.submit(ADA)
    assert "Fill this in" in str(answer["response"]["errors"]), "never printed blank"
    view = office.view_action(
        ADA, "contact.script", block_id="fill_in", values={"fact_news": "The faulty part is replaced"}
    )["view"]
    assert "The faulty part is replaced" in words_in(view)
    office.submit(ADA)
    office.settle()
    assert "The faulty part is replaced" in logged(office, incident)[-1].said
    assert "The faulty part is replaced" in words_in(opened(office, MEI, incident)), "nobody is asked twice"


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ("Please calm down, we are on it", "We never say “calm down”"),
        ("You definitely get your money", "promises what nobody knows yet"),
        ("I call you again at 23:59", "is a promise. Record it"),
        ("您冷静一下", "We never say"),
    ],
)
def test_what_is_never_said_is_marked_before_it_is_saved(office: Workspace, said: str, complaint: str) -> None:
    incident = office.report(ADA, customers_affected="1")
    view = office.contact(ADA, incident, said=said)["response"]["view"]
    assert complaint in str(view["blocks"])
    assert words_in(view) == said, "nothing typed is lost"
    assert not logged(office, incident)
    office.submit(ADA)  # it was said: so it is logged as it was
    assert logged(office, incident)[0].said == said


def test_a_promise_has_a_clock_of_its_own(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="1")
    until = int((office.clock.now + timedelta(minutes=60)).timestamp())
    opened(office, ADA, incident)
    office.view_action(ADA, "contact.more")
    answer = office.submit(ADA, promise="Send the new invoice to Acme Ltd")
    assert "Say by when" in str(answer["response"]["errors"])
    office.submit(ADA, promise="Send the new invoice to Acme Ltd", promised_until=until)
    office.settle()
    assert "1 promise open" in office.card(incident).everything
    assert "Send the new invoice" in str(field(opened(office, ADA, incident), "kept"))
    office.wait(51)
    reminder = office.said(ADA)[-1]
    assert "A*** (“Send the new invoice to A***”)" in reminder.text
    assert "reminders.kept" in str(reminder.buttons)
    assert "Acme" not in str([said.everything for said in office.said(channel_of(office, incident))])
    office.click(ADA, reminder, "reminders.kept")
    office.settle()
    assert "kept the promise" in office.said(ADA)[-1].text
    assert "promise open" not in office.card(incident).everything


def test_a_promise_that_is_not_kept_goes_up_the_ladder(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="1")
    until = int((office.clock.now + timedelta(minutes=30)).timestamp())
    opened(office, ADA, incident)
    office.view_action(ADA, "contact.more")
    office.submit(ADA, promise="Call with news", promised_until=until)
    office.settle()
    office.wait(30)
    assert any("对 A***（“Call with news”）" in said.text for said in office.said(MEI))
    view = opened(office, ADA, incident)
    kept = field(view, "kept")
    assert "Call with news" in str(kept)
    office.submit(ADA, kept=[kept["element"]["options"][0]["value"]], fact_delay_reason="A part is missing")
    office.settle()
    assert clocks(office, incident, Duty.PROMISE)[0].met_by == ADA


def test_a_temporary_measure_needs_consent(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="1")
    opened(office, ADA, incident)
    office.view_action(ADA, "contact.look", value="temporary_measure", block_id="stage")
    answer = office.submit_unchecked(ADA, fact_measure="Pay by bank transfer for now")
    assert "consent" in answer["response"]["errors"]
    office.submit(ADA, fact_measure="Pay by bank transfer for now", consent="given")
    [contact] = logged(office, incident)
    assert (contact.consent, contact.measure) == ("given", "Pay by bank transfer for now")
    assert "Pay by bank transfer for now" in contact.said


def test_each_customer_waits_for_an_update_of_their_own(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="120")
    listed(office, incident, "Beta GmbH")
    start = office.clock.now
    opened(office, ADA, incident)
    office.submit(ADA)
    office.wait(10)
    office.submit(ADA)  # Beta, ten minutes later
    office.settle()
    [update] = clocks(office, incident, Duty.UPDATE)
    assert update.due_at == start + timedelta(hours=2), "Acme waits longest"
    office.wait(95)  # in the last quarter of an hour
    opened(office, ADA, incident)
    office.submit(ADA, fact_news="We have found the cause")
    office.settle()
    [update] = clocks(office, incident, Duty.UPDATE)
    assert update.due_at == start + timedelta(hours=2, minutes=10), "now Beta waits longest"
    assert update.is_running
    reminders = [said for said in office.said(ADA) if "give the customers of" in said.text]
    assert len(reminders) == 1, "one reminder for the whole round"
    opened(office, ADA, incident)
    office.submit(ADA)
    office.settle()
    first, second = clocks(office, incident, Duty.UPDATE)
    assert first.met_by == ADA
    assert second.due_at == office.clock.now + timedelta(hours=2)


def test_the_angry_make_it_more_urgent(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="1")
    office.grade(WANG, incident, 3)
    office.contact(ADA, incident, emotion="furious")
    office.wait(0)
    assert office.incident(incident.id).emotion is Emotion.FURIOUS
    proposed = [said.text for said in office.said(channel_of(office, incident)) if "severity 2" in said.text]
    assert proposed, "who has it in hand is asked to look again"
    assert office.incident(incident.id).proposed_severity == 2


def test_a_vip_is_reminded_of_earlier(office: Workspace) -> None:
    office.command(ADA)
    office.view_action(ADA, "report.more")
    office.submit(
        ADA,
        what_happened="The card does not work",
        customer="Acme Ltd",
        customers_affected="1",
        trigger="wrong_charge",
        customer_tier="vip",
    )
    office.settle()
    office.wait(10)  # severity 2: 30 minutes, and the reminder 20 minutes before instead of 10
    assert any("first contact" in said.text for said in office.said(ADA))


def test_the_words_are_posted_for_who_owes_them_and_make_room_when_they_were_said(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="1")
    assert not scripts_in(office, incident)
    office.click(ADA, office.card(incident), "verify.open")
    office.submit(ADA, note="It holds")
    office.settle()
    [script] = scripts_in(office, incident)
    assert f"<@{ADA}>, *First contact* for 1 customer, by" in script.text
    assert script.buttons == ["contact.said*", "scripts.copy", "scripts.other"]
    assert "Acme" not in script.everything, "others read along"
    copied = office.click(ADA, script, "scripts.copy")["view"]
    assert copied["callback_id"] == "scripts.shown"
    other = office.view_action(ADA, "scripts.look", value="sms:zh", block_id="channel")["view"]
    assert "【" in str(other)
    view = office.click(ADA, script, "contact.said")["view"]
    assert field(view, "stage")["element"]["initial_option"]["value"] == "first_contact"
    office.submit(ADA)
    office.settle()
    assert not scripts_in(office, incident)
    assert any("is no longer needed" in said.text for said in office.said(channel_of(office, incident)))
    office.wait(24 * 60 - 60)
    [script] = scripts_in(office, incident)
    assert "*Progress*" in script.text
    assert "Still to be filled in: What has been done" in script.everything


def test_words_are_for_the_people_of_the_case(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="1")
    office.click(ADA, office.card(incident), "verify.open")
    office.submit(ADA, note="It holds")
    office.settle()
    [script] = scripts_in(office, incident)
    told = office.click(HE, script, "contact.said")["view"]
    assert told["callback_id"] == "told"


def test_whoever_speaks_chinese_gets_chinese(office: Workspace) -> None:
    incident = office.report(LIN, customers_affected="2")
    listed(office, incident, "王小明", language=CustomerLanguage.ZH, contact="13812345678")
    view = office.contact(LIN, incident)["response"]["view"]
    assert "王小明" in words_in(view)
    assert "13812345678" in str(view["blocks"]), "how to reach them is at hand"
    assert view["submit"]["text"] == "记录联系"


def test_a_name_in_chinese_is_greeted_in_chinese_and_the_language_spoken_stays(office: Workspace) -> None:
    incident = office.report(ADA, customer="张伟", customers_affected="2")
    listed(office, incident, "Beta GmbH")
    view = opened(office, ADA, incident)
    assert field(view, "channel")["element"]["initial_option"]["value"] == "phone:zh"
    assert "张伟" in words_in(view)
    assert "Hello" not in words_in(view)
    view = office.submit(ADA)["response"]["view"]
    assert field(view, "channel")["element"]["initial_option"]["value"] == "phone:en", "Beta GmbH is greeted in English"
    office.view_action(ADA, "contact.look", value="phone:zh", block_id="channel__1")
    office.submit(ADA)
    office.settle()
    opened(office, ADA, incident)
    view = office.choose_customers(ADA, "c2")["view"]
    assert field(view, "channel")["element"]["initial_option"]["value"] == "phone:zh", "as they were called before"


def test_a_newcomer_has_to_hear_as_well(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="1")
    office.contact(ADA, incident)
    office.command(MEI)
    office.view_action(
        MEI,
        "report.look",
        block_id="trigger",
        value="system_failure",
        values={"what_happened": "Payments fail with error 502"},
    )
    office.view_action(MEI, "report.join")
    office.submit(MEI, customer="Beta GmbH", customers_more="1")
    office.settle()
    met, running = clocks(office, incident, Duty.FIRST_CONTACT)
    assert met.met_by == ADA
    assert running.is_running
    assert "1 of 2 customers reached" in office.card(incident).everything


def test_the_list_that_lies_beneath_shows_what_became_of_it(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="2")
    listed(office, incident, "Beta GmbH")
    ledger = office.choose(ADA, incident, "ledger.open")["view"]
    customer = next(block for block in ledger["blocks"] if "Acme Ltd" in str(block) and block.get("accessory"))
    option = customer["accessory"]["options"][0]["value"]
    view = office.view_action(ADA, "ledger.one", block_id=customer["block_id"], value=option)["view"]
    assert view["callback_id"] == "contact.submit"
    office.submit(ADA)
    office.settle()
    views = office.sandbox.get("/views", user=ADA)
    beneath = next(each for each in views if each["callback_id"] == "ledger.submit")
    assert "1 of 2 customers reached" in str(beneath["blocks"])


def test_over_the_list_nothing_is_opened_that_the_list_offers(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="3")
    ledger = office.choose(ADA, incident, "ledger.open")["view"]
    customer = next(block for block in ledger["blocks"] if "Acme Ltd" in str(block) and block.get("accessory"))
    option = customer["accessory"]["options"][0]["value"]
    view = office.view_action(ADA, "ledger.one", block_id=customer["block_id"], value=option)["view"]
    assert texts(view) == ["2 of those affected have no name yet."]
    assert "lists.open" not in str(view["blocks"])
    view = office.submit(ADA)["response"]["view"]
    assert "2 more are affected and have no name yet" in str(view["blocks"])
    assert "lists.open" not in str(view["blocks"])
    assert "contact.all" in str(view["blocks"])


def test_two_people_who_call_at_the_same_time_are_offered_different_customers(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="3")
    listed(office, incident, "Beta GmbH", "Gamma SA")
    assert "Acme Ltd" in str(field(opened(office, ADA, incident), "who"))
    assert "Beta GmbH" in str(field(opened(office, MEI, incident), "who"))
    offered = [option["text"]["text"] for option in office.suggest(MEI, "contact.look")]
    assert "Acme Ltd · 尚未联系 · 有同事正在联系" in offered
    view = office.submit(ADA)["response"]["view"]
    assert "Gamma SA" in str(field(view, "who")), "Beta is in Mei's hands"
    answer = office.submit(MEI)
    assert not (answer["response"] or {}).get("view"), "Gamma is in Ada's hands"
    office.wait(6)  # whoever leaves a form open holds up nobody for long
    assert "Gamma SA" in str(field(opened(office, MEI, incident), "who"))


def test_news_is_news_for_one_round_only(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="1")
    office.contact(ADA, incident)
    office.wait(20 * 60)
    office.contact(ADA, incident, fact_news="The cause is found")
    office.wait(1)
    view = opened(office, ADA, incident)
    assert "The cause is found" not in words_in(view)
    assert "initial_value" not in field(view, "fact_news")["element"]


def test_a_fact_is_corrected_in_the_form(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="2")
    listed(office, incident, "Beta GmbH")
    office.contact(ADA, incident, who="everybody")
    office.wait(1)
    opened(office, ADA, incident)
    office.submit(ADA, fact_news="It works agian")
    view = opened(office, ADA, incident)
    assert field(view, "fact_news")["element"]["initial_value"] == "It works agian"
    office.submit(ADA, fact_news="It works again")
    assert "It works again" in logged(office, incident)[-1].said


def test_what_is_sent_has_other_outcomes_than_what_is_said(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="1")
    opened(office, ADA, incident)
    office.view_action(ADA, "contact.look", value="reached", block_id="outcome")
    office.view_action(ADA, "contact.look", value="email:en", block_id="channel")
    answer = office.submit(ADA)
    assert not (answer["response"] or {}).get("errors"), answer
    assert logged(office, incident)[0].outcome is Outcome.SENT


def test_who_does_not_answer_lets_the_others_go_first(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="2")
    listed(office, incident, "Gamma SA", tier=Tier.VIP)
    assert "Gamma SA" in str(field(opened(office, ADA, incident), "who"))
    office.view_action(ADA, "contact.look", value="no_answer", block_id="outcome")
    view = office.submit(ADA)["response"]["view"]
    assert "Acme Ltd" in str(field(view, "who"))
    office.submit(ADA)
    office.wait(11)
    assert "Gamma SA" in str(field(opened(office, ADA, incident), "who")), "after a while it is their turn again"


def test_who_is_taken_off_the_list_is_waited_for_no_more(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="2")
    listed(office, incident, "Beta GmbH")
    opened(office, ADA, incident)
    office.submit(ADA)
    again = int((office.clock.now + timedelta(minutes=20)).timestamp())
    office.view_action(ADA, "contact.look", value="no_answer", block_id="outcome__2")
    office.submit(ADA, retry_at__1=again)
    office.settle()
    ledger = office.choose(ADA, incident, "ledger.open")["view"]
    beta = next(block for block in ledger["blocks"] if "Beta GmbH" in str(block) and block.get("accessory"))
    option = next(each["value"] for each in beta["accessory"]["options"] if "remove" in each["value"])
    office.view_action(ADA, "ledger.one", block_id=beta["block_id"], value=option)
    office.submit(ADA, reason="Not affected")
    office.settle()
    assert "1 of 1 customer reached" in office.card(incident).everything
    assert clocks(office, incident, Duty.FIRST_CONTACT)[0].met_at
    assert not clocks(office, incident, Duty.CALL_AGAIN)[0].is_running


def test_another_number_of_those_affected_moves_the_clock(office: Workspace) -> None:
    incident = office.report(ADA)
    office.contact(ADA, incident)
    office.grade(WANG, incident, 3, "only one", customers_affected="1")
    assert clocks(office, incident, Duty.FIRST_CONTACT)[0].met_at, "everybody has heard"
    office.grade(WANG, incident, 1, "it spreads", customers_affected="120")
    assert clocks(office, incident, Duty.FIRST_CONTACT)[-1].is_running, "the others have not"


def test_a_gap_is_never_logged_as_said(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="1")
    office.contact(ADA, incident)
    view = opened(office, ADA, incident)
    office.submit(ADA, **{field(view, "said")["block_id"]: words_in(view) + " Thank you."})
    assert len(logged(office, incident)) == 1
    answer = office.submit(ADA, **{field(view, "said")["block_id"]: words_in(view) + " Thank you."})
    assert "Replace what stands in brackets" in str(answer["response"]["errors"])


def test_a_fact_in_a_posted_script_names_nobody(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="14")
    listed(office, incident, *(f"Number {number} Ltd" for number in range(12)), "Zeta Logistics")
    office.contact(ADA, incident, who="everybody")
    office.wait(3 * 60 + 31)
    assert scripts_in(office, incident)
    office.contact(ADA, incident, fact_news="The parcel for Zeta Logistics has left")
    said = str([message.everything for message in office.said(channel_of(office, incident))])
    assert "has left" in said
    assert "Zeta" not in said


def test_a_long_solution_is_cut_and_jams_nothing(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="1")
    office.contact(ADA, incident)
    propose(office, MEI, incident, told="<a> -> & " * 200, own=["at_once"])
    assert scripts_in(office, incident)
    opened(office, ADA, incident)
    office.submit(ADA)
    assert logged(office, incident)[-1].stage == "solution"


def test_one_calm_customer_does_not_make_a_furious_one_calm(office: Workspace) -> None:
    office.command(ADA)
    office.view_action(ADA, "report.more")
    values = {"what_happened": "A wrong charge", "customer": "Acme Ltd", "customers_affected": "2"}
    office.submit(ADA, **values, trigger="wrong_charge", emotion="furious")
    office.settle()
    incident = office.incident(1)
    listed(office, incident, "Beta GmbH")
    opened(office, ADA, incident)
    office.choose_customers(ADA, "c2")
    office.submit(ADA, emotion__1="calm")
    assert office.incident(1).emotion is Emotion.FURIOUS


def test_whoever_was_erased_meanwhile_is_not_written_back(office: Workspace) -> None:
    incident = office.report(ADA, customers_affected="2")
    opened(office, ADA, incident)
    with office.bot.db.begin() as tx:
        customers.change(tx, 1, Customer(""))
    answer = office.submit(ADA)
    assert not logged(office, incident), answer


def test_whose_clock_is_not_the_companys_reads_what_time_it_is_for_the_customer(office: Workspace) -> None:
    incident = office.report(LIN)
    there = office.click(LIN, office.card(incident), "contact.open")["view"]
    now = f"{office.clock.now:%H:%M}"
    assert f"话术中的时间按公司所在地时间计算，当地现在是 {now}。" in str(there), (
        "she is in Shanghai, the company in UTC"
    )
    here = office.click(ADA, office.card(office.report(ADA)), "contact.open")["view"]
    assert "Times in these words" not in str(here)


def test_a_person_reads_by_their_own_clock_and_a_customer_hears_the_companys(office: Workspace) -> None:
    incident = office.report(LIN)
    office.click(LIN, office.card(incident), "verify.open")
    office.submit(LIN)
    office.settle()
    office.contact(LIN, incident)
    form = office.click(LIN, office.card(incident), "contact.open")["view"]
    theirs = office.clock.now + timedelta(hours=8)
    assert f"{theirs:%H:%M} 已联系" in str(form), "in the list of customers, by Lin's own clock"
