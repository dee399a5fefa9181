"""Sums of families of numbers, written so that equal ones look equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

__all__ = ["collected_to"]


def collected_to(last: Any) -> Callable[[Any], Any]:
    """A rewriting, for ``Identity(rewrite=...)``, of sums whose terms each hold one member of a family of numbers.

    Each sum becomes a multiple of sums from 0 to ``last``, in which the index counts the members, less what is missing
    at the ends.

    Args:
        last: The last index of all sums.

    Examples:
        >>> import sympy as sp
        >>> from sgdvar.derivation import collected_to
        >>> t, k, c = sp.symbols("t k c")
        >>> a = sp.IndexedBase("a")
        >>> collected_to(t)(sp.Sum(c**k * a[k - 1], (k, 1, t + 1)))
        Sum(c**(k + 1)*a[k], (k, 0, t))
    """

    def shifted(total: Any) -> Any:
        ((index, low, high),) = total.limits
        result = sp.S.Zero
        for term in sp.Add.make_args(sp.expand(total.function)):
            (member,) = term.atoms(sp.Indexed)
            shift = index - member.indices[-1]
            if not shift.is_Integer:
                return total
            constant, body = sp.expand(term.xreplace({index: index + shift})).as_independent(index, as_Add=False)
            missing = [*range(int(low - shift)), *(last - late for late in range(int(last - high + shift)))]
            result += constant * sp.Sum(body, (index, 0, last))
            result -= constant * sum(body.xreplace({index: sp.sympify(place)}) for place in missing)
        return result

    return lambda expression: expression.replace(lambda part: isinstance(part, sp.Sum), shifted)
