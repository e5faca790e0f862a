"""Masks from files: an image for all frames, a video or an animated image with one for each."""

import numpy as np

from vdt.media.video import write_video


def masks(calls) -> list[np.ndarray]:
    return [mask.numpy() for (_, mask), *_ in calls]


def test_a_mask_video_gives_each_frame_its_own(place, generate, calls):
    white = np.zeros((9, 96, 160, 3), np.uint8)
    for index in range(9):
        white[index, 16:80, 32 + 8 * index : 48 + 8 * index] = 255
    write_video(place / "mask.mp4", white, 12)
    options = {"mask": place / "mask.mp4", "policy": "stretch", "size": "96x160"}
    for settings in ({}, {"start": 0.25}, {"fps": 6}):
        assert generate("spatial", **settings, **options) == 0
    cut, later, slower = masks(calls)
    assert np.array_equal(cut, white[:6, :, :, 0] > 0)  # the clip is cut to the model's 6 frames, and the mask with it
    assert np.array_equal(later, white[3:, :, :, 0] > 0)
    assert np.array_equal(slower, white[:9:2, :, :, 0] > 0)


def test_an_animated_image_is_a_mask_video_and_one_of_a_single_frame_a_mask_for_all(place, generate, calls):
    from PIL import Image

    boxes = np.zeros((9, 96, 160), np.uint8)
    for index in range(9):
        boxes[index, :32, 16 * index : 16 * index + 16] = 255
    first, *rest = map(Image.fromarray, boxes)
    first.save(place / "one.gif")
    first.save(place / "many.gif", save_all=True, append_images=rest, duration=80, loop=0)
    options = {"policy": "stretch", "size": "96x160", "fps": 12}
    for name in ("one.gif", "many.gif"):
        assert generate("spatial", mask=place / name, **options) == 0
    one, many = masks(calls)
    assert all(np.array_equal(mask, boxes[0] > 0) for mask in one) and len(one) == 6
    assert np.array_equal(many, boxes[:6] > 0)
