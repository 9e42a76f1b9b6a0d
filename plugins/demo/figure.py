"""The person: parts drawn once, put together anew for every frame. Lengths in heads, the middle of the head at (0, 0).

Valid Python 3.7, numpy and cv2 only.
"""

# numpy and cv2 answer with Any here and there.
# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import cv2
import numpy as np

from edge.plugins.demo import hair, hand, head, torso
from edge.plugins.demo.light import UNIT
from edge.plugins.demo.script import Arm, Pose
from edge.plugins.demo.shape import Part, double, single
from edge.plugins.demo.sleeve import Sleeve, folds

HEAD = 0.285  # a head's height, in heights of the picture
EYES = 0.315  # where the middle of the head is
SHARPEST = 1080  # parts are drawn for at most this height: beyond, they are enlarged
SINK = 0.085  # how deep the head sits on the neck
SHOULDER = (0.655, 1.075)
SMALL = 0.92  # of a hand as drawn

# Complexion, lips, iris, brow, hair and shirt, blue-green-red. The first is the one that the documentation shows.
LOOKS = (
    ((158, 184, 226), (112, 108, 190), (70, 98, 128), (38, 46, 62), (52, 72, 104), (124, 102, 60)),
    ((92, 122, 172), (84, 78, 140), (34, 48, 70), (22, 24, 30), (30, 32, 40), (96, 74, 132)),
    ((142, 172, 214), (110, 104, 186), (150, 130, 92), (60, 84, 112), (96, 142, 184), (86, 92, 110)),
    ((62, 88, 132), (66, 62, 112), (26, 34, 50), (16, 18, 22), (24, 25, 30), (150, 160, 178)),
)

Matrix = np.ndarray  # float64 [2, 3]
Box = Tuple[int, int, int, int]


def chain(outer: Matrix, inner: Matrix) -> Matrix:
    """First `inner`, then `outer`."""
    return np.hstack((outer[:, :2] @ inner[:, :2], outer[:, :2] @ inner[:, 2:] + outer[:, 2:]))


def turn(angle: float, about: Tuple[float, float], shift: Tuple[float, float] = (0.0, 0.0), size: float = 1.0) -> Matrix:
    """Turn by radians (clockwise to the eye) about a point, then shift."""
    c, s = size * np.cos(angle), size * np.sin(angle)
    x, y = about
    return double(((c, -s, x - c * x + s * y + shift[0]), (s, c, y - s * x - c * y + shift[1])))


class Texture:
    """A part as it is sampled: colour with alpha uint8 [h, w, 4], normal int16 [h, w, 2] in pixels of a sphere picture."""

    def __init__(self, part: Part) -> None:
        self.colour = np.dstack((part.colour, part.alpha))
        self.flat = part.normal
        self.normal = (part.normal * 126 + 127.5).astype(np.int16)
        sheet = part.sheet
        self.shape = part.alpha.shape
        # From pixels of the part to heads.
        self.matrix = double(
            ((1 / sheet.scale, 0, sheet.left + 0.5 / sheet.scale), (0, 1 / sheet.scale, sheet.top + 0.5 / sheet.scale))
        )

    def patch(self, other: Texture, margin: int) -> None:
        """Lay another texture of the same scale over this one, without its outermost pixels (but down to the last row)."""
        x, y = np.round((other.matrix[:, 2] - self.matrix[:, 2]) / self.matrix[0, 0]).astype(int)
        high, wide = min(other.shape[0], self.shape[0] - y), other.shape[1]
        high -= 0 if y + high == self.shape[0] else margin
        here = (slice(y + margin, y + high), slice(x + margin, x + wide - margin))
        there = (slice(margin, high), slice(margin, wide - margin))
        self.colour[here], self.normal[here] = other.colour[there], other.normal[there]


class Canvas:
    """What the person is drawn over: colours uint8 [h, w, 3] and how much is covered, uint8 [h, w]."""

    def __init__(self, image: np.ndarray, cover: np.ndarray) -> None:
        self.image, self.cover = image, cover
        self.size = (image.shape[1], image.shape[0])

    def lay(self, box: Box, colour: np.ndarray, alpha: np.ndarray) -> None:
        """Draw colours over what is here: image = colour · alpha + image · (1 - alpha)."""
        x0, y0, x1, y1 = box
        weight = alpha.astype(np.float32) * single(1 / 255)
        under, cover = self.image[y0:y1, x0:x1], self.cover[y0:y1, x0:x1]
        under[:] = cv2.blendLinear(colour, np.ascontiguousarray(under), weight, 1 - weight)
        cover[:] = 255 - cv2.multiply(255 - cover, 255 - alpha, scale=1 / 255)


class Figure:
    """Draws the person of a look (by seed) at a picture's height."""

    def __init__(self, height: int, seed: int) -> None:
        self.height = height
        skin, lips, iris, brow, locks, cloth = LOOKS[(seed - 1) % len(LOOKS)]
        self.scale = scale = HEAD * min(max(height, 240), SHARPEST)
        face = head.Face(scale, skin, lips, iris, brow, seed)
        self.base = Texture(face.base())
        self.mouths = [Texture(face.mouth(k)) for k in range(head.MOUTHS)]
        self.eyes = [Texture(face.eyes(k)) for k in range(head.LIDS)]
        self.behind, self.before = Texture(hair.behind(scale, locks, seed)), Texture(hair.before(scale, locks, seed))
        self.neck, self.shirt = Texture(torso.neck(scale, skin, seed)), Texture(torso.shirt(scale, cloth, seed))
        self.palms, self.backs = ([Texture(p) for p in side] for side in hand.palms_and_backs(scale, skin))
        self.cloth, self.folds = single(cloth), folds(seed)
        self._faces: Dict[Tuple[int, int], Texture] = {}

    def draw(self, canvas: Canvas, pose: Pose, spheres: Dict[str, np.ndarray]) -> None:
        """Put the person of this pose on the canvas. spheres: material → sphere picture."""
        if not pose.present:
            return
        unit = HEAD * self.height
        middle = (canvas.size[0] / 2 - 0.5, EYES * self.height - 0.5)
        world = double(((unit, 0, middle[0]), (0, unit, middle[1])))
        body = chain(world, turn(pose.lean, (0, 2.6), (pose.x, pose.y)))
        chest = chain(
            body, double(((1 + 0.010 * pose.breath, 0, 0), (0, 1 + 0.004 * pose.breath, -0.012 * pose.breath - SINK)))
        )
        skull = chain(body, turn(pose.roll, (0, 0.35), (0.0, -0.010 * pose.breath)))
        sleeves, hands = self._arms(canvas, pose, chest, unit)
        self._head(canvas, self.behind, skull, pose, spheres["hair"], -0.35)
        self._flat(canvas, self.neck, chest, spheres["skin"])
        self._flat(canvas, self.shirt, chest, spheres["cloth"], self._shadow(canvas, sleeves, hands, unit))
        for sleeve in sleeves:
            self._sleeve(canvas, sleeve, spheres["cloth"])
        self._head(canvas, self._face(pose), skull, pose, spheres["skin"], 1.0)
        self._head(canvas, self.before, skull, pose, spheres["hair"], 1.0)
        for held in hands:
            box, colour, alpha, normal = held
            canvas.lay(box, self._lit(colour, normal, spheres["skin"]), alpha)

    def _face(self, pose: Pose) -> Texture:
        key = (int(round(pose.mouth * (head.MOUTHS - 1))), int(round(pose.lids * (head.LIDS - 1))))
        if key not in self._faces:
            face = Texture.__new__(Texture)
            face.__dict__.update(self.base.__dict__)
            face.colour, face.normal = self.base.colour.copy(), self.base.normal.copy()
            margin = int(head.MARGIN * self.scale)
            face.patch(self.mouths[key[0]], margin)
            face.patch(self.eyes[key[1]], margin)
            self._faces[key] = face
        return self._faces[key]

    def _flat(self, canvas: Canvas, part: Texture, to: Matrix, sphere: np.ndarray, shade: Optional[np.ndarray] = None) -> None:
        got = _place(canvas, part.colour, part.normal, chain(to, part.matrix))
        if got is not None:
            box, colour, alpha, normal = got
            lit = self._lit(colour, normal, sphere)
            if shade is not None:
                lit = cv2.multiply(lit, cv2.merge([_window(shade, box, canvas.size)] * 3), scale=1 / 255)
            canvas.lay(box, lit, alpha)

    def _head(self, canvas: Canvas, part: Texture, to: Matrix, pose: Pose, sphere: np.ndarray, near: float) -> None:
        """A part of the head, turned: what is near the eye moves further than what is far (near < 0: behind the axis)."""
        matrix = chain(to, part.matrix)
        box = _box(canvas, part.shape, matrix, 0.12 * self.height * HEAD)
        if box is None:
            return
        x0, y0, x1, y1 = box
        cell = 8
        w, h = -(-(x1 - x0) // cell) + 1, -(-(y1 - y0) // cell) + 1
        back = cv2.invertAffineTransform(to)
        x, y = (np.arange(w) * cell + x0)[None, :], (np.arange(h) * cell + y0)[:, None]
        u0 = back[0, 0] * x + back[0, 1] * y + back[0, 2]
        v0 = back[1, 0] * x + back[1, 1] * y + back[1, 2]
        # Hair swings after the head.
        u0 = u0 - pose.swing * np.clip(v0 - 0.15, 0, 1) ** 1.5 * (part is not self.base and near != 0)
        u, v = u0, v0
        for _ in range(3):
            deep = 0.40 * near * np.clip(1 - (u / 0.47) ** 2, 0, 1) ** 1.5 * np.clip(1 - ((v - 0.05) / 0.75) ** 2, 0, 1)
            u, v = u0 - np.sin(pose.yaw) * deep, v0 - np.sin(pose.pitch) * deep
        at = cv2.invertAffineTransform(part.matrix)
        small = np.dstack((u * at[0, 0] + at[0, 2], v * at[1, 1] + at[1, 2])).astype(np.float32)
        grow = double(((1 / cell, 0, 0), (0, 1 / cell, 0)))
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        map_ = cv2.warpAffine(small, grow, (x1 - x0, y1 - y0), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        where, how = cv2.convertMaps(map_, None, cv2.CV_16SC2)
        colour = cv2.remap(part.colour, where, how, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        normal = cv2.remap(part.normal, where, how, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        turned = cv2.add(normal, (110 * np.sin(pose.yaw), 110 * np.sin(pose.pitch), 0, 0))
        canvas.lay(box, self._lit(colour[..., :3], turned, sphere), colour[..., 3])

    @staticmethod
    def _lit(colour: np.ndarray, normal: np.ndarray, sphere: np.ndarray) -> np.ndarray:
        light = cv2.remap(sphere, normal, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        return cv2.multiply(colour, light, scale=1 / UNIT)

    def _arms(self, canvas: Canvas, pose: Pose, to: Matrix, unit: float) -> Tuple[List[Sleeve], List[Any]]:
        sleeves, hands = [], []
        for side, arm in ((-1, pose.left), (1, pose.right)):
            joints = [to @ double((side * x, y, 1)) for x, y in (SHOULDER, arm.elbow, arm.wrist)]
            sleeve = Sleeve(joints, unit, canvas.size, self.folds)
            if sleeve.box is not None:
                sleeves.append(sleeve)
            held = self._hand(canvas, arm, side, chain(to, double(((1, 0, side * arm.wrist[0]), (0, 1, arm.wrist[1])))))
            if held is not None:
                hands.append(held)
        return sleeves, hands

    def _hand(self, canvas: Canvas, arm: Arm, side: int, to: Matrix) -> Any:
        parts = self.palms if arm.palm else self.backs
        part = parts[int(round(np.clip(arm.curl, 0, 1) * (hand.CURLS - 1)))]
        # Drawn with the thumb to the right: a palm at the picture's left edge, or a back at its right one, wants that.
        flip = 1.0 if (side < 0) == arm.palm else -1.0
        c, s = np.cos(side * arm.angle), np.sin(side * arm.angle)
        spin = double(((c * flip, -s), (s * flip, c)))
        matrix = chain(chain(to, np.hstack((SMALL * spin, np.zeros((2, 1))))), part.matrix)
        normal = (cv2.transform(part.flat, spin) * 126 + 127.5).astype(np.int16)
        return _place(canvas, part.colour, normal, matrix)

    def _sleeve(self, canvas: Canvas, sleeve: Sleeve, sphere: np.ndarray) -> None:
        light = cv2.remap(sphere, sleeve.normal, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        tone = cv2.multiply(light, cv2.merge([cv2.multiply(sleeve.shade, 128, dtype=cv2.CV_8U)] * 3), scale=1 / 128)
        colour = cv2.multiply(tone, tuple(float(c) / UNIT for c in self.cloth) + (0.0,), dtype=cv2.CV_8U)
        canvas.lay(sleeve.box, colour, sleeve.alpha)  # type: ignore[arg-type]

    def _shadow(self, canvas: Canvas, sleeves: List[Sleeve], hands: List[Any], unit: float) -> np.ndarray:
        """The shade that arms and hands cast on the shirt, uint8 at a quarter of the size, 255 for none."""
        w, h = canvas.size[0] // 4 + 1, canvas.size[1] // 4 + 1
        dark = np.zeros((h, w), np.uint8)
        dx, dy = int(0.09 * unit) // 4, int(0.08 * unit) // 4
        for box, alpha in [(s.box, s.alpha) for s in sleeves] + [(held[0], held[2]) for held in hands]:
            small = alpha[::4, ::4]
            y0, x0 = box[1] // 4 + dy, box[0] // 4 + dx
            cut = dark[y0 : y0 + small.shape[0], x0 : x0 + small.shape[1]]
            np.maximum(cut, small[: cut.shape[0], : cut.shape[1]], out=cut)
        blurred = cv2.GaussianBlur(dark, (0, 0), max(0.5, 0.06 * unit / 4))
        return 255 - cv2.multiply(blurred, 0.45)


def _window(small: np.ndarray, box: Box, size: Tuple[int, int]) -> np.ndarray:
    x0, y0, x1, y1 = box
    map_ = double(((0.25, 0, x0 / 4), (0, 0.25, y0 / 4)))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(small, map_, (x1 - x0, y1 - y0), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _box(canvas: Canvas, shape: Tuple[int, int], matrix: Matrix, margin: float = 1.0) -> Optional[Box]:
    """The pixels that a part may cover, or None where it is out of sight."""
    h, w = shape
    corners = matrix @ double(((0, w, 0, w), (0, 0, h, h), (1, 1, 1, 1)))
    x0, y0 = np.maximum(np.floor(corners.min(1) - margin), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(corners.max(1) + margin) + 1, canvas.size).astype(int)
    return (int(x0), int(y0), int(x1), int(y1)) if x1 - x0 > 1 and y1 - y0 > 1 else None


def _place(canvas: Canvas, colour: np.ndarray, normal: np.ndarray, matrix: Matrix) -> Any:
    """Sample a texture where it lies in the frame: box, colour, alpha, normal; None where it is out of sight."""
    box = _box(canvas, colour.shape[:2], matrix)
    if box is None:
        return None
    x0, y0, x1, y1 = box
    moved = matrix - double(((0, 0, x0), (0, 0, y0)))
    size = (x1 - x0, y1 - y0)
    out = cv2.warpAffine(colour, moved, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    directions = cv2.warpAffine(normal, moved, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return box, out[..., :3], np.ascontiguousarray(out[..., 3]), directions
