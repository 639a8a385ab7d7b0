"""The legend, the colors of the items, and the dark and light themes."""

import re
from collections import Counter

import numpy as np
from playwright.sync_api import expect

from featscape.bundle import open_bundle
from helpers.browser.visit import LIGHT

DARK = (16, 18, 22)


def rgb(color):
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])


def test_legend_counts_hides_and_isolates(look, digits_file):
    visit = look(f"{digits_file.address}#view=points")
    items, places = visit.apart(digits_file.bundle)
    codes = digits_file.bundle.array(digits_file.bundle.manifest.class_codes)[items]
    classes = digits_file.bundle.manifest.classes
    rows = visit.legend
    counts = Counter(digits_file.map.labels)
    assert rows.all_inner_texts() == [f"{each.name}\n{counts[each.name]}" for each in classes]

    shown = visit.colors_at(items, places)
    wanted = np.array([rgb(classes[code].color) for code in codes]) - LIGHT
    cosine = (
        (shown * wanted).sum(1) / np.linalg.norm(shown, axis=1) / np.linalg.norm(wanted, axis=1)
    )
    assert cosine.min() > 0.98

    rows.nth(3).click()
    expect(visit.page.get_by_text("9 of 10 classes shown")).to_be_visible()
    shown = np.abs(visit.colors_at(items, places)).max(axis=1) > 8
    assert shown.tolist() == (codes != 3).tolist()
    visit.becomes(lambda: visit.shared.get("hide.label"), "3")

    rows.nth(5).dblclick()
    expect(visit.page.get_by_text("1 of 10 classes shown")).to_be_visible()
    shown = np.abs(visit.colors_at(items, places)).max(axis=1) > 8
    assert shown.tolist() == (codes == 5).tolist()
    visit.button("Show all").first.click()
    expect(visit.page.get_by_text("10 classes", exact=True)).to_be_visible()


def test_the_color_scale_is_monotonic_in_lightness(look, digits_file):
    visit = look(f"{digits_file.address}#view=points")
    items, places = visit.apart(digits_file.bundle)
    column = next(each for each in digits_file.bundle.manifest.columns if each.name == "agreement")
    values = digits_file.bundle.array(column.values)[items]
    visit.page.get_by_label("Color by").select_option("agreement")
    legend = visit.page.get_by_role("region", name="Legend")
    expect(legend.get_by_role("slider")).to_have_count(2)
    colors = visit.colors_at(items, places).sum(axis=1)
    assert abs(np.corrcoef(values, colors)[0, 1]) > 0.85
    least = legend.get_by_role("slider", name="At least")
    n_bins = int(least.get_attribute("max"))
    least.fill(str(n_bins // 2))
    visit.becomes(lambda: "keep.agreement" in visit.shared, expected=True)
    lower = float(visit.shared["keep.agreement"].partition("_")[0])
    assert 0 < lower < 1
    shown = np.abs(visit.colors_at(items, places)).max(axis=1) > 8
    assert shown.tolist() == (values >= lower).tolist()
    visit.page.get_by_label("Color by").select_option("label")
    visit.button("agreement").click()  # close the chart, which shows the filter itself
    visit.page.get_by_title("Remove the filter on agreement").click()
    visit.becomes(lambda: "keep.agreement" in visit.shared, expected=False)
    assert (np.abs(visit.colors_at(items, places)).max(axis=1) > 8).all()


def test_skewed_numbers_have_a_logarithmic_scale(look, drawn_page):
    prices = np.exp(np.linspace(0, 9, 120))
    prices[7] = np.nan
    page = drawn_page(120, columns={"price": prices, "always 5": np.full(120, 5)})
    visit = look(f"{page.as_uri()}#view=points")
    options = visit.page.get_by_label("Color by").locator("option")
    assert options.all_inner_texts() == ["label", "price", "agreement"]
    visit.page.get_by_label("Color by").select_option("price")
    legend = visit.page.get_by_role("region", name="Legend")
    expect(legend).to_contain_text("Logarithmic scale")
    expect(legend).to_contain_text("Gray: 1 without a value")
    bundle = open_bundle(page.parent / "bundle")
    items, places = visit.apart(bundle)
    values = prices[bundle.array(bundle.manifest.ids)[items]]
    known = ~np.isnan(values)
    colors = visit.colors_at(items, places).sum(axis=1)[known]
    assert abs(np.corrcoef(np.log(values[known]), colors)[0, 1]) > 0.85
    least = legend.get_by_role("slider", name="At least")
    least.fill(str(int(least.get_attribute("max")) // 2))
    lowest = legend.locator(".fs-scale-ends span").first
    visit.becomes(  # of numbers up to 8,103
        lambda: 20 < float(lowest.inner_text().replace(",", "")) < 400, expected=True
    )


def test_color_by_a_category(look, drawn_page):
    kinds = ["even", "odd", None]
    page = drawn_page(90, columns={"kind": [kinds[row % 3] for row in range(90)]})
    visit = look(page.as_uri())
    visit.page.get_by_label("Color by").select_option("kind")
    visit.becomes(visit.legend.all_inner_texts, ["even\n30", "odd\n30", "none\n30"])


def test_dark_and_light(look, digits_file):
    visit = look(digits_file.address, color_scheme="dark")
    assert visit.picture().getpixel((1270, 400)) == DARK
    visit.button("Light").click()
    visit.becomes(lambda: visit.shared.get("theme"), "light")
    assert visit.picture().getpixel((1270, 400)) == LIGHT


def test_arabic_labels_run_from_the_right(look, drawn_page):
    labels = ["قطة صغيرة", "Größe", "école"]
    visit = look(drawn_page(30, labels=[labels[row % 3] for row in range(30)]).as_uri())
    names = visit.legend.locator("[dir=auto]")
    directions = names.evaluate_all(
        "all => all.map(each => [each.textContent, getComputedStyle(each).direction])"
    )
    assert sorted(directions) == sorted(
        [[labels[0], "rtl"], [labels[1], "ltr"], [labels[2], "ltr"]]
    )
    visit.page.get_by_label("Find in paths").fill("ecole")
    expect(visit.page.get_by_text(re.compile("10 found"))).not_to_have_count(0)


def test_names_written_from_right_to_left_are_next_to_their_dots(look, drawn_page):
    # the last two names begin alike, so that their ends are drawn separately
    labels = ["חתול", "قطة", "cat", "قطط صغيرة بيضاء كبيرة", "قطط صغيرة بيضاء سوداء"]
    page = drawn_page(60, images=False, labels=[labels[row % 5] for row in range(60)])
    visit = look(page.as_uri())
    gaps = visit.page.evaluate(
        """[...document.querySelectorAll('.fs-legend-row')].map(row => {
            const text = document.createRange();
            text.selectNodeContents(row.querySelector('.fs-name'));
            const dot = row.querySelector('.fs-swatch').getBoundingClientRect();
            return text.getBoundingClientRect().left - dot.right;
        })"""
    )
    assert len(gaps) == 5
    assert max(gaps) < 16
