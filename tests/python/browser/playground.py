"""The playground: a text read, candidates cut and chosen, steps taken back, attention, the lens, two models side by side.

The server has two models of one tokenizer.
"""

from playwright.sync_api import expect

from frame import looks_right_everywhere, run

TEXT = "In the morning Anne walked to the"


def opened(page):
    page.goto("/playground")
    expect(page.locator("#readings .token").first).to_be_visible()
    page.get_by_label("Text", exact=True).fill(TEXT)
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.get_by_label("Text", exact=True)).to_have_value(TEXT)
    expect(page.locator("#length")).to_contain_text("tokens")


def tokens(page):
    return page.locator("#readings .reading").first.locator(".token")


def written(page):
    return "".join(tokens(page).all_text_contents())


def set_slider(page, name, value):
    page.get_by_label(name).evaluate(
        "(input, value) => { input.value = value; input.dispatchEvent(new Event('input')); }", value
    )


def a_text_is_its_tokens_and_each_tells_its_surprise(page):
    opened(page)
    assert written(page).strip() == TEXT, written(page)
    tokens(page).last.hover()
    expect(page.locator("#token-detail")).to_contain_text("nats, rank")
    tokens(page).last.focus()
    page.keyboard.press("Home")
    expect(page.locator("#token-detail")).to_contain_text("is the first")


def sliders_change_the_bars_at_once(page):
    opened(page)
    page.get_by_role("button", name="Everything open").click()
    candidates = page.locator("#candidates .candidate")
    expect(page.locator("#candidates .candidate.cut")).to_have_count(0)
    before = candidates.first.locator(".number").text_content()
    set_slider(page, "Temperature", "0.5")
    expect(candidates.first.locator(".number")).not_to_have_text(before)
    set_slider(page, "Top-k", "3")
    expect(page.locator("#candidates .candidate:not(.cut)")).to_have_count(3)
    expect(candidates.nth(3)).to_contain_text("cut by top-k")
    expect(page.locator("#candidates .note")).to_contain_text("top-k cuts")
    shown = page.locator("#candidates .candidate:not(.cut) .number").all_text_contents()
    total = sum(float(number.removesuffix(" %")) for number in shown)
    assert abs(total - 100) < 0.2, shown
    set_slider(page, "Temperature", "0")
    expect(page.locator("#candidates .candidate:not(.cut)")).to_have_count(1)


def steps_are_taken_and_taken_back(page):
    opened(page)
    count = tokens(page).count()
    back = page.get_by_role("button", name="Back")
    first = page.locator("#candidates .candidate").first
    likely = first.locator(".label").text_content()
    page.get_by_role("button", name="Take the most probable").click()
    expect(tokens(page)).to_have_count(count + 1)
    expect(tokens(page).last).to_have_text(likely)
    page.locator("#candidates .candidate").nth(1).click()
    expect(tokens(page)).to_have_count(count + 2)
    page.get_by_role("button", name="Draw a token").click()
    expect(tokens(page)).to_have_count(count + 3)
    for fewer in range(1, 4):
        back.click()
        expect(tokens(page)).to_have_count(count + 3 - fewer)
    expect(page.get_by_label("Text", exact=True)).to_have_value(TEXT)
    page.get_by_label("Text", exact=True).fill("Emma wrote from")
    expect(page.get_by_role("button", name="Draw a token")).to_be_disabled()
    expect(page.locator("#length")).to_contain_text("was changed")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("button", name="Draw a token")).to_be_enabled()
    assert written(page).strip() == "Emma wrote from"


STEPS = ["Draw a token", "Take the most probable", "Back"]


def refuse(route):
    route.fulfill(status=500, json={"error": {"message": "it broke"}})


def nothing_goes_on_before_the_first_reading(page):
    page.route("**/api/read", refuse)
    page.goto("/playground")
    expect(page.locator("#error")).to_have_text("it broke")
    for name in STEPS:
        expect(page.get_by_role("button", name=name)).to_be_disabled()
    page.unroute("**/api/read")
    page.get_by_label("Beside it").select_option(index=1)
    expect(tokens(page).first).to_be_visible()
    expect(page.get_by_role("button", name="Draw a token")).to_be_enabled()


def nothing_goes_on_without_a_model(page):
    page.route("**/api/models", lambda route: route.fulfill(json={"models": []}))
    page.goto("/playground")
    expect(page.locator("#error")).to_contain_text("No model")
    for name in [*STEPS, "Read"]:
        expect(page.get_by_role("button", name=name, exact=True)).to_be_disabled()


def a_step_back_that_fails_is_taken_again(page):
    opened(page)
    count = tokens(page).count()
    for more in [1, 2]:
        page.get_by_role("button", name="Take the most probable").press("Enter")
        expect(tokens(page)).to_have_count(count + more)
    page.route("**/api/read", refuse)
    back = page.get_by_role("button", name="Back")
    back.click()
    expect(page.locator("#error")).to_have_text("it broke")
    page.unroute("**/api/read")
    for fewer in [1, 0]:
        back.click()
        expect(tokens(page)).to_have_count(count + fewer)


def what_a_models_makers_say_is_not_rounded(page):
    def say(route):
        answer = route.fetch()
        told = answer.json()
        told["models"][0]["defaults"].update(temperature=0.72, top_k=200)
        route.fulfill(response=answer, json=told)

    page.route("**/api/models", say)
    opened(page)
    said = page.locator("#sampling output")
    expect(said.nth(0)).to_have_text("0.72")
    expect(said.nth(1)).to_have_text("200 tokens")
    page.get_by_label("Top-k").press("ArrowLeft")
    expect(said.nth(1)).to_have_text("99 tokens")


def a_text_with_other_ends_of_lines_is_not_an_edited_one(page):
    opened(page)

    def carriage_returns(route):
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "text": "one\r\ntwo\rthree"})

    page.route("**/api/read", carriage_returns)
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.get_by_label("Text", exact=True)).to_have_value("one\ntwo\nthree")
    expect(page.get_by_role("button", name="Draw a token")).to_be_enabled()


def attention_of_any_head_is_shown(page):
    opened(page)
    view = page.locator("#attention")
    view.scroll_into_view_if_needed()
    expect(view.get_by_role("heading", name="Layer 0, head 0")).to_be_visible()
    expect(view.locator(".headmap .head:not(.unknown)").first).to_be_visible()
    view.locator(".headmap .head").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(view.get_by_role("heading", name="Layer 1, head 0")).to_be_visible()
    view.get_by_role("button", name="head 2").click()
    expect(view.get_by_role("heading", name="Layer 1, head 2")).to_be_visible()
    expect(view.locator(".one-head .note").nth(1)).to_contain_text("Its habit:")
    expect(view.locator(".detail")).to_contain_text("looks most at")
    view.locator(".token").first.click()
    expect(view.locator(".token").first).to_have_attribute("aria-selected", "true")
    view.get_by_role("button", name="who looks at it").click()
    expect(view.locator(".detail")).to_contain_text("most of their attention")
    painted = """canvas => { const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return data.some(value => value > 0); }"""
    assert view.locator(".picture canvas").evaluate(painted), "nothing is painted"


def the_lens_ends_with_what_the_model_says(page):
    opened(page)
    lens = page.locator("#lens")
    lens.scroll_into_view_if_needed()
    last = lens.locator("tbody tr").last.locator("td").last
    expect(last).to_have_class("final")
    expect(last).to_have_text(page.locator("#candidates .candidate").first.locator(".label").text_content())
    last.focus()
    expect(lens.locator(".detail")).to_contain_text("says")
    page.keyboard.press("ArrowUp")
    expect(lens.locator(".detail")).to_contain_text("block" if lens.locator("tbody tr").count() > 2 else "embedding")


def two_models_stand_side_by_side(page):
    opened(page)
    page.get_by_label("Beside it").select_option(index=2)
    readings = page.locator("#readings .reading")
    expect(readings).to_have_count(3)
    expect(readings.nth(2)).to_contain_text("Between them")
    expect(page.locator("#candidates .column")).to_have_count(2)
    readings.nth(2).locator(".token").last.hover()
    expect(page.locator("#token-detail")).to_contain_text(" by ")
    page.locator("#attention").scroll_into_view_if_needed()
    page.get_by_label("Look inside").select_option(index=1)
    expect(page.locator("#attention .headmap .head:not(.unknown)").first).to_be_visible()
    looks_right_everywhere(page, "playground-two")


def it_looks_right(page):
    opened(page)
    for part in ["#attention", "#lens"]:
        page.locator(part).scroll_into_view_if_needed()
    expect(page.locator("#lens td").first).to_be_visible()
    looks_right_everywhere(page, "playground-lens")
    page.evaluate("scrollTo(0, 0)")
    looks_right_everywhere(page, "playground")


def a_text_that_is_too_long_is_told(page):
    opened(page)
    page.get_by_label("Text", exact=True).fill("a long word, " * 2_000)
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.locator("#error")).to_contain_text("shorten")


run(
    a_text_is_its_tokens_and_each_tells_its_surprise,
    sliders_change_the_bars_at_once,
    steps_are_taken_and_taken_back,
    nothing_goes_on_before_the_first_reading,
    nothing_goes_on_without_a_model,
    a_step_back_that_fails_is_taken_again,
    what_a_models_makers_say_is_not_rounded,
    a_text_with_other_ends_of_lines_is_not_an_edited_one,
    attention_of_any_head_is_shown,
    the_lens_ends_with_what_the_model_says,
    two_models_stand_side_by_side,
    it_looks_right,
    a_text_that_is_too_long_is_told,
)
