"""What levels see of the image: what the user says, and the rules that it must keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from redsc.errors import UsageError, did_you_mean
from redsc.ir import Graph
from redsc.options import Options
from redsc.passes.slice.resize_inputs import image_size, resize_inputs
from redsc.runtime.data.view import WHOLE, Size, View

__all__ = ["image_choices", "image_problems", "level_views"]


def level_views(options: Options, names: Sequence[str]) -> Mapping[str, View]:
    """Return what each level sees as far as the options say so by its name, or for all levels.

    Raises:
        UsageError: they name a level that there is not.
    """
    sizes, crops = dict(options.resolutions), dict(options.crops)
    for name in (*sizes, *crops):
        if name is not None and name not in names:
            message = f"--resolution or --crop names level {name}, the levels are {', '.join(names)}"
            raise UsageError(message, code="U223", hint=did_you_mean(name, names))
    return {name: View(crops.get(name, crops.get(None)), sizes.get(name)) for name in names}


def image_choices(options: Options) -> tuple[Size, ...]:
    """Return the sizes that any level may have besides the whole one, the largest first.

    Raises:
        UsageError: there are no data to tell what they cost.
    """
    choices = {size for name, size in options.resolutions if name is None}
    if choices and options.data is None:
        hint = "give --data FILE.npz, or say which level has which: --resolution 50=64"
        raise UsageError("sizes to choose from need data to choose by", code="U223", hint=hint)
    return tuple(sorted(choices, reverse=True))


def image_problems(graph: Graph, views: Iterable[tuple[str, View]]) -> Iterator[str]:
    """Yield one sentence per rule that is broken by what levels, the largest first, see.

    1. It is a part of the image, scaled to no more pixels than there are.
    2. No level's image is higher or wider than that of the level before it.
    3. The network takes images of that size.
    """
    views = list(views)
    if all(view == WHOLE for _, view in views):
        return
    try:
        whole = outer = image_size(graph)
        for name, view in views:
            top, left, *seen = view.crop or (0, 0, *whole)
            size = view.input_size or whole
            if min(top, left) < 0 or top + seen[0] > whole[0] or left + seen[1] > whole[1]:
                yield f"level {name} sees {list(view.crop or ())}, more than the image of {_times(whole)}"
            elif min(size) < 1 or size[0] > seen[0] or size[1] > seen[1]:
                yield f"level {name} makes {_times(size)} of the {_times(seen)} that it sees"
            elif size[0] > outer[0] or size[1] > outer[1]:
                yield f"level {name} sees {_times(size)}, the level before it {_times(outer)}"
            else:
                resize_inputs(graph, size)
            outer = size
    except UsageError as error:
        yield from (error.diagnostic.message, *error.diagnostic.evidence)


def _times(size: Sequence[int]) -> str:
    return f"{size[0]}x{size[1]}"
