"""Pages in a real browser: they show what the files hold, on every screen, and complain of nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import DESKTOP, PHONE, complaints, open_browser, picture, settle, show_page
from made_trials import make_output, run
from short_trials import WALK

from trcaugment import Markers, read_trc, write_trc
from trcaugment.conversion.report import Row
from trcaugment.pages.cohort import write_index
from trcaugment.pages.trial import Trial, open_trial
from trcaugment.pages.viewer import make_page, show

pytestmark = pytest.mark.slow
TRUTH = WALK.with_name("walk_markers.trc")
# Where all markers of a body are, as the page has them.
PLACES = """
const [body] = arguments;
return viewer.scene.bodies[body].names.map((_, marker) => viewer.place(body, marker, viewer.frame()));
"""
# Elements that have no name for a screen reader to say.
NAMELESS = """
const all = [...document.querySelectorAll("button, input, select, svg, img, canvas")];
const named = (each) => each.ariaLabel || each.alt || each.textContent.trim() || (each.labels || []).length;
return all.filter((each) => !named(each)).map((each) => each.outerHTML.slice(0, 80));
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's markers beside its keypoints, and again with a planted distance of 10 mm."""
    folder = tmp_path_factory.mktemp("page")
    truth, keypoints = read_trc(TRUTH), read_trc(WALK)
    positions = np.concatenate([keypoints.positions, truth.positions], axis=1)
    write_trc(folder / "both.trc", Markers(keypoints.names + truth.names, positions, truth.time_s))
    moved = Markers(truth.names, truth.positions + np.array([0, 0.01, 0]), truth.time_s)
    shown = show(open_trial(folder / "both.trc"), Trial(Path("moved.trc"), moved))
    (folder / "view.html").write_bytes(make_page(shown, "both"))
    return folder / "view.html"


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_body_is_seen_and_nothing_is_complained_of(
    browser: Any, page: Path, size: tuple[int, int], dark: bool
) -> None:
    show_page(browser, page, size, dark=dark)
    assert complaints(browser) == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= size[0]
    box = browser.execute_script("return document.getElementById('stage').getBoundingClientRect().toJSON()")
    x, y, width, height = (round(box[side]) for side in ("x", "y", "width", "height"))
    stage = picture(browser)[y : min(y + height, size[1]), x : x + width]
    for color in ("right", "left", "apart"):
        assert n_pixels(browser, stage, color) > 20
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0


def n_pixels(browser: Any, image: np.ndarray, color: str) -> int:
    """How many pixels have a colour of the page."""
    script = "return getComputedStyle(document.documentElement).getPropertyValue(arguments[0]).trim()"
    code = browser.execute_script(script, f"--{color}")
    rgb = np.array([int(code[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return int((np.abs(image - rgb).max(axis=2) < 0.02).sum())


def slide(browser: Any, frame: int) -> None:
    browser.execute_script(
        "const slider = document.getElementById('frame'); slider.value = arguments[0];"
        "slider.dispatchEvent(new Event('input'));",
        frame,
    )
    settle(browser)


def test_the_slider_moves_the_markers_to_the_places_of_the_file(browser: Any, page: Path) -> None:
    show_page(browser, page)
    written = read_trc(page.with_name("both.trc"))
    bodies = browser.execute_script("return viewer.scene.bodies.map((body) => body.names)")
    assert sorted(bodies[0] + bodies[1]) == sorted(written.names)
    before = None
    for frame in (0, 123, 599):
        slide(browser, frame)
        assert f"frame {frame + 1} of 600" in browser.find_element("id", "readout").text
        for body, names in enumerate(bodies[:2]):
            shown = browser.execute_script(PLACES, body)
            step_m = browser.execute_script("return viewer.scene.bodies[arguments[0]].positions.step_m", body)
            assert step_m < 2e-4
            np.testing.assert_allclose(shown, written.select(names)[frame], atol=0.51 * step_m)
        on_screen = browser.execute_script("return viewer.scene.bodies[1].names.map((_, k) => viewer.screen(1, k))")
        assert before is None or np.abs(np.subtract(on_screen, before)).max() > 2
        before = on_screen
    assert "mean distance 10.0 mm over 35 markers, now 10.0 mm" in browser.find_element("tag name", "summary").text


def test_a_marker_says_its_name_where_it_is_seen(browser: Any, page: Path) -> None:
    from selenium.webdriver import ActionChains

    show_page(browser, page)
    slide(browser, 50)
    names = browser.execute_script("return viewer.scene.bodies[0].names")
    k = names.index("Neck")
    x, y = browser.execute_script("return viewer.screen(0, arguments[0])", k)
    canvas = browser.find_element("id", "stage")
    half = [canvas.size["width"] / 2, canvas.size["height"] / 2]
    ActionChains(browser).move_to_element_with_offset(canvas, round(x - half[0]), round(y - half[1])).perform()
    place_mm = 1000 * read_trc(WALK).select(["Neck"])[50, 0]
    said = browser.find_element("id", "tip").text.splitlines()
    assert said[0] == "Neck"
    assert said[2] == ", ".join(f"{value:.0f}" for value in place_mm) + " mm"


def test_keys_mouse_and_fingers_move_it(browser: Any, page: Path) -> None:
    from selenium.webdriver import ActionChains, Keys

    show_page(browser, page)
    canvas = browser.find_element("id", "stage")
    slide(browser, 10)
    shifted = Keys.SHIFT + Keys.ARROW_RIGHT
    for keys, frame in ((Keys.ARROW_RIGHT, 11), (Keys.ARROW_LEFT, 10), (shifted, 20), (Keys.END, 599)):
        canvas.send_keys(keys)
        assert browser.execute_script("return viewer.frame()") == frame

    def place() -> np.ndarray:
        settle(browser)
        return np.array(browser.execute_script("return viewer.screen(0, 0)"))

    seen = [place()]
    ActionChains(browser).click_and_hold(canvas).move_by_offset(80, 20).release().perform()
    seen.append(place())
    canvas.send_keys("+")
    seen.append(place())
    canvas.send_keys("3")
    seen.append(place())
    touches = [{"x": 300, "y": 300}, {"x": 380, "y": 340}]
    for kind, points in (("touchStart", touches[:1]), ("touchMove", touches[1:]), ("touchEnd", [])):
        browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    seen.append(place())
    assert all(np.abs(after - before).max() > 1 for before, after in pairwise(seen))
    browser.find_element("css selector", "[data-view=front]").click()
    browser.find_element("id", "beside").click()
    settle(browser)
    first, second = (browser.execute_script("return viewer.screen(arguments[0], 0)", k) for k in (1, 2))
    assert second[0] - first[0] == pytest.approx(canvas.size["width"] / 2, abs=2)
    assert complaints(browser) == []


def test_a_minute_at_60_hz_plays_with_less_than_5_ms_of_script_a_frame(browser: Any, tmp_path: Path) -> None:
    walk, truth = read_trc(WALK), read_trc(TRUTH)
    names = (*walk.names, *truth.names)
    whole = np.tile(np.concatenate([walk.positions, truth.positions], axis=1), (6, 1, 1))
    minute = Markers(names, whole, np.arange(3600) / 60)
    page = tmp_path / "minute.html"
    page.write_bytes(make_page(show(Trial(Path("minute.trc"), minute), Trial(Path("again.trc"), minute)), "minute"))
    assert page.stat().st_size < 15e6
    show_page(browser, page)
    # By the processor's time: by the clock, a busy machine would count other programs in. The page has both.
    browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    before = script_s(browser), browser.execute_script("return viewer.spent()")["n"]
    browser.execute_async_script("viewer.play(true); setTimeout(arguments[0], 3000)")
    spent = browser.execute_script("return viewer.spent()")
    n_frames = spent["n"] - before[1]
    assert n_frames > 10
    assert 0 < 1000 * (script_s(browser) - before[0]) / n_frames <= 5
    assert spent["total"] > 0
    assert browser.execute_script("return viewer.frame()") > 60


def script_s(browser: Any) -> float:
    """How long scripts have run, in s of the processor."""
    metrics = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return next(each["value"] for each in metrics if each["name"] == "ScriptDuration")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of an output with findings, joint angles and marker errors."""
    made = make_output(tmp_path_factory.mktemp("report"))
    time_s = np.arange(60) / 60
    rows = "\n".join(f"{t}\t{30 * np.sin(9 * t)}\t{20 * np.cos(9 * t)}" for t in time_s)
    head = "m\nversion=1\nnRows=60\nnColumns=3\ninDegrees=yes\nendheader\ntime\tknee_angle_r\tknee_angle_l\n"
    made.with_suffix(".mot").write_text(head + rows + "\n")
    run("report", made)
    return made.with_name("walk_aug_report.html")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_report_fits_its_window_and_all_its_charts_are_seen(
    browser: Any, report: Path, size: tuple[int, int], dark: bool
) -> None:
    show_page(browser, report, size, dark=dark)
    assert complaints(browser) == []
    browser.execute_script("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= size[0]
    charts = browser.find_elements("css selector", "svg[role=img]")
    assert len(charts) >= 8
    for chart in (charts[0], charts[-1]):
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", chart)
        settle(browser)
        box = browser.execute_script("return arguments[0].getBoundingClientRect().toJSON()", chart)
        x, y, width, height = (round(box[side]) for side in ("x", "y", "width", "height"))
        assert n_pixels(browser, picture(browser)[y : y + height, x : x + width], "first") > 20
    assert browser.execute_script(NAMELESS) == []


def test_a_click_on_a_chart_goes_to_its_moment(browser: Any, report: Path) -> None:
    show_page(browser, report)
    script = """
    const svg = document.querySelector("svg[data-from]"), box = svg.getBoundingClientRect();
    const middle = (+svg.dataset.left + +svg.dataset.right) / 2 / svg.viewBox.baseVal.width;
    svg.dispatchEvent(new MouseEvent("click", { clientX: box.left + middle * box.width, bubbles: true }));
    return [viewer.frame(), svg.querySelector(".cursor").getAttribute("visibility")];
    """
    frame, seen = browser.execute_script(script)
    assert frame in (29, 30)
    assert seen == "visible"
    browser.find_element("css selector", "button.frames").click()
    start = browser.execute_script("return +document.querySelector('button.frames').dataset.frame")
    assert browser.execute_script("return viewer.frame()") == start


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_cohort_is_sorted_by_its_titles(browser: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    shares = {"a2": 50, "a10": 100, "a1": None}
    rows = [
        Row(trial=name, result="converted" if known else "failed", n_frames=100, n_frames_predicted=known)
        for name, known in shares.items()
    ]
    write_index(tmp_path, rows, {})
    show_page(browser, tmp_path / "batch_report.html", size)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= size[0]

    def order() -> list[str]:
        return browser.execute_script(
            "return [...document.querySelectorAll('tbody tr')].map((row) => row.cells[0].textContent)"
        )

    assert order() == ["a1", "a2", "a10"]  # failed, frames without markers, good
    trial, _, _, _, share = browser.find_elements("css selector", "th button")
    trial.click()
    trial.click()
    assert order() == ["a10", "a2", "a1"]  # from the last name, by its number
    share.click()
    assert order() == ["a10", "a2", "a1"]  # from the highest; what is not known last
    share.click()
    assert order() == ["a2", "a10", "a1"]
    assert complaints(browser) == []
