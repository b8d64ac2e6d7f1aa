"""Whatever people do, in whatever order, and however time passes: nothing is owed by nobody, nothing is said twice.

Hypothesis tells the steps what to do; the database, the clock and the rules are the real ones, only Slack is left out.
"""

import tempfile
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.fernet import Fernet
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from slack_bolt import Ack
from slack_sdk import WebClient
from sqlalchemy import select

from bot import grading, wording
from bot.incident import Duty, Event, Incident, MomentKind, NotAllowed, Person, Publicity, Role, Severity
from bot.procedure_file import ProcedureFile
from bot.scripts import Scripts
from handlers import acknowledge, clock, contact, dismiss, duties, grade, reminders, report, team, verify
from handlers import roles as roles_step
from handlers.desk import Desk, Identity
from storage import customers, deadlines, incidents, outbox, people, roles, tables
from storage.db import Database
from storage.encryption import Cipher
from storage.outbox import Errand, Message
from storage.schema import migrate
from tests.workspace import ADA, EVA, LIN, MEI, PROCEDURE, SUN, WANG, ZHOU

TOM, HE, BEN, LEA, PAT = "U0TOM", "U0HE", "U0BEN", "U0LEA", "U0PAT"
EVERYBODY = [LIN, ADA, MEI, WANG, TOM, SUN, EVA, ZHOU, HE, BEN, LEA, PAT]
ROSTERS = {
    "support-oncall": [LIN, ADA, MEI],
    "support-leads": [MEI],
    "supervisors": [WANG, TOM],
    "service-heads": [SUN],
    "executives": [EVA],
    "tech-support": [ZHOU],
    "customer-relations": [HE],
    "business": [BEN],
    "legal": [LEA],
    "pr": [PAT],
    "quality": [],
}
TEAM = [Role.LEAD, Role.TECH_SUPPORT, Role.CUSTOMER_RELATIONS]
somebody = st.sampled_from(EVERYBODY)


class Silence(WebClient):
    """Slack that is not there: whatever would be said stays in the outbox."""


acked = Ack()  # type: ignore[no-untyped-call]


class Days(RuleBasedStateMachine):
    """One incident's life, with a clock that only moves forward."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.db = Database(f"sqlite:///{self.folder.name}/hotline.db", Cipher([Fernet.generate_key().decode()]))
        migrate(self.db)
        self.time = datetime(2026, 2, 13, 8, tzinfo=UTC)  # the Friday before the Spring Festival
        self.desk = Desk(
            db=self.db,
            file=ProcedureFile(PROCEDURE),
            wordings=wording.load(),
            scripts=Scripts(),
            language="en",
            client=Silence(),
            identity=lambda: Identity("U0BOT", "B0BOT", "T0"),
            now=lambda: self.time,
            wake=lambda: None,
        )
        self.forms = 0
        self.gone: set[str] = set()
        self.told: Counter[Any] = Counter()  # who was told what, for which time
        with self.db.begin() as tx:
            people.learn(tx, [Person(user_id, user_id, "en", "UTC") for user_id in EVERYBODY], self.time)
            for handle, members in ROSTERS.items():
                people.set_roster(tx, handle, members, self.time)

    def teardown(self) -> None:
        self.db.close()
        self.folder.cleanup()

    def form(self, incident: bool = True, blocks: tuple[str, ...] = (), **values: Any) -> dict[str, Any]:
        """A submitted form as Slack sends it."""
        self.forms += 1
        return {
            "id": f"V{self.forms}",
            "root_view_id": f"V{self.forms}",
            "private_metadata": "1" if incident else "{}",
            "blocks": [{"block_id": name} for name in blocks],
            "state": {"values": {name: {name: value} for name, value in values.items()}},
        }

    @property
    def incident(self) -> Incident | None:
        with self.db.read() as tx:
            return incidents.get(tx, 1) if tx.execute(select(tables.incidents.c.id)).first() else None

    def try_to(self, step: Any, **asked: Any) -> None:
        """Does something; that the procedure forbids it is an answer too."""
        if asked["person"].user_id in self.gone:
            return
        try:
            step(**asked)
        except NotAllowed:
            return

    @precondition(lambda self: self.incident is None)
    @rule(many=st.sampled_from([1, 12, 150]), trigger=st.sampled_from(["system_failure", "wrong_charge"]))
    def report(self, many: int, trigger: str) -> None:
        view = self.form(
            incident=False,
            what_happened={"value": "Payments fail"},
            customer={"value": "Acme Ltd"},
            customers_affected={"value": str(many)},
            trigger={"selected_option": {"value": trigger}},
        )
        report.submit(
            ack=acked, view=view, desk=self.desk, words=self.desk.channel_words, person=Person(LIN), now=self.time
        )
        with self.db.begin() as tx:
            incidents.set_channel(tx, 1, "C0ONE", "inc-0001")

    @precondition(lambda self: self.incident is not None)
    @rule(by=somebody)
    def verify(self, by: str) -> None:
        view = self.form(note={"value": "Seen"})
        words = self.desk.channel_words
        self.try_to(verify.submit, ack=acked, view=view, desk=self.desk, words=words, person=Person(by), now=self.time)

    @precondition(lambda self: self.incident is not None and self.incident.status.is_open)
    @rule(severity=st.sampled_from([*Severity]), by=somebody, public=st.booleans(), down=st.booleans())
    def grade(self, severity: Severity, by: str, public: bool, down: bool) -> None:
        self.forms += 1
        if by in self.gone:
            return
        with self.db.begin() as tx:
            incident = incidents.get(tx, 1, lock=True)
            if incident.status.value == "complaint":
                return
            object.__setattr__(incident, "publicity", Publicity.PRESS if public else Publicity.NONE)
            object.__setattr__(incident, "core_down_since", self.time if down else None)
            proposal = grading.propose(grading.facts_of(incident, self.time), self.desk.procedure)
            grade.save(self.desk, tx, incident, f"G{self.forms}", by, severity, proposal, "because", self.time)

    @precondition(lambda self: self.incident is not None)
    @rule(
        by=somebody,
        outcome=st.sampled_from(["reached", "reached", "no_answer", "wrong_number"]),
        emotion=st.sampled_from(["", "calm", "furious"]),
        promises=st.booleans(),
        everybody=st.booleans(),
    )
    def contact(self, by: str, outcome: str, emotion: str, promises: bool, everybody: bool) -> None:
        later = int((self.time + timedelta(minutes=40)).timestamp())
        view = self.form(
            stage={"selected_option": {"value": "progress"}},
            channel={"selected_option": {"value": "phone:en"}},
            said={"value": "We are on it"},
            outcome={"selected_option": {"value": outcome}},
            emotion={"selected_option": {"value": emotion} if emotion else None},
        )
        if promises:
            view["state"]["values"]["promise"] = {"promise": {"value": "Call back"}}
            view["state"]["values"]["promised_until"] = {"promised_until": {"selected_date_time": later}}
        with self.db.read() as tx:
            listed = customers.next_to_contact(tx, 1, self.time)
        start = contact.Start(1, f"c{listed.id}" if listed and not everybody else contact.EVERYBODY, "progress")
        start = replace(start, channel="sms" if everybody else "phone", language="en")
        if everybody:
            view["state"]["values"]["channel"] = {"channel": {"selected_option": {"value": "sms:en"}}}
        view["private_metadata"] = start.about()
        words = self.desk.channel_words
        self.try_to(contact.submit, ack=acked, view=view, desk=self.desk, words=words, person=Person(by), now=self.time)

    @precondition(lambda self: self.incident is not None and self.incident.status.is_open)
    @rule(role=st.sampled_from(TEAM), who=somebody, by=somebody)
    def ask(self, role: Role, who: str, by: str) -> None:
        if {who, by} & self.gone:  # the form refuses them
            return
        with self.db.begin() as tx:
            incident = incidents.get(tx, 1, lock=True)
            found = roles.of_incident(tx, 1)
            if role in roles.asked(found):
                team.end_asking(tx, incident, roles.asked(found)[role], "relieved", self.time)
            team.ask(self.desk, tx, incident, role, who, by, self.time)

    @precondition(lambda self: self.incident is not None and self.incident.status.is_open)
    @rule(role=st.sampled_from(TEAM), takes=st.booleans())
    def answer(self, role: Role, takes: bool) -> None:
        with self.db.begin() as tx:
            incident = incidents.get(tx, 1, lock=True)
            asked = roles.asked(roles.of_incident(tx, 1)).get(role)
            if asked and takes:
                team.accept(self.desk, tx, incident, asked, self.time)
            elif asked:
                team.end_asking(tx, incident, asked, "handed_back", self.time)
                team.pass_on(self.desk, tx, incident, asked, None, self.time)

    @precondition(lambda self: self.incident is not None and self.incident.status.is_open)
    @rule(role=st.sampled_from(TEAM))
    def hand_back(self, role: Role) -> None:
        with self.db.begin() as tx:
            incident = incidents.get(tx, 1, lock=True)
            for each in roles.of_incident(tx, 1):
                if each.role is role and each.accepted_at and not each.ended_at:
                    team.hand_back(self.desk, tx, incident, each, "handed_back", self.time)

    @precondition(lambda self: self.incident is not None)
    @rule(by=somebody, to=somebody, what=st.sampled_from(["all", "in:1", "duties:1"]))
    def hand_over(self, by: str, to: str, what: str) -> None:
        view = self.form(which={"selected_option": {"value": what}}, to={"selected_user": to}, note={"value": "Bye"})
        words = self.desk.channel_words
        step = roles_step.submit_hand_over
        self.try_to(step, ack=acked, view=view, desk=self.desk, words=words, person=Person(by), now=self.time)

    @precondition(lambda self: self.incident is not None)
    @rule(who=somebody)
    def leave(self, who: str) -> None:
        if self.forms % 4 or who in (EVA, MEI):  # somebody has to be there
            return
        self.gone.add(who)
        with self.db.begin() as tx:
            people.learn(tx, [Person(who, who, "en", "UTC", is_active=False)], self.time)
        errand = Errand(0, None, "replace_gone", "gone", None, {"user": who}, self.time, 1, False)
        roles_step.replace_gone(self.desk, errand)

    @precondition(lambda self: self.incident is not None)
    @rule(
        by=somebody, number=st.integers(0, 30), step=st.sampled_from(["take_over", "postpone", "acknowledge", "told"])
    )
    def answer_a_reminder(self, by: str, number: int, step: str) -> None:
        with self.db.read() as tx:
            found = [each for each in deadlines.of_incident(tx, 1) if each.duty is not Duty.ACCEPT_ROLE]
        if not found:
            return
        action = {"value": str(found[number % len(found)].id)}
        does = {
            "take_over": reminders.take_over,
            "postpone": reminders.postpone,
            "acknowledge": acknowledge.confirm,
            "told": acknowledge.tell,
        }
        self.try_to(does[step], ack=acked, action=action, desk=self.desk, person=Person(by), now=self.time)

    @precondition(lambda self: self.incident is not None)
    @rule(by=somebody, becomes=st.sampled_from([*dismiss.Becomes]))
    def dismiss(self, by: str, becomes: dismiss.Becomes) -> None:
        if self.forms % 3:  # else most lives are short
            return
        view = self.form(reason={"value": "A test"}, becomes={"selected_option": {"value": becomes.value}})
        words = self.desk.channel_words
        self.try_to(dismiss.submit, ack=acked, view=view, desk=self.desk, words=words, person=Person(by), now=self.time)

    @rule(minutes=st.sampled_from([0.5, 1, 2, 3, 5, 8, 15, 30, 61, 240, 1500, 6000]))
    def wait(self, minutes: float) -> None:
        self.time += timedelta(minutes=minutes)
        self.tick()

    @rule()
    def tick(self) -> None:
        clock.tick(self.desk)
        with self.db.read() as tx:
            waiting = tx.execute(select(tables.outbox).where(tables.outbox.c.errand == "nudge")).all()
        for row in waiting:
            before = self.said()
            with self.db.read() as tx:
                owed = {each.id: each for each in deadlines.of_incident(tx, 1) if each.is_running}
            clock.nudge(self.desk, outbox._errand(row))
            for message in self.said()[len(before) :]:
                for deadline_id, index in message.reminds_of:
                    assert deadline_id in owed, "reminds of what is not owed"
                    deadline = owed[deadline_id]
                    moment = deadline.moments[index]
                    who = (message.place, message.user_id, moment.kind, moment.user_id)
                    self.told[deadline_id, deadline.due_at, deadline.postponed_at, deadline.told_at, *who] += 1

    def said(self) -> list[Message]:
        with self.db.read() as tx:
            return [message for message in outbox.of_incident(tx, 1) if message.drawing == "reminder"]

    @invariant()
    def every_duty_has_an_owner_and_a_time_to_come(self) -> None:
        with self.db.read() as tx:
            running = deadlines.running(tx, 1)
        for deadline in running:
            assert deadline.owner_id in EVERYBODY
            ahead = deadline.moments[deadline.position :]
            assert [moment.at for moment in ahead] == sorted(moment.at for moment in ahead)
            if ahead:
                assert deadline.next_nudge_at is not None, "the clock would forget it"
            else:
                ended = deadline.moments[-1].kind
                assert ended in (MomentKind.NOBODY_LEFT, MomentKind.PROPOSE, MomentKind.TELL), deadline

    @invariant()
    def who_has_left_owes_nothing_and_has_no_role(self) -> None:
        if self.incident is None or not self.incident.status.is_open:
            return
        with self.db.read() as tx:
            gone = people.not_there(tx, EVERYBODY)
            assert not [each for each in deadlines.running(tx, 1) if each.owner_id in gone]
            assert not [each for each in roles.of_incident(tx, 1) if each.user_id in gone and each.ended_at is None]

    @invariant()
    def nothing_is_said_twice_for_one_moment(self) -> None:
        told: Counter[Any] = Counter()
        for message in self.said():
            for deadline_id, index in message.reminds_of:
                told[deadline_id, index, message.place, message.user_id] += 1
        assert all(count == 1 for count in told.values()), told
        assert all(count == 1 for count in self.told.values()), "somebody was told the same twice for one time"

    @invariant()
    def what_is_over_owes_nothing(self) -> None:
        incident = self.incident
        if incident is None or incident.status.is_open:
            return
        with self.db.read() as tx:
            assert not [each for each in deadlines.running(tx, 1) if each.duty is not Duty.FOLLOW_UP]

    @invariant()
    def a_severity_owes_what_it_owes(self) -> None:
        incident = self.incident
        if incident is None or incident.status.value not in ("reported", "verified"):
            return
        with self.db.read() as tx:
            known = {each.duty for each in deadlines.of_incident(tx, 1)}
            running = {each.duty for each in deadlines.running(tx, 1)} - set(duties.OF_THEIR_OWN)
        for duty in Duty:
            times = self.desk.procedure.duties.get(duty)
            if times and times.starts_at(incident.level) is Event.REPORTED and times.is_owed(incident.level):
                assert duty in known, f"{duty} is owed at severity {incident.level} and has no clock"
        assert all(self.desk.procedure.duties[duty].is_owed(incident.level) for duty in running)


Days.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None, derandomize=True)
TestWhateverHappens = Days.TestCase
