"""Where the operand of a convolution may lie over its result: by the order of reads that redsc_conv.h promises."""

from __future__ import annotations

from tests.firmware.engine.conv_cases import Case

__all__ = ["distance_of"]


def distance_of(case: Case) -> int:
    """Return how far behind y its operand must begin at least, pixel by pixel as redsc_conv.h promises.

    What comes in blocks of channels is read again for every block: y ends before x, or begins behind it.
    """
    p = case.params
    if p["block_channels"]:
        return p["batches"] * p["output_height"] * p["output_width"] * p["output_channels"]
    outputs, reads = p["output_channels"], _first_reads(p)
    # what lies in y before the window is read for the last time
    ahead = 0 if p["pixels"] else 2 * ((outputs - 1) // 2)
    step, least = max(p["pixels"], 1), -case.x.size
    for pixel in range(0, len(reads), step):
        rest = [read for read in reads[pixel:] if read is not None]
        if rest:
            least = max(least, pixel * outputs - min(rest))
            if (first := reads[pixel]) is not None:
                least = max(least, pixel * outputs + ahead - first)
    return least


def _first_reads(p: dict[str, int]) -> list[int | None]:
    """Return for every pixel the first element of x that it reads; None where its window lies in the padding."""
    image = p["input_height"] * p["input_width"] * p["input_channels"]
    found: list[int | None] = []
    for batch in range(p["batches"]):
        for row in range(p["output_height"]):
            for column in range(p["output_width"]):
                y = _first_tap(
                    row, p["stride_h"], p["pad_top"], p["dilation_h"], p["kernel_height"], p["input_height"]
                )
                x = _first_tap(
                    column, p["stride_w"], p["pad_left"], p["dilation_w"], p["kernel_width"], p["input_width"]
                )
                if y is None or x is None:
                    found.append(None)
                else:
                    found.append(batch * image + (y * p["input_width"] + x) * p["input_channels"])
    return found


def _first_tap(at: int, stride: int, pad: int, dilation: int, kernel: int, size: int) -> int | None:
    taps = (at * stride - pad + tap * dilation for tap in range(kernel))
    return next((tap for tap in taps if 0 <= tap < size), None)
