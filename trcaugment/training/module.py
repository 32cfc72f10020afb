"""The Lightning module: training and validation steps, optimizer and learning rate."""

from __future__ import annotations

import math
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.nn.functional import mse_loss

from trcaugment.errors import DivergedError
from trcaugment.evaluation.metrics import distance_error, mpme
from trcaugment.model.network import MarkerNetwork
from trcaugment.training.data import Batch
from trcaugment.training.loss import as_points, training_loss
from trcaugment.training.recipe import Recipe


class MarkerRegression(LightningModule):
    """Trains a network by a recipe, and logs its errors."""

    def __init__(self, network: MarkerNetwork, recipe: Recipe) -> None:
        """Train `network` with the loss and the optimization of `recipe`."""
        super().__init__()
        self.network = network
        self.recipe = recipe

    def training_step(self, batch: Batch) -> Tensor:
        """Loss of one batch, in multiples of height."""
        features, targets, _ = batch
        loss = training_loss(self.recipe.loss, self.recipe.markers, features, targets, self.network.run(features))
        self.log("train_loss", loss, on_step=False, on_epoch=True, sync_dist=True)
        return loss

    def validation_step(self, batch: Batch) -> None:
        """Log the errors of one validation batch, in multiples of height and in mm."""
        features, targets, height_m = batch
        with torch.autocast(self.device.type, enabled=False):  # in 32 bits, as in prediction
            predicted = self.network(features)
        size_mm = 1000 * height_m[:, None, None, None]
        points, truth = (as_points(values) * size_mm for values in (predicted, targets))
        self.log("val_mse", mse_loss(predicted, targets), sync_dist=True)
        self.log("val_mse_mm2", mse_loss(points, truth), sync_dist=True)
        self.log("val_mpme_mm", mpme(points, truth), prog_bar=True, sync_dist=True)
        self.log("val_distance_mm", distance_error(points, truth, self.recipe.markers.rigid_pairs), sync_dist=True)

    def on_validation_epoch_end(self) -> None:
        """Log the RMSE over all batches: the root of the mean square, not the mean of the batches' roots.

        Raises:
            DivergedError: the validation error is NaN or infinite; this epoch leaves no checkpoint.
        """
        errors = self.trainer.callback_metrics
        if not torch.isfinite(errors["val_mse"]):
            raise DivergedError(
                f"training diverged in epoch {self.current_epoch + 1}: the validation error is {errors['val_mse']}; "
                "try a smaller optimization.learning_rate in another folder"
            )
        self.log("val_rmse_mm", errors["val_mse_mm2"].sqrt(), sync_dist=True)

    def configure_optimizers(self) -> Any:
        """AdamW, which is Adam if the weight decay is 0.

        The learning rate is constant, or rises over the first epoch and then falls as a cosine to 1 % of its peak.
        """
        chosen = self.recipe.optimization
        optimizer = torch.optim.AdamW(self.parameters(), lr=chosen.learning_rate, weight_decay=chosen.weight_decay)
        if chosen.schedule == "constant":
            return optimizer
        warm_up, last = chosen.batches_per_epoch, chosen.epochs * chosen.batches_per_epoch

        def factor(step: int) -> float:
            if step < warm_up:
                return (step + 1) / warm_up
            return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm_up) / max(1, last - warm_up))))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
