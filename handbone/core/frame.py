"""A frame: the invertible affine map between an image and the grid that a network reads.

Coordinates are (x, y) in pixels with (0, 0) at the centre of the first pixel, as in OpenCV. A letterbox, a crop
turned to a canonical pose, the mirror of a left hand and a jittered training crop are all frames.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from handbone.core.errors import ShapeError


@dataclass(frozen=True, eq=False)
class Frame:
    """An affine map from image to grid.

    Parameters
    ----------
    matrix: (2, 3) float64, maps image (x, y, 1) to grid (x, y).
    size_hw: height and width of the grid.
    """

    matrix: np.ndarray
    size_hw: tuple[int, int]

    def __post_init__(self) -> None:
        if np.shape(self.matrix) != (2, 3):
            raise ShapeError("a frame's matrix", "(2, 3)", np.shape(self.matrix))
        matrix = np.array(self.matrix, np.float64)
        matrix.setflags(write=False)
        object.__setattr__(self, "matrix", matrix)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frame):
            return NotImplemented
        return self.size_hw == other.size_hw and bool(np.array_equal(self.matrix, other.matrix))

    def __hash__(self) -> int:
        return hash((self.size_hw, *self.matrix.ravel().tolist()))

    @classmethod
    def letterbox(cls, image_hw: tuple[int, int], size_hw: tuple[int, int]) -> "Frame":
        """The whole image, centred in the grid at its own aspect ratio."""
        (height, width), (rows, columns) = image_hw, size_hw
        scale = min(rows / height, columns / width)
        # Pixel areas map onto each other: the image's centre falls on the grid's centre.
        x = (columns - 1) / 2 - scale * (width - 1) / 2
        y = (rows - 1) / 2 - scale * (height - 1) / 2
        return cls(np.array([[scale, 0, x], [0, scale, y]]), (rows, columns))

    @classmethod
    def around(
        cls,
        centre_xy: tuple[float, float],
        side: float,
        size: int,
        *,
        degrees: float = 0.0,
        mirrored: bool = False,
    ) -> "Frame":
        """A square ROI of the image, turned upright.

        Parameters
        ----------
        centre_xy: the ROI's centre in the image.
        side: the ROI's side in image pixels.
        size: height and width of the grid.
        degrees: direction of the ROI's upward axis, clockwise from the image's upward axis.
        mirrored: whether left and right are swapped in the grid.
        """
        scale, angle = size / side, np.deg2rad(-degrees)
        linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        if mirrored:
            linear = np.diag([-1.0, 1.0]) @ linear
        offset = np.full(2, (size - 1) / 2) - linear @ np.asarray(centre_xy, np.float64)
        return cls(np.column_stack([linear, offset]), (size, size))

    @property
    def inverse_matrix(self) -> np.ndarray:
        """(2, 3) float64, maps grid (x, y, 1) to image (x, y)."""
        return cv2.invertAffineTransform(self.matrix)

    @property
    def scale(self) -> float:
        """Grid pixels per image pixel."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:, :2]))))

    @property
    def corners_xy(self) -> np.ndarray:
        """(4, 2) the outer corners of the grid in the image."""
        rows, columns = self.size_hw
        return self.to_image(
            np.array([[-0.5, -0.5], [columns - 0.5, -0.5], [columns - 0.5, rows - 0.5], [-0.5, rows - 0.5]])
        )

    def to_grid(self, points_xy: np.ndarray) -> np.ndarray:
        """Image points (n, 2) in the grid."""
        return np.asarray(points_xy, np.float64) @ self.matrix[:, :2].T + self.matrix[:, 2]

    def to_image(self, points_xy: np.ndarray) -> np.ndarray:
        """Grid points (n, 2) in the image."""
        inverse = self.inverse_matrix
        return np.asarray(points_xy, np.float64) @ inverse[:, :2].T + inverse[:, 2]

    def then(self, matrix: np.ndarray, size_hw: tuple[int, int] | None = None) -> "Frame":
        """This frame followed by another affine map (2, 3) of the grid."""
        first = np.vstack([self.matrix, [0, 0, 1]])
        return Frame(np.asarray(matrix, np.float64) @ first, size_hw or self.size_hw)

    def warp(self, image: np.ndarray, *, border: float = 0.0) -> np.ndarray:
        """The image (H, W) resampled on the grid; area-averaged if it shrinks, `border` outside the image."""
        return _warp(image, self.matrix, self.size_hw, border)

    def unwarp(
        self,
        grid: np.ndarray,
        image_hw: tuple[int, int],
        *,
        border: float = 0.0,
        box_xyxy: tuple[int, int, int, int] | None = None,
    ) -> np.ndarray:
        """A grid (h, w) back in the image (H, W), or in the part `box_xyxy` (half-open) of it."""
        left, top, right, bottom = box_xyxy or (0, 0, image_hw[1], image_hw[0])
        matrix = self.inverse_matrix.copy()
        matrix[:, 2] -= (left, top)
        return _warp(grid, matrix, (bottom - top, right - left), border)

    def to_json(self) -> dict:
        """The frame as JSON values."""
        return {"matrix": self.matrix.tolist(), "size_hw": list(self.size_hw)}

    @classmethod
    def from_json(cls, value: dict) -> "Frame":
        """The frame that `to_json` wrote."""
        return cls(np.array(value["matrix"]), tuple(value["size_hw"]))


def _warp(image: np.ndarray, matrix: np.ndarray, size_hw: tuple[int, int], border: float) -> np.ndarray:
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale < 0.75:
        # warpAffine samples four pixels only: shrink by area first, so that no detail is skipped.
        height, width = image.shape
        smaller = max(1, round(height * scale)), max(1, round(width * scale))
        image = cv2.resize(image, smaller[::-1], interpolation=cv2.INTER_AREA)
        sx, sy = width / smaller[1], height / smaller[0]
        grow = np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2], [0, 0, 1]])
        matrix = matrix @ grow
    return cv2.warpAffine(
        image,
        matrix,
        size_hw[::-1],
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=border,
    )
