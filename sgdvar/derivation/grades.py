"""How far a check reaches."""

from __future__ import annotations

from enum import Enum

__all__ = ["Grade"]


class Grade(Enum):
    """The kind of evidence that a check gives, from the strongest to the weakest.

    Attributes:
        words: What a page says.
        is_general: Whether it covers all values of the symbols that appear, not those of a list of cases.

    Examples:
        >>> from sgdvar.derivation import Grade
        >>> [grade.words for grade in Grade if grade.is_general]
        ['identity in symbols', 'induction in symbols', 'inequality in symbols']
    """

    IDENTITY = ("identity in symbols", True)
    INDUCTION = ("induction in symbols", True)
    INEQUALITY = ("inequality in symbols", True)
    ENUMERATION = ("exhaustive enumeration of cases", False)
    CITED = ("cited, not checked", False)

    def __init__(self, words: str, is_general: bool) -> None:
        self.words = words
        self.is_general = is_general

    @property
    def rank(self) -> int:
        """0 for the strongest."""
        return list(Grade).index(self)
