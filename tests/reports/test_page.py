"""The page in a real browser: sorting, replay, laptop and phone, and names that try to be markup."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
from discs import BOX, BOX_THEN_CLICKS, EVIL, HEIGHT, PLUGIN, SCRIBBLES, Discs, disc_run, joined_runs
from PIL import Image

from segbench.protocols.registry import PROTOCOLS
from segbench.reports.layout import Grid
from segbench.reports.missing import Gap
from segbench.reports.page.render import Missing, Section, page
from segbench.reports.replay import link

LAPTOP, PHONE = (1366, 768), (375, 812)
# The column "Value" in its original order, and sorted.
VALUES = ["10.5 ± 1", "−3", "–", "+2", "1,204", "−0.5 [−1, 0]"]
ASCENDING = ["−3", "−0.5 [−1, 0]", "+2", "10.5 ± 1", "1,204", "–"]
DESCENDING = [*ASCENDING[-2::-1], "–"]


def sections(folder) -> list[Section]:
    """Return a wide figure and a table whose first column repeats, both with hostile text."""
    picture = folder / "fig3.png"
    Image.fromarray(np.zeros((640, 1920), np.uint8)).save(picture)
    grid = Grid(["Group", "Name", "Value"], [[EVIL, f"n{i % 4}", v] for i, v in enumerate(VALUES)], heads=2)
    return [
        Section(
            "fig3", "figure", f"Title {EVIL} (Fig. 3)", EVIL, EVIL, None, ["figures/fig3.png"], picture, 1200
        ),
        Section(
            "table7", "table", "Numbers (Table 7)", EVIL, "", grid, ["tables/table7.csv", "tables/table7.tex"]
        ),
    ]


def long_table() -> Section:
    """Return a table of 20 rows, in which one file opens the replay."""
    tasks = ("lung", "liver", "lung", "liver")
    rows = [[f"Protocol {i // 10}", tasks[i // 5], f"Image {i}", str(i)] for i in range(20)]
    links = {(3, 2): link(SCRIBBLES, "test", Discs().tasks(None)[0].name, 5, "multiverseg", "binary")}
    grid = Grid(["Protocol", "Task", "File", "Value"], rows, 3, links)
    return Section("worst-images", "table", "Worst images", "", "", grid, [])


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The path of a page about a run whose tasks, models and reasons try to be markup."""
    folder = tmp_path_factory.mktemp("page")
    boxed = disc_run(protocols=[BOX_THEN_CLICKS], positions=[1, 9], source="discs:NamedDiscs")
    run = joined_runs(disc_run(source="discs:NamedDiscs"), disc_run([PLUGIN]), boxed)
    missing = [Missing(["fig4"], True, [Gap(EVIL, EVIL)], EVIL)]
    text = page(run, [*sections(folder), long_table()], missing)
    (folder / "index.html").write_text(text, encoding="utf-8")
    return folder / "index.html"


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """A headless Chromium that counts calls of ``alert``."""
    webdriver = pytest.importorskip("selenium.webdriver")
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    helper = shutil.which("chromedriver")
    if not browser or not helper:
        pytest.skip(
            "sorting and replay of the page are not tested: chromium and chromedriver are not installed"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    switches = "headless=new no-sandbox disable-gpu disable-quic no-first-run disable-background-networking"
    more = "disable-component-update disable-sync force-prefers-reduced-motion"  # no smooth scrolling
    for switch in f"{switches} {more}".split():
        options.add_argument(f"--{switch}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(helper))
    count = "window.alerts = []; window.alert = (text) => window.alerts.push(text);"
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": count})
    yield driver
    driver.quit()


@pytest.fixture
def browser(driver, built):
    """The page, newly opened on a laptop, with its replay ready."""
    resize(driver, LAPTOP)
    driver.get(built.as_uri())
    wait(driver, "return document.querySelectorAll('#replay canvas').length > 0")
    return driver


def wait(driver, condition: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, 10).until(lambda driver: driver.execute_script(condition))


def resize(driver, size: tuple[int, int]) -> None:
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def find(browser, selector: str):
    return browser.find_element("css selector", selector)


def texts(browser, selector: str) -> list[str]:
    """Return the texts of elements, also of those outside the screen."""
    script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent.trim())"
    return browser.execute_script(script, selector)


def choose(browser, name: str, text: str) -> None:
    from selenium.webdriver.support.ui import Select

    Select(find(browser, f"#replay select[name={name}]")).select_by_visible_text(text)


def pictures(browser) -> list[str]:
    """Return the canvases of the replay as data URLs."""
    return browser.execute_script("return [...document.querySelectorAll('canvas')].map((c) => c.toDataURL())")


def key(browser, selector: str, name: str) -> None:
    from selenium.webdriver.common.keys import Keys

    find(browser, selector).send_keys(getattr(Keys, name))


def open_image(browser, protocol: str, cohort: str, image: str) -> None:
    """Choose an image of the replay and wait until it is shown."""
    choose(browser, "protocol", protocol)
    choose(browser, "task", next(t for t in texts(browser, "select[name=task] option") if f"/{cohort}/" in t))
    browser.execute_script("document.querySelector('#replay .panels').replaceChildren()")
    choose(browser, "image", "Example 9")  # a change even if the image is already chosen
    choose(browser, "image", image)
    wait(browser, "return document.querySelectorAll('#replay canvas').length > 0")


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_nothing_is_wider_than_the_screen(browser, size):
    resize(browser, size)
    browser.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    width = browser.execute_script("return [document.documentElement.scrollWidth, document.body.scrollWidth]")
    assert max(width) <= size[0]
    assert browser.execute_script("return innerWidth") == size[0]
    small = """return [...document.querySelectorAll('main *, nav *')]
        .filter((e) => e.textContent.trim() && parseFloat(getComputedStyle(e).fontSize) < 11).length"""
    assert browser.execute_script(small) == 0


def test_a_figure_fits_the_phone_and_is_enlarged_by_tap_and_by_keyboard(browser):
    resize(browser, PHONE)
    width = "return document.querySelector(arguments[0]).getBoundingClientRect().width"
    state = """const dialog = document.querySelector('dialog');
        return [dialog.open, dialog.contains(document.activeElement), dialog.scrollWidth]"""
    assert browser.execute_script(width, ".picture img") <= PHONE[0]
    find(browser, ".picture img").click()
    assert browser.execute_script(width, "dialog img") == 1200
    assert browser.execute_script(state) == [True, True, 1200]
    assert browser.execute_script("return document.documentElement.scrollWidth") == PHONE[0]
    find(browser, "dialog img").click()
    assert browser.execute_script(state)[0] is False
    for end in ("ESCAPE", "ENTER"):
        key(browser, ".picture button", "ENTER")
        assert browser.execute_script(state)[:2] == [True, True]
        key(browser, "dialog button", end)
        assert browser.execute_script(state)[0] is False
    assert browser.execute_script("return document.activeElement.textContent") == "Enlarge"


def test_the_contents_are_folded_on_a_phone_only(browser):
    assert find(browser, "nav a[href='#table7']").is_displayed()
    resize(browser, PHONE)
    wait(browser, "return !document.querySelector('nav details').open")
    find(browser, "nav summary").click()
    find(browser, "nav a[href='#table7']").click()
    assert not find(browser, "nav a[href='#table7']").is_displayed()
    assert browser.execute_script("return location.hash") == "#table7"


def test_every_link_of_the_contents_leads_somewhere(browser):
    links = browser.execute_script("return [...document.querySelectorAll('nav a')].map((a) => a.hash)")
    assert {"#answer", "#fig3", "#table7", "#replay", "#missing", "#provenance"} <= set(links)
    assert all(
        browser.execute_script("return !!document.querySelector(arguments[0])", link) for link in links
    )


def test_no_name_becomes_markup(browser):
    assert browser.execute_script("return window.alerts") == []
    scripts = "return [...document.scripts].map((script) => script.type + script.id)"
    assert browser.execute_script(scripts) == ["application/jsonreplay-data", ""]
    strange = "[onerror], [onload], img:not([src^='data:image/png'])"
    assert browser.execute_script("return document.querySelectorAll(arguments[0]).length", strange) == 0
    for place in (
        "#missing pre",
        "#table7 p",
        "#provenance li",
        "select[name=task] option",
        "#replay .title",
        "#replay .file",
    ):
        assert any(EVIL in text for text in texts(browser, place)), place


def test_the_page_runs_no_foreign_script_and_asks_nothing_of_the_network(browser, built):
    text = built.read_text(encoding="utf-8")
    assert not re.search(r"""(src|href|url)\s*[=(]\s*["']?(https?:)?//""", text)
    loaded = "return performance.getEntriesByType('resource').map((e) => e.name.slice(0, 5))"
    assert set(browser.execute_script(loaded)) <= {"data:"}
    foreign = "const s = document.createElement('script'); s.textContent = 'window.foreign = 1';"
    browser.execute_script(f"{foreign} document.body.append(s)")
    assert browser.execute_script("return window.foreign") is None


def test_the_console_stays_empty(browser):
    browser.get_log("browser")
    browser.refresh()
    wait(browser, "return document.querySelectorAll('#replay canvas').length > 0")
    find(browser, "#table7 thead button").click()
    key(browser, "#replay input", "ARROW_RIGHT")
    assert browser.get_log("browser") == []


def test_a_click_on_a_head_sorts_numbers_up_down_and_back(browser):
    head, cells = "#table7 th:nth-child(3) button", "#table7 tbody tr td"
    for direction, expected in (("ascending", ASCENDING), ("descending", DESCENDING), ("none", VALUES)):
        find(browser, head).click()
        assert texts(browser, cells) == expected
        sort = "return document.querySelector('#table7 th:nth-child(3)').getAttribute('aria-sort')"
        assert browser.execute_script(sort) == direction


def test_words_sort_by_keyboard_and_keep_the_order_of_equals(browser):
    key(browser, "#table7 th:nth-child(2) button", "ENTER")
    assert texts(browser, "#table7 tbody th:nth-child(2)") == ["n0", "n0", "n1", "n1", "n2", "n3"]
    assert texts(browser, "#table7 tbody td") == [VALUES[i] for i in (0, 4, 1, 5, 2, 3)]


def test_repeated_heads_are_shown_again_where_rows_are_sorted(browser):
    hidden = """return [...document.querySelectorAll('#table7 tbody th:first-child')]
        .filter((cell) => getComputedStyle(cell).color === 'rgba(0, 0, 0, 0)').length"""
    assert browser.execute_script(hidden) == len(VALUES) - 1
    heights = "return [...document.querySelectorAll('#table7 tbody tr')].map((row) => row.offsetHeight)"
    assert max(browser.execute_script(heights)[1:]) < 2 * 16 * 1.55  # a hidden head stretches no row
    find(browser, "#table7 th:nth-child(3) button").click()
    assert browser.execute_script(hidden) == 0


def test_words_above_a_long_table_choose_its_rows(browser):
    field, shown = find(browser, ".filter input"), "#worst-images tbody tr:not([hidden]) td"
    assert len(texts(browser, ".filter")) == 1  # the other table is short
    assert field.accessible_name.strip() == "Show rows with"
    field.send_keys("LIVER protocol 0")
    assert texts(browser, shown) == ["5", "6", "7", "8", "9"]
    assert texts(browser, ".filter output") == ["5 of 20 rows"]
    colour = (
        "return getComputedStyle(document.querySelector('#worst-images tr:nth-child(6) .repeated')).color"
    )
    assert browser.execute_script(colour) != "rgba(0, 0, 0, 0)"  # the first row of the protocol is hidden
    key(browser, "#worst-images th:nth-child(4) button", "ENTER")
    key(browser, "#worst-images th:nth-child(4) button", "ENTER")
    assert texts(browser, shown) == ["9", "8", "7", "6", "5"]
    key(browser, ".filter input", "ESCAPE")
    assert len(texts(browser, shown)) == 20


def test_a_cell_can_open_the_replay(browser):
    find(browser, "#worst-images tbody a").click()
    wait(browser, "return !!document.querySelector('#replay .linked')")
    assert texts(browser, "#replay .linked .title") == ["MultiverSeg"]
    assert texts(browser, "#replay .linked .dice") == ["Dice 100.0%"]  # the final prediction


def test_the_slider_replays_every_method_until_it_has_finished(browser):
    open_image(browser, "Center clicks", "usual", "Example 4")
    assert texts(browser, "#replay .title") == ["ScribblePrompt", "MultiverSeg", PLUGIN]
    key(browser, "#replay input", "HOME")
    assert texts(browser, "#replay output") == ["0 of 4"]
    assert texts(browser, "#replay .dice")[0] == "No prediction yet"
    seen = [pictures(browser)]
    for _ in range(4):
        key(browser, "#replay input", "ARROW_RIGHT")
        seen.append(pictures(browser))
    assert texts(browser, "#replay output") == ["4 of 4"]
    assert texts(browser, "#replay .dice") == ["Dice 100.0%"] * 3
    assert texts(browser, "#replay .count") == ["3 clicks", "4 clicks", "3 clicks"]
    assert texts(browser, "#replay .state")[1] == "target Dice reached after 4 clicks"
    assert len({step[1] for step in seen}) == 5
    assert seen[3][0] == seen[4][0]  # finished after three


def test_the_replay_draws_the_prediction_and_the_interactions(browser):
    open_image(browser, "Center clicks", "usual", "Example 4")
    # The centre of the disc, which is predicted from the first click on, and the positions of the clicks.
    colour = """const [row, column] = arguments, canvas = document.querySelector('#replay canvas');
        const [x, y] = [column + 0.2, row + 0.2].map((place) => place * canvas.width / 34);
        return [...canvas.getContext('2d').getImageData(x, y, 1, 1).data.slice(0, 3)]"""
    key(browser, "#replay input", "HOME")
    assert "percentile 1 to 99.5" in find(browser, "#replay .stretched").text
    grey = browser.execute_script(colour, 13, 15)
    assert max(grey) - min(grey) <= 2
    key(browser, "#replay input", "END")
    red, _, blue = browser.execute_script(colour, 13, 15)
    assert blue > red + 20
    red, green, _ = browser.execute_script(colour, 11, 2)
    assert green > red + 100
    # Where both coincide, the line of the label is outside, and that of the prediction inside.
    assert browser.execute_script(colour, 14, 7 - 0.5) == [0xF0, 0xE4, 0x42]
    assert browser.execute_script(colour, 14, 7) == [0x56, 0xB4, 0xE9]


def test_the_protocol_task_and_image_are_chosen_and_kept(browser):
    open_image(browser, "Center clicks", "hard", "Example 2")
    clicks = pictures(browser)
    open_image(browser, "Centerline scribbles", "hard", "Example 2")
    assert texts(browser, "#replay .count")[1].endswith("scribble step")
    assert pictures(browser) != clicks
    choose(browser, "task", next(t for t in texts(browser, "select[name=task] option") if "/usual/" in t))
    assert find(browser, "select[name=image]").get_property("selectedOptions")[0].text == "Example 2"
    choose(browser, "image", "Example 0, the seed image")
    wait(browser, "return document.querySelectorAll('#replay canvas').length === 1")
    assert texts(browser, "#replay .title") == ["ScribblePrompt, for all methods"]


def test_a_link_opens_the_replay_at_an_image_and_shows_the_method(browser):
    task = next(task.name for task in Discs().tasks(None) if "/usual/" in task.name)
    open_image(browser, "Center clicks", "hard", "Example 2")
    address = link(SCRIBBLES, "test", task, 5, "multiverseg", "binary")  # the image at position 4
    follow = """const a = document.body.appendChild(document.createElement('a'));
        a.href = arguments[0]; a.click()"""
    for _ in range(2):  # also if the address stays the same
        browser.execute_script("scrollTo(0, 0)")
        browser.execute_script(follow, address)
        wait(browser, "return !!document.querySelector('#replay .linked') && scrollY > 0")
    chosen = "return [...document.querySelectorAll('#replay select')].map((s) => s.selectedOptions[0].text)"
    assert browser.execute_script(chosen) == ["Centerline scribbles", task, "Example 4"]
    assert texts(browser, "#replay .linked .title") == ["MultiverSeg"]
    assert texts(browser, "#replay .linked .dice") == ["Dice 100.0%"]  # the final prediction
    assert not find(browser, "#replay .absent").is_displayed()
    browser.execute_script("location.hash = arguments[0]", link(SCRIBBLES, "test", task, 99))
    wait(browser, "return !document.querySelector('#replay .absent').hidden")
    assert browser.execute_script("return document.querySelector('#replay .linked')") is None


def test_a_page_with_large_figures_stays_below_30_megabytes(tmp_path):
    figure, table = sections(tmp_path)
    figure.picture.write_bytes(bytes(20_990_000))
    text = page(disc_run(), [figure, table], [])
    assert len(text.encode()) < 30_000_000
    assert re.search(r"the replay shows \d+ of 66 stored images", text)


def test_a_run_without_pictures_has_a_sentence_instead_of_the_replay(run_of, tmp_path):
    run = run_of(models=("sp-uvs", "multiverseg"), simulations=2, count=2)
    text = page(run, sections(tmp_path), [])
    assert "store no pictures" in text
    assert 'id="replay-data"' not in text
    assert 'id="replay"' not in page(run, [], [], whole=False)


def test_the_replay_draws_a_box_as_an_outline_and_names_it(browser):
    open_image(browser, PROTOCOLS.get(BOX_THEN_CLICKS).title, "hard", "Example 1")
    assert texts(browser, "#replay .legend span")[-1] == "box"
    browser.execute_script(
        "const s = document.querySelector('#replay input[type=range]'); s.value = 1;"
        "s.dispatchEvent(new Event('input'))"
    )
    assert texts(browser, "#replay .count") == ["1 interaction: a box"] * 2
    script = """const canvas = document.querySelector('#replay canvas'), [row, column] = arguments;
        const scale = canvas.height / arguments[2];
        const pixel = canvas.getContext('2d').getImageData(column * scale, row * scale, 1, 1);
        return [...pixel.data].slice(0, 3)"""
    pink, (top, left, bottom, right) = [255, 63, 180], BOX
    middle = (top + bottom) / 2, (left + right) / 2
    edges = [(top, middle[1]), (bottom, middle[1]), (middle[0], left), (middle[0], right)]
    assert [browser.execute_script(script, *edge, HEIGHT) for edge in edges] == [pink] * 4
    assert browser.execute_script(script, *middle, HEIGHT) != pink
    find(browser, "#replay input[type=range]").send_keys("\ue014")  # arrow to the right
    assert texts(browser, "#replay .count") == ["2 interactions, the first a box"] * 2
    open_image(browser, "Center clicks", "hard", "Example 1")
    assert not any("box" in text for text in texts(browser, "#replay .count"))
