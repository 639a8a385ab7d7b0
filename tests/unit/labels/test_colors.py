import numpy as np
import pytest

from featscape.labels.colors import TEN_COLORS, class_colors, natural_key

# Total lack of one kind of cone: Machado, Oliveira and Fernandes (2009), severity 1, linear RGB.
VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
XYZ_FROM_LINEAR = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def linear_rgb(colors):
    srgb = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colors]) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def lab(linear):
    xyz = linear @ XYZ_FROM_LINEAR.T / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def ciede2000(first, second):
    """Return the color difference CIEDE2000: Sharma, Wu and Dalal (2005)."""
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(first, -1, 0), np.moveaxis(second, -1, 0)
    chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    c1, c2 = np.hypot(a1 * stretch, b1), np.hypot(a2 * stretch, b2)
    h1, h2 = (np.degrees(np.arctan2(b, a * stretch)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = (h2 - h1 + 180) % 360 - 180
    mean_h = h1 + turn / 2
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    t = (
        1
        - 0.17 * np.cos(np.radians(mean_h - 30))
        + 0.24 * np.cos(np.radians(2 * mean_h))
        + 0.32 * np.cos(np.radians(3 * mean_h + 6))
        - 0.20 * np.cos(np.radians(4 * mean_h - 63))
    )
    d_l = (l2 - l1) / (1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2))
    d_c = (c2 - c1) / (1 + 0.045 * mean_c)
    d_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * mean_c * t)
    bend = np.radians(60 * np.exp(-(((mean_h % 360 - 275) / 25) ** 2)))
    rotation = -2 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7)) * np.sin(bend)
    return np.sqrt(d_l**2 + d_c**2 + d_h**2 + rotation * d_c * d_h)


def least_difference(colors, vision="normal"):
    seen = lab(np.clip(linear_rgb(colors) @ VISIONS[vision].T, 0, 1))
    apart = ciede2000(seen[:, None], seen[None])
    return apart[~np.eye(len(colors), dtype=bool)].min()


def contrast_on_white(colors):
    luminance = linear_rgb(colors) @ XYZ_FROM_LINEAR[1]
    return 1.05 / (luminance + 0.05)


def test_the_measure_agrees_with_published_pairs():
    first = np.array([[50.0, 2.6772, -79.7751], [50.0, 2.5, 0.0], [2.0776, 0.0795, -1.1350]])
    second = np.array([[50.0, 0.0, -82.7485], [58.0, 24.0, 15.0], [0.9033, -0.0636, -0.5514]])
    np.testing.assert_allclose(ciede2000(first, second), [2.0425, 19.4535, 0.9082], atol=1e-4)


@pytest.mark.parametrize("vision", VISIONS)
def test_ten_colors_are_distinguishable_with_any_color_vision(vision):
    # The minimum of tab10 is 1.3, that of the seven colors of Okabe and Ito is 11.
    assert least_difference(TEN_COLORS, vision) > (23 if vision == "normal" else 12.5)


def test_ten_colors_have_contrast_with_white():
    assert contrast_on_white(TEN_COLORS).min() > 2


@pytest.mark.parametrize(("n_classes", "difference"), [(20, 12), (60, 6), (100, 5)])
def test_more_colors_are_distinguishable_and_have_contrast(n_classes, difference):
    colors = list(class_colors(str(i) for i in range(n_classes)).values())
    assert least_difference(colors) > difference
    assert contrast_on_white(colors).min() > 1.7


def test_a_class_added_at_the_end_changes_no_other_color():
    few = class_colors(str(i) for i in range(12))
    many = class_colors(str(i) for i in range(200))
    assert all(many[name] == color for name, color in few.items())
    assert len(set(many.values())) == 200


def test_colors_do_not_depend_on_order_or_repetition():
    assert class_colors(["b", "a", "b"]) == class_colors(["a", "b"])
    assert list(class_colors(["b", "a", "b"])) == ["a", "b"]


def test_more_classes_than_colors_repeat_colors():
    colors = class_colors(str(i) for i in range(4000))
    assert len(colors) == 4000
    assert 2000 < len(set(colors.values())) < 4000


def test_natural_order():
    names = ["class10", "Class2", "class9", "class1", "class02", "10", "9", "", "a"]
    assert sorted(names, key=natural_key) == [
        "", "9", "10", "a", "class1", "Class2", "class02", "class9", "class10",
    ]  # fmt: skip


def test_natural_order_takes_numbers_of_any_length():
    long = "9" * 10_000
    assert sorted([long + "1", long], key=natural_key) == [long, long + "1"]
