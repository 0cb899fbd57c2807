"""The view Next word: bars, figures and reasons against what the API answers."""

from __future__ import annotations

import math
import re
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

REQUEST = {"heal": True, "special": True, "entropy": True, "top_k": 10}


def ask(service: str, model: str, route: str, **body: object) -> dict[str, Any]:
    answer = httpx.post(f"{service}/v1/models/{model}/{route}", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def ask_next(service: str, model: str, text: str, **more: object) -> dict[str, Any]:
    return ask(service, model, "next", context=text, **{**REQUEST, **more})


def open_next(page: Page, *models: str, text: str, more: str = "") -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"/#/next?{urlencode([*(('model', model) for model in models), ('text', text)])}{more}")
    expect(panel(page, models[0]).locator("tbody tr").first).to_be_visible()


def panel(page: Page, model: str) -> Locator:
    return page.get_by_role("region", name=model, exact=True)


def bar_table(page: Page, model: str) -> Locator:
    return panel(page, model).get_by_role("table", name=f"Expected by {model}")


def percent(probability: float) -> str:
    return f"{100 * probability:.3g}"[:4]


def test_next_draws_a_bar_as_long_as_each_probability(page: Page, service: str) -> None:
    models = ("words", "lstm", "mix")
    open_next(page, *models, text="the old ")
    answers = {model: ask_next(service, model, "the old ")["next"] for model in models}
    most = max(tokens[0]["probability"] for tokens in answers.values())
    for model, tokens in answers.items():
        rows = bar_table(page, model).locator("tbody tr")
        expect(rows).to_have_count(10)
        shown = rows.evaluate_all(
            "rows => rows.map(row => [row.cells[0].textContent, row.cells[1].textContent,"
            " Number(row.cells[1].style.getPropertyValue('--share')),"
            " parseFloat(getComputedStyle(row.cells[1], '::before').width)])"
        )
        names = {"</s>": "⟨end⟩", "<unk>": "⟨unknown word⟩"}
        assert [name for name, *_ in shown] == [names.get(token["token"], token["token"]) for token in tokens]
        longest, best = shown[0][3], tokens[0]["probability"]
        for (_, text, share, width), token in zip(shown, tokens, strict=True):
            assert share == pytest.approx(token["probability"] / most)
            # A bar has two pixels at least.
            assert width == pytest.approx(max(2, longest * token["probability"] / best), abs=1)
            if token["probability"] > 1e-3:
                assert float(text.split()[0]) == pytest.approx(100 * token["probability"], rel=0.006)


def test_next_follows_what_is_typed(page: Page, service: str) -> None:
    open_next(page, "words", text="the ")
    page.get_by_label("Text so far").press_sequentially("ol")
    figures = panel(page, "words").locator("dl")
    expect(figures).to_contain_text("“ol”")
    answer = ask_next(service, "words", "the ol")
    assert [token["text"] for token in answer["next"]] == ["old"]
    rows = bar_table(page, "words").locator("tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("old")
    expect(figures).to_contain_text(percent(answer["mass"]))
    # What was typed stays in the address, and a chosen token goes on with the text.
    assert "text=the+ol" in page.url
    rows.get_by_role("button", name="old").click()
    expect(page.get_by_label("Text so far")).to_have_value("the old ")
    expect(rows).to_have_count(10)


def test_next_shows_the_last_answer_though_an_earlier_one_comes_later(page: Page, service: str) -> None:
    open_next(page, "words", text="the ")
    held: list[Route] = []

    def hold(route: Route) -> None:
        if '"context":"my "' in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    page.route("**/next", hold)
    text = page.get_by_label("Text so far")
    with page.expect_request(lambda request: "my " in (request.post_data or "")):
        text.fill("my ")
    text.fill("the old ")
    best = ask_next(service, "words", "the old ")["next"][0]["token"]
    rows = bar_table(page, "words").locator("tbody tr")
    expect(rows.first).to_contain_text(best)
    for route in held:
        route.fulfill(json=ask_next(service, "words", "my "))
    page.wait_for_timeout(100)
    expect(rows.first).to_contain_text(best)
    assert "text=the+old+" in page.url


def test_next_tells_entropy_and_the_rank_of_a_word(page: Page, service: str) -> None:
    answer = ask_next(service, "words", "my friend ")
    word = answer["next"][4]["token"]
    open_next(page, "words", text="my friend ", more=f"&word={word}")
    figures = panel(page, "words").locator("dl")
    expect(figures).to_contain_text(f"{answer['entropy'] / math.log(2):.2f} bits")
    expect(figures).to_contain_text(f"as {math.exp(answer['entropy']):.1f} words of equal chance")
    (result,) = ask(service, "words", "probability", context="my friend ", text=word, eos=False, top_logprobs=1)[
        "results"
    ]
    (token,) = result["tokens"]
    expect(figures).to_contain_text(f"{word}: rank {token['rank']}, {percent(math.exp(token['logprob']))}")
    expect(bar_table(page, "words").locator("tr.marked th")).to_have_text(word)


def test_next_shows_the_back_off_path_with_counts(page: Page, service: str) -> None:
    open_next(page, "counted", text="my friend the ", more="&why=1&top_k=0")
    answer = ask_next(service, "counted", "my friend the ", explain=True, top_k=0)
    path, chances = answer["explain"]["backoff"], {t["token"]: t["probability"] for t in answer["next"]}
    table = panel(page, "counted").get_by_role("table", name=re.compile("^Back-off path"))
    choice = panel(page, "counted").get_by_label("Follow a word along the path")
    assert {word["token"] for word in path[0]["next"]} == set(
        choice.locator("option").evaluate_all("o => o.map(x => x.value)")
    )
    for index, word in enumerate(path[0]["next"]):
        choice.select_option(word["token"])
        rows = table.locator("tbody tr").evaluate_all("rows => rows.map(row => [...row.cells].map(c => c.textContent))")
        assert [row[1] for row in rows] == [f"{part['listed']} words" for part in path]
        assert [row[2] for row in rows] == [f"{part['context_count']:,} times" for part in path]
        found = next(at for at, part in enumerate(path) if part["next"][index]["listed"])
        assert rows[found][3].startswith("✓ ")
        assert f"{path[found]['next'][index]['count']:,} times" in rows[found][3]
        # Factors and the probability where the path ends: their product is the model's probability.
        last = panel(page, "counted").locator(".product").inner_text()
        expected = 100 * chances[word["token"]]
        assert float(re.split(r"[=:] ", last)[-1].split()[0]) == pytest.approx(expected, rel=0.006)


def test_next_shows_gates_and_norms_of_each_token(page: Page, service: str) -> None:
    open_next(page, "lstm", text="the old ", more="&why=1")
    layers = ask_next(service, "lstm", "the old ", explain=True)["explain"]["tokens"]
    for layer in range(2):
        table = panel(page, "lstm").get_by_role("table", name=f"Layer {layer + 1}, at each token that it read")
        rows = table.locator("tbody tr").evaluate_all("rows => rows.map(row => [...row.cells].map(c => c.textContent))")
        for row, token in zip(rows, layers, strict=True):
            figures = token["layers"][layer]
            gates = [figures[name]["mean"] for name in ("input", "forget", "output")]
            expected = [*gates, figures["cell_norm"], figures["hidden_norm"]]
            assert row == [token["token"], *(f"{value:.2f}" for value in expected)]


def test_next_shows_the_shares_of_a_mixture(page: Page, service: str) -> None:
    open_next(page, "mix", text="the old ", more="&why=1")
    members = ask_next(service, "mix", "the old ", explain=True)["explain"]["members"]
    cells = (
        panel(page, "mix")
        .locator(".shares tbody tr")
        .evaluate_all(
            "rows => rows.map(row => [...row.cells].slice(1).map(c => Number(c.style.getPropertyValue('--share'))))"
        )
    )
    shares = [[member["next"][row]["share"] for member in members] for row in range(10)]
    assert cells == [pytest.approx(row) for row in shares]
    assert [sum(row) for row in cells] == [pytest.approx(1, abs=1e-5)] * 10


def test_next_completes_words_of_a_model_of_letters(page: Page, service: str) -> None:
    open_next(page, "letters", text="the ol")
    words = panel(page, "letters").get_by_role("table", name="Whole words that it may become").locator("tbody tr")
    completions = ask(service, "letters", "complete", context="the ol", heal=True, top_k=5)["completions"]
    expect(words).to_have_count(len(completions))
    expect(words.first).to_contain_text(completions[0]["text"])
    words.first.get_by_role("button").click()
    expect(page.get_by_label("Text so far")).to_have_value(f"the {completions[0]['text']}")


def test_next_turns_pages_of_ten_thousand_rows_at_once(page: Page, service: str) -> None:
    tokens = [
        {"token": f"w{i}", "id": i, "probability": 2 / (i + 1) / 20, "logprob": math.log(0.1 / (i + 1))}
        for i in range(12_000)
    ]
    page.route("**/next", lambda route: route.fulfill(json={"next": tokens, "mass": 1, "entropy": 5, "context": []}))
    open_next(page, "words", text="the ", more="&top_k=0")
    table = bar_table(page, "words")
    expect(table).to_have_attribute("aria-rowcount", "12001")
    expect(panel(page, "words").locator(".pager").first).to_contain_text("1 to 50 of 12,000")
    seconds = page.evaluate(
        """() => { const start = performance.now();
        for (let i = 0; i < 20; i++) document.querySelector('.pager button:last-child').click();
        document.body.getBoundingClientRect();
        return (performance.now() - start) / 1000; }"""
    )
    assert seconds / 20 < 0.1
    expect(table.locator("tbody tr").first).to_contain_text("w1000")
    expect(table.locator("tbody tr")).to_have_count(50)


def test_next_says_which_model_fails_and_shows_the_others(page: Page, service: str, complaints: list[str]) -> None:
    open_next(page, "words", "gone", text="the ")
    expect(page.get_by_role("alert")).to_contain_text("gone")
    expect(bar_table(page, "words").locator("tbody tr")).to_have_count(10)
    complaints.clear()


def test_next_says_in_plain_words_what_a_model_is_and_knows(page: Page) -> None:
    page.goto("/#/next?model=words&model=letters&text=xq&why=1")
    words, letters = (page.get_by_role("region", name=name, exact=True) for name in ("words", "letters"))
    expect(words).to_contain_text("none: it knows nothing that begins so")
    expect(words).to_contain_text("modified Kneser-Ney smoothing")
    expect(letters).to_contain_text("characters of equal chance")


def test_next_knows_a_model_by_its_version_and_by_an_alias(page: Page, service: str) -> None:
    httpx.put(f"{service}/v1/aliases/best", json={"model": "letters@1"}, timeout=60).raise_for_status()
    try:
        page.goto("/#/next?model=words%401&model=best&text=the")
        expect(page.get_by_label("words@1 · n-gram")).to_be_checked()
        expect(page.get_by_label("words · n-gram", exact=True)).to_have_count(0)
        expect(page.get_by_label(re.compile(r"best · .* \(means letters@1\)"))).to_be_checked()
        expect(page.get_by_role("region", name="best", exact=True)).to_contain_text("characters of equal chance")
    finally:
        httpx.delete(f"{service}/v1/aliases/best", timeout=60).raise_for_status()


def test_next_takes_the_first_choice_where_an_address_asks_for_none(page: Page, service: str) -> None:
    page.goto("/#/next?model=words&text=the&top_k=banana")
    expect(page.get_by_label("Show", exact=True)).to_have_value("5")
    expect(page.locator(".bars tbody tr").first).to_be_visible()


def test_next_shows_no_answer_to_another_text_beside_an_error(page: Page, complaints: list[str]) -> None:
    open_next(page, "words", "letters", text="the ")
    gone = {"error": {"message": "there is no model 'words'", "code": "model_not_found"}}
    page.route("**/words/next", lambda route: route.fulfill(status=404, json=gone))
    page.get_by_label("Text so far").press_sequentially("cat ")
    expect(page.get_by_role("alert")).to_contain_text("there is no model 'words'")
    expect(page.get_by_role("region", name="words", exact=True)).to_have_count(0)
    expect(page.get_by_role("region", name="letters", exact=True)).to_be_visible()
    complaints.clear()
