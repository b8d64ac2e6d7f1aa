"""The page as people use it: everything is clicked and typed in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from sandbox.manifest import read
from sandbox.page import frame
from sandbox.page.viewer import Viewer
from sandbox.store import Store
from sandbox.workspace import Workspace
from tests.sandbox_page.conftest import Toybox, enter, say, started


def dialog(page: Page) -> Locator:
    return page.locator("dialog[open]").last


def open_form(page: Page) -> Locator:
    page.get_by_role("button", name="Shortcuts").click()
    page.get_by_role("menuitem", name="Report an incident").click()
    form = dialog(page)
    expect(form.get_by_role("heading", name="Report an incident")).to_be_visible()
    return form


def fill(form: Locator) -> None:
    form.get_by_label("What happened").fill("Payments fail")
    form.get_by_label("How many customers").fill("120")
    form.get_by_label("What kind").select_option("privacy")
    form.get_by_label("Fast").check()


def last_message(page: Page) -> Locator:
    return page.locator("#list article").last


def test_a_newcomer_is_told_what_to_do_and_does_it(page: Page) -> None:
    enter(page, "ada")
    expect(page.get_by_text("You are Ada Okafor, a customer service agent at Northlight Support")).to_be_visible()
    page.get_by_role("button", name="Report an incident").click()
    expect(dialog(page).get_by_label("What happened")).to_be_focused()
    dialog(page).get_by_role("button", name="Cancel").click()
    expect(page.locator(".intro")).to_have_count(0)
    direct = page.locator("#sidebar .place.unread", has_text="Toybox")
    expect(direct.locator(".count")).to_have_text("1")
    direct.click()
    expect(last_message(page)).to_contain_text("You closed the form.")
    page.reload()
    page.locator(".sandbox[data-ready]").wait_for()
    expect(page.locator(".intro")).to_have_count(0)
    page.get_by_role("button", name="How to begin").click()
    expect(page.locator(".intro")).to_be_visible()


def test_every_kind_of_field_makes_the_round_trip(page: Page, tmp_path: Path) -> None:
    proof = tmp_path / "proof.txt"
    proof.write_text("It fails.", encoding="utf-8")
    enter(page, "ada")
    form = open_form(page)
    fill(form)
    form.get_by_label("The whole story").fill("First line\nsecond line")
    form.get_by_label("Tags").click()
    form.get_by_role("checkbox", name="Vip").check()
    form.get_by_role("checkbox", name="Press").check()
    page.keyboard.press("Escape")
    form.get_by_label("Owner").select_option(label="Tom Berger")
    form.get_by_label("Channel").select_option(label="#incidents")
    form.get_by_label("Called").check()
    form.get_by_label("Day").fill("2026-12-24")
    form.get_by_label("Hour").fill("17:45")
    form.get_by_label("Moment").fill("2026-11-21T14:00")
    form.get_by_label("E-mail").fill("ada@example.com")
    form.get_by_label("Site").fill("https://example.com/")
    form.get_by_label("Proof").set_input_files(proof)
    expect(form.locator(".chips li", has_text="proof.txt")).to_be_visible()
    form.get_by_label("Customer", exact=True).press_sequentially("acm")
    form.get_by_role("option", name="Acme").click()
    form.get_by_role("button", name="Report").click()
    expect(page.locator("dialog[open]")).to_have_count(0)
    said = last_message(page)
    for part in (
        "what: 'Payments fail'", r"story: 'First line\nsecond line'", "count: '120'", "'value': 'privacy'",
        "'value': 'vip'", "'value': 'press'", "owner: 'U0TOM'", "place: 'C0INCIDENTS'", "'value': 'fast'",
        "'value': 'called'", "day: '2026-12-24'", "hour: '17:45'", "moment: 1795269600", "mail: 'ada@example.com'",
        "site: 'https://example.com/'", "'name': 'proof.txt'", "'value': 'acme'",
    ):  # fmt: skip
        expect(said).to_contain_text(part)


def test_what_is_wrong_is_said_beside_the_field(page: Page) -> None:
    enter(page, "ada")
    form = open_form(page)
    form.get_by_role("button", name="Report").click()
    expect(form.locator("[data-block-id=what] .error")).to_have_text("Please complete this required field.")
    expect(form.get_by_label("What happened")).to_be_focused()
    fill(form)
    form.get_by_label("How many customers").fill("many")
    form.get_by_role("button", name="Report").click()
    expect(form.locator("[data-block-id=count] .error")).to_have_text("Please enter a number.")
    form.get_by_label("How many customers").fill("3")
    form.get_by_label("What happened").fill("wrong")
    form.get_by_label("What happened").press("Enter")
    expect(form.locator(".error")).to_have_text("Say what happened, <b>not</b> that it is wrong.")
    expect(form.get_by_label("What happened")).to_have_value("wrong")
    expect(form.get_by_label("How many customers")).to_have_value("3")
    expect(form.get_by_role("button", name="Report")).to_be_enabled()


def test_an_update_keeps_what_was_typed(page: Page) -> None:
    enter(page, "ada")
    form = open_form(page)
    fill(form)
    form.get_by_role("button", name="More details").click()
    expect(form.get_by_label("Money lost")).to_be_visible()
    expect(form.get_by_label("What happened")).to_have_value("Payments fail")
    expect(form.get_by_label("How many customers")).to_have_value("120")
    expect(form.get_by_label("What kind")).to_have_value("privacy")
    expect(form.get_by_label("Fast")).to_be_checked()


def test_a_form_redraws_itself_while_one_types(page: Page) -> None:
    enter(page, "ada")
    say(page, "/toy live")
    form = dialog(page)
    form.get_by_label("Name").press_sequentially("Acme", delay=30)
    expect(form.locator("[data-block-id=said]")).to_have_text("You said Acme, None.")
    expect(form.get_by_label("Name")).to_be_focused()
    form.get_by_label("Name").press_sequentially(" Ltd")
    form.get_by_label("Size").select_option("l")
    expect(form.locator("[data-block-id=said]")).to_have_text("You said Acme Ltd, l.")
    expect(form.get_by_label("Name")).to_have_value("Acme Ltd")
    form.get_by_role("link", name="#incidents").click()
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator("#head")).to_contain_text("incidents")


def test_what_was_typed_survives_a_reload(page: Page) -> None:
    enter(page, "ada")
    form = open_form(page)
    fill(form)
    form.get_by_label("Owner").focus()
    page.reload()
    expect(dialog(page).get_by_label("What happened")).to_have_value("Payments fail")
    expect(dialog(page).get_by_label("Fast")).to_be_checked()


def test_forms_lie_on_each_other_and_go_together(page: Page) -> None:
    enter(page, "ada")
    say(page, "/toy stack")
    dialog(page).get_by_label("Note 1").fill("kept")
    dialog(page).get_by_role("button", name="Deeper").click()
    expect(dialog(page).get_by_label("Note 2")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog(page).get_by_label("Note 1")).to_have_value("kept")
    dialog(page).get_by_role("button", name="Deeper").click()
    expect(dialog(page).get_by_label("Note 2")).to_be_visible()
    dialog(page).get_by_role("button", name="Deeper").click()
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_the_focus_stays_in_the_form(page: Page) -> None:
    enter(page, "ada")
    say(page, "/toy stack")
    expect(dialog(page).get_by_label("Note 1")).to_be_focused()
    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate("!document.activeElement.closest('#main, #sidebar, #topbar')")


def test_buttons_menus_and_confirmations_reach_the_app(page: Page) -> None:
    enter(page, "ada")
    say(page, "/toy show")
    shown = page.locator("#list article", has_text="INC-42")
    shown.get_by_role("button", name="Confirm").click()
    expect(last_message(page)).to_contain_text("@Ada Okafor used press.ok")
    say(page, "/toy show")
    shown.get_by_label("Pick one").select_option("green")
    expect(last_message(page)).to_contain_text("used green")
    say(page, "/toy show")
    shown.get_by_role("button", name="Drop it").click()
    expect(dialog(page)).to_contain_text("It is gone then.")
    dialog(page).get_by_role("button", name="Keep").click()
    shown.get_by_role("button", name="Drop it").click()
    dialog(page).get_by_role("button", name="Drop", exact=True).click()
    expect(last_message(page)).to_contain_text("used press.drop")
    say(page, "/toy show")
    shown.locator(".overflow > button").click()
    page.get_by_role("menuitem", name="Update").click()
    expect(last_message(page)).to_contain_text("used update")


def test_what_looks_like_html_is_text(page: Page) -> None:
    enter(page, "ada")
    bad = "<img src=x onerror=\"document.title='broken'\"> <b>bold</b> & &lt;i&gt; *strong*"
    say(page, bad)
    said = last_message(page)
    expect(said).to_contain_text("<img src=x onerror=\"document.title='broken'\"> <b>bold</b> & &lt;i&gt; strong")
    expect(said.locator("img")).to_have_count(0)
    expect(said.locator("b:not(.author)")).to_have_text("strong")
    say(page, '/toy say <a|b> <javascript:alert(1)|click> <https://x.example/"onclick=alert(1)|there>')
    expect(last_message(page)).to_contain_text("<javascript:alert(1)|click>")
    expect(last_message(page).locator("a")).to_have_count(1)
    assert page.evaluate("!document.querySelector('[onclick], [onerror]')")


def test_others_messages_appear_without_reloading(page: Page, toybox: Toybox) -> None:
    enter(page, "ada")
    page.locator("#composer textarea").fill("not sent yet")
    posted = toybox.act("message", user="wang", channel="general", text="Where are we? <@U0ADA>")
    expect(page.locator(f"#list [data-ts='{posted['ts']}']")).to_contain_text("Where are we? @Ada Okafor")
    expect(page.locator("#composer textarea")).to_have_value("not sent yet")
    toybox.act("message", user="wang", channel="incidents", text="Over here, <@U0ADA>")
    place = page.locator("#sidebar [data-place=C0INCIDENTS]")
    expect(place.locator(".count")).to_have_text("1")
    place.click()
    expect(place.locator(".count")).to_have_count(0)
    expect(page.locator(".day.fresh")).to_be_visible()
    page.locator("#sidebar [data-place=C0GENERAL]").click()
    expect(page.locator("#composer textarea")).to_have_value("not sent yet")


def test_one_sees_that_someone_else_is_called(page: Page, toybox: Toybox) -> None:
    enter(page, "ada")
    toybox.act("message", user="tom", channel="U0WANG", text="Can you look?")
    page.get_by_role("button", name="Wang 王 has 1 unread").click()
    expect(page.locator(".sandbox")).to_have_attribute("data-as", "U0WANG")
    expect(page.locator("#sidebar .place.unread", has_text="Tom Berger").locator(".count")).to_have_text("1")


def test_a_thread_is_read_and_answered_beside_the_channel(page: Page) -> None:
    enter(page, "ada")
    say(page, "The first word")
    message = last_message(page)
    expect(message).to_contain_text("The first word")
    message.hover()
    message.get_by_role("button", name="Reply in thread").click()
    page.get_by_role("textbox", name="Reply in the thread").fill("An answer")
    page.get_by_role("textbox", name="Reply in the thread").press("Enter")
    expect(page.locator("#thread-list article").last).to_contain_text("An answer")
    expect(message.get_by_role("button", name="1 reply")).to_be_visible()
    expect(page.locator("#list article")).to_have_count(1)
    page.get_by_role("complementary").get_by_role("button", name="Close").click()
    expect(page.locator("#thread")).to_be_hidden()


def test_a_message_shortcut_reaches_the_app(page: Page) -> None:
    enter(page, "ada")
    say(page, "Worth quoting")
    message = last_message(page)
    expect(message).to_contain_text("Worth quoting")
    message.hover()
    message.get_by_role("button", name="More actions for the message of Ada Okafor").click()
    page.get_by_role("menuitem", name="Quote this").click()
    message.get_by_role("button", name="1 reply").click()
    expect(page.locator("#thread-list article").last.locator("blockquote")).to_have_text("Worth quoting")


def test_commands_complete_and_answer_privately(page: Page) -> None:
    enter(page, "ada")
    composer = page.get_by_role("textbox", name="Message #general")
    composer.press_sequentially("/toyo")
    expect(page.get_by_role("option")).to_have_text("/toyota Another one with a similar name")
    composer.press("Tab")
    expect(composer).to_have_value("/toyota ")
    say(page, "/toy hush now")
    answer = last_message(page)
    expect(answer).to_contain_text("Only visible to you")
    expect(answer).to_contain_text("Psst, @Ada Okafor: now")
    answer.get_by_role("button", name="Dismiss").click()
    expect(page.locator("#list article")).to_have_count(0)
    say(page, "/nothing")
    expect(page.locator(".toast")).to_contain_text("“/nothing” is not a command here.")
    expect(composer).to_have_value("/nothing")


def test_a_slow_app_is_named_in_a_sentence(page: Page) -> None:
    enter(page, "ada")
    say(page, "/toy slow")
    expect(page.locator(".toast")).to_contain_text("“/toy” got no answer from Toybox within three seconds")


def test_home_is_drawn_and_its_buttons_work(page: Page) -> None:
    enter(page, "ada")
    page.get_by_role("link", name="Toybox, Home").click()
    expect(page.locator("[data-home]")).to_contain_text("Good afternoon, @Ada Okafor. You have 0 things to do.")
    page.get_by_role("button", name="One more").click()
    expect(page.locator("[data-home]")).to_contain_text("You have 1 things to do.")


def test_an_archived_channel_says_so(page: Page, toybox: Toybox) -> None:
    made = toybox.act("create_channel", user="ada", name="old-stories")["channel"]["id"]
    enter(page, "ada", made)
    expect(page.locator("#composer textarea")).to_be_visible()
    toybox.act("archive", user="ada", channel=made)
    expect(page.get_by_text("This channel is archived.")).to_be_visible()
    expect(page.locator("#composer textarea")).to_have_count(0)
    expect(page.locator("#sidebar details")).to_contain_text("old-stories")


def test_channels_are_found_and_joined(page: Page, toybox: Toybox) -> None:
    made = toybox.act("create_channel", user="tom", name="hidden-corner")["channel"]["id"]
    toybox.act("create_channel", user="tom", name="toms-secret", is_private=True)
    enter(page, "ada")
    page.get_by_role("button", name="Browse channels").click()
    expect(dialog(page)).not_to_contain_text("toms-secret")
    dialog(page).get_by_role("button", name="Join #hidden-corner").click()
    expect(page.locator(f"#sidebar [data-place={made}]")).to_have_attribute("aria-current", "page")
    expect(page.locator("#list .system").last).to_contain_text("@Ada Okafor has joined the channel")


def test_the_words_of_the_manifest_are_the_same_for_everybody() -> None:
    workspace = Workspace(read(Path(__file__).parent / "manifest.yml"), Store(None))
    app = workspace.manifest
    for name in ("ada", "lin"):
        viewer = Viewer(workspace, workspace.person(name))
        drawn = frame.composer(workspace.channel("general"), viewer, True) + frame.message_menu(viewer)
        for shortcut in app.shortcuts.values():
            assert f">{shortcut.name}<" in drawn
        assert all(command.description in drawn for command in app.commands.values())


def test_a_chinese_reader_finds_chinese(page: Page, toybox: Toybox) -> None:
    enter(page, "lin")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.get_by_text("你是Northlight Support 北光客服的客服专员 Lin 林。")).to_be_visible()
    page.get_by_role("button", name="快捷操作").click()
    expect(page.get_by_role("menuitem", name="Report an incident Opens the form with every field")).to_be_visible()
    page.keyboard.press("Escape")  # the app's own words stay as they stand in its manifest; the page's are translated
    page.get_by_role("button", name="快捷操作").click()
    expect(page.get_by_role("menuitem", name="Report an incident Opens the form with every field")).to_be_visible()
    page.keyboard.press("Escape")  # the app's own words stay as they stand in its manifest; the page's are translated
    page.get_by_role("button", name="上报事件").click()
    dialog(page).get_by_role("button", name="Report").click()
    expect(dialog(page).locator(".error").first).to_have_text("请填写此项。")
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    say(page, "/toy say due <!date^1795262400^{date_short} {time}|later>")
    expect(last_message(page)).to_contain_text("due 2026年11月21日 20:00")
    page.get_by_role("button", name="当前身份：Lin 林").click()
    page.get_by_role("button", name="切换为 Tom Berger，主管").click()
    expect(page.get_by_role("textbox", name="Message #general")).to_be_visible()
    expect(last_message(page)).to_contain_text("due Nov 21, 2026 13:00")


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_needs_scrolling_sideways(browser: Browser, toybox: Toybox, width: int) -> None:
    context = browser.new_context(base_url=toybox.url, viewport={"width": width, "height": 844})
    page = context.new_page()

    def check() -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        wide = "[...document.querySelectorAll('.sandbox *')].filter(e => e.scrollWidth > e.clientWidth + 1"
        wide += " && getComputedStyle(e).overflowX == 'auto' && e.clientWidth).length"
        assert page.evaluate(wide) == 0

    enter(page, "ada")
    check()
    toybox.act("message", user="tom", channel="general", text="W" * 300 + " `" + "x" * 200 + "`")
    say(page, "/toy show")
    expect(last_message(page)).to_contain_text("INC-42")
    check()
    if width < 760:
        expect(page.locator("#sidebar")).to_be_hidden()
        page.get_by_role("button", name="Channels and messages").click()
        page.locator("#sidebar [data-place=C0INCIDENTS]").click()
        expect(page.locator("#head")).to_contain_text("incidents")
        expect(page.locator("#sidebar")).to_be_hidden()
    form = open_form(page)
    check()
    box = form.bounding_box()
    assert box is not None
    assert box["width"] == width if width < 760 else box["width"] < 600
    context.close()


def test_the_app_being_away_is_said_with_what_to_do(page: Page, toybox: Toybox) -> None:
    enter(page, "ada")
    fault = toybox.post("faults", method="apps.connections.open", kind="error", sockets=True)
    expect(page.locator(".away")).to_contain_text("Toybox is away: it is starting, or its connection is interrupted.")
    expect(page.locator(".away")).not_to_contain_text("SLACK_API_URL=")
    say(page, "/toy hush")
    expect(page.locator(".toast")).to_contain_text("Toybox is away")
    toybox.http.delete(f"/sandbox/faults/{fault['id']}")
    expect(page.locator(".away")).to_have_count(0, timeout=30_000)


def test_where_no_app_was_started_it_is_said_how(browser: Browser) -> None:
    with started() as alone:
        page = browser.new_context(base_url=alone.url).new_page()
        enter(page, "ada")
        expect(page.locator(".away")).to_contain_text("Start it in a terminal")
        expect(page.locator(".away")).to_contain_text(f"SLACK_API_URL={alone.url}/api/")
        expect(page.locator(".away button")).to_have_count(0)
        page.context.close()


@pytest.mark.parametrize(
    ("person", "said", "again"),
    [
        ("ada", "Toybox is away. The bot was ended by signal 9.", "Start the bot again"),
        ("lin", "Toybox 不在线。机器人被信号 9 终止。", "重新启动机器人"),
    ],
)
def test_an_app_that_was_killed_is_started_again_with_a_click(page: Page, person: str, said: str, again: str) -> None:
    enter(page, person)
    say(page, "/toy die")
    expect(page.locator(".away")).to_contain_text(said)
    expect(page.locator(".away")).not_to_contain_text("SLACK_API_URL=")
    page.get_by_role("button", name=again).click()
    expect(page.locator(".away")).to_have_count(0, timeout=30_000)
    say(page, "/toy hush alive")
    expect(last_message(page)).to_contain_text("alive")


def test_five_hundred_messages_stay_quick(page: Page, toybox: Toybox) -> None:
    for i in range(500):
        toybox.act("message", user="tom", channel="general", text=f"Message {i} for <@U0ADA> :white_check_mark:")
    enter(page, "ada")
    page.get_by_role("button", name="Show 300 earlier messages").click()
    page.get_by_role("button", name="Show 100 earlier messages").click()
    expect(page.locator("#list article")).to_have_count(500)
    page.locator("#list").evaluate("list => { list.scrollTop = list.scrollHeight }")
    took = page.evaluate(
        """async () => {
            const began = performance.now();
            const text = document.querySelector('#composer textarea');
            text.value = 'the last one';
            text.form.requestSubmit();
            const there = () => document.querySelector('#list article:last-of-type')
                && [...document.querySelectorAll('#list article')].at(-1).textContent.includes('the last one');
            while (!there()) await new Promise(requestAnimationFrame);
            return performance.now() - began;
        }"""
    )
    assert took < 1000


@pytest.mark.parametrize(("language", "report"), [("en-GB", "Report an incident"), ("zh-CN", "上报事件")])
def test_a_newcomer_begins_as_somebody_who_speaks_their_language(
    browser: Browser, toybox: Toybox, language: str, report: str
) -> None:
    context = browser.new_context(base_url=toybox.url, locale=language)
    opened = context.new_page()
    opened.goto("/")
    expect(opened.locator(".intro").get_by_role("button", name=report)).to_be_visible()
    context.close()
