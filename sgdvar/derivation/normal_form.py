"""Normal forms: two expressions that are equal by the rules of algebra have a difference whose normal form is 0.

Matrices do not commute and have any size: a matrix expression becomes a sum of words in its symbols and their
transposes. Averages are linear: constants leave them, and a single varying symbol becomes its mean.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import sympy as sp

from sgdvar.derivation.averages import Average, MatrixAverage

__all__ = ["Rules", "normal_form"]


@dataclass(frozen=True)
class Rules:
    """What is known about the symbols of an identity, beside the rules of algebra.

    Attributes:
        means: The mean of a varying symbol over the index of its average.
        symmetric: Matrix symbols that are their own transposes.
        rewrite: A further simplification, for example ``sympy.gammasimp``.
    """

    means: Mapping[Any, Any] = field(default_factory=dict)
    symmetric: Collection[Any] = ()
    rewrite: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class _Atom:
    """A matrix symbol or its transpose; or an average, with what varies, of a word that varies at both ends."""

    matrix: Any
    is_transposed: bool = False
    inner: tuple[_Atom, ...] = ()

    def key(self) -> str:
        """What sorts it, and shows it in a message."""
        mark, inner = "^T" * self.is_transposed, ",".join(atom.key() for atom in self.inner)
        return f"{self.matrix}{mark}[{inner}]" if inner else f"{self.matrix}{mark}"

    @property
    def identity(self) -> str:
        """What tells it from every other, shapes of matrices included."""
        return f"{sp.srepr(self.matrix)}{self.is_transposed}{[atom.identity for atom in self.inner]}"


_Word: TypeAlias = tuple[_Atom, ...]
_Words: TypeAlias = dict[_Word, Any]


def normal_form(expression: Any, rules: Rules) -> Any:
    """The normal form of a number or a matrix: 0, or a dictionary without entries, where it is identically 0.

    Raises:
        TypeError: A matrix expression of a kind that has no normal form here.
    """
    if isinstance(expression, sp.MatrixBase):
        return {} if all(_scalar(entry, rules) == 0 for entry in expression) else expression
    if getattr(expression, "is_Matrix", False):
        words = _words(expression, rules)
        if expression.shape == (1, 1):  # which a transpose does not change
            words = _collected([(min(word, _transposed(word, rules), key=_identity), x) for word, x in words.items()])
        return words
    return _scalar(sp.sympify(expression), rules)


def _scalar(expression: Any, rules: Rules) -> Any:
    expression = expression.replace(_can_be_taken, lambda part: part.doit())
    expression = expression.replace(
        lambda part: isinstance(part, Average), lambda part: _averaged(part, rules)
    ).replace(lambda part: isinstance(part, sp.Trace), lambda part: _trace(part.args[0], rules))
    if rules.rewrite is not None:
        expression = rules.rewrite(expression)
    rest = sp.cancel(sp.together(sp.expand(expression)))
    numerator = sp.fraction(rest)[0]  # SymPy writes c c^k and c^(k + 1) as they come
    return sp.S.Zero if rest != 0 and sp.powsimp(sp.expand(numerator)) == 0 else rest


def _can_be_taken(part: Any) -> bool:
    """Whether a part is a derivative, a product, or a sum with limits that are numbers: SymPy is slow at other sums."""
    if isinstance(part, sp.Sum):
        return all(limit.is_Integer for _, *limits in part.limits for limit in limits)
    return isinstance(part, sp.Product | sp.Derivative)


def _averaged(part: Average, rules: Rules) -> Any:
    """The average of a number, term by term."""
    total = sp.S.Zero
    for term in sp.Add.make_args(sp.expand(part.body)):
        constant, varying = term.as_independent(*part.varying, as_Add=False)
        among = _among(part, varying)
        if varying == 1:
            total += constant
        elif varying in rules.means:
            total += constant * _constant_mean(part, varying, rules)
        elif isinstance(varying, sp.Trace):
            total += constant * sp.Trace(MatrixAverage(varying.arg, part.index, *part.varying))
        else:
            total += constant * Average(varying, part.index, *among)
    return total


def _among(part: Average | MatrixAverage, term: Any) -> list[Any]:
    """The varying symbols that a term has, in an order of their own."""
    return sorted((symbol for symbol in part.varying if term.has(symbol)), key=sp.default_sort_key)


def _constant_mean(part: Average | MatrixAverage, symbol: Any, rules: Rules) -> Any:
    """The mean of a varying symbol.

    Raises:
        ValueError: It varies itself.
    """
    mean = sp.sympify(rules.means[symbol])
    if mean.has(*part.varying):
        raise ValueError(f"means must be free of what varies, got {mean} for {symbol} in {part}")
    return mean


def _trace(matrix: Any, rules: Rules) -> Any:
    """The trace as a sum of traces of words, each rotated and transposed to the first in the alphabet."""
    total = sp.S.Zero
    for word, value in _words(matrix, rules).items():
        if not word:
            total += value * matrix.shape[0]
            continue
        flipped = _transposed(word, rules)
        turns = [w[k:] + w[:k] for w in (word, flipped) for k in range(len(w))]
        total += value * sp.Symbol(f"tr {_identity(min(turns, key=_identity))}")
    return total


def _words(expression: Any, rules: Rules) -> _Words:
    """A matrix expression as words with coefficients.

    Raises:
        TypeError: An expression of another kind.
    """
    if isinstance(expression, sp.MatrixSymbol):
        return {(_Atom(expression),): sp.S.One}
    if isinstance(expression, sp.Identity):
        return {(): sp.S.One}
    if isinstance(expression, sp.ZeroMatrix):
        return {}
    if isinstance(expression, sp.Transpose):
        inner = _words(expression.args[0], rules)
        return _collected([(_transposed(word, rules), value) for word, value in inner.items()])
    if isinstance(expression, sp.MatAdd):
        return _collected([item for term in expression.args for item in _words(term, rules).items()])
    if isinstance(expression, sp.MatMul):
        return _product(expression.args, rules)
    if isinstance(expression, sp.MatPow) and expression.exp.is_Integer and expression.exp > 0:
        return _product([expression.base] * int(expression.exp), rules)
    if isinstance(expression, MatrixAverage):
        return _averaged_words(expression, rules)
    raise TypeError(f"a matrix identity must be of sums, products, transposes and averages, got {expression!r}")


def _product(factors: Any, rules: Rules) -> _Words:
    result: _Words = {(): sp.S.One}
    for factor in factors:
        terms = _words(factor, rules) if getattr(factor, "is_Matrix", False) else {(): _scalar(factor, rules)}
        result = _collected([(u + v, x * y) for u, x in result.items() for v, y in terms.items()])
    return result


def _collected(items: list[tuple[_Word, Any]]) -> _Words:
    result: _Words = {}
    for word, value in items:
        result[word] = result.get(word, sp.S.Zero) + value
    return {word: simplified for word, value in result.items() if (simplified := sp.cancel(sp.together(value))) != 0}


def _identity(word: _Word) -> list[str]:
    return [atom.identity for atom in word]


def _transposed(word: _Word, rules: Rules) -> _Word:
    return tuple(_transposed_atom(atom, rules) for atom in reversed(word))


def _transposed_atom(atom: _Atom, rules: Rules) -> _Atom:
    if atom.inner:
        return _Atom(atom.matrix, False, _transposed(atom.inner, rules))
    return _Atom(atom.matrix, not atom.is_transposed and atom.matrix not in rules.symmetric)


def _averaged_words(expression: MatrixAverage, rules: Rules) -> _Words:
    """The average of each word: constants leave it on both sides, a single varying symbol becomes its mean.

    Raises:
        TypeError: A coefficient that varies in a word that varies.
    """
    items: list[tuple[_Word, Any]] = []
    for word, value in _words(expression.body, rules).items():
        places = [k for k, atom in enumerate(word) if _varies(atom, expression.varying)]
        if not places:
            items.append((word, _averaged(Average(value, *expression.args[1:]), rules)))
            continue
        if value.has(*expression.varying):
            raise TypeError(f"an average must be of matrices with constant coefficients, got {value} in {expression}")
        before, inner, after = word[: places[0]], word[places[0] : places[-1] + 1], word[places[-1] + 1 :]
        if len(inner) == 1 and inner[0].matrix in rules.means:
            mean = _constant_mean(expression, inner[0].matrix, rules)
            terms = _words(sp.Transpose(mean).doit() if inner[0].is_transposed else mean, rules)
            items += [(before + middle + after, value * factor) for middle, factor in terms.items()]
        else:
            among = [symbol for symbol in expression.varying if any(_varies(atom, (symbol,)) for atom in inner)]
            index = sp.Tuple(expression.index, *sorted(among, key=sp.default_sort_key))
            items.append(((*before, _Atom(index, False, inner), *after), value))
    return _collected(items)


def _varies(atom: _Atom, varying: tuple[Any, ...]) -> bool:
    return any(_varies(part, varying) for part in atom.inner) if atom.inner else atom.matrix in varying
