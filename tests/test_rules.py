"""The rules of the procedure as tables of cases: grading, the times of duties, names of channels, masks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot import wording
from bot.deadlines import Decision, decide, handed_to, plan, told
from bot.grading import Facts, propose
from bot.incident import (
    Complaint,
    Deadline,
    Duty,
    Emotion,
    HighRisk,
    Incident,
    MomentKind,
    Money,
    Publicity,
    Role,
    Severity,
    Status,
    Tier,
    YesNo,
)
from bot.procedure_file import load
from handlers.card import reasons
from handlers.channel import name_of
from tests.workspace import PROCEDURE

DEFAULT = load(PROCEDURE)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ROSTERS = {
    "support-oncall": ["U0ADA"],
    "support-leads": ["U0MEI"],
    "supervisors": ["U0WANG", "U0TOM"],
    "service-heads": ["U0SUN"],
    "executives": ["U0EVA"],
}


ONE: dict[str, Any] = {"customers_affected": 1}
NONE: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("facts", "severity", "because"),
    [
        (NONE, 3, []),
        ({"customers_affected": 1}, 3, ["customers_affected"]),
        ({"customers_affected": 9}, 3, ["customers_affected"]),
        ({"customers_affected": 10}, 2, ["customers_affected"]),
        ({"customers_affected": 99}, 2, ["customers_affected"]),
        ({"customers_affected": 100}, 1, ["customers_affected"]),
        ({"money_lost": "0CNY"}, 3, []),
        ({"money_lost": "999.99CNY"}, 3, ["money_lost"]),
        ({"money_lost": "1000CNY"}, 2, ["money_lost"]),
        ({"money_lost": "9999.99CNY"}, 2, ["money_lost"]),
        ({"money_lost": "10000CNY"}, 1, ["money_lost"]),
        ({"money_lost": "1408.45USD"}, 2, ["money_lost"]),  # 9,999.995 CNY at 7.10
        ({"money_lost": "1408.46USD"}, 1, ["money_lost"]),
        ({"money_lost": "212765JPY"}, 2, ["money_lost"]),  # 9,999.955 CNY at 0.047
        ({"money_lost": "212766JPY"}, 1, ["money_lost"]),
        ({"core_down_minutes": 0}, 3, []),
        ({"core_down_minutes": 1}, 2, ["core_down_minutes"]),
        ({"core_down_minutes": 30}, 2, ["core_down_minutes"]),
        ({"core_down_minutes": 31}, 1, ["core_down_minutes"]),
        ({"part_faulty_minutes": 60}, 3, ["part_faulty_minutes"]),
        ({"part_faulty_minutes": 61}, 2, ["part_faulty_minutes"]),
        ({"publicity": Publicity.NONE}, 3, []),
        ({"publicity": Publicity.MAY_SPREAD}, 2, ["publicity"]),
        ({"publicity": Publicity.PRESS}, 1, ["publicity"]),
        ({"publicity": Publicity.REGULATOR}, 1, ["publicity"]),
        ({"high_risk": HighRisk.NONE}, 3, []),
        *(({"high_risk": risk}, 1, ["high_risk"]) for risk in HighRisk if risk is not HighRisk.NONE),
        ({"complaint": Complaint.DISCONTENT}, 3, ["complaint"]),
        ({"complaint": Complaint.WILL_ESCALATE}, 2, ["complaint"]),
        ({"complaint": Complaint.MASS}, 1, ["complaint"]),
        ({"emotion": Emotion.ANGRY}, 3, []),
        ({"emotion": Emotion.FURIOUS}, 2, ["emotion"]),
        ({"customer_tier": Tier.ORDINARY}, 3, []),
        ({"customer_tier": Tier.VIP}, 2, ["customer_tier"]),
        ({"customer_tier": Tier.VIP, "business_stopped": YesNo.YES}, 2, ["customer_tier"]),
        ({"customer_tier": Tier.IMPORTANT}, 2, ["customer_tier"]),
        ({"customer_tier": Tier.IMPORTANT, "business_stopped": YesNo.NO}, 2, ["customer_tier"]),
        ({"customer_tier": Tier.IMPORTANT, "business_stopped": YesNo.YES}, 1, ["customer_tier"]),
        ({"trigger": "privacy_leak"} | ONE, 1, ["trigger"]),
        ({"trigger": "escalated_complaint"} | ONE, 2, ["trigger"]),
        ({"trigger": "dispute"} | ONE, 3, ["customers_affected"]),
        (
            {"customers_affected": 20, "customer_tier": Tier.VIP, "emotion": Emotion.FURIOUS},
            2,
            ["customers_affected", "emotion", "customer_tier"],
        ),
        ({"customers_affected": 100, "customer_tier": Tier.VIP}, 1, ["customers_affected"]),
    ],
)
def test_the_highest_level_of_which_one_criterion_holds_is_proposed_with_its_reasons(
    facts: dict[str, Any], severity: int, because: list[str]
) -> None:
    known: dict[str, Any] = {
        name: Money.parse(value) if name == "money_lost" else value for name, value in facts.items()
    }
    proposal = propose(Facts(**known), DEFAULT)
    assert proposal.severity == severity
    assert [reason.fact for reason in proposal.reasons] == because
    for words in wording.load().values():
        assert all(reasons(proposal, words)), "each reason can be said"


@pytest.mark.parametrize(
    ("written", "minor", "currency"),
    [
        ("9999.99CNY", 999_999, "CNY"),
        ("10,000 CNY", 1_000_000, "CNY"),
        ("USD 12", 1_200, "USD"),
        ("500jpy", 500, "JPY"),
        ("50000元", 5_000_000, "CNY"),
        ("5000块", 500_000, "CNY"),
        ("5000块钱", 500_000, "CNY"),
        ("5000 圆整", 500_000, "CNY"),
        ("5,000 yuan", 500_000, "CNY"),
        ("RMB 5,000.50", 500_050, "CNY"),
        ("5万rmb", 5_000_000, "CNY"),
        ("人民币5万元", 5_000_000, "CNY"),
        ("￥5,000元", 500_000, "CNY"),  # the yuan and the yen share a sign, not a word
        ("¥5000日元", 5_000, "JPY"),
        ("1.5万元", 1_500_000, "CNY"),
        ("1.234万元", 1_234_000, "CNY"),
        ("1,200 万 元", 1_200_000_000, "CNY"),
        ("3千元", 300_000, "CNY"),
        ("3百万元", 300_000_000, "CNY"),
        ("2千万元", 2_000_000_000, "CNY"),
        ("0.5亿元", 5_000_000_000, "CNY"),
        ("５，０００．５０元", 500_050, "CNY"),
        ("5万美元", 5_000_000, "USD"),
        ("5000美金", 500_000, "USD"),
        ("5万日元", 50_000, "JPY"),
        ("5000港币", 500_000, "HKD"),
        ("HKD 5000元", 500_000, "HKD"),
        ("1,00,000 INR", 10_000_000, "INR"),
    ],
)
def test_money_is_whole_smallest_units_with_a_currency(written: str, minor: int, currency: str) -> None:
    assert Money.parse(written) == Money(minor, currency)


@pytest.mark.parametrize(
    ("written", "home", "language", "minor", "currency"),
    [
        ("5万", "CNY", "zh", 5_000_000, "CNY"),
        ("5万", "CNY", "en", 5_000_000, "CNY"),
        ("5万", "USD", "zh", 5_000_000, "USD"),  # what names no currency is in the company's
        ("５０００", "JPY", "zh", 5_000, "JPY"),
        ("5万元", "USD", "en", 5_000_000, "CNY"),
        ("5万元", "TWD", "zh", 5_000_000, "TWD"),  # a dollar of Taiwan is called the same
        ("￥5,000", "CNY", "en", 500_000, "CNY"),
        ("￥5,000", "USD", "zh", 500_000, "CNY"),
        ("¥5,000", "JPY", "zh", 5_000, "JPY"),
        ("5万美元", "CNY", "zh", 5_000_000, "USD"),
    ],
)
def test_a_currency_that_is_not_named_is_the_companys(
    written: str, home: str, language: str, minor: int, currency: str
) -> None:
    assert Money.parse(written, home, language) == Money(minor, currency)


@pytest.mark.parametrize(
    "written",
    [
        *("", "12", "CNY", "1.234CNY", "1.5JPY", "-3CNY", "USD 3 CNY", "1e3CNY"),
        *("5万", "￥5,000"),  # whose?
        *("万", "万元", "元", "￥", "五万元"),
        *("5w元", "5k元"),  # it may be a slip of the finger, and decides who approves
        *("5万3元", "5块5", "约5万元", "5万多元", "1万2000元"),
        *("1,5万元", "1,50元", "5,0000元", "1.23456789万元", "1.5万日元元"),
        *("USD 5000元", "￥5000美元", "5000美元人民币", "5万卢布", "5万万元"),
    ],
)
def test_what_is_no_money_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"currency|digits"):
        Money.parse(written)


@pytest.mark.parametrize(
    ("duty", "severity", "remind", "due", "rungs"),
    [
        (Duty.VERIFY, 1, 3, 5, [5, 10, 15, 20]),
        (Duty.VERIFY, 3, 3, 5, [5, 10, 15, 20]),
        (Duty.FIRST_CONTACT, 1, 10, 15, [15, 20, 25, 30]),
        (Duty.FIRST_CONTACT, 2, 20, 30, [30, 40, 50, 60]),
        (Duty.FIRST_CONTACT, 3, 45, 60, [60, 75, 90, 105]),
    ],
)
def test_a_duty_is_reminded_of_before_and_escalated_from_its_due_time_on(
    duty: Duty, severity: int, remind: int, due: int, rungs: list[int]
) -> None:
    made = plan(duty, Severity(severity), "U0LIN", NOON, DEFAULT, ROSTERS)
    minutes = [((moment.at - NOON).total_seconds() / 60, moment.kind, moment.user_id) for moment in made.moments]
    assert made.due_at == NOON + timedelta(minutes=due)
    assert minutes[0] == (remind, MomentKind.REMIND, "U0LIN")
    assert minutes[1:5] == [
        (at, MomentKind.ESCALATE, who) for at, who in zip(rungs, ["U0MEI", "U0WANG", "U0SUN", "U0EVA"], strict=True)
    ]
    assert minutes[5][1:] == (MomentKind.NOBODY_LEFT, None)


@pytest.mark.parametrize(
    ("owner", "rosters", "told"),
    [
        ("U0MEI", ROSTERS, ["U0WANG", "U0SUN", "U0EVA"]),  # the lead is late herself: her rung has nobody else
        ("U0WANG", ROSTERS, ["U0MEI", "U0TOM", "U0SUN", "U0EVA"]),  # another supervisor is told
        ("U0LIN", ROSTERS | {"supervisors": []}, ["U0MEI", "U0SUN", "U0EVA"]),
        ("U0LIN", {}, []),
    ],
)
def test_a_rung_without_somebody_to_tell_is_passed_over(
    owner: str, rosters: dict[str, list[str]], told: list[str]
) -> None:
    made = plan(Duty.VERIFY, Severity.ONE, owner, NOON, DEFAULT, rosters)
    assert [moment.user_id for moment in made.moments if moment.kind is MomentKind.ESCALATE] == told
    assert made.moments[-1].kind is MomentKind.NOBODY_LEFT, "the channel is told in any case"


def running(position: int = 0) -> Deadline:
    made = plan(Duty.VERIFY, Severity.ONE, "U0LIN", NOON, DEFAULT, ROSTERS)
    return Deadline(
        1, 1, Duty.VERIFY, "U0LIN", NOON, made.due_at, made.escalate_every_s, made.moments, position, made.moments[0].at
    )


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("position", "minutes", "said", "next_minutes"),
    [
        (0, 2.9, None, 3),
        (0, 3, (MomentKind.REMIND, Role.OWNER), 5),
        (0, 4, (MomentKind.REMIND, Role.OWNER), 5),
        (0, 5, (MomentKind.ESCALATE, Role.LEAD), 10),  # the reminder came too late: the late message says more
        (1, 4.9, None, 5),
        (1, 5, (MomentKind.ESCALATE, Role.LEAD), 10),
        (1, 6, (MomentKind.ESCALATE, Role.LEAD), 11),  # told a minute late: five minutes from then
        (1, 60, (MomentKind.ESCALATE, Role.LEAD), 65),  # after an outage each rung still gets its time
        (2, 65, (MomentKind.ESCALATE, Role.SUPERVISOR), 70),
        (5, 25, (MomentKind.NOBODY_LEFT, Role.OWNER), None),
        (6, 30, None, None),
    ],
)
def test_what_the_clock_says_and_when_it_looks_again(
    position: int, minutes: float, said: tuple[MomentKind, Role] | None, next_minutes: float | None
) -> None:
    decision = decide(running(position), after(minutes))
    assert (decision.moment and (decision.moment.kind, decision.moment.role)) == said
    assert decision.next_nudge_at == (None if next_minutes is None else after(next_minutes))


@pytest.mark.parametrize("ended", [{"met_at": NOON}, {"stopped_at": NOON}])
def test_nothing_is_said_of_what_is_not_owed_any_more(ended: dict[str, datetime]) -> None:
    assert decide(replace(running(), **ended), after(30)) == Decision(None, 0, 0, None)  # type: ignore[arg-type]


def to_know(minutes: float = 0) -> Deadline:
    """Lin owes a supervisor's word within five minutes; what is to be said until then has been said."""
    made = plan(Duty.REPORT_UP, Severity.ONE, "U0LIN", NOON, DEFAULT, ROSTERS)
    said = sum(moment.at <= after(minutes) for moment in made.moments)
    times = (NOON, made.due_at, made.escalate_every_s)
    return Deadline(1, 1, Duty.REPORT_UP, "U0LIN", *times, made.moments, said, made.moments[said].at)


@pytest.mark.parametrize(
    ("told_at", "ladder"),
    [
        (1, [10, 15, 20, 25]),  # the lead, the second supervisor, the head of service, the executive
        (4.9, [10, 15, 20, 25]),
        (7, [12, 17, 22]),  # the lead was told at 5; each further one waits for as long as after any rung
        (9.9, [14.9, 19.9, 24.9]),
    ],
)
def test_who_has_told_them_puts_off_the_ladder_once_and_hears_no_more(told_at: float, ladder: list[float]) -> None:
    changed = told(to_know(told_at), "U0LIN", after(told_at))
    assert changed is not None
    asked, *rest = changed.moments[changed.position :]
    assert (asked.kind, asked.user_id, asked.at) == (MomentKind.TELL, "U0WANG", after(told_at)), "they are asked again"
    assert [moment.at for moment in rest if moment.kind is MomentKind.ESCALATE] == [after(each) for each in ladder]
    assert not [moment for moment in rest if moment.kind is MomentKind.REMIND and moment.user_id == "U0LIN"]
    assert changed.is_running, "the procedure asks for their own word"
    assert told(changed, "U0MEI", after(told_at + 1)) is None, "once"


def test_what_was_put_off_stays_put_off_when_somebody_else_owes_it() -> None:
    changed = told(to_know(1), "U0LIN", after(1))
    assert changed is not None
    moved = handed_to(changed, Severity.ONE, "U0ADA", after(2), DEFAULT, ROSTERS)
    ahead = moved.moments[moved.position :]
    assert next(moment.at for moment in ahead if moment.kind is MomentKind.ESCALATE) == after(10)
    assert "U0ADA" not in [moment.user_id for moment in ahead if moment.kind is MomentKind.REMIND]


@pytest.mark.parametrize(
    ("minutes", "to", "was_due_from"),
    [
        (4, ["U0ADA"], "U0ADA"),  # there is time: whoever has it now will be late
        (6, ["U0ADA"], "U0LIN"),
        (6, ["U0ADA", "U0MEI"], "U0LIN"),
        (6, ["U0ADA", "U0LIN"], "U0LIN"),
    ],
)
def test_whoever_gets_a_duty_late_is_not_late(minutes: float, to: list[str], was_due_from: str) -> None:
    deadline = to_know(minutes)
    for user_id in to:
        deadline = handed_to(deadline, Severity.ONE, user_id, after(minutes), DEFAULT, ROSTERS)
    assert deadline.owner_id == to[-1]
    assert deadline.was_due_from == was_due_from


def incident(number: int, title: str) -> Incident:
    return Incident(number, "V1", Status.REPORTED, title, title, "dispute", 1, Severity.ONE, "U0LIN", False, NOON)


@pytest.mark.parametrize(
    ("number", "title", "name"),
    [
        (42, "Payment down", "inc-0042-payment-down"),
        (42, "  Ärger: mit «Übermut» & Co.! ", "inc-0042-arger-mit-ubermut-co"),
        (7, "支付失败", "inc-0007-zhi-fu-shi-bai"),
        (7, "APP支付失败502", "inc-0007-app-zhi-fu-shi-bai-502"),
        (7, "🔥🔥", "inc-0007-fire-fire"),
        (7, "!!!", "inc-0007"),
        (12345, "x", "inc-12345-x"),
        (1, "a" * 200, "inc-0001-" + "a" * 41),
        (1, "ab " * 60, "inc-0001" + "-ab" * 14),
        (
            1,
            "Payments fail with error 502 since 14:05 for customers of the EU",
            "inc-0001-payments-fail-with-error-502-since-14-05",
        ),
    ],
)
def test_a_channels_name_is_what_slack_takes(number: int, title: str, name: str) -> None:
    assert name_of(incident(number, title)) == name
    assert len(name) <= 50
