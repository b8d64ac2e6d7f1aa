"""Possible duplicates: which incidents are offered in the form, to whom, and what becomes of one that is joined."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from bot.duplicates import Draft, likely, similarity
from bot.incident import Incident, Severity, Status
from bot.procedure import Duplicates
from storage import journal, notes
from storage.customers import first_few
from tests.workspace import ADA, GUEST, LIN, QIAN, ZHOU, Said, Workspace

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RULE = Duplicates(within=120, similarity=0.35)


def incident(
    title: str, trigger: str = "system_failure", product: str = "", ago: float = 12, number: int = 1
) -> Incident:
    """One that was reported `ago` minutes before noon."""
    reported_at = NOON - timedelta(minutes=ago)
    known = Incident(number, "V1", Status.REPORTED, title, title, trigger, 1, Severity.ONE, LIN, False, reported_at)
    return replace(known, product=product)


CARDS = incident("Card payments slow")
PAYMENTS = Draft("Payments fail with error 502", "system_failure")


@pytest.mark.parametrize(
    ("draft", "known", "offered"),
    [
        (PAYMENTS, CARDS, True),
        (replace(PAYMENTS, title="CARD-PAYMENTS, slow!"), CARDS, True),
        (Draft("支付失败，报错502", "system_failure"), incident("无法支付，提示502"), True),
        (Draft("ＡＰＰ支付失败", "system_failure"), incident("app 支付 失败"), True),
        (Draft("支付失败", "system_failure"), incident("客服电话无法接通"), False),
        (replace(PAYMENTS, title="The app does not start"), CARDS, False),
        (replace(PAYMENTS, title=""), CARDS, False),
        (replace(PAYMENTS, title="!"), incident("!"), False),
        (replace(PAYMENTS, trigger="data_loss"), CARDS, False),
        (replace(PAYMENTS, product="Payments"), CARDS, True),
        (PAYMENTS, replace(CARDS, product="Payments"), True),
        (replace(PAYMENTS, product=" payments"), replace(CARDS, product="Payments "), True),
        (replace(PAYMENTS, product="Loans"), replace(CARDS, product="Payments"), False),
        (replace(PAYMENTS, title="", product="payments"), replace(CARDS, product="Payments"), True),
        (replace(PAYMENTS, title="打不开", product="支付"), replace(CARDS, product="支付"), True),
        (PAYMENTS, replace(CARDS, reported_at=NOON - timedelta(minutes=120)), True),
        (PAYMENTS, replace(CARDS, reported_at=NOON - timedelta(minutes=120, seconds=1)), False),
        (PAYMENTS, replace(CARDS, status=Status.VERIFIED), True),
        (PAYMENTS, replace(CARDS, status=Status.DISMISSED), False),
    ],
)
def test_what_is_likely_the_same(draft: Draft, known: Incident, offered: bool) -> None:
    assert likely(draft, [known], RULE, NOON) == ([known] if offered else [])


@pytest.mark.parametrize(
    ("user", "says"),
    [
        (GUEST, "you could not be added to its channel; please ask <@U0LIN> for news."),
        (QIAN, "稍后您会收到邀请。"),
    ],
)
def test_a_guest_who_adds_to_it_reads_whom_to_ask(office: Workspace, user: str, says: str) -> None:
    office.report(LIN, what_happened="Card payments slow")
    join(office, user)
    office.submit(user)
    office.settle()
    office.wait(0.1)
    assert says in str(office.view(user)["blocks"])


def test_the_likeliest_stand_first_and_at_most_three_are_offered() -> None:
    draft = replace(PAYMENTS, product="Payments")
    by_product = incident("It is down", product="Payments", ago=1, number=1)
    slow = incident("Card payments slow", ago=1, number=2)
    older = incident("Payments fail", ago=30, number=3)
    newer = incident("Payments fail", ago=20, number=4)
    both = incident("Card payments slow", product="payments", ago=90, number=5)
    found = likely(draft, [by_product, slow, older, newer, both], RULE, NOON)
    assert [each.id for each in found] == [5, 4, 3]
    assert likely(draft, [by_product, slow], RULE, NOON) == [slow, by_product]


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [("", "", 0), ("a", "a", 0), ("ab", "AB", 1), ("支付失败", "支付报错", 1 / 3), ("abc", "xyz", 0)],
)
def test_similarity_is_the_share_of_common_pairs(one: str, other: str, share: float) -> None:
    assert similarity(one, other) == pytest.approx(share)
    assert similarity(other, one) == pytest.approx(share)


TYPED = {"what_happened": "Payments fail at Beta GmbH with 502", "customer": "Beta GmbH", "customers_affected": "7"}


def chosen(office: Workspace, user: str, trigger: str = "system_failure", **typed: str) -> Any:
    """Somebody chooses what kind it is, after typing."""
    office.view_action(user, "report.look", block_id="trigger", option=trigger, values=typed)
    return office.view(user)


def offered(view: Any) -> list[str]:
    """The sentences about incidents that may be the same, each with its button."""
    found = [block for block in view["blocks"] if (block.get("accessory") or {}).get("action_id") == "report.join"]
    return [block["text"]["text"] for block in found]


def typed_in(view: Any, field: str) -> Any:
    """What stands in a field."""
    [state] = view["state"]["values"][field].values()
    return state.get("value", state.get("selected_option"))


def redraws(office: Workspace) -> int:
    """How often the bot has drawn a form anew."""
    return len(office.sandbox.calls("views.update"))


def test_what_may_be_the_same_is_shown_and_nothing_typed_is_lost(office: Workspace) -> None:
    office.report(LIN, what_happened="Card payments slow", customer="Acme Ltd")
    office.wait(12)
    opened = office.command(ADA)["view"]
    assert offered(opened) == []
    view = chosen(office, ADA, **TYPED)
    [sentence] = offered(view)
    assert sentence.startswith("Possibly the same: *INC-1* “Card payments slow”, ")
    assert view["blocks"][-1]["accessory"]["text"]["text"] == "Add to it"
    assert {field: typed_in(view, field) for field in TYPED} == TYPED
    assert typed_in(view, "trigger")["value"] == "system_failure"
    assert "Beta" not in view["private_metadata"]
    office.submit(ADA)
    office.settle()
    assert office.incident(2).title.startswith("Payments fail at B***"), "a suggestion keeps nobody from reporting"


def test_what_may_be_the_same_is_said_in_the_persons_language(office: Workspace) -> None:
    office.report(ADA, what_happened="支付失败，报错 502")
    office.command(ZHOU)
    [sentence] = offered(chosen(office, ZHOU, what_happened="无法支付，提示502"))
    assert sentence.startswith("*可能是同一事件：* INC-1“支付失败，报错 502”")


def test_it_goes_when_the_kind_changes_and_slack_is_asked_only_when_something_changes(office: Workspace) -> None:
    office.report(LIN, what_happened="Card payments slow")
    office.command(ADA)
    before = redraws(office)
    assert offered(chosen(office, ADA, "data_loss", **TYPED)) == []
    assert redraws(office) == before
    assert len(offered(chosen(office, ADA))) == 1
    assert redraws(office) == before + 1
    assert len(offered(chosen(office, ADA))) == 1
    assert redraws(office) == before + 1
    assert offered(chosen(office, ADA, "dispute")) == []
    assert redraws(office) == before + 2


def test_the_product_is_looked_at_as_it_is_typed(office: Workspace) -> None:
    office.command(LIN)
    office.view_action(LIN, "report.more", values=TYPED)
    office.submit(LIN, what_happened="Nothing goes through", product="Payments", trigger="system_failure")
    office.settle()
    office.command(ADA)
    assert offered(chosen(office, ADA, what_happened="502")) == []
    office.view_action(ADA, "report.more")
    look = {"action_id": "report.look", "block_id": "product"}
    office.view_action(ADA, **look, value="Payment")
    assert offered(office.view(ADA)) == []
    office.view_action(ADA, **look, value="payments")
    view = office.view(ADA)
    assert len(offered(view)) == 1
    assert typed_in(view, "product") == "payments"
    assert any(block["block_id"] == "demand" for block in view["blocks"]), "the details stay unfolded"
    office.view_action(ADA, **look, value="payments in Asia")
    assert offered(office.view(ADA)) == []


def test_more_details_leave_it_where_it_is(office: Workspace) -> None:
    office.report(LIN, what_happened="Card payments slow")
    office.command(ADA)
    chosen(office, ADA, **TYPED)
    office.view_action(ADA, "report.more")
    view = office.view(ADA)
    assert len(offered(view)) == 1
    assert typed_in(view, "what_happened") == TYPED["what_happened"]


@pytest.mark.parametrize(("user", "number"), [(ADA, 1), (LIN, 1), (QIAN, 0)])
def test_a_private_incident_is_offered_to_its_people_alone(office: Workspace, user: str, number: int) -> None:
    office.report(LIN, trigger="privacy_leak", what_happened="A list of customers is on a forum")
    office.command(user)
    view = chosen(office, user, "privacy_leak", what_happened="List of customers on a forum")
    assert len(offered(view)) == number


@pytest.mark.parametrize("minutes", [119, 121])
def test_what_lies_too_far_back_or_has_ended_is_not_offered(office: Workspace, minutes: int) -> None:
    known = office.report(LIN, what_happened="Card payments slow")
    ended = office.report(LIN, what_happened="Payments slow")
    office.choose(LIN, ended, "dismiss.open")
    office.submit(LIN, reason="The same as INC-1")
    office.wait(minutes)
    office.command(ADA)
    sentences = offered(chosen(office, ADA, **TYPED))
    assert ["INC-1" in sentence for sentence in sentences] == ([True] if minutes < 120 else [])
    assert known.number == "INC-1"


@pytest.mark.parametrize("error", ["hash_conflict", "not_found", "ratelimited"])
def test_a_suggestion_that_slack_does_not_draw_is_no_matter(office: Workspace, error: str) -> None:
    office.report(LIN, what_happened="Card payments slow")
    office.command(ADA)
    office.sandbox.fault("views.update", "error", error=error, count=1)
    assert chosen(office, ADA, **TYPED)["callback_id"] == "report.submit", "no window over the form"
    assert len(offered(chosen(office, ADA))) == 1, "the next change looks again"


def join(office: Workspace, user: str = ADA, number: int = 1, **typed: str) -> Any:
    """Somebody reports, and chooses to add it to an incident that is known."""
    office.command(user)
    chosen(office, user, **{**TYPED, **typed})
    office.view_action(user, "report.join", block_id=f"same.{number}")
    return office.view(user)


def what_happened(office: Workspace, number: int) -> list[str]:
    """What the journal says of an incident."""
    with office.bot.db.read() as tx:
        assert journal.is_whole(tx, number)
        return [entry.what for entry in journal.of_incident(tx, number)]


def customers(office: Workspace) -> list[Any]:
    """The customers' rows as they are stored."""
    with office.bot.db.read() as tx:
        return [tuple(row) for row in tx.execute(text("select name, number, tier from customers order by id"))]


def test_a_report_is_added_to_an_incident(office: Workspace) -> None:
    office.sandbox.post("/act/group", handle="support-oncall", members=[LIN])
    office.settle()
    known = office.report(LIN, what_happened="Card payments slow", customer="Acme Ltd", customers_affected="95")
    assert office.incident(known.id).proposed_severity is Severity.TWO
    view = join(office)
    assert view["title"]["text"] == "Add to INC-1"
    assert "Card payments slow" in str(view["blocks"][0])
    shown = [typed_in(view, field) for field in ("customer", "customers_more", "what_you_know")]
    assert shown == ["Beta GmbH", "7", TYPED["what_happened"]]
    answer = office.submit(ADA)
    assert answer["view"]["title"]["text"] == "INC-1"
    channel = str(office.incident(known.id).channel_id)
    assert f"Added to INC-1.* Everything goes on in <#{channel}>" in str(answer["view"]["blocks"])
    office.settle()

    assert len(office.channels()) == 1
    assert office.incident(known.id).customers_affected == 102
    assert office.incident(known.id).proposed_severity is Severity.ONE
    assert ADA in office.channel(channel)["members"]
    card = office.card(known).everything
    assert "102 customers are affected" in card
    assert f"*Also reported by <@{ADA}>:* Payments fail at B*** with 502" in card
    assert "Beta" not in card
    assert "🔴" in office.said("incidents")[0].text
    assert what_happened(office, known.id)[-1] == "also_reported"
    assert len(customers(office)) == 2
    assert "Beta" not in str(customers(office)), "sealed"
    with office.bot.db.read() as tx:
        assert first_few(tx, known.id)[0].name == "Acme Ltd", "the first stays the first"


def test_what_else_was_typed_goes_along(office: Workspace) -> None:
    office.sandbox.post("/act/message", user=ZHOU, channel="general", text="Card payments are slow here too")
    [said] = office.said("general", by=ZHOU)
    known = office.report(LIN, what_happened="Card payments slow", customers_affected="1")
    office.message_shortcut(ADA, said, "report.message")
    details = {"customer_number": "C-77", "customer_tier": "vip", "demand": "Their money back", "emotion": "angry"}
    office.view_action(ADA, "report.more")
    file = office.sandbox.post("/act/upload", user=ADA, name="screen.png", content_base64="aGVsbG8=")["file"]["id"]
    who = {"customer": "Beta GmbH", "customers_affected": "1"}
    chosen(office, ADA, **who, **details, evidence=[file])  # type: ignore[arg-type]
    office.view_action(ADA, "report.join", block_id="same.1")
    view = office.view(ADA)
    assert typed_in(view, "customer_number") == "C-77"
    assert typed_in(view, "customer_tier")["value"] == "vip"
    known_so_far = ["Card payments are slow here too", "What they demand and expect: Their money back"]
    assert typed_in(view, "what_you_know").splitlines() == [*known_so_far, "How they sound: Angry"]
    office.submit(ADA)
    office.settle()
    card = office.card(known).everything
    assert said.ts.replace(".", "") in card, "the message it was reported from"
    assert "screen.png" in card
    assert [tier for *_, tier in customers(office)] == [None, "vip"]
    assert office.incident(known.id).proposed_severity is Severity.TWO, "a VIP customer"


def test_the_same_form_twice_has_no_second_effect(office: Workspace) -> None:
    known = office.report(LIN, what_happened="Card payments slow", customers_affected="1")
    join(office)
    first = office.submit(ADA)
    office.settle()
    again = office.sandbox.post("/redeliver", delivery_id=first["delivery_id"], exact=True)
    office.settle()
    assert "Added to INC-1" in str(again["response"])
    assert office.incident(known.id).customers_affected == 8
    assert what_happened(office, known.id).count("also_reported") == 1
    assert len(customers(office)) == 2
    with office.bot.db.read() as tx:
        assert len(notes.of_incident(tx, known.id)) == 1


@pytest.mark.parametrize(
    ("wrong", "field", "sentence"),
    [
        ({"customers_more": "0"}, "customers_more", "Enter a number from 1 to"),
        ({"customers_more": ""}, "customers_more", "Enter a whole number, 1 or more."),
        ({"customer": " "}, "customer", "Say which customer is affected"),
    ],
)
def test_what_is_wrong_is_said_next_to_the_field(
    office: Workspace, wrong: dict[str, Any], field: str, sentence: str
) -> None:
    known = office.report(LIN, what_happened="Card payments slow", customers_affected="1")
    join(office)
    answer = office.submit_unchecked(ADA, **wrong)
    assert list(answer["response"]["errors"]) == [field]
    assert sentence in answer["response"]["errors"][field]
    assert office.view(ADA)["callback_id"] == "report.join_submit"
    assert office.incident(known.id).customers_affected == 1


def test_what_was_not_typed_yet_is_asked_for_in_the_shorter_form(office: Workspace) -> None:
    office.report(LIN, what_happened="Card payments slow")
    office.command(ADA)
    chosen(office, ADA, what_happened="Payments slow")
    office.view_action(ADA, "report.join", block_id="same.1")
    view = office.view(ADA)
    assert [typed_in(view, field) for field in ("customer", "customers_more")] == [None, None]
    assert set(office.submit(ADA)["errors"]) == {"customer", "customers_more"}


def end(office: Workspace, card: Said) -> None:
    """It was no emergency."""
    office.click(LIN, card, "card.menu", option="dismiss.open:1")
    office.submit(LIN, reason="A rehearsal")
    office.settle()


def test_nothing_is_added_to_what_has_ended_meanwhile(office: Workspace) -> None:
    known = office.report(LIN, what_happened="Card payments slow", customers_affected="1")
    card = office.card(known)
    join(office)
    end(office, card)
    answer = office.submit(ADA)
    assert "it was not an emergency" in answer["response"]["errors"]["customer"]
    assert "report it again" in answer["response"]["errors"]["customer"]
    assert office.incident(known.id).customers_affected == 1
    assert what_happened(office, known.id)[-1] == "dismissed"


def test_the_button_of_what_has_ended_meanwhile_says_so_and_the_form_stays(office: Workspace) -> None:
    known = office.report(LIN, what_happened="Card payments slow")
    card = office.card(known)
    office.command(ADA)
    chosen(office, ADA, **TYPED)
    end(office, card)
    told = office.view_action(ADA, "report.join", block_id="same.1")["view"]
    assert "it was not an emergency" in str(told["blocks"])
    office.sandbox.post("/act/close", user=ADA)
    view = office.view(ADA)
    assert view["callback_id"] == "report.submit"
    assert typed_in(view, "customer") == "Beta GmbH"


def test_whoever_may_not_know_of_it_any_more_can_not_add_to_it(office: Workspace) -> None:
    known = office.report(LIN, what_happened="Card payments slow", customers_affected="1")
    office.command(QIAN)
    chosen(office, QIAN, **TYPED)
    with office.bot.db.begin() as tx:
        tx.execute(text("update incidents set is_private = true"))
    told = office.view_action(QIAN, "report.join", block_id="same.1")["view"]
    assert "先加入事件频道" in str(told["blocks"])
    assert office.incident(known.id).customers_affected == 1
