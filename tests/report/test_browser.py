"""The report in a real browser: turned, slid, sorted, filtered; offline and without errors."""

import csv
import io
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from dispr.files import write_csv, write_tiff
from dispr.prediction.files import PredictionFolder
from dispr.records import write_json
from dispr.report.page import asset
from dispr.report.write import write_report
from dispr.surface.mesh import mesh_of

chromium = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("browser.py"))))

pytestmark = pytest.mark.skipif(
    chromium.find_browser() is None or sys.platform == "win32",
    reason="needs Chromium on the PATH, or named by the variable DISPR_BROWSER",
)
CELL = "#cell=B_keratocytes000002"
FIRST = "0.00_discocyte000001"


def started(tmp_path_factory, flags):
    browser = chromium.Browser(chromium.find_browser(), tmp_path_factory.mktemp("browser"), flags)
    try:
        yield browser
    finally:
        browser.close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    yield from started(tmp_path_factory, chromium.SOFTWARE_GL)


@pytest.fixture(scope="module")
def browser_without_webgl(tmp_path_factory):
    yield from started(tmp_path_factory, chromium.NO_GL)


@pytest.fixture(params=["browser", "browser_without_webgl"])
def both(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def page(browser, report):
    """The report on a large screen; at the end nothing may have gone wrong."""
    browser.errors.clear()
    browser.requests.clear()
    browser.look()
    browser.open(report)
    yield browser
    unharmed(browser)


def unharmed(browser):
    """No error and no warning; nothing asked for but the file itself."""
    assert browser.errors == []
    strangers = [
        url
        for url in browser.requests
        if not url.startswith(("file:", "data:", "about:", "blob:file:", "blob:null"))
    ]
    assert strangers == []


def picture(browser, selector):
    return np.asarray(Image.open(io.BytesIO(browser.screenshot(selector=selector))).convert("RGB"))


def of_the_page(browser, expression):
    """The value of an expression of the page's own functions."""
    return browser.evaluate(f"(() => {{ {asset('dom.js')}\n return {expression}; }})()")


def differs(a, b, share=0.01):
    """Whether more than a share of the pixels changed visibly."""
    return (np.abs(a.astype(int) - b).max(axis=2) > 24).mean() > share


def names(browser):
    return browser.evaluate("[...document.querySelectorAll('.card-name')].map(e => e.textContent)")


def test_turn_and_zoom(both, report):
    both.look()
    both.open(report, CELL)
    seen = [picture(both, "#stage")]
    ground = seen[0][5, 5].astype(int)
    assert (np.abs(seen[0] - ground).max(axis=2) > 40).mean() > 0.1  # there is a shape
    for act in (
        lambda: both.drag("#stage", 120, 40),
        lambda: both.press("ArrowLeft"),
        lambda: both.press("ArrowUp"),
        lambda: both.press("+"),
    ):
        act()
        seen.append(picture(both, "#stage"))
        assert differs(seen[-1], seen[-2])
    both.press("0")
    both.evaluate("document.activeElement.blur()")  # whose frame is not in the first picture
    assert not differs(picture(both, "#stage"), seen[0], 0.001)  # as at the start
    unharmed(both)


def test_colours_and_cut(both, report):
    both.look()
    both.open(report, CELL)
    before = picture(both, "#stage")
    both.click("#coloured")
    plain = picture(both, "#stage")
    assert differs(plain, before, 0.05)
    middle = plain[plain.shape[0] // 2, plain.shape[1] // 2].astype(int)
    assert middle[0] > middle[2]  # the colour of predicted shapes is red
    both.click("#cut")
    assert differs(picture(both, "#stage"), plain, 0.05)
    unharmed(both)


def test_samples(page, report):
    page.open(report, CELL)
    stops = page.evaluate("[...document.querySelectorAll('.stops button')].map(b => b.textContent)")
    assert stops == ["Consensus", "1", "2", "3", "Truth"]
    shape, section = (
        picture(page, "#stage"),
        picture(page, ".sections figure:nth-of-type(3) canvas"),
    )
    page.fill("#shape", 2)
    assert page.evaluate("document.querySelector('output[for=shape]').textContent") == (
        "Sample 2 of 3"
    )
    assert differs(picture(page, "#stage"), shape)
    assert differs(picture(page, ".sections figure:nth-of-type(3) canvas"), section, 0.003)
    page.evaluate("document.querySelector('#shape').focus()")
    page.press("ArrowRight")
    assert "Sample 3" in page.evaluate("document.querySelector('#shape').ariaValueText")
    page.click(".stops button:last-child")
    assert "True shape" in page.evaluate("document.querySelector('#stage').ariaLabel")
    page.click("button[aria-label^=Play]")
    page.wait_for("document.querySelector('output[for=shape]').textContent.startsWith('Sample')")
    page.click("button[aria-label=Stop]")


def test_print_keeps_the_shape(both, report):
    both.look()
    both.open(report, CELL)
    both.send("Page.printToPDF")
    both.send("Emulation.setEmulatedMedia", media="print")
    printed = picture(both, ".stage-frame").astype(int)
    both.send("Emulation.setEmulatedMedia", media="")
    assert (np.abs(printed - 255).max(axis=2) > 40).mean() > 0.1
    assert differs(picture(both, "#stage"), np.full_like(picture(both, "#stage"), 255), 0.1)
    unharmed(both)


def saved(browser, folder, label):
    """What a button saves: its path."""
    browser.send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    before = set(folder.iterdir())
    browser.evaluate(f"document.querySelector('[aria-label=\"Save {label}\"]').click()")
    for _ in range(400):
        new = [p for p in set(folder.iterdir()) - before if p.suffix in (".png", ".svg", ".csv")]
        if new:
            return new[0]
        browser.settle()
    raise AssertionError(f"{label} was not saved: {browser.errors}")


def test_table_is_saved_as_filtered(page, tmp_path):
    page.fill("#sort", "volume")
    page.fill("#query", "CYTES0")
    rows = list(csv.DictReader(saved(page, tmp_path, "cells as CSV").open(encoding="utf-8")))
    assert [row["name"] for row in rows] == names(page)
    assert len(rows) == 2
    warned = next(row for row in rows if row["name"].startswith("B_"))
    other = next(row for row in rows if row["name"].startswith("E_"))
    assert warned["warning"] == 'More unusual than all: "</script><b>".'
    assert warned["volume_low_um3"] == ""  # a cell with a warning has no interval
    assert float(warned["volume_min_um3"]) <= float(warned["volume_um3"])
    assert float(other["volume_low_um3"]) < float(other["volume_high_um3"])
    assert other["volume_min_um3"] == ""
    assert 0.3 < float(other["sphericity"]) < 1


def test_panels_are_saved(page, report, tmp_path):
    page.open(report, CELL)
    name = CELL[6:]
    shape = Image.open(saved(page, tmp_path, f"{name} shape as PNG")).convert("RGB")
    assert shape.size == (1400, 1400)
    assert (np.asarray(shape).min(axis=2) < 200).mean() > 0.1
    sections = Image.open(saved(page, tmp_path, f"{name} sections as PNG"))
    assert sections.width == 2 * 256 + 12
    rows = list(csv.reader(saved(page, tmp_path, f"{name} measures as CSV").open("r")))
    assert rows[1][0] == "volume_um3"
    assert rows[1][4] == "range of samples"
    assert len(rows) == 47
    page.open(report, "#plots")
    title = "Predicted and true values"
    drawing = saved(page, tmp_path, f"{title} as SVG").read_text("utf-8")
    root = ElementTree.fromstring(drawing)
    assert len(root.findall(".//{http://www.w3.org/2000/svg}circle")) == 3
    assert "var(" not in drawing
    assert "<a" not in drawing
    chart = np.asarray(Image.open(saved(page, tmp_path, f"{title} as PNG")).convert("RGB"))
    assert chart.shape == (1200, 1560, 3)
    assert len(np.unique(chart.reshape(-1, 3), axis=0)) > 50


def test_sections(page, report):
    page.open(report, CELL)
    assert page.evaluate("document.querySelectorAll('.sections canvas').length") == 4
    planes = "[...document.querySelectorAll('.plane')].map(e => e.textContent)"
    assert page.evaluate(planes) == ["Z 32 · 5.5 µm", "Y 32 · 5.5 µm", "X 32 · 5.5 µm"]
    page.fill("input[aria-label='Plane along Z']", 40)
    x, y = page.middle(".sections figure:nth-of-type(2) canvas")
    page.mouse("mousePressed", x + 30, y, 1)
    page.mouse("mouseReleased", x + 30, y)
    page.settle()
    z, _, x = page.evaluate(planes)
    assert z.startswith("Z 40")
    assert int(x.split()[1]) > 36


def test_sort_and_filter(page):
    discocyte, keratocyte, acanthocyte = names(page)
    page.fill("#sort", "volume")
    volumes = page.evaluate(
        "[...document.querySelectorAll('.card-text span')].map(e => parseFloat(e.textContent))"
        ".filter(v => v > 5)"
    )
    assert len(volumes) >= 3
    order = names(page)
    page.click("#direction")
    assert names(page) == order[::-1]
    page.fill("#sort", "familiarity")
    assert names(page) == [keratocyte, acanthocyte, discocyte]
    page.fill("#query", "CYTES0")
    assert names(page) == [keratocyte, acanthocyte]
    assert "2 of 3" in page.evaluate("document.querySelector('[role=status]').textContent")
    page.fill("#query", "")
    page.fill("#class", "SDE")
    assert names(page) == [discocyte]
    page.fill("#class", "*")
    page.click("#warned")
    assert names(page) == [keratocyte]
    page.fill("#query", "nothing")
    cards = page.evaluate("document.querySelector('.cards').textContent")
    assert "No cell matches the filters" in cards


def test_gallery_draws_and_leads_to_cells(page):
    page.wait_for("document.querySelectorAll('[data-drawn]').length === 3")
    drawn = (
        "[...document.querySelectorAll('.thumbnail')].every(c => {"
        "const copy = new OffscreenCanvas(c.width, c.height)"  # reading it is not warned of
        ".getContext('2d', { willReadFrequently: true });"
        "copy.drawImage(c, 0, 0);"
        "const d = copy.getImageData(0, 0, c.width, c.height).data;"
        "return d.some((v, i) => i % 4 === 3 && v > 0); })"
    )
    page.wait_for(drawn)
    page.click(".card")
    page.wait_for("document.documentElement.dataset.part === 'cell'")
    assert "0.00_discocyte" in page.evaluate("document.querySelector('h1').textContent")
    assert page.evaluate("document.activeElement.tagName") == "H1"
    page.click(".steps a:last-child")
    page.wait_for("document.querySelector('h1').textContent.startsWith('B_kera')")
    assert 'More unusual than all: "</script><b>".' in page.evaluate(
        "document.querySelector('.notice').textContent"
    )
    page.evaluate("history.back()")
    page.wait_for("document.querySelector('h1').textContent.startsWith('0.00')")


def test_measures_and_scores(page, report):
    page.open(report, CELL)
    told = page.evaluate("document.querySelector('main').textContent")
    # Of 20,000 voxels.
    assert "ellipsoid fitted to the mask (estimate without a model): 102 µm³" in told
    rows = page.evaluate("[...document.querySelectorAll('tbody tr')].map(r => r.textContent)")
    assert len(rows) == 46
    assert rows[0].startswith("Volume")
    assert "µm³" in rows[0]
    page.open(report, "#plots")
    assert page.evaluate("document.querySelectorAll('.chart .point').length") == 12
    assert "consensus" in page.evaluate("document.querySelector('table').textContent")
    page.fill("select[aria-label=Measure]", "surface")
    assert "surface (µm²)" in page.evaluate("document.querySelector('.chart').textContent")


@pytest.mark.parametrize(
    ("low", "high", "whole", "value", "text"),
    [
        (84.31, 101.2, False, 92.13, "92"),
        (0.6612, 0.7688, False, 0.7, "0.70"),
        (27123.0, 30204.0, False, 28431.0, "28,400"),
        (-0.00312, 0.0012, False, -0.00101, "−0.0010"),
        (-0.4, 0.9, False, -0.01, "0.0"),
        (-1, 3, True, 1, "1"),
        (2, 2, False, 2, "2"),
        ("null", "null", False, 1234.56, "1,235"),
        (1, 2, False, "null", "–"),
    ],
)
def test_numbers_are_as_fine_as_their_intervals(page, low, high, whole, value, text):
    call = f"writerOf({low}, {high}, {str(whole).lower()})({value})"
    assert of_the_page(page, call) == text


def test_counts_have_whole_intervals(page):
    assert of_the_page(page, "wholeEnds([-0.4, 2.3])") == [0, 2]
    assert of_the_page(page, "wholeEnds([1.2, 1.8])") == [1.2, 1.8]
    assert of_the_page(page, "interval(-1.234, 3.21)") == "−1.2 to 3.2"


@pytest.mark.parametrize("part", ["", CELL, "#plots", "#about", "#cell=none", "#nonsense"])
def test_no_part_shows_what_is_no_text(page, report, part):
    page.open(report, part)
    text = page.evaluate("document.body.innerText")
    for sign in ("[object", "undefined", "NaN", "null"):
        assert sign not in text
    assert page.evaluate("document.querySelectorAll('h1').length") == 1


def test_phone_and_dark(page, report):
    page.look(390, 844, mobile=True)
    for part in ("", CELL, "#plots", "#about"):
        page.open(report, part)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, part
    page.open(report, CELL)
    before = picture(page, "#stage")
    page.swipe("#stage", 100, 30)
    assert differs(picture(page, "#stage"), before)
    light = picture(page, "h1")
    page.look(dark=True)
    page.open(report, CELL)
    assert picture(page, "h1").mean() < 100 < light.mean()


def test_all_controls_have_names(page, report):
    roles = {"button", "slider", "combobox", "checkbox", "link", "searchbox", "application", "img"}
    for part in ("", CELL, "#plots", "#about"):
        page.open(report, part)
        page.send("Accessibility.enable")
        nodes = page.send("Accessibility.getFullAXTree")["nodes"]
        found = [node for node in nodes if node.get("role", {}).get("value") in roles]
        assert found
        assert [n for n in found if not n.get("name", {}).get("value") and not n["ignored"]] == []


def test_keyboard_reaches_everything(page, report):
    page.open(report, CELL)
    reached = set()
    for _ in range(45):
        page.press("Tab", settle=False)
        reached.add(
            page.evaluate(
                "document.activeElement.id || document.activeElement.ariaLabel"
                " || document.activeElement.textContent"
            )
        )
    assert {"stage", "shape", "coloured", "cut", "Plane along X", "Truth", "Top"} <= reached


def test_one_sample_under_an_odd_name(page, tmp_path):
    name = "a b#%&'\"<i>"
    body = np.indices((64, 64, 64)).sum(0) < 70
    PredictionFolder(tmp_path / "p").write(name, body[None], np.where(body, 0.9, 0.1))
    write_report(tmp_path / "p", None, tmp_path / "r.html", jobs=1)
    page.open(tmp_path / "r.html")
    page.click(".card")
    page.wait_for("document.documentElement.dataset.part === 'cell'")
    assert page.evaluate("document.querySelector('h1').textContent") == name
    assert page.evaluate("document.querySelector('.shape-control').hidden")
    assert not page.evaluate("!!document.querySelector('#coloured')")
    assert "single sample" in page.evaluate("document.querySelector('#main').innerText")
    before = picture(page, "#stage")
    page.click("#stage")
    page.press("ArrowLeft")
    assert differs(picture(page, "#stage"), before)


def test_scores_of_one_cell_have_no_deviation(page, study, tmp_path):
    samples, truth = PredictionFolder(study / "predictions").samples(FIRST), study / "cells" / "obj"
    PredictionFolder(tmp_path / "p").write(FIRST, samples, samples.mean(0))
    write_report(tmp_path / "p", truth, tmp_path / "r.html", jobs=1)
    page.open(tmp_path / "r.html", "#plots")
    rows = page.evaluate("[...document.querySelectorAll('tbody tr')].map(r => r.textContent)")
    consensus = next(row for row in rows if row.startswith("consensus"))
    assert "±" not in consensus


def test_pages_lead_to_each_other(page, many):
    page.open(many[0])
    assert len(names(page)) == 3
    page.click(".cards li:nth-child(2) a")
    page.wait_for("location.pathname.endsWith('many_2.html')")
    page.wait_for("document.querySelector('h1')?.textContent.startsWith('B_kera')")


def test_mesh_is_that_of_the_volume(page, study):
    """The page's own surface is closed, and has volume, place and spread of the mesh."""
    name = CELL[6:]
    samples = PredictionFolder(study / "predictions").samples(name)
    mesh = mesh_of(PredictionFolder(study / "predictions").probability(name), samples=samples)
    code = "".join(asset(script) for script in ("dom.js", "data.js", "surface.js"))
    found = page.evaluate(
        f"(async () => {{ {code}\n const cell = await loadCell('{name}');"
        """
        const m = cell.mesh(CONSENSUS);
        const corner = (t, i) => {
          const v = m.indices[3 * t + i];
          return m.positions.subarray(3 * v, 3 * v + 3);
        };
        let volume = 0;
        const edges = new Map();
        for (let t = 0; t < m.indices.length / 3; t++) {
          const [a, b, c] = [corner(t, 0), corner(t, 1), corner(t, 2)];
          const cross = [b[1]*c[2]-b[2]*c[1], b[2]*c[0]-b[0]*c[2], b[0]*c[1]-b[1]*c[0]];
          volume += (a[0]*cross[0] + a[1]*cross[1] + a[2]*cross[2]) / 6;
          for (let i = 0; i < 3; i++) {
            const [s, e] = [m.indices[3*t+i], m.indices[3*t+(i+1)%3]];
            const key = s < e ? s * 1e6 + e : e * 1e6 + s;
            edges.set(key, (edges.get(key) || 0) + 1);
          }
        }
        let open = 0;
        for (const count of edges.values()) open += count % 2;
        const middle = [0, 1, 2].map((i) => {
          let sum = 0;
          for (let v = i; v < m.positions.length; v += 3) sum += m.positions[v];
          return sum / (m.positions.length / 3);
        });
        const spread = m.spreads.reduce((a, b) => a + b) / m.spreads.length;
        return {volume: Math.abs(volume), open, middle, spread}; })()"""
    )
    assert found["open"] == 0
    assert found["volume"] == pytest.approx(mesh.volume, rel=0.02)
    # X and Z as in the volume, Y turned up; about its middle.
    middle = mesh.vertices.mean(0) - 31.5
    np.testing.assert_allclose(found["middle"], middle * [1, -1, 1], atol=0.4)
    assert found["spread"] == pytest.approx(mesh.spread.mean(), rel=0.1)


@pytest.fixture(scope="module")
def field_report(tmp_path_factory):
    """The report of a field of two balls, of which the one with label 4 is the larger."""
    out = tmp_path_factory.mktemp("field")
    y, x = np.mgrid[:100, :160]
    labels = np.where(np.hypot(y - 40, x - 40) < 20, 4, 0).astype(np.uint8)
    labels[np.hypot(y - 60, x - 120) < 15] = 9
    write_tiff(out / "image.tif", labels * 20)
    write_tiff(out / "labels.tif", labels)
    write_json(out / "field.json", {"image": "image.tif", "channel": None})
    rows = []
    z, v, u = np.mgrid[:64, :64, :64] - 31.5
    for label, radius, (cy, cx) in ((4, 20, (40, 40)), (9, 15, (60, 120))):
        body = z**2 + v**2 + u**2 < radius**2
        PredictionFolder(out).write(f"f_{label:04d}", body[None], body.astype(float), 0.2)
        row = {"name": f"f_{label:04d}", "label": label, "y_px": cy, "x_px": cx, "frame_px": 64}
        told = {"predicted_class": "SDE", "class_probability": 0.91, "sde_score": -0.954}
        told = told if label == 4 else dict.fromkeys(told, "")
        rows.append({**row, **told, "warning": "" if label == 4 else "Odd."})
    write_csv(out / "cells.csv", rows)
    write_report(out, None, out / "report.html", jobs=1)
    return out / "report.html"


def test_predicted_classes(browser, field_report, tmp_path):
    browser.errors.clear()
    browser.look()
    browser.open(field_report)
    told = "predicted: SDE (91 %), score -0.95"
    cards = browser.evaluate("[...document.querySelectorAll('.card-text')].map(e => e.textContent)")
    assert [told in text for text in cards] == [True, False]
    browser.fill("#predicted_class", "SDE")
    assert names(browser) == ["f_0004"]
    rows = list(csv.DictReader(saved(browser, tmp_path, "cells as CSV").open(encoding="utf-8")))
    assert [rows[0][key] for key in ("predicted_class", "sde_score")] == ["SDE", "-0.954"]
    browser.open(field_report, "#cell=f_0004")
    browser.wait_for("document.querySelector('.heading') !== null")
    assert told in browser.evaluate("document.querySelector('.heading').textContent")
    browser.open(field_report, "#plots")
    page = browser.evaluate("document.querySelector('main').textContent")
    assert "Measures by predicted class" in page
    unharmed(browser)


def test_map_of_a_field(browser, field_report):
    browser.errors.clear()
    browser.look()
    browser.open(field_report, "#plots")
    cells = browser.evaluate("""[...document.querySelectorAll('.map .point')].map((point) => {
        const polygon = point.querySelector('polygon');
        const box = polygon.getBBox();
        return [point.getAttribute('aria-label'), polygon.getAttribute('fill'),
            polygon.getAttribute('stroke-dasharray'),
            box.x + box.width / 2, box.y + box.height / 2];
    })""")
    volumes = [round(4 / 3 * np.pi * radius**3 * 0.2**3) for radius in (20, 15)]
    for cell, name, volume, colour, dashes, middle in zip(
        cells,
        ("f_0004", "f_0009"),
        volumes,
        ("rgb(253,231,37)", "rgb(68,1,84)"),  # the ends of viridis
        ("none", "4 3"),
        ((40, 40), (120, 60)),
        strict=True,
    ):
        label, fill, dash, x, y = cell
        assert label.startswith(f"{name}: volume (µm³) ")
        assert float(label.rsplit(" ", 1)[1].replace(",", "")) == pytest.approx(volume, rel=0.02)
        assert (fill, dash) == (colour, dashes)
        assert (x, y) == pytest.approx(middle, abs=0.6)
    assert browser.evaluate("document.querySelector('.map image').getAttribute('href')").startswith(
        "data:image/png;base64,"
    )
    browser.fill("[aria-label='Coloured by']", "sphericity")
    labels = "[...document.querySelectorAll('.map .label')].map(e => e.textContent)"
    assert "sphericity" in browser.evaluate(labels)
    links = browser.evaluate(
        "[...document.querySelectorAll('.map .point')].map(e => e.getAttribute('href'))"
    )
    assert links == ["#cell=f_0004", "#cell=f_0009"]
    unharmed(browser)
