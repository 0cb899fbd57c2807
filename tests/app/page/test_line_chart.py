"""Line charts of the page: what is drawn, read off and listed are the numbers that were given."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.app.page.drawn_lines import drawn_lines, off_the_line

SHOW = """async (options) => {
    const { lineChart } = await import("./page/parts/line_chart.js");
    window.chart = lineChart(options);
    document.getElementById("content").replaceChildren(window.chart.element);
}"""
FALLING = [(x, 5 * math.exp(-x / 40) + 1) for x in range(200)]
STEPS = [(x, 6 - x / 50) for x in range(0, 200, 20)]


def show(page: Page, *series: tuple[str, list[tuple[float, float]]], **options: Any) -> Locator:
    """A chart alone in the page, drawn."""
    page.goto("/#/jobs")
    page.wait_for_load_state("networkidle")
    lines = [{"name": name, "points": points} for name, points in series]
    page.evaluate(SHOW, {"label": "Loss", "xLabel": "step", "yLabel": "nats", "series": lines, **options})
    chart = page.get_by_role("figure", name="Loss")
    expect(chart.locator(".chart-plot .chart-line")).to_have_count(len(series))
    return chart


@pytest.fixture
def chart(page: Page) -> Locator:
    return show(page, ("training", FALLING), ("held out", STEPS), log=True)


def test_line_chart_draws_the_points_that_it_was_given(chart: Locator) -> None:
    lines = drawn_lines(chart)
    assert list(lines) == ["training", "held out"]
    assert off_the_line(lines["training"], FALLING) < 0.01
    assert off_the_line(lines["held out"], STEPS) < 0.01


def test_line_chart_is_read_off_by_keys_and_by_the_pointer(page: Page, chart: Locator) -> None:
    plot, reading = chart.get_by_role("application"), chart.locator(".chart-reading")
    plot.focus()
    plot.press("ArrowRight")
    expect(reading).to_have_text("step 0: training 6, held out 6")
    plot.press("End")
    expect(reading).to_have_text("step 199: training 1.035, held out 2.4")  # 6 - 180 / 50, measured last at 180
    plot.press("ArrowLeft")
    expect(reading).to_contain_text("step 198:")
    plot.press("PageUp")
    expect(reading).to_contain_text("step 178:")  # a tenth of 200 points
    tick = chart.locator(".chart-x", has_text=re.compile("^100$"))
    box, picture = tick.bounding_box(), plot.bounding_box()
    assert box is not None
    assert picture is not None
    page.mouse.move(box["x"] + box["width"] / 2, picture["y"] + 60)
    expect(reading).to_contain_text("step 100: training 1.41, held out 4")  # 5 / e^2.5 + 1, 6 - 100 / 50


def test_line_chart_zooms_by_keys_buttons_drag_and_wheel(page: Page, chart: Locator) -> None:
    plot, whole = chart.get_by_role("application"), chart.get_by_role("button", name="Show all")

    def ends() -> tuple[float, float]:
        line = drawn_lines(chart)["training"]
        return line[0][0], line[-1][0]

    assert ends() == pytest.approx((0, 199), abs=1)
    expect(whole).to_be_disabled()
    chart.get_by_role("button", name="Zoom in").click()
    assert ends() == pytest.approx((199 / 4, 199 * 3 / 4), abs=2)
    chart.get_by_role("button", name="Zoom out").click()
    expect(whole).to_be_disabled()
    plot.focus()
    plot.press("Home")
    plot.press("+")
    assert ends() == pytest.approx((0, 100), abs=2)  # about the point that is read off
    assert off_the_line(drawn_lines(chart)["training"], FALLING[:100]) < 0.01
    plot.press("0")
    expect(whole).to_be_disabled()
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 80)
    page.mouse.wheel(0, -240)
    expect(whole).to_be_enabled()
    whole.click()
    page.mouse.wheel(0, 240)  # without the focus the wheel scrolls the page
    expect(whole).to_be_disabled()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 80, steps=4)
    page.mouse.up()
    expect(whole).to_be_enabled()
    assert 80 < ends()[0] < ends()[1] < 160


def test_line_chart_lists_the_same_numbers_as_a_table(page: Page, chart: Locator) -> None:
    chart.get_by_text("The numbers as a table").click()
    rows = chart.get_by_role("row")
    expect(rows).to_have_count(201)
    expect(rows.nth(41)).to_have_text("402.8395.2")  # step 40: 5 / e + 1, 6 - 40 / 50
    chart.get_by_role("button", name="Zoom in").click()
    expect(rows).to_have_count(101, timeout=5000)


def test_line_chart_shows_what_is_appended_and_drops_what_is_measured_again(page: Page) -> None:
    chart = show(page, ("training", [(1, 5), (2, 4), (3, 3)]))
    page.evaluate("window.chart.append('training', [2, 4.5]); window.chart.append('other', [1, 7])")
    expect(chart.locator(".chart-plot .chart-line")).to_have_count(2)
    assert drawn_lines(chart)["training"] == [pytest.approx((1, 5), abs=0.02), pytest.approx((2, 4.5), abs=0.02)]
    chart.get_by_role("application").press("End")
    expect(chart.locator(".chart-reading")).to_have_text("step 2: training 4.5, other 7")


def test_line_chart_leaves_gaps_where_there_is_no_number(page: Page) -> None:
    chart = show(page, ("training", [(0, 1), (1, 2), (2, None), (3, 2), (4, -1)]), log=True)
    path = chart.locator(".chart-plot .chart-line").get_attribute("d") or ""
    assert path.count("M") == 2
    chart.get_by_label("logarithmic").check()
    path = chart.locator(".chart-plot .chart-line").get_attribute("d") or ""
    assert len(re.findall("[ML]", path)) == 3  # -1 has no logarithm
    chart.get_by_role("application").press("ArrowRight")
    chart.get_by_role("application").press("ArrowRight")
    chart.get_by_role("application").press("ArrowRight")
    expect(chart.locator(".chart-reading")).to_have_text("step 2: training \N{EN DASH}")


def test_line_chart_has_a_logarithmic_axis(page: Page) -> None:
    points = [(x, 10.0**x) for x in range(5)]
    chart = show(page, ("perplexity", points), log=True)
    chart.get_by_label("logarithmic").check()
    path = chart.locator(".chart-plot .chart-line").get_attribute("d") or ""
    heights = [float(y) for _, y in re.findall(r"([\d.-]+) ([\d.-]+)", path)]
    steps = [before - after for before, after in itertools.pairwise(heights)]
    assert steps == pytest.approx([steps[0]] * 4, abs=0.1)
    values = ["1", "3", "10", "30", "100", "300", "1,000", "3,000", "10,000"]
    assert chart.locator(".chart-y").all_text_contents() == values


def test_line_chart_of_20_000_points_draws_few_of_them_and_every_spike(page: Page) -> None:
    points = [(x, 3 + math.sin(x / 500)) for x in range(20_000)]
    points[12_345] = (12_345, 20.0)
    chart = show(page, ("training", points))
    line = drawn_lines(chart)["training"]
    assert len(line) < 4 * 1280
    assert max(line, key=lambda point: point[1]) == pytest.approx((12_345, 20), abs=20)
    seconds = page.evaluate("""async () => {
        const plot = document.querySelector(".chart-plot"), times = [];
        for (let i = 0; i < 21; i++) {
            await new Promise(requestAnimationFrame);
            const start = performance.now();
            plot.dispatchEvent(new KeyboardEvent("keydown", { key: i % 2 ? "-" : "+" }));
            times.push((performance.now() - start) / 1000);
        }
        return times.sort((a, b) => a - b)[10];
    }""")
    assert seconds < 0.05  # takes 2 to 6 ms on one free core
