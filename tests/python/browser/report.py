"""Opens a report, and prints it: every picture is there, nothing is wider than the page, nothing is complained of.

usage: report.py PAGE
"""

import os
import pathlib
import sys
import tempfile

from playwright.sync_api import sync_playwright

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(
        executable_path=os.environ["MINIGPT_CHROMIUM"], args=["--no-sandbox"]
    )
    page = browser.new_page(viewport={"width": 1000, "height": 800})
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url[:80]))
    page.goto(pathlib.Path(sys.argv[1]).resolve().as_uri())
    widths = page.evaluate("[...document.images].map(image => image.naturalWidth)")
    assert len(widths) >= 4 and all(width > 100 for width in widths), widths
    # On a telephone too.
    for width in [1000, 390]:
        page.set_viewport_size({"width": width, "height": 800})
        shown = page.evaluate("document.documentElement.scrollWidth")
        assert shown <= width, f"{shown} wide in a window of {width}"
    # A figure or a row that may be cut is one that is higher than a page's inside, 263 mm.
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 673, "height": 994})
    cut = page.evaluate(
        """[...document.querySelectorAll('figure, tr, .together, pre')]
            .filter(element => getComputedStyle(element).breakInside !== 'avoid'
                || element.getBoundingClientRect().height > 994)
            .map(element => element.outerHTML.slice(0, 60))"""
    )
    assert not cut, cut
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "report.pdf"
        page.pdf(path=str(file), prefer_css_page_size=True)
        assert file.stat().st_size > 20_000
    assert not complaints, complaints
    browser.close()
