"""Customers' data: masked where others read along, revealed to those who handle the case, sealed, erased."""

import argparse
import io
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Text, select, text, update

import handlers
from bot.__main__ import _look_around, main
from bot.__main__ import keys as keys_of
from bot.action import Action, ActionKind, ActionState
from bot.closing import Confirmation, Proof, Rating
from bot.confidential import masked, masked_name, masking, without_name
from bot.deadlines import Plan as Clock
from bot.incident import (
    Contact,
    ContactChannel,
    Customer,
    CustomerLanguage,
    Duty,
    Emotion,
    Evidence,
    Incident,
    Money,
    Outcome,
    Report,
    Role,
    Severity,
    Statement,
    TaskState,
    Tier,
)
from bot.lists import Bad, Columns, ListState, Meaning
from bot.lists import Row as Line
from bot.plan import Plan, Progress, Request, RequestState
from bot.postmortem import Section
from bot.record import Kept, KeptKind
from bot.settings import WrongSetup
from handlers import card, customer_request
from handlers.blocks import button
from handlers.customer_request import Terminal
from handlers.retention import Retention, erase_due
from storage import (
    actions,
    confirmations,
    contacts,
    customers,
    deadlines,
    erasure,
    gradings,
    incidents,
    journal,
    keys,
    lists,
    notes,
    outbox,
    plans,
    postmortems,
    progress,
    record,
    requests,
    roles,
    statements,
    tasks,
)
from storage.db import Database
from storage.encryption import Cipher, cipher_of
from storage.schema import check, migrate
from storage.tables import SEALED, WRITTEN, facts, metadata
from tests.processes import environment_of
from tests.test_closing import press
from tests.test_postmortem import chapter, fix, later, replies, write
from tests.workspace import (
    ADA,
    EVA,
    LEA,
    LIN,
    MEI,
    PAT,
    PAYMENTS_FAIL,
    PROCEDURE,
    QIAN,
    QUINN,
    SUN,
    WANG,
    Said,
    Sandbox,
    Workspace,
    opened,
    settings_for,
)

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
WANG_OF_ACME = Customer("王小明", "C-77-88", "138 1234 5678, wang@acme.example")

# -- masks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("13812345678", "138****5678"),
        ("+86 138 1234 5678", "+86 138****5678"),
        ("+86-138-1234-5678.", "+86-138****5678."),
        ("0086-13812345678", "0086-138****5678"),
        ("8613812345678", "86138****5678"),
        ("138-1234-5678", "138****5678"),
        ("138 1234 5678 or 139-1234-5679", "138****5678 or 139****5679"),
        ("电话13812345678请回", "电话138****5678请回"),
        ("手机:13812345678、13912345679", "手机:138****5678、139****5679"),
        ("１３８１２３４５６７８", "１３８****５６７８"),
        ("tel13812345678 x12", "tel138****5678 x12"),
        ("13812345678x12", "138****5678x12"),
        ("2.13812345678", "2.138****5678"),
        ("订单 13812345678", "订单 138****5678"),
        ("https://example.com/of/13812345678", "https://example.com/of/138****5678"),
        ("<tel:+493012345678|030 12345678>", "<tel:+493****5678|030****5678>"),
        ("Call +49 30 12345678 now", "Call +493****5678 now"),
        ("+1 (415) 555-2671", "+141****2671"),
        ("(415) 555-2671", "415****671"),
        ("415.555.2671", "415****671"),
        ("010-62345678", "010****5678"),
        ("(0755) 2345678", "075****5678"),
        ("06 12 34 56 78", "061****678"),
        ("62345678", "62****78"),
        ("6234567", "62****67"),
        ("555-1234", "55****34"),
        ("400-810-8888", "400****888"),
        ("13812345678 2026-11-22", "138****5678 2026-11-22"),
        ("+49 30 1234567 2026-11-22 10:00", "+493****4567 2026-11-22 10:00"),
        ("jane.doe@example.com", "j***@example.com"),
        ("邮箱jane@example.com.cn请回复", "邮箱j***@example.com.cn请回复"),
        ("<mailto:jane@example.com|jane@example.com>", "<mailto:j***@example.com|j***@example.com>"),
        ("张三@例子.公司", "张***@例子.公司"),
        ("11010119900307123X", "1101****123X"),
        ("身份证110101199003071234", "身份证1101****1234"),
        ("6222021234567890123", "6222****0123"),
        ("6222 0212 3456 7890 123", "6222****0123"),
        ("4111-1111-1111-1111", "4111****1111"),
        ("卡号378282246310005", "卡号3782****0005"),
    ],
)
def test_what_leads_to_a_person_is_masked_and_masking_it_again_changes_nothing(said: str, shown: str) -> None:
    assert masked(said) == shown
    assert masked(shown) == shown


@pytest.mark.parametrize(
    "said",
    [
        "10,000 CNY", "CNY 12345678.90", "12345678 CNY", "¥12345678", "1200000元", "9999999.99", "1,234,567",
        "0.12345678", "1200000 customers", "12345678笔", "14:05", "14:05-15:10", "08.00-17.00", "2026-11-22",
        "2026-11-22 14:05:59", "2026年11月22日", "22.11.2026", "20261122", "20261122T140500", "2025-2026", "INC-42",
        "error 502", "HTTP 502, 503 and 504", "ORD-20261122-0001", "AB1234567890", "SO13812345678",
        "Order no. 12345678", "订单号：202611220001234", "ticket #8812345", "192.168.100.200",
        "550e8400-e29b-41d4-a716-446655440000", "v1.2.3", "<@U0123456789>", "the 12th of 2026", "",
    ],
)  # fmt: skip
def test_what_leads_to_nobody_stays(said: str) -> None:
    assert masked(said) == said


@pytest.mark.parametrize(
    ("said", "name", "shown"),
    [
        ("Acme Ltd can't pay", "Acme Ltd", "A*** can't pay"),
        ("‘ACME  ltd.’ says, and Acme too", "Acme Ltd", "‘A***.’ says, and A*** too"),
        ("客户Acme Ltd无法支付", "Acme Ltd", "客户A***无法支付"),
        ("北京华信科技无法支付", "北京华信科技有限公司", "北**无法支付"),
        ("王小明说，王小明很着急", "王小明", "王**说，王**很着急"),
        ("Mr. Smith and Smithson", "John Smith", "Mr. S*** and Smithson"),
        ("Line is down for Li", "Li", "Line is down for L***"),
        ("Müllers Bäckerei, Müller", "Müller", "Müllers Bäckerei, M***"),
        ("C++ Corp fails", "C++ Corp", "C*** fails"),
        ("john_smith_passport.pdf", "John Smith", "j***_passport.pdf"),
        ("John-Smith.pdf", "John Smith", "J***.pdf"),
        ("jean luc picard.pdf", "Jean-Luc Picard", "j***.pdf"),
        ("No- and No", "No-", "N*** and No"),
        ("A case", "A", "A case"),
        ("The cause is unknown", "unknown", "The cause is unknown"),
        ("nothing", "", "nothing"),
    ],
)
def test_a_name_is_masked_however_it_is_written_but_not_inside_other_words(said: str, name: str, shown: str) -> None:
    assert without_name(said, name) == shown
    assert masked(said, name) == shown
    assert masked(shown, name) == shown


def test_each_of_several_names_is_masked_with_whatever_else_leads_to_them() -> None:
    said = "王小明 (138 1234 5678) wrote for Acme Ltd from wang@acme.example"
    assert masked(said, "Acme Ltd", "王小明") == "王** (138****5678) wrote for A*** from w***@a***.example"
    assert masked("Li 13812345678 calls", "Li 13812345678") == "L*** calls"


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Acme Ltd", "A***"), ("王小明", "王**"), (" x ", "x***"), ("unknown", "unknown"), ("未知", "未知"), ("", "")],
)
def test_a_customers_name_is_masked(name: str, shown: str) -> None:
    assert masked_name(name) == shown


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789 -.()+/@*abX元客，、:", max_size=40))
def test_masking_twice_is_masking_once(said: str) -> None:
    once = masked(said)
    assert masked(once) == once


@settings(max_examples=300, deadline=None)
@given(
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    st.sampled_from(["", " ", "tel:", "电话", "（", "a, ", "2026-11-22 ", "14:05 ", "3 x ", "#1 "]),
    st.sampled_from(["", " ", "。", "）", ", ", " 2026-11-22", " at 14:05", "/", " 5 min"]),
    st.sampled_from(["", "-", " "]),
)
def test_a_mobile_number_never_stays_whole(number: str, before: str, behind: str, gap: str) -> None:
    written = gap.join((number[:3], number[3:7], number[7:]))
    assert number[3:7] not in re.sub(r"\D", "", masked(before + written + behind).split("****")[0])[-4:]
    assert written not in masked(before + written + behind)


# -- what is sealed ----------------------------------------------------------------------------------------------------


@contextmanager
def database(url: str, *with_keys: str) -> Iterator[Database]:
    """A database, opened with these keys."""
    db = Database(url, Cipher(with_keys))
    try:
        yield db
    finally:
        db.close()


def fill(db: Database) -> None:
    """Everything that people say and write is written down once, in an open incident."""
    migrate(db)
    said = "王小明 (138 1234 5678, wang@acme.example) of Acme Ltd, C-77-88"
    with db.begin() as tx:
        report = Report(
            said, "system_failure", WANG_OF_ACME, 2, product=said, place=said, demand=said, done_already=said,
            impact=said, evidence=(Evidence("file", "F1", "wang-C-77-88.png", "https://files.example/wang"),),
        )  # fmt: skip
        incident = incidents.create(tx, "V1", report, said, LIN, Severity.TWO, False, "technical", NOW)
        customers.add(tx, incident.id, [Customer("Beta GmbH", "B-1234", "+49 30 12345678")], LIN, NOW)
        first = customers.ids_of(tx, incident.id, unheard_only=False)[0]
        contacts.log(
            tx,
            "V2",
            Contact(
                0, incident.id, LIN, NOW, ContactChannel.PHONE, WANG_OF_ACME.name, said, said, first, 1, NOW,
                promise=said, promised_until=NOW, measure=said, emotion=Emotion.ANGRY,
            ),
        )  # fmt: skip
        several = Contact(0, incident.id, LIN, NOW, ContactChannel.SMS, "", said, customers=2, outcome=Outcome.SENT)
        contacts.log(tx, "V3", several)
        customers.set_tried(tx, [first], Outcome.REACHED, LIN, NOW, Emotion.ANGRY)
        customers.remove(tx, first + 1, LIN, said, NOW)
        contacts.set_facts(tx, incident.id, {"reason": said}, LIN, NOW)
        row, columns = Line(1, ("王小明", "13812345678")), Columns(False, {Meaning.NAME: 0, Meaning.CONTACT: 1})
        number = lists.begin(tx, incident.id, "V4", LIN, NOW, ListState.READING, name="wang.csv")
        lists.set_read(tx, number, [row], columns)
        number = lists.begin(tx, incident.id, "V5", LIN, NOW, ListState.IMPORTING)
        lists.set_imported(tx, number, 0, 0, [Bad(row, "lists.bad.name", {})])
        notes.save(tx, incident.id, "V6", "verified", LIN, NOW, said)
        gradings.save(tx, incident.id, "V7", LIN, NOW, Severity.TWO, Severity.THREE, said)
        role = roles.ask(tx, incident.id, Role.LEAD, WANG, LIN, NOW, note=said)
        roles.end(tx, [role], "handed_back", NOW, said)
        [task] = tasks.add(tx, incident.id, [("added.V8", said, None)])
        tasks.set_state(tx, task.id, TaskState.NOT_APPLICABLE, None, LIN, NOW, said)
        words = Statement(0, incident.id, LIN, NOW, ContactChannel.SOCIAL, CustomerLanguage.EN, said)
        statement = statements.save(tx, "V9", words)
        statements.refuse(tx, statement.id, WANG, said, NOW)
        fill_the_second_half(tx, incident.id, first, said)
        journal.add(tx, incident.id, "reported", LIN, NOW)


def fill_the_second_half(tx: Connection, incident_id: int, customer_id: int, said: str) -> None:
    """From the plan to the action items."""
    plan = Plan(0, incident_id, 1, 1, LIN, NOW, said, WANG, NOW, False, said, said, Money(1, "CNY"), said)
    plans.refuse(tx, plans.save(tx, "V10", plan).id, WANG, said, NOW)
    asked = requests.save(tx, "V11", Request(0, incident_id, LIN, NOW, said, "quality", WANG, NOW))
    requests.answer(tx, asked.id, RequestState.DECLINED, WANG, said, NOW)
    progress.save(tx, "V12", Progress(0, incident_id, LIN, NOW, said, NOW, said))
    confirmed = Confirmation(0, incident_id, 1, LIN, NOW, NOW, True, Proof.FILE, customer_id, words=said)
    confirmations.save(tx, "V13", replace(confirmed, ref="F2", url="https://files.example/wang"))
    confirmations.rate(tx, "V14", Rating(0, incident_id, 1, LIN, NOW, 4, customer_id, said))
    kept = Kept(0, incident_id, KeptKind.FILE, LIN, NOW, NOW, said, ref="F3", name=said)
    record.keep(tx, "V15", replace(kept, url="https://files.example/wang"))
    postmortems.begin(tx, incident_id, NOW)
    postmortems.change(tx, incident_id, remarks=said)
    postmortems.write(tx, incident_id, "V16", Section.CAUSES, {"why_1": said}, LIN, NOW)
    action = actions.save(tx, "V17", Action(0, incident_id, said, ActionKind.FIX, LIN, NOW.date(), LIN, NOW))
    actions.end(tx, action.id, ActionState.DONE, LIN, said, NOW)


def tokens(db: Database) -> dict[tuple[str, str], list[str]]:
    """Every sealed text in the database, by table and column."""
    found: dict[tuple[str, str], list[str]] = {}
    with db.read() as tx:
        for table in metadata.sorted_tables:
            for column in table.c:
                for value in tx.execute(select(column)).scalars():
                    if isinstance(value, str) and value.startswith("gAAAA"):
                        found.setdefault((table.name, column.name), []).append(value)
    return found


def test_everything_that_is_sealed_is_in_the_list_of_what_is_rotated(sqlite_url: str) -> None:
    with database(sqlite_url, OLD) as db:
        fill(db)
        assert set(tokens(db)) == {(table.name, name) for table, names in SEALED.items() for name in names}


def test_each_text_of_an_incident_is_sealed_or_masked_when_its_customers_are_erased() -> None:
    ours = {  # the procedure's words, ids and addresses; Slack's words for what went wrong
        ("deadlines", "moments"), ("evidence", "url"), ("kept", "url"), ("confirmations", "url"), ("outbox", "error"),
    }  # fmt: skip
    known = {(table.name, name) for kept in (SEALED, WRITTEN) for table, names in kept.items() for name in names}
    texts = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.c
        if isinstance(column.type, Text) and (table.name == "incidents" or "incident_id" in table.c)
    }
    assert texts - ours == known - {("facts", "value"), ("incidents", "title")}


def test_what_was_sealed_with_an_old_key_is_sealed_again_while_the_bot_runs(database_url: str) -> None:
    with database(database_url, OLD) as db:
        fill(db)
        before = sum(map(len, tokens(db).values()))
    with database(database_url, NEW) as db, pytest.raises(WrongSetup, match="put the old key behind the new one"):
        check(db)
    with database(database_url, NEW, OLD) as db, database(database_url, OLD) as running:
        with db.read() as tx:
            cipher = cipher_of(tx)
        seal_again = cipher.seal_again
        meanwhile: list[str] = []

        def interrupted(sealed: str) -> str:
            if not meanwhile:  # the bot, not restarted yet, writes the same row
                meanwhile.append(sealed)
                with running.begin() as tx:
                    customers.change(tx, 1, replace(WANG_OF_ACME, contact="139 1234 5679"))
            return seal_again(sealed)

        with patch.object(cipher, "seal_again", interrupted):
            rotated = keys.rotate(db, batch=1)
        assert rotated.again["customers"] == 3, "the row that was written meanwhile once more"
        assert set(rotated.again) == {table.name for table in SEALED}
        assert keys.rotate(db).again == {}
    with database(database_url, NEW) as db:
        check(db)
        assert sum(map(len, tokens(db).values())) == before
        with db.read() as tx:
            assert customers.first_few(tx, 1)[0] == replace(WANG_OF_ACME, contact="139 1234 5679")
            assert contacts.get(tx, 1).answer.startswith("王小明")
            assert rotated.all == len(list(sealed_rows(tx))) + 1


def sealed_rows(tx: Connection) -> Iterator[tuple[str, int]]:
    """The rows that have something sealed, without the proof of the keys."""
    for table, names in SEALED.items():
        if table is not facts:
            for row in tx.execute(select(table.c.id, *(table.c[name] for name in names))):
                if any(row[1:]):
                    yield table.name, row.id


def test_a_rotation_that_was_broken_off_goes_on_and_needs_the_old_key_until_its_end(sqlite_url: str) -> None:
    with database(sqlite_url, OLD) as db:
        fill(db)
    with database(sqlite_url, NEW, OLD) as db:
        with db.read() as tx:
            cipher = cipher_of(tx)
        seal_again, left = cipher.seal_again, [4]

        def until_it_breaks(sealed: str) -> str:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return seal_again(sealed)

        with patch.object(cipher, "seal_again", until_it_breaks), pytest.raises(KeyboardInterrupt):
            keys.rotate(db, batch=1)
        with database(sqlite_url, NEW) as later, pytest.raises(WrongSetup):
            check(later)
        assert "customers" in keys.rotate(db, batch=1).again
    with database(sqlite_url, NEW) as db:
        check(db)


# -- what is erased ----------------------------------------------------------------------------------------------------

SECRETS = ("王小明", "1234 5678", "wang@acme", "C-77-88", "Beta GmbH", "12345678", "B-1234", "13812345678")


def everything(db: Database) -> str:
    """All that stands in the database, opened."""
    with db.read() as tx:
        cipher = cipher_of(tx)
        values = [
            cipher.open(value) if isinstance(value, str) and value.startswith("gAAAA") else str(value)
            for table in metadata.sorted_tables
            for row in tx.execute(select(table))
            for value in row
        ]
    return "\n".join(values)


def test_after_its_time_nothing_of_an_incidents_customers_is_left_but_figures(database_url: str) -> None:
    with database(database_url, OLD) as db:
        fill(db)
        assert all(secret in everything(db) for secret in SECRETS), "else this proves nothing"
        with db.read() as tx:
            before = customers.counts(tx, incidents.get(tx, 1))
            mask = masking(erasure.known_of(tx, 1))
        with db.begin() as tx:
            incidents.set_closed(tx, 1, None, NOW)
        with db.read() as tx:
            assert erasure.due(tx, NOW, 10) == [1]
            assert erasure.due(tx, NOW - timedelta(seconds=1), 10) == []
        with db.begin() as tx:
            erased = erasure.erase_all(tx, 1, mask, NOW)
        assert (erased.customers, erased.contacts, erased.lists, erased.facts) == (2, 2, 2, 1)
        assert not [secret for secret in SECRETS if secret in everything(db)]
        assert set(tokens(db)) == {("facts", "value")}
        with db.read() as tx:
            incident = incidents.get(tx, 1)
            assert incident.customers_erased_at == NOW
            assert incident.what_happened == "王** (138****5678, w***@acme.example) of Acme Ltd, C***"
            assert erasure.due(tx, NOW, 10) == []
            assert customers.counts(tx, incident) == before
            [reached, sent] = contacts.of_incident(tx, 1)
            assert (reached.outcome, reached.emotion, reached.promised_until) == (Outcome.REACHED, Emotion.ANGRY, NOW)
            assert (sent.outcome, sent.customers) == (Outcome.SENT, 2)
            assert [each.emotion for each in customers.all_of(tx, 1)] == [Emotion.ANGRY, None]


def test_one_customer_is_erased_and_the_others_stay(database_url: str) -> None:
    with database(database_url, OLD) as db:
        fill(db)
        with db.begin() as tx:
            incident = incidents.get(tx, 1, lock=True)
            before = customers.counts(tx, incident)
            erased = erasure.erase_one(tx, incident, [(1, WANG_OF_ACME)], NOW)
        assert (erased.customers, erased.contacts) == (1, 1)
        left = everything(db)
        assert not [
            secret for secret in ("王小明", "1234 5678", "13812345678", "wang@acme", "C-77-88") if secret in left
        ]
        assert "Beta GmbH" in left
        assert "+49 30 12345678" in left
        with db.read() as tx:
            after = customers.counts(tx, incidents.get(tx, 1))
            assert (after.total, after.heard) == (before.total, before.heard), "in an open incident they are counted on"
            assert customers.next_to_contact(tx, 1, NOW) is None, "nobody is to call somebody without a number"


# -- what is revealed --------------------------------------------------------------------------------------------------


def alone(workspace: Workspace, user: str) -> list[Said]:
    """What only this person sees, oldest first."""
    return [
        Said(each["channel"], each["ts"], each["text"], each["blocks"], each)
        for each in workspace.sandbox.get("/ephemerals", user=user)
    ]


def posted(workspace: Workspace, channel: str, action_id: str, value: object, thread_ts: str | None = None) -> Said:
    """A message of the bot with one button."""
    element = button("Show", action_id, value).to_dict()
    answer = workspace.bot.client.chat_postMessage(
        channel=channel, text="Here", blocks=[{"type": "actions", "elements": [element]}], thread_ts=thread_ts
    )
    return Said(str(answer["channel"]), str(answer["ts"]), "Here", answer["message"]["blocks"], answer["message"])


def seen(workspace: Workspace, incident: Incident) -> list[tuple[str | None, object]]:
    """Who has looked at which customer."""
    with workspace.bot.db.read() as tx:
        return [
            (each.by, each.detail.get("customer"))
            for each in journal.of_incident(tx, incident.id)
            if each.what == "customer_seen"
        ]


def reported(workspace: Workspace, **values: str) -> Incident:
    """An incident of one customer, of whom everything is known."""
    workspace.command(LIN)
    workspace.view_action(LIN, "report.more", values={**PAYMENTS_FAIL, "customers_affected": "1"})
    known = {"customer": "王小明", "customer_number": "C-77-88", "customer_contact": "138 1234 5678, wang@acme.example"}
    workspace.submit(LIN, **{**known, "customer_tier": "vip", "customer_language": "zh", **values})
    workspace.settle()
    return workspace.incident(1)


def test_the_customer_is_shown_below_the_card_and_hidden_again(workspace: Workspace) -> None:
    incident = reported(workspace)
    card = workspace.card(incident)
    assert workspace.click(ADA, card, "card.menu", option=f"customer.show:{incident.id}")["view"] is None
    [shown] = alone(workspace, ADA)
    assert shown.channel == card.channel
    told = shown.blocks[0]["text"]["text"]
    for fact in ("王小明", "C-77-88", "138 1234 5678, wang@acme.example", "VIP", "Chinese"):
        assert fact in told
    assert shown.buttons == ["customer.hide", "lists.open"], "one customer needs no list"
    assert "王" not in shown.text, "nothing on a lock screen"
    assert "Only you see this. That you looked is on record." in shown.everything
    assert seen(workspace, incident) == [(ADA, 1)]
    assert "王小明" not in str(workspace.channel(card.channel)), "nobody else sees it"

    workspace.click(ADA, shown, "customer.hide")
    assert alone(workspace, ADA) == []
    assert seen(workspace, incident) == [(ADA, 1)], "to hide is no look"


def test_of_several_customers_the_one_whose_turn_it_is_is_shown_with_the_way_to_all(office: Workspace) -> None:
    incident = reported(office)
    card = office.card(incident)
    office.bot.courier.stop()  # the card stays as it is
    with office.bot.db.begin() as tx:
        customers.add(tx, incident.id, [Customer("Beta GmbH", tier=Tier.IMPORTANT)], ADA, office.clock.now)
        customers.set_tried(tx, [1], Outcome.REACHED, ADA, office.clock.now, Emotion.FURIOUS)
    office.click(MEI, card, "card.menu", option=f"customer.show:{incident.id}")
    [shown] = alone(office, MEI)
    assert "共 2 位客户，下一位应联系的是：" in shown.everything
    assert "Beta GmbH" in shown.everything
    assert "王小明" not in shown.everything
    assert shown.buttons == ["customer.hide", "ledger.open"]
    assert "Beta GmbH" in str(office.click(MEI, shown, "ledger.open")["view"])
    office.click(MEI, posted(office, card.channel, "customer.show_one", 1), "customer.show_one")
    *_, shown = alone(office, MEI)
    assert "王小明" in shown.everything
    assert "暴怒" in shown.everything, "how they sounded last"
    assert shown.buttons == ["customer.hide", "lists.open"]
    assert seen(office, incident)[0] == (MEI, 2)
    assert seen(office, incident)[-1] == (MEI, 1)


def test_who_does_not_handle_the_case_sees_nothing_and_is_told_what_to_do(office: Workspace) -> None:
    incident = reported(office)
    for action_id in ("customer.show", "customer.show_one"):
        refused = office.click(QIAN, posted(office, QIAN, action_id, 1), action_id)
        assert "请先加入事件频道" in str(refused["view"])
        assert "王" not in str(refused)
        office.sandbox.post("/act/close", user=QIAN)
    assert alone(office, QIAN) == []
    assert seen(office, incident) == []


def test_it_is_shown_where_the_button_was_clicked(office: Workspace) -> None:
    incident = reported(office)
    in_thread = posted(office, str(incident.channel_id), "customer.show_one", 1, office.card(incident).ts)
    office.click(ADA, in_thread, "customer.show_one")
    assert alone(office, ADA)[-1].raw["thread_ts"] == office.card(incident).ts
    office.click(LIN, posted(office, LIN, "customer.show", incident.id), "customer.show")
    direct = alone(office, LIN)[-1]
    assert direct.channel.startswith("D"), "in the direct message it was asked from"
    assert "王小明" in direct.everything


def test_where_nobody_can_be_answered_alone_it_is_shown_in_a_window(office: Workspace) -> None:
    incident = reported(office)
    shown = posted(office, str(incident.channel_id), "customer.show", incident.id)
    office.sandbox.fault("chat.postEphemeral", "error", error="user_not_in_channel")
    view = office.click(ADA, shown, "customer.show")["view"]
    assert view["callback_id"] == "customer.shown"
    assert "王小明" in str(view)
    assert seen(office, incident) == [(ADA, 1)]


def test_what_slack_does_not_hide_is_said(office: Workspace) -> None:
    incident = reported(office)
    office.choose(ADA, incident, "customer.show")
    [shown] = alone(office, ADA)
    office.sandbox.fault("response_url", "http_error", status=404)
    assert "Dismiss message" in str(office.click(ADA, shown, "customer.hide")["view"])


# -- how long it is kept -----------------------------------------------------------------------------------------------

DAY = 24 * 60


def dismissed(workspace: Workspace) -> Incident:
    """An incident that is over, of which a customer has heard."""
    incident = reported(
        workspace, what_happened="Payments of 王小明 (13812345678) fail", demand="Call wang@acme.example"
    )
    with workspace.bot.db.begin() as tx:
        said = Contact(0, 1, LIN, workspace.clock.now, ContactChannel.PHONE, "王小明", "Sorry", "We wait", 1)
        contacts.log(tx, "V1", said)
        customers.set_tried(tx, [1], Outcome.REACHED, LIN, workspace.clock.now, Emotion.ANGRY)
    workspace.choose(LIN, incident, "dismiss.open")
    workspace.submit(LIN, reason="王小明 has found the mistake", becomes="nothing")
    workspace.settle()
    assert workspace.incident(1).archived_at
    return workspace.incident(1)


def entries(workspace: Workspace, what: str) -> list[dict[str, object]]:
    with workspace.bot.db.read() as tx:
        assert journal.is_whole(tx, 1)
        return [dict(each.detail) for each in journal.of_incident(tx, 1) if each.what == what]


def test_so_many_days_after_its_end_an_incidents_customers_are_erased_once_an_hour(office: Workspace) -> None:
    dismissed(office)
    keeping = Retention(office.bot.desk)
    office.wait(179 * DAY)
    keeping.look()
    assert not entries(office, "customers_erased")
    office.wait(DAY - 30)
    keeping.look()
    office.wait(30)
    keeping.look()
    assert not entries(office, "customers_erased"), "somebody has just looked"
    office.wait(30)
    calls = len(office.sandbox.calls())
    _look_around(office.bot, keeping)
    office.settle()
    drawn = str(office.sandbox.calls()[calls:])
    assert entries(office, "customers_erased") == [{"customers": 1, "contacts": 1, "texts": 3, "lists": 0, "facts": 0}]
    incident = office.incident(1)
    assert str(incident.channel_id) not in drawn, "nothing is drawn in an archived channel"
    assert incident.customers_erased_at == office.clock.now
    assert incident.demand == "Call w***@acme.example"
    assert incident.dismissal_reason == "王** has found the mistake"
    office.wait(60)
    keeping.look()
    assert len(entries(office, "customers_erased")) == 1


def test_whatever_shows_an_erased_incident_still_does(office: Workspace) -> None:
    incident = dismissed(office)
    office.wait(180 * DAY)
    assert erase_due(office.bot.desk) == 1
    with office.bot.db.read() as tx:
        drawn = [
            handlers.DRAWINGS[message.drawing](office.bot.desk, tx, message).blocks
            for message in outbox.of_incident(tx, incident.id)
        ]
        words = office.bot.desk.wordings["zh"]
        facets = card.facets(office.bot.desk, tx, office.incident(1))
        in_chinese = card.card(office.bot.desk, facets, words, office.clock.now)
    shown = str([block.to_dict() for blocks in drawn for block in blocks])
    assert "(erased)" in shown
    assert "（已清除）" in str([block.to_dict() for block in in_chinese.blocks])
    assert "王小明" not in shown
    for action_id in ("customer.show", "customer.show_one", "ledger.open"):
        view = office.click(ADA, posted(office, ADA, action_id, 1), action_id)["view"]
        assert "were erased on" in str(view)
        office.sandbox.post("/act/close", user=ADA)
    assert not seen(office, incident), "there was nothing to see"


def looked_back_on(office: Workspace) -> Incident:
    """An incident of severity 3 that works again, with an angry comment, a name and a promise on record."""
    incident = office.report(LIN, customers_affected="1")
    office.click(LIN, office.card(incident), "contact.open")
    office.view_action(LIN, "contact.more")
    until = int((office.clock.now + timedelta(minutes=30)).timestamp())
    office.submit(LIN, promise="A marmalade invoice", promised_until=until)
    office.settle()
    office.grade(ADA, incident, 3, "Firma14 can wait")
    office.wait(25)
    fix(office, incident)
    press(office, LIN, incident, "satisfaction.open")
    office.submit(LIN, score="2", comment="The hospital was not paid")
    office.settle()
    with office.bot.db.begin() as tx:
        customers.add(tx, incident.id, [Customer(f"Firma{n:02} GmbH") for n in range(15)], LIN, office.clock.now)
    write(office, LIN, chapter(office, "What went well"), went_well="Firma14 was glad")
    later(office)
    return office.incident(incident.id)


def everything_said(office: Workspace) -> str:
    """What Slack shows now, wherever it stands."""
    channels = office.sandbox.get("/state")["channels"].values()
    return str([channel["messages"] for channel in channels])


@pytest.mark.parametrize("archived", [False, True])
def test_what_was_said_is_drawn_again_when_customers_are_erased(office: Workspace, archived: bool) -> None:
    incident = looked_back_on(office)
    assert "hospital" in str([said.everything for said in replies(office)])
    assert "marmalade" in everything_said(office)
    with office.bot.db.begin() as tx:
        incidents.set_closed(tx, incident.id, LIN, office.clock.now, "")
        if archived:
            incidents.set_archived(tx, incident.id, office.clock.now)
    office.wait(181 * DAY)
    assert erase_due(office.bot.desk) == 1
    office.bot.desk.wake()
    later(office)
    shown = everything_said(office) if not archived else str([said.everything for said in replies(office)])
    for secret in ("hospital", "marmalade", "Firma14"):
        assert secret not in shown


def test_whoever_asks_for_it_is_gone_from_the_thread_too(office: Workspace) -> None:
    incident = looked_back_on(office)
    with office.bot.db.begin() as tx:
        incidents.set_closed(tx, incident.id, LIN, office.clock.now, "")
        incidents.set_archived(tx, incident.id, office.clock.now)
    [key] = keys_of(office.bot.settings)
    operator = Operator(office.bot.settings.database_url)
    assert operator.asks("erase", "--name", "Acme Ltd", "--yes", key=key) == 0
    later(office)
    shown = str([said.everything for said in [*replies(office), *office.said(LIN)]])
    assert "hospital" not in shown
    assert "marmalade" not in shown


def test_of_two_replicas_one_erases(office: Workspace) -> None:
    dismissed(office)
    office.wait(180 * DAY)
    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(erase_due, [office.bot.desk] * 2)) == 1
    assert len(entries(office, "customers_erased")) == 1


def test_without_a_number_of_days_in_the_file_nothing_is_erased(
    sandbox: Sandbox, sqlite_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "ours.yml"
    path.write_text(
        PROCEDURE.read_text(encoding="utf-8").replace("{erase_after_days: 180}", "{erase_after_days: null}")
    )
    settings_ = settings_for(sandbox, sqlite_url, socket_mode=False, hotline_procedure=path)
    with opened(sandbox, settings_) as ours:
        dismissed(ours)
        ours.wait(3000 * DAY)
        assert erase_due(ours.bot.desk) == 0


def test_what_cannot_be_read_is_not_erased_and_said_in_the_log(
    office: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    dismissed(office)
    office.wait(180 * DAY)
    with database(office.bot.settings.database_url, NEW) as db:
        assert erase_due(replace(office.bot.desk, db=db)) == 0
    assert "their key is not in HOTLINE_ENCRYPTION_KEYS" in capsys.readouterr().out
    assert office.incident(1).customers_erased_at is None


# -- what one customer asks for ----------------------------------------------------------------------------------------


@dataclass
class Operator:
    """Somebody at a terminal, who says yes or no."""

    url: str
    says: bool = True
    shown: str = ""
    told: str = ""

    def asks(self, *arguments: str, key: str = OLD) -> int:
        """`python -m bot customer ...`. Returns the exit code."""
        parser = argparse.ArgumentParser()
        customer_request.add_to(parser.add_subparsers(dest="command"))
        self.shown = self.told = ""
        terminal = Terminal("root", self._show, self._tell, self._agrees)
        with database(self.url, key) as db:
            return customer_request.answer(parser.parse_args(["customer", *arguments]), db, terminal, NOW)

    def _show(self, line: str) -> None:
        self.shown += line + "\n"

    def _tell(self, line: str) -> None:
        self.told += line + "\n"

    def _agrees(self, question: str) -> bool:
        self.told += question + "\n"
        return self.says


@pytest.fixture
def operator(database_url: str) -> Operator:
    """At a database in which a customer stands in one incident."""
    with database(database_url, OLD) as db:
        fill(db)
    return Operator(database_url)


def journal_of(url: str, incident_id: int = 1) -> list[tuple[str, dict[str, object]]]:
    with database(url, OLD) as db, db.read() as tx:
        assert journal.is_whole(tx, incident_id)
        return [(each.what, dict(each.detail)) for each in journal.of_incident(tx, incident_id)]


@pytest.mark.parametrize(
    "asked",
    [
        ("--name", "王小明"),
        ("--name", " 王 小明 "),
        ("--number", "c7788"),
        ("--number", "C-77-88", "--name", "王小明"),
        ("--contact", "13812345678"),
        ("--contact", "+86 138-1234-5678"),
        ("--contact", "Wang@ACME.example"),
        ("--contact", "138 1234 5678, wang@acme.example"),
    ],
)
def test_a_customer_gets_everything_that_is_known_of_them(sqlite_url: str, asked: tuple[str, ...]) -> None:
    with database(sqlite_url, OLD) as db:
        fill(db)
    operator = Operator(sqlite_url)
    assert operator.asks("export", *asked) == 0
    document = json.loads(operator.shown)
    assert document["exported_at"] == NOW.isoformat()
    [incident] = document["incidents"]
    said = "王小明 (138 1234 5678, wang@acme.example) of Acme Ltd, C-77-88"
    assert (incident["incident"], incident["demand"]) == ("INC-1", said)
    [customer] = incident["customer"]
    assert (customer["name"], customer["number"], customer["emotion"]) == ("王小明", "C-77-88", "angry")
    [contact] = [each for each in incident["contacts"] if each["customers"] == 1]
    assert contact == {
        **dict.fromkeys(("said", "answer", "promise", "measure"), said),
        "at": NOW.isoformat(),
        "promised_until": NOW.isoformat(),
        "by": LIN,
        "channel": "phone",
        "outcome": "reached",
        "emotion": "angry",
        "stage": None,
        "language": None,
        "consent": None,
        "customers": 1,
    }
    assert "Beta" not in operator.shown
    assert operator.told == ""
    noted = {"customers": [1], "contacts": 2, "operator": "root"}
    assert journal_of(sqlite_url)[-1] == ("customer_exported", noted)


@pytest.mark.parametrize(
    "asked",
    [
        ("--name", "王小"),
        ("--name", "Acme Ltd"),
        ("--number", "C-77-8"),
        ("--contact", "1381234567"),
        ("--contact", "acme.example"),
        ("--name", "王小明", "--number", "B-1234"),
    ],
)
def test_nobody_is_found_by_a_part_of_what_is_known(operator: Operator, asked: tuple[str, ...]) -> None:
    for command in ("export", "erase"):
        assert operator.asks(command, *asked) == 1
        assert operator.shown == ""
        assert operator.told.startswith("Nobody in the database has exactly this")
    assert len(journal_of(operator.url)) == 1


def test_who_asks_for_nobody_or_has_another_key_is_told_so(operator: Operator) -> None:
    for nobody in ("", " ", "-"):
        with pytest.raises(WrongSetup, match="Say whom to look for"):
            operator.asks("export", "--name", nobody)
    for command in ("export", "erase"):
        with pytest.raises(WrongSetup, match="has none of the keys"):
            operator.asks(command, "--name", "王小明", key=NEW)
    assert operator.shown == ""
    with database(operator.url, OLD) as db, db.begin() as tx:
        sealed_elsewhere = Cipher([NEW]).seal("Gamma SA")
        tx.execute(update(metadata.tables["customers"]).where(text("id = 2")).values(name=sealed_elsewhere))
    with pytest.raises(WrongSetup, match="lacks a key with which some customers were written"):
        operator.asks("export", "--name", "王小明")


def test_a_customer_is_erased_after_a_yes(operator: Operator) -> None:
    operator.says = False
    assert operator.asks("erase", "--number", "C-77-88") == 1
    shown, question, said = operator.told.splitlines()
    assert shown == "INC-1 王** (138****5678, w***@acme.example) of Acme Ltd, C*** (still open): 王**, 2 contacts"
    assert question == "Erase their data in these incidents? It can't be undone. Type yes: "
    assert said == "Nothing was erased."
    with database(operator.url, OLD) as db:
        assert "王小明" in everything(db)

    operator.says = True
    assert operator.asks("erase", "--number", "C-77-88") == 0
    assert operator.shown == ""
    assert operator.told.splitlines()[-1].startswith("Erased in 1 incident. ")
    with database(operator.url, OLD) as db:
        left = everything(db)
    assert not [secret for secret in ("王小明", "1234 5678", "wang@acme", "C-77-88") if secret in left]
    assert "Beta GmbH" in left
    what, detail = journal_of(operator.url)[-1]
    assert (what, detail["customers"], detail["operator"]) == ("customer_erased", [1], "root")
    assert operator.asks("erase", "--number", "C-77-88", "--yes") == 1, "there is nobody any more"


def test_the_customer_of_several_incidents_is_erased_in_all_of_them(operator: Operator) -> None:
    with database(operator.url, OLD) as db, db.begin() as tx:
        report = Report("Again", "dispute", WANG_OF_ACME, 1)
        incidents.create(tx, "V99", report, "Again", LIN, Severity.THREE, False, "service", NOW)
    assert operator.asks("export", "--name", "王小明") == 0
    assert [each["incident"] for each in json.loads(operator.shown)["incidents"]] == ["INC-1", "INC-2"]
    assert operator.asks("erase", "--name", "王小明", "--yes") == 0
    assert "Type yes" not in operator.told
    assert operator.told.splitlines()[-1].startswith("Erased in 2 incidents. ")
    assert [what for what, _ in journal_of(operator.url, 2)] == ["customer_exported", "customer_erased"]


def test_two_customers_of_one_name_are_not_taken_for_one_without_a_word(operator: Operator) -> None:
    with database(operator.url, OLD) as db, db.begin() as tx:
        customers.add(tx, 1, [Customer("王小明", "D-1")], LIN, NOW)
    assert operator.asks("export", "--name", "王小明") == 0
    assert operator.told == "Careful: by their numbers these are 2 customers; --number finds one of them.\n"
    assert operator.asks("export", "--name", "王小明", "--number", "D-1") == 0
    assert operator.told == ""
    assert "C-77-88" not in str(json.loads(operator.shown)["incidents"][0]["customer"])


def test_while_the_bot_runs_the_card_shows_it_and_nobody_is_to_call_them_any_more(office: Workspace) -> None:
    incident = reported(office, customers_affected="3")
    with office.bot.db.begin() as tx:
        customers.add(tx, 1, [Customer("Beta GmbH")], ADA, office.clock.now)
    due = office.clock.now + timedelta(minutes=30)
    with office.bot.db.begin() as tx:
        customers.set_tried(tx, [1], Outcome.REACHED, ADA, office.clock.now)
        again = Clock(Duty.CALL_AGAIN, ADA, office.clock.now, due, 600, (), "1")
        deadlines.start(tx, 1, [again])
    [key] = keys_of(office.bot.settings)
    operator = Operator(office.bot.settings.database_url)
    assert operator.asks("erase", "--contact", "13812345678", "--yes", key=key) == 0
    office.settle()
    shown = office.card(incident).everything
    assert "(erased) and 2 others" in shown
    with office.bot.db.read() as tx:
        assert Duty.CALL_AGAIN not in [each.duty for each in deadlines.running(tx, 1)]
        waiting = customers.next_to_contact(tx, 1, office.clock.now)
        counts = customers.counts(tx, office.incident(1))
    assert waiting is not None
    assert waiting.customer.name == "Beta GmbH"
    assert (counts.total, counts.heard) == (3, 1)
    view = office.click(ADA, posted(office, ADA, "customer.show_one", 1), "customer.show_one")["view"]
    assert "were erased at their request" in str(view)


def test_the_commands_are_there_and_print_nothing_but_data(
    office: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reported(office)
    for name, value in environment_of(office.bot.settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))
    capsys.readouterr()
    assert main(["customer", "export", "--name", "王小明"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["incidents"][0]["customer"][0]["name"] == "王小明"
    assert printed.err == ""
    assert main(["customer", "erase", "--name", "王小明"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Type yes: " in printed.err
    assert main(["customer", "export", "--name", "Nobody"]) == 1
    assert main(["customer", "export"]) == 2
    assert capsys.readouterr().out == ""

    assert main(["keys", "rotate"]) == 2
    said = capsys.readouterr().err
    assert "hotline.key" in said, "the key is in a file: what to do is said"
    [key] = keys_of(office.bot.settings)
    assert key not in said
    monkeypatch.setenv("HOTLINE_ENCRYPTION_KEYS", key)
    assert main(["keys", "rotate"]) == 2
    assert "There is one key" in capsys.readouterr().err
    monkeypatch.setenv("HOTLINE_ENCRYPTION_KEYS", f"{NEW},{key}")
    assert main(["keys", "rotate"]) == 0
    assert "customers: 1 row sealed again." in capsys.readouterr().out
    monkeypatch.setenv("HOTLINE_ENCRYPTION_KEYS", NEW)
    assert main(["customer", "export", "--name", "王小明"]) == 0
    monkeypatch.setenv("HOTLINE_ENCRYPTION_KEYS", OLD)
    assert main(["customer", "export", "--name", "王小明"]) == 2


# -- nowhere else ------------------------------------------------------------------------------------------------------

# What is recognised wherever it appears, and only in one story; the second half is only ever said to customers.
IN_THE_OPEN = ("Quibbleton", "13911112222", "zara@", "K-990-77", "Brimstoke", "021-55512345", "110101199003071234")
SEALED_ONLY = ("13933334444", "thunderous", "marmalade", "Q-4711-88")


WHO = "Quibbleton (13911112222, zara@quibble.example, K-990-77, 110101199003071234)"
BOTH = f"{WHO} and Brimstoke 021-55512345"


def they_report(office: Workspace) -> Incident:
    """With a file; then another customer is on the list."""
    uploaded = {"name": "Quibbleton 13911112222.png", "content_base64": "aGVsbG8="}
    file = office.sandbox.post("/act/upload", user=LIN, **uploaded)["file"]["id"]
    office.command(LIN)
    office.view_action(LIN, "report.more", values={"what_happened": f"{WHO} can't pay"})
    known = {"customer": "Quibbleton", "customer_number": "K-990-77", "customer_contact": "13911112222, 13933334444"}
    words = dict.fromkeys(("demand", "done_already", "impact", "product", "place"), WHO)
    office.submit(LIN, **known, **words, customers_affected="2", trigger="system_failure", evidence=[file])
    office.settle()
    with office.bot.db.begin() as tx:
        customers.add(tx, 1, [Customer("Brimstoke", "Q-4711-88", "021-55512345")], LIN, office.clock.now)
    return office.incident(1)


def they_organise(office: Workspace, incident: Incident) -> None:
    """Verified, graded, roles declined, duties handed over, tasks added and crossed out: each with words of theirs."""
    office.click(LIN, office.card(incident), "verify.open")
    office.submit(LIN, note=BOTH)
    office.settle()
    office.grade(WANG, incident, 1, reason=BOTH)
    office.assign(WANG, incident)
    office.click(LEA, next(said for said in office.said(LEA) if "roles.decline" in said.buttons), "roles.decline")
    office.submit(LEA, reason=BOTH)
    office.settle()
    office.choose(LIN, incident, "roles.hand_over")
    office.submit(LIN, to=SUN, note=BOTH)
    office.settle()
    [checklist] = [said for said in office.said(str(incident.channel_id)) if "tasks.add" in said.buttons]
    office.click(ADA, checklist, "tasks.add")
    office.submit(ADA, words=BOTH, minutes="10")
    office.settle()
    row = next(str(block["block_id"]) for block in checklist.blocks if str(block.get("block_id")).startswith("task_"))
    crossed_out = f"tasks.not_applicable:{row.removeprefix('task_')}"
    office.click(ADA, checklist, "tasks.menu", block_id=row, option=crossed_out)
    office.submit(ADA, reason=BOTH)
    office.settle()


def they_speak_to_customers(office: Workspace, incident: Incident) -> None:
    """One is called and promised something; a statement names them, which PR notices."""
    until = int((office.clock.now + timedelta(minutes=30)).timestamp())
    office.click(LIN, office.card(incident), "contact.open")
    view = office.view_action(LIN, "contact.more")["view"]
    said = next(block["block_id"] for block in view["blocks"] if str(block.get("block_id")).startswith("said"))
    answered = {"promise": f"An invoice for {WHO}", "promised_until": until, "answer": f"thunderous, says {WHO}"}
    answer = office.submit(LIN, **{said: f"Hello {WHO}, marmalade"}, **answered)
    if "errors" in (answer["response"] or {}):
        office.submit(LIN, **answered)  # what is flagged was shown
    office.settle()
    office.command(WANG, "statement", str(incident.channel_id))
    if (office.submit(WANG, words=f"We are sorry. {BOTH}")["response"] or {}).get("response_action") == "update":
        office.submit(WANG)
    office.settle()
    if asked := next((said for said in office.said(PAT) if "statement.refuse" in said.buttons), None):
        office.click(PAT, asked, "statement.refuse")
        office.submit(PAT, reason=BOTH)
        office.settle()


def they_solve(office: Workspace, incident: Incident) -> None:
    """A plan that is rejected and written anew, a request, progress, fixed, a customer who is satisfied with proof."""
    until = str(int((office.clock.now + timedelta(hours=3)).timestamp()))
    office.choose(LIN, incident, "progress.open")
    office.submit(LIN, words=BOTH, needs=BOTH)
    office.choose(LIN, incident, "requests.open")
    office.submit(LIN, what=BOTH, department="quality", owner=QUINN, until=until)
    for version in (1, 2):
        office.choose(LIN, incident, "plan.open")
        if version == 1:
            office.view_action(LIN, "plan.more")  # the second has all its fields unfolded
        words = dict.fromkeys(("steps", "told", "resources", "risks"), BOTH)
        office.submit(LIN, **words, owner=LIN, until=until, kind="final")
        office.settle()
        # Nobody decides on words that they can't see: the buttons are in the window.
        asked = next(said for said in reversed(office.said(EVA)) if "plan.check*" in said.buttons)
        office.click(EVA, asked, "plan.check")
        if version == 1:
            office.view_action(EVA, "plan.refuse")
            office.submit(EVA, reason=BOTH)
        else:
            office.view_action(EVA, "plan.approve")
        office.sandbox.post("/act/close", user=EVA, all=True)
        office.settle()
    office.choose(LIN, incident, "fixed.open")
    office.submit(LIN, what=WHO)
    office.settle()
    office.choose(LIN, incident, "confirm.open")
    customer = next(each["value"] for each in office.suggest(LIN, "confirm.look") if "Quibbleton" in str(each))
    view = office.view_action(LIN, "confirm.look", value=customer, block_id="who")["view"]
    said = next(str(block["block_id"]) for block in view["blocks"] if str(block.get("block_id")).startswith("said"))
    office.submit(LIN, satisfied="yes", url="https://files.example/1", score="4", **{said: f"thunderous, says {WHO}"})
    office.settle()


def they_learn(office: Workspace, incident: Incident) -> None:
    """Messages are kept and corrected, the postmortem is written, returned; an action item is done; it is closed."""
    channel = str(incident.channel_id)
    office.sandbox.post("/act/message", user=LIN, channel=channel, text=BOTH)
    office.message_shortcut(LIN, office.said(channel, LIN)[-1], "record.keep")
    office.choose(LIN, incident, "record.open")
    office.view_action(LIN, "record.correct")
    office.submit(LIN, right=BOTH, at=str(int(office.clock.now.timestamp()) - 60))
    office.sandbox.post("/act/close", user=LIN, all=True)
    office.settle()
    office.choose(LIN, incident, "actions.open")
    office.view_action(LIN, "actions.add")
    office.submit(LIN, what=BOTH, kind="fix", owner=ADA)
    office.sandbox.post("/act/close", user=LIN, all=True)
    office.settle()
    done = next(said for said in office.said(ADA) if any("actions.done_open" in each for each in said.buttons))
    office.click(ADA, done, "actions.done_open")
    office.submit(ADA, outcome=BOTH)
    office.settle()
    office.wait(1)
    for section, words in {
        "causes": {"why_1": WHO},
        "went_well": {"went_well": BOTH},
        "fell_short": {"fell_short": BOTH},
    }.items():
        message = next(
            said
            for said in office.said("reviews")
            if f":{section}" in said.everything and "postmortem.write" in said.everything
        )
        office.click(LIN, message, "postmortem.write")
        office.submit(LIN, **({"kind": "process"} if section == "causes" else {}), **words)
        office.settle()
    office.choose(LIN, incident, "postmortem.open")
    office.sandbox.post("/act/close", user=LIN, all=True)
    office.choose(LIN, incident, "close.open")
    office.submit(LIN, reason=BOTH)
    office.settle()
    office.choose(LIN, incident, "reopen.open")
    office.submit(LIN, reason=BOTH)
    office.settle()


def everywhere(office: Workspace, log: str) -> dict[str, str]:
    """Where nothing of a customer may stand: what Slack was told (but for forms, which show it on record to one person
    who handles the case), the log, and every column that is neither sealed nor people's own words."""
    forms = ("views.open", "views.update", "views.push")
    with office.bot.db.read() as tx:
        columns = {
            f"{table.name}.{column.name}": str(list(tx.execute(select(column)).scalars()))
            for table in metadata.sorted_tables
            for column in table.c
            if column.name not in WRITTEN.get(table, ()) and column.name != "url"
        }
    calls = str([call for call in office.sandbox.calls() if call["method"] not in forms])
    channels = office.sandbox.get("/state")["channels"].values()
    by_us = [{**each, "messages": [said for said in each["messages"] if said.get("user") != LIN]} for each in channels]
    return {"Slack": str(by_us), "calls": calls, "log": log, **columns}


def everything_is_drawn_again(office: Workspace) -> None:
    """As when somebody asks to be erased; whatever was said can be."""
    with office.bot.db.begin() as tx:
        outbox.redraw_all(tx, 1, office.clock.now)
    office.wait(1)
    with office.bot.db.read() as tx:
        left = [row.error for row in tx.execute(select(metadata.tables["outbox"])).all() if row.error]
    assert not left, left


def test_a_story_full_of_names_and_numbers_leaves_none_of_them_anywhere(
    office: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    incident = they_report(office)
    they_organise(office, incident)
    they_speak_to_customers(office, incident)
    for minutes in (5, 5, 10, 20, 60):
        office.wait(minutes)
    for command in ("list", "status"):
        office.command(ADA, command, str(incident.channel_id))
    office.sandbox.post("/act/home", user=ADA)
    office.settle()
    office.choose(WANG, incident, "dismiss.open")
    office.submit(WANG, reason=BOTH, becomes="nothing")
    office.settle()
    with office.bot.db.read() as tx:
        promises, said = [each.promise for each in contacts.of_incident(tx, 1)], statements.of_incident(tx, 1)
        happened = {each.what for each in journal.of_incident(tx, 1)}
    assert (promises, len(said)) == ([f"An invoice for {WHO}"], 1), "else it proves little"
    assert happened >= {"reported", "verified", "graded", "contacted", "task_added", "role_declined", "dismissed"}

    everything_is_drawn_again(office)
    places = everywhere(office, "".join(capsys.readouterr()))
    assert "Q***" in places["Slack"], "they were talked about"
    for secret in (*IN_THE_OPEN, *SEALED_ONLY):
        assert not [place for place, words in places.items() if secret in words], secret
    stored = b"".join(path.read_bytes() for path in Path(office.bot.settings.database_url[10:]).parent.glob("*.db*"))
    assert b"can't pay" in stored, "else it is the wrong file"
    assert not [secret for secret in SEALED_ONLY if secret.encode() in stored]


def test_the_second_half_full_of_names_and_numbers_leaves_none_of_them_anywhere(
    office: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    incident = they_report(office)
    office.click(LIN, office.card(incident), "verify.open")
    office.submit(LIN)
    office.settle()
    office.grade(WANG, incident, 1, reason="As I see it")
    they_solve(office, incident)
    they_learn(office, incident)
    for minutes in (1, 60, 24 * 60):
        office.wait(minutes)
    for command in ("list", "status", "show 1"):
        office.command(LIN, command, str(incident.channel_id))
    office.sandbox.post("/act/home", user=LIN)
    office.settle()
    with office.bot.db.read() as tx:
        happened = {each.what for each in journal.of_incident(tx, 1)}
    assert happened >= {"plan_refused", "plan_approved", "fixed", "closed", "reopened", "section_written"}, happened
    everything_is_drawn_again(office)
    places = everywhere(office, "".join(capsys.readouterr()))
    for secret in (*IN_THE_OPEN, *SEALED_ONLY):
        assert not [place for place, words in places.items() if secret in words], secret
