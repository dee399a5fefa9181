"""What a strategy is made of, checked where it is written: what cannot generate fails there."""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

from hypothesis import HealthCheck, Phase, currently_in_test_context, find, settings, strategies as st
from hypothesis.errors import HypothesisException, NoSuchExample, Unsatisfiable

from sgdvar.scalars import check_count

__all__ = ["Drawn", "check_size", "drawn", "drawn_size", "tried"]

T = TypeVar("T")
Drawn: TypeAlias = T | st.SearchStrategy[T]
"""A value, or a strategy for it."""

DEPTHS = st.integers(1, 2)
EXAMPLES = st.integers(1, 4)
FEATURES = st.integers(1, 2)
OUTPUTS: st.SearchStrategy[int | None] = st.sampled_from([None, 1, 2])
ROWS = st.integers(1, 3)
ATOMS = st.integers(1, 3)
WIDTHS = st.integers(1, 2)
_KNOWN = (DEPTHS, EXAMPLES, FEATURES, OUTPUTS, ROWS, ATOMS, WIDTHS)

_TRIAL = settings(
    max_examples=10,
    phases=[Phase.generate],
    database=None,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def drawn(draw: st.DrawFn, value: Drawn[T]) -> T:
    """The value, drawn if it is a strategy."""
    return draw(value) if isinstance(value, st.SearchStrategy) else value


def check_size(value: Any, name: str) -> Any:
    """``value`` as an integer from 1 on, or a strategy for such integers.

    Raises:
        TypeError: Neither an integer nor a strategy.
        ValueError: Too small.
    """
    return value if isinstance(value, st.SearchStrategy) else check_count(value, name, least=1)


def drawn_size(draw: st.DrawFn, value: Drawn[int], name: str) -> int:
    """The size, drawn if it is a strategy.

    Raises:
        TypeError: What is drawn is no integer.
        ValueError: It is below 1.
    """
    return check_count(drawn(draw, value), name, least=1)


def tried(strategy: st.SearchStrategy[T], name: str, *given: object) -> st.SearchStrategy[T]:
    """The strategy, which has generated a few examples if it is made of strategies that somebody has given.

    Within a running property test nothing is tried: there the first draw comes at once.

    Raises:
        ValueError: It cannot generate.
    """
    custom = [part for part in given if isinstance(part, st.SearchStrategy) and part not in _KNOWN]
    if not custom or currently_in_test_context():
        return strategy
    try:
        find(strategy, lambda _: False, settings=_TRIAL)
    except (NoSuchExample, NameError):  # a deferred strategy may not be there yet
        return strategy
    except Unsatisfiable:
        parts = ", ".join(map(repr, custom))
        raise ValueError(f"{name} must be able to generate, got {parts}, of which nothing could be drawn") from None
    except (HypothesisException, TypeError, ValueError) as error:
        raise ValueError(f"{name} must be able to generate: {error}") from error
    return strategy
