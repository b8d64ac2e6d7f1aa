"""Takes the README's three pictures anew: starts the demo in a folder of its own and plays an incident in Chromium."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, ViewportSize, sync_playwright

ROOT = Path(__file__).parent.parent
SIZE = ViewportSize(width=1200, height=760)
ADA = "U0ADA"


def main() -> int:
    """Returns the exit code."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("Chromium is needed: install it, then try again.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "sandbox", "--port", "0", "--announce-ready", "--data", folder]
        command += ["--manifest", "manifest.yml", "--", sys.executable, "-m", "bot", "run"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as demo:
            assert demo.stdout is not None
            line = next(line for line in demo.stdout if line.startswith("SANDBOX_READY "))
            url = str(json.loads(line.removeprefix("SANDBOX_READY "))["url"])
            try:
                httpx.get(f"{url}/sandbox/wait?connections=1&timeout=30", timeout=40)
                with sync_playwright() as playwright:
                    browser = playwright.chromium.launch(
                        executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
                    )
                    take(browser.new_page(base_url=url, viewport=SIZE))
                    browser.close()
            finally:
                demo.terminate()
    return 0


def take(page: Page) -> None:
    """Plays the first minutes of an incident."""
    page.goto("/?as=ada&at=C0GENERAL")
    page.locator(".sandbox[data-ready]").wait_for()
    page.get_by_role("button", name="Report an incident").first.click()
    form = page.locator("dialog[open]").last
    form.get_by_label("What happened").fill("Payments fail with error 502")
    form.get_by_label("Who is affected").fill("Acme Ltd")
    form.get_by_label("How many customers").fill("120")
    form.get_by_label("What kind").select_option(label="System failure")
    page.screenshot(path=ROOT / "docs" / "report.png")
    form.get_by_role("button", name="Report", exact=True).click()
    page.locator("dialog[open]").get_by_role("link", name="#inc-0001").click()
    card = page.locator("#list article", has_text="INC-1 ·").last
    card.get_by_role("button", name="Verified").click()
    note = page.locator("dialog[open]").last
    note.get_by_label("What you found").fill("Card payments only, since 13:50. Tech support is on it.")
    note.get_by_role("button", name="Verified").click()
    card.get_by_text("✅ Verify").or_(card.get_by_text("was verified")).or_(card.locator("text=early")).first.wait_for()
    page.mouse.move(5, 5)
    page.screenshot(path=ROOT / "docs" / "channel.png")
    take_postmortem(page)


def take_postmortem(page: Page) -> None:
    """The rest of it by the sandbox's own acts, then the thread that managers read."""

    def act(what: str, **body: object) -> Any:
        return page.request.post(f"/sandbox/act/{what}", data=body).json()

    def settle() -> None:
        page.request.get("/sandbox/wait?until=calls_idle&quiet_ms=800&timeout=20")

    state = page.request.get("/sandbox/state").json()
    channel = next(each for each in state["channels"].values() if each["name"].startswith("inc-"))
    card = {"channel": channel["id"], "ts": channel["pins"][0]["ts"]}
    form = act("click", user=ADA, **card, action_id="grade.open")["view"]
    decision = next(each["block_id"] for each in form["blocks"] if each["block_id"].startswith("decision_"))
    down_since = str(int(state["now"]) - 47 * 60)
    act("submit", user=ADA, values={decision: "1", "core_down_since": down_since})
    settle()
    act("click", user=ADA, **card, action_id="contact.open")
    act("suggest", user=ADA, action_id="contact.look", value="")
    act("view_action", user=ADA, action_id="contact.look", value="everybody", block_id="who")
    act("submit", user=ADA, values={})
    settle()
    act("click", user=ADA, **card, action_id="card.menu", option="more.open:1")
    act("view_action", user=ADA, action_id="fixed.open", value="1")
    act("submit", user=ADA, values={"what": "The change of the morning was taken back"})
    act("close", user=ADA, all=True)
    settle()
    page.goto("/?as=tom&at=C0REVIEWS")
    page.locator(".sandbox[data-ready]").wait_for()
    page.get_by_text("replies").first.click()
    page.get_by_text("Causes").last.wait_for()
    page.mouse.move(5, 5)
    page.screenshot(path=ROOT / "docs" / "postmortem.png")


if __name__ == "__main__":
    sys.exit(main())
