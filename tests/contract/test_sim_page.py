"""The simulator's pages in a real Chromium against a whole system, beyond the first five minutes of the phone."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from system import A, C, System

CHROMIUM = Path("/usr/bin/chromium")
SETTLE_MS = 15_000

pytestmark = [
    pytest.mark.parametrize("started", ["sqlite"], indirect=True),  # the page knows no database
    pytest.mark.peer("chromium"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed: the pages are NOT tested"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-background-networking", "--disable-gpu"]
        launched = playwright.chromium.launch(executable_path=str(CHROMIUM), args=arguments)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, system: System) -> Iterator[Page]:
    """The phone page of a fresh system; whatever the page complains of fails the test."""
    opened = browser.new_page(viewport={"width": 1360, "height": 1000})
    opened.set_default_timeout(SETTLE_MS)
    expect.set_options(timeout=SETTLE_MS)
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    opened.goto(f"http://127.0.0.1:{system.sim_port}/")
    yield opened
    opened.close()
    assert complaints == []


def phone(page: Page, letter: str) -> Locator:
    return page.locator("article.phone").filter(has=page.locator(f".letter.{letter}"))


def messages(one: Locator) -> Locator:
    one.get_by_role("tab", name=re.compile("Messages")).click()
    return one.locator(".sms li:not(.empty) p")


def joined(page: Page) -> Locator:
    """Phone A, made a subscriber and a member on its own keypad."""
    handset = phone(page, "A")
    handset.get_by_role("button", name="Add").click()
    expect(handset.locator(".who")).to_contain_text("not a member")
    handset.get_by_role("button", name="*100*2#").click()
    handset.get_by_role("textbox", name="Answer").fill("1")
    handset.locator(".reply").get_by_role("button", name="Send").click()
    expect(handset.locator(".who")).to_contain_text("individual · member")
    expect(messages(handset).last).to_contain_text("Вы участник программы")
    return handset


def buy_and_confirm(page: Page) -> None:
    orders = page.locator(".orders li")
    page.get_by_role("button", name="Buy").click()
    expect(orders.first.locator(".badge")).to_have_text("pending")
    orders.first.get_by_role("button", name="Confirm").click()
    expect(orders.first.locator(".badge")).to_have_text("accrued")


def test_what_waits_while_the_smsc_is_down_arrives_when_it_is_up(page: Page) -> None:
    handset = joined(page)
    page.get_by_role("button", name="SMSC down").click()
    expect(page.locator("#link-state")).to_have_text("down")
    for _ in range(5):
        buy_and_confirm(page)
    expect(messages(handset)).to_have_count(1)
    page.get_by_role("button", name="SMSC up").click()
    expect(messages(handset)).to_have_count(6)


def test_the_keyboard_alone_dials_answers_and_hangs_up(page: Page) -> None:
    handset = phone(page, "A")
    handset.get_by_role("button", name="Add").click()
    handset.focus()
    page.keyboard.type("*100*2#")
    expect(handset.locator(".display")).to_have_text("*100*2#")
    page.keyboard.press("Backspace")
    page.keyboard.type("#")
    page.keyboard.press("Enter")
    expect(handset.get_by_role("textbox", name="Answer")).to_be_visible()
    handset.focus()
    page.keyboard.press("Escape")
    expect(handset.locator(".popup")).to_have_count(0)


def test_holding_zero_types_a_plus(page: Page) -> None:
    handset = phone(page, "A")
    zero = handset.get_by_role("button", name="0, hold for plus")
    zero.click()
    zero.click(delay=700)
    expect(handset.locator(".display")).to_have_text("0+")


def test_what_a_text_costs_is_told_while_it_is_typed(page: Page) -> None:
    handset = phone(page, "A")
    handset.get_by_role("tab", name=re.compile("Messages")).click()
    text, cost = handset.locator(".compose textarea"), handset.locator(".compose .cost")
    text.fill("5 €")
    expect(cost).to_have_text("4 GSM-7 · 1 seg. · 156 left")
    text.fill("și " * 30)
    expect(cost).to_have_text("90 UCS-2 · 2 seg. · 44 left · because of ș")
    expect(cost).to_have_attribute("title", "with letters rewritten: 1 seg.")
    text.fill("")
    expect(cost).to_have_text("")


def test_markup_in_a_message_stays_text(page: Page, system: System) -> None:
    hostile = "<img src=x onerror=\"document.title='owned'\"><script>alert(1)</script>"
    sent = system.sim("POST", f"/sim/handsets/{C}/sms", {"to": A, "text": hostile})
    assert sent.status == 200
    handset = phone(page, "A")
    expect(messages(handset).last).to_have_text(hostile)
    assert handset.locator("img, script").count() == 0
    page.goto(f"http://127.0.0.1:{system.sim_port}/inbox")
    page.locator("button.mail").first.click()
    expect(page.locator(".mail-body")).to_have_text(hostile)
    assert "owned" not in page.title()


def test_inbox_finds_a_message_and_shows_its_way(page: Page, system: System) -> None:
    joined(page)
    page.goto(f"http://127.0.0.1:{system.sim_port}/inbox")
    page.get_by_label("Search").fill("участник")
    expect(page.locator("button.mail")).to_have_count(1)
    page.locator("button.mail").click()
    expect(page.locator(".timeline")).to_contain_text("submit_sm_resp")
    page.locator(".segment summary").click()
    expect(page.locator(".segment .fields")).to_contain_text("CASHBACK")


def test_network_page_puts_and_clears_faults(page: Page, system: System) -> None:
    page.goto(f"http://127.0.0.1:{system.sim_port}/network")
    expect(page.locator("#links tbody")).to_contain_text("gateway")
    page.get_by_role("button", name="Throttling").click()
    expect(page.get_by_label("RTHROTTLED")).to_have_value("30")
    assert system.sim("GET", "/sim/faults").body["response"]["status"] == {"ESME_RTHROTTLED": 0.3}
    page.get_by_role("button", name="Everything works").click()
    expect(page.get_by_label("RTHROTTLED")).to_have_value("0")
    page.locator(".trace .pdu summary").first.click()
    expect(page.locator(".trace .pdu .hex").first).to_be_visible()


def test_network_page_makes_the_smsc_another_persona(page: Page, system: System) -> None:
    page.goto(f"http://127.0.0.1:{system.sim_port}/network")
    picker = page.get_by_label("The SMSC is")
    expect(picker).to_have_value("modern")
    picker.select_option("vendor_throttle")
    expect(page.locator("#persona-what")).not_to_have_text("")
    expect(picker).to_have_value("vendor_throttle")
    personas = {one["name"]: one["faults"] for one in system.sim("GET", "/sim/personas").body["items"]}
    assert system.sim("GET", "/sim/faults").body == personas["vendor_throttle"]
    page.get_by_role("button", name="Throttling").click()
    expect(picker).to_have_value("")
    page.get_by_role("button", name="Everything works").click()
    expect(picker).to_have_value("modern")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_readable_in_both_schemes(browser: Browser, system: System, scheme: Any) -> None:
    opened = browser.new_page(color_scheme=scheme)
    opened.goto(f"http://127.0.0.1:{system.sim_port}/")
    background, ink = opened.evaluate(
        "() => { const style = getComputedStyle(document.body); return [style.backgroundColor, style.color]; }"
    )
    assert abs(_brightness(background) - _brightness(ink)) > 150
    assert (_brightness(background) > 128) is (scheme == "light")
    opened.close()


def _brightness(colour: str) -> float:
    red, green, blue = (int(one) for one in re.findall(r"\d+", colour)[:3])
    return 0.299 * red + 0.587 * green + 0.114 * blue
