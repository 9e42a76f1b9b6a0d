"""Light: what falls on the person, as one small picture per material that says how bright each direction of surface is.

A normal (x right, y down, z to the camera) is looked up at (x, y); so a change of light costs nothing per pixel.
Valid Python 3.7, numpy only.
"""

# numpy and cv2 answer with Any here and there.
# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Dict, Sequence, Tuple

import numpy as np

from edge.plugins.demo.shape import single

SIZE = 256  # pixels along one side of a sphere picture
UNIT = 150.0  # the value that leaves a colour as it is; above it, brighter

Vector = Tuple[float, float, float]

# Lamps as (direction to the lamp, colour blue-green-red); sky and floor are the light from above and from below.
LIGHTS: Dict[str, Dict[str, Sequence]] = {
    "day": {
        "lamps": [((-0.62, -0.48, 0.62), (0.92, 0.93, 0.94)), ((0.85, -0.15, 0.25), (0.13, 0.14, 0.17))],
        "sky": (0.33, 0.31, 0.30),
        "floor": (0.15, 0.18, 0.22),
        "rim": (0.10, 0.10, 0.10),
    },
    "lamp": {
        "lamps": [((0.75, -0.35, 0.45), (0.30, 0.62, 0.98)), ((-0.62, -0.48, 0.62), (0.34, 0.32, 0.29))],
        "sky": (0.15, 0.19, 0.24),
        "floor": (0.08, 0.12, 0.18),
        "rim": (0.03, 0.07, 0.12),
    },
    "back": {
        "lamps": [((-0.90, -0.35, -0.25), (1.30, 1.34, 1.38)), ((0.3, -0.3, 0.8), (0.13, 0.13, 0.13))],
        "sky": (0.20, 0.19, 0.18),
        "floor": (0.09, 0.10, 0.11),
        "rim": (0.55, 0.57, 0.60),
    },
}

# How far light creeps around the terminator (blue, green, red): blood lets red through, cotton almost nothing.
WRAP = {"skin": (0.16, 0.24, 0.46), "cloth": (0.22, 0.22, 0.22), "hair": (0.30, 0.32, 0.36)}
# Gloss: strength and exponent.
GLOSS = {"skin": (0.13, 16.0), "cloth": (0.02, 6.0), "hair": (0.22, 20.0)}


def sphere(light: str, material: str) -> np.ndarray:
    """How bright a surface of this material is, by its normal: float32 [SIZE, SIZE, 3], linear, 1 leaves a colour as it is."""
    state = LIGHTS[light]
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j].astype(np.float32)
    z = np.sqrt(np.clip(1 - x * x - y * y, 0, 1))
    length = np.maximum(np.sqrt(x * x + y * y + z * z), 1e-6)
    normal = np.stack((x, y, z), -1) / length[..., None]
    up = 0.5 - 0.5 * normal[..., 1:2]
    out = up * single(state["sky"]) + (1 - up) * single(state["floor"])
    for direction, colour in state["lamps"]:
        out = out + lamp(normal, direction, material)[..., :] * single(colour)
    edge = (1 - normal[..., 2:3]) ** 3
    return (out + edge * single(state["rim"]) * (1.3 - normal[..., 1:2]) * 0.5).astype(np.float32)


def lamp(normal: np.ndarray, direction: Vector, material: str) -> np.ndarray:
    """Diffuse light that wraps around by colour, plus gloss (Blinn and Phong), for normals [.., 3]."""
    to = single(direction) / np.linalg.norm(direction)
    wrap = single(WRAP[material])
    diffuse = np.clip((normal @ to)[..., None] + wrap, 0, None) / (1 + wrap)
    half = to + single((0, 0, 1))
    strength, exponent = GLOSS[material]
    gloss = strength * np.clip(normal @ (half / np.linalg.norm(half)), 0, 1) ** exponent
    return diffuse**1.25 + gloss[..., None]


class Light:
    """The light of a moment: a mixture of LIGHTS, and the camera's exposure."""

    def __init__(self) -> None:
        self._spheres = {(state, material): sphere(state, material) for state in LIGHTS for material in WRAP}

    def on(self, material: str, weights: Dict[str, float], gain: float) -> np.ndarray:
        """The sphere picture of a material: uint8 [SIZE, SIZE, 3]; multiply a colour by it over UNIT."""
        mixed = sum(w * self._spheres[name, material] for name, w in weights.items())
        # Colours carry a gamma of 2.2, and a power goes through a product: so does the light.
        return np.clip(np.power(mixed, 1 / 2.2) * UNIT * gain, 0, 255).astype(np.uint8)
