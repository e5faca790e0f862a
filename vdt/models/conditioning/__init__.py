"""What a network gets in addition to the noisy clip and the timestep, and the modules that bring it in.

Each spec of a configuration builds one conditioner. The transformer knows their four hooks and no scheme by name.
"""

from .base import Conditioner
from .mask import MaskConditioner
from .record import Conditioning, Context
from .registry import build_conditioners, reads_context

__all__ = ["Conditioner", "Conditioning", "Context", "MaskConditioner", "build_conditioners", "reads_context"]
