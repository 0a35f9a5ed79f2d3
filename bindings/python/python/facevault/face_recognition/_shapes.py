"""Rectangles, points and shapes with the names that dlib gives them, for code that takes them by those."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any, List, Sequence, Tuple

Sides = Tuple[int, int, int, int]


@dataclass(frozen=True)
class Point:
    """A whole pixel."""

    x: int
    y: int


class Rectangle:
    """From a first to a last pixel, both inside."""

    def __init__(self, left: Any, top: Any, right: Any, bottom: Any) -> None:
        # As in dlib, only whole numbers are taken.
        self._sides = (operator.index(left), operator.index(top), operator.index(right), operator.index(bottom))

    def left(self) -> int:
        return self._sides[0]

    def top(self) -> int:
        return self._sides[1]

    def right(self) -> int:
        return self._sides[2]

    def bottom(self) -> int:
        return self._sides[3]

    def width(self) -> int:
        return 0 if self.is_empty() else self.right() - self.left() + 1

    def height(self) -> int:
        return 0 if self.is_empty() else self.bottom() - self.top() + 1

    def area(self) -> int:
        return self.width() * self.height()

    def is_empty(self) -> bool:
        return self.top() > self.bottom() or self.left() > self.right()

    def tl_corner(self) -> Point:
        return Point(self.left(), self.top())

    def br_corner(self) -> Point:
        return Point(self.right(), self.bottom())

    def sides(self) -> Sides:
        """Left, top, right, bottom."""
        return self._sides

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rectangle) and self._sides == other._sides

    def __hash__(self) -> int:
        return hash(self._sides)

    def __repr__(self) -> str:
        return "rectangle({},{},{},{})".format(*self._sides)


class FoundFace:
    """A box with the network's score."""

    def __init__(self, rect: Rectangle, confidence: float) -> None:
        self.rect = rect
        self.confidence = confidence


class Shape:
    """The landmarks of a face."""

    def __init__(self, rect: Rectangle, points: Sequence[Tuple[int, int]]) -> None:
        self.rect = rect
        self._points = [Point(x, y) for x, y in points]

    @property
    def num_parts(self) -> int:
        return len(self._points)

    def part(self, index: int) -> Point:
        return self._points[index]

    def parts(self) -> List[Point]:
        return list(self._points)
