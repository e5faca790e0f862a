"""VDT Mask To Control: the outputs, target by target."""

import pytest
import torch


@pytest.fixture
def control(pack):
    def run(images, mask, target, **changes):
        options = {"width": 0, "height": 0, "policy": "crop", "number": 1, **changes}
        return pack("nodes.control").VDTMaskToControl.execute(images, mask, target, **options)

    return run


def given(*places, count=6, side=64):
    mask = torch.ones(count, side, side)
    mask[list(places)] = 0
    return mask


def test_vace_gets_grey_and_a_hard_mask(control, images):
    clip, mask, start, end, guide, index, length, width, height, report = control(
        images, given(0, 1, 2), "Wan VACE"
    ).result
    assert (length, width, height, index) == (9, 64, 64, 0) and start is end is guide is None
    assert torch.equal(clip[:3], images[:3]) and bool((clip[3:] == 0.5).all())
    assert mask.shape == (9, 64, 64) and set(mask.unique().tolist()) == {0.0, 1.0}
    assert "Added at the end: frames 6–8, repeats of frame 5; cut the result to 6 frames" in report  # noqa: RUF001


def test_first_and_last_frames_are_images_of_their_own(control, images):
    output = control(images[:5], given(0, 4, count=5), "Wan first/last frame")
    start, end = output.result[2:4]
    assert torch.equal(start, images[:1]) and torch.equal(end, images[4:5])
    assert output.ui["text"] == (output.result[9],) and len(output.ui["images"]) == 1


def test_latent_masks_have_one_value_for_each_cell(control, images):
    mask = torch.zeros(1, 64, 64)
    mask[:, 40, 10] = 1
    clip, cells, *_ = control(images, mask, "LTX latent mask").result
    assert cells.shape == (2, 2, 2) and cells.nonzero().tolist() == [[0, 1, 0], [1, 1, 0]]
    assert clip.shape == (9, 64, 64, 3) and torch.equal(clip[:6], images)


def test_guides_are_told_apart_by_number(control, images):
    mask = given(0, 3)
    for number, place in ((1, 0), (2, 3)):
        result = control(images, mask, "LTX guides", number=number).result
        assert torch.equal(result[4], images[place : place + 1]) and result[5] == place
    with pytest.raises(ValueError, match="VDT Mask To Control: there is no guide 3: this mask makes 2"):
        control(images, mask, "LTX guides", number=3)


def test_frames_and_mask_go_one_way_to_the_size(control):
    painted = torch.zeros(1, 200, 300)
    painted[:, 80:120, 130:170] = 1
    wide = torch.rand(2, 40, 60, 3, generator=torch.Generator().manual_seed(0))
    result = control(wide, painted, "Wan VACE", width=100).result
    assert (result[6], result[7], result[8]) == (5, 96, 64)
    grey = (result[0] == 0.5).all(-1)
    assert torch.equal(grey, result[1] == 1) and grey.any() and "(resized from 60x40)" in result[9]


def test_the_rest_of_cells_is_given_to_other_models(pack, control, images):
    painted = torch.zeros(1, 64, 64)
    painted[:, 21:43, 21:43] = 1
    mask = (
        pack("nodes.masks")
        .VDTMask.execute(images, task="spatial", given=3, every=4, frame=0, known="0", seed=0, mask=painted)
        .result[0]
    )
    assert torch.equal(control(images, mask, "Wan VACE").result[1][:6] == 1, (painted == 1).expand(6, -1, -1))


def test_what_cannot_be_is_said(control, images):
    for call, message in (
        (lambda: control(images, given(0), "Sora"), "unknown target 'Sora'"),
        (lambda: control(images, given(0)[:4], "Wan VACE"), "the mask is 4 frames of 64x64, the clip is 6 frames"),
        (
            lambda: control(torch.full((6, 64, 64, 3), 127 / 255), given(0), "Wan VACE"),
            "frame 0 is given by the mask but holds no picture",
        ),
    ):
        with pytest.raises(ValueError, match=f"VDT Mask To Control: {message}"):
            call()
