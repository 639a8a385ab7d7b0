"""The order in which the server closes connections when it has too many."""

from types import SimpleNamespace

from featscape.app.server.connections import choose_victim


def test_order_in_which_connections_are_closed():
    never_asked = SimpleNamespace(name="never asked", closing_order=(False, False, 9.0))
    idle = SimpleNamespace(name="idle", closing_order=(False, True, 1.0))
    idle_later = SimpleNamespace(name="idle later", closing_order=(False, True, 2.0))
    answered = SimpleNamespace(name="answered", closing_order=(True, True, 0.0))
    waiting = [answered, idle_later, idle, never_asked]
    order = []
    while waiting:
        order.append(choose_victim(waiting))
        waiting.remove(order[-1])
    assert [one.name for one in order] == ["never asked", "idle", "idle later", "answered"]
