"""Derivations as data: each check holds for true lines, and refuses false ones with a witness."""

from __future__ import annotations

import pytest
import sympy as sp

from sgdvar.derivation import (
    Cited,
    Derivation,
    Enumeration,
    FalseLineError,
    FalseStepError,
    Grade,
    Identity,
    Induction,
    Line,
    Notation,
    Signs,
    Step,
    SumOfSquares,
    average,
    evaluated,
    load_derivation,
    mutants,
    uniform,
)
from sgdvar.derivation.printing import latex_of

n, b, c, s, t, m, q, x, y = sp.symbols("n b c s t m q x y")
k, j = sp.symbols("k j", integer=True)
a = sp.IndexedBase("a")
v, w = sp.symbols("v w", nonnegative=True)
E, F = sp.symbols("E F")
d = sp.Symbol("d", integer=True, positive=True)
A, B, M, G = (sp.MatrixSymbol(name, d, d) for name in "ABMG")
u, r = sp.MatrixSymbol("u", d, 1), sp.MatrixSymbol("r", d, 1)
I = sp.Identity(d)
f = sp.Function("f")


TRUE = {
    "rational functions": (1 / b - 1 / (b + 1), 1 / (b * (b + 1)), Identity()),
    "a derivative": (sp.Derivative((n * s - b) ** 2 / 2, s), n * (n * s - b), Identity()),
    "a sum that is written out": (sp.Sum(j**2, (j, 1, 4)), 30, Identity()),
    "binomials": (
        (k + 1) * sp.binomial(n, k + 1),
        (n - k) * sp.binomial(n, k),
        Identity(rewrite=lambda expression: sp.gammasimp(expression.rewrite(sp.gamma))),
    ),
    "what is given": (n * q, n * (t + m**2), Identity(given={q: t + m**2})),
    "matrices": ((A + B) * M * (A + B).T, A * M * A.T + A * M * B.T + B * M * A.T + B * M * B.T, Identity()),
    "a power of a matrix": ((I + A) ** 2, I + 2 * A + A * A, Identity()),
    "a symmetric matrix": ((A * M).T, M * A.T, Identity(symmetric=[M])),
    "traces turn": (sp.Trace(A * B * M), sp.Trace(M * A * B), Identity()),
    "traces transpose": (sp.Trace(A * B), sp.Trace(B.T * A.T), Identity()),
    "variance": (average((s - m) ** 2, E, s), average(s**2, E, s) - m**2, Identity(means={s: m})),
    "an average of constants": (average(s - s + n, E, s), n, Identity()),
    "variance of matrices": (
        average((G - M) * A * (G - M).T, E, G),
        average(G * A * G.T, E, G) - M * A * M.T,
        Identity(means={G: M}),
    ),
    "constants leave an average": (average(A * G * B * G * M, E, G), A * average(G * B * G, E, G) * M, Identity()),
    "explicit matrices": (sp.Matrix([[1, n], [0, 1]]) ** 2, sp.Matrix([[1, 2 * n], [0, 1]]), Identity()),
    "the trace of the identity": (sp.Trace(I), d, Identity()),
    "traces as coefficients": (sp.Trace(A * B) * M, sp.Trace(B * A) * M, Identity()),
    "a number that is a product of vectors": (u.T * r, r.T * u, Identity()),
    "the mean of a trace": (average(sp.Trace(G * B), E, G), sp.Trace(M * B), Identity(means={G: M})),
    "the trace of a mean": (average(sp.Trace(G * G.T), E, G), sp.Trace(average(G * G.T, E, G)), Identity()),
    "the derivative of an average": (
        sp.Derivative(average((s - m) ** 2, E, s), m),
        2 * m - 2 * average(s, E, s),
        Identity(),
    ),
    "the derivative of what is given": (sp.Derivative(y, x), 2 * x, Identity(given={y: x**2})),
    "a family that is defined for every index": (sp.Sum(a[k], (k, 1, 3)), 14, Identity(given={a[k]: k**2})),
    "varying symbols in another order": (average(s * t, E, s, t), average(s * t, E, t, s), Identity()),
    "a matrix that is zero": (A * B - A * B, 0, Identity()),
    "a geometric sum": (
        sp.Sum(c**j * q ** (k - 1 - j), (j, 0, k - 1)),
        (c**k - q**k) / (c - q),
        Induction(k, base=1, rewrite=sp.expand),
    ),
    "a sum": (sp.Sum(j, (j, 1, k)), k * (k + 1) / 2, Induction(k, base=1)),
    "a recursion": (t, 2**k - 1, Induction(k, base=0, first=sp.S.Zero, step=lambda x, _: 2 * x + 1, rewrite=sp.expand)),
    "cases": (t, n**2, Enumeration("n below 5", lambda: ({n: sp.Integer(i), t: sp.Integer(i * i)} for i in range(5)))),
    "cited": (t, n, Cited("folklore")),
}
FALSE = {
    "rational functions": (1 / b - 1 / (b + 1), 1 / (b * (b - 1)), Identity()),
    "a derivative": (sp.Derivative((n * s - b) ** 2, s), n * (n * s - b), Identity()),
    "matrices commute": (A * B, B * A, Identity()),
    "a transpose too few": ((A * B).T, A.T * B.T, Identity()),
    "a matrix that is not symmetric": ((A * M).T, M * A.T, Identity()),
    "traces of another order": (sp.Trace(A * B * M), sp.Trace(B * A * M), Identity()),
    "traces of one matrix and its square": (sp.Trace(A * A), sp.Trace(A) ** 2, Identity()),
    "a mean that is not known": (average((s - m) ** 2, E, s), average(s**2, E, s) - m**2, Identity()),
    "the mean of a square": (average(s**2, E, s), m**2, Identity(means={s: m})),
    "the mean of a product": (average(s * t, E, s, t), m * q, Identity(means={s: m, t: q})),
    "the mean of a product of matrices": (average(G * A * G, E, G), M * A * M, Identity(means={G: M})),
    "explicit matrices": (sp.Matrix([[1, n], [0, 1]]) ** 2, sp.Matrix([[1, n], [0, 1]]), Identity()),
    "the base of a sum": (sp.Sum(j, (j, 1, k)), k * (k + 1) / 2 + 1, Induction(k, base=1)),
    "the step of a sum": (sp.Sum(j, (j, 1, k)), k**2, Induction(k, base=1)),
    "a sum whose terms change with its limit": (sp.Sum(j * k, (j, 1, k)), k * (k + 1) / 2, Induction(k, base=1)),
    "twice a recursion": (2 * t, 2**k - 1, Induction(k, base=0, first=sp.S.Zero, step=lambda x, _: 2 * x + 1)),
    "the mean of a product of traces": (average(sp.Trace(G) ** 2, E, G), average(sp.Trace(G), E, G) ** 2, Identity()),
    "traces of matrices of two sizes": (
        sp.Trace(sp.MatrixSymbol("A", 2, 2)),
        sp.Trace(sp.MatrixSymbol("A", 3, 3)),
        Identity(),
    ),
    "a symbol that varies in one average alone": (
        average(G * M * G.T, E, G),
        average(G * M * G.T, E, G, M),
        Identity(),
    ),
    "a family that is defined for every index": (
        sp.Sum(a[k], (k, 1, 3)),
        3 * k**2,
        Identity(given={a[k]: k**2}),
    ),
    "the derivative of what is given": (sp.Derivative(y, x), 0, Identity(given={y: x**2})),
    "a sum from its variable on": (sp.Sum(j, (j, k, k)), k * (k + 1) / 2, Induction(k, base=1)),
    "a sum that begins after its base": (sp.Sum(j, (j, 5, k)), k * (k + 1) / 2 - 10, Induction(k, base=0)),
    "a recursion of ones own for a sum": (
        sp.Sum(j, (j, 1, k)),
        0,
        Induction(k, base=1, first=sp.S.Zero, step=lambda value, _: value),
    ),
    "a recursion about something else": (f(n), k**2, Induction(k, first=sp.S.Zero, step=lambda x, i: x + 2 * i + 1)),
    "one of many cases": (
        t,
        n**2,
        Enumeration("n below 5", lambda: ({n: sp.Integer(i), t: sp.Integer(i**3)} for i in range(5))),
    ),
    "a case without a value": (t, n**2, Enumeration("n below 5", lambda: ({n: sp.Integer(i)} for i in range(5)))),
}


@pytest.mark.parametrize("name", TRUE)
def test_a_true_line_holds_and_says_what_was_checked(name):
    left, right, check = TRUE[name]
    assert all(Line(left, "=", right, check).check())


@pytest.mark.parametrize("name", FALSE)
def test_a_false_line_is_refused_with_a_witness(name):
    left, right, check = FALSE[name]
    with pytest.raises(FalseLineError, match=r"is (false|not shown): ") as error:
        Line(left, "=", right, check).check()
    assert error.value.witness


def test_the_witness_of_an_identity_is_a_point_where_the_sides_differ():
    with pytest.raises(FalseLineError) as error:
        Line(n * (n - 1), "=", n**2, Identity()).check()
    assert error.value.witness == "at n = 2 left is 2, right is 4"


@pytest.mark.parametrize(
    ("left", "relation", "right", "check"),
    [
        (1 / b, ">", 1 / (b + 1), Signs({b: 1 + v})),
        (v**2 + 1, ">=", v, SumOfSquares([(1, v - sp.Rational(1, 2)), (sp.Rational(3, 4), sp.S.One)])),
        (v, "<=", v + w, Signs()),
        (sp.Symbol("x", positive=True), ">", 0, Signs()),
        (s**2 + t**2, ">=", 2 * s * t, SumOfSquares([(1, s - t)])),
        (v * s**2, ">=", 0, SumOfSquares([(v, s)], nonnegative=[v])),
        (average(v * (s - m) + w + m, E, s, v, w), ">=", average(v * (s - m), E, s, v, w) + m, Signs()),
        (t, "<", n, Enumeration("one case", lambda: [{t: sp.Integer(1), n: sp.Rational(3, 2)}])),
    ],
)
def test_a_true_inequality_holds_and_its_reverse_does_not(left, relation, right, check):
    assert Line(left, relation, right, check).check()
    opposite = {"<=": ">=", "<": ">", ">=": "<=", ">": "<"}[relation]
    with pytest.raises(FalseLineError):
        Line(left, opposite, right, check).check()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (lambda: Line(v, ">", 0, Signs()), "may be 0"),
        (lambda: Line(1 / v, ">", 0, Signs()), "denominator of the difference may be 0"),
        (lambda: Line(sp.sqrt(v), ">=", 0, Signs()), "no quotient of polynomials"),
        (lambda: Line(-1, ">=", 0, SumOfSquares([(1, sp.I)])), "must be real, got I"),
        (lambda: Line(s, ">=", 0, SumOfSquares([(1, sp.sqrt(s))])), "must be real"),
        (lambda: Line(v - w, ">=", 0, Signs()), "both signs"),
        (lambda: Line(s**2, ">=", 0, SumOfSquares([(v - 1, s)], nonnegative=[v])), "may be negative"),
        (lambda: Line(s**2 + t**2, ">=", 2 * s * t, SumOfSquares([(1, s + t)])), "not the sum of squares"),
    ],
)
def test_an_inequality_without_proof_is_refused(line, message):
    with pytest.raises(FalseLineError, match=message):
        line().check()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Line(s, ">=", 0, Signs()).check(), "symbols must be declared non-negative, got s"),
        (lambda: Line(s, "=", 0, Signs()).check(), "must be of an inequality"),
        (lambda: Line(s, "<=", 0, Identity()).check(), "must be an equation"),
        (lambda: Line(s, "~", 0, Identity()), "relation must be one of"),
        (lambda: Line(t, "=", k, Induction(k)).check(), "first and step must say"),
        (lambda: Line(t, "=", n, Enumeration("none", list)).check(), "at least one case"),
        (lambda: Line(t, "=", n, Enumeration("floats", lambda: [{t: sp.Float(1), n: 1}])).check(), "got a float"),
        (lambda: Line(t, "=", n, Enumeration("truth", lambda: [{t: True, n: 1}])).check(), "got a float"),
        (lambda: Line(t, "=", 0, Enumeration("product", lambda: [{t: [0.1], n: 1}])).check(), "got a float"),
        (lambda: Line(average(s, E, s, t), "=", t, Identity(means={s: t})).check(), "must be free of what varies"),
        (lambda: Line(average(s, E, s), "=", n, Identity(given={s: n})).check(), "s must vary in"),
        (lambda: evaluated(average(s, E, s), {E: [(1, {s: 1}), (1, {s: 2})]}), "probabilities that sum to 1"),
        (lambda: evaluated(average(s + t, E, s, t), {E: uniform([{s: 1}])}), "must give a value to t"),
        (lambda: evaluated(a[0], {a: [1, 2]}), "must lie in 1, ..., 2, got 0"),
        (lambda: evaluated(a[n / 2], {a: [1, 2], n: 3}), "must be integers"),
        (
            lambda: Step("two", "why", [Line(average(s * t, E, s, t), "=", average(s * t, E, s), Identity())]),
            "t must vary in every average over E",
        ),
        (lambda: average(s, E), "varying must name at least one symbol"),
        (lambda: average(s, E, s + 1), "varying must be symbols"),
        (lambda: Step("Bad Name", "why", [Line(s, "=", s, Identity())]), "name must be words"),
        (lambda: Step("name", " ", [Line(s, "=", s, Identity())]), "reason must say why"),
        (lambda: Step("name", "why", []), "at least one line"),
        (lambda: Notation(s, "", "a number"), "latex must say"),
    ],
)
def test_what_cannot_be_checked_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Line(0.5 * n, "=", n / 2, Identity()), "left must be exact, got a float in 0.5"),
        (lambda: Line("n", "=", n, Identity()), "left must be a SymPy expression, got 'n'"),
        (lambda: Line(n, "=", n, "by hand"), "by must be a check"),
    ],
)
def test_other_types_are_refused(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_what_is_only_not_shown_is_not_called_false():
    for true in (
        Line(s**2 + t**2, ">=", 2 * s * t, SumOfSquares([(1, s + t)])),
        Line(v**2 + w**2, ">=", v * w, Signs()),
        Line(sp.Sum(j, (j, 1, k)), "=", k * (k + 1) / 2, Identity()),
    ):
        with pytest.raises(FalseLineError, match="is not shown") as error:
            true.check()
        assert not error.value.is_refuted
    with pytest.raises(FalseLineError, match="is false: at n = 2 ") as error:
        Line(n, "=", 2 * n, Identity()).check()
    assert error.value.is_refuted


def test_a_line_that_puts_itself_in_is_refused_unless_cases_carry_it():
    cases = Enumeration("n = 2", lambda: [{n: sp.Integer(2), t: sp.Integer(4)}])
    circle = Identity(given={t: 2 * n})
    with pytest.raises(FalseLineError, match="puts in the line itself"):
        Line(t, "=", 2 * n, circle).check()
    carried = Line(t, "=", 2 * n, circle, also=(cases,))
    assert carried.check()
    assert carried.grade is Grade.ENUMERATION


def test_definitions_are_put_into_what_a_check_puts_in():
    line = Line(t, "=", n**3 - 2 * n**2 + n, Identity(given={t: n * f(n)}))
    assert Step("chain", "why", [line], definitions=[(f(n), (n - 1) ** 2)]).check()


# Values of expressions


def test_averages_sums_and_functions_take_the_values_of_a_case():
    base = sp.IndexedBase("x")
    expression = average(s**2, E, s) + sp.Sum(base[j], (j, 1, n)) + f(n)
    case = {E: uniform([{s: 1}, {s: 3}]), base: [10, 20], n: sp.Integer(2), f: lambda x: x + 100}
    assert evaluated(expression, case) == 5 + 30 + 102


def test_matrices_take_explicit_values():
    explicit = {A: sp.ImmutableMatrix([[1, 2], [3, 4]]), d: 2}
    assert evaluated(sp.Trace((I + A) * A.T), explicit) == (sp.eye(2) + explicit[A]).multiply(explicit[A].T).trace()


def test_words_agree_with_explicit_matrices():
    """An identity of matrices of every size against 2 x 2 matrices of symbols."""
    explicit = {X: sp.ImmutableMatrix(2, 2, sp.symbols(f"{X.name}1:5")) for X in (A, B, M)} | {d: 2}
    sides = [(A + B) * M * (A + B).T, A * M * A.T + A * M * B.T + B * M * A.T + B * M * B.T]
    left, right = (evaluated(side, explicit) for side in sides)
    assert (left - right).expand().is_zero_matrix


@pytest.mark.parametrize(
    ("expression", "latex"),
    [
        (n - b, "n - b"),
        (-n - b, "-b - n"),
        (average(s, F, s) ** 2, r"\left(\frac1n \sum_i s\right)^{2}"),
        (average(s**2, F, s), r"\frac1n \sum_i s^{2}"),
        (average(G * A, F, G).T, r"\left(\frac1n \sum_i G A\right)^\top"),
        (average(s + m, E, s), r"E\left[m + s\right]"),
        (sp.Transpose(sp.MatrixSymbol("W", d, d)), r"\left(W^*\right)^\top"),
        (I - n * A, "I - n A"),
        (f(n + 1), "f(n + 1)"),
    ],
)
def test_latex_shows_what_is_checked(expression, latex):
    names = {F: r"\frac1n \sum_i", sp.MatrixSymbol("W", d, d): "W^*"}
    assert latex_of(expression, names) == latex


# Steps and derivations


def square(exponent: int = 2) -> Step:
    line = Line(f(n), "=", n**exponent - 2 * n + 1, Identity())
    return Step("square", "Multiply out.", [line], definitions=[(f(n), (n - 1) ** 2)])


SYMBOLS = [Notation(n, "n", "a number"), Notation(f, "f", "a function")]


def derivation(*steps: Step) -> Derivation:
    return Derivation("squares", "Squares", ["$n$ is a number."], SYMBOLS, steps or [square()])


def test_a_definition_is_put_in_for_every_argument():
    line = Line(f(n + 1), "=", n**2, Identity())
    assert Step("shifted", "Put $n + 1$ in.", [line], definitions=[(f(n), (n - 1) ** 2)]).check()


def test_a_false_step_is_named_with_the_derivation_the_line_and_a_witness():
    with pytest.raises(FalseStepError) as error:
        derivation(square(3)).check()
    assert str(error.value) == (
        "squares, step square, line 1: f(n) = n**3 - 2*n + 1 is false: at n = 2 left is 1, right is 5"
    )


def test_an_error_inside_a_check_names_the_step():
    def broken():
        raise ZeroDivisionError
        yield {}

    step = Step("broken", "why", [Line(n, "=", n, Enumeration("nothing", broken))])
    with pytest.raises(ZeroDivisionError) as error:
        derivation(step).check()
    assert error.value.__notes__ == ["while line 1 of the step broken was checked: n = n"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: derivation(square(), square()), "square twice"),
        (lambda: Derivation("squares", "Squares", ["n"], SYMBOLS[:1], [square()]), "give a meaning to f "),
        (lambda: Derivation("squares", "Squares", [], SYMBOLS, [square()]), "must not be empty"),
        (lambda: derivation(Step("put-in", "why", [Line(n, "=", t, Identity(given={t: n}))])), "give a meaning to t "),
        (
            lambda: Derivation("squares", "Squares", ["n"], [*SYMBOLS, Notation(t, "n", "a time")], [square()]),
            "must look different, got n twice",
        ),
        (lambda: Notation(t, "|t|", "a size"), r"must have no \|"),
        (lambda: Derivation("Squares", "Squares", ["n"], SYMBOLS, [square()]), "name must be words"),
    ],
)
def test_a_derivation_that_a_reader_could_not_follow_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_formula_on_a_page_is_made_from_what_is_checked():
    text = derivation().check().to_markdown()
    assert "f(n) &:= \\left(n - 1\\right)^{2}" in text
    assert "f(n) &= n^{2} - 2 n + 1" in text
    assert "Checked for all values of the symbols: identity of polynomials in $n$." in text
    assert derivation()._repr_markdown_() == text


def test_a_step_has_the_grade_of_its_weakest_line_and_a_line_that_of_its_strongest_check():
    cases = Enumeration("one case", lambda: [{n: sp.Integer(1)}])
    weak = Step("weak", "why", [Line(n, "=", n, Identity(), also=(cases,)), Line(n, "=", n, cases)])
    assert [line.grade for line in weak.lines] == [Grade.IDENTITY, Grade.ENUMERATION]
    assert weak.grade is Grade.ENUMERATION
    assert derivation(weak).check().grades == {Grade.ENUMERATION: 1}


def test_a_latex_document_and_plain_data_hold_every_step():
    checked = derivation().check()
    assert checked.to_latex().count(r"\begin{equation}") == 1
    assert checked.to_latex().rstrip().endswith(r"\end{document}")
    assert [step["grade"] for step in checked.to_dict()["steps"]] == ["identity in symbols"]


# Small errors


def test_every_small_error_in_an_identity_is_caught():
    found = list(mutants([square()]))
    assert len(found) > 10
    assert [mutant.error for mutant in found if not mutant.is_caught()] == []


def test_an_error_that_the_cases_do_not_see_survives():
    cases = Enumeration("n = 1 alone", lambda: [{n: sp.Integer(1), t: sp.Integer(1)}])
    step = Step("weak", "why", [Line(t, "=", n**2, cases)])
    survivors = [mutant.error for mutant in mutants([step]) if not mutant.is_caught()]
    assert survivors == ["weak, line 1, right: the exponent of n**2"]


def test_errors_in_a_shared_definition_are_put_into_all_steps_at_once():
    blind = Step("blind", "why", [Line(f(n) - f(n), "=", 0, Identity())], definitions=square().definitions)
    found = [mutant for mutant in mutants([blind, square()]) if "definition" in mutant.error]
    assert all(len(mutant.steps) == 2 and mutant.is_caught() for mutant in found)
    alone = [mutant for mutant in mutants([blind]) if "definition" in mutant.error]
    assert alone
    assert not any(mutant.is_caught() for mutant in alone)


@pytest.mark.parametrize("relation", ["<=", "<"])
def test_an_inequality_is_reversed_and_nothing_else(relation):
    found = list(mutants([Step("less", "why", [Line(n, relation, n + 1, Signs({n: 1 + v}))])]))
    assert [mutant.error for mutant in found] == ["less, line 1: reversed"]
    assert found[0].is_caught()


def test_cited_lines_are_left_alone():
    assert list(mutants([Step("known", "why", [Line(n, "=", n + 1, Cited("a book"))])])) == []


# Files


def test_a_file_without_a_derivation_is_refused(tmp_path):
    path = tmp_path / "mine.py"
    with pytest.raises(FileNotFoundError, match="must exist"):
        load_derivation(path)
    for text, kind, message in (
        ("x = 1", ValueError, "must define DERIVATION"),
        ("DERIVATION = 1", TypeError, "must be a Derivation, got int"),
        ("1 / 0", ValueError, "must run, got ZeroDivisionError"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(kind, match=message):
            load_derivation(path)
