"""What is written as TOML reads as it was."""

import math

from hypothesis import given
from hypothesis import strategies as st

from vdt.training.toml import to_toml, tomllib

scalars = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.text(), st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1), values, max_size=4))
def test_what_is_written_reads_as_it_was(written):
    def equal(a, b):
        if isinstance(a, float):
            return isinstance(b, float) and math.isclose(a, b, rel_tol=0)
        if isinstance(a, dict):
            return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
        if isinstance(a, list):
            return len(a) == len(b) and all(map(equal, a, b))
        return type(a) is type(b) and a == b

    assert equal(written, tomllib.loads(to_toml(written)))
