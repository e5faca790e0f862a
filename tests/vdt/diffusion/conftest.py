"""A model that remembers its calls, two chains, and clips of which a part is given."""

import pytest
import torch

from vdt.config import DiffusionConfig
from vdt.diffusion import Schedule
from vdt.models import Conditioning

SHAPE = (2, 3, 4, 2, 2)


class Recorder:
    """A model that depends on every frame of its input and remembers how it was called."""

    def __init__(self, learn_sigma=True):
        self.learn_sigma = learn_sigma
        self.calls = []

    def __call__(self, x, t, conditioning):
        assert isinstance(conditioning, Conditioning)
        self.calls.append((x, t, conditioning.mask))
        value = 0.5 * x + x.mean(dim=1, keepdim=True)
        return torch.cat([value, value.tanh()], dim=2) if self.learn_sigma else value


@pytest.fixture
def recorder():
    return Recorder


@pytest.fixture
def randn():
    return lambda seed, shape=SHAPE: torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def mask():
    mask = torch.ones(2, 3, 2, 2, dtype=torch.bool)
    mask[:, 0] = False
    mask[1, 1, 0, 0] = False  # samples may differ
    return mask


@pytest.fixture(scope="session")
def epsilon_chain():
    return Schedule.from_config(DiffusionConfig()).respace(5)


@pytest.fixture(scope="session")
def v_chain():
    return Schedule.from_config(DiffusionConfig(prediction="v", zero_terminal_snr=True)).respace(5)


@pytest.fixture(params=["epsilon", "v"])
def chain(request, epsilon_chain, v_chain):
    """Each of the two parameterisations."""
    return epsilon_chain if request.param == "epsilon" else v_chain
