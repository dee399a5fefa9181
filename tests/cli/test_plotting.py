"""The figure shows what the arrays say."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from sgdvar.plotting import plot_variance

BATCH_SIZES = [1, 2, 4]
EXACT = np.array([[6.0, 2.0, 0.0], [9.0, 2.5, 0.0]])
ARGUMENTS = {
    "batch_sizes": BATCH_SIZES,
    "steps": [0, 3],
    "exact": EXACT,
    "estimates": 1.01 * EXACT,
    "standard_errors": 0.01 * EXACT,
    "curve_batch_sizes": [1, 2, 3, 4],
    "curves": [[6.0, 2.0, 0.7, 0.0], [9.0, 2.5, 0.8, 0.0]],
}


@pytest.fixture(autouse=True)
def _matplotlib():
    pytest.importorskip("matplotlib")


def test_both_axes_of_the_upper_panel_are_logarithmic_and_the_lower_panel_shows_percent():
    upper, lower = plot_variance(**ARGUMENTS).axes
    assert (upper.get_xscale(), upper.get_yscale()) == ("log", "log")
    assert "total variance given $w_0$" in upper.get_ylabel()
    points = [container.lines[0].get_ydata() for container in lower.containers]
    assert np.allclose(points, 1.0)  # one percent above


def test_every_step_has_its_curve_its_points_and_its_entry_in_the_legend():
    upper, _ = plot_variance(**ARGUMENTS).axes
    assert [text.get_text() for text in upper.get_legend().get_texts()] == ["step 0", "step 3"]
    curves = [line.get_ydata().tolist() for line in upper.lines if len(line.get_ydata()) == 3]
    assert curves == [[6.0, 2.0, 0.7], [9.0, 2.5, 0.8]]
    points = [container.lines[0].get_ydata() for container in upper.containers]
    assert np.allclose(points, 1.01 * EXACT[:, :2])


def test_an_error_bar_reaches_three_standard_errors():
    upper, _ = plot_variance(**ARGUMENTS).axes
    (bars,) = upper.containers[0].lines[2]
    assert np.allclose(bars.get_segments()[0][:, 1], [6.06 - 0.18, 6.06 + 0.18])


def test_a_value_of_zero_is_left_out_with_a_note():
    figure = plot_variance(**ARGUMENTS)
    assert figure.get_supxlabel().endswith("Not drawn: b = 4, where the variance is exactly 0.")
    assert "Not drawn" not in plot_variance(**ARGUMENTS | {"exact": EXACT + 1}).get_supxlabel()


def test_a_variance_that_is_zero_everywhere_still_gives_a_figure(tmp_path):
    zeros = dict.fromkeys(["exact", "estimates", "standard_errors"], np.zeros((2, 3)))
    plot_variance(**ARGUMENTS | zeros | {"curves": np.zeros((2, 4)), "path": tmp_path / "zero.png"})
    assert (tmp_path / "zero.png").stat().st_size > 0


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_the_suffix_decides_the_format(tmp_path, suffix):
    path = tmp_path / f"figure.{suffix}"
    plot_variance(**ARGUMENTS, title="A title", path=path)
    assert path.read_bytes().startswith({"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}[suffix])


def test_arrays_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"curves must have one row per step and one column per batch size, \(2, 4\)"):
        plot_variance(**ARGUMENTS | {"curves": EXACT})


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_the_same_numbers_give_the_same_file(tmp_path, suffix):
    paths = [tmp_path / f"{name}.{suffix}" for name in ("first", "second")]
    for path in paths:
        plot_variance(**ARGUMENTS, path=path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("figure.txt", r"must be a file ending in \.png, \.pdf, \.svg, got .*figure\.txt"),
        ("nowhere/figure.png", r"must lie in a folder that exists, got .*nowhere/figure\.png"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused(tmp_path, name, message):
    with pytest.raises(ValueError, match=message):
        plot_variance(**ARGUMENTS, path=tmp_path / name)


def test_drawing_changes_no_global_state_of_matplotlib():
    code = """
import sys
from sgdvar.plotting import plot_variance
assert "matplotlib" not in sys.modules
import matplotlib
settings = [name for name in matplotlib.rcParams if name != "backend"]  # which only pyplot sets
before = [matplotlib.rcParams[name] for name in settings]
plot_variance([1, 2], [0], [[2, 1]], [[2, 1]], [[0, 0]], curve_batch_sizes=[1, 2], curves=[[2, 1]])
assert [matplotlib.rcParams[name] for name in settings] == before
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "sgdvar\[plot\]"'):
        plot_variance(**ARGUMENTS)
