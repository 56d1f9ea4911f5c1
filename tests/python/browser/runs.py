"""The page of runs: a run followed while it trains, runs overlaid, looked at closer, their settings and texts compared.

The server is a run that trains, `live`; beside it lie `slow` and `fast`, which differ in their learning rate alone.
"""

import re

from playwright.sync_api import expect

from frame import looks_right_everywhere, run


def opened(page, address="/runs"):
    page.goto(address)
    expect(page.locator("[data-run=live]").first).to_be_visible()


def picture(page, quantity="loss"):
    return page.locator(f"[data-quantity={quantity}]")


def curve(page, name, split="train", quantity="loss"):
    return picture(page, quantity).locator(f"path.curve:not(.raw)[data-run={name}][data-split={split}]")


def tick(page, *names):
    for name in names:
        page.get_by_label(f"Draw {name}", exact=True).check()
        expect(curve(page, name)).to_have_count(1)


def ticks(page, quantity="loss"):
    return picture(page, quantity).locator("text.tick").all_text_contents()


def last_step(page):
    return int(re.search(r"at step ([\d,]+)", picture(page).locator(".readout").inner_text())[1].replace(",", ""))


def a_run_is_followed_while_it_trains(page):
    opened(page)
    expect(page.get_by_label("Draw live", exact=True)).to_be_checked()
    expect(page.locator("tr[data-run=live] .state")).to_contain_text("training")
    expect(curve(page, "live")).to_have_count(1)
    before = curve(page, "live").get_attribute("d")
    step = last_step(page)
    expect(curve(page, "live")).not_to_have_attribute("d", before)
    expect(picture(page).locator(".readout")).not_to_contain_text(f"at step {step:,}")
    assert last_step(page) > step
    looks_right_everywhere(page, "runs-live")


def runs_are_overlaid_and_told_apart(page):
    opened(page)
    tick(page, "slow", "fast")
    for name in ["live", "slow", "fast"]:
        expect(curve(page, name)).to_have_count(1)
        expect(curve(page, name, "valid")).to_have_count(1)
    names = picture(page).locator(".readout strong").all_text_contents()
    assert sorted(names) == ["fast", "live", "slow"], names
    colours = picture(page).locator("path.curve.valid").evaluate_all("paths => paths.map(path => getComputedStyle(path).stroke)")
    assert len(set(colours)) == 3, colours
    looks_right_everywhere(page, "runs-overlaid")
    # The address names them, to be found again.
    address = page.url
    page.goto("about:blank")
    opened(page, address)
    expect(page.get_by_label("Draw fast", exact=True)).to_be_checked()
    page.get_by_label("Draw fast", exact=True).uncheck()
    expect(curve(page, "fast")).to_have_count(0)


def scales_and_axes_are_changed(page):
    opened(page)
    tick(page, "slow")
    page.get_by_label("Draw live", exact=True).uncheck()
    expect(curve(page, "live")).to_have_count(0)
    linear = curve(page, "slow").get_attribute("d")
    page.get_by_label("logarithmic up").check()
    assert curve(page, "slow").get_attribute("d") != linear
    page.get_by_label("logarithmic across").check()
    page.get_by_role("combobox", name="Across").select_option("tokens")
    expect(picture(page).locator("text", has_text="training tokens seen")).to_be_visible()
    page.get_by_role("combobox", name="Across").select_option("time")
    expect(picture(page).locator("text", has_text="minutes of training")).to_be_visible()
    smooth = curve(page, "slow").get_attribute("d")
    page.get_by_label("Smoothing").fill("0")
    assert curve(page, "slow").get_attribute("d") != smooth
    expect(picture(page).locator("path.raw")).to_have_count(0)
    page.reload()
    expect(page.get_by_label("logarithmic up")).to_be_checked()
    expect(page.get_by_role("combobox", name="Across")).to_have_value("time")


def a_picture_is_looked_at_closer(page):
    opened(page)
    tick(page, "slow")
    page.get_by_label("Draw live", exact=True).uncheck()
    expect(curve(page, "live")).to_have_count(0)
    chart = picture(page).locator("svg")
    chart.scroll_into_view_if_needed()
    whole, all_again = ticks(page), page.get_by_role("button", name="Show all")
    expect(all_again).to_be_disabled()
    box = chart.bounding_box()
    across, down = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    # Dragged across a third.
    page.mouse.move(across, down)
    page.mouse.down()
    page.mouse.move(across + box["width"] / 3, down, steps=4)
    page.mouse.up()
    expect(all_again).to_be_enabled()
    assert ticks(page) != whole
    # All pictures look at the same part.
    assert ticks(page, "learning_rate")[-2:] == ticks(page, "grad_norm")[-2:]
    closer = chart.text_content()
    page.mouse.wheel(0, -200)
    expect(chart).not_to_have_text(closer)
    page.keyboard.press("r")
    assert ticks(page) == whole
    page.mouse.dblclick(across, down)
    # Without a pointer.
    chart.focus()
    page.keyboard.press("Home")
    first = last_step(page)
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    assert last_step(page) > first
    expect(chart.locator(".cursor")).to_have_count(1)
    page.keyboard.press("+")
    expect(all_again).to_be_enabled()
    seen = ticks(page)
    page.keyboard.press("Shift+ArrowLeft")
    assert ticks(page) != seen
    looks_right_everywhere(page, "runs-closer")
    all_again.click()
    assert ticks(page) == whole


def settings_that_differ_are_named(page):
    opened(page)
    page.get_by_label("Draw live", exact=True).uncheck()
    expect(page.get_by_text("Tick two runs or more")).to_be_visible()
    tick(page, "slow", "fast")
    rows = page.locator("#settings tbody tr")
    expect(rows).to_have_count(1)
    expect(rows.locator("th")).to_have_text("schedule.learning_rate")
    expect(rows.locator("td")).to_have_text(["0.0001", "0.01"])
    page.get_by_label("all settings").check()
    assert rows.count() > 20
    expect(page.locator("#settings tr.different")).to_have_count(1)
    looks_right_everywhere(page, "runs-settings")


def the_writing_is_seen_to_change(page):
    opened(page)
    page.get_by_label("Draw live", exact=True).uncheck()
    tick(page, "fast")
    text = page.locator("#samples blockquote")
    expect(text).to_have_count(1)
    slider = page.get_by_label("After step")
    last = text.inner_text()
    slider.press("Home")
    expect(text).not_to_have_text(last)
    prompt = page.locator("#samples .prompt").text_content()
    assert last.startswith(prompt.strip()), (prompt, last)
    facts = page.locator("#facts")
    expect(facts.get_by_text("tokens a second on average")).to_be_visible()
    expect(facts.locator("tr[data-name=Device] td")).not_to_have_text("–")


def the_table_is_sorted(page):
    opened(page)
    names = page.locator("#list tbody th")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(names).to_have_text(["fast", "live", "slow"])
    page.get_by_role("button", name="Run", exact=True).click()
    expect(names).to_have_text(["slow", "live", "fast"])
    page.get_by_role("button", name="Best", exact=True).press("Enter")
    expect(page.locator("#list [aria-sort=ascending]")).to_have_text("Best")


DAMAGED = "line 7: expected a number"


def a_damaged_line_is_told(page):
    def damage(route):
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "problem": DAMAGED})

    page.route("**/api/runs/fast/metrics*", damage)
    opened(page)
    expect(page.locator("#facts tr[data-name='What cannot be read']")).to_have_count(0)
    tick(page, "fast")
    expect(page.locator("#facts tr[data-name='What cannot be read'] td").last).to_have_text(DAMAGED)


def a_key_that_is_not_given_is_asked_for_once(page):
    asked = []

    def refuse(route):
        asked.append(route.request.url)
        route.fulfill(status=401, json={"error": {"message": "expected the server's API key"}})

    page.route("**/api/runs", refuse)
    page.goto("/runs")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#error")).to_contain_text("load this page again")
    page.wait_for_timeout(4_000)  # longer than between two looks at a run that trains
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert len(asked) == 1, asked


run(
    a_run_is_followed_while_it_trains,
    runs_are_overlaid_and_told_apart,
    scales_and_axes_are_changed,
    a_picture_is_looked_at_closer,
    settings_that_differ_are_named,
    the_writing_is_seen_to_change,
    the_table_is_sorted,
    a_damaged_line_is_told,
    a_key_that_is_not_given_is_asked_for_once,
)
