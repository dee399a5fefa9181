"""Data files become exact numbers, and a bad file is named with its line and column."""

from __future__ import annotations

import sys
from fractions import Fraction

import numpy as np
import pytest

import sgdvar as sv
from sgdvar.loading import load_csv, load_diabetes, load_npz, standardise

F = Fraction


@pytest.fixture
def write(tmp_path):
    def write_file(content: str | bytes, name: str = "data.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


def test_cells_are_the_fractions_that_their_text_says(write):
    data = load_csv(write("a,b,y\n0.1,-2,1e-3\n+.5,3.,1/3\n"), "y")
    assert data.X.tolist() == [[F(1, 10), F(-2)], [F(1, 2), F(3)]]
    assert data.y.tolist() == [F(1, 1000), F(1, 3)]
    assert data.kind == "rational"


@pytest.mark.parametrize("target", ["b", "1"])
def test_the_target_is_a_name_or_a_number(write, target):
    data = load_csv(write("a,b,c\n1,2,3\n4,5,6\n"), target)
    assert data.X.tolist() == [[1, 3], [4, 6]]
    assert data.y.tolist() == [2, 5]


def test_a_column_called_0_comes_before_the_column_number_0(write):
    assert load_csv(write("a,0\n1,2\n"), "0").y.tolist() == [2]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfa,y\n1.5,2\n",
        b"a,y\r\n1.5,2\r\n",
        b"\na,y\n\n1.5,2\n\n",
        b'"a","y"\n"1.5","2"\n',
        b"a;y\n1.5;2\n",
        b"a\ty\n1.5\t2\n",
        b' a , y \n 1.5 , "2"\n',
    ],
    ids=["byte order mark", "CRLF", "blank lines", "quotes", "semicolons", "tabs", "spaces"],
)
def test_common_dialects_read_the_same(write, content):
    data = load_csv(write(content), "y")
    assert (data.X.tolist(), data.y.tolist()) == ([[F(3, 2)]], [2])


def test_a_byte_order_mark_is_no_part_of_the_first_name(write):
    assert load_csv(write(b"\xef\xbb\xbfa,y\n1.5,2\n"), "a").y.tolist() == [F(3, 2)]


def test_a_quoted_name_may_hold_the_separator(write):
    assert load_csv(write('"age, in years",y\n1,2\n'), "age, in years").y.tolist() == [1]


def test_decimals_round_exactly_with_halves_to_even(write):
    data = load_csv(write("a,y\n0.125,0.135\n-0.125,2\n"), "y", decimals=2)
    assert data.X.tolist() == [[F(12, 100)], [F(-12, 100)]]
    assert data.y.tolist() == [F(14, 100), 2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"data\.csv must hold a header line and rows of numbers, got an empty file"),
        ("\n\n", "got an empty file"),
        ("a,y\n", r"must hold rows of numbers below its header line, got none"),
        ("a,b\n1,2\n", r"target must be one of the columns of .*data\.csv \(a, b\), or a number from 0 to 1, got 'y'"),
        ("a,y\n1,2\n3,red\n", r"data\.csv, line 3, column y must be a finite decimal or fraction, got 'red'"),
        ("a,y\n\n1,2\n,4\n", r"data\.csv, line 4, column a must be a number, got nothing"),
        ("a,y\nnan,2\n", r"line 2, column a must be a finite decimal or fraction, got 'nan'"),
        ("a,y\n-inf,2\n", r"line 2, column a must be a finite decimal or fraction, got '-inf'"),
        ("a,y\n1/0,2\n", r"line 2, column a must be a finite decimal or fraction, got '1/0'"),
        ("a,y\n1e99999999,2\n", r"line 2, column a must be a finite decimal or fraction, got '1e99999999'"),
        ("a;y\n1,5;2\n", r"line 2, column a must be a finite decimal or fraction, got '1,5'; write a decimal point"),
        ("a,y\n1,2\n3\n", r"data\.csv, line 3 must have 2 cells, as many as the header, got 1"),
        ("a,y\n1,2,3\n", r"line 2 must have 2 cells, as many as the header, got 3"),
        ("a,y,a\n1,2,3\n", r"line 1 must name every column differently, got a twice"),
        (",a,y\n0,1,2\n", r"line 1 must name every column, got no name for column 0"),
        ("1.5,y\n0,1\n", "target must be one"),
        ("1.5,2\n0,1\n", r"line 1 must name the columns, got only numbers: 1\.5, 2; add a header line"),
        ("y\n1\n", r"line 1 must name a target and at least one input, got the single column y"),
        ('a,y\n1,"2\n3,4\n', r"line \d must be CSV, got: unexpected end of data"),
        (b"a,y\n\xff,2\n", r"must be text in UTF-8, got invalid start byte at byte 4"),
    ],
)
def test_a_bad_csv_is_refused_with_its_place(write, content, message):
    target = "z" if "1.5,y" in str(content) else "y"
    with pytest.raises(ValueError, match=message):
        load_csv(write(content), target)


@pytest.mark.parametrize("load", [lambda path: load_csv(path, "y"), load_npz])
def test_a_missing_file_is_named(tmp_path, load):
    with pytest.raises(ValueError, match=r"nowhere must be a file, got none of that name"):
        load(tmp_path / "nowhere")


def test_a_folder_is_no_csv(tmp_path):
    with pytest.raises(ValueError, match="must be a file that can be read, got: Is a directory"):
        load_csv(tmp_path, "y")


def test_decimals_must_be_a_count(write):
    with pytest.raises(ValueError, match="decimals must be at least 0, got -1"):
        load_csv(write("a,y\n1,2\n"), "y", decimals=-1)


@pytest.fixture
def save(tmp_path):
    def save_arrays(**arrays):
        path = tmp_path / "data.npz"
        np.savez(path, **arrays)
        return path

    return save_arrays


def test_integer_arrays_are_exact_and_float_arrays_are_not(save):
    assert load_npz(save(X=[[1], [2]], y=[3, 4])).kind == "integer"
    assert load_npz(save(X=[[1.5], [2.0]], y=[3, 4])).kind == "float"


def test_decimals_make_float_arrays_exact(save):
    data = load_npz(save(X=[[0.1], [2.26]], y=[3, 4]), decimals=1)
    assert data.X.tolist() == [[F(1, 10)], [F(23, 10)]]
    assert data.y.tolist() == [3, 4]
    assert data.kind == "rational"


def test_arrays_of_an_archive_may_have_other_names(save):
    data = load_npz(save(inputs=[[1], [2]], labels=[3, 4]), "labels")
    assert (data.X.tolist(), data.y.tolist()) == ([[1], [2]], [3, 4])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": [[1]]}, r"target must be one of the arrays in .*data\.npz \(X\), got 'y'"),
        (
            {"a": [[1]], "b": [[1]], "y": [1]},
            r"must hold the inputs as an array X, or one array besides y, got a, b, y",
        ),
        ({"X": [[1], [2]], "y": [1]}, r"data\.npz: X and y must have the same number of examples, got 2 and 1"),
        ({"X": [[np.nan]], "y": [1]}, r"data\.npz: X must be finite, got nan at index \(0, 0\)"),
        ({"X": [["red"]], "y": [1]}, r"data\.npz: X must hold ints, Fractions, SymPy numbers or symbols, or floats"),
        ({"X": [1, 2], "y": [1, 2]}, r"data\.npz: X must have shape \(n, p\), got shape \(2,\)"),
    ],
)
def test_a_bad_archive_is_refused(save, arrays, message):
    with pytest.raises(ValueError, match=message):
        load_npz(save(**arrays))


def test_an_archive_of_python_objects_is_refused(save):
    with pytest.raises(ValueError, match="of numeric arrays that can be read, got: Object arrays cannot be loaded"):
        load_npz(save(X=np.array([[F(1)]]), y=[1]))


def test_files_that_are_no_archives_are_refused(write, tmp_path):
    np.save(tmp_path / "single.npy", np.ones(2))
    for path in (write("a,y\n1,2\n", "text.npz"), write("", "empty.npz"), tmp_path / "single.npy"):
        with pytest.raises(ValueError, match=r"must be an \.npz archive as numpy\.savez writes it"):
            load_npz(path)


def test_standardised_columns_have_mean_0_and_population_standard_deviation_1():
    data = standardise(sv.Dataset([[1, F(1, 3)], [3, F(2, 3)], [1, F(1, 3)], [3, F(2, 3)]], [1, 1, 1, 5]), decimals=4)
    assert data.X.tolist() == [[-1, -1], [1, 1], [-1, -1], [1, 1]]
    assert data.y.tolist() == [F(-5774, 10000), F(-5774, 10000), F(-5774, 10000), F(17321, 10000)]


def test_a_constant_column_cannot_be_standardised():
    with pytest.raises(ValueError, match=r"column 1 of X \(counted from 0\) must vary to be standardised, got 2 in"):
        standardise(sv.Dataset([[0, 2], [1, 2]], [0, 1]))
    with pytest.raises(ValueError, match="y must vary to be standardised, got 0 in every row"):
        standardise(sv.Dataset([[0], [1]], [0, 0]))


def test_the_diabetes_data_are_standardised_and_exact():
    pytest.importorskip("sklearn")
    data = load_diabetes()
    assert (data.size, data.inputs, data.kind) == (442, 10, "rational")
    table = np.column_stack([data.X, data.y])
    assert all((100 * value).denominator == 1 for value in table.ravel())
    for column in table.T:
        mean = sum(column) / 442
        assert abs(mean) <= F(1, 200)  # half a unit of the last decimal
        assert abs(sum((column - mean) ** 2) / 442 - 1) < F(1, 50)
    assert sorted(set(data.X[:, 1])) == [F(-94, 100), F(107, 100)]  # sex has two values
    assert data.y[0] == F(-1, 100)  # the first patient's 151, among a mean of 152.13 and a deviation of 77.00


def test_without_scikit_learn_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r'pip install "sgdvar\[examples\]"'):
        load_diabetes()
