"""Make the uncertainty file of a model: how far its markers may be from the true ones.

    python benchmarks/make_uncertainty.py models/bilstm-attention-v3 [LAB]

Generated people (the package's own motions, bodies and detector errors) are predicted by the model. What their errors
have in common in all windows of a person is the constant part, the rest is the moving part. A small network learns the
size of the moving part from posture and shaking. LAB holds people with optical markers (../shared/data/lab beside the
repository); their constant parts are weighed with the generated ones. Writes uncertainty.safetensors and names it in
the card; ten minutes on one core.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from lab_people import LabPerson, lab_people
from torch import Tensor, nn

from trcaugment.body.detector import KeypointErrors
from trcaugment.body.kinematics import BodySizes
from trcaugment.body.population import Population
from trcaugment.body.windows import WindowGenerator, Windows, make_library
from trcaugment.chain.augmentation import predict_windows
from trcaugment.evaluation.budget import segment_axes
from trcaugment.formats.files import as_json, replace_file
from trcaugment.markers import FloatArray
from trcaugment.model.card import CARD_FILE
from trcaugment.model.folder import Model, load_model
from trcaugment.model.normalization import body_frame, make_features, mirror
from trcaugment.model.uncertainty import Uncertainty, posture_and_shaking, write_uncertainty

SEED, N_PEOPLE, N_WINDOWS = 15, 1600, 6
AT_ONCE = 100  # people
EVERY = 6  # neighbouring frames are nearly equal
N_HIDDEN, N_STEPS, BATCH, RATE, DECAY = 64, 1500, 100, 3e-3, 0.05
# A laboratory's people count as much as generated ones when there are five of them (see `constant_part`).
WORTH_PEOPLE = 5.0


class Sample(NamedTuple):
    """Windows of generated people.

    Attributes:
        features: (n_people, n_windows, 30, n_features).
        error_m: true minus predicted, along the axes of segments, (n_people, n_windows, 30, n_markers, 3).
        height_m: (n_people,).
    """

    features: FloatArray
    error_m: FloatArray
    height_m: FloatArray

    @property
    def constant_m(self) -> FloatArray:
        """Mean error of every person, (n_people, n_markers, 3)."""
        return np.asarray(self.error_m.mean(axis=(1, 2)))

    @property
    def moving_m(self) -> FloatArray:
        """The rest, as `error_m`."""
        return np.asarray(self.error_m - self.constant_m[:, None, None])


def draw(model: Model, n_people: int, seed: int) -> Sample:
    """People with several windows each, predicted by a model."""
    generator = torch.Generator().manual_seed(seed)
    drawn = WindowGenerator(make_library([], 240, seed), Population(), KeypointErrors())
    parts = []
    for _ in range(0, n_people, AT_ONCE):
        people = _repeated(drawn.draw_people(AT_ONCE, generator), N_WINDOWS)
        motions = drawn.library.choose(AT_ONCE * N_WINDOWS, generator)
        parts.append(_predicted(model, drawn.draw_windows(people, motions, generator)))
    return Sample(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _repeated(people: BodySizes, times: int) -> BodySizes:
    """Every person so often in a row."""
    fields = {field.name: getattr(people, field.name) for field in dataclasses.fields(people)}
    return BodySizes(**{name: value.repeat_interleave(times, dim=0) for name, value in fields.items()})


def _predicted(model: Model, windows: Windows) -> Sample:
    keypoints, height_m, mass_kg = (
        each.double().numpy() for each in (windows.keypoints, windows.height_m, windows.mass_kg)
    )
    features = make_features(keypoints, body_frame(keypoints, height_m), mass_kg)
    predicted = torch.from_numpy(predict_windows(keypoints, height_m, mass_kg, model))
    error = segment_errors(predicted, windows.markers.double())
    by_person = (len(error) // N_WINDOWS, N_WINDOWS)
    shaped = [each.reshape(*by_person, *each.shape[1:]).astype(np.float32) for each in (features, error)]
    return Sample(shaped[0], shaped[1], height_m[::N_WINDOWS])


def segment_errors(predicted: Tensor, true: Tensor) -> FloatArray:
    """True minus predicted positions along the axes of the predicted segments, (..., 35, 3), NaN where one is."""
    return torch.einsum("...ij,...j->...i", segment_axes(predicted), true - predicted).numpy()


def fit(model: Model, sample: Sample, constant_m: FloatArray) -> Uncertainty:
    """The network for the moving part, by the likelihood of normally distributed errors."""
    torch.manual_seed(SEED)
    marks, moving = model.card.markers, torch.from_numpy(sample.moving_m[:, :, ::EVERY]).float()
    flat = sample.features.reshape(-1, *sample.features.shape[2:]).astype(np.float64)
    sides = [
        posture_and_shaking(each, model.card.keypoints)[:, ::EVERY].reshape(*moving.shape[:3], -1)
        for each in (flat, mirror(flat, model.card.keypoints))
    ]
    mean, deviation = sides[0].mean(axis=(0, 1, 2)), sides[0].std(axis=(0, 1, 2)) + 1e-6
    inputs = [torch.from_numpy(np.clip((each - mean) / deviation, -5, 5)).float() for each in sides]
    usual = np.log(np.sqrt((sample.moving_m**2).mean(axis=(0, 1, 2))) / sample.height_m.mean())
    net = nn.Sequential(nn.Linear(len(mean), N_HIDDEN), nn.ReLU(), nn.Linear(N_HIDDEN, usual.size))
    nn.init.zeros_(net[2].weight)
    net[2].bias.data = torch.from_numpy(usual.flatten()).float()
    log_height = torch.from_numpy(np.log(sample.height_m)).float()
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(1 - step / N_STEPS, 0.003))
    generator = torch.Generator().manual_seed(SEED)
    for _ in range(N_STEPS):
        some = torch.randint(0, len(moving), (BATCH,), generator=generator)
        own, other = (net(each[some]).reshape(*moving[some].shape) for each in inputs)
        log_spread = (own + other[..., marks.mirror_order, :]) / 2 + log_height[some][:, None, None, None, None]
        loss = (log_spread + 0.5 * moving[some] ** 2 * torch.exp(-2 * log_spread)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    arrays = [each.detach().double().numpy() for each in net.parameters()]
    return Uncertainty(constant_m, mean, deviation, *arrays)


def constant_part(generated_m: FloatArray, lab: list[LabPerson], marks: list[bool] | None = None) -> FloatArray:
    """Standard deviation of the constant part in m, (n_markers, 3): both sides alike, lab people weighed in.

    The variance of n lab people counts n / (n + 5), that of generated people the rest.

    Args:
        generated_m: constant parts of generated people, (n_people, n_markers, 3).
        lab: people with optical markers; NaN for markers that they lack.
    """
    drawn = (generated_m**2).mean(axis=0)
    if not lab:
        return np.asarray(np.sqrt(drawn))
    seen_m = np.stack([person.constant_m for person in lab])
    n = np.isfinite(seen_m).sum(axis=0)
    own = np.nansum(seen_m**2, axis=0) / np.maximum(n, 1)
    return np.asarray(np.sqrt((WORTH_PEOPLE * drawn + n * own) / (WORTH_PEOPLE + n)))


def sides_alike(deviation_m: FloatArray, mirror_order: list[int]) -> FloatArray:
    """Root mean square of the right and the left marker, (n_markers, 3)."""
    return np.asarray(np.sqrt((deviation_m**2 + deviation_m[mirror_order] ** 2) / 2))


def main() -> None:
    """Write the file and the card."""
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    data = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parents[2] / "shared" / "data" / "lab"
    model = load_model(folder, device="cpu")
    sample = draw(model, N_PEOPLE, SEED)
    lab = lab_people(data, model)
    constant_m = sides_alike(constant_part(sample.constant_m, lab), model.card.markers.mirror_order)
    sha256 = write_uncertainty(folder, fit(model, sample, constant_m))
    card = msgspec.structs.replace(model.card, uncertainty_sha256=sha256)
    replace_file(folder / CARD_FILE, as_json(card))
    print(f"{folder}: {len(sample.features)} generated people, {len(lab)} with optical markers; {sha256}")


if __name__ == "__main__":
    main()
