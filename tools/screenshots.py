"""Screenshots of every view of the page, in light, in dark and at a phone's width.

`python -m tools.screenshots` serves a copy of the shipped models with a worker, has a small network trained, and writes
build/screenshots/<view>-<look>.png. `--picture` writes docs/assets/page.png alone, which README shows. Needs Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from tools.readme import CHECKPOINTS, running_service

OUTPUT = Path("build/screenshots")
PICTURE = Path("docs/assets/page.png")
PICTURE_COLOURS = 96
"""Colours of the picture: enough for its text and bars, and a third of the bytes."""
STORY = "Mary went to the kitchen.\nJohn went to the garden.\nMary went to the office."
REVIEW = "A quiet, deeply moving film, although its end is far too long."
SENTENCE = "The captain of the old ship had lost a leg and wanted revenge."
WHALE = "Call me Ishmael. Some years ago, having little money in my purse, I thought I would sail about a little."
VIEWS: dict[str, list[tuple[str, str]]] = {
    "home": [],
    "next": [("model", "gutenberg-kn"), ("model", "gutenberg-lstm"), ("text", "It was a very "), ("why", "1")],
    "reading": [("model", "gutenberg-lstm"), ("other", "gutenberg-kn"), ("text", WHALE), ("word", "9")],
    "writing": [
        ("model", "gutenberg-lstm"),
        ("prompt", "The captain"),
        ("seed", "7"),
        ("max_tokens", "40"),
        ("go", "1"),
    ],
    "fill": [("model", "gutenberg-fill"), ("left", "gutenberg-lstm"), ("text", "He sat ___ on the chair.")],
    "classify": [("model", "sentiment"), ("text", REVIEW)],
    "tag": [("model", "part-of-speech"), ("text", SENTENCE)],
    "answer": [("model", "babi-reader"), ("context", STORY), ("question", "Where is Mary?")],
    "train": [],
    "jobs": [],
    "course": [],
}
"""Views, and what their addresses say."""
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1440, "height": 1120}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1440, "height": 1120}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light", "device_scale_factor": 2},
}
JOB = {
    "name": "my-lstm",
    "kind": "lstm",
    "training_file": "file-sample",
    "tokenizer": {"max_size": 2000},
    "config": {"hidden_size": 48, "embedding_size": 48, "epochs": 2},
}


def main() -> None:
    """Write the screenshots, or the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", action="store_true", help=f"write {PICTURE} alone")
    arguments = parser.parse_args()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    views = {name: f"#/{name}?{urlencode(parameters)}" for name, parameters in VIEWS.items()}
    if arguments.picture:
        with running_service() as address, chromium() as browser:
            photograph(browser, f"http://{address}/", "light", {"next": views["next"]})
        compress(OUTPUT / "next-light.png", PICTURE)
        return
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = shutil.copytree(CHECKPOINTS, Path(folder) / "checkpoints")
        with running_service(checkpoints, worker=True) as address, chromium() as browser:
            views["job"] = f"#/jobs?job={train(address)}"
            for look in LOOKS:
                photograph(browser, f"http://{address}/", look, views)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser while the block lasts."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def train(address: str) -> str:
    """Have a small network trained; return the job's id once it is over."""
    body = json.dumps(JOB).encode()
    job = _json(Request(f"http://{address}/v1/jobs", body, {"content-type": "application/json"}))
    while job["status"] in ("queued", "running"):
        time.sleep(0.5)
        job = _json(Request(f"http://{address}/v1/jobs/{job['id']}"))
    return str(job["id"])


def _json(request: Request) -> dict[str, Any]:
    with urlopen(request) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def photograph(browser: Browser, address: str, look: str, views: dict[str, str]) -> None:
    """Write a picture of each view, as high as it is."""
    with browser.new_context(**LOOKS[look], reduced_motion="reduce") as context:
        page = context.new_page()
        for name, fragment in views.items():
            page.goto("about:blank")
            page.goto(address + fragment)
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(700)  # a stream, and what is drawn after its answer
            file = OUTPUT / f"{name}-{look}.png"
            page.screenshot(path=file, full_page=True)
            print(file)


def compress(source: Path, target: Path) -> None:
    """Write the upper part of a picture in few colours."""
    with Image.open(source) as picture:
        upper = picture.crop((0, 0, picture.width, min(picture.height, 1120))).convert("RGB")
        upper.quantize(PICTURE_COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
    print(target, target.stat().st_size)


if __name__ == "__main__":
    main()
