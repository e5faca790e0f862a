"""All families, by name, in the order of the table."""

from __future__ import annotations

from collections.abc import Mapping

from ..family import Family
from .arguments import Arguments
from .checkpoints import Checkpoints
from .determinism import Determinism
from .disks import FullDisk, LimitedFiles, ReadOnly
from .graphs import Graphs
from .hosts import Hosts
from .kills import Kills
from .leaks import Leaks
from .library import Library
from .library_masks import Masks
from .library_plans import Plans
from .media_files import MediaFiles
from .nans import NotNumbers
from .recipes import Recipes
from .requests import Requests
from .toys import Toys

FAMILIES: Mapping[str, type[Family]] = {
    family.name: family
    for family in (
        *(Library, Masks, Plans, Graphs, Recipes, Checkpoints, Arguments, MediaFiles, Requests),
        *(NotNumbers, Kills, FullDisk, LimitedFiles, ReadOnly, Leaks, Determinism, Hosts),
    )
}
TOYS: Mapping[str, type[Family]] = {Toys.name: Toys}  # for the tests of the runner
