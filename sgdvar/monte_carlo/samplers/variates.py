r"""Normal, chi-square and binomial variates, many at once, exact up to floating point.

A compiler for the CPU fuses what is elementwise and then computes Threefry again in each consumer. So words and what is
made of them pass through ``_apart``, which keeps them in memory between.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax import lax

from sgdvar.monte_carlo.samplers.threefry import threefry

__all__ = ["chi_squares", "normals"]

_SINE = (1.58962301576546568e-10, -2.50507477628578073e-8, 2.75573136213857245e-6, -1.98412698295895386e-4,
         8.33333333332211859e-3, -1.66666666666666307e-1)  # fmt: skip
_COSINE = (-1.13585365213876817e-11, 2.08757008419747317e-9, -2.75573141792967388e-7, 2.48015872888517045e-5,
           -1.38888888888730564e-3, 4.16666666666665929e-2)  # fmt: skip
_SMALL = 0.1  # below, what is close to 1 is computed by its difference from 1
_TERMS = 16  # 0.1**16 is rounding
_Result = TypeVar("_Result")


def normals(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    r"""Independent standard normal numbers (Box and Muller).

    Pairs :math:`\sqrt{-2 \log U}\, (\cos \Theta, \sin \Theta)`, where U has 53 bits (32 in float32) and is never 0, and
    :math:`\Theta` is uniform on :math:`2^{32}` points of the circle, evenly spaced.

    Guarantees:
        For such points every mixed moment of a pair of degree below :math:`2^{32}` has exactly the value that it has
        for a uniform angle. The largest number is 8.5 (6.6 in float32), beyond which a normal number has probability
        below :math:`2^{-53}` (:math:`2^{-32}`).

    Args:
        key: A key of Threefry that is used nowhere else.
        shape: Any.
        dtype: float64 or float32.
    """
    return _normals(key, 0, shape, dtype)


def _normals(key: jax.Array, start: jax.Array | int, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """As ``normals``, from the blocks of one or two upper counters from ``start`` on."""
    count = math.prod(shape)
    pairs = -(-count // 2)
    if jnp.dtype(dtype) == jnp.float64:
        high, low, angle = _words(key, start, pairs, 3)
    else:
        (high, angle), low = _words(key, start, pairs, 2), None

    def both() -> tuple[jax.Array, jax.Array]:
        radius = jnp.sqrt(-2 * jnp.log(_uniform(high, low, dtype)))
        radius = jnp.where(angle >> 30 & 1 == 1, -radius, radius)
        sine, cosine = _sine_and_cosine(angle << 2, dtype)
        is_swapped = angle >> 31 == 1
        return radius * jnp.where(is_swapped, sine, cosine), radius * jnp.where(is_swapped, cosine, sine)

    numbers = jnp.concatenate(_apart(key, both))
    return (numbers if 2 * pairs == count else numbers[:count]).reshape(shape)


def chi_squares(key: jax.Array, degrees: jax.Array, count: int, dtype: Any) -> jax.Array:
    r"""Independent chi-square numbers (Marsaglia and Tsang).

    With :math:`d = k/2 - 1/3` and a standard normal x, :math:`2 d (1 + s)^3` at :math:`s = x / \sqrt{9 d}` has the
    density of :math:`\chi^2_k` once it is accepted with probability

    .. math:: \exp\bigl(3 d\, (\log(1 + s) - s + s^2/2 - s^3/3)\bigr)

    and where :math:`1 + s > 0`: the ratio of the two densities, which is at most 1. For k = 1 the number is
    :math:`x^2`. Rejected numbers are drawn again, of each column one at a time.

    Guarantees:
        Exponent and number are computed without cancellation, for degrees up to :math:`2^{31} - 1` in either precision.

    Args:
        key: A key of Threefry that is used nowhere else.
        degrees: Non-negative integers, shape (m,); :math:`\chi^2_0` is 0.
        count: Columns.
        dtype: float64 or float32.

    Returns:
        Shape (m, count).

    References:
        Marsaglia, Tsang: A simple method for generating gamma variables (2000).
    """
    rows = lax.iota(jnp.int32, len(degrees))[:, None]

    def attempt(number: jax.Array | int, degrees: jax.Array) -> jax.Array:
        """Chi-squares, or -1 where rejected."""
        start = 3 * jnp.uint32(number)
        x = _normals(key, start, degrees.shape, dtype)
        words = _words(key, start + 2, degrees.size, 2 if jnp.dtype(dtype) == jnp.float64 else 1)
        return _apart(key, lambda: _marsaglia_tsang(degrees, x, words))

    first = jnp.full((len(degrees), count), -1, dtype)
    if len(degrees) > 1:
        first = attempt(0, jnp.broadcast_to(degrees[:, None], first.shape))

    def redraw(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        number, values = state
        row = jnp.argmin(values, axis=0).astype(jnp.int32)
        again = attempt(number, degrees[row])
        return number + 1, jnp.where((rows == row) & (values < 0), again, values)

    values: jax.Array = lax.while_loop(lambda state: jnp.any(state[1] < 0), redraw, (jnp.uint32(1), first))[1]
    return values


def _marsaglia_tsang(degrees: jax.Array, x: jax.Array, words: tuple[jax.Array, ...]) -> jax.Array:
    """One attempt at ``chi_squares`` of each of some degrees, from a normal number and words: -1 where rejected."""
    d = jnp.maximum(degrees, 2).astype(x.dtype) / 2 - 1 / 3
    s = x / jnp.sqrt(9 * d)
    uniform = _uniform(words[0], words[-1], x.dtype).reshape(x.shape)
    is_inside = s > -1
    is_accepted = is_inside & (uniform <= jnp.exp(3 * d * _cubic_excess(jnp.where(is_inside, s, 0))))
    cubes = jnp.where(jnp.abs(s) < _SMALL, 2 * d + 2 * d * (s * (3 + s * (3 + s))), 2 * d * (1 + s) ** 3)
    values = jnp.where(is_accepted, cubes, -1)
    chi_squares: jax.Array = jnp.where(degrees >= 2, values, jnp.where(degrees == 1, x**2, 0))
    return chi_squares


def _cubic_excess(s: jax.Array) -> jax.Array:
    """log(1 + s) - s + s^2 / 2 - s^3 / 3 without cancellation."""
    series = s**4 * _polynomial(-s, [-1 / power for power in range(_TERMS, 3, -1)])
    return jnp.where(jnp.abs(s) < _SMALL, series, jnp.log1p(s) - s * (1 - s * (1 / 2 - s / 3)))


def _uniform(high: jax.Array, low: jax.Array | None, dtype: Any) -> jax.Array:
    """Numbers uniform on (0, 1], of 53 bits, or 31 in float32."""
    if jnp.dtype(dtype) == jnp.float64 and low is not None:
        return _signed(high, dtype) * 2**-32 + (_signed(low >> 11, dtype) * 2**-53 + (0.5 + 2**-53))
    return _signed(high >> 1, dtype) * 2**-31 + 2**-31


def _sine_and_cosine(words: jax.Array, dtype: Any) -> tuple[jax.Array, jax.Array]:
    """Of an angle from -pi/4 to pi/4 that is linear in 30 bits, the upper ones of a word (coefficients of Cephes)."""
    x = (_signed(words, dtype) + 2) * (math.pi / 2**33)
    square = x * x
    sine = x + x * square * _polynomial(square, _SINE)
    return sine, 1 - square / 2 + square * square * _polynomial(square, _COSINE)


def _polynomial(x: jax.Array, coefficients: Sequence[float]) -> jax.Array:
    """A polynomial by Horner's rule, the highest power first."""
    value = jnp.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value


def _signed(words: jax.Array, dtype: Any) -> jax.Array:
    """Words as integers of 32 bits with a sign: only these are converted fast."""
    return lax.bitcast_convert_type(words, jnp.int32).astype(dtype)


def _words(key: jax.Array, start: jax.Array | int, count: int, streams: int) -> tuple[jax.Array, ...]:
    """Random words, several arrays of ``count``, of which each costs the same; every two take one upper counter."""
    if count > 2**32:
        raise ValueError(f"at most 2**32 random words must be asked for at once, got {count}")
    data = jax.random.key_data(key)

    def draw() -> tuple[jax.Array, ...]:
        counters = lax.iota(jnp.uint32, count)
        blocks = [threefry(data, jnp.full_like(counters, start + i), counters) for i in range(-(-streams // 2))]
        return tuple(word for block in blocks for word in block)[:streams]

    return _apart(key, draw)


def _apart(key: jax.Array, make: Callable[[], _Result]) -> _Result:
    """What ``make`` returns, kept in memory on a CPU: a branch is compiled apart from all else."""

    def in_branch() -> _Result:
        shapes = jax.eval_shape(make)
        none = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        always = lax.population_count(jax.random.key_data(key)[0]) <= 32  # which the compiler does not see
        result: _Result = lax.cond(always, make, lambda: none)
        return result

    result: _Result = lax.platform_dependent(cpu=in_branch, default=make)
    return result
