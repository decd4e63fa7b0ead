"""Reading one picture, with suspicion: it may be anything."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ArgumentError, FileError, unknown
from ..files import reason

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
GREY = ("1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
"""Pillow's words for what has no colour."""
MAX_PIXELS = 64_000_000


def read_picture(path: str | Path, channels: int | None) -> np.ndarray:
    """A picture file as uint8 (rows, cols, channels): grey for one channel, RGB for three.

    None takes it as it is: one channel from a grey file, three from any other.

    Only common formats are read, none above 64 million pixels; a photograph's turn (EXIF) is
    applied; what is transparent lies on white.
    """
    from PIL import Image, ImageOps

    if channels not in (None, 1, 3):
        raise ArgumentError(f"pictures are read with 1 or 3 channels, the model has {channels}")
    path = Path(path)
    if not path.is_file():
        raise FileError(f"there is no picture {path}: check the path")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sizes are checked here, damage is an error below
            with Image.open(path, formats=FORMATS) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    raise FileError(
                        f"{path} has {opened.width}×{opened.height} pixels, more than "
                        f"{MAX_PIXELS:,}: make it smaller first"
                    )
                channels = channels or (1 if opened.mode in GREY else 3)
                picture = ImageOps.exif_transpose(opened)
                if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
                    picture = picture.convert("RGBA")
                    picture = Image.alpha_composite(
                        Image.new("RGBA", picture.size, "white"), picture
                    )
                elif picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
                    picture = _eight_bits(picture)
                array = np.asarray(picture.convert("L" if channels == 1 else "RGB"))
    except FileError:
        raise
    except OSError as error:
        detail = reason(error).splitlines()[0]
        raise FileError(f"{path} cannot be read as a picture: {detail}") from None
    # Decoders raise many kinds of error on damaged files; each means the same to a user.
    except Exception as error:
        raise FileError(f"{path} cannot be read as a picture: {error}") from None
    return array.reshape(*array.shape[:2], channels)


def _eight_bits(picture: Picture) -> Picture:
    """16- and 32-bit grey pictures scaled to 0..255 (16 bits by their full range)."""
    from PIL import Image

    values = np.asarray(picture, np.float64)
    top = 65535.0 if values.max(initial=0) > 255 else 255.0
    return Image.fromarray((values.clip(0, top) * (255 / top)).round().astype(np.uint8))


FITS = ("stretch", "crop")


def resize(picture: np.ndarray, rows: int, cols: int, fit: str = "stretch") -> np.ndarray:
    """A uint8 picture (rows, cols, channels) in another size, area-averaged where it shrinks.

    fit: "stretch" takes all of it, which bends it where its shape is another; "crop" takes the
    largest part in its middle that has the new shape.
    """
    from PIL import Image

    if fit not in FITS:
        raise unknown("fit", fit, FITS, "resizing")
    if fit == "crop":
        picture = _middle(picture, rows, cols)

    channels = picture.shape[2]
    image = Image.fromarray(picture[..., 0] if channels == 1 else picture)
    method = (
        Image.Resampling.BOX
        if rows <= picture.shape[0] and cols <= picture.shape[1]
        else Image.Resampling.BICUBIC
    )
    return np.asarray(image.resize((cols, rows), method)).reshape(rows, cols, channels)


def _middle(picture: np.ndarray, rows: int, cols: int) -> np.ndarray:
    """The largest part in the middle that is as wide for its height as cols to rows."""
    high, wide = picture.shape[:2]
    down = min(high, max(1, round(wide * rows / cols)))
    along = min(wide, max(1, round(high * cols / rows)))
    top, left = (high - down) // 2, (wide - along) // 2
    return picture[top : top + down, left : left + along]


def background(pictures: np.ndarray) -> float:
    """How bright the outermost rows and cols are on average, 0..1, of one picture or of many."""
    x = pictures if pictures.ndim == 4 else pictures[None]
    edges = (x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1])
    mean = float(np.mean([edge.mean(dtype=np.float64) for edge in edges]))
    return mean / 255 if pictures.dtype == np.uint8 else mean
