"""The chat page: an answer streamed, stopped, written again, a turn edited, conversations kept and exported.

The server has two models: the first answers, the second only continues text.
"""

import json

from playwright.sync_api import expect

from frame import looks_right_everywhere, run, slow_down

QUESTION = "In the morning Anne walked"


def opened(page):
    page.goto("/")
    expect(page.get_by_label("Message", exact=True)).to_be_enabled()
    # The most likely tokens: the same answer each time, and no early end by chance.
    page.get_by_label("Temperature").fill("0")
    page.get_by_label("Longest answer, in tokens").fill("60")


def ask(page, text):
    box = page.get_by_label("Message", exact=True)
    box.fill(text)
    box.press("Enter")


def turns(page):
    return page.locator("#turns article")


def answered(page, count=2):
    """The last of so many turns, once it is complete."""
    expect(turns(page)).to_have_count(count)
    last = turns(page).last
    expect(last.locator(".figures")).to_contain_text("token")
    return last


GROWN = """async (text) => {
    const { showProse } = await import("/assets/chat/prose.js");
    const parent = document.createElement("div");
    for (let end = 1; end <= text.length; end += 1) showProse(parent, text.slice(0, end));
    return [...parent.querySelectorAll("*")].map((element) => [element.localName, element.textContent]);
}"""


def text_becomes_paragraphs_and_code_and_never_html(page):
    opened(page)
    text = "One <b>two</b>\n\n\n```py\na\n\nb <i>\n```\n\nthree\nfour\n```\nopen"
    blocks = page.evaluate(GROWN, text)
    code = [["pre", "a\n\nb <i>"], ["code", "a\n\nb <i>"]]
    assert blocks == [["p", "One <b>two</b>"], *code, ["p", "three\nfour"], ["pre", "open"], ["code", "open"]], blocks


def an_answer_is_streamed(page):
    opened(page)
    looks_right_everywhere(page, "chat-empty")
    ask(page, QUESTION)
    answer = answered(page)
    assert answer.locator(".prose").inner_text().strip(), "an empty answer"
    expect(answer.locator(".figures")).to_contain_text("tokens of context")
    spoken, seen = page.locator("#spoken").text_content(), answer.locator(".prose").text_content()
    assert "".join(spoken.split()) == "".join(seen.split()), "another text is read aloud"
    looks_right_everywhere(page, "chat-answer")


def again_gives_the_same_answer_of_the_most_likely_tokens(page):
    opened(page)
    ask(page, QUESTION)
    first = answered(page).locator(".prose").text_content()
    page.get_by_role("button", name="Write this answer again").click()
    expect(page.locator(".reading, .writing")).to_have_count(0)
    assert answered(page).locator(".prose").text_content() == first
    ask(page, "And then?")
    answered(page, 4)
    expect(page.get_by_role("button", name="Write this answer again")).to_have_count(1)


def ask_for_a_long_answer(page):
    """Asks for one that is still being written while the check goes on."""
    page.get_by_label("Longest answer, in tokens").fill("")
    slow_down(page, 4_000)
    ask(page, QUESTION)
    expect(page.locator(".writing .prose")).not_to_be_empty()


def escape_stops_an_answer(page):
    opened(page)
    ask_for_a_long_answer(page)
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.keyboard.press("Escape")
    answer = answered(page)
    expect(answer.locator(".figures")).to_contain_text("stopped")
    expect(page.get_by_role("button", name="Send")).to_be_visible()


def the_conversation_goes_on_from_an_edited_turn(page):
    opened(page)
    for count, text in enumerate([QUESTION, "And then?"], 1):
        ask(page, text)
        answered(page, 2 * count)
    page.get_by_role("button", name="Edit this turn").first.click()
    editor = page.get_by_label("Your message")
    expect(editor).to_be_focused()
    expect(page.get_by_text("what follows is dropped")).to_be_visible()
    editor.press("Escape")
    expect(turns(page)).to_have_count(4)
    page.get_by_role("button", name="Edit this turn").first.click()
    editor.fill("Emma wrote from London")
    editor.press("Enter")
    answered(page)
    expect(turns(page).first.locator(".prose")).to_have_text("Emma wrote from London")


def an_edit_that_is_sent_stops_the_answer_after_it(page):
    opened(page)
    ask(page, QUESTION)
    answered(page)
    page.get_by_role("button", name="Edit this turn").first.click()
    ask_for_a_long_answer(page)
    page.get_by_label("Your message").fill("Emma wrote from London")
    page.get_by_label("Your message").press("Enter")
    expect(turns(page)).to_have_count(2)
    expect(turns(page).first.locator(".prose")).to_have_text("Emma wrote from London")
    expect(page.locator(".writing .prose")).not_to_be_empty()
    page.keyboard.press("Escape")
    answered(page)


def the_keyboard_stays_at_the_button_that_sends(page):
    opened(page)
    page.get_by_label("Message", exact=True).fill(QUESTION)
    page.get_by_role("button", name="Send").press("Enter")
    answered(page)
    expect(page.locator(".reading, .writing")).to_have_count(0)
    expect(page.get_by_role("button", name="Send")).to_be_focused()


def choosing_what_is_shown_changes_nothing(page):
    opened(page)
    ask_for_a_long_answer(page)
    page.get_by_label("System prompt").fill("Be brief.")
    page.locator("#conversations .choose").click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.keyboard.press("Escape")
    text = answered(page).locator(".prose").text_content()
    page.get_by_role("button", name="New conversation").click()
    page.locator("#conversations .choose").click()
    expect(turns(page).last.locator(".prose")).to_have_text(text)
    expect(page.get_by_label("System prompt")).to_have_value("Be brief.")


def a_second_tab_shows_what_the_first_keeps(page):
    opened(page)
    ask(page, QUESTION)
    answered(page)
    other = page.context.new_page()
    opened(other)
    other.locator("#conversations .choose").click()
    ask(other, "And then?")
    text = answered(other, 4).locator(".prose").text_content()
    expect(turns(page)).to_have_count(4)
    expect(turns(page).last.locator(".prose")).to_have_text(text)


FILL_STORE = "() => { window.keep = Storage.prototype.setItem; Storage.prototype.setItem = () => { throw new Error(); }; }"
EMPTY_STORE = "() => { Storage.prototype.setItem = window.keep; }"


def a_full_store_is_told_until_there_is_room(page):
    opened(page)
    page.evaluate(FILL_STORE)
    ask(page, QUESTION)
    answered(page)
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("no room")
    page.evaluate(EMPTY_STORE)
    page.get_by_role("button", name="Try again").click()
    expect(problem).to_have_count(0)
    page.reload()
    answered(page)


BLOCK_STORE = """for (const name of ["localStorage", "sessionStorage"]) {
    Object.defineProperty(window, name, { get() { throw new DOMException("blocked", "SecurityError"); } });
}"""


def a_browser_that_keeps_nothing_chats_all_the_same(page):
    page.add_init_script(BLOCK_STORE)
    opened(page)
    expect(page.get_by_text("This browser keeps nothing")).to_be_visible()
    ask(page, QUESTION)
    answered(page)
    page.get_by_role("button", name="New conversation").click()
    page.locator("#conversations .choose").click()
    answered(page)


def conversations_are_kept_and_deleted(page):
    opened(page)
    ask(page, QUESTION)
    answer = answered(page).locator(".prose").text_content()
    page.reload()
    assert answered(page).locator(".prose").text_content() == answer
    expect(page.get_by_label("Temperature")).to_have_value("0")
    page.get_by_role("button", name="New conversation").click()
    expect(turns(page)).to_have_count(0)
    ask(page, "Her sister remembered")
    answered(page)
    listed = page.locator("#conversations .choose")
    expect(listed).to_have_text(["Her sister remembered", QUESTION])
    listed.last.click()
    expect(turns(page).first.locator(".prose")).to_have_text(QUESTION)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name=f"Delete “{QUESTION}”").click()
    expect(listed).to_have_text(["Her sister remembered"])
    expect(turns(page)).to_have_count(0)


def exported(page, name):
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    return open(download.value.path(), encoding="utf-8").read()


def a_conversation_is_exported(page):
    opened(page)
    page.get_by_label("System prompt").fill("Be brief.")
    ask(page, QUESTION)
    paragraph = answered(page).locator(".prose p").first.text_content()
    conversation = json.loads(exported(page, "Export as JSON"))
    roles = [message["role"] for message in conversation["messages"]]
    assert roles == ["system", "user", "assistant"], roles
    assert conversation["messages"][0]["content"] == "Be brief."
    assert conversation["messages"][1]["content"] == QUESTION
    assert conversation["settings"]["temperature"] == 0
    markdown = exported(page, "Export as Markdown")
    assert markdown.startswith(f"# {QUESTION}\n"), markdown
    assert "## You" in markdown and paragraph.strip() in markdown, markdown


def a_model_without_a_template_continues(page):
    opened(page)
    page.get_by_label("Longest answer, in tokens").fill("")
    page.get_by_label("Model", exact=True).select_option(index=1)
    expect(page.get_by_text("it was not taught to answer", exact=False).first).to_be_visible()
    page.get_by_role("button", name="Once upon a time").click()
    expect(page.get_by_label("Message", exact=True)).to_have_value("Once upon a time")
    page.get_by_role("button", name="Continue").click()
    answered(page)
    # With nothing, to go on: also when the text is longer than the context.
    for count in range(3, 6):
        page.get_by_role("button", name="Continue").click()
        answered(page, count)
    expect(turns(page).last.locator(".figures")).to_contain_text("did not read the first")
    looks_right_everywhere(page, "chat-continues")


def an_error_is_shown_in_its_place(page):
    opened(page)
    ask(page, "a long word, " * 2_000)
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("token")
    expect(turns(page)).to_have_count(1)
    page.get_by_role("button", name="Edit this turn").click()
    page.get_by_label("Your message").fill(QUESTION)
    page.get_by_label("Your message").press("Enter")
    answered(page)
    expect(problem).to_have_count(0)


def panels_open_on_a_narrow_screen(page):
    opened(page)
    page.set_viewport_size({"width": 390, "height": 844})
    settings = page.get_by_role("button", name="Settings")
    expect(page.get_by_label("Temperature")).not_to_be_visible()
    settings.click()
    expect(page.get_by_label("Temperature")).to_be_visible()
    looks_right_everywhere(page, "chat-settings", ["narrow"])
    page.set_viewport_size({"width": 390, "height": 844})
    settings.click()
    page.get_by_label("Temperature").press("Escape")
    expect(page.get_by_label("Temperature")).not_to_be_visible()
    expect(settings).to_be_focused()


run(
    text_becomes_paragraphs_and_code_and_never_html,
    an_answer_is_streamed,
    again_gives_the_same_answer_of_the_most_likely_tokens,
    escape_stops_an_answer,
    the_conversation_goes_on_from_an_edited_turn,
    an_edit_that_is_sent_stops_the_answer_after_it,
    the_keyboard_stays_at_the_button_that_sends,
    choosing_what_is_shown_changes_nothing,
    a_second_tab_shows_what_the_first_keeps,
    a_full_store_is_told_until_there_is_room,
    a_browser_that_keeps_nothing_chats_all_the_same,
    conversations_are_kept_and_deleted,
    a_conversation_is_exported,
    a_model_without_a_template_continues,
    an_error_is_shown_in_its_place,
    panels_open_on_a_narrow_screen,
)
