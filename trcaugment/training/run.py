"""A training run: from a recipe to a model folder."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, EMAWeightAveraging, ModelCheckpoint, ProgressBar

from trcaugment.errors import RecipeError, TrainingError
from trcaugment.formats.files import why_not_written
from trcaugment.model.card import ALIGNMENT, FORMAT_VERSION, HOP_FRAMES, ORIGIN, Card
from trcaugment.model.folder import save_model
from trcaugment.model.network import MarkerNetwork
from trcaugment.training.data import DrawnData
from trcaugment.training.interrupts import interruptible
from trcaugment.training.log import RunLog
from trcaugment.training.module import MarkerRegression
from trcaugment.training.processes import start_others
from trcaugment.training.recipe import Recipe, check_files, read_recipe
from trcaugment.training.run_folder import BEST, LAST, LOG, MODEL, claimed_folder, load_weights
from trcaugment.training.sources import Sources, keep_split, make_sources

_OUT_OF_MEMORY = re.compile("allocate memory|out of memory|not enough memory|ALLOC_FAILED", re.IGNORECASE)


@dataclass(frozen=True)
class Job:
    """Task of one training process.

    Attributes:
        recipe: the recipe.
        folder: folder of the run.
        resume: whether to continue from the last checkpoint.
        devices: number of processes that train together, including this one.
    """

    recipe: Recipe
    folder: Path
    resume: bool = False
    devices: int = 1


def train(
    recipe_path: Path, folder: Path, *, resume: bool = False, devices: int = 1, callbacks: Sequence[Callback] = ()
) -> Card:
    """Train a network by a recipe, and save it as a model folder.

    Args:
        recipe_path: the recipe (TOML).
        folder: folder of the run, for the recipe, checkpoints, the log (`log/metrics.csv`) and the result (`model/`).
        resume: whether to continue from the last checkpoint in the folder; `epochs` and `patience` of the recipe may
            have changed.
        devices: number of GPUs, or of processes on a machine without GPU; the result is the same within rounding. A
            script that asks for several needs `if __name__ == "__main__":`, because the other processes import it.
        callbacks: Lightning callbacks, to show progress.

    Returns:
        The card of the trained model.

    Raises:
        RecipeError: the recipe is wrong, there is nothing to resume, or the folder holds a run already.
        DatasetError: a data set of the recipe cannot be used.
        TrainingError: a checkpoint or the log cannot be read or written, or the memory is not enough.
        DivergedError: the validation error became NaN or infinite.
        ModelError: the model cannot be written.
        KeyboardInterrupt: Ctrl-C; the run can be resumed after its last whole epoch.
    """
    recipe = read_recipe(recipe_path)
    text = recipe_path.read_bytes()
    _check_devices(recipe, devices)
    base = recipe_path.parent
    check_files(recipe, base)
    job = Job(recipe, folder, resume=resume, devices=devices)
    with claimed_folder(folder, recipe, text, resume=resume), readable_memory_errors():
        network = new_network(recipe)
        if resume:  # check that both can be read before the long work begins
            load_weights(network, folder / BEST)
            load_weights(network, folder / LAST)
        with start_others(devices, partial(_train_beside, job, base)) as wait_for_others:
            sources = make_sources(recipe, base)
            keep_split(folder, sources)
            data = DrawnData(sources.training, recipe, sources.validation)
            if not resume:
                network.fit_linear_path(*data.linear_path_samples())
            wait_for_others()
            validation_mse = fit(job, network, data, callbacks)
    load_weights(network, folder / BEST)
    return save_model(folder / MODEL, _card(recipe, sources, validation_mse), network, recipe=text)


def _check_devices(recipe: Recipe, n: int) -> None:
    """Check that n processes can train together.

    Raises:
        RecipeError: the machine has fewer GPUs, or n does not divide the batch size.
    """
    n_gpus = torch.cuda.device_count()
    if n_gpus and n > n_gpus:
        raise RecipeError(f"expected at most {n_gpus} devices, as many as this machine has GPUs, found {n}")
    if n < 1 or recipe.optimization.batch_windows % n:
        raise RecipeError(
            f"{n} devices cannot share batches of {recipe.optimization.batch_windows} windows evenly; choose another "
            "number of devices, or another optimization.batch_windows"
        )


def new_network(recipe: Recipe) -> MarkerNetwork:
    """A network with initial weights from the recipe's seed; the caller's random state is left unchanged."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(recipe.seed)
        return MarkerNetwork(recipe.network, len(recipe.keypoints), len(recipe.markers))


def _train_beside(job: Job, base: Path, ready: Callable[[], object]) -> None:
    """Train in another process, on its share of every batch; DDP copies the weights from the first process."""
    with readable_memory_errors():
        sources = make_sources(job.recipe, base)
        ready()
        fit(job, new_network(job.recipe), DrawnData(sources.training, job.recipe, sources.validation))


def fit(job: Job, network: MarkerNetwork, data: LightningDataModule, callbacks: Sequence[Callback] = ()) -> float:
    """Train in this process, and return the lowest validation error (MSE in squared multiples of height).

    Raises:
        TrainingError: a checkpoint or the log cannot be read or written.
        DivergedError: the validation error became NaN or infinite.
    """
    folder, recipe = job.folder, job.recipe
    checkpoints = _Checkpoints(
        folder,
        filename=Path(BEST).stem,
        monitor="val_mse",
        save_on_train_epoch_end=True,  # after the log
        enable_version_counter=False,
    )
    with _quiet_lightning(), interruptible() as interrupts:
        trainer = _trainer(job, [interrupts, RunLog(folder / LOG), *callbacks, checkpoints])
        module = MarkerRegression(network, recipe)
        try:
            trainer.fit(module, data, ckpt_path=str(folder / LAST) if job.resume else None, weights_only=True)
        except OSError as error:
            raise TrainingError(f"a checkpoint or the log in {folder} {why_not_written(error)}") from error
    assert checkpoints.best_model_score is not None
    return float(checkpoints.best_model_score)


@contextmanager
def readable_memory_errors() -> Iterator[None]:
    """Turn out-of-memory errors into a message for the user.

    Raises:
        TrainingError: the memory of the computer or of its GPU is not enough.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # on the CPU, torch raises a plain RuntimeError
        if not isinstance(error, MemoryError) and not _OUT_OF_MEMORY.search(str(error)):
            raise
        raise TrainingError(
            "the memory is not enough; make network.hidden or optimization.batch_windows smaller in the recipe, or "
            f"end other programs ({str(error).splitlines()[0] if str(error) else 'out of memory'})"
        ) from error


class _Checkpoints(ModelCheckpoint):
    """Keeps the best epoch and the last one, also when the folder was moved before the run is resumed."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Lightning's `save_last` skips epochs that are not the best so far; resuming would repeat them.
        super().on_train_epoch_end(trainer, pl_module)
        assert self.dirpath is not None
        trainer.save_checkpoint(Path(self.dirpath) / LAST)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        assert self.dirpath is not None
        best = str(Path(self.dirpath) / BEST)
        paths = {"best_model_path": best, "kth_best_model_path": best, "last_model_path": "", "dirpath": self.dirpath}
        super().load_state_dict(state_dict | paths | {"best_k_models": {best: state_dict["best_model_score"]}})


def _trainer(job: Job, callbacks: Sequence[Callback]) -> Trainer:
    chosen = job.recipe.optimization
    averaging = [EMAWeightAveraging(decay=chosen.average)] if chosen.average else []
    return Trainer(
        accelerator="cuda" if torch.cuda.is_available() else "cpu",
        devices=job.devices,
        strategy="ddp" if job.devices > 1 else "auto",
        plugins=LightningEnvironment(),  # otherwise a cluster's environment variables would change the run
        precision="bf16-mixed" if chosen.precision == "bf16" else "32-true",
        max_epochs=chosen.epochs,
        callbacks=[EarlyStopping("val_mse", patience=chosen.patience), *averaging, *callbacks],
        logger=False,
        gradient_clip_val=1.0,
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=False,
        enable_progress_bar=any(isinstance(callback, ProgressBar) for callback in callbacks),
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Silence Lightning's tips, its messages about the machine and warnings that do not apply here."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(max(level, logging.WARNING))
    try:
        with warnings.catch_warnings():
            # Lightning 2.6 uses a call that newer versions of torch deprecate.
            warnings.filterwarnings("ignore", message=".*isinstance\\(treespec, LeafSpec\\).*", category=FutureWarning)
            # The folder holds the log, and checkpoints on resuming; `claimed_folder` has checked it.
            warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
            # Apple's GPUs are not used, because training on them is not tested.
            warnings.filterwarnings("ignore", message="GPU available but not used")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _card(recipe: Recipe, sources: Sources, validation_mse: float) -> Card:
    return Card(
        format_version=FORMAT_VERSION,
        name=recipe.name,
        description=recipe.description,
        created=datetime.now(UTC).date().isoformat(),
        input_set=recipe.keypoints.name,
        inputs=recipe.keypoints.names,
        output_set=recipe.markers.name,
        outputs=recipe.markers.names,
        origin=ORIGIN,
        alignment=ALIGNMENT,
        hop_frames=HOP_FRAMES,
        sizes=recipe.network,
        training_data=(*sources.described, *recipe.licences),
        height_m=sources.height_m,
        body_mass_index=sources.body_mass_index,
        validation_mse=validation_mse,
        sha256="",
    )
