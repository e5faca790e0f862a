"""What is given: its cells stand clean in the input, are pasted into every answer, and are noised in the twin."""

import torch

from vdt.config import MaskSpec
from vdt.diffusion import GivenCells, HiddenCells, make_given
from vdt.models import Conditioning


def test_given_cells_are_clean_in_the_input_and_the_others_noisy(randn, mask):
    clean, x = randn(0), randn(1)
    inputs, conditioning = GivenCells(clean, mask).inputs(x, 3)
    assert torch.equal(inputs, torch.where(mask.unsqueeze(2), x, clean))
    assert torch.equal(conditioning.mask, mask)


def test_pasting_puts_given_cells_back_and_leaves_the_others(randn, mask):
    clean, x0 = randn(0), randn(1)
    for given in (GivenCells(clean, mask), HiddenCells(clean, mask, None, randn(2), Conditioning())):
        assert torch.equal(given.paste(x0), torch.where(mask.unsqueeze(2), x0, clean))


def test_the_twin_sees_given_cells_noised_to_its_step_and_is_told_nothing(randn, mask, chain):
    clean, x, noise = randn(0), randn(1), randn(2)
    twin = GivenCells(clean, mask).dropped(chain, noise)
    for index in range(chain.num_steps):
        inputs, conditioning = twin.inputs(x, index)
        assert torch.equal(inputs, torch.where(mask.unsqueeze(2), x, chain.q_sample(clean, index, noise)))
        assert conditioning.mask.all() and conditioning.mask.shape == mask.shape
    assert twin.dropped(chain, noise) is None


def test_there_is_no_twin_where_nothing_is_given(randn, mask, epsilon_chain):
    assert GivenCells(randn(0), torch.ones_like(mask)).dropped(epsilon_chain, randn(2)) is None


def test_latents_at_generated_cells_may_hold_anything(randn, mask, epsilon_chain):
    clean, x, noise = randn(0), randn(1), randn(2)
    poisoned = torch.where(mask.unsqueeze(2), torch.nan, clean)
    for made in (lambda given: given, lambda given: given.dropped(epsilon_chain, noise)):
        whole, holed = made(GivenCells(clean, mask)), made(GivenCells(poisoned, mask))
        assert torch.equal(whole.inputs(x, 2)[0], holed.inputs(x, 2)[0])
        assert torch.equal(whole.paste(x), holed.paste(x))


def test_the_strategy_follows_from_the_specs_of_a_model(randn, mask):
    for specs in ((MaskSpec(),), (MaskSpec(embed=True),), ()):
        made = make_given(specs, randn(0), mask)
        assert isinstance(made, GivenCells) and torch.equal(made.clean, randn(0)) and made.mask is mask
