import threading

import pytest

from mcu.media.canvases import CanvasPool
from mixer.geometry import Size

SIZE = Size(16, 16)


def test_the_last_holder_gives_the_canvas_back() -> None:
    pool = CanvasPool(SIZE, 1)
    shared = pool.take()
    assert shared is not None
    assert shared.size == SIZE
    assert pool.take() is None
    shared.retain()
    shared.release()
    assert len(pool) == 0
    shared.release()
    assert len(pool) == 1


def test_one_release_too_many_is_told_and_gives_nothing_back() -> None:
    pool = CanvasPool(SIZE, 2)
    shared = pool.take()
    assert shared is not None
    shared.release()
    with pytest.raises(RuntimeError, match="released more often"):
        shared.release()
    with pytest.raises(RuntimeError, match="retained"):
        shared.retain()
    with pytest.raises(RuntimeError, match="went back"):
        _ = shared.canvas
    assert len(pool) == 2


def test_a_canvas_taken_again_is_no_concern_of_its_old_holder() -> None:
    pool = CanvasPool(SIZE, 1)
    first = pool.take()
    assert first is not None
    canvas = first.canvas
    first.release()
    second = pool.take()
    assert second is not None
    assert second.canvas is canvas
    with pytest.raises(RuntimeError, match="released more often"):
        first.release()
    assert len(pool) == 0


def test_holders_on_many_threads_release_once_each() -> None:
    pool = CanvasPool(SIZE, 1)
    shared = pool.take()
    assert shared is not None

    def hold_and_let_go() -> None:
        for _ in range(500):
            shared.retain().release()

    threads = [threading.Thread(target=hold_and_let_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pool) == 0
    shared.release()
    assert len(pool) == 1
