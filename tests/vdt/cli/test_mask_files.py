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


def editor_mask(height=96, width=160):
    """As ComfyUI's mask editor saves it: the picture, transparent where it is masked."""
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 4), dtype=np.uint8)
    picture[..., 3] = 255
    picture[20:60, 40:100, 3] = 0
    return picture


def test_transparency_is_what_counts_as_in_load_image(place, generate, calls):
    """1 - alpha, as the MASK of ComfyUI's Load Image; an opaque or nearly opaque file is read by its levels."""
    from PIL import Image

    picture = editor_mask()
    painted = picture[..., 3] == 0
    two_toned = np.zeros((96, 160, 4), np.uint8)
    two_toned[40:70, 8:30] = 255
    two_toned[..., 3] = 255
    faint = two_toned.copy()
    faint[0, 0, 3] = 200
    palette = Image.fromarray(np.where(painted, 0, 1).astype(np.uint8))
    palette.putpalette([10, 200, 30, 240, 20, 90])
    Image.fromarray(picture).save(place / "editor.png")
    Image.fromarray(picture).save(place / "editor.tiff")
    palette.save(place / "palette.png", transparency=0)
    Image.fromarray(two_toned).save(place / "opaque.png")
    Image.fromarray(faint).save(place / "faint.png")
    frames = [Image.fromarray(np.roll(picture, 8 * n, axis=1)) for n in range(9)]
    frames[0].save(place / "moving.webp", save_all=True, append_images=frames[1:], duration=83, lossless=True)
    options = {"policy": "stretch", "size": "96x160"}
    for name, expected in (
        ("editor.png", [painted] * 6),
        ("editor.tiff", [painted] * 6),
        ("palette.png", [painted] * 6),
        ("opaque.png", [two_toned[..., 0] > 0] * 6),
        ("faint.png", [two_toned[..., 0] > 0] * 6),
        ("moving.webp", [np.roll(painted, 8 * n, axis=1) for n in range(6)]),
    ):
        calls.clear()
        assert generate("spatial", mask=place / name, **options) == 0, name
        assert np.array_equal(masks(calls)[0], expected), name


def test_soft_edges_are_a_mask_and_a_photo_is_none(place, generate, calls, refused):
    from PIL import Image

    y, x = np.mgrid[0:96, 0:160]
    soft = (255 / (1 + np.exp((np.hypot(y - 48, x - 80) - 30) / 3))).astype(np.uint8)
    Image.fromarray(soft).save(place / "soft.png")
    Image.fromarray(soft).save(place / "soft.jpg")
    Image.fromarray(editor_mask()[..., :3]).save(place / "photo.png")
    Image.fromarray(np.full((96, 160), 128, np.uint8)).save(place / "grey.png")
    foggy = editor_mask()
    foggy[..., 3] = 100
    Image.fromarray(foggy).save(place / "foggy.png")
    options = {"policy": "stretch", "size": "96x160"}
    for name in ("soft.png", "soft.jpg"):
        assert generate("spatial", mask=place / name, **options) == 0, name
    assert np.array_equal(masks(calls)[0][0], soft > 127)
    for name in ("photo.png", "grey.png", "foggy.png"):
        refused(generate("spatial", mask=place / name, **options), name, "neither black nor white")
