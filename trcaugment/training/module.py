"""What Lightning needs to know: batches, loss, optimizer."""

from __future__ import annotations

import math
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.nn.functional import mse_loss

from trcaugment.errors import TrainingError
from trcaugment.marker_sets import RIGID_PAIRS
from trcaugment.metrics import distance_error, mpme
from trcaugment.network import N_AXES, MarkerNetwork
from trcaugment.training.recipe import Optimization

_DISTANCE_WEIGHT = 2.0  # with 1, lost feet were still seen to stretch and shrink by 2 cm


class MarkerRegression(LightningModule):
    """Loss, optimizer and what is logged.

    The loss is the mean distance between predicted and true markers plus twice the mean error of the distances within
    rigid segments. The mean squared error of the report would spend the network on the few windows that a detector
    spoiled (it is still what early stopping watches), and any mean shrinks a foot of which only the place is known.
    """

    def __init__(self, network: MarkerNetwork, optimization: Optimization) -> None:
        """Args: the network to train and how."""
        super().__init__()
        self.network = network
        self.optimization = optimization

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Loss of one batch, in units of height."""
        features, targets, _ = batch
        predicted, true = _points(self.network(features)), _points(targets)
        loss = mpme(predicted, true) + _DISTANCE_WEIGHT * distance_error(predicted, true, RIGID_PAIRS)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor, Tensor]) -> None:
        """Errors of one validation batch, in units of height and in mm."""
        features, targets, height_m = batch
        predicted = self.network(features)
        size_mm = 1000 * height_m[:, None, None, None]
        points, truth = (_points(values) * size_mm for values in (predicted, targets))
        self.log("val_mse", mse_loss(predicted, targets))
        self.log("val_mse_mm2", mse_loss(points, truth))
        self.log("val_mpme_mm", mpme(points, truth), prog_bar=True)
        self.log("val_distance_mm", distance_error(points, truth, RIGID_PAIRS))

    def on_validation_epoch_end(self) -> None:
        """The root of the mean square over all batches, which no mean of their roots is.

        Raises:
            TrainingError: the error is no number any more; this epoch leaves no checkpoint.
        """
        errors = self.trainer.callback_metrics
        if not torch.isfinite(errors["val_mse"]):
            raise TrainingError(
                f"training diverged in epoch {self.current_epoch + 1}: the validation error is {errors['val_mse']}; "
                "try a smaller optimization.learning_rate in another folder"
            )
        self.log("val_rmse_mm", errors["val_mse_mm2"].sqrt())

    def configure_optimizers(self) -> Any:
        """AdamW with a learning rate that rises over one epoch and then falls as a cosine to a hundredth."""
        chosen = self.optimization
        optimizer = torch.optim.AdamW(self.parameters(), lr=chosen.learning_rate, weight_decay=chosen.weight_decay)
        warm_up, last = chosen.batches_per_epoch, chosen.epochs * chosen.batches_per_epoch

        def factor(step: int) -> float:
            if step < warm_up:
                return (step + 1) / warm_up
            return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm_up) / max(1, last - warm_up))))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _points(targets: Tensor) -> Tensor:
    """(n_windows, n_frames, n_targets) as (n_windows, n_frames, n_markers, 3)."""
    return targets.reshape(*targets.shape[:2], -1, N_AXES)
