"""Random numbers for one batch of people, or their means."""

from __future__ import annotations

import math

import torch
from torch import Tensor

USUAL_INDEX = 23.8  # kg/m²
# Median of children, and the height below which three of four people are children. Both are our choice.
_CHILD_INDEX, _CHILD_M = 17.5, 1.55


class Draw:
    """Random numbers for one batch of n people."""

    def __init__(self, n: int, generator: torch.Generator) -> None:
        self.n = n
        self.generator = generator

    def normal(self, mean: float, deviation: float) -> Tensor:
        """Normal numbers, (n,), clipped at 2.5 SD."""
        return mean + deviation * torch.randn(self.n, generator=self.generator).clamp(-2.5, 2.5)

    def height(self, low: float, high: float) -> Tensor:
        """Heights in m, (n,): women and men (1.63 ± 0.07 m, 1.76 ± 0.075 m), one in four uniform over the range."""
        woman = torch.rand(self.n, generator=self.generator) < 0.5
        usual = torch.where(woman, self.normal(1.63, 0.07), self.normal(1.76, 0.075))
        return self._widened(usual, low, high)

    def body_mass_index(self, low: float, high: float, height_m: Tensor) -> Tensor:
        """Body mass indices in kg/m², (n,): log-normal about 24 (children 17.5), one in four uniform over the range."""
        child = (height_m < _CHILD_M) & (torch.rand(self.n, generator=self.generator) < 0.75)
        young = self.normal(math.log(_CHILD_INDEX), 0.12).exp().clamp(low, high)
        return torch.where(child, young, self._widened(self.normal(math.log(USUAL_INDEX), 0.16).exp(), low, high))

    def _widened(self, usual: Tensor, low: float, high: float) -> Tensor:
        """Replace a quarter of the usual values by uniform ones, so that tall and heavy people occur often enough."""
        anywhere = low + (high - low) * torch.rand(self.n, generator=self.generator)
        return torch.where(torch.rand(self.n, generator=self.generator) < 0.25, anywhere, usual).clamp(low, high)


class MeanDraw(Draw):
    """Gives the mean in place of every random number."""

    def normal(self, mean: float, deviation: float) -> Tensor:
        """The mean, (n,)."""
        return torch.full((self.n,), mean, dtype=torch.float64)
