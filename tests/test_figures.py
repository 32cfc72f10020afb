"""Figures are matplotlib's own, with titles and units, and show the numbers that they were given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from trcaugment.errors import TrcAugmentError
from trcaugment.evaluation.run import Evaluation
from trcaugment.evaluation.scores import Score
from trcaugment.figures.angles import draw_angles
from trcaugment.figures.attention import draw_attention
from trcaugment.figures.bland_altman import agreement, draw_bland_altman
from trcaugment.figures.curves import draw_curves
from trcaugment.figures.errors import draw_activities, draw_errors
from trcaugment.figures.figures import as_file
from trcaugment.figures.ik_errors import draw_ik_errors
from trcaugment.figures.outline import draw_outline
from trcaugment.marker_sets import ANATOMICAL_MARKERS, KEYPOINTS
from trcaugment.osim.compare import Motion, compare
from trcaugment.osim.ik import MarkerErrors


def title_of(figure: Figure) -> str:
    return figure.get_suptitle() or figure.axes[0].get_title()


def score(kind: str, group: str, value: float) -> Score:
    return Score("ours", kind, group, "mpme_mm", value, value - 1, value + 2, 10)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    markers = [score("marker", name, 5.0 + k) for k, name in enumerate(ANATOMICAL_MARKERS)]
    activities = [score("activity", "walk", 12.0), score("activity", "squat", 15.0)]
    return _evaluation([*markers, *activities])


def _evaluation(scores: list[Score]) -> Evaluation:
    known = {"models": ("ours",), "scores": scores}
    fields = {name: known.get(name) for name in Evaluation.__dataclass_fields__}
    return Evaluation(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("n_coordinates", [1, 6, 11])
def test_no_panel_of_a_comparison_is_empty(n_coordinates: int) -> None:
    time_s = np.arange(50) / 50
    values = {f"hip_{k}": 20 * np.sin(time_s * (k + 1)) for k in range(n_coordinates)}
    motion = Motion(time_s, values)
    figure = draw_angles(compare(motion, Motion(time_s, {name: each + 1 for name, each in values.items()})), ("a", "b"))
    assert len(figure.axes) == n_coordinates
    assert all(axes.has_data() and axes.axison for axes in figure.axes)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [f"hip_{k} (°)" for k in range(n_coordinates)]
    columns = [axes.get_subplotspec().get_gridspec().ncols for axes in figure.axes]
    assert max(columns) <= 5
    assert max(columns) - min(columns) <= 1


def test_limits_of_agreement_are_those_of_the_differences() -> None:
    random = np.random.default_rng(0)
    first = random.normal(60, 10, 5000)
    second = first + random.normal(2, 3, 5000)
    second[7] = np.nan
    found = agreement(first, second)
    assert found.bias == pytest.approx(2, abs=0.2)
    assert (found.high - found.bias, found.bias - found.low) == pytest.approx((1.96 * 3, 1.96 * 3), rel=0.05)
    figure = draw_bland_altman(first, second, title="peak knee flexion", unit="°", names=("optical", "video"))
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("mean of optical and video (°)", "video - optical (°)")
    assert [line.get_ydata()[0] for line in axes.lines] == pytest.approx(list(found))
    with pytest.raises(TrcAugmentError, match="expected two pairs of values or more, found 1"):
        agreement(first[7:9], second[7:9])


def test_circles_on_the_outline_are_as_large_as_the_errors() -> None:
    figure = draw_outline({"r_knee_study": 20.0, "L_knee_study": 10.0, "C7_study": np.nan}, "ours")
    front, right = figure.axes
    radii = [[patch.radius for patch in axes.patches if isinstance(patch, Circle)] for axes in (front, right)]
    assert radii == [[0.02, 0.01], [0.02]]  # from the right, the left knee is hidden
    assert title_of(figure) == "ours"
    assert "10 to 20 mm" in figure.get_supxlabel()


def test_bars_by_activity_are_the_scores(evaluation: Evaluation) -> None:
    figure = draw_activities(evaluation)
    (axes,) = figure.axes
    assert [bar.get_height() for bar in axes.patches] == [12.0, 15.0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["walk", "squat"]
    with pytest.raises(TrcAugmentError, match="expected trials with activities"):
        draw_activities(_evaluation([score("marker", "C7_study", 5.0)]))


def test_all_have_a_title_and_units_and_can_be_written(evaluation: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("epoch,train_loss,val_mpme_mm,val_rmse_mm\n0,1.0,20,15\n1,0.5,18,12\n")
    errors = MarkerErrors(("C7_study",), np.arange(5) / 60, np.full((5, 1), 0.01))
    figures = {
        "mm": [draw_errors(evaluation), draw_activities(evaluation), draw_ik_errors(errors, "walk")],
        "time (s)": [draw_attention(np.full((9, 15), 1 / 15), np.arange(9) / 60, KEYPOINTS.names)],
        "Epoch": [draw_curves(tmp_path / "metrics.csv")],
        "°": [draw_bland_altman(np.arange(4.0), np.ones(4), title="flexion", unit="°")],
    }
    for unit, own in figures.items():
        for figure in own:
            assert title_of(figure)
            labels = [word for axes in figure.axes for word in (axes.get_xlabel(), axes.get_ylabel())]
            assert any(unit in label for label in labels)
    assert as_file(figures["°"][0], "svg").startswith(b"<?xml")
