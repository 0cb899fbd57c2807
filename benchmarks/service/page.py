"""The page: time to its first view in Chromium, bytes on the way, and its cost where nobody opens it.

The first view is that of a browser that has never been here: until something is painted, and until the models are
listed. Opened again, the browser has the files and asks whether they are still the same.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import click
from playwright.sync_api import Browser, Page, sync_playwright

from app.page.serve import FILES
from benchmarks.service._servers import nextword

PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
COST = """
import time
import gzip, hashlib
from fastapi import FastAPI
app = FastAPI(openapi_url=None)
app.add_api_route("/other", lambda: None)
began = time.process_time()
from app.page.serve import add_page
imported = time.process_time()
add_page(app)
print(1e3 * (imported - began), 1e3 * (time.process_time() - imported))
"""
"""Milliseconds of the processor to import the page and to add its routes, beside other routes of a service."""


def opened(page: Page, url: str) -> tuple[float, float]:
    """Return milliseconds from asking until something is painted, and until the models are listed."""
    began = time.perf_counter()
    page.goto(url)
    page.locator(".models > li").first.wait_for()
    listed = 1e3 * (time.perf_counter() - began)
    while (painted := page.evaluate(PAINTED)) is None:  # a frame later
        page.wait_for_timeout(10)
    return painted, listed


def first_and_second(browser: Browser, url: str) -> tuple[float, ...]:
    """Open the page in a fresh profile, and once more."""
    with browser.new_context() as context:
        page = context.new_page()
        first = opened(page, url)
        page.goto("about:blank")
        return *first, *opened(page, url)


def sizes() -> tuple[int, int, int]:
    """Return how many files there are, their bytes, and their bytes as they are sent."""
    contents = [file.read_bytes() for file in FILES.rglob("*.*")]
    return len(contents), sum(map(len, contents)), sum(len(gzip.compress(content)) for content in contents)


@click.command()
@click.argument("checkpoints", default="checkpoints", type=click.Path(exists=True, path_type=Path))
@click.option("--rounds", default=9, help="How many browsers that have never been here.")
def main(checkpoints: Path, rounds: int) -> None:
    """Open the page of a service with CHECKPOINTS again and again."""
    print("{} files, {:,} bytes, {:,} as they are sent".format(*sizes()))
    costs = [subprocess.run([sys.executable, "-c", COST], capture_output=True, text=True, check=True) for _ in range(5)]
    imported, added = (
        median(figures) for figures in zip(*(map(float, run.stdout.split()) for run in costs), strict=True)
    )
    print(f"a start of the service: {imported:.2f} ms to import, {added:.2f} ms to add the routes; no file is read")
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with nextword(checkpoints, log_level="warning") as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        url = f"http://127.0.0.1:{server.port}/"  # type: ignore[attr-defined]
        first_and_second(browser, url)  # the browser's own start
        rows = [first_and_second(browser, url) for _ in range(rounds)]
        browser.close()
    names = ("first view: painted", "first view: models listed", "opened again: painted", "opened again: models listed")
    for name, times in zip(names, zip(*rows, strict=True), strict=True):
        print(f"{name} after {median(times):.0f} ms (best {min(times):.0f})")


if __name__ == "__main__":
    main()
