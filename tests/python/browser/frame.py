"""What the scripts of this folder share: Chromium, a fresh page for each check, and how a page must look everywhere.

A script is called with the server's address. With MINIGPT_PICTURES, the path of a folder, pictures are left there.
"""

import os
import sys
import traceback
from pathlib import Path

from playwright.sync_api import sync_playwright

# A page waits for a small model on a busy machine.
PATIENCE_MS = 30_000

WIDTHS = {"wide": (1280, 800), "narrow": (390, 844)}
SCHEMES = ["light", "dark"]

WIDER_THAN_SCREEN = "document.scrollingElement.scrollWidth > innerWidth"

# Controls that a screen reader could not name.
NAMELESS = """() => [...document.querySelectorAll("button, input, select, textarea, a[href]")]
    .filter((control) => control.checkVisibility())
    .filter((control) => !control.ariaLabel && !control.getAttribute("aria-labelledby") && !control.title
        && !control.textContent.trim() && !(control.labels ?? []).length)
    .map((control) => control.outerHTML.slice(0, 200))"""


def run(*checks):
    """Runs each check, a function of a page, and ends the program with 1 where one fails."""
    address, failed = sys.argv[1], 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("MINIGPT_CHROMIUM"), args=["--no-sandbox"]
        )
        for check in checks:
            context = browser.new_context(base_url=address, accept_downloads=True)
            try:
                run_one(context, check)
                print(f"ok {check.__name__}", flush=True)
            except Exception:
                failed += 1
                print(f"FAILED {check.__name__}\n{traceback.format_exc()}", file=sys.stderr, flush=True)
            finally:
                context.close()
        browser.close()
    sys.exit(1 if failed else 0)


def run_one(context, check):
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if is_fault(message) else None)
    try:
        check(page)
    except Exception:
        keep_picture(page, f"failed-{check.__name__}")
        raise
    assert not errors, f"the page's console says: {errors}"


def is_fault(message):
    """An answer of the server's that is an error is the page's to show, and no fault of it."""
    return message.type == "error" and not message.text.startswith("Failed to load resource")


def looks_right_everywhere(page, name, widths=tuple(WIDTHS)):
    """Holds that the page as it is fits in both colour schemes on a wide and a narrow screen, with all controls named."""
    for width in widths:
        across, down = WIDTHS[width]
        page.set_viewport_size({"width": across, "height": down})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            keep_picture(page, f"{name}-{width}-{scheme}")
            assert not page.evaluate(WIDER_THAN_SCREEN), f"{name} is wider than a {width} screen"
        nameless = page.evaluate(NAMELESS)
        assert not nameless, f"{name} has controls without a name: {nameless}"
    page.emulate_media(color_scheme=None)
    across, down = WIDTHS["wide"]
    page.set_viewport_size({"width": across, "height": down})


def keep_picture(page, name):
    folder = os.environ.get("MINIGPT_PICTURES")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png")


def slow_down(page, bytes_a_second):
    """Lets answers come slowly, so that there is time to stop one of a small model."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": bytes_a_second, "uploadThroughput": -1},
    )
