# The smallest source: a generator of pictures. Copy it to edge_grey.py, and give its package this entry point:
#   [project.entry-points.edge]
#   grey = "edge_grey"
# Then a graph may say camera: {use: grey}. Returning ends the stream; the framework adds source, number and time.
"""A grey that grows lighter, frame by frame."""

from edge import Image, Source, Spec, hookimpl


class Grey(Source):
    width: int = 64  # pixels
    height: int = 36  # pixels
    frames: int = 30  # how many

    looks = False  # `spec` below looks at no camera and no file, so it needs no process of its own
    renders = ("image",)

    def spec(self, inputs):
        self.rate = 25.0
        return {"image": Spec(Image, (self.height, self.width, 3), "bgr")}

    def capture(self):
        for n in range(self.frames):
            image = self.new("image", (self.height, self.width, 3))
            image[:] = n % 256
            yield image


@hookimpl
def register_stages(register):
    register("grey", Grey)
