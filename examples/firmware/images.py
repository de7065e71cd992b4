"""Write the first images of a data file as a C header: images.py FILE.npz > images.h."""

import sys

import numpy as np

_COUNT = 20


def header(path: str) -> str:
    """Return images, grey values from 0 to 255, and their classes."""
    data = np.load(path)
    images = np.rint(data["x"][:_COUNT] * 255).astype(np.uint8).reshape(_COUNT, 28, 28)
    pictures = ["{" + ",\n".join(",".join(map(str, row)) for row in image) + "}" for image in images]
    return (
        "/* The first test images of Fashion-MNIST, copyright 2017 Zalando SE, MIT licence. Made by images.py. */\n"
        "#include <stdint.h>\n\n"
        f"enum {{ IMAGE_COUNT = {_COUNT} }};\n\n"
        f"static const uint8_t labels[IMAGE_COUNT] = {{{', '.join(map(str, data['y'][:_COUNT]))}}};\n\n"
        "static const uint8_t images[IMAGE_COUNT][28 * 28] = {\n" + ",\n".join(pictures) + "};\n"
    )


if __name__ == "__main__":
    print(header(sys.argv[1]), end="")
