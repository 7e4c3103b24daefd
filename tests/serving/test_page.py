"""The playground in a real browser: `make browser`. Without a Chromium it is skipped, or fails if one is required.

PLAYBOOK_BROWSER names the browser's file; "required" finds one and fails where there is none, as CI wants it.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest
from serving.made_up import lab, untrained
from serving.scripted import assistant

from playbook.serving.desk import Desk
from playbook.serving.page import Parts, build, serve

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("default"),  # gradio's and asyncio's own, of which there are some
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LOCAL = {"127.0.0.1", "localhost", "::1"}
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


@pytest.fixture(scope="module")
def reached() -> list[str]:
    """Every address that this very process connects to from now on, beside this machine's own."""
    found: list[str] = []

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] not in LOCAL:
            found.append(str(arguments[1]))

    sys.addaudithook(audit)
    return found


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


def served(folder: Path, names: tuple[str, ...] = ("base", "sft", "dpo", "grpo"), failures: bool = True) -> Any:
    """A page over made-up parts in `folder`; begun again over the same folder it is a restart."""
    if names and not (folder / "models").exists():
        untrained(folder / "models", names)
    results = lab(folder / "lab") if failures else folder / "no lab"
    parts = Parts(
        Desk(lambda: assistant(folder)), folder / "memory.sqlite", "ada", folder / "models", results,
        ["Who are you?"], ["Which river is in Elm Ferry?"],
    )  # fmt: skip
    page = build(parts)
    return page, serve(page, None, wait=False)


def test_side_by_side_tokens_attention(browser: Any, tmp_path: Path, reached: list[str]) -> None:
    page, address = served(tmp_path)
    opened = Opened(browser, address)
    tab = opened.tab
    tab.get_by_text("Who are you?").first.click()
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
    page.close()
    assert reached == []


def test_the_agent_remembers_over_a_restart_and_forgets(browser: Any, tmp_path: Path, reached: list[str]) -> None:
    page, address = served(tmp_path)
    opened = Opened(browser, address)
    opened.turn_to("Agent and memory")
    opened.say("Which river is in Elm Ferry?")
    opened.tab.wait_for_selector("#agent >> text=The Thorn.")
    assert "Elm Ferry lies on the Thorn." in opened.tab.locator("#passages").inner_text()
    opened.say("remember favourite drink: cocoa")
    opened.tab.wait_for_selector("#notes >> text=cocoa")
    opened.close()
    page.close()

    page, address = served(tmp_path)  # anew, over the same file
    opened = Opened(browser, address, dark=True)
    opened.turn_to("Agent and memory")
    opened.tab.wait_for_selector("#notes >> text=cocoa")
    opened.tab.get_by_role("button", name="forget favourite drink").click()
    opened.tab.wait_for_selector("#notes >> text=Nothing is remembered of you.")
    assert b"cocoa" not in (tmp_path / "memory.sqlite").read_bytes()
    opened.close()
    page.close()
    assert reached == []


def test_failure_modes_and_their_slider(browser: Any, tmp_path: Path) -> None:
    page, address = served(tmp_path)
    opened = Opened(browser, address)
    opened.turn_to("Failure modes")
    tab = opened.tab
    tab.wait_for_selector("#figure img")
    assert "free" in tab.locator("#reached").inner_text()
    before = tab.locator("#figure").inner_html()
    tab.locator("#kl input[type=range]").focus()
    for _ in range(60):
        tab.keyboard.press("ArrowLeft")
    tab.wait_for_function("before => document.querySelector('#figure').innerHTML !== before", arg=before)
    opened.close()
    page.close()


def test_before_anything_is_trained_the_page_says_what_to_run(browser: Any, tmp_path: Path) -> None:
    page, address = served(tmp_path, names=(), failures=False)
    opened = Opened(browser, address)
    assert "make repro" in opened.tab.locator("#advice").inner_text()
    assert opened.tab.locator("#ask-all").is_disabled()
    opened.turn_to("Failure modes")
    assert "dvc repro labs/failure_modes" in opened.tab.locator("#no-failures").inner_text()
    opened.close()
    page.close()
