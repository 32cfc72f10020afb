"""One training run: from a recipe to a model folder."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, ProgressBar
from lightning.pytorch.loggers import CSVLogger

from trcaugment.body.motions import RATE_HZ
from trcaugment.body.windows import N_FRAMES, WindowGenerator, make_library
from trcaugment.errors import TrainingError
from trcaugment.files import why_not_written
from trcaugment.marker_sets import ANATOMICAL_MARKERS, KEYPOINTS
from trcaugment.model import FORMAT_VERSION, Card, save_model
from trcaugment.network import MarkerNetwork
from trcaugment.normalization import ALIGNMENT, ORIGIN
from trcaugment.training.data import GeneratedData
from trcaugment.training.module import MarkerRegression
from trcaugment.training.recipe import Recipe, motion_files, read_recipe
from trcaugment.training.run_folder import BEST, LAST, MODEL, claim_folder, load_weights

HOP_FRAMES = 5


def train(recipe_path: Path, folder: Path, *, resume: bool = False, callbacks: Sequence[Callback] = ()) -> Card:
    """Train a network after a recipe and save it as a model folder.

    Args:
        recipe_path: the recipe (TOML).
        folder: where the recipe, checkpoints, the log (`log/metrics.csv`; after resuming, `log-2/metrics.csv`) and, in
            `model/`, the result go.
        resume: go on from the last checkpoint in the folder; the recipe may have other epochs and patience by then.
        callbacks: Lightning callbacks, for progress.

    Returns:
        The card of the trained model.

    Raises:
        RecipeError: the recipe is wrong, there is nothing to resume, or there is a run already.
        TrainingError: a checkpoint cannot be read or written, or the errors grow beyond all numbers.
        ModelError: the model cannot be written.
        KeyboardInterrupt: Ctrl-C; what was reached after the last whole epoch can be resumed.
    """
    recipe = read_recipe(recipe_path)
    text = recipe_path.read_bytes()
    files = motion_files(recipe, recipe_path.parent)
    claim_folder(folder, recipe, text, resume=resume)
    network = _new_network(recipe)
    if resume:  # before the long work, learn whether both can be read
        load_weights(network, folder / BEST)
        load_weights(network, folder / LAST)
    library = make_library(files, recipe.motions.procedural, recipe.seed)
    data = GeneratedData(WindowGenerator(library, recipe.population, recipe.keypoint_errors), recipe)
    if not resume:
        network.fit_linear_path(*data.linear_path_samples())
    best = _Best(folder, filename=Path(BEST).stem, monitor="val_mse", save_last=True, enable_version_counter=False)
    with _lightning_kept_quiet(), _lightning_kept_interruptible():
        trainer = _trainer(recipe, folder, [best, *callbacks])
        module = MarkerRegression(network, recipe.optimization)
        try:
            trainer.fit(module, data, ckpt_path=str(folder / LAST) if resume else None, weights_only=True)
        except OSError as error:
            raise TrainingError(f"a checkpoint or the log in {folder} {why_not_written(error)}") from error
    load_weights(network, folder / BEST)
    assert best.best_model_score is not None
    card = _card(recipe, float(best.best_model_score))
    return save_model(folder / MODEL, card, network, recipe=text)


def _new_network(recipe: Recipe) -> MarkerNetwork:
    """The network with the weights that the recipe's seed gives; the caller's random numbers stay as they are."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(recipe.seed)
        return MarkerNetwork(recipe.network)


class _Best(ModelCheckpoint):
    """Lightning's keeper of the best epoch, which knows its files again in a folder that was moved."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        assert self.dirpath is not None
        best, last = (str(Path(self.dirpath) / name) for name in (BEST, LAST))
        paths = {"best_model_path": best, "kth_best_model_path": best, "last_model_path": last}
        scores = {best: state_dict["best_model_score"]}
        super().load_state_dict(state_dict | paths | {"dirpath": self.dirpath, "best_k_models": scores})


def _trainer(recipe: Recipe, folder: Path, callbacks: Sequence[Callback]) -> Trainer:
    return Trainer(
        accelerator="cuda" if torch.cuda.is_available() else "cpu",
        devices=1,
        max_epochs=recipe.optimization.epochs,
        callbacks=[EarlyStopping("val_mse", patience=recipe.optimization.patience), *callbacks],
        logger=CSVLogger(folder, name="", version=_new_log(folder)),
        gradient_clip_val=1.0,
        reload_dataloaders_every_n_epochs=1,
        enable_progress_bar=any(isinstance(callback, ProgressBar) for callback in callbacks),
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=recipe.optimization.batches_per_epoch,
    )


def _new_log(folder: Path) -> str:
    """Name of a folder for the log: `log`, and `log-2`, ... after resuming, as Lightning empties one that exists."""
    n_before = len(list(folder.glob("log*")))
    return f"log-{n_before + 1}" if n_before else "log"


@contextmanager
def _lightning_kept_quiet() -> Iterator[None]:
    """Lightning without its tips, its news of the machine, and warnings that say nothing here."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(max(level, logging.WARNING))
    try:
        with warnings.catch_warnings():
            # Lightning advises worker processes. On a CPU, windows are made faster than the network takes them; a GPU
            # does wait for them.
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            # Lightning 2.6 asks newer versions of torch in an old way whether a loader stands alone.
            warnings.filterwarnings("ignore", message=".*isinstance\\(treespec, LeafSpec\\).*", category=FutureWarning)
            # The log lies in the checkpoints' folder; that there is no checkpoint yet, or one to resume from, is known.
            warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
            # That is Apple's, on which nothing here has been tried.
            warnings.filterwarnings("ignore", message="GPU available but not used")
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def _lightning_kept_interruptible() -> Iterator[None]:
    """Ctrl-C as Python has it: Lightning 2.6 makes SystemExit of it and has every later Ctrl-C ignored."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, handler or signal.default_int_handler)
        raise KeyboardInterrupt from error


def _card(recipe: Recipe, validation_mse: float) -> Card:
    return Card(
        format_version=FORMAT_VERSION,
        name=recipe.name,
        description=recipe.description,
        created=datetime.now(UTC).date().isoformat(),
        inputs=KEYPOINTS,
        outputs=ANATOMICAL_MARKERS,
        origin=ORIGIN,
        alignment=ALIGNMENT,
        rate_hz=RATE_HZ,
        window_frames=N_FRAMES,
        hop_frames=HOP_FRAMES,
        sizes=recipe.network,
        training_data=("generated windows (trcaugment.body)", *recipe.licences),
        height_m=recipe.population.height_m,
        body_mass_index=recipe.population.body_mass_index,
        validation_mse=validation_mse,
        sha256="",
    )
