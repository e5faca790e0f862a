"""What a training batch is made of."""

import pytest
import torch

from vdt.config import VDT_CONFIGS
from vdt.models.transformer import VDT
from vdt.training.objectives import LatentClips, VDTObjective, with_noise_on_given
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
