"""What is said to customers: each script in each way, what may not be in it, what it costs, a company's own words."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from bot.__main__ import main
from bot.incident import ContactChannel, Emotion, Severity, Stage, Tier
from bot.procedure_file import load
from bot.scripts import CHANNELS, FACTS, BrokenScript, Occasion, Scripts, flags, segments
from tests.processes import BotProcess
from tests.workspace import PROCEDURE, ROOT

P = load(PROCEDURE)
TOLD = {
    "news": "the gateway was restarted",
    "delay_reason": "a part has to be sent.",
    "eta": "18:30",
    "measure": "We take payments by phone",
    "solution": "The change has been undone。",
    "compensation": "we waive the fees",
    "check": "Please make a payment",
}
NEEDS = {
    Stage.PROGRESS: "news",
    Stage.DELAY: "delay_reason",
    Stage.TEMPORARY_MEASURE: "measure",
    Stage.SOLUTION: "solution",
    Stage.VERIFICATION: "solution",
    Stage.APOLOGY: "compensation",
    Stage.CLOSING: "solution",
    Stage.PUBLIC_STATEMENT: "news",
    Stage.INTERNAL_BRIEF: "news",
}
Asking = Callable[..., str]


def occasion(stage: Stage = Stage.FIRST_CONTACT, channel: str = "phone", language: str = "en", **more: Any) -> Occasion:
    """A fault in payments, a calm customer, everything known but the facts."""
    known = Occasion(
        stage=stage,
        channel=ContactChannel(channel),
        language=language,
        severity=Severity.ONE,
        trigger="system_failure",
        tier=Tier.ORDINARY,
        emotion=Emotion.CALM,
        company="Northlight",
        number="INC-42",
        next_word="16:00",
        customers_affected=120,
        reached=37,
        agent="Lin",
        customer="Acme Ltd",
        product="payments",
        since="13:50",
    )
    return replace(known, **more)


@pytest.fixture(scope="module")
def scripts() -> Scripts:
    return Scripts()


@pytest.fixture
def own(tmp_path: Path) -> Callable[[str, str], Scripts]:
    """Scripts of a company that has one file of its own: its name without `customer/`, and its text."""

    def write(name: str, text: str) -> Scripts:
        path = tmp_path / "ours" / "customer" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return Scripts(tmp_path / "ours")

    return write


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Asking:
    """`scripts ...` with nothing in the environment; says what it prints, or what it prints beside that."""
    for name in [name for name in os.environ if name.startswith(("SLACK_", "HOTLINE_", "DATABASE_"))]:
        monkeypatch.delenv(name)

    def ask(*arguments: str, code: int = 0, note: bool = False) -> str:
        capsys.readouterr()
        assert main(["scripts", *arguments]) == code
        printed = capsys.readouterr()
        return (printed.err if note or code == 2 else printed.out).strip()

    return ask


# -- what an SMS costs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("", 0),
        ("a", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("a" * 459, 3),
        ("é" * 160, 1),
        ("ΔΩ£¥Ñ" * 32, 1),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("€" * 152, 2),
        ("€" * 153, 3),  # 76 fit into a part: none is cut in half
        ("^{}\\[~]|" * 10, 1),
        ("a" * 159 + "€", 2),
        ("\n" * 160, 1),
        ("’", 1),
        ("a" * 69 + "’", 1),
        ("a" * 70 + "’", 2),
        ("中" * 70, 1),
        ("中" * 71, 2),
        ("中" * 134, 2),
        ("中" * 135, 3),
        ("中" * 201, 3),
        ("🔴" * 35, 1),
        ("🔴" * 36, 2),
        ("🔴" * 66, 2),
        ("🔴" * 67, 3),
        ("ê", 1),
        ("ê" * 71, 2),
    ],
)
def test_an_sms_costs_so_many_segments(text: str, cost: int) -> None:
    assert segments(text) == cost


# -- what must not be in it --------------------------------------------------------------------------------------------

NEVER_SAID = [
    "I don't know", "nothing can be done", "nothing we can do", "not my department", "you have to", "you must",
    "calm down", "that's not possible", "our policy",
    "不清楚", "不知道", "没办法", "不归我管", "不是我们部门", "你必须", "您必须", "你冷静", "您冷静", "不可能",
    "规定就是这样",
]  # fmt: skip
UNSAFE = [
    "definitely", "guarantee", "guaranteed", "promise", "full refund", "100%", "never happen again",
    "as soon as possible", "一定会", "保证", "绝对", "肯定会", "全额退款", "百分之百", "再也不会", "承诺", "尽快",
]  # fmt: skip


@pytest.mark.parametrize(("words", "kind"), [(w, "never_said") for w in NEVER_SAID] + [(w, "unsafe") for w in UNSAFE])
def test_what_should_not_be_said_is_flagged_with_better_words(words: str, kind: str) -> None:
    [flag] = flags(f"Well, {words.upper()}. {words}", P)
    assert (flag.words, flag.kind) == (words, kind)
    assert not flags(flag.instead, P), "what is said instead is itself fine"
    [in_chinese] = flags(f"您好，{words}。", P)
    assert in_chinese == flag


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I don’t know", ["I don't know"]),
        ("I DON`T KNOW", ["I don't know"]),
        ("I don't\n  know", ["I don't know"]),
        ("that’s not possible", ["that's not possible"]),
        ("You must calm down. You must.", ["you must", "calm down"]),
        ("calm down, you must", ["calm down", "you must"]),
        ("guaranteed", ["guaranteed"]),
        ("We guarantee a full refund, guaranteed", ["guarantee", "full refund", "guaranteed"]),
        ("保证100％退款", ["保证", "100%"]),
        ("尽快 as soon as possible", ["尽快", "as soon as possible"]),
        ("promises, compromise, promised", []),
        ("mustard, you mustered, thank you must-have", ["you must"]),
        ("2100% and 100 per cent", []),
        ("please stay calm, downstairs", []),
        ("our policyholders", []),
        ("您冷静一下，不可能的", ["您冷静", "不可能"]),
        ("", []),
    ],
)
def test_phrases_are_found_as_people_write_them(text: str, words: list[str]) -> None:
    assert [flag.words for flag in flags(text, P)] == words


TIMES: list[tuple[str, list[str], list[str]]] = [
    # what is said, what is on record, what is flagged
    ("I'll call you by 16:00.", [], ["16:00"]),
    ("I'll call you by 16:00.", ["16:00"], []),
    ("I'll call you at 4 pm", [], ["4 pm"]),
    ("I'll call you at 4pm", ["16:00"], []),
    ("At 4 p.m. sharp", ["16:00"], []),
    ("At 4 a.m.", ["16:00"], ["4 a.m."]),
    ("At 9.30 am", ["09:30"], []),
    ("at 4 o'clock", ["16:00"], []),
    ("at noon, this afternoon", ["12:00"], ["this afternoon"]),
    ("by midnight", [], ["midnight"]),
    ("16:00 or 17:00", ["16:00"], ["17:00"]),
    ("16:00, and again 16:00", [], ["16:00"]),
    ("We call tomorrow", [], ["tomorrow"]),
    ("today", [], ["today"]),
    ("earlier today it failed", [], []),
    ("today at 16:00", ["16:00"], []),
    ("16:00 today", ["16:00"], []),
    ("tomorrow at 16:00", ["16:00"], ["tomorrow at 16:00"]),
    ("tomorrow at 16:00", ["22 Nov 16:00"], []),
    ("by 22 Nov 16:00", ["22 Nov 16:00"], []),
    ("by 22 November", [], ["22 November"]),
    ("on November 3rd", [], ["November 3rd"]),
    ("on 2026-11-22", [], ["2026-11-22"]),
    ("in 2 hours", [], ["in 2 hours"]),
    ("within 30 minutes", [], ["within 30 minutes"]),
    ("within the next two hours", [], ["within the next two hours"]),
    ("in about half an hour", [], ["in about half an hour"]),
    ("within 24 hours", ["within 24 hours"], []),
    ("within 3 working days", [], ["within 3 working days"]),
    ("by Friday", [], ["by Friday"]),
    ("before next Tuesday morning", [], ["before next Tuesday morning"]),
    ("by the end of the week", [], ["by the end of the week"]),
    ("tonight", [], ["tonight"]),
    ("next week", [], ["next week"]),
    ("16点给您回电", [], ["16点"]),
    ("下午4点给您回电", [], ["下午4点"]),
    ("下午4点给您回电", ["16:00"], []),
    ("下午四点半", ["16:30"], []),
    ("16：00 前", ["16:00"], []),
    ("上午10点", ["16:00"], ["上午10点"]),
    ("明天给您回电", [], ["明天"]),
    ("明天上午10点", ["11月22日 10:00"], []),
    ("今天内处理", [], ["今天内"]),
    ("今天下班前", [], ["今天下班前"]),
    ("两小时内", [], ["两小时内"]),
    ("2小时内", [], ["2小时内"]),
    ("30分钟内", [], ["30分钟内"]),
    ("半个小时之内", [], ["半个小时之内"]),
    ("三个工作日内到账", [], ["三个工作日内"]),
    ("一个半小时后", [], ["一个半小时后"]),
    ("周五前", [], ["周五前"]),
    ("下周一回复您", [], ["下周一"]),
    ("月底前", [], ["月底前"]),
    ("11月22日前", [], ["11月22日前"]),
    ("11月22日 16:00 前", ["11月22日 16:00"], []),
    # no times
    ("Error 502, INC-42, CNY 4.50, 10:1, 16:9, order 20261122, 1:00:00:00", [], []),
    ("It was down for 2 hours, in the last 2 hours, 30 minutes ago", [], []),
    ("I am at 4 amazing shops; you may 12 may 3 mar the door", [], []),
    ("3点建议，有一点问题，两点说明，一点前提", [], []),
    ("您今天遇到的问题，2小时前，三天内部整理，24小时热线", [], []),
    ("It happened at 13:50", ["13:50"], []),
]


@pytest.mark.parametrize(("text", "on_record", "flagged"), TIMES, ids=lambda case: str(case)[:40])
def test_a_time_that_is_on_no_record_is_flagged(text: str, on_record: list[str], flagged: list[str]) -> None:
    found = flags(text, P, on_record)
    assert [flag.words for flag in found] == flagged
    assert {flag.kind for flag in found} <= {"time"}


def test_what_to_do_about_a_time_is_said_in_the_language_of_the_text() -> None:
    [english] = flags("by Friday", P)
    [chinese] = flags("周五前", P)
    assert "Record it as a promise" in english.instead
    assert "登记" in chinese.instead


def test_flags_come_in_the_order_of_the_text_each_once() -> None:
    found = flags("明天 I promise. You must. By Friday, I PROMISE. 明天", P)
    assert [(flag.words, flag.kind) for flag in found] == [
        ("明天", "time"),
        ("promise", "unsafe"),
        ("you must", "never_said"),
        ("By Friday", "time"),
    ]


# -- what it takes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", Stage)
def test_a_stage_needs_the_same_facts_on_every_channel_in_both_languages(scripts: Scripts, stage: Stage) -> None:
    expected = (NEEDS[stage],) if stage in NEEDS else ()
    assert scripts.needs(stage) == expected
    triggers = ("system_failure", "data_loss", "something_else")
    for channel, language, severity, trigger in product(ContactChannel, ("en", "zh"), Severity, triggers):
        asked = occasion(stage, channel, language, severity=severity, trigger=trigger)
        assert scripts.render(asked).missing == expected, asked


@pytest.mark.parametrize(
    ("stage", "takes"),
    [
        (Stage.FIRST_CONTACT, ("eta",)),
        (Stage.COMFORT, ()),
        (Stage.PROGRESS, ("eta",)),
        (Stage.DELAY, ("eta",)),
        (Stage.SOLUTION, ("eta",)),
        (Stage.VERIFICATION, ("check",)),
        (Stage.FOLLOW_UP, ("check",)),
        (Stage.SURVEY, ()),
        (Stage.PUBLIC_STATEMENT, ("eta",)),
        (Stage.INTERNAL_BRIEF, ("eta",)),
    ],
)
def test_other_facts_are_welcome(scripts: Scripts, stage: Stage, takes: tuple[str, ...]) -> None:
    assert scripts.welcome(stage) == takes
    for name, language in product(takes, ("en", "zh")):
        told = {fact: TOLD[fact] for fact in scripts.needs(stage)}
        without = scripts.render(occasion(stage, "email", language, facts=told))
        having = scripts.render(occasion(stage, "email", language, facts={**told, name: TOLD[name]}))
        assert TOLD[name].rstrip(".") in having.text
        assert TOLD[name].rstrip(".") not in without.text
        assert not having.missing + without.missing


def test_all_that_is_missing_is_found_at_once_and_its_places_are_marked(own: Callable[[str, str], Scripts]) -> None:
    asks = "{% if eta is defined %}{{ eta }}{% endif %}"
    says = "{{ check }} {{ news | sentence }} {{ news }} {{ solution | clause }}"
    script = own("progress/phone.en.j2", asks + says).render(occasion(Stage.PROGRESS))
    assert script.missing == ("news", "solution", "check"), "in the order of FACTS"
    assert script.text == (
        "[what to try or check] [what has been done since the last word]. [what has been done since the last word] "
        "[what was or will be done]"
    )
    chinese = own("progress/phone.zh.j2", "{{ news | sentence }}").render(occasion(Stage.PROGRESS, language="zh"))
    assert chinese.text == "[已采取的措施或最新进展]。"


def test_a_fact_of_nothing_but_spaces_is_not_known(scripts: Scripts) -> None:
    assert scripts.render(occasion(Stage.PROGRESS, facts={"news": " \n "})).missing == ("news",)


@pytest.mark.parametrize(
    ("typed", "language", "sentence", "clause"),
    [
        ("it works", "en", "It works.", "it works"),
        ("it works.", "en", "It works.", "it works"),
        ("it works ... ", "en", "It works.", "it works"),
        ("It works!", "en", "It works.", "It works"),
        ("does it work?", "en", "Does it work?", "does it work?"),
        ("it works\nagain", "en", "It works again.", "it works again"),
        ("iPhones work", "en", "iPhones work.", "iPhones work"),
        ("we said “it works.”", "en", "We said “it works.”", "we said “it works.”"),
        ("by 5 p.m.", "en", "By 5 p.m.", "by 5 p.m"),
        ("已经恢复", "zh", "已经恢复。", "已经恢复"),
        ("已经恢复。。", "zh", "已经恢复。", "已经恢复"),
        ("已经恢复！", "zh", "已经恢复。", "已经恢复"),
        ("server 已重启.", "zh", "Server 已重启。", "server 已重启"),
        ("恢复了吗？", "zh", "恢复了吗？", "恢复了吗？"),
    ],
)
def test_what_people_typed_ends_as_the_sentence_needs_it(
    own: Callable[[str, str], Scripts], typed: str, language: str, sentence: str, clause: str
) -> None:
    company = own(f"progress/chat.{language}.j2", "{{ news | sentence }}|{{ news | clause }}")
    script = company.render(occasion(Stage.PROGRESS, "chat", language, facts={"news": typed}))
    assert script.text == f"{sentence}|{clause}"


def test_what_people_typed_is_not_taken_for_a_template(scripts: Scripts) -> None:
    typed = "{{ company }} {% raw %} <b>&</b>"
    script = scripts.render(occasion(Stage.PROGRESS, "email", facts={"news": typed}, customer="{{ number }}"))
    assert typed in script.text
    assert "Dear {{ number }}," in script.text


def test_an_sms_is_one_line_of_plain_letters(scripts: Scripts) -> None:
    script = scripts.render(occasion(Stage.PROGRESS, "sms", facts={"news": "It’s “back” – mostly…\nfor all, ^ and €"}))
    assert 'It\'s "back" - mostly... for all, ^ and €.' in script.text
    assert "\n" not in script.text
    assert script.segments == 1
    assert scripts.render(occasion(Stage.PROGRESS, "email", facts={"news": "It’s back"})).segments is None


# -- every script in every way -----------------------------------------------------------------------------------------


def shape(channel: str, language: str, stage: str, text: str) -> None:
    """What holds for each script that ships, whatever it says."""
    chinese = language == "zh"
    assert "!" not in text
    assert "！" not in text
    assert text == text.strip()
    assert "\n\n\n" not in text
    assert "  " not in text
    assert not re.search(r"\s[.,;，。；]|[。，]{2}|[.]{2}|，。|。，|\[|\bNone\b", text), text
    if channel == "phone":
        said, _, asked = text.partition("\n\n")
        lines = said.splitlines()
        assert 4 <= len(lines) <= 8, text
        assert all(line.startswith("- ") for line in lines)
        first, *questions = asked.splitlines()
        assert first in (("若客户问：", "若管理层问：", "若媒体问：") if chinese else ("If they ask:",))
        assert len(questions) == 3
        for question in questions:
            assert re.fullmatch("“[^”]+[？。]” → .+" if chinese else r'"[^"]+\?" → .+', question), question
    if channel == "sms":
        assert "\n" not in text
        assert text.startswith("【北光客服】" if chinese else "Northlight Support")
    if channel == "email":
        subject, blank, *body = text.splitlines()
        assert subject.startswith("主题：" if chinese else "Subject: ")
        assert len(subject) <= (60 if chinese else 120)
        assert blank == ""
        assert body[-2:] == (["林晓", "北光客服"] if chinese else ["Lin", "Northlight Support"])
    if channel == "chat":
        assert text.count("\n\n") <= 1
        sentences = len(re.findall("[。？]", text) if chinese else re.findall(r"[.?](?=\s|$)", text))
        assert 2 <= sentences <= 4, text
    if channel == "social":
        assert "\n" not in text
        assert not re.search("Acme|海港", text), "all can read it: nobody is named"
        if stage not in ("public_statement", "internal_brief"):
            assert re.search("私信" if chinese else "privately", text)


@pytest.mark.parametrize("stage", Stage)
def test_every_script_has_its_shape_and_says_something_else_each_way(stage: Stage) -> None:
    printed = io.StringIO()
    with redirect_stdout(printed):
        assert main(["scripts", stage, "--json"]) == 0
    found = [json.loads(line) for line in printed.getvalue().splitlines()]
    assert len(found) == len(CHANNELS) * 2 * len(Severity) * len(P.triggers) * len(Emotion)
    keys = ["stage", "channel", "language", "severity", "trigger", "tier", "emotion", "text", "segments"]
    said: dict[tuple[str, ...], dict[tuple[str, ...], str]] = defaultdict(dict)
    for each in found:
        assert list(each) == keys
        shape(each["channel"], each["language"], stage, each["text"])
        said[each["channel"], each["language"]][str(each["severity"]), each["trigger"], each["emotion"]] = each["text"]
    for place, texts in said.items():
        assert len({texts[severity, "data_loss", "angry"] for severity in "123"}) == 3, f"{place}: severity"
        by_emotion = {texts["1", "data_loss", emotion] for emotion in Emotion}
        assert len(by_emotion) == len(Emotion), f"{place}: emotion"
        by_trigger = {texts["2", trigger, "calm"] for trigger in P.triggers}
        assert len(by_trigger) > 1, f"{place}: trigger"
        if place[0] in ("phone", "email"):
            assert len(by_trigger) == len(P.triggers), f"{place}: trigger"


@pytest.mark.parametrize("stage", Stage)
def test_every_script_passes_its_check(asking: Asking, stage: Stage) -> None:
    assert re.fullmatch(r"10 scripts are in order, read in \d+ ways\.", asking(stage, "--check"))


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.PUBLIC_STATEMENT])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_vip_and_important_customers_get_a_line_of_their_own_but_not_in_public(
    scripts: Scripts, stage: Stage, language: str
) -> None:
    for channel in CHANNELS:
        texts = {scripts.render(occasion(stage, channel, language, tier=tier, facts=TOLD)).text for tier in Tier}
        is_public = channel is ContactChannel.SOCIAL and stage is not Stage.INTERNAL_BRIEF
        assert len(texts) == 1 if is_public else len(texts) > 1, (stage, channel)


def test_the_hardest_questions_change_once_it_is_solved(scripts: Scripts) -> None:
    before = scripts.render(occasion(Stage.PROGRESS, facts=TOLD)).text
    after = scripts.render(occasion(Stage.CLOSING, facts=TOLD)).text
    assert "When will it work again?" in before
    assert "When will it work again?" not in after


def test_in_public_only_what_concerns_many_is_said(scripts: Scripts) -> None:
    for language in ("en", "zh"):
        for trigger in P.triggers:
            asked = occasion(Stage.APOLOGY, "social", language, trigger=trigger, facts={"compensation": "CNY 200"})
            is_public = trigger in ("system_failure", "force_majeure", "defective_batch")
            assert ("CNY 200" in scripts.render(asked).text) == is_public, trigger


@pytest.mark.parametrize(("language", "words"), [("en", "Hello, this is Northlight."), ("zh", "您好")])
def test_nobody_is_named_when_nobody_is_known(scripts: Scripts, language: str, words: str) -> None:
    text = scripts.render(occasion(language=language, agent=None, customer=None, product=None, since=None)).text
    assert words in text.splitlines()[0]
    assert not re.search("None|Lin|Acme", text)


# -- fallbacks, and a company's own words ------------------------------------------------------------------------------


def test_on_site_one_says_what_one_says_on_the_phone(scripts: Scripts) -> None:
    assert scripts.render(occasion(channel="on_site")) == scripts.render(occasion())
    assert scripts.path(Stage.SURVEY, ContactChannel.ON_SITE, "zh") == scripts.path(Stage.SURVEY, CHANNELS[0], "zh")


@pytest.mark.parametrize("trigger", ["something_else", "", "../_voice", "a/b"])
def test_an_unknown_trigger_gets_neutral_words(scripts: Scripts, trigger: str) -> None:
    english = scripts.render(occasion(trigger=trigger)).text
    assert "your report concerning payments" in english
    assert '"Who is responsible for this?"' in english
    assert "若客户问：" in scripts.render(occasion(language="zh", trigger=trigger)).text


def test_a_language_without_scripts_gets_the_english_ones(scripts: Scripts) -> None:
    assert scripts.render(occasion(language="fr")).text == scripts.render(occasion()).text


def test_a_company_changes_one_file_and_the_rest_is_as_shipped(own: Callable[[str, str], Scripts]) -> None:
    company = own("survey/sms.en.j2", "{{ company }}: how was it?")
    asked = occasion(Stage.SURVEY, "sms")
    assert company.render(asked).text == "Northlight: how was it?"
    assert company.is_own(Stage.SURVEY, ContactChannel.SMS, "en")
    assert not company.is_own(Stage.SURVEY, ContactChannel.SMS, "zh")
    assert not company.is_own(Stage.SURVEY, ContactChannel.EMAIL, "en")
    assert company.render(replace(asked, language="zh")) == Scripts().render(replace(asked, language="zh"))
    assert company.render(occasion()) == Scripts().render(occasion())


def test_a_company_has_its_own_voice_and_its_own_questions(own: Callable[[str, str], Scripts]) -> None:
    voice = (ROOT / "message_templates/customer/_voice.en.j2").read_text(encoding="utf-8")
    own("_voice.en.j2", voice.replace("Please tell me in your own words", "Tell me in your words"))
    company = own("questions/recall.en.j2", '"Is it mine?" → Let us look.')
    text = company.render(occasion(trigger="recall")).text
    assert "Tell me in your words" in text
    assert text.endswith('If they ask:\n"Is it mine?" → Let us look.')


def test_a_file_counts_from_when_it_is_there_until_it_is_gone(tmp_path: Path) -> None:
    (tmp_path / "customer" / "survey").mkdir(parents=True)
    company, path = Scripts(tmp_path), tmp_path / "customer" / "survey" / "sms.en.j2"
    asked = occasion(Stage.SURVEY, "sms")
    shipped = company.render(asked)
    for number in (1, 2):
        path.write_text(f"How was it? {number}", encoding="utf-8")
        os.utime(path, (number, number))
        assert company.render(asked).text == f"How was it? {number}"
    path.unlink()
    assert company.render(asked) == shipped


BROKEN = [
    ("{% if %}", "line 1: Expected an expression, got 'end of statement block'"),
    ("one\n{{ nobody }}", "line 2: 'nobody' is undefined"),
    ("one\ntwo\n{{ severity + company }}", "line 3: unsupported operand type(s) for +: 'int' and 'str'"),
    ('{% include "customer/nowhere.j2" %}', "line 1: customer/nowhere.j2 is not there"),
    ("{{ ''.__class__ }}", "line 1: access to attribute '__class__' of 'str' object is unsafe."),
    ("{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}", "maximum recursion depth exceeded"),
]


@pytest.mark.parametrize(("text", "sentence"), BROKEN, ids=lambda case: case[:20])
def test_a_broken_script_is_named_with_its_line(
    own: Callable[[str, str], Scripts], asking: Asking, tmp_path: Path, text: str, sentence: str
) -> None:
    company, path = own("survey/sms.en.j2", text), tmp_path / "ours" / "customer" / "survey" / "sms.en.j2"
    with pytest.raises(BrokenScript) as broken:
        company.render(occasion(Stage.SURVEY, "sms"))
    assert broken.value.path == path
    assert sentence in broken.value.sentence
    with pytest.raises(BrokenScript):
        company.needs(Stage.SURVEY)
    assert company.needs(Stage.COMFORT) == (), "the others can be used"
    for more in ((), ("--json",)):
        assert f"{path}: " in asking("survey", "sms", *more, "--templates", str(tmp_path / "ours"), code=2)
    assert f"{path}: " in asking("survey", "sms", "--check", "--templates", str(tmp_path / "ours"), code=1)


def test_a_script_that_is_no_text_is_named(own: Callable[[str, str], Scripts], tmp_path: Path) -> None:
    company, path = own("survey/sms.en.j2", ""), tmp_path / "ours" / "customer" / "survey" / "sms.en.j2"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BrokenScript, match="codec can't decode") as broken:
        company.render(occasion(Stage.SURVEY, "sms"))
    assert broken.value.path == path


# -- python -m bot scripts ---------------------------------------------------------------------------------------------


def test_the_list_says_what_each_needs_and_what_is_the_companys_own(
    asking: Asking, own: Callable[[str, str], Scripts], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, *lines = asking().splitlines()
    assert head.split() == ["STAGE", "CHANNEL", "LANGUAGES", "NEEDS", "TAKES", "ALSO"]
    assert len(lines) == len(Stage) * len(CHANNELS)
    assert "progress           sms      en, zh     news          eta" in lines
    own("progress/sms.zh.j2", "【{{ company }}】{{ news | sentence }}")
    assert re.search(
        r"^progress +sms +en, zh \(own\) +news", asking("--templates", str(tmp_path / "ours")), re.MULTILINE
    )
    monkeypatch.setenv("HOTLINE_TEMPLATES", str(tmp_path / "ours"))
    assert "zh (own)" in asking()
    assert asking("progress", "sms", "--language", "zh", "--fact", "news=已恢复") == "【北光客服】已恢复。"


def test_one_script_is_shown_as_it_would_be_said(asking: Asking) -> None:
    said = asking(
        "progress", "phone", "--severity", "1", "--trigger", "data_loss", "--tier", "vip", "--emotion", "furious",
        "--customer", "Acme Ltd", "--agent", "Lin", "--product", "payments", "--next-word", "17:15",
        "--number", "INC-7", "--fact", "news=half of the data is back", "--fact", "eta=18:30",
    )  # fmt: skip
    assert said.startswith(
        "- Hello Acme Ltd, this is Lin from Northlight Support. I have news for you about the missing"
    )
    assert "Half of the data is back.\n- Our estimate is now 18:30." in said
    assert "Ask for Lin and give INC-7" in said
    assert "17:15" in said
    assert asking("progress", "phone").splitlines()[0].startswith("- Hello, this is Northlight Support.")


def test_what_is_not_told_yet_is_said_beside_the_script(asking: Asking) -> None:
    assert asking("progress", "sms", note=True) == "Not told yet: --fact news=..."
    assert "[what has been done since the last word]" in asking("progress", "sms")
    assert asking("progress", "sms", "--fact", "news=It works", note=True) == ""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("talk",), "STAGE can't be talk; it can be first_contact, comfort,"),
        (("survey", "letter"), "CHANNEL can't be letter; it can be phone, sms, email, chat, social."),
        (("survey", "sms", "--language", "fr"), "--language can't be fr; it can be en, zh."),
        (("survey", "sms", "--severity", "4"), "--severity can't be 4; it can be 1, 2, 3."),
        (("survey", "sms", "--trigger", "rain"), "--trigger can't be rain; it can be system_failure, data_loss,"),
        (("survey", "sms", "--tier", "gold"), "--tier can't be gold; it can be ordinary, vip, important."),
        (
            ("survey", "sms", "--emotion", "sad"),
            "--emotion can't be sad; it can be calm, worried, disappointed, angry,",
        ),
        (
            ("survey", "sms", "--fact", "news"),
            "--fact news is none: write NAME=WORDS; known are news, delay_reason, eta,",
        ),
        (("survey", "sms", "--fact", "mood=a"), "--fact mood=a is none: write NAME=WORDS; known are news,"),
        (
            ("survey", "sms", "--fact", "eta=a", "--fact", "eta=b"),
            "--fact eta stands there twice: give each fact once.",
        ),
        (("--templates", "/nowhere"), "--templates /nowhere is no folder."),
        (("--procedure", "/nowhere.yml"), "The procedure file /nowhere.yml can't be read"),
    ],
)
def test_what_is_wrongly_asked_is_said_in_a_sentence(asking: Asking, arguments: tuple[str, ...], sentence: str) -> None:
    said = asking(*arguments, code=2)
    assert said.startswith(sentence)
    assert len(said.splitlines()) == 1


def test_a_folder_that_is_not_there_is_named(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_TEMPLATES", "/nowhere")
    assert asking(code=2) == "HOTLINE_TEMPLATES must be a folder that is there, with a folder customer in it."
    monkeypatch.setenv("HOTLINE_TEMPLATES", "")
    assert asking()


OWN_MISTAKES = [
    ("survey/sms.en.j2", "{{ company }}: you must tell us.", "“you must” is never said"),
    ("survey/sms.en.j2", "{{ company }}: we will definitely call.", "“definitely” promises too much"),
    ("survey/sms.en.j2", "{{ company }}: we call tomorrow.", "“tomorrow” is a time on no record"),
    ("survey/sms.en.j2", "{{ company }}: 您好", "has letters that no plain SMS has"),
    ("survey/sms.en.j2", "{{ company }} " + "a" * 400, "takes 3 SMS, 2 at most"),
    ("survey/sms.zh.j2", "中" * 202, "takes 4 SMS, 3 at most"),
    ("survey/chat.en.j2", "a" * 601, "has 601 characters, 600 at most"),
    ("survey/social.zh.j2", "中" * 141, "has 141 characters, 140 at most"),
    ("survey/email.en.j2", "Dear {{ 'Mr ' ~ customer }}", "says None where something is not known"),
    ("survey/chat.zh.j2", "{{ news | sentence }}", "does not say news, which the same script says in zh"),
    ("_voice.en.j2", "", "has no attribute 'hello'"),
    ("survey/letter.en.j2", "Dear customer", "is never looked at"),
    ("questions/rain.en.j2", '"Why?" → Because.', "is never looked at"),
]


@pytest.mark.parametrize(("name", "text", "sentence"), OWN_MISTAKES, ids=lambda case: case[:24])
def test_each_mistake_of_a_companys_own_file_is_named(
    asking: Asking, own: Callable[[str, str], Scripts], tmp_path: Path, name: str, text: str, sentence: str
) -> None:
    own(name, text)
    channel = next((word for word in CHANNELS if f"/{word}." in name), "phone")
    [said] = asking("survey", channel, "--check", "--templates", str(tmp_path / "ours"), code=1).splitlines()
    assert sentence in said
    where = {"chat.zh.j2": "chat.en.j2", "_voice.en.j2": "phone.en.j2"}  # the script in which it shows
    assert said.partition(": ")[0].endswith(where.get(name.rpartition("/")[2], name))


def test_a_forbidden_word_is_found_in_the_file_in_which_it_stands(
    asking: Asking, own: Callable[[str, str], Scripts], tmp_path: Path
) -> None:
    own("questions/dispute.en.j2", '"Why?" → That is our policy.')
    [said] = asking("comfort", "phone", "--check", "--templates", str(tmp_path / "ours"), code=1).splitlines()
    assert said.startswith(f"{tmp_path}/ours/customer/questions/dispute.en.j2: “our policy” is never said (severity 1,")


def test_a_folder_without_scripts_is_said(asking: Asking, tmp_path: Path) -> None:
    assert "has no folder customer" in asking("survey", "sms", "--check", "--templates", str(tmp_path), code=1)


def test_a_company_names_itself_and_its_own_phrases(asking: Asking, tmp_path: Path) -> None:
    text = PROCEDURE.read_text(encoding="utf-8").replace("Northlight Support", "Harbour Bank")
    ours = tmp_path / "ours.yml"
    ours.write_text(text.replace("{words: definitely,", "{words: recorded,"), encoding="utf-8")
    assert asking("survey", "sms", "--procedure", str(ours)).startswith("Harbour Bank on ")
    said = asking("first_contact", "sms", "--check", "--procedure", str(ours), code=1)
    assert said.startswith("message_templates/customer/_voice.en.j2: “recorded” promises too much (severity 3,")


def test_whoever_stops_reading_hears_no_complaint(tmp_path: Path) -> None:
    command = f"{sys.executable} -m bot scripts --json | head -n 1"
    done = subprocess.run(  # a pipe is the point here
        ["/bin/sh", "-c", command],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
        cwd=ROOT,
    )
    assert json.loads(done.stdout)["stage"] == "first_contact"
    assert done.stderr == ""


def test_as_a_process_it_needs_nothing_of_the_environment(tmp_path: Path) -> None:
    asked = BotProcess({"PATH": os.environ["PATH"]}, "scripts", "comfort", "sms", folder=tmp_path)
    assert asked.ended() == 0, asked.output
    assert asked.output.startswith("Northlight Support: Thank you for telling us.")
    assert not list(tmp_path.iterdir())


def test_every_file_that_ships_is_used() -> None:
    folder = ROOT / "message_templates" / "customer"
    triggers = [*P.triggers, "_other"]
    for language in ("en", "zh"):
        used = {f"{stage}/{channel}.{language}.j2" for stage, channel in product(Stage, CHANNELS)}
        used |= {f"questions/{trigger}.{language}.j2" for trigger in triggers} | {f"_voice.{language}.j2"}
        assert {path.relative_to(folder).as_posix() for path in folder.rglob(f"*.{language}.j2")} == used
    assert set(FACTS) == set(TOLD)
    assert shutil.which("sh")
