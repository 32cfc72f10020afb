"""One training run: from a recipe to a model folder."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import torch
from lightning.pytorch import Callback, Trainer, seed_everything
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger

from trcaugment.body.windows import N_FRAMES, WindowGenerator, make_library
from trcaugment.errors import TrainingError
from trcaugment.marker_sets import ANATOMICAL_MARKERS, KEYPOINTS
from trcaugment.model import FORMAT_VERSION, Card, save_model
from trcaugment.network import MarkerNetwork
from trcaugment.training.module import GeneratedData, MarkerRegression
from trcaugment.training.recipe import Recipe, motion_files, read_recipe

RATE_HZ = 60.0
HOP_FRAMES = 5


def train(recipe_path: Path, folder: Path, *, resume: bool = False, callbacks: Sequence[Callback] = ()) -> Card:
    """Train a network after a recipe and save it as a model folder.

    Args:
        recipe_path: the recipe (TOML).
        folder: where checkpoints, the log (`log/metrics.csv`; after resuming, `log-2/metrics.csv`) and, in `model/`,
            the result go.
        resume: go on from the last checkpoint in the folder.
        callbacks: Lightning callbacks, for progress.

    Returns:
        The card of the trained model.

    Raises:
        TrainingError: the recipe is wrong, there is nothing to resume, or there is a run already.
        ModelError: the model cannot be written.
    """
    recipe = read_recipe(recipe_path)
    last = folder / "last.ckpt"
    if resume and not last.exists():
        raise TrainingError(f"{folder}: expected a checkpoint last.ckpt to resume from, found none")
    if last.exists() and not resume:
        raise TrainingError(f"{folder}: holds a training run already; go on with --resume, or choose another folder")
    seed_everything(recipe.seed, verbose=False)
    library = make_library(motion_files(recipe, recipe_path.parent), recipe.motions.procedural, recipe.seed)
    data = GeneratedData(WindowGenerator(library, recipe.population, recipe.keypoint_errors), recipe)
    network = MarkerNetwork(recipe.network)
    if not resume:
        network.fit_linear_path(*data.linear_path_samples())
    trainer, best = _trainer(recipe, folder, callbacks)
    with warnings.catch_warnings():
        # Lightning advises worker processes; windows are made faster than the network can take them.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        # Lightning 2.6 asks newer versions of torch in an old way whether a loader stands alone.
        warnings.filterwarnings("ignore", message=".*isinstance\\(treespec, LeafSpec\\).*", category=FutureWarning)
        # The log lies in the checkpoints' folder; that there is no checkpoint yet, or one to resume from, is known.
        warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
        module = MarkerRegression(network, recipe.optimization)
        trainer.fit(module, data, ckpt_path=str(last) if resume else None)
    return _export(recipe, recipe_path, folder, network, best)


def _trainer(recipe: Recipe, folder: Path, callbacks: Sequence[Callback]) -> tuple[Trainer, ModelCheckpoint]:
    best = ModelCheckpoint(folder, filename="best", monitor="val_mse", save_last=True, enable_version_counter=False)
    stop = EarlyStopping("val_mse", patience=recipe.optimization.patience)
    trainer = Trainer(
        max_epochs=recipe.optimization.epochs,
        callbacks=[best, stop, *callbacks],
        logger=CSVLogger(folder, name="", version=_new_log(folder)),
        gradient_clip_val=1.0,
        reload_dataloaders_every_n_epochs=1,
        enable_progress_bar=bool(callbacks),
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=recipe.optimization.batches_per_epoch,
    )
    return trainer, best


def _new_log(folder: Path) -> str:
    """Name of a folder for the log: `log`, and `log-2`, ... after resuming, as Lightning empties one that exists."""
    n_before = len(list(folder.glob("log*")))
    return f"log-{n_before + 1}" if n_before else "log"


def _export(recipe: Recipe, recipe_path: Path, folder: Path, network: MarkerNetwork, best: ModelCheckpoint) -> Card:
    """The best weights of the run as a model folder."""
    state = torch.load(best.best_model_path, map_location="cpu", weights_only=True)["state_dict"]
    network.load_state_dict({name.removeprefix("network."): value for name, value in state.items()})
    score = best.best_model_score
    card = Card(
        format_version=FORMAT_VERSION,
        name=recipe.name,
        description=recipe.description,
        created=datetime.now(UTC).date().isoformat(),
        inputs=KEYPOINTS,
        outputs=ANATOMICAL_MARKERS,
        origin="midpoint of RHip and LHip, smoothed by a parabola over the window",
        alignment="mean midHip-Neck axis is Y, mean left-to-right axis of hips and shoulders lies in +Z",
        rate_hz=RATE_HZ,
        window_frames=N_FRAMES,
        hop_frames=HOP_FRAMES,
        sizes=recipe.network,
        training_data=("generated windows (trcaugment.body)", *recipe.licences),
        height_m=recipe.population.height_m,
        body_mass_index=recipe.population.body_mass_index,
        validation_mse=float(score) if score is not None else float("nan"),
        sha256="",
    )
    signed = save_model(folder / "model", card, network)
    shutil.copyfile(recipe_path, folder / "model" / "recipe.toml")
    return signed
