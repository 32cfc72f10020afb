"""One training run: from a recipe to a model folder."""

from __future__ import annotations

import logging
import re
import signal
import threading
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
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.model.card import ALIGNMENT, FORMAT_VERSION, HOP_FRAMES, ORIGIN, Card
from trcaugment.model.folder import save_model
from trcaugment.model.network import MarkerNetwork
from trcaugment.training.data import DrawnData
from trcaugment.training.log import RunLog
from trcaugment.training.module import MarkerRegression
from trcaugment.training.processes import start_others
from trcaugment.training.recipe import Recipe, check_files, read_recipe
from trcaugment.training.run_folder import BEST, LAST, LOG, MODEL, claimed_folder, load_weights
from trcaugment.training.sources import Sources, keep_split, make_sources

_OUT_OF_MEMORY = re.compile("allocate memory|out of memory|not enough memory|ALLOC_FAILED", re.IGNORECASE)


@dataclass(frozen=True)
class Job:
    """What `fit` does.

    Attributes:
        recipe: the recipe.
        folder: folder of the run.
        resume: go on from the last checkpoint.
        devices: processes that train together, this one included.
    """

    recipe: Recipe
    folder: Path
    resume: bool = False
    devices: int = 1


def train(
    recipe_path: Path, folder: Path, *, resume: bool = False, devices: int = 1, callbacks: Sequence[Callback] = ()
) -> Card:
    """Train a network after a recipe and save it as a model folder.

    Args:
        recipe_path: the recipe (TOML).
        folder: where the recipe, checkpoints, the log (`log/metrics.csv`) and, in `model/`, the
            result go.
        resume: go on from the last checkpoint in the folder; the recipe may have other epochs and patience by then.
        devices: GPUs to train on, or processes on a machine without; the result is the same within rounding. A script
            that asks for several needs `if __name__ == "__main__":`, because the other processes import it.
        callbacks: Lightning callbacks, for progress.

    Returns:
        The card of the trained model.

    Raises:
        RecipeError: the recipe is wrong, there is nothing to resume, or there is a run already.
        DatasetError: a data set of the recipe cannot be used.
        TrainingError: a checkpoint or the log cannot be read or written, or the errors grow beyond all numbers.
        ModelError: the model cannot be written.
        KeyboardInterrupt: Ctrl-C; what was reached after the last whole epoch can be resumed.
    """
    recipe = read_recipe(recipe_path)
    text = recipe_path.read_bytes()
    _check_devices(recipe, devices)
    base = recipe_path.parent
    check_files(recipe, base)
    job = Job(recipe, folder, resume=resume, devices=devices)
    with claimed_folder(folder, recipe, text, resume=resume), memory_errors_told():
        network = new_network(recipe)
        if resume:  # before the long work, learn whether both can be read
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
    """Make sure that n processes can train together.

    Raises:
        RecipeError: the machine has fewer GPUs, or batches cannot be shared out evenly.
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
    """The network with the weights that the recipe's seed gives; the caller's random numbers stay as they are."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(recipe.seed)
        return MarkerNetwork(recipe.network, len(KEYPOINTS), len(recipe.markers))


def _train_beside(job: Job, base: Path, ready: Callable[[], object]) -> None:
    """Another process's share of every batch; its weights come from the first process."""
    with memory_errors_told():
        sources = make_sources(job.recipe, base)
        ready()
        fit(job, new_network(job.recipe), DrawnData(sources.training, job.recipe, sources.validation))


def fit(job: Job, network: MarkerNetwork, data: LightningDataModule, callbacks: Sequence[Callback] = ()) -> float:
    """Train in this process, and return the validation error (MSE in height²) of the epoch that is kept as the best.

    Raises:
        TrainingError: a checkpoint or the log cannot be read or written, or the errors grow beyond all numbers.
    """
    folder, recipe = job.folder, job.recipe
    best = _Best(
        folder,
        filename=Path(BEST).stem,
        monitor="val_mse",
        save_last=True,
        save_on_train_epoch_end=True,  # after the log
        enable_version_counter=False,
    )
    with _lightning_kept_quiet(), _lightning_kept_interruptible():
        trainer = _trainer(job, [_SigtermAsCtrlC(), RunLog(folder / LOG), *callbacks, best])
        module = MarkerRegression(network, recipe)
        try:
            trainer.fit(module, data, ckpt_path=str(folder / LAST) if job.resume else None, weights_only=True)
        except OSError as error:
            raise TrainingError(f"a checkpoint or the log in {folder} {why_not_written(error)}") from error
    assert best.best_model_score is not None
    return float(best.best_model_score)


@contextmanager
def memory_errors_told() -> Iterator[None]:
    """Too large a recipe for the machine, in words.

    Raises:
        TrainingError: the memory of the computer or of its GPU is not enough.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch has a class of its own for the memory of GPUs only
        if not isinstance(error, MemoryError) and not _OUT_OF_MEMORY.search(str(error)):
            raise
        raise TrainingError(
            "the memory is not enough; make network.hidden or optimization.batch_windows smaller in the recipe, or "
            f"end other programs ({str(error).splitlines()[0] if str(error) else 'out of memory'})"
        ) from error


class _Best(ModelCheckpoint):
    """Lightning's keeper of the best epoch, which knows its files again in a folder that was moved."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        assert self.dirpath is not None
        best, last = (str(Path(self.dirpath) / name) for name in (BEST, LAST))
        paths = {"best_model_path": best, "kth_best_model_path": best, "last_model_path": last}
        scores = {best: state_dict["best_model_score"]}
        super().load_state_dict(state_dict | paths | {"dirpath": self.dirpath, "best_k_models": scores})


def _trainer(job: Job, callbacks: Sequence[Callback]) -> Trainer:
    chosen = job.recipe.optimization
    averaging = [EMAWeightAveraging(decay=chosen.average)] if chosen.average else []
    return Trainer(
        accelerator="cuda" if torch.cuda.is_available() else "cpu",
        devices=job.devices,
        strategy="ddp" if job.devices > 1 else "auto",
        plugins=LightningEnvironment(),  # also where a cluster's variables would say otherwise
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
def _lightning_kept_quiet() -> Iterator[None]:
    """Lightning without its tips, its news of the machine, and warnings that say nothing here."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(max(level, logging.WARNING))
    try:
        with warnings.catch_warnings():
            # Lightning 2.6 asks newer versions of torch in an old way whether a loader stands alone.
            warnings.filterwarnings("ignore", message=".*isinstance\\(treespec, LeafSpec\\).*", category=FutureWarning)
            # The log lies in the checkpoints' folder; that there is no checkpoint yet, or one to resume from, is known.
            warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
            # That is Apple's, on which nothing here has been tried.
            warnings.filterwarnings("ignore", message="GPU available but not used")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
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


class _SigtermAsCtrlC(Callback):
    """SIGTERM, as batch systems send it, ends the first process as Ctrl-C does, and that process ends the others.

    Lightning 2.6 would make an exit of it that says all is done, and with several processes wait for an answer of the
    others inside the signal handler.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.default_int_handler if trainer.is_global_zero else signal.SIG_IGN)


def _card(recipe: Recipe, sources: Sources, validation_mse: float) -> Card:
    return Card(
        format_version=FORMAT_VERSION,
        name=recipe.name,
        description=recipe.description,
        created=datetime.now(UTC).date().isoformat(),
        input_set=KEYPOINTS.name,
        inputs=KEYPOINTS.names,
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
