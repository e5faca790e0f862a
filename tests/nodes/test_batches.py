"""Clips and frames of one LATENT: which is which, and that each clip is what it is alone."""

import pytest
import torch

OPTIONS = {"seed": 7, "steps": 2, "sampler": "ancestral", "guidance": 1.0}


@pytest.fixture
def batches(pack):
    return pack("nodes.host.batches")


@pytest.fixture
def encoded(pack, models, images):
    settings = {"length": 6, "width": 64, "height": 64, "policy": "crop", "fps": 0.0, "start": 0.0}
    return pack("nodes.latents").VDTEncode.execute(models[1], **settings, images=images).result[0]


def repeated(latent, count):
    """As Repeat Latent Batch does it."""
    made = {**latent, "samples": latent["samples"].repeat(count, 1, 1, 1)}
    if len(latent.get("noise_mask", ())) > 1:
        made["noise_mask"] = latent["noise_mask"].repeat(count, 1, 1, 1)
    return made


def mask(frames=6, given=3):
    made = torch.ones(frames, 64, 64)
    made[:given] = 0
    return made


def sample(pack, model, latent, **changes):
    return pack("nodes.sampler").VDTSampler.execute(model, latent, **{**OPTIONS, **changes}).result[0]


def test_a_multiple_of_the_stated_frames_is_several_clips(batches):
    """(frames there are, frames stated, frames of one clip)"""
    cases = ((12, 6, 6), (6, 6, 6), (8, 6, 8), (4, 6, 4), (12, 0, 12), (16, 1, 16), (18, 6, 6))
    for total, stated, frames in cases:
        latent = {"samples": torch.zeros(total, 4, 8, 8), "vdt_frames": stated}
        assert batches.frames_of(latent) == frames, (total, stated)
        assert len(batches.split_latent(latent)) == total // frames
    assert batches.frames_of({"samples": torch.zeros(12, 4, 8, 8)}) == 12


def test_parts_get_their_own_masks_and_come_together_again(batches):
    samples = torch.arange(12.0)[:, None, None, None].expand(12, 4, 8, 8)
    for frames in (1, 6, 12):
        noise_mask = torch.rand(frames, 1, 64, 64, generator=torch.Generator().manual_seed(0))
        parts = batches.split_latent({"samples": samples, "noise_mask": noise_mask, "vdt_frames": 6, "other": 1})
        assert [len(part["samples"]) for part in parts] == [6, 6] and parts[1]["other"] == 1
        joined = batches.join_latents(parts)
        assert torch.equal(joined["samples"], samples) and joined["vdt_frames"] == 6
        assert torch.equal(joined["noise_mask"], noise_mask.repeat(12 // frames, 1, 1, 1))


def test_seeds_follow_each_other_and_wrap(batches):
    assert batches.seeds(5, 3) == [5, 6, 7] and batches.seeds(2**64 - 1, 2) == [2**64 - 1, 0]


def test_each_variation_is_what_its_seed_makes_alone(pack, models, encoded):
    alone = [sample(pack, models[0], encoded, mask=mask(), seed=seed)["samples"] for seed in (7, 8)]
    both = torch.cat(alone)
    assert not torch.equal(*alone)
    varied = sample(pack, models[0], encoded, mask=mask(), batch=2)
    again = sample(pack, models[0], repeated(encoded, 2), mask=mask())
    carried = sample(pack, models[0], repeated({**encoded, "noise_mask": mask()[:, None]}, 2))
    for made in (varied, again, carried):
        assert torch.equal(made["samples"], both) and made["vdt_frames"] == 6 and len(made["noise_mask"]) == 12
    four = sample(pack, models[0], repeated(encoded, 2), mask=mask(), batch=2)["samples"]
    assert len(four) == 24 and torch.equal(four[:12], both)


def test_each_clip_may_have_its_own_mask(pack, models, encoded):
    masks = torch.cat([mask(given=3), mask(given=5)])
    made = sample(pack, models[0], repeated(encoded, 2), mask=masks)["samples"]
    other = sample(pack, models[0], encoded, mask=mask(given=5), seed=8)["samples"]
    assert torch.equal(made[6:], other)


def test_a_clip_that_fits_no_mask_is_still_refused(pack, models, encoded):
    with pytest.raises(ValueError, match=r"VDT Sampler: .*mask is 5 frames"):
        sample(pack, models[0], repeated(encoded, 2), mask=mask(5))


def test_progress_counts_all_clips(pack, models, encoded, monkeypatch):
    told = []
    bar = pack("nodes.host.runtime").comfy.utils.ProgressBar
    monkeypatch.setattr(
        bar, "update_absolute", lambda self, value, total=None, preview=None: told.append((value, total))
    )
    sample(pack, models[0], encoded, mask=mask(), batch=3)
    assert told == [(step, 6) for step in range(1, 7)]
    told.clear()
    sample(pack, models[0], encoded, mask=torch.ones_like(mask()), batch=2)
    assert told == [(step, 16) for step in range(1, 17)]  # more of them where less than a frame is given


def test_extending_goes_on_with_every_clip(pack, models, encoded, images):
    extend = pack("nodes.sampler").VDTExtend.execute
    one = extend(models[0], encoded, 4, "after", **OPTIONS, images=images).result
    both = extend(models[0], repeated(encoded, 2), 4, "after", **OPTIONS, images=images).result
    assert torch.equal(both[0]["samples"][:10], one[0]["samples"]) and len(both[0]["samples"]) == 20
    assert torch.equal(both[1], one[1])  # images of one clip serve both
    assert torch.equal(both[2], torch.cat([one[2]] * 2))
    shown = pack("nodes.latents").VDTDecode.execute(both[0], models[1], both[1]).result[0]
    assert torch.equal(shown[:6], images) and torch.equal(shown[10:16], images) and len(shown) == 20


def test_decoding_and_saving_know_clips_from_frames(pack, models, encoded, images, folders):
    made = sample(pack, models[0], encoded, mask=mask(), batch=2)
    first = sample(pack, models[0], encoded, mask=mask())
    decode = pack("nodes.latents").VDTDecode.execute
    shown = decode(made, models[1], images).result[0]
    assert torch.equal(shown[:6], decode(first, models[1], images).result[0])
    assert torch.equal(shown, decode(made, models[1], torch.cat([images] * 2)).result[0])
    assert len(decode(made, models[1]).result[0]) == 12
    output = pack("nodes.save").VDTSaveVideo.execute(made, models[1], "batch/clip", 8.0, images)
    names = [entry["filename"] for entry in output.ui["images"]]
    assert names == ["clip_00001_.mp4", "clip_00002_.mp4"] and output.result[0].get_dimensions() == (64, 64)
    assert all((folders.output / "batch" / name).is_file() for name in names)


def test_images_of_another_length_are_refused(pack, models, encoded, images):
    made = sample(pack, models[0], encoded, mask=mask(), batch=2)
    with pytest.raises(ValueError, match="use the images that were encoded"):
        pack("nodes.latents").VDTDecode.execute(made, models[1], images[:5])
