"""One output against real receivers, without a room."""

import os
import signal
import socket
import ssl
from pathlib import Path

import pytest

from mcu.outputs.muxing import SEGMENTS
from mcu.outputs.output import Patience
from mcu.outputs.pipe import Setup
from tests.kit.destinations import Listener, unused_port
from tests.kit.eventually import eventually
from tests.kit.ffmpeg_whip import certificate
from tests.kit.moving import FPS
from tests.kit.recordings import beeps, flashes, probe
from tests.mcu.outputs.feeding import feed, feed_until, flood, running

ALIGNMENT_S = 0.040


def in_sync(path: Path, seconds: int) -> None:
    """Flash and beep meet once a second, and neither is missing but at the ends."""
    received = probe(path)
    assert (received.video_codec, received.audio_codec) == ("h264", "aac")
    lights, sounds = flashes(path), beeps(received)
    assert len(lights) >= seconds - 1
    assert all(min(abs(light - sound) for sound in sounds) <= ALIGNMENT_S for light in lights[:-1])


def test_rtmp_carries_picture_and_sound_in_sync(tmp_path: Path) -> None:
    url = f"rtmp://127.0.0.1:{unused_port()}/live/key"
    with Listener(url, tmp_path / "out.flv") as listener, running(Setup("rtmp", url, FPS)) as output:
        feed(output, 0, 4)
        eventually(lambda: output.statistics.state == "active")
        output.close()
        eventually(listener.ended)
        assert output.statistics.state == "ended"
        assert output.statistics.bytes_sent > 10_000
        assert output.statistics.restarts == 0
    assert probe(listener.path).frames == 4 * FPS
    in_sync(listener.path, 4)


def test_a_destination_that_comes_up_late_is_found(tmp_path: Path) -> None:
    url = f"rtmp://127.0.0.1:{unused_port()}/live/key"
    with running(Setup("rtmp", url, FPS)) as output:
        feed(output, 0, 0.4)
        eventually(lambda: output.statistics.state == "retrying")
        assert output.statistics.error == "Connection refused"
        with Listener(url, tmp_path / "out.flv") as listener:
            feed_until(output, "active")
            output.close()
            eventually(listener.ended)
            assert probe(listener.path).frames > 0


def test_a_destination_that_never_comes_is_given_up() -> None:
    url = f"rtmp://127.0.0.1:{unused_port()}/live/secretkey"
    with running(Setup("rtmp", url, FPS), Patience(0.01, 0.01, attempts=2)) as output:
        feed_until(output, "failed")
        assert output.statistics.restarts == 1
        assert output.statistics.error == "Connection refused"


def test_a_destination_that_says_nothing_can_be_left_at_any_time() -> None:
    """It accepts the connection and never answers: FFmpeg itself would wait for ever."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"rtmp://127.0.0.1:{mute.getsockname()[1]}/live/key"
        with running(Setup("rtmp", url, FPS)) as output:
            feed(output, 0, 0.4)
            mute.settimeout(20)
            with mute.accept()[0]:
                output.close()
                assert output.statistics.state == "ended"


def test_srt_carries_picture_and_sound_in_sync(tmp_path: Path) -> None:
    url = f"srt://127.0.0.1:{unused_port()}?passphrase=correct-horse"
    with Listener(url, tmp_path / "out.ts") as listener, running(Setup("srt", f"{url}&streamid=team", FPS)) as output:
        feed(output, 0, 4)
        eventually(lambda: output.statistics.state == "active")
        output.close()
        eventually(listener.ended)
        assert output.statistics.restarts == 0
    # What is sent faster than it plays comes too late for a protocol that is live, and is left out at the end.
    assert probe(listener.path).frames > FPS
    in_sync(listener.path, 1)


def test_srt_tells_why_it_is_refused(tmp_path: Path) -> None:
    url = f"srt://127.0.0.1:{unused_port()}"
    with (
        Listener(f"{url}?passphrase=correct-horse", tmp_path / "out.ts"),
        running(Setup("srt", f"{url}?passphrase=wrong-horse", FPS), Patience(0.01, 0.01, attempts=1)) as output,
    ):
        feed_until(output, "failed")
        assert output.statistics.error is not None
        assert "passphrase" in output.statistics.error
        assert "horse" not in output.statistics.error


def test_hls_keeps_the_last_segments_and_each_begins_with_a_keyframe(tmp_path: Path) -> None:
    with running(Setup("hls", str(tmp_path), FPS)) as output:
        feed(output, 0, 21)
        eventually(lambda: (tmp_path / "index.m3u8").exists())
        eventually(lambda: len(playlist(tmp_path)) == SEGMENTS)
        assert len(list(tmp_path.glob("*.ts"))) <= SEGMENTS + 3, "older ones are removed"
        for segment in playlist(tmp_path):
            received = probe(tmp_path / segment)
            assert received.frames == 2 * FPS
        whole = tmp_path / "window.ts"
        whole.write_bytes(b"".join((tmp_path / segment).read_bytes() for segment in playlist(tmp_path)))
        in_sync(whole, 2 * SEGMENTS)
        output.close()
        assert "#EXT-X-ENDLIST" in (tmp_path / "index.m3u8").read_text()


def test_hls_goes_on_counting_after_its_sender_was_lost(tmp_path: Path) -> None:
    with running(Setup("hls", str(tmp_path), FPS)) as output:
        feed(output, 0, 5)
        eventually(lambda: (tmp_path / "index.m3u8").exists())
        before = playlist(tmp_path)
        (sender,) = senders()
        os.kill(sender, signal.SIGKILL)
        eventually(lambda: output.statistics.state == "retrying")
        feed_until(output, "active")
        feed(output, 100, 105)
        eventually(lambda: playlist(tmp_path) != before)
        assert int(playlist(tmp_path)[-1].removesuffix(".ts")) > int(before[-1].removesuffix(".ts"))
        assert "#EXT-X-DISCONTINUITY" in (tmp_path / "index.m3u8").read_text()


def playlist(folder: Path) -> list[str]:
    return [line for line in (folder / "index.m3u8").read_text().splitlines() if not line.startswith("#")]


def senders() -> list[int]:
    """The sender processes that this one has started."""
    children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    found = [int(pid) for child in children for pid in child.read_text().split()]
    return [pid for pid in found if b"mcu.outputs.sender" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_a_slow_sender_costs_pictures_and_what_follows_is_whole(tmp_path: Path) -> None:
    with running(Setup("hls", str(tmp_path), FPS)) as output:
        feed(output, 0, 3)
        eventually(lambda: output.statistics.state == "active")
        (sender,) = senders()
        os.kill(sender, signal.SIGSTOP)
        flood(output, 10, 60)
        os.kill(sender, signal.SIGCONT)
        feed(output, 60, 70)
        assert output.statistics.dropped > 0
        assert output.statistics.restarts == 0
        output.close()
        last = probe(tmp_path / playlist(tmp_path)[-2])
        assert last.frames == 2 * FPS
        in_sync(tmp_path / playlist(tmp_path)[-2], 2)


def test_a_destination_with_another_certificate_is_told_nothing(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    files = certificate(tmp_path)
    context.load_cert_chain(files["cert_file"], files["key_file"])
    with socket.create_server(("127.0.0.1", 0)) as impostor:
        url = f"rtmps://localhost:{impostor.getsockname()[1]}/live/key"
        with running(Setup("rtmp", url, FPS), Patience(0.01, 0.01, attempts=1)) as output:
            feed(output, 0, 0.4)
            impostor.settimeout(20)
            connection = impostor.accept()[0]
            with connection, pytest.raises(OSError, match="alert"):
                context.wrap_socket(connection, server_side=True).recv(1)
            feed_until(output, "failed")
            assert "certificate" in (output.statistics.error or "")
