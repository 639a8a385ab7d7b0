"""Names on the map, and the legend of the classes without a name."""

from types import SimpleNamespace

from featscape.pictures.names import name_or_list
from featscape.pictures.theme import LIGHT


def test_the_legend_takes_room_from_the_names_until_each_class_has_a_name_or_a_row():
    classes = LIGHT.count_classes(list("abcd"), 4)
    # the classes with a name, by the classes of the legend beside the map; a name returns at last
    named = {(): [0, 1, 2], (3,): [0, 1], (2, 3): [1], (0, 2, 3): [1, 2]}
    legends = []

    def lay_out(listed):
        legends.append(tuple(listed.tolist()))
        names = [SimpleNamespace(name_id=name_id) for name_id in named[legends[-1]]]
        return SimpleNamespace(names=names)

    layout, listed = name_or_list(lay_out, classes)
    assert legends == [(), (3,), (2, 3), (0, 2, 3)]
    assert listed.tolist() == [0, 2, 3]
    assert [name.name_id for name in layout.names] == [1, 2]


def test_a_map_with_all_names_has_no_legend():
    classes = LIGHT.count_classes(list("ab"), 2)
    layout, listed = name_or_list(
        lambda _: SimpleNamespace(names=[SimpleNamespace(name_id=1), SimpleNamespace(name_id=0)]),
        classes,
    )
    assert len(layout.names) == 2
    assert len(listed) == 0
