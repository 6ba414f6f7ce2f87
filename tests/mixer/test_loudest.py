"""The loudest few have the places, and change them seldom."""

import pytest

from mixer.loudest import Loudest

TICK_NS = 20_000_000


class Table:
    def __init__(self, count: int = 3) -> None:
        self.loudest = Loudest(count)
        self.tick = 0
        self.history: list[frozenset[str]] = []

    def go(self, ms: int, **levels: float) -> frozenset[str]:
        for _ in range(ms // 20):
            self.history.append(frozenset(self.loudest.choose(levels, self.tick * TICK_NS)))
            self.tick += 1
        return self.history[-1]

    @property
    def changes(self) -> int:
        return sum(before != after for before, after in zip(self.history, self.history[1:], strict=False))


def test_with_a_place_for_each_all_are_in_but_those_without_a_sound() -> None:
    assert Table().go(20, ada=-80, bo=-30, cy=-127) == {"ada", "bo"}


def test_the_loudest_are_in_and_a_loud_newcomer_is_in_at_once() -> None:
    table = Table()
    assert table.go(1_000, a=-50, b=-40, c=-30, d=-60) == {"a", "b", "c"}
    assert table.go(20, a=-50, b=-40, c=-30, d=-25) == {"d", "b", "c"}


def test_a_newcomer_a_little_louder_has_to_wait() -> None:
    table = Table()
    table.go(1_000, a=-40, b=-30, c=-30, d=-60)
    assert table.go(2_000, a=-40, b=-30, c=-30, d=-36) == {"a", "b", "c"}
    assert table.go(1_000, a=-40, b=-30, c=-30, d=-33) == {"b", "c", "d"}


def test_pauses_between_words_cost_no_place_to_somebody_quieter() -> None:
    table = Table()
    table.go(500, a=-30, b=-30, c=-30, d=-55)
    for _ in range(10):
        table.go(300, a=-127, b=-30, c=-30, d=-55)
        table.go(200, a=-30, b=-30, c=-30, d=-55)
    assert table.changes == 0


def test_four_who_speak_at_once_do_not_flap() -> None:
    table = Table()
    for n in range(100):
        loud = {who: -28.0 if (n + shift) % 4 else -45.0 for shift, who in enumerate("abcd")}
        table.go(100, **loud)
    assert table.changes <= 4


def test_a_slam_keeps_its_place_no_longer_than_it_has_to() -> None:
    table = Table()
    table.go(1_000, a=-30, b=-30, c=-60, d=-60)
    table.go(40, a=-30, b=-30, c=-60, d=-5)
    assert table.go(600, a=-30, b=-30, c=-127, d=-127) >= {"a", "b"}
    assert table.go(300, a=-30, b=-30, c=-35, d=-60) == {"a", "b", "c"}


def test_who_left_is_forgotten_and_counts_are_bounded() -> None:
    table = Table()
    table.go(1_000, a=-10, b=-30, c=-30)
    table.go(20, b=-30, c=-30)
    assert table.go(20, a=-50, b=-30, c=-30, d=-45) == {"b", "c", "d"}
    for count in (2, 9):
        with pytest.raises(ValueError, match="3 to 8"):
            Loudest(count)
