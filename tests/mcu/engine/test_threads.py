"""Processor time by the work of threads."""

import threading

from mcu.engine.threads import cpu_seconds, role_of


def test_a_threads_name_tells_its_work() -> None:
    names = ("MainThread", "hub-team/main/VP8/high", "sound-team", "decoder-1", "asyncio_0", "picture-hub-1")
    assert [role_of(name) for name in names] == ["loop", "encoder", "sound", "decoder", "other", "picture"]


def test_a_busy_thread_is_the_one_that_costs() -> None:
    stop = threading.Event()

    def toil() -> None:
        while not stop.is_set():
            sum(range(1000))

    thread = threading.Thread(target=toil, name="recorder-x")
    before = cpu_seconds().get("recorder", 0.0)
    thread.start()
    try:
        while cpu_seconds().get("recorder", 0.0) <= before:
            stop.wait(0.01)
    finally:
        stop.set()
        thread.join()
