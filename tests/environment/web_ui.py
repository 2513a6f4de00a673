"""A browser in front of Airflow's web interface: log in as a person does, and read the page.

It tests nothing. What is clicked and read are the names and `data-testid`s
that Airflow 3.3's own interface has.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from selenium.webdriver.remote.webelement import WebElement

SECONDS = 60
"""How long a page may take: the API server builds part of itself at the first request."""
WINDOW = (1600, 800)
# No service of the browser's maker is asked for anything.
ALONE = ("background-networking", "component-update", "sync", "quic", "gpu")


@contextlib.contextmanager
def browser(profile: Path) -> Iterator[webdriver.Chrome]:
    """Start a headless Chromium with an empty profile; without one the test is skipped."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("there is no browser: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless",
        "--no-first-run",
        f"--user-data-dir={profile}",
        f"--window-size={WINDOW[0]},{WINDOW[1]}",
        # Chromium's sandbox does not start for root; nothing foreign is opened here.
        *(["--no-sandbox"] if os.getuid() == 0 else []),
        *(f"--disable-{service}" for service in ALONE),
    ):
        options.add_argument(argument)
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield chrome
    finally:
        chrome.quit()


class WebInterface:
    """The pages of one Airflow in one browser."""

    def __init__(self, chrome: webdriver.Chrome, address: str) -> None:
        self._chrome = chrome
        self._address = address.rstrip("/")

    @property
    def path(self) -> str:
        """Where the browser is."""
        return urlsplit(self._chrome.current_url).path

    @property
    def text(self) -> str:
        """What a person reads on the page."""
        return self._chrome.find_element(By.TAG_NAME, "body").text

    def open(self, path: str) -> None:
        """Go to a page."""
        self._chrome.get(f"{self._address}{path}")

    def send_login(self, user: str, password: str) -> None:
        """Fill in the form that SimpleAuthManager sends everyone to, and press its button."""
        self._write("input[name=username]", user)
        self._write("input[name=password]", password)
        # The button is disabled until both fields are filled in.
        self.click("button[type=submit]:enabled")

    def log_in(self, user: str, password: str) -> None:
        """Log in, and wait for the page behind it."""
        self.send_login(user, password)
        self.wait_for(named_for_tests("nav-sidebar"))

    def wait_for(self, selector: str, text: str = "") -> None:
        """Wait until something is to be seen that says `text`, among other things."""
        self._until(selector, lambda one: one.is_displayed() and text in one.text)

    def click(self, selector: str) -> None:
        """Wait for something, and click on it."""
        self._until(selector, lambda one: _done(one.click))

    def _write(self, selector: str, text: str) -> None:
        self._until(selector, lambda one: _done(partial(one.send_keys, text)))

    def _until(self, selector: str, act: Callable[[WebElement], bool]) -> None:
        """Do something with the first such element, again and again until it succeeds.

        The page may replace an element by an equal one at any moment.
        """
        WebDriverWait(
            self._chrome,
            SECONDS,
            ignored_exceptions=(NoSuchElementException, StaleElementReferenceException),
        ).until(
            lambda chrome: act(chrome.find_element(By.CSS_SELECTOR, selector)),
            f"nothing like {selector} came up in {SECONDS} seconds",
        )

    def texts(self, selector: str) -> list[str]:
        """Wait until all such elements say something, and return what."""
        said: list[str] = []

        def read(_first: WebElement) -> bool:
            said[:] = [one.text for one in self._chrome.find_elements(By.CSS_SELECTOR, selector)]
            return all(said)

        self._until(selector, read)
        return said

    def photograph(self, file: Path) -> None:
        """Save what is to be seen."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._chrome.save_screenshot(str(file))


def _done(act: Callable[[], None]) -> bool:
    act()
    return True


def named_for_tests(name: str) -> str:
    """The selector of what the interface itself names for tests."""
    return f"[data-testid='{name}']"
