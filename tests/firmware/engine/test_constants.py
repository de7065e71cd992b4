"""The one array of constants: everything is where it is said to be, and nothing twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from redsc.engine.call import Constant
from redsc.engine.constants import pool_constants

CONSTANTS = st.lists(
    st.builds(Constant, st.binary(min_size=1, max_size=12), st.just("int8_t"), st.sampled_from([1, 2, 4])),
    max_size=12,
)


@given(CONSTANTS)
def test_every_constant_is_at_its_place_and_aligned(constants: list[Constant]) -> None:
    pool = pool_constants(constants)
    for constant in constants:
        start = pool.starts[constant]
        assert pool.data[start : start + len(constant.data)] == constant.data
        assert start % constant.alignment == 0
    assert len(pool.data) % 4 == 0


@given(CONSTANTS)
def test_a_beginning_of_another_takes_no_room(constants: list[Constant]) -> None:
    more = [Constant(c.data[: len(c.data) // 2 + 1], c.c_type, c.alignment) for c in constants]
    assert pool_constants([*constants, *more]).data == pool_constants(constants).data


def test_order_does_not_matter_beyond_equal_lengths() -> None:
    long, short = Constant(b"abcdefgh"), Constant(b"xyz")
    assert pool_constants([long, short]).data == pool_constants([short, long]).data == b"abcdefghxyz\0"
