"""What `make demo` starts, in a real browser: an incident is reported and the customer called, by clicking alone."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.sandbox_page.conftest import enter
from tests.workspace import MANIFEST, ROOT

WORDS = {
    "en": {
        "person": "ada",
        "report": "Report an incident",
        "what": "What happened",
        "who": "Who is affected",
        "how_many": "How many customers",
        "kind": "What kind",
        "failure": "System failure",
        "submit": "Report",
        "more": "More details",
        "product": "Product or service",
        "close": "Close",
        "contacted": "Contact a customer",
        "said": "Your words",
        "everybody": "Everybody affected",
        "by_sms": "SMS · English",
        "reached": "120 of 120 customers reached",
        "log": "Log contact",
        "met": "First contact",
    },
    "zh": {
        "person": "lin",
        "report": "上报事件",
        "what": "发生了什么",
        "who": "涉及客户",
        "how_many": "受影响客户数",
        "kind": "事件类型",
        "failure": "系统故障",
        "submit": "上报",
        "more": "补充更多信息",
        "product": "产品或服务",
        "close": "关闭",
        "contacted": "联系客户",
        "said": "您的话术",
        "everybody": "所有受影响的客户",
        "by_sms": "短信 · 中文",
        "reached": "已联系到 120 / 120 位客户",
        "log": "记录联系",
        "met": "首次联系客户",
    },
}


class Demo:
    """The two processes that `make demo` starts, in a folder of their own."""

    def __init__(self, folder: Path, language: str) -> None:
        self._command = [sys.executable, "-m", "sandbox", "--port", "0", "--announce-ready"]
        self._number = folder.with_suffix(".pid")
        self._command += ["--data", str(folder), "--manifest", str(MANIFEST)]
        self._command += ["--", "sh", "-c", 'echo $$ > "$0"; exec "$@"', str(self._number)]
        self._command += [sys.executable, "-m", "bot", "run"]
        self._environment = {**os.environ, "HOTLINE_LANGUAGE": language}
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        line = next((line for line in self._process.stdout if line.startswith("SANDBOX_READY ")), "")
        self.url = str(json.loads(line.removeprefix("SANDBOX_READY "))["url"])
        assert httpx.get(f"{self.url}/sandbox/wait?connections=1&timeout=30", timeout=40).json()["ok"]

    def kill_the_bot(self) -> None:
        os.kill(int(self._number.read_text("utf-8")), signal.SIGKILL)

    def stop(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=30)


@pytest.fixture(params=["en", "zh"])
def demo(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Demo, dict[str, str]]]:
    running = Demo(tmp_path / "demo", request.param)
    yield running, WORDS[request.param]
    running.stop()


@pytest.fixture(params=[390, 1440])
def width(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def dialog(page: Page) -> Locator:
    return page.locator("dialog[open]").last


def window(browser: Browser, url: str, width: int) -> Page:
    page = browser.new_context(base_url=url, viewport={"width": width, "height": 900}).new_page()
    page.set_default_timeout(15_000)
    return page


def test_an_incident_is_reported_and_the_customer_called_by_clicking(
    browser: Browser,
    demo: tuple[Demo, dict[str, str]],
    width: int,
) -> None:
    running, words = demo
    page = window(browser, running.url, width)
    enter(page, words["person"])
    page.get_by_role("button", name=words["report"]).first.click()
    form = dialog(page)
    form.get_by_label(words["what"]).fill("Payments fail <b>502</b>")
    form.get_by_label(words["who"]).fill("Acme Ltd")
    form.get_by_role("button", name=words["more"]).click()
    form.get_by_label(words["product"]).fill("Payments")
    expect(form.get_by_label(words["what"])).to_have_value("Payments fail <b>502</b>")
    form.get_by_label(words["how_many"]).fill("0")
    form.get_by_label(words["kind"]).select_option(label=words["failure"])
    form.get_by_role("button", name=words["submit"], exact=True).click()
    expect(form.locator("[data-block-id=customers_affected] .error")).to_be_visible()
    form.get_by_label(words["how_many"]).fill("120")
    form.get_by_role("button", name=words["submit"], exact=True).click()

    done = dialog(page)
    expect(done.get_by_role("heading")).to_have_text("INC-1")
    done.get_by_role("link", name="#inc-0001-payments-fail-b-502-b").click()
    expect(page.locator("#head")).to_contain_text("inc-0001-payments-fail")
    card = page.locator("#list article", has_text="INC-1 · Payments fail <b>502</b>").last
    expect(card).to_contain_text("🔴")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "no sideways scrolling"

    card.get_by_role("button", name=words["contacted"]).click()
    contact = dialog(page)
    expect(contact.get_by_label(words["said"])).to_have_value(re.compile("INC-1"))
    contact.locator("[data-block-id=who] input").fill(words["everybody"][:4])
    contact.get_by_role("option", name=words["everybody"]).click()
    expect(contact.locator("[data-block-id=channel__1] select option:checked")).to_have_text(words["by_sms"])
    contact.get_by_role("button", name=words["log"]).click()
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(card).to_contain_text(words["reached"])
    expect(card).to_contain_text(f"✅ {words['met']}")
    page.context.close()


@pytest.fixture
def english(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path / "demo", "en")
    yield running
    running.stop()


def report(page: Page) -> None:
    page.get_by_role("button", name="Report an incident").first.click()
    form = dialog(page)
    form.get_by_label("What happened").fill("Payments fail")
    form.get_by_label("Who is affected").fill("Acme Ltd")
    form.get_by_label("How many customers").fill("3")
    form.get_by_label("What kind").select_option(label="System failure")
    form.get_by_role("button", name="Report", exact=True).click()
    expect(dialog(page).get_by_role("link", name="#inc-0001-payments-fail")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)


def verify(page: Page) -> None:
    page.locator("#sidebar .place", has_text="inc-0001-payments-fail").click()
    card = page.locator("#list article", has_text="INC-1 · Payments fail").last
    card.get_by_role("button", name="Verified").click()
    dialog(page).get_by_role("button", name="Verified").click()
    expect(card).to_contain_text("✅ Verify")


def test_the_demo_goes_on_where_it_was_stopped(browser: Browser, english: Demo) -> None:
    page = window(browser, english.url, 1440)
    enter(page, "ada")
    report(page)
    page.context.close()
    english.stop()

    english.start()
    page = window(browser, english.url, 1440)
    enter(page, "ada")
    verify(page)
    page.context.close()


def test_a_bot_that_was_killed_is_started_again_in_the_page_and_knows_its_incidents(
    browser: Browser, english: Demo
) -> None:
    page = window(browser, english.url, 1440)
    enter(page, "ada")
    report(page)
    english.kill_the_bot()
    expect(page.locator(".away")).to_contain_text("Hotline is away. The bot was ended by signal 9.")
    page.get_by_role("button", name="Start the bot again").click()
    expect(page.locator(".away")).to_have_count(0, timeout=30_000)
    verify(page)
    page.context.close()
