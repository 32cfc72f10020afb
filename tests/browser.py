"""A real browser without a screen, for tests of pages."""

from __future__ import annotations

import base64
import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

DESKTOP, PHONE = (1280, 900), (390, 844)
# No sandbox: tests run as root in containers. The others keep it from asking the network for anything.
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@contextmanager
def open_browser() -> Iterator[Any]:
    """Chromium driven by selenium; the test is skipped where one of them is not installed."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: pip install -e .[dev]")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("needs a browser: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
        try:
            yield browser
        finally:
            browser.quit()


def show_page(browser: Any, page: Path, size: tuple[int, int] = DESKTOP, *, dark: bool = False) -> None:
    """Open a file in a window of a size, offline."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    browser.get(page.as_uri())
    settle(browser)


def settle(browser: Any) -> None:
    """Wait until the page has drawn what it was told to."""
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")


def picture(browser: Any) -> np.ndarray:
    """What the window shows, (height, width, 3), from 0 to 1."""
    from matplotlib.image import imread

    taken = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    return np.asarray(imread(io.BytesIO(base64.b64decode(taken["data"])), format="png"))[:, :, :3]


def complaints(browser: Any) -> list[str]:
    """What the console holds since the last call."""
    return [entry["message"] for entry in browser.get_log("browser")]
