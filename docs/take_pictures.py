"""Takes the README's two pictures anew: starts the demo in a folder of its own and plays an incident in Chromium."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
from playwright.sync_api import Page, ViewportSize, sync_playwright

ROOT = Path(__file__).parent.parent
SIZE = ViewportSize(width=1200, height=760)


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


if __name__ == "__main__":
    sys.exit(main())
