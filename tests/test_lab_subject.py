"""The shipped default model on a lab subject's optical markers, where these lie beside the repository."""

import json
from collections import defaultdict

import numpy as np
import pytest

from trcaugment import Subject, augment, load_model, read_trc


@pytest.mark.slow
def test_the_default_model_has_its_stated_error_on_the_lab_subject(shared_data):
    """Mean over frames, then over markers, of the distance between predicted and optical marker."""
    folder = shared_data / "lab" / "subject4"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data/lab/subject4, which is no part of the repository")
    person = json.loads((folder / "subject.json").read_text(encoding="utf-8"))
    subject, model = Subject(person["height_m"], person["mass_kg"]), load_model(device="cpu")
    errors_mm = defaultdict(list)
    for trial in person["trials"]:
        found = augment(read_trc(folder / f"{trial}_keypoints.trc"), subject, model).markers
        optical = read_trc(folder / f"{trial}_optical.trc")
        for k, name in enumerate(optical.names):
            error_mm = 1000 * np.linalg.norm(
                found.positions[:, found.names.index(name)] - optical.positions[:, k], axis=1
            )
            errors_mm[name] += error_mm[~np.isnan(optical.positions[:, k]).any(axis=1)].tolist()
    mpme_mm = np.mean([np.mean(errors) for errors in errors_mm.values()])
    assert mpme_mm == pytest.approx(14.22, abs=0.01)  # docs/explanation/accuracy.md; lab_score.py prints the same
