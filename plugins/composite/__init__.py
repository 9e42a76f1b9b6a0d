"""The person in front of something else, and never the room they sit in."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence, Tuple

import cv2
import numpy as np

from edge import Alpha, Asset, Context, Frame, GraphError, Image, Spec, Stage, hookimpl
from edge.plugins.composite.background import Background, Size, Still, checkerboard, open_background, still, trouble
from edge.plugins.composite.foreground import blurred, edged, implausible, lay

try:
    from typing import Literal
except ImportError:
    pass  # Python 3.7, on the Kit, where nothing resolves the annotations

BLUR = "blur"
CALM = "#20242a"
"""What is shown instead of a picture that cannot be shown, where the graph does not say."""
UNKNOWN = (360, 640)
"""Height and width of a cover before any frame has come, where no spec is known."""


class Composite(Stage):
    """Person over background, frame by frame: the alpha of a frame is laid on the picture of that frame.

    Fails closed. Where a frame's matte is missing, of another size or no matte at all, the whole canvas is the cover, in every
    view: no pixel of the room is shown. `cover` then is the reason (one of REASONS), else "".
    """

    background: Asset = Asset("temple.jpg")  # a picture, a video, a colour like "#20a040", or blur: the room out of focus
    blur: int = 25  # how far the room is out of focus: thousandths of the picture's longer side, 1 to 100
    view: Literal["result", "side_by_side", "alpha", "checker"] = "result"  # side_by_side: the camera's picture to the left
    clean: bool = True  # take the old background's colours out of the person's edge
    shift: float = 0.0  # pixels by which the edge moves out (> 0) or in (< 0), -32 to 32
    soft: float = 0.0  # width of the edge in pixels, 0 to 64; 0 leaves it as the network made it
    cover: Asset = Asset("")  # shown where there is no matte: a colour or a picture; empty: the background, if it is one

    makes = {"image": Image, "cover": str}
    renders = ("image",)
    tick_after = 0.5

    def check(self) -> Dict[str, object]:
        wrong: Dict[str, object] = {}
        for name, low, high in (("blur", 1, 100), ("shift", -32, 32), ("soft", 0, 64)):
            value = getattr(self, name)
            if not low <= value <= high:
                wrong[name] = f"must be {low} to {high}, not {value:g}"
        if self.background != BLUR:
            wrong["background"] = trouble(open_background, self.background)
        if self.cover:
            wrong["cover"] = trouble(still, self.cover)
        return {name: problem for name, problem in wrong.items() if problem}

    def spec(self, inputs: Dict[str, Spec]) -> Dict[str, Spec]:
        """A picture of the frame's size, twice as wide for `side_by_side`."""
        for port in ("image", "alpha"):
            if port not in inputs:  # a frame may lack it, a graph may not
                raise GraphError(f"composite needs '{port}', which nothing before it makes")
        image = inputs["image"]
        if image.format.startswith(("nv", "i420")):
            raise GraphError(f"composite takes bgr or rgb pictures, not {image.format}")
        return {"image": Spec(Image, self._canvas(image.shape or ()), image.format), "cover": Spec(str)}

    def open(self, context: Context) -> None:
        self.context = context
        spec = context.inputs.get("image")
        self._largest: Size = (spec.shape[0], spec.shape[1]) if spec and spec.shape else UNKNOWN
        self._sizes: Dict[str, Size] = {}
        self._result = np.empty(0, np.uint8)
        self._load()

    def changed(self, options: Sequence[str]) -> None:
        """Between two frames: what is new is loaded, and drawn at the sizes there are, before the old one goes; where that
        fails, the old one stays."""
        planned = self.context.outputs.get("image")
        if planned and planned.shape and self._canvas(self._largest)[1] > planned.shape[1]:
            raise GraphError(f"view {self.view} is twice as wide as was planned for; start the graph with it")
        if self._wanted() != self._loaded:
            old = (self._behind, self._cover)
            self._load()
            for background in old:
                if background is not None:
                    background.close()

    def process(self, frame: Frame, image: Image = None, alpha: Alpha = None) -> Dict[str, Any]:  # type: ignore[assignment]
        if image is not None:
            self._sizes[frame.source] = (image.shape[0], image.shape[1])
        reason = _doubt(frame, image, alpha)
        size = self._sizes.get(frame.source, self._largest)
        canvas = self.new("image", self._canvas(size))
        if reason:
            self._draw_cover(canvas, size)
        else:
            self._draw(canvas, frame, image, edged(alpha, self.shift, self.soft))
        return {"image": canvas, "cover": reason}

    def tick(self, source: str) -> Optional[Dict[str, Any]]:
        """The cover, while nothing arrives from a camera."""
        if not self.context.live:
            return None
        size = self._sizes.get(source, self._largest)
        canvas = np.empty(self._canvas(size), np.uint8)  # not `new`: this is no frame, and needs no slot
        self._draw_cover(canvas, size)
        return {"image": canvas, "cover": "late"}

    def leave(self, source: str) -> None:
        self._sizes.pop(source, None)

    def close(self) -> None:
        self._cover.close()
        if self._behind is not None:
            self._behind.close()

    def _canvas(self, size: Sequence[int]) -> Tuple[int, int, int]:
        """The shape of the result for pictures of this height and width."""
        return size[0], size[1] * (2 if self.view == "side_by_side" else 1), 3

    def _draw(self, canvas: np.ndarray, frame: Frame, image: np.ndarray, alpha: np.ndarray) -> None:
        if self.view == "alpha":
            cv2.cvtColor(alpha, cv2.COLOR_GRAY2BGR, dst=canvas)
        elif self.view == "side_by_side":
            if self._result.shape != image.shape:
                self._result = np.empty_like(image)
            self._replace(self._result, frame, image, alpha)
            np.concatenate((image, self._result), axis=1, out=canvas)
        else:
            self._replace(canvas, frame, image, alpha)

    def _replace(self, canvas: np.ndarray, frame: Frame, image: np.ndarray, alpha: np.ndarray) -> None:
        """The person before the background."""
        if self._behind is None:  # the same room does no harm to the colours of the edge: nothing to clean
            lay(canvas, image, alpha, blurred(image, alpha, self.blur), clean=False)
        else:
            lay(canvas, image, alpha, self._behind.at(self._sizes[frame.source], frame), self.clean)

    def _draw_cover(self, canvas: np.ndarray, size: Size) -> None:
        cover = self._cover.at(size)
        for left in range(0, canvas.shape[1], size[1]):
            np.copyto(canvas[:, left : left + size[1]], cover)

    def _wanted(self) -> Tuple[str, str]:
        """What the options say stands behind the person, and on the cover."""
        return "checker" if self.view == "checker" else self.background, self.cover

    def _load(self) -> None:
        """Take what the options say, all of it or, raising, nothing."""
        spec = self.context.inputs.get("image")
        rgb, largest = bool(spec and spec.format == "rgb"), self._largest if spec else None
        behind = self._open_behind(rgb, largest)
        try:
            cover = behind if not self.cover and isinstance(behind, Still) else still(self.cover or CALM, rgb, largest)
        except Exception:
            if behind is not None:
                behind.close()
            raise
        for size in self._sizes.values():
            for background in (behind, cover):
                if isinstance(background, Still):
                    background.at(size)
        self._behind, self._cover, self._loaded = behind, cover, self._wanted()

    def _open_behind(self, rgb: bool, largest: Optional[Size]) -> Optional[Background]:
        """None for `blur`, which every frame makes anew."""
        if self.view == "checker":
            return Still(checkerboard)
        return None if self.background == BLUR else open_background(self.background, rgb, largest)


def _doubt(frame: Frame, image: Optional[np.ndarray], alpha: Optional[np.ndarray]) -> str:
    """Why this frame must not be shown; "" where it may."""
    if alpha is None:
        return frame.lost.get("alpha", "late")
    if image is None:
        return frame.lost.get("image", "late")
    if alpha.shape != image.shape[:2]:
        return "format"
    return "implausible" if implausible(alpha) else ""


@hookimpl
def register_stages(register: Any) -> None:
    register("composite", Composite)
