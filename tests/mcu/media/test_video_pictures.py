import gc

import av
import numpy as np
import pytest

from mcu.media.pictures import frame_of, picture_of
from mixer.canvas import Canvas
from mixer.geometry import Size


def grey_frame(width: int, height: int, pixel_format: str, value: int) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, pixel_format)
    for plane in frame.planes:
        plane.update(bytes([value]) * plane.buffer_size)
    return frame


@pytest.mark.parametrize(("width", "height"), [(320, 180), (321, 181), (1, 1), (2, 3)])
def test_planes_of_any_size_have_rounded_up_chroma(width: int, height: int) -> None:
    picture = picture_of(grey_frame(width, height, "yuv420p", 77))
    assert picture.size == Size(width, height)
    assert picture.u.shape == picture.v.shape == ((height + 1) // 2, (width + 1) // 2)
    assert all((plane == 77).all() for plane in picture.planes)


def test_limited_420_is_a_read_only_view_of_the_frame() -> None:
    frame = grey_frame(64, 48, "yuv420p", 20)
    picture = picture_of(frame)
    frame.planes[0].update(bytes([99]) * frame.planes[0].buffer_size)
    assert (picture.y == 99).all()
    with pytest.raises(ValueError, match="read-only"):
        picture.y[:] = 0


def test_a_picture_outlives_its_frame() -> None:
    frame = grey_frame(640, 360, "yuv420p", 50)
    picture = picture_of(frame)
    del frame
    gc.collect()
    others = [grey_frame(640, 360, "yuv420p", 200) for _ in range(8)]
    assert (picture.y == 50).all()
    del others


def test_full_range_becomes_limited() -> None:
    white = picture_of(grey_frame(64, 48, "yuvj420p", 255))
    assert (white.y == 235).all()
    assert (white.u == 240).all()
    tagged = grey_frame(64, 48, "yuv420p", 0)
    tagged.color_range = 2
    assert (picture_of(tagged).y == 16).all()


@pytest.mark.parametrize("pixel_format", ["yuv422p", "yuv444p", "nv12", "yuvj422p", "gray", "rgb24"])
@pytest.mark.parametrize(("width", "height"), [(64, 48), (65, 47)])
def test_other_formats_are_converted(pixel_format: str, width: int, height: int) -> None:
    picture = picture_of(grey_frame(width, height, pixel_format, 128))
    assert picture.size == Size(width, height)
    assert picture.u.shape == ((height + 1) // 2, (width + 1) // 2)
    assert abs(int(np.median(picture.y)) - 126) <= 3
    assert abs(int(np.median(picture.u)) - 128) <= 1


def test_a_canvas_is_lent_to_a_frame_without_a_copy() -> None:
    canvas = Canvas(Size(64, 48))
    frame = frame_of(canvas, pts=90)
    canvas.fill((200, 90, 30))
    assert frame.pts == 90
    planes = picture_of(frame).planes
    assert [int(plane[3, 5]) for plane in planes] == [200, 90, 30]
    assert all(np.shares_memory(plane, canvas.buffer) for plane in planes)
