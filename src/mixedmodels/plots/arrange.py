"""Texts of a finished picture put where they have room: wrapped, thinned out, moved or left out.

What room there is, is known only after a layout. So a picture is laid out without drawing it, its
texts are fitted to what came out, and again, since wrapped lines take room from the axes. Axes
that are alone in a figure without a layout engine, as `plt.subplots()` gives them, are laid out as
well. Of several there, none is moved, and texts make do with the margins.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine, LayoutEngine
from matplotlib.text import Annotation, Text
from matplotlib.ticker import AutoLocator, MaxNLocator, NullFormatter
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from mixedmodels.plots import lettering
from mixedmodels.plots.numbering import Numbers

Horizontal = Literal["left", "center", "right"]
Vertical = Literal["bottom", "top"]

NOTE, VERDICT, POINT, BESIDE = "_note", "_verdict", "_point", "_beside"
"""Labels of the annotations that are placed here."""

TITLE, SMALL = 11, 8.5
"""Sizes of the letters of titles and of what explains."""

LEAST = 5.5
"""Size of letters below which labels are thinned out instead."""

GAP = 3.0
"""Points between texts."""

TOUCH = 2.0
"""Change of a size, in points, that moves no text."""

PASSES = 4
"""Most layouts of a picture; a second one is enough unless names are long."""

AVOIDED = 400
"""Most points that names keep clear of; of more, some lie everywhere."""

PLACES: tuple[tuple[int, int, Horizontal, Vertical], ...] = (
    (4, 3, "left", "bottom"), (-4, 3, "right", "bottom"), (4, -3, "left", "top"),
    (-4, -3, "right", "top"), (0, 6, "center", "bottom"), (0, -6, "center", "top"),
    (6, 12, "left", "bottom"), (-6, 12, "right", "bottom"), (6, -12, "left", "top"),
    (-6, -12, "right", "top"),
)  # fmt: skip
"""Where the name of a point may stand: offset and alignment, the best first."""


def arranged(ax: Axes) -> Axes:
    """Axes whose texts have been given their places."""
    arrange(root(ax), [ax])
    return ax


def arrange(
    figure: Figure,
    axes: Sequence[Axes],
    *,
    heading: Text | None = None,
    shared: Sequence[Text] = (),
) -> Figure:
    """Give the texts of some axes, a heading above them and labels that they share their places."""
    originals = {ax: (ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()) for ax in axes}
    notes = {note: note.get_text() for ax in axes for note in _tagged(ax, NOTE)}
    labels = {text: text.get_text() for text in shared}
    if heading is not None:
        room = 0.97 * _points(figure, figure.bbox.width)
        heading.set_text(_by_line(heading.get_text(), room, float(heading.get_fontsize()), most=4))
        lettering.literal(heading)
    for _ in range(PASSES):
        sizes = [size_of(ax) for ax in axes]
        for ax in axes:
            _fit_ticks(ax)
            _fit_labels(ax, *originals[ax][1:])
            if originals[ax][0]:
                _fit_top(ax, originals[ax][0], notes)
        _fit_shared(figure, axes, labels)
        _lay_out(figure, axes)
        if np.allclose(sizes, [size_of(ax) for ax in axes], rtol=0, atol=TOUCH):
            break
    for ax in axes:
        _make_room_beside(ax)
        _make_headroom(ax)
        _place_names(ax)
    return figure


def _lay_out(figure: Figure, axes: Sequence[Axes]) -> None:
    """Give axes the places that the layout gives them when it draws."""
    engine = _engine(figure)
    if engine is not None:
        engine.execute(figure)
    for ax in axes:
        ax.apply_aspect()


def _fit_shared(figure: Figure, axes: Sequence[Axes], labels: dict[Text, str]) -> None:
    """Wrap labels that panels share to the extent of all panels, and centre them there."""
    extent = Bbox.union([ax.get_window_extent() for ax in axes])
    for text, label in labels.items():
        size, upright = float(text.get_fontsize()), text.get_rotation() == 90
        room = _points(figure, extent.height if upright else extent.width)
        text.set_text(lettering.wrapped(label, 0.97 * room, size, most=2))
        lettering.literal(text)
        if upright:
            text.set_y((extent.y0 + extent.y1) / 2 / figure.bbox.height)
        else:
            text.set_x((extent.x0 + extent.x1) / 2 / figure.bbox.width)


def root(ax: Axes) -> Figure:
    """The whole figure that axes belong to, also those of a subfigure."""
    figure: Figure = ax.figure.canvas.figure
    return figure


def has_engine(ax: Axes) -> bool:
    """Whether something makes room around the axes."""
    return _engine(root(ax)) is not None


def _engine(figure: Figure) -> LayoutEngine | None:
    """The layout of a figure; one for this once if there is none and nothing else to move."""
    engine: LayoutEngine | None = figure.get_layout_engine()
    is_alone = len(figure.axes) == 1 and figure.axes[0].get_subplotspec() is not None
    return ConstrainedLayoutEngine() if engine is None and is_alone else engine


def size_of(ax: Axes) -> tuple[float, float]:
    """Width and height of axes, in points."""
    box = ax.get_window_extent()
    return _points(root(ax), box.width), _points(root(ax), box.height)


def _points(figure: Figure, pixels: float) -> float:
    return float(pixels * 72 / figure.dpi)


def _tagged(ax: Axes, tag: str) -> list[Annotation]:
    return [t for t in ax.texts if isinstance(t, Annotation) and t.get_label() == tag]


def _by_line(text: str, room: float, size: float, *, most: int) -> str:
    lines = text.split("\n")
    return "\n".join(lettering.wrapped(line, room, size, most=most) for line in lines)


def _fit_labels(ax: Axes, x: str, y: str) -> None:
    """Wrap the labels of the axes to these, in fewer lines where they would leave the figure."""
    width, height = size_of(ax)
    frame = root(ax).bbox
    for axis, text, room in ((ax.xaxis, x, width), (ax.yaxis, y, height)):
        for most in (3, 2, 1):
            axis.label.set_text(
                lettering.wrapped(text, 0.97 * room, float(axis.label.get_fontsize()), most=most)
            )
            lettering.literal(axis.label)
            _updated(ax, axis)
            box = axis.label.get_window_extent()
            if has_engine(ax) or (box.x0 >= frame.x0 and box.y0 >= frame.y0):
                break


def _fit_top(ax: Axes, title: str, notes: dict[Annotation, str]) -> None:
    """Wrap note and title, and put the note upon the axes, the title upon it, the verdict above."""
    width, _ = size_of(ax)
    room = _points(root(ax), root(ax).bbox.y1 - ax.get_window_extent().y1)
    for most, with_note in ((3, True), (2, True), (1, True), (2, False), (1, False)):
        pad = 2 * GAP
        for note in _tagged(ax, NOTE):
            note.set_visible(with_note)
            note.set_text(lettering.wrapped(notes[note], 0.97 * width, float(note.get_fontsize())))
            pad += with_note * (_points(root(ax), note.get_window_extent().height) + GAP)
        lines = lettering.wrapped(title, 0.97 * width, TITLE, most=most)
        text = ax.set_title(lines, loc="left", pad=pad, fontsize=TITLE)
        lettering.literal(text)
        height = pad + _points(root(ax), text.get_window_extent().height)
        if has_engine(ax) or height <= room:
            break
    for verdict in _tagged(ax, VERDICT):
        verdict.xyann = (0, height + GAP)


def _fit_ticks(ax: Axes) -> None:
    """Thin out the labels of the ticks until none touches the next."""
    for axis, along in ((ax.xaxis, 0), (ax.yaxis, 1)):
        if isinstance(axis.get_major_formatter(), NullFormatter):
            continue
        for text in axis.get_ticklabels():
            lettering.literal(text)
        _updated(ax, axis)
        if isinstance(axis.get_major_formatter(), Numbers):
            _fewer_ticks(ax, axis, along)
        else:
            _smaller_labels(ax, axis, along)


def _fewer_ticks(ax: Axes, axis: Axis, along: int) -> None:
    whole = not isinstance(axis.get_major_locator(), AutoLocator)
    for most in (7, 5, 4, 3, 2, 1):
        if _apart(axis, along, 2 * GAP if along == 0 else 0.0):
            return
        axis.set_major_locator(MaxNLocator(nbins=most, integer=whole))
        _updated(ax, axis)


def _smaller_labels(ax: Axes, axis: Axis, along: int) -> None:
    """Names of levels: as large as their distance allows, else every second, third, …."""
    labels = [label for label in axis.get_ticklabels() if label.get_text()]
    size = float(labels[0].get_fontsize()) if labels else LEAST
    while size > LEAST and not _apart(axis, along, 0.0):
        size = max(LEAST, size - 0.5)
        axis.set_tick_params(labelsize=size)
        _updated(ax, axis)
    ticks, texts = axis.get_ticklocs(), [label.get_text() for label in axis.get_ticklabels()]
    step = 1
    while step < len(ticks) and not _apart(axis, along, 0.0):
        step += 1
        axis.set_ticks(ticks[::step], labels=texts[::step], parse_math=False)
        _updated(ax, axis)
        for text in axis.get_ticklabels():
            lettering.literal(text)


def _updated(ax: Axes, axis: Axis) -> None:
    """Have an axis place its labels anew."""
    axis.get_tightbbox(root(ax).canvas.get_renderer())  # type: ignore[attr-defined]


def _apart(axis: Axis, along: int, gap: float) -> bool:
    """Whether the labels of an axis, in order, leave a gap (points) between each other."""
    boxes = [
        t.get_window_extent() for t in axis.get_ticklabels() if t.get_visible() and t.get_text()
    ]
    edges = np.array([[box.min[along], box.max[along]] for box in boxes]).reshape(-1, 2)
    edges = edges[np.argsort(edges[:, 0])]
    return bool(np.all(edges[1:, 0] - edges[:-1, 1] >= gap * axis.figure.dpi / 72))


def _make_room_beside(ax: Axes) -> None:
    """Widen the x axis until the texts beside points end within it; small ones for close rows."""
    width, height = size_of(ax)
    low, high = ax.get_xlim()
    bottom, top = ax.get_ylim()
    taken: list[Bbox] = []
    for text in sorted(_tagged(ax, BESIDE), key=lambda text: -float(text.xy[1])):
        text.set_fontsize(float(np.clip(0.85 * height / abs(top - bottom), LEAST, SMALL)))
        box = text.get_window_extent()
        if any(box.y1 > other.y0 for other in taken):
            text.remove()
            continue
        taken.append(box)
        share = min((_points(root(ax), box.width) + 12) / width, 0.8)
        high = max(high, low + (float(text.xy[0]) - low) / (1 - share))
    ax.set_xlim(low, high)


def _make_headroom(ax: Axes) -> None:
    """Lift the upper end of the y axis until the legend stands above everything drawn."""
    legend = ax.get_legend()
    if legend is None:
        return
    box, frame = legend.get_window_extent(), ax.get_window_extent()
    if box.x0 >= frame.x1 or box.y0 >= frame.y1:
        return
    share = min((box.height + 2 * GAP * root(ax).dpi / 72) / frame.height, 0.7)
    low, high = ax.get_ylim()
    ax.set_ylim(low, low + (high - low) / (1 - share))


def _place_names(ax: Axes) -> None:
    """Put every name where it covers no other and stays within the axes, or leave it out."""
    legend = ax.get_legend()
    taken = [] if legend is None else [legend.get_window_extent()]
    taken += [text.get_window_extent() for text in _tagged(ax, BESIDE)]
    points = _marked(ax)
    for text in _tagged(ax, POINT):
        lettering.literal(text)
        box = _placed(text, ax.get_window_extent(), taken, points)
        if box is None:
            text.remove()
        else:
            taken.append(box)


def _marked(ax: Axes) -> NDArray[np.float64]:
    """Points with markers, in pixels (k, 2), that names shall not cover; none if they are many."""
    marked = [line for line in ax.lines if line.get_marker() not in ("", "None", None)]
    points = np.concatenate([np.empty((0, 2)), *(line.get_xydata() for line in marked)])
    return np.asarray(ax.transData.transform(points if len(points) <= AVOIDED else points[:0]))


def _placed(
    text: Annotation, frame: Bbox, taken: Sequence[Bbox], points: NDArray[np.float64]
) -> Bbox | None:
    for x, y, horizontal, vertical in PLACES:
        text.xyann = (x, y)
        text.set_horizontalalignment(horizontal)
        text.set_verticalalignment(vertical)
        box = text.get_window_extent()
        inside = (
            frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
        )
        covers = box.count_contains(points) > 0 or any(box.overlaps(other) for other in taken)
        if inside and not covers:
            return box
    return None
