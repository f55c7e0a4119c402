"""A person's first five minutes on the web phone, by Playwright in Chromium; a program of its own.

Prints what the page showed as JSON. `--light`, `--dark` name files for screenshots.
"""

import argparse
import json
import sys

from playwright.sync_api import Page, expect, sync_playwright

CHROMIUM = [
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-quic"),
]


def main() -> int:
    """Run the minutes on the page at the given address."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--light")
    parser.add_argument("--dark")
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        page = browser.new_page(viewport={"width": 1440, "height": 1000}, color_scheme="light")
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.goto(options.url)
        seen = _minutes(page)
        if options.light:
            page.screenshot(path=options.light)
        if options.dark:
            page.emulate_media(color_scheme="dark")
            page.screenshot(path=options.dark)
        browser.close()
    print(json.dumps({**seen, "complaints": complaints}, ensure_ascii=False))
    return 0


def _minutes(page: Page) -> dict[str, str]:
    phone = page.locator("#phones > *").first
    popup = phone.locator(".popup .text")

    def dial(code: str) -> str:
        for character in code:
            phone.get_by_role("button", name=character, exact=True).or_(
                phone.get_by_role("button", name=f"{character}, hold for plus", exact=True)
            ).first.click()
        phone.get_by_role("button", name="Call or send").click()
        expect(popup).to_be_visible(timeout=30_000)
        return popup.inner_text()

    seen: dict[str, str] = {}
    phone.get_by_role("button", name="Add").click()
    expect(phone).to_contain_text("not a member", timeout=30_000)
    seen["join"] = dial("*100*2#")
    phone.get_by_role("textbox", name="Answer").fill("1")
    popup_before = popup.inner_text()
    phone.locator(".reply").get_by_role("button", name="Send").click()
    expect(popup).not_to_have_text(popup_before, timeout=30_000)
    expect(phone).to_contain_text("· member", timeout=30_000)
    seen["joined"] = popup.inner_text()
    phone.get_by_role("button", name="OK").click()
    seen["cashback"] = dial("*100*1#")
    phone.get_by_role("button", name="OK").click()
    page.get_by_role("button", name="Buy", exact=True).click()
    page.locator("#orders").get_by_role("button", name="Confirm").click()
    expect(page.locator("#orders")).to_contain_text("accrued", timeout=30_000)
    phone.get_by_role("tab", name="Messages").click()
    expect(phone).to_contain_text("Начислено 100 р", timeout=30_000)
    page.get_by_role("button", name="Next 1st").click()
    expect(page.locator("#clock-date")).to_contain_text("Apr", timeout=30_000)
    page.get_by_role("button", name="Next 09:00").click()
    expect(phone).to_contain_text("Счет 650 р", timeout=30_000)
    seen["inbox"] = phone.get_by_role("list", name="Messages of phone A").inner_text()
    seen["balance"] = dial("*100#")
    return seen


if __name__ == "__main__":
    sys.exit(main())
