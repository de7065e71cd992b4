"""The C engine on a Cortex-M4: instructions, modelled cycles, stack, RAM and flash, next to CMSIS-NN's.

    PYTHONPATH=. python -m benchmarks.firmware [--quick] [MODEL ...]

Needs arm-none-eabi-gcc with newlib, qemu-system-arm, the wheel tflite-micro and the package bakenn, which carries
the sources of CMSIS-NN that it is measured against; `make test` installs them. Modelled cycles need a QEMU that
loads plugins, and a C compiler for this machine.

machine.py      compiles, links, runs in the emulator and counts bytes; probe.h and cycles.c are its instruments
templates.py    the programs; convs.c.j2 is that of ../cache_lines.py
networks.py     whole networks, compiled by redsc
kernels.py      single layers, in one program with CMSIS-NN's kernels (cmsis_nn.py finds these)
bars.py         what the engine should reach
section.py      the section of docs/results.md
"""
