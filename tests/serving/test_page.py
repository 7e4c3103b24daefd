"""The playground in a real browser: `make browser`. Without a Chromium it is skipped, or fails if one is required.

PLAYBOOK_BROWSER names the browser's file; "required" finds one and fails where there is none, as CI wants it.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest
from serving.made_up import LOCAL

from playbook.plumbing.paths import ROOT

pytestmark = pytest.mark.browser
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 120_000
"""Milliseconds: a machine may be busy."""


def absent(told: str) -> Any:
    if os.environ.get("PLAYBOOK_BROWSER") == "required":
        pytest.fail(told)
    pytest.skip(told)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - not in every set-up
    except ImportError:
        absent("playwright is not installed: run `make browser`")
    wanted = os.environ.get("PLAYBOOK_BROWSER", "required")
    found = next(filter(None, map(shutil.which, NAMES if wanted == "required" else (wanted,))), None)
    if found is None:
        absent(f"no Chromium: none of {', '.join(NAMES)} is installed, and PLAYBOOK_BROWSER names no file")
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


class Opened:
    """The page in a tab that keeps what it asks for and what it complains of."""

    def __init__(self, browser: Any, address: str, dark: bool = False) -> None:
        self.tab = browser.new_page(viewport={"width": 1280, "height": 900})
        self.tab.set_default_timeout(PATIENCE)
        self.foreign: list[str] = []
        self.complaints: list[str] = []
        self.tab.on("request", self._asked)
        self.tab.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.goto(f"{address}?__theme={'dark' if dark else 'light'}")
        self.tab.wait_for_selector("#question textarea")

    def _asked(self, request: Any) -> None:
        if urlparse(request.url).scheme not in ("data", "blob") and urlparse(request.url).hostname not in LOCAL:
            self.foreign.append(request.url)

    def turn_to(self, title: str) -> None:
        self.tab.get_by_role("tab", name=title).click()

    def say(self, said: str) -> None:
        self.tab.fill("#said textarea", said)
        self.tab.click("#say")

    def close(self) -> None:
        """Nothing left this machine, and nothing was amiss."""
        self.tab.close()
        assert self.foreign == []
        assert self.complaints == []


@contextmanager
def served(folder: Path, *options: str) -> Iterator[str]:
    """The address of a page in a process of its own; over the same folder again it is a restart."""
    command = [sys.executable, "-W", "ignore", str(ROOT / "tests/serving/served.py"), str(folder), *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests"), "XDG_CACHE_HOME": str(folder / "cache")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=folder) as process:
        try:
            assert process.stdout is not None
            told = next((line for line in process.stdout if "http://" in line), "")
            yield re.findall(r"http://\S+", told)[0].rstrip("/")
        finally:
            process.terminate()
    assert not (folder / "reached.txt").exists(), (folder / "reached.txt").read_text()


def test_side_by_side_tokens_attention(browser: Any, tmp_path: Path) -> None:
    with served(tmp_path) as address:
        opened = Opened(browser, address)
        tab = opened.tab
        tab.get_by_text("Who are you?").first.click()
        tab.wait_for_function("document.querySelector('#question textarea').value")  # an empty question gets a hint
        tab.click("#ask-all")
        for name in ("base", "sft", "dpo", "grpo"):
            tab.wait_for_selector(f"#answer-{name} [data-pick]")
        answers = {tab.locator(f"#answer-{name} .tokens").inner_text() for name in ("base", "sft", "dpo", "grpo")}
        assert len(answers) == 4  # four models, four answers
        token = tab.locator("#answer-dpo [data-pick]").first
        assert "likely; most likely here" in token.get_attribute("title")
        token.click()
        tab.wait_for_selector("#attention .looks .query")
        assert tab.locator("#rivals tr").count() == 6
        before = tab.locator("#attention").inner_html()
        tab.click("#head input")
        tab.get_by_role("option", name="layer 1, head 1").click()
        tab.wait_for_function("before => document.querySelector('#attention').innerHTML !== before", arg=before)
        opened.close()


def test_the_agent_remembers_over_a_restart_and_forgets(browser: Any, tmp_path: Path) -> None:
    with served(tmp_path) as address:
        opened = Opened(browser, address)
        opened.turn_to("Agent and memory")
        opened.say("Which river is in Elm Ferry?")
        opened.tab.wait_for_selector("#agent >> text=The Thorn.")
        assert "Elm Ferry lies on the Thorn." in opened.tab.locator("#passages").inner_text()
        opened.say("remember favourite drink: cocoa")
        opened.tab.wait_for_selector("#notes >> text=cocoa")
        opened.close()

    with served(tmp_path) as address:  # another process, over the same file
        opened = Opened(browser, address, dark=True)
        opened.turn_to("Agent and memory")
        opened.tab.wait_for_selector("#notes >> text=cocoa")
        opened.tab.get_by_role("button", name="forget favourite drink").click()
        opened.tab.wait_for_selector("#notes >> text=Nothing is remembered of you.")
        assert b"cocoa" not in (tmp_path / "memory.sqlite").read_bytes()
        opened.close()


def test_failure_modes_and_their_slider(browser: Any, tmp_path: Path) -> None:
    with served(tmp_path) as address:
        opened = Opened(browser, address)
        opened.turn_to("Failure modes")
        tab = opened.tab
        tab.wait_for_selector("#figure img")
        assert "free" in tab.locator("#reached").inner_text()
        before = tab.locator("#figure").inner_html()
        tab.fill("#kl input[type=number]", "2")  # the arm `free` has gone further than that
        tab.keyboard.press("Enter")
        tab.wait_for_function("() => !document.querySelector('#reached').innerText.includes('free')")
        tab.wait_for_function("before => document.querySelector('#figure').innerHTML !== before", arg=before)
        assert "held" in tab.locator("#reached").inner_text()
        opened.close()


def test_before_anything_is_trained_the_page_says_what_to_run(browser: Any, tmp_path: Path) -> None:
    with served(tmp_path, "no-models") as address:
        opened = Opened(browser, address)
        assert "make repro" in opened.tab.locator("#advice").inner_text()
        assert opened.tab.locator("#ask-all").is_disabled()
        opened.turn_to("Failure modes")
        assert "dvc repro labs/failure_modes" in opened.tab.locator("#no-failures").inner_text()
        opened.close()
