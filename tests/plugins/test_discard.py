"""The sink that does nothing."""

import inspect

import numpy as np

from edge import Context, Image
from edge.plugins.discard import Discard


def test_takes_pictures_and_makes_nothing():
    stage = Discard()
    stage.open(Context())
    assert stage.process(image=np.zeros((2, 2, 3), np.uint8)) is None
    assert stage.makes == {} and stage.where() == ""
    ports = inspect.signature(Discard.process, eval_str=True).parameters
    assert ports["image"].annotation is Image
    stage.close()
