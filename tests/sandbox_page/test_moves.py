"""Where the page scrolls to, and where the keyboard is, after one has done something."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.sandbox_page.conftest import Toybox, enter, say
from tests.sandbox_page.test_page import dialog, last_message, open_form

WIDE, PHONE = (1440, 900), (390, 844)


@pytest.fixture(params=[WIDE, PHONE], ids=["wide", "phone"])
def sized(request: pytest.FixtureRequest, page: Page) -> Page:
    width, height = request.param
    page.set_viewport_size({"width": width, "height": height})
    return page


@pytest.fixture
def phone(page: Page) -> Page:
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    return page


def box(of: Locator) -> tuple[float, float]:
    """Where it begins and ends, from above."""
    found = of.bounding_box()
    assert found is not None
    return found["y"], found["y"] + found["height"]


def is_whole_in(inner: Locator, outer: Locator) -> bool:
    (top, bottom), (first, last) = box(inner), box(outer)
    return first <= top + 1 and bottom <= last + 1


def fill_channel(toybox: Toybox) -> None:
    for i in range(40):
        toybox.act("message", user="tom", channel="general", text=f"Message {i}")


def scroll_up(page: Page) -> None:
    page.locator("#list").evaluate("list => { list.scrollTop = 0 }")


# -- selects whose options the app finds -------------------------------------------------------------------------------


def test_a_select_that_needs_no_letter_opens_with_a_click(page: Page) -> None:
    enter(page, "ada")
    say(page, "/toy long")
    customer = dialog(page).get_by_label("Which customer")
    expect(customer).to_be_focused()
    expect(page.get_by_role("option")).to_have_count(0)
    customer.click()
    expect(page.get_by_role("option")).to_have_text(["Acme", "Initech", "Globex"])
    page.get_by_role("option", name="Initech").click()
    expect(dialog(page).locator(".chips li")).to_contain_text("Initech")
    expect(page.get_by_role("option")).to_have_count(0)
    expect(customer).to_be_focused()


def test_a_select_that_needs_no_letter_is_used_with_the_keyboard(page: Page) -> None:
    enter(page, "ada")
    say(page, "/toy long")
    customer = dialog(page).get_by_label("Which customer")
    expect(customer).to_be_focused()
    customer.press("ArrowDown")
    expect(page.get_by_role("option")).to_have_count(3)
    customer.press("ArrowUp")
    expect(page.get_by_role("option", name="Globex")).to_have_attribute("aria-selected", "true")
    expect(customer).to_have_attribute("aria-activedescendant", re.compile("-2$"))
    customer.press("Escape")
    expect(page.get_by_role("option")).to_have_count(0)
    customer.press("ArrowDown")
    expect(page.get_by_role("option")).to_have_count(3)
    customer.press("ArrowDown")
    customer.press("ArrowDown")
    customer.press("Enter")
    expect(dialog(page).locator(".chips li")).to_contain_text("Initech")
    customer.press_sequentially("glo")
    expect(page.get_by_role("option")).to_have_text(["Globex"])
    customer.press("Enter")
    expect(dialog(page).locator(".chips li")).to_have_text(re.compile("Globex"))


def test_a_select_that_needs_a_letter_waits_for_it(page: Page, toybox: Toybox) -> None:
    enter(page, "ada")
    customer = open_form(page).get_by_label("Customer", exact=True)
    before = len(toybox.get("deliveries"))
    customer.click()
    customer.press("ArrowDown")
    customer.press("a")
    expect(page.locator(".found [role=option]")).to_have_text(["Acme"])
    assert len(toybox.get("deliveries")) == before + 1


# -- the list of messages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Mine", "/toy hush answered", "/toy later answered", "/toy say answered"])
def test_what_one_sends_and_its_answer_are_shown(sized: Page, toybox: Toybox, text: str) -> None:
    fill_channel(toybox)
    enter(sized, "ada")
    scroll_up(sized)
    say(sized, text)
    expect(last_message(sized)).to_contain_text(text.rsplit(maxsplit=1)[-1])
    expect(last_message(sized)).to_be_in_viewport(ratio=1)
    assert is_whole_in(last_message(sized), sized.locator("#list"))


def test_a_command_that_opens_a_form_leaves_the_messages_where_they_are(page: Page, toybox: Toybox) -> None:
    fill_channel(toybox)
    enter(page, "ada")
    scroll_up(page)
    say(page, "/toy long")
    dialog(page).get_by_role("button", name="Cancel").click()
    expect(page.locator("dialog[open]")).to_have_count(0)
    toybox.act("message", user="tom", channel="general", text="Something else")
    expect(page.locator("#newest")).to_be_visible()
    assert page.locator("#list").evaluate("list => list.scrollTop") == 0


def test_an_answer_is_shown_where_one_had_not_read_everything(phone: Page, toybox: Toybox) -> None:
    enter(phone, "ada", "C0INCIDENTS")
    phone.goto("/?as=ada&at=C0INCIDENTS")
    fill_channel(toybox)
    enter(phone, "ada")
    expect(phone.locator(".day.fresh")).to_be_in_viewport()
    say(phone, "/toy hush answered")
    expect(last_message(phone)).to_contain_text("answered")
    assert is_whole_in(last_message(phone), phone.locator("#list"))
    toybox.act("message", user="tom", channel="general", text="And one more")
    expect(last_message(phone)).to_contain_text("And one more")
    assert is_whole_in(last_message(phone), phone.locator("#list"))


def test_the_end_stays_in_sight_when_the_composer_grows(phone: Page, toybox: Toybox) -> None:
    fill_channel(toybox)
    enter(phone, "ada")
    say(phone, "Mine")
    expect(last_message(phone)).to_contain_text("Mine")
    before = box(phone.locator("#list"))[1]
    phone.locator("#composer textarea").fill("a\nb\nc\nd\ne\nf")
    assert box(phone.locator("#list"))[1] < before
    below = "const l = document.querySelector('#list'); return l.scrollHeight - l.scrollTop - l.clientHeight"
    phone.wait_for_function(f"() => {{ {below} < 2 }}")


def test_that_there_is_something_new_below_is_said_above_the_composer(sized: Page, toybox: Toybox) -> None:
    fill_channel(toybox)
    enter(sized, "ada")
    scroll_up(sized)
    room = box(sized.locator("#list"))
    toybox.act("message", user="tom", channel="general", text="Something else")
    hint = sized.get_by_role("button", name="New messages below")
    expect(hint).to_be_visible()
    assert box(sized.locator("#list")) == room, "it takes no room"
    assert box(hint)[1] <= box(sized.locator("#composer"))[0]
    assert is_whole_in(hint, sized.locator("#list"))
    hint.click()
    expect(hint).to_be_hidden()
    assert is_whole_in(last_message(sized), sized.locator("#list"))


# -- forms -------------------------------------------------------------------------------------------------------------


def depth(form: Locator) -> float:
    return float(form.locator(".inside").evaluate("inside => inside.scrollTop"))


def test_the_next_form_begins_at_its_top(sized: Page) -> None:
    enter(sized, "ada")
    say(sized, "/toy long")
    for chapter in (1, 2, 3):  # answered with another form, with the same one drawn anew, with one above it
        form = dialog(sized)
        expect(form.get_by_role("heading")).to_have_text(f"Chapter {chapter}")
        expect(form.get_by_label("Which customer")).to_be_focused()
        assert depth(form) == 0
        form.get_by_label("The last number").fill("1")
        assert depth(form) > 100
        form.get_by_role("button", name="Next").click()
    expect(dialog(sized).get_by_role("heading")).to_have_text("Chapter 4")
    assert depth(dialog(sized)) == 0
    sized.keyboard.press("Escape")
    below = dialog(sized)
    expect(below.get_by_role("heading")).to_have_text("Chapter 3")
    expect(below.get_by_role("button", name="Next")).to_be_focused()
    assert depth(below) > 100, "one is where one was"


def test_a_form_that_is_only_redrawn_stays_where_it_is(sized: Page) -> None:
    enter(sized, "ada")
    say(sized, "/toy long")
    form = dialog(sized)
    form.get_by_label("Reason").fill("Because")
    before = depth(form)
    assert before > 100
    form.get_by_label("Reason").press("Enter")
    expect(form.locator(".inside")).to_contain_text("Noted.")
    expect(form.get_by_label("Reason")).to_be_focused()
    assert depth(form) == before


def put_at_the_lower_edge(field: Locator) -> None:
    field.evaluate(
        """field => {
            const inside = field.closest(".inside");
            inside.scrollTop += field.getBoundingClientRect().bottom - inside.getBoundingClientRect().bottom;
        }"""
    )


def test_what_is_wrong_is_shown_whole_with_its_field(sized: Page) -> None:
    enter(sized, "ada")
    say(sized, "/toy long")
    form = dialog(sized)
    number, error = form.get_by_label("The last number"), form.locator("[data-block-id=last] .error")
    number.fill("many")
    put_at_the_lower_edge(number)
    form.get_by_role("button", name="Next").click()
    expect(number).to_be_focused()
    assert is_whole_in(error, form.locator(".inside"))
    form.get_by_label("Field 7").focus()
    put_at_the_lower_edge(number)
    sized.keyboard.press("Tab")
    expect(number).to_be_focused()
    assert is_whole_in(error, form.locator(".inside")), "also when one comes back to it"


def test_what_is_wrong_with_a_choice_takes_the_keyboard_there(phone: Page) -> None:
    enter(phone, "ada")
    form = open_form(phone)
    form.get_by_label("What happened").fill("Payments fail")
    form.get_by_label("How many customers").fill("3")
    form.get_by_label("What kind").select_option("privacy")
    form.get_by_role("button", name="Report").click()
    expect(form.get_by_label("Slow")).to_be_focused()
    assert is_whole_in(form.locator("[data-block-id=speed] .error"), form.locator(".inside"))


# -- the keyboard ------------------------------------------------------------------------------------------------------


def test_a_button_that_unfolds_gives_the_keyboard_to_what_it_unfolded(page: Page) -> None:
    enter(page, "ada")
    form = open_form(page)
    form.get_by_role("button", name="More details").press("Enter")
    expect(form.get_by_label("Money lost")).to_be_focused()


def test_what_is_unfolded_between_others_comes_next(page: Page) -> None:
    enter(page, "ada")
    say(page, "/toy long")
    dialog(page).get_by_role("button", name="Unfold").press("Enter")
    expect(dialog(page).get_by_label("Money")).to_be_focused()
    page.keyboard.press("Tab")
    expect(dialog(page).get_by_label("Reason")).to_be_focused()


def test_a_button_that_is_drawn_anew_keeps_the_keyboard(page: Page) -> None:
    enter(page, "ada")
    page.get_by_role("link", name="Toybox, Home").click()
    again = page.get_by_role("button", name="One more")
    again.press("Enter")
    expect(page.locator("[data-home]")).to_contain_text("You have 1 things to do.")
    expect(again).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[data-home]")).to_contain_text("You have 2 things to do.")


@pytest.mark.parametrize("leave", ["Escape", "Cancel", "Close"])
def test_a_closed_form_gives_the_keyboard_back(page: Page, leave: str) -> None:
    def close() -> None:
        if leave == "Escape":
            page.keyboard.press(leave)
        else:
            dialog(page).get_by_role("button", name=leave, exact=True).click()
        expect(page.locator("dialog[open]")).to_have_count(0)

    enter(page, "ada")
    page.locator(".intro").get_by_role("button", name="Report an incident").click()
    expect(dialog(page)).to_be_visible()
    close()
    expect(page.locator("#composer textarea")).to_be_focused()  # the button is gone with the introduction
    open_form(page)
    close()
    expect(page.get_by_role("button", name="Shortcuts")).to_be_focused()
    say(page, "/toy stack")
    expect(dialog(page)).to_be_visible()
    close()
    expect(page.locator("#composer textarea")).to_be_focused()


def test_a_closed_form_gives_the_keyboard_back_to_the_button_of_a_message(page: Page, toybox: Toybox) -> None:
    enter(page, "ada")
    say(page, "/toy press")
    button = last_message(page).get_by_role("button", name="Open the form")
    button.press("Enter")
    expect(dialog(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(button).to_be_focused()
    button.press("Enter")
    expect(dialog(page)).to_be_visible()
    dialog(page).get_by_role("button", name="Deeper").click()
    expect(dialog(page).get_by_label("Note 2")).to_be_focused()
    dialog(page).get_by_role("button", name="Deeper").click()
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(button).to_be_focused()


# -- how it looks ------------------------------------------------------------------------------------------------------


def test_why_one_cannot_write_stands_in_a_box_with_room(sized: Page, toybox: Toybox) -> None:
    made = toybox.act("create_channel", user="ada", name="old-stories")["channel"]["id"]
    toybox.act("archive", user="ada", channel=made)
    enter(sized, "ada", made)
    note = sized.locator("p.note")
    expect(note).to_have_css("padding", "10px 14px")
    assert is_whole_in(note, sized.locator("#composer"))


def test_a_long_placeholder_is_read_to_its_end(phone: Page) -> None:
    enter(phone, "ada")
    say(phone, "/toy long")
    customer = dialog(phone).get_by_label("Which customer")
    expect(customer).to_be_visible()
    room, needed = customer.evaluate(
        """input => {
            const style = getComputedStyle(input, "::placeholder");
            const pen = document.createElement("canvas").getContext("2d");
            pen.font = `${style.fontSize} ${style.fontFamily}`;
            const own = getComputedStyle(input);
            return [input.clientWidth - parseFloat(own.paddingLeft) - parseFloat(own.paddingRight),
                    pen.measureText(input.placeholder).width];
        }"""
    )
    assert needed <= room
