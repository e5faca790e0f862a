"""Masks painted anywhere: fitted where they enter, whole cells for stock samplers, painted pixels for pasting."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from vdt.masks.pixel import to_cells
from vdt.media.frames import fit_frames

SIZE = {"length": 6, "width": 64, "height": 64, "fps": 0.0, "start": 0.0}
SPATIAL = {"task": "spatial", "given": 3, "every": 4, "frame": 0, "known": "0", "seed": 0}
SAMPLING = {"seed": 7, "steps": 2, "sampler": "ddim", "guidance": 1.0}
BOXES = {"22x22": (21, 43, 21, 43), "stripe": (0, 64, 20, 28), "pixel": (33, 34, 7, 8), "corner": (63, 64, 63, 64)}
CELLS = {"22x22": 16, "stripe": 16, "pixel": 1, "corner": 1}


def box(name, frames=1):
    top, bottom, left, right = BOXES[name]
    mask = torch.zeros(frames, 64, 64)
    mask[:, top:bottom, left:right] = 1
    return mask


def set_latent_noise_mask(latent, mask):
    """ComfyUI's node of that name."""
    return {**latent, "noise_mask": mask.reshape((-1, 1, mask.shape[-2], mask.shape[-1]))}


def seen_by_core(latent):
    """What ComfyUI resizes a noise mask to before it samples: comfy.utils.reshape_mask."""
    mask, grid = latent["noise_mask"], latent["samples"].shape[-2:]
    return F.interpolate(mask.reshape(-1, 1, *mask.shape[-2:]).float(), size=grid, mode="bilinear")[:, 0]


def painted_pictures(mask, size, mode):
    """What of the fitted picture of a mask is white."""
    return fit_frames((mask * 255).round().byte().numpy()[..., None].repeat(3, -1), size, mode)[..., 0] > 127


@pytest.fixture
def latent():
    samples = torch.randn(6, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    return {"samples": samples}


def mask_node(pack, images, mask, **changes):
    return pack("nodes.masks").VDTMask.execute(images, **{**SPATIAL, **changes}, mask=mask).result[0]


def encode(pack, vae, images, mask, policy="crop", **changes):
    return pack("nodes.latents").VDTEncode.execute(vae, policy=policy, **{**SIZE, **changes}, images=images, mask=mask)


def sample(pack, model, latent, mask=None):
    return pack("nodes.sampler").VDTSampler.execute(model, latent, mask=mask, **SAMPLING).result[0]


# ---- Whole cells for stock samplers ----------------------------------------------------------------------------------


def test_stock_samplers_see_the_cells_that_our_sampler_sees(pack, images, latent):
    convert = pack("nodes.host.convert")
    for name, count in CELLS.items():
        expected = to_cells(box(name) > 0.5, (6, 8, 8))
        assert int(expected[0].sum()) == count
        mask = mask_node(pack, images, box(name))
        stock = set_latent_noise_mask(latent, mask)
        noise_masks = {"set": stock, "sampler": convert.to_latent(latent, latent["samples"], mask)}
        for way, carrying in noise_masks.items():
            seen = seen_by_core(carrying)
            assert torch.equal((seen > 0.5).expand(6, -1, -1), expected), (name, way)
            assert bool(((seen == 0) | (seen > 0.98)).all()), (name, way)  # no cell is half generated
        assert torch.equal(convert.cells_of(stock, None), expected)
        assert torch.equal(convert.cells_of(latent, mask), expected)
        half = set_latent_noise_mask(latent, mask.half())
        assert torch.equal((seen_by_core(half) > 0.5), expected) and torch.equal(convert.cells_of(half, None), expected)


def test_painted_pixels_do_not_grow(pack, images):
    convert = pack("nodes.host.convert")
    for name in BOXES:
        mask = mask_node(pack, images, box(name))
        assert torch.equal(mask == 1, box(name, 6) == 1)
        for dtype in (torch.float32, torch.float16):
            assert torch.equal(convert.hard_mask(mask.to(dtype)), box(name, 6) > 0.5), (name, dtype)
        again = mask_node(pack, images, mask)
        assert torch.equal(again, mask), "a mask of ours changes on its way through VDT Mask"
    levels = torch.arange(256) / 255
    assert not bool(((levels - convert.CELL_REST).abs() < 1e-3).any()), "a painted mask could hold it"
    assert bool((convert.painted_mask(levels.half()[None, None]) == levels.half()).all())


def test_given_pixels_inside_generated_cells_come_back_bit_for_bit(pack, models):
    images = torch.rand(6, 64, 64, 3, generator=torch.Generator().manual_seed(1))  # not of 8 bits
    latents = pack("nodes.latents")
    for name in ("22x22", "pixel"):
        mask = mask_node(pack, images, box(name))
        latent = pack("nodes.host.vae").encode(models[1], pack("nodes.host.convert").to_frames(images))
        made = sample(pack, models[0], latent, mask)
        stock = {**set_latent_noise_mask(latent, mask), "samples": made["samples"]}
        given = box(name, 6) == 0
        for carrying, connected in ((made, None), (stock, None), (made, mask), (stock, box(name))):
            shown = latents.VDTDecode.execute(carrying, models[1], images, connected, edges=0.0, still=0.0).result[0]
            assert torch.equal(shown[given], images[given]), name
            assert not torch.equal(shown[~given], images[~given]), name


def test_a_report_takes_the_rest_of_cells_for_given_and_masks_of_any_size(pack, images):
    result = images.clone()
    result[:, 21:43, 21:43] = 0
    masks = (mask_node(pack, images, box("22x22")), box("22x22").repeat_interleave(4, 1).repeat_interleave(4, 2))
    for mask in masks:
        text = pack("nodes.report").VDTReport.execute(images, result, mask).result[1]
        assert "known pixels: bit-exact" in text, mask.shape


def test_sizes_that_are_no_multiple_of_cells_lose_none(pack, models):
    images = torch.rand(3, 50, 70, 3, generator=torch.Generator().manual_seed(2))
    painted = torch.zeros(1, 50, 70)
    painted[:, 37:41, 29:33] = painted[:, 49, 69] = 1
    mask = mask_node(pack, images, painted)
    assert mask.shape == (3, 50, 70)
    encoded = encode(pack, models[1], images, painted, length=3, width=70, height=50).result
    expected = to_cells(painted > 0.5, (3, 7, 9))
    assert torch.equal(seen_by_core(encoded[0]) > 0.5, expected), "the noise mask of VDT Encode is exact at any size"
    assert torch.equal(encoded[5] == 1, (painted == 1).expand(3, -1, -1))
    assert bool((seen_by_core(set_latent_noise_mask(encoded[0], mask))[expected] > 0.5).all())
    made = sample(pack, models[0], {key: value for key, value in encoded[0].items() if key != "noise_mask"}, mask)
    assert torch.equal(seen_by_core(made) > 0.5, expected)
    shown = pack("nodes.latents").VDTDecode.execute(made, models[1], images, edges=0.0, still=0.0).result[0]
    kept = (painted == 0).expand(3, -1, -1)
    assert torch.equal(shown[kept], images[kept])


def test_arranged_clips_carry_whole_cells(pack, models, images):
    latent, _, mask = pack("nodes.arrange").VDTOutpaint.execute(models[1], images, 20.0, 0.0, 0.0, 10.0).result
    assert mask.shape == (6, 70, 77) and latent["samples"].shape[-2:] == (9, 10)
    expected = to_cells(mask == 1, (6, 9, 10))
    assert torch.equal(seen_by_core(latent) > 0.5, expected) and bool(expected[:, :, 1].all())
    assert torch.equal(pack("nodes.host.convert").mask_of(latent, None), mask == 1)


def test_combined_masks_are_whole_cells_and_soft_ones_stay_soft(pack, images, latent):
    combine, convert = pack("nodes.masks").VDTMaskCombine.execute, pack("nodes.host.convert")
    mask = mask_node(pack, images, box("22x22"))
    inverted = combine(mask, "invert").result[0]
    assert torch.equal(inverted == 1, box("22x22", 6) == 0)
    expected = to_cells(box("22x22", 6) == 0, (6, 8, 8))
    assert torch.equal(seen_by_core(set_latent_noise_mask(latent, inverted)) > 0.5, expected)
    assert torch.equal(combine(inverted, "invert").result[0], mask)
    whole = combine(mask, "union", inverted).result[0]
    assert bool((whole == 1).all())
    soft = torch.full((1, 64, 64), 0.25)
    assert torch.equal(combine(soft, "union", soft).result[0], soft)
    assert not (convert.hard_mask(combine(mask, "difference", box("22x22")).result[0])).any()


# ---- Any size --------------------------------------------------------------------------------------------------------


def region(height, width):
    """The middle of a picture of that size, with a corner of its own to tell directions apart."""
    mask = torch.zeros(1, height, width)
    mask[:, height // 4 : height // 2, width // 3 : width // 3 * 2] = 1
    mask[:, height // 2 : height // 2 + height // 8, width // 3 : width // 2] = 1
    return mask


def test_a_mask_of_the_sources_size_lies_where_it_was_painted(pack, models):
    source = torch.rand(6, 90, 120, 3, generator=torch.Generator().manual_seed(3))
    mask = region(90, 120)
    for policy in ("crop", "fit", "stretch"):
        expected = painted_pictures(mask, (64, 64), policy)
        output = encode(pack, models[1], source, mask, policy)
        latent, frames, _, plan, _, white = output.result
        assert np.array_equal((white == 1).numpy(), expected.repeat(6, 0)), policy
        assert output.ui["text"][0].startswith(plan) and "partly generated" in output.ui["text"][0]
        assert np.array_equal((mask_node(pack, frames, mask, policy=policy) == 1).numpy(), expected.repeat(6, 0))
        cells = to_cells(white == 1, (6, 8, 8))
        convert = pack("nodes.host.convert")
        assert torch.equal(convert.cells_of(latent, None), cells)
        bare = {key: value for key, value in latent.items() if key != "noise_mask"}
        assert torch.equal(convert.cells_of(bare, mask), cells), "VDT Sampler cuts it otherwise"
        made = sample(pack, models[0], bare, mask)
        assert torch.equal(made["noise_mask"].expand(6, -1, -1, -1), latent["noise_mask"])
        shown = pack("nodes.latents").VDTDecode.execute(made, models[1], frames, edges=0.0, still=0.0).result[0]
        assert torch.equal(shown[white < 1], frames[white < 1]), policy
        again = pack("nodes.latents").VDTDecode.execute(made, models[1], frames, mask, edges=0.0, still=0.0).result[0]
        assert torch.equal(again, shown)


def test_masks_of_many_shapes_fit_before_anything_is_sampled(pack, models, images, latent):
    convert = pack("nodes.host.convert")
    for height, width, frames in ((512, 512, 1), (333, 501, 1), (64, 48, 6), (20, 30, 6), (128, 64, 1)):
        mask = region(height, width).expand(frames, -1, -1)
        expected = torch.from_numpy(painted_pictures(mask, (64, 64), "crop")).expand(6, -1, -1)
        assert torch.equal(mask_node(pack, images, mask) == 1, expected), (height, width)
        assert torch.equal(convert.cells_of(latent, mask), to_cells(expected, (6, 8, 8))), (height, width)
        kept = convert.to_latent(latent, latent["samples"], mask)
        assert kept["noise_mask"].shape[1:] == (1, 64, 64)
    cells = torch.zeros(1, 8, 8)
    cells[:, 2, 3] = 1
    assert convert.cells_of(latent, cells)[0].nonzero().tolist() == [[2, 3]], "one of latent cells stays what it is"
    made = sample(pack, models[0], latent, region(512, 512))
    assert pack("nodes.latents").VDTDecode.execute(made, models[1], images).result[0].shape == images.shape


def test_a_mask_goes_the_way_of_the_frames_in_time(pack, models, images):
    places = torch.arange(6)[:, None, None] * 8
    moving = ((torch.arange(64) >= places) & (torch.arange(64) < places + 8)).float().expand(6, 64, 64)
    taken = encode(pack, models[1], images, moving, length=4, start=0.25).result[5]  # images at 8 a second: 2, 3, 4, 5
    assert torch.equal(taken, moving[2:6])
    short = encode(pack, models[1], images, moving[:4], length=4, start=0.25).result[5]
    assert torch.equal(short, moving[:4])
    longer = encode(pack, models[1], images, moving, length=8).result
    assert torch.equal(longer[5][:6], moving) and bool((longer[5][6:] == 1).all())
    assert bool((encode(pack, models[1], images, None, length=8).result[5][6:] == 1).all())
    with pytest.raises(ValueError, match=r"VDT Encode: the mask has 5 frames, the clip has 4: .* 6 as the source has"):
        encode(pack, models[1], images, moving[:5], length=4)


def test_masks_that_are_none_say_so(pack, models, images, latent):
    far = torch.zeros(1, 64, 256)
    far[:, :, :16] = 1
    for call, message in (
        (lambda: mask_node(pack, images, far), "VDT Mask: nothing is left of the white of the mask of 256x64 at 64x64"),
        (lambda: sample(pack, models[0], latent, far), "VDT Sampler: nothing is left of the white"),
        (lambda: encode(pack, models[1], images, far), "VDT Encode: nothing is left of the white"),
        (
            lambda: mask_node(pack, images, images),
            r"VDT Mask: expected a mask .*, got \(6, 64, 64, 3\): put Convert Im",
        ),
        (lambda: mask_node(pack, images, torch.zeros(0, 64, 64)), r"expected a mask .*, got \(0, 64, 64\)"),
        (lambda: sample(pack, models[0], latent, torch.ones(3, 99, 99)), "VDT Sampler: the mask is 3 frames of 64x64"),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_cells_of_other_vaes_are_known(pack, models):
    convert = pack("nodes.host.convert")
    latent = convert.new_latent(torch.zeros(2, 4, 8, 8), (128, 120), 16)
    mask = torch.zeros(1, 128, 120)
    mask[:, 100, 119] = 1
    assert convert.size_of(latent, convert.cell_of(latent)) == (128, 120)
    assert convert.cells_of(latent, mask).nonzero().tolist() == [[0, 6, 7], [1, 6, 7]]
    kept = convert.to_latent(latent, latent["samples"], mask)
    assert torch.equal(seen_by_core(kept)[0] > 0.5, convert.cells_of(latent, mask)[0])
    assert torch.equal(convert.mask_of(kept, None), mask > 0.5)


def test_a_timeline_that_cannot_be_read_is_found_before_the_run(pack):
    mask = pack("nodes.masks").VDTMask
    assert mask.validate_inputs() is True and mask.validate_inputs(timeline='{"v":1,"given":"0-3","paint":[]}') is True
    said = mask.validate_inputs(timeline="{broken")
    assert isinstance(said, str) and "timeline" in said
