"""Make the uncertainty file of a model: how far its markers may be from the true ones.

    python benchmarks/make_uncertainty.py models/bilstm-attention-v3 [LAB [ANGLES]]
    python benchmarks/make_uncertainty.py models/arms-v1

Generated people (the package's own motions, bodies and detector errors) are predicted by the model. What their errors
have in common in all windows of a person is the constant part, the rest is the moving part. A small network learns the
size of the moving part from posture and shaking. LAB holds people with optical markers (../shared/data/lab beside the
repository); their constant parts are weighed with the generated ones, and the moving part is scaled so that it holds
for them. ANGLES holds `PERSON/ours` and `PERSON/truth`, folders of `osim ik` with their predicted and optical markers,
for what is said of joint angles. For the arms, generated people are all there is, and nothing is said of joint angles.
Writes uncertainty.safetensors and names it in the card; a minute of a core.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from generated_angles import AngleErrors, draw_response, usual_weights
from lab_people import LabPerson, lab_people, segment_errors, shares_within, white
from solved_people import PersonAngles, people_angles
from torch import nn

from trcaugment.body.detector import KeypointErrors
from trcaugment.body.kinematics import BodySizes
from trcaugment.body.population import Population
from trcaugment.body.windows import WindowGenerator, Windows, make_library
from trcaugment.chain.blending import predict_windows
from trcaugment.formats.files import as_json, replace_file
from trcaugment.marker_sets import ANATOMICAL_MARKERS, ARM_MARKERS, MarkerSet
from trcaugment.markers import FloatArray
from trcaugment.model.card import CARD_FILE, read_card
from trcaugment.model.folder import Model, load_model
from trcaugment.model.normalization import body_frame, make_features, mirror
from trcaugment.model.uncertainty import ANGLES, Uncertainty, posture_and_shaking, write_uncertainty

SEED, N_PEOPLE, N_WINDOWS = 15, 700, 6
# People whose keypoints have a detector's offsets alone, so that errors of smooth keypoints are known to move less.
N_STEADY = 200
# Shoulders define the upper arms' frames.
ARMS_AND_SHOULDERS = MarkerSet(
    "arms and shoulders",
    (*ARM_MARKERS.landmarks, *(mark for mark in ANATOMICAL_MARKERS.landmarks if mark.part == "shoulder")),
)
USUAL, STEADY = KeypointErrors(), KeypointErrors(drift_m=0, noise_m=0, accident_rate=0, misjudged_rate=0)
AT_ONCE = 100  # people
EVERY = 6  # neighbouring frames are nearly equal
N_HIDDEN, N_STEPS, BATCH, RATE, DECAY = 64, 1500, 100, 3e-3, 0.05
# Lab people who show a marker count as much as all generated ones when there are five of them (see `constant_part`).
WORTH_PEOPLE = 5.0
# Of keypoints of lab people: they are those of a model that moves as the markers do, without a detector's errors.
NOISE_M = 0.015
SCALES = np.linspace(0.5, 1.5, 101)
WITHIN = (0.683, 0.954)  # of a normal distribution, 1 and 2 standard deviations


class Sample(NamedTuple):
    """Windows of generated people.

    Attributes:
        features: (n_people, n_windows, 30, n_features).
        error_m: true minus predicted, along the axes of segments, in every sixth frame, (n_people, n_windows, 5,
            n_markers, 3).
        height_m: (n_people,).
    """

    features: FloatArray
    error_m: FloatArray
    height_m: FloatArray

    @property
    def constant(self) -> FloatArray:
        """Mean error of every person in multiples of height, (n_people, n_markers, 3)."""
        return np.asarray(self.error_m.mean(axis=(1, 2)) / self.height_m[:, None, None])

    @property
    def moving_m(self) -> FloatArray:
        """The rest, as `error_m`."""
        return np.asarray(self.error_m - self.error_m.mean(axis=(1, 2), keepdims=True))

    def join(self, other: Sample) -> Sample:
        """The people of both."""
        return Sample(*(np.concatenate(each) for each in zip(self, other, strict=True)))


def draw(model: Model, n_people: int, seed: int, errors: KeypointErrors = USUAL) -> Sample:
    """People with several windows each, predicted by a model."""
    generator = torch.Generator().manual_seed(seed)
    carried = model.card.markers
    if carried is ARM_MARKERS:
        carried = ARMS_AND_SHOULDERS
    drawn = WindowGenerator(make_library([], 240, seed), Population(), errors, carried, model.card.keypoints)
    parts = []
    for _ in range(0, n_people, AT_ONCE):
        people = repeated(drawn.draw_people(AT_ONCE, generator), N_WINDOWS)
        motions = drawn.library.choose(AT_ONCE * N_WINDOWS, generator)
        parts.append(_predicted(model, drawn.draw_windows(people, motions, generator)))
    return Sample(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def repeated(people: BodySizes, times: int) -> BodySizes:
    """Every person so often in a row."""
    fields = {field.name: getattr(people, field.name) for field in dataclasses.fields(people)}
    return BodySizes(**{name: value.repeat_interleave(times, dim=0) for name, value in fields.items()})


def _predicted(model: Model, windows: Windows) -> Sample:
    keypoints, height_m, mass_kg = (
        each.double().numpy() for each in (windows.keypoints, windows.height_m, windows.mass_kg)
    )
    features = make_features(keypoints, body_frame(keypoints, height_m), mass_kg)
    predicted = predict_windows(keypoints, height_m, mass_kg, model)
    true = windows.markers.double().numpy()
    others = true[:, :, len(model.card.outputs) :]
    error = segment_errors(np.concatenate([predicted, others], axis=2), true, windows.marker_set.names)
    error = error[:, :, : len(model.card.outputs)]
    by_person = (len(error) // N_WINDOWS, N_WINDOWS)
    shaped = [each.reshape(*by_person, *each.shape[1:]).astype(np.float32) for each in (features, error[:, ::EVERY])]
    return Sample(shaped[0], shaped[1], height_m[::N_WINDOWS])


def fit(model: Model, sample: Sample, constant: FloatArray) -> Uncertainty:
    """The network for the moving part, by the likelihood of normally distributed errors."""
    torch.manual_seed(SEED)
    marks, moving = model.card.markers, torch.from_numpy(sample.moving_m).float()
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
    unknown = np.zeros(constant.shape), np.zeros((0, 2))
    return Uncertainty(constant, *unknown, mean, deviation, *arrays)


def constant_part(generated: FloatArray, lab: Sequence[LabPerson]) -> FloatArray:
    """Standard deviation of the constant part in multiples of height, (n_markers, 3): lab people weighed in.

    The variance of n lab people counts n / (n + 5), that of generated people the rest.

    Args:
        generated: constant parts of generated people in multiples of height, (n_people, n_markers, 3).
        lab: people with optical markers; NaN for markers that they lack.
    """
    drawn = (generated**2).mean(axis=0)
    if not lab:
        return np.asarray(np.sqrt(drawn))
    seen = np.stack([person.constant_m / person.height_m for person in lab])
    n = np.isfinite(seen).sum(axis=0)
    own = np.nansum(seen**2, axis=0) / np.maximum(n, 1)
    return np.asarray(np.sqrt((WORTH_PEOPLE * drawn + n * own) / (WORTH_PEOPLE + n)))


def moving_scale(lab: Sequence[LabPerson]) -> FloatArray:
    """Factors of the moving part along each axis by which it holds for lab people, (3,).

    Of the errors of people who move about their means, as near as possible to 68 and 95 % are within one and two
    deviations.
    """
    ratios = [person.moving_ratios for person in lab if person.moves]
    missed = np.array([np.abs(shares_within(ratios, scale) - np.array(WITHIN)).sum(axis=1) for scale in SCALES])
    return np.asarray(SCALES[missed.argmin(axis=0)])


def sides_alike(deviation_m: FloatArray, mirror_order: list[int]) -> FloatArray:
    """Root mean square of the right and the left marker, (n_markers, 3)."""
    return np.asarray(np.sqrt((deviation_m**2 + deviation_m[mirror_order] ** 2) / 2))


def said_of_angles(generated: AngleErrors, lab: Sequence[PersonAngles]) -> FloatArray:
    """Deviations of the constant and the moving part of each angle in degrees, (n_angles, 2): both sides alike.

    Lab people count as in `constant_part`, for the moving part those who move.
    """
    parts = []
    drawn = (usual_size(generated.constant_deg), usual_size(generated.moving_deg.reshape(-1, len(ANGLES))))
    measured = (
        [person.constant_deg for person in lab],
        [np.sqrt(np.nanmean(person.moving_deg**2, axis=0)) for person in lab if person.moves],
    )
    for deviation, seen in zip(drawn, measured, strict=True):
        sizes = np.array(seen).reshape(-1, len(ANGLES))
        n = np.isfinite(sizes).sum(axis=0)
        total = np.where(np.isfinite(sizes), sizes, 0.0) ** 2
        parts.append(np.sqrt((WORTH_PEOPLE * deviation**2 + total.sum(axis=0)) / (WORTH_PEOPLE + n)))
    other = [
        ANGLES.index(name[:-1] + {"r": "l", "l": "r"}.get(name[-1], "")) if name[-2:] in ("_r", "_l") else k
        for k, name in enumerate(ANGLES)
    ]
    return np.stack([sides_alike(each, other) for each in parts], axis=-1)


def usual_size(values: FloatArray) -> FloatArray:
    """Deviation of a normal distribution that has about as much within one and two of them, (n,), of (n_samples, n).

    Unlike the root mean square it is no prey to a few windows in which the detector went astray.
    """
    one, two = np.quantile(np.abs(values), WITHIN, axis=0)
    return np.asarray((one + two / 2) / 2)


def usual_moving_m(made: Uncertainty, model: Model, sample: Sample) -> FloatArray:
    """Root mean square of the stated moving part in generated people, (n_markers, 3)."""
    features = sample.features[:: len(sample.features) // AT_ONCE].astype(np.float64)
    flat = features.reshape(-1, *features.shape[2:])
    log_moving = made.log_moving(flat, model.card.keypoints, model.card.markers)
    height_m = flat[:, :, -2][..., None, None]
    return np.asarray(np.sqrt(np.mean((np.exp(log_moving) * height_m) ** 2, axis=(0, 1))))


def main() -> None:
    """Write the file and the card."""
    torch.set_num_threads(1)
    shared = Path(__file__).parents[2] / "shared" / "data" / "lab"
    folder, data, angles = (*map(Path, sys.argv[1:]), *(shared,) * 2)[:3]
    # A file of an earlier layout could not be loaded.
    card = msgspec.structs.replace(read_card(folder), uncertainty_sha256=None)
    replace_file(folder / CARD_FILE, as_json(card))
    model = load_model(folder, device="cpu")
    sample = draw(model, N_PEOPLE, SEED)
    arms = model.card.markers is ARM_MARKERS
    lab = [] if arms else lab_people(data, model)
    constant = sides_alike(constant_part(sample.constant, lab), model.card.markers.mirror_order)
    made = fit(model, sample.join(draw(model, N_STEADY, SEED + 1, STEADY)), constant)
    knowing = dataclasses.replace(model, uncertainty=made)
    seen = [] if arms else lab_people(data, knowing, disturb=white(NOISE_M), uncertainty=True)
    scale = moving_scale(seen) if seen else np.ones(3)
    made = dataclasses.replace(made, last_bias=made.last_bias + np.tile(np.log(scale), len(constant)))
    made = dataclasses.replace(made, usual_moving_m=usual_moving_m(made, model, sample))
    solved = [] if arms else people_angles(angles)
    if not arms:
        generated = draw_response(model).errors(usual_weights())
        made = dataclasses.replace(made, angles_deg=said_of_angles(generated, solved))
    sha256 = write_uncertainty(folder, made)
    replace_file(folder / CARD_FILE, as_json(msgspec.structs.replace(card, uncertainty_sha256=sha256)))
    print(
        f"{folder}: {len(sample.features)} generated people, {len(lab)} with optical markers, {len(solved)} with angles"
    )
    print(f"moving part scaled by {' '.join(f'{each:.2f}' for each in scale)} along forward, up, outward")


if __name__ == "__main__":
    main()
