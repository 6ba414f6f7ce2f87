"""The gallery, made as the README's is."""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from samples import gallery


def test_the_sheet_shows_every_preset_for_every_number_of_people(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "VIEW", gallery.CELL)
    target = tmp_path / "new" / "sheet.jpg"
    gallery.main(str(target))
    image = cv2.imread(str(target))
    assert image is not None
    step_x, step_y = gallery.CELL.width + gallery.SPACE_PX, gallery.CELL.height + gallery.SPACE_PX
    for row in range(len(gallery.PRESETS)):
        cells = []
        for column in range(len(gallery.COUNTS)):
            left, top = gallery.LEFT_PX + column * step_x, gallery.TOP_PX + row * step_y
            cells.append(image[top : top + gallery.CELL.height, left : left + gallery.CELL.width])
            assert cells[-1].std() > 20, "there is somebody in it"
        alike = [np.abs(one.astype(int) - two).mean() < 1 for one, two in pairwise(cells)]
        assert all(alike[1:]) if gallery.PRESETS[row] == "spotlight" else not any(alike)
