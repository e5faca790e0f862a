"""What a training batch is made of."""

import pytest
import torch

from vdt.config import VDT_CONFIGS, FastVAEConfig
from vdt.diffusion import unscale_latents
from vdt.models.fast_autoencoder import FastAutoencoder
from vdt.models.transformer import VDT
from vdt.training.objectives import LatentClips, VDTObjective, with_noise_on_given
from vdt.training.pictures.picture_loss import one_generated_frame, picture_error
from vdt.training.recipe import DataRecipe, VDTRecipe


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


class Recorder(torch.nn.Module):
    """A model that keeps what it is shown, and answers zero."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.seen = []

    def forward(self, x, t, conditioning):
        self.seen.append((x.clone(), conditioning.mask.clone()))
        return torch.zeros_like(x, requires_grad=True)


def objective(latents, **recipe):
    config = VDT(VDT_CONFIGS["VDT-Tiny/2"]).config
    model = Recorder(config)
    clips = LatentClips(latents=latents, vae=None, shown=None, preview=None)
    return VDTObjective(model, clips, VDTRecipe(**recipe)), model


def numbered(clips, frames):
    """Latents whose every value says which frame of which clip it is."""
    values = torch.arange(clips)[:, None] * 1000 + torch.arange(frames)
    return values[:, :, None, None, None].expand(-1, -1, 4, 4, 4).half()


@pytest.mark.parametrize(("share", "least", "most"), [(1.0, 1.0, 1.0), (0.0, 0.0, 0.2), (0.5, 0.4, 0.65)])
def test_longer_clips_are_seen_in_windows_of_frames_that_follow_one_another(share, least, most):
    made, _ = objective(numbered(2, 64), data=DataRecipe(at_start=share))
    frames = made._windows(torch.arange(200) % 2, seeded())[0][:, :, 0, 0, 0]
    size = made.module.config.num_frames
    assert frames.shape == (200, size)
    starts = frames[:, 0] - 1000 * (torch.arange(200) % 2)
    assert torch.equal(frames, frames[:, :1] + torch.arange(size))
    assert starts.min() >= 0 and starts.max() <= 64 - size
    assert least <= (starts == 0).float().mean() <= most


def test_clips_of_the_model_s_length_are_seen_whole():
    made, _ = objective(numbered(3, VDT_CONFIGS["VDT-Tiny/2"].num_frames))
    assert torch.equal(made._windows(torch.tensor([2, 0]), seeded())[0], made.clips.latents[[2, 0]])


def test_noise_on_what_is_given_is_of_half_the_clips_and_of_given_cells_alone():
    x0, mask = torch.zeros(400, 4, 4, 8, 8), torch.rand(400, 4, 8, 8, generator=seeded(1)) < 0.5
    noisy = with_noise_on_given(x0, mask, 0.4, seeded(2))
    cells = mask.unsqueeze(2).expand_as(x0)
    assert not noisy[cells].any()
    deviation = torch.stack([clip[~cell].std() for clip, cell in zip(noisy, cells, strict=True)])
    assert 0.4 < (deviation > 0).float().mean() < 0.6
    assert deviation.max() < 0.44
    assert deviation[deviation > 0].mean() == pytest.approx(0.2, abs=0.03)  # uniform up to 0.4


def test_the_model_sees_the_noise_and_the_loss_does_not():
    latents = torch.randn(4, 16, 4, 4, 4, generator=seeded(3)).half()
    losses, seen = [], []
    for level in (0.0, 0.5):
        made, model = objective(latents, given_noise=level, tasks={"predict": 1.0})
        losses.append(made.loss(4, seeded(5), torch.device("cpu")).scalars["mse"])
        seen.append(model.seen[0])
    (clean, mask), (noisy, same) = seen
    assert torch.equal(mask, same)
    cells = mask.unsqueeze(2).expand_as(clean)
    assert torch.equal(clean[cells], noisy[cells]) and not torch.equal(clean, noisy)
    assert torch.equal(*losses)


def test_the_error_of_pictures_is_that_of_decoded_frames_and_reaches_their_latents_alone():
    torch.manual_seed(0)
    vae = FastAutoencoder(FastVAEConfig(widths=(4, 4, 4), encoder_blocks=(0, 0, 0), decoder_blocks=(0, 0, 0)))
    vae.requires_grad_(False)
    diffusion = VDT_CONFIGS["VDT-Tiny/2"].diffusion
    x0, predicted = (torch.randn(2, 3, 4, 2, 2, generator=seeded(k)) for k in (0, 1))
    predicted.requires_grad_()
    error = picture_error(vae, predicted, x0, torch.tensor([2, 0]), diffusion)
    pictures = [vae.decode(unscale_latents(x[0, 2][None], diffusion)) for x in (predicted, x0)]
    torch.testing.assert_close(error[0], (pictures[0] - pictures[1]).abs().mean())
    error.sum().backward()
    touched = predicted.grad.abs().amax((2, 3, 4)) > 0
    assert touched.tolist() == [[False, False, True], [True, False, False]]
    assert not picture_error(vae, x0, x0, torch.tensor([1, 1]), diffusion).any()


def test_the_frame_whose_picture_counts_has_something_to_generate():
    mask = torch.rand(500, 6, 2, 2, generator=seeded(1)) < 0.1
    mask[:, 5] = True
    frame = one_generated_frame(mask, seeded(2))
    assert mask.flatten(2).any(2)[torch.arange(500), frame].all()
    assert set(frame.tolist()) == set(range(6))


def test_pictures_count_in_the_loss_by_their_weight():
    latents = torch.randn(4, 6, 4, 4, 4, generator=seeded(3)).half()
    torch.manual_seed(0)
    vae = FastAutoencoder(FastVAEConfig(widths=(4, 4, 4), encoder_blocks=(0, 0, 0), decoder_blocks=(0, 0, 0)))
    totals = {}
    for weight in (0.5, 2.0):
        made, _ = objective(latents, pixels=weight, tasks={"predict": 1.0})
        made.clips = LatentClips(latents=latents, vae=vae, shown=None, preview=None)
        loss = made.loss(4, seeded(5), torch.device("cpu"))
        totals[weight] = loss.total - weight * loss.scalars["pixels"]
        assert 0 < loss.scalars["pixels"] < 2
    torch.testing.assert_close(totals[0.5], totals[2.0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"frame_noise": 0.5, "min_snr_gamma": 5.0}, "leave out frame_noise, or min_snr_gamma"),
        ({"pixels": 0.5, "loss": "official"}, "for loss = 'corrected'"),
    ],
)
def test_what_does_not_go_together_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        VDTRecipe(**settings)
