"""The page as a person opens it: from a file, in a real browser, which may reach nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser
from made_runs import predicted_run

from maskless.cli import main

METHODS = "[...document.querySelectorAll('table tbody tr th')].map((head) => head.dataset.value)"
AJI = "document.querySelectorAll('table thead th')[3]"
DIALOG = "document.querySelector('dialog')"
PICTURE = "document.querySelector('.panels button')"

pytestmark = pytest.mark.debian("chromium")


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """Three methods: one that finds every nucleus, one that misses one a tile, one that misses two."""
    folder = tmp_path_factory.mktemp("page")
    for method, lost in (("supervised", 1), ("threshold", 2), ("blind", 0)):
        run = predicted_run(folder / "runs", method, lost=lost, epochs=2 * lost)
        if lost == 2:
            (run.path / "figures").mkdir()
            (run.path / "figures" / "a.png").write_bytes(next(run.path.rglob("test-0000.png")).read_bytes())
    output = folder / "page.html"
    assert main(["compare", f"runs={folder / 'runs'}", f"output={output}", "images=3"]) == 0
    return output


@pytest.fixture
def browser(page, tmp_path) -> Iterator[Browser]:
    with Browser(tmp_path / "profile") as one:
        one.open(page.as_uri())
        yield one
        complaints = one.said("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        assert complaints == []
        asked_for = {
            event["request"]["url"].partition(":")[0] for event in one.said("Network.requestWillBeSent")
        }
        assert asked_for <= {"file", "data"}
        files = [
            event for event in one.said("Network.requestWillBeSent") if event["request"]["url"][:5] == "file:"
        ]
        assert [event["request"]["url"] for event in files] == [page.as_uri()]


def test_every_picture_loads_and_is_drawn(browser):
    assert browser.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")
    assert browser.evaluate("document.images.length") == 1
    hrefs = "[...document.querySelectorAll('image')].map((one) => one.getAttribute('href'))"
    decoded = browser.evaluate(
        f"Promise.all({hrefs}.map(async (href) => {{ const image = new Image(); image.src = href; "
        "await image.decode(); return image.naturalWidth; }))"
    )
    assert decoded
    assert set(decoded) == {64}
    drawn = browser.evaluate(
        "[...document.querySelectorAll('svg use')].map((one) => one.getBoundingClientRect().width)"
    )
    # Two of three panels show the pixels and two lines each, the third the pixels; charts have markers.
    assert len(drawn) >= 3 * 3 * 7
    panels = browser.evaluate("[...document.querySelectorAll('.tissue')].map((one) => one.clientWidth)")
    assert len(panels) == 3 * 3 * 3
    assert min(panels) > 200


def test_a_click_on_a_column_head_sorts(browser):
    original = browser.evaluate(METHODS)
    seen = []
    for _ in range(3):
        browser.click(AJI)
        seen.append((browser.evaluate(f"{AJI}.getAttribute('aria-sort')"), browser.evaluate(METHODS)))
    best_first = ["blind", "supervised", "threshold"]
    assert seen == [
        ("descending", best_first),
        ("ascending", best_first[::-1]),
        ("none", original),
    ]


def test_a_column_head_sorts_by_the_keyboard(browser):
    browser.evaluate("document.querySelector('table thead button').focus()")
    browser.press("Enter")
    assert browser.evaluate(METHODS) == ["blind", "supervised", "threshold"]
    browser.press("Enter")
    assert browser.evaluate(METHODS) == ["threshold", "supervised", "blind"]


def test_a_click_on_a_picture_enlarges_it_and_escape_closes_it(browser):
    small = browser.evaluate(f"{PICTURE}.querySelector('svg').clientWidth")
    assert not browser.evaluate(f"{DIALOG}.open")
    browser.click(PICTURE)
    assert browser.evaluate(f"{DIALOG}.open")
    large = browser.evaluate(f"{DIALOG}.querySelector('svg').clientHeight")
    assert large > 2 * small
    assert large <= browser.evaluate("innerHeight")
    browser.press("Escape")
    assert not browser.evaluate(f"{DIALOG}.open")
    browser.evaluate(f"{PICTURE}.focus()")
    browser.press("Enter")
    assert browser.evaluate(f"{DIALOG}.open")


def test_a_script_that_a_run_smuggles_in_does_not_run(page, tmp_path):
    """The policy allows the page's own script by its hash, and no other."""
    text = page.read_text()
    other = tmp_path / "other.html"
    other.write_text(text.replace("<h1>", "<script>document.title = 'ran'</script><h1>"))
    with Browser(tmp_path / "profile") as browser:
        browser.open(other.as_uri())
        assert browser.evaluate("document.title") != "ran"
        assert browser.evaluate("document.querySelectorAll('table thead button').length") > 0
        assert any(
            "Content Security Policy" in event["entry"]["text"] for event in browser.said("Log.entryAdded")
        )
