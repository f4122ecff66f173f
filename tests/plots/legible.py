"""What a picture must be, whatever the names in it: measured on the figure as it is drawn."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

PIXEL = 1.0
"""Boxes of texts may touch by so much: their edges are blank."""


def faults(figure: Figure) -> list[str]:
    """What is wrong with the texts of a figure."""
    figure.canvas.draw()
    titles = [_title(ax) for ax in figure.axes if _title(ax)]
    found = [f"equal titles {title!r}" for title in {*titles} if titles.count(title) > 1]
    for ax in figure.axes:
        found += [f"equal labels {label!r}" for label in _repeated(ax)]
        found += [f"legend on data in {_title(ax)!r}" for _ in _covered(ax)]
    texts = [(text, _box(text)) for text in _texts(figure)]
    found += [f"outside: {text.get_text()!r} {box}" for text, box in texts if _leaves(box, figure)]
    found += [
        f"backtick: {t.get_text()!r}"
        for t, _ in texts
        if "`" in t.get_text() and "tick" not in t.get_text() and t is not figure._suptitle
    ]
    for i, (one, box) in enumerate(texts):
        found += [
            f"overlap: {one.get_text()!r} {other.get_text()!r}"
            for other, place in texts[i + 1 :]
            if _overlap(box, place)
        ]
    return found


def _title(ax: Axes) -> str:
    return ax.get_title(loc="left") or ax.get_title()


def _texts(figure: Figure) -> list[Text]:
    """Every text that is seen, also those of ticks."""
    found = [t for t in (figure._suptitle, figure._supxlabel, figure._supylabel) if t is not None]
    for ax in figure.axes:
        found += [ax.title, ax._left_title, ax._right_title, ax.xaxis.label, ax.yaxis.label]
        found += [ax.xaxis.offsetText, ax.yaxis.offsetText, *ax.texts]
        for axis, (low, high) in (
            (ax.xaxis, sorted(ax.get_xlim())),
            (ax.yaxis, sorted(ax.get_ylim())),
        ):
            margin = 1e-9 * (high - low)
            found += [
                tick.label1
                for tick in axis.get_major_ticks()
                if low - margin <= tick.get_loc() <= high + margin and tick.label1.get_visible()
            ]
        if ax.get_legend() is not None:
            found += [*ax.get_legend().get_texts(), ax.get_legend().get_title()]
    return [text for text in found if text.get_text().strip() and text.get_visible()]


def _box(text: Text) -> Bbox:
    """The box of the text alone, without the arrow of an annotation."""
    return (
        Text.get_window_extent(text) if isinstance(text, Annotation) else text.get_window_extent()
    )


def _leaves(box: Bbox, figure: Figure) -> bool:
    frame = figure.bbox
    return bool(
        box.x0 < frame.x0 - PIXEL or box.y0 < frame.y0 - PIXEL
        or box.x1 > frame.x1 + PIXEL or box.y1 > frame.y1 + PIXEL
    )  # fmt: skip


def _overlap(one: Bbox, other: Bbox) -> bool:
    shared = Bbox.intersection(one, other)
    return shared is not None and shared.width > PIXEL and shared.height > PIXEL


def _repeated(ax: Axes) -> Iterator[str]:
    legend = ax.get_legend()
    for texts in (
        ax.get_xticklabels(), ax.get_yticklabels(), [] if legend is None else legend.get_texts()
    ):  # fmt: skip
        labels = [text.get_text() for text in texts if text.get_text()]
        yield from {label for label in labels if labels.count(label) > 1}


def _covered(ax: Axes) -> Iterator[None]:
    """Points of lines and collections, in pixels, that lie below the legend."""
    if ax.get_legend() is None:
        return
    box = ax.get_legend().get_window_extent()
    points = [
        line.get_transform().transform(line.get_xydata())
        for line in ax.lines
        if line.get_transform() == ax.transData
    ]
    for collection in ax.collections:
        if isinstance(collection, PathCollection):
            points.append(ax.transData.transform(collection.get_offsets()))
        else:
            points += [ax.transData.transform(path.vertices) for path in collection.get_paths()]
    for part in points:
        x, y = np.asarray(part).T
        if np.any((x > box.x0) & (x < box.x1) & (y > box.y0) & (y < box.y1)):
            yield None
