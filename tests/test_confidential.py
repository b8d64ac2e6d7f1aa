"""Customers' data: masked where others read along, revealed to those who handle the case, sealed, erased."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.confidential import masked, masked_name, without_name

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
