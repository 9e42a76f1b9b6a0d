# The smallest stage: one value in, one value out. Copy it to edge_flip.py, and give its package this entry point:
#   [project.entry-points.edge]
#   flip = "edge_flip"
# Then a graph may say {use: flip, from: camera}. The contract of a stage is the docstring of `Stage`: edge/core/stage.py.
"""The picture, upside down."""

import cv2

from edge import Image, Stage, hookimpl


class Flip(Stage):
    axis: int = 0  # 0: upside down, 1: left and right

    makes = {"image": Image}
    renders = ("image",)

    def process(self, image: Image):
        return {"image": cv2.flip(image, self.axis, dst=self.new("image", image.shape))}


@hookimpl
def register_stages(register):
    register("flip", Flip)
