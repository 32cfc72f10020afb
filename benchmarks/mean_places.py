"""Whether a model's common biases are those of people in laboratories that were not looked at.

    python benchmarks/mean_places.py FOLDER LABORATORIES.csv [MODEL]

FOLDER holds pairs of TRC files with subjects.csv, as `trcaugment evaluate` reads them; LABORATORIES.csv has the columns
subject and laboratory. Every laboratory's people are corrected by the mean bias of the others, laboratories counting
alike, shrunk by how far these differ (a bias is 8 mm, give or take, before one has seen any). Printed, in mm: what is
constant for a person before and after, and the common bias that is left. A marker that gets worse has no common bias.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

from trcaugment.evaluation.budget import by_person, sum_segment_errors
from trcaugment.evaluation.run import as_piece, predict_trial
from trcaugment.evaluation.trials import read_paired_folder
from trcaugment.marker_sets import ANATOMICAL_MARKERS
from trcaugment.markers import FloatArray
from trcaugment.model.card import DEFAULT_MODEL
from trcaugment.model.folder import load_model

USUAL_BIAS_MM = 8.0


def left_out_bias(bias_mm: FloatArray, laboratories: FloatArray) -> FloatArray:
    """What the other laboratories say each person's bias is, (n_people, 3) from the same in mm and (n_people,)."""
    said = np.zeros_like(bias_mm)
    for laboratory in np.unique(laboratories):
        others = [bias_mm[laboratories == each].mean(axis=0) for each in np.unique(laboratories) if each != laboratory]
        if len(others) > 1:
            doubt = np.var(others, axis=0, ddof=1) / len(others)
            said[laboratories == laboratory] = np.mean(others, axis=0) * USUAL_BIAS_MM**2 / (USUAL_BIAS_MM**2 + doubt)
    return said


def main() -> None:
    """Print one row a marker."""
    folder, laboratories_file, *rest = sys.argv[1:]
    with Path(laboratories_file).open(encoding="utf-8") as file:
        laboratory = {row["subject"]: row["laboratory"] for row in csv.DictReader(file)}
    model = load_model(rest[0] if rest else DEFAULT_MODEL)
    trials = read_paired_folder(Path(folder), {}, ANATOMICAL_MARKERS).trials
    sums = [
        sum_segment_errors(predict_trial(t, model, ANATOMICAL_MARKERS), as_piece(t.markers, ANATOMICAL_MARKERS))
        for t in trials
    ]
    subjects = [trial.subject_name for trial in trials]
    constant, _ = by_person(sums, subjects)
    labs = np.array([laboratory[name] for name in np.unique(subjects)])
    print(f"{'marker':10s}{'people':>7s}{'labs':>6s}{'constant':>10s}{'left out':>10s}   common bias, and left out")
    for part in dict.fromkeys(mark.part for mark in ANATOMICAL_MARKERS.landmarks):
        columns = [k for k, mark in enumerate(ANATOMICAL_MARKERS.landmarks) if mark.part == part]
        seen = np.isfinite(constant[:, columns, 0]).any(axis=1)
        if len(np.unique(labs[seen])) > 2:
            bias = np.nanmean(constant[seen][:, columns], axis=1)
            left = bias - left_out_bias(bias, labs[seen])
            sizes = [np.linalg.norm(each, axis=1).mean() for each in (bias, left)]
            means = "   ".join("".join(f"{value:+5.0f}" for value in each.mean(axis=0)) for each in (bias, left))
            numbers = f"{seen.sum():7d}{len(np.unique(labs[seen])):6d}{sizes[0]:10.1f}{sizes[1]:10.1f}"
            print(f"{part:10s}{numbers}   {means}")


if __name__ == "__main__":
    main()
