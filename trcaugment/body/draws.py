"""Random numbers of one batch of people, or the middle of every spread."""

from __future__ import annotations

import math

import torch
from torch import Tensor

USUAL_INDEX = 23.8  # kg/m²
# Children of 1.25-1.55 m weigh 14-23 kg/m², half of them 16-19 (CDC growth charts 2000, 7 to 13 years).
_CHILD_INDEX, _CHILD_M = 17.5, 1.55


class Draw:
    """Random numbers of one batch of people."""

    def __init__(self, n: int, generator: torch.Generator) -> None:
        self.n = n
        self.generator = generator

    def normal(self, mean: float, deviation: float) -> Tensor:
        """Normal numbers, (n,), cut at 2.5 deviations so that nobody is a monster."""
        return mean + deviation * torch.randn(self.n, generator=self.generator).clamp(-2.5, 2.5)

    def height(self, low: float, high: float) -> Tensor:
        """Women and men (1.63 ± 0.07 m, 1.76 ± 0.075 m), one in four from the whole range alike, (n,)."""
        woman = torch.rand(self.n, generator=self.generator) < 0.5
        usual = torch.where(woman, self.normal(1.63, 0.07), self.normal(1.76, 0.075))
        return self._widened(usual, low, high)

    def body_mass_index(self, low: float, high: float, height_m: Tensor) -> Tensor:
        """Log-normal about 24 kg/m², one in four from the whole range alike; the short are mostly children, (n,)."""
        child = (height_m < _CHILD_M) & (torch.rand(self.n, generator=self.generator) < 0.75)
        young = self.normal(math.log(_CHILD_INDEX), 0.12).exp().clamp(low, high)
        return torch.where(child, young, self._widened(self.normal(math.log(USUAL_INDEX), 0.16).exp(), low, high))

    def _widened(self, usual: Tensor, low: float, high: float) -> Tensor:
        """The usual values, but a quarter of them from the whole range alike: tall and heavy people are people too."""
        anywhere = low + (high - low) * torch.rand(self.n, generator=self.generator)
        return torch.where(torch.rand(self.n, generator=self.generator) < 0.25, anywhere, usual).clamp(low, high)


class Middle(Draw):
    """No chance: every number is its mean."""

    def normal(self, mean: float, deviation: float) -> Tensor:
        """The mean, (n,)."""
        return torch.full((self.n,), mean, dtype=torch.float64)
