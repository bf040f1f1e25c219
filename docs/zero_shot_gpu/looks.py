"""Looks of radiographs, varied on the training's device: tone, focus, grain, halos of edge enhancement, resampling.

What is drawn has looks of its own already; these make every sight of a hand another one. Convolutions are products of
spectra, so that every image of a batch has widths and strengths of its own.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from handbone.method.prior.fields import uniform

# Pixels of mirrored border: spectra are periodic.
_BORDER = 32
# Shares of images that are shaded, blurred, grainy, sharpened, noisy; of batches and of their images resampled.
_SHADED, _BLURRED, _GRAINY, _SHARPENED, _NOISY = 0.4, 0.6, 0.45, 0.45, 0.6
_RESAMPLED, _ROUGH = 0.3, 0.5
# Unsharp masks: chance, least and largest width in pixels of the coarse grid, largest strength.
_HALOS = ((0.7, 0.7, 1.8, 1.6), (0.6, 1.8, 5.0, 1.2), (0.4, 5.0, 14.0, 0.9))


class Looks:
    """Gives each image of a batch a look of its own.

    Parameters
    ----------
    side: of the square images in pixels. fine: for the refiner, whose pixels are about 2.3 times smaller.
    generator: of the images' device.
    """

    def __init__(self, side: int, *, fine: bool, generator: torch.Generator):
        self._side, self._generator = side, generator
        self._most_blur, self._widening = (2.4, 2.3) if fine else (1.2, 1.0)
        self._border = min(_BORDER, side - 1)
        padded, device = side + 2 * self._border, generator.device
        rows, columns = torch.fft.fftfreq(padded, device=device), torch.fft.rfftfreq(padded, device=device)
        self._squares = rows[:, None] ** 2 + columns**2
        self._frequency = self._squares.sqrt().clamp(min=1 / padded)

    def __call__(self, images: Tensor, bone: Tensor) -> Tensor:
        """Images (N, 1, side, side) in [0, 1] with other looks.

        Parameters
        ----------
        bone: (N, 1, side, side) in [0, 1], where bone lies: grain is stronger there.
        """
        grey, bone = (functional.pad(part, (self._border,) * 4, mode="reflect")[:, 0] for part in (images, bone))
        grey = self._toned(grey)
        grey = self._filtered(grey, self._focus(len(grey)))
        grey = grey + self._grain(bone)
        grey = self._filtered(grey, self._halos(len(grey)))
        strength = self._some(len(grey), _NOISY) * self._between_logs(len(grey), 0.003, 0.04)
        grey = grey + strength * self._normal(*grey.shape)
        inner = slice(self._border, self._border + self._side)
        return self._resampled(grey[:, None, inner, inner]).clamp(0, 1)

    def _toned(self, grey: Tensor) -> Tensor:
        """Gamma, contrast, brightness and uneven light."""
        count = len(grey)
        grey = grey.clamp(1e-4, 1) ** torch.exp(self._normal(count, 1, 1) * 0.2)
        middle = grey.mean((1, 2), keepdim=True)
        grey = (grey - middle) * torch.exp(0.2 * self._normal(count, 1, 1)) + middle + 0.06 * self._normal(count, 1, 1)
        light = functional.interpolate(self._normal(count, 1, 3, 3), grey.shape[1:], mode="bicubic", align_corners=True)
        return grey * (1 + 0.08 * self._some(count, _SHADED) * light[:, 0])

    def _focus(self, count: int) -> Tensor:
        """Spectra of focus and screen blur."""
        return self._gaussian(self._some(count, _BLURRED) * self._uniform(count, 0.2, self._most_blur))

    def _grain(self, bone: Tensor) -> Tensor:
        """Noise with the falling spectrum of quanta seen through a screen, stronger in bone."""
        count = len(bone)
        noise = self._filtered(self._normal(*bone.shape), self._frequency ** -self._uniform(count, 0.4, 1.4))
        noise = noise / noise.std((1, 2), keepdim=True)
        amount = self._some(count, _GRAINY) * self._between_logs(count, 0.006, 0.045)
        return amount * noise * (1 + self._uniform(count, 0, 2.5) * bone)

    def _halos(self, count: int) -> Tensor:
        """Spectra of unsharp masks of several widths, as makers' processing adds them."""
        spectrum, sharpened = 1.0, self._some(count, _SHARPENED)
        for odds, least, largest, strength in _HALOS:
            amount = sharpened * self._some(count, odds) * self._uniform(count, 0, strength)
            width = self._widening * self._uniform(count, least, largest)
            spectrum = spectrum + amount * (1 - self._gaussian(width))
        return spectrum

    def _resampled(self, images: Tensor) -> Tensor:
        """Some batches have images that were stored coarser and were enlarged again."""
        if torch.rand(()) >= _RESAMPLED:
            return images
        small = max(2, int(self._side * (0.35 + 0.55 * float(torch.rand(())))))
        rough = functional.interpolate(images, (small, small), mode="bilinear", antialias=True)
        rough = functional.interpolate(rough, images.shape[2:], mode="bicubic")
        return torch.where(self._some(len(images), _ROUGH)[..., None] > 0, rough, images)

    def _filtered(self, grey: Tensor, spectrum: Tensor) -> Tensor:
        return torch.fft.irfft2(torch.fft.rfft2(grey) * spectrum, s=grey.shape[1:])

    def _gaussian(self, sigma: Tensor) -> Tensor:
        """Spectra of Gaussians; sigma: (N, 1, 1) in pixels."""
        return torch.exp(-2 * math.pi**2 * sigma**2 * self._squares)

    def _uniform(self, count: int, low: float, high: float) -> Tensor:
        return uniform(low, high, count, 1, 1, generator=self._generator)

    def _between_logs(self, count: int, low: float, high: float) -> Tensor:
        return torch.exp(self._uniform(count, math.log(low), math.log(high)))

    def _some(self, count: int, odds: float) -> Tensor:
        """(N, 1, 1) of 0 and 1."""
        return (self._uniform(count, 0, 1) < odds).float()

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self._generator, device=self._generator.device)
