"""What is received, as arrays: for those who would rather have numpy than PyAV."""

import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame


def rgb(frame: VideoFrame) -> npt.NDArray[np.uint8]:
    """(height, width, 3) uint8."""
    return frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)


def mono(frame: AudioFrame) -> npt.NDArray[np.int16]:
    """(samples,) int16, the mean of the channels. Received sound is packed int16 at 48 kHz."""
    samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels)).astype(np.int32)
    mean: npt.NDArray[np.int16] = (samples.sum(axis=1) // samples.shape[1]).astype(np.int16)
    return mean
