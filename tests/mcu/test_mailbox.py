"""What is put into a mailbox comes out as promised, and what is lost is counted."""

import threading

import pytest

from mcu.mailbox import Latest, Ring


def test_latest_keeps_the_newest_and_counts_what_it_overwrote() -> None:
    box: Latest[str] = Latest()
    box.put("a")
    box.put("b")
    assert box.peek() == "b"
    assert box.take() == "b"
    assert box.take() is None
    assert (box.statistics.put, box.statistics.dropped, box.statistics.waiting) == (2, 1, 0)


def test_ring_drops_the_oldest_and_counts_it() -> None:
    ring: Ring[int] = Ring(3)
    kept = [ring.put(n) for n in range(5)]
    assert kept == [True, True, True, False, False]
    assert ring.take_all() == [2, 3, 4]
    assert ring.statistics.dropped == 2


def test_clearing_a_ring_counts_as_dropping() -> None:
    ring: Ring[int] = Ring(8)
    for n in range(5):
        ring.put(n)
    assert ring.clear() == 5
    assert ring.statistics.dropped == 5
    assert ring.take() is None


def test_a_ring_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Ring(0)


@pytest.mark.parametrize("box", [Latest(), Ring(2)], ids=["latest", "ring"])
def test_a_waiting_thread_gets_the_value(box: Latest[str] | Ring[str]) -> None:
    got: list[str | None] = []
    thread = threading.Thread(target=lambda: got.append(box.wait(10.0)))
    thread.start()
    box.put("here")
    thread.join(10.0)
    assert got == ["here"]


@pytest.mark.parametrize("box", [Latest(), Ring(2)], ids=["latest", "ring"])
def test_close_wakes_a_waiting_thread_and_refuses_more(box: Latest[str] | Ring[str]) -> None:
    got: list[str | None] = ["untouched"]
    thread = threading.Thread(target=lambda: got.append(box.wait(60.0)))
    thread.start()
    box.close()
    box.close()
    thread.join(10.0)
    assert got[-1] is None
    box.put("too late")
    assert box.take() is None


def test_a_closed_ring_still_hands_out_what_it_held() -> None:
    ring: Ring[int] = Ring(2)
    ring.put(1)
    ring.close()
    assert ring.wait(0.0) == 1
    assert ring.wait(0.0) is None
